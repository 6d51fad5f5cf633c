/* core/data/split: which rows train and which validate. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/data/split.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MOST 5000

static uint32_t rows[MOST];
static int32_t classes[MOST];

/* n rows with gaps between their numbers, in rising order. */
static void make_rows(size_t n)
{
    for (size_t i = 0; i < n; i++)
        rows[i] = (uint32_t)(3 * (i + 1) + 7);
}

static struct split split_of(size_t n, const int32_t *class, double fraction, uint64_t seed)
{
    struct split s = {0};
    struct err err = {0};
    if (split_rows(rows, n, class, fraction, seed, &s, &err))
        fail_msg("%zu rows, fraction %g: %s", n, fraction, err.message);
    return s;
}

/* Each row is in exactly one of the two, and both ascend. */
static void assert_complete(const struct split *s, size_t n)
{
    static bool seen[3 * MOST + 8];
    memset(seen, 0, sizeof seen);
    assert_int_equal(s->train_count + s->valid_count, n);
    assert_true(s->train_count > 0);
    for (int part = 0; part < 2; part++) {
        const uint32_t *row = part ? s->valid : s->train;
        size_t count = part ? s->valid_count : s->train_count;
        for (size_t i = 0; i < count; i++) {
            assert_true(row[i] >= 10 && row[i] <= 3 * n + 7 && (row[i] - 7) % 3 == 0);
            assert_false(seen[row[i]]);
            seen[row[i]] = true;
            assert_true(!i || row[i] > row[i - 1]);
        }
    }
}

static bool is_in(uint32_t row, const uint32_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] == row)
            return true;
    return false;
}

/* ---- without classes -------------------------------------------------------------------------------------------------- */

static void test_every_row_goes_to_one_side(void **state)
{
    (void)state;
    static const double fractions[] = {0, 1e-9, 0.1, 0.2, 0.25, 0.5, 0.7, 0.9};
    static const size_t counts[] = {2, 3, 7, 10, 100, 344, 4999};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        make_rows(counts[c]);
        for (size_t i = 0; i < sizeof fractions / sizeof *fractions; i++) {
            double wanted = round(fractions[i] * (double)counts[c]);
            struct split s = {0};
            struct err err = {0};
            if ((size_t)wanted == counts[c]) {
                assert_int_equal(split_rows(rows, counts[c], NULL, fractions[i], 1, &s, &err), ERR_INVALID);
                continue;
            }
            s = split_of(counts[c], NULL, fractions[i], 1);
            assert_complete(&s, counts[c]);
            assert_int_equal(s.valid_count, (size_t)wanted);
            split_done(&s);
            assert_null(s.train);
            assert_int_equal(s.train_count, 0);
        }
    }
}

static void test_halves_are_rounded_away_from_zero(void **state)
{
    (void)state;
    make_rows(5);
    struct split s = split_of(5, NULL, 0.5, 1);
    assert_int_equal(s.valid_count, 3);
    split_done(&s);
    s = split_of(5, NULL, 0.09, 1);
    assert_int_equal(s.valid_count, 0);
    split_done(&s);
    s = split_of(5, NULL, 0.1, 1);
    assert_int_equal(s.valid_count, 1);
    split_done(&s);
}

static void test_the_seed_decides(void **state)
{
    (void)state;
    make_rows(1000);
    struct split a = split_of(1000, NULL, 0.3, 7), b = split_of(1000, NULL, 0.3, 7), c = split_of(1000, NULL, 0.3, 8);
    assert_memory_equal(a.train, b.train, 700 * sizeof *a.train);
    assert_memory_equal(a.valid, b.valid, 300 * sizeof *a.valid);
    size_t common = 0;
    for (size_t i = 0; i < 300; i++)
        common += is_in(a.valid[i], c.valid, c.valid_count);
    assert_true(common > 50 && common < 130); /* 90 by chance */
    split_done(&a);
    split_done(&b);
    split_done(&c);
}

static void test_every_row_validates_under_some_seed(void **state)
{
    (void)state;
    int times[100] = {0};
    make_rows(100);
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct split s = split_of(100, NULL, 0.25, seed);
        for (size_t i = 0; i < s.valid_count; i++)
            times[(s.valid[i] - 10) / 3]++;
        split_done(&s);
    }
    for (int i = 0; i < 100; i++) /* 100 times on average, deviation 8.7 */
        assert_true(times[i] > 100 - 45 && times[i] < 100 + 45);
}

/* ---- stratified ------------------------------------------------------------------------------------------------------- */

/* Makes rows of these classes, mixed; returns how many. */
static size_t make_classes(const size_t *sizes, size_t count)
{
    size_t n = 0;
    for (size_t k = 0; k < count; k++)
        for (size_t i = 0; i < sizes[k]; i++)
            classes[n++] = (int32_t)k;
    make_rows(n);
    struct rng r;
    rng_init(&r, 5, RNG_SEARCH, 0);
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)rng_below(&r, i);
        int32_t class = classes[i - 1];
        classes[i - 1] = classes[j];
        classes[j] = class;
    }
    return n;
}

/* How many rows of each class validate. */
static void count_valid(const struct split *s, size_t n, size_t *ret_valid, size_t count)
{
    memset(ret_valid, 0, count * sizeof *ret_valid);
    for (size_t i = 0; i < n; i++)
        if (is_in(rows[i], s->valid, s->valid_count))
            ret_valid[classes[i]]++;
}

static void assert_stratified(const size_t *sizes, size_t count, double fraction, const size_t *expected)
{
    size_t n = make_classes(sizes, count), valid[8];
    for (uint64_t seed = 0; seed < 5; seed++) {
        struct split s = split_of(n, classes, fraction, seed);
        assert_complete(&s, n);
        count_valid(&s, n, valid, count);
        for (size_t k = 0; k < count; k++)
            assert_int_equal(valid[k], expected[k]);
        split_done(&s);
    }
}

static void test_classes_give_their_share(void **state)
{
    (void)state;
    assert_stratified((size_t[]){50, 30, 20}, 3, 0.2, (size_t[]){10, 6, 4});
    assert_stratified((size_t[]){152, 68, 124}, 3, 0.2, (size_t[]){30, 14, 25}); /* 30.4, 13.6, 24.8: the 69 of 344 */
    assert_stratified((size_t[]){10, 10, 10}, 3, 0.25, (size_t[]){3, 3, 2});     /* 2.5 each, 8 in all: the first of equals */
    assert_stratified((size_t[]){7, 0, 3}, 3, 0.3, (size_t[]){2, 0, 1});         /* 2.1, 0.9 */
    assert_stratified((size_t[]){99, 1}, 2, 0.5, (size_t[]){50, 0});
}

static void test_a_class_keeps_a_row_in_training(void **state)
{
    (void)state;
    assert_stratified((size_t[]){1, 1, 1, 1, 6}, 5, 0.5, (size_t[]){0, 0, 0, 0, 5});
    assert_stratified((size_t[]){2, 2, 2}, 3, 0.9, (size_t[]){1, 1, 1}); /* 5 were asked for */
    assert_stratified((size_t[]){1, 1}, 2, 0.9, (size_t[]){0, 0});
    assert_stratified((size_t[]){10, 2}, 2, 0.99, (size_t[]){9, 1});
    assert_stratified((size_t[]){3, 100}, 2, 0.9, (size_t[]){2, 91}); /* 2.7 and 90 of 93: what one cannot give, another does */
    assert_stratified((size_t[]){1}, 1, 0.9, (size_t[]){0});
}

/* Against Hamilton's method by its definition, wherever no class is at its limit. */
static void test_shares_by_the_largest_remainder(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 3, RNG_SEARCH, 0);
    for (int trial = 0; trial < 300; trial++) {
        size_t sizes[6], valid[6], n = 0, given = 0;
        double fraction = 0.05 + 0.5 * rng_uniform(&r), exact[6];
        for (size_t k = 0; k < 6; k++)
            n += sizes[k] = 10 + rng_below(&r, 60);
        assert_int_equal(make_classes(sizes, 6), n);
        struct split s = split_of(n, classes, fraction, (uint64_t)trial);
        count_valid(&s, n, valid, 6);
        for (size_t k = 0; k < 6; k++) {
            exact[k] = fraction * (double)sizes[k];
            given += valid[k];
            assert_true((double)valid[k] >= floor(exact[k]) && (double)valid[k] <= floor(exact[k]) + 1);
        }
        assert_int_equal(given, (size_t)llround(fraction * (double)n));
        for (size_t a = 0; a < 6; a++) /* nobody was rounded up before one with a larger remainder */
            for (size_t b = 0; b < 6; b++)
                if ((double)valid[a] > exact[a] && (double)valid[b] <= exact[b])
                    assert_true(exact[a] - floor(exact[a]) >= exact[b] - floor(exact[b]) - 1e-12);
        split_done(&s);
    }
}

static void test_the_seed_decides_inside_a_class(void **state)
{
    (void)state;
    size_t n = make_classes((size_t[]){400, 100}, 2);
    struct split a = split_of(n, classes, 0.25, 1), b = split_of(n, classes, 0.25, 1), c = split_of(n, classes, 0.25, 2);
    assert_memory_equal(a.valid, b.valid, 125 * sizeof *a.valid);
    size_t common = 0;
    for (size_t i = 0; i < 125; i++)
        common += is_in(a.valid[i], c.valid, c.valid_count);
    assert_true(common < 60);
    split_done(&a);
    split_done(&b);
    split_done(&c);
}

/* ---- what is refused -------------------------------------------------------------------------------------------------- */

static void test_training_needs_a_row(void **state)
{
    (void)state;
    struct split s = {.train_count = 99};
    struct err err = {0};
    make_rows(10);
    assert_int_equal(split_rows(rows, 0, NULL, 0.2, 1, &s, &err), ERR_INVALID);
    assert_string_equal(err.message, "no row has a target: nothing to train on");
    assert_int_equal(split_rows(rows, 1, NULL, 0.5, 1, &s, &err), ERR_INVALID);
    assert_string_equal(err.message, "no row is left for training: of 1 rows with a target, all went to validation");
    assert_int_equal(split_rows(rows, 4, NULL, 0.9, 1, &s, &err), ERR_INVALID);
    assert_int_equal(s.train_count, 99); /* untouched */
    s = split_of(1, NULL, 0.4, 1);
    assert_int_equal(s.train_count, 1);
    assert_int_equal(s.valid_count, 0);
    split_done(&s);
    split_done(&s); /* fine twice */
}

static void test_no_memory(void **state)
{
    (void)state;
    size_t n = make_classes((size_t[]){30, 20}, 2);
    uint64_t before = mem_count();
    struct split s = split_of(n, classes, 0.2, 1);
    uint64_t allocations = mem_count() - before;
    split_done(&s);
    for (uint64_t nth = 1; nth <= allocations; nth++) {
        struct err err = {0};
        mem_fail_at(nth, 0);
        assert_int_equal(split_rows(rows, n, classes, 0.2, 1, &s, &err), ERR_NO_MEMORY);
        mem_fail_at(0, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_goes_to_one_side),
        cmocka_unit_test(test_halves_are_rounded_away_from_zero),
        cmocka_unit_test(test_the_seed_decides),
        cmocka_unit_test(test_every_row_validates_under_some_seed),
        cmocka_unit_test(test_classes_give_their_share),
        cmocka_unit_test(test_a_class_keeps_a_row_in_training),
        cmocka_unit_test(test_shares_by_the_largest_remainder),
        cmocka_unit_test(test_the_seed_decides_inside_a_class),
        cmocka_unit_test(test_training_needs_a_row),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
