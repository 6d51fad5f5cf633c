/* core/data/encoder: roles, scalings and rare categories. Expected numbers were worked out by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/buf.h"
#include "core/base/rng.h"
#include "data_fixture.h"

#define COLUMN(...) (struct encoder_column){__VA_ARGS__}
#define ORDER(...)                                                                                                     \
    .order = (const char *const[]){__VA_ARGS__}, .order_count = COUNT(((const char *const[]){__VA_ARGS__}))

/* All inputs of a row, by the table and by the functions that predictions use. */
static void assert_row(struct data_fixture *f, const struct encoder *e, const struct table *t, uint32_t row,
                       const double *expected)
{
    struct encoder_view *v = NULL;
    real x[32], one[32];
    if (encoder_view_new(e, t, &v, &f->err))
        fail_msg("%s", f->err.message);
    encoder_encode(v, &row, 1, x, encoder_inputs(e), NULL);
    encoder_view_free(v);
    encoder_row_start(e, one);
    for (uint32_t i = 0; i < encoder_features(e); i++) {
        uint32_t column = (uint32_t)table_find(t, encoder_feature(e, i)->name);
        if (table_column(t, column)->type == COLUMN_NUMERIC)
            encoder_row_number(e, i, table_number(t, column, row), one);
        else if (cell_text(t, column, row))
            encoder_row_text(e, i, cell_text(t, column, row), strlen(cell_text(t, column, row)), table_decimal(t), one);
    }
    for (uint32_t i = 0; i < encoder_inputs(e); i++) {
        if (!NEAR(x[i], expected[i], 1e-6 * (1 + fabs(expected[i]))))
            fail_msg("row %u, input %u is %.9g, not %.9g", row, i, (double)x[i], expected[i]);
        if (memcmp(&x[i], &one[i], sizeof one[i]) != 0)
            fail_msg("row %u, input %u is %.9g by the table and %.9g by itself", row, i, (double)x[i], (double)one[i]);
    }
}

static struct encoder *fit_columns(struct data_fixture *f, const struct table *t, const struct encoder_column *columns,
                                   uint32_t count, uint32_t rows)
{
    uint32_t row[16];
    for (uint32_t i = 0; i < rows; i++)
        row[i] = i;
    struct encoder_options o = {TARGET("y"), .columns = columns, .column_count = count};
    enum task task;
    if (encoder_check(t, &o, &task, &f->err))
        fail_msg("%s", f->err.message);
    return fit_on(f, t, &o, row, rows);
}

static enum encoder_cell text_cell(const struct encoder *e, uint32_t feature, const char *text, real *x)
{
    encoder_row_start(e, x);
    return encoder_row_text(e, feature, text, strlen(text), '.', x);
}

/* ---- scaling ---------------------------------------------------------------------------------------------------------- */

static const char numbers[] = "x,constant,y\n2,7,1\n4,7,2\n,7,3\n10,7,4\n18,9,5\n"; /* the last row is not for training */

static void test_standard_minmax_and_none(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, numbers);
    static const struct {
        enum encoder_scaling scaling;
        double x[5], constant[2];
    } cases[] = {
        {SCALING_AUTO, {-0.980580676, -0.392232270, 0, 1.372812946, 3.726206568}, {0, 2}}, /* mean 16/3, sd sqrt(104/9) */
        {SCALING_STANDARD, {-0.980580676, -0.392232270, 0, 1.372812946, 3.726206568}, {0, 2}},
        {SCALING_MINMAX, {0, 0.25, 5.0 / 12, 1, 2}, {0, 2}}, /* 2 to 10 */
        {SCALING_NONE, {2, 4, 16.0 / 3, 10, 18}, {7, 9}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct encoder_column columns[] = {COLUMN(.name = "constant", .scaling = cases[i].scaling),
                                           COLUMN(.name = "x", .scaling = cases[i].scaling)};
        struct encoder *e = fit_columns(f, t, columns, 2, 4);
        for (uint32_t row = 0; row < 5; row++)
            assert_row(f, e, t, row, (double[]){cases[i].x[row], cases[i].constant[row == 4]});
        encoder_free(e);
    }
    table_unref(t);
}

static void test_a_columns_scaling_is_stronger_than_that_of_all(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, numbers);
    struct encoder_column columns[] = {COLUMN(.name = "x", .scaling = SCALING_MINMAX)};
    struct encoder_options o = {TARGET("y"), .columns = columns, .column_count = 1, .scaling = SCALING_NONE};
    struct encoder *e = fit_on(f, t, &o, (uint32_t[]){0, 1, 2, 3}, 4);
    assert_row(f, e, t, 1, (double[]){0.25, 7});
    encoder_free(e);
    o.column_count = 0;
    e = fit_on(f, t, &o, (uint32_t[]){0, 1, 2, 3}, 4);
    assert_row(f, e, t, 1, (double[]){4, 7});
    encoder_free(e);
    table_unref(t);
}

static void test_a_range_that_overflows_stays_finite(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, "x,y\n1.7e308,1\n-1.7e308,2\nNA,3\n");
    struct encoder *e = fit_columns(f, t, (struct encoder_column[]){COLUMN(.name = "x", .scaling = SCALING_MINMAX)}, 1, 3);
    assert_true(isfinite(encoder_feature(e, 0)->shift) && encoder_feature(e, 0)->scale == 1);
    encoder_free(e);
    table_unref(t);
    t = table_of(f, "x,y\n,1\n,2\n"); /* no value at all */
    e = fit_columns(f, t, (struct encoder_column[]){COLUMN(.name = "x", .scaling = SCALING_MINMAX)}, 1, 2);
    assert_row(f, e, t, 0, (double[]){0});
    encoder_free(e);
    table_unref(t);
}

/* ---- ordinals --------------------------------------------------------------------------------------------------------- */

static void test_an_ordinal_is_its_place_in_the_order(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, "size,y\nM,1\nS,2\nL,3\nS,4\n,5\n");
    struct encoder_column c = COLUMN(.name = "size", .role = ROLE_ORDINAL, ORDER("S", "M", "L", "XL"));
    struct encoder *e = fit_columns(f, t, &c, 1, 5);
    assert_int_equal(encoder_inputs(e), 1);
    assert_int_equal(encoder_feature(e, 0)->encoding, ENCODING_ORDINAL);
    /* levels 1, 0, 2, 0: mean 3/4, sd sqrt(11)/4 */
    static const double expected[] = {0.301511345, -0.904534034, 1.507556723, -0.904534034, 0};
    for (uint32_t row = 0; row < 5; row++)
        assert_row(f, e, t, row, &expected[row]);
    real x[1];
    assert_int_equal(text_cell(e, 0, "XL", x), CELL_KNOWN);
    assert_true(NEAR(x[0], 2.713602101, 1e-6));
    assert_int_equal(text_cell(e, 0, "XXL", x), CELL_UNSEEN);
    assert_true(x[0] == 0);
    encoder_free(e);
    c.scaling = SCALING_NONE;
    e = fit_columns(f, t, &c, 1, 5);
    static const double plain[] = {1, 0, 2, 0, 0.75};
    for (uint32_t row = 0; row < 5; row++)
        assert_row(f, e, t, row, &plain[row]);
    assert_int_equal(text_cell(e, 0, "XXL", x), CELL_UNSEEN);
    assert_true(x[0] == (real)0.75);
    encoder_free(e);
    c.scaling = SCALING_MINMAX;
    e = fit_columns(f, t, &c, 1, 5);
    assert_row(f, e, t, 0, (double[]){0.5}); /* over 0 to 2: training has no XL */
    encoder_free(e);
    table_unref(t);
}

static void test_numbers_can_be_in_an_order_too(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, "grade,y\n5,1\n1,2\n10,3\nNA,4\n1.0,5\n");
    struct encoder_column c = COLUMN(.name = "grade", .role = ROLE_ORDINAL, .scaling = SCALING_NONE,
                                     ORDER("1e1", "5.0", "1"));
    struct encoder *e = fit_columns(f, t, &c, 1, 5);
    static const double expected[] = {1, 2, 0, 1.25, 2};
    for (uint32_t row = 0; row < 5; row++)
        assert_row(f, e, t, row, &expected[row]);
    real x[1];
    assert_int_equal(encoder_row_number(e, 0, 7, x), CELL_UNSEEN);
    assert_true(x[0] == (real)1.25);
    assert_int_equal(text_cell(e, 0, "10.0", x), CELL_KNOWN);
    assert_true(x[0] == 0);
    encoder_free(e);
    table_unref(t);
}

/* ---- forced roles ----------------------------------------------------------------------------------------------------- */

static void test_numbers_as_categories(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, "year,y\n2019,1\n9,2\n2019.0,3\nNA,4\n-0,5\n0,6\n2021,7\n");
    struct encoder_column c = COLUMN(.name = "year", .role = ROLE_CATEGORICAL);
    struct encoder *e = fit_columns(f, t, &c, 1, 6);
    const struct encoder_feature *year = encoder_feature(e, 0);
    assert_int_equal(year->type, COLUMN_NUMERIC);
    assert_int_equal(year->encoding, ENCODING_CATEGORIES);
    assert_int_equal(year->categories, 3);
    assert_string_equal(year->category[0], "0");
    assert_string_equal(year->category[1], "2019"); /* by bytes */
    assert_string_equal(year->category[2], "9");
    assert_true(year->has_missing);
    static const double expected[][4] = {{0, 1, 0, 0}, {0, 0, 1, 0}, {0, 1, 0, 0}, {0, 0, 0, 1},
                                         {1, 0, 0, 0}, {1, 0, 0, 0}, {0, 0, 0, 0}};
    for (uint32_t row = 0; row < 7; row++)
        assert_row(f, e, t, row, expected[row]);
    real x[4];
    encoder_row_start(e, x);
    assert_true(x[3] == 1);
    assert_int_equal(encoder_row_number(e, 0, 2021, x), CELL_UNSEEN);
    assert_int_equal(text_cell(e, 0, " 2.019e3 ", x), CELL_KNOWN);
    assert_memory_equal(x, ((real[]){0, 1, 0, 0}), sizeof x);
    assert_int_equal(text_cell(e, 0, "last year", x), CELL_UNSEEN);
    assert_memory_equal(x, ((real[]){0, 0, 0, 0}), sizeof x);
    encoder_free(e);
    table_unref(t);
}

static void test_texts_as_numbers(void **state)
{
    struct data_fixture *f = *state;
    struct encoder_column c = COLUMN(.name = "x", .role = ROLE_NUMERIC);
    struct table *t = table_of(f, "x,y\n1.5,1\n2,2\nunknown,3\n4,4\n,5\n");
    assert_int_equal(table_column(t, 0)->type, COLUMN_CATEGORICAL);
    struct encoder *e = fit_columns(f, t, &c, 1, 5);
    static const double expected[] = {-0.925820100, -0.462910050, 0, 1.388730150, 0}; /* mean 2.5, sd sqrt(7/6) */
    for (uint32_t row = 0; row < 5; row++)
        assert_row(f, e, t, row, &expected[row]);
    real x[1];
    assert_int_equal(text_cell(e, 0, "none", x), CELL_MISSING);
    assert_int_equal(text_cell(e, 0, "4", x), CELL_KNOWN);
    assert_int_equal(encoder_row_number(e, 0, 2.5, x), CELL_KNOWN);
    assert_true(x[0] == 0);
    encoder_free(e);
    table_unref(t);
    t = table_of(f, "x;y\n1,5;1\n2,5;2\nk;3\n"); /* with the table's own decimal mark */
    assert_int_equal(table_decimal(t), ',');
    e = fit_columns(f, t, &c, 1, 3);
    assert_int_equal(encoder_decimal(e), ',');
    assert_row(f, e, t, 0, (double[]){-1});
    assert_row(f, e, t, 1, (double[]){1});
    encoder_free(e);
    table_unref(t);
}

static void test_a_text_is_no_number_of_a_numeric_column(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, "x,y\n1,1\n2,2\n");
    struct encoder *e = fit_columns(f, t, NULL, 0, 2);
    real x[1];
    assert_int_equal(text_cell(e, 0, "two", x), CELL_NO_NUMBER);
    assert_int_equal(text_cell(e, 0, "2", x), CELL_KNOWN);
    assert_true(x[0] == 1);
    encoder_free(e);
    table_unref(t);
}

static void test_ignored_columns_are_passed_over(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, "a,b,split,c,y\n1,2,t,3,1\n2,3,v,4,2\n");
    static const char *const features[] = {"c", "b"};
    struct encoder_column columns[] = {COLUMN(.name = "c", .role = ROLE_IGNORE), COLUMN(.name = "b", .role = ROLE_AUTO)};
    struct encoder_options o = {TARGET("y"), .columns = columns, .column_count = 2, .skipped = "split"};
    struct encoder *e = fit_on(f, t, &o, NULL, 0);
    assert_int_equal(encoder_features(e), 2);
    assert_string_equal(encoder_feature(e, 0)->name, "a");
    assert_string_equal(encoder_feature(e, 1)->name, "b");
    static const char *const passed[] = {"c", "split", "y"}, *const others[] = {"a", "b", "", "cc", "spli", "z"};
    for (size_t i = 0; i < COUNT(passed); i++)
        assert_true(encoder_passes_over(e, passed[i], strlen(passed[i])));
    for (size_t i = 0; i < COUNT(others); i++)
        assert_false(encoder_passes_over(e, others[i], strlen(others[i])));
    assert_true(encoder_passes_over(e, "cc", 1));
    encoder_free(e);
    o.features = features; /* a feature that is ignored is none */
    o.feature_count = 2;
    e = fit_on(f, t, &o, NULL, 0);
    assert_int_equal(encoder_features(e), 1);
    assert_string_equal(encoder_feature(e, 0)->name, "b");
    assert_false(encoder_passes_over(e, "a", 1));
    encoder_free(e);
    table_unref(t);
}

/* ---- rare categories and limits --------------------------------------------------------------------------------------- */

static const char cities[] = "city,code,y\nlima,1,1\noslo,2,2\nlima,1,3\nrome,3,4\nbern,4,5\noslo,2,6\nlima,1,7\n,NA,8\n"
                             "rome,3,9\n"; /* the last row is not for training */

static void test_rare_categories_share_an_input(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, cities);
    static const double frequencies[] = {2, 0.25, 0.2, 1.5}; /* of 8 rows */
    for (size_t i = 0; i < COUNT(frequencies); i++) {
        struct encoder_column columns[] = {
            COLUMN(.name = "city", .min_frequency = frequencies[i]),
            COLUMN(.name = "code", .role = ROLE_CATEGORICAL, .min_frequency = frequencies[i])};
        struct encoder *e = fit_columns(f, t, columns, 2, 8);
        const struct encoder_feature *city = encoder_feature(e, 0);
        assert_int_equal(city->inputs, 4); /* lima, oslo, other, missing */
        assert_int_equal(city->categories, 2);
        assert_int_equal(city->rare_count, 2);
        assert_string_equal(city->rare[0], "bern");
        assert_string_equal(city->rare[1], "rome");
        static const double expected[][8] = {
            {1, 0, 0, 0, 1, 0, 0, 0}, {0, 1, 0, 0, 0, 1, 0, 0}, {1, 0, 0, 0, 1, 0, 0, 0}, {0, 0, 1, 0, 0, 0, 1, 0},
            {0, 0, 1, 0, 0, 0, 1, 0}, {0, 1, 0, 0, 0, 1, 0, 0}, {1, 0, 0, 0, 1, 0, 0, 0}, {0, 0, 0, 1, 0, 0, 0, 1},
            {0, 0, 1, 0, 0, 0, 1, 0}};
        for (uint32_t row = 0; row < 9; row++)
            assert_row(f, e, t, row, expected[row]);
        real x[8];
        assert_int_equal(text_cell(e, 0, "rome", x), CELL_KNOWN);
        assert_memory_equal(x, ((real[]){0, 0, 1, 0, 0, 0, 0, 1}), sizeof x);
        assert_int_equal(text_cell(e, 0, "kiev", x), CELL_UNSEEN); /* as good as rare */
        assert_memory_equal(x, ((real[]){0, 0, 1, 0, 0, 0, 0, 1}), sizeof x);
        assert_int_equal(encoder_row_number(e, 1, 77, x), CELL_UNSEEN);
        assert_memory_equal(x, ((real[]){0, 0, 1, 0, 0, 0, 1, 0}), sizeof x);
        encoder_free(e);
    }
    struct encoder *e = fit_columns(f, t, &COLUMN(.name = "city", .min_frequency = 1), 1, 8);
    assert_int_equal(encoder_feature(e, 0)->rare_count, 0); /* what is there is there once */
    assert_int_equal(encoder_feature(e, 0)->inputs, 5);
    encoder_free(e);
    struct encoder_column as_all = COLUMN(.name = "city", .min_frequency = NAN);
    struct encoder_options o = {TARGET("y"), .columns = &as_all, .column_count = 1, .min_frequency = 2};
    e = fit_on(f, t, &o, (uint32_t[]){0, 1, 2, 3, 4, 5, 6, 7}, 8);
    assert_int_equal(encoder_feature(e, 0)->rare_count, 2);
    encoder_free(e);
    e = fit_columns(f, t, &COLUMN(.name = "city", .min_frequency = 100), 1, 8);
    assert_int_equal(encoder_feature(e, 0)->inputs, 2); /* all of them are rare */
    assert_row(f, e, t, 0, (double[]){1, 0, -0.935414347});
    encoder_free(e);
    table_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_standard_minmax_and_none),
        WITH_DIR(test_a_columns_scaling_is_stronger_than_that_of_all),
        WITH_DIR(test_a_range_that_overflows_stays_finite),
        WITH_DIR(test_an_ordinal_is_its_place_in_the_order),
        WITH_DIR(test_numbers_can_be_in_an_order_too),
        WITH_DIR(test_numbers_as_categories),
        WITH_DIR(test_texts_as_numbers),
        WITH_DIR(test_a_text_is_no_number_of_a_numeric_column),
        WITH_DIR(test_ignored_columns_are_passed_over),
        WITH_DIR(test_rare_categories_share_an_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
