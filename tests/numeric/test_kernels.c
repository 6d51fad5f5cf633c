/* Every table of kernels that the machine has against plain loops and libm. Softmax is in test_losses.c, updates are in
 * test_optimizers.c.
 *
 * Operands have the exact size that the header asks for, in allocations of their own, and results lie between guards: a
 * read too far is the sanitizer's to find, a write too far is found here. Products may differ from the exact sum by
 * (k + 2) * 2^-53 times the sum of the products' sizes, whatever the order and whether or not an add is fused: that bound
 * (Higham, "Accuracy and Stability of Numerical Algorithms", ch. 3) is the tolerance, once for each of both sums. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/mem.h"
#include "core/nn/kernels.h"
#include "core/nn/vector.h"
#include "support/fixture.h"
#include <float.h>
#include <stdlib.h>
#include <string.h>

#define GUARD      1e300 /* what no kernel writes */
#define UNIT_ERROR (DBL_EPSILON / 2)

static real *random_reals(size_t count, uint64_t *draw)
{
    real *x = malloc((count ? count : 1) * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < count; i++)
        x[i] = fixture_uniform(draw);
    return x;
}

/* rows x columns with a stride of whole paddings; random, the padding zero. */
static real *random_tensor(size_t rows, size_t columns, uint64_t *draw)
{
    size_t stride = kernel_stride(columns);
    real *x = random_reals(rows * stride, draw);
    for (size_t r = 0; r < rows; r++)
        for (size_t j = columns; j < stride; j++)
            x[r * stride + j] = 0;
    return x;
}

/* ---- products ------------------------------------------------------------------------------------------------------- */

enum init { INIT_NULL, INIT_BIAS, INIT_ADD, INITS };
/* As the trainer uses them: forward X W; gradients A^T D, each panel in a place of its own or all in one; back D W^T. */
enum use { FORWARD, GRADIENT, REUSED, BACK, USES };

struct shape {
    size_t m, n, k;
};

struct scene {
    struct shape s;
    enum use use;
    enum init init;
    struct product p;
    real *a, *b, *start, *c, *scratch; /* start: rows of what C or the bias held */
    real *result;                      /* C as rows, filled by what is finished */
    size_t c_count, extra, first;      /* extra: columns of C past the padding, which belong to others */
};

/* C is in panels. */
static bool panels(const struct scene *s)
{
    return s->use == GRADIENT || s->use == REUSED;
}

static size_t place_of(const struct scene *s, size_t i, size_t j)
{
    if (!panels(s))
        return i * s->p.ldc + j;
    size_t panel = j / KERNEL_PANEL * KERNEL_PANEL, width = kernel_panel_width(s->s.n, panel);
    return (s->use == REUSED ? 0 : panel * s->s.m) + i * width + j - panel;
}

/* Notes what is finished, once. */
static void note(void *context, size_t row, size_t rows, size_t column)
{
    struct scene *s = context;
    size_t stride = kernel_stride(s->s.n), width = kernel_panel_width(s->s.n, column);
    assert_true(row + rows <= s->s.m && column % KERNEL_PANEL == 0 && column < s->s.n);
    for (size_t i = row; i < row + rows; i++) {
        for (size_t j = column; j < column + width; j++) {
            assert_true(s->result[i * stride + j] == GUARD);
            s->result[i * stride + j] = s->c[place_of(s, i, j)];
        }
    }
}

static void operands(struct scene *s, uint64_t *draw)
{
    size_t m = s->s.m, n = s->s.n, k = s->s.k, stride = s->extra ? kernel_stride(k) : k;
    if (panels(s)) { /* A is k x m in memory, with a stride of its own */
        s->a = random_tensor(k, m, draw);
        s->p.a = (struct operand){.data = s->a, .row = 1, .column = kernel_stride(m)};
        s->b = random_tensor(k, n, draw);
        s->p.b = (struct operand){.data = s->b, .row = kernel_stride(n), .column = 1};
        return;
    }
    /* rows that lie closely, like the inputs', or with a stride, like activations, whose padding is not zero */
    s->a = random_reals(m * stride, draw);
    s->p.a = (struct operand){.data = s->a, .row = stride, .column = 1};
    size_t rows = s->first + (s->use == BACK ? n : k), columns = s->use == BACK ? k : n;
    s->b = random_reals(rows * kernel_stride(columns), draw);
    for (size_t i = 0; i < rows; i++) /* the padding of what is turned round is never to be seen */
        for (size_t j = columns; s->use != BACK && j < kernel_stride(columns); j++)
            s->b[kernel_panel_at(rows, columns, i, columns - 1) + j - (columns - 1)] = 0;
    s->p.b = (struct operand){.data = s->b, .row = s->use == BACK, .column = s->use != BACK, .panel = rows, .first = s->first};
}

static real b_at(const struct scene *s, size_t x, size_t j)
{
    const struct operand *b = &s->p.b;
    if (panels(s))
        return b->data[x * b->row + j];
    return s->use == BACK ? b->data[kernel_panel_at(b->panel, s->s.k, s->first + j, x)]
                          : b->data[kernel_panel_at(b->panel, s->s.n, s->first + x, j)];
}

static void scene_prepare(struct scene *s, uint64_t *draw)
{
    size_t m = s->s.m, n = s->s.n, k = s->s.k, stride = kernel_stride(n), scratch = kernel_product_scratch(m, n, k);
    operands(s, draw);
    s->p.m = m;
    s->p.n = n;
    s->p.k = k;
    s->p.ldc = panels(s) ? 0 : stride + s->extra;
    s->p.panel = s->use == GRADIENT ? m : 0;
    s->c_count = panels(s) ? m * stride : m * s->p.ldc;
    s->start = random_tensor(s->init == INIT_BIAS ? 1 : m, n, draw);
    s->c = mem_aligned((s->c_count + 1) * sizeof *s->c);
    s->result = mem_aligned(m * stride * sizeof *s->result);
    s->scratch = mem_aligned((scratch + 1) * sizeof *s->scratch);
    assert_true(s->c && s->scratch && s->result);
    for (size_t i = 0; i <= s->c_count; i++)
        s->c[i] = GUARD;
    for (size_t i = 0; i < m * stride; i++)
        s->result[i] = GUARD;
    for (size_t i = 0; s->init == INIT_ADD && i < m; i++)
        for (size_t j = 0; j < stride; j++)
            s->c[place_of(s, i, j)] = s->start[i * stride + j];
    s->scratch[scratch] = GUARD;
    s->p.bias = s->init == INIT_BIAS ? s->start : NULL;
    s->p.add = s->init == INIT_ADD;
    s->p.c = s->c;
    s->p.scratch = s->scratch;
    s->p.group = s->extra ? 1 + m % KERNEL_GROUP : 0;
    s->p.finished = note;
    s->p.context = s;
}

static void scene_done(struct scene *s)
{
    free(s->a);
    free(s->b);
    free(s->start);
    mem_free(s->c);
    mem_free(s->result);
    mem_free(s->scratch);
}

/* The triple loop: the sum and the sum of sizes of row i. */
static void naive_row(const struct scene *s, size_t i, double *sum, double *size)
{
    const struct operand *a = &s->p.a;
    for (size_t j = 0; j < s->s.n; j++) {
        sum[j] = s->init == INIT_NULL ? 0 : s->start[(s->init == INIT_BIAS ? 0 : i) * kernel_stride(s->s.n) + j];
        size[j] = fabs(sum[j]);
    }
    for (size_t x = 0; x < s->s.k; x++) {
        for (size_t j = 0; j < s->s.n; j++) {
            double term = a->data[i * a->row + x * a->column] * b_at(s, x, j);
            sum[j] += term;
            size[j] += fabs(term);
        }
    }
}

static void scene_check(const struct scene *s)
{
    size_t n = s->s.n, stride = kernel_stride(n), reached = 0;
    double *sum = malloc(n * sizeof *sum), *size = malloc(n * sizeof *size);
    assert_true(sum && size);
    for (size_t i = 0; i < s->s.m; i++) {
        naive_row(s, i, sum, size);
        for (size_t j = 0; j < n; j++)
            assert_near(s->result[i * stride + j], sum[j], 2 * ((double)s->s.k + 2) * UNIT_ERROR, size[j]);
        for (size_t j = n; j < stride; j++)
            assert_true(s->result[i * stride + j] == 0);
        for (size_t j = 0; j < stride; j++)
            reached = place_of(s, i, j) >= reached ? place_of(s, i, j) + 1 : reached;
        for (size_t j = stride; !panels(s) && j < s->p.ldc; j++)
            assert_true(s->c[i * s->p.ldc + j] == GUARD);
    }
    for (size_t i = panels(s) ? reached : s->c_count; i <= s->c_count; i++)
        assert_true(s->c[i] == GUARD);
    assert_true(s->scratch[kernel_product_scratch(s->s.m, n, s->s.k)] == GUARD);
    free(sum);
    free(size);
}

static void check_product(struct shape shape, enum use use, enum init init, uint64_t seed)
{
    if (use == REUSED && (init == INIT_ADD || shape.k > KERNEL_SLAB)) /* what it would add to is gone */
        return;
    for (unsigned i = 0; use_kernels(i); i++) {
        uint64_t draw = seed;
        struct scene s = {.s = shape, .use = use, .init = init, .extra = seed % 2 ? KERNEL_PAD : 0, .first = seed % 3};
        scene_prepare(&s, &draw);
        fixture_case("%zu x %zu x %zu, use %d, init %d", shape.m, shape.n, shape.k, use, init);
        kernels_at(i)->product(&s.p);
        scene_check(&s);
        scene_done(&s);
    }
}

static void test_products_of_small_shapes(void **state)
{
    uint64_t draw = 11;
    (void)state;
    for (unsigned round = 0; round < 1500; round++) {
        size_t d[3];
        for (unsigned i = 0; i < 3; i++)
            d[i] = 1 + (size_t)(20 * (fixture_uniform(&draw) + 1));
        check_product((struct shape){d[0], d[1], d[2]}, (enum use)(round % USES), (enum init)(round / USES % INITS), round);
    }
}

static void test_products_of_every_tile(void **state)
{
    (void)state;
    for (size_t m = 1; m <= 30; m++) /* tiles of 1 to 14 rows, and of one or two vectors */
        for (size_t n = 1; n <= 34; n += m % 2 ? 1 : 3)
            check_product((struct shape){m, n, 3}, (enum use)((m + n) % USES), (enum init)(m % INITS), m * n);
}

/* Just below, at and above each of the constants that cut products into blocks, and each way of packing. */
static const struct shape across[] = {
    {1, 1, KC - 1},          {29, 17, KC},          {29, 17, KC + 1},   {40, 160, KC},       {40, 157, KC + 1},
    {33, 90, 2 * KC + 1},    {30, 2047, 100},       {30, 2049, 100},    {29, 4099, 50},      {559, 130, 150},
    {561, 130, 150},         {1125, 70, 401},       {28, 2057, KC + 9}, {2000, 65, 24},      {512, 4, 2 * KC + 5},
    {512, 64, KC + 3},       {150, 66, 900},        {3, 700, 500},      {700, 3, 500},       {KC + 5, 2053, 30},
    {29, 16, 2 * KC},        {140, 70, SLAB - 1},   {140, 70, SLAB},    {140, 70, SLAB + 1}, {300, 96, SLAB + 40},
    {5, 40, 2 * SLAB + 3},   {2100, 65, 160},
};

static void test_products_across_blocks(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof across / sizeof *across; i++)
        for (int use = 0; use < USES; use++)
            check_product(across[i], (enum use)use, (enum init)((i + (unsigned)use) % INITS), i);
    /* every init where everything is packed and all three dimensions are cut */
    for (int init = 0; init < INITS; init++)
        for (int use = 0; use < USES; use++)
            check_product((struct shape){300, 97, SLAB + 2}, (enum use)use, (enum init)init, 1);
}

/* Which of the shapes above pack what is a matter of these functions; each way must have been there. */
static void test_each_way_of_packing_is_met(void **state)
{
    unsigned ways[2][2] = {{0}}, cut = 0;
    (void)state;
    for (unsigned i = 0; i < sizeof across / sizeof *across; i++) {
        struct shape s = across[i];
        bool a = packs_a(s.m, s.n, s.k, s.m);
        ways[a][packs_b(s.m, s.n, s.k)]++;
        cut += a && block_rows(s.m, s.k) < s.m;
    }
    assert_true(ways[0][0] && ways[0][1] && ways[1][0] && ways[1][1] && cut);
}

/* A chunk of fewer rows goes by the scratch of the largest. */
static void test_scratch_is_enough_for_less(void **state)
{
    uint64_t draw = 3;
    (void)state;
    for (unsigned round = 0; round < 100000; round++) {
        size_t more[3], less[3];
        for (unsigned i = 0; i < 3; i++) {
            more[i] = 1 + (size_t)(1500 * (fixture_uniform(&draw) + 1));
            less[i] = 1 + (size_t)((double)(more[i] - 1) * (fixture_uniform(&draw) + 1) / 2);
        }
        assert_true(kernel_product_scratch(less[0], less[1], less[2]) <= kernel_product_scratch(more[0], more[1], more[2]));
    }
}

/* ---- sums ----------------------------------------------------------------------------------------------------------- */

static void test_column_sums(void **state)
{
    static const size_t rows[] = {0, 1, 2, 7, 512, 1000}, strides[] = {16, 32, 48, 160};
    uint64_t draw = 5;
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++) {
        for (unsigned c = 0; c < 6 * 4 * 2; c++) {
            size_t count = rows[c % 6], stride = strides[c / 6 % 4];
            bool add = c >= 24;
            real *d = random_reals(count * stride, &draw), *out = random_reals(stride, &draw);
            double *before = random_reals(stride, &draw);
            memcpy(before, out, stride * sizeof *out);
            kernels_at(i)->column_sums(count, stride, stride, d, add, out);
            fixture_case("%zu x %zu%s", count, stride, add ? ", added" : "");
            for (size_t j = 0; j < stride; j++) {
                double sum = add ? before[j] : 0, size = fabs(sum);
                for (size_t r = 0; r < count; r++) {
                    sum += d[r * stride + j];
                    size += fabs(d[r * stride + j]);
                }
                assert_near(out[j], sum, 2 * ((double)count + 1) * UNIT_ERROR, size);
            }
            free(d);
            free(out);
            free(before);
        }
    }
}

static void test_sum_of_squares(void **state)
{
    static const size_t counts[] = {0, 16, 32, 4080, 4096, 4112, 8192, 10000};
    uint64_t draw = 6;
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++) {
        for (unsigned c = 0; c < sizeof counts / sizeof *counts; c++) {
            real *w = random_reals(counts[c], &draw);
            double sum = 0;
            for (size_t j = 0; j < counts[c]; j++)
                sum += w[j] * w[j];
            fixture_case("%zu", counts[c]);
            assert_near(kernels_at(i)->sum_of_squares(counts[c], w), sum, 2 * ((double)counts[c] + 1) * UNIT_ERROR, 0);
            free(w);
        }
    }
}

/* ---- activations ---------------------------------------------------------------------------------------------------- */

#define POINTS 1024

/* All sizes from 1e-300 to 1e300, both signs, and the special ones. */
static void points(real *z)
{
    static const double special[] = {0, -0.0, DBL_MIN, -DBL_MIN, 1e4, -1e4, 710, -710, 745, -745, 19, -19, 1, -1, 36.8, -36.8};
    uint64_t draw = 8;
    memcpy(z, special, sizeof special);
    for (size_t i = sizeof special / sizeof *special; i < POINTS; i++)
        z[i] = i % 2 ? 6 * fixture_uniform(&draw)
                     : copysign(pow(10, 300 * fixture_uniform(&draw)), fixture_uniform(&draw));
}

/* At double they call libm's exp and tanh, so a rounding or two is all that may differ. */
static void test_activations(void **state)
{
    real z[POINTS], a[POINTS];
    (void)state;
    points(z);
    for (unsigned i = 0; use_kernels(i); i++) {
        for (int f = 0; f < MLP_ACTIVATIONS; f++) {
            memcpy(a, z, sizeof z);
            kernels_at(i)->activate[f](POINTS, a, 0.125);
            for (size_t j = 0; j < POINTS; j++) {
                fixture_case("%s(%g)", mlp_activation_name(f), z[j]);
                assert_near(a[j], oracle_activation((enum mlp_activation)f, z[j], 0.125), 2 * DBL_EPSILON, 0);
            }
            memcpy(a, z, sizeof z);
            kernels_at(i)->activate[f](16, a, 0.125); /* no further than it is told */
            assert_memory_equal(a + 16, z + 16, sizeof z - 16 * sizeof *z);
        }
    }
}

/* A network whose weights are no numbers must not pass for a dead one. */
static void test_activations_keep_nan(void **state)
{
    static const enum mlp_activation keep[] = {MLP_IDENTITY, MLP_SIGMOID, MLP_TANH, MLP_RELU, MLP_LEAKY_RELU};
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++) {
        for (unsigned f = 0; f < 5; f++) {
            real z[16] = {NAN, 1, -NAN};
            kernels_at(i)->activate[keep[f]](16, z, 0.01);
            assert_true(isnan(z[0]) && !isnan(z[1]) && isnan(z[2]));
        }
    }
}

/* f' comes from a: 1 - a^2 and a(1 - a) are good to a rounding of 1, not of themselves. */
static void check_derivative(const struct kernels *k, enum mlp_activation f, size_t rows, size_t stride, uint64_t *draw)
{
    real *z = random_reals(rows * stride, draw), *a = random_reals(rows * stride, draw), *d = random_reals(rows * stride, draw);
    real *delta = random_reals(rows * stride, draw);
    double *measure = random_reals(stride, draw), *before = random_reals(stride, draw);
    for (size_t i = 0; i < rows * stride; i++)
        a[i] = oracle_activation(f, z[i] *= 8, 0.125);
    memcpy(delta, d, rows * stride * sizeof *d);
    memcpy(measure, before, stride * sizeof *before);
    k->derive[f](rows, stride, stride, a, delta, 0.125, measure);
    fixture_case("%s', %zu x %zu", mlp_activation_name((int)f), rows, stride);
    for (size_t j = 0; j < stride; j++) {
        double sum = before[j];
        for (size_t r = 0; r < rows; r++) {
            size_t i = r * stride + j;
            double derivative = oracle_derivative(f, z[i], 0.125);
            assert_near(delta[i], d[i] * derivative, 4 * DBL_EPSILON, fabs(d[i]));
            sum += f == MLP_STEP ? a[i] : fabs(derivative);
        }
        assert_near(measure[j], sum, 4 * ((double)rows + 1) * DBL_EPSILON, 1);
    }
    free(z);
    free(a);
    free(d);
    free(delta);
    free(measure);
    free(before);
}

static void test_derivatives(void **state)
{
    static const size_t rows[] = {0, 1, 3, 100}, strides[] = {16, 48};
    uint64_t draw = 9;
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++)
        for (int f = 0; f < MLP_ACTIVATIONS; f++)
            for (unsigned c = 0; c < 8; c++)
                check_derivative(kernels_at(i), (enum mlp_activation)f, rows[c % 4], strides[c / 4], &draw);
}

/* A relu exactly at its kink is off, whichever the sign of its zero. */
static void test_derivatives_at_the_kink(void **state)
{
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++) {
        const struct kernels *k = kernels_at(i);
        for (int f = MLP_RELU; f <= MLP_LEAKY_RELU; f++) {
            real a[16] = {0, -0.0, DBL_MIN, -DBL_MIN}, delta[16] = {3, 3, 3, 3}, off = f == MLP_RELU ? 0 : 3 * 0.25;
            double measure[16] = {0};
            k->activate[f](16, a, 0.25);
            k->derive[f](1, 16, 16, a, delta, 0.25, measure);
            assert_true(delta[0] == off && delta[1] == off && delta[2] == 3 && delta[3] == off);
            assert_true(measure[2] == 1 && measure[0] == off / 3);
        }
    }
}

/* ---- tables --------------------------------------------------------------------------------------------------------- */

static void test_the_best_table_is_used(void **state)
{
    unsigned count = 0;
    (void)state;
    while (kernels_at(count))
        count++;
    assert_true(count >= 1);
    kernels_use(NULL);
    assert_ptr_equal(kernels_get(), kernels_at(0));
    kernels_use(kernels_at(count - 1));
    assert_ptr_equal(kernels_get(), kernels_at(count - 1));
    assert_string_equal(mlp_instruction_set(), kernels_at(count - 1)->name);
    kernels_use(NULL);
    assert_ptr_equal(kernels_get(), kernels_at(0));
    assert_null(kernels_at(1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products_of_small_shapes),
        cmocka_unit_test(test_products_of_every_tile),
        cmocka_unit_test(test_products_across_blocks),
        cmocka_unit_test(test_each_way_of_packing_is_met),
        cmocka_unit_test(test_scratch_is_enough_for_less),
        cmocka_unit_test(test_column_sums),
        cmocka_unit_test(test_sum_of_squares),
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_activations_keep_nan),
        cmocka_unit_test(test_derivatives),
        cmocka_unit_test(test_derivatives_at_the_kink),
        cmocka_unit_test(test_the_best_table_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
