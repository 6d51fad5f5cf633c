/* What a seed decides: the weights that training starts from, the order of the rows, and so every bit of what comes out. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "support/fixture.h"
#include <pthread.h>
#include <stdlib.h>

/* ---- the same seed, the same bits ----------------------------------------------------------------------------------- */

static void test_a_seed_repeats_every_bit(void **state)
{
    static const uint32_t batches[] = {0, 1, 7};
    (void)state;
    struct problem *p = problem_new(TASK_BINARY, 2, 4, 50, 1), *v = problem_new(TASK_BINARY, 2, 4, 20, 2);
    for (unsigned i = 0; use_kernels(i); i++) {
        for (unsigned c = 0; c < 3 * MLP_OPTIMIZERS; c++) {
            struct mlp_spec s = spec_for(p, (enum mlp_optimizer)(c / 3), 0.01, batches[c % 3], 9, MLP_TANH, 5, MLP_RELU, 0);
            struct mlp_trainer *a = trainer_for(&s, p, v), *b = trainer_for(&s, p, v); /* side by side: nothing is shared */
            s.seed++;
            struct mlp_trainer *other = trainer_for(&s, p, v);
            const struct mlp_network *m = mlp_trainer_network(a), *n = mlp_trainer_network(b), *o = mlp_trainer_network(other);
            double *start = parameters_of(m, NULL);
            assert_true(parameters_are(n, start) && !parameters_are(o, start));
            for (unsigned epoch = 0; epoch < 3; epoch++) {
                struct mlp_epoch x = one_epoch(a), y = one_epoch(b), z = one_epoch(other);
                assert_true(epochs_are_equal(&x, &y));
                assert_true(x.train_loss != z.train_loss && x.valid_loss != z.valid_loss);
            }
            double *end = parameters_of(m, NULL);
            assert_true(parameters_are(n, end) && !parameters_are(o, end) && !parameters_are(m, start));
            free(start);
            free(end);
            mlp_trainer_free(a);
            mlp_trainer_free(b);
            mlp_trainer_free(other);
        }
    }
    problem_free(p);
    problem_free(v);
}

static void *train_alone(void *trainer)
{
    struct mlp_epoch e;
    for (unsigned n = 0; n < 5; n++)
        if (mlp_trainer_epoch(trainer, NULL, &e, NULL))
            return NULL;
    return trainer;
}

/* Each trainer belongs to one thread, and what other threads do is nothing to it. */
static void test_threads_do_not_meet(void **state)
{
    enum { THREADS = 4 };
    (void)state;
    struct problem *p = problem_new(TASK_MULTICLASS, 4, 10, 200, 3);
    struct mlp_spec s = spec_for(p, MLP_ADAM, 0.01, 16, 60, MLP_RELU, 40, MLP_TANH, 0);
    struct mlp_trainer *alone = trainer_for(&s, p, p), *t[THREADS];
    pthread_t thread[THREADS];
    assert_non_null(train_alone(alone));
    double *expected = parameters_of(mlp_trainer_network(alone), NULL);
    for (unsigned i = 0; i < THREADS; i++) {
        t[i] = trainer_for(&s, p, p);
        assert_int_equal(pthread_create(&thread[i], NULL, train_alone, t[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        void *done = NULL;
        assert_int_equal(pthread_join(thread[i], &done), 0);
        assert_true(done && parameters_are(mlp_trainer_network(t[i]), expected));
        mlp_trainer_free(t[i]);
    }
    free(expected);
    mlp_trainer_free(alone);
    problem_free(p);
}

static void record(const void *context, const uint32_t *rows, size_t count, real *x, size_t stride, real *y, real *weights)
{
    (void)weights;
    uint32_t **log = (uint32_t **)(uintptr_t)context;
    for (size_t i = 0; i < count; i++) {
        *(*log)++ = rows[i];
        x[i * stride] = y[i] = rows[i] / 100.0;
    }
}

/* Every epoch sees every row once, in an order of its own; a full batch in the order of the file. */
static void test_rows_are_shuffled_each_epoch(void **state)
{
    enum { ROWS = 40, EPOCHS = 4 };
    (void)state;
    for (uint32_t batch = 0; batch < 3; batch++) {
        uint32_t seen[EPOCHS * ROWS], *end = seen;
        struct mlp_source source = {.rows = ROWS, .gather = record, .context = &end};
        struct mlp_trainer *t = NULL;
        struct mlp_spec s;
        mlp_spec_default(&s);
        s.batch_size = batch;
        assert_int_equal(mlp_trainer_new(&s, &source, NULL, &t, NULL), ERR_OK);
        for (unsigned e = 0; e < EPOCHS; e++) {
            unsigned times[ROWS] = {0}, in_place = 0;
            one_epoch(t);
            assert_ptr_equal(end, seen + (e + 1) * ROWS);
            for (uint32_t r = 0; r < ROWS; r++) {
                times[seen[e * ROWS + r]]++;
                in_place += seen[e * ROWS + r] == r;
            }
            for (unsigned r = 0; r < ROWS; r++)
                assert_int_equal(times[r], 1);
            assert_true(batch ? in_place < ROWS / 2 : in_place == ROWS);
            for (unsigned before = 0; batch && before < e; before++)
                assert_memory_not_equal(seen + before * ROWS, seen + e * ROWS, ROWS * sizeof *seen);
        }
        mlp_trainer_free(t);
    }
}

/* ---- initialization ------------------------------------------------------------------------------------------------- */

/* Uniform within the bound: it comes near both ends, half on each side, with the variance of a uniform. */
static void check_uniform(const double *w, size_t count, double bound)
{
    double largest = 0, least = 0, squares = 0, positive = 0;
    for (size_t i = 0; i < count; i++) {
        largest = fmax(largest, w[i]);
        least = fmin(least, w[i]);
        squares += w[i] * w[i];
        positive += w[i] > 0;
    }
    double n = (double)count;
    assert_true(largest <= bound && least >= -bound);
    assert_true(largest > 0.98 * bound && least < -0.98 * bound);
    assert_near(squares / n, bound * bound / 3, 5 * sqrt(0.8 / n), 0); /* five deviations of a mean of squares */
    assert_near(positive / n, 0.5, 5 / sqrt(n), 0);
}

static void test_initialization(void **state)
{
    static const bool he[MLP_ACTIVATIONS] = {[MLP_RELU] = true, [MLP_LEAKY_RELU] = true};
    (void)state;
    struct problem *p = problem_new(TASK_MULTICLASS, 30, 40, 31, 12);
    for (int f = 0; f < MLP_ACTIVATIONS; f++) {
        struct mlp_spec s = spec_for(p, MLP_SGD, 0.01, 0, 50, f, 60, f, 0);
        struct mlp_trainer *t = trainer_for(&s, p, NULL);
        const uint32_t units[] = {40, 50, 60, 30};
        double w[50 * 60], b[60];
        for (uint32_t l = 1; l <= 3; l++) {
            double in = units[l - 1], out = units[l];
            bool rectified = he[f] && l <= 2; /* the output layer is Glorot's in any case */
            mlp_network_weights(mlp_trainer_network(t), l, w);
            mlp_network_biases(mlp_trainer_network(t), l, b);
            fixture_case("%s, layer %u", mlp_activation_name(f), l);
            check_uniform(w, (size_t)(in * out), rectified ? sqrt(6 / in) : sqrt(6 / (in + out)));
            for (unsigned j = 0; j < units[l]; j++)
                assert_true(b[j] == 0);
        }
        assert_true(padding_is_zero(mlp_trainer_network(t)));
        mlp_trainer_free(t);
    }
    problem_free(p);
}

/* Layers of one shape start with weights of their own. */
static void test_layers_draw_from_streams_of_their_own(void **state)
{
    (void)state;
    struct problem *p = problem_new(TASK_REGRESSION, 0, 4, 5, 15);
    struct mlp_spec s = spec_for(p, MLP_SGD, 0.01, 0, 4, MLP_TANH, 4, MLP_TANH, 0);
    struct mlp_trainer *t = trainer_for(&s, p, NULL);
    double first[16], second[16];
    mlp_network_weights(mlp_trainer_network(t), 1, first);
    mlp_network_weights(mlp_trainer_network(t), 2, second);
    for (unsigned i = 0; i < 16; i++)
        assert_true(first[i] != second[i]);
    mlp_trainer_free(t);
    problem_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_seed_repeats_every_bit),
        cmocka_unit_test(test_threads_do_not_meet),
        cmocka_unit_test(test_rows_are_shuffled_each_epoch),
        cmocka_unit_test(test_initialization),
        cmocka_unit_test(test_layers_draw_from_streams_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
