/* The evaluation of a network on its validation rows, as the JSON that GET /v1/runs/{r}/evaluation answers. */
#pragma once

#include "core/base/buf.h"
#include "core/data/encoder.h"
#include "core/nn/mlp.h"

/* Regression figures are in the target's own units. */
enum err_code evaluation_json(const struct mlp_network *network, const struct encoder *encoder,
                              const struct mlp_source *valid, struct buf *out, struct err *err);
