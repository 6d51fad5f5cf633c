/* Whole epochs of the trainer against the oracle: losses, metrics, diagnosis, weights, and the number of updates.
 *
 * Tolerance 1e-10, relative: a sum of n products rounds to about n * 1.1e-16 of the sum of their sizes, whatever its order,
 * so 1200 rows differ by up to 1.3e-13; what a few tens of updates make of that stays under a hundred times as much. An
 * error in a formula shows in the first digits. Runs with every table of kernels, since each sums in an order of its own. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/nn/trainer.h"
#include "support/fixture.h"
#include <stdlib.h>

#define TOLERANCE 1e-10

static const double rates[] = {
    [MLP_SGD] = 0.01, [MLP_MOMENTUM] = 0.001, [MLP_NESTEROV] = 0.001, [MLP_ADAGRAD] = 0.05, [MLP_ADADELTA] = 1,
    [MLP_RMSPROP] = 0.01, [MLP_ADAM] = 0.01, [MLP_ADAMW] = 0.01};

static const struct {
    enum task task;
    uint32_t classes; /* or targets */
} tasks[] = {{TASK_REGRESSION, 0}, {TASK_BINARY, 2},     {TASK_MULTICLASS, 3},
             {TASK_REGRESSION, 3}, {TASK_MULTILABEL, 2}, {TASK_MULTILABEL, 18}}; /* 18: wider than the padding */
#define TASKS (sizeof tasks / sizeof *tasks)

/* Depth hidden layers of which each has another width and activation, neighbours included. */
static void add_layers(struct mlp_spec *s, unsigned depth, unsigned first)
{
    static const enum mlp_activation f[] = {MLP_TANH, MLP_RELU, MLP_SIGMOID, MLP_LEAKY_RELU, MLP_IDENTITY, MLP_STEP};
    static const uint32_t units[] = {7, 19, 3, 33};
    for (unsigned i = 0; i < depth; i++)
        spec_layer(s, units[(first + i) % 4], f[(first + i) % 6]);
}

static const double deviations[] = {2.5, 0.01, 300};

/* ---- every task, optimizer, batch and depth ------------------------------------------------------------------------- */

static void train_all_depths(unsigned task, enum mlp_optimizer optimizer, uint32_t batch)
{
    struct problem *train = problem_new(tasks[task].task, tasks[task].classes, 5, 43, 1);
    struct problem *valid = problem_new(tasks[task].task, tasks[task].classes, 5, 21, 2);
    for (unsigned depth = 0; depth <= 3; depth++) {
        struct mlp_spec s = spec_for(train, optimizer, rates[optimizer], batch, 0);
        s.target_deviations = s.task == TASK_REGRESSION ? deviations : NULL;
        add_layers(&s, depth, depth + optimizer);
        fixture_case("%s, %s, batch %u, depth %u", task_name(s.task), mlp_optimizer_name((int)optimizer), batch, depth);
        compare_training(&s, train, valid, 3, TOLERANCE);
    }
    problem_free(train);
    problem_free(valid);
}

static void test_every_task_optimizer_batch_and_depth(void **state)
{
    static const uint32_t batches[] = {0, 1, 8}; /* 43 rows: the last batch of 8 has 3 */
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++)
        for (unsigned task = 0; task < TASKS; task++)
            for (int o = 0; o < MLP_OPTIMIZERS; o++)
                for (unsigned b = 0; b < 3; b++)
                    train_all_depths(task, (enum mlp_optimizer)o, batches[b]);
}

static void test_every_activation_in_every_place(void **state)
{
    (void)state;
    struct problem *train = problem_new(TASK_MULTICLASS, 4, 6, 30, 3), *valid = problem_new(TASK_MULTICLASS, 4, 6, 10, 4);
    for (unsigned i = 0; use_kernels(i); i++) {
        for (unsigned first = 0; first < 12; first++) {
            struct mlp_spec s = spec_for(train, MLP_SGD, 0.1, 7, 0);
            add_layers(&s, 3, first);
            fixture_case("layers from %u", first);
            compare_training(&s, train, valid, 4, TOLERANCE);
        }
    }
    problem_free(train);
    problem_free(valid);
}

/* A wide layer between narrow ones: what it leaves in the trainer's buffers must not reach theirs. */
static void test_widths_on_both_sides_of_the_padding(void **state)
{
    static const int widths[][4] = {{1, 16, 1, 16}, {2, 15, 16, 17}, {3, 40, 16, 2}, {5, 16, 3, 16}, {9, 31, 16, 32}};
    (void)state;
    struct problem *train = problem_new(TASK_BINARY, 2, 3, 40, 5);
    for (unsigned i = 0; use_kernels(i); i++) {
        for (unsigned w = 0; w < sizeof widths / sizeof *widths; w++) {
            const int *units = widths[w];
            struct mlp_spec s = spec_for(train, MLP_ADAM, 0.01, 16, units[0], MLP_TANH, units[1], MLP_SIGMOID, units[2],
                                         MLP_TANH, units[3], MLP_LEAKY_RELU, 0);
            fixture_case("widths %d %d %d %d", units[0], units[1], units[2], units[3]);
            compare_training(&s, train, train, 3, TOLERANCE);
        }
    }
    problem_free(train);
}

/* ---- batches of more rows than go through at once ------------------------------------------------------------------- */

static void test_batches_of_several_chunks(void **state)
{
    static const uint32_t batches[] = {0, 700, TRAINER_CHUNK, TRAINER_CHUNK + 1};
    (void)state;
    for (unsigned task = 0; task < TASKS; task++) {
        struct problem *train = problem_new(tasks[task].task, tasks[task].classes, 4, 1200, 6);
        struct problem *valid = problem_new(tasks[task].task, tasks[task].classes, 4, 1100, 7);
        for (unsigned i = 0; use_kernels(i); i++) {
            for (unsigned b = 0; b < sizeof batches / sizeof *batches; b++) {
                struct mlp_spec s = spec_for(train, MLP_SGD, 0.1, batches[b], 9, MLP_RELU, 4, MLP_SIGMOID, 0);
                fixture_case("%s, batch %u", task_name(s.task), batches[b]);
                compare_training(&s, train, valid, 3, TOLERANCE);
            }
        }
        problem_free(train);
        problem_free(valid);
    }
}

/* The validation rows alone decide the size of a chunk here; and layers large enough for packed products. */
static void test_a_wide_network(void **state)
{
    (void)state;
    struct problem *train = problem_new(TASK_MULTICLASS, 20, 30, 64, 8), *valid = problem_new(TASK_MULTICLASS, 20, 30, 600, 9);
    for (unsigned i = 0; use_kernels(i); i++) {
        struct mlp_spec s = spec_for(train, MLP_MOMENTUM, 0.05, 32, 300, MLP_RELU, 250, MLP_TANH, 0);
        fixture_case("wide");
        compare_training(&s, train, valid, 2, TOLERANCE);
    }
    problem_free(train);
    problem_free(valid);
}

/* ---- counts --------------------------------------------------------------------------------------------------------- */

static void test_weight_updates_are_counted_exactly(void **state)
{
    static const struct {
        uint32_t batch, each; /* updates of an epoch */
    } cases[] = {{0, 1}, {1, 23}, {2, 12}, {5, 5}, {8, 3}, {22, 2}, {23, 1}, {24, 1}, {4000000000, 1}};
    (void)state;
    struct problem *p = problem_new(TASK_REGRESSION, 0, 2, 23, 10);
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mlp_spec s = spec_for(p, MLP_SGD, 0.01, cases[i].batch, 3, MLP_TANH, 0);
        struct mlp_trainer *t = trainer_for(&s, p, NULL);
        for (uint32_t n = 1; n <= 4; n++) {
            struct mlp_epoch e = one_epoch(t);
            assert_int_equal(e.epoch, n);
            assert_int_equal(e.weight_updates, n * cases[i].each);
        }
        mlp_trainer_free(t);
    }
    problem_free(p);
}

static void test_a_batch_of_all_rows_and_more_is_full(void **state)
{
    static const uint32_t batches[] = {31, 32, 100000};
    (void)state;
    struct problem *p = problem_new(TASK_BINARY, 2, 3, 31, 11);
    struct mlp_spec s = spec_for(p, MLP_ADAM, 0.01, 0, 6, MLP_TANH, 0);
    struct mlp_trainer *full = trainer_for(&s, p, p);
    struct mlp_epoch expected = {0};
    for (unsigned n = 0; n < 3; n++)
        expected = one_epoch(full);
    for (unsigned i = 0; i < 3; i++) { /* the rows' order is another, so the last digits may be */
        s.batch_size = batches[i];
        struct mlp_trainer *t = trainer_for(&s, p, p);
        struct mlp_epoch e = {0};
        for (unsigned n = 0; n < 3; n++)
            e = one_epoch(t);
        fixture_case("batch %u", batches[i]);
        assert_near(e.train_loss, expected.train_loss, TOLERANCE, 0);
        assert_near(e.valid_loss, expected.valid_loss, TOLERANCE, 0);
        mlp_trainer_free(t);
    }
    mlp_trainer_free(full);
    problem_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_task_optimizer_batch_and_depth),
        cmocka_unit_test(test_every_activation_in_every_place),
        cmocka_unit_test(test_widths_on_both_sides_of_the_padding),
        cmocka_unit_test(test_batches_of_several_chunks),
        cmocka_unit_test(test_a_wide_network),
        cmocka_unit_test(test_weight_updates_are_counted_exactly),
        cmocka_unit_test(test_a_batch_of_all_rows_and_more_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
