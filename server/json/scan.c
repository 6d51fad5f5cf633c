#include "scan.h"

#include "json.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scan {
    const unsigned char *at, *end;
    unsigned depth;
    size_t tokens;
    const char *fault; /* static; the place is `at` */
};

const bool json_plain[256] = {[0x20 ... '"' - 1] = true, ['"' + 1 ... '\\' - 1] = true, ['\\' + 1 ... 0x7f] = true};

static bool scan_value(struct scan *s);

static bool fails(struct scan *s, const char *fault)
{
    s->fault = fault;
    return false;
}

static bool fails_at(struct scan *s, const unsigned char *place, const char *fault)
{
    s->at = place;
    return fails(s, fault);
}

size_t json_utf8(const unsigned char *p, size_t left)
{
    /* The second byte's range shuts out forms that are too long, surrogates, and what is above U+10FFFF. */
    static const struct {
        unsigned char first, last, low, high, length;
    } forms[] = {{0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
                 {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
                 {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    if (!left)
        return 0;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (*p < forms[i].first || *p > forms[i].last)
            continue;
        size_t length = forms[i].length;
        if (length > left || (length > 1 && (p[1] < forms[i].low || p[1] > forms[i].high)))
            return 0;
        for (size_t k = 2; k < length; k++)
            if ((p[k] & 0xc0) != 0x80)
                return 0;
        return length;
    }
    return 0;
}

static void skip_space(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
}

static bool next_is(struct scan *s, char c)
{
    if (s->at >= s->end || *s->at != (unsigned char)c)
        return false;
    s->at++;
    return true;
}

int json_hex4(const unsigned char *p, const unsigned char *end)
{
    int value = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int lower = p[i] | 0x20;
        if (p[i] >= '0' && p[i] <= '9')
            value = value * 16 + (p[i] - '0');
        else if (lower >= 'a' && lower <= 'f')
            value = value * 16 + (lower - 'a' + 10);
        else
            return -1;
    }
    return value;
}

/* Behind \u. */
static bool scan_unicode(struct scan *s)
{
    const unsigned char *escape = s->at - 2;
    int unit = json_hex4(s->at, s->end);
    if (unit < 0)
        return fails_at(s, escape, "\\u needs four hexadecimal digits");
    if (unit == 0)
        return fails_at(s, escape, "\\u0000 is not allowed in a text");
    s->at += 4;
    if (unit < 0xd800 || unit > 0xdfff)
        return true;
    int low = unit < 0xdc00 && s->end - s->at >= 2 && s->at[0] == '\\' && s->at[1] == 'u' ? json_hex4(s->at + 2, s->end) : -1;
    if (low < 0xdc00 || low > 0xdfff)
        return fails_at(s, escape, "half a surrogate pair: write both \\u escapes");
    s->at += 6;
    return true;
}

/* Behind the opening quote. */
static bool scan_string(struct scan *s)
{
    for (;;) {
        const unsigned char *at = s->at, *end = s->end;
        while (at < end && json_plain[*at])
            at++;
        s->at = at;
        if (at == end)
            return fails(s, "the text has no closing quote");
        unsigned char c = *at;
        if (c == '"') {
            s->at++;
            return true;
        }
        if (c < 0x20)
            return fails(s, c ? "a control character in a text: escape it" : "a NUL byte");
        if (c == '\\') {
            if (s->end - s->at < 2 || !s->at[1] || !strchr("\"\\/bfnrtu", s->at[1]))
                return fails(s, "an unknown escape: \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX are known");
            s->at += 2;
            if (s->at[-1] == 'u' && !scan_unicode(s))
                return false;
            continue;
        }
        size_t length = json_utf8(s->at, (size_t)(s->end - s->at));
        if (!length)
            return fails(s, "not UTF-8");
        s->at += length;
    }
}

static bool scan_digits(struct scan *s)
{
    const unsigned char *start = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return s->at > start;
}

static bool scan_number(struct scan *s)
{
    const unsigned char *start = s->at;
    next_is(s, '-');
    if (next_is(s, '0')) {
        if (s->at < s->end && *s->at >= '0' && *s->at <= '9')
            return fails_at(s, start, "a number may not begin with 0 and another digit");
    } else if (!scan_digits(s)) {
        return fails_at(s, start, "a digit must follow -");
    }
    if (next_is(s, '.') && !scan_digits(s))
        return fails(s, "a digit must follow the decimal point");
    bool exponent = next_is(s, 'e') || next_is(s, 'E');
    if (exponent) {
        if (!next_is(s, '+'))
            next_is(s, '-');
        if (!scan_digits(s))
            return fails(s, "the exponent has no digits");
    }
    char text[JSON_MAX_NUMBER + 1];
    size_t length = (size_t)(s->at - start);
    if (length > JSON_MAX_NUMBER)
        return fails_at(s, start, "a number of more than 60 characters");
    if (!exponent)
        return true;
    memcpy(text, start, length);
    text[length] = '\0';
    return isfinite(strtod(text, NULL)) || fails_at(s, start, "a number too large for a double");
}

static bool scan_member(struct scan *s)
{
    skip_space(s);
    if (!next_is(s, '"'))
        return fails(s, "expected a key in double quotes");
    if (!scan_string(s))
        return false;
    skip_space(s);
    if (!next_is(s, ':'))
        return fails(s, "expected : behind a key");
    return scan_value(s);
}

/* Behind the opening bracket. */
static bool scan_container(struct scan *s, char close, bool (*element)(struct scan *s), const char *expected)
{
    if (++s->depth > JSON_MAX_DEPTH)
        return fails_at(s, s->at - 1, "nested more than 32 deep");
    skip_space(s);
    if (!next_is(s, close)) {
        do {
            if (!element(s))
                return false;
            skip_space(s);
        } while (next_is(s, ','));
        if (!next_is(s, close))
            return fails(s, expected);
    }
    s->depth--;
    return true;
}

static bool scan_word(struct scan *s)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i]);
        if ((size_t)(s->end - s->at) >= length && !memcmp(s->at, words[i], length)) {
            s->at += length;
            return true;
        }
    }
    return fails(s, "expected a value");
}

static bool scan_value(struct scan *s)
{
    skip_space(s);
    if (s->at >= s->end)
        return fails(s, "the text ends where a value is expected");
    if (++s->tokens > JSON_MAX_TOKENS)
        return fails(s, "more than 500000 values");
    unsigned char first = *s->at;
    if (first == '-' || (first >= '0' && first <= '9'))
        return scan_number(s);
    if (first != '"' && first != '{' && first != '[')
        return scan_word(s);
    s->at++;
    if (first == '"')
        return scan_string(s);
    return first == '{' ? scan_container(s, '}', scan_member, "expected , or } behind a member")
                        : scan_container(s, ']', scan_value, "expected , or ] behind an element");
}

static bool scan_document(struct scan *s)
{
    if (!scan_value(s))
        return false;
    skip_space(s);
    return s->at == s->end || fails(s, "more text behind the value");
}

enum err_code json_scan(const char *text, size_t length, struct err *err)
{
    const unsigned char *start = (const unsigned char *)text;
    struct scan s = {.at = start, .end = start + length};
    if (scan_document(&s))
        return ERR_OK;
    uint64_t line = 1, column = 1;
    for (const unsigned char *p = start; p < s.at; p++) {
        column = *p == '\n' ? 1 : column + 1;
        line += *p == '\n';
    }
    return err_set_at(err, ERR_MALFORMED, line, column, "not JSON: %s", s.fault);
}
