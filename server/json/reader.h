/* A walk through a document without a tree of it, for bodies that are read once from front to back: no allocation at all. The
 * text is what json_scan accepted, NUL-terminated; keys and texts are decoded where they stand, so it is read once only. One
 * thread at a time.
 *
 *   for (json_reader_enter(&r); json_reader_more(&r);)    over an array's elements or an object's members
 *       key = json_reader_key(&r, &length), json_reader_value(&r, &v) or json_reader_skip(&r) or enter again */
#pragma once

#include "json.h"

struct json_reader {
    char *at;
};

/* A value that has no parts; of an array or an object, the kind alone. */
struct json_scalar {
    enum json_kind kind;
    bool boolean;
    double number;
    const char *text; /* UTF-8, NUL-terminated, in the document */
    size_t length;    /* of the text */
};

/* ERR_MALFORMED as json_parse. */
enum err_code json_reader_start(struct json_reader *r, char *text, size_t length, struct err *err);
enum json_kind json_reader_kind(struct json_reader *r); /* of the value that is next */
void json_reader_enter(struct json_reader *r);          /* into the array or object that is next */
bool json_reader_more(struct json_reader *r); /* whether another element or member is there; if not, it goes out again */
const char *json_reader_key(struct json_reader *r, size_t *ret_length);
void json_reader_value(struct json_reader *r, struct json_scalar *ret_value);
/* Goes behind the next value, which stays as it is. Of an array or object: how many elements or members it has. */
size_t json_reader_skip(struct json_reader *r);
