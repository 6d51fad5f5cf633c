/* Softmax and its loss, and that of labels, at float, as training has them (tests/numeric has them at double), with every table of kernels:
 * blocks of rows for few units and rows one by one for many, against double formulas. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/rng.h"
#include "core/nn/kernels.h"
#include <float.h>
#include <math.h>
#include <string.h>

#define MOST_UNITS  70
#define MOST_STRIDE 80
#define MOST_ROWS   37

static real z[MOST_ROWS * MOST_STRIDE], p[MOST_ROWS * MOST_STRIDE], y[MOST_ROWS], loss[MOST_ROWS + 1];

static void draw(size_t rows, size_t units, double size)
{
    struct rng rng;
    rng_init(&rng, units, RNG_SPLIT, rows);
    memset(z, 0, sizeof z);
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < units; j++)
            z[r * kernel_stride(units) + j] = (real)(size * (2 * rng_uniform(&rng) - 1));
        y[r] = (real)rng_below(&rng, units);
    }
}

static void close_to(double actual, double expected, double tolerance)
{
    if (!(fabs(actual - expected) <= tolerance))
        fail_msg("%.9g, expected %.9g within %.3g", actual, expected, tolerance);
}

static void check_row(size_t units, size_t stride, const real *logits, const real *probabilities, size_t wanted,
                      double row_loss)
{
    double top = (double)logits[0];
    for (size_t j = 1; j < units; j++)
        top = fmax(top, (double)logits[j]);
    double sum = exp((double)logits[0] - top);
    for (size_t j = 1; j < units; j++)
        sum += exp((double)logits[j] - top);
    double behind = top - (double)logits[wanted], size = behind + log(sum);
    /* each sum of so many floats, the exponentials' two roundings, and those of the differences */
    close_to(row_loss, behind + log(sum), FLT_EPSILON * ((double)units / 2 + 4 + size));
    for (size_t j = 0; j < units; j++) {
        double exact = exp((double)logits[j] - top) / sum;
        double far = (double)units / 2 + 8 + top - (double)logits[j];
        close_to((double)probabilities[j], exact, FLT_EPSILON * exact * far + 1e-37);
    }
    for (size_t j = units; j < stride; j++)
        assert_true(probabilities[j] == 0);
}

static void test_softmax_at_float(void **state)
{
    static const size_t rows_of[] = {1, 2, 7, 16, 17, MOST_ROWS};
    static const double size_of[] = {0.01, 3, 60};
    (void)state;
    for (unsigned i = 0; kernels_at(i); i++)
        for (size_t units = 2; units <= MOST_UNITS; units++)
            for (unsigned c = 0; c < 18; c++) {
                size_t rows = rows_of[c / 3], stride = kernel_stride(units);
                draw(rows, units, size_of[c % 3]);
                memcpy(p, z, sizeof p);
                loss[rows] = -1;
                kernels_at(i)->softmax(rows, units, stride, p, y, loss);
                for (size_t r = 0; r < rows; r++)
                    check_row(units, stride, z + r * stride, p + r * stride, (size_t)y[r], (double)loss[r]);
                assert_true(loss[rows] == -1); /* no further than the rows */
                assert_memory_equal(p + rows * stride, z + rows * stride, (MOST_ROWS - rows) * stride * sizeof *p);
            }
}

/* A row's bits do not depend on the rows beside it, nor on whether losses are wanted. */
static void test_rows_are_alone(void **state)
{
    (void)state;
    for (unsigned i = 0; kernels_at(i); i++)
        for (size_t units = 2; units <= MOST_UNITS; units++) {
            size_t stride = kernel_stride(units);
            draw(MOST_ROWS, units, 5);
            memcpy(p, z, sizeof p);
            kernels_at(i)->softmax(MOST_ROWS, units, stride, p, y, loss);
            for (size_t r = 0; r < MOST_ROWS; r++) {
                real row[MOST_STRIDE], quiet[MOST_STRIDE], row_loss;
                memcpy(row, z + r * stride, sizeof(real) * stride);
                memcpy(quiet, row, sizeof(real) * stride);
                kernels_at(i)->softmax(1, units, stride, row, y + r, &row_loss);
                kernels_at(i)->softmax(1, units, stride, quiet, NULL, NULL);
                assert_memory_equal(row, p + r * stride, sizeof(real) * stride);
                assert_memory_equal(quiet, row, sizeof(real) * stride);
                assert_memory_equal(&row_loss, &loss[r], sizeof row_loss);
            }
        }
}

/* A logit that is no number makes its row's loss none, whichever unit it is, and no other row's. */
static void test_nan_stays_in_its_row(void **state)
{
    (void)state;
    for (unsigned i = 0; kernels_at(i); i++)
        for (size_t units = 2; units <= MOST_UNITS; units += 17)
            for (size_t bad = 0; bad < units; bad++) {
                size_t stride = kernel_stride(units);
                draw(MOST_ROWS, units, 5);
                z[3 * stride + bad] = bad % 2 ? (real)NAN : (real)INFINITY;
                kernels_at(i)->softmax(MOST_ROWS, units, stride, z, y, loss);
                for (size_t r = 0; r < MOST_ROWS; r++)
                    assert_true(r == 3 ? !isfinite(loss[r]) : isfinite(loss[r]));
            }
}

/* Far behind: the loss is the distance, and the least probabilities underflow to 0 or nearly. Equal logits: log of
 * their number. */
static void test_known_limits(void **state)
{
    (void)state;
    for (unsigned i = 0; kernels_at(i); i++) {
        real two[2 * KERNEL_PAD] = {1e4f, -1e4f}, wanted[2] = {1, 0}, got[2];
        two[KERNEL_PAD] = two[KERNEL_PAD + 1] = -3;
        kernels_at(i)->softmax(2, 2, KERNEL_PAD, two, wanted, got);
        assert_true(got[0] == 2e4f && two[0] == 1 && (double)two[1] < 1e-37);
        close_to((double)got[1], 0.69314718055994531, FLT_EPSILON / 2);
        assert_true(two[KERNEL_PAD] == 0.5f && two[KERNEL_PAD + 1] == 0.5f);
    }
}

/* ---- labels --------------------------------------------------------------------------------------------------------- */

static double label_loss(double logit, double is)
{
    return log1p(exp(-fabs(logit))) + (is > 0 ? fmax(-logit, 0) : fmax(logit, 0));
}

/* Every loss to a few units in its own last place, however small: 0/1 against logits of each sign. */
static void test_one_label_keeps_its_digits(void **state)
{
    (void)state;
    for (unsigned i = 0; kernels_at(i); i++)
        for (double logit = -80; logit <= 80; logit += 0.37) {
            real row[2 * KERNEL_PAD] = {(real)logit, (real)logit}, is[4] = {1, 1, 0, 0}, got[2];
            row[KERNEL_PAD] = row[KERNEL_PAD + 1] = (real)logit;
            kernels_at(i)->labels(2, 2, KERNEL_PAD, row, is, got);
            for (unsigned r = 0; r < 2; r++) {
                double exact = label_loss((double)(real)logit, r ? 0 : 1);
                close_to((double)got[r], exact, 8 * FLT_EPSILON * exact);
            }
        }
}

static void test_labels_at_float(void **state)
{
    static real is[MOST_ROWS * MOST_UNITS];
    (void)state;
    for (unsigned i = 0; kernels_at(i); i++)
        for (size_t units = 2; units <= MOST_UNITS; units++) {
            size_t stride = kernel_stride(units);
            draw(MOST_ROWS, units, 20);
            for (size_t k = 0; k < MOST_ROWS * units; k++)
                is[k] = (real)(k * k % 3 == 1);
            memcpy(p, z, sizeof p);
            loss[MOST_ROWS] = -1;
            kernels_at(i)->labels(MOST_ROWS, units, stride, z, is, loss);
            assert_memory_equal(z, p, sizeof p);  /* it reads the logits */
            assert_true(loss[MOST_ROWS] == -1); /* no further than the rows */
            for (size_t r = 0; r < MOST_ROWS; r++) {
                real alone;
                double sum = 0;
                for (size_t j = 0; j < units; j++)
                    sum += label_loss((double)z[r * stride + j], (double)is[r * units + j]);
                close_to((double)loss[r], sum / (double)units, 8 * FLT_EPSILON * sum / (double)units);
                kernels_at(i)->labels(1, units, stride, z + r * stride, is + r * units, &alone);
                assert_memory_equal(&alone, &loss[r], sizeof alone);
            }
        }
}

static void test_limits_of_labels(void **state)
{
    (void)state;
    for (unsigned i = 0; kernels_at(i); i++) {
        real row[KERNEL_PAD] = {1e4f, -1e4f}, is[2] = {0, 1}, right[2] = {1, 0}, got;
        kernels_at(i)->labels(1, 2, KERNEL_PAD, row, is, &got);
        assert_true(got == 1e4f);
        kernels_at(i)->labels(1, 2, KERNEL_PAD, row, right, &got);
        assert_true(got >= 0 && (double)got < 1e-37);
        row[1] = (real)NAN;
        kernels_at(i)->labels(1, 2, KERNEL_PAD, row, is, &got);
        assert_true(isnan(got));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax_at_float),
        cmocka_unit_test(test_rows_are_alone),
        cmocka_unit_test(test_nan_stays_in_its_row),
        cmocka_unit_test(test_known_limits),
        cmocka_unit_test(test_one_label_keeps_its_digits),
        cmocka_unit_test(test_labels_at_float),
        cmocka_unit_test(test_limits_of_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
