/* Analytic against central-difference gradients: every activation x task x depth 0..3, every parameter, every kernels.
 *
 * a: one epoch of the trainer, full batch, sgd with rate 2^20: (before - after) / 2^20. The rate is a power of two, so its
 *    product is exact, and large, so that the weight does not drown the gradient in the difference: a is good to 2^-52.
 * n: the core's own loss (mlp_evaluate) at w +- h, +- 2h, +- 3h: the central difference of sixth order. Its error is
 *    h^6/140 of the loss's seventh derivative and about 1.5 rounding errors of the loss over h: 1e-13 at h = 2^-8.
 * |a - n| / max(|a|, |n|, 1e-6) must stay under 1e-7. The floor is where the error of n is 1e-7 of it; at most one in
 *    twenty of the gradients may hide under it (they are counted), unless they are exactly 0.
 *
 * Off the kinks by construction: rows and weights are drawn again until no pre-activation of any hidden unit changes its
 * sign within 3h of any parameter, and most gradients are alive. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/nn/evaluation.h"
#include "core/nn/network.h"
#include "support/fixture.h"
#include <stdlib.h>
#include <string.h>

#define ROWS      5
#define INPUTS    3
#define RATE      0x1p20
#define H         0x1p-8
#define TOLERANCE 1e-7
#define FLOOR     1e-6

struct check {
    struct problem *problem;
    struct mlp_spec spec;
    struct mlp_trainer *trainer;
    const struct mlp_network *network;
    size_t count;
};

static void check_done(struct check *c)
{
    mlp_trainer_free(c->trainer);
    problem_free(c->problem);
}

/* ---- off the kinks -------------------------------------------------------------------------------------------------- */

/* The signs of all hidden pre-activations at all rows. */
static size_t signs(struct oracle *o, const struct problem *p, bool *out)
{
    size_t count = 0;
    for (size_t r = 0; r < p->rows.count; r++) {
        oracle_forward(o, p->x + r * p->inputs);
        for (unsigned l = 0; l + 1 < o->layers; l++)
            for (unsigned j = 0; j < o->layer[l].units; j++)
                out[count++] = o->layer[l].z[j] > 0;
    }
    return count;
}

static bool signs_hold(struct oracle *o, const struct problem *p, double *w, const bool *expected)
{
    bool now[ROWS * ORACLE_LAYERS * 8], same = true;
    double kept = *w;
    for (int side = -1; side <= 1; side += 2) {
        *w = kept + side * 3 * H;
        size_t count = signs(o, p, now);
        same &= !memcmp(now, expected, count * sizeof *now);
    }
    *w = kept;
    return same;
}

/* Pre-activations are linear in one parameter at a time up to the next kink, so the ends of its range speak for it. */
static bool off_the_kinks(const struct check *c)
{
    bool expected[ROWS * ORACLE_LAYERS * 8], off = true;
    struct oracle *o = oracle_new(c->network);
    signs(o, c->problem, expected);
    for (unsigned l = 0; off && l < o->layers; l++) {
        struct oracle_layer *layer = &o->layer[l];
        for (unsigned i = 0; off && i < layer->inputs * layer->units; i++)
            off = signs_hold(o, c->problem, &layer->w[i].value, expected);
        for (unsigned j = 0; off && j < layer->units; j++)
            off = signs_hold(o, c->problem, &layer->b[j].value, expected);
    }
    oracle_free(o);
    return off;
}

/* A dead network would prove nothing: most gradients are to be other than 0, but for those below a step. */
static bool alive(const struct check *c, enum mlp_activation f)
{
    struct oracle *o = oracle_new(c->network);
    size_t moved = 0;
    oracle_gradient(o, &c->problem->rows);
    for (unsigned l = 0; l < o->layers; l++)
        for (unsigned i = 0; i < o->layer[l].inputs * o->layer[l].units; i++)
            moved += o->layer[l].w[i].gradient != 0;
    oracle_free(o);
    return f == MLP_STEP ? moved > 0 : moved * 2 > c->count;
}

/* targets: several of regression or multilabel; else 0. */
static void prepare(struct check *c, enum task task, uint32_t targets, unsigned depth, enum mlp_activation f, uint64_t first)
{
    static const uint32_t units[] = {4, 5, 3};
    bool kinked = f == MLP_STEP || f == MLP_RELU || f == MLP_LEAKY_RELU;
    for (uint64_t seed = first;; seed++) {
        uint64_t draw = seed;
        assert_true(seed < first + 10000);
        c->problem = problem_new(task, targets ? targets : task == TASK_MULTICLASS ? 3 : task == TASK_BINARY ? 2 : 0, INPUTS, ROWS,
                                 seed);
        c->spec = spec_for(c->problem, MLP_SGD, RATE, 0, 0);
        c->spec.seed = seed;
        for (unsigned l = 0; l < depth; l++) {
            spec_layer(&c->spec, units[l], f);
            c->spec.hidden[l].negative_slope = 0.3; /* unlike the default, and large enough to be seen */
        }
        c->trainer = trainer_for(&c->spec, c->problem, NULL);
        c->network = network_of(c->trainer);
        c->count = (size_t)mlp_spec_parameters(&c->spec);
        for (size_t i = 0; i < c->count; i++) /* biases start at 0: where errors like to hide */
            if (*parameter_at(c->network, i, NULL) == 0)
                *parameter_at(c->network, i, NULL) = 0.5 * fixture_uniform(&draw);
        if (!kinked || (alive(c, f) && off_the_kinks(c)))
            return;
        check_done(c);
    }
}

/* ---- both gradients ------------------------------------------------------------------------------------------------- */

static double loss(const struct check *c)
{
    struct evaluation e;
    assert_int_equal(mlp_evaluate(c->network, &c->problem->source, NULL, &e, NULL), ERR_OK);
    double value = e.loss;
    evaluation_done(&e);
    return value;
}

static double loss_beside(const struct check *c, real *w, double step)
{
    real kept = *w;
    *w = kept + step;
    double value = loss(c);
    *w = kept;
    return value;
}

static double central_difference(const struct check *c, size_t i)
{
    static const double weight[] = {45, -9, 1};
    double sum = 0;
    for (int k = 1; k <= 3; k++) {
        real *w = parameter_at(c->network, i, NULL);
        sum += weight[k - 1] * (loss_beside(c, w, k * H) - loss_beside(c, w, -k * H));
    }
    return sum / (60 * H);
}

/* By training one epoch: the network is another afterwards. */
static double *analytic_gradient(const struct check *c)
{
    size_t count;
    double *before = parameters_of(c->network, &count);
    one_epoch(c->trainer);
    double *gradient = parameters_of(c->network, &count);
    for (size_t i = 0; i < count; i++)
        gradient[i] = (before[i] - gradient[i]) / RATE;
    free(before);
    return gradient;
}

static double *numeric_gradient(const struct check *c)
{
    double *gradient = calloc(c->count, sizeof *gradient);
    assert_non_null(gradient);
    for (size_t i = 0; i < c->count; i++)
        gradient[i] = central_difference(c, i);
    return gradient;
}

/* ---- tests ---------------------------------------------------------------------------------------------------------- */

static void check_gradients(enum task task, uint32_t targets, unsigned depth, enum mlp_activation f, uint64_t first)
{
    struct check c;
    size_t hidden = 0;
    prepare(&c, task, targets, depth, f, first);
    fixture_case("%s, depth %u, %s, seed %u", task_name(task), depth, mlp_activation_name((int)f), (unsigned)c.spec.seed);
    double *numeric = numeric_gradient(&c), *analytic = analytic_gradient(&c);
    for (size_t i = 0; i < c.count; i++) {
        uint32_t layer;
        parameter_at(c.network, i, &layer);
        assert_near(analytic[i], numeric[i], TOLERANCE, FLOOR);
        hidden += analytic[i] != 0 && fabs(analytic[i]) < FLOOR;
        if (f == MLP_STEP && layer <= depth)
            assert_true(analytic[i] == 0 && numeric[i] == 0); /* 0 everywhere, exactly: no training below a step */
    }
    assert_true(hidden * 20 <= c.count);
    free(numeric);
    free(analytic);
    check_done(&c);
}

static void check_task(enum task task, uint32_t targets)
{
    for (unsigned i = 0; use_kernels(i); i++)
        for (uint64_t first = 1; first <= 200001; first += 100000) /* three draws of rows and weights */
            for (unsigned depth = 0; depth <= 3; depth++)
                for (int f = 0; f < MLP_ACTIVATIONS; f++)
                    check_gradients(task, targets, depth, (enum mlp_activation)f, first);
}

static void test_regression(void **state)
{
    (void)state;
    check_task(TASK_REGRESSION, 0);
}

static void test_binary(void **state)
{
    (void)state;
    check_task(TASK_BINARY, 0);
}

static void test_multiclass(void **state)
{
    (void)state;
    check_task(TASK_MULTICLASS, 0);
}

static void test_regression_of_several_targets(void **state)
{
    (void)state;
    check_task(TASK_REGRESSION, 3);
}

static void test_multilabel(void **state)
{
    (void)state;
    check_task(TASK_MULTILABEL, 4);
}

/* The oracle judges the trainer in the other tests: its own gradients against differences of its own loss. */
static void test_the_oracle_itself(void **state)
{
    (void)state;
    static const struct {
        enum task task;
        uint32_t targets;
    } tasks[] = {{TASK_REGRESSION, 0}, {TASK_BINARY, 0}, {TASK_MULTICLASS, 0}, {TASK_REGRESSION, 3}, {TASK_MULTILABEL, 3}};
    for (int n = 0; n < 5 * MLP_ACTIVATIONS; n++) {
        struct check c;
        int f = n % MLP_ACTIVATIONS;
        prepare(&c, tasks[n % 5].task, tasks[n % 5].targets, 3, (enum mlp_activation)f, 1);
        fixture_case("oracle, %s, %s", task_name(tasks[n % 5].task), mlp_activation_name(f));
        struct oracle *o = oracle_new(c.network);
        double *numeric = numeric_gradient(&c);
        assert_near(oracle_gradient(o, &c.problem->rows), loss(&c), 1e-14, 1);
        for (size_t i = 0, at = 0; i < o->layers; i++) {
            struct oracle_layer *l = &o->layer[i];
            for (size_t j = 0; j < l->inputs * l->units; j++)
                assert_near(l->w[j].gradient, numeric[at++], TOLERANCE, FLOOR);
            for (size_t j = 0; j < l->units; j++)
                assert_near(l->b[j].gradient, numeric[at++], TOLERANCE, FLOOR);
        }
        free(numeric);
        oracle_free(o);
        check_done(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regression),
        cmocka_unit_test(test_binary),
        cmocka_unit_test(test_multiclass),
        cmocka_unit_test(test_regression_of_several_targets),
        cmocka_unit_test(test_multilabel),
        cmocka_unit_test(test_the_oracle_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
