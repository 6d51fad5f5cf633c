#include "json.h"

#include "core/base/mem.h"
#include "scan.h"
#include "write.h"
#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* struct json is cJSON under another name: no other file outside this directory knows. */
static const cJSON *item(const struct json *v)
{
    return (const cJSON *)v;
}

static const struct json *value(const cJSON *v)
{
    return (const struct json *)v;
}

/* Before main, so that no thread can be inside cJSON yet. */
__attribute__((constructor)) static void allocate_by_mem(void)
{
    cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = mem_alloc, .free_fn = mem_free});
}

enum err_code json_parse(const char *text, size_t length, struct json **ret_root, struct err *err)
{
    enum err_code code = json_scan(text, length, err);
    if (code)
        return code;
    cJSON *root = cJSON_ParseWithLengthOpts(text, length, NULL, 0);
    if (!root)
        return err_no_memory(err); /* the scan has seen to everything else */
    *ret_root = (struct json *)root;
    return ERR_OK;
}

void json_free(struct json *root)
{
    cJSON_Delete((cJSON *)root);
}

enum json_kind json_kind(const struct json *v)
{
    static const struct {
        int type;
        enum json_kind kind;
    } kinds[] = {{cJSON_False, JSON_BOOLEAN}, {cJSON_True, JSON_BOOLEAN}, {cJSON_Number, JSON_NUMBER},
                 {cJSON_String, JSON_STRING}, {cJSON_Array, JSON_ARRAY},  {cJSON_Object, JSON_OBJECT}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if ((item(v)->type & 0xff) == kinds[i].type)
            return kinds[i].kind;
    return JSON_NULL;
}

const char *json_kind_name(enum json_kind kind)
{
    static const char *const names[] = {[JSON_NULL] = "null",         [JSON_BOOLEAN] = "true or false",
                                        [JSON_NUMBER] = "a number",   [JSON_STRING] = "a string",
                                        [JSON_ARRAY] = "an array",    [JSON_OBJECT] = "an object"};
    return names[kind];
}

bool json_boolean(const struct json *v)
{
    return cJSON_IsTrue(item(v));
}

double json_number(const struct json *v)
{
    return item(v)->valuedouble;
}

bool json_integer(const struct json *v, int64_t *ret_value)
{
    double n = json_number(v);
    if (json_kind(v) != JSON_NUMBER || n != floor(n) || fabs(n) > 0x1p53)
        return false;
    *ret_value = (int64_t)n;
    return true;
}

const char *json_string(const struct json *v)
{
    return item(v)->valuestring;
}

size_t json_count(const struct json *v)
{
    size_t count = 0;
    for (const struct json *e = json_first(v); e; e = json_next(e))
        count++;
    return count;
}

const struct json *json_first(const struct json *v)
{
    return value(item(v)->child);
}

const struct json *json_next(const struct json *v)
{
    return value(item(v)->next);
}

const char *json_key(const struct json *member)
{
    return item(member)->string;
}

const struct json *json_get(const struct json *object, const char *key)
{
    return object && json_kind(object) == JSON_OBJECT ? value(cJSON_GetObjectItemCaseSensitive(item(object), key)) : NULL;
}

void json_remove(struct json *object, const char *key)
{
    while (json_get(object, key))
        cJSON_DeleteItemFromObjectCaseSensitive((cJSON *)object, key);
}

struct json *json_copy(const struct json *v)
{
    cJSON *copy = cJSON_Duplicate(item(v), 1);
    if (copy) { /* it is no member any more */
        cJSON_free(copy->string);
        copy->string = NULL;
    }
    return (struct json *)copy;
}

/* ---- members by key -------------------------------------------------------------------------------------------------- */

static int compare_keys(const void *a, const void *b)
{
    return strcmp(json_key(*(const struct json *const *)a), json_key(*(const struct json *const *)b));
}

/* The members in the order of their keys, so that comparing big objects is not quadratic; NULL without memory. */
static const struct json **sorted_members(const struct json *object, size_t count)
{
    const struct json **members = mem_array(count, sizeof(void *));
    if (!members)
        return NULL;
    size_t n = 0;
    for (const struct json *m = json_first(object); m; m = json_next(m))
        members[n++] = m;
    qsort(members, count, sizeof(void *), compare_keys);
    return members;
}

static const char *duplicate_by_search(const struct json *object)
{
    for (const struct json *m = json_first(object); m; m = json_next(m))
        if (json_get(object, json_key(m)) != m)
            return json_key(m);
    return NULL;
}

const char *json_duplicate(const struct json *object)
{
    size_t count = json_kind(object) == JSON_OBJECT ? json_count(object) : 0;
    if (count < 2)
        return NULL;
    cleanup(mem_freep) const struct json **members = sorted_members(object, count);
    if (!members)
        return duplicate_by_search(object);
    for (size_t i = 1; i < count; i++)
        if (!strcmp(json_key(members[i - 1]), json_key(members[i])))
            return json_key(members[i]);
    return NULL;
}

/* ---- equality -------------------------------------------------------------------------------------------------------- */

static bool arrays_equal(const struct json *a, const struct json *b)
{
    const struct json *x = json_first(a), *y = json_first(b);
    for (; x && y; x = json_next(x), y = json_next(y))
        if (!json_equal(x, y))
            return false;
    return !x && !y;
}

static bool holds_members_of(const struct json *object, const struct json *other)
{
    for (const struct json *m = json_first(other); m; m = json_next(m)) {
        const struct json *mine = json_get(object, json_key(m));
        if (!mine || !json_equal(mine, m))
            return false;
    }
    return true;
}

static bool objects_equal(const struct json *a, const struct json *b)
{
    size_t count = json_count(a);
    if (json_count(b) != count)
        return false;
    cleanup(mem_freep) const struct json **x = sorted_members(a, count);
    cleanup(mem_freep) const struct json **y = sorted_members(b, count);
    if (!x || !y)
        return holds_members_of(a, b) && holds_members_of(b, a);
    for (size_t i = 0; i < count; i++)
        if (strcmp(json_key(x[i]), json_key(y[i])) != 0 || !json_equal(x[i], y[i]))
            return false;
    return true;
}

static bool nulls_equal(const struct json *a, const struct json *b)
{
    (void)a, (void)b;
    return true;
}

static bool booleans_equal(const struct json *a, const struct json *b)
{
    return json_boolean(a) == json_boolean(b);
}

static bool numbers_equal(const struct json *a, const struct json *b)
{
    return json_number(a) == json_number(b);
}

static bool strings_equal(const struct json *a, const struct json *b)
{
    return !strcmp(json_string(a), json_string(b));
}

bool json_equal(const struct json *a, const struct json *b)
{
    static bool (*const equal[])(const struct json *, const struct json *) = {
        [JSON_NULL] = nulls_equal,     [JSON_BOOLEAN] = booleans_equal, [JSON_NUMBER] = numbers_equal,
        [JSON_STRING] = strings_equal, [JSON_ARRAY] = arrays_equal,     [JSON_OBJECT] = objects_equal};
    return json_kind(a) == json_kind(b) && equal[json_kind(a)](a, b);
}

/* ---- printing -------------------------------------------------------------------------------------------------------- */

void json_print(const struct json *v, struct buf *out)
{
    struct json_writer w;
    json_start(&w, out);
    json_put_value(&w, v);
}
