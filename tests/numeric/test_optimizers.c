/* The updates: golden steps, the course's own Adam, large epsilons, and what t counts. Each runs with every table of
 * kernels that the machine has.
 *
 * Golden figures have 15 digits, and a weight of size 1 is rounded to 2.2e-16 at each of three steps: 1e-14 of the weights'
 * size is as sharp as they allow. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/nn/optimizer.h"
#include "support/fixture.h"
#include <stdlib.h>
#include <string.h>

#define STEPS 3
#define COUNT 48 /* weights: each lane of each vector, several vectors */

/* ---- golden steps --------------------------------------------------------------------------------------------------- */

static const double start[2] = {1, -2};
static const double gradients[STEPS][2] = {{.5, -1}, {.25, .75}, {-1.5, .1}};
static const double golden_rates[STEPS] = {.1, .1, .01};

struct golden {
    const char *name;
    struct mlp_optimizer_spec spec; /* name, learning_rate, momentum, rho, beta1, beta2, epsilon, weight_decay, bias_correction */
    double w[STEPS][2];
};

static const struct golden goldens[] = {
    /* design/numerics.md */
    {"sgd", {MLP_SGD, NAN, NAN, NAN, NAN, NAN, NAN, 0, false}, {{.95, -1.9}, {.925, -1.975}, {.94, -1.976}}},
    /* with the rate outside of v the last would be .8887, -1.88465 */
    {"momentum", {MLP_MOMENTUM, NAN, .9, NAN, NAN, NAN, NAN, 0, false}, {{.95, -1.9}, {.88, -1.885}, {.832, -1.8725}}},
    {"adam",
     {MLP_ADAM, NAN, NAN, NAN, .9, .999, 1e-8, 0, true},
     {{.900000002, -1.900000001}, {.806782040477462, -1.89106750036054}, {.810254275509534, -1.89088905680362}}},
    {"adam eps=.1",
     {MLP_ADAM, NAN, NAN, NAN, .9, .999, .1, 0, true},
     {{.916666666666667, -1.90909090909091},
      {.84227204413953, -1.90106634745225},
      {.845405383132764, -1.90090956582942}}},
    {"adagrad",
     {MLP_ADAGRAD, NAN, NAN, NAN, NAN, NAN, 1e-10, 0, false},
     {{.90000000002, -1.90000000001}, {.855278640478004, -1.9600000000052}, {.864649066190735, -1.96079745222797}}},
    {"rmsprop",
     {MLP_RMSPROP, NAN, NAN, .99, NAN, NAN, 1e-8, 0, false},
     {{1.99999960481811e-7, -1.00000009999999},
      {-.44901297442183, -1.60192931711966},
      {-.355206165988862, -1.60996935911935}}},
    {"rmsprop eps=.1",
     {MLP_RMSPROP, NAN, NAN, .99, NAN, NAN, .1, 0, false},
     {{.666666666666667, -1.5}, {.506078418943117, -1.8339279358883}, {.563792237096021, -1.83838471174178}}},
    {"adadelta",
     {MLP_ADADELTA, NAN, NAN, .9, NAN, NAN, 1e-6, 0, false},
     {{.999683778558349, -1.99968377381511}, {.99947526985557, -1.99996112227166}, {.999521029154524, -1.99996560845742}}},
    {"adadelta eps=.1",
     {MLP_ADADELTA, NAN, NAN, .9, NAN, NAN, .1, 0, false},
     {{.955278640450004, -1.92928932188135}, {.93114310084873, -1.98782474653246}, {.940053961254138, -1.98870259246086}}},
    {"adamw weight_decay=.5", /* PyTorch as well */
     {MLP_ADAMW, NAN, NAN, NAN, .9, .999, 1e-8, .5, true},
     {{.850000002, -1.800000001}, {.714282040377462, -1.70106750031054}, {.714182865207647, -1.69238371925207}}},
    {"nesterov", {MLP_NESTEROV, NAN, .9, NAN, NAN, NAN, NAN, 0, false}, {{.905, -1.81}, {.817, -1.8715}, {.7888, -1.86125}}},
    /* The rest by hand, in 40 digits. The course's Adam: no correction, epsilon 0; v and r after the first step are
     * .1 g and .001 g^2, so that it is rate * sqrt(10) * sign(g). */
    {"the course's adam",
     {MLP_ADAM, NAN, NAN, NAN, .9, .999, 0, 0, false},
     {{.683772233983162067, -1.68377223398316207},
      {.287633949501157126, -1.6458127530831059},
      {.304822330277448191, -1.64492941546792832}}},
    /* epsilon far above every root: inside of it, sqrt(g^2 + 10), steps would be three times as large */
    {"adam eps=10",
     {MLP_ADAM, NAN, NAN, NAN, .9, .999, 10, 0, true},
     {{.995238095238095238, -1.99090909090909091},
      {.991693958010291227, -1.99018372649639572},
      {.991987821425467885, -1.99017168303166831}}},
    {"adam eps=10, uncorrected",
     {MLP_ADAM, NAN, NAN, NAN, .9, .999, 10, 0, false},
     {{.999500789321388346, -1.99900315230918326},
      {.998802024081287178, -1.99885374271344668},
      {.998888585943332478, -1.99885025652657299}}},
    {"adagrad eps=10",
     {MLP_ADAGRAD, NAN, NAN, NAN, NAN, NAN, 10, 0, false},
     {{.995238095238095238, -1.99090909090909091},
      {.992870450597186134, -1.99757575757575758},
      {.994163466983173324, -1.99766461492131244}}},
    {"rmsprop eps=10",
     {MLP_RMSPROP, NAN, NAN, .99, NAN, NAN, 10, 0, false},
     {{.995024875621890547, -1.9900990099009901},
      {.992538717961910163, -1.9975067104280391},
      {.994015109996241195, -1.99760548193324678}}},
};
#define GOLDENS (sizeof goldens / sizeof *goldens)

/* What a trainer makes of an optimizer at its own rate. */
static struct step step_of(const struct mlp_optimizer_spec *o, uint64_t t)
{
    struct mlp_spec s;
    mlp_spec_default(&s);
    s.optimizer = *o;
    return optimizer_step(&s, t, o->learning_rate);
}

/* Both columns of the table, side by side in all lanes. */
static void walk(const struct kernels *k, const struct golden *g)
{
    real w[COUNT], first[COUNT] = {0}, second[COUNT] = {0}, gradient[COUNT];
    struct mlp_optimizer_spec spec = g->spec;
    for (size_t i = 0; i < COUNT; i++)
        w[i] = start[i % 2];
    for (unsigned t = 0; t < STEPS; t++) {
        double sums[2] = {3, 4}, squares[2] = {3, 4};
        for (size_t i = 0; i < COUNT; i++) {
            double before = t ? g->w[t - 1][i % 2] : start[i % 2];
            double taken = before * (1 - golden_rates[t] * spec.weight_decay) - g->w[t][i % 2];
            gradient[i] = gradients[t][i % 2];
            squares[0] += gradient[i] * gradient[i];
            squares[1] += taken * taken;
        }
        spec.learning_rate = golden_rates[t];
        struct step step = step_of(&spec, t + 1);
        unsigned states = optimizers[spec.name].states; /* those that it does not have may be NULL */
        k->scale(COUNT, step.keep, w);
        k->update[spec.name](&step, COUNT, gradient, w, states > 0 ? first : NULL, states > 1 ? second : NULL, sums);
        for (size_t i = 0; i < COUNT; i++)
            assert_near(w[i], g->w[t][i % 2], 1e-14, 1);
        assert_near(sums[0], squares[0], 1e-12, 0);
        assert_near(sums[1], squares[1], 1e-12, 1e-2);
    }
}

static void test_golden_steps(void **state)
{
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++) {
        for (unsigned g = 0; g < GOLDENS; g++) {
            fixture_case("%s", goldens[g].name);
            walk(kernels_at(i), &goldens[g]);
        }
    }
}

/* Many random steps against the formulas: every lane has gradients of its own, among them zeros, and 12 decades of sizes. */
static void test_random_steps(void **state)
{
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++) {
        for (unsigned g = 0; g < GOLDENS; g++) {
            struct mlp_optimizer_spec spec = goldens[g].spec;
            struct oracle_weight expected[COUNT] = {0};
            real w[COUNT] = {0}, v[COUNT] = {0}, r[COUNT] = {0}, gradient[COUNT];
            uint64_t draw = g;
            double largest = 0; /* sums of gradients are rounded to it, though they may cancel */
            spec.learning_rate = 0.05;
            fixture_case("%s, random", goldens[g].name);
            for (unsigned t = 1; t <= 50; t++) {
                double sums[2] = {0}, size = pow(10, 6 * fixture_uniform(&draw));
                struct step step = step_of(&spec, t);
                largest = fmax(largest, size);
                for (size_t j = 0; j < COUNT; j++)
                    expected[j].gradient = gradient[j] = j % 5 ? size * fixture_uniform(&draw) : 0;
                kernels_at(i)->update[spec.name](&step, COUNT, gradient, w, v, r, sums);
                for (size_t j = 0; j < COUNT; j++) {
                    oracle_update(&spec, t, &expected[j]);
                    assert_near(w[j], expected[j].value, 1e-12, spec.name < MLP_ADAGRAD ? largest : 1);
                }
            }
            for (size_t j = 0; j < COUNT; j += 5)
                assert_true(w[j] == 0); /* no gradient, no step: with epsilon 0 as well */
        }
    }
}

static void test_no_gradient_and_no_epsilon_is_no_step(void **state)
{
    static const enum mlp_optimizer divide[] = {MLP_ADAGRAD, MLP_RMSPROP, MLP_ADAM, MLP_ADAMW};
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++) {
        for (unsigned o = 0; o < 4; o++) {
            struct mlp_optimizer_spec spec = {divide[o], .1, .9, .9, .9, .999, 0, 0, true};
            struct step step = step_of(&spec, 1);
            real w[16] = {1, 2, 3}, v[16] = {0}, r[16] = {0}, gradient[16] = {0, -4};
            double sums[2] = {0};
            kernels_at(i)->update[divide[o]](&step, 16, gradient, w, v, r, sums);
            assert_true(w[0] == 1 && w[2] == 3 && w[3] == 0);
            assert_true(w[1] > 2 && isfinite(sums[1]));
        }
    }
}

/* ---- what t counts -------------------------------------------------------------------------------------------------- */

/* Two epochs of four batches: update 5 opens the second epoch. A t that counted epochs, or began again with each, or one
 * that each of the six tensors counted up, shows in the first digits, since adam's corrections are largest at the start. */
static void test_t_counts_updates(void **state)
{
    (void)state;
    struct problem *p = problem_new(TASK_REGRESSION, 0, 3, 22, 1);
    for (unsigned i = 0; use_kernels(i); i++) {
        for (int o = 0; o < MLP_OPTIMIZERS; o++) {
            struct mlp_spec s = spec_for(p, (enum mlp_optimizer)o, 0.01, 6, 5, MLP_TANH, 4, MLP_SIGMOID, 0);
            fixture_case("t, %s", mlp_optimizer_name(o));
            compare_training(&s, p, p, 2, 1e-10);
            s.optimizer.epsilon = 0.1;
            compare_training(&s, p, p, 2, 1e-10);
            s.optimizer.bias_correction = false;
            compare_training(&s, p, p, 2, 1e-10);
        }
    }
    problem_free(p);
}

/* That the test above could fail: the oracle itself with t held back to epochs ends elsewhere. */
static void test_t_matters(void **state)
{
    (void)state;
    struct problem *p = problem_new(TASK_REGRESSION, 0, 3, 22, 1);
    struct mlp_spec s = spec_for(p, MLP_ADAM, 0.01, 6, 5, MLP_TANH, 0);
    struct mlp_trainer *t = trainer_for(&s, p, NULL);
    struct oracle *right = oracle_new(mlp_trainer_network(t)), *wrong = oracle_new(mlp_trainer_network(t));
    struct oracle_epoch a, b;
    for (unsigned epoch = 0; epoch < 2; epoch++) {
        oracle_epoch(right, &p->rows, &p->rows, &a);
        wrong->updates = epoch ? 1 : 0;
        oracle_epoch(wrong, &p->rows, &p->rows, &b);
    }
    assert_true(fabs(a.valid_loss - b.valid_loss) > 1e-4 * a.valid_loss);
    oracle_free(right);
    oracle_free(wrong);
    mlp_trainer_free(t);
    problem_free(p);
}

/* ---- defaults ------------------------------------------------------------------------------------------------------- */

static void test_defaults(void **state)
{
    static const struct {
        const char *name;
        double learning_rate, momentum, rho, beta1, beta2, epsilon, weight_decay;
    } rows[] = {{"sgd", 0.01, NAN, NAN, NAN, NAN, NAN, 0},
                {"momentum", 0.01, 0.9, NAN, NAN, NAN, NAN, 0},
                {"nesterov", 0.01, 0.9, NAN, NAN, NAN, NAN, 0},
                {"adagrad", 0.01, NAN, NAN, NAN, NAN, 1e-10, 0},
                {"adadelta", 1, NAN, 0.9, NAN, NAN, 1e-6, 0},
                {"rmsprop", 0.001, NAN, 0.9, NAN, NAN, 1e-8, 0},
                {"adam", 0.001, NAN, NAN, 0.9, 0.999, 1e-8, 0},
                {"adamw", 0.003, NAN, NAN, 0.9, 0.999, 1e-8, 0.01}};
    (void)state;
    for (int i = 0; i < MLP_OPTIMIZERS; i++) {
        int o = mlp_optimizer_find(rows[i].name);
        assert_true(o >= 0);
        assert_string_equal(mlp_optimizer_name(o), rows[i].name);
        struct mlp_optimizer_spec s = {(enum mlp_optimizer)o, NAN, NAN, NAN, NAN, NAN, NAN, NAN, true};
        fixture_case("%s", rows[i].name);
        mlp_optimizer_defaults(&s);
        assert_near(s.learning_rate, rows[i].learning_rate, 0, 0);
        assert_near(s.momentum, rows[i].momentum, 0, 0);
        assert_near(s.rho, rows[i].rho, 0, 0);
        assert_near(s.beta1, rows[i].beta1, 0, 0);
        assert_near(s.beta2, rows[i].beta2, 0, 0);
        assert_near(s.epsilon, rows[i].epsilon, 0, 0);
        assert_near(s.weight_decay, rows[i].weight_decay, 0, 0);
        s = (struct mlp_optimizer_spec){(enum mlp_optimizer)o, 1, 2, 3, 4, 5, 6, 7, false};
        mlp_optimizer_defaults(&s); /* keeps what is set */
        assert_true(s.learning_rate == 1 && s.momentum == 2 && s.rho == 3 && s.beta1 == 4 && s.beta2 == 5 && s.epsilon == 6 &&
                    s.weight_decay == 7);
    }
    assert_null(mlp_optimizer_name(MLP_OPTIMIZERS));
    assert_null(mlp_optimizer_name(-1));
    assert_int_equal(mlp_optimizer_find("Adam"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_steps),
        cmocka_unit_test(test_random_steps),
        cmocka_unit_test(test_no_gradient_and_no_epsilon_is_no_step),
        cmocka_unit_test(test_t_counts_updates),
        cmocka_unit_test(test_t_matters),
        cmocka_unit_test(test_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
