/* JSON documents: the only door to cJSON. A text is scanned first (UTF-8, NUL, depth, number of tokens, numbers as RFC
 * 8259 spells them and finite, no trailing bytes, no duplicate keys), so that what reaches cJSON is what it handles well.
 * A document is owned by one thread. */
#pragma once

#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "core/base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_MAX_DEPTH 32
#define JSON_MAX_TOKENS 500000

struct json; /* a value inside a document; the root owns all */

enum json_kind { JSON_NULL, JSON_BOOLEAN, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* ERR_MALFORMED with line and column (bytes, from 1) of the fault. Duplicate keys are not a fault here: json_bind reports
 * them as violations (json_duplicate). */
enum err_code json_parse(const char *text, size_t length, struct json **ret_root, struct err *err);
void json_free(struct json *root);
CLEANUP_DEFINE(struct json, json_free)

enum json_kind json_kind(const struct json *v);
const char *json_kind_name(enum json_kind kind); /* "an object", "a number", ... for messages */
bool json_boolean(const struct json *v);
double json_number(const struct json *v);
/* A number without fraction in -2^53..2^53. */
bool json_integer(const struct json *v, int64_t *ret_value);
const char *json_string(const struct json *v); /* UTF-8, NUL-terminated, no NUL inside */
size_t json_count(const struct json *v);       /* members or elements: O(n), so not in a loop */
/* for (const struct json *e = json_first(v); e; e = json_next(e)) over an array's elements or an object's members */
const struct json *json_first(const struct json *v);
const struct json *json_next(const struct json *v);
const char *json_key(const struct json *member);
const struct json *json_get(const struct json *object, const char *key); /* exact case; NULL when absent or no object */
const char *json_duplicate(const struct json *object);                   /* a key that occurs twice, or NULL */

/* RFC 6901 pointer. NULL when it names nothing. */
const struct json *json_at(const struct json *root, const char *pointer);
/* Puts a deep copy of value at the pointer, making missing objects on the way; an array index must exist (or be one of
 * its elements' members). ERR_INVALID when the way is blocked by a value that is neither object nor array, or by an
 * index out of range. */
enum err_code json_set(struct json *root, const char *pointer, const struct json *value, struct err *err);
void json_remove(struct json *object, const char *key); /* nothing when absent */
struct json *json_copy(const struct json *v);           /* deep; NULL without memory */
bool json_equal(const struct json *a, const struct json *b);
/* Compact text; numbers with the fewest digits that read back the same bits. */
void json_print(const struct json *v, struct buf *out);
