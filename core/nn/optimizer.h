/* What is known of an optimizer beside its update, which is a kernel: one row each. */
#pragma once

#include "kernels.h"

struct optimizer {
    const char *name;
    struct mlp_optimizer_spec defaults; /* NAN: it has no such field */
    unsigned states;                    /* tensors like the weights that it keeps: none, v, or v and r */
};
extern const struct optimizer optimizers[MLP_OPTIMIZERS];

/* The constants of update number t (from 1) at this learning rate. */
struct step optimizer_step(const struct mlp_spec *s, uint64_t t, double learning_rate);
