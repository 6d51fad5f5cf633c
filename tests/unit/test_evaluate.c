/* core/nn/evaluation: mlp_evaluate against losses and metrics from their formulas, on networks whose weights are known. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/nn/evaluation.h"
#include "core/nn/network.h"
#include <math.h>
#include <string.h>

#define NEAR(a, b, tolerance) (fabs((double)(a) - (double)(b)) <= (tolerance))
#define ROWS                  600 /* more than the network takes at once, and no multiple of it */
#define INPUTS                3

struct scene {
    struct mlp_network network;
    struct mlp_source source;
    struct mlp_matrix matrix;
    real x[ROWS * INPUTS], y[ROWS];
    double z[ROWS][3]; /* the logits, in double */
    struct evaluation e;
    struct err err;
};

/* z = x W + b with weights and rows that are multiples of 1/16: exact in float. */
static void make(struct scene *s, enum task task, uint32_t outputs, uint64_t rows)
{
    static const double deviation = 5;
    struct mlp_spec spec;
    struct rng r;
    memset(s, 0, sizeof *s);
    mlp_spec_default(&spec);
    spec.task = task;
    spec.inputs = INPUTS;
    spec.outputs = outputs;
    spec.target_deviations = task == TASK_REGRESSION ? &deviation : NULL;
    assert_int_equal(network_init(&s->network, &spec, &s->err), ERR_OK);
    const struct layer *layer = &s->network.layer[0];
    real *w = s->network.parameters, *b = s->network.parameters + layer->bias;
    rng_init(&r, 1, RNG_SEARCH, (uint64_t)task);
    for (uint32_t j = 0; j < outputs; j++) {
        b[j] = (real)((double)rng_below(&r, 32) / 16 - 1);
        for (uint32_t i = 0; i < INPUTS; i++)
            w[network_weight(layer, i, j)] = (real)((double)rng_below(&r, 64) / 16 - 2);
    }
    for (size_t i = 0; i < ROWS * INPUTS; i++)
        s->x[i] = (real)((double)rng_below(&r, 48) / 16 - 1.5);
    for (size_t i = 0; i < ROWS; i++) {
        s->y[i] = task == TASK_REGRESSION ? (real)((double)rng_below(&r, 64) / 16 - 2)
                                          : (real)rng_below(&r, task == TASK_BINARY ? 2 : outputs);
        for (uint32_t j = 0; j < outputs; j++) {
            s->z[i][j] = (double)b[j];
            for (uint32_t k = 0; k < INPUTS; k++)
                s->z[i][j] += (double)s->x[i * INPUTS + k] * (double)w[network_weight(layer, k, j)];
        }
    }
    s->matrix = (struct mlp_matrix){.x = s->x, .y = s->y, .stride = INPUTS, .inputs = INPUTS};
    s->source = (struct mlp_source){.rows = rows, .gather = mlp_matrix_gather, .context = &s->matrix};
}

static void evaluate(struct scene *s)
{
    memset(&s->e, 0xA5, sizeof s->e);
    if (mlp_evaluate(&s->network, &s->source, NULL, &s->e, &s->err))
        fail_msg("%s", s->err.message);
}

static void done(struct scene *s)
{
    evaluation_done(&s->e);
    assert_null(s->e.out);
    network_done(&s->network);
    mem_free(s);
}

static struct scene *scene(enum task task, uint32_t outputs, uint64_t rows)
{
    struct scene *s = mem_alloc(sizeof *s);
    assert_non_null(s);
    make(s, task, outputs, rows);
    return s;
}

static const uint64_t some_rows[] = {1, 2, 255, 256, 257, 512, ROWS};
#define EACH_COUNT(i) for (size_t i = 0; i < sizeof some_rows / sizeof *some_rows; i++)

/* ---- regression ------------------------------------------------------------------------------------------------------- */

static void test_regression_in_the_targets_units(void **state)
{
    (void)state;
    EACH_COUNT(i) {
        struct scene *s = scene(TASK_REGRESSION, 1, some_rows[i]);
        double n = (double)some_rows[i], squares = 0, distances = 0, mean = 0, spread = 0;
        evaluate(s);
        assert_int_equal(s->e.rows, some_rows[i]);
        assert_int_equal(s->e.classes, 0);
        assert_int_equal(s->e.outputs, 1);
        assert_null(s->e.predicted);
        for (uint64_t r = 0; r < some_rows[i]; r++) {
            assert_true((double)s->e.out[r] == s->z[r][0]);
            assert_true(s->e.y[r] == s->y[r]);
            squares += pow(s->z[r][0] - (double)s->y[r], 2);
            distances += fabs(s->z[r][0] - (double)s->y[r]);
            mean += (double)s->y[r] / n;
        }
        for (uint64_t r = 0; r < some_rows[i]; r++)
            spread += pow((double)s->y[r] - mean, 2);
        assert_true(NEAR(s->e.loss, squares / n, 1e-12 * squares)); /* the standardized mean square, no half */
        assert_true(NEAR(s->e.metric[0], 5 * sqrt(squares / n), 1e-12 * squares));
        assert_true(NEAR(s->e.metric[1], 5 * distances / n, 1e-12 * distances));
        if (spread > 0)
            assert_true(NEAR(s->e.metric[2], 1 - squares / spread, 1e-9));
        else
            assert_true(isnan(s->e.metric[2])); /* one value alone */
        assert_true(isnan(s->e.metric[3]));
        done(s);
    }
}

/* ---- classes ---------------------------------------------------------------------------------------------------------- */

/* F1 of each class by counting, the mean over those that occur. */
static double f1_macro(const struct scene *s, uint32_t classes)
{
    double sum = 0, occur = 0;
    for (uint32_t k = 0; k < classes; k++) {
        double actual = 0, predicted = 0, right = 0;
        for (uint64_t r = 0; r < s->e.rows; r++) {
            actual += s->y[r] == (real)k;
            predicted += s->e.predicted[r] == k;
            right += s->y[r] == (real)k && s->e.predicted[r] == k;
        }
        occur += actual + predicted > 0;
        sum += actual + predicted > 0 ? 2 * right / (actual + predicted) : 0;
    }
    return sum / occur;
}

static void test_binary_by_its_formulas(void **state)
{
    (void)state;
    EACH_COUNT(i) {
        struct scene *s = scene(TASK_BINARY, 1, some_rows[i]);
        double n = (double)some_rows[i], loss = 0, right = 0, above = 0, pairs = 0;
        evaluate(s);
        assert_int_equal(s->e.classes, 2);
        assert_int_equal(s->e.outputs, 1);
        for (uint64_t r = 0; r < some_rows[i]; r++) {
            double z = s->z[r][0], p = 1 / (1 + exp(-z));
            assert_true(NEAR(s->e.out[r], p, 1e-6));
            assert_int_equal(s->e.predicted[r], z >= 0); /* from P = 1/2 on */
            loss -= s->y[r] != 0 ? log(p) : log(1 - p);
            right += (z >= 0) == (s->y[r] != 0);
            for (uint64_t k = 0; k < some_rows[i]; k++) {
                bool pair = s->y[r] != 0 && s->y[k] == 0;
                pairs += pair;
                above += !pair ? 0 : s->z[r][0] > s->z[k][0] ? 1 : s->z[r][0] == s->z[k][0] ? 0.5 : 0;
            }
        }
        assert_true(NEAR(s->e.loss, loss / n, 1e-6));
        assert_true(s->e.metric[0] == right / n);
        assert_true(s->e.metric[1] == s->e.loss);
        assert_true(NEAR(s->e.metric[2], f1_macro(s, 2), 1e-12));
        assert_true(pairs > 0 ? NEAR(s->e.metric[3], above / pairs, 1e-4) : isnan(s->e.metric[3]));
        done(s);
    }
}

static void test_multiclass_by_its_formulas(void **state)
{
    (void)state;
    EACH_COUNT(i) {
        struct scene *s = scene(TASK_MULTICLASS, 3, some_rows[i]);
        double n = (double)some_rows[i], loss = 0, right = 0;
        evaluate(s);
        assert_int_equal(s->e.classes, 3);
        assert_int_equal(s->e.outputs, 3);
        for (uint64_t r = 0; r < some_rows[i]; r++) {
            const double *z = s->z[r];
            double sum = exp(z[0]) + exp(z[1]) + exp(z[2]);
            uint32_t best = z[1] > z[0] ? 1 : 0; /* the first of equals */
            best = z[2] > z[best] ? 2 : best;
            for (uint32_t k = 0; k < 3; k++)
                assert_true(NEAR(s->e.out[r * 3 + k], exp(z[k]) / sum, 1e-6));
            assert_int_equal(s->e.predicted[r], best);
            loss -= log(exp(z[(int)s->y[r]]) / sum);
            right += best == (uint32_t)s->y[r];
        }
        assert_true(NEAR(s->e.loss, loss / n, 1e-5));
        assert_true(s->e.metric[0] == right / n);
        assert_true(s->e.metric[1] == s->e.loss);
        assert_true(NEAR(s->e.metric[2], f1_macro(s, 3), 1e-12));
        assert_true(isnan(s->e.metric[3]));
        done(s);
    }
}

/* What was evaluated is what is predicted, and what curves and confusion are made from. */
static void test_evaluation_and_prediction_agree(void **state)
{
    (void)state;
    static const struct {
        enum task task;
        uint32_t outputs;
    } kinds[] = {{TASK_REGRESSION, 1}, {TASK_BINARY, 1}, {TASK_MULTICLASS, 3}};
    for (size_t i = 0; i < 3; i++) {
        struct scene *s = scene(kinds[i].task, kinds[i].outputs, ROWS);
        real *out = mem_array((size_t)ROWS * 3, sizeof *out);
        assert_non_null(out);
        evaluate(s);
        assert_int_equal(mlp_predict(&s->network, s->x, ROWS, INPUTS, out, NULL, &s->err), ERR_OK);
        assert_memory_equal(out, s->e.out, (size_t)ROWS * kinds[i].outputs * sizeof *out);
        uint64_t counts[9] = {0}, sum = 0;
        if (s->e.classes) {
            evaluation_confusion(&s->e, counts);
            for (size_t k = 0; k < (size_t)s->e.classes * s->e.classes; k++)
                sum += counts[k];
            assert_int_equal(sum, ROWS);
        }
        mem_free(out);
        done(s);
    }
}

/* ---- edges ------------------------------------------------------------------------------------------------------------ */

static void test_no_rows_give_no_figures(void **state)
{
    (void)state;
    for (int task = TASK_REGRESSION; task <= TASK_MULTICLASS; task++) {
        struct scene *s = scene((enum task)task, task == TASK_MULTICLASS ? 3 : 1, 0);
        evaluate(s);
        assert_int_equal(s->e.rows, 0);
        assert_true(isnan(s->e.loss));
        for (int m = 0; m < MLP_METRICS_MAX; m++)
            assert_true(isnan(s->e.metric[m]));
        done(s);
    }
}

/* Finite weights whose outputs are not: figures that are not, in finite time. */
static void test_outputs_that_are_no_numbers(void **state)
{
    (void)state;
    static const real scales[] = {(real)1e38, (real)INFINITY};
    for (int task = TASK_REGRESSION; task <= TASK_MULTICLASS; task++)
        for (int k = 0; k < 2; k++) {
            struct scene *s = scene((enum task)task, task == TASK_MULTICLASS ? 3 : 1, ROWS);
            for (size_t i = 0; i < ROWS * INPUTS; i++)
                s->x[i] *= scales[k];
            evaluate(s);
            assert_true(!isfinite(s->e.loss));
            size_t nans = 0;
            for (size_t i = 0; i < (size_t)ROWS * s->e.outputs; i++)
                nans += isnan(s->e.out[i]) != 0;
            assert_true(nans > 0 || k == 0);
            if (task == TASK_BINARY)
                assert_true(isnan(s->e.metric[3]) == (nans > 0));
            done(s);
        }
}

static void test_no_memory(void **state)
{
    (void)state;
    for (int task = TASK_REGRESSION; task <= TASK_MULTICLASS; task++) {
        struct scene *s = scene((enum task)task, task == TASK_MULTICLASS ? 3 : 1, 10);
        uint64_t before = mem_count();
        evaluate(s);
        evaluation_done(&s->e);
        uint64_t allocations = mem_count() - before;
        assert_true(allocations >= 5);
        for (uint64_t nth = 1; nth <= allocations; nth++) {
            mem_fail_at(nth, 0);
            assert_int_equal(mlp_evaluate(&s->network, &s->source, NULL, &s->e, &s->err), ERR_NO_MEMORY);
            mem_fail_at(0, 0);
            evaluation_done(&s->e); /* in every case */
        }
        done(s);
    }
}

/* ---- stopping --------------------------------------------------------------------------------------------------------- */

struct stopping_source {
    struct scene *scene;
    atomic_int *stop;
    unsigned *blocks;
};

static void gather_and_stop(const void *context, const uint32_t *rows, size_t count, real *x, size_t stride, real *y, real *weights)
{
    const struct stopping_source *s = context;
    mlp_matrix_gather(&s->scene->matrix, rows, count, x, stride, y, weights);
    ++*s->blocks;
    atomic_store(s->stop, 1);
}

static void test_a_stop_is_seen_within_a_block(void **state)
{
    (void)state;
    atomic_int stop = 0;
    unsigned blocks = 0;
    struct scene *s = scene(TASK_BINARY, 1, ROWS);
    struct stopping_source stopping = {.scene = s, .stop = &stop, .blocks = &blocks};
    s->source.gather = gather_and_stop;
    s->source.context = &stopping;
    assert_int_equal(mlp_evaluate(&s->network, &s->source, &stop, &s->e, &s->err), ERR_STOPPED);
    assert_int_equal(blocks, 1);
    evaluation_done(&s->e);
    assert_int_equal(mlp_evaluate(&s->network, &s->source, &stop, &s->e, &s->err), ERR_STOPPED);
    assert_int_equal(blocks, 1); /* none when it was set before */
    done(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regression_in_the_targets_units),
        cmocka_unit_test(test_binary_by_its_formulas),
        cmocka_unit_test(test_multiclass_by_its_formulas),
        cmocka_unit_test(test_evaluation_and_prediction_agree),
        cmocka_unit_test(test_no_rows_give_no_figures),
        cmocka_unit_test(test_outputs_that_are_no_numbers),
        cmocka_unit_test(test_a_stop_is_seen_within_a_block),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
