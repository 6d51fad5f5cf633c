/* Made-up rows, specifications in one line, and a trainer beside the oracle. For tests: failures end the program. */
#pragma once

#include "oracle.h"
#include <math.h>

/* ---- comparing ------------------------------------------------------------------------------------------------------ */

/* |actual - expected| <= tolerance * max(|actual|, |expected|, floor); NAN and infinities equal themselves only. */
#define assert_near(actual, expected, tolerance, floor)                                                                \
    fixture_near(actual, expected, tolerance, floor, #actual, __FILE__, __LINE__)
void fixture_near(double actual, double expected, double tolerance, double floor, const char *what, const char *file,
                  int line);
/* Names the case that runs, so that a failure inside a loop says which one it was. */
void fixture_case(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Makes table i of the machine's kernels the one in use; false past the last, when the best is in use again:
 * for (unsigned i = 0; use_kernels(i); i++) */
bool use_kernels(unsigned i);

/* ---- numbers -------------------------------------------------------------------------------------------------------- */

/* The next of a reproducible sequence, uniform in [-1, 1): splitmix64. */
double fixture_uniform(uint64_t *state);

/* ---- problems ------------------------------------------------------------------------------------------------------- */

struct problem {
    enum task task;
    uint32_t inputs, classes; /* classes: 0 for regression and multilabel */
    uint32_t targets;
    struct oracle_rows rows;
    double *x, *y, *weights; /* weights: NULL until problem_weigh */
    struct mlp_matrix matrix;
    struct mlp_source source;
};

/* x uniform in [-2, 2); y a bent function of x and noise: about standardized, 0/1, or a class; every class occurs. count: of
 * classes; of regression and multilabel of targets, 0 being 1. */
struct problem *problem_new(enum task task, uint32_t count, uint32_t inputs, size_t rows, uint64_t seed);
void problem_weigh(struct problem *p, const double *weights, size_t count); /* row r: weights[r % count] */
void problem_free(struct problem *p);

/* ---- specifications ------------------------------------------------------------------------------------------------- */

/* Defaults for this problem, its optimizer's own, and the hidden layers that follow: units, activation, ..., 0. */
struct mlp_spec spec_for(const struct problem *p, enum mlp_optimizer optimizer, double learning_rate, uint32_t batch, ...);
void spec_layer(struct mlp_spec *s, uint32_t units, enum mlp_activation activation); /* one more hidden layer */
struct mlp_trainer *trainer_for(const struct mlp_spec *s, const struct problem *train, const struct problem *valid);
/* What is being trained, where mlp_trainer_network is what was at the end of an epoch: to be read and written by tests. */
struct mlp_network *network_of(struct mlp_trainer *t);
struct mlp_epoch one_epoch(struct mlp_trainer *t);
bool epochs_are_equal(const struct mlp_epoch *a, const struct mlp_epoch *b); /* all figures, to the bit */

/* ---- parameters ----------------------------------------------------------------------------------------------------- */

/* All of a network's, layer by layer, W then b, without padding; free() frees. ret_count may be NULL. */
double *parameters_of(const struct mlp_network *n, size_t *ret_count);
bool parameters_are(const struct mlp_network *n, const double *expected); /* these, to the bit */
/* Where parameter i of that order is, to be read and written. ret_layer (from 1) may be NULL. */
real *parameter_at(const struct mlp_network *n, size_t i, uint32_t *ret_layer);
/* Whether all columns of W and b past the units are 0. */
bool padding_is_zero(const struct mlp_network *n);

/* ---- against the oracle --------------------------------------------------------------------------------------------- */

/* Trains both for some epochs and compares all that an epoch tells, and then the weights. Relative to the largest weight
 * of a layer, since a bias starts at 0 and can be any number of digits smaller than the terms that it is the sum of. */
void compare_training(const struct mlp_spec *s, const struct problem *train, const struct problem *valid, unsigned epochs,
                      double tolerance);
