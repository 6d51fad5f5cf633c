/* What a course claims about networks, in the figures that an epoch stores: struct mlp_layer_stats in mlp.h. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/nn/network.h"
#include "support/fixture.h"
#include <stdlib.h>
#include <string.h>

/* W or b of a layer (from 1) that tests set up by hand. */
static real *weight(struct mlp_trainer *t, uint32_t layer, uint32_t input, uint32_t unit)
{
    const struct mlp_network *n = network_of(t);
    return n->parameters + network_weight(&n->layer[layer - 1], input, unit);
}

static real *bias(struct mlp_trainer *t, uint32_t layer, uint32_t unit)
{
    const struct mlp_network *n = network_of(t);
    return n->parameters + n->layer[layer - 1].bias + unit;
}

/* The parameters of layers 1..layers, to be compared bit by bit. */
static size_t parameters_below(const struct mlp_network *n, uint32_t layers)
{
    size_t count = 0;
    for (uint32_t l = 0; l < layers; l++)
        count += ((size_t)n->layer[l].inputs + 1) * n->layer[l].units;
    return count;
}

/* ---- a step cancels back-propagation -------------------------------------------------------------------------------- */

/* The step is hidden layer `at`: it and all below it stand still, to the bit; all above it learn. */
static void check_step(const struct problem *p, enum mlp_optimizer optimizer, uint32_t at)
{
    struct mlp_spec s = spec_for(p, optimizer, 0.01, 8, 6, MLP_TANH, 5, MLP_LEAKY_RELU, 7, MLP_SIGMOID, 0);
    s.hidden[at - 1].activation = MLP_STEP;
    s.optimizer.weight_decay = 0; /* which needs no gradient */
    struct mlp_trainer *t = trainer_for(&s, p, p);
    const struct mlp_network *n = mlp_trainer_network(t);
    size_t count, still = parameters_below(n, at);
    double *before = parameters_of(n, &count);
    for (unsigned epoch = 0; epoch < 3; epoch++) {
        struct mlp_epoch e = one_epoch(t);
        for (uint32_t l = 1; l <= e.layer_count; l++) {
            const struct mlp_layer_stats *stats = &e.layers[l - 1];
            assert_true(l <= at ? stats->gradient_norm == 0 : stats->gradient_norm > 1e-6);
            assert_true(l <= at ? stats->update_ratio == 0 : stats->update_ratio > 0);
        }
    }
    double *after = parameters_of(n, &count);
    assert_memory_equal(after, before, still * sizeof *after);
    assert_memory_not_equal(after + still, before + still, (count - still) * sizeof *after);
    free(before);
    free(after);
    mlp_trainer_free(t);
}

static void test_a_step_stops_all_below_it(void **state)
{
    (void)state;
    struct problem *p = problem_new(TASK_MULTICLASS, 3, 4, 40, 1);
    for (unsigned i = 0; use_kernels(i); i++)
        for (int o = 0; o < MLP_OPTIMIZERS; o++)
            for (uint32_t at = 1; at <= 3; at++)
                check_step(p, (enum mlp_optimizer)o, at);
    problem_free(p);
}

/* ---- vanishing gradients -------------------------------------------------------------------------------------------- */

/* The ratio of the first layer's gradient to the output layer's in the first epoch of a deep network. */
static double share_that_arrives(enum mlp_activation f, bool *ret_falls)
{
    struct problem *p = problem_new(TASK_BINARY, 2, 8, 64, 2);
    struct mlp_spec s = spec_for(p, MLP_SGD, 0.01, 0, 0);
    for (unsigned l = 0; l < 8; l++)
        spec_layer(&s, 16, f);
    struct mlp_trainer *t = trainer_for(&s, p, NULL);
    struct mlp_epoch e = one_epoch(t);
    double share = e.layers[0].gradient_norm / e.layers[8].gradient_norm;
    *ret_falls = true;
    for (unsigned l = 0; l < 8; l++)
        *ret_falls &= e.layers[l].gradient_norm < e.layers[l + 1].gradient_norm;
    mlp_trainer_free(t);
    problem_free(p);
    return share;
}

/* A sigmoid passes on a quarter of a gradient at most: eight of them 4^-8, of which weights make up some. */
static void test_gradients_vanish_in_deep_sigmoids(void **state)
{
    bool falls;
    (void)state;
    assert_true(share_that_arrives(MLP_SIGMOID, &falls) < 1e-3 && falls);
    assert_true(share_that_arrives(MLP_RELU, &falls) > 1e-1); /* He's weights keep them up */
    assert_true(share_that_arrives(MLP_TANH, &falls) > 1e-1);
}

/* ---- dead units ----------------------------------------------------------------------------------------------------- */

/* 8 units on 4 inputs within -2..2: biases of -1e3 put three of them under 0 for every row. Two more fire for the last row
 * alone, which is enough to live. */
static struct mlp_trainer *three_of_eight(struct problem *p, enum mlp_activation f)
{
    struct mlp_spec s = spec_for(p, MLP_SGD, 0.01, 8, 8, f, 0);
    struct mlp_trainer *t = trainer_for(&s, p, NULL);
    p->x[p->rows.count * 4 - 4] = 100;
    for (uint32_t j = 0; j < 8; j++)
        for (uint32_t i = 0; i < 4; i++)
            *weight(t, 1, i, j) = j < 3 ? 0.5 : i ? 0 : 1;
    for (uint32_t j = 0; j < 8; j++)
        *bias(t, 1, j) = j < 3 ? -1e3 : j < 5 ? -90 : 2.5;
    return t;
}

static void test_dead_units_are_counted(void **state)
{
    static const struct {
        enum mlp_activation f;
        double dead;
        bool learn; /* the three units */
    } cases[] = {{MLP_RELU, 3.0 / 8, false}, {MLP_STEP, 3.0 / 8, false}, {MLP_LEAKY_RELU, 0, true},
                 {MLP_IDENTITY, 0, true},    {MLP_SIGMOID, 0, false},    {MLP_TANH, 0, false}};
    (void)state;
    for (unsigned i = 0; use_kernels(i); i++) {
        for (unsigned c = 0; c < sizeof cases / sizeof *cases; c++) {
            struct problem *p = problem_new(TASK_BINARY, 2, 4, 30, 3);
            struct mlp_trainer *t = three_of_eight(p, cases[c].f);
            size_t count;
            double *before = parameters_of(network_of(t), &count);
            struct mlp_epoch e = one_epoch(t);
            fixture_case("%s", mlp_activation_name((int)cases[c].f));
            assert_near(e.layers[0].dead, cases[c].dead, 0, 0);
            assert_true(e.layers[1].dead == 0);
            double *after = parameters_of(mlp_trainer_network(t), &count);
            for (size_t w = 0; w < 4 * 8; w++)
                assert_true(w % 8 >= 3 || (after[w] != before[w]) == cases[c].learn);
            free(before);
            free(after);
            mlp_trainer_free(t);
            problem_free(p);
        }
    }
}

/* One step with a rate far too large throws every relu under 0, and none comes back. */
static void test_a_huge_rate_kills_relus(void **state)
{
    (void)state;
    struct problem *p = problem_new(TASK_REGRESSION, 0, 3, 50, 4);
    for (size_t r = 0; r < 50; r++) {
        p->y[r] = -1; /* all pull the one way */
        for (unsigned i = 0; i < 3; i++)
            p->x[r * 3 + i] = fabs(p->x[r * 3 + i]) + 0.1;
    }
    struct mlp_spec s = spec_for(p, MLP_SGD, 1e3, 0, 10, MLP_RELU, 0);
    struct mlp_trainer *t = trainer_for(&s, p, NULL);
    for (uint32_t j = 0; j < 10; j++) {
        *weight(t, 2, j, 0) = 0.5;
        for (uint32_t i = 0; i < 3; i++)
            *weight(t, 1, i, j) = 0.1 * (1 + j);
    }
    assert_true(one_epoch(t).layers[0].dead == 0);
    for (unsigned epoch = 0; epoch < 3; epoch++) {
        struct mlp_epoch e = one_epoch(t);
        assert_true(e.layers[0].dead == 1 && e.layers[0].gradient_norm == 0 && e.layers[0].update_ratio == 0);
        *bias(t, 2, 0) = 0; /* the output's bias alone would run away */
    }
    mlp_trainer_free(t);
    problem_free(p);
}

/* ---- saturated units ------------------------------------------------------------------------------------------------ */

/* z at which f' is `share` of its largest: solved by hand. sigmoid: a(1-a) = share/4; tanh: 1 - a^2 = share. */
static double z_of_share(enum mlp_activation f, double share)
{
    double a = f == MLP_TANH ? sqrt(1 - share) : (1 + sqrt(1 - share)) / 2;
    return f == MLP_TANH ? atanh(a) : log(a / (1 - a));
}

/* Units with inputs of 0 sit at z = b for every row: just above and just below 5 % of the largest derivative. */
static void test_the_limit_of_saturation(void **state)
{
    static const double shares[] = {0.0501, 0.0499, 0.5, 0.01, 1, 1e-6, 0.051, 0.049};
    static const enum mlp_activation both[] = {MLP_SIGMOID, MLP_TANH};
    (void)state;
    struct problem *p = problem_new(TASK_BINARY, 2, 2, 20, 5);
    memset(p->x, 0, 40 * sizeof *p->x);
    for (unsigned i = 0; use_kernels(i); i++) {
        for (unsigned f = 0; f < 2; f++) {
            struct mlp_spec s = spec_for(p, MLP_SGD, 1e-9, 5, 8, both[f], 0);
            struct mlp_trainer *t = trainer_for(&s, p, NULL);
            for (uint32_t j = 0; j < 8; j++)
                *bias(t, 1, j) = (j % 4 < 2 ? 1 : -1) * z_of_share(both[f], shares[j]);
            struct mlp_epoch e = one_epoch(t);
            assert_true(e.layers[0].saturated == 0.5 && e.layers[0].dead == 0);
            assert_true(e.layers[1].saturated == 0);
            mlp_trainer_free(t);
        }
    }
    problem_free(p);
}

/* It is the mean over the rows that counts: one row in ten with a full derivative makes a tenth of the largest. */
static void test_saturation_is_a_mean_over_rows(void **state)
{
    (void)state;
    struct problem *p = problem_new(TASK_BINARY, 2, 1, 20, 6);
    for (unsigned rows = 0; rows <= 3; rows++) {
        struct mlp_spec s = spec_for(p, MLP_SGD, 1e-12, 3, 4, MLP_TANH, 0);
        struct mlp_trainer *t = trainer_for(&s, p, NULL);
        for (size_t r = 0; r < 20; r++)
            p->x[r] = r < rows ? 0 : 1e3;
        for (uint32_t j = 0; j < 4; j++)
            *weight(t, 1, 0, j) = j % 2 ? 1 : -1;
        assert_true(one_epoch(t).layers[0].saturated == (rows < 1 || (double)rows / 20 < 0.05 ? 1 : 0));
        mlp_trainer_free(t);
    }
    problem_free(p);
}

static void test_large_inputs_saturate(void **state)
{
    static const enum mlp_activation f[] = {MLP_SIGMOID, MLP_TANH, MLP_RELU, MLP_IDENTITY, MLP_STEP};
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        struct problem *p = problem_new(TASK_BINARY, 2, 4, 40, 7);
        struct mlp_spec s = spec_for(p, MLP_SGD, 1e-6, 8, 12, f[i], 0);
        struct mlp_trainer *t = trainer_for(&s, p, NULL);
        assert_true(one_epoch(t).layers[0].saturated == 0); /* standardized inputs */
        for (size_t x = 0; x < 40 * 4; x++)
            p->x[x] = 1e5 * (p->x[x] + copysign(1, p->x[x])); /* as they come, in some small unit */
        assert_true(one_epoch(t).layers[0].saturated == (f[i] == MLP_SIGMOID || f[i] == MLP_TANH));
        mlp_trainer_free(t);
        problem_free(p);
    }
}

/* ---- depth without activations -------------------------------------------------------------------------------------- */

/* The product of all layers: inputs x outputs in w, outputs in b. */
static void collapse(const struct mlp_network *n, double w[4][3], double b[3])
{
    double next[24][3];
    for (uint32_t l = n->layers; l-- > 0;) {
        const struct layer *layer = &n->layer[l];
        const real *weights = n->parameters, *biases = n->parameters + layer->bias;
        for (uint32_t o = 0; o < n->spec.outputs; o++) {
            b[o] = l + 1 == n->layers ? biases[o] : b[o];
            for (uint32_t u = 0; l + 1 < n->layers && u < layer->units; u++)
                b[o] += biases[u] * next[u][o];
        }
        double product[24][3] = {{0}};
        for (uint32_t i = 0; i < layer->inputs; i++)
            for (uint32_t o = 0; o < n->spec.outputs; o++)
                for (uint32_t u = 0; u < layer->units; u++)
                    product[i][o] += weights[network_weight(layer, i, u)] * (l + 1 == n->layers ? u == o : next[u][o]);
        memcpy(next, product, sizeof next);
    }
    memcpy(w, next, 4 * sizeof *w);
}

/* Trained, of any depth: its logits are those of one linear model. */
static void test_identity_networks_are_linear(void **state)
{
    static const uint32_t units[] = {6, 24, 2, 9, 17, 3, 8};
    (void)state;
    struct problem *p = problem_new(TASK_MULTICLASS, 3, 4, 60, 8);
    for (unsigned depth = 0; depth <= 7; depth++) {
        struct mlp_spec s = spec_for(p, MLP_ADAM, 0.01, 16, 0);
        for (unsigned l = 0; l < depth; l++)
            spec_layer(&s, units[l], MLP_IDENTITY);
        struct mlp_trainer *t = trainer_for(&s, p, NULL);
        double w[4][3], b[3], out[60][3];
        for (unsigned epoch = 0; epoch < 5; epoch++)
            one_epoch(t);
        collapse(mlp_trainer_network(t), w, b);
        assert_int_equal(mlp_predict(mlp_trainer_network(t), p->x, 60, 4, out[0], NULL, NULL), ERR_OK);
        fixture_case("depth %u", depth);
        for (size_t r = 0; r < 60; r++) {
            double z[3], sum = 0;
            for (unsigned o = 0; o < 3; o++) {
                z[o] = b[o];
                for (unsigned i = 0; i < 4; i++)
                    z[o] += p->x[r * 4 + i] * w[i][o];
                sum += exp(z[o]);
            }
            for (unsigned o = 0; o < 3; o++)
                assert_near(out[r][o], exp(z[o]) / sum, 1e-12, 1);
        }
        mlp_trainer_free(t);
    }
    problem_free(p);
}

/* And so none of them learns XOR, where one with a bend does. */
static double xor_accuracy(enum mlp_activation f)
{
    struct problem *p = problem_new(TASK_BINARY, 2, 2, 200, 9);
    for (size_t r = 0; r < 200; r++)
        p->y[r] = (p->x[2 * r] > 0) != (p->x[2 * r + 1] > 0);
    struct mlp_spec s = spec_for(p, MLP_ADAM, 0.03, 20, 16, f, 8, f, 0);
    struct mlp_trainer *t = trainer_for(&s, p, p);
    double accuracy = 0;
    for (unsigned epoch = 0; epoch < 60; epoch++)
        accuracy = one_epoch(t).metric[0];
    mlp_trainer_free(t);
    problem_free(p);
    return accuracy;
}

static void test_xor_needs_a_bend(void **state)
{
    (void)state;
    kernels_use(NULL);
    assert_true(xor_accuracy(MLP_IDENTITY) < 0.75); /* a line gets three quadrants of four at best */
    assert_true(xor_accuracy(MLP_TANH) > 0.95 && xor_accuracy(MLP_RELU) > 0.95);
}

/* ---- the definitions ------------------------------------------------------------------------------------------------ */

/* Several epochs, batches and kinds of units against the oracle: each epoch's figures are its own, not sums so far. */
static void test_definitions(void **state)
{
    (void)state;
    struct problem *p = problem_new(TASK_REGRESSION, 0, 3, 37, 10);
    for (size_t x = 0; x < 37 * 3; x++)
        p->x[x] *= 20; /* so that some units are saturated, and some dead */
    for (unsigned i = 0; use_kernels(i); i++) {
        for (int o = 0; o < MLP_OPTIMIZERS; o++) {
            struct mlp_spec s = spec_for(p, (enum mlp_optimizer)o, 0.002, 10, 21, MLP_TANH, 3, MLP_SIGMOID, 30, MLP_RELU, 9,
                                         MLP_SIGMOID, 0);
            fixture_case("definitions, %s", mlp_optimizer_name(o));
            compare_training(&s, p, NULL, 5, 1e-10);
            struct mlp_trainer *t = trainer_for(&s, p, NULL);
            struct mlp_epoch e = one_epoch(t);
            assert_true(e.layers[0].saturated > 0 && e.layers[0].saturated < 1); /* there was something to compare */
            assert_true(e.layers[2].dead > 0 && e.layers[2].dead < 1);
            mlp_trainer_free(t);
        }
    }
    problem_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_step_stops_all_below_it),
        cmocka_unit_test(test_gradients_vanish_in_deep_sigmoids),
        cmocka_unit_test(test_dead_units_are_counted),
        cmocka_unit_test(test_a_huge_rate_kills_relus),
        cmocka_unit_test(test_the_limit_of_saturation),
        cmocka_unit_test(test_saturation_is_a_mean_over_rows),
        cmocka_unit_test(test_large_inputs_saturate),
        cmocka_unit_test(test_identity_networks_are_linear),
        cmocka_unit_test(test_xor_needs_a_bend),
        cmocka_unit_test(test_definitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
