/* The evaluation of a network on its validation rows, as the JSON that GET /v1/runs/{r}/evaluation answers. */
#pragma once

#include "core/base/buf.h"
#include "core/data/encoder.h"
#include "core/nn/mlp.h"
#include <stdatomic.h>

/* Regression figures are in the target's own units. ERR_STOPPED soon after `stop` (NULL: never) is set. What is in `out` is of
 * no use when it fails. */
enum err_code evaluation_json(const struct mlp_network *network, const struct encoder *encoder,
                              const struct mlp_source *valid, const atomic_int *stop, struct buf *out, struct err *err);
