/* Losses, outputs and their gradients: known limits at |z| = 1e4, where probabilities have long been 0 or 1, and long
 * double formulas between. All from output.h, with every table of kernels. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/nn/network.h"
#include "core/nn/output.h"
#include "support/fixture.h"
#include <float.h>
#include <string.h>

#define EXTREME 1e4

/* The loss of one row; ret_delta: of its first `units` logits, as one of `batch` rows. Checks that padding stays 0. */
static double loss_of(enum task task, size_t units, const double *logits, double y, double batch, double *ret_output,
                      double *ret_delta)
{
    real z[32] = {0}, target = y, row_loss = 0;
    size_t stride = kernel_stride(units);
    memcpy(z, logits, units * sizeof *z);
    const struct mlp_spec spec = {.task = task};
    output_loss(&spec, 1, units, stride, z, &target, &row_loss);
    if (ret_output)
        memcpy(ret_output, z, units * sizeof *z);
    output_delta(&spec, 1, units, stride, z, &target, NULL, batch);
    if (ret_delta)
        memcpy(ret_delta, z, units * sizeof *z);
    for (size_t j = units; j < 32; j++)
        assert_true(z[j] == 0);
    return row_loss;
}

/* ---- regression ----------------------------------------------------------------------------------------------------- */

static void test_squared_error(void **state)
{
    double delta, out, z = EXTREME;
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++) {
        assert_true(loss_of(TASK_REGRESSION, 1, &z, -EXTREME, 4, &out, &delta) == 4e8); /* no 1/2 */
        assert_true(out == EXTREME && delta == 1e4);                                    /* 2 (yhat - y)/b */
        z = 3;
        assert_true(loss_of(TASK_REGRESSION, 1, &z, 3.5, 1, &out, &delta) == 0.25);
        assert_true(out == 3 && delta == -1);
        z = EXTREME;
    }
}

/* ---- binary --------------------------------------------------------------------------------------------------------- */

static void test_cross_entropy_of_extreme_logits(void **state)
{
    double delta, p, up = EXTREME, down = -EXTREME, zero = 0;
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++) {
        assert_true(loss_of(TASK_BINARY, 1, &up, 1, 1, &p, &delta) == 0 && p == 1 && delta == 0);
        assert_true(loss_of(TASK_BINARY, 1, &up, 0, 8, &p, &delta) == EXTREME && p == 1 && delta == 0.125);
        assert_true(loss_of(TASK_BINARY, 1, &down, 0, 1, &p, &delta) == 0 && p == 0 && delta == 0);
        assert_true(loss_of(TASK_BINARY, 1, &down, 1, 8, &p, &delta) == EXTREME && p == 0 && delta == -0.125);
        assert_near(loss_of(TASK_BINARY, 1, &zero, 1, 2, &p, &delta), 0.693147180559945309, 2 * DBL_EPSILON, 0);
        assert_true(p == 0.5 && delta == -0.25);
    }
}

/* A clamped probability would stop at a loss of about 35. Errors are of the logit's size: softplus(z) - z cancels. */
static void test_cross_entropy_at_every_size(void **state)
{
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++) {
        for (double z = -800; z <= 800; z += 0.37) {
            double p, delta;
            long double e = expl(-(long double)z), loss1 = log1pl(e), sigmoid = 1 / (1 + e);
            fixture_case("z = %g", z);
            assert_near(loss_of(TASK_BINARY, 1, &z, 1, 1, &p, &delta), (double)loss1, 2 * DBL_EPSILON, fmax(1, fabs(z)));
            assert_near(p, (double)sigmoid, 4 * DBL_EPSILON, DBL_MIN / DBL_EPSILON); /* under DBL_MIN it may be 0 */
            assert_near(delta, (double)(sigmoid - 1), 4 * DBL_EPSILON, 1);
            double mirrored = -z; /* class 0 at -z is class 1 at z */
            assert_near(loss_of(TASK_BINARY, 1, &mirrored, 0, 1, NULL, NULL), (double)loss1, 2 * DBL_EPSILON, 1);
        }
    }
}

/* ---- multiclass ----------------------------------------------------------------------------------------------------- */

static void test_softmax_of_extreme_logits(void **state)
{
    static const double z[] = {EXTREME, -EXTREME, 0}, all_down[] = {-EXTREME, -EXTREME, -EXTREME, -EXTREME};
    double p[4], d[4];
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++) {
        assert_true(loss_of(TASK_MULTICLASS, 3, z, 0, 1, p, d) == 0);
        assert_true(p[0] == 1 && p[1] == 0 && p[2] == 0 && d[0] == 0 && d[1] == 0 && d[2] == 0);
        assert_true(loss_of(TASK_MULTICLASS, 3, z, 1, 4, p, d) == 2 * EXTREME);
        assert_true(p[0] == 1 && d[0] == 0.25 && d[1] == -0.25 && d[2] == 0);
        assert_true(loss_of(TASK_MULTICLASS, 3, z, 2, 1, p, d) == EXTREME);
        assert_near(loss_of(TASK_MULTICLASS, 4, all_down, 3, 1, p, d), 1.38629436111989062, 2 * DBL_EPSILON, 0); /* log 4 */
        assert_true(p[0] == 0.25 && d[0] == 0.25 && d[3] == -0.75);
    }
}

static void test_softmax_at_every_size(void **state)
{
    uint64_t draw = 1;
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++) {
        for (unsigned round = 0; round < 2000; round++) {
            size_t units = 2 + round % 30, y = round % units;
            double z[32], p[32], d[32], size = pow(10, 2 + 2 * fixture_uniform(&draw)), sum = 0, balance = 0, top = -INFINITY;
            long double total = 0;
            for (size_t j = 0; j < units; j++)
                top = fmax(top, z[j] = size * fixture_uniform(&draw));
            for (size_t j = 0; j < units; j++)
                total += expl((long double)z[j] - (long double)top);
            fixture_case("%zu logits of size %g", units, size);
            double loss = loss_of(TASK_MULTICLASS, units, z, (double)y, 5, p, d);
            assert_near(loss, (double)(logl(total) + (long double)top - (long double)z[y]), 4 * DBL_EPSILON, 1);
            for (size_t j = 0; j < units; j++) {
                double exact = (double)(expl((long double)z[j] - (long double)top) / total);
                /* z - largest is rounded before its exponential is taken, which makes a relative error of an absolute one */
                assert_near(p[j], exact, (8 + top - z[j]) * DBL_EPSILON, DBL_MIN / DBL_EPSILON);
                assert_near(d[j], (p[j] - (j == y)) / 5, 4 * DBL_EPSILON, 0.2);
                sum += p[j];
                balance += d[j];
            }
            assert_near(sum, 1, 32 * DBL_EPSILON, 0);
            assert_near(balance, 0, 32 * DBL_EPSILON, 1); /* what is taken from one class goes to others */
        }
    }
}

/* Adding a number to all logits changes nothing: here one that leaves them exact. */
static void test_softmax_does_not_see_a_shift(void **state)
{
    static const double z[] = {1, -2, 3.5, 0}, far[] = {8193, 8190, 8195.5, 8192};
    double p[4], q[4];
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++) {
        assert_true(loss_of(TASK_MULTICLASS, 4, z, 1, 1, p, NULL) == loss_of(TASK_MULTICLASS, 4, far, 1, 1, q, NULL));
        assert_memory_equal(p, q, sizeof p);
    }
}

/* ---- many rows, and predictions ------------------------------------------------------------------------------------- */

/* Rows do not mix: the sum of a batch's losses, and each row's output and gradient, are those of the row alone. Predictions
 * (output_apply) are the same outputs. 71 rows: no multiple of any block. */
static void test_rows_are_alone(void **state)
{
    static const struct {
        enum task task;
        size_t units;
    } cases[] = {{TASK_REGRESSION, 1}, {TASK_BINARY, 1}, {TASK_MULTICLASS, 5}};
    enum { ROWS = 71 };
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++) {
        for (unsigned c = 0; c < 3; c++) {
            size_t units = cases[c].units;
            real z[ROWS * 16] = {0}, applied[ROWS * 16], y[ROWS], losses[ROWS];
            double p[ROWS][5], d[ROWS][5], sum = 0;
            uint64_t draw = 7;
            fixture_case("%s", task_name(cases[c].task));
            for (size_t r = 0; r < ROWS; r++) {
                for (size_t j = 0; j < units; j++)
                    z[r * 16 + j] = 30 * fixture_uniform(&draw);
                y[r] = (double)(r % (units + (units == 1)));
                sum += loss_of(cases[c].task, units, z + r * 16, y[r], ROWS, p[r], d[r]);
            }
            memcpy(applied, z, sizeof z);
            output_apply(cases[c].task, ROWS, units, 16, applied);
            const struct mlp_spec spec = {.task = cases[c].task};
            output_loss(&spec, ROWS, units, 16, z, y, losses);
            assert_near(output_sum(ROWS, losses, NULL), sum, 1e-13, 0);
            assert_memory_equal(z, applied, sizeof z);
            for (size_t r = 0; r < ROWS; r++)
                assert_memory_equal(z + r * 16, p[r], units * sizeof *z);
            output_delta(&spec, ROWS, units, 16, z, y, NULL, ROWS);
            for (size_t r = 0; r < ROWS; r++)
                assert_memory_equal(z + r * 16, d[r], units * sizeof *z);
        }
    }
}

/* ---- through a network ---------------------------------------------------------------------------------------------- */

/* One input of 1 and a weight of +-1e4: training goes on, from the loss that the formula says. */
static void test_training_from_extreme_logits(void **state)
{
    static const double losses[] = {[TASK_REGRESSION] = 1e8, [TASK_BINARY] = 5e3, [TASK_MULTICLASS] = 2e4 / 3};
    (void)state;
    for (int task = TASK_REGRESSION; task <= TASK_MULTICLASS; task++) {
        struct problem *p = problem_new((enum task)task, task == TASK_BINARY ? 2 : task == TASK_MULTICLASS ? 3 : 0, 1, 6, 1);
        struct mlp_spec s = spec_for(p, MLP_SGD, 1e-3, 0, 0);
        for (size_t r = 0; r < 6; r++) {
            p->x[r] = 1;
            p->y[r] = task == TASK_REGRESSION ? 0 : (double)(r % p->classes);
        }
        struct mlp_trainer *t = trainer_for(&s, p, p);
        for (size_t j = 0; j < s.outputs; j++)
            *parameter_at(network_of(t), j, NULL) = j ? 0 : EXTREME;
        fixture_case("%s", task_name(s.task));
        struct mlp_epoch e = one_epoch(t);
        assert_near(e.train_loss, losses[task], 1e-13, 0);
        assert_true(isfinite(e.valid_loss) && e.valid_loss < e.train_loss);
        assert_true(isfinite(e.layers[0].gradient_norm) && e.layers[0].gradient_norm > 0.1);
        mlp_trainer_free(t);
        problem_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_squared_error),
        cmocka_unit_test(test_cross_entropy_of_extreme_logits),
        cmocka_unit_test(test_cross_entropy_at_every_size),
        cmocka_unit_test(test_softmax_of_extreme_logits),
        cmocka_unit_test(test_softmax_at_every_size),
        cmocka_unit_test(test_softmax_does_not_see_a_shift),
        cmocka_unit_test(test_rows_are_alone),
        cmocka_unit_test(test_training_from_extreme_logits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
