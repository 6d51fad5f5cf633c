/* The service itself: health, readiness, metrics, and the schema of a job against what a job comes back as. */
#include "support/api.h"

static void is_healthy_and_ready(void **state)
{
    (void)state;
    struct reply *r = expect(http_get("/healthz"), 200);
    assert_string_equal(http_header(r, "Content-Type"), "application/json");
    assert_string_equal(text(r, "/status"), "ok");
    r = expect(http_get("/readyz"), 200);
    assert_string_equal(http_header(r, "Content-Type"), "application/json");
    assert_true(cJSON_IsObject(json_of(r)));
}

/* ---- metrics ------------------------------------------------------------------------------------------------------ */

/* The value of the sample that is written exactly so; -1 when there is none. */
static double sample(const struct reply *r, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = r->body; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && line[length] == ' ')
            return strtod(line + length, NULL);
    }
    return -1;
}

static bool typed(const struct reply *r, const char *name, size_t length)
{
    static const char *const endings[] = {"", "_bucket", "_sum", "_count"};
    char line[300];
    for (size_t i = 0; i < COUNT(endings); i++) {
        size_t ending = strlen(endings[i]);
        if (ending > length || strncmp(name + length - ending, endings[i], ending) != 0)
            continue;
        snprintf(line, sizeof line, "# TYPE %.*s %s", (int)(length - ending), name, i ? "histogram" : "");
        if (strstr(r->body, line))
            return true;
    }
    return false;
}

/* {name="value",...} or nothing; the place behind it, or NULL. */
static const char *skip_labels(const char *p)
{
    if (*p != '{')
        return p;
    do {
        p++;
        size_t name = strspn(p, "abcdefghijklmnopqrstuvwxyz_");
        if (!name || p[name] != '=' || p[name + 1] != '"')
            return NULL;
        for (p += name + 2; *p && *p != '"' && *p != '\n'; p++)
            p += *p == '\\';
        if (*p != '"')
            return NULL;
        p++;
    } while (*p == ',');
    return *p == '}' ? p + 1 : NULL;
}

/* https://prometheus.io/docs/instrumenting/exposition_formats: every sample has a type, a name, labels, a number. */
static void check_exposition(struct reply *r)
{
    char copy[400];
    assert_string_equal(http_header(r, "Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_int_equal(r->body[r->length - 1], '\n');
    for (const char *line = r->body; *line; line += strcspn(line, "\n") + 1) {
        if (strncmp(line, "# HELP ", 7) == 0 || strncmp(line, "# TYPE ", 7) == 0)
            continue;
        size_t length = strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789_");
        const char *value = skip_labels(line + length);
        char *end;
        if (!length || !value || *value != ' ' || (strtod(value + 1, &end), *end != '\n') || end == value + 1)
            fail_reply(__FILE__, __LINE__, r, "no sample: %.*s", (int)strcspn(line, "\n"), line);
        if (!typed(r, line, length))
            fail_reply(__FILE__, __LINE__, r, "a sample without a type: %.*s", (int)length, line);
        snprintf(copy, sizeof copy, "\n%.*s ", (int)(value - line), line);
        const char *first = strstr(r->body, copy);
        if (first && strstr(first + 1, copy))
            fail_reply(__FILE__, __LINE__, r, "a sample is there twice: %s", copy);
    }
}

static void metrics_are_prometheus_text_and_counters_grow(void **state)
{
    (void)state;
    static const char ours[] = "mlpd_http_requests_total{route=\"/v1/jobs/{job}\",method=\"GET\",status=\"404\"}";
    static const char *const growing[] = {ours, "mlpd_http_request_seconds_count", "mlpd_epochs_total",
                                          "mlpd_store_commits_total", "mlpd_runs{status=\"succeeded\"}", "mlpd_jobs"};
    struct reply *before = expect(http_get("/metrics"), 200);
    check_exposition(before);
    expect(http_get("/v1/jobs/999999"), 404);
    train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":3}");
    struct reply *after = expect(http_get("/metrics"), 200);
    check_exposition(after);
    for (size_t i = 0; i < COUNT(growing); i++)
        if (!(sample(after, growing[i]) > sample(before, growing[i])))
            fail_reply(__FILE__, __LINE__, after, "%s did not grow", growing[i]);
    assert_true(sample(after, ours) == (sample(before, ours) > 0 ? sample(before, ours) : 0) + 1);
    assert_true(sample(after, "mlpd_epochs_total") == sample(before, "mlpd_epochs_total") + 3);
    assert_true(sample(after, "mlpd_datasets") == 1);
    assert_true(sample(after, "mlpd_workers") == 2);
    assert_true(sample(after, "process_resident_memory_bytes") > 1e6);
    assert_true(sample(after, "mlpd_http_request_seconds_bucket{le=\"+Inf\"}") ==
                sample(after, "mlpd_http_request_seconds_count"));
}

static void checkpoints_are_counted(void **state)
{
    (void)state;
    struct reply *before = expect(http_get("/metrics"), 200);
    long job = start_job(ENDLESS);
    await_epoch(run_of(job, 0), 1);
    expect(http_call("POST", "/v1/jobs/%ld/pause", job), 200);
    await_status(job, "paused");
    struct reply *after = expect(http_get("/metrics"), 200);
    assert_true(sample(after, "mlpd_checkpoints_total") == sample(before, "mlpd_checkpoints_total") + 1);
    assert_true(sample(after, "mlpd_checkpoint_seconds_total") > sample(before, "mlpd_checkpoint_seconds_total"));
    cancel_job(job);
}

/* ---- schema ------------------------------------------------------------------------------------------------------- */

static const cJSON *get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static void check_no_duplicates(struct reply *r, const cJSON *v)
{
    const cJSON *a, *b;
    cJSON_ArrayForEach(a, v) {
        for (b = a->next; cJSON_IsObject(v) && b; b = b->next)
            if (strcmp(a->string, b->string) == 0)
                fail_reply(__FILE__, __LINE__, r, "the member \"%s\" is there twice", a->string);
        check_no_duplicates(r, a);
    }
}

static void schema_is_a_json_schema(void **state)
{
    (void)state;
    struct reply *r = expect(http_get("/v1/schema"), 200);
    const cJSON *required, *property;
    assert_string_equal(http_header(r, "Content-Type"), "application/json");
    check_no_duplicates(r, json_of(r));
    assert_string_equal(text(r, "/$schema"), "https://json-schema.org/draft/2020-12/schema");
    assert_string_equal(text(r, "/type"), "object");
    assert_false(flag(r, "/additionalProperties"));
    assert_int_equal(count(r, "/required"), 2);
    cJSON_ArrayForEach(required, at(r, "/required"))
        assert_non_null(get(at(r, "/properties"), required->valuestring));
    cJSON_ArrayForEach(property, at(r, "/properties"))
        assert_true(cJSON_IsString(get(property, "description")));
}

/* Whether the value is what the default becomes once the schema's own defaults are filled in. A default of null stands
 * for one that depends on other fields: the description must then name the number. */
static bool is_default(const cJSON *schema, const cJSON *fallback, const cJSON *value)
{
    const cJSON *properties = get(schema, "properties"), *p;
    if (properties && cJSON_IsObject(fallback)) {
        cJSON_ArrayForEach(p, properties) {
            const cJSON *given = get(fallback, p->string), *v = get(value, p->string);
            if (v && !is_default(p, given ? given : get(p, "default"), v))
                return false;
        }
        return true;
    }
    if (get(schema, "items") && cJSON_IsArray(fallback)) {
        if (cJSON_GetArraySize(fallback) != cJSON_GetArraySize(value))
            return false;
        for (int i = 0; i < cJSON_GetArraySize(value); i++)
            if (!is_default(get(schema, "items"), cJSON_GetArrayItem(fallback, i), cJSON_GetArrayItem(value, i)))
                return false;
        return true;
    }
    if (cJSON_IsNull(fallback) && cJSON_IsNumber(value)) {
        char figure[40];
        snprintf(figure, sizeof figure, "%g", value->valuedouble);
        const char *description = get(schema, "description")->valuestring;
        char *zero = strstr(figure, "e-0"); /* 1e-08 is written 1e-8 */
        if (zero)
            memmove(zero + 2, zero + 3, strlen(zero + 2));
        return strstr(description, figure) != NULL;
    }
    return json_same(fallback, value);
}

/* Every member of the value is in the schema, down to the leaves; `seen` collects their names. */
static void check_known(struct reply *r, const cJSON *schema, const cJSON *value, char **seen)
{
    const cJSON *m;
    if (cJSON_IsArray(value) && get(schema, "items") && get(get(schema, "items"), "properties")) {
        cJSON_ArrayForEach(m, value)
            check_known(r, get(schema, "items"), m, seen);
        return;
    }
    if (!get(schema, "properties"))
        return;
    cJSON_ArrayForEach(m, value) {
        const cJSON *p = get(get(schema, "properties"), m->string);
        if (!p)
            fail_reply(__FILE__, __LINE__, r, "the schema does not know \"%s\"", m->string);
        append(seen, " %s ", m->string);
        check_known(r, p, m, seen);
    }
}

static void check_all_seen(struct reply *r, const cJSON *schema, const char *seen)
{
    const cJSON *p;
    char name[80];
    if (get(schema, "items"))
        check_all_seen(r, get(schema, "items"), seen);
    cJSON_ArrayForEach(p, get(schema, "properties")) {
        snprintf(name, sizeof name, " %s ", p->string);
        if (!strstr(seen, name))
            fail_reply(__FILE__, __LINE__, r, "no job came back with \"%s\"", p->string);
        check_all_seen(r, p, seen);
    }
}

/* The members of the value are the schema's defaults, but for those that were given. */
static void check_defaults(struct reply *r, const cJSON *schema, const cJSON *value, const char *given)
{
    const cJSON *m;
    cJSON_ArrayForEach(m, value) {
        const cJSON *p = get(get(schema, "properties"), m->string), *fallback = get(p, "default");
        if (strstr(given, m->string))
            continue;
        if (!fallback || !is_default(p, fallback, m))
            fail_reply(__FILE__, __LINE__, r, "\"%s\" is not the schema's default", m->string);
    }
}

/* Objects that have other fields, or any, once something is chosen. */
static void check_with_others(struct reply *schema, char **seen)
{
    const cJSON *schedule;
    struct reply *r;
    cJSON_ArrayForEach(schedule, at(schema, "/properties/schedule/properties/name/enum")) {
        r = expect(http_post("/v1/jobs?dry_run=true", "{\"dataset\":\"penguins\",\"target\":\"sex\",\"schedule\":{\"name\":"
                             "\"%s\"}}", schedule->valuestring), 200);
        check_known(r, json_of(schema), at(r, "/job"), seen);
        check_defaults(r, at(schema, "/properties/schedule"), at(r, "/job/schedule"), "name");
    }
    r = expect(http_post("/v1/jobs?dry_run=true", "{\"dataset\":\"penguins\",\"target\":\"year\",\"task\":\"regression\","
                         "\"loss\":\"huber\",\"early_stopping\":{}}"), 200);
    check_known(r, json_of(schema), at(r, "/job"), seen);
    check_defaults(r, json_of(schema), at(r, "/job"), "dataset target task loss early_stopping");
    check_defaults(r, at(schema, "/properties/early_stopping"), at(r, "/job/early_stopping"), "");
}

static void every_default_of_the_schema_comes_back_filled_in(void **state)
{
    (void)state;
    char *seen = NULL;
    const cJSON *optimizer;
    struct reply *schema = expect(http_get("/v1/schema"), 200);
    struct reply *r = expect(
        http_post("/v1/jobs?dry_run=true", "{\"dataset\":\"penguins\",\"target\":\"sex\"}"), 200);
    check_known(r, json_of(schema), at(r, "/job"), &seen);
    check_defaults(r, json_of(schema), at(r, "/job"), "dataset target");
    cJSON_ArrayForEach(optimizer, at(schema, "/properties/optimizer/properties/name/enum")) {
        r = expect(http_post("/v1/jobs?dry_run=true",
                             "{\"dataset\":\"penguins\",\"target\":\"sex\",\"optimizer\":{\"name\":\"%s\"}}",
                             optimizer->valuestring), 200);
        check_known(r, json_of(schema), at(r, "/job"), &seen);
        check_defaults(r, at(schema, "/properties/optimizer"), at(r, "/job/optimizer"), "name");
    }
    r = expect(http_post("/v1/jobs?dry_run=true", "{\"dataset\":\"penguins\",\"target\":\"sex\",\"network\":{\"hidden\":"
                                                  "[{\"units\":3,\"activation\":\"leaky_relu\"}]}}"), 200);
    check_known(r, json_of(schema), at(r, "/job"), &seen);
    check_defaults(r, at(schema, "/properties/network/properties/hidden/items"), at(r, "/job/network/hidden/0"),
                   "units activation");
    r = expect(http_post("/v1/jobs?dry_run=true", "{\"dataset\":\"penguins\",\"target\":\"sex\",\"search\":{\"parameters\":"
                                                  "{\"/seed\":{\"uniform\":[1,9]}}},\"halving\":{}}"), 200);
    check_defaults(r, at(schema, "/properties/halving"), at(r, "/job/halving"), "");
    check_known(r, json_of(schema), at(r, "/job"), &seen);
    check_defaults(r, at(schema, "/properties/search"), at(r, "/job/search"), "parameters");
    long run = train("{\"dataset\":\"penguins\",\"target\":\"sex\",\"epochs\":1}");
    r = expect(http_post("/v1/jobs?dry_run=true",
                         "{\"dataset\":\"penguins\",\"target\":\"sex\",\"initial\":{\"run\":%ld}}", run), 200);
    check_known(r, json_of(schema), at(r, "/job"), &seen);
    static const char *const validations[] = {"\"folds\":3", "\"folds\":3,\"fold\":2", "\"dataset\":\"more\"",
                                              "\"column\":\"year\",\"value\":2007,\"train_value\":2008"};
    size_t length;
    char *csv = penguins_csv(&length);
    expect(http_post_csv("/v1/datasets?name=more", csv), 201);
    test_free(csv);
    for (size_t i = 0; i < COUNT(validations); i++) {
        r = expect(http_post("/v1/jobs?dry_run=true", "{\"dataset\":\"penguins\",\"target\":\"sex\",\"validation\":{%s}}",
                             validations[i]), 200);
        check_known(r, json_of(schema), at(r, "/job"), &seen);
        check_defaults(r, at(schema, "/properties/validation"), at(r, "/job/validation"), validations[i]);
    }
    check_with_others(schema, &seen);
    check_all_seen(schema, json_of(schema), seen);
    free(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(is_healthy_and_ready),
        TEST(metrics_are_prometheus_text_and_counters_grow),
        TEST_OF_WORK(checkpoints_are_counted),
        TEST(schema_is_a_json_schema),
        TEST(every_default_of_the_schema_comes_back_filled_in),
    };
    return cmocka_run_group_tests(tests, daemon_setup_with_penguins, daemon_teardown);
}
