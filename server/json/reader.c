#include "reader.h"

#include "core/base/powers.h"
#include "scan.h"
#include <stdlib.h>
#include <string.h>

enum err_code json_reader_start(struct json_reader *r, char *text, size_t length, struct err *err)
{
    *r = (struct json_reader){text};
    return json_scan(text, length, err);
}

static char *skip_space(struct json_reader *r)
{
    while (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t')
        r->at++;
    return r->at;
}

enum json_kind json_reader_kind(struct json_reader *r)
{
    switch (*skip_space(r)) {
    case '{': return JSON_OBJECT;
    case '[': return JSON_ARRAY;
    case '"': return JSON_STRING;
    case 't':
    case 'f': return JSON_BOOLEAN;
    case 'n': return JSON_NULL;
    default: return JSON_NUMBER;
    }
}

void json_reader_enter(struct json_reader *r)
{
    skip_space(r);
    r->at++;
}

bool json_reader_more(struct json_reader *r)
{
    char c = *skip_space(r);
    bool end = c == ']' || c == '}';
    r->at += end || c == ',';
    return !end;
}

/* ---- texts ----------------------------------------------------------------------------------------------------------- */

/* The scan has seen that they are there. */
static unsigned hex4(const char *at)
{
    const unsigned char *digits = (const unsigned char *)at;
    return (unsigned)json_hex4(digits, digits + 4);
}

static char *put_utf8(char *to, unsigned c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xC0, 0xE0, 0xF0};
    *to++ = (char)(lead[more] | c >> (6 * more));
    while (more--)
        *to++ = (char)(0x80 | (c >> (6 * more) & 0x3F));
    return to;
}

/* The escape at *at, behind its backslash, to `to`. Nothing grows. */
static char *put_escape(char *to, const char **at)
{
    static const char letters[] = "bfnrt", controls[] = "\b\f\n\r\t";
    char c = *(*at)++;
    const char *letter = strchr(letters, c);
    if (c != 'u') {
        *to = letter ? controls[letter - letters] : c;
        return to + 1;
    }
    unsigned unit = hex4(*at);
    *at += 4;
    if (unit >= 0xD800 && unit < 0xDC00) {
        unit = 0x10000 + ((unit - 0xD800) << 10) + (hex4(*at + 2) - 0xDC00);
        *at += 6;
    }
    return put_utf8(to, unit);
}

static const char *take_text(struct json_reader *r, size_t *ret_length)
{
    char *text = r->at + 1, *to = text;
    while (json_plain[(unsigned char)*to])
        to++;
    if (*to == '"') { /* most: nothing to decode */
        *to = '\0';
        *ret_length = (size_t)(to - text);
        r->at = to + 1;
        return text;
    }
    const char *at = to;
    while (*at != '"') {
        if (*at == '\\') {
            at++;
            to = put_escape(to, &at);
        } else {
            *to++ = *at++;
        }
    }
    r->at += at + 1 - r->at;
    *to = '\0';
    *ret_length = (size_t)(to - text);
    return text;
}

const char *json_reader_key(struct json_reader *r, size_t *ret_length)
{
    skip_space(r);
    const char *key = take_text(r, ret_length);
    skip_space(r);
    r->at++; /* : */
    return key;
}

/* ---- values ---------------------------------------------------------------------------------------------------------- */

/* Up to 15 digits are a double exactly, and so is their power of ten: what is left rounds once. Others: the C library. */
static double take_number(struct json_reader *r)
{
    const char *at = r->at + (*r->at == '-');
    int64_t mantissa = 0;
    unsigned digits = 0, fraction = 0;
    for (; *at >= '0' && *at <= '9' && digits < 16; digits++)
        mantissa = mantissa * 10 + (*at++ - '0');
    if (*at == '.')
        for (at++; *at >= '0' && *at <= '9' && digits < 16; digits++, fraction++)
            mantissa = mantissa * 10 + (*at++ - '0');
    if (digits > 15 || *at == 'e' || *at == 'E')
        return strtod(r->at, &r->at);
    double value = (double)mantissa / power_of_ten[fraction];
    bool negative = *r->at == '-';
    r->at += at - r->at;
    return negative ? -value : value;
}

void json_reader_value(struct json_reader *r, struct json_scalar *ret_value)
{
    *ret_value = (struct json_scalar){.kind = json_reader_kind(r)};
    switch (ret_value->kind) {
    case JSON_STRING: ret_value->text = take_text(r, &ret_value->length); break;
    case JSON_NUMBER: ret_value->number = take_number(r); break;
    default: ret_value->boolean = *r->at == 't'; json_reader_skip(r);
    }
}

/* Behind the text that starts at its quote. */
static char *after_text(char *at)
{
    for (at++;; at += *at == '\\' ? 2 : 1) {
        while (json_plain[(unsigned char)*at])
            at++;
        if (*at == '"')
            return at + 1;
    }
}

/* Behind the object or list that starts at its bracket. */
static char *after_container(char *at, size_t *ret_elements)
{
    struct json_reader inside = {at + 1};
    char first = *skip_space(&inside);
    *ret_elements = first != ']' && first != '}';
    unsigned depth = 0;
    do { /* one loop for all that is inside */
        switch (*at) {
        case '"': at = after_text(at); continue;
        case '[':
        case '{': depth++; break;
        case ']':
        case '}': depth--; break;
        case ',': *ret_elements += depth == 1; break;
        default: break;
        }
        at++;
    } while (depth);
    return at;
}

size_t json_reader_skip(struct json_reader *r)
{
    enum json_kind kind = json_reader_kind(r);
    size_t elements = 0;
    if (kind == JSON_STRING)
        r->at = after_text(r->at);
    else if (kind == JSON_ARRAY || kind == JSON_OBJECT)
        r->at = after_container(r->at, &elements);
    else
        r->at += strcspn(r->at, ",]} \n\r\t");
    return elements;
}
