/* From CSV bytes to a table file. Columns are taken as numeric until a text shows up. When that happens after numbers
 * were seen (their texts are gone by then), the column is marked, the rest of the bytes is only checked, and the finish
 * reads all of them a second time, from the spool, now knowing every type. */
#include "../base/cleanup.h"
#include "../base/fs.h"
#include "../base/mem.h"
#include "../base/sha256.h"
#include "csv.h"
#include "csv_short.h"
#include "table_writer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPOOL_CHUNK ((size_t)1 << 18)

struct table_builder {
    char path[FS_PATH_MAX], spool_path[FS_PATH_MAX];
    int spool;
    struct csv_options options;
    struct csv *csv;
    struct table_writer *writer;
    struct sha256 sha256;
    char **names;
    enum column_type *types;
    uint32_t columns;
    uint64_t rows, bytes;
    bool again, finished; /* again: the bytes must be read a second time */
};

static enum err_code on_record(void *context, uint64_t record, uint64_t line, const struct csv_cell *cells, uint32_t count,
                               struct err *err);

enum err_code table_builder_new(const char *path, const struct csv_options *options, struct table_builder **ret_builder,
                                struct err *err)
{
    struct table_builder *b = mem_zalloc(sizeof *b);
    if (!b)
        return err_no_memory(err);
    b->spool = -1;
    b->options = *options;
    sha256_start(&b->sha256);
    int length = snprintf(b->spool_path, sizeof b->spool_path, "%s.csv", path);
    enum err_code code = length < 0 || (size_t)length >= sizeof b->spool_path
                             ? err_set(err, ERR_TOO_LARGE, "the path is too long: %.100s", path)
                             : ERR_OK;
    if (!code) {
        snprintf(b->path, sizeof b->path, "%s", path);
        code = csv_new(options, on_record, b, &b->csv, err);
    }
    if (!code)
        code = fs_create(b->spool_path, &b->spool, err);
    if (code) {
        table_builder_free(b);
        return code;
    }
    *ret_builder = b;
    return ERR_OK;
}

void table_builder_free(struct table_builder *b)
{
    if (!b)
        return;
    csv_free(b->csv);
    table_writer_free(b->writer);
    if (b->spool >= 0) {
        fs_close(b->spool);
        fs_remove(b->spool_path, NULL);
    }
    if (!b->finished && b->path[0])
        fs_remove(b->path, NULL);
    for (uint32_t i = 0; i < b->columns; i++)
        mem_free(b->names[i]);
    mem_free(b->names);
    mem_free(b->types);
    mem_free(b);
}

struct csv_options table_builder_options(const struct table_builder *b)
{
    struct csv_options options = b->options;
    options.delimiter = csv_delimiter(b->csv);
    options.decimal = csv_decimal(b->csv);
    return options;
}

/* ---- the header row ------------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum err_code check_names(const struct table_builder *b, uint64_t line, struct err *err)
{
    cleanup(mem_freep) char **sorted = mem_array(b->columns, sizeof *sorted);
    if (!sorted)
        return err_no_memory(err);
    memcpy(sorted, b->names, b->columns * sizeof *sorted);
    qsort(sorted, b->columns, sizeof *sorted, by_name);
    for (uint32_t i = 1; i < b->columns; i++) {
        if (strcmp(sorted[i], sorted[i - 1]) != 0)
            continue;
        uint32_t first = 0;
        while (strcmp(b->names[first], sorted[i]) != 0)
            first++;
        uint32_t second = first + 1;
        while (strcmp(b->names[second], sorted[i]) != 0)
            second++;
        return err_set_at(err, ERR_INVALID, line, second + 1, "the name \"%.100s\" is already that of column %u: give each "
                          "column its own name", sorted[i], first + 1);
    }
    return ERR_OK;
}

static enum err_code read_names(struct table_builder *b, uint64_t line, const struct csv_cell *cells, uint32_t count,
                                struct err *err)
{
    b->names = mem_array(count, sizeof *b->names);
    b->types = mem_array(count, sizeof *b->types); /* zeroed: numeric */
    if (!b->names || !b->types)
        return err_no_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        const char *text = cells[i].text;
        size_t length = cells[i].length;
        while (length && (*text == ' ' || *text == '\t')) {
            text++;
            length--;
        }
        while (length && (text[length - 1] == ' ' || text[length - 1] == '\t'))
            length--;
        if (!length)
            return err_set_at(err, ERR_INVALID, line, i + 1, "the column has no name: the first row must name every column");
        if (!(b->names[i] = mem_strndup(text, length)))
            return err_no_memory(err);
        b->columns = i + 1;
    }
    return check_names(b, line, err);
}

static enum err_code new_writer(struct table_builder *b, struct err *err)
{
    table_writer_free(b->writer);
    b->writer = NULL;
    b->rows = 0;
    return table_writer_new(b->path, (const char *const *)b->names, b->types, b->columns, &b->writer, err);
}

/* ---- data rows ------------------------------------------------------------------------------------------------------ */

static enum err_code add_text(struct table_builder *b, uint32_t column, uint64_t line, const struct csv_cell *cell,
                              struct err *err)
{
    struct err why;
    enum err_code code = table_writer_text(b->writer, column, cell->text, cell->length, &why);
    return code ? err_set_at(err, code, line, column + 1, "%.300s", why.message) : ERR_OK;
}

/* A text in a column that was numeric so far. */
static enum err_code become_categorical(struct table_builder *b, uint32_t column, uint64_t line,
                                        const struct csv_cell *cell, struct err *err)
{
    b->types[column] = COLUMN_CATEGORICAL;
    if (b->again || !table_writer_can_switch(b->writer, column)) {
        b->again = true;
        return ERR_OK;
    }
    table_writer_switch(b->writer, column);
    return add_text(b, column, line, cell, err);
}

/* A cell that is no number: missing, or a text. */
static enum err_code add_other(struct table_builder *b, uint32_t column, uint64_t line, const struct csv_cell *cell,
                               struct err *err)
{
    if (csv_missing(&b->options, cell))
        table_writer_missing(b->writer, column);
    else if (b->types[column] == COLUMN_NUMERIC)
        return become_categorical(b, column, line, cell, err);
    else
        return add_text(b, column, line, cell, err);
    return ERR_OK;
}

/* Once the bytes must be read again, only the types are looked for. */
static void look_at_cell(struct table_builder *b, uint32_t column, const struct csv_cell *cell)
{
    double value;
    if (b->types[column] == COLUMN_NUMERIC && !csv_missing(&b->options, cell) &&
        !csv_number(cell, csv_decimal(b->csv), &value))
        b->types[column] = COLUMN_CATEGORICAL;
}

/* A cell that is not simply a number of a numeric column. */
static enum err_code add_cell(struct table_builder *b, uint32_t column, uint64_t line, const struct csv_cell *cell,
                              double *number, struct err *err)
{
    /* Texts for "missing" that the caller gave may be numbers; the usual ones are not. */
    bool missing = b->options.missing && csv_missing(&b->options, cell);
    if (!missing && b->types[column] == COLUMN_NUMERIC && csv_number(cell, csv_decimal(b->csv), number))
        return ERR_OK;
    if (!b->again)
        return add_other(b, column, line, cell, err);
    look_at_cell(b, column, cell);
    return ERR_OK;
}

static enum err_code add_cells(struct table_builder *b, uint64_t line, const struct csv_cell *cells, struct err *err)
{
    double *number = table_writer_row_cells(b->writer);
    const enum column_type *types = b->types;
    const uint32_t columns = b->columns;
    const bool usual = !b->options.missing;
    const char decimal = csv_decimal(b->csv);
    for (uint32_t i = 0; i < columns; i++) {
        if (types[i] == COLUMN_NUMERIC && usual && csv_short_number(cells[i].text, cells[i].length, decimal, &number[i]))
            continue;
        bool text = types[i] == COLUMN_CATEGORICAL && usual && !csv_usually_missing(cells[i].text, cells[i].length);
        enum err_code code = text ? add_text(b, i, line, &cells[i], err) : add_cell(b, i, line, &cells[i], &number[i], err);
        if (code)
            return code;
    }
    return ERR_OK;
}

static enum err_code on_record(void *context, uint64_t record, uint64_t line, const struct csv_cell *cells, uint32_t count,
                               struct err *err)
{
    struct table_builder *b = context;
    enum err_code code = ERR_OK;
    if (!record) {
        if (!b->columns)
            code = read_names(b, line, cells, count, err);
        return code ? code : new_writer(b, err);
    }
    if (count != b->columns)
        return err_set_at(err, ERR_INVALID, line, count < b->columns ? count : b->columns + 1,
                          "the row has %u %s, the header has %u", count, count == 1 ? "cell" : "cells", b->columns);
    for (uint32_t i = 0; b->again && i < count; i++)
        look_at_cell(b, i, &cells[i]);
    if (!b->again && (code = add_cells(b, line, cells, err)))
        return code;
    b->rows++;
    return b->again ? ERR_OK : table_writer_row(b->writer, err);
}

enum err_code table_builder_feed(struct table_builder *b, const void *data, size_t length, struct err *err)
{
    enum err_code code = fs_write(b->spool, data, length, err);
    if (code)
        return code;
    sha256_add(&b->sha256, data, length);
    b->bytes += length;
    return csv_feed(b->csv, data, length, err);
}

/* ---- the end -------------------------------------------------------------------------------------------------------- */

static enum err_code read_again(struct table_builder *b, struct err *err)
{
    struct csv_options options = table_builder_options(b);
    csv_free(b->csv);
    b->csv = NULL;
    b->again = false;
    enum err_code code = csv_new(&options, on_record, b, &b->csv, err);
    cleanup(mem_freep) char *chunk = code ? NULL : mem_alloc(SPOOL_CHUNK);
    if (!code && !chunk)
        code = err_no_memory(err);
    size_t got = 1;
    for (uint64_t offset = 0; !code && got; offset += got) {
        code = fs_read_at(b->spool, chunk, SPOOL_CHUNK, offset, &got, err);
        if (!code && got)
            code = csv_feed(b->csv, chunk, got, err);
    }
    return code ? code : csv_finish(b->csv, err);
}

enum err_code table_builder_finish(struct table_builder *b, char ret_sha256[65], struct err *err)
{
    enum err_code code = csv_finish(b->csv, err);
    if (!code && !b->columns)
        code = err_set(err, ERR_INVALID, "the file is empty: a header row and at least one data row are needed");
    if (!code && !b->rows)
        code = err_set_at(err, ERR_INVALID, 2, 1, "no data row behind the header");
    if (!code && b->again)
        code = read_again(b, err);
    if (!code) {
        struct csv_options found = table_builder_options(b);
        code = table_writer_finish(b->writer, &found, err);
    }
    if (code)
        return code;
    uint8_t digest[SHA256_BYTES];
    sha256_finish(&b->sha256, digest);
    sha256_text(digest, ret_sha256);
    b->finished = true;
    return ERR_OK;
}
