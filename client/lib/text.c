#include "text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *text_string(const struct text *t)
{
    return t->data ? t->data : "";
}

/* Room for `more` bytes and the NUL. */
static bool reserve(struct text *t, size_t more)
{
    if (t->failed || more >= SIZE_MAX / 2 - t->size) {
        t->failed = true;
        return false;
    }
    size_t needed = t->size + more + 1;
    if (needed <= t->capacity)
        return true;
    size_t capacity = needed > 2 * t->capacity ? needed + 64 : 2 * t->capacity;
    char *data = realloc(t->data, capacity);
    if (!data) {
        t->failed = true;
        return false;
    }
    t->data = data;
    t->capacity = capacity;
    return true;
}

void text_add(struct text *t, const char *bytes, size_t size)
{
    if (!reserve(t, size))
        return;
    if (size)
        memcpy(t->data + t->size, bytes, size);
    t->size += size;
    t->data[t->size] = '\0';
}

void text_puts(struct text *t, const char *string)
{
    text_add(t, string, strlen(string));
}

void text_printf(struct text *t, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0)
        t->failed = true;
    else if (reserve(t, (size_t)size)) {
        (void)vsnprintf(t->data + t->size, (size_t)size + 1, format, again);
        t->size += (size_t)size;
    }
    va_end(again);
}

void text_clear(struct text *t)
{
    t->size = 0;
    if (t->data)
        t->data[0] = '\0';
}

void text_free(struct text *t)
{
    free(t->data);
    *t = (struct text){0};
}

void text_escape(struct text *t, const char *string)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *string; string++)
        if (strchr(plain, *string))
            text_add(t, string, 1);
        else
            text_printf(t, "%%%02X", (unsigned)(unsigned char)*string);
}

/* ---- foreign text ------------------------------------------------------------------------------------------------ */

size_t text_character(const char *bytes, size_t size, unsigned *ret)
{
    static const unsigned first[] = {0, 0, 0x80, 0x800, 0x10000}; /* the least code point that needs that many bytes */
    unsigned byte = (unsigned char)bytes[0];
    size_t length = byte < 0x80 ? 1 : byte < 0xc0 ? 0 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf8 ? 4 : 0;
    if (!length || length > size)
        return 0;
    unsigned code = length == 1 ? byte : byte & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        unsigned next = (unsigned char)bytes[i];
        if ((next & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (next & 0x3f);
    }
    if (code < first[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    *ret = code;
    return length;
}

static bool is_printable(unsigned code, bool lines)
{
    if (code == '\n' || code == '\t')
        return lines;
    if (code < 0x20 || (code >= 0x7f && code < 0xa0))
        return false;
    return !(code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
             (code >= 0x2066 && code <= 0x2069) || code == 0xfeff);
}

void text_clean(struct text *t, const char *bytes, size_t size, bool lines)
{
    for (size_t i = 0; i < size;) {
        unsigned code = 0;
        size_t length = text_character(bytes + i, size - i, &code);
        if (length && is_printable(code, lines))
            text_add(t, bytes + i, length);
        else
            text_puts(t, "?");
        i += length ? length : 1;
    }
}

/* ---- widths ------------------------------------------------------------------------------------------------------ */

/* The first and the last of a range of characters that take so many columns; all others take one. */
static const struct {
    unsigned first, last, columns;
} widths[] = {{0x300, 0x36f, 0},     {0x200b, 0x200d, 0},  {0xfe00, 0xfe0f, 0},   {0x1100, 0x115f, 2},
              {0x2e80, 0xa4cf, 2},   {0xac00, 0xd7a3, 2},  {0xf900, 0xfaff, 2},   {0xfe30, 0xfe6f, 2},
              {0xff00, 0xff60, 2},   {0xffe0, 0xffe6, 2},  {0x1f300, 0x1f64f, 2}, {0x1f680, 0x1f6ff, 2},
              {0x1f900, 0x1f9ff, 2}, {0x20000, 0x3fffd, 2}};

/* Bytes of the character or escape sequence at `string`, which has one, and the columns that it takes. */
static size_t step(const char *string, size_t size, size_t *ret_columns)
{
    unsigned code = 0;
    *ret_columns = 0;
    if (*string == '\033') {
        size_t length = 1;
        while (length < size && string[length - 1] != 'm')
            length++;
        return length;
    }
    size_t length = text_character(string, size, &code);
    *ret_columns = 1;
    for (size_t i = 0; length > 1 && i < sizeof widths / sizeof widths[0]; i++)
        if (code >= widths[i].first && code <= widths[i].last)
            *ret_columns = widths[i].columns;
    return length ? length : 1;
}

size_t text_columns(const char *string)
{
    size_t columns = 0, size = strlen(string), taken;
    while (size) {
        size_t length = step(string, size, &taken);
        columns += taken;
        string += length;
        size -= length;
    }
    return columns;
}

void text_cut(struct text *t, const char *line, size_t size, size_t columns)
{
    size_t used = 0, taken;
    for (size_t i = 0; i < size;) {
        size_t length = step(line + i, size - i, &taken);
        used += taken;
        if (used <= columns || line[i] == '\033')
            text_add(t, line + i, length);
        i += length;
    }
}
