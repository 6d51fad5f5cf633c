#include "output.h"

#include <math.h>

struct output {
    void (*apply)(size_t rows, size_t units, size_t stride, real *z);
    double (*loss)(size_t rows, size_t units, size_t stride, real *z, const real *y, real *loss);
    void (*delta)(size_t rows, size_t stride, real *out, const real *y, size_t batch);
};

/* ---- regression: identity, mean squared error ----------------------------------------------------------------------- */

static void identity(size_t rows, size_t units, size_t stride, real *z)
{
    (void)rows;
    (void)units;
    (void)stride;
    (void)z;
}

static double squared_error(size_t rows, size_t units, size_t stride, real *z, const real *y, real *loss)
{
    (void)units;
    (void)loss;
    double sum = 0;
    for (size_t r = 0; r < rows; r++) {
        double e = (double)y[r] - (double)z[r * stride];
        sum += e * e;
    }
    return sum;
}

static void squared_error_delta(size_t rows, size_t stride, real *out, const real *y, size_t batch)
{
    real scale = (real)(2.0 / (double)batch);
    for (size_t r = 0; r < rows; r++)
        out[r * stride] = scale * (out[r * stride] - y[r]);
}

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
static double logistic_loss(size_t rows, size_t units, size_t stride, real *z, const real *y, real *loss)
{
    (void)loss;
    double sum = 0;
    for (size_t r = 0; r < rows; r++) {
        double logit = (double)z[r * stride];
        sum += (fmax(logit, 0) - (double)y[r] * logit) + log1p(exp(-fabs(logit))); /* small losses keep their digits */
    }
    logistic(rows, units, stride, z);
    return sum;
}

static void logistic_delta(size_t rows, size_t stride, real *out, const real *y, size_t batch)
{
    real scale = (real)(1.0 / (double)batch);
    for (size_t r = 0; r < rows; r++)
        out[r * stride] = scale * (out[r * stride] - y[r]);
}

/* ---- multiclass: softmax, cross-entropy on one-hot targets ---------------------------------------------------------- */

static void softmax(size_t rows, size_t units, size_t stride, real *z)
{
    kernels_get()->softmax(rows, units, stride, z, NULL, NULL);
}

static double softmax_loss(size_t rows, size_t units, size_t stride, real *z, const real *y, real *loss)
{
    double sum = 0;
    kernels_get()->softmax(rows, units, stride, z, y, loss);
    for (size_t r = 0; r < rows; r++)
        sum += (double)loss[r];
    return sum;
}

static void softmax_delta(size_t rows, size_t stride, real *out, const real *y, size_t batch)
{
    real scale = (real)(1.0 / (double)batch);
    for (size_t r = 0; r < rows; r++)
        out[r * stride + (size_t)y[r]] -= 1;
    for (size_t i = 0; i < rows * stride; i++)
        out[i] *= scale;
}

static const struct output rows_of[] = {
    [TASK_REGRESSION] = {identity, squared_error, squared_error_delta},
    [TASK_BINARY] = {logistic, logistic_loss, logistic_delta},
    [TASK_MULTICLASS] = {softmax, softmax_loss, softmax_delta},
};

void output_apply(enum task task, size_t rows, size_t units, size_t stride, real *z)
{
    rows_of[task].apply(rows, units, stride, z);
}

double output_loss(enum task task, size_t rows, size_t units, size_t stride, real *z, const real *y, real *loss)
{
    return rows_of[task].loss(rows, units, stride, z, y, loss);
}

void output_delta(enum task task, size_t rows, size_t stride, real *out, const real *y, size_t batch)
{
    rows_of[task].delta(rows, stride, out, y, batch);
}
