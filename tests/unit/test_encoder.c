/* core/data/encoder: what is fitted, and what cells become. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/buf.h"
#include "core/base/rng.h"
#include "data_fixture.h"
#include <float.h>

/* The inputs of one row of the table, and its target. */
static void encode_row(struct data_fixture *f, const struct encoder *e, const struct table *t, uint32_t row, real *x, real *y)
{
    struct encoder_view *v = NULL;
    if (encoder_view_new(e, t, &v, &f->err))
        fail_msg("%s", f->err.message);
    encoder_encode(v, &row, 1, x, encoder_inputs(e), y);
    encoder_view_free(v);
}

static void assert_inputs(struct data_fixture *f, const struct encoder *e, const struct table *t, uint32_t row,
                          const double *expected)
{
    real x[32];
    encode_row(f, e, t, row, x, NULL);
    for (uint32_t i = 0; i < encoder_inputs(e); i++)
        if (!NEAR(x[i], expected[i], 1e-6))
            fail_msg("row %u, input %u is %g, not %g", row, i, (double)x[i], expected[i]);
}

/* ---- fitting on the training rows alone ------------------------------------------------------------------------------- */

static const char small[] = "x,colour,y\n"
                            "1,red,10\n"
                            "3,blue,20\n"
                            "NA,red,30\n"
                            "100,green,40\n" /* from here on not for training */
                            ",,50\n"
                            "-5,blue,NA\n";

static void test_only_training_rows_are_looked_at(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, small);
    struct encoder *e = fit_on(f, t, &(struct encoder_options){TARGET("y")}, (uint32_t[]){0, 1, 2}, 3);
    assert_int_equal(encoder_task(e), TASK_REGRESSION);
    assert_int_equal(encoder_features(e), 2);
    assert_int_equal(encoder_inputs(e), 3);
    assert_int_equal(encoder_outputs(e), 1);
    assert_int_equal(encoder_target(e, 0)->classes, 0);
    assert_string_equal(encoder_target(e, 0)->name, "y");
    const struct encoder_feature *x = encoder_feature(e, 0), *colour = encoder_feature(e, 1);
    assert_string_equal(x->name, "x");
    assert_int_equal(x->type, COLUMN_NUMERIC);
    assert_int_equal(x->input, 0);
    assert_int_equal(x->inputs, 1);
    assert_true(x->mean == 2 && x->scale == 1); /* of 1 and 3, the population's */
    assert_string_equal(colour->name, "colour");
    assert_int_equal(colour->input, 1);
    assert_int_equal(colour->inputs, 2);
    assert_int_equal(colour->categories, 2); /* green was never seen */
    assert_string_equal(colour->category[0], "blue");
    assert_string_equal(colour->category[1], "red");
    assert_false(colour->has_missing); /* nor was a missing one */
    assert_true(encoder_target(e, 0)->mean == 20);
    assert_true(NEAR(encoder_target(e, 0)->deviation, sqrt(200.0 / 3), 1e-14));
    assert_inputs(f, e, t, 0, (double[]){-1, 0, 1});
    assert_inputs(f, e, t, 1, (double[]){1, 1, 0});
    assert_inputs(f, e, t, 2, (double[]){0, 0, 1}); /* missing: the mean */
    assert_inputs(f, e, t, 3, (double[]){98, 0, 0}); /* unseen: all zeros */
    assert_inputs(f, e, t, 4, (double[]){0, 0, 0});
    assert_inputs(f, e, t, 5, (double[]){-7, 1, 0});
    real x0[3], y = 0;
    encode_row(f, e, t, 4, x0, &y);
    assert_true(NEAR(y, 30 / sqrt(200.0 / 3), 1e-6)); /* (50 - mean) / deviation */
    encoder_free(e);
    table_unref(t);
}

static void test_missing_is_a_category_when_training_had_any(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, small);
    struct encoder *e = fit_on(f, t, &(struct encoder_options){TARGET("y")}, (uint32_t[]){0, 4}, 2);
    const struct encoder_feature *colour = encoder_feature(e, 1);
    assert_int_equal(colour->categories, 1);
    assert_true(colour->has_missing);
    assert_int_equal(colour->inputs, 2);
    assert_inputs(f, e, t, 0, (double[]){0, 1, 0});
    assert_inputs(f, e, t, 4, (double[]){0, 0, 1});
    assert_inputs(f, e, t, 1, (double[]){2, 0, 0}); /* x: mean 1, deviation 1 for the lone value */
    encoder_free(e);
    table_unref(t);
}

static void test_features_come_in_the_order_given(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, "a,b,c,d\n1,x,5,9\n2,y,7,8\n3,x,6,7\n");
    static const char *const features[] = {"c", "b"};
    struct encoder_options o = {TARGET("d"), .features = features, .feature_count = 2};
    struct encoder *e = fit_on(f, t, &o, NULL, 0);
    assert_int_equal(encoder_features(e), 2);
    assert_string_equal(encoder_feature(e, 0)->name, "c");
    assert_string_equal(encoder_feature(e, 1)->name, "b");
    assert_int_equal(encoder_find(e, "c", 1), 0);
    assert_int_equal(encoder_find(e, "b", 1), 1);
    assert_int_equal(encoder_find(e, "bb", 1), 1); /* as long as it is said to be */
    assert_int_equal(encoder_find(e, "bb", 2), -1);
    assert_int_equal(encoder_find(e, "a", 1), -1);
    assert_int_equal(encoder_find(e, "", 0), -1);
    encoder_free(e);
    table_unref(t);
}

static void test_names_are_found_among_many(void **state)
{
    struct data_fixture *f = *state;
    struct buf b;
    buf_init(&b, 1 << 16);
    for (int i = 0; i < 100; i++)
        buf_printf(&b, "n%d,", (i * 37) % 100);
    buf_puts(&b, "y\n");
    for (int i = 0; i < 101; i++)
        buf_printf(&b, "%d%c", i, i < 100 ? ',' : '\n');
    struct table *t = table_of(f, buf_text(&b));
    struct encoder *e = fit_on(f, t, &(struct encoder_options){TARGET("y")}, NULL, 0);
    for (int i = 0; i < 100; i++) {
        char name[8];
        snprintf(name, sizeof name, "n%d", (i * 37) % 100);
        assert_int_equal(encoder_find(e, name, strlen(name)), i);
    }
    assert_int_equal(encoder_find(e, "n100", 4), -1);
    assert_int_equal(encoder_find(e, "n", 1), -1);
    assert_int_equal(encoder_find(e, "y", 1), -1);
    encoder_free(e);
    table_unref(t);
    buf_done(&b);
}

/* ---- numbers that are hard to standardize ----------------------------------------------------------------------------- */

static void test_a_constant_has_deviation_one(void **state)
{
    struct data_fixture *f = *state;
    struct buf b;
    char sha256[65];
    buf_init(&b, 16 << 20);
    buf_puts(&b, "tenth,big,nothing,third,seventh,large,y\n");
    for (int i = 0; i < 100000; i++)
        buf_printf(&b, "0.1,123456789.123,NA,%.17g,%.17g,9007199254740993,%d\n", 1.0 / 3, 1.0 / 7, i);
    assert_int_equal(build_bytes(f, NULL, b.data, b.length, 0, sha256), ERR_OK);
    buf_done(&b);
    struct table *t = open_table(f);
    struct encoder *e = fit_on(f, t, &(struct encoder_options){TARGET("y")}, NULL, 0);
    assert_true(encoder_feature(e, 0)->mean == 0.1 && encoder_feature(e, 0)->scale == 1);
    assert_true(encoder_feature(e, 1)->mean == 123456789.123 && encoder_feature(e, 1)->scale == 1);
    assert_true(encoder_feature(e, 2)->mean == 0 && encoder_feature(e, 2)->scale == 1); /* no value at all */
    for (uint32_t i = 3; i < 6; i++)
        assert_true(encoder_feature(e, i)->mean == table_number(t, i, 0) && encoder_feature(e, i)->scale == 1);
    assert_inputs(f, e, t, 77, (double[]){0, 0, 0, 0, 0, 0});
    real x[6];
    encoder_row_start(e, x);
    encoder_row_number(e, 0, 0.2, x); /* another value later on stays of its own size */
    assert_true(NEAR(x[0], 0.1, 1e-7));
    encoder_free(e);
    table_unref(t);
}

/* So many that the corrected sum of squares is rounding, and above 0. */
static void test_a_constant_of_many_rows(void **state)
{
    struct data_fixture *f = *state;
    enum { MANY = 9000004 };
    struct table *t = table_of(f, "x,y\n0.1,0.1\n");
    uint32_t *rows = mem_array(MANY, sizeof *rows); /* row 0 again and again */
    struct encoder *e = NULL;
    assert_non_null(rows);
    assert_int_equal(encoder_fit(t, &(struct encoder_options){TARGET("y")}, rows, MANY, &e, &f->err), ERR_OK);
    assert_true(encoder_feature(e, 0)->mean == 0.1 && encoder_feature(e, 0)->scale == 1);
    assert_true(encoder_target(e, 0)->mean == 0.1 && encoder_target(e, 0)->deviation == 1);
    encoder_free(e);
    mem_free(rows);
    table_unref(t);
}

static void test_a_small_spread_far_from_zero(void **state)
{
    struct data_fixture *f = *state;
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_puts(&b, "nanoseconds,y\n");
    for (int i = 0; i < 101; i++)
        buf_printf(&b, "%lld,%d\n", 1600000000000000000 + 1024ll * i, i % 7);
    struct table *t = table_of(f, buf_text(&b));
    struct encoder *e = fit_on(f, t, &(struct encoder_options){TARGET("y")}, NULL, 0);
    assert_true(encoder_feature(e, 0)->mean == 1600000000000000000 + 1024ll * 50);
    assert_true(NEAR(encoder_feature(e, 0)->scale, 1024 * sqrt((101.0 * 101 - 1) / 12), 1e-6));
    assert_inputs(f, e, t, 50, (double[]){0});
    encoder_free(e);
    table_unref(t);
    buf_done(&b);
}

static void test_numbers_that_overflow_stay_finite(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, "x,y\n1.7e308,1\n-1.7e308,2\n1.7e308,3\n1.7e308,4\n");
    struct encoder *e = fit_on(f, t, &(struct encoder_options){TARGET("y")}, NULL, 0);
    assert_true(isfinite(encoder_feature(e, 0)->mean));
    assert_true(isfinite(encoder_feature(e, 0)->scale) && encoder_feature(e, 0)->scale > 0);
    encoder_free(e);
    table_unref(t);
}

/* ---- classes ---------------------------------------------------------------------------------------------------------- */

static void assert_classes(struct data_fixture *f, const char *text, enum task task, enum task expected,
                           const char *const *class, uint32_t count)
{
    struct table *t = table_of(f, text);
    struct encoder_options o = {TARGET("y"), .task = task};
    struct encoder *e = fit_on(f, t, &o, NULL, 0);
    assert_int_equal(encoder_task(e), expected);
    assert_int_equal(encoder_target(e, 0)->classes, count);
    assert_int_equal(encoder_outputs(e), expected == TASK_MULTICLASS ? count : 1);
    assert_true(encoder_target(e, 0)->mean == 0 && encoder_target(e, 0)->deviation == 1);
    for (uint32_t k = 0; k < count; k++)
        assert_string_equal(encoder_target(e, 0)->class[k], class[k]);
    encoder_free(e);
    table_unref(t);
}

static void test_classes_are_sorted(void **state)
{
    struct data_fixture *f = *state;
    static const char *const texts[] = {"A", "Z", "a", "\xC3\xA9"}, *const two[] = {"no", "yes"},
                             *const numbers[] = {"-1.5", "0", "2", "9", "10"}, *const bits[] = {"0", "1"};
    assert_classes(f, "x,y\n1,a\n2,\xC3\xA9\n3,Z\n4,A\n5,a\n", TASK_AUTO, TASK_MULTICLASS, texts, 4);
    assert_classes(f, "x,y\n1,yes\n2,no\n3,yes\n", TASK_AUTO, TASK_BINARY, two, 2);
    assert_classes(f, "x,y\n1,yes\n2,no\n3,yes\n", TASK_BINARY, TASK_BINARY, two, 2);
    assert_classes(f, "x,y\n1,yes\n2,no\n3,yes\n", TASK_MULTICLASS, TASK_MULTICLASS, two, 2);
    assert_classes(f, "x,y\n1,10\n2,9\n3,2.0\n4,-1.5\n5,-0\n6,0\n7,NA\n", TASK_MULTICLASS, TASK_MULTICLASS, numbers, 5);
    assert_classes(f, "x,y\n1,1\n2,0\n3,1.0\n", TASK_BINARY, TASK_BINARY, bits, 2);
}

static void test_numbers_are_regression_unless_told(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, "x,y\n1,0\n2,1\n3,0\n");
    enum task task = TASK_AUTO;
    assert_int_equal(encoder_check(t, &(struct encoder_options){TARGET("y")}, &task, &f->err), ERR_OK);
    assert_int_equal(task, TASK_REGRESSION);
    table_unref(t);
}

static void test_a_class_is_known_though_training_has_none_of_it(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, "x,y\n1,b\n2,c\n3,a\n4,\n");
    struct encoder *e = fit_on(f, t, &(struct encoder_options){TARGET("y")}, (uint32_t[]){0, 1}, 2);
    assert_int_equal(encoder_target(e, 0)->classes, 3);
    real x[1], y = 99;
    for (uint32_t row = 0; row < 3; row++) {
        encode_row(f, e, t, row, x, &y);
        assert_true(y == (real)((row + 1) % 3));
    }
    encoder_free(e);
    table_unref(t);
}

static void test_rows_without_a_target_are_left_out(void **state)
{
    struct data_fixture *f = *state;
    static const struct {
        const char *text;
        enum task task;
        int32_t class[3];
    } cases[] = {{"x,y\n1,b\n2,\n3,a\n4,NA\n5,b\n", TASK_AUTO, {1, 0, 1}},
                 {"x,y\n1,7\n2,\n3,-2\n4,NA\n5,7\n", TASK_BINARY, {1, 0, 1}},
                 {"x,y\n1,7\n2,\n3,-2\n4,NA\n5,7\n", TASK_AUTO, {-9, -9, -9}}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct table *t = table_of(f, cases[i].text);
        struct encoder_options o = {TARGET("y"), .task = cases[i].task};
        cleanup(mem_freep) uint32_t *rows = NULL;
        cleanup(mem_freep) int32_t *classes = NULL;
        size_t count = 0;
        assert_int_equal(encoder_target_rows(t, &o, &rows, &classes, &count, &f->err), ERR_OK);
        assert_int_equal(count, 3);
        assert_memory_equal(rows, ((uint32_t[]){0, 2, 4}), 3 * sizeof *rows);
        if (cases[i].class[0] < -1)
            assert_null(classes);
        else
            assert_memory_equal(classes, cases[i].class, 3 * sizeof *classes);
        table_unref(t);
    }
}

/* ---- two ways to the same inputs -------------------------------------------------------------------------------------- */

#define ROWS 333 /* more than a block of the view, and no multiple of it */

static struct table *random_table(struct data_fixture *f)
{
    struct buf b;
    char sha256[65];
    struct rng r;
    buf_init(&b, 1 << 20);
    rng_init(&r, 1, RNG_SEARCH, 0);
    buf_puts(&b, "a,b,c,d,y\n");
    for (int i = 0; i < ROWS; i++) {
        if (rng_below(&r, 10))
            buf_printf(&b, "%.9g", 1000 * rng_uniform(&r) - 300);
        buf_printf(&b, rng_below(&r, 8) ? ",cat%d" : ",", (int)rng_below(&r, 12));
        buf_printf(&b, ",%d,t%d,k%d\n", (int)rng_below(&r, 3), (int)rng_below(&r, 2), (int)rng_below(&r, 4));
    }
    assert_int_equal(build_bytes(f, NULL, b.data, b.length, 0, sha256), ERR_OK);
    buf_done(&b);
    return open_table(f);
}

/* One row by the functions that predictions use. */
static void row_by_row(const struct encoder *e, const struct table *t, uint32_t row, real *x)
{
    encoder_row_start(e, x);
    for (uint32_t i = 0; i < encoder_features(e); i++) {
        uint32_t column = (uint32_t)table_find(t, encoder_feature(e, i)->name);
        if (encoder_feature(e, i)->type == COLUMN_NUMERIC)
            encoder_row_number(e, i, table_number(t, column, row), x);
        else if (cell_text(t, column, row))
            encoder_row_text(e, i, cell_text(t, column, row), strlen(cell_text(t, column, row)), '.', x);
    }
}

static void test_a_table_and_its_rows_give_the_same_bits(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = random_table(f);
    static uint32_t rows[ROWS];
    static real x[ROWS * 40], y[ROWS + 1];
    real one[40];
    struct encoder_view *v = NULL;
    for (uint32_t i = 0; i < ROWS; i++)
        rows[i] = (i * 100) % ROWS;
    struct encoder *e = fit_on(f, t, &(struct encoder_options){TARGET("y")}, rows, 60);
    uint32_t inputs = encoder_inputs(e);
    size_t stride = inputs + 3;
    assert_true(inputs > 12 && stride <= 40);
    assert_int_equal(encoder_view_new(e, t, &v, &f->err), ERR_OK);
    for (size_t i = 0; i < COUNT(x); i++)
        x[i] = 77;
    y[ROWS] = 88;
    encoder_encode(v, rows, ROWS, x, stride, y);
    for (size_t i = 0; i < ROWS; i++) {
        row_by_row(e, t, rows[i], one);
        assert_memory_equal(x + i * stride, one, inputs * sizeof *one);
        for (size_t k = inputs; k < stride; k++)
            assert_true(x[i * stride + k] == 77); /* the rest of a row is left alone */
        assert_string_equal(encoder_target(e, 0)->class[(uint32_t)y[i]], cell_text(t, 4, rows[i]));
    }
    assert_true(y[ROWS] == 88);
    for (size_t count = 0; count < 130; count++) { /* any number of rows, with and without targets */
        memset(x, 0x55, count * stride * sizeof *x);
        encoder_encode(v, rows, count, x, stride, NULL);
        row_by_row(e, t, rows[count ? count - 1 : 0], one);
        assert_true(!count || !memcmp(x + (count - 1) * stride, one, inputs * sizeof *one));
    }
    encoder_view_free(v);
    encoder_free(e);
    table_unref(t);
}

#define WIDE       2000 /* columns, so that a group has 256 rows */
#define WIDE_ROWS  700
#define WIDE_KINDS 6

/* Cells that are bytes in some groups, of whole numbers or of decimals, with missing ones or not. */
static void put_narrow(struct buf *b, struct rng *r, int row, int kind)
{
    unsigned n = (unsigned)rng_below(r, 200);
    bool missing = kind == 1 || kind == 3 ? n < 20 : kind == 5 && row >= 512;
    if (missing)
        return;
    switch (kind) {
    case 0:
    case 1: buf_printf(b, "%u", n); break;
    case 2: buf_printf(b, "%u.%u", n / 10, n % 10); break;
    case 3: buf_printf(b, "%u.%02u", n / 100, n % 100); break;
    case 4: buf_printf(b, row < 256 ? "%u" : row < 512 ? "%u.5" : "%u.123", n / 10); break;
    default: buf_printf(b, row < 256 ? "%u" : "%u000", n);
    }
}

static void test_cells_that_are_bytes_give_the_same_bits(void **state)
{
    struct data_fixture *f = *state;
    struct buf b;
    struct rng r;
    char sha256[65];
    static uint32_t rows[WIDE_ROWS];
    static real x[WIDE_ROWS * WIDE], one[WIDE];
    buf_init(&b, 1 << 24);
    rng_init(&r, 5, RNG_SEARCH, 0);
    for (int c = 0; c < WIDE; c++)
        buf_printf(&b, "x%d,", c);
    buf_puts(&b, "y\n");
    for (int row = 0; row < WIDE_ROWS; row++) {
        for (int c = 0; c < WIDE; c++, buf_putc(&b, ','))
            put_narrow(&b, &r, row, c % WIDE_KINDS);
        buf_printf(&b, "%d\n", row % 3);
    }
    assert_int_equal(build_bytes(f, NULL, b.data, b.length, 0, sha256), ERR_OK);
    buf_done(&b);
    struct table *t = open_table(f);
    struct encoder *e = fit_on(f, t, &(struct encoder_options){TARGET("y")}, NULL, 0);
    struct encoder_view *v = NULL;
    assert_int_equal(encoder_inputs(e), WIDE);
    assert_int_equal(encoder_view_new(e, t, &v, &f->err), ERR_OK);
    for (int jumps = 0; jumps < 2; jumps++) { /* through the groups, and between them */
        for (uint32_t i = 0; i < WIDE_ROWS; i++)
            rows[i] = jumps ? i * 257 % WIDE_ROWS : i;
        memset(x, 0x55, sizeof x);
        encoder_encode(v, rows, WIDE_ROWS, x, WIDE, NULL);
        for (size_t i = 0; i < WIDE_ROWS; i++) {
            row_by_row(e, t, rows[i], one);
            assert_memory_equal(x + i * WIDE, one, sizeof one);
        }
    }
    encoder_view_free(v);
    encoder_free(e);
    table_unref(t);
}

static void test_a_row_of_its_own(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, "x,c,y\n1,a,1\n3,,2\n5,bb,3\n");
    struct encoder *e = fit_on(f, t, &(struct encoder_options){TARGET("y")}, NULL, 0);
    assert_int_equal(encoder_inputs(e), 4);
    real x[4] = {9, 9, 9, 9};
    encoder_row_start(e, x); /* all missing */
    assert_memory_equal(x, ((real[]){0, 0, 0, 1}), sizeof x);
    encoder_row_number(e, 0, 5, x);
    assert_true(NEAR(x[0], sqrt(1.5), 1e-6)); /* (5 - 3) / sqrt(8/3) */
    encoder_row_number(e, 0, NAN, x);
    assert_true(x[0] == 0);
    assert_int_equal(encoder_row_text(e, 1, "bbb", 2, '.', x), CELL_KNOWN); /* as long as it is said to be */
    assert_memory_equal(x, ((real[]){0, 0, 1, 0}), sizeof x);
    encoder_row_start(e, x);
    assert_int_equal(encoder_row_text(e, 1, "b", 1, '.', x), CELL_UNSEEN);
    assert_memory_equal(x, ((real[]){0, 0, 0, 0}), sizeof x);
    encoder_free(e);
    table_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_only_training_rows_are_looked_at),
        WITH_DIR(test_missing_is_a_category_when_training_had_any),
        WITH_DIR(test_features_come_in_the_order_given),
        WITH_DIR(test_names_are_found_among_many),
        WITH_DIR(test_a_constant_has_deviation_one),
        WITH_DIR(test_a_constant_of_many_rows),
        WITH_DIR(test_a_small_spread_far_from_zero),
        WITH_DIR(test_numbers_that_overflow_stay_finite),
        WITH_DIR(test_classes_are_sorted),
        WITH_DIR(test_numbers_are_regression_unless_told),
        WITH_DIR(test_a_class_is_known_though_training_has_none_of_it),
        WITH_DIR(test_rows_without_a_target_are_left_out),
        WITH_DIR(test_a_table_and_its_rows_give_the_same_bits),
        WITH_DIR(test_cells_that_are_bytes_give_the_same_bits),
        WITH_DIR(test_a_row_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
