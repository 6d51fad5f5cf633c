#include "output.h"

#include <math.h>
#include <string.h>

/* Rows to their losses; deltas, each row's times its scale. */
typedef void loss_function(const struct mlp_spec *s, size_t rows, size_t units, size_t stride, real *z, const real *y, real *loss);
typedef void delta_function(const struct mlp_spec *s, size_t rows, size_t units, size_t stride, real *out, const real *y,
                            const real *weights, double divisor);
typedef real target_loss(const struct mlp_spec *s, real z, real y);

/* ---- targets that do not know of each other --------------------------------------------------------------------------- */

/* A row's loss is the mean of its targets', by what NAME_of says of one. Most networks have one target: it has a loop of its own,
 * to the same bits. */
#define MEAN_LOSS(NAME)                                                                                                \
    static inline void NAME##_rows(const struct mlp_spec *s, size_t rows, size_t units, size_t stride, const real *z,  \
                                   const real *y, real *loss)                                                          \
    {                                                                                                                  \
        for (size_t r = 0; r < rows; r++) {                                                                            \
            double sum = 0;                                                                                            \
            for (size_t j = 0; j < units; j++)                                                                         \
                sum += (double)NAME##_of(s, z[r * stride + j], y[r * units + j]);                                      \
            loss[r] = (real)(sum / (double)units);                                                                     \
        }                                                                                                              \
    }                                                                                                                  \
    static void NAME(const struct mlp_spec *s, size_t rows, size_t units, size_t stride, real *z, const real *y,       \
                     real *loss)                                                                                       \
    {                                                                                                                  \
        if (units == 1)                                                                                                \
            NAME##_rows(s, rows, 1, stride, z, y, loss);                                                               \
        else                                                                                                           \
            NAME##_rows(s, rows, units, stride, z, y, loss);                                                           \
    }

#define MEAN_DELTA(NAME)                                                                                               \
    static inline void NAME##_rows(const struct mlp_spec *s, size_t rows, size_t units, size_t stride, real *out,      \
                                   const real *y, const real *weights, double divisor)                                 \
    {                                                                                                                  \
        real each = (real)(1 / divisor);                                                                               \
        for (size_t r = 0; r < rows; r++) {                                                                            \
            real scale = weights ? (real)((double)weights[r] / divisor) : each;                                        \
            for (size_t j = 0; j < units; j++)                                                                         \
                out[r * stride + j] = NAME##_of(s, out[r * stride + j], y[r * units + j], scale);                      \
        }                                                                                                              \
    }                                                                                                                  \
    static void NAME(const struct mlp_spec *s, size_t rows, size_t units, size_t stride, real *out, const real *y,     \
                     const real *weights, double divisor)                                                              \
    {                                                                                                                  \
        if (units == 1)                                                                                                \
            NAME##_rows(s, rows, 1, stride, out, y, weights, divisor);                                                 \
        else                                                                                                           \
            NAME##_rows(s, rows, units, stride, out, y, weights, divisor * (double)units);                             \
    }

/* ---- regression: identity, mean squared error ----------------------------------------------------------------------- */

static void identity(size_t rows, size_t units, size_t stride, real *z)
{
    (void)rows;
    (void)units;
    (void)stride;
    (void)z;
}

static inline real squared_error_of(const struct mlp_spec *s, real z, real y)
{
    (void)s;
    return (y - z) * (y - z);
}
MEAN_LOSS(squared_error)

static inline real squared_error_delta_of(const struct mlp_spec *s, real out, real y, real scale)
{
    (void)s;
    return 2 * scale * (out - y);
}
MEAN_DELTA(squared_error_delta)

static inline real absolute_error_of(const struct mlp_spec *s, real z, real y)
{
    (void)s;
    return (real)fabs((double)(y - z));
}
MEAN_LOSS(absolute_error)

static inline real absolute_error_delta_of(const struct mlp_spec *s, real out, real y, real scale)
{
    (void)s;
    return out > y ? scale : out < y ? -scale : out * 0; /* a NaN stays one */
}
MEAN_DELTA(absolute_error_delta)

/* Huber (1964): e^2/2 up to delta, then delta (|e| - delta/2). */
static inline real huber_of(const struct mlp_spec *s, real z, real y)
{
    double e = fabs((double)(y - z)), delta = s->huber_delta;
    return (real)(e > delta ? delta * (e - delta / 2) : e * e / 2);
}
MEAN_LOSS(huber)

static inline real huber_delta_of(const struct mlp_spec *s, real out, real y, real scale)
{
    real e = out - y, delta = (real)s->huber_delta;
    return scale * (e > delta ? delta : e < -delta ? -delta : e);
}
MEAN_DELTA(huber_delta)

/* ---- binary, and each label of multilabel: sigmoid, cross-entropy ------------------------------------------------------ */

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

/* Whole rows; what the sigmoid makes of padding is undone. */
static void logistics(size_t rows, size_t units, size_t stride, real *z)
{
    kernels_get()->activate[MLP_SIGMOID](rows * stride, z, 0);
    for (size_t r = 0; stride > units && r < rows; r++)
        memset(z + r * stride + units, 0, (stride - units) * sizeof *z);
}

/* softplus(z) - y z = max(z, 0) + log(1 + e^-|z|) - y z */
static inline real cross_entropy_of(const struct mlp_spec *s, real z, real y)
{
    (void)s;
    double logit = (double)z;
    return (real)((fmax(logit, 0) - (double)y * logit) + log1p(exp(-fabs(logit)))); /* small ones keep their digits */
}

static void logistic_loss(const struct mlp_spec *s, size_t rows, size_t units, size_t stride, real *z, const real *y, real *loss)
{
    for (size_t r = 0; r < rows; r++)
        loss[r] = cross_entropy_of(s, z[r * stride], y[r]);
    logistic(rows, units, stride, z);
}

static void logistics_loss(const struct mlp_spec *s, size_t rows, size_t units, size_t stride, real *z, const real *y, real *loss)
{
    (void)s;
    kernels_get()->labels(rows, units, stride, z, y, loss);
    logistics(rows, units, stride, z);
}

static inline real logistic_delta_of(const struct mlp_spec *s, real out, real y, real scale)
{
    (void)s;
    return scale * (out - y);
}
MEAN_DELTA(logistic_delta)

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

static void softmax_delta(const struct mlp_spec *s, size_t rows, size_t units, size_t stride, real *out, const real *y,
                          const real *weights, double divisor)
{
    (void)s, (void)units;
    kernels_get()->softmax_delta(rows, stride, out, y, weights, divisor);
}

/* ---- tables --------------------------------------------------------------------------------------------------------- */

struct output {
    void (*apply)(size_t rows, size_t units, size_t stride, real *z);
    loss_function *loss;
    delta_function *delta;
    target_loss *of; /* one target; NULL: there is but one */
};

static const struct output tasks[] = {
    [TASK_BINARY] = {logistic, logistic_loss, logistic_delta, NULL},
    [TASK_MULTICLASS] = {softmax, softmax_loss, softmax_delta, NULL},
    [TASK_MULTILABEL] = {logistics, logistics_loss, logistic_delta, cross_entropy_of},
};
static const struct regression_loss {
    const char *name;
    struct output output;
} losses[MLP_LOSSES] = {
    [MLP_SQUARED_ERROR] = {"squared_error", {identity, squared_error, squared_error_delta, squared_error_of}},
    [MLP_ABSOLUTE_ERROR] = {"absolute_error", {identity, absolute_error, absolute_error_delta, absolute_error_of}},
    [MLP_HUBER] = {"huber", {identity, huber, huber_delta, huber_of}},
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

void output_target_losses(const struct mlp_spec *s, size_t rows, size_t units, size_t stride, const real *z, const real *y,
                          const real *weights, double *sums)
{
    target_loss *of = output_of(s->task, s->loss)->of;
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < units; j++)
            sums[j] += (weights ? (double)weights[r] : 1) * (double)of(s, z[r * stride + j], y[r * units + j]);
}

void output_delta(const struct mlp_spec *s, size_t rows, size_t units, size_t stride, real *out, const real *y,
                  const real *weights, double divisor)
{
    output_of(s->task, s->loss)->delta(s, rows, units, stride, out, y, weights, divisor);
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
