/* application/problem+json as text for people. */
#include "client.h"

#include <cjson/cJSON.h>
#include <string.h>

static const char *member(const cJSON *object, const char *name)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return value && *value ? value : NULL;
}

static void put(struct text *out, const char *foreign)
{
    text_clean(out, foreign, strlen(foreign), false);
}

/* "422 The request is not valid: 2 fields are wrong" */
static void put_sentence(struct text *out, long status, const cJSON *problem)
{
    const char *title = member(problem, "title"), *detail = member(problem, "detail");
    text_printf(out, "%ld", status);
    if (title) {
        text_puts(out, " ");
        put(out, title);
    }
    if (detail) {
        text_puts(out, title ? ": " : " ");
        put(out, detail);
    }
}

static void put_violations(struct text *out, const cJSON *problem)
{
    const char *whole = member(problem, "detail");
    const cJSON *violation;
    cJSON_ArrayForEach(violation, cJSON_GetObjectItemCaseSensitive(problem, "errors"))
    {
        const char *pointer = member(violation, "pointer"), *detail = member(violation, "detail");
        if (!pointer && detail && whole && !strcmp(detail, whole))
            continue; /* it has been said */
        text_puts(out, "\n  ");
        put(out, pointer ? pointer : "(the whole)");
        text_puts(out, ": ");
        put(out, detail ? detail : "is wrong");
    }
}

void client_problem(struct text *out, long status, const char *body, size_t size)
{
    cJSON *problem = cJSON_ParseWithLength(body, size);
    if (cJSON_IsObject(problem)) {
        put_sentence(out, status, problem);
        put_violations(out, problem);
    } else {
        size_t shown = size < 200 ? size : 200;
        text_printf(out, "the server answered %ld%s", status, size ? ": " : "");
        text_clean(out, body, shown, false);
    }
    cJSON_Delete(problem);
}
