/* The layout of a table file, for the two that share it: the writer and the reader.
 *
 * header | group 0 | group 1 | ... | footer. Each group holds group_rows rows (the last one what is left), column by column,
 * each column in the narrowest kind of cells that holds it (table_cells.h) and padded to 8 bytes. The footer describes the
 * columns; at its end, at a multiple of 8 bytes of the file, is the index: for each group its offset in the file (u64), then
 * for each group and column an entry (u32): where in the group it starts (a multiple of 8) + its kind (the low three bits). */
#pragma once

#include "../base/sha256.h"
#include "table.h"
#include "table_cells.h"
#include <assert.h>

#define TABLE_MAGIC   "MLPTABLE"
#define TABLE_VERSION 2
#define TABLE_ENDIAN  0x01020304u

struct table_header {
    char magic[8];
    uint32_t version, endian;
    uint64_t rows;
    uint32_t columns, group_rows;
    uint64_t footer_offset, footer_length, index_offset;
    uint8_t sha256[SHA256_BYTES]; /* of this header with zeros here, then the footer */
    uint8_t unused[40];
};
static_assert(sizeof(struct table_header) == 128, "the header is 128 bytes");

/* Rows of a group: a power of two, of about 4 MiB while it is gathered. */
uint32_t table_group_rows(uint32_t columns);
void table_header_digest(const struct table_header *h, const void *footer, uint8_t digest[SHA256_BYTES]);
