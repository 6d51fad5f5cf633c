/* core/data/split: folds, and rows that a column marks. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/rng.h"
#include "core/data/split.h"
#include "data_fixture.h"

#define MOST 3000

static uint32_t rows[MOST];
static int32_t classes[MOST];

static struct split fold_of(size_t n, const int32_t *class, uint32_t folds, uint32_t fold, uint64_t seed)
{
    struct split s = {0};
    struct err err = {0};
    for (size_t i = 0; i < n; i++)
        rows[i] = (uint32_t)(2 * i + 5);
    if (split_fold(rows, n, class, folds, fold, seed, &s, &err))
        fail_msg("%zu rows, %u folds: %s", n, folds, err.message);
    return s;
}

static void draw_classes(size_t n, uint32_t count)
{
    struct rng r;
    rng_init(&r, 9, RNG_SEARCH, 0);
    for (size_t i = 0; i < n; i++)
        classes[i] = (int32_t)(rng_below(&r, count) * rng_below(&r, 2)); /* half of them 0 at least */
}

/* ---- folds ------------------------------------------------------------------------------------------------------------ */

/* Every row is for validation in exactly one fold and for training in all others; folds differ by one row at most, and so does
 * each class. */
static void assert_partition(size_t n, const int32_t *class, uint32_t folds)
{
    static unsigned valid[2 * MOST + 5], train[2 * MOST + 5];
    static size_t of_class[SPLIT_MAX_FOLDS][50];
    memset(valid, 0, sizeof valid);
    memset(train, 0, sizeof train);
    memset(of_class, 0, sizeof of_class);
    for (uint32_t k = 0; k < folds; k++) {
        struct split s = fold_of(n, class, folds, k, 3);
        assert_int_equal(s.train_count + s.valid_count, n);
        assert_true(s.valid_count == n / folds || s.valid_count == (n + folds - 1) / folds);
        for (size_t i = 0; i < s.valid_count; i++) {
            valid[s.valid[i]]++;
            of_class[k][class ? class[(s.valid[i] - 5) / 2] : 0]++;
            assert_true(!i || s.valid[i] > s.valid[i - 1]);
        }
        for (size_t i = 0; i < s.train_count; i++) {
            train[s.train[i]]++;
            assert_true(!i || s.train[i] > s.train[i - 1]);
        }
        split_done(&s);
    }
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(valid[2 * i + 5], 1);
        assert_int_equal(train[2 * i + 5], folds - 1);
    }
    for (int c = 0; c < 50; c++)
        for (uint32_t k = 1; k < folds; k++)
            assert_true(of_class[k][c] + 1 >= of_class[0][c] && of_class[k][c] <= of_class[0][c] + 1);
}

static void test_folds_partition_the_rows(void **state)
{
    (void)state;
    static const size_t sizes[] = {2, 3, 10, 11, 99, 100, 101, 1000, MOST};
    static const uint32_t folds[] = {2, 3, 5, 10, SPLIT_MAX_FOLDS};
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t k = 0; k < COUNT(folds) && folds[k] <= sizes[i]; k++) {
            assert_partition(sizes[i], NULL, folds[k]);
            draw_classes(sizes[i], 7);
            assert_partition(sizes[i], classes, folds[k]);
            draw_classes(sizes[i], 50); /* many with fewer rows than folds */
            assert_partition(sizes[i], classes, folds[k]);
        }
}

static void test_a_seed_gives_the_same_folds(void **state)
{
    (void)state;
    draw_classes(500, 3);
    struct split a = fold_of(500, classes, 5, 2, 11), b = fold_of(500, classes, 5, 2, 11), c = fold_of(500, classes, 5, 2, 12);
    assert_memory_equal(a.valid, b.valid, a.valid_count * sizeof *a.valid);
    assert_memory_not_equal(a.valid, c.valid, a.valid_count * sizeof *a.valid);
    split_done(&a);
    split_done(&b);
    split_done(&c);
}

/* Each row is as likely in a fold as any other: 4000 seeds, expectation 1000 in each of four folds, deviation under 28. */
static void test_folds_are_drawn_at_random(void **state)
{
    (void)state;
    unsigned in_fold[8] = {0}, together = 0;
    for (uint64_t seed = 1; seed <= 4000; seed++) {
        struct split s = fold_of(8, NULL, 4, 1, seed);
        assert_int_equal(s.valid_count, 2);
        for (size_t i = 0; i < 2; i++)
            in_fold[(s.valid[i] - 5) / 2]++;
        together += s.valid[1] == s.valid[0] + 2;
        split_done(&s);
    }
    for (int i = 0; i < 8; i++)
        assert_true(in_fold[i] > 860 && in_fold[i] < 1140);
    assert_true(together > 860 && together < 1140); /* 7 of 28 pairs are neighbours */
}

static void test_what_folds_need(void **state)
{
    (void)state;
    struct split s = {0};
    struct err err = {0};
    assert_int_equal(split_fold(rows, 4, NULL, 5, 0, 1, &s, &err), ERR_INVALID);
    assert_string_equal(err.message, "5 folds need at least as many rows with a target, there are 4");
    assert_null(s.train);
    draw_classes(100, 3);
    for (uint64_t nth = 1; nth <= 3; nth++) {
        mem_fail_at(nth, 0);
        assert_int_equal(split_fold(rows, 100, classes, 5, 0, 1, &s, &err), ERR_NO_MEMORY);
        mem_fail_at(0, 0);
    }
}

/* ---- marks ------------------------------------------------------------------------------------------------------------ */

static const char marked[] = "x,part,fold,y\n1,train,1,1\n2,test,2,2\n3,valid,3,3\n4,,NA,4\n5,test,2.0,5\n6,train,1,6\n";

static void assert_marked(struct data_fixture *f, const struct table *t, const char *column, const char *value,
                          const char *train, const char *expected)
{
    struct split_mark m;
    struct split s = {0};
    static const uint32_t all[] = {0, 1, 2, 3, 4, 5};
    if (split_mark_find(t, column, value, train, &m, &f->err) || split_marked(t, &m, all, 6, &s, &f->err))
        fail_msg("%s", f->err.message);
    char got[7] = "------";
    for (size_t i = 0; i < s.train_count; i++)
        got[s.train[i]] = 't';
    for (size_t i = 0; i < s.valid_count; i++)
        got[s.valid[i]] = 'v';
    assert_string_equal(got, expected);
    split_done(&s);
}

static void test_a_column_marks_rows(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, marked);
    assert_marked(f, t, "part", "test", NULL, "tvttvt");
    assert_marked(f, t, "part", "valid", NULL, "ttvttt");
    assert_marked(f, t, "part", "valid", "train", "t-v--t");
    assert_marked(f, t, "fold", "2", NULL, "tvttvt");
    assert_marked(f, t, "fold", "2.00", "1", "tv--vt");
    table_unref(t);
}

static void test_marks_that_are_not_there(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, marked);
    static const struct {
        const char *column, *value, *train, *message;
    } cases[] = {
        {"split", "test", NULL, "no column \"split\" to mark the validation rows"},
        {"part", "Test", NULL, "the column \"part\" has no \"Test\", but \"train\", \"test\" and others"},
        {"part", "test", "trai", "the column \"part\" has no \"trai\", but \"train\", \"test\" and others"},
        {"fold", "two", NULL, "the column \"fold\" is numeric, and \"two\" is no number"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct split_mark m;
        assert_int_equal(split_mark_find(t, cases[i].column, cases[i].value, cases[i].train, &m, &f->err), ERR_INVALID);
        assert_string_equal(f->err.message, cases[i].message);
    }
    struct split_mark m;
    struct split s = {0};
    assert_int_equal(split_mark_find(t, "fold", "7", NULL, &m, &f->err), ERR_OK);
    assert_int_equal(split_marked(t, &m, (uint32_t[]){0, 1}, 2, &s, &f->err), ERR_INVALID);
    assert_string_equal(f->err.message, "the column \"fold\" leaves no row with a target for validation");
    assert_int_equal(split_mark_find(t, "part", "test", NULL, &m, &f->err), ERR_OK);
    assert_int_equal(split_marked(t, &m, (uint32_t[]){1, 4}, 2, &s, &f->err), ERR_INVALID);
    assert_string_equal(f->err.message, "the column \"part\" leaves no row with a target for training");
    assert_null(s.train);
    table_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folds_partition_the_rows),
        cmocka_unit_test(test_a_seed_gives_the_same_folds),
        cmocka_unit_test(test_folds_are_drawn_at_random),
        cmocka_unit_test(test_what_folds_need),
        WITH_DIR(test_a_column_marks_rows),
        WITH_DIR(test_marks_that_are_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
