#include "bind_internal.h"

#include "core/base/mem.h"
#include "core/base/text.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define FIELDS_MAX 64 /* of one table: bits of `seen` */
#define NAMES_MAX 64  /* of one enum */

struct binding {
    struct violations *violations;
    struct err *err;
};

typedef enum err_code bind_function(const struct json_field *f, const struct json *v, void *at, const char *pointer,
                                    struct binding *b);

static enum err_code bind_members(const struct json *object, const struct json_field *fields, void *out,
                                  const char *pointer, struct binding *b);

/* ---- texts of violations ---------------------------------------------------------------------------------------------- */

static void wrong_type(const struct json_field *f, const char *expected, const struct json *v, const char *pointer,
                       struct binding *b)
{
    char number[JSON_NUMBER_SIZE];
    const char *got = json_kind_name(json_kind(v));
    if (json_kind(v) == JSON_NUMBER && (f->type == FIELD_UINT || f->type == FIELD_UINT64))
        got = json_number_text(json_number(v), number);
    if (json_kind(v) == JSON_BOOLEAN)
        got = json_boolean(v) ? "true" : "false";
    violation_add(b->violations, pointer, "type", "must be %s%s, not %s", expected, f->nullable ? " or null" : "", got);
}

/* Both limits given as they are; an infinite one is no limit. */
static void out_of_range(double minimum, double maximum, bool open, double value, const char *pointer,
                         struct binding *b)
{
    char low[JSON_NUMBER_SIZE], high[JSON_NUMBER_SIZE], got[JSON_NUMBER_SIZE];
    const char *least = json_number_text(minimum, low), *most = json_number_text(maximum, high);
    const char *number = json_number_text(value, got);
    const char *above = open ? "above" : "at least";
    if (!isfinite(maximum))
        violation_add(b->violations, pointer, "range", "must be %s %s, not %s", above, least, number);
    else if (!isfinite(minimum))
        violation_add(b->violations, pointer, "range", "must be at most %s, not %s", most, number);
    else
        violation_add(b->violations, pointer, "range", "must be %s %s and at most %s, not %s", above, least, most, number);
}

static bool is_limited(const struct json_field *f)
{
    return f->minimum != 0 || f->maximum != 0;
}

/* Length of a text or an array; a violation when it is not allowed. */
static bool length_fits(const struct json_field *f, size_t length, const char *unit, const char *pointer,
                        struct binding *b)
{
    if (!is_limited(f) || ((double)length >= f->minimum && (double)length <= f->maximum))
        return true;
    char low[JSON_NUMBER_SIZE], high[JSON_NUMBER_SIZE];
    const char *least = json_number_text(f->minimum, low), *most = json_number_text(f->maximum, high);
    if (!isfinite(f->maximum))
        violation_add(b->violations, pointer, "length", "must have at least %s %s, not %zu", least, unit, length);
    else
        violation_add(b->violations, pointer, "length", "must have %s to %s %s, not %zu", least, most, unit, length);
    return false;
}

/* ---- scalars ----------------------------------------------------------------------------------------------------------- */

static size_t characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

/* NULL: neither a number nor a truth value. */
static const char *scalar_text(const struct json *v, char number[JSON_NUMBER_SIZE])
{
    if (json_kind(v) == JSON_NUMBER)
        return json_number_text(json_number(v), number);
    return json_kind(v) != JSON_BOOLEAN ? NULL : json_boolean(v) ? "true" : "false";
}

static enum err_code bind_string(const struct json_field *f, const struct json *v, void *at, const char *pointer,
                                 struct binding *b)
{
    char number[JSON_NUMBER_SIZE];
    const char *text = json_kind(v) == JSON_STRING ? json_string(v) : f->scalars ? scalar_text(v, number) : NULL;
    if (!text) {
        wrong_type(f, f->scalars ? "a string, a number, true or false" : "a string", v, pointer, b);
        return ERR_OK;
    }
    if (!length_fits(f, characters(text), "characters", pointer, b))
        return ERR_OK;
    char *copy = mem_strdup(text);
    if (!copy)
        return err_no_memory(b->err);
    *(char **)at = copy;
    return ERR_OK;
}

static enum err_code bind_double(const struct json_field *f, const struct json *v, void *at, const char *pointer,
                                 struct binding *b)
{
    if (json_kind(v) != JSON_NUMBER) {
        wrong_type(f, "a number", v, pointer, b);
        return ERR_OK;
    }
    double n = json_number(v);
    bool below = f->open ? n <= f->minimum : n < f->minimum;
    if (is_limited(f) && (below || n > f->maximum))
        out_of_range(f->minimum, f->maximum, f->open, n, pointer, b);
    else
        *(double *)at = n;
    return ERR_OK;
}

/* A whole number inside the field's range and 0..most; whether it is one. */
static bool whole_number(const struct json_field *f, const struct json *v, double most, const char *pointer,
                         struct binding *b)
{
    double n = json_number(v);
    if (json_kind(v) != JSON_NUMBER || n != floor(n)) {
        wrong_type(f, "a whole number", v, pointer, b);
        return false;
    }
    double minimum = is_limited(f) ? fmax(f->minimum, 0) : 0;
    double maximum = is_limited(f) ? fmin(f->maximum, most) : most;
    bool below = f->open && is_limited(f) ? n <= minimum : n < minimum;
    if (!below && n <= maximum)
        return true;
    out_of_range(minimum, maximum, f->open && is_limited(f), n, pointer, b);
    return false;
}

static enum err_code bind_uint(const struct json_field *f, const struct json *v, void *at, const char *pointer,
                               struct binding *b)
{
    if (whole_number(f, v, UINT32_MAX, pointer, b))
        *(uint32_t *)at = (uint32_t)json_number(v);
    return ERR_OK;
}

static enum err_code bind_uint64(const struct json_field *f, const struct json *v, void *at, const char *pointer,
                                 struct binding *b)
{
    if (whole_number(f, v, 0x1p53, pointer, b))
        *(uint64_t *)at = (uint64_t)json_number(v);
    return ERR_OK;
}

static enum err_code bind_boolean(const struct json_field *f, const struct json *v, void *at, const char *pointer,
                                  struct binding *b)
{
    if (json_kind(v) == JSON_BOOLEAN)
        *(bool *)at = json_boolean(v);
    else
        wrong_type(f, "true or false", v, pointer, b);
    return ERR_OK;
}

static enum err_code bind_enum(const struct json_field *f, const struct json *v, void *at, const char *pointer,
                               struct binding *b)
{
    const char *names[NAMES_MAX];
    int count = 0;
    bool is_string = json_kind(v) == JSON_STRING;
    for (; count < NAMES_MAX && (names[count] = f->names(count)) != NULL; count++) {
        if (is_string && !strcmp(json_string(v), names[count])) {
            *(int *)at = count;
            return ERR_OK;
        }
    }
    char list[LIST_SIZE], expected[LIST_SIZE + 16], got[QUOTED_SIZE];
    snprintf(expected, sizeof expected, "one of %s", listed(list, names, (size_t)count));
    if (!is_string) {
        wrong_type(f, expected, v, pointer, b);
        return ERR_OK;
    }
    const char *near = text_nearest(json_string(v), names, (size_t)count);
    violation_add(b->violations, pointer, "enum", near ? "must be %s, not %s; did you mean \"%s\"?" : "must be %s, not %s",
                  expected, quoted(got, json_string(v)), near);
    return ERR_OK;
}

static enum err_code bind_any(const struct json_field *f, const struct json *v, void *at, const char *pointer,
                              struct binding *b)
{
    (void)f, (void)pointer;
    struct json *copy = json_copy(v);
    if (!copy)
        return err_no_memory(b->err);
    *(struct json **)at = copy;
    return ERR_OK;
}

static enum err_code bind_custom(const struct json_field *f, const struct json *v, void *at, const char *pointer,
                                 struct binding *b)
{
    f->custom->bind(v, at, pointer, b->violations);
    return ERR_OK;
}

/* ---- structs and lists --------------------------------------------------------------------------------------------------- */

static enum err_code bind_object(const struct json_field *f, const struct json *v, void *at, const char *pointer,
                                 struct binding *b)
{
    if (json_kind(v) == JSON_OBJECT)
        return bind_members(v, f->fields, at, pointer, b);
    wrong_type(f, "an object", v, pointer, b);
    return ERR_OK;
}

/* Binds each element by bind_element; what is bound when one fails is freed by json_unbind. */
static enum err_code bind_list(const struct json_field *f, const struct json *v, struct json_list *list, size_t size,
                               bind_function *bind_element, const char *pointer, struct binding *b)
{
    size_t count = json_count(v);
    if (!length_fits(f, count, "elements", pointer, b))
        return ERR_OK;
    list->items = mem_array(count, size);
    if (!list->items)
        return err_no_memory(b->err);
    list->count = count;
    /* the range is the list's own, not its elements' */
    const struct json_field element = {.name = f->name, .type = f->type, .fields = f->fields, .scalars = f->scalars,
                                       .minimum = f->text_maximum > 0, .maximum = f->text_maximum};
    char *at = list->items;
    size_t index = 0;
    for (const struct json *e = json_first(v); e; e = json_next(e), at += size, index++) {
        char place[POINTER_SIZE];
        enum err_code code = bind_element(&element, e, at, pointer_element(place, pointer, index), b);
        if (code)
            return code;
    }
    return ERR_OK;
}

static enum err_code bind_array(const struct json_field *f, const struct json *v, void *at, const char *pointer,
                                struct binding *b)
{
    if (json_kind(v) == JSON_ARRAY)
        return bind_list(f, v, at, f->element_size, bind_object, pointer, b);
    wrong_type(f, "an array of objects", v, pointer, b);
    return ERR_OK;
}

static enum err_code bind_strings(const struct json_field *f, const struct json *v, void *at, const char *pointer,
                                  struct binding *b)
{
    struct json_list *list = at;
    if (json_kind(v) == JSON_ARRAY)
        return bind_list(f, v, list, sizeof(char *), bind_string, pointer, b);
    if (!f->one || json_kind(v) != JSON_STRING) {
        wrong_type(f, f->one ? "a string, or an array of strings" : "an array of strings", v, pointer, b);
        return ERR_OK;
    }
    if (!(list->items = mem_array(1, sizeof(char *))))
        return err_no_memory(b->err);
    list->count = 1;
    const struct json_field text = {.name = f->name, .minimum = 1, .maximum = f->text_maximum};
    return bind_string(&text, v, list->items, pointer, b);
}

static enum err_code bind_map(const struct json_field *f, const struct json *v, void *at, const char *pointer,
                              struct binding *b)
{
    struct json_list *list = at;
    char place[POINTER_SIZE];
    if (json_kind(v) != JSON_OBJECT) {
        wrong_type(f, "an object of objects", v, pointer, b);
        return ERR_OK;
    }
    size_t count = json_count(v);
    if (!length_fits(f, count, "members", pointer, b))
        return ERR_OK;
    list->items = mem_array(count + 1, f->element_size);
    if (!list->items)
        return err_no_memory(b->err);
    const char *twice = json_duplicate(v);
    if (twice)
        violation_add(b->violations, pointer_member(place, pointer, twice), "duplicate", "is given more than once: keep one");
    char *element = list->items;
    for (const struct json *e = json_first(v); e; e = json_next(e), element += f->element_size) {
        list->count++;
        if (!(*(char **)element = mem_strdup(json_key(e))))
            return err_no_memory(b->err);
        enum err_code code = bind_object(f, e, element, pointer_member(place, pointer, json_key(e)), b);
        if (code)
            return code;
    }
    return ERR_OK;
}

/* ---- members ---------------------------------------------------------------------------------------------------------- */

static enum err_code bind_value(const struct json_field *f, const struct json *v, void *at, const char *pointer,
                                struct binding *b)
{
    static bind_function *const binds[] = {
        [FIELD_STRING] = bind_string,   [FIELD_DOUBLE] = bind_double, [FIELD_UINT] = bind_uint,
        [FIELD_UINT64] = bind_uint64,   [FIELD_BOOLEAN] = bind_boolean, [FIELD_ENUM] = bind_enum,
        [FIELD_OBJECT] = bind_object,   [FIELD_ARRAY] = bind_array,   [FIELD_STRINGS] = bind_strings,
        [FIELD_ANY] = bind_any,         [FIELD_MAP] = bind_map,     [FIELD_CUSTOM] = bind_custom};
    return binds[f->type](f, v, at, pointer, b);
}

static enum err_code bind_fallback(const struct json_field *f, void *at, const char *pointer, struct binding *b)
{
    if (!f->fallback)
        return ERR_OK;
    cleanup(json_freep) struct json *v = NULL;
    enum err_code code = json_parse(f->fallback, strlen(f->fallback), &v, b->err);
    if (code)
        return code == ERR_NO_MEMORY ? code : err_set(b->err, ERR_INTERNAL, "the default of %s is not JSON", f->name);
    if (json_kind(v) != JSON_NULL || f->type == FIELD_CUSTOM)
        return bind_value(f, v, at, pointer, b);
    if (f->type == FIELD_DOUBLE)
        *(double *)at = NAN; /* not given; zero is a value */
    return ERR_OK;
}

static enum err_code bind_member(const struct json_field *f, const struct json *member, void *out, const char *pointer,
                                 struct binding *b)
{
    char place[POINTER_SIZE];
    void *at = (char *)out + f->offset;
    pointer_member(place, pointer, f->name);
    if (!member && f->required) {
        violation_add(b->violations, place, "required", "is required");
        return ERR_OK;
    }
    if (!member || (json_kind(member) == JSON_NULL && f->nullable))
        return bind_fallback(f, at, place, b);
    return bind_value(f, member, at, place, b);
}

static void unknown_field(const struct json_field *fields, const char *key, const char *pointer, struct binding *b)
{
    const char *names[FIELDS_MAX];
    size_t count = 0;
    for (const struct json_field *f = fields; f->name && count < FIELDS_MAX; f++)
        names[count++] = f->name;
    char list[LIST_SIZE];
    const char *near = text_nearest(key, names, count);
    if (near)
        violation_add(b->violations, pointer, "unknown", "is not a known field; did you mean \"%s\"?", near);
    else
        violation_add(b->violations, pointer, "unknown", "is not a known field; known are: %s",
                      listed(list, names, count));
}

/* What no field takes: unknown names and second occurrences. */
static void check_names(const struct json *object, const struct json_field *fields, const char *pointer,
                        struct binding *b)
{
    uint64_t seen = 0;
    for (const struct json *m = json_first(object); m; m = json_next(m)) {
        size_t i = 0;
        while (fields[i].name && strcmp(fields[i].name, json_key(m)) != 0)
            i++;
        uint64_t bit = i < FIELDS_MAX ? UINT64_C(1) << i : 0;
        bool known = fields[i].name != NULL, twice = known && (seen & bit);
        seen |= bit;
        if (known && !twice)
            continue;
        if (b->violations->count >= VIOLATIONS_MAX) { /* it would not be kept: do not spend time on its text */
            b->violations->count++;
            continue;
        }
        char place[POINTER_SIZE];
        pointer_member(place, pointer, json_key(m));
        if (twice)
            violation_add(b->violations, place, "duplicate", "is given more than once: keep one");
        else
            unknown_field(fields, json_key(m), place, b);
    }
}

static enum err_code bind_members(const struct json *object, const struct json_field *fields, void *out,
                                  const char *pointer, struct binding *b)
{
    check_names(object, fields, pointer, b);
    for (const struct json_field *f = fields; f->name; f++) {
        enum err_code code = bind_member(f, json_get(object, f->name), out, pointer, b);
        if (code)
            return code;
    }
    return ERR_OK;
}

enum err_code json_bind(const struct json *object, const struct json_field *fields, void *out, const char *pointer,
                        struct violations *violations, struct err *err)
{
    struct binding b = {violations, err};
    enum err_code code = ERR_OK;
    if (json_kind(object) == JSON_OBJECT)
        code = bind_members(object, fields, out, pointer, &b);
    else
        violation_add(violations, pointer, "type", "must be an object, not %s", json_kind_name(json_kind(object)));
    if (code)
        json_unbind(fields, out);
    return code;
}

/* ---- looking up ---------------------------------------------------------------------------------------------------------- */

const struct json_field *json_field_at(const struct json_field *fields, const char *pointer)
{
    const struct json_field *f = NULL;
    bool element = false; /* the next segment is an index */
    while (*pointer == '/') {
        const char *name = pointer + 1;
        size_t length = strcspn(name, "/");
        pointer = name + length;
        if (element) {
            element = false;
            continue;
        }
        for (f = fields; f && f->name && (strncmp(f->name, name, length) != 0 || f->name[length]); f++)
            ;
        if (!f || !f->name)
            return NULL;
        fields = f->fields;
        element = f->type == FIELD_ARRAY;
    }
    return *pointer ? NULL : f;
}

bool json_field_whole(const struct json_field *f)
{
    return f->type == FIELD_UINT || f->type == FIELD_UINT64 || (f->type == FIELD_CUSTOM && f->custom->whole);
}
