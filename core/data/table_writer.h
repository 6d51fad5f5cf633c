/* Writes a table file row by row, in memory that does not grow with the rows: one group of rows is held, column by column,
 * and written when it is full. Rows come to it by the handful: cell by cell into thousands of columns, nothing would be
 * found in a cache. One thread at a time. */
#pragma once

#include "table.h"

struct table_writer;

/* names: columns of them, copied. types: what is known; a numeric column may be switched while table_writer_can_switch. */
enum err_code table_writer_new(const char *path, const char *const *names, const enum column_type *types, uint32_t columns,
                               struct table_writer **ret_writer, struct err *err);
void table_writer_free(struct table_writer *w);
/* One cell of the row under way. */
void table_writer_missing(struct table_writer *w, uint32_t column);
/* The number of numeric column c of the row under way goes to [c]: so many of them that a call each would show. */
double *table_writer_row_cells(struct table_writer *w);
enum err_code table_writer_text(struct table_writer *w, uint32_t column, const char *text, size_t length, struct err *err);
/* Ends the row: all of its cells were set. */
enum err_code table_writer_row(struct table_writer *w, struct err *err);
/* Whether the column has held nothing but missing cells, all still in memory. */
bool table_writer_can_switch(const struct table_writer *w, uint32_t column);
void table_writer_switch(struct table_writer *w, uint32_t column); /* numeric -> categorical */
/* The last group, the footer, the header, and a sync. The options' texts for "missing" are kept with the table. */
enum err_code table_writer_finish(struct table_writer *w, const struct csv_options *options, struct err *err);
