/* The kernels' one source, included once for each instruction set by a file that defines
 *   KERNELS   the name of the table to define,  KERNELS_NAME  its name as text
 *   LANES     reals in a vector register,       TILE_ROWS     rows of a tile: 14 with 32 registers, 6 with 16
 * and is compiled for that instruction set with -ffp-contract=fast: a multiply and an add become one, in the same way each
 * time. */
#include "../base/real.h"
#include "kernels.h"
#include "vector.h"
#include <math.h>
#include <string.h>

#include "kernel_product.h"

static void column_sums(size_t rows, size_t columns, size_t stride, const real *d, bool add, real *out)
{
    for (size_t j = 0; j < columns; j += LANES) {
        vec sum[4] = {{0}}; /* an add need not wait for the one before */
        size_t r = 0;
        for (; r + 4 <= rows; r += 4)
            for (size_t x = 0; x < 4; x++)
                sum[x] += *(const vec *)(d + (r + x) * stride + j);
        for (; r < rows; r++)
            sum[0] += *(const vec *)(d + r * stride + j);
        sum[0] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
        if (add)
            sum[0] += *(const vec *)(out + j);
        *(vec *)(out + j) = sum[0];
    }
}

/* ---- activations ---------------------------------------------------------------------------------------------------- */

static void identity(size_t count, real *z, real slope)
{
    (void)count;
    (void)z;
    (void)slope;
}

static void step_up(size_t count, real *z, real slope)
{
    (void)slope;
    for (size_t i = 0; i < count; i++)
        z[i] = z[i] > 0 ? 1 : 0;
}

static void sigmoid(size_t count, real *z, real slope)
{
    (void)slope;
    for (size_t i = 0; i < count; i++)
        z[i] = 1 / (1 + exponential(-z[i]));
}

static void hyperbolic_tangent(size_t count, real *z, real slope)
{
    (void)slope;
    for (size_t i = 0; i < count; i++)
        z[i] = tangent(z[i]);
}

static void relu(size_t count, real *z, real slope)
{
    (void)slope;
    for (size_t i = 0; i < count; i++)
        z[i] = z[i] > 0 ? z[i] : z[i] * 0; /* 0, but a NaN stays one */
}

static void leaky_relu(size_t count, real *z, real slope)
{
    for (size_t i = 0; i < count; i++)
        z[i] = z[i] > 0 ? z[i] : slope * z[i];
}

/* delta *= derivative for every row, and measure += what is measured, by columns, so that sums stay in registers. */
#define DERIVE(NAME, DERIVATIVE, MEASURE)                                                                              \
    static void NAME(size_t rows, size_t columns, size_t stride, const real *a, real *delta, real slope,               \
                     double *measure)                                                                                  \
    {                                                                                                                  \
        (void)slope;                                                                                                   \
        for (size_t j = 0; j < columns; j += KERNEL_PAD) {                                                             \
            real sum[KERNEL_PAD] = {0};                                                                                \
            for (size_t r = 0; r < rows; r++) {                                                                        \
                for (size_t x = 0; x < KERNEL_PAD; x++) {                                                              \
                    real value = a[r * stride + j + x], derivative = DERIVATIVE;                                       \
                    delta[r * stride + j + x] *= derivative;                                                           \
                    sum[x] += MEASURE;                                                                                 \
                }                                                                                                      \
            }                                                                                                          \
            for (size_t x = 0; x < KERNEL_PAD; x++)                                                                    \
                measure[j + x] += (double)sum[x];                                                                      \
        }                                                                                                              \
    }
DERIVE(derive_identity, 1, derivative + 0 * value)
DERIVE(derive_step, 0, value + derivative)
DERIVE(derive_sigmoid, value *(1 - value), derivative)
DERIVE(derive_tanh, 1 - value * value, derivative)
DERIVE(derive_relu, (value > 0 ? (real)1 : (real)0), derivative)
DERIVE(derive_leaky_relu, (value > 0 ? (real)1 : slope), derivative)

#include "kernel_layers.h"
#include "kernel_softmax.h"

/* ---- updates -------------------------------------------------------------------------------------------------------- */

static double total(vec v)
{
    double sum[2] = {0, 0}; /* two at a time: one chain of adds would take longer than a small layer's update */
    for (int x = 0; x < LANES; x += 2) {
        sum[0] += (double)v[x];
        sum[1] += (double)v[x + 1];
    }
    return sum[0] + sum[1];
}

static double sum_of_squares(size_t count, const real *w)
{
    double sum = 0;
    for (size_t start = 0; start < count; start += 4096) {
        vec squares = {0};
        for (size_t i = start; i < count && i < start + 4096; i += LANES)
            squares += *(const vec *)(w + i) * *(const vec *)(w + i);
        sum += total(squares);
    }
    return sum;
}

static double sum_of_magnitudes(size_t count, const real *w)
{
    double sum = 0;
    for (size_t start = 0; start < count; start += 4096) {
        vec magnitudes = {0};
        for (size_t i = start; i < count && i < start + 4096; i += LANES) {
            vec v = *(const vec *)(w + i);
            magnitudes += keep_where(v > 0, v) - keep_where(v < 0, v);
        }
        sum += total(magnitudes);
    }
    return sum;
}

static void penalize(const struct step *s, size_t count, const real *w, real *g)
{
    for (size_t i = 0; i < count; i++)
        g[i] += s->l2 * w[i] + (w[i] > 0 ? s->l1 : w[i] < 0 ? -s->l1 : 0);
}

static void scale(size_t count, real factor, real *v)
{
    for (size_t i = 0; i < count; i++)
        v[i] *= factor;
}

/* numerator / denominator for a denominator from 0 to 8e37, within 2 units in the last place: 1 / d by three of Newton's steps
 * (y += y (1 - d y)) from the guess that the bits of d make, within an eighth. In an update it takes the place of a division
 * that would wait for the unit that the square root keeps busy; any machine computes the same bits. Where the denominator is 0
 * (no gradient yet, epsilon 0) there is no step. */
static inline vec quotient(vec numerator, vec denominator)
{
#ifdef MLP_REAL_DOUBLE
    vec y = numerator / denominator;
#else
    vec y = (vec)(0x7ef311c7 - (mask)denominator);
    y *= 2 - denominator * y;
    y *= 2 - denominator * y;
    y *= numerator * (2 - denominator * y);
#endif
    return keep_where(denominator > 0, y);
}

/* One pass over the weights: UPDATE computes `u`, what is taken from them, from the gradient g, its square, the state, and the
 * step's constants c, which no store can change. */
#define UPDATE(NAME, ...)                                                                                              \
    static void NAME(const struct step *s, size_t count, const real *gradient, real *w, real *first, real *second,     \
                     double sums[2])                                                                                   \
    {                                                                                                                  \
        const struct step c = *s;                                                                                      \
        vec gradients = {0}, updates = {0};                                                                            \
        (void)first;                                                                                                   \
        (void)second;                                                                                                  \
        for (size_t i = 0; i < count; i += LANES) {                                                                    \
            const vec g = *(const vec *)(gradient + i), squared = g * g;                                               \
            vec u;                                                                                                     \
            __VA_ARGS__                                                                                                \
            *(vec *)(w + i) -= u;                                                                                      \
            gradients += squared;                                                                                      \
            updates += u * u;                                                                                          \
        }                                                                                                              \
        sums[0] += total(gradients);                                                                                   \
        sums[1] += total(updates);                                                                                     \
    }
#define STATE(NAME, FROM) vec NAME = *(const vec *)(FROM + i)
#define KEEP(NAME, TO)    *(vec *)(TO + i) = NAME

UPDATE(update_sgd, u = c.learning_rate * g;)
UPDATE(update_momentum, STATE(v, first); v = c.momentum * v + c.learning_rate * g; KEEP(v, first); u = v;)
UPDATE(update_nesterov, STATE(v, first); v = c.momentum * v + c.learning_rate * g; KEEP(v, first);
       u = c.momentum * v + c.learning_rate * g;)
UPDATE(update_adagrad, STATE(r, first); r += squared; KEEP(r, first);
       u = quotient(c.learning_rate * g, square_root(r) + c.epsilon);)
UPDATE(update_rmsprop, STATE(r, first); r = c.rho * r + (1 - c.rho) * squared; KEEP(r, first);
       u = quotient(c.learning_rate * g, square_root(r) + c.epsilon);)
UPDATE(update_adadelta, STATE(v, first); STATE(r, second); r = c.rho * r + (1 - c.rho) * squared; KEEP(r, second);
       vec d = square_root(v + c.epsilon) / square_root(r + c.epsilon) * g;
       d = keep_where(g != 0, d); /* epsilon 0 */
       v = c.rho * v + (1 - c.rho) * d * d; KEEP(v, first); u = c.learning_rate * d;)
UPDATE(update_adam, STATE(v, first); STATE(r, second); v = c.beta1 * v + (1 - c.beta1) * g; KEEP(v, first);
       r = c.beta2 * r + (1 - c.beta2) * squared; KEEP(r, second);
       u = quotient(c.learning_rate * v, square_root(r) + c.epsilon);)

const struct kernels KERNELS = {
    .name = KERNELS_NAME,
    .product = product,
    .column_sums = column_sums,
    .activate = {[MLP_IDENTITY] = identity,
                 [MLP_STEP] = step_up,
                 [MLP_SIGMOID] = sigmoid,
                 [MLP_TANH] = hyperbolic_tangent,
                 [MLP_RELU] = relu,
                 [MLP_LEAKY_RELU] = leaky_relu},
    .derive = {[MLP_IDENTITY] = derive_identity,
               [MLP_STEP] = derive_step,
               [MLP_SIGMOID] = derive_sigmoid,
               [MLP_TANH] = derive_tanh,
               [MLP_RELU] = derive_relu,
               [MLP_LEAKY_RELU] = derive_leaky_relu},
    .softmax = softmax,
    .softmax_delta = softmax_delta,
    .labels = labels,
    .update = {[MLP_SGD] = update_sgd,
               [MLP_MOMENTUM] = update_momentum,
               [MLP_NESTEROV] = update_nesterov,
               [MLP_ADAGRAD] = update_adagrad,
               [MLP_ADADELTA] = update_adadelta,
               [MLP_RMSPROP] = update_rmsprop,
               [MLP_ADAM] = update_adam,
               [MLP_ADAMW] = update_adam},
    .normalize = normalize,
    .normalize_back = normalize_back,
    .drop = drop,
    .penalize = penalize,
    .scale = scale,
    .sum_of_squares = sum_of_squares,
    .sum_of_magnitudes = sum_of_magnitudes,
};
