/* Shared by the trainer and the estimate of its memory. */
#pragma once

#include "mlp.h"

/* Rows that go through the network at once. A batch of more is cut into chunks whose gradients are added, so that full
 * batches take no more memory than mini-batches. */
#define TRAINER_CHUNK 512
uint64_t trainer_chunk(const struct mlp_spec *s, uint64_t train_rows, uint64_t valid_rows);
