/* A typed, immutable table in one file, and the builder that makes it from CSV bytes as they arrive.
 *
 * The file holds groups of rows; inside a group each column is contiguous, in the narrowest kind of cells that gives
 * back the same values, and a footer holds names, types, categories and statistics. So a table is written in memory
 * that does not grow with it, opened by mapping it, and any row is reached in constant time. Magic, version,
 * endianness, lengths and a SHA-256 of the footer are checked at opening.
 *
 * Ownership: a struct table owns its mapping; everything it hands out lives as long as it does. It is immutable, so any
 * number of threads may read it. A builder belongs to one thread at a time. */
#pragma once

#include "../base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_MAX_COLUMNS 4096
#define TABLE_MAX_CELL 65536 /* bytes of one cell */

enum column_type { COLUMN_NUMERIC, COLUMN_CATEGORICAL };

struct column {
    const char *name;
    enum column_type type;
    uint64_t missing;                       /* cells without a value */
    double minimum, maximum, mean, deviation; /* numeric: over the values present, NaN without any; deviation is the
                                                 population's (divided by n) */
    uint32_t categories;                    /* categorical: how many, codes 0.. in order of first appearance */
    const char *const *category;            /* their texts */
    const uint64_t *count;                  /* rows of each */
};

struct table;

const char *column_type_name(enum column_type type); /* "numeric", "categorical" */
enum err_code table_open(const char *path, struct table **ret_table, struct err *err);
struct table *table_ref(struct table *t);
void table_unref(struct table *t); /* unmaps with the last reference; NULL is fine */
uint64_t table_rows(const struct table *t);
uint32_t table_columns(const struct table *t);
const struct column *table_column(const struct table *t, uint32_t column);
/* The texts that meant "no value" when it was read; NULL: the usual ones (csv_options). */
const char *const *table_missing(const struct table *t, size_t *ret_count);
char table_decimal(const struct table *t); /* the mark that its numbers were read with */
int table_find(const struct table *t, const char *name); /* the column's index, -1 when there is none; binary search */
double table_number(const struct table *t, uint32_t column, uint64_t row); /* numeric only; NaN when missing */
int32_t table_code(const struct table *t, uint32_t column, uint64_t row);  /* categorical only; -1 when missing */
bool table_has(const struct table *t, uint32_t column, uint64_t row); /* whether the cell has a value */
/* Many cells of one column at once: out[i] is the cell of rows[i]. */
void table_numbers(const struct table *t, uint32_t column, const uint32_t *rows, size_t count, double *out);
void table_codes(const struct table *t, uint32_t column, const uint32_t *rows, size_t count, int32_t *out);
/* Rows are stored in groups. Where the cells of a numeric column are bytes in the group of a row, *ret_cells has them, that of
 * row r at r & table_group_mask, and what comes back says which number each byte stands for (table_byte_values); else 0. */
unsigned table_bytes(const struct table *t, uint32_t column, uint32_t row, const uint8_t **ret_cells);
void table_byte_values(unsigned meaning, double out[256]);
uint32_t table_group_mask(const struct table *t);
bool table_one_group(const struct table *t, const uint32_t *rows, size_t count); /* whether all of them are in one */

/* A hint: the rows from..to (inclusive) of a column, or of all, will be read soon. Worth giving for thousands of rows; without
 * it each page of a table that is not in memory is fetched on its own. */
#define TABLE_ALL_COLUMNS UINT32_MAX
void table_will_need(const struct table *t, uint32_t column, uint32_t from, uint32_t to);

struct csv_options {
    char delimiter;             /* ',', ';', '\t', '|', or 0 to find it */
    char decimal;               /* '.', ',', or 0 to find it */
    const char *const *missing; /* texts that mean "no value"; NULL: "", NA, NaN, null, ? */
    size_t missing_count;
};

/* Text -> table. Feed the bytes in any pieces; errors carry line and column (1-based) and leave no file behind.
 * A column is numeric until a cell that is neither a number nor missing shows up; if that happens late, the finish
 * reads the spooled bytes again. RFC 4180 quoting; CRLF or LF; BOM; a header row is required, names unique, not empty;
 * ragged rows, NUL bytes, invalid UTF-8, unclosed quotes, over-long cells, too many columns, and files without a data
 * row are errors (ERR_INVALID). Row count limit 2^32-1. */
struct table_builder;
enum err_code table_builder_new(const char *path, const struct csv_options *options, struct table_builder **ret_builder,
                                struct err *err);
enum err_code table_builder_feed(struct table_builder *b, const void *data, size_t length, struct err *err);
/* Writes and syncs the file at `path` (the caller renames it to its place). The SHA-256 is of the bytes fed. */
enum err_code table_builder_finish(struct table_builder *b, char ret_sha256[65], struct err *err);
/* The options with the delimiter and the decimal mark that were found; valid after table_builder_finish. */
struct csv_options table_builder_options(const struct table_builder *b);
void table_builder_free(struct table_builder *b); /* removes the files of an unfinished one; NULL is fine */
