/* The scan before cJSON: refuses every text that RFC 8259 refuses, and what cJSON cannot hold (NUL, deep nesting, numbers
 * that overflow or are longer than its own buffer). Allocates nothing; any thread. */
#pragma once

#include "core/base/err.h"
#include <stdbool.h>
#include <stddef.h>

/* Characters of one number; cJSON cuts longer ones at 63. */
#define JSON_MAX_NUMBER 60

/* Bytes that are themselves in a text: ASCII but for controls, the quote and the backslash. */
extern const bool json_plain[256];

/* ERR_MALFORMED with line and column. */
enum err_code json_scan(const char *text, size_t length, struct err *err);
/* Four hexadecimal digits at p, or -1. */
int json_hex4(const unsigned char *p, const unsigned char *end);
/* Bytes of the UTF-8 character at p (1..4), 0 when it is none: too long a form, a surrogate, above U+10FFFF, cut short. */
size_t json_utf8(const unsigned char *p, size_t left);
