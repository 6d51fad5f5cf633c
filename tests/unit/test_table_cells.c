/* Cells in the narrowest kind that gives them back: each kind at its limits, and just past them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/data/table_cells.h"
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

struct numbers {
    enum cell_kind kind;
    uint8_t digits;
    double cell[5];
};

static const struct numbers numbers[] = {
    {CELL_U8, 0, {0, 1, 254, 255, 7}},
    {CELL_U8_MISSING, 0, {0, NAN, 254, 1, NAN}},
    {CELL_U8_MISSING, 0, {NAN, NAN, NAN, NAN, NAN}},
    {CELL_I16, 0, {0, NAN, 255, 1, 2}},
    {CELL_I16, 0, {0, 1, 256, 1, 2}},
    {CELL_I16, 0, {-1, 0, 1, 2, 3}},
    {CELL_I16, 0, {-32767, 32767, NAN, 0, 5}},
    {CELL_I32, 0, {-32768, 0, NAN, 0, 5}},
    {CELL_I32, 0, {32768, 0, 0, 0, 5}},
    {CELL_I32, 0, {-2147483647.0, 2147483647.0, NAN, 1, 2}},
    {CELL_F32, 0, {-2147483648.0, 0, NAN, 1, 2}}, /* a power of two: a float has it */
    {CELL_F64, 0, {2147483649.0, 0, NAN, 1, 2}},
    {CELL_F32, 0, {0.5, NAN, -1e30f, 3.25, 0}},
    {CELL_F32, 0, {3e37f, 1, 2, 0.25, 0}},
    {CELL_U8, 1, {0.1, 1, 2, 3, 25.5}},
    {CELL_U8_MISSING, 1, {0.1, NAN, 25.4, 0, 4}},
    {CELL_I16, 1, {0.1, NAN, 25.5, 0, 4}},
    {CELL_I16, 2, {0.1, 1, 2, 3, -0.25}},
    {CELL_I16, 4, {-3.2767, NAN, 3.2767, 0.0001, 3.14}},
    {CELL_I32, 4, {-3.2768, NAN, 3.2767, 0.0001, 3.14}},
    {CELL_I32, 6, {-99.999999, 99.999999, 0.000001, NAN, 33.333333}},
    {CELL_I32, 9, {2.147483646, 0.000000001, 0.3, 1, -2.147483646}},
    {CELL_I32, 1, {0.1, 214748364.6, 0.2, 1, -214748364.6}},
    {CELL_F64, 0, {0.1, 214748364.8, 0.2, 1, 2}},         /* 32 bits */
    {CELL_F64, 0, {2.147483649, 0.000000001, 0.3, 1, 2}},
    {CELL_F64, 0, {0.0000000001, 0.1, 2, 3, 4}},          /* ten digits */
    {CELL_F64, 0, {0.1 + 0.2, 0.1, 2, 3, 4}},             /* no decimal, but next to one */
    {CELL_F64, 0, {0.1, -0.0, 2, 3, 4}},                  /* whole numbers have no -0 */
    {CELL_F32, 0, {-32768.5, 0.25, 2, 3, 4}},             /* four bytes either way */
    {CELL_I16, 2, {-327.5, 0.25, 2, 3, 4}},
    {CELL_F64, 0, {1e300, 1, 2, NAN, 4}},
    {CELL_F64, 0, {5e-324, 1, 2, NAN, 4}},
    {CELL_F64, 0, {9007199254740991.0, 1, 2, NAN, 4}},
};

static void test_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        double cells[5], out[5];
        static const uint32_t rows[] = {8 + 4, 3, 0, 16 + 1, 2}; /* numbers in the table, of which the mask leaves 0..4 */
        memcpy(cells, numbers[i].cell, sizeof cells);
        struct moments all = MOMENTS_NONE, m = moments_add(&all, cells, 5);
        struct cell_format f = cells_pack_numbers(cells, 5, &m);
        if (f.kind != numbers[i].kind || f.digits != numbers[i].digits)
            fail_msg("case %zu: kind %d with %d digits instead of %d with %d", i, (int)f.kind, f.digits,
                     (int)numbers[i].kind, numbers[i].digits);
        cells_numbers(f, cells, rows, 7, 5, out);
        for (size_t k = 0; k < 5; k++) {
            double expected = numbers[i].cell[rows[k] & 7];
            bool same = out[k] == expected && (!f.digits || !signbit(out[k]) == !signbit(expected));
            if (!(isnan(expected) ? isnan(out[k]) : same))
                fail_msg("case %zu, cell %zu: %.17g instead of %.17g", i, k, out[k], expected);
        }
    }
}

static void test_moments(void **state)
{
    (void)state;
    static const double cells[] = {3, NAN, -2, 0.5, NAN, 1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16};
    struct moments m = MOMENTS_NONE;
    struct moments part = moments_add(&m, cells, 5);
    assert_true(m.least == -2 && m.most == 3 && m.mean == 0.5 && part.mean == 0.5);
    assert_true(fabs(moments_deviation(&m) - sqrt(12.5 / 3)) < 1e-15);
    assert_int_equal(m.missing, 2);
    part = moments_add(&m, cells + 4, 1);
    assert_true(part.least > part.most && isnan(moments_deviation(&part)));
    assert_int_equal(m.missing, 3);
    assert_int_equal(m.present, 3);
    struct moments far = MOMENTS_NONE; /* in two parts, far from 0 */
    moments_add(&far, cells + 5, 1);
    moments_add(&far, cells + 6, 3);
    assert_true(far.mean == 1e9 + 10);
    assert_true(fabs(moments_deviation(&far) - sqrt(22.5)) < 1e-7);
}

static void test_codes(void **state)
{
    (void)state;
    static const struct {
        enum cell_kind kind;
        int32_t code[3];
    } cases[] = {{CELL_U8_MISSING, {0, 254, -1}}, {CELL_U8_MISSING, {-1, -1, -1}}, {CELL_I16, {0, 255, -1}},
                 {CELL_I16, {1, 32767, -1}},      {CELL_I32, {1, 32768, -1}},      {CELL_I32, {INT32_MAX, 0, -1}}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        int32_t codes[3], out[3];
        static const uint32_t rows[] = {2, 1, 0};
        memcpy(codes, cases[i].code, sizeof codes);
        enum cell_kind kind = cells_pack_codes(codes, 3);
        assert_int_equal(kind, cases[i].kind);
        cells_codes(kind, codes, rows, 3, 3, out);
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(out[k], cases[i].code[rows[k]]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
