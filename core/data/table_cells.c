#include "table_cells.h"

#include "../base/powers.h"
#include <math.h>
#include <stdbool.h>
#include <string.h>

const uint8_t cell_bytes[CELL_KINDS] = {[CELL_F64] = 8, [CELL_F32] = 4, [CELL_I32] = 4,
                                        [CELL_I16] = 2, [CELL_U8] = 1,  [CELL_U8_MISSING] = 1};

/* ---- packing -------------------------------------------------------------------------------------------------------- */

#define LOOK 64 /* cells looked at before a digit more is tried */

/* Adding and taking 1.5 * 2^52 rounds to an integer while |v| < 2^51. */
static double whole(double v)
{
    const double magic = 6755399441055744.0;
    return (v + magic) - magic;
}

static uint64_t bits_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/* Whether no value present has a fraction. */
static bool are_whole(const double *cells, size_t count)
{
    uint64_t off = 0;
    for (size_t i = 0; i < count; i++) {
        double v = cells[i];
        off |= v == v ? bits_of(whole(v) - v) : 0;
    }
    return !off;
}

/* Whether whole numbers give back all bits of those present; -0 they do not. */
static bool are_decimals(const double *cells, size_t count, double power)
{
    uint64_t different = 0;
    for (size_t i = 0; i < count; i++) {
        double v = cells[i], back = whole(v * power) / power;
        different |= v == v ? bits_of(v) ^ bits_of(back) : 0;
    }
    return !different;
}

/* The digits behind the point that these numbers need, of which some have a fraction; 0: they are no decimals of 31
 * bits. What fits with some digits fits with more, so that no cell is looked at again when one more is tried. */
static uint8_t decimal_digits(const double *cells, size_t count, double largest)
{
    uint8_t digits = 1;
    for (size_t at = 0; at < count; at += LOOK)
        while (!are_decimals(cells + at, count - at < LOOK ? count - at : LOOK, power_of_ten[digits]))
            if (++digits > CELL_DIGITS_MAX || largest * power_of_ten[digits] > INT32_MAX - 1)
                return 0;
    return largest * power_of_ten[digits] > INT32_MAX - 1 ? 0 : digits;
}

static bool are_floats(const double *cells, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        double v = cells[i];
        n += (double)(float)v != v && v == v;
    }
    return n == 0;
}

static enum cell_kind kind_of_whole(double least, double most, bool missing)
{
    if (least >= 0 && most <= 254 + !missing)
        return missing ? CELL_U8_MISSING : CELL_U8;
    return least > -32768 && most <= 32767 ? CELL_I16 : CELL_I32;
}

static struct cell_format format_of_numbers(const struct moments *r, const double *cells, size_t count)
{
    bool small = r->least > -2147483648.0 && r->most <= 2147483647.0;
    if (r->missing == count)
        return (struct cell_format){CELL_U8_MISSING, 0};
    if (small && are_whole(cells, count))
        return (struct cell_format){kind_of_whole(r->least, r->most, r->missing), 0};
    double largest = fmax(fabs(r->least), fabs(r->most));
    struct cell_format f = {CELL_I32, small ? decimal_digits(cells, count, largest) : 0};
    if (f.digits) {
        double power = power_of_ten[f.digits];
        f.kind = kind_of_whole(whole(r->least * power), whole(r->most * power), r->missing);
    }
    if (f.kind != CELL_I32)
        return f;
    if (largest < 3e38 && are_floats(cells, count)) /* as narrow, and not divided when it is read */
        return (struct cell_format){CELL_F32, 0};
    return f.digits ? f : (struct cell_format){CELL_F64, 0};
}

/* From wide to narrow in the same memory, by way of a few cells beside it: the compiler sees that nothing overlaps. */
#define BESIDE 64
#define PACK(name, from, to, expression)                                                                               \
    static void name(from *cells, size_t count, double power)                                                          \
    {                                                                                                                  \
        (void)power;                                                                                                   \
        to beside[BESIDE] = {0};                                                                                       \
        for (size_t at = 0, n; at < count; at += n) {                                                                  \
            n = count - at < BESIDE ? count - at : BESIDE;                                                             \
            for (size_t i = 0; i < n; i++) {                                                                           \
                from v = cells[at + i];                                                                                \
                beside[i] = (to)(expression);                                                                          \
            }                                                                                                          \
            memcpy((char *)cells + at * sizeof *beside, beside, n * sizeof *beside);                                   \
        }                                                                                                              \
    }
PACK(pack_f32, double, float, v)
PACK(pack_i32, double, int32_t, v != v ? INT32_MIN : whole(v * power))
PACK(pack_i16, double, int16_t, (int32_t)(v != v ? INT16_MIN : whole(v * power)))
PACK(pack_u8, double, uint8_t, (int32_t)(v != v ? 255 : whole(v * power)))
PACK(pack_code_i16, int32_t, int16_t, v)
PACK(pack_code_u8, int32_t, uint8_t, v < 0 ? 255 : v)

struct cell_format cells_pack_numbers(double *cells, size_t count, const struct moments *m)
{
    struct cell_format format = format_of_numbers(m, cells, count);
    static void (*const packers[CELL_KINDS])(double *, size_t, double) = {
        [CELL_F32] = pack_f32, [CELL_I32] = pack_i32, [CELL_I16] = pack_i16, [CELL_U8] = pack_u8, [CELL_U8_MISSING] = pack_u8};
    if (packers[format.kind])
        packers[format.kind](cells, count, power_of_ten[format.digits]);
    return format;
}

enum cell_kind cells_pack_codes(int32_t *codes, size_t count)
{
    int32_t most = -1;
    for (size_t i = 0; i < count; i++)
        most = codes[i] > most ? codes[i] : most;
    if (most < 255) {
        pack_code_u8(codes, count, 1);
        return CELL_U8_MISSING;
    }
    if (most > INT16_MAX)
        return CELL_I32;
    pack_code_i16(codes, count, 1);
    return CELL_I16;
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

#define GATHER(type, wide, expression)                                                                                 \
    for (size_t i = 0; i < count; i++) {                                                                               \
        type v = ((const type *)cells)[rows[i] & mask];                                                                \
        out[i] = (wide)(expression);                                                                                   \
    }                                                                                                                  \
    break

static void gather_numbers(enum cell_kind kind, const void *cells, const uint32_t *rows, uint32_t mask, size_t count,
                           double *out)
{
    switch (kind) {
    case CELL_F64: GATHER(double, double, v);
    case CELL_F32: GATHER(float, double, v);
    case CELL_I32: GATHER(int32_t, double, v == INT32_MIN ? (double)NAN : v);
    case CELL_I16: GATHER(int16_t, double, v == INT16_MIN ? (double)NAN : v);
    case CELL_U8: GATHER(uint8_t, double, v);
    default: GATHER(uint8_t, double, v == 255 ? (double)NAN : v);
    }
}

void cells_numbers(struct cell_format format, const void *cells, const uint32_t *rows, uint32_t mask, size_t count,
                   double *out)
{
    gather_numbers(format.kind, cells, rows, mask, count, out);
    if (!format.digits)
        return;
    double power = power_of_ten[format.digits];
    for (size_t i = 0; i < count; i++)
        out[i] /= power;
}

void cells_codes(enum cell_kind kind, const void *cells, const uint32_t *rows, uint32_t mask, size_t count, int32_t *out)
{
    switch (kind) {
    case CELL_I32: GATHER(int32_t, int32_t, v);
    case CELL_I16: GATHER(int16_t, int32_t, v);
    default: GATHER(uint8_t, int32_t, v == 255 ? -1 : v);
    }
}
