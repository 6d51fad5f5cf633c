/* core/base/text and core/data/utf8: suggestions, numbers as texts, and what is UTF-8. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/rng.h"
#include "core/base/text.h"
#include "core/data/utf8.h"
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- did you mean ----------------------------------------------------------------------------------------------------- */

static const char *const fields[] = {"learning_rate", "momentum", "rho", "epochs", "epsilon", "batch_size"};

static void assert_nearest(const char *name, const char *expected)
{
    const char *near = text_nearest(name, fields, COUNT(fields));
    if (!expected)
        assert_null(near);
    else if (!near)
        fail_msg("nothing near %s", name);
    else
        assert_string_equal(near, expected);
}

static void test_the_nearest_name_is_found(void **state)
{
    (void)state;
    assert_nearest("learning_rate", "learning_rate");
    assert_nearest("learningrate", "learning_rate");   /* one missing */
    assert_nearest("learning-rate", "learning_rate");  /* one other */
    assert_nearest("learning__rate", "learning_rate"); /* one more */
    assert_nearest("laerning_rate", "learning_rate");  /* two swapped count one */
    assert_nearest("MOMENTUM", "momentum");            /* case does not count */
    assert_nearest("epoch", "epochs");
    assert_nearest("espilon", "epsilon");
    assert_nearest("batchsiez", "batch_size");
    assert_nearest("colour", NULL);
    assert_nearest("", NULL);
    assert_null(text_nearest("x", NULL, 0));
}

static void test_how_far_a_name_may_be(void **state)
{
    (void)state;
    static const char *const three[] = {"abc"}, *const six[] = {"abcdef"}, *const long_one[] = {"abcdefghijklmnopqrst"};
    assert_ptr_equal(text_nearest("abX", three, 1), three[0]); /* a third of 3 */
    assert_null(text_nearest("aXX", three, 1));
    assert_ptr_equal(text_nearest("ab", three, 1), three[0]); /* one edit is always allowed */
    assert_ptr_equal(text_nearest("acb", three, 1), three[0]);
    assert_ptr_equal(text_nearest("XbcdeX", six, 1), six[0]);
    assert_null(text_nearest("XbcXeX", six, 1));
    assert_ptr_equal(text_nearest("XXXXefghijklmnopqrst", long_one, 1), long_one[0]);
    assert_null(text_nearest("XXXXXfghijklmnopqrst", long_one, 1)); /* never more than 4 */
}

static void test_the_nearest_of_several_and_the_first_of_equals(void **state)
{
    (void)state;
    static const char *const names[] = {"abcdXX", "abcdeX", "abcdeY"};
    assert_ptr_equal(text_nearest("abcdef", names, 3), names[1]);
    assert_ptr_equal(text_nearest("abcdeY", names, 3), names[2]);
}

static void test_long_names_are_not_compared(void **state)
{
    (void)state;
    char name[100], other[100];
    memset(name, 'n', sizeof name);
    memset(other, 'n', sizeof other);
    const char *const others[] = {other};
    name[64] = other[64] = '\0';
    other[0] = 'x';
    assert_ptr_equal(text_nearest(name, others, 1), other);
    name[64] = 'n';
    name[65] = '\0';
    assert_null(text_nearest(name, others, 1));
    other[64] = 'n';
    other[65] = '\0';
    name[64] = '\0';
    assert_null(text_nearest(name, others, 1));
}

/* ---- numbers ---------------------------------------------------------------------------------------------------------- */

static void assert_number(double v, const char *expected)
{
    char text[TEXT_NUMBER_SIZE];
    assert_ptr_equal(text_number(v, text), text);
    assert_string_equal(text, expected);
}

static void test_numbers_as_people_write_them(void **state)
{
    (void)state;
    assert_number(0, "0");
    assert_number(1, "1");
    assert_number(-3, "-3");
    assert_number(0.1, "0.1");
    assert_number(-2.5, "-2.5");
    assert_number(1e15, "1000000000000000");
    assert_number(0x1p53, "9007199254740992");
    assert_number(-0x1p53, "-9007199254740992");
    assert_number(0x1p53 + 2, "9007199254740994");
    assert_number(0x1p60, "1.152921504606847e+18");
    assert_number(1e22, "1e+22");
    assert_number(1.0 / 3, "0.3333333333333333");
    assert_number(2.0 / 3, "0.6666666666666666");
    assert_number(1e-7, "1e-07");
    assert_number(DBL_MAX, "1.7976931348623157e+308");
    assert_number(DBL_MIN, "2.2250738585072014e-308");
    assert_number(0x1p-1074, "4.94065645841247e-324"); /* subnormal: all of 15 */
}

/* Significant digits of a text, trailing zeros of whole numbers left out. */
static int digits_of(const char *text)
{
    int digits = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9')
            continue;
        if (*text == '0' && digits)
            zeros++;
        else if (*text != '0') {
            digits += zeros + 1;
            zeros = 0;
        }
    }
    return digits;
}

static void assert_fewest_digits(double v)
{
    char text[TEXT_NUMBER_SIZE], other[400];
    text_number(v, text);
    double back = strtod(text, NULL);
    assert_memory_equal(&back, &v, sizeof v);
    int digits = digits_of(text);
    if (digits < 2)
        return;
    snprintf(other, sizeof other, "%.*g", digits - 1, v);
    if (strtod(other, NULL) == v)
        fail_msg("%s has more digits than %s", text, other);
}

static void test_a_million_doubles_come_back(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 1, RNG_SEARCH, 0);
    for (int i = 0; i < 400000; i++) {
        uint64_t bits = rng_u64(&r);
        double v, back;
        char text[TEXT_NUMBER_SIZE];
        memcpy(&v, &bits, sizeof v);
        if (!isfinite(v))
            continue;
        text_number(v, text);
        assert_true(strlen(text) < TEXT_NUMBER_SIZE - 1);
        back = strtod(text, NULL);
        assert_memory_equal(&back, &v, sizeof v);
    }
    for (int i = 0; i < 600000; i++) { /* what tables hold */
        char text[TEXT_NUMBER_SIZE];
        double v = ((double)rng_below(&r, 2000001) - 1000000) / (i % 2 ? 1000 : 64), back = strtod(text_number(v, text), NULL);
        assert_memory_equal(&back, &v, sizeof v);
        assert_null(strchr(text, 'e'));
    }
}

/* Figures of all sizes, powers of two and ten and their neighbours: as printf has them. */
static void test_doubles_as_printf(void **state)
{
    (void)state;
    struct rng r;
    char text[TEXT_NUMBER_SIZE], expected[TEXT_NUMBER_SIZE];
    rng_init(&r, 6, RNG_SEARCH, 0);
    for (int i = 0; i < 400000; i++) {
        double v = rng_uniform(&r);
        int power = (int)rng_below(&r, 120) - 60;
        if (i % 4 == 0)
            v *= pow(10, power);
        else if (i % 4 == 1)
            v = ldexp(1, power) * (1 + ((double)rng_below(&r, 3) - 1) * 0x1p-52);
        else if (i % 4 == 2)
            v = nextafter(pow(10, power / 2.0), i % 8 == 2 ? INFINITY : 0);
        if (fabs(v) <= 0x1p53 && v == floor(v))
            continue;
        for (int digits = 15; digits <= 17; digits++) {
            snprintf(expected, sizeof expected, "%.*g", digits, v);
            if (strtod(expected, NULL) == v)
                break;
        }
        if (strcmp(text_number(v, text), expected) != 0)
            fail_msg("%s instead of %s", text, expected);
    }
    assert_string_equal(text_number(-0.0, text), "-0");
}

static void test_no_number_has_a_digit_too_many(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 2, RNG_SEARCH, 0);
    for (int i = 0; i < 30000; i++) {
        uint64_t bits = rng_u64(&r);
        double v;
        memcpy(&v, &bits, sizeof v);
        if (isnormal(v))
            assert_fewest_digits(v);
        assert_fewest_digits((double)rng_below(&r, 1000000) / 1000);
        assert_fewest_digits((double)rng_below(&r, 1ull << 53));
    }
}

/* ---- UTF-8 ------------------------------------------------------------------------------------------------------------ */

/* RFC 3629's grammar, row by row: the length of the character at s, 0 when there is none. */
static size_t character(const unsigned char *s, size_t left)
{
    static const struct {
        unsigned char first, last, second_first, second_last;
        size_t length;
    } rows[] = {{0x00, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
                {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
                {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (s[0] < rows[i].first || s[0] > rows[i].last || left < rows[i].length)
            continue;
        bool fine = rows[i].length == 1 || (s[1] >= rows[i].second_first && s[1] <= rows[i].second_last);
        for (size_t k = 2; fine && k < rows[i].length; k++)
            fine = s[k] >= 0x80 && s[k] <= 0xBF;
        if (fine)
            return rows[i].length;
    }
    return 0;
}

static void assert_as_the_grammar(const unsigned char *s, size_t length)
{
    size_t valid = 0;
    for (size_t n; valid < length && (n = character(s + valid, length - valid)); valid += n)
        ;
    if (utf8_valid((const char *)s, length) != valid)
        fail_msg("%02x %02x %02x %02x: %zu valid bytes of %zu, not %zu", s[0], s[1], s[2], s[3],
                 utf8_valid((const char *)s, length), length, valid);
}

static void test_all_sequences_of_three_bytes(void **state)
{
    (void)state;
    for (unsigned first = 0x70; first < 0x100; first++)
        for (unsigned second = 0; second < 0x100; second++)
            for (unsigned third = 0x7E; third < 0xC2; third++) {
                unsigned char s[4] = {(unsigned char)first, (unsigned char)second, (unsigned char)third, 0};
                assert_as_the_grammar(s, 1);
                assert_as_the_grammar(s, 2);
                assert_as_the_grammar(s, 3);
            }
}

static void test_all_first_and_second_bytes_of_four(void **state)
{
    (void)state;
    for (unsigned first = 0xEF; first < 0x100; first++)
        for (unsigned second = 0; second < 0x100; second++)
            for (unsigned last = 0x7F; last < 0xC1; last++) {
                unsigned char s[5] = {(unsigned char)first, (unsigned char)second, 0x80, (unsigned char)last, 'x'};
                assert_as_the_grammar(s, 4);
                assert_as_the_grammar(s, 5);
                s[2] = (unsigned char)last;
                s[3] = 0xBF;
                assert_as_the_grammar(s, 4);
            }
}

/* Eight bytes of ASCII are taken at once: a bad byte must be found wherever it stands. */
static void test_a_bad_byte_anywhere(void **state)
{
    (void)state;
    char text[41];
    for (size_t length = 1; length <= 40; length++)
        for (size_t at = 0; at < length; at++) {
            memset(text, 'a', sizeof text);
            text[at] = (char)0xFF;
            assert_int_equal(utf8_valid(text, length), at);
            memset(text, 'a', sizeof text);
            memcpy(text + at, "\xE2\x82\xAC", length - at < 3 ? length - at : 3);
            assert_int_equal(utf8_valid(text, length), length - at < 3 ? at : length);
        }
    assert_int_equal(utf8_valid("", 0), 0);
    assert_int_equal(utf8_valid("a\0b", 3), 3);
}

static const char *by_printf(float v, char text[TEXT_NUMBER_SIZE])
{
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, TEXT_NUMBER_SIZE, "%.*g", digits, (double)v);
        if (strtof(text, NULL) == v)
            break;
    }
    return text;
}

/* Floats of all sizes (random bits), probabilities, powers of two and ten and their neighbours: as printf has them. */
static void test_floats_as_printf(void **state)
{
    (void)state;
    struct rng rng;
    char text[TEXT_NUMBER_SIZE], expected[TEXT_NUMBER_SIZE];
    rng_init(&rng, 5, RNG_SEARCH, 0);
    for (int i = 0; i < 400000; i++) {
        uint32_t bits = rng_u32(&rng);
        float v = (float)rng_uniform(&rng);
        if (i % 4 == 0)
            memcpy(&v, &bits, sizeof v);
        else if (i % 4 == 1)
            v = ldexpf(1, (int)(bits % 90) - 40) * (1 + (float)((int)(bits >> 20) % 3 - 1) * 0x1p-23f);
        else if (i % 4 == 2)
            v = nextafterf((float)pow(10, (int)(bits % 24) - 10), (bits & 1) << 20 ? INFINITY : 0);
        if (isfinite(v) && strcmp(text_float(v, text), by_printf(v, expected)) != 0)
            fail_msg("%s instead of %s", text, expected);
    }
    assert_string_equal(text_float(0.1f, text), "0.1");
    assert_string_equal(text_float(-2.5e-7f, text), "-2.5e-07");
    assert_string_equal(text_float(0, text), "0");
    assert_string_equal(text_float(0.99999994f, text), "0.99999994");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floats_as_printf),
        cmocka_unit_test(test_the_nearest_name_is_found),
        cmocka_unit_test(test_how_far_a_name_may_be),
        cmocka_unit_test(test_the_nearest_of_several_and_the_first_of_equals),
        cmocka_unit_test(test_long_names_are_not_compared),
        cmocka_unit_test(test_numbers_as_people_write_them),
        cmocka_unit_test(test_a_million_doubles_come_back),
        cmocka_unit_test(test_doubles_as_printf),
        cmocka_unit_test(test_no_number_has_a_digit_too_many),
        cmocka_unit_test(test_all_sequences_of_three_bytes),
        cmocka_unit_test(test_all_first_and_second_bytes_of_four),
        cmocka_unit_test(test_a_bad_byte_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
