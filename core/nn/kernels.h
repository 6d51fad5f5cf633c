/* The seam under the numerics: everything that is worth an instruction set of its own. One table of functions is built
 * from the same source (kernel_body.h) for each instruction set, and the best that the machine has is chosen once.
 *
 * Layout: a tensor's rows have a stride that is a multiple of KERNEL_PAD; columns past the real ones hold zeros in weights,
 * gradients and deltas, so no kernel has a tail. Weights lie in panels, as products read them: columns 0 to 31 of every row, then
 * columns 32 to 63 of every row, and so on; the last panel is 16 columns wide when that is enough. Every result depends on shapes
 * and the instruction set alone. Functions are pure; the caller owns all memory. Any thread may call any of them. */
#pragma once

#include "../base/real.h"
#include "mlp.h"
#include <stddef.h>
#include <stdint.h>

#define KERNEL_PAD 16

static inline size_t kernel_stride(size_t columns)
{
    return (columns + KERNEL_PAD - 1) / KERNEL_PAD * KERNEL_PAD;
}

#define KERNEL_PANEL 32
#define KERNEL_SLAB  ((size_t)1152)
#define KERNEL_GROUP ((size_t)256)

/* The width of the panel that column j (a multiple of KERNEL_PANEL) of a matrix of so many columns starts. */
static inline size_t kernel_panel_width(size_t columns, size_t j)
{
    return kernel_stride(columns) - j < KERNEL_PANEL ? kernel_stride(columns) - j : KERNEL_PANEL;
}

/* Where element (i, j) of a matrix in panels is. */
static inline size_t kernel_panel_at(size_t rows, size_t columns, size_t i, size_t j)
{
    size_t panel = j / KERNEL_PANEL * KERNEL_PANEL;
    return panel * rows + i * kernel_panel_width(columns, panel) + j - panel;
}

/* A matrix operand: element (i, j) is at data[i * row + j * column], and one of the two is 1. As B, weights in panels or these turned
 * round: panel is the weights' rows, `first` that of them with which the operand starts, and column or row is 1. */
struct operand {
    const real *data;
    size_t row, column, panel, first;
};

/* C = A B, or A B + bias, or C + A B. C: m x n with stride ldc, or in panels when ldc is 0; its columns up to the next multiple
 * of KERNEL_PAD are written, with the product of padding (zeros when the padding of B and what is added is). A: m x k. B: k x n;
 * when its columns are contiguous its padding is read. */
struct product {
    size_t m, n, k;
    struct operand a, b;
    const real *bias; /* n and padding, or NULL */
    bool add;         /* to what C holds; bias is NULL then */
    real *c;
    /* panel, when ldc is 0: m; or 0, for k of at most KERNEL_SLAB: each panel takes the place of the one before, which is finished. */
    size_t ldc, panel;
    size_t group; /* rows of C that are finished together, at most KERNEL_GROUP; 0: as many as suit the caches */
    real *scratch; /* kernel_product_scratch(m, n, k) */
    /* NULL, or called once for each part of C that is done, while it is in a near cache: so many rows from `row` on, of the
     * KERNEL_PANEL columns (as there are any) from `column` on. Which rows come together depends on m, k and group
     * alone. */
    void (*finished)(void *context, size_t row, size_t rows, size_t column);
    void *context;
};

/* The constants of one optimizer step. */
struct step {
    real learning_rate, momentum, rho, beta1, beta2, epsilon;
    real l1, l2;                   /* of the penalty */
    real keep;                     /* what decay leaves of a weight: 1 - learning rate * weight decay */
    real scale;                    /* of the gradient before anything else is done with it */
};

/* The mask of one pass of dropout is a function of these and of row and unit alone (Philox, rng.h). */
struct dropout {
    uint32_t key[2];
    uint32_t layer;    /* under 2^16 */
    uint32_t row;      /* of the batch, that the first row is */
    uint64_t update;   /* number */
    uint32_t threshold; /* rate * 2^32: a draw below it is left out */
    real scale;         /* of what stays: 1 / (1 - rate) */
};

/* Batch normalization of some units: beta + gamma * (z - mean) / sqrt(variance + epsilon). */
struct normalization {
    const real *gamma, *beta;
    real *mean, *variance; /* of the batch; the variance is divided by its rows */
    real epsilon;
};

struct kernels {
    const char *name;
    void (*product)(const struct product *p);
    /* out[j] = (add ? out[j] : 0) + sum over rows of d[r * stride + j], j < columns (a multiple of KERNEL_PAD) */
    void (*column_sums)(size_t rows, size_t columns, size_t stride, const real *d, bool add, real *out);
    /* a = f(z) in place, count a multiple of KERNEL_PAD; slope: of leaky_relu */
    void (*activate[MLP_ACTIVATIONS])(size_t count, real *z, real slope);
    /* delta *= f'(z), given a = f(z), for `columns` (a multiple of KERNEL_PAD) of each row; measure[j] += over the rows: the sum
     * of |f'| (step: of a) */
    void (*derive[MLP_ACTIVATIONS])(size_t rows, size_t columns, size_t stride, const real *a, real *delta, real slope,
                                    double *measure);
    /* z becomes its normalization by the rows' own moments, and `normalized` holds (z - mean) / sqrt(variance + epsilon). Backward:
     * delta by the result becomes delta by z, and the gradients of gamma and beta are set, or added to. columns: a multiple of
     * KERNEL_PAD, of rows of stride. */
    void (*normalize)(size_t rows, size_t columns, size_t stride, real *z, real *normalized, const struct normalization *n);
    void (*normalize_back)(size_t rows, size_t columns, size_t stride, const real *normalized, real *delta,
                           const struct normalization *n, bool add, real *gamma_gradient, real *beta_gradient);
    /* out = a with what the mask leaves out as 0, scaled; from unit `first` (a multiple of KERNEL_PAD) on. out may be a. */
    void (*drop)(const struct dropout *d, size_t first, size_t rows, size_t columns, size_t stride, const real *a, real *out);
    /* Rows of z (units of stride) become softmax probabilities, padding 0. With y (class numbers, else NULL) loss[r] is the
     * row's cross-entropy, log sum exp z - z[y], by way of the largest z, so that it is finite and exact for any logits. */
    void (*softmax)(size_t rows, size_t units, size_t stride, real *z, const real *y, real *loss);
    /* Probabilities become the delta: (out - one-hot y) * weights[r] / divisor; weights: NULL for 1 each. */
    void (*softmax_delta)(size_t rows, size_t stride, real *out, const real *y, const real *weights, double divisor);
    /* loss[r] = the mean over the units of the cross-entropy of a sigmoid, softplus(z) - y z, from the logits; y: rows x units of
     * 0 and 1. Finite and exact for any logits. */
    void (*labels)(size_t rows, size_t units, size_t stride, const real *z, const real *y, real *loss);
    /* One update of count weights (a multiple of KERNEL_PAD): v, r: the optimizer's state, as it has any. Adds the sums of
     * squares of the gradient and of the update to sums[0] and sums[1]. */
    void (*update[MLP_OPTIMIZERS])(const struct step *s, size_t count, const real *g, real *w, real *v, real *r,
                                   double sums[2]);
    /* g += l1 sign(w) + l2 w */
    void (*penalize)(const struct step *s, size_t count, const real *w, real *g);
    void (*scale)(size_t count, real factor, real *v);
    double (*sum_of_squares)(size_t count, const real *w);
    double (*sum_of_magnitudes)(size_t count, const real *w);
};

/* The best table for this machine (or the one that kernels_use chose). */
const struct kernels *kernels_get(void);
/* All tables that this machine can run, best first; NULL past the end. */
const struct kernels *kernels_at(unsigned index);
/* Tests and benchmarks only: makes kernels_get answer this one; NULL: the best again. */
void kernels_use(const struct kernels *k);
/* Reals of scratch that product needs, a multiple of KERNEL_PAD. It never needs more for a smaller m, n or k. */
size_t kernel_product_scratch(size_t m, size_t n, size_t k);
