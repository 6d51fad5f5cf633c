/* What the tests of server/json share. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "server/json/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static inline struct json *parse_bytes(const char *text, size_t length)
{
    struct json *root = NULL;
    struct err err = {0};
    if (json_parse(text, length, &root, &err))
        fail_msg("%.*s: %s", (int)length, text, err.message);
    return root;
}

static inline struct json *parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static inline void assert_prints(const struct json *v, const char *expected)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    json_print(v, &out);
    assert_false(out.failed);
    assert_string_equal(buf_text(&out), expected);
    buf_done(&out);
}
