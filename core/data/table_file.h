/* The layout of a table file, for the two that share it: the writer and the reader.
 *
 * header | group 0 | group 1 | ... | footer. Each group holds group_rows rows (the last one what is left), column by column,
 * each column in the narrowest kind of cells that holds it (table_cells.h) and padded to 8 bytes. The footer describes the
 * columns; at its end, at a multiple of 8 bytes of the file, is the index: for each group its offset in the file (u64),
 * then for each group and column an entry (u32): where in the group it starts (a multiple of 8) + its kind (the low
 * three bits) + its digits behind the point (the high eight bits). */
#pragma once

#include "../base/sha256.h"
#include "table.h"
#include "table_cells.h"
#include <assert.h>

#define TABLE_MAGIC   "MLPTABLE"
#define TABLE_VERSION 3 /* 2 knew no decimals */
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

static_assert(TABLE_MAX_COLUMNS * 256 * sizeof(double) < 1u << 24, "a column's start in its group has 24 bits");

static inline uint32_t table_entry(size_t start, struct cell_format f)
{
    return (uint32_t)start | (uint32_t)f.kind | (uint32_t)f.digits << 24;
}

static inline size_t table_entry_start(uint32_t entry)
{
    return entry & 0xFFFFF8;
}

static inline struct cell_format table_entry_format(uint32_t entry)
{
    return (struct cell_format){(enum cell_kind)(entry & 7), (uint8_t)(entry >> 24)};
}

/* Rows of a group: a power of two, of about 4 MiB while it is gathered, and never less than 256. */
uint32_t table_group_rows(uint32_t columns);
void table_header_digest(const struct table_header *h, const void *footer, uint8_t digest[SHA256_BYTES]);
