/* How training stands from epoch to epoch: the learning rate by its schedule, the best epoch, and whether to stop. Belongs to
 * one trainer. */
#pragma once

#include "../base/pack.h"
#include "mlp.h"

struct progress {
    double factor;         /* plateau: of the learning rate, so far */
    double plateau, best;  /* the least loss, and the best watched figure as less is better; INFINITY: none yet */
    uint32_t waited, since; /* epochs since then */
    uint32_t best_epoch;   /* 0: none yet */
    double seconds;        /* of all epochs */
    enum mlp_stop stop;    /* of the last one */
};

void progress_start(struct progress *p);
/* The learning rate of epoch `epoch` (from 0) at a share 0..1 of its updates. */
double progress_rate(const struct progress *p, const struct mlp_spec *s, uint32_t epoch, double share);
/* Takes note of an epoch that counts and says whether it shall be the last; *ret_best: whether it is the best so far. */
enum mlp_stop progress_epoch(struct progress *p, const struct mlp_spec *s, const struct mlp_epoch *e, bool *ret_best);
void progress_save(const struct progress *p, struct buf *out);
void progress_load(struct progress *p, struct unpack *u);
