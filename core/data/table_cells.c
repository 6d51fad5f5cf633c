#include "table_cells.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

const uint8_t cell_bytes[CELL_KINDS] = {[CELL_F64] = 8, [CELL_F32] = 4, [CELL_I32] = 4,
                                        [CELL_I16] = 2, [CELL_U8] = 1,  [CELL_U8_MISSING] = 1};

/* ---- packing -------------------------------------------------------------------------------------------------------- */

/* How many of the values present have a fraction. Adding and taking 1.5 * 2^52 rounds to an integer while |v| < 2^51. */
static size_t fractions(const double *cells, size_t count)
{
    const double magic = 6755399441055744.0;
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        double v = cells[i];
        n += (v + magic) - magic != v && v == v;
    }
    return n;
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

static enum cell_kind kind_of_numbers(const struct moments *r, const double *cells, size_t count)
{
    bool small = r->least > -2147483648.0 && r->most <= 2147483647.0;
    if (r->missing == count)
        return CELL_U8_MISSING;
    if (small && !fractions(cells, count)) {
        if (r->least >= 0 && r->most <= 254 + !r->missing)
            return r->missing ? CELL_U8_MISSING : CELL_U8;
        return r->least > -32768 && r->most <= 32767 ? CELL_I16 : CELL_I32;
    }
    return fabs(r->least) < 3e38 && fabs(r->most) < 3e38 && are_floats(cells, count) ? CELL_F32 : CELL_F64;
}

/* From wide to narrow in the same memory: byte by byte through memcpy, since the types differ. */
#define PACK(name, from, to, expression)                                                                               \
    static void name(from *cells, size_t count)                                                                        \
    {                                                                                                                  \
        char *out = (char *)cells;                                                                                     \
        for (size_t i = 0; i < count; i++) {                                                                           \
            from v = cells[i];                                                                                         \
            to narrow = (to)(expression);                                                                              \
            memcpy(out + i * sizeof narrow, &narrow, sizeof narrow);                                                   \
        }                                                                                                              \
    }
PACK(pack_f32, double, float, v)
PACK(pack_i32, double, int32_t, v != v ? INT32_MIN : v)
PACK(pack_i16, double, int16_t, v != v ? INT16_MIN : v)
PACK(pack_u8, double, uint8_t, v != v ? 255 : v)
PACK(pack_code_i16, int32_t, int16_t, v)
PACK(pack_code_u8, int32_t, uint8_t, v < 0 ? 255 : v)

enum cell_kind cells_pack_numbers(double *cells, size_t count, const struct moments *m)
{
    enum cell_kind kind = kind_of_numbers(m, cells, count);
    static void (*const packers[CELL_KINDS])(double *, size_t) = {
        [CELL_F32] = pack_f32, [CELL_I32] = pack_i32, [CELL_I16] = pack_i16, [CELL_U8] = pack_u8, [CELL_U8_MISSING] = pack_u8};
    if (packers[kind])
        packers[kind](cells, count);
    return kind;
}

enum cell_kind cells_pack_codes(int32_t *codes, size_t count)
{
    int32_t most = -1;
    for (size_t i = 0; i < count; i++)
        most = codes[i] > most ? codes[i] : most;
    if (most < 255) {
        pack_code_u8(codes, count);
        return CELL_U8_MISSING;
    }
    if (most > INT16_MAX)
        return CELL_I32;
    pack_code_i16(codes, count);
    return CELL_I16;
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

#define GATHER(type, wide, expression)                                                                                 \
    for (size_t i = 0; i < count; i++) {                                                                               \
        type v = ((const type *)cells)[rows[i] & mask];                                                                \
        out[i] = (wide)(expression);                                                                                   \
    }                                                                                                                  \
    break

void cells_numbers(enum cell_kind kind, const void *cells, const uint32_t *rows, uint32_t mask, size_t count, double *out)
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

void cells_codes(enum cell_kind kind, const void *cells, const uint32_t *rows, uint32_t mask, size_t count, int32_t *out)
{
    switch (kind) {
    case CELL_I32: GATHER(int32_t, int32_t, v);
    case CELL_I16: GATHER(int16_t, int32_t, v);
    default: GATHER(uint8_t, int32_t, v == 255 ? -1 : v);
    }
}
