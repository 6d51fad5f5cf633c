/* The cells of one column in one group of a table file: kept in the narrowest kind that gives back the same values, chosen for
 * each column of each group, so that pixels take a byte and prices four. Pure functions; any thread. */
#pragma once

#include "moments.h"
#include <stddef.h>
#include <stdint.h>

/* Numbers: NaN is "missing". Whole numbers have one value set aside for it (U8_MISSING: 255; I16, I32: the least). Codes of
 * categories: -1 is "missing" (U8_MISSING: 255; I16, I32: -1). */
enum cell_kind { CELL_F64, CELL_F32, CELL_I32, CELL_I16, CELL_U8, CELL_U8_MISSING, CELL_KINDS };

extern const uint8_t cell_bytes[CELL_KINDS];

/* Packs in place, given the cells' moments: their memory then holds count * cell_bytes of the kind that comes back. (-0 becomes 0.) */
enum cell_kind cells_pack_numbers(double *cells, size_t count, const struct moments *m);
enum cell_kind cells_pack_codes(int32_t *codes, size_t count);

/* out[i] = cell number rows[i] & mask of packed cells. */
void cells_numbers(enum cell_kind kind, const void *cells, const uint32_t *rows, uint32_t mask, size_t count, double *out);
void cells_codes(enum cell_kind kind, const void *cells, const uint32_t *rows, uint32_t mask, size_t count, int32_t *out);
