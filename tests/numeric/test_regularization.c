/* Losses, penalties, decay, clipping, schedules, and weights of rows and classes: whole epochs against the oracle. Tolerances as
 * in test_epochs.c. Runs with every table of kernels. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/nn/output.h"
#include "core/nn/trainer.h"
#include "support/fixture.h"
#include <stdlib.h>
#include <string.h>

#define TOLERANCE 1e-10

static const struct {
    enum task task;
    uint32_t classes;
} tasks[] = {{TASK_REGRESSION, 0}, {TASK_BINARY, 2}, {TASK_MULTICLASS, 3}, {TASK_REGRESSION, 3}, {TASK_MULTILABEL, 3}};
#define TASKS (sizeof tasks / sizeof *tasks)

struct pair {
    struct problem *train, *valid;
};

static struct pair pair_new(unsigned task, size_t rows)
{
    return (struct pair){problem_new(tasks[task].task, tasks[task].classes, 5, rows, 1),
                         problem_new(tasks[task].task, tasks[task].classes, 5, 21, 2)};
}

static void pair_free(struct pair p)
{
    problem_free(p.train);
    problem_free(p.valid);
}

/* A network that every optimizer and task is tried with. */
static struct mlp_spec network(struct pair p, enum mlp_optimizer optimizer, uint32_t batch)
{
    struct mlp_spec s = spec_for(p.train, optimizer, optimizer == MLP_ADADELTA ? 1 : 0.01, batch, 19, MLP_TANH, 7,
                                 MLP_LEAKY_RELU, 0);
    s.epochs = 6;
    return s;
}

/* ---- losses of regression ------------------------------------------------------------------------------------------- */

static void test_every_loss(void **state)
{
    (void)state;
    struct pair p = pair_new(0, 43);
    for (unsigned i = 0; use_kernels(i); i++) {
        for (int loss = 0; loss < MLP_LOSSES; loss++) {
            for (double delta = 0.3; delta < 2; delta += 1) {
                struct mlp_spec s = network(p, MLP_ADAM, 8);
                s.loss = (enum mlp_loss)loss;
                s.huber_delta = delta;
                fixture_case("%s, delta %g", mlp_loss_name(loss), delta);
                compare_training(&s, p.train, p.valid, 4, TOLERANCE);
            }
        }
    }
    pair_free(p);
}

/* By hand: errors of -3, 0.5 and 0 at delta 1. */
static void test_losses_by_hand(void **state)
{
    static const double losses[MLP_LOSSES][3] = {{9, 0.25, 0}, {3, 0.5, 0}, {2.5, 0.125, 0}};
    static const double deltas[MLP_LOSSES][3] = {{-6, 1, 0}, {-1, 1, 0}, {-1, 0.5, 0}};
    (void)state;
    for (int l = 0; l < MLP_LOSSES; l++) {
        struct mlp_spec s = {.task = TASK_REGRESSION, .loss = (enum mlp_loss)l, .huber_delta = 1};
        real z[3 * 16] = {[0] = 1, [16] = 2.5, [32] = 7}, y[3] = {4, 2, 7}, loss[3], weights[3] = {1, 3, 2};
        fixture_case("%s", mlp_loss_name(l));
        output_loss(&s, 3, 1, 16, z, y, loss);
        output_delta(&s, 3, 1, 16, z, y, weights, 6);
        for (unsigned r = 0; r < 3; r++) {
            assert_near(loss[r], losses[l][r], 1e-15, 1);
            assert_near(z[r * 16], deltas[l][r] * weights[r] / 6, 1e-15, 1);
        }
    }
}

/* ---- penalties, decay, clipping ------------------------------------------------------------------------------------- */

static void test_penalties_decay_and_clipping(void **state)
{
    static const struct {
        double l1, l2, weight_decay, clip_norm;
    } cases[] = {{0.02, 0, 0, 0}, {0, 0.05, 0, 0}, {0.01, 0.03, 0, 0}, {0, 0, 0.7, 0},
                 {0, 0, 0, 0.1},  {0, 0, 0, 1e3},  {0.01, 0.03, 0.7, 0.2}};
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++) {
        for (unsigned c = 0; c < sizeof cases / sizeof *cases; c++) {
            for (unsigned task = 0; task < TASKS; task++) {
                struct pair p = pair_new(task, 43);
                struct mlp_spec s = network(p, (enum mlp_optimizer)((c + task) % MLP_OPTIMIZERS), 8);
                s.l1 = cases[c].l1;
                s.l2 = cases[c].l2;
                s.optimizer.weight_decay = cases[c].weight_decay;
                s.clip_norm = cases[c].clip_norm;
                fixture_case("%s, l1 %g, l2 %g, decay %g, clip %g, %s", mlp_optimizer_name((int)s.optimizer.name), s.l1, s.l2,
                             s.optimizer.weight_decay, s.clip_norm, task_name(s.task));
                compare_training(&s, p.train, p.valid, 3, TOLERANCE);
                pair_free(p);
            }
        }
    }
}

/* Large enough for pieces, and a batch of several chunks: the same with any number of threads, and as the oracle says. */
static void test_in_chunks(void **state)
{
    (void)state;
    struct pair p = pair_new(2, 1300);
    for (unsigned i = 0; use_kernels(i); i++) {
        struct mlp_spec s = network(p, MLP_ADAMW, 0);
        s.l1 = 0.001;
        s.l2 = 0.01;
        s.clip_norm = 0.5;
        compare_training(&s, p.train, p.valid, 3, TOLERANCE);
    }
    pair_free(p);
}

/* The biases are not pulled: a network whose inputs say nothing learns the mean all the same. */
static void test_biases_are_free(void **state)
{
    (void)state;
    struct problem *p = problem_new(TASK_REGRESSION, 0, 2, 20, 3);
    memset(p->x, 0, 40 * sizeof *p->x);
    for (size_t r = 0; r < 20; r++)
        p->y[r] = 3;
    struct mlp_spec s = spec_for(p, MLP_SGD, 0.1, 0, 0);
    s.l1 = s.l2 = 0.5;
    s.optimizer.weight_decay = 0.5;
    struct mlp_trainer *t = trainer_for(&s, p, NULL);
    struct mlp_epoch e;
    for (unsigned i = 0; i < 200; i++)
        e = one_epoch(t);
    double *all = parameters_of(mlp_trainer_network(t), NULL);
    assert_near(all[2], 3, 1e-9, 0);
    assert_near(e.train_loss, 0.5 * (fabs(all[0]) + fabs(all[1])) + 0.25 * (all[0] * all[0] + all[1] * all[1]), 1e-2, 1e-3);
    free(all);
    mlp_trainer_free(t);
    problem_free(p);
}

/* ---- schedules ------------------------------------------------------------------------------------------------------ */

static void test_every_schedule(void **state)
{
    (void)state;
    struct pair p = pair_new(1, 43);
    for (int name = 0; name < MLP_SCHEDULES; name++) {
        for (uint32_t warmup = 0; warmup <= 2; warmup++) {
            struct mlp_spec s = network(p, MLP_MOMENTUM, 8);
            s.epochs = 7;
            s.schedule = (struct mlp_schedule_spec){(enum mlp_schedule)name, 0.4, 0.7, warmup ? 0 : 3e-4, 2, warmup};
            fixture_case("%s, warm-up %u", mlp_schedule_name(name), warmup);
            compare_training(&s, p.train, p.valid, 7, TOLERANCE); /* the plateau's factor stays 1 */
        }
    }
    pair_free(p);
}

/* By hand: losses fall until epoch 3, then rise. */
static void test_a_plateau(void **state)
{
    static const double losses[] = {5, 4, 3, 3, 4, 4, 2, 2, 2, 2};
    static const double rates[] = {1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25}; /* of the epoch, before its loss is known */
    (void)state;
    struct mlp_spec s;
    struct progress p;
    mlp_spec_default(&s);
    s.optimizer.learning_rate = 1;
    s.schedule = (struct mlp_schedule_spec){.name = MLP_PLATEAU, .factor = 0.5, .every = 2};
    for (unsigned with_valid = 0; with_valid < 2; with_valid++) {
        progress_start(&p);
        for (uint32_t e = 0; e < 10; e++) {
            struct mlp_epoch epoch = {.epoch = e + 1, .train_loss = with_valid ? 7 : losses[e],
                                      .valid_loss = with_valid ? losses[e] : NAN};
            bool best;
            fixture_case("epoch %u", e + 1);
            assert_near(progress_rate(&p, &s, e, 1), rates[e], 0, 0);
            assert_int_equal(progress_epoch(&p, &s, &epoch, &best), MLP_GO_ON);
        }
    }
    s.schedule.minimum = 0.3;
    assert_near(progress_rate(&p, &s, 10, 1), 0.3, 0, 0);
}

/* ---- weights -------------------------------------------------------------------------------------------------------- */

static void test_weights_of_rows_and_classes(void **state)
{
    static const double weights[] = {1, 0.25, 3, 2}, class_weights[] = {0.5, 2, 1};
    static const uint32_t batches[] = {0, 1, 8};
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++) {
        for (unsigned c = 0; c < TASKS * 3; c++) {
            struct pair p = pair_new(c % TASKS, c < TASKS ? 1300 : 43);
            struct mlp_spec s = network(p, MLP_ADAM, batches[c / TASKS]);
            problem_weigh(p.train, weights, 4);
            s.class_weights = p.train->classes ? class_weights : NULL;
            s.l2 = 0.01;
            fixture_case("%s, batch %u", task_name(s.task), s.batch_size);
            compare_training(&s, p.train, p.valid, 3, TOLERANCE);
            pair_free(p);
        }
    }
}

/* The same rows, each as often as its weight says. */
static struct problem *repeated(const struct problem *p, const unsigned *times, size_t count)
{
    size_t rows = 0, at = 0;
    for (size_t r = 0; r < p->rows.count; r++)
        rows += times[r % count];
    struct problem *other = problem_new(p->task, p->classes ? p->classes : p->targets, p->inputs, rows, 9);
    for (size_t r = 0; r < p->rows.count; r++) {
        for (unsigned k = 0; k < times[r % count]; k++, at++) {
            memcpy(other->x + at * p->inputs, p->x + r * p->inputs, p->inputs * sizeof *p->x);
            memcpy(other->y + at * p->targets, p->y + r * p->targets, p->targets * sizeof *p->y);
        }
    }
    return other;
}

/* In training and validation, losses and metrics: a full batch, since an order has another number of rows. */
static void test_a_weight_is_a_number_of_rows(void **state)
{
    static const double weights[] = {2, 1, 3};
    static const unsigned times[] = {2, 1, 3};
    (void)state;
    for (unsigned task = 0; task < TASKS; task++) {
        struct pair p = pair_new(task, 43), q = {repeated(p.train, times, 3), repeated(p.valid, times, 3)};
        struct mlp_spec s = network(p, MLP_MOMENTUM, 0);
        problem_weigh(p.train, weights, 3);
        problem_weigh(p.valid, weights, 3);
        struct mlp_trainer *a = trainer_for(&s, p.train, p.valid), *b = trainer_for(&s, q.train, q.valid);
        for (unsigned i = 0; i < 4; i++) {
            struct mlp_epoch e = one_epoch(a), f = one_epoch(b);
            fixture_case("%s, epoch %u", task_name(s.task), i);
            assert_near(e.train_loss, f.train_loss, TOLERANCE, 0);
            assert_near(e.valid_loss, f.valid_loss, TOLERANCE, 0);
            for (unsigned m = 0; m < MLP_METRICS_MAX; m++)
                assert_near(e.metric[m], f.metric[m], TOLERANCE, 1e-3);
        }
        mlp_trainer_free(a);
        mlp_trainer_free(b);
        pair_free(p);
        pair_free(q);
    }
}

/* ---- stopping ------------------------------------------------------------------------------------------------------- */

static void test_early_stopping_by_hand(void **state)
{
    static const double losses[] = {5, 4, 3.95, 3, 3.5, 2.95, 3.1, 9};
    static const bool best[] = {true, true, false, true, false, false, false};
    (void)state;
    struct mlp_spec s;
    struct progress p;
    mlp_spec_default(&s);
    s.stopping.early = true;
    s.stopping.patience = 3;
    s.stopping.min_delta = 0.1;
    progress_start(&p);
    for (uint32_t e = 0; e < 7; e++) {
        struct mlp_epoch epoch = {.epoch = e + 1, .train_loss = -1.0 * e, .valid_loss = losses[e]};
        bool is_best;
        fixture_case("epoch %u", e + 1);
        assert_int_equal(progress_epoch(&p, &s, &epoch, &is_best), e == 6 ? MLP_STOP_PATIENCE : MLP_GO_ON);
        assert_true(is_best == best[e]);
    }
    assert_int_equal(p.best_epoch, 4);
}

/* A metric of which more is better, and one that is not defined at first. */
static void test_a_watched_metric(void **state)
{
    static const double r2[] = {NAN, -2, 0.5, 0.4};
    (void)state;
    struct mlp_spec s;
    struct progress p;
    mlp_spec_default(&s);
    s.stopping.early = true;
    s.stopping.metric = 2;
    progress_start(&p);
    for (uint32_t e = 0; e < 4; e++) {
        struct mlp_epoch epoch = {.epoch = e + 1, .train_loss = 1, .valid_loss = e, .metric = {0, 0, r2[e]}};
        bool is_best;
        assert_int_equal(progress_epoch(&p, &s, &epoch, &is_best), MLP_GO_ON);
        assert_true(is_best == (e < 3));
    }
    assert_int_equal(p.best_epoch, 3);
}

static void test_targets_and_time(void **state)
{
    (void)state;
    struct mlp_spec s;
    struct mlp_epoch e = {.epoch = 1, .train_loss = 0.5, .valid_loss = 0.7, .seconds = 2};
    struct progress p;
    bool best;
    for (unsigned c = 0; c < 6; c++) {
        static const enum mlp_stop expected[] = {MLP_STOP_TRAIN_LOSS, MLP_GO_ON, MLP_STOP_VALID_LOSS,
                                                 MLP_GO_ON,           MLP_STOP_SECONDS, MLP_GO_ON};
        mlp_spec_default(&s);
        s.stopping.train_loss = c == 0 ? 0.5 : c == 1 ? 0.49 : NAN;
        s.stopping.valid_loss = c == 2 ? 0.7 : c == 3 ? 0.69 : NAN;
        s.stopping.seconds = c == 4 ? 4 : c == 5 ? 4.1 : NAN;
        progress_start(&p);
        assert_int_equal(progress_epoch(&p, &s, &e, &best), c == 0 || c == 2 ? expected[c] : MLP_GO_ON);
        assert_int_equal(progress_epoch(&p, &s, &e, &best), expected[c]);
    }
    assert_string_equal(mlp_stop_name(MLP_STOP_PATIENCE), "early_stopping");
    assert_null(mlp_stop_name(MLP_GO_ON));
    assert_null(mlp_stop_name(MLP_STOPS));
}

/* The result is the best epoch's network, whether patience ran out or not, and the last one's without early stopping. */
static void test_the_best_weights_are_the_result(void **state)
{
    (void)state;
    struct pair p = pair_new(1, 30);
    for (unsigned early = 0; early < 2; early++) {
        struct mlp_spec s = spec_for(p.train, MLP_ADAM, 0.05, 4, 30, MLP_TANH, 0); /* overfits soon */
        s.stopping.early = early;
        s.stopping.patience = 1000;
        struct mlp_trainer *t = trainer_for(&s, p.train, p.valid);
        double least = INFINITY, *best = NULL, *last = NULL;
        uint32_t epoch = 0;
        assert_int_equal(mlp_trainer_settle(t), 0);
        for (uint32_t i = 1; i <= 40; i++) {
            struct mlp_epoch e = one_epoch(t);
            free(last);
            last = parameters_of(mlp_trainer_network(t), NULL);
            if (e.valid_loss >= least)
                continue;
            least = e.valid_loss;
            epoch = i;
            free(best);
            best = parameters_of(mlp_trainer_network(t), NULL);
        }
        assert_true(epoch > 1 && epoch < 40);
        assert_int_equal(mlp_trainer_settle(t), early ? epoch : 40);
        assert_true(parameters_are(mlp_trainer_network(t), early ? best : last));
        free(best);
        free(last);
        mlp_trainer_free(t);
    }
    pair_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_loss),
        cmocka_unit_test(test_losses_by_hand),
        cmocka_unit_test(test_penalties_decay_and_clipping),
        cmocka_unit_test(test_in_chunks),
        cmocka_unit_test(test_biases_are_free),
        cmocka_unit_test(test_every_schedule),
        cmocka_unit_test(test_a_plateau),
        cmocka_unit_test(test_weights_of_rows_and_classes),
        cmocka_unit_test(test_a_weight_is_a_number_of_rows),
        cmocka_unit_test(test_early_stopping_by_hand),
        cmocka_unit_test(test_a_watched_metric),
        cmocka_unit_test(test_targets_and_time),
        cmocka_unit_test(test_the_best_weights_are_the_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
