/* Every limit of a job, at the limit and one beyond, as /v1/schema states them; and the limits that it cannot state. */
#include "support/api.h"

#include <float.h>
#include <math.h>

#define DRY "/v1/jobs?dry_run=true"

/* ---- the schema's ranges, one by one ------------------------------------------------------------------------------ */

/* A job with this field, of which `value` is the text, at the pointer. */
struct place {
    const char *format; /* of the job's own members, one %s */
    const char *pointer;
};

static struct reply *post_field(const struct place *p, const char *value)
{
    char fields[400], body[500];
    const char *hole = strstr(p->format, "%s");
    snprintf(fields, sizeof fields, "%.*s%s%s", (int)(hole - p->format), p->format, value, hole + 2);
    snprintf(body, sizeof body, "{\"dataset\":\"penguins\",\"target\":\"species\",%s}", fields);
    return http_post(DRY, "%s", body);
}

static void expect_fine(const struct place *p, double value)
{
    char figure[40];
    snprintf(figure, sizeof figure, "%.17g", value);
    struct reply *r = post_field(p, figure);
    if (r->status != 200)
        fail_reply(__FILE__, __LINE__, r, "%s is inside the limits of %s", figure, p->pointer);
    if (number(r, "/job%s", p->pointer) != value)
        fail_reply(__FILE__, __LINE__, r, "%s is not kept at %s", figure, p->pointer);
}

static void expect_beyond(const struct place *p, double value)
{
    char figure[40];
    snprintf(figure, sizeof figure, "%.17g", value);
    struct reply *r = post_field(p, figure);
    expect_violation(r, p->pointer, "range");
    assert_int_equal(count(r, "/errors"), 1);
}

static double next(double value, double way, bool whole)
{
    return whole ? value + way : nextafter(value, way * DBL_MAX);
}

/* The schema of a job's field by its pointer in a job. */
static const cJSON *schema_of(struct reply *schema, const char *pointer)
{
    const cJSON *s = json_of(schema);
    char copy[100], *rest = copy + 1;
    snprintf(copy, sizeof copy, "%s", pointer);
    for (char *key; s && (key = strsep(&rest, "/"));)
        s = strspn(key, "0123456789") ? cJSON_GetObjectItemCaseSensitive(s, "items")
                                      : cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(s, "properties"),
                                                                         key);
    if (!s)
        fail_reply(__FILE__, __LINE__, schema, "no schema of %s", pointer);
    return s;
}

static void check_range(struct reply *schema, const struct place *p)
{
    const cJSON *s = schema_of(schema, p->pointer), *type = cJSON_GetObjectItemCaseSensitive(s, "type");
    bool whole = cJSON_IsString(type) && strcmp(type->valuestring, "integer") == 0;
    const cJSON *least = cJSON_GetObjectItemCaseSensitive(s, "minimum");
    const cJSON *above = cJSON_GetObjectItemCaseSensitive(s, "exclusiveMinimum");
    const cJSON *most = cJSON_GetObjectItemCaseSensitive(s, "maximum");
    if ((!least && !above) || !most)
        fail_reply(__FILE__, __LINE__, schema, "no range of %s", p->pointer);
    if (least) {
        expect_fine(p, least->valuedouble);
        expect_beyond(p, next(least->valuedouble, -1, whole));
    } else {
        expect_fine(p, next(above->valuedouble, 1, whole));
        expect_beyond(p, above->valuedouble);
    }
    expect_fine(p, most->valuedouble);
    expect_beyond(p, next(most->valuedouble, 1, whole));
    expect_beyond(p, -1e300);
    expect_beyond(p, 1e300);
}

static const struct place ranges[] = {
    {"\"validation\":{\"fraction\":%s}", "/validation/fraction"},
    {"\"network\":{\"hidden\":[{\"units\":1},{\"units\":%s}]}", "/network/hidden/1/units"},
    {"\"network\":{\"hidden\":[{\"units\":1,\"activation\":\"leaky_relu\",\"negative_slope\":%s}]}",
     "/network/hidden/0/negative_slope"},
    {"\"optimizer\":{\"learning_rate\":%s}", "/optimizer/learning_rate"},
    {"\"optimizer\":{\"name\":\"momentum\",\"momentum\":%s}", "/optimizer/momentum"},
    {"\"optimizer\":{\"name\":\"rmsprop\",\"rho\":%s}", "/optimizer/rho"},
    {"\"optimizer\":{\"beta1\":%s}", "/optimizer/beta1"},
    {"\"optimizer\":{\"beta2\":%s}", "/optimizer/beta2"},
    {"\"optimizer\":{\"epsilon\":%s}", "/optimizer/epsilon"},
    {"\"epochs\":%s", "/epochs"},
    {"\"seed\":%s", "/seed"},
};

static void every_number_has_the_range_that_the_schema_states(void **state)
{
    (void)state;
    struct reply *schema = expect(http_get("/v1/schema"), 200);
    for (size_t i = 0; i < COUNT(ranges); i++)
        check_range(schema, &ranges[i]);
}

static void the_contracts_own_limits_are_the_schemas(void **state)
{
    (void)state;
    static const struct {
        const char *pointer, *key;
        double limit;
    } limits[] = {
        {"/network/hidden/0/units", "maximum", 65536}, {"/network/hidden", "maxItems", 64}, {"/epochs", "maximum", 1000000},
        {"/epochs", "minimum", 1}, {"/network/hidden/0/units", "minimum", 1}, {"/seed", "minimum", 0},
        {"/features", "maxItems", 4096},
    };
    struct reply *schema = expect(http_get("/v1/schema"), 200);
    for (size_t i = 0; i < COUNT(limits); i++) {
        const cJSON *v = cJSON_GetObjectItemCaseSensitive(schema_of(schema, limits[i].pointer), limits[i].key);
        if (!cJSON_IsNumber(v) || v->valuedouble != limits[i].limit)
            fail_reply(__FILE__, __LINE__, schema, "%s of %s is not %g", limits[i].key, limits[i].pointer, limits[i].limit);
    }
}

static void batch_size_and_threads_have_ranges_too(void **state)
{
    (void)state;
    static const struct {
        struct place place;
        double least, most;
    } cases[] = {{{"\"batch_size\":%s", "/batch_size"}, 1, 4294967295}, {{"\"threads\":%s", "/threads"}, 1, 256}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        expect_fine(&cases[i].place, cases[i].least);
        expect_fine(&cases[i].place, cases[i].most);
        expect_beyond(&cases[i].place, cases[i].least - 1);
        expect_beyond(&cases[i].place, cases[i].most + 1);
        expect_beyond(&cases[i].place, -1e300);
        expect_beyond(&cases[i].place, 1e300);
    }
}

/* ---- lengths ------------------------------------------------------------------------------------------------------ */

static struct reply *post_job(const char *fields)
{
    char *body = NULL;
    append(&body, "{\"dataset\":\"penguins\",\"target\":\"species\",%s}", fields);
    struct reply *r = http_send(&(struct request){.path = DRY, .type = "application/json", .body = body});
    free(body);
    return r;
}

/* {before, item, between, ..., after}, `items` times */
static struct reply *post_repeated(const char *before, const char *item, const char *between, const char *after, int items)
{
    char *fields = NULL;
    append(&fields, "%s", before);
    for (int i = 0; i < items; i++)
        append(&fields, "%s%s", i ? between : "", item);
    append(&fields, "%s", after);
    struct reply *r = post_job(fields);
    free(fields);
    return r;
}

static void lists_and_texts_have_lengths(void **state)
{
    (void)state;
    struct reply *r = expect(post_repeated("\"network\":{\"hidden\":[", "{\"units\":2}", ",", "]}", 64), 200);
    assert_int_equal(count(r, "/job/network/hidden"), 64);
    expect_violation(post_repeated("\"network\":{\"hidden\":[", "{\"units\":2}", ",", "]}", 65), "/network/hidden", "length");
    expect(post_repeated("\"network\":{\"hidden\":[", "", "", "]}", 0), 200);
    expect(post_repeated("\"name\":\"", "\xc3\xbc", "", "\"", 200), 200);
    expect_violation(post_repeated("\"name\":\"", "\xc3\xbc", "", "\"", 201), "/name", "length");
    expect(post_repeated("\"name\":\"", "", "", "\"", 0), 200);
    expect_violation(post_repeated("\"features\":[", "", "", "]", 0), "/features", "length");
    expect_violation(post_repeated("\"features\":[", "\"island\"", ",", "]", 4097), "/features", "length");
}

static void a_grid_has_at_most_16_axes(void **state)
{
    (void)state;
    char *axes = NULL;
    for (int i = 0; i < 16; i++)
        append(&axes, "%s\"/network/hidden/%d/units\":[2]", i ? "," : "", i);
    char *fields = NULL;
    append(&fields, "\"network\":{\"hidden\":[");
    for (int i = 0; i < 17; i++)
        append(&fields, "%s{\"units\":1}", i ? "," : "");
    append(&fields, "]},\"grid\":{%s}", axes);
    expect(post_job(fields), 200);
    char *last = strrchr(fields, '}');
    *last = '\0';
    append(&fields, ",\"/network/hidden/16/units\":[2]}");
    expect_violation(post_job(fields), "/grid", "length");
    free(fields);
    free(axes);
}

/* 1e8 weights and biases: over it nothing is allocated. */
static void networks_have_at_most_1e8_parameters(void **state)
{
    (void)state;
    struct reply *r = expect(post_job("\"network\":{\"hidden\":[{\"units\":9990},{\"units\":9979}]}"), 200);
    assert_true(number(r, "/parameters") <= 1e8 && number(r, "/parameters") > 99.8e6);
    expect_violation(post_job("\"network\":{\"hidden\":[{\"units\":10000},{\"units\":9990}]}"), "/network", "range");
    expect_violation(post_repeated("\"network\":{\"hidden\":[", "{\"units\":65536}", ",", "]}", 64), "/network", "range");
    expect_violation(post_job("\"grid\":{\"/network/hidden\":[[{\"units\":65536},{\"units\":65536}],[]]}"),
                     "/grid/~1network~1hidden/0", "range");
}

/* ---- bodies ------------------------------------------------------------------------------------------------------- */

static struct reply *post_padded(size_t length, bool chunked)
{
    static const char job[] = "{\"dataset\":\"penguins\",\"target\":\"species\"}";
    char *body = malloc(length + 1);
    assert_non_null(body);
    memset(body, ' ', length);
    memcpy(body, job, sizeof job - 1);
    body[length] = '\0';
    struct reply *r = http_send(&(struct request){.path = DRY, .type = "application/json", .body = body, .length = length,
                                                  .chunked = chunked});
    free(body);
    return r;
}

static void json_bodies_have_at_most_1_mib(void **state)
{
    (void)state;
    for (int chunked = 0; chunked < 2; chunked++) {
        expect(post_padded((1 << 20) - 1, chunked), 200);
        expect(post_padded(1 << 20, chunked), 200);
        expect_problem(post_padded((1 << 20) + 1, chunked), 413, "too_large");
        expect_problem(post_padded(3 << 20, chunked), 413, "too_large");
    }
}

static void json_nests_at_most_32_deep(void **state)
{
    (void)state;
    char body[200];
    for (int depth = 31; depth <= 34; depth++) {
        memset(body, '[', (size_t)depth);
        memset(body + depth, ']', (size_t)depth);
        body[2 * depth] = '\0';
        struct reply *r = http_post("/v1/jobs", "%s", body);
        if (depth <= 32)
            expect_violation(r, "", "type");
        else
            expect_problem(r, 400, "malformed");
    }
}

/* A reader of its own reads these. */
static void predictions_in_json_have_at_most_1_mib(void **state)
{
    (void)state;
    static const char instances[] = "{\"instances\":[{\"year\":2007}]}";
    size_t length = (1 << 20) + 1;
    char *body = malloc(length), path[200];
    assert_non_null(body);
    memset(body, ' ', length);
    memcpy(body, instances, sizeof instances - 1);
    snprintf(path, sizeof path, "/v1/runs/%ld/predict", train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1}"));
    struct reply *r = expect(http_send(&(struct request){.path = path, .type = "application/json", .body = body,
                                                         .length = length - 1}), 200);
    assert_int_equal(count(r, "/predictions"), 1);
    expect_problem(http_send(&(struct request){.path = path, .type = "application/json", .body = body, .length = length}), 413,
                   "too_large");
    free(body);
}

static void predictions_in_csv_have_at_most_64_mib(void **state)
{
    (void)state;
    size_t length = (64u << 20) + 1;
    char *body = malloc(length), head[200];
    assert_non_null(body);
    memset(body, '\n', length);
    memcpy(body, "year\n", 5);
    long run = train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1}");
    snprintf(head, sizeof head, "/v1/runs/%ld/predict", run);
    expect(http_send(&(struct request){.path = head, .type = "text/csv", .body = body, .length = length - 1}), 200);
    expect_problem(http_send(&(struct request){.path = head, .type = "text/csv", .body = body, .length = length}), 413,
                   "too_large");
    free(body);
}

/* ---- the queue ---------------------------------------------------------------------------------------------------- */

/* 10 000 runs wait at most: another job is to come later. */
static void a_full_queue_is_503(void **state)
{
    (void)state;
    long busy = start_job(ENDLESS);
    await_status(busy, "running");
    char *seeds = NULL;
    for (int i = 1; i <= 100; i++)
        append(&seeds, "%s%d", i > 1 ? "," : "", i);
    struct reply *r = expect(http_post("/v1/jobs",
                                       "{\"dataset\":\"penguins\",\"target\":\"species\",\"grid\":{\"/seed\":[%s],"
                                       "\"/epochs\":[%s]}}",
                                       seeds, seeds), 202);
    free(seeds);
    long job = whole(r, "/id");
    assert_true(number(r, "/runs/total") == 10000 && number(r, "/runs/queued") == 10000);
    r = expect_problem(http_post("/v1/jobs", ENDLESS), 503, "unavailable");
    expect(http_post(DRY, ENDLESS), 200);
    r = expect(http_get("/v1/jobs/%ld/runs?order_by=number&desc=true&limit=1", job), 200);
    assert_true(number(r, "/data/0/number") == 10000);
    expect(http_call("POST", "/v1/jobs/%ld/cancel", job), 200);
    cancel_job(busy);
    r = job_get(job);
    assert_string_equal(text(r, "/status"), "cancelled");
    assert_true(number(r, "/runs/cancelled") == 10000);
    expect(http_call("DELETE", "/v1/jobs/%ld", job), 204);
    train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_number_has_the_range_that_the_schema_states),
        TEST(the_contracts_own_limits_are_the_schemas),
        TEST(batch_size_and_threads_have_ranges_too),
        TEST(lists_and_texts_have_lengths),
        TEST(a_grid_has_at_most_16_axes),
        TEST(networks_have_at_most_1e8_parameters),
        TEST(json_bodies_have_at_most_1_mib),
        TEST(json_nests_at_most_32_deep),
        TEST(predictions_in_json_have_at_most_1_mib),
        TEST(predictions_in_csv_have_at_most_64_mib),
        TEST_OF_WORK(a_full_queue_is_503),
    };
    return cmocka_run_group_tests(tests, daemon_setup_one_worker_with_penguins, daemon_teardown);
}
