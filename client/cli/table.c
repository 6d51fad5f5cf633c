/* Tables on the terminal: columns as wide as their widest cell. */
#include "verbs.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define CELL_MAX_COLUMNS 48

struct table {
    const char *const *headings;
    size_t columns;
    size_t cells, capacity;
    struct text *cell; /* row by row */
};

struct table *table_new(const char *const *headings, size_t columns)
{
    struct table *t = calloc(1, sizeof *t);
    if (!t) {
        cli_complain("out of memory");
        return NULL;
    }
    t->headings = headings;
    t->columns = columns;
    return t;
}

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

/* Bytes of the first `columns` characters. */
static size_t prefix(const char *string, size_t columns)
{
    size_t i = 0;
    for (; string[i]; i++)
        if (((unsigned char)string[i] & 0xc0) != 0x80 && columns-- == 0)
            break;
    return i;
}

void table_cell(struct table *t, const char *string)
{
    struct text *cell = new_cell(t);
    text_clean(cell, string, strlen(string), false);
    if (cell->data && text_columns(cell->data) > CELL_MAX_COLUMNS) {
        cell->size = prefix(cell->data, CELL_MAX_COLUMNS - 3);
        text_puts(cell, "...");
    }
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

static bool to_the_right(const struct table *t, size_t column)
{
    return t->headings[column][0] == '>';
}

static const char *heading(const struct table *t, size_t column)
{
    return t->headings[column] + to_the_right(t, column);
}

static void put_cell(const struct table *t, struct text *line, size_t column, const char *string, size_t width)
{
    int gap = (int)(width - text_columns(string));
    bool last = column + 1 == t->columns;
    if (to_the_right(t, column))
        text_printf(line, "%*s%s", gap, "", string);
    else
        text_printf(line, "%s%*s", string, last ? 0 : gap, "");
    text_puts(line, last ? "\n" : "  ");
}

void table_print(const struct table *t)
{
    struct text line = {0};
    size_t *width = calloc(t->columns, sizeof *width);
    if (!width) {
        cli_complain("out of memory");
        return;
    }
    for (size_t c = 0; c < t->columns; c++)
        width[c] = text_columns(heading(t, c));
    for (size_t i = 0; i < t->cells; i++) {
        size_t wide = text_columns(text_string(&t->cell[i]));
        if (wide > width[i % t->columns])
            width[i % t->columns] = wide;
    }
    for (size_t c = 0; c < t->columns; c++)
        put_cell(t, &line, c, heading(t, c), width[c]);
    for (size_t i = 0; i < t->cells; i++)
        put_cell(t, &line, i % t->columns, text_string(&t->cell[i]), width[i % t->columns]);
    print_text(&line);
    text_free(&line);
    free(width);
}

void table_free(struct table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->cells; i++)
        text_free(&t->cell[i]);
    free(t->cell);
    free(t);
}
