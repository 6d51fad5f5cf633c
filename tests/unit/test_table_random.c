/* core/data/table on random tables, against the plainest reading of the same cells: a column is numeric when all that is there
 * is a number, else its texts are its categories in the order of their first appearance. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/buf.h"
#include "core/base/rng.h"
#include "data_fixture.h"

struct cell {
    char text[12]; /* "" when missing */
    bool is_number;
};

struct plain {
    uint32_t columns, rows;
    struct cell *cell; /* rows x columns */
};

/* Most columns hold numbers; some a text here and there, some texts alone, some nothing for a long time. */
static void fill(struct plain *p, struct rng *r)
{
    for (uint32_t c = 0; c < p->columns; c++) {
        uint64_t texts = rng_below(r, 4), first = rng_below(r, p->rows + 1); /* nothing before the row `first` */
        uint64_t rare = texts == 1 ? p->rows : texts == 2 ? 3 : 1;
        if (rng_below(r, 2))
            first = 0;
        for (uint32_t row = 0; row < p->rows; row++) {
            struct cell *cell = &p->cell[(size_t)row * p->columns + c];
            bool text = texts && rng_below(r, rare) == 0;
            *cell = (struct cell){.is_number = !text};
            if (row < first || rng_below(r, 6) == 0)
                continue;
            if (text)
                snprintf(cell->text, sizeof cell->text, "%c%c", (char)('a' + rng_below(r, 5)), rng_below(r, 2) ? ',' : '"');
            else if (rng_below(r, 2))
                snprintf(cell->text, sizeof cell->text, "%d", (int)rng_below(r, 400) - 100);
            else
                snprintf(cell->text, sizeof cell->text, "%.2f", (double)rng_below(r, 10000) / 100);
        }
    }
}

static void put_cell(struct buf *b, const char *text, struct rng *r)
{
    static const char *const missing[] = {"", "NA", "?", "\"\"", "\"NA\"", "NaN", "null"};
    if (!*text) {
        buf_puts(b, missing[rng_below(r, COUNT(missing))]);
    } else if (strpbrk(text, ",\"") || rng_below(r, 5) == 0) {
        buf_putc(b, '"');
        for (const char *at = text; *at; at++)
            buf_printf(b, *at == '"' ? "\"%c" : "%c", *at);
        buf_putc(b, '"');
    } else {
        buf_puts(b, text);
    }
}

static void write_csv(const struct plain *p, struct buf *b, struct rng *r)
{
    for (uint32_t c = 0; c < p->columns; c++)
        buf_printf(b, "%sc%u", c ? "," : "", c);
    for (uint32_t row = 0; row < p->rows; row++) {
        buf_puts(b, rng_below(r, 2) ? "\n" : "\r\n");
        for (uint32_t c = 0; c < p->columns; c++) {
            if (c)
                buf_putc(b, ',');
            put_cell(b, p->cell[(size_t)row * p->columns + c].text, r);
        }
    }
    buf_putc(b, '\n');
}

static void assert_numbers(const struct table *t, const struct plain *p, uint32_t c)
{
    double sum = 0, least = INFINITY, most = -INFINITY, count = 0;
    for (uint32_t row = 0; row < p->rows; row++) {
        const char *text = p->cell[(size_t)row * p->columns + c].text;
        double cell = table_number(t, c, row), expected = *text ? strtod(text, NULL) : NAN;
        if (!(isnan(expected) ? isnan(cell) : cell == expected))
            fail_msg("column %u, row %u: %g, not %s", c, row, cell, text);
        if (isnan(expected))
            continue;
        count++;
        sum += expected;
        least = fmin(least, expected);
        most = fmax(most, expected);
    }
    const struct column *column = table_column(t, c);
    assert_int_equal(column->missing, p->rows - (uint64_t)count);
    assert_true(count == 0 ? isnan(column->mean) : NEAR(column->mean, sum / count, 1e-9));
    assert_true(count == 0 ? isnan(column->minimum) : column->minimum == least && column->maximum == most);
}

static void assert_texts(const struct table *t, const struct plain *p, uint32_t c)
{
    const struct column *column = table_column(t, c);
    uint64_t *count = mem_array(column->categories, sizeof *count), missing = 0;
    uint32_t seen = 0;
    assert_non_null(count);
    for (uint32_t row = 0; row < p->rows; row++) {
        const char *text = p->cell[(size_t)row * p->columns + c].text;
        int32_t code = table_code(t, c, row);
        missing += !*text;
        assert_true((code < 0) == !*text);
        if (code < 0)
            continue;
        assert_true((uint32_t)code <= seen && (uint32_t)code < column->categories); /* a new one is the next */
        seen += (uint32_t)code == seen;
        assert_string_equal(column->category[code], text);
        count[code]++;
    }
    assert_int_equal(column->missing, missing);
    assert_int_equal(column->categories, seen);
    for (uint32_t k = 0; k < seen; k++)
        assert_int_equal(column->count[k], count[k]);
    mem_free(count);
}

static void assert_as_plain(struct data_fixture *f, uint32_t columns, uint32_t rows, struct rng *r)
{
    struct plain p = {.columns = columns, .rows = rows, .cell = mem_array((size_t)columns * rows, sizeof *p.cell)};
    struct buf b;
    char sha256[65];
    assert_non_null(p.cell);
    buf_init(&b, 64 << 20);
    fill(&p, r);
    write_csv(&p, &b, r);
    if (build_bytes(f, &(struct csv_options){.delimiter = ','}, b.data, b.length, 1 + rng_below(r, 100000), sha256))
        fail_msg("%s", f->err.message);
    struct table *t = open_table(f);
    assert_int_equal(table_rows(t), rows);
    assert_int_equal(table_columns(t), columns);
    for (uint32_t c = 0; c < columns; c++) {
        bool numeric = true;
        for (uint32_t row = 0; row < rows; row++) {
            const struct cell *cell = &p.cell[(size_t)row * columns + c];
            numeric &= cell->is_number || !*cell->text;
        }
        assert_int_equal(table_column(t, c)->type, numeric ? COLUMN_NUMERIC : COLUMN_CATEGORICAL);
        (numeric ? assert_numbers : assert_texts)(t, &p, c);
    }
    table_unref(t);
    buf_done(&b);
    mem_free(p.cell);
}

static void test_small_tables(void **state)
{
    struct rng r;
    rng_init(&r, 1, RNG_SEARCH, 0);
    for (int i = 0; i < 250; i++)
        assert_as_plain(*state, 2 + (uint32_t)rng_below(&r, 5), 1 + (uint32_t)rng_below(&r, 12), &r);
}

/* Several groups of rows, so that columns turn after some were written. */
static void test_wide_and_long_tables(void **state)
{
    struct rng r;
    rng_init(&r, 2, RNG_SEARCH, 0);
    for (int i = 0; i < 2; i++)
        assert_as_plain(*state, 500 + (uint32_t)rng_below(&r, 100), 2100 + (uint32_t)rng_below(&r, 100), &r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_small_tables),
        WITH_DIR(test_wide_and_long_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
