#include "bind.h"

#include "core/base/mem.h"
#include <math.h>
#include <string.h>

/* What the other direction needs of each type of field, and its JSON Schema. */
struct field_kind {
    const char *type; /* of the schema; NULL: any */
    const char *minimum, *maximum;
    size_t size; /* 0: not ours to clear */
    void (*write)(const struct json_field *f, const void *at, struct json_writer *w);
    void (*release)(const struct json_field *f, void *at);
};

static const struct field_kind kinds[FIELD_CUSTOM + 1];

/* ---- freeing ------------------------------------------------------------------------------------------------------------ */

static void release_string(const struct json_field *f, void *at)
{
    (void)f;
    mem_free(*(char **)at);
}

static void release_any(const struct json_field *f, void *at)
{
    (void)f;
    json_free(*(struct json **)at);
}

static void release_object(const struct json_field *f, void *at)
{
    json_unbind(f->fields, at);
}

static void release_array(const struct json_field *f, void *at)
{
    struct json_list *list = at;
    for (size_t i = 0; i < list->count; i++)
        json_unbind(f->fields, (char *)list->items + i * f->element_size);
    mem_free(list->items);
}

static void release_map(const struct json_field *f, void *at)
{
    struct json_list *list = at;
    for (size_t i = 0; i < list->count; i++)
        mem_free(*(char **)((char *)list->items + i * f->element_size));
    release_array(f, at);
}

static void release_strings(const struct json_field *f, void *at)
{
    (void)f;
    struct json_list *list = at;
    for (size_t i = 0; i < list->count; i++)
        mem_free(((char **)list->items)[i]);
    mem_free(list->items);
}

void json_unbind(const struct json_field *fields, void *structure)
{
    for (const struct json_field *f = fields; f->name; f++) {
        void *at = (char *)structure + f->offset;
        const struct field_kind *kind = &kinds[f->type];
        if (kind->release)
            kind->release(f, at);
        memset(at, 0, kind->size);
    }
}

/* ---- writing ------------------------------------------------------------------------------------------------------------ */

static void write_string(const struct json_field *f, const void *at, struct json_writer *w)
{
    (void)f;
    json_put_string(w, *(char *const *)at);
}

static void write_double(const struct json_field *f, const void *at, struct json_writer *w)
{
    (void)f;
    json_put_double(w, *(const double *)at);
}

static void write_uint(const struct json_field *f, const void *at, struct json_writer *w)
{
    (void)f;
    json_put_unsigned(w, *(const uint32_t *)at);
}

static void write_uint64(const struct json_field *f, const void *at, struct json_writer *w)
{
    (void)f;
    json_put_unsigned(w, *(const uint64_t *)at);
}

static void write_boolean(const struct json_field *f, const void *at, struct json_writer *w)
{
    (void)f;
    json_put_boolean(w, *(const bool *)at);
}

static void write_enum(const struct json_field *f, const void *at, struct json_writer *w)
{
    json_put_string(w, f->names(*(const int *)at));
}

static void write_object(const struct json_field *f, const void *at, struct json_writer *w)
{
    if (f->nullable && f->given && !f->given(at))
        json_put_null(w);
    else
        json_write(f->fields, at, w);
}

/* A nullable list that was not given. */
static bool wrote_null(const struct json_field *f, const struct json_list *list, struct json_writer *w)
{
    if (!f->nullable || list->items)
        return false;
    json_put_null(w);
    return true;
}

static void write_array(const struct json_field *f, const void *at, struct json_writer *w)
{
    const struct json_list *list = at;
    if (wrote_null(f, list, w))
        return;
    json_array(w);
    for (size_t i = 0; i < list->count; i++)
        json_write(f->fields, (const char *)list->items + i * f->element_size, w);
    json_array_end(w);
}

static void write_map(const struct json_field *f, const void *at, struct json_writer *w)
{
    const struct json_list *list = at;
    json_object(w);
    for (size_t i = 0; i < list->count; i++) {
        const char *element = (const char *)list->items + i * f->element_size;
        json_name(w, *(char *const *)element);
        json_write(f->fields, element, w);
    }
    json_object_end(w);
}

static void write_strings(const struct json_field *f, const void *at, struct json_writer *w)
{
    const struct json_list *list = at;
    if (wrote_null(f, list, w))
        return;
    if (f->one && list->count == 1) {
        json_put_string(w, *(char *const *)list->items);
        return;
    }
    json_array(w);
    for (size_t i = 0; i < list->count; i++)
        json_put_string(w, ((char *const *)list->items)[i]);
    json_array_end(w);
}

static void write_any(const struct json_field *f, const void *at, struct json_writer *w)
{
    (void)f;
    const struct json *v = *(struct json *const *)at;
    if (v)
        json_put_value(w, v);
    else
        json_put_null(w);
}

static void write_custom(const struct json_field *f, const void *at, struct json_writer *w)
{
    f->custom->write(at, w);
}

static const struct field_kind kinds[FIELD_CUSTOM + 1] = {
    [FIELD_STRING] = {"string", "minLength", "maxLength", sizeof(char *), write_string, release_string},
    [FIELD_DOUBLE] = {"number", "minimum", "maximum", sizeof(double), write_double, NULL},
    [FIELD_UINT] = {"integer", "minimum", "maximum", sizeof(uint32_t), write_uint, NULL},
    [FIELD_UINT64] = {"integer", "minimum", "maximum", sizeof(uint64_t), write_uint64, NULL},
    [FIELD_BOOLEAN] = {"boolean", NULL, NULL, sizeof(bool), write_boolean, NULL},
    [FIELD_ENUM] = {"string", NULL, NULL, sizeof(int), write_enum, NULL},
    [FIELD_OBJECT] = {"object", NULL, NULL, 0, write_object, release_object},
    [FIELD_ARRAY] = {"array", "minItems", "maxItems", sizeof(struct json_list), write_array, release_array},
    [FIELD_STRINGS] = {"array", "minItems", "maxItems", sizeof(struct json_list), write_strings, release_strings},
    [FIELD_MAP] = {"object", "minProperties", "maxProperties", sizeof(struct json_list), write_map, release_map},
    [FIELD_ANY] = {NULL, NULL, NULL, sizeof(struct json *), write_any, release_any},
    [FIELD_CUSTOM] = {NULL, NULL, NULL, 0, write_custom, NULL},
};

void json_write(const struct json_field *fields, const void *structure, struct json_writer *w)
{
    json_object(w);
    for (const struct json_field *f = fields; f->name; f++) {
        if (f->shown && !f->shown(structure))
            continue;
        json_name(w, f->name);
        kinds[f->type].write(f, (const char *)structure + f->offset, w);
    }
    json_object_end(w);
}

/* ---- JSON Schema ---------------------------------------------------------------------------------------------------------- */

static void schema_members(const struct json_field *fields, struct json_writer *w);

static void schema_type(const struct json_field *f, struct json_writer *w)
{
    const char *type = kinds[f->type].type;
    if (!type)
        return;
    json_name(w, "type");
    bool scalars = f->scalars && f->type == FIELD_STRING;
    if (f->nullable || scalars) {
        json_array(w);
        json_put_string(w, type);
        if (scalars) {
            json_put_string(w, "number");
            json_put_string(w, "boolean");
        }
        if (f->nullable)
            json_put_string(w, "null");
        json_array_end(w);
    } else {
        json_put_string(w, type);
    }
}

static void schema_range(const struct json_field *f, struct json_writer *w)
{
    const struct field_kind *kind = &kinds[f->type];
    bool unsigned_type = f->type == FIELD_UINT || f->type == FIELD_UINT64;
    if (!kind->minimum)
        return;
    if (f->minimum == 0 && f->maximum == 0) {
        if (unsigned_type)
            json_field_integer(w, "minimum", 0);
        return;
    }
    if (isfinite(f->minimum))
        json_field_double(w, f->open ? "exclusiveMinimum" : kind->minimum, f->minimum);
    if (isfinite(f->maximum))
        json_field_double(w, kind->maximum, f->maximum);
}

static void schema_names(const struct json_field *f, struct json_writer *w)
{
    if (f->type != FIELD_ENUM)
        return;
    json_name(w, "enum");
    json_array(w);
    for (int i = 0; f->names(i); i++)
        json_put_string(w, f->names(i));
    if (f->nullable)
        json_put_null(w);
    json_array_end(w);
}

static void schema_inside(const struct json_field *f, struct json_writer *w)
{
    if (f->type == FIELD_OBJECT)
        schema_members(f->fields, w);
    if (f->type == FIELD_STRINGS)
        json_field_raw(w, "items", f->scalars ? "{\"type\":[\"string\",\"number\",\"boolean\"]}" : "{\"type\":\"string\"}");
    if (f->type == FIELD_ARRAY || f->type == FIELD_MAP) {
        json_name(w, f->type == FIELD_MAP ? "additionalProperties" : "items");
        json_object(w);
        json_field_string(w, "type", "object");
        schema_members(f->fields, w);
        json_object_end(w);
    }
    if (f->type == FIELD_CUSTOM)
        f->custom->schema(w);
}

/* A text, or a list of texts. */
static void schema_one(const struct json_field *f, struct json_writer *w)
{
    json_name(w, "oneOf");
    json_array(w);
    json_object(w);
    json_field_string(w, "type", "string");
    json_object_end(w);
    json_object(w);
    schema_type(f, w);
    json_field_raw(w, "items", "{\"type\":\"string\"}");
    schema_range(f, w);
    json_object_end(w);
    json_array_end(w);
}

static void schema_field(const struct json_field *f, struct json_writer *w)
{
    json_name(w, f->name);
    json_object(w);
    if (!f->one)
        schema_type(f, w);
    if (f->help)
        json_field_string(w, "description", f->help);
    if (f->fallback)
        json_field_raw(w, "default", f->fallback);
    if (f->one) {
        schema_one(f, w);
        json_object_end(w);
        return;
    }
    schema_range(f, w);
    schema_names(f, w);
    schema_inside(f, w);
    json_object_end(w);
}

static void schema_members(const struct json_field *fields, struct json_writer *w)
{
    bool required = false;
    json_name(w, "properties");
    json_object(w);
    for (const struct json_field *f = fields; f->name; f++) {
        schema_field(f, w);
        required |= f->required;
    }
    json_object_end(w);
    if (required) {
        json_name(w, "required");
        json_array(w);
        for (const struct json_field *f = fields; f->name; f++)
            if (f->required)
                json_put_string(w, f->name);
        json_array_end(w);
    }
    json_field_boolean(w, "additionalProperties", false);
}

void json_schema(const struct json_field *fields, struct json_writer *w)
{
    json_object(w);
    json_field_string(w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    json_field_string(w, "type", "object");
    schema_members(fields, w);
    json_object_end(w);
}
