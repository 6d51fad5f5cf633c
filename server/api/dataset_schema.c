#include "dataset_schema.h"

#include "api.h"
#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define ROW_MAX_BYTES ((size_t)16 << 20)

const char *dataset_name_fault(const char *name)
{
    size_t length = strlen(name);
    if (!length || length > 128)
        return "must have 1..128 characters";
    if (!strchr(LETTERS DIGITS, name[0]) || strspn(name, LETTERS DIGITS "._-") != length)
        return "must be letters, digits, '.', '_' and '-', and start with a letter or digit";
    if (strspn(name, DIGITS) == length)
        return "must not be digits alone: those are ids";
    return NULL;
}

/* ---- columns as JSON ------------------------------------------------------------------------------------------------ */

#define CATEGORIES_SHOWN 1000 /* of more, those with most rows */
#define TEXT_SHOWN ((size_t)256 << 10)

static int by_falling_count(const void *a, const void *b, void *column)
{
    const struct column *c = column;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if (c->count[x] != c->count[y])
        return c->count[x] < c->count[y] ? 1 : -1;
    return (x > y) - (x < y);
}

/* A column of a million names would make every list of datasets a hundred megabytes long. */
static void categories_write(const struct column *c, struct json_writer *w)
{
    uint32_t shown = c->categories < CATEGORIES_SHOWN ? c->categories : CATEGORIES_SHOWN;
    cleanup(mem_freep) uint32_t *order = mem_array((size_t)c->categories + 1, sizeof *order);
    w->out->failed |= !order;
    for (uint32_t k = 0; order && k < c->categories; k++)
        order[k] = k;
    if (order && shown < c->categories)
        qsort_r(order, c->categories, sizeof *order, by_falling_count, (void *)(uintptr_t)c);
    json_field_unsigned(w, "distinct", c->categories);
    json_name(w, "categories");
    json_array(w);
    size_t text = 0;
    for (uint32_t k = 0; order && k < shown && text < TEXT_SHOWN; k++) {
        const char *value = c->category[order[k]];
        text += strlen(value);
        json_object(w);
        json_field_string(w, "value", value);
        json_field_unsigned(w, "count", c->count[order[k]]);
        json_object_end(w);
    }
    json_array_end(w);
}

void dataset_schema_write(const struct table *t, struct json_writer *w)
{
    json_array(w);
    for (uint32_t i = 0; i < table_columns(t); i++) {
        const struct column *c = table_column(t, i);
        json_object(w);
        json_field_string(w, "name", c->name);
        json_field_string(w, "type", column_type_name(c->type));
        json_field_unsigned(w, "missing", c->missing);
        if (c->type == COLUMN_NUMERIC) {
            json_field_double(w, "min", c->minimum);
            json_field_double(w, "max", c->maximum);
            json_field_double(w, "mean", c->mean);
            json_field_double(w, "standard_deviation", c->deviation);
        } else {
            categories_write(c, w);
        }
        json_object_end(w);
    }
    json_array_end(w);
}

void dataset_options_write(const struct csv_options *o, struct json_writer *w)
{
    json_object(w);
    json_name(w, "delimiter");
    json_put_text(w, &o->delimiter, o->delimiter ? 1 : 0);
    json_name(w, "decimal");
    json_put_text(w, &o->decimal, o->decimal ? 1 : 0);
    json_name(w, "missing");
    json_array(w);
    for (size_t i = 0; o->missing && i < o->missing_count; i++)
        json_put_string(w, o->missing[i]);
    json_array_end(w);
    json_object_end(w);
}

/* ---- inline tables ---------------------------------------------------------------------------------------------------- */

static void check_name(const struct json *body, struct inline_table *ret, struct violations *violations)
{
    const struct json *name = json_get(body, "name");
    if (!name || json_kind(name) != JSON_STRING) {
        violation_add(violations, "/name", name ? "type" : "required", "must be a text: the dataset's name");
        return;
    }
    ret->name = json_string(name);
    const char *fault = dataset_name_fault(ret->name);
    if (fault)
        violation_add(violations, "/name", "value", "%s", fault);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(json_string(*(const struct json *const *)a), json_string(*(const struct json *const *)b));
}

/* All of them are texts. */
static void check_repeated(const struct json *columns, size_t count, struct violations *violations)
{
    cleanup(mem_freep) const struct json **sorted = mem_array(count, sizeof(void *));
    size_t i = 0;
    for (const struct json *c = json_first(columns); sorted && c; c = json_next(c))
        sorted[i++] = c;
    if (sorted)
        qsort(sorted, count, sizeof(void *), by_name);
    for (i = 1; sorted && i < count; i++) {
        const char *name = json_string(sorted[i]);
        if (strcmp(json_string(sorted[i - 1]), name) != 0)
            continue;
        size_t index = 0, seen = 0;
        for (const struct json *c = json_first(columns); c; c = json_next(c), index++)
            if (!strcmp(json_string(c), name) && seen++)
                break;
        char pointer[64];
        snprintf(pointer, sizeof pointer, "/columns/%zu", index);
        violation_add(violations, pointer, "duplicate", "\"%.100s\" is already the name of another column", name);
        return;
    }
}

static size_t check_columns(const struct json *body, struct inline_table *ret, struct violations *violations)
{
    ret->columns = json_get(body, "columns");
    if (!ret->columns || json_kind(ret->columns) != JSON_ARRAY || !json_first(ret->columns)) {
        violation_add(violations, "/columns", ret->columns ? "type" : "required", "must be a list of column names");
        return 0;
    }
    size_t i = 0, named = 0;
    for (const struct json *c = json_first(ret->columns); c; c = json_next(c), i++) {
        char pointer[64];
        snprintf(pointer, sizeof pointer, "/columns/%zu", i);
        if (json_kind(c) == JSON_STRING && *json_string(c))
            named++;
        else
            violation_add(violations, pointer, "type", "must be a text: the column's name");
    }
    if (named == i)
        check_repeated(ret->columns, i, violations);
    return i;
}

static void check_row(const struct json *row, size_t index, size_t columns, struct violations *violations)
{
    char pointer[64];
    snprintf(pointer, sizeof pointer, "/rows/%zu", index);
    if (json_kind(row) != JSON_ARRAY) {
        violation_add(violations, pointer, "type", "must be a list of cells, got %s", json_kind_name(json_kind(row)));
        return;
    }
    size_t cells = 0;
    for (const struct json *c = json_first(row); c; c = json_next(c), cells++) {
        if (json_kind(c) != JSON_ARRAY && json_kind(c) != JSON_OBJECT)
            continue;
        snprintf(pointer, sizeof pointer, "/rows/%zu/%zu", index, cells);
        violation_add(violations, pointer, "type", "must be a number, a text, true, false or null");
    }
    snprintf(pointer, sizeof pointer, "/rows/%zu", index);
    if (columns && cells != columns)
        violation_add(violations, pointer, "length", "must have %zu cells, one for each column; got %zu", columns, cells);
}

void inline_table_read(const struct json *body, struct inline_table *ret, struct violations *violations)
{
    static const char *const known[] = {"name", "columns", "rows"};
    *ret = (struct inline_table){0};
    if (json_kind(body) != JSON_OBJECT) {
        violation_add(violations, "", "type", "must be an object with name, columns and rows");
        return;
    }
    for (const struct json *m = json_first(body); m; m = json_next(m)) {
        char pointer[256];
        api_pointer(pointer, sizeof pointer, "", json_key(m));
        if (strcmp(json_key(m), known[0]) && strcmp(json_key(m), known[1]) && strcmp(json_key(m), known[2]))
            violation_add(violations, pointer, "unknown", "unknown field: an inline table has name, columns and rows");
    }
    const char *twice = json_duplicate(body);
    if (twice) {
        char pointer[256];
        api_pointer(pointer, sizeof pointer, "", twice);
        violation_add(violations, pointer, "duplicate", "\"%.100s\" is given twice", twice);
    }
    check_name(body, ret, violations);
    size_t columns = check_columns(body, ret, violations), index = 0;
    ret->rows = json_get(body, "rows");
    if (!ret->rows || json_kind(ret->rows) != JSON_ARRAY || !json_first(ret->rows)) {
        violation_add(violations, "/rows", ret->rows ? "type" : "required", "must be a list of at least one row");
        return;
    }
    for (const struct json *row = json_first(ret->rows); row; row = json_next(row))
        check_row(row, index++, columns, violations);
}

static void put_cell(const struct json *cell, struct buf *line)
{
    if (json_kind(cell) == JSON_NUMBER || json_kind(cell) == JSON_BOOLEAN) {
        json_print(cell, line);
    } else if (json_kind(cell) == JSON_STRING) {
        buf_putc(line, '"');
        for (const char *p = json_string(cell); *p; p++) {
            if (*p == '"')
                buf_putc(line, '"');
            buf_putc(line, *p);
        }
        buf_putc(line, '"');
    }
}

static enum err_code feed_row(const struct json *row, struct buf *line, struct table_builder *b, struct err *err)
{
    buf_clear(line);
    for (const struct json *cell = json_first(row); cell; cell = json_next(cell)) {
        put_cell(cell, line);
        if (json_next(cell))
            buf_putc(line, ',');
    }
    /* a lone missing cell would be an empty line, which readers of CSV skip */
    if (!line->length)
        buf_puts(line, "\"\"");
    buf_putc(line, '\n');
    if (line->failed)
        return err_no_memory(err);
    return table_builder_feed(b, line->data, line->length, err);
}

enum err_code inline_table_feed(const struct inline_table *inline_table, struct table_builder *b, struct err *err)
{
    struct buf line;
    buf_init(&line, ROW_MAX_BYTES);
    enum err_code code = feed_row(inline_table->columns, &line, b, err);
    for (const struct json *row = json_first(inline_table->rows); !code && row; row = json_next(row))
        code = feed_row(row, &line, b, err);
    buf_done(&line);
    return code;
}
