/* Declarative binding: one table of fields describes a JSON object; the same table binds a document into a C struct
 * (collecting every violation at once), writes the struct back as filled-in JSON, and writes its JSON Schema. */
#pragma once

#include "json.h"
#include "write.h"

/* ---- violations: everything that is wrong with a body, at once -------------------------------------------------- */

#define VIOLATIONS_MAX 64
struct violation {
    char pointer[256]; /* RFC 6901, e.g. /network/hidden/0/units */
    const char *code;  /* static: required, type, range, enum, unknown, duplicate, length, not_found, conflict, value */
    char detail[320];
};
struct violations {
    size_t count; /* all that were found; at most VIOLATIONS_MAX are kept */
    struct violation item[VIOLATIONS_MAX];
};
void violation_add(struct violations *v, const char *pointer, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The "errors" of a problem: a list of {"pointer", "code", "detail"}, and one of them. */
void violations_write(const struct violations *v, struct json_writer *w);
void violation_write(const char *pointer, const char *code, const char *detail, struct json_writer *w);
/* parent/key, escaped after RFC 6901; cut at a whole character when it is too long. Returns out. */
#define POINTER_SIZE sizeof(((struct violation *)0)->pointer)
const char *pointer_member(char out[POINTER_SIZE], const char *parent, const char *key);

/* ---- field tables ------------------------------------------------------------------------------------------------ */

enum field_type {
    FIELD_STRING,  /* char * (mem_free'd by json_unbind), or NULL */
    FIELD_DOUBLE,  /* double */
    FIELD_UINT,    /* uint32_t */
    FIELD_UINT64,  /* uint64_t, to 2^53 */
    FIELD_BOOLEAN, /* bool */
    FIELD_ENUM,    /* int, by names */
    FIELD_OBJECT,  /* an embedded struct, by `fields` */
    FIELD_ARRAY,   /* of objects: struct json_list of structs of element_size, by `fields` */
    FIELD_STRINGS, /* of strings: struct json_list of char * */
    FIELD_MAP,     /* of objects by any names: struct json_list of structs of element_size, by `fields`; each struct starts with its
                      name, a char * */
    FIELD_ANY,     /* struct json *: a deep copy (json_free), or NULL */
    FIELD_CUSTOM,  /* bound, written and described by `custom` */
};

struct json_list {
    void *items;
    size_t count;
};

struct json_custom {
    void (*bind)(const struct json *v, void *out, const char *pointer, struct violations *violations);
    void (*write)(const void *value, struct json_writer *w);
    void (*schema)(struct json_writer *w); /* the members of the schema object */
    bool whole;                            /* its numbers are whole */
};

struct json_field {
    const char *name;
    enum field_type type;
    size_t offset;           /* in the struct */
    bool required, nullable; /* nullable: null means the default */
    double minimum, maximum; /* numbers: range (both inclusive; with `open` minimum exclusive); strings and arrays: length.
                                minimum == maximum == 0: no check */
    bool open;
    const char *fallback; /* the default as JSON text, e.g. "32" or "\"relu\"" or "{}"; NULL: zero bytes / absent */
    const char *(*names)(int index);       /* FIELD_ENUM: NULL ends */
    const struct json_field *fields;       /* FIELD_OBJECT, FIELD_ARRAY, FIELD_MAP: ends with a NULL name */
    size_t element_size;                   /* FIELD_ARRAY, FIELD_MAP */
    bool one; /* FIELD_STRINGS: a text alone is a list of one, which is written as the text */
    double text_maximum; /* FIELD_STRINGS: characters of each text, from 1; 0: no check */
    bool scalars; /* FIELD_STRING, FIELD_STRINGS: numbers and truth values are taken too, as their texts */
    const struct json_custom *custom;      /* FIELD_CUSTOM */
    bool (*shown)(const void *structure);  /* json_write leaves the field out when it answers false; NULL: always shown */
    bool (*given)(const void *object);     /* nullable FIELD_OBJECT: whether it was, else it is written as null */
    const char *help;                      /* for the schema: one sentence */
};

/* Binds an object into the zeroed struct `out`, defaults included. pointer is the object's own ("" for the root).
 * Unknown fields are violations with the nearest known name; so are duplicates. ERR_NO_MEMORY or ERR_OK; look at
 * violations->count. */
enum err_code json_bind(const struct json *object, const struct json_field *fields, void *out, const char *pointer,
                        struct violations *violations, struct err *err);
void json_unbind(const struct json_field *fields, void *structure); /* frees what bind allocated, zeroes */
/* Writes { every field } of a bound struct. */
void json_write(const struct json_field *fields, const void *structure, struct json_writer *w);
/* The field that a JSON Pointer names inside an object of these fields; NULL when there is none. */
const struct json_field *json_field_at(const struct json_field *fields, const char *pointer);
/* Whether it takes whole numbers only. */
bool json_field_whole(const struct json_field *f);
/* Writes a JSON Schema (2020-12) object: type, properties with type, default, minimum, maximum, enum, description. */
void json_schema(const struct json_field *fields, struct json_writer *w);
