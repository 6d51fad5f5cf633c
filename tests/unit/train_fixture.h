/* For the tests of server/train: bodies, specs and what is wrong with them. Included behind cmocka.h by each of them. */
#pragma once

#include "data_fixture.h"
#include "server/train/job_spec.h"

static inline struct json *json_of(const char *text)
{
    struct json *root = NULL;
    struct err err = {0};
    if (json_parse(text, strlen(text), &root, &err))
        fail_msg("%s: %s", text, err.message);
    return root;
}

/* The spec of a body that is fine. */
static inline void spec_of(const char *text, struct job_spec *ret)
{
    cleanup(json_freep) struct json *root = json_of(text);
    struct violations v = {0};
    assert_int_equal(job_spec_bind(root, false, ret, &v, NULL), ERR_OK);
    if (v.count)
        fail_msg("%s: %s %s", text, v.item[0].pointer, v.item[0].detail);
}

static inline const struct violation *violation_at(const struct violations *v, const char *pointer)
{
    for (size_t i = 0; i < v->count && i < VIOLATIONS_MAX; i++)
        if (!strcmp(v->item[i].pointer, pointer))
            return &v->item[i];
    return NULL;
}

/* Just these are wrong: pairs of a pointer and a code, in any order, ended by NULL. */
static inline void assert_violations(const struct violations *v, const char *const *expected, const char *what)
{
    size_t count = 0;
    for (; expected[2 * count]; count++) {
        const struct violation *found = violation_at(v, expected[2 * count]);
        if (!found)
            fail_msg("%s: nothing wrong at %s", what, expected[2 * count]);
        if (strcmp(found->code, expected[2 * count + 1]) != 0)
            fail_msg("%s: %s is %s, not %s", what, found->pointer, found->code, expected[2 * count + 1]);
        if (!*found->detail)
            fail_msg("%s: no words about %s", what, found->pointer);
    }
    for (size_t i = 0; v->count != count && i < v->count && i < VIOLATIONS_MAX; i++)
        print_error("%s: %s %s\n", v->item[i].pointer, v->item[i].code, v->item[i].detail);
    if (v->count != count)
        fail_msg("%s: %zu things are wrong, not %zu", what, v->count, count);
}
