/* The model file: encoder and network together, all that predicting raw rows needs.
 *
 * magic "MLPMODEL", version, endianness mark, section table (encoder, network specification, weights as float32), each
 * section with its length, and a SHA-256 of everything before it at the end. A newer version is refused; any byte that
 * is missing or altered is ERR_CORRUPT. The bytes depend only on the encoder and the network (no times, no names of the
 * machine), so equal training gives equal files. Models are immutable, reference-counted and shared by all threads. */
#pragma once

#include "../data/encoder.h"
#include "mlp.h"

struct model;

bool model_save(const struct encoder *e, const struct mlp_network *n, struct buf *out);
enum err_code model_load(const void *data, size_t length, struct model **ret_model, struct err *err);
struct model *model_ref(struct model *m);
void model_unref(struct model *m);
const struct encoder *model_encoder(const struct model *m);
const struct mlp_network *model_network(const struct model *m);
