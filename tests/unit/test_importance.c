/* core/nn/importance: against an oracle that predicts shuffled rows by itself, and on networks whose importances are known. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/nn/importance.h"
#include "core/nn/network.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 700
#define INPUTS 6
#define REPEATS 7
#define SEED 11

/* A number; one of three as one-hot; a number that the network does not look at; one more. */
static const struct importance_feature features[] = {{0, 1}, {1, 3}, {4, 1}, {5, 1}};
#define FEATURES 4

struct scene {
    struct mlp_network network;
    struct mlp_matrix rows;
    real x[ROWS * INPUTS], y[ROWS * 3];
    struct importance_base base;
    struct importance got[FEATURES];
};

static void make(struct scene *s, enum task task, uint32_t outputs)
{
    struct mlp_spec spec;
    struct rng r;
    struct err err;
    memset(s, 0, sizeof *s);
    mlp_spec_default(&spec);
    spec.task = task;
    spec.inputs = INPUTS;
    spec.outputs = outputs;
    spec.hidden_count = 1;
    spec.hidden[0] = (struct mlp_hidden){.units = 5, .activation = MLP_TANH};
    spec.seed = 3;
    assert_int_equal(network_init(&s->network, &spec, &err), ERR_OK);
    network_initialize(&s->network);
    const struct layer *first = &s->network.layer[0];
    for (uint32_t j = 0; j < first->units; j++)
        s->network.parameters[network_weight(first, 4, j)] = 0; /* input 4 is not looked at */
    rng_init(&r, 5, RNG_ORDER, (uint64_t)task);
    for (size_t i = 0; i < ROWS; i++) {
        real *x = s->x + i * INPUTS;
        x[0] = (real)(rng_uniform(&r) * 4 - 2);
        x[1 + rng_below(&r, 3)] = 1;
        x[4] = (real)(rng_uniform(&r) * 4 - 2);
        x[5] = (real)(rng_uniform(&r) * 4 - 2);
        uint32_t targets = mlp_targets(&spec), classes = task == TASK_MULTICLASS ? outputs : 2;
        for (uint32_t j = 0; j < targets; j++)
            s->y[i * targets + j] = task == TASK_REGRESSION ? (real)(rng_uniform(&r) * 2 - 1) : (real)rng_below(&r, classes);
    }
    s->rows = (struct mlp_matrix){.x = s->x, .y = s->y, .stride = INPUTS, .inputs = INPUTS, .targets = mlp_targets(&spec)};
}

static enum err_code run(struct scene *s, uint32_t repeats, uint64_t seed, struct importance *out)
{
    struct err err;
    return mlp_importance(&s->network, &s->rows, ROWS, features, FEATURES, repeats, seed, NULL, NULL, &s->base, out, &err);
}

/* ---- the oracle: predictions of copied rows, and figures from their formulas, in double --------------------------------- */

/* Regression: adds what one target gives to the means over them. */
static void score_number(const struct scene *s, const real *out, uint32_t j, uint32_t targets, double *metric, double *loss)
{
    double mean = 0, errors = 0, spread = 0;
    for (size_t i = 0; i < ROWS; i++)
        mean += (double)s->y[i * targets + j] / ROWS;
    for (size_t i = 0; i < ROWS; i++) {
        double y = (double)s->y[i * targets + j];
        errors += pow(y - (double)out[i * targets + j], 2);
        spread += pow(y - mean, 2);
    }
    *metric += (1 - errors / spread) / targets;
    *loss += errors / ROWS / targets;
}

static double score_labels(const real *y, const real *out, uint32_t count, bool *right)
{
    double loss = 0;
    *right = true;
    for (uint32_t j = 0; j < count; j++) {
        loss -= log(y[j] > (real)0.5 ? (double)out[j] : 1 - (double)out[j]) / count;
        *right &= (out[j] >= (real)0.5) == (y[j] > (real)0.5);
    }
    return loss;
}

static double score_class(size_t y, const real *out, uint32_t classes, bool *right)
{
    size_t best = 0;
    for (size_t k = 1; k < classes; k++)
        best = out[k] > out[best] ? k : best;
    *right = best == y;
    return -log((double)out[y]);
}

static void score(const struct scene *s, const real *x, double *ret_metric, double *ret_loss)
{
    const struct mlp_spec *spec = mlp_network_spec(&s->network);
    static real out[ROWS * 3];
    uint32_t outputs = spec->outputs;
    *ret_metric = *ret_loss = 0;
    assert_int_equal(mlp_predict(&s->network, x, ROWS, INPUTS, out, NULL, NULL), ERR_OK);
    for (uint32_t j = 0; spec->task == TASK_REGRESSION && j < outputs; j++)
        score_number(s, out, j, outputs, ret_metric, ret_loss);
    for (size_t i = 0; spec->task != TASK_REGRESSION && i < ROWS; i++) {
        bool right, classes = spec->task == TASK_MULTICLASS;
        const real *o = out + i * outputs;
        double loss = classes ? score_class((size_t)s->y[i], o, outputs, &right) : score_labels(s->y + i * outputs, o, outputs, &right);
        *ret_loss += loss / ROWS;
        *ret_metric += (double)right / ROWS;
    }
}

/* Shuffles whole columns of a copy, as the header says it is drawn. */
static void oracle(const struct scene *s, uint32_t f, uint32_t repeats, uint64_t seed, struct importance *ret)
{
    static real x[ROWS * INPUTS];
    double metric, loss, drop[REPEATS], increase[REPEATS];
    struct importance m = {0};
    score(s, s->x, &metric, &loss);
    for (uint32_t r = 0; r < repeats; r++) {
        uint32_t from[ROWS];
        struct rng rng;
        double now_metric, now_loss;
        for (uint32_t i = 0; i < ROWS; i++)
            from[i] = i;
        rng_init(&rng, seed, RNG_IMPORTANCE, ((uint64_t)r << 32) + f);
        rng_shuffle(&rng, from, ROWS);
        memcpy(x, s->x, sizeof x);
        for (size_t i = 0; i < ROWS; i++)
            for (uint32_t k = 0; k < features[f].inputs; k++)
                x[i * INPUTS + features[f].input + k] = s->x[from[i] * INPUTS + features[f].input + k];
        score(s, x, &now_metric, &now_loss);
        drop[r] = metric - now_metric;
        increase[r] = now_loss - loss;
        m.drop_mean += drop[r] / repeats;
        m.increase_mean += increase[r] / repeats;
    }
    for (uint32_t r = 0; r < repeats; r++) {
        m.drop_deviation += pow(drop[r] - m.drop_mean, 2) / repeats;
        m.increase_deviation += pow(increase[r] - m.increase_mean, 2) / repeats;
    }
    m.drop_deviation = sqrt(m.drop_deviation);
    m.increase_deviation = sqrt(m.increase_deviation);
    *ret = m;
}

#define assert_near(a, b) assert_true(fabs((a) - (b)) < 2e-6)

static void against_the_oracle(void **state)
{
    (void)state;
    static const struct {
        enum task task;
        uint32_t outputs;
        unsigned metric;
    } cases[] = {{TASK_REGRESSION, 1, 2}, {TASK_BINARY, 1, 0}, {TASK_MULTICLASS, 3, 0}, {TASK_REGRESSION, 3, 2}, {TASK_MULTILABEL, 2, 0}};
    static struct scene s;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        double metric, loss;
        make(&s, cases[c].task, cases[c].outputs);
        assert_int_equal(run(&s, REPEATS, SEED, s.got), ERR_OK);
        score(&s, s.x, &metric, &loss);
        assert_int_equal(s.base.metric, cases[c].metric);
        assert_near(s.base.value, metric);
        assert_near(s.base.loss, loss);
        for (uint32_t f = 0; f < FEATURES; f++) {
            struct importance expected;
            oracle(&s, f, REPEATS, SEED, &expected);
            assert_near(s.got[f].drop_mean, expected.drop_mean);
            assert_near(s.got[f].drop_deviation, expected.drop_deviation);
            assert_near(s.got[f].increase_mean, expected.increase_mean);
            assert_near(s.got[f].increase_deviation, expected.increase_deviation);
        }
        assert_true(s.got[0].increase_deviation > 0 && s.got[1].increase_deviation > 0);
        assert_true(s.got[2].drop_mean == 0 && s.got[2].increase_mean == 0); /* exactly: it is not looked at */
        assert_true(s.got[2].drop_deviation == 0 && s.got[2].increase_deviation == 0);
        network_done(&s.network);
    }
}

/* y = x: shuffling makes errors of twice the variance, so that R2 falls from 1 to about -1, and by 2 for no other feature. */
static void a_known_importance(void **state)
{
    (void)state;
    static struct scene s;
    struct mlp_spec spec;
    make(&s, TASK_REGRESSION, 1);
    spec = *mlp_network_spec(&s.network);
    network_done(&s.network);
    spec.hidden_count = 0;
    assert_int_equal(network_init(&s.network, &spec, NULL), ERR_OK);
    s.network.parameters[s.network.layer[0].weights] = 1;
    double mean = 0, variance = 0;
    for (size_t i = 0; i < ROWS; i++) {
        s.y[i] = s.x[i * INPUTS];
        mean += (double)s.y[i] / ROWS;
    }
    for (size_t i = 0; i < ROWS; i++)
        variance += pow((double)s.y[i] - mean, 2) / ROWS;
    assert_int_equal(run(&s, 50, 1, s.got), ERR_OK);
    assert_near(s.base.value, 1);
    assert_near(s.base.loss, 0);
    assert_true(fabs(s.got[0].drop_mean - 2) < 0.03); /* its standard error is 0.0107 */
    assert_true(fabs(s.got[0].increase_mean - 2 * variance) < 0.03 * variance);
    assert_true(fabs(s.got[0].drop_deviation - 2 / sqrt(ROWS)) < 0.03);
    for (uint32_t f = 1; f < FEATURES; f++)
        assert_true(s.got[f].drop_mean == 0);
    network_done(&s.network);
}

static void seeds_and_features_stand_alone(void **state)
{
    (void)state;
    static struct scene s;
    struct importance again[FEATURES], other[FEATURES], alone;
    struct importance_base base;
    make(&s, TASK_MULTICLASS, 3);
    assert_int_equal(run(&s, REPEATS, SEED, s.got), ERR_OK);
    assert_int_equal(run(&s, REPEATS, SEED, again), ERR_OK);
    assert_memory_equal(s.got, again, sizeof again);
    assert_int_equal(run(&s, REPEATS, SEED + 1, other), ERR_OK);
    assert_true(s.got[0].increase_mean != other[0].increase_mean);
    assert_int_equal(mlp_importance(&s.network, &s.rows, ROWS, features, 1, REPEATS, SEED, NULL, NULL, &base, &alone, NULL),
                     ERR_OK);
    assert_memory_equal(&alone, &s.got[0], sizeof alone);
    network_done(&s.network);
}

static void what_is_not_defined_is_nan(void **state)
{
    (void)state;
    static struct scene s;
    make(&s, TASK_REGRESSION, 1);
    for (size_t i = 0; i < ROWS; i++)
        s.y[i] = 1;
    assert_int_equal(run(&s, 2, 1, s.got), ERR_OK);
    assert_true(isnan(s.base.value) && isnan(s.got[0].drop_mean));
    assert_true(isfinite(s.base.loss) && isfinite(s.got[0].increase_mean));
    network_done(&s.network);
}

static void it_stops_and_counts(void **state)
{
    (void)state;
    static struct scene s;
    atomic_int stop = 1;
    atomic_uint done = 0;
    make(&s, TASK_REGRESSION, 1);
    assert_int_equal(mlp_importance(&s.network, &s.rows, ROWS, features, FEATURES, 1, 1, &stop, &done, &s.base, s.got, NULL),
                     ERR_STOPPED);
    assert_int_equal(done, 0);
    stop = 0;
    assert_int_equal(mlp_importance(&s.network, &s.rows, ROWS, features, FEATURES, 1, 1, &stop, &done, &s.base, s.got, NULL),
                     ERR_OK);
    assert_int_equal(done, FEATURES);
    mem_fail_at(1, 1);
    assert_int_equal(run(&s, 1, 1, s.got), ERR_NO_MEMORY);
    mem_fail_at(0, 0);
    network_done(&s.network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_the_oracle),
        cmocka_unit_test(a_known_importance),
        cmocka_unit_test(seeds_and_features_stand_alone),
        cmocka_unit_test(what_is_not_defined_is_nan),
        cmocka_unit_test(it_stops_and_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
