/* Metrics, evaluations and predictions against their definitions: ties, classes that are missing, figures that are not
 * defined, and networks that no longer answer with numbers. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/mem.h"
#include "core/nn/evaluation.h"
#include "core/nn/metrics.h"
#include "support/fixture.h"
#include <float.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The metrics of these outputs (rows x units, no padding), fed in two parts. */
static void metrics_of(enum task task, uint32_t units, size_t rows, const real *out, const real *y, double loss,
                       double *ret_loss, double metric[MLP_METRICS_MAX])
{
    struct mlp_spec s;
    struct metrics m;
    size_t first = rows / 3;
    real *losses = calloc(rows + 1, sizeof *losses);
    assert_non_null(losses);
    losses[0] += loss / 4;
    losses[first] += loss - loss / 4;
    mlp_spec_default(&s);
    s.task = task;
    s.outputs = units;
    s.target_deviations = (const double[]){4, 8};
    assert_int_equal(metrics_init(&m, &s, rows, NULL), ERR_OK);
    for (unsigned twice = 0; twice < 2; twice++) { /* an epoch must not see the one before */
        metrics_start(&m);
        metrics_add(&m, first, units, out, y, losses, NULL);
        metrics_add(&m, rows - first, units, out + first * units, y + first, losses + first, NULL);
        metrics_finish(&m, ret_loss, metric);
    }
    metrics_done(&m);
    free(losses);
}

/* ---- area under the ROC curve --------------------------------------------------------------------------------------- */

static double auc(const real *score, const real *y, size_t rows)
{
    double loss, metric[MLP_METRICS_MAX];
    metrics_of(TASK_BINARY, 1, rows, score, y, 1, &loss, metric);
    return metric[3];
}

static void test_roc_auc_of_known_orders(void **state)
{
    static const real rising[] = {.1, .2, .3, .4, .6, .7}, level[] = {.5, .5, .5, .5, .5, .5};
    static const real pairs[] = {.1, .1, .5, .5, .9, .9};
    static const real right[] = {0, 0, 0, 1, 1, 1}, wrong[] = {1, 1, 1, 0, 0, 0}, mixed[] = {0, 1, 0, 1, 0, 1};
    static const real all[] = {1, 1, 1, 1, 1, 1}, none[6] = {0};
    (void)state;
    assert_true(auc(rising, right, 6) == 1 && auc(rising, wrong, 6) == 0);
    assert_near(auc(rising, mixed, 6), 6.0 / 9, DBL_EPSILON, 0);
    assert_true(auc(level, right, 6) == 0.5); /* all tied: no better than chance, in whatever order they come */
    assert_true(auc(level, wrong, 6) == 0.5 && auc(level, mixed, 6) == 0.5);
    assert_near(auc(pairs, mixed, 6), 4.5 / 9, DBL_EPSILON, 0); /* three pairs won, three tied */
    assert_true(isnan(auc(rising, all, 6)) && isnan(auc(rising, none, 6)));
}

static void test_roc_auc_with_ties(void **state)
{
    uint64_t draw = 1;
    (void)state;
    for (size_t rows = 2; rows < 120; rows++) {
        real score[120], y[120];
        for (size_t r = 0; r < rows; r++) {
            score[r] = floor((double)(2 + rows % 7) * (fixture_uniform(&draw) + 1) / 2) / 10; /* few values: many ties */
            y[r] = fixture_uniform(&draw) > 0.3;
        }
        fixture_case("%zu rows", rows);
        assert_near(auc(score, y, rows), oracle_roc_auc(score, y, rows), 1e-14, 0);
    }
}

/* ---- classes -------------------------------------------------------------------------------------------------------- */

static void test_f1_macro_and_accuracy(void **state)
{
    uint64_t draw = 2;
    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        size_t rows = 1 + round % 40, right = 0;
        uint32_t classes = 2 + round % 6, seen = 1 + round % classes; /* the rest: in neither y nor predictions */
        real out[40 * 8] = {0}, y[40];
        unsigned predicted[40];
        double loss, metric[MLP_METRICS_MAX];
        for (size_t r = 0; r < rows; r++) {
            y[r] = floor(seen * (fixture_uniform(&draw) + 1) / 2);
            predicted[r] = (unsigned)(seen * (fixture_uniform(&draw) + 1) / 2);
            out[r * classes + predicted[r]] = 1;
            right += predicted[r] == (unsigned)y[r];
        }
        fixture_case("%zu rows, %u classes", rows, classes);
        metrics_of(TASK_MULTICLASS, classes, rows, out, y, 7, &loss, metric);
        assert_near(loss, 7 / (double)rows, DBL_EPSILON, 0);
        assert_true(metric[1] == loss);
        assert_near(metric[0], (double)right / (double)rows, DBL_EPSILON, 0);
        assert_near(metric[2], oracle_f1_macro(y, predicted, rows, classes), 1e-14, 0);
        assert_true(isnan(metric[3]));
    }
}

static void test_the_winner(void **state)
{
    static const real tied[] = {.2, .4, .4}, half = 0.5, less = 0.4999;
    (void)state;
    assert_int_equal(metrics_winner(TASK_MULTICLASS, 3, tied), 1);
    assert_int_equal(metrics_winner(TASK_BINARY, 2, &half), 1);
    assert_int_equal(metrics_winner(TASK_BINARY, 2, &less), 0);
}

/* ---- regression ----------------------------------------------------------------------------------------------------- */

static void test_regression_in_its_own_units(void **state)
{
    static const real y[] = {1, 2, 3, 4}, out[] = {1.5, 2, 2, 4}, same[] = {3, 3, 3, 3};
    double loss, metric[MLP_METRICS_MAX];
    (void)state;
    metrics_of(TASK_REGRESSION, 1, 4, out, y, 1.25, &loss, metric);
    assert_true(loss == 0.3125);                                                 /* standardized */
    assert_near(metric[0], 4 * 0.55901699437494742, DBL_EPSILON, 0);             /* 4 sqrt(5/16): the raw target's */
    assert_true(metric[1] == 4 * 0.375 && metric[2] == 0.75 && isnan(metric[3])); /* 1 - 1.25/5 */
    metrics_of(TASK_REGRESSION, 1, 4, out, same, 1, &loss, metric);
    assert_true(isfinite(metric[0]) && isfinite(metric[1]) && isnan(metric[2])); /* nothing to explain */
    metrics_of(TASK_REGRESSION, 1, 1, out, y, 1, &loss, metric);
    assert_true(isfinite(metric[0]) && isnan(metric[2]));
}

static void test_no_rows_no_figures(void **state)
{
    double loss, metric[MLP_METRICS_MAX];
    (void)state;
    for (int task = TASK_REGRESSION; task <= TASK_MULTILABEL; task++) {
        metrics_of((enum task)task, task >= TASK_MULTICLASS ? 3 : 1, 0, NULL, NULL, 0, &loss, metric);
        assert_true(isnan(loss) && isnan(metric[0]) && isnan(metric[1]) && isnan(metric[2]) && isnan(metric[3]));
    }
}

/* ---- names ---------------------------------------------------------------------------------------------------------- */

static void test_names(void **state)
{
    static const char *const names[][5] = {
        [TASK_AUTO] = {NULL},
        [TASK_REGRESSION] = {"valid_rmse", "valid_mae", "valid_r2", NULL},
        [TASK_BINARY] = {"valid_accuracy", "valid_log_loss", "valid_f1_macro", "valid_roc_auc", NULL},
        [TASK_MULTICLASS] = {"valid_accuracy", "valid_log_loss", "valid_f1_macro", NULL},
        [TASK_MULTILABEL] = {"valid_accuracy", "valid_log_loss", "valid_f1_macro", NULL},
    };
    (void)state;
    for (int task = TASK_AUTO; task <= TASK_MULTILABEL; task++) {
        unsigned i = 0;
        for (; names[task][i]; i++)
            assert_string_equal(mlp_metric_name((enum task)task, i), names[task][i]);
        for (; i < 8; i++)
            assert_null(mlp_metric_name((enum task)task, i));
    }
}

/* ---- answers that are no numbers ------------------------------------------------------------------------------------ */

/* A row far outside of what the network knows can overflow to inf - inf: the weights are finite, its output is NAN. What
 * it does to the figures is one thing; that they come back at all is another, so an alarm ends the wait. */
static void test_scores_that_are_nan_come_to_an_end(void **state)
{
    real score[] = {.1, NAN, .7, NAN, .2}, y[] = {0, 1, 1, 0, 1};
    (void)state;
    alarm(20);
    double area = auc(score, y, 5);
    assert_true(isnan(area));
    struct evaluation e = {.task = TASK_BINARY, .rows = 5, .classes = 2, .outputs = 1, .out = score, .y = y};
    struct evaluation_curve *c = calloc(1, sizeof *c);
    assert_non_null(c);
    for (uint32_t class = 0; class < 2; class++) {
        assert_int_equal(evaluation_curve(&e, class, c, NULL), ERR_OK);
        assert_true(c->count == 0 && isnan(c->roc_auc) && isnan(c->average_precision));
    }
    free(c);
    alarm(0);
}

/* ---- evaluations ---------------------------------------------------------------------------------------------------- */

static void check_evaluation(enum task task, uint32_t classes)
{
    struct problem *p = problem_new(task, classes, 4, 600, 3); /* several times the rows that are evaluated at once */
    struct mlp_spec s = spec_for(p, MLP_ADAM, 0.01, 50, 8, MLP_TANH, 0);
    s.target_deviations = (const double[]){3, 1, 2};
    struct mlp_trainer *t = trainer_for(&s, p, p);
    struct mlp_epoch epoch = one_epoch(t);
    struct oracle *o = oracle_new(mlp_trainer_network(t));
    struct evaluation e;
    fixture_case("evaluation, %s", task_name(task));
    assert_int_equal(mlp_evaluate(mlp_trainer_network(t), &p->source, NULL, &e, NULL), ERR_OK);
    assert_int_equal(e.rows, 600);
    assert_int_equal(e.outputs, s.outputs);
    assert_int_equal(e.classes, classes);
    assert_near(e.loss, epoch.valid_loss, 1e-12, 0);
    for (unsigned i = 0; i < MLP_METRICS_MAX; i++)
        assert_near(e.metric[i], epoch.metric[i], 1e-12, 1);
    for (size_t r = 0; r < 600; r++) {
        oracle_forward(o, p->x + r * 4);
        assert_true(e.y[r] == p->y[r]);
        for (unsigned j = 0; j < s.outputs; j++)
            assert_near(e.out[r * s.outputs + j], o->layer[1].a[j], 1e-12, 1e-3);
    }
    evaluation_done(&e);
    oracle_free(o);
    mlp_trainer_free(t);
    problem_free(p);
}

static void test_an_evaluation_is_the_epochs_validation(void **state)
{
    (void)state;
    check_evaluation(TASK_REGRESSION, 0);
    check_evaluation(TASK_BINARY, 2);
    check_evaluation(TASK_MULTICLASS, 4);
}

/* ---- predictions ---------------------------------------------------------------------------------------------------- */

/* Any number of rows, with or without scratch, from a matrix whose rows are wider than the network's inputs. */
static void check_predictions(struct oracle *o, const struct mlp_network *n, size_t rows)
{
    enum { STRIDE = 7, INPUTS = 4, CLASSES = 3 };
    real *x = calloc(rows * STRIDE + 1, sizeof *x), *out = calloc(rows * CLASSES + 1, sizeof *out);
    real *again = calloc(rows * CLASSES + 1, sizeof *again), *scratch = calloc(mlp_predict_scratch(n, rows) + 1, sizeof *x);
    uint64_t draw = rows;
    assert_true(x && out && again && scratch);
    for (size_t i = 0; i < rows * STRIDE; i++)
        x[i] = i % STRIDE < INPUTS ? 3 * fixture_uniform(&draw) : NAN;
    out[rows * CLASSES] = again[rows * CLASSES] = scratch[mlp_predict_scratch(n, rows)] = 1e300;
    assert_int_equal(mlp_predict(n, x, rows, STRIDE, out, NULL, NULL), ERR_OK);
    assert_int_equal(mlp_predict(n, x, rows, STRIDE, again, scratch, NULL), ERR_OK);
    assert_memory_equal(out, again, (rows * CLASSES + 1) * sizeof *out);
    assert_true(out[rows * CLASSES] == 1e300 && scratch[mlp_predict_scratch(n, rows)] == 1e300);
    for (size_t r = 0; r < rows; r++) {
        oracle_forward(o, x + r * STRIDE);
        for (unsigned k = 0; k < CLASSES; k++)
            assert_near(out[r * CLASSES + k], o->layer[o->layers - 1].a[k], 1e-13, 1e-3);
    }
    if (rows) {
        struct err err = {0};
        mem_fail_at(1, 0);
        assert_int_equal(mlp_predict(n, x, rows, STRIDE, out, NULL, &err), ERR_NO_MEMORY);
        mem_fail_at(0, 0);
        assert_int_equal(err.code, ERR_NO_MEMORY);
    }
    free(x);
    free(out);
    free(again);
    free(scratch);
}

static void test_predictions(void **state)
{
    static const size_t rows[] = {0, 1, 2, 255, 256, 257, 700};
    (void)state;
    struct problem *p = problem_new(TASK_MULTICLASS, 3, 4, 50, 4);
    for (unsigned i = 0; use_kernels(i); i++) {
        struct mlp_spec s = spec_for(p, MLP_ADAM, 0.01, 10, 5, MLP_TANH, 40, MLP_RELU, 2, MLP_SIGMOID, 0);
        struct mlp_trainer *t = trainer_for(&s, p, NULL);
        one_epoch(t);
        struct oracle *o = oracle_new(mlp_trainer_network(t));
        for (unsigned c = 0; c < sizeof rows / sizeof *rows; c++) {
            fixture_case("%zu rows", rows[c]);
            check_predictions(o, mlp_trainer_network(t), rows[c]);
        }
        oracle_free(o);
        mlp_trainer_free(t);
    }
    problem_free(p);
}

static void test_an_evaluation_without_memory(void **state)
{
    (void)state;
    struct problem *p = problem_new(TASK_BINARY, 2, 4, 30, 5);
    struct mlp_spec s = spec_for(p, MLP_SGD, 0.01, 10, 5, MLP_TANH, 0);
    struct mlp_trainer *t = trainer_for(&s, p, NULL);
    enum err_code code = ERR_NO_MEMORY;
    for (uint64_t nth = 1; code; nth++) {
        struct evaluation e;
        struct err err = {0};
        assert_true(nth < 100);
        mem_fail_at(nth, 0);
        code = mlp_evaluate(mlp_trainer_network(t), &p->source, NULL, &e, &err);
        mem_fail_at(0, 0);
        assert_true(code == err.code && (code ? code == ERR_NO_MEMORY : nth > 5));
        evaluation_done(&e); /* in every case */
    }
    mlp_trainer_free(t);
    problem_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roc_auc_of_known_orders),
        cmocka_unit_test(test_roc_auc_with_ties),
        cmocka_unit_test(test_f1_macro_and_accuracy),
        cmocka_unit_test(test_the_winner),
        cmocka_unit_test(test_regression_in_its_own_units),
        cmocka_unit_test(test_no_rows_no_figures),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_scores_that_are_nan_come_to_an_end),
        cmocka_unit_test(test_an_evaluation_is_the_epochs_validation),
        cmocka_unit_test(test_predictions),
        cmocka_unit_test(test_an_evaluation_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
