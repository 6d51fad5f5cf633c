/* A second implementation of training, as textbooks write it: one row, one unit, one weight at a time, in plain doubles.
 * It shares nothing with core/nn but its public structs and the random numbers of the rows' order; derivatives come from z
 * (the core takes them from a), the area under the ROC curve from all pairs, and moments are corrected by division. So what
 * both agree on is what design/numerics.md says, not what one of them happens to do. */
#pragma once

#include "core/nn/mlp.h"

_Static_assert(sizeof(real) == sizeof(double), "tests/numeric is compiled with -DMLP_REAL_DOUBLE");

#define ORACLE_LAYERS 12

struct oracle_weight {
    double value, gradient, v, r; /* v, r: the optimizer's moments */
};

struct oracle_layer {
    unsigned inputs, units;
    enum mlp_activation activation; /* the output layer's: identity, its function belongs to the task */
    double slope;
    struct oracle_weight *w, *b; /* inputs x units; units */
    double *z, *a, *delta;       /* units, of the row at hand */
    double *derivatives;         /* units: sums of |f'(z)| over the epoch's rows */
    bool *fired;                 /* units: whether a or f'(z) was anything but 0 for one of them */
    double squared_gradients, step_lengths;
};

struct oracle {
    struct mlp_spec spec;
    unsigned layers;
    struct oracle_layer layer[ORACLE_LAYERS];
    uint64_t updates;
    uint32_t epochs;
    double plateau; /* the schedule's factor, as the test that drives it says */
};

struct oracle_rows {
    const double *x, *y; /* count x inputs; count x targets */
    size_t count;
    const double *weights; /* count; NULL: 1 each */
};

struct oracle_epoch {
    uint64_t weight_updates;
    double train_loss, valid_loss;
    double metric[MLP_METRICS_MAX];
    struct mlp_layer_stats layers[ORACLE_LAYERS];
};

/* Starts from the weights of `initial`. Dies without memory: this is a test. */
struct oracle *oracle_new(const struct mlp_network *initial);
void oracle_free(struct oracle *o);
void oracle_forward(struct oracle *o, const double *x);                    /* fills z and a of every layer */
double oracle_loss(struct oracle *o, const struct oracle_rows *rows);      /* the mean over the rows */
double oracle_gradient(struct oracle *o, const struct oracle_rows *rows);  /* of that mean, in every weight; returns it */
double oracle_penalty(const struct oracle *o);
/* The learning rate of an epoch (from 0) at a share of its updates. */
double oracle_rate(const struct oracle *o, uint32_t epoch, double share);
void oracle_epoch(struct oracle *o, const struct oracle_rows *train, const struct oracle_rows *valid,
                  struct oracle_epoch *ret);
void oracle_metrics(struct oracle *o, const struct oracle_rows *rows, double metric[MLP_METRICS_MAX]);
/* One weight's update; t counts updates from 1. Returns what was taken from it. */
double oracle_update(const struct mlp_optimizer_spec *s, double t, struct oracle_weight *w);

double oracle_activation(enum mlp_activation f, double z, double slope);
double oracle_derivative(enum mlp_activation f, double z, double slope);
/* The share of pairs (positive, negative) with the positive one above, a tie counting half; NAN without both. */
double oracle_roc_auc(const double *score, const double *y, size_t count);
/* The mean F1 of the classes that occur in y or in predicted. */
double oracle_f1_macro(const double *y, const unsigned *predicted, size_t count, unsigned classes);
