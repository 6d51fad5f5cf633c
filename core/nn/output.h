/* The output layer's function and the loss of each task: one row each. Losses come from the logits. */
#pragma once

#include "kernels.h"

/* z (rows x stride) becomes the task's outputs in place. Predictions need no more. */
void output_apply(enum task task, size_t rows, size_t units, size_t stride, real *z);
/* The same, and returns the sum of the rows' losses against y: the target, 0/1, or the class number. loss: room for one
 * real a row. */
double output_loss(enum task task, size_t rows, size_t units, size_t stride, real *z, const real *y, real *loss);
/* outputs -> dL/dz in place, for L the mean loss over `batch` rows. */
void output_delta(enum task task, size_t rows, size_t stride, real *out, const real *y, size_t batch);
