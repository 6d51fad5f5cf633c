/* core/nn/evaluation: confusion, curves and their areas, against cases counted by hand and against their definitions. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/nn/evaluation.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a)              (sizeof(a) / sizeof *(a))
#define NEAR(a, b, tolerance) (fabs((double)(a) - (double)(b)) <= (tolerance))
#define MOST_POINTS           (EVALUATION_CURVE_POINTS * 2 + 2) /* by the way alone */

static struct evaluation binary(const real *score, const real *y, uint64_t rows)
{
    return (struct evaluation){.task = TASK_BINARY, .rows = rows, .classes = 2, .outputs = 1, .out = (real *)(uintptr_t)score,
                               .y = (real *)(uintptr_t)y};
}

static struct evaluation_curve *curve_of(const struct evaluation *e, uint32_t class)
{
    struct evaluation_curve *c = mem_alloc(sizeof *c);
    struct err err = {0};
    assert_non_null(c);
    memset(c, 0xA5, sizeof *c); /* whatever was there before */
    assert_int_equal(evaluation_curve(e, class, c, &err), ERR_OK);
    assert_true(c->count <= EVALUATION_POINTS_MAX);
    return c;
}

/* ---- classes ---------------------------------------------------------------------------------------------------------- */

/* actual    0 0 0 1 1 2 2 2 2      class 3 is neither, class 4 predicted alone */
/* predicted 0 1 0 1 2 2 2 0 4                                                  */
static void test_confusion_precision_and_recall(void **state)
{
    (void)state;
    real y[] = {0, 0, 0, 1, 1, 2, 2, 2, 2};
    uint32_t predicted[] = {0, 1, 0, 1, 2, 2, 2, 0, 4};
    struct evaluation e = {.task = TASK_MULTICLASS, .rows = 9, .classes = 5, .outputs = 5, .y = y, .predicted = predicted};
    uint64_t counts[25];
    memset(counts, 0xFF, sizeof counts);
    evaluation_confusion(&e, counts);
    static const uint64_t expected[25] = {2, 1, 0, 0, 0, 0, 1, 1, 0, 0, 1, 0, 2, 0, 1};
    assert_memory_equal(counts, expected, sizeof counts);
    static const struct evaluation_class classes[] = {{3, 3, 2, 2.0 / 3, 2.0 / 3, 2.0 / 3},
                                                      {2, 2, 1, 0.5, 0.5, 0.5},
                                                      {4, 3, 2, 2.0 / 3, 0.5, 4.0 / 7},
                                                      {0, 0, 0, NAN, NAN, NAN},
                                                      {0, 1, 0, 0, NAN, 0}};
    for (uint32_t k = 0; k < 5; k++) {
        struct evaluation_class c;
        memset(&c, 0xA5, sizeof c);
        evaluation_class(&e, k, &c);
        assert_int_equal(c.rows, classes[k].rows);
        assert_int_equal(c.predicted, classes[k].predicted);
        assert_int_equal(c.right, classes[k].right);
        assert_true(isnan(classes[k].precision) ? isnan(c.precision) : NEAR(c.precision, classes[k].precision, 1e-15));
        assert_true(isnan(classes[k].recall) ? isnan(c.recall) : NEAR(c.recall, classes[k].recall, 1e-15));
        assert_true(isnan(classes[k].f1) ? isnan(c.f1) : NEAR(c.f1, classes[k].f1, 1e-15));
    }
}

/* ---- curves counted by hand ------------------------------------------------------------------------------------------- */

struct point {
    double threshold, recall, false_positive_rate, precision;
};

static void assert_curve(const struct evaluation_curve *c, const struct point *p, size_t count, double auc, double average)
{
    assert_int_equal(c->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(i ? NEAR(c->threshold[i], p[i].threshold, 1e-7) : isnan(c->threshold[i])); /* scores are floats */
        assert_true(NEAR(c->recall[i], p[i].recall, 1e-15));
        assert_true(NEAR(c->false_positive_rate[i], p[i].false_positive_rate, 1e-15));
        assert_true(NEAR(c->precision[i], p[i].precision, 1e-15));
    }
    assert_true(NEAR(c->roc_auc, auc, 1e-15));
    assert_true(NEAR(c->average_precision, average, 1e-15));
}

static void test_a_curve_counted_by_hand(void **state)
{
    (void)state;
    static const real score[] = {0.6f, 0.9f, 0.7f, 0.8f}, y[] = {0, 1, 1, 0};
    struct evaluation e = binary(score, y, 4);
    struct evaluation_curve *c = curve_of(&e, 1);
    assert_curve(c,
                 (struct point[]){{NAN, 0, 0, 1}, {0.9, 0.5, 0, 1}, {0.8, 0.5, 0.5, 0.5}, {0.7, 1, 0.5, 2.0 / 3},
                                  {0.6, 1, 1, 0.5}},
                 5, 0.75, 0.5 * 1 + 0.5 * 2 / 3);
    mem_free(c);
    c = curve_of(&e, 0); /* from the other side: scores 1 - p */
    assert_curve(c,
                 (struct point[]){{NAN, 0, 0, 1}, {0.4, 0.5, 0, 1}, {0.3, 0.5, 0.5, 0.5}, {0.2, 1, 0.5, 2.0 / 3},
                                  {0.1, 1, 1, 0.5}},
                 5, 0.75, 0.5 * 1 + 0.5 * 2 / 3);
    mem_free(c);
}

static void test_equal_scores_are_one_point(void **state)
{
    (void)state;
    static const real same[] = {0.5f, 0.5f, 0.5f, 0.5f}, some[] = {0.7f, 0.7f, 0.2f, 0.2f, 0.2f}, y[] = {1, 0, 0, 1, 1};
    struct evaluation e = binary(same, y, 4);
    struct evaluation_curve *c = curve_of(&e, 1);
    assert_curve(c, (struct point[]){{NAN, 0, 0, 1}, {0.5, 1, 1, 0.5}}, 2, 0.5, 0.5);
    mem_free(c);
    e = binary(some, y, 5); /* one of three positives and one of two negatives tie above the rest */
    c = curve_of(&e, 1);
    assert_curve(c, (struct point[]){{NAN, 0, 0, 1}, {0.7, 1.0 / 3, 0.5, 0.5}, {0.2, 1, 1, 0.6}}, 3,
                 (0.5 + 1 + 2 * 0 + 2 * 0.5) / 6, 1.0 / 3 * 0.5 + 2.0 / 3 * 0.6);
    mem_free(c);
}

static void test_perfect_and_worst_order(void **state)
{
    (void)state;
    static const real score[] = {0.9f, 0.8f, 0.2f}, best[] = {1, 1, 0}, worst[] = {0, 0, 1};
    struct evaluation e = binary(score, best, 3);
    struct evaluation_curve *c = curve_of(&e, 1);
    assert_true(c->roc_auc == 1 && c->average_precision == 1);
    mem_free(c);
    e = binary(score, worst, 3);
    c = curve_of(&e, 1);
    assert_true(c->roc_auc == 0 && NEAR(c->average_precision, 1.0 / 3, 1e-15));
    mem_free(c);
}

static void test_one_class_alone_has_no_curve(void **state)
{
    (void)state;
    static const real score[] = {0.9f, 0.8f, 0.2f}, all[] = {1, 1, 1};
    for (uint32_t class = 0; class < 2; class++) {
        struct evaluation e = binary(score, all, 3), none = binary(score, all, 0);
        struct evaluation_curve *c = curve_of(&e, class), *empty = curve_of(&none, class);
        assert_int_equal(c->count, 0);
        assert_true(isnan(c->roc_auc) && isnan(c->average_precision));
        assert_int_equal(empty->count, 0);
        assert_true(isnan(empty->roc_auc) && isnan(empty->average_precision));
        mem_free(c);
        mem_free(empty);
    }
}

/* A network that overflows gives such scores: they must not hold the worker for ever. */
static void test_scores_that_are_no_numbers(void **state)
{
    (void)state;
    real score[] = {0.9f, NAN, 0.2f, NAN, 0.5f}, y[] = {1, 1, 0, 0, 1};
    for (uint32_t class = 0; class < 2; class++) {
        struct evaluation e = binary(score, y, 5);
        struct evaluation_curve *c = curve_of(&e, class);
        assert_int_equal(c->count, 0);
        assert_true(isnan(c->roc_auc) && isnan(c->average_precision));
        mem_free(c);
    }
    score[1] = INFINITY;
    score[3] = -INFINITY;
    struct evaluation e = binary(score, y, 5);
    struct evaluation_curve *c = curve_of(&e, 1);
    assert_true(c->roc_auc == 1);
    mem_free(c);
}

/* ---- against the definitions ------------------------------------------------------------------------------------------ */

/* The share of pairs of a positive and a negative row with the positive one above; a tie counts half. */
static double auc_by_pairs(const double *score, const bool *positive, size_t n)
{
    double above = 0, pairs = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            if (!positive[i] || positive[k])
                continue;
            pairs++;
            above += score[i] > score[k] ? 1 : score[i] == score[k] ? 0.5 : 0;
        }
    return above / pairs;
}

/* The sum over the positives' thresholds of the share of recall won there times the precision there. */
static double average_precision_by_rows(const double *score, const bool *positive, size_t n)
{
    double sum = 0, positives = 0;
    for (size_t i = 0; i < n; i++) {
        if (!positive[i])
            continue;
        double right = 0, predicted = 0;
        for (size_t k = 0; k < n; k++) {
            right += positive[k] && score[k] >= score[i];
            predicted += score[k] >= score[i];
        }
        sum += right / predicted;
        positives++;
    }
    return sum / positives;
}

static void assert_areas(const struct evaluation *e, uint32_t class, const double *score, double tolerance)
{
    bool *positive = mem_array(e->rows, sizeof *positive);
    assert_non_null(positive);
    for (size_t i = 0; i < e->rows; i++)
        positive[i] = (uint32_t)e->y[i] == class;
    struct evaluation_curve *c = curve_of(e, class);
    assert_true(NEAR(c->roc_auc, auc_by_pairs(score, positive, e->rows), tolerance));
    assert_true(NEAR(c->average_precision, average_precision_by_rows(score, positive, e->rows), tolerance));
    mem_free(c);
    mem_free(positive);
}

static void test_areas_by_their_definitions(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 1, RNG_SEARCH, 0);
    for (int trial = 0; trial < 60; trial++) {
        enum { N = 150, CLASSES = 3 };
        real out[N * CLASSES], y[N];
        double score[N];
        uint64_t levels = trial % 3 ? 5 + rng_below(&r, 20) : 1 << 20; /* few levels: many ties */
        size_t n = 10 + rng_below(&r, N - 10);
        for (size_t i = 0; i < n * CLASSES; i++)
            out[i] = (real)rng_below(&r, levels) / (real)levels;
        for (size_t i = 0; i < n; i++)
            y[i] = i < CLASSES ? (real)i : (real)rng_below(&r, CLASSES);
        struct evaluation e = {.task = TASK_MULTICLASS, .rows = n, .classes = CLASSES, .outputs = CLASSES, .out = out, .y = y};
        for (uint32_t class = 0; class < CLASSES; class++) {
            for (size_t i = 0; i < n; i++)
                score[i] = (double)out[i * CLASSES + class];
            assert_areas(&e, class, score, 1e-12);
        }
        for (size_t i = 0; i < n; i++)
            y[i] = i < 2 ? (real)i : (real)rng_below(&r, 2);
        e = binary(out, y, n);
        for (uint32_t class = 0; class < 2; class++) {
            for (size_t i = 0; i < n; i++)
                score[i] = class ? (double)out[i] : -(double)out[i];
            assert_areas(&e, class, score, 1e-12);
        }
    }
}

/* P(class 0) = 1 - p would be 1 for all of these; the order is still there. */
static void test_small_probabilities_keep_their_order(void **state)
{
    (void)state;
    static const real score[] = {1e-9f, 2e-9f, 3e-9f, 4e-9f}, y[] = {0, 1, 0, 1};
    struct evaluation e = binary(score, y, 4);
    struct evaluation_curve *one = curve_of(&e, 1), *zero = curve_of(&e, 0);
    assert_true(one->roc_auc == 0.75);
    assert_true(zero->roc_auc == 0.75); /* turned around, it is the same ranking */
    assert_int_equal(zero->count, 5);
    assert_true(NEAR(zero->threshold[1], 1 - 1e-9, 1e-16));
    assert_true(zero->threshold[2] < zero->threshold[1]);
    mem_free(one);
    mem_free(zero);
}

/* ---- thinning --------------------------------------------------------------------------------------------------------- */

static double way(const struct evaluation_curve *c, size_t i, double recall, double false_rate)
{
    return fabs(recall - c->recall[i]) + fabs(false_rate - c->false_positive_rate[i]);
}

/* Every point of the whole curve is within 1/EVALUATION_CURVE_POINTS of one that was kept; first and last are kept. */
static void assert_thinned(const struct evaluation_curve *c, const real *score, const real *y, size_t n)
{
    double positives = 0, right = 0, wrong = 0;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) /* rows come by falling score here */
        positives += y[i] != 0;
    assert_true(isnan(c->threshold[0]) && c->recall[0] == 0 && c->false_positive_rate[0] == 0 && c->precision[0] == 1);
    for (size_t i = 0; i < n; i++) {
        right += y[i] != 0;
        wrong += y[i] == 0;
        if (i + 1 < n && score[i + 1] == score[i])
            continue;
        double recall = right / positives, false_rate = wrong / ((double)n - positives);
        if (kept + 1 < c->count && c->threshold[kept + 1] == (double)score[i]) {
            kept++;
            assert_true(NEAR(c->recall[kept], recall, 1e-12) && NEAR(c->false_positive_rate[kept], false_rate, 1e-12));
            assert_true(NEAR(c->precision[kept], right / (right + wrong), 1e-12));
        } else {
            assert_true(way(c, kept, recall, false_rate) < 1.0 / EVALUATION_CURVE_POINTS + 1e-12);
        }
    }
    assert_int_equal(kept, c->count - 1);
    assert_true(c->recall[kept] == 1 && c->false_positive_rate[kept] == 1);
    assert_true(NEAR(c->precision[kept], positives / (double)n, 1e-12));
    for (size_t i = 1; i + 1 < c->count; i++)
        assert_true(way(c, i - 1, c->recall[i], c->false_positive_rate[i]) >= 1.0 / EVALUATION_CURVE_POINTS - 1e-12);
}

/* order 0: all positives first; 1: last; 2: in turn; 3: at random. */
static size_t thinned_points(size_t positives, size_t negatives, int order, bool ties)
{
    size_t n = positives + negatives, p = 0;
    real *score = mem_array(n, sizeof *score), *y = mem_array(n, sizeof *y);
    struct rng r;
    rng_init(&r, n, RNG_SEARCH, (uint64_t)order);
    assert_non_null(score);
    assert_non_null(y);
    for (size_t i = 0; i < n; i++) {
        bool is_positive = order == 0   ? i < positives
                           : order == 1 ? i >= negatives
                           : order == 2 ? p * n < i * positives + positives
                                        : rng_below(&r, n - i) < positives - p;
        is_positive = is_positive ? p < positives : n - i <= positives - p;
        p += is_positive;
        y[i] = is_positive;
        score[i] = (real)(n - (ties ? i / 3 * 3 : i));
    }
    assert_int_equal(p, positives);
    struct evaluation e = binary(score, y, n);
    struct evaluation_curve *c = curve_of(&e, 1);
    assert_thinned(c, score, y, n);
    size_t count = c->count;
    mem_free(c);
    mem_free(score);
    mem_free(y);
    return count;
}

static void test_thinning_keeps_the_shape(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{1, 1},     {1, 400},   {400, 1},   {100, 100}, {199, 200},   {200, 200},   {201, 200},
                                      {200, 400}, {399, 401}, {400, 400}, {401, 401}, {1000, 1000}, {3, 100000},
                                      {20000, 30000}};
    size_t most = 0;
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (int order = 0; order < 4; order++)
            for (int ties = 0; ties < 2; ties++) {
                size_t count = thinned_points(sizes[i][0], sizes[i][1], order, ties);
                most = count > most ? count : most;
            }
    assert_true(most > 350 && most < MOST_POINTS); /* the worst case is met */
    assert_int_equal(thinned_points(100, 100, 2, false), 201); /* steps of 1/100: nothing to leave out */
    assert_true(thinned_points(50000, 50000, 3, false) > 200);
}

static void test_no_number_of_rows_is_too_many(void **state)
{
    (void)state;
    for (size_t positives = 190; positives < 210; positives++)
        for (size_t negatives = 190; negatives < 210; negatives++)
            for (int order = 0; order < 4; order++)
                thinned_points(positives, negatives, order, false);
}

/* What the last point at or above a threshold says, against the rows themselves. */
static void assert_exact_at(const struct evaluation *e, uint32_t class, const struct evaluation_curve *c, double threshold)
{
    double positives = 0, right = 0, wrong = 0;
    for (uint64_t i = 0; i < e->rows; i++) {
        double p = (double)e->out[e->outputs == 1 ? i : i * e->outputs + class];
        bool positive = (uint32_t)e->y[i] == class, counts = (e->outputs == 1 && !class ? 1 - p : p) >= threshold;
        positives += positive;
        right += counts && positive;
        wrong += counts && !positive;
    }
    size_t at = c->count - 1;
    while (at > 0 && c->threshold[at] < threshold)
        at--;
    assert_true(NEAR(c->recall[at] * positives, right, 1e-6));
    assert_true(NEAR(c->false_positive_rate[at] * ((double)e->rows - positives), wrong, 1e-6));
}

/* power: the higher, the more of the scores are small. */
static void every_hundredth_is_exact(uint64_t rows, double power, uint32_t outputs)
{
    real *score = mem_array(rows * outputs, sizeof *score), *y = mem_array(rows, sizeof *y);
    struct rng r;
    rng_init(&r, rows, RNG_SEARCH, outputs);
    assert_non_null(score);
    assert_non_null(y);
    for (uint64_t i = 0; i < rows; i++) {
        for (uint32_t k = 0; k < outputs; k++) /* every third is a multiple of 1/100 itself */
            score[i * outputs + k] = i % 3 ? (real)pow((double)rng_below(&r, 1000000) / 1e6, power)
                                           : (real)((double)rng_below(&r, 101) / 100);
        y[i] = (real)rng_below(&r, outputs == 1 ? 2 : outputs);
    }
    struct evaluation e = binary(score, y, rows);
    if (outputs > 1)
        e = (struct evaluation){.task = TASK_MULTICLASS, .rows = rows, .classes = outputs, .outputs = outputs, .out = score, .y = y};
    for (uint32_t class = 0; class < e.classes; class++) {
        struct evaluation_curve *c = curve_of(&e, class);
        for (int k = 0; k <= EVALUATION_THRESHOLDS; k++)
            assert_exact_at(&e, class, c, (double)k / EVALUATION_THRESHOLDS);
        for (size_t i = 1; i < c->count; i++) /* class 0 of binary: its points differ where 1 - P(class 1) may not */
            if (outputs > 1 || class)
                assert_exact_at(&e, class, c, c->threshold[i]);
        mem_free(c);
    }
    mem_free(score);
    mem_free(y);
}

static void test_every_hundredth_is_exact(void **state)
{
    (void)state;
    static const uint64_t rows[] = {20, 500, 5000};
    static const double powers[] = {1, 8, 0.1};
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t k = 0; k < COUNT(powers); k++) {
            every_hundredth_is_exact(rows[i], powers[k], 1);
            every_hundredth_is_exact(rows[i], powers[k], 3);
        }
}

static void test_no_memory(void **state)
{
    (void)state;
    static const real score[] = {0.9f, 0.2f}, y[] = {1, 0};
    struct evaluation e = binary(score, y, 2);
    struct err err = {0};
    struct evaluation_curve *c = mem_alloc(sizeof *c);
    assert_non_null(c);
    mem_fail_at(1, 0);
    assert_int_equal(evaluation_curve(&e, 1, c, &err), ERR_NO_MEMORY);
    mem_fail_at(0, 0);
    mem_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_confusion_precision_and_recall),
        cmocka_unit_test(test_a_curve_counted_by_hand),
        cmocka_unit_test(test_equal_scores_are_one_point),
        cmocka_unit_test(test_perfect_and_worst_order),
        cmocka_unit_test(test_one_class_alone_has_no_curve),
        cmocka_unit_test(test_scores_that_are_no_numbers),
        cmocka_unit_test(test_areas_by_their_definitions),
        cmocka_unit_test(test_small_probabilities_keep_their_order),
        cmocka_unit_test(test_thinning_keeps_the_shape),
        cmocka_unit_test(test_no_number_of_rows_is_too_many),
        cmocka_unit_test(test_every_hundredth_is_exact),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
