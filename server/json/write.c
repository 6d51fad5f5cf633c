#include "write.h"

#include "core/base/clock.h"
#include "core/base/text.h"
#include "scan.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEEPEST 63 /* bits of `more` */

void json_start(struct json_writer *w, struct buf *out)
{
    *w = (struct json_writer){.out = out};
}

static void comma(struct json_writer *w)
{
    uint64_t bit = UINT64_C(1) << w->depth;
    if (w->more & bit)
        buf_putc(w->out, ',');
    w->more |= bit;
}

static void before_value(struct json_writer *w)
{
    if (!w->after_key)
        comma(w);
    w->after_key = false;
}

static void open_container(struct json_writer *w, char bracket)
{
    before_value(w);
    buf_putc(w->out, bracket);
    if (w->depth == DEEPEST) {
        w->out->failed = true;
        return;
    }
    w->depth++;
    w->more &= ~(UINT64_C(1) << w->depth);
}

static void close_container(struct json_writer *w, char bracket)
{
    buf_putc(w->out, bracket);
    if (w->depth)
        w->depth--;
}

void json_object(struct json_writer *w)
{
    open_container(w, '{');
}

void json_object_end(struct json_writer *w)
{
    close_container(w, '}');
}

void json_array(struct json_writer *w)
{
    open_container(w, '[');
}

void json_array_end(struct json_writer *w)
{
    close_container(w, ']');
}

/* ---- texts ----------------------------------------------------------------------------------------------------------- */

static void put_escape(struct buf *out, unsigned char c)
{
    static const char shorts[128] = {['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
                                     ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't'};
    if (shorts[c])
        buf_printf(out, "\\%c", shorts[c]);
    else
        buf_printf(out, "\\u%04x", c);
}

static void put_quoted(struct buf *out, const char *s, size_t length)
{
    const unsigned char *p = (const unsigned char *)s, *end = p + length;
    char *to = buf_reserve(out, length + 2);
    if (!to)
        return;
    size_t plain = 0;
    for (*to++ = '"'; plain < length && json_plain[p[plain]]; plain++)
        *to++ = s[plain];
    *to = '\0';
    out->length += plain + 1;
    p += plain;
    while (p < end) {
        const unsigned char *run = p;
        while (p < end && json_plain[*p])
            p++;
        if (p > run)
            buf_add(out, run, (size_t)(p - run));
        if (p == end)
            break;
        size_t bytes = json_utf8(p, (size_t)(end - p));
        if (!bytes)
            buf_puts(out, "\xef\xbf\xbd");
        else if (bytes == 1)
            put_escape(out, *p);
        else
            buf_add(out, p, bytes);
        p += bytes ? bytes : 1;
    }
    buf_putc(out, '"');
}

void json_name_text(struct json_writer *w, const char *key, size_t length)
{
    comma(w);
    put_quoted(w->out, key, length);
    buf_putc(w->out, ':');
    w->after_key = true;
}

void json_put_text(struct json_writer *w, const char *s, size_t length)
{
    before_value(w);
    put_quoted(w->out, s, length);
}

void json_put_string(struct json_writer *w, const char *s)
{
    if (s)
        json_put_text(w, s, strlen(s));
    else
        json_put_null(w);
}

/* ---- numbers and words ------------------------------------------------------------------------------------------------ */

void json_put_raw(struct json_writer *w, const char *json)
{
    before_value(w);
    buf_puts(w->out, json ? json : "null");
}

void json_put_null(struct json_writer *w)
{
    json_put_raw(w, "null");
}

void json_put_boolean(struct json_writer *w, bool v)
{
    json_put_raw(w, v ? "true" : "false");
}

const char *json_number_text(double v, char text[JSON_NUMBER_SIZE])
{
    _Static_assert(JSON_NUMBER_SIZE >= TEXT_NUMBER_SIZE, "room for text_number");
    return isfinite(v) ? text_number(v, text) : "null";
}

void json_put_double(struct json_writer *w, double v)
{
    char text[JSON_NUMBER_SIZE];
    json_put_raw(w, json_number_text(v, text));
}

void json_put_float(struct json_writer *w, float v)
{
    char text[JSON_NUMBER_SIZE];
    if (!isfinite(v) || (fabsf(v) <= 0x1p24f && v == floorf(v))) {
        json_put_double(w, (double)v);
        return;
    }
    text_float(v, text);
    json_put_raw(w, text);
}

void json_put_integer(struct json_writer *w, int64_t v)
{
    char text[JSON_NUMBER_SIZE] = "-";
    text_whole(v < 0 ? -(uint64_t)v : (uint64_t)v, text + (v < 0));
    json_put_raw(w, text);
}

void json_put_unsigned(struct json_writer *w, uint64_t v)
{
    char text[JSON_NUMBER_SIZE];
    json_put_raw(w, text_whole(v, text));
}

void json_put_time(struct json_writer *w, int64_t wall_ms)
{
    char text[CLOCK_TEXT_SIZE];
    json_put_string(w, wall_ms ? clock_format(wall_ms, text) : NULL);
}

/* ---- documents ------------------------------------------------------------------------------------------------------- */

static void put_members(struct json_writer *w, const struct json *v)
{
    json_object(w);
    for (const struct json *m = json_first(v); m; m = json_next(m)) {
        json_name(w, json_key(m));
        json_put_value(w, m);
    }
    json_object_end(w);
}

static void put_elements(struct json_writer *w, const struct json *v)
{
    json_array(w);
    for (const struct json *e = json_first(v); e; e = json_next(e))
        json_put_value(w, e);
    json_array_end(w);
}

static void put_null(struct json_writer *w, const struct json *v)
{
    (void)v;
    json_put_null(w);
}

static void put_boolean(struct json_writer *w, const struct json *v)
{
    json_put_boolean(w, json_boolean(v));
}

static void put_number(struct json_writer *w, const struct json *v)
{
    json_put_double(w, json_number(v));
}

static void put_string(struct json_writer *w, const struct json *v)
{
    json_put_string(w, json_string(v));
}

void json_put_value(struct json_writer *w, const struct json *v)
{
    static void (*const puts[])(struct json_writer *, const struct json *) = {
        [JSON_NULL] = put_null,     [JSON_BOOLEAN] = put_boolean, [JSON_NUMBER] = put_number,
        [JSON_STRING] = put_string, [JSON_ARRAY] = put_elements,  [JSON_OBJECT] = put_members};
    puts[json_kind(v)](w, v);
}

/* ---- fields ---------------------------------------------------------------------------------------------------------- */

void json_field_string(struct json_writer *w, const char *key, const char *s)
{
    json_name(w, key);
    json_put_string(w, s);
}

void json_field_double(struct json_writer *w, const char *key, double v)
{
    json_name(w, key);
    json_put_double(w, v);
}

void json_field_integer(struct json_writer *w, const char *key, int64_t v)
{
    json_name(w, key);
    json_put_integer(w, v);
}

void json_field_unsigned(struct json_writer *w, const char *key, uint64_t v)
{
    json_name(w, key);
    json_put_unsigned(w, v);
}

void json_field_boolean(struct json_writer *w, const char *key, bool v)
{
    json_name(w, key);
    json_put_boolean(w, v);
}

void json_field_time(struct json_writer *w, const char *key, int64_t wall_ms)
{
    json_name(w, key);
    json_put_time(w, wall_ms);
}

void json_field_raw(struct json_writer *w, const char *key, const char *json)
{
    json_name(w, key);
    json_put_raw(w, json);
}
