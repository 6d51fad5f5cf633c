/* The trainer's promises beside its figures: stopping, diverging, what an epoch tells, memory. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/mem.h"
#include "core/nn/network.h"
#include "support/fixture.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- a source that meddles ------------------------------------------------------------------------------------------ */

/* Rows of a problem; at its nth call it raises the stop flag, or makes the first target of the batch something else. */
struct meddler {
    const struct problem *problem;
    unsigned calls, at;
    atomic_int *stop;
    bool poison;
    double y;
};

static void meddle(const void *context, const uint32_t *rows, size_t count, real *x, size_t stride, real *y, real *weights)
{
    struct meddler *m = (struct meddler *)(uintptr_t)context;
    mlp_matrix_gather(&m->problem->matrix, rows, count, x, stride, y, weights);
    if (++m->calls != m->at)
        return;
    if (m->stop)
        atomic_store(m->stop, 1);
    if (m->poison)
        y[0] = m->y;
}

static struct mlp_trainer *trainer_of(const struct mlp_spec *s, struct meddler *m, const struct problem *valid)
{
    struct mlp_source source = {.rows = m->problem->rows.count, .gather = meddle, .context = m};
    struct mlp_trainer *t = NULL;
    assert_int_equal(mlp_trainer_new(s, &source, valid ? &valid->source : NULL, &t, NULL), ERR_OK);
    return t;
}

/* ---- stopping ------------------------------------------------------------------------------------------------------- */

static void test_a_stop_is_seen_at_the_next_batch(void **state)
{
    (void)state;
    struct problem *p = problem_new(TASK_REGRESSION, 0, 3, 64, 3);
    for (unsigned batch = 1; batch <= 8; batch++) { /* batch 8 is the epoch's last: validation sees it */
        atomic_int stop = 0;
        struct meddler m = {.problem = p, .at = 2 * 8 + batch, .stop = &stop};
        struct mlp_spec s = spec_for(p, MLP_ADAM, 0.01, 8, 5, MLP_TANH, 0);
        struct mlp_trainer *t = trainer_of(&s, &m, p), *smooth = trainer_for(&s, p, p);
        struct mlp_epoch e = {0}, untouched, expected;
        struct err err = {0};
        for (unsigned n = 0; n < 2; n++)
            assert_int_equal(mlp_trainer_epoch(t, &stop, &e, NULL), ERR_OK);
        double *good = parameters_of(mlp_trainer_network(t), NULL);
        untouched = e;
        assert_int_equal(mlp_trainer_epoch(t, &stop, &e, &err), ERR_STOPPED);
        assert_int_equal(err.code, ERR_STOPPED);
        assert_int_equal(m.calls, 2 * 8 + batch); /* no batch more */
        assert_true(parameters_are(mlp_trainer_network(t), good));
        assert_memory_equal(&e, &untouched, sizeof e);
        assert_int_equal(mlp_trainer_epoch(t, &stop, &e, NULL), ERR_STOPPED); /* and none now */
        assert_int_equal(m.calls, 2 * 8 + batch);
        assert_true(parameters_are(mlp_trainer_network(t), good));
        stop = 0; /* going on is as if nothing had been */
        for (unsigned n = 0; n < 2; n++)
            one_epoch(smooth);
        expected = one_epoch(smooth);
        assert_int_equal(mlp_trainer_epoch(t, &stop, &e, NULL), ERR_OK);
        assert_int_equal(e.epoch, 3);
        assert_true(epochs_are_equal(&e, &expected));
        free(good);
        mlp_trainer_free(t);
        mlp_trainer_free(smooth);
    }
    problem_free(p);
}

/* A full batch is read in chunks, and so is the flag. */
static void test_a_stop_is_seen_within_a_full_batch(void **state)
{
    (void)state;
    struct problem *p = problem_new(TASK_REGRESSION, 0, 2, 3000, 4);
    atomic_int stop = 0;
    struct meddler m = {.problem = p, .at = 2, .stop = &stop};
    struct mlp_spec s = spec_for(p, MLP_ADAM, 0.01, 0, 4, MLP_RELU, 0);
    struct mlp_trainer *t = trainer_of(&s, &m, NULL);
    struct mlp_epoch e;
    double *good = parameters_of(mlp_trainer_network(t), NULL);
    assert_int_equal(mlp_trainer_epoch(t, &stop, &e, NULL), ERR_STOPPED);
    assert_int_equal(m.calls, 2);
    assert_true(parameters_are(mlp_trainer_network(t), good));
    free(good);
    mlp_trainer_free(t);
    problem_free(p);
}

/* ---- diverging ------------------------------------------------------------------------------------------------------ */

/* A loss that is not finite in epoch 3, batch 2. */
static void test_a_loss_that_is_not_finite(void **state)
{
    static const double poisons[] = {NAN, INFINITY, -INFINITY, 1e200}; /* the last one's square */
    (void)state;
    struct problem *p = problem_new(TASK_REGRESSION, 0, 3, 40, 5);
    for (unsigned i = 0; i < 4 * MLP_OPTIMIZERS; i++) {
        struct meddler m = {.problem = p, .at = 2 * 5 + 2, .poison = true, .y = poisons[i % 4]};
        struct mlp_spec s = spec_for(p, (enum mlp_optimizer)(i / 4), 0.01, 8, 5, MLP_TANH, 0);
        struct mlp_trainer *t = trainer_of(&s, &m, p);
        struct mlp_epoch e = {0}, untouched;
        struct err err = {0};
        for (unsigned n = 0; n < 2; n++)
            assert_int_equal(mlp_trainer_epoch(t, NULL, &e, NULL), ERR_OK);
        double *good = parameters_of(mlp_trainer_network(t), NULL);
        untouched = e;
        assert_int_equal(mlp_trainer_epoch(t, NULL, &e, &err), ERR_DIVERGED);
        assert_non_null(strstr(err.message, "epoch 3, batch 2"));
        assert_non_null(strstr(err.message, "loss"));
        assert_non_null(strstr(err.message, "0.01"));
        assert_int_equal(m.calls, 2 * 5 + 2);
        assert_true(parameters_are(mlp_trainer_network(t), good)); /* the last finite network */
        assert_memory_equal(&e, &untouched, sizeof e);
        assert_int_equal(mlp_trainer_epoch(t, NULL, &e, NULL), ERR_DIVERGED); /* the optimizer saw that row too */
        assert_int_equal(m.calls, 2 * 5 + 2);
        free(good);
        mlp_trainer_free(t);
    }
    problem_free(p);
}

/* A finite loss, but a step that no number holds. */
static void test_a_weight_that_is_not_finite(void **state)
{
    (void)state;
    struct problem *p = problem_new(TASK_REGRESSION, 0, 3, 20, 6);
    for (size_t r = 0; r < 20; r++)
        p->y[r] = -1e3;
    for (unsigned i = 0; use_kernels(i); i++) {
        struct mlp_spec s = spec_for(p, MLP_SGD, 1e307, 4, 0);
        struct mlp_trainer *t = trainer_for(&s, p, p);
        struct mlp_epoch e = {0};
        struct err err = {0};
        double *good = parameters_of(mlp_trainer_network(t), NULL), out[20];
        for (unsigned again = 0; again < 2; again++) {
            assert_int_equal(mlp_trainer_epoch(t, NULL, &e, &err), ERR_DIVERGED);
            assert_non_null(strstr(err.message, again ? "epoch 1:" : "epoch 1, batch 1: a weight"));
            assert_int_equal(e.epoch, 0);
            assert_true(parameters_are(mlp_trainer_network(t), good));
        }
        assert_int_equal(mlp_predict(mlp_trainer_network(t), p->x, 20, 3, out, NULL, NULL), ERR_OK);
        for (unsigned r = 0; r < 20; r++)
            assert_true(isfinite(out[r]));
        free(good);
        mlp_trainer_free(t);
    }
    problem_free(p);
}

/* The usual way: a linear model and a rate past the limit, for as many epochs as it takes. */
static void test_a_rate_too_large_diverges_in_the_end(void **state)
{
    (void)state;
    struct problem *p = problem_new(TASK_REGRESSION, 0, 3, 20, 7);
    struct mlp_spec s = spec_for(p, MLP_SGD, 5, 0, 0);
    struct mlp_trainer *t = trainer_for(&s, p, p);
    struct mlp_epoch e = {0};
    struct err err = {0};
    enum err_code code;
    double *good = parameters_of(mlp_trainer_network(t), NULL), before = 0;
    char expected[64];
    while (!(code = mlp_trainer_epoch(t, NULL, &e, &err))) {
        assert_true(e.epoch < 1000 && isfinite(e.train_loss) && e.train_loss >= before);
        before = e.train_loss;
        free(good);
        good = parameters_of(mlp_trainer_network(t), NULL);
    }
    assert_int_equal(code, ERR_DIVERGED);
    assert_true(e.epoch > 10);
    snprintf(expected, sizeof expected, "epoch %u, batch 1:", e.epoch + 1);
    assert_non_null(strstr(err.message, expected));
    assert_true(parameters_are(mlp_trainer_network(t), good));
    free(good);
    mlp_trainer_free(t);
    problem_free(p);
}

/* A validation row so far out that its outputs are inf - inf, while all weights are finite: that is divergence too. */
static void test_validation_that_overflows(void **state)
{
    (void)state;
    for (int task = TASK_REGRESSION; task <= TASK_MULTICLASS; task++) {
        uint32_t classes = task == TASK_REGRESSION ? 0 : task == TASK_BINARY ? 2 : 3;
        struct problem *p = problem_new((enum task)task, classes, 2, 20, 8);
        struct problem *v = problem_new((enum task)task, classes, 2, 9, 9);
        struct mlp_spec s = spec_for(p, MLP_SGD, 0.01, 4, 30, MLP_RELU, 0);
        struct mlp_trainer *t = trainer_for(&s, p, v);
        struct mlp_epoch e;
        v->x[6] = v->x[7] = INFINITY; /* what a value of 1e30 becomes once it is divided by a deviation of 1e-30 */
        alarm(20);
        enum err_code code = mlp_trainer_epoch(t, NULL, &e, NULL);
        alarm(0);
        assert_int_equal(code, ERR_DIVERGED);
        mlp_trainer_free(t);
        problem_free(p);
        problem_free(v);
    }
}

/* ---- what an epoch tells -------------------------------------------------------------------------------------------- */

static void test_without_validation_rows_figures_are_nan(void **state)
{
    (void)state;
    for (int task = TASK_REGRESSION; task <= TASK_MULTICLASS; task++) {
        uint32_t classes = task == TASK_REGRESSION ? 0 : task == TASK_BINARY ? 2 : 3;
        struct problem *p = problem_new((enum task)task, classes, 2, 20, 10);
        struct problem *none = problem_new((enum task)task, 0, 2, 0, 1);
        struct mlp_spec s = spec_for(p, MLP_ADAM, 0.01, 6, 4, MLP_TANH, 0);
        struct mlp_trainer *trainers[] = {trainer_for(&s, p, NULL), trainer_for(&s, p, none)};
        for (unsigned i = 0; i < 2; i++) {
            struct mlp_epoch e = one_epoch(trainers[i]);
            assert_true(isnan(e.valid_loss) && isfinite(e.train_loss));
            for (unsigned m = 0; m < MLP_METRICS_MAX; m++)
                assert_true(isnan(e.metric[m]));
            assert_true(e.learning_rate == 0.01 && e.seconds >= 0);
            mlp_trainer_free(trainers[i]);
        }
        problem_free(p);
        problem_free(none);
    }
}

/* The mean over the rows of what each lost before its update: with one batch, the loss of the weights before. */
static void test_train_loss_is_from_before_the_update(void **state)
{
    (void)state;
    struct problem *p = problem_new(TASK_BINARY, 2, 3, 30, 11);
    struct mlp_spec s = spec_for(p, MLP_SGD, 0.5, 0, 6, MLP_TANH, 0);
    struct mlp_trainer *t = trainer_for(&s, p, p);
    struct mlp_epoch first = one_epoch(t), second = one_epoch(t);
    fixture_case("train_loss");
    assert_near(second.train_loss, first.valid_loss, 1e-14, 0);
    assert_true(first.train_loss > first.valid_loss);
    mlp_trainer_free(t);
    problem_free(p);
}

/* ---- memory --------------------------------------------------------------------------------------------------------- */

/* Each allocation of a trainer fails once: no trainer, no leak (the sanitizer's to see), and the last try succeeds. */
static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    for (int task = TASK_REGRESSION; task <= TASK_MULTICLASS; task++) {
        uint32_t classes = task == TASK_REGRESSION ? 0 : task == TASK_BINARY ? 2 : 3;
        struct problem *p = problem_new((enum task)task, classes, 3, 20, 13);
        struct mlp_spec s = spec_for(p, MLP_ADAM, 0.01, 4, 5, MLP_TANH, 4, MLP_RELU, 0);
        for (int persistent = 0; persistent < 2; persistent++) {
            enum err_code code = ERR_NO_MEMORY;
            for (uint64_t nth = 1; code; nth++) {
                struct mlp_trainer *t = (struct mlp_trainer *)&s; /* not to be touched */
                struct err err = {0};
                mem_fail_at(nth, persistent);
                code = mlp_trainer_new(&s, &p->source, &p->source, &t, &err);
                mem_fail_at(0, 0);
                assert_true(nth < 100 && err.code == code);
                assert_true(code ? code == ERR_NO_MEMORY && t == (struct mlp_trainer *)&s : nth > 15);
                if (!code)
                    mlp_trainer_free(t);
            }
        }
        problem_free(p);
    }
    mlp_trainer_free(NULL);
}

/* An epoch allocates nothing: a run that has begun does not die of memory. */
static void test_an_epoch_allocates_nothing(void **state)
{
    (void)state;
    struct problem *p = problem_new(TASK_BINARY, 2, 3, 600, 14);
    struct mlp_spec s = spec_for(p, MLP_ADAM, 0.01, 0, 5, MLP_TANH, 0);
    struct mlp_trainer *t = trainer_for(&s, p, p);
    uint64_t before = mem_count();
    one_epoch(t);
    assert_int_equal(mem_count(), before);
    mlp_trainer_free(t);
    problem_free(p);
}

/* ---- beginning from weights ------------------------------------------------------------------------------------------- */

/* Gradient descent has no state but its weights: from them it goes on as if nothing had been. */
static void test_it_begins_from_the_weights_of_another(void **state)
{
    (void)state;
    struct problem *p = problem_new(TASK_MULTICLASS, 3, 4, 90, 15);
    struct mlp_spec s = spec_for(p, MLP_SGD, 0.1, 0, 6, MLP_TANH, 5, MLP_RELU, 0);
    struct mlp_trainer *t = trainer_for(&s, p, p), *other;
    for (int i = 0; i < 3; i++)
        one_epoch(t);
    s.seed += 100; /* other weights, were they not given */
    other = trainer_for(&s, p, p);
    double *given = parameters_of(mlp_trainer_network(t), NULL);
    assert_false(parameters_are(mlp_trainer_network(other), given));
    assert_int_equal(mlp_trainer_begin_from(other, mlp_trainer_network(t), NULL), ERR_OK);
    assert_true(parameters_are(mlp_trainer_network(other), given));
    struct mlp_epoch expected = one_epoch(t), e = one_epoch(other);
    assert_int_equal(e.epoch, 1);
    assert_true(e.train_loss == expected.train_loss && e.valid_loss == expected.valid_loss);
    double *after = parameters_of(mlp_trainer_network(t), NULL);
    assert_true(parameters_are(mlp_trainer_network(other), after));
    mlp_trainer_free(t);
    mlp_trainer_free(other);
    free(given);
    free(after);
    problem_free(p);
}

static void test_it_begins_from_its_own_shape_only(void **state)
{
    (void)state;
    struct problem *p = problem_new(TASK_BINARY, 2, 4, 30, 16), *wide = problem_new(TASK_BINARY, 2, 6, 30, 16);
    struct mlp_spec s = spec_for(p, MLP_SGD, 0.1, 0, 6, MLP_TANH, 5, MLP_RELU, 0), normalized = s;
    normalized.hidden[0].batch_normalization = true;
    struct mlp_spec others[] = {spec_for(p, MLP_SGD, 0.1, 0, 5, MLP_TANH, 6, MLP_RELU, 0), spec_for(p, MLP_SGD, 0.1, 0, 6, MLP_TANH, 0),
                                spec_for(wide, MLP_SGD, 0.1, 0, 6, MLP_TANH, 5, MLP_RELU, 0), normalized};
    struct mlp_trainer *t = trainer_for(&s, p, NULL);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct mlp_trainer *other = trainer_for(&others[i], i == 2 ? wide : p, NULL);
        double *own = parameters_of(mlp_trainer_network(other), NULL);
        assert_int_equal(mlp_trainer_begin_from(other, mlp_trainer_network(t), NULL), ERR_INVALID);
        assert_true(parameters_are(mlp_trainer_network(other), own));
        mlp_trainer_free(other);
        free(own);
    }
    mlp_trainer_free(t);
    problem_free(p);
    problem_free(wide);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stop_is_seen_at_the_next_batch),
        cmocka_unit_test(test_a_stop_is_seen_within_a_full_batch),
        cmocka_unit_test(test_a_loss_that_is_not_finite),
        cmocka_unit_test(test_a_weight_that_is_not_finite),
        cmocka_unit_test(test_a_rate_too_large_diverges_in_the_end),
        cmocka_unit_test(test_validation_that_overflows),
        cmocka_unit_test(test_without_validation_rows_figures_are_nan),
        cmocka_unit_test(test_train_loss_is_from_before_the_update),
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_an_epoch_allocates_nothing),
        cmocka_unit_test(test_it_begins_from_the_weights_of_another),
        cmocka_unit_test(test_it_begins_from_its_own_shape_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
