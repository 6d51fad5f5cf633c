#include "core/base/mem.h"
#include "json.h"
#include <cjson/cJSON.h>
#include <string.h>

/* One reference token of a pointer, still escaped. */
struct segment {
    const char *text;
    size_t length;
};

/* Takes the segment that p (at a /) begins with; returns the place behind it. */
static const char *take_segment(const char *p, struct segment *ret)
{
    ret->text = p + 1;
    ret->length = strcspn(p + 1, "/");
    return p + 1 + ret->length;
}

/* Starts with / (or is empty), and every ~ is ~0 or ~1. */
static bool well_formed(const char *pointer)
{
    if (*pointer && *pointer != '/')
        return false;
    for (const char *p = strchr(pointer, '~'); p; p = strchr(p + 1, '~'))
        if (p[1] != '0' && p[1] != '1')
            return false;
    return true;
}

static bool segment_is(const struct segment *s, const char *key)
{
    const char *end = s->text + s->length;
    for (const char *p = s->text; p < end; p++, key++) {
        char c = *p;
        if (c == '~')
            c = *++p == '0' ? '~' : '/';
        if (*key != c)
            return false;
    }
    return !*key;
}

static char *segment_key(const struct segment *s)
{
    char *key = mem_strndup(s->text, s->length);
    if (!key)
        return NULL;
    char *to = key;
    for (const char *from = key; *from; from++)
        *to++ = *from != '~' ? *from : *++from == '0' ? '~' : '/';
    *to = '\0';
    return key;
}

static const struct json *element_at(const struct json *array, const struct segment *s)
{
    size_t index = 0;
    if (!s->length || s->length > 9 || (s->length > 1 && *s->text == '0'))
        return NULL;
    for (size_t i = 0; i < s->length; i++) {
        if (s->text[i] < '0' || s->text[i] > '9')
            return NULL;
        index = index * 10 + (size_t)(s->text[i] - '0');
    }
    const struct json *e = json_first(array);
    while (e && index--)
        e = json_next(e);
    return e;
}

static const struct json *step(const struct json *v, const struct segment *s)
{
    if (json_kind(v) == JSON_ARRAY)
        return element_at(v, s);
    if (json_kind(v) != JSON_OBJECT)
        return NULL;
    for (const struct json *m = json_first(v); m; m = json_next(m))
        if (segment_is(s, json_key(m)))
            return m;
    return NULL;
}

const struct json *json_at(const struct json *root, const char *pointer)
{
    if (!well_formed(pointer))
        return NULL;
    const struct json *v = root;
    while (v && *pointer) {
        struct segment s;
        pointer = take_segment(pointer, &s);
        v = step(v, &s);
    }
    return v;
}

/* ---- putting ------------------------------------------------------------------------------------------------------- */

/* Of containers around the innermost value: 0 for a number. */
static unsigned depth_of(const struct json *v)
{
    unsigned deepest = 0;
    enum json_kind kind = json_kind(v);
    if (kind != JSON_ARRAY && kind != JSON_OBJECT)
        return 0;
    for (const struct json *e = json_first(v); e; e = json_next(e)) {
        unsigned depth = depth_of(e);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

static enum err_code check_pointer(const char *pointer, const struct json *value, struct err *err)
{
    if (!*pointer || !well_formed(pointer))
        return err_set(err, ERR_INVALID, "\"%.100s\" is no JSON Pointer to a member: write one such as /optimizer/name",
                       pointer);
    unsigned depth = depth_of(value);
    for (const char *p = pointer; *p; p++)
        depth += *p == '/';
    if (depth > JSON_MAX_DEPTH)
        return err_set(err, ERR_INVALID, "\"%.100s\" would nest more than %d deep", pointer, JSON_MAX_DEPTH);
    return ERR_OK;
}

/* Appends under the segment's key; owns child, also when it fails. */
static bool add_member(cJSON *object, const struct segment *s, cJSON *child)
{
    cleanup(mem_freep) char *key = segment_key(s);
    if (key && child && cJSON_AddItemToObject(object, key, child))
        return true;
    cJSON_Delete(child);
    return false;
}

/* The new value takes over the old one's key, so that nothing is allocated. */
static void replace(cJSON *parent, cJSON *old, cJSON *fresh)
{
    fresh->string = old->string;
    old->string = NULL;
    cJSON_ReplaceItemViaPointer(parent, old, fresh);
}

static enum err_code blocked(const struct json *parent, const struct segment *s, const char *pointer, struct err *err)
{
    int length = s->length < 60 ? (int)s->length : 60;
    if (json_kind(parent) == JSON_ARRAY)
        return err_set(err, ERR_INVALID, "\"%.100s\" names nothing: the array has no element \"%.*s\"", pointer, length,
                       s->text);
    return err_set(err, ERR_INVALID, "\"%.100s\" names nothing: \"%.*s\" would be a member of %s", pointer, length, s->text,
                   json_kind_name(json_kind(parent)));
}

/* owns fresh */
static enum err_code put(struct json *root, const char *pointer, struct json *fresh, struct err *err)
{
    cleanup(json_freep) struct json *owned = fresh;
    struct json *parent = root;
    const char *rest = pointer;
    for (;;) {
        struct segment s;
        rest = take_segment(rest, &s);
        struct json *old = (struct json *)step(parent, &s);
        if (!old && json_kind(parent) != JSON_OBJECT)
            return blocked(parent, &s, pointer, err);
        if (!*rest) {
            owned = NULL;
            if (old)
                replace((cJSON *)parent, (cJSON *)old, (cJSON *)fresh);
            else if (!add_member((cJSON *)parent, &s, (cJSON *)fresh))
                return err_no_memory(err);
            return ERR_OK;
        }
        if (!old) {
            if (!add_member((cJSON *)parent, &s, cJSON_CreateObject()))
                return err_no_memory(err);
            old = (struct json *)step(parent, &s);
        }
        parent = old;
    }
}

enum err_code json_set(struct json *root, const char *pointer, const struct json *value, struct err *err)
{
    enum err_code code = check_pointer(pointer, value, err);
    if (code)
        return code;
    struct json *fresh = json_copy(value);
    return fresh ? put(root, pointer, fresh, err) : err_no_memory(err);
}
