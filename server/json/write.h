/* A streaming JSON writer over a buffer: commas and nesting are kept by it. Errors are the buffer's (`failed`).
 * Doubles are printed so that they read back to the same bits (shortest of %.15g..%.17g; floats via json_write_float of
 * %.6g..%.9g); what is not finite is null. One thread at a time. */
#pragma once

#include "core/base/buf.h"
#include "json.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct json_writer {
    struct buf *out;
    uint64_t more; /* bit d: depth d already holds an element */
    unsigned depth;
    bool after_key;
};

void json_start(struct json_writer *w, struct buf *out);
void json_object(struct json_writer *w); /* { */
void json_object_end(struct json_writer *w);
void json_array(struct json_writer *w); /* [ */
void json_array_end(struct json_writer *w);
void json_name_text(struct json_writer *w, const char *key, size_t length);
static inline void json_name(struct json_writer *w, const char *key)
{
    json_name_text(w, key, strlen(key)); /* inline: of a literal it is known */
}
void json_put_string(struct json_writer *w, const char *s); /* NULL becomes null; invalid UTF-8 is replaced by U+FFFD */
void json_put_text(struct json_writer *w, const char *s, size_t length);
void json_put_double(struct json_writer *w, double v);
void json_put_float(struct json_writer *w, float v);
void json_put_integer(struct json_writer *w, int64_t v);
void json_put_unsigned(struct json_writer *w, uint64_t v);
void json_put_boolean(struct json_writer *w, bool v);
void json_put_null(struct json_writer *w);
void json_put_time(struct json_writer *w, int64_t wall_ms); /* RFC 3339 with milliseconds; 0 becomes null */
void json_put_raw(struct json_writer *w, const char *json); /* a whole JSON value as text; NULL becomes null */
void json_put_value(struct json_writer *w, const struct json *v);

/* "key": value in one call, with name first. */
void json_field_string(struct json_writer *w, const char *key, const char *s);
void json_field_double(struct json_writer *w, const char *key, double v);
void json_field_integer(struct json_writer *w, const char *key, int64_t v);
void json_field_unsigned(struct json_writer *w, const char *key, uint64_t v);
void json_field_boolean(struct json_writer *w, const char *key, bool v);
void json_field_time(struct json_writer *w, const char *key, int64_t wall_ms);
void json_field_raw(struct json_writer *w, const char *key, const char *json);
/* The fewest digits that read back to the same double. */
#define JSON_NUMBER_SIZE 32
const char *json_number_text(double v, char text[JSON_NUMBER_SIZE]);
