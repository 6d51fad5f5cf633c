/* Every route with every method: what is allowed, what a HEAD, an OPTIONS and a conditional GET answer, and what is not
 * there. Bodies are looked at elsewhere. */
#include "support/api.h"

/* One dataset (1, penguins), one job (1) with one run (1) that has succeeded. */
static const struct route {
    const char *path, *allow, *type; /* type of a GET's reply; NULL: no GET */
    bool tagged;                     /* a GET sends an ETag */
} routes[] = {
    {"/v1/datasets", "GET, HEAD, POST, OPTIONS", "application/json", true},
    {"/v1/datasets/penguins", "GET, HEAD, DELETE, OPTIONS", "application/json", true},
    {"/v1/datasets/1", "GET, HEAD, DELETE, OPTIONS", "application/json", true},
    {"/v1/datasets/penguins/rows", "GET, HEAD, OPTIONS", "application/json", true},
    {"/v1/jobs", "GET, HEAD, POST, OPTIONS", "application/json", true},
    {"/v1/jobs/1", "GET, HEAD, PATCH, DELETE, OPTIONS", "application/json", true},
    {"/v1/jobs/1/runs", "GET, HEAD, OPTIONS", "application/json", true},
    {"/v1/jobs/1/cancel", "POST, OPTIONS", NULL, false},
    {"/v1/jobs/1/pause", "POST, OPTIONS", NULL, false},
    {"/v1/jobs/1/resume", "POST, OPTIONS", NULL, false},
    {"/v1/runs/1", "GET, HEAD, OPTIONS", "application/json", true},
    {"/v1/runs/1/epochs", "GET, HEAD, OPTIONS", "application/json", true},
    {"/v1/runs/1/layers", "GET, HEAD, OPTIONS", "application/json", true},
    {"/v1/runs/1/evaluation", "GET, HEAD, OPTIONS", "application/json", true},
    {"/v1/runs/1/features", "GET, HEAD, OPTIONS", "application/json", true},
    {"/v1/runs/1/model", "GET, HEAD, OPTIONS", "application/octet-stream", true},
    {"/v1/runs/1/predict", "POST, OPTIONS", NULL, false},
    {"/v1/schema", "GET, HEAD, OPTIONS", "application/json", true},
    {"/healthz", "GET, HEAD, OPTIONS", "application/json", false},
    {"/readyz", "GET, HEAD, OPTIONS", "application/json", false},
    {"/metrics", "GET, HEAD, OPTIONS", "text/plain; version=0.0.4; charset=utf-8", false},
};

static bool allows(const struct route *route, const char *method)
{
    char list[100], *rest = list;
    snprintf(list, sizeof list, "%s", route->allow);
    for (char *name; (name = strsep(&rest, ", "));)
        if (strcmp(name, method) == 0)
            return true;
    return false;
}

/* Allow is a list without order. */
static void check_allow(struct reply *r, const struct route *route)
{
    char list[100], *rest = list;
    int found = 0, wanted = 0;
    snprintf(list, sizeof list, "%s", http_header(r, "Allow"));
    for (const char *p = route->allow; *p; p++)
        wanted += *p == ',';
    for (char *name; (name = strsep(&rest, ","));) {
        name += strspn(name, " ");
        if (!allows(route, name))
            fail_reply(__FILE__, __LINE__, r, "Allow has %s", name);
        found++;
    }
    if (found != wanted + 1)
        fail_reply(__FILE__, __LINE__, r, "Allow is \"%s\" instead of \"%s\"", http_header(r, "Allow"), route->allow);
}

static void gets_answer_with_their_content_types(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(routes); i++) {
        if (!routes[i].type)
            continue;
        struct reply *r = expect(http_get("%s", routes[i].path), 200);
        assert_string_equal(http_header(r, "Content-Type"), routes[i].type);
        assert_true(r->length > 0);
        if (strcmp(routes[i].type, "application/json") == 0)
            assert_true(cJSON_IsObject(json_of(r)));
    }
}

/* As GET, without the body (check_reply sees to that). */
static void heads_answer_as_gets(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(routes); i++) {
        struct reply *r = http_call("HEAD", "%s", routes[i].path);
        if (!routes[i].type) {
            expect(r, 405);
            continue;
        }
        struct reply *get = http_get("%s", routes[i].path);
        expect(r, get->status);
        assert_string_equal(http_header(r, "Content-Type"), http_header(get, "Content-Type"));
        assert_string_equal(http_header(r, "ETag"), http_header(get, "ETag"));
        if (routes[i].tagged)
            assert_string_equal(http_header(r, "Content-Length"), http_header(get, "Content-Length"));
    }
    expect(http_call("HEAD", "/v1/jobs/999"), 404);
    expect(http_call("HEAD", "/v1/jobs?limit=x"), 400);
}

static void options_list_the_methods(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(routes); i++)
        check_allow(expect(http_call("OPTIONS", "%s", routes[i].path), 204), &routes[i]);
    check_allow(expect(http_call("OPTIONS", "/v1/jobs/999"), 204), &routes[5]);
}

static void other_methods_are_405(void **state)
{
    (void)state;
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW", "get"};
    for (size_t i = 0; i < COUNT(routes); i++)
        for (size_t m = 0; m < COUNT(methods); m++)
            if (!allows(&routes[i], methods[m]))
                check_allow(expect_problem(http_call(methods[m], "%s", routes[i].path), 405, NULL), &routes[i]);
}

/* A wrong method with a body: still 405, and the connection goes on or ends, but never takes the body for a request. */
static void other_methods_with_bodies_are_405(void **state)
{
    (void)state;
    static const char body[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    for (size_t i = 0; i < COUNT(routes); i++)
        expect(http_send(&(struct request){.method = "PUT", .path = routes[i].path, .type = "text/plain", .body = body}), 405);
}

static void unknown_paths_are_404(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/v1", "/v1/", "/v2/jobs", "/v1/job", "/v1/jobs/", "/v1/jobs/1/", "/v1/jobs/1/runs/1", "/V1/jobs", "/v1//jobs",
        "//v1/jobs", "/v1/jobs/1/epochs", "/v1/runs", "/v1/models", "/healthz/", "/index.html", "/favicon.ico", "/v1/jobs%2f1",
        "/v1/datasets/../jobs/..", "/etc/passwd", "/..%2f..%2fetc/passwd",
    };
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < COUNT(paths); i++)
        for (size_t m = 0; m < COUNT(methods); m++)
            expect(http_call(methods[m], "%s", paths[i]), 404);
    expect_problem(http_get("/v1/nothing"), 404, "not_found");
}

/* What is not built yet must be refused cleanly, whichever way. */
static void later_routes_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
    } later[] = {
        {"GET", "/openapi.json"},
    };
    for (size_t i = 0; i < COUNT(later); i++) {
        struct reply *r = http_call(later[i].method, "%s", later[i].path);
        if (r->status != 404 && r->status != 405 && r->status >= 400)
            fail_reply(__FILE__, __LINE__, r, "neither there nor refused");
    }
}

static void unknown_ids_are_404(void **state)
{
    (void)state;
    static const struct {
        const char *method, *format;
    } calls[] = {
        {"GET", "/v1/datasets/%s"}, {"GET", "/v1/datasets/%s/rows"}, {"DELETE", "/v1/datasets/%s"}, {"GET", "/v1/jobs/%s"},
        {"GET", "/v1/jobs/%s/runs"}, {"POST", "/v1/jobs/%s/cancel"},
        {"POST", "/v1/jobs/%s/pause"}, {"POST", "/v1/jobs/%s/resume"}, {"DELETE", "/v1/jobs/%s"}, {"GET", "/v1/runs/%s"},
        {"GET", "/v1/runs/%s/epochs"}, {"GET", "/v1/runs/%s/layers"}, {"GET", "/v1/runs/%s/evaluation"},
        {"GET", "/v1/runs/%s/model"}, {"GET", "/v1/jobs/%s?wait=5"}, {"GET", "/v1/runs/%s?wait=5"},
    };
    static const char *const ids[] = {"999", "0", "-1", "1.0", "1e0", "+1", "0x1", "nothing", "..", "%2e%2e", "1%20", "%201",
                                      "9223372036854775807", "9223372036854775808", "99999999999999999999999999", "1;2",
                                      "%27%20OR%201=1--", "..%2f..%2fmlpd.db", "%E2%82%AC"};
    for (size_t c = 0; c < COUNT(calls); c++)
        for (size_t i = 0; i < COUNT(ids); i++) {
            char path[100], *id = strstr(strcpy(path, calls[c].format), "%s"), rest[40];
            snprintf(rest, sizeof rest, "%s", id + 2);
            snprintf(id, sizeof path - (size_t)(id - path), "%s%s", ids[i], rest);
            expect_problem(http_call(calls[c].method, "%s", path), 404, "not_found");
        }
    for (size_t i = 0; i < COUNT(ids); i++) {
        char path[100];
        snprintf(path, sizeof path, "/v1/runs/%s/predict", ids[i]);
        expect_problem(http_post(path, "{\"instances\":[]}"), 404, "not_found");
        expect_problem(http_post_csv(path, "year\n2007\n"), 404, "not_found");
    }
}

static void unknown_query_parameters_are_400(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(routes); i++) {
        if (!routes[i].type)
            continue;
        expect_problem(http_get("%s?bogus=1", routes[i].path), 400, "query");
        expect_problem(http_get("%s?=1", routes[i].path), 400, NULL);
    }
    expect_problem(http_call("DELETE", "/v1/jobs/1?force=true"), 400, "query");
    expect_problem(http_call("POST", "/v1/jobs/1/cancel?force=true"), 400, "query");
    struct reply *r = expect_problem(http_get("/v1/jobs?limt=5"), 400, "query");
    assert_non_null(strstr(text(r, "/detail"), "\"limit\""));
}

/* RFC 9110, 13.1.2: weak comparison, lists, and "*". */
static void known_tags_are_304(void **state)
{
    (void)state;
    static const char *const before[] = {"", "W/", "\"other\", ", "\"a\",\"b\" , W/"};
    for (size_t i = 0; i < COUNT(routes); i++) {
        struct request q = {.path = routes[i].path};
        char header[200], etag[120];
        if (!routes[i].tagged)
            continue;
        struct reply *r = expect(http_send(&q), 200);
        snprintf(etag, sizeof etag, "%s", http_header(r, "ETag"));
        if (etag[0] != '"' || strlen(etag) < 3)
            fail_reply(__FILE__, __LINE__, r, "no ETag");
        q.header[0] = header;
        for (size_t f = 0; f < COUNT(before); f++) {
            snprintf(header, sizeof header, "If-None-Match: %s%s", before[f], etag);
            r = expect(http_send(&q), 304);
            assert_string_equal(http_header(r, "ETag"), etag);
        }
        q.header[0] = "If-None-Match: *";
        expect(http_send(&q), 304);
        q.header[0] = "If-None-Match: \"other\"";
        expect(http_send(&q), 200);
    }
}

static void every_reply_has_its_own_request_id(void **state)
{
    (void)state;
    char ids[50][17];
    for (size_t i = 0; i < COUNT(ids); i++) {
        struct reply *r = http_get(i % 2 ? "/healthz" : "/v1/nothing");
        snprintf(ids[i], sizeof ids[i], "%s", http_header(r, "X-Request-Id"));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(ids[i], ids[k]);
    }
}

static int setup(void **state)
{
    daemon_setup_with_penguins(state);
    assert_int_equal(train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":2}"), 1);
    return http_forget(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gets_answer_with_their_content_types),
        TEST(heads_answer_as_gets),
        TEST(options_list_the_methods),
        TEST(other_methods_are_405),
        TEST(other_methods_with_bodies_are_405),
        TEST(unknown_paths_are_404),
        TEST(later_routes_are_refused),
        TEST(unknown_ids_are_404),
        TEST(unknown_query_parameters_are_400),
        TEST(known_tags_are_304),
        TEST(every_reply_has_its_own_request_id),
    };
    return cmocka_run_group_tests(tests, setup, daemon_teardown);
}
