/* The output layer's function and the loss of each task: one row each. Losses come from the logits. */
#pragma once

#include "kernels.h"

/* z (rows x stride) becomes the task's outputs in place. Predictions need no more. */
void output_apply(enum task task, size_t rows, size_t units, size_t stride, real *z);
/* The same, and loss[r] is the loss of row r against y (rows x mlp_targets): the mean over its targets, each a number or 0/1, or of
 * the class number. */
void output_loss(const struct mlp_spec *s, size_t rows, size_t units, size_t stride, real *z, const real *y, real *loss);
/* Regression and multilabel: adds each target's losses by the rows' weights to sums (units), from the logits. */
void output_target_losses(const struct mlp_spec *s, size_t rows, size_t units, size_t stride, const real *z, const real *y,
                          const real *weights, double *sums);
/* outputs -> dL/dz in place, for L the sum of the rows' losses by their weights (NULL: 1 each), over `divisor`. */
void output_delta(const struct mlp_spec *s, size_t rows, size_t units, size_t stride, real *out, const real *y, const real *weights,
                  double divisor);
/* The sum of rows values by their weights (NULL: 1 each). */
double output_sum(size_t rows, const real *values, const real *weights);
