/* The cells of one column in one group of a table file: kept in the narrowest kind that gives back the same values,
 * chosen for each column of each group, so that pixels take a byte and short decimals one, two or four. Pure functions;
 * any thread. */
#pragma once

#include "moments.h"
#include <stddef.h>
#include <stdint.h>

/* Numbers: NaN is "missing". Whole numbers have one value set aside for it (U8_MISSING: 255; I16, I32: the least). Codes of
 * categories: -1 is "missing" (U8_MISSING: 255; I16, I32: -1). */
enum cell_kind { CELL_F64, CELL_F32, CELL_I32, CELL_I16, CELL_U8, CELL_U8_MISSING, CELL_KINDS };

extern const uint8_t cell_bytes[CELL_KINDS];

/* Whole numbers may stand for decimals: 10^digits of them make 1. A whole number below 2^31 divided by a power of ten
 * is rounded once, as the number is when it is read from text, so that what comes back has the same bits; packing
 * checks that it has. */
#define CELL_DIGITS_MAX 9
struct cell_format {
    enum cell_kind kind;
    uint8_t digits; /* 0..CELL_DIGITS_MAX; 0 for floats and codes */
};

/* Packs in place, given the cells' moments: their memory then holds count * cell_bytes of the kind that comes back. (-0
 * among whole numbers becomes 0.) */
struct cell_format cells_pack_numbers(double *cells, size_t count, const struct moments *m);
enum cell_kind cells_pack_codes(int32_t *codes, size_t count);

/* out[i] = cell number rows[i] & mask of packed cells. */
void cells_numbers(struct cell_format format, const void *cells, const uint32_t *rows, uint32_t mask, size_t count,
                   double *out);
void cells_codes(enum cell_kind kind, const void *cells, const uint32_t *rows, uint32_t mask, size_t count, int32_t *out);
