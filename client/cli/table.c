/* Tables on the terminal: columns as wide as their widest cell. */
#include "verbs.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define CELL_MAX_COLUMNS   48
#define LAST_MAX_COLUMNS   400 /* of the last column, which widens no other */
#define LAST_LEAST_COLUMNS 8   /* that a last column keeps on a narrow terminal */

struct table {
    struct text *heading;
    size_t columns;
    size_t cells, capacity;
    struct text *cell; /* row by row */
};

struct table *table_new(const char *const *headings, size_t columns)
{
    struct table *t = calloc(1, sizeof *t);
    if (!t || !(t->heading = calloc(columns, sizeof *t->heading))) {
        free(t);
        cli_complain("out of memory");
        return NULL;
    }
    t->columns = columns;
    for (size_t c = 0; c < columns; c++)
        text_clean(&t->heading[c], headings[c], strlen(headings[c]), true);
    return t;
}

void table_free(struct table *t)
{
    if (!t)
        return;
    for (size_t c = 0; c < t->columns; c++)
        text_free(&t->heading[c]);
    for (size_t i = 0; i < t->cells; i++)
        text_free(&t->cell[i]);
    free(t->heading);
    free(t->cell);
    free(t);
}

/* ---- filling ----------------------------------------------------------------------------------------------------- */

static struct text *new_cell(struct table *t)
{
    static struct text lost; /* takes what there is no memory for; it stays failed */
    if (t->cells == t->capacity) {
        size_t capacity = 2 * t->capacity + 64;
        struct text *cell = realloc(t->cell, capacity * sizeof *cell);
        if (!cell) {
            lost.failed = true;
            return &lost;
        }
        t->cell = cell;
        t->capacity = capacity;
    }
    t->cell[t->cells] = (struct text){0};
    return &t->cell[t->cells++];
}

/* Adds a string, or its beginning and "..." when it takes more columns than that. */
static void put_short(struct text *out, const char *string, size_t columns)
{
    if (text_columns(string) <= columns) {
        text_puts(out, string);
        return;
    }
    text_cut(out, string, strlen(string), columns > 3 ? columns - 3 : 0);
    text_puts(out, "...");
}

void table_cell(struct table *t, const char *string)
{
    bool last = t->cells % t->columns + 1 == t->columns;
    struct text *cell = new_cell(t), clean = {0};
    text_clean(&clean, string, strlen(string), false);
    put_short(cell, text_string(&clean), last ? LAST_MAX_COLUMNS : CELL_MAX_COLUMNS);
    text_free(&clean);
}

void table_cellf(struct table *t, const char *format, ...)
{
    char string[400];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(string, sizeof string, format, arguments);
    va_end(arguments);
    table_cell(t, string);
}

void table_value(struct table *t, const cJSON *value)
{
    struct text string = {0};
    json_put(&string, value);
    table_cell(t, text_string(&string));
    text_free(&string);
}

void table_figure(struct table *t, const cJSON *value)
{
    put_figure(new_cell(t), value);
}

void table_time(struct table *t, const char *time)
{
    put_time(new_cell(t), time);
}

void table_status(const struct cli *cli, struct table *t, const char *status)
{
    put_status(cli, new_cell(t), status);
}

/* ---- showing ----------------------------------------------------------------------------------------------------- */

static bool to_the_right(const struct table *t, size_t column)
{
    return text_string(&t->heading[column])[0] == '>';
}

/* A heading of two lines has a newline between them; one of a single line stands on the second. */
static const char *heading(const struct table *t, size_t column, size_t line, size_t *ret_size)
{
    const char *string = text_string(&t->heading[column]) + to_the_right(t, column), *second = strchr(string, '\n');
    if (!second) {
        *ret_size = line ? strlen(string) : 0;
        return string;
    }
    *ret_size = line ? strlen(second + 1) : (size_t)(second - string);
    return line ? second + 1 : string;
}

static void put_cell(const struct table *t, struct text *line, size_t column, const char *string, size_t width)
{
    size_t used = text_columns(string);
    int gap = used < width ? (int)(width - used) : 0;
    bool last = column + 1 == t->columns;
    if (to_the_right(t, column))
        text_printf(line, "%*s%s", gap, "", string);
    else if (last)
        put_short(line, string, width);
    else
        text_printf(line, "%s%*s", string, gap, "");
    while (last && line->size && line->data[line->size - 1] == ' ')
        line->size--;
    text_puts(line, last ? "\n" : "  ");
}

static void put_headings(const struct table *t, struct text *out, const size_t *width)
{
    bool one = false, two = false;
    for (size_t c = 0; c < t->columns; c++) {
        one = one || t->heading[c].size;
        two = two || strchr(text_string(&t->heading[c]), '\n');
    }
    for (size_t line = two ? 0 : one ? 1 : 2; line < 2; line++)
        for (size_t c = 0; c < t->columns; c++) {
            struct text string = {0};
            size_t size;
            const char *start = heading(t, c, line, &size);
            text_add(&string, start, size);
            put_cell(t, out, c, text_string(&string), width[c]);
            text_free(&string);
        }
}

static void find_widths(const struct table *t, size_t limit, size_t *width)
{
    size_t all = 2 * (t->columns - 1), last = t->columns - 1;
    for (size_t c = 0; c < t->columns; c++)
        for (size_t line = 0; line < 2; line++) {
            size_t size;
            (void)heading(t, c, line, &size);
            width[c] = size > width[c] ? size : width[c];
        }
    for (size_t i = 0; i < t->cells; i++) {
        size_t wide = text_columns(text_string(&t->cell[i]));
        if (wide > width[i % t->columns])
            width[i % t->columns] = wide;
    }
    for (size_t c = 0; c < last; c++)
        all += width[c];
    /* A text can be cut, but a part of a number would be another number. */
    if (limit && all + width[last] > limit && all + LAST_LEAST_COLUMNS <= limit && !to_the_right(t, last))
        width[last] = limit - all;
}

void table_put(const struct table *t, struct text *out, size_t limit)
{
    size_t *width = calloc(t->columns, sizeof *width);
    if (!width) {
        out->failed = true;
        return;
    }
    find_widths(t, limit, width);
    put_headings(t, out, width);
    for (size_t i = 0; i < t->cells; i++)
        put_cell(t, out, i % t->columns, text_string(&t->cell[i]), width[i % t->columns]);
    free(width);
}

void table_print(const struct cli *cli, const struct table *t)
{
    struct text out = {0};
    table_put(t, &out, cli->columns);
    print_text(&out);
    text_free(&out);
}
