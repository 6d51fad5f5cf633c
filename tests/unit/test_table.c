/* core/data/table: from bytes to a typed table in a file and back. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/buf.h"
#include "core/base/rng.h"
#include "core/base/sha256.h"
#include "data_fixture.h"
#include <float.h>

static void assert_column(const struct table *t, uint32_t column, const char *name, enum column_type type, uint64_t missing)
{
    const struct column *c = table_column(t, column);
    assert_string_equal(c->name, name);
    assert_int_equal(c->type, type);
    assert_int_equal(c->missing, missing);
    assert_int_equal(table_find(t, name), column);
}

static void assert_category(const struct table *t, uint32_t column, uint32_t k, const char *text, uint64_t count)
{
    const struct column *c = table_column(t, column);
    assert_true(k < c->categories);
    assert_string_equal(c->category[k], text);
    assert_int_equal(c->count[k], count);
}

/* ---- types and cells -------------------------------------------------------------------------------------------------- */

static void test_columns_get_their_types(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, "x, colour ,y,z\n1,red,\"2.5\",NA\nNA,blue,-3,\n2e1,red,?,NaN\n 4 ,null,0,null\n");
    assert_int_equal(table_rows(t), 4);
    assert_int_equal(table_columns(t), 4);
    assert_column(t, 0, "x", COLUMN_NUMERIC, 1);
    assert_column(t, 1, "colour", COLUMN_CATEGORICAL, 1); /* blanks around a name are left out */
    assert_column(t, 2, "y", COLUMN_NUMERIC, 1);          /* quotes make no text of a number */
    assert_column(t, 3, "z", COLUMN_NUMERIC, 4);
    assert_int_equal(table_find(t, "nothing"), -1);
    assert_int_equal(table_find(t, "X"), -1);
    assert_int_equal(table_find(t, ""), -1); /* before the first by name, and behind the last */
    assert_int_equal(table_find(t, "zz"), -1);
    static const double x[] = {1, NAN, 20, 4}, y[] = {2.5, -3, NAN, 0};
    static const char *const colour[] = {"red", "blue", "red", NULL};
    for (uint64_t row = 0; row < 4; row++) {
        double cell = table_number(t, 0, row);
        assert_true(isnan(x[row]) ? isnan(cell) : cell == x[row]);
        cell = table_number(t, 2, row);
        assert_true(isnan(y[row]) ? isnan(cell) : cell == y[row]);
        assert_true(isnan(table_number(t, 3, row)));
        if (colour[row])
            assert_string_equal(cell_text(t, 1, row), colour[row]);
        else
            assert_int_equal(table_code(t, 1, row), -1);
    }
    assert_int_equal(table_column(t, 1)->categories, 2);
    assert_category(t, 1, 0, "red", 2); /* in order of first appearance */
    assert_category(t, 1, 1, "blue", 1);
    assert_true(isnan(table_column(t, 1)->mean) && isnan(table_column(t, 1)->minimum));
    table_unref(t);
    assert_string_equal(column_type_name(COLUMN_NUMERIC), "numeric");
    assert_string_equal(column_type_name(COLUMN_CATEGORICAL), "categorical");
}

/* The texts of a column that turns out to be categorical are the file's, not numbers printed again. */
static void test_a_text_after_numbers_makes_all_of_them_texts(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, "id,x\n1.0,1\n 2,NA\n1.0,3\n,4\nA,5\n1,6\n");
    assert_column(t, 0, "id", COLUMN_CATEGORICAL, 1);
    assert_column(t, 1, "x", COLUMN_NUMERIC, 1);
    assert_int_equal(table_column(t, 0)->categories, 4);
    assert_category(t, 0, 0, "1.0", 2);
    assert_category(t, 0, 1, " 2", 1);
    assert_category(t, 0, 2, "A", 1);
    assert_category(t, 0, 3, "1", 1);
    assert_int_equal(table_code(t, 0, 3), -1);
    assert_true(table_column(t, 1)->mean == 3.8);
    assert_true(table_number(t, 1, 5) == 6);
    table_unref(t);
}

#define LATE 70000 /* rows: more than a group */

static void put_rows(struct buf *b, size_t rows)
{
    for (size_t i = 0; i < rows; i++)
        buf_printf(b, "%zu,%zu,NA,%zu\n", i % 10, i % 7, i);
}

/* Behind groups that were written: one column turns after numbers, one after missing cells alone, at different rows. */
static void test_columns_that_turn_late(void **state)
{
    struct data_fixture *f = *state;
    struct buf b;
    char sha256[65], expected[65];
    buf_init(&b, 16 << 20);
    buf_puts(&b, "a,b,c,d\n");
    put_rows(&b, LATE);
    buf_puts(&b, "x,0,NA,1\n");
    put_rows(&b, 1000);
    buf_puts(&b, "1,0,\"y,\"\"\n\",1\n");
    put_rows(&b, 10);
    assert_int_equal(build_bytes(f, NULL, b.data, b.length, 5000, sha256), ERR_OK);
    sha256_of(b.data, b.length, expected);
    assert_string_equal(sha256, expected);
    struct table *t = open_table(f);
    assert_int_equal(table_rows(t), LATE + 1000 + 10 + 2);
    assert_column(t, 0, "a", COLUMN_CATEGORICAL, 0);
    assert_column(t, 1, "b", COLUMN_NUMERIC, 0);
    assert_column(t, 2, "c", COLUMN_CATEGORICAL, LATE + 1000 + 10 + 1);
    assert_int_equal(table_column(t, 0)->categories, 11);
    assert_category(t, 0, 0, "0", LATE / 10 + 101);
    assert_category(t, 0, 10, "x", 1);
    assert_int_equal(table_column(t, 2)->categories, 1);
    assert_category(t, 2, 0, "y,\"\n", 1);
    for (uint64_t i = 0; i < LATE; i++) {
        assert_int_equal(table_code(t, 0, i), i % 10);
        assert_true(table_number(t, 1, i) == (double)(i % 7));
        assert_int_equal(table_code(t, 2, i), -1);
        assert_true(table_number(t, 3, i) == (double)i);
    }
    assert_string_equal(cell_text(t, 0, LATE), "x");
    assert_string_equal(cell_text(t, 2, LATE + 1001), "y,\"\n");
    table_unref(t);
    assert_int_equal(files_in(f->dir), 1); /* the spool is gone */
    buf_done(&b);
}

/* The first of a row to turn must not hide the others of that row, which may never hold a text again. */
static void test_columns_that_turn_in_the_same_row(void **state)
{
    struct data_fixture *f = *state;
    static const char *const texts[] = {"a,b,c\n1,1,1\nx,y,2\n3,3,3\n4,4,4\n", "a,b,c\n,1,1\nx,y,2\n,3,3\n,4,4\n",
                                        "a,b,c\n1,,1\nx,y,2\n3,,3\n4,,4\n"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct table *t = table_of(f, texts[i]);
        assert_int_equal(table_rows(t), 4);
        assert_int_equal(table_column(t, 0)->type, COLUMN_CATEGORICAL);
        assert_int_equal(table_column(t, 1)->type, COLUMN_CATEGORICAL);
        assert_int_equal(table_column(t, 2)->type, COLUMN_NUMERIC);
        assert_string_equal(cell_text(t, 0, 1), "x");
        assert_string_equal(cell_text(t, 1, 1), "y");
        assert_true(table_number(t, 2, 3) == 4);
        table_unref(t);
    }
}

static void test_many_cells_at_once(void **state)
{
    struct data_fixture *f = *state;
    enum { N = 200000, SOME = 1000 };
    struct buf b;
    char sha256[65];
    struct rng r;
    static uint32_t rows[SOME];
    static double number[SOME];
    static int32_t code[SOME];
    buf_init(&b, 16 << 20);
    buf_puts(&b, "x,c,y\n");
    for (int i = 0; i < N; i++)
        buf_printf(&b, "%d,%c,%d\n", i, 'a' + i % 26, -i);
    assert_int_equal(build_bytes(f, NULL, b.data, b.length, 1 << 16, sha256), ERR_OK);
    buf_done(&b);
    struct table *t = open_table(f);
    rng_init(&r, 1, RNG_SEARCH, 0);
    for (int i = 0; i < SOME; i++)
        rows[i] = i < 3 ? (uint32_t)(i * (N - 1) / 2) : (uint32_t)rng_below(&r, N);
    table_numbers(t, 2, rows, SOME, number);
    table_codes(t, 1, rows, SOME, code);
    for (int i = 0; i < SOME; i++) {
        assert_true(number[i] == -(double)rows[i]);
        assert_int_equal(code[i], rows[i] % 26);
        assert_true(table_number(t, 0, rows[i]) == (double)rows[i]);
    }
    assert_true(table_column(t, 0)->mean == (N - 1) / 2.0);
    table_unref(t);
}

static void test_as_many_columns_as_there_may_be(void **state)
{
    struct data_fixture *f = *state;
    struct buf b;
    char sha256[65];
    buf_init(&b, 4 << 20);
    for (int i = 0; i < TABLE_MAX_COLUMNS; i++)
        buf_printf(&b, "c%d%c", i, i < TABLE_MAX_COLUMNS - 1 ? ',' : '\n');
    for (int row = 0; row < 130; row++) /* more than a group */
        for (int i = 0; i < TABLE_MAX_COLUMNS; i++)
            buf_printf(&b, i % 2 ? "%d%c" : "t%d%c", (i + row) % 100, i < TABLE_MAX_COLUMNS - 1 ? ',' : '\n');
    assert_int_equal(build_bytes(f, NULL, b.data, b.length, 100000, sha256), ERR_OK);
    buf_done(&b);
    struct table *t = open_table(f);
    assert_int_equal(table_columns(t), TABLE_MAX_COLUMNS);
    assert_int_equal(table_rows(t), 130);
    for (uint32_t i = 0; i < TABLE_MAX_COLUMNS; i += 97)
        for (uint64_t row = 0; row < 130; row++) {
            char expected[16];
            snprintf(expected, sizeof expected, "t%d", (int)((i + row) % 100));
            if (i % 2)
                assert_true(table_number(t, i, row) == (double)((i + row) % 100));
            else
                assert_string_equal(cell_text(t, i, row), expected);
        }
    table_unref(t);
}

/* ---- missing texts and marks ------------------------------------------------------------------------------------------ */

static void test_own_texts_for_missing_may_be_numbers(void **state)
{
    struct data_fixture *f = *state;
    static const char *const missing[] = {"-99", "none"};
    struct csv_options o = {.missing = missing, .missing_count = 2};
    char sha256[65];
    static const char text[] = "x,c\n1,a\n-99,none\n3,NA\n-99.0,-99\n";
    assert_int_equal(build_bytes(f, &o, text, strlen(text), 0, sha256), ERR_OK);
    struct table *t = open_table(f);
    assert_column(t, 0, "x", COLUMN_NUMERIC, 1);
    assert_column(t, 1, "c", COLUMN_CATEGORICAL, 2);
    assert_true(isnan(table_number(t, 0, 1)));
    assert_true(table_number(t, 0, 3) == -99); /* another text */
    assert_string_equal(cell_text(t, 1, 2), "NA");
    table_unref(t);
    /* the same when the bytes are read a second time */
    static const char late[] = "x,y\n1,-99\n-99,2\n-99,3\na,none\n";
    assert_int_equal(build_bytes(f, &o, late, strlen(late), 0, sha256), ERR_OK);
    t = open_table(f);
    assert_column(t, 0, "x", COLUMN_CATEGORICAL, 2);
    assert_column(t, 1, "y", COLUMN_NUMERIC, 2);
    assert_true(table_column(t, 1)->mean == 2.5);
    table_unref(t);
}

static void test_the_marks_that_were_found_are_told(void **state)
{
    struct data_fixture *f = *state;
    static const char text[] = "x;y\n1,5;a\n2,5;b\n";
    static const char *const missing[] = {"-"};
    struct csv_options o = {.missing = missing, .missing_count = 1};
    struct table_builder *b;
    char sha256[65];
    assert_int_equal(table_builder_new(f->path, &o, &b, &f->err), ERR_OK);
    assert_int_equal(table_builder_feed(b, text, strlen(text), &f->err), ERR_OK);
    assert_int_equal(table_builder_finish(b, sha256, &f->err), ERR_OK);
    struct csv_options found = table_builder_options(b);
    table_builder_free(b);
    assert_int_equal(found.delimiter, ';');
    assert_int_equal(found.decimal, ',');
    assert_ptr_equal(found.missing, missing);
    assert_int_equal(found.missing_count, 1);
    struct table *t = open_table(f);
    assert_true(table_number(t, 0, 1) == 2.5);
    table_unref(t);
}

/* ---- statistics ------------------------------------------------------------------------------------------------------- */

/* A one-pass algorithm is good to n k u, k the column's condition number (Chan, Golub, LeVeque 1983); sums of squares only to
 * n k^2 u, which is nothing for the worst of these. */
static void assert_statistics(struct data_fixture *f, const char *text, double minimum, double maximum, double mean,
                              double deviation)
{
    struct table *t = table_of(f, text);
    const struct column *c = table_column(t, 0);
    double n = (double)table_rows(t), condition = deviation > 0 ? 1 + fabs(mean) / deviation : 0;
    assert_true(c->minimum == minimum);
    assert_true(c->maximum == maximum);
    assert_true(NEAR(c->mean, mean, n * DBL_EPSILON * fabs(mean)));
    assert_true(NEAR(c->deviation, deviation, n * condition * DBL_EPSILON * deviation));
    table_unref(t);
}

static void test_statistics_of_known_columns(void **state)
{
    struct data_fixture *f = *state;
    assert_statistics(f, "x\n2\n4\n4\n4\n5\n5\n7\n9\n", 2, 9, 5, 2); /* the population's deviation */
    assert_statistics(f, "x\n5\n", 5, 5, 5, 0);
    assert_statistics(f, "x,y\n-1,\nNA,\n1,\n", -1, 1, 0, 1); /* missing cells do not count */
    assert_statistics(f, "x\n0.1\n0.1\n0.1\n0.1\n0.1\n0.1\n0.1\n", 0.1, 0.1, 0.1, 0);
    assert_statistics(f, "x\n1000000004\n1000000007\n1000000013\n1000000016\n", 1000000004, 1000000016, 1000000010,
                      sqrt(22.5));
    assert_statistics(f, "x\n1e12\n1000000000001\n1000000000002\n", 1e12, 1e12 + 2, 1e12 + 1, sqrt(2.0 / 3));
    assert_statistics(f, "x\n1e-150\n3e-150\n", 1e-150, 3e-150, 2e-150, 1e-150);
    /* the mean, 1e15 + 1/32, is no double: what it loses to rounding must not go into the deviation */
    struct table *t = table_of(f, "x\n1000000000000000\n1000000000000000\n1000000000000000\n1000000000000000.125\n");
    assert_true(NEAR(table_column(t, 0)->deviation, 0.125 * sqrt(3) / 4, 1e-12));
    table_unref(t);
    t = table_of(f, "x,y\nNA,1\n,2\n");
    const struct column *c = table_column(t, 0);
    assert_true(isnan(c->minimum) && isnan(c->maximum) && isnan(c->mean) && isnan(c->deviation));
    table_unref(t);
}

static void test_statistics_of_a_long_column(void **state)
{
    struct data_fixture *f = *state;
    struct buf b;
    char sha256[65];
    buf_init(&b, 16 << 20);
    buf_puts(&b, "x,constant\n");
    for (int i = 0; i < 200001; i++)
        buf_printf(&b, "%d.25,0.1\n", 1600000000 + i);
    assert_int_equal(build_bytes(f, NULL, b.data, b.length, 10000, sha256), ERR_OK);
    buf_done(&b);
    struct table *t = open_table(f);
    const struct column *x = table_column(t, 0), *constant = table_column(t, 1);
    double n = 200001;
    assert_true(NEAR(x->mean, 1600100000.25, 1e-5));
    assert_true(NEAR(x->deviation, sqrt((n * n - 1) / 12), 1e-7));
    assert_true(constant->mean == 0.1 && constant->deviation == 0);
    table_unref(t);
}

/* ---- what is refused -------------------------------------------------------------------------------------------------- */

static void test_tables_that_are_none(void **state)
{
    struct data_fixture *f = *state;
    static const struct {
        const char *text, *message;
        uint64_t line, column;
    } cases[] = {
        {"", "the file is empty: a header row and at least one data row are needed", 0, 0},
        {"\n\r\n\n", "the file is empty: a header row and at least one data row are needed", 0, 0},
        {"\xEF\xBB\xBF", "the file is empty: a header row and at least one data row are needed", 0, 0},
        {"a,b", "line 2, column 1: no data row behind the header", 2, 1},
        {"a,b\n\n\n", "line 2, column 1: no data row behind the header", 2, 1},
        {"a,b\n1\n", "line 2, column 1: the row has 1 cell, the header has 2", 2, 1},
        {"a,b\n1,2\n1,2,3\n", "line 3, column 3: the row has 3 cells, the header has 2", 3, 3},
        {"a,b,c\n1,2,3\n\n1,2\n", "line 4, column 2: the row has 2 cells, the header has 3", 4, 2},
        {"a,b\n\"1\n\",2\n3,4,5,6\n", "line 4, column 3: the row has 4 cells, the header has 2", 4, 3},
        {"a,,c\n1,2,3\n", "line 1, column 2: the column has no name: the first row must name every column", 1, 2},
        {"a,b,\n1,2,3\n", "line 1, column 3: the column has no name: the first row must name every column", 1, 3},
        {"\"\",b\n1,2\n", "line 1, column 1: the column has no name: the first row must name every column", 1, 1},
        {"a, \t\n1,2\n", "line 1, column 2: the column has no name: the first row must name every column", 1, 2},
        {"\na,b,c,b,a\n", "line 2, column 5: the name \"a\" is already that of column 1: give each column its own name", 2, 5},
        {"a,b, a \n1,2,3\n", "line 1, column 3: the name \"a\" is already that of column 1: give each column its own name", 1,
         3},
        {"a,b\n1,\"2\n", "line 2, column 2: the quote is not closed before the end of the file", 2, 2},
        {"a,b\n1,\xFF\n", "line 2, column 2: the text is not UTF-8: save the file as UTF-8", 2, 2},
        {"a\xC3,b\n1,2\n", "line 1, column 1: the text is not UTF-8: save the file as UTF-8", 1, 1},
        {"a,b\nx,1\n1,2\n1\n", "line 4, column 1: the row has 1 cell, the header has 2", 4, 1},
        {"a,b\n1,1\nx,2\n1\n", "line 4, column 1: the row has 1 cell, the header has 2", 4, 1}, /* while it is only checked */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(build(f, cases[i].text), ERR_INVALID);
        assert_string_equal(f->err.message, cases[i].message);
        assert_int_equal(f->err.code, ERR_INVALID);
        assert_int_equal(f->err.line, cases[i].line);
        assert_int_equal(f->err.column, cases[i].column);
        assert_int_equal(files_in(f->dir), 0); /* nothing is left behind */
    }
    assert_int_equal(build(f, "a,A\n1,2\n"), ERR_OK); /* case makes a difference */
}

static void test_an_unfinished_table_leaves_nothing_behind(void **state)
{
    struct data_fixture *f = *state;
    struct table_builder *b;
    assert_int_equal(table_builder_new(f->path, &(struct csv_options){0}, &b, &f->err), ERR_OK);
    table_builder_free(b);
    assert_int_equal(files_in(f->dir), 0);
    char *rows = malloc(100000);
    assert_non_null(rows);
    for (int i = 0; i < 25000; i++)
        memcpy(rows + 4 * i, i ? "1,2\n" : "a,b\n", 4);
    assert_int_equal(table_builder_new(f->path, &(struct csv_options){0}, &b, &f->err), ERR_OK);
    assert_int_equal(table_builder_feed(b, rows, 100000, &f->err), ERR_OK);
    assert_int_equal(files_in(f->dir), 2); /* the spool and the table under way */
    table_builder_free(b);
    assert_int_equal(files_in(f->dir), 0);
    free(rows);
    table_builder_free(NULL);
    char path[FS_PATH_MAX + 1];
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 4] = '\0';
    assert_int_equal(table_builder_new(path, &(struct csv_options){0}, &b, &f->err), ERR_TOO_LARGE);
}

/* ---- pieces, memory, life --------------------------------------------------------------------------------------------- */

static void test_pieces_do_not_change_a_byte_of_the_table(void **state)
{
    struct data_fixture *f = *state;
    static const size_t pieces[] = {0, 1, 7, 4096, 65535, 65536, 65537};
    struct buf b;
    cleanup(mem_freep) char *first = NULL;
    size_t first_size = 0;
    char sha256[65], expected[65];
    buf_init(&b, 1 << 20);
    buf_puts(&b, "x,c,\"late\"\r\n");
    for (int i = 0; i < 6000; i++)
        buf_printf(&b, "%d.%d,\"t\"\"%d\",%d\r\n", i, i % 100, i % 50, i);
    buf_puts(&b, "NA,,late");
    sha256_of(b.data, b.length, expected);
    for (size_t i = 0; i < COUNT(pieces); i++) {
        cleanup(mem_freep) char *data = NULL;
        size_t size;
        assert_int_equal(build_bytes(f, NULL, b.data, b.length, pieces[i], sha256), ERR_OK);
        assert_string_equal(sha256, expected);
        assert_int_equal(fs_read_all(f->path, 1 << 24, &data, &size, &f->err), ERR_OK);
        if (!first) {
            first = data;
            first_size = size;
            data = NULL;
            continue;
        }
        assert_int_equal(size, first_size);
        assert_memory_equal(data, first, size);
    }
    buf_done(&b);
}

static uint64_t allocations_of(struct data_fixture *f, size_t rows)
{
    struct table_builder *b;
    char sha256[65], row[64];
    uint64_t before = mem_count();
    assert_int_equal(table_builder_new(f->path, &(struct csv_options){0}, &b, &f->err), ERR_OK);
    assert_int_equal(table_builder_feed(b, "x,y,c\n", 6, &f->err), ERR_OK);
    for (size_t i = 0; i < rows; i++) {
        int length = snprintf(row, sizeof row, "%zu,%zu.5,%s\n", i % 1000, i, i % 2 ? "odd" : "even");
        assert_int_equal(table_builder_feed(b, row, (size_t)length, &f->err), ERR_OK);
    }
    assert_int_equal(table_builder_finish(b, sha256, &f->err), ERR_OK);
    table_builder_free(b);
    return mem_count() - before;
}

static void test_memory_does_not_grow_with_the_rows(void **state)
{
    struct data_fixture *f = *state;
    uint64_t few = allocations_of(f, 20000), many = allocations_of(f, 200000);
    assert_int_equal(many, few);
}

static void test_a_table_lives_until_its_last_reference(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, "x\n1\n2\n");
    assert_ptr_equal(table_ref(t), t);
    table_unref(t);
    assert_int_equal(fs_remove(f->path, &f->err), ERR_OK); /* the mapping keeps it */
    assert_true(table_number(t, 0, 1) == 2);
    table_unref(t);
    table_unref(NULL);
    struct table *none = NULL;
    assert_int_equal(table_open(f->path, &none, &f->err), ERR_IO);
    assert_says(f, f->path);
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_columns_get_their_types),
        WITH_DIR(test_a_text_after_numbers_makes_all_of_them_texts),
        WITH_DIR(test_columns_that_turn_late),
        WITH_DIR(test_columns_that_turn_in_the_same_row),
        WITH_DIR(test_many_cells_at_once),
        WITH_DIR(test_as_many_columns_as_there_may_be),
        WITH_DIR(test_own_texts_for_missing_may_be_numbers),
        WITH_DIR(test_the_marks_that_were_found_are_told),
        WITH_DIR(test_statistics_of_known_columns),
        WITH_DIR(test_statistics_of_a_long_column),
        WITH_DIR(test_tables_that_are_none),
        WITH_DIR(test_an_unfinished_table_leaves_nothing_behind),
        WITH_DIR(test_pieces_do_not_change_a_byte_of_the_table),
        WITH_DIR(test_memory_does_not_grow_with_the_rows),
        WITH_DIR(test_a_table_lives_until_its_last_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
