/* Batch normalization and dropout: gradients against central differences, moments and folding against their definitions, and
 * masks against Philox. Runs with every table of kernels. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/rng.h"
#include "core/nn/optimizer.h"
#include "core/nn/output.h"
#include "core/nn/trainer.h"
#include "core/nn/evaluation.h"
#include "support/fixture.h"
#include <stdlib.h>
#include <string.h>

#define INPUTS 4
#define ROWS   13

/* ---- gradients ------------------------------------------------------------------------------------------------------ */

/* The loss of a training pass over all rows, by the mask of update 3. */
static double training_loss(struct mlp_trainer *t, const struct problem *p)
{
    uint32_t rows[ROWS];
    const struct layer *last = &t->network.layer[t->network.layers - 1];
    for (uint32_t r = 0; r < ROWS; r++)
        rows[r] = r;
    const real *weights = pass_gather(&t->pass, &p->source, rows, ROWS);
    real *out = pass_forward_training(&t->pass, ROWS, 3, 0);
    output_loss(&t->network.spec, ROWS, last->units, last->stride, out, t->pass.y, t->pass.loss);
    return output_sum(ROWS, t->pass.loss, weights) / ROWS;
}

static double difference(struct mlp_trainer *t, const struct problem *p, real *w)
{
    static const double weight[] = {45, -9, 1};
    const double h = 1e-3, kept = *w;
    double sum = 0;
    for (int k = 1; k <= 3; k++) {
        *w = kept + k * h;
        sum += weight[k - 1] * training_loss(t, p);
        *w = kept - k * h;
        sum -= weight[k - 1] * training_loss(t, p);
    }
    *w = kept;
    return sum / (60 * h);
}

static void check_gradients(const struct mlp_spec *s, const struct problem *p)
{
    struct mlp_trainer *t = trainer_for(s, p, NULL);
    const struct layer *last = &t->network.layer[t->network.layers - 1];
    uint64_t draw = 5;
    double penalty;
    for (uint32_t l = 0; l < t->network.layers; l++) { /* biases and gammas off their starts, padding left alone */
        const struct layer *layer = &t->network.layer[l];
        for (uint32_t j = 0; j < layer->units; j++) {
            t->network.parameters[layer->bias + j] = 0.5 * fixture_uniform(&draw);
            if (layer->normalized)
                t->network.parameters[layer->gamma + j] = 1 + 0.5 * fixture_uniform(&draw);
        }
    }
    training_loss(t, p);
    real *out = t->pass.a[t->network.layers - 1];
    output_delta(s, ROWS, last->units, last->stride, out, p->y, NULL, ROWS);
    assert_true(pass_backward(&t->pass, ROWS, false, NULL, &penalty));
    real *gradient = malloc(t->network.count * sizeof *gradient);
    assert_non_null(gradient);
    memcpy(gradient, t->pass.gradient, t->network.count * sizeof *gradient);
    for (uint32_t l = 0; l < t->network.layers; l++) {
        const struct layer *layer = &t->network.layer[l];
        for (size_t i = 0; i < layer->inputs + 1u + layer->normalized; i++) { /* rows of W, biases, gammas */
            for (size_t j = 0; j < layer->stride; j++) {
                size_t at = i < layer->inputs ? network_weight(layer, i, j) : layer->bias + (i - layer->inputs) * layer->stride + j;
                if (j >= layer->units)
                    assert_true(gradient[at] == 0);
                else
                    assert_near(gradient[at], difference(t, p, &t->network.parameters[at]), 1e-7, 1e-3);
            }
        }
    }
    free(gradient);
    mlp_trainer_free(t);
}

/* Smooth activations, so that no difference crosses a kink; widths past one vector. */
static void test_gradients(void **state)
{
    static const enum task tasks[] = {TASK_REGRESSION, TASK_BINARY, TASK_MULTICLASS};
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++) {
        for (unsigned c = 0; c < 3 * 7; c++) {
            enum task task = tasks[c % 3];
            struct problem *p = problem_new(task, task == TASK_MULTICLASS ? 3 : task == TASK_BINARY ? 2 : 0, INPUTS, ROWS, 5);
            struct mlp_spec s = spec_for(p, MLP_SGD, 0.1, 0, 19, MLP_TANH, 5, MLP_SIGMOID, 0);
            unsigned on = c / 3 + 1; /* of normalization in both layers, dropout in the first, in the second */
            s.hidden[0].batch_normalization = s.hidden[1].batch_normalization = on & 1;
            s.hidden[0].dropout = on & 2 ? 0.4 : 0;
            s.hidden[1].dropout = on & 4 ? 0.2 : 0;
            fixture_case("%s, case %u", task_name(task), on);
            check_gradients(&s, p);
            problem_free(p);
        }
    }
}

/* ---- moments and folding -------------------------------------------------------------------------------------------- */

/* One layer without weights to speak of: z = x. Two batches of three rows, by hand. */
static void test_moments_and_folding(void **state)
{
    static const double x[6] = {1, 2, 6, -1, 0, 4};
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++) {
        struct problem *p = problem_new(TASK_REGRESSION, 0, 1, 6, 1);
        struct mlp_spec s = spec_for(p, MLP_SGD, 1e-9, 3, 1, MLP_IDENTITY, 0);
        s.hidden[0].batch_normalization = true;
        memcpy(p->x, x, sizeof x);
        struct mlp_trainer *t = trainer_for(&s, p, NULL);
        t->network.parameters[t->network.layer[0].weights] = 1;
        t->network.parameters[t->network.layer[0].gamma] = 2;
        t->network.parameters[t->network.layer[0].bias] = 0.25;
        t->network.parameters[t->network.layer[1].weights] = 1;
        uint32_t rows[2][3] = {{0, 1, 2}, {3, 4, 5}};
        for (unsigned b = 0; b < 2; b++) {
            pass_gather(&t->pass, &p->source, rows[b], 3);
            double *z = pass_forward_training(&t->pass, 3, b + 1, 0);
            double mean = b ? 1 : 3, variance = 14.0 / 3; /* both have distances -2, -1, 3 from it */
            for (unsigned r = 0; r < 3; r++)
                assert_near(z[r * 16], 2 * (x[3 * b + r] - mean) / sqrt(variance + 1e-5) + 0.25, 1e-14, 1);
        }
        double mean = 0.9 * (0.1 * 3) + 0.1 * 1, variance = 0.9 * (0.9 * 1 + 0.1 * 7) + 0.1 * 7; /* 14 / (3 - 1) */
        assert_near(t->pass.moments[0], mean, 1e-15, 1);
        assert_near(t->pass.moments[16], variance, 1e-15, 1);
        network_fold(&t->network, t->pass.moments, &t->folded);
        double out[1];
        for (double v = -3; v < 4; v += 1.5) {
            assert_int_equal(mlp_predict(&t->folded, &v, 1, 1, out, NULL, NULL), ERR_OK);
            assert_near(out[0], 2 * (v - mean) / sqrt(variance + 1e-5) + 0.25, 1e-13, 1);
        }
        assert_int_equal(mlp_spec_parameters(mlp_network_spec(&t->folded)), 4);
        assert_int_equal(mlp_spec_parameters(mlp_network_spec(&t->network)), 5);
        mlp_trainer_free(t);
        problem_free(p);
    }
}

/* ---- masks ---------------------------------------------------------------------------------------------------------- */

static bool kept(const struct dropout *d, uint32_t unit, uint32_t row)
{
    struct rng rng = {.key = {d->key[0], d->key[1]}, .index = d->update,
                      .block = (uint64_t)(d->row + row / 4) << 32 | d->layer << 16 | unit};
    uint32_t word = 0;
    for (uint32_t k = 0; k <= row % 4; k++)
        word = rng_u32(&rng);
    return word >= d->threshold;
}

static void test_masks(void **state)
{
    (void)state;
    real a[10 * 64], out[10 * 64];
    struct dropout d = {.key = {0x12345678, 0x9abcdef0}, .layer = 3, .row = 512, .update = 0x300000007, .threshold = 1u << 30,
                        .scale = 4.0 / 3};
    for (size_t i = 0; i < 640; i++)
        a[i] = (real)i + 1;
    for (unsigned i = 0; use_kernels(i); i++) {
        unsigned zeros = 0;
        memset(out, 0xff, sizeof out);
        kernels_at(i)->drop(&d, 32, 10, 32, 64, a + 32, out + 32);
        for (uint32_t r = 0; r < 10; r++)
            for (uint32_t j = 32; j < 64; j++) {
                assert_near(out[r * 64 + j], kept(&d, j, r) ? a[r * 64 + j] * (4.0 / 3) : 0, 1e-15, 0);
                zeros += out[r * 64 + j] == 0;
            }
        assert_in_range(zeros, 50, 110); /* 80 of 320 are expected, with a deviation of 7.7 */
    }
}

/* What a unit gives on the average is what it gives without: 4000 updates, and masks that differ from layer to layer. */
static void test_dropout_keeps_the_mean(void **state)
{
    (void)state;
    real one[16] = {1}, out[16];
    double sum = 0;
    unsigned both = 0;
    struct dropout d = {.key = {1, 2}, .threshold = (uint32_t)(0.3 * 0x1p32), .scale = 1 / 0.7}, e = d;
    e.layer = 1;
    for (d.update = e.update = 1; d.update <= 4000; d.update++, e.update++) {
        kernels_get()->drop(&d, 0, 1, 16, 16, one, out);
        bool there = out[0] > 0;
        sum += out[0];
        kernels_get()->drop(&e, 0, 1, 16, 16, one, out);
        both += there && out[0] > 0;
    }
    assert_near(sum / 4000, 1, 0.04, 0); /* deviation 0.0104 */
    assert_near(both / 4000.0, 0.49, 0.08, 0); /* independent: 0.7 * 0.7, deviation 0.008 */
}

/* ---- together ------------------------------------------------------------------------------------------------------- */

/* Validation sees the folded network without masks, and so does what is saved: the last figures are those of mlp_evaluate. */
static void test_validation_is_inference(void **state)
{
    (void)state;
    struct problem *p = problem_new(TASK_MULTICLASS, 3, INPUTS, 600, 3), *valid = problem_new(TASK_MULTICLASS, 3, INPUTS, 200, 4);
    struct mlp_spec s = spec_for(p, MLP_ADAM, 0.01, 16, 20, MLP_RELU, 0);
    s.hidden[0].batch_normalization = true;
    s.hidden[0].dropout = 0.5;
    struct mlp_trainer *t = trainer_for(&s, p, valid);
    struct mlp_epoch e = {0};
    struct evaluation evaluation;
    double first = one_epoch(t).valid_loss;
    for (unsigned i = 0; i < 60; i++)
        e = one_epoch(t);
    assert_int_equal(mlp_evaluate(mlp_trainer_network(t), &valid->source, NULL, &evaluation, NULL), ERR_OK);
    assert_near(evaluation.loss, e.valid_loss, 1e-14, 0);
    assert_near(evaluation.metric[0], e.metric[0], 0, 0);
    assert_true(e.valid_loss < 0.7 * first);
    evaluation_done(&evaluation);
    mlp_trainer_free(t);
    problem_free(p);
    problem_free(valid);
}

/* With normalization and dropout, any number of threads gives the same bits. */
static void test_threads_change_nothing(void **state)
{
    (void)state;
    struct problem *p = problem_new(TASK_BINARY, 2, 60, 256, 3);
    struct mlp_spec s = spec_for(p, MLP_ADAM, 0.01, 128, 200, MLP_RELU, 150, MLP_TANH, 0);
    struct buf state_of[3];
    for (unsigned l = 0; l < 2; l++) {
        s.hidden[l].batch_normalization = true;
        s.hidden[l].dropout = 0.25;
    }
    s.clip_norm = 0.3;
    s.l1 = s.l2 = 1e-3;
    for (unsigned threads = 1; threads <= 3; threads++) {
        struct mlp_trainer *t = trainer_for(&s, p, p);
        assert_int_equal(mlp_trainer_threads(t, threads, NULL), ERR_OK);
        for (unsigned i = 0; i < 3; i++)
            one_epoch(t);
        t->progress.seconds = 0;
        buf_init(&state_of[threads - 1], (size_t)1 << 24);
        assert_true(mlp_trainer_save(t, &state_of[threads - 1]));
        mlp_trainer_free(t);
        assert_int_equal(state_of[threads - 1].length, state_of[0].length);
        assert_memory_equal(state_of[threads - 1].data, state_of[0].data, state_of[0].length);
    }
    for (unsigned i = 0; i < 3; i++)
        buf_done(&state_of[i]);
    problem_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_moments_and_folding),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_dropout_keeps_the_mean),
        cmocka_unit_test(test_validation_is_inference),
        cmocka_unit_test(test_threads_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
