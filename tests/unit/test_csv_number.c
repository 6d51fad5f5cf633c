/* core/data/csv_number: which cells are numbers and which number, missing texts, and the finding of the marks. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/buf.h"
#include "core/base/rng.h"
#include "core/data/csv.h"
#include "data_fixture.h"
#include <float.h>

static bool number_of(const char *text, char decimal, double *ret)
{
    size_t length = strlen(text);
    char *exact = malloc(length ? length : 1); /* not NUL-terminated, and AddressSanitizer sees a byte too many */
    assert_non_null(exact);
    memcpy(exact, text, length);
    struct csv_cell cell = {.text = exact, .length = (uint32_t)length};
    bool is_number = csv_number(&cell, decimal, ret);
    free(exact);
    return is_number;
}

/* The text is the number that the C library reads, to the bit. */
static void assert_as_strtod(const char *text)
{
    double value = 12345, expected = strtod(text, NULL);
    if (!number_of(text, '.', &value))
        fail_msg("\"%s\" is no number", text);
    if (memcmp(&value, &expected, sizeof value) != 0)
        fail_msg("\"%s\" is %a, not %a", text, value, expected);
}

/* ---- numbers ---------------------------------------------------------------------------------------------------------- */

static const char *const numbers[] = {
    "0", "-0", "+0", "0.0", "1", "-1", "+1", "1.", ".5", "-.5", "00012", "1.5", "3.14159265358979323846", "1e5", "1E5", "1e+5",
    "1e-5", "1.e3", ".1e1", "0e999999", "0e-999999", "-0e5", "9007199254740991", "9007199254740992", "9007199254740993",
    "9007199254740995", "18446744073709551615", "18446744073709551616", "123456789012345678901234567890", "1e22", "1e23",
    "9007199254740992e22", "9007199254740993e1", "1e-22", "1e-23", "5e-324", "4.9e-324", "2.4703282292062328e-324", "1e-400",
    "2.2250738585072011e-308", "2.2250738585072014e-308", "1.7976931348623157e308", "1.7976931348623158e308",
    "179769313486231570000000000000000000000e270", "0.1", "0.2", "0.3", "0.30000000000000004", "123456.789e-3", "1e0000000005",
    "0.000000000000000000000000000000000000000000000000001", "8.988465674311580e307", "6.0221409e+23", "1.0000000000000001",
    "1.00000000000000011102230246251565404236316680908203125", /* half way: to even */
    "1.00000000000000011102230246251565404236316680908203124",
    "1.00000000000000011102230246251565404236316680908203126",
    "1.0000000000000003330669073875469621270895004272460937500001",
};

static void test_numbers_are_the_nearest_doubles(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++)
        assert_as_strtod(numbers[i]);
    char zeros[1001]; /* long, and a number all the same */
    memset(zeros, '0', sizeof zeros - 1);
    zeros[1000] = '\0';
    assert_as_strtod(zeros);
    zeros[999] = '7';
    assert_as_strtod(zeros);
    zeros[1] = '.';
    assert_as_strtod(zeros);
}

static void test_random_spellings_are_the_nearest_doubles(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 1, RNG_SEARCH, 0);
    for (int i = 0; i < 300000; i++) {
        char text[80], *at = text;
        size_t whole = rng_below(&r, 22), fraction = rng_below(&r, 22);
        if (!whole && !fraction)
            continue;
        if (rng_below(&r, 2))
            *at++ = rng_below(&r, 2) ? '-' : '+';
        for (size_t k = 0; k < whole; k++)
            *at++ = (char)('0' + rng_below(&r, 10));
        if (fraction || rng_below(&r, 2))
            *at++ = '.';
        for (size_t k = 0; k < fraction; k++)
            *at++ = (char)('0' + rng_below(&r, 10));
        *at = '\0';
        if (rng_below(&r, 2))
            snprintf(at, 20, "e%d", (int)rng_below(&r, 600) - 330);
        if (isfinite(strtod(text, NULL)))
            assert_as_strtod(text);
    }
}

static void test_random_doubles_come_back(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 2, RNG_SEARCH, 0);
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = rng_u64(&r);
        double v, back = 0;
        char text[40];
        memcpy(&v, &bits, sizeof v);
        if (!isfinite(v))
            continue;
        snprintf(text, sizeof text, "%.17g", v);
        assert_true(number_of(text, '.', &back));
        assert_memory_equal(&back, &v, sizeof v);
    }
}

static const char *const no_numbers[] = {
    "", " ", "\t", "-", "+", ".", "-.", "e5", ".e5", "-e5", "1e", "1e+", "1e-", "1ee5", "1e5.5", "1e5e5", "--1", "+-1", "- 1",
    "1 2", "1.2.3", "1..2", "1,5", "1,000", "1_000", "0x10", "0x1p3", "0b1", "inf", "Inf", "INFINITY", "-inf", "nan", "NaN",
    "NAN", "nan(1)", "1f", "1d5", "1L", "1%", "$1", "1e400", "-1e400", "1e309", "1.7976931348623159e308", "1e99999999999999",
    ("\xC2\xA0" "1"), "\xD9\xA1", "1\n", "\n1", "\r1", "1-", "1+", "one", "1/2", "12:30", "2024-01-01", "1.5.2020",
};

static void test_what_is_no_number(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(no_numbers); i++) {
        double unchanged = 77;
        if (number_of(no_numbers[i], '.', &unchanged))
            fail_msg("\"%s\" is a number", no_numbers[i]);
        assert_true(unchanged == 77);
    }
}

static void test_blanks_around_a_number(void **state)
{
    (void)state;
    static const char *const blanks[] = {" 2", "2 ", "\t2", "  2\t ", " +2.0e0 ", " 20000000000000000000e-19 "};
    for (size_t i = 0; i < COUNT(blanks); i++) {
        double v = 0;
        assert_true(number_of(blanks[i], '.', &v));
        assert_true(v == 2);
    }
}

static void test_the_decimal_comma(void **state)
{
    (void)state;
    double v = 0;
    assert_true(number_of("1,5", ',', &v) && v == 1.5);
    assert_true(number_of("-0,25e1", ',', &v) && v == -2.5);
    assert_true(number_of(",5", ',', &v) && v == 0.5);
    assert_true(number_of("5,", ',', &v) && v == 5);
    assert_true(number_of("12", ',', &v) && v == 12);
    assert_true(number_of("0,1000000000000000055511151231257827", ',', &v) && v == 0.1); /* the exact path too */
    assert_true(number_of(" 1,7976931348623157e308 ", ',', &v) && v == DBL_MAX);
    assert_false(number_of("1.5", ',', &v));
    assert_false(number_of("1,5,2", ',', &v));
    assert_false(number_of("1.000,5", ',', &v));
    assert_false(number_of("1,5", '.', &v));
}

/* ---- missing ---------------------------------------------------------------------------------------------------------- */

static bool is_missing(const struct csv_options *o, const char *text, bool quoted)
{
    struct csv_cell cell = {.text = text, .length = (uint32_t)strlen(text), .quoted = quoted};
    return csv_missing(o, &cell);
}

static void test_the_usual_texts_for_missing(void **state)
{
    (void)state;
    static const char *const missing[] = {"", "NA", "NaN", "null", "?"};
    static const char *const present[] = {" ", "na", "nan", "NULL", "Null", "N/A", "none", "-", "NA ", " NA",
                                          "??", "nulll", "0"};
    struct csv_options usual = {0};
    for (size_t i = 0; i < COUNT(missing); i++) {
        assert_true(is_missing(&usual, missing[i], false));
        assert_true(is_missing(&usual, missing[i], true)); /* quotes are spelling, not meaning, as for pandas and R */
    }
    for (size_t i = 0; i < COUNT(present); i++)
        assert_false(is_missing(&usual, present[i], false));
}

static void test_other_texts_for_missing(void **state)
{
    (void)state;
    static const char *const texts[] = {"-", "n/a", "99999 or so"};
    struct csv_options own = {.missing = texts, .missing_count = 3}, none = {.missing = texts, .missing_count = 0};
    for (size_t i = 0; i < COUNT(texts); i++) {
        assert_true(is_missing(&own, texts[i], false));
        assert_false(is_missing(&none, texts[i], false));
    }
    assert_false(is_missing(&own, "NA", false)); /* they replace the usual ones */
    assert_false(is_missing(&own, "", false));
    assert_false(is_missing(&own, "99999 or s", false));
    assert_false(is_missing(&none, "", false));
}

/* ---- finding the marks ------------------------------------------------------------------------------------------------ */

struct sample {
    const char *text;
    char delimiter, decimal;
};

static const struct sample samples[] = {
    {"a,b\n1,2\n3,4\n", ',', '.'},
    {"a;b\n1;2\n3;4\n", ';', '.'},
    {"a\tb\n1\t2\n", '\t', '.'},
    {"a|b\n1|2\n", '|', '.'},
    {"a;b\n1,5;2,5\n3,5;4,5\n", ';', ','},
    {"a;b\n1.5;2,5\n3,5;4,5\n", ';', '.'}, /* both are there: a point is a point */
    {"a;b\n1;2\n3;4,25\n", ';', ','},
    {"a\tb\n1,5\t2\n", '\t', ','},
    {"a|b\n1,5|2\n", '|', ','},
    {"a,b\n\"1,5\",2\n", ',', '.'}, /* no decimal comma beside the delimiter */
    {"name;text\nx;\"a,b,c\"\ny;\"d,e,f\"\n", ';', '.'},
    {"a;b\n\"1,5\";\"2\"\n", ';', ','},
    {"\"a,b\";\"c,d\"\n1;2\n", ';', '.'},
    {"\"a;b;c\",d\n1,2\n3,4\n", ',', '.'},
    {"one column\n1\n2\n", ',', '.'},
    {"a; b\nx\ny\nz\n", ',', '.'}, /* not on enough of the lines */
    {"", ',', '.'},
    {"a;b;c", ';', '.'}, /* a header alone */
    {"a,b,c;d\n1,2,3;4\n", ',', '.'}, /* of two that agree, the more frequent */
    {"a;b\n1;x, y\n2;z\n3;w, v\n", ';', '.'},
    {"a;b\r\n1,5;2\r\n", ';', ','},
    {"\n\na;b\n1;2\n", ';', '.'},
    {"when;x\n12.05.2020;1,5\n13.05.2020;2,5\n", ';', ','}, /* a date is no number */
};

static void test_the_marks_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++) {
        char delimiter = 0, decimal = 0;
        csv_sniff(samples[i].text, strlen(samples[i].text), &delimiter, &decimal);
        if (delimiter != samples[i].delimiter || decimal != samples[i].decimal)
            fail_msg("'%c' and '%c' for %s", delimiter, decimal, samples[i].text);
    }
}

static void test_marks_that_are_given_are_kept(void **state)
{
    (void)state;
    char delimiter = '|', decimal = 0;
    csv_sniff("a;b|c\n1,5;2|3,5\n", 16, &delimiter, &decimal);
    assert_int_equal(delimiter, '|');
    assert_int_equal(decimal, ',');
    delimiter = 0;
    decimal = '.';
    csv_sniff("a;b\n1,5;2\n", 10, &delimiter, &decimal);
    assert_int_equal(delimiter, ';');
    assert_int_equal(decimal, '.');
}

/* ---- the sample ------------------------------------------------------------------------------------------------------- */

static enum err_code ignore(void *context, uint64_t record, uint64_t line, const struct csv_cell *cells, uint32_t count,
                            struct err *err)
{
    (void)record, (void)line, (void)cells, (void)err;
    *(uint32_t *)context = count;
    return ERR_OK;
}

/* Marks of a file: the head, lines of the filler up to the 64 KiB and the last one across them, so many bytes of it before. */
static void find_marks(const char *head, const char *filler, size_t before, char *ret_delimiter, char *ret_decimal)
{
    struct buf b;
    struct csv *c = NULL;
    struct err err = {0};
    uint32_t columns = 0;
    size_t line = strlen(filler);
    buf_init(&b, 1 << 20);
    buf_puts(&b, head);
    while ((65536 - before - b.length) % line)
        buf_putc(&b, '\n'); /* empty lines are none */
    while (b.length < 65536 + line)
        buf_puts(&b, filler);
    assert_int_equal(csv_new(&(struct csv_options){0}, ignore, &columns, &c, &err), ERR_OK);
    for (size_t at = 0; at < b.length; at += 1000)
        assert_int_equal(csv_feed(c, b.data + at, b.length - at < 1000 ? b.length - at : 1000, &err), ERR_OK);
    assert_int_equal(csv_finish(c, &err), ERR_OK);
    *ret_delimiter = csv_delimiter(c);
    *ret_decimal = csv_decimal(c);
    csv_free(c);
    buf_done(&b);
}

/* Wherever the sample ends: "12.05" of a date is not taken for a number with a point. */
static void test_a_line_cut_by_the_sample_does_not_count(void **state)
{
    (void)state;
    static const char filler[] = "some text;12.05.2020;1,5;2\n";
    for (size_t before = 0; before < sizeof filler - 1; before++) {
        char delimiter = 0, decimal = 0;
        find_marks("name;when;x;y\n", filler, before, &delimiter, &decimal);
        assert_int_equal(delimiter, ';');
        assert_int_equal(decimal, ',');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_the_nearest_doubles),
        cmocka_unit_test(test_random_spellings_are_the_nearest_doubles),
        cmocka_unit_test(test_random_doubles_come_back),
        cmocka_unit_test(test_what_is_no_number),
        cmocka_unit_test(test_blanks_around_a_number),
        cmocka_unit_test(test_the_decimal_comma),
        cmocka_unit_test(test_the_usual_texts_for_missing),
        cmocka_unit_test(test_other_texts_for_missing),
        cmocka_unit_test(test_the_marks_are_found),
        cmocka_unit_test(test_marks_that_are_given_are_kept),
        cmocka_unit_test(test_a_line_cut_by_the_sample_does_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
