/* The HTTP server: routes, replies, problems, waiting, starting and stopping. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "http_fixture.h"

/* ---- routing ----------------------------------------------------------------------------------------------------- */

static void routes_and_decodes(void **state)
{
    (void)state;
    static const struct {
        const char *uri, *body;
    } cases[] = {
        {"/", "fixed"},
        {"/things/fixed", "fixed"},
        {"/things/%66ixed", "fixed"},
        {"/things/a%2Fb", "one=a/b"},
        {"/things/%252e%252e", "one=%2e%2e"},
        {"/things/a+b", "one=a+b"},
        {"/things/..", "one=.."},
        {"/things/%C3%BC", "one=\xc3\xbc"},
        {"/things/a%20b/parts/%25", "a b|%"},
        {"/query", "limit=- cursor=-"},
        {"/query?", "limit=- cursor=-"},
        {"/query?limit=5&cursor=a%26b+c%2B", "limit=5 cursor=a&b c+"},
        {"/query?cursor=&&limit", "limit= cursor="},
        {"/query?%6cimit=%3d", "limit== cursor=-"},
        {"http://x/things/7", "one=7"},
        {"http://x", "fixed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char request[256];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n", cases[i].uri);
        struct response r = ask(request);
        assert_int_equal(r.status, 200);
        assert_string_equal(r.body, cases[i].body);
    }
}

static void refuses_bad_uris(void **state)
{
    (void)state;
    static const struct {
        const char *uri;
        int status;
    } cases[] = {
        {"/nothing", 404}, {"/things/", 404}, {"/things/7/", 404},
        {"//things/7", 404}, {"/things//parts/x", 404}, {"/THINGS/7", 404},
        {"/things%2f7", 404}, {"/a/b/c/d/e/f/g/h/i/j/k", 404}, {"/things/%00", 400},
        {"/things/a%0", 400}, {"/things/%zz", 400}, {"/things/%", 400},
        {"/things/%ff", 400}, {"/things/%c0%af", 400}, {"/things/%ed%a0%80", 400},
        {"/nothing/%00", 400}, {"/things/a#b", 400}, {"things/7", 400},
        {"*", 400}, {"/query?limit=%00", 400}, {"/query?limit=1&limit=2", 400},
        {"/query?limits=1", 400}, {"/query?limit=%f", 400}, {"/things/7?limit=1", 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char request[256];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n", cases[i].uri);
        struct response r = ask(request);
        if (r.status != cases[i].status)
            fail_msg("%s: %d instead of %d", cases[i].uri, r.status, cases[i].status);
        assert_string_equal(header(&r, "Content-Type"), "application/problem+json");
    }
    assert_non_null(strstr(GET("/nothing").body, "/nothing"));
    assert_non_null(strstr(GET("/query?limits=1").body, "did you mean \\\"limit\\\""));
    assert_null(strstr(GET("/query?zzzzzzzzzzzz=1").body, "did you mean"));
}

static void refuses_a_nul_in_the_uri(void **state)
{
    (void)state;
    static const char request[] = "GET /things/7\0/parts HTTP/1.1\r\nHost: x\r\n\r\n";
    struct client *c = dial(server);
    say_bytes(c, request, sizeof request - 1);
    assert_int_equal(hear(c, false).status, 400);
    hang_up(c);
}

static void answers_other_methods(void **state)
{
    (void)state;
    struct response r = ask("HEAD /things/7 HTTP/1.1\r\nHost: x\r\n");
    assert_int_equal(r.status, 200);
    assert_string_equal(header(&r, "Content-Length"), "6");
    r = ask("OPTIONS /things/7 HTTP/1.1\r\nHost: x\r\n");
    assert_int_equal(r.status, 204);
    assert_string_equal(header(&r, "Allow"), "GET, HEAD, DELETE, OPTIONS");
    assert_int_equal(ask("OPTIONS /nothing HTTP/1.1\r\nHost: x\r\n").status, 404);
    r = ask("POST /things/7 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n");
    assert_int_equal(r.status, 405);
    assert_string_equal(header(&r, "Allow"), "GET, HEAD, DELETE, OPTIONS");
    r = ask("PUT /things HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n");
    assert_int_equal(r.status, 405);
    assert_string_equal(header(&r, "Allow"), "POST, OPTIONS");
    assert_int_equal(ask("HEAD /things HTTP/1.1\r\nHost: x\r\n").status, 405);
    assert_int_equal(ask("DELETE /things/7 HTTP/1.1\r\nHost: x\r\n").status, 204);
    assert_int_equal(ask("BREW /nothing HTTP/1.1\r\nHost: x\r\n").status, 404);
    r = ask("HEAD /file HTTP/1.1\r\nHost: x\r\n");
    assert_string_equal(header(&r, "Content-Length"), "11");
}

/* ---- replies ----------------------------------------------------------------------------------------------------- */

static void sends_headers_and_bodies(void **state)
{
    (void)state;
    struct response r = GET("/things/7");
    assert_string_equal(header(&r, "Content-Type"), "application/json");
    assert_string_equal(header(&r, "X-Content-Type-Options"), "nosniff");
    assert_string_equal(header(&r, "Cache-Control"), "no-store");
    char id[512];
    snprintf(id, sizeof id, "%s", header(&r, "X-Request-Id"));
    assert_int_equal(strlen(id), 16);
    r = GET("/things/7");
    assert_string_not_equal(header(&r, "X-Request-Id"), id);
    r = GET("/file");
    assert_string_equal(r.body, "from a file");
    assert_string_equal(header(&r, "Content-Disposition"), "attachment; filename=\"x.bin\"");
}

/* They use the same memory. */
static void requests_of_a_connection_leave_nothing_to_the_next(void **state)
{
    (void)state;
    static const size_t lengths[] = {5, 200, 700, 1, 4000, 3};
    struct client *c = dial(server);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char text[4400], expected[4100];
        memset(expected, 'a' + (int)i, lengths[i]);
        expected[lengths[i]] = '\0';
        snprintf(text, sizeof text, "GET /query?limit=%s&cursor=%%41 HTTP/1.1\r\nHost: x\r\n\r\n", expected);
        say(c, text);
        struct response r = hear(c, false);
        assert_int_equal(r.status, 200);
        assert_int_equal(strncmp(r.body, "limit=", 6), 0);
        assert_int_equal(strncmp(r.body + 6, expected, lengths[i]), 0);
        assert_string_equal(r.body + 6 + lengths[i], " cursor=A");
        say(c, "GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_string_equal(hear(c, false).body, "from a file");
        say(c, "GET /query HTTP/1.1\r\nHost: x\r\n\r\n");
        r = hear(c, false);
        assert_string_equal(r.body, "limit=- cursor=-");
        assert_string_equal(header(&r, "Content-Disposition"), "");
    }
    hang_up(c);
}

static void answers_conditions(void **state)
{
    (void)state;
    struct response r = GET("/tagged");
    assert_string_equal(header(&r, "ETag"), "\"abc\"");
    assert_string_equal(header(&r, "Cache-Control"), "no-cache");
    static const struct {
        const char *tags;
        int status;
    } cases[] = {{"\"abc\"", 304},           {"*", 304},       {"W/\"abc\"", 304},  {"\"x\", \"abc\"", 304},
                 {"\"x,\",W/\"abc\"", 304}, {"\"ab\"", 200},  {"\"abcd\"", 200},   {"abc", 200},
                 {"\"abc", 200},             {"", 200}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char request[256];
        snprintf(request, sizeof request, "GET /tagged HTTP/1.1\r\nHost: x\r\nIf-None-Match: %s\r\n", cases[i].tags);
        r = ask(request);
        assert_int_equal(r.status, cases[i].status);
        assert_string_equal(header(&r, "ETag"), "\"abc\"");
        assert_string_equal(r.body, cases[i].status == 200 ? "tagged" : "");
    }
}

static void writes_problems(void **state)
{
    (void)state;
    static const struct {
        const char *how;
        int status;
        const char *has, *lacks;
    } cases[] = {
        {"io", 500, "\"title\":\"Internal error\"", "secret"},
        {"bug", 500, "\"type\":\"/problems/internal\"", "detail"},
        {"busy", 503, "the queue is full", "errors"},
        {"full", 507, "the disk is full", "errors"},
        {"csv", 422, "\"line\":3,\"column\":2", "\"line\":0"},
        {"gone", 404, "\"type\":\"/problems/not_found\"", "line"},
        {"taken", 409, "\"status\":409", "line"},
        {"json", 400, "bad JSON", "line"},
        {"big", 413, "too many rows", "line"},
        {"fields", 422, "{\"pointer\":\"/epochs\",\"code\":\"range\",\"detail\":\"must be 1..10, got 0\"},", "line"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[600];
        snprintf(text, sizeof text, "GET /fail/%s HTTP/1.1\r\nHost: x\r\n", cases[i].how);
        struct response r = ask(text);
        assert_int_equal(r.status, cases[i].status);
        assert_string_equal(header(&r, "Content-Type"), "application/problem+json");
        assert_non_null(strstr(r.body, cases[i].has));
        assert_null(strstr(r.body, cases[i].lacks));
        snprintf(text, sizeof text, "\"instance\":\"%s\"", header(&r, "X-Request-Id"));
        assert_non_null(strstr(r.body, text));
        assert_string_equal(header(&r, "Retry-After"), r.status == 503 || r.status == 507 ? "1" : "");
    }
}

static void keeps_connections(void **state)
{
    (void)state;
    struct client *c = dial(server);
    say(c, "GET /things/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
           "POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
           "GET /early HTTP/1.1\r\nHost: x\r\n\r\nDELETE /things/2 HTTP/1.1\r\nHost: x\r\n\r\n"
           "GET /things/3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_string_equal(hear(c, false).body, "one=1");
    assert_int_equal(hear(c, false).status, 404);
    assert_string_equal(hear(c, false).body, "2 json {}");
    assert_string_equal(hear(c, false).body, "early");
    assert_int_equal(hear(c, false).status, 204);
    assert_string_equal(hear(c, false).body, "one=3");
    assert_true(is_closed(c));
    hang_up(c);
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

static void waits_and_wakes(void **state)
{
    (void)state;
    unsigned before = atomic_load(&freed);
    for (int i = 0; i < 200; i++) {
        struct client *c = dial(server);
        say(c, i % 2 ? "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n" : "GET /early HTTP/1.1\r\nHost: x\r\n\r\n");
        char expected[32] = "early";
        if (i % 2) {
            struct http_request *r = wait_for_request();
            answer_value = i;
            http_wake(r);
            snprintf(expected, sizeof expected, "woken %d", i);
        }
        assert_string_equal(hear(c, false).body, expected);
        say(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); /* answered after the request before has ended */
        assert_int_equal(hear(c, false).status, 200);
        hang_up(c);
    }
    assert_int_equal(atomic_load(&freed), before + 200);
}

static void frees_a_request_whose_client_left(void **state)
{
    (void)state;
    unsigned before = atomic_load(&freed);
    struct http_server *s = start(0);
    struct client *c = dial(s);
    say(c, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    struct http_request *r = wait_for_request();
    hang_up(c);
    http_wake(r);
    http_stop(s);
    assert_int_equal(atomic_load(&freed), before + 1);
}

static void *wake_later(void *request)
{
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    http_wake(request);
    return NULL;
}

static void stops_after_the_last_reply(void **state)
{
    (void)state;
    struct http_server *s = start(0);
    struct client *c = dial(s), *idle = dial(s);
    say(idle, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(hear(idle, false).status, 200);
    say(c, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
    struct http_request *r = wait_for_request();
    http_quiesce(s);
    say(idle, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    struct response last = hear(idle, false);
    assert_int_equal(last.status, 200);
    assert_string_equal(header(&last, "Connection"), "close");
    struct sockaddr_in a = address_of(s);
    int refused = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_not_equal(connect(refused, (struct sockaddr *)&a, sizeof a), 0);
    close(refused);
    pthread_t waker;
    answer_value = 5;
    assert_int_equal(pthread_create(&waker, NULL, wake_later, r), 0);
    http_stop(s);
    pthread_join(waker, NULL);
    assert_string_equal(hear(c, false).body, "woken 5");
    hang_up(c);
    hang_up(idle);
}

/* ---- the server itself ------------------------------------------------------------------------------------------- */

static void counts_requests(void **state)
{
    (void)state;
    struct http_server *s = start(0);
    struct client *c = dial(s);
    say(c, "GET /things/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /things/2 HTTP/1.1\r\nHost: x\r\n\r\n"
           "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 0; i < 4; i++)
        hear(c, false);
    struct buf out;
    buf_init(&out, 1 << 20);
    http_metrics(s, &out); /* the fourth request may or may not have ended */
    static const char *const lines[] = {
        "mlpd_http_requests_total{route=\"/things/{a}\",method=\"GET\",status=\"200\"} 2\n",
        "mlpd_http_requests_total{route=\"none\",method=\"any\",status=\"404\"} 1\n",
        "mlpd_http_request_seconds_bucket{le=\"+Inf\"} ",
        "mlpd_http_connections 1\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_non_null(strstr(buf_text(&out), lines[i]));
    buf_done(&out);
    hang_up(c);
    http_stop(s);
}

static void listens_on_ipv6(void **state)
{
    (void)state;
    struct http_options o = {.address = "::1", .routes = routes};
    struct http_server *s = NULL;
    struct err err = {0};
    if (http_start(&o, &s, &err) != ERR_OK) { /* on a machine without IPv6 the address is what is wrong */
        assert_non_null(strstr(err.message, "::1"));
        return;
    }
    struct sockaddr_in6 a = {
        .sin6_family = AF_INET6, .sin6_port = htons(http_port(s)), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    close(fd);
    http_stop(s);
}

static void checks_its_options(void **state)
{
    (void)state;
    static const struct http_route bad[] = {
        {HTTP_GET, "/x", .handler = nothing},
        {HTTP_GET, "/x", SCOPE_OPEN, .handler = NULL},
        {HTTP_GET, "x", SCOPE_OPEN, .handler = nothing},
        {HTTP_GET, "/{a}/{b}/{c}/{d}/{e}", SCOPE_OPEN, .handler = nothing},
        {HTTP_GET, "/a/b/c/d/e/f/g/h/i", SCOPE_OPEN, .handler = nothing},
        {HTTP_GET, "/x", SCOPE_OPEN, BODY_JSON, .handler = nothing},
        {HTTP_POST, "/x", SCOPE_OPEN, .body_limit = 5, .handler = nothing},
        {HTTP_POST, "/x", SCOPE_OPEN, BODY_JSON, .handler = nothing, .piece = take_piece},
        {HTTP_POST, "/x", SCOPE_OPEN, BODY_CSV, .body_limit = 1ull << 33, .handler = nothing},
        {HTTP_GET, "/x", SCOPE_OPEN, .query = "a b c d e f g h i j k l m n o p q", .handler = nothing},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct http_route table[] = {bad[i], {.path = NULL}};
        struct http_options o = {.address = "127.0.0.1", .routes = table};
        struct http_server *s = NULL;
        struct err err = {0};
        assert_int_equal(http_start(&o, &s, &err), ERR_INTERNAL);
        assert_non_null(strstr(err.message, bad[i].path));
        assert_null(s);
    }
    struct http_route twice[] = {{HTTP_GET, "/x/{a}", SCOPE_OPEN, .handler = nothing},
                                 {HTTP_GET, "/x/{b}", SCOPE_OPEN, .handler = nothing}, {.path = NULL}};
    struct http_options double_route = {.address = "127.0.0.1", .routes = twice};
    struct http_options named = {.address = "localhost", .routes = routes};
    struct http_server *s = NULL;
    struct err err = {0};
    assert_int_equal(http_start(&double_route, &s, &err), ERR_INTERNAL);
    assert_int_equal(http_start(&named, &s, &err), ERR_INVALID);
    struct http_options taken = {.address = "127.0.0.1", .port = http_port(server), .routes = routes};
    assert_int_equal(http_start(&taken, &s, &err), ERR_IO);
    assert_non_null(strstr(err.message, "127.0.0.1"));
    assert_null(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_and_decodes),
        cmocka_unit_test(refuses_bad_uris),
        cmocka_unit_test(refuses_a_nul_in_the_uri),
        cmocka_unit_test(answers_other_methods),
        cmocka_unit_test(sends_headers_and_bodies),
        cmocka_unit_test(requests_of_a_connection_leave_nothing_to_the_next),
        cmocka_unit_test(answers_conditions),
        cmocka_unit_test(writes_problems),
        cmocka_unit_test(keeps_connections),
        cmocka_unit_test(waits_and_wakes),
        cmocka_unit_test(frees_a_request_whose_client_left),
        cmocka_unit_test(stops_after_the_last_reply),
        cmocka_unit_test(counts_requests),
        cmocka_unit_test(listens_on_ipv6),
        cmocka_unit_test(checks_its_options),
    };
    return cmocka_run_group_tests(tests, start_shared, stop_shared);
}
