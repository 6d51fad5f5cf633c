#include "output.h"

#include <math.h>

/* Rows to their losses; deltas, each row's times its scale. */
typedef void loss_function(const struct mlp_spec *s, size_t rows, size_t units, size_t stride, real *z, const real *y, real *loss);
typedef void delta_function(const struct mlp_spec *s, size_t rows, size_t stride, real *out, const real *y,
                            const real *weights, double divisor);

/* The loop over the rows around what NAME_row does with one, which is worth a function of its own for each. */
#define DELTA(NAME)                                                                                                    \
    static void NAME(const struct mlp_spec *s, size_t rows, size_t stride, real *out, const real *y,                   \
                     const real *weights, double divisor)                                                              \
    {                                                                                                                  \
        real each = (real)(1 / divisor);                                                                               \
        for (size_t r = 0; r < rows; r++)                                                                              \
            NAME##_row(s, stride, out + r * stride, y[r], weights ? (real)((double)weights[r] / divisor) : each);      \
    }

/* ---- regression: identity, mean squared error ----------------------------------------------------------------------- */

static void identity(size_t rows, size_t units, size_t stride, real *z)
{
    (void)rows;
    (void)units;
    (void)stride;
    (void)z;
}

static void squared_error(const struct mlp_spec *s, size_t rows, size_t units, size_t stride, real *z, const real *y, real *loss)
{
    (void)s, (void)units;
    for (size_t r = 0; r < rows; r++)
        loss[r] = (y[r] - z[r * stride]) * (y[r] - z[r * stride]);
}

static inline void squared_error_delta_row(const struct mlp_spec *s, size_t stride, real *out, real y, real scale)
{
    (void)s, (void)stride;
    *out = 2 * scale * (*out - y);
}
DELTA(squared_error_delta)

static void absolute_error(const struct mlp_spec *s, size_t rows, size_t units, size_t stride, real *z, const real *y, real *loss)
{
    (void)s, (void)units;
    for (size_t r = 0; r < rows; r++)
        loss[r] = (real)fabs((double)(y[r] - z[r * stride]));
}

static inline void absolute_error_delta_row(const struct mlp_spec *s, size_t stride, real *out, real y, real scale)
{
    (void)s, (void)stride;
    *out = *out > y ? scale : *out < y ? -scale : *out * 0; /* a NaN stays one */
}
DELTA(absolute_error_delta)

/* Huber (1964): e^2/2 up to delta, then delta (|e| - delta/2). */
static void huber(const struct mlp_spec *s, size_t rows, size_t units, size_t stride, real *z, const real *y, real *loss)
{
    (void)units;
    double delta = s->huber_delta;
    for (size_t r = 0; r < rows; r++) {
        double e = fabs((double)(y[r] - z[r * stride]));
        loss[r] = (real)(e > delta ? delta * (e - delta / 2) : e * e / 2);
    }
}

static inline void huber_delta_row(const struct mlp_spec *s, size_t stride, real *out, real y, real scale)
{
    (void)stride;
    real e = *out - y, delta = (real)s->huber_delta;
    *out = scale * (e > delta ? delta : e < -delta ? -delta : e);
}
DELTA(huber_delta)

/* ---- binary: sigmoid, cross-entropy --------------------------------------------------------------------------------- */

static void logistic(size_t rows, size_t units, size_t stride, real *z)
{
    (void)units;
    real block[4 * KERNEL_PAD];
    for (size_t at = 0; at < rows; at += 4 * KERNEL_PAD) {
        size_t count = rows - at < 4 * KERNEL_PAD ? rows - at : 4 * KERNEL_PAD;
        for (size_t r = 0; r < 4 * KERNEL_PAD; r++)
            block[r] = r < count ? z[(at + r) * stride] : 0;
        kernels_get()->activate[MLP_SIGMOID](4 * KERNEL_PAD, block, 0);
        for (size_t r = 0; r < count; r++)
            z[(at + r) * stride] = block[r];
    }
}

/* softplus(z) - y z = max(z, 0) + log(1 + e^-|z|) - y z */
static void logistic_loss(const struct mlp_spec *s, size_t rows, size_t units, size_t stride, real *z, const real *y, real *loss)
{
    (void)s;
    for (size_t r = 0; r < rows; r++) {
        double logit = (double)z[r * stride];
        loss[r] = (real)((fmax(logit, 0) - (double)y[r] * logit) + log1p(exp(-fabs(logit)))); /* small ones keep their digits */
    }
    logistic(rows, units, stride, z);
}

static inline void logistic_delta_row(const struct mlp_spec *s, size_t stride, real *out, real y, real scale)
{
    (void)s, (void)stride;
    *out = scale * (*out - y);
}
DELTA(logistic_delta)

/* ---- multiclass: softmax, cross-entropy on one-hot targets ---------------------------------------------------------- */

static void softmax(size_t rows, size_t units, size_t stride, real *z)
{
    kernels_get()->softmax(rows, units, stride, z, NULL, NULL);
}

static void softmax_loss(const struct mlp_spec *s, size_t rows, size_t units, size_t stride, real *z, const real *y, real *loss)
{
    (void)s;
    kernels_get()->softmax(rows, units, stride, z, y, loss);
}

static inline void softmax_delta_row(const struct mlp_spec *s, size_t stride, real *out, real y, real scale)
{
    (void)s;
    real wanted = (out[(size_t)y] - 1) * scale; /* stored last: vectors that read a fresh number wait for it */
    for (size_t j = 0; j < stride; j++)
        out[j] *= scale;
    out[(size_t)y] = wanted;
}
DELTA(softmax_delta)

/* ---- tables --------------------------------------------------------------------------------------------------------- */

struct output {
    void (*apply)(size_t rows, size_t units, size_t stride, real *z);
    loss_function *loss;
    delta_function *delta;
};

static const struct output tasks[] = {
    [TASK_BINARY] = {logistic, logistic_loss, logistic_delta},
    [TASK_MULTICLASS] = {softmax, softmax_loss, softmax_delta},
};
static const struct regression_loss {
    const char *name;
    struct output output;
} losses[MLP_LOSSES] = {
    [MLP_SQUARED_ERROR] = {"squared_error", {identity, squared_error, squared_error_delta}},
    [MLP_ABSOLUTE_ERROR] = {"absolute_error", {identity, absolute_error, absolute_error_delta}},
    [MLP_HUBER] = {"huber", {identity, huber, huber_delta}},
};

const char *mlp_loss_name(int loss)
{
    return loss >= 0 && loss < MLP_LOSSES ? losses[loss].name : NULL;
}

static const struct output *output_of(enum task task, enum mlp_loss loss)
{
    return task == TASK_REGRESSION ? &losses[loss].output : &tasks[task];
}

void output_apply(enum task task, size_t rows, size_t units, size_t stride, real *z)
{
    output_of(task, MLP_SQUARED_ERROR)->apply(rows, units, stride, z);
}

void output_loss(const struct mlp_spec *s, size_t rows, size_t units, size_t stride, real *z, const real *y, real *loss)
{
    output_of(s->task, s->loss)->loss(s, rows, units, stride, z, y, loss);
}

void output_delta(const struct mlp_spec *s, size_t rows, size_t stride, real *out, const real *y, const real *weights,
                  double divisor)
{
    output_of(s->task, s->loss)->delta(s, rows, stride, out, y, weights, divisor);
}

double output_sum(size_t rows, const real *values, const real *weights)
{
    double sum = 0;
    for (size_t r = 0; !weights && r < rows; r++)
        sum += (double)values[r];
    for (size_t r = 0; weights && r < rows; r++)
        sum += (double)weights[r] * (double)values[r];
    return sum;
}
