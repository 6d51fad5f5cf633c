#include "api.h"

#undef at
#undef number
#undef whole
#undef text
#undef flag
#undef count

cJSON *json_of_at(const char *file, int line, struct reply *r)
{
    if (!r->json)
        r->json = cJSON_ParseWithOpts(r->body, NULL, true);
    if (!r->json)
        fail_reply(file, line, r, "the body is no JSON");
    return r->json;
}

/* ---- pointers ----------------------------------------------------------------------------------------------------- */

/* The member or element that the token at *pointer (behind its slash) names; *pointer moves behind it. */
static const cJSON *step(const cJSON *v, const char **pointer)
{
    char key[300];
    size_t length = 0;
    const char *p = *pointer;
    for (; *p && *p != '/' && length < sizeof key - 1; p++) {
        key[length++] = *p != '~' ? *p : p[1] == '1' ? '/' : '~';
        p += *p == '~' && p[1];
    }
    key[length] = '\0';
    *pointer = p;
    if (cJSON_IsArray(v))
        return strspn(key, "0123456789") == length && length ? cJSON_GetArrayItem(v, atoi(key)) : NULL;
    return cJSON_GetObjectItemCaseSensitive(v, key);
}

const cJSON *json_find(const cJSON *root, const char *pointer)
{
    while (root && *pointer == '/') {
        pointer++;
        root = step(root, &pointer);
    }
    return root;
}

static __attribute__((format(printf, 4, 0))) const cJSON *find(const char *file, int line, struct reply *r,
                                                               const char *pointer, va_list arguments)
{
    char place[400];
    vsnprintf(place, sizeof place, pointer, arguments);
    const cJSON *v = json_find(json_of_at(file, line, r), place);
    if (!v)
        fail_reply(file, line, r, "nothing at %s", place);
    return v;
}

#define FIND(v)                                                                                                              \
    va_list arguments;                                                                                                       \
    va_start(arguments, pointer);                                                                                            \
    const cJSON *v = find(file, line, r, pointer, arguments);                                                                \
    va_end(arguments)

const cJSON *json_at(const char *file, int line, struct reply *r, const char *pointer, ...)
{
    FIND(v);
    return v;
}

double json_number_at(const char *file, int line, struct reply *r, const char *pointer, ...)
{
    FIND(v);
    if (!cJSON_IsNumber(v))
        fail_reply(file, line, r, "no number at %s", pointer);
    return v->valuedouble;
}

long json_whole_at(const char *file, int line, struct reply *r, const char *pointer, ...)
{
    FIND(v);
    if (!cJSON_IsNumber(v) || v->valuedouble != (double)(long)v->valuedouble)
        fail_reply(file, line, r, "no whole number at %s", pointer);
    return (long)v->valuedouble;
}

const char *json_text_at(const char *file, int line, struct reply *r, const char *pointer, ...)
{
    FIND(v);
    if (!cJSON_IsString(v))
        fail_reply(file, line, r, "no text at %s", pointer);
    return v->valuestring;
}

bool json_flag_at(const char *file, int line, struct reply *r, const char *pointer, ...)
{
    FIND(v);
    if (!cJSON_IsBool(v))
        fail_reply(file, line, r, "neither true nor false at %s", pointer);
    return cJSON_IsTrue(v);
}

int json_count_at(const char *file, int line, struct reply *r, const char *pointer, ...)
{
    FIND(v);
    if (!cJSON_IsArray(v))
        fail_reply(file, line, r, "no array at %s", pointer);
    return cJSON_GetArraySize(v);
}

bool json_null_at(const char *file, int line, struct reply *r, const char *pointer, ...)
{
    FIND(v);
    return cJSON_IsNull(v);
}

/* ---- comparing ---------------------------------------------------------------------------------------------------- */

void json_members_at(const char *file, int line, struct reply *r, const char *pointer, const char *names)
{
    char list[1000], *rest = list;
    int expected = 0;
    const cJSON *object = json_at(file, line, r, "%s", pointer);
    if (!cJSON_IsObject(object))
        fail_reply(file, line, r, "no object at %s", pointer);
    snprintf(list, sizeof list, "%s", names);
    for (char *name; (name = strsep(&rest, " ")); expected++)
        if (!cJSON_GetObjectItemCaseSensitive(object, name))
            fail_reply(file, line, r, "%s has no member \"%s\"", pointer, name);
    if (cJSON_GetArraySize(object) != expected)
        fail_reply(file, line, r, "%s has %d members instead of %d", pointer, cJSON_GetArraySize(object), expected);
}

bool json_same(const cJSON *a, const cJSON *b)
{
    return a && b && cJSON_Compare(a, b, true);
}

bool is_time(const char *text)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";
    if (strlen(text) != sizeof form - 1)
        return false;
    for (size_t i = 0; form[i]; i++)
        if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
            return false;
    return true;
}
