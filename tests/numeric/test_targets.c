/* Several targets, of regression and of multilabel: figures of scikit-learn, and that a target among others is what it would be
 * alone. Whole trainings against the oracle and gradients against differences are in test_epochs.c and test_gradients.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/mem.h"
#include "core/nn/evaluation.h"
#include "core/nn/metrics.h"
#include "core/nn/network.h"
#include "core/nn/output.h"
#include "support/fixture.h"
#include <float.h>
#include <stdlib.h>
#include <string.h>

/* ---- golden figures --------------------------------------------------------------------------------------------------- */

/* scikit-learn 1.9.1: MLPRegressor and MLPClassifier(solver="sgd", momentum=0, alpha=0, hidden_layer_sizes=(3,),
 * activation="tanh", batch_size=6, shuffle=False), five calls of partial_fit from these weights. Its gradient is that of the sum
 * over the outputs of (yhat - y)^2 / 2, or of the cross-entropy: with k outputs our learning rate is its own times k/2, or k. Its
 * loss is (yhat - y)^2 / 2 in the mean over rows and outputs, or the sum over the labels. */
#define GOLDEN_ROWS 6
#define STEPS       5

static const double golden_x[GOLDEN_ROWS * 2] = {1, 2, -1, .5, .25, -1.5, 2, 1, -.5, -.75, 1.5, -2};

struct golden {
    enum task task;
    uint32_t targets;
    const double *y;
    double learning_rate, loss_scale; /* loss_scale: scikit-learn's loss to ours */
    const double *start, *end;        /* W1 2 x 3, b1, W2 3 x targets, b2 */
    double loss[STEPS], metric[3];    /* metric: of the rows themselves, at the end */
};

static const struct golden golden[] = {
    {TASK_REGRESSION, 2, (const double[]){1, -.5, 0, .25, -1.5, 2, .75, -1, .5, 1.25, -2, .125}, .1 * 2 / 2, 2,
     (const double[]){.5, -.25, .75, -1, .125, .375, .1, -.2, .3, .5, -.5, .25, 1, -.75, .125, .05, -.1},
     (const double[]){0.6280548327134712, -0.26086323710329706, 0.8152052947290629, -0.8600955249753319, -0.2125556062504803,
                      0.08045485569455804, 0.12737164261997858, 0.040189088360645026, 0.4382080819217722, 0.12969686492257265,
                      -0.17368189093208308, 0.19132558262542987, 0.9897985954395218, -0.6245580892754405, 0.09670497728986198,
                      0.051158763536832706, 0.165272072678114},
     {1.227162277930637, 0.9723132128779013, 0.809781558891785, 0.7007990426113576, 0.6235947971851223},
     {1.0389037476436809, 0.8561383693424554, 0.06190397489618599}},
    {TASK_MULTILABEL, 3, (const double[]){1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 0, 0, 0, 1, 1, 1, 0}, .5 * 3, 1.0 / 3,
     (const double[]){.5, -.25, .75, -1, .125, .375, .1, -.2, .3, .5, -.5, .25, .25, 1, -1, -.75, .125, .5, .05, -.1, .2},
     (const double[]){0.8693816491777794, 0.38496427051674864, 0.30667583530898124, -0.7114037799118627, -0.5797681847095552,
                      0.4224591397940867, 0.15392380957416768, -0.1824466542915848, 0.5369201385188971, 0.3578843215593014,
                      -0.3037744279603906, -0.3432265819051492, 0.058140614563115645, 1.1173226655891533, -1.0793191730514022,
                      -0.1569575357610561, -0.07907531261096579, 0.2590485688429155, 0.05896244985812557,
                      -0.0028301888454652403, 0.04287945207408795},
     {2.8379010455135503, 2.2751332040727084, 1.9766160797774475, 1.8568070963761578, 1.7700167214843028},
     {1.0 / 3, 0.5667159357590135, 0.7238095238095239}}, /* accuracy_score, log loss, f1_score(average="macro") */
};

static void check_golden(const struct golden *g)
{
    struct mlp_matrix matrix = {.x = golden_x, .y = g->y, .stride = 2, .inputs = 2, .targets = g->targets};
    struct mlp_source source = {.rows = GOLDEN_ROWS, .gather = mlp_matrix_gather, .context = &matrix};
    struct mlp_spec s;
    struct mlp_trainer *t = NULL;
    struct mlp_epoch e = {0};
    mlp_spec_default(&s);
    s.task = g->task;
    s.inputs = 2;
    s.outputs = g->targets;
    s.batch_size = 0;
    s.optimizer = (struct mlp_optimizer_spec){MLP_SGD, g->learning_rate, NAN, NAN, NAN, NAN, NAN, NAN, true};
    spec_layer(&s, 3, MLP_TANH);
    assert_int_equal(mlp_trainer_new(&s, &source, &source, &t, NULL), ERR_OK);
    for (size_t i = 0; i < mlp_spec_parameters(&s); i++)
        *parameter_at(network_of(t), i, NULL) = g->start[i];
    for (unsigned i = 0; i < STEPS; i++) {
        e = one_epoch(t);
        assert_near(e.train_loss, g->loss[i] * g->loss_scale, 1e-14, 0);
    }
    for (size_t i = 0; i < mlp_spec_parameters(&s); i++)
        assert_near(*parameter_at(network_of(t), i, NULL), g->end[i], 1e-14, 0.1);
    for (unsigned m = 0; m < 3; m++)
        assert_near(e.metric[m], g->metric[m], 1e-14, 1);
    assert_true(isnan(e.metric[3]));
    mlp_trainer_free(t);
}

static void test_training_as_scikit_learn_does(void **state)
{
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++)
        for (size_t g = 0; g < sizeof golden / sizeof *golden; g++) {
            fixture_case("golden, %s", task_name(golden[g].task));
            check_golden(&golden[g]);
        }
}

/* ---- losses ----------------------------------------------------------------------------------------------------------- */

#define TARGETS 5
#define ROWS    23

/* A row's loss is the mean of its targets' and each target's gradient a share of its own, to the last digits; padding stays 0. */
static void check_losses(const struct mlp_spec *several, const struct mlp_spec *alone)
{
    enum { STRIDE = 16 };
    real z[ROWS * STRIDE] = {0}, y[ROWS * TARGETS], loss[ROWS], weights[ROWS], apart[ROWS][TARGETS];
    real column[TARGETS][ROWS * STRIDE] = {{0}}, single[ROWS];
    double sums[TARGETS] = {0};
    uint64_t draw = 5;
    for (size_t r = 0; r < ROWS; r++) {
        weights[r] = 1.5 + fixture_uniform(&draw);
        for (size_t j = 0; j < TARGETS; j++) {
            z[r * STRIDE + j] = column[j][r * STRIDE] = 20 * fixture_uniform(&draw);
            y[r * TARGETS + j] = several->task == TASK_REGRESSION ? 3 * fixture_uniform(&draw) : fixture_uniform(&draw) > 0;
        }
    }
    output_target_losses(several, ROWS, TARGETS, STRIDE, z, y, weights, sums);
    output_loss(several, ROWS, TARGETS, STRIDE, z, y, loss);
    output_delta(several, ROWS, TARGETS, STRIDE, z, y, weights, 7);
    for (size_t j = 0; j < TARGETS; j++) {
        real own[ROWS];
        for (size_t r = 0; r < ROWS; r++)
            own[r] = y[r * TARGETS + j];
        output_loss(alone, ROWS, 1, STRIDE, column[j], own, single);
        output_delta(alone, ROWS, 1, STRIDE, column[j], own, weights, 7);
        assert_near(sums[j], output_sum(ROWS, single, weights), 1e-14, 0);
        for (size_t r = 0; r < ROWS; r++) {
            apart[r][j] = single[r];
            assert_near(z[r * STRIDE + j], column[j][r * STRIDE] / TARGETS, 1e-14, 0);
        }
    }
    for (size_t r = 0; r < ROWS; r++) {
        double mean = 0;
        for (size_t j = 0; j < TARGETS; j++)
            mean += apart[r][j] / TARGETS;
        assert_near(loss[r], mean, 1e-14, 0);
        for (size_t j = TARGETS; j < STRIDE; j++)
            assert_true(z[r * STRIDE + j] == 0);
    }
}

static void test_a_loss_is_the_mean_over_the_targets(void **state)
{
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++) {
        for (int l = 0; l < MLP_LOSSES; l++) {
            const struct mlp_spec s = {.task = TASK_REGRESSION, .loss = (enum mlp_loss)l, .huber_delta = 1.5};
            fixture_case("%s", mlp_loss_name(l));
            check_losses(&s, &s);
        }
        fixture_case("multilabel");
        check_losses(&(struct mlp_spec){.task = TASK_MULTILABEL}, &(struct mlp_spec){.task = TASK_BINARY});
    }
}

/* Logits of 1e4: the probability has long been 0 or 1, and the loss is still the logit. */
static void test_labels_of_extreme_logits(void **state)
{
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++) {
        real z[16] = {1e4, 1e4, -1e4, -1e4}, y[] = {1, 0, 0, 1}, loss;
        const struct mlp_spec s = {.task = TASK_MULTILABEL};
        output_loss(&s, 1, 4, 16, z, y, &loss);
        assert_true(loss == 2e4 / 4);
        assert_true(z[0] == 1 && z[1] == 1 && z[2] == 0 && z[3] == 0 && z[4] == 0);
        output_delta(&s, 1, 4, 16, z, y, NULL, 1);
        assert_true(z[0] == 0 && z[1] == 0.25 && z[2] == 0 && z[3] == -0.25);
    }
}

/* ---- metrics ---------------------------------------------------------------------------------------------------------- */

/* Rows x 3 labels; the last label never occurs: no yes, and none predicted. */
static void test_labels_that_do_not_occur(void **state)
{
    static const real y[] = {1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0}, out[] = {.9, .4, .1, .5, .6, .2, .7, .2, .3, .1, .1, .1};
    static const real losses[4] = {1, 2, 3, 4}, weights[] = {1, 2, 3, 4};
    struct mlp_spec s = {.task = TASK_MULTILABEL, .outputs = 3};
    struct metrics m;
    double loss, metric[MLP_METRICS_MAX];
    (void)state;
    assert_int_equal(metrics_init(&m, &s, 4, NULL), ERR_OK);
    metrics_start(&m);
    metrics_add(&m, 4, 3, out, y, losses, NULL);
    metrics_finish(&m, &loss, metric);
    assert_true(metric[0] == 0.75); /* row 3 has both labels wrong; .5 is a yes */
    assert_true(loss == 2.5 && metric[1] == 2.5);
    assert_near(metric[2], (0.8 + 2.0 / 3) / 2, DBL_EPSILON, 0);
    metrics_start(&m);
    metrics_add(&m, 4, 3, out, y, losses, weights);
    metrics_finish(&m, &loss, metric);
    assert_near(metric[0], 0.7, DBL_EPSILON, 0);
    assert_near(metric[2], (2 * 3.0 / (3 + 6) + 2 * 2.0 / (5 + 2)) / 2, DBL_EPSILON, 0);
    metrics_done(&m);
}

/* R2 of one target is not defined, and so the mean is not; RMSE and MAE are. */
static void test_a_constant_among_the_targets(void **state)
{
    static const real y[] = {1, 5, 2, 5, 3, 5}, out[] = {1, 4, 2, 5, 3, 6}, losses[3] = {0};
    struct mlp_spec s = {.task = TASK_REGRESSION, .outputs = 2, .target_deviations = (const double[]){10, 3}};
    struct metrics m;
    double loss, metric[MLP_METRICS_MAX];
    (void)state;
    assert_int_equal(metrics_init(&m, &s, 3, NULL), ERR_OK);
    metrics_start(&m);
    metrics_add(&m, 3, 2, out, y, losses, NULL);
    metrics_finish(&m, &loss, metric);
    assert_near(metric[0], 3 * 0.81649658092772603 / 2, DBL_EPSILON, 0); /* 3 sqrt(2/3), and 0 */
    assert_near(metric[1], 3 * 2.0 / 3 / 2, 2 * DBL_EPSILON, 0);
    assert_true(isnan(metric[2]));
    metrics_done(&m);
}

/* ---- one target of an evaluation -------------------------------------------------------------------------------------- */

/* The last layer of `several` but for the units of the other targets: a network of target j alone. */
static void take_target(const struct mlp_network *several, uint32_t j, struct mlp_network *alone)
{
    const struct layer *from = &several->layer[1], *to = &alone->layer[1];
    memcpy(alone->parameters, several->parameters, several->layer[1].weights * sizeof(real));
    for (uint32_t i = 0; i < from->inputs; i++)
        alone->parameters[network_weight(to, i, 0)] = several->parameters[network_weight(from, i, j)];
    alone->parameters[to->bias] = several->parameters[from->bias + j];
}

static void check_target(const struct mlp_network *n, const struct problem *p, const struct evaluation *e, uint32_t j)
{
    struct mlp_network alone;
    struct mlp_spec s = *mlp_network_spec(n);
    struct evaluation expected, own;
    struct evaluation_curve *a = calloc(2, sizeof *a);
    double *y = calloc(p->rows.count, sizeof *y);
    assert_true(a && y);
    for (size_t r = 0; r < p->rows.count; r++)
        y[r] = p->y[r * p->targets + j];
    struct mlp_matrix matrix = {.x = p->x, .y = y, .weights = p->weights, .stride = p->inputs, .inputs = p->inputs};
    struct mlp_source source = {.rows = p->rows.count, .gather = mlp_matrix_gather, .context = &matrix,
                                .weighted = p->weights != NULL};
    s.task = p->task == TASK_REGRESSION ? TASK_REGRESSION : TASK_BINARY;
    s.outputs = 1;
    s.target_deviations = n->spec.target_deviations ? n->spec.target_deviations + j : NULL;
    assert_int_equal(network_init(&alone, &s, NULL), ERR_OK);
    take_target(n, j, &alone);
    assert_int_equal(mlp_evaluate(&alone, &source, NULL, &expected, NULL), ERR_OK);
    assert_int_equal(evaluation_target(e, j, &own, NULL), ERR_OK);
    assert_int_equal(own.task, s.task);
    assert_true(own.classes == expected.classes && own.outputs == 1 && own.targets == 1 && own.rows == p->rows.count);
    assert_near(own.loss, expected.loss, 1e-12, 0);
    for (unsigned m = 0; m < MLP_METRICS_MAX; m++)
        assert_near(own.metric[m], expected.metric[m], 1e-12, 1);
    for (size_t r = 0; r < p->rows.count; r++) {
        assert_true(own.y[r] == y[r]);
        assert_near(own.out[r], expected.out[r], 1e-12, 1e-3);
        assert_true(!own.predicted || own.predicted[r] == (own.out[r] >= 0.5));
    }
    if (own.classes) {
        assert_int_equal(evaluation_curve(&own, 1, &a[0], NULL), ERR_OK);
        assert_int_equal(evaluation_curve(&expected, 1, &a[1], NULL), ERR_OK);
        assert_near(a[0].average_precision, a[1].average_precision, 1e-12, 0);
    }
    evaluation_done(&own);
    evaluation_done(&expected);
    network_done(&alone);
    free(a);
    free(y);
}

static void check_evaluation(enum task task, bool weighted)
{
    static const double deviations[] = {2, 50, 0.1, 7}, weights[] = {1, 3, 0.5};
    struct problem *p = problem_new(task, 4, 3, 600, 3); /* several times the rows that are evaluated at once */
    struct mlp_spec s = spec_for(p, MLP_ADAM, 0.01, 50, 8, MLP_TANH, 0);
    struct evaluation e;
    s.target_deviations = task == TASK_REGRESSION ? deviations : NULL;
    if (weighted)
        problem_weigh(p, weights, 3);
    struct mlp_trainer *t = trainer_for(&s, p, p);
    struct mlp_epoch epoch = one_epoch(t);
    fixture_case("evaluation, %s%s", task_name(task), weighted ? ", weighted" : "");
    assert_int_equal(mlp_evaluate(mlp_trainer_network(t), &p->source, NULL, &e, NULL), ERR_OK);
    assert_true(e.targets == 4 && e.outputs == 4 && e.classes == 0 && !e.predicted);
    assert_near(e.loss, epoch.valid_loss, 1e-12, 0);
    double mean = 0;
    for (uint32_t j = 0; j < 4; j++) {
        mean += e.target_loss[j] / 4;
        check_target(mlp_trainer_network(t), p, &e, j);
    }
    assert_near(mean, e.loss, 1e-12, 0);
    for (unsigned m = 0; m < MLP_METRICS_MAX; m++)
        assert_near(e.metric[m], epoch.metric[m], 1e-12, 1);
    evaluation_done(&e);
    mlp_trainer_free(t);
    problem_free(p);
}

static void test_a_target_is_evaluated_as_if_it_were_alone(void **state)
{
    (void)state;
    for (int weighted = 0; weighted < 2; weighted++) {
        check_evaluation(TASK_REGRESSION, weighted);
        check_evaluation(TASK_MULTILABEL, weighted);
    }
}

static void test_one_target_without_memory(void **state)
{
    (void)state;
    struct problem *p = problem_new(TASK_MULTILABEL, 2, 3, 30, 5);
    struct mlp_spec s = spec_for(p, MLP_SGD, 0.01, 10, 5, MLP_TANH, 0);
    struct mlp_trainer *t = trainer_for(&s, p, NULL);
    struct evaluation e, own;
    assert_int_equal(mlp_evaluate(mlp_trainer_network(t), &p->source, NULL, &e, NULL), ERR_OK);
    enum err_code code = ERR_NO_MEMORY;
    for (uint64_t nth = 1; code; nth++) {
        assert_true(nth < 100);
        mem_fail_at(nth, 0);
        code = evaluation_target(&e, 1, &own, NULL);
        mem_fail_at(0, 0);
        assert_true(code ? code == ERR_NO_MEMORY : nth > 5);
        evaluation_done(&own); /* in every case */
    }
    evaluation_done(&e);
    mlp_trainer_free(t);
    problem_free(p);
}

/* ---- predictions ------------------------------------------------------------------------------------------------------ */

static void test_predictions(void **state)
{
    static const enum task tasks[] = {TASK_REGRESSION, TASK_MULTILABEL};
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++)
        for (unsigned k = 0; k < 2; k++) {
            struct problem *p = problem_new(tasks[k], 18, 3, 300, 5);
            struct mlp_spec s = spec_for(p, MLP_ADAM, 0.01, 10, 5, MLP_TANH, 0);
            struct mlp_trainer *t = trainer_for(&s, p, NULL);
            real out[300 * 18];
            one_epoch(t);
            struct oracle *o = oracle_new(mlp_trainer_network(t));
            fixture_case("predictions, %s", task_name(tasks[k]));
            assert_int_equal(mlp_predict(mlp_trainer_network(t), p->x, 300, 3, out, NULL, NULL), ERR_OK);
            for (size_t r = 0; r < 300; r++) {
                oracle_forward(o, p->x + r * 3);
                for (unsigned j = 0; j < 18; j++)
                    assert_near(out[r * 18 + j], o->layer[1].a[j], 1e-13, 1e-3);
            }
            oracle_free(o);
            mlp_trainer_free(t);
            problem_free(p);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training_as_scikit_learn_does),
        cmocka_unit_test(test_a_loss_is_the_mean_over_the_targets),
        cmocka_unit_test(test_labels_of_extreme_logits),
        cmocka_unit_test(test_labels_that_do_not_occur),
        cmocka_unit_test(test_a_constant_among_the_targets),
        cmocka_unit_test(test_a_target_is_evaluated_as_if_it_were_alone),
        cmocka_unit_test(test_one_target_without_memory),
        cmocka_unit_test(test_predictions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
