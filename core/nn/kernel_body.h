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

/* ---- products -------------------------------------------------------------------------------------------------------
 * The scheme of Goto and van de Geijn ("Anatomy of high-performance matrix multiplication", 2008): C is made of tiles of
 * TILE_ROWS x 2 vectors that are kept in registers over the whole inner dimension (or KC of it). B is packed into panels
 * of two vectors when it is transposed or does not fit the cache, A when the product is large. */

#define FOR_1(X)  X(0)
#define FOR_2(X)  FOR_1(X) X(1)
#define FOR_3(X)  FOR_2(X) X(2)
#define FOR_4(X)  FOR_3(X) X(3)
#define FOR_5(X)  FOR_4(X) X(4)
#define FOR_6(X)  FOR_5(X) X(5)
#define FOR_7(X)  FOR_6(X) X(6)
#define FOR_8(X)  FOR_7(X) X(7)
#define FOR_9(X)  FOR_8(X) X(8)
#define FOR_10(X) FOR_9(X) X(9)
#define FOR_11(X) FOR_10(X) X(10)
#define FOR_12(X) FOR_11(X) X(11)
#define FOR_13(X) FOR_12(X) X(12)
#define FOR_14(X) FOR_13(X) X(13)

#define AHEAD_1(r) __builtin_prefetch(c + (r) * ldc, 1);
#define AHEAD_2(r) AHEAD_1(r) __builtin_prefetch(c + (r) * ldc + LANES, 1);
#define ZERO_1(r) vec c##r = {0};
#define MULTIPLY_1(r) c##r += a[(r) * row] * b0;
#define LOAD_1 vec b0 = *(const vec *)b;
#define LOAD_2 vec b0 = *(const vec *)b, b1 = *(const vec *)(b + LANES);
#define STORE_1(r)                                                                                                     \
    if (init)                                                                                                          \
        c##r += *(const vec *)(init + (r) * ldi);                                                                      \
    *(vec *)(c + (r) * ldc) = c##r;
#define ZERO_2(r) vec c##r = {0}, d##r = {0};
#define MULTIPLY_2(r)                                                                                                  \
    {                                                                                                                  \
        real x = a[(r) * row];                                                                                         \
        c##r += x * b0;                                                                                                \
        d##r += x * b1;                                                                                                \
    }
#define STORE_2(r)                                                                                                     \
    if (init) {                                                                                                        \
        c##r += *(const vec *)(init + (r) * ldi);                                                                      \
        d##r += *(const vec *)(init + (r) * ldi + LANES);                                                              \
    }                                                                                                                  \
    *(vec *)(c + (r) * ldc) = c##r;                                                                                    \
    *(vec *)(c + (r) * ldc + LANES) = d##r;

/* c (R x V vectors) = init + a (R x k) b (k x V vectors, rows ldb apart). One of a's two strides is 1: each case has code of its
 * own, since row 1 makes constants of all offsets. c, and the elements of a that come, are fetched before they are needed. */
#define FETCH_across
#define FETCH_down __builtin_prefetch(a + 16 * column);
#define TILE_OF(R, V, CASE, ROW, COLUMN)                                                                               \
    static void tile_##R##_##V##_##CASE(size_t k, const real *a, size_t stride, const real *b, size_t ldb,             \
                                        const real *init, size_t ldi, real *c, size_t ldc)                             \
    {                                                                                                                  \
        const size_t row = ROW, column = COLUMN;                                                                       \
        FOR_##R(AHEAD_##V) FOR_##R(ZERO_##V) for (size_t p = 0; p < k; p++, a += column, b += ldb)                     \
        {                                                                                                              \
            FETCH_##CASE LOAD_##V FOR_##R(MULTIPLY_##V)                                                                \
        }                                                                                                              \
        FOR_##R(STORE_##V)                                                                                             \
    }
#define TILE(R)                                                                                                        \
    TILE_OF(R, 1, across, stride, 1) TILE_OF(R, 1, down, 1, stride)                                                    \
    TILE_OF(R, 2, across, stride, 1) TILE_OF(R, 2, down, 1, stride)

TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)
#if TILE_ROWS > 6
TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
#endif

typedef void (*tile_function)(size_t, const real *, size_t, const real *, size_t, const real *, size_t, real *, size_t);
#if TILE_ROWS > 6
#define TILES(V, CASE)                                                                                                 \
    {0, tile_1_##V##_##CASE, tile_2_##V##_##CASE, tile_3_##V##_##CASE, tile_4_##V##_##CASE, tile_5_##V##_##CASE,       \
     tile_6_##V##_##CASE, tile_7_##V##_##CASE, tile_8_##V##_##CASE, tile_9_##V##_##CASE, tile_10_##V##_##CASE,         \
     tile_11_##V##_##CASE, tile_12_##V##_##CASE, tile_13_##V##_##CASE, tile_14_##V##_##CASE}
#else
#define TILES(V, CASE)                                                                                                 \
    {0, tile_1_##V##_##CASE, tile_2_##V##_##CASE, tile_3_##V##_##CASE, tile_4_##V##_##CASE, tile_5_##V##_##CASE,       \
     tile_6_##V##_##CASE}
#endif
static const tile_function tiles[2][2][TILE_ROWS + 1] = {{TILES(1, across), TILES(1, down)}, {TILES(2, across), TILES(2, down)}};

/* 4 x 4 reals, turned round. */
static inline void turn(const real *from, size_t from_stride, real *to, size_t to_stride)
{
    typedef real quad __attribute__((vector_size(4 * sizeof(real)), aligned(sizeof(real)), may_alias));
    quad a = *(const quad *)from, b = *(const quad *)(from + from_stride), c = *(const quad *)(from + 2 * from_stride),
         d = *(const quad *)(from + 3 * from_stride);
    quad ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    *(quad *)to = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(quad *)(to + to_stride) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    ab = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    cd = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(quad *)(to + 2 * to_stride) = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(quad *)(to + 3 * to_stride) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

/* to (columns x rows) = from (rows x columns), turned round: a strip of the result at a time, which stays in the first cache. */
static void transpose(size_t rows, size_t columns, const real *from, size_t from_stride, real *to, size_t to_stride)
{
    for (size_t start = 0; start < columns; start += 16) {
        size_t end = start + 16 < columns ? start + 16 : columns, whole = start + (end - start) / 4 * 4, r = 0;
        for (; r + 4 <= rows; r += 4)
            for (size_t p = start; p < whole; p += 4)
                turn(from + r * from_stride + p, from_stride, to + p * to_stride + r, to_stride);
        for (size_t x = 0; x < rows; x++)
            for (size_t p = x < r ? whole : start; p < end; p++)
                to[p * to_stride + x] = from[x * from_stride + p];
    }
}

/* Packs k x n of B into panels of two vectors (the last of one when that is enough), padded with zeros. B's columns are contiguous,
 * or its rows are. */
static void pack_b(size_t k, size_t n, const real *b, size_t row, size_t column, real *out)
{
    for (size_t j = 0; j < n; j += 2 * LANES) {
        size_t width = n - j > LANES ? 2 * LANES : LANES, have = n - j < width ? n - j : width;
        if (column == 1) { /* padding is there to be read */
            for (size_t p = 0; p < k; p++)
                for (size_t x = 0; x < width; x += LANES)
                    *(vec *)(out + p * width + x) = *(const vec *)(b + p * row + j + x);
        } else {
            transpose(have, k, b + j * column, column, out, width);
            for (size_t p = 0; p < k && have < width; p++)
                for (size_t x = have; x < width; x++)
                    out[p * width + x] = 0;
        }
        out += k * width;
    }
}

/* Packs m x k of A into panels of `height` rows, column by column. A's columns are contiguous, or its rows are. */
static void pack_a(size_t m, size_t k, size_t height, const real *a, size_t row, size_t column, real *out)
{
    for (size_t i = 0; i < m; i += height) {
        size_t rows = m - i < height ? m - i : height;
        if (column == 1)
            transpose(rows, k, a + i * row, row, out, rows);
        else
            for (size_t p = 0; p < k; p++)
                for (size_t r = 0; r < rows; r++)
                    out[p * rows + r] = a[i + r + p * column];
        out += rows * k;
    }
}

struct block {
    size_t m, n, k;
    struct operand a, b; /* b.row is the panel's stride when b is not packed */
    bool packed_a, packed_b;
    size_t height;
    const real *init;
    size_t ldi;
    real *c;
    size_t ldc;
};

/* All tiles of a block; each panel of B meets every row of A while it is in the nearest cache. */
static void multiply_block(const struct block *k)
{
    for (size_t j = 0; j < k->n; j += 2 * LANES) {
        size_t width = k->n - j > LANES ? 2 * LANES : LANES;
        const real *b = k->b.data + (k->packed_b ? j * k->k : j);
        size_t ldb = k->packed_b ? width : k->b.row;
        for (size_t i = 0; i < k->m; i += k->height) {
            size_t rows = k->m - i < k->height ? k->m - i : k->height;
            const real *a = k->a.data + (k->packed_a ? i * k->k : i * k->a.row);
            bool down = k->packed_a || k->a.row == 1;
            tiles[width / LANES - 1][down][rows](k->k, a, k->packed_a ? rows : down ? k->a.column : k->a.row, b, ldb,
                                           k->init ? k->init + i * k->ldi + j : NULL, k->ldi, k->c + i * k->ldc + j, k->ldc);
        }
    }
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The columns that no tile has reached, up to the next multiple of KERNEL_PAD. */
static void clear_padding(size_t m, size_t n, real *c, size_t ldc)
{
    size_t reached = (n + LANES - 1) / LANES * LANES, padded = kernel_stride(n);
    for (size_t j = reached; j < padded; j += LANES)
        for (size_t r = 0; r < m; r++)
            *(vec *)(c + r * ldc + j) = (vec){0};
}

static void product(size_t m, size_t n, size_t k, struct operand a, struct operand b, const real *init, size_t ldi, real *c,
                    size_t ldc, real *scratch)
{
    clear_padding(m, n, c, ldc);
    bool packed_a = PACKS_A(m, n, k), packed_b = PACKS_B(m, n, k) || b.column != 1;
    size_t kc = packed_b || packed_a ? KC : k, nc = packed_b ? NC : n, mc = packed_a ? MC : m;
    real *packed = scratch + (packed_b ? least(k, KC) * kernel_stride(least(n, NC)) : 0);
    for (size_t j = 0; j < n; j += nc) {
        for (size_t p = 0; p < k; p += kc) {
            struct block block = {.n = least(nc, n - j), .k = least(kc, k - p), .packed_a = packed_a, .packed_b = packed_b,
                                  .b = b, .ldc = ldc};
            const real *from = b.data + p * b.row + j * b.column;
            block.b.data = packed_b ? scratch : from;
            if (packed_b)
                pack_b(block.k, block.n, from, b.row, b.column, scratch);
            for (size_t i = 0; i < m; i += mc) {
                block.m = least(mc, m - i);
                block.height = (block.m + TILE_ROWS - 1) / TILE_ROWS;
                block.height = (block.m + block.height - 1) / block.height;
                block.a = (struct operand){a.data + i * a.row + p * a.column, a.row, a.column};
                if (packed_a) {
                    pack_a(block.m, block.k, block.height, block.a.data, a.row, a.column, packed);
                    block.a.data = packed;
                }
                block.c = c + i * ldc + j;
                block.init = p ? block.c : init ? init + i * ldi + j : NULL;
                block.ldi = p ? ldc : ldi;
                multiply_block(&block);
            }
        }
    }
}

static void column_sums(size_t rows, size_t columns, size_t stride, const real *d, bool add, real *out)
{
    for (size_t j = 0; j < columns; j += LANES) {
        vec sum = {0};
        for (size_t r = 0; r < rows; r++)
            sum += *(const vec *)(d + r * stride + j);
        if (add)
            sum += *(const vec *)(out + j);
        *(vec *)(out + j) = sum;
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
    double sum = 0;
    for (int x = 0; x < LANES; x++)
        sum += (double)v[x];
    return sum;
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
