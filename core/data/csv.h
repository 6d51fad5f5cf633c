/* A streaming CSV reader (RFC 4180): bytes in, in any pieces; whole records out. It finds the delimiter and the decimal
 * mark by itself from the first 64 KiB. The table builder and CSV predictions stand on it. One thread at a time. */
#pragma once

#include "table.h"

#define CSV_BEYOND 32
struct csv_cell {
    const char *text; /* unquoted, not NUL-terminated; the reader's can be read up to CSV_BEYOND bytes from here */
    uint32_t length;
    bool quoted;
};

/* Called for each record, the header (record 0) first. `line` is where the record starts, from 1. Cells live until it
 * returns. A code that is not ERR_OK stops the reader, which returns it. */
typedef enum err_code (*csv_record)(void *context, uint64_t record, uint64_t line, const struct csv_cell *cells,
                                    uint32_t count, struct err *err);
struct csv;
enum err_code csv_new(const struct csv_options *options, csv_record record, void *context, struct csv **ret_csv,
                      struct err *err);
enum err_code csv_feed(struct csv *c, const void *data, size_t length, struct err *err);
enum err_code csv_finish(struct csv *c, struct err *err);
void csv_free(struct csv *c);
char csv_delimiter(const struct csv *c); /* what was given or found; valid from the first record on */
char csv_decimal(const struct csv *c);
/* Parses a whole cell as a number with this decimal mark (surrounding blanks allowed; decimal and exponent forms; no
 * hexadecimal, no inf/nan; not finite -> false). Exact: the nearest double. */
bool csv_number(const struct csv_cell *cell, char decimal, double *ret_value);
/* Whether the cell is one of the options' missing texts. */
bool csv_missing(const struct csv_options *options, const struct csv_cell *cell);
/* Finds the delimiter and decimal mark of a sample of bytes (its first lines); a mark that is not 0 is kept. */
void csv_sniff(const char *sample, size_t length, char *ret_delimiter, char *ret_decimal);
