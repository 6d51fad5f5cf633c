/* What may be asked of /v1/stream, and what is refused. */
#include "support/api.h"

static void bad_queries_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *query, *detail;
    } bad[] = {
        {"jobs=", "jobs must be 1..100 ids with commas between, such as 3,4; got \"\""},
        {"jobs=x", "jobs must be"}, {"jobs=1,", "jobs must be"}, {"jobs=,1", "jobs must be"}, {"jobs=1,,2", "jobs must be"},
        {"jobs=-1", "jobs must be"}, {"jobs=1.5", "jobs must be"}, {"jobs=1234567890123456789", "jobs must be"},
        {"runs=1%202", "runs must be"}, {"runs=0x1", "runs must be"},
        {"events=", "events must be some of job,run,epoch"}, {"events=jobs", "events must be"}, {"events=job,", "events must be"},
        {"last_event_id=x", "last_event_id must be the id of an event"},
        {"last_event_id=-1", "last_event_id must be"}, {"last_event_id=1234567890123456789", "last_event_id must be"},
        {"jobs=1&jobs=2", "may come once only"}, {"job=1", "did you mean \"jobs\"?"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct reply *r = expect_problem(http_get("/v1/stream?%s", bad[i].query), 400, "query");
        if (!strstr(text(r, "/detail"), bad[i].detail))
            fail_reply(__FILE__, __LINE__, r, "detail lacks: %s", bad[i].detail);
    }
    struct reply *r = http_send(&(struct request){.path = "/v1/stream", .header = {"Last-Event-ID: seven"}});
    expect_problem(r, 400, "malformed");
    assert_non_null(strstr(text(r, "/detail"), "Last-Event-ID must be"));
}

static void lists_of_ids_have_a_limit(void **state)
{
    (void)state;
    char *list = NULL;
    finish_job(start_job("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1}")); /* job 1, run 1 */
    for (int i = 1; i <= 100; i++)
        append(&list, "%s1", i > 1 ? "," : "");
    struct stream *s = stream_open(-1, "/v1/stream?jobs=%s&runs=%s", list, list);
    stream_close(s);
    append(&list, ",1");
    expect_problem(http_get("/v1/stream?runs=%s", list), 400, "query");
    free(list);
}

static void unknown_ids_are_404(void **state)
{
    (void)state;
    struct reply *r = expect_problem(http_get("/v1/stream?jobs=1,999999"), 404, "not_found");
    assert_non_null(strstr(text(r, "/detail"), "job 999999"));
    r = expect_problem(http_get("/v1/stream?runs=888888"), 404, "not_found");
    assert_non_null(strstr(text(r, "/detail"), "run 888888"));
}

static void other_methods(void **state)
{
    (void)state;
    struct reply *r = expect(http_call("HEAD", "/v1/stream"), 200);
    assert_string_equal(http_header(r, "Content-Type"), "text/event-stream");
    assert_string_equal(http_header(r, "Cache-Control"), "no-store");
    r = expect(http_call("OPTIONS", "/v1/stream"), 204);
    assert_string_equal(http_header(r, "Allow"), "GET, HEAD, OPTIONS");
    expect_problem(http_call("DELETE", "/v1/stream"), 405, "method");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bad_queries_are_named),
        TEST(lists_of_ids_have_a_limit),
        TEST(unknown_ids_are_404),
        TEST(other_methods),
    };
    return cmocka_run_group_tests(tests, daemon_setup_with_penguins, daemon_teardown);
}
