/* core/data/row_weights, and an encoder that is fitted by weights: 2 is as good as two rows, 0 as none. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/buf.h"
#include "core/data/row_weights.h"
#include "data_fixture.h"
#include <float.h>

#define HEAD "x,kind,level,year,y,class"

/* The same rows: by weight, and each as often as it weighs. What has no weight would change every figure. */
static const char weighted[] = HEAD ",w\n"
                                    "1,red,low,2001,10,a,1\n"
                                    "900,pink,high,1900,-70,z,0\n"
                                    "4,red,high,2002,20,b,2\n"
                                    "NA,blue,low,2003,60,a,3\n"
                                    "11,green,high,2003,35,b,1\n"
                                    "-800,,low,2001,999,,0\n"
                                    "2.5,,high,2001,15,a,2\n";
static const char repeated[] = HEAD "\n"
                                    "1,red,low,2001,10,a\n"
                                    "4,red,high,2002,20,b\n4,red,high,2002,20,b\n"
                                    "NA,blue,low,2003,60,a\nNA,blue,low,2003,60,a\nNA,blue,low,2003,60,a\n"
                                    "11,green,high,2003,35,b\n"
                                    "2.5,,high,2001,15,a\n2.5,,high,2001,15,a\n";

static struct encoder *fit_as(struct data_fixture *f, const char *text, const char *weights, const char *target,
                              enum encoder_scaling scaling)
{
    static const char *const levels[] = {"low", "high"};
    const struct encoder_column columns[] = {
        {.name = "level", .role = ROLE_ORDINAL, .order = levels, .order_count = 2, .min_frequency = NAN},
        {.name = "year", .role = ROLE_CATEGORICAL, .min_frequency = 3},
        {.name = strcmp(target, "y") != 0 ? "y" : "class", .role = ROLE_IGNORE, .min_frequency = NAN},
        {.name = "w", .role = ROLE_IGNORE, .min_frequency = NAN}};
    struct encoder_options o = {TARGET(target), .columns = columns, .column_count = weights ? 4 : 3, .weights = weights,
                                .scaling = scaling, .min_frequency = 2};
    struct table *t = table_of(f, text);
    struct encoder *e = fit_on(f, t, &o, NULL, 0);
    table_unref(t);
    return e;
}

static void assert_same_texts(const char *const *a, const char *const *b, uint32_t count)
{
    for (uint32_t k = 0; k < count; k++)
        assert_string_equal(a[k], b[k]);
}

static void assert_same(const struct encoder *a, const struct encoder *b)
{
    assert_int_equal(encoder_task(a), encoder_task(b));
    assert_int_equal(encoder_target(a, 0)->classes, encoder_target(b, 0)->classes);
    for (uint32_t k = 0; k < encoder_target(a, 0)->classes; k++)
        assert_string_equal(encoder_target(a, 0)->class[k], encoder_target(b, 0)->class[k]);
    /* not to the bit: a product stands where there is a sum */
    assert_true(NEAR(encoder_target(a, 0)->mean, encoder_target(b, 0)->mean, 4 * DBL_EPSILON));
    assert_true(NEAR(encoder_target(a, 0)->deviation, encoder_target(b, 0)->deviation, 4 * DBL_EPSILON));
    assert_int_equal(encoder_features(a), encoder_features(b));
    for (uint32_t i = 0; i < encoder_features(a); i++) {
        const struct encoder_feature *p = encoder_feature(a, i), *q = encoder_feature(b, i);
        assert_true(NEAR(p->mean, q->mean, 4 * DBL_EPSILON));
        assert_true(NEAR(p->shift, q->shift, 4 * DBL_EPSILON) && NEAR(p->scale, q->scale, 4 * DBL_EPSILON));
        assert_int_equal(p->inputs, q->inputs);
        assert_int_equal(p->has_missing, q->has_missing);
        assert_int_equal(p->categories, q->categories);
        assert_int_equal(p->rare_count, q->rare_count);
        assert_same_texts(p->category, q->category, p->categories);
        assert_same_texts(p->rare, q->rare, p->rare_count);
    }
}

static void test_a_weight_is_a_number_of_rows(void **state)
{
    struct data_fixture *f = *state;
    static const char *const targets[] = {"y", "class"};
    static const enum encoder_scaling scalings[] = {SCALING_STANDARD, SCALING_MINMAX};
    for (int k = 0; k < 4; k++) {
        struct encoder *a = fit_as(f, weighted, "w", targets[k / 2], scalings[k % 2]);
        struct encoder *b = fit_as(f, repeated, NULL, targets[k / 2], scalings[k % 2]);
        assert_same(a, b);
        encoder_free(a);
        encoder_free(b);
    }
}

/* By hand: x is 1, 4, 4, 11, 2.5, 2.5; y is 10, 20, 20, 60, 60, 60, 35, 15, 15. */
static void test_the_figures(void **state)
{
    struct data_fixture *f = *state;
    struct encoder *e = fit_as(f, weighted, "w", "y", SCALING_STANDARD);
    const struct encoder_feature *x = encoder_feature(e, 0), *kind = encoder_feature(e, 1), *year = encoder_feature(e, 3);
    assert_true(NEAR(x->mean, 25.0 / 6, 1e-15) && NEAR(x->scale, sqrt(166.5 / 6 - 625.0 / 36), 1e-14));
    assert_true(NEAR(encoder_target(e, 0)->mean, 295.0 / 9, 1e-15));
    assert_int_equal(kind->categories, 2); /* red 3, blue 3; green 1 is rare */
    assert_string_equal(kind->rare[0], "green");
    assert_true(kind->has_missing); /* twice */
    assert_int_equal(year->categories, 2); /* 2001 3, 2003 4; 2002 2 is rare */
    assert_string_equal(year->rare[0], "2002");
    encoder_free(e);
}

/* 9000 rows are more than are looked at at once. */
static void test_weights_of_1_change_no_bit(void **state)
{
    struct data_fixture *f = *state;
    static const char *const levels[] = {"4", "2", "1", "3", "0"};
    const struct encoder_column columns[] = {
        {.name = "level", .role = ROLE_ORDINAL, .order = levels, .order_count = 5, .min_frequency = NAN},
        {.name = "w", .role = ROLE_IGNORE, .min_frequency = NAN}};
    struct buf text, file[2];
    buf_init(&text, 1 << 20);
    buf_puts(&text, "x,kind,level,y,w\n");
    for (int i = 0; i < 9000; i++)
        buf_printf(&text, "%g,k%d,%d,%g,1\n", sin(i) * 1e3, i % 7, i % 5, cos(i) / 3);
    struct table *t = table_of(f, buf_text(&text));
    for (int k = 0; k < 2; k++) {
        struct encoder_options o = {TARGET("y"), .columns = columns, .column_count = 2,
                                    .weights = k ? "w" : NULL, .min_frequency = 0.01};
        struct encoder *e = fit_on(f, t, &o, NULL, 0);
        buf_init(&file[k], 1 << 20);
        assert_true(encoder_save(e, &file[k]));
        encoder_free(e);
    }
    assert_int_equal(file[0].length, file[1].length);
    assert_memory_equal(file[0].data, file[1].data, file[0].length);
    table_unref(t);
    buf_done(&file[0]);
    buf_done(&file[1]);
    buf_done(&text);
}

/* ---- totals --------------------------------------------------------------------------------------------------------------- */

static void test_what_rows_count_for(void **state)
{
    struct data_fixture *f = *state;
    static const struct {
        const char *text;
        double sum, rows, unit;
    } cases[] = {
        {"w,y\n2,1\n0,2\n3,3\n", 5, 5, 1},
        {"w,y\n0.5,1\n0,2\n1,3\n", 1.5, 2, 0.75}, /* no whole numbers: their mean is one row */
        {"w,y\n0,1\n0,2\n0,3\n", 0, 0, 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct table *t = table_of(f, cases[i].text);
        static const uint32_t rows[] = {0, 1, 2};
        struct row_total total = row_weights_total(t, row_weights_find(t, "w"), rows, 3);
        assert_true(total.sum == cases[i].sum && row_total_rows(&total) == cases[i].rows);
        assert_true(row_total_unit(&total) == cases[i].unit);
        total = row_weights_total(t, ROW_WEIGHTS_NONE, rows, 3);
        assert_true(total.sum == 3 && row_total_rows(&total) == 3 && row_total_unit(&total) == 1);
        table_unref(t);
    }
    struct table *t = table_of(f, "w,y\nlow,1\nhigh,2\n");
    assert_int_equal(row_weights_find(t, "w"), ROW_WEIGHTS_NONE); /* texts */
    assert_int_equal(row_weights_find(t, "v"), ROW_WEIGHTS_NONE);
    assert_int_equal(row_weights_find(t, NULL), ROW_WEIGHTS_NONE);
    table_unref(t);
}

/* A thousandth of each weight is as good, for what is rare too. */
static void test_weights_that_are_no_whole_numbers_have_no_unit(void **state)
{
    struct data_fixture *f = *state;
    static const char *const texts[] = {"kind,y,w\na,1,1.5\nb,2,0.5\nc,3,2.5\na,4,1.5\n",
                                        "kind,y,w\na,1,0.0015\nb,2,0.0005\nc,3,0.0025\na,4,0.0015\n"};
    const struct encoder_column ignored = {.name = "w", .role = ROLE_IGNORE, .min_frequency = NAN};
    for (int k = 0; k < 2; k++) {
        struct table *t = table_of(f, texts[k]);
        struct encoder_options o = {TARGET("y"), .columns = &ignored, .column_count = 1, .weights = "w", .min_frequency = 1};
        struct encoder *e = fit_on(f, t, &o, NULL, 0);
        assert_int_equal(encoder_feature(e, 0)->categories, 2); /* a 3, c 2.5 of a mean of 1.5; b 0.5 is under one row */
        assert_string_equal(encoder_feature(e, 0)->rare[0], "b");
        assert_true(NEAR(encoder_target(e, 0)->mean, (1.5 * 1 + 0.5 * 2 + 2.5 * 3 + 1.5 * 4) / 6, 1e-15));
        encoder_free(e);
        table_unref(t);
    }
}

/* ---- classes that no row of a weight has ------------------------------------------------------------------------------ */

static void test_a_class_of_weight_0_is_not_there(void **state)
{
    struct data_fixture *f = *state;
    static const char *const texts[] = {"x,y,w\n1,a,1\n2,ghost,0\n3,b,2\n4,,1\n", "x,y,w\n1,1,1\n2,7.5,0\n3,9,2\n4,,1\n"};
    const struct encoder_column ignored = {.name = "w", .role = ROLE_IGNORE, .min_frequency = NAN};
    for (int k = 0; k < 2; k++) {
        struct table *t = table_of(f, texts[k]);
        struct encoder_options o = {TARGET("y"), .task = k ? TASK_BINARY : TASK_AUTO, .columns = &ignored,
                                    .column_count = 1, .weights = "w"};
        struct encoder *e = fit_on(f, t, &o, NULL, 0);
        struct encoder_view *v = NULL;
        uint32_t *rows = NULL;
        int32_t *classes = NULL;
        size_t count = 0;
        real x[2], y[2];
        assert_int_equal(encoder_task(e), TASK_BINARY);
        assert_int_equal(encoder_target_rows(t, &o, &rows, &classes, &count, &f->err), ERR_OK);
        assert_int_equal(count, 3);
        assert_memory_equal(classes, ((int32_t[]){0, -1, 1}), 3 * sizeof *classes);
        assert_int_equal(encoder_view_new(e, t, &v, &f->err), ERR_INVALID);
        assert_says(f, k ? "7.5" : "ghost");
        assert_int_equal(encoder_view_new_weighted(e, t, "w", &v, &f->err), ERR_OK);
        encoder_encode(v, (uint32_t[]){0, 2}, 2, x, 1, y);
        assert_true(y[0] == 0 && y[1] == 1);
        encoder_view_free(v);
        encoder_free(e);
        mem_free(rows);
        mem_free(classes);
        table_unref(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_a_weight_is_a_number_of_rows),
        WITH_DIR(test_the_figures),
        WITH_DIR(test_weights_of_1_change_no_bit),
        WITH_DIR(test_what_rows_count_for),
        WITH_DIR(test_weights_that_are_no_whole_numbers_have_no_unit),
        WITH_DIR(test_a_class_of_weight_0_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
