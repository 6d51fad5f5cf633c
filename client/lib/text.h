/* Growing text, and what makes foreign text fit to be printed. A text that starts as {0} is empty; its owner calls
 * text_free. When memory runs out the text is marked failed and ignores what follows, so that it is enough to look at
 * `failed` once at the end. No globals: any thread may use its own texts. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct text {
    char *data; /* NUL-terminated; NULL while nothing was ever added */
    size_t size;
    size_t capacity;
    bool failed;
};

/* The contents; "" when nothing was added. */
const char *text_string(const struct text *t);
void text_add(struct text *t, const char *bytes, size_t size);
void text_puts(struct text *t, const char *string);
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Keeps the memory. */
void text_clear(struct text *t);
void text_free(struct text *t);

/* Adds the string percent-encoded, as one segment of a path or one value of a query. */
void text_escape(struct text *t, const char *string);
/* Adds bytes of somebody else: control characters (C0, DEL, C1), marks that turn the direction of writing, and bytes
 * that are no UTF-8 become '?', so that they cannot steer a terminal. Newline and tab stay when `lines` says so. */
void text_clean(struct text *t, const char *bytes, size_t size, bool lines);
/* Columns that UTF-8 text takes on a terminal; colours ("\033[...m") take none. */
size_t text_columns(const char *string);
/* Adds as much of a line as fits into so many columns, and all of its colours. */
void text_cut(struct text *t, const char *line, size_t size, size_t columns);
/* Bytes of the UTF-8 character at `bytes`, 0 when it is not one; *ret is its code point. */
size_t text_character(const char *bytes, size_t size, unsigned *ret);
