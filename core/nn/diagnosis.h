/* The diagnosis of an epoch: per layer, is it learning, and are its units alive? Belongs to one trainer. */
#pragma once

#include "../base/pack.h"
#include "network.h"

struct diagnosis {
    const struct mlp_network *network;
    struct mlp_layer_stats *layer; /* one for each layer; valid after diagnosis_finish */
    struct {
        double squared_gradients, step_lengths;
        double *measure; /* stride sums of the derive kernels over the epoch's rows */
        double *marked;
    } *sums;
    uint64_t updates, rows;
};

enum err_code diagnosis_init(struct diagnosis *d, const struct mlp_network *n, struct err *err);
void diagnosis_done(struct diagnosis *d);
void diagnosis_start(struct diagnosis *d); /* of an epoch */
/* What rows add from here on is taken back by diagnosis_rewind: those of a batch that does not come to its update. */
void diagnosis_mark(struct diagnosis *d);
void diagnosis_rewind(struct diagnosis *d);
/* One update of a layer: the sums of squares of its gradient and of what was taken from its weights. */
void diagnosis_update(struct diagnosis *d, uint32_t layer, const double sums[2]);
/* weight_squares: of W of each layer at the epoch's end. */
void diagnosis_finish(struct diagnosis *d, const double *weight_squares);
/* The sums so far, in and out of a checkpoint. */
void diagnosis_save(const struct diagnosis *d, struct buf *out);
void diagnosis_load(struct diagnosis *d, struct unpack *u);
