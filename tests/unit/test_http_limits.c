/* The HTTP server against hostile requests: framing, limits, deadlines, failing memory. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "http_fixture.h"

/* ---- framing and limits ------------------------------------------------------------------------------------------ */

static void refuses_smuggling(void **state)
{
    (void)state;
    static const struct {
        const char *headers;
        int status;
    } cases[] = {
        {"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", 400},
        {"Content-Length: 3\r\nContent-Length: 3\r\n", 400},
        {"Content-Length: 0\r\nContent-Length: 3\r\n", 400},
        {"Content-Length: 3\r\nContent-Length: 0\r\n", 400},
        {"Content-Length : 3\r\n", 400},
        {"Transfer-Encoding : chunked\r\n", 400},
        {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", 400},
        {"Transfer-Encoding: gzip\r\n", 501},
        {"Transfer-Encoding: gzip, chunked\r\n", 501},
        {"Transfer-Encoding: xchunked\r\n", 501},
        {"Content-Length: +3\r\n", 400},
        {"Content-Length: 3,3\r\n", 400},
        {"Content-Length: -1\r\n", 400},
        {"Content-Length: 0x3\r\n", 400},
        {"Host: y\r\n", 400},
        {"Na me: y\r\n", 400},
        {": y\r\n", 400},
        {"X: y\rContent-Length: 3\r\n", 400},
        {"X: y\nContent-Length: 3\r\n", 400},
        {"Content-Length:\r\n 3\r\n", 400},
        {"X: y\r\n z\r\n", 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char request[512];
        struct client *c = dial(server);
        snprintf(request, sizeof request,
                 "POST /act HTTP/1.1\r\nHost: x\r\n%s\r\n3\r\nabc\r\n0\r\n\r\n"
                 "GET /things/7 HTTP/1.1\r\nHost: x\r\n\r\n",
                 cases[i].headers);
        say(c, request);
        struct response r = hear(c, false);
        if (r.status != cases[i].status)
            fail_msg("%s: %d instead of %d", cases[i].headers, r.status, cases[i].status);
        while (more(c)) /* libmicrohttpd itself answers a malformed length, not quite to the byte */
            ;
        assert_null(strstr(c->data, "one=7")); /* the second request must not be seen */
        hang_up(c);
    }
    assert_int_equal(ask("GET  /things/7 HTTP/1.1\r\nHost: x\r\n").status, 400);
    assert_int_equal(ask("GET /things/7 HTTP/1.1\nHost: x\r\n").status, 400);
    assert_int_equal(ask("POST /act HTTP/1.0\r\nTransfer-Encoding: chunked\r\n").status, 400);
    assert_int_equal(ask("GET /things/7 HTTP/1.1\r\n").status, 400);
}

/* In pieces, so that libmicrohttpd's buffer has to grow under lines that are already read. */
static int status_of(const char *request, bool in_pieces)
{
    struct client *c = dial(server);
    size_t length = strlen(request), piece = in_pieces ? 1000 : length;
    for (size_t done = 0; done < length; done += piece) {
        say_bytes(c, request + done, length - done < piece ? length - done : piece);
        if (in_pieces)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    while (!strchr(c->data, '\n') && more(c))
        ;
    int status = atoi(c->data + 9);
    hang_up(c);
    return status;
}

static void limits_uri_and_headers(void **state)
{
    (void)state;
    char *request = test_malloc(40000);
    static const struct {
        int uri, headers, status;
    } cases[] = {{8191, 0, 200},   {8192, 0, 200},      {8193, 0, 414},    {20000, 0, 414},
                 {10, 15000, 200}, {8192, 15000, 200}, {10, 17000, 431}, {8192, 17000, 431}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sprintf(request, "GET /things/%0*d HTTP/1.1\r\nHost: x\r\nX-Filler: %0*d\r\n\r\n", cases[i].uri - 8, 0,
                cases[i].headers, 0);
        assert_int_equal(status_of(request, false), cases[i].status);
        assert_int_equal(status_of(request, true), cases[i].status);
    }
    test_free(request);
}

static void limits_bodies(void **state)
{
    (void)state;
    static const struct {
        const char *path, *type;
        size_t length;
        int status;
    } cases[] = {
        {"/things", "application/json", 99, 201},
        {"/things", "application/json", 100, 201},
        {"/things", "application/json", 101, 413},
        {"/default", "application/json", HTTP_JSON_LIMIT, 201},
        {"/default", "application/json", HTTP_JSON_LIMIT + 1, 413},
        {"/either", "application/json", HTTP_JSON_LIMIT, 201},
        {"/either", "application/json", HTTP_JSON_LIMIT + 1, 413},
        {"/either", "text/csv", 2 * HTTP_JSON_LIMIT, 201},
        {"/either", "text/csv", 2 * HTTP_JSON_LIMIT + 1, 413},
        {"/upload", "text/csv", STREAM_LIMIT - 1, 201},
        {"/upload", "text/csv", STREAM_LIMIT, 201},
        {"/upload", "text/csv", STREAM_LIMIT + 1, 413},
        {"/act", NULL, 0, 204},
        {"/act", "text/plain", HTTP_IGNORED_BODY, 204},
        {"/act", "text/plain", HTTP_IGNORED_BODY + 1, 413},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int chunked = 0; chunked < 2; chunked++) {
            struct response r = post(cases[i].path, cases[i].type, cases[i].length, chunked);
            if (r.status != cases[i].status)
                fail_msg("%s %zu chunked %d: %d", cases[i].path, cases[i].length, chunked, r.status);
        }
    struct response r = post("/upload", "text/csv", STREAM_LIMIT, true);
    assert_string_equal(r.body, "20000");
    r = post("/either", "text/csv; charset=UTF-8", 12, true);
    assert_string_equal(r.body, "12 csv xxxxxxxxxx");
    assert_string_equal(header(&r, "Location"), "/things/12");
    /* over the second limit the connection ends in the middle of the upload, but not without an answer */
    assert_int_equal(post("/upload", "text/csv", STREAM_LIMIT + HTTP_DRAIN + 100000, true).status, 413);
}

/* Known from the headers, so refused before a byte of the body has come. */
static void refuses_before_the_body(void **state)
{
    (void)state;
#define POST(path, headers) ask("POST " path " HTTP/1.1\r\nHost: x\r\n" headers).status
    assert_int_equal(POST("/things", "Content-Type: application/json\r\nContent-Length: 101\r\n"), 413);
    assert_int_equal(POST("/upload", "Content-Type: text/csv\r\nContent-Length: 99999999999999\r\n"), 413);
    assert_int_equal(POST("/things", "Content-Type: text/csv\r\nContent-Length: 10\r\n"), 415);
    assert_int_equal(POST("/things", "Content-Type: application/jsonp\r\nContent-Length: 10\r\n"), 415);
    assert_int_equal(POST("/things", "Content-Type: application/json; charset=latin1\r\nContent-Length: 10\r\n"), 415);
    assert_int_equal(POST("/things", "Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n"), 415);
    assert_int_equal(POST("/things", "Content-Length: 10\r\n"), 415);
    assert_int_equal(POST("/upload", "Content-Type: application/json\r\nContent-Length: 10\r\n"), 415);
    assert_int_equal(
        POST("/things", "Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 10\r\n"), 415);
    assert_int_equal(POST("/nothing", "Content-Length: 10\r\n"), 404);
    assert_int_equal(POST("/things?x=1", "Content-Type: application/json\r\nContent-Length: 10\r\n"), 400);
    struct client *c = dial(server);
    say(c, "POST /things HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: APPLICATION/JSON ; "
           "charset=\"utf-8\"\r\nContent-Encoding: identity\r\nContent-Length: 2\r\n\r\n");
    assert_int_equal(hear(c, true).status, 100);
    say(c, "{}");
    struct response r = hear(c, false);
    assert_int_equal(r.status, 201);
    assert_string_equal(r.body, "2 json {}");
    hang_up(c);
}

static void stops_a_stream_at_its_error(void **state)
{
    (void)state;
    unsigned before = atomic_load(&freed);
    struct client *c = dial(server);
    say(c, "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n"
           "3\r\na!b\r\n3\r\nc!d\r\n0\r\n\r\nGET /things/7 HTTP/1.1\r\nHost: x\r\n\r\n");
    struct response r = hear(c, false);
    assert_int_equal(r.status, 422);
    assert_non_null(strstr(r.body, "a bad byte"));
    r = hear(c, false);
    assert_string_equal(r.body, "one=7");
    assert_int_equal(atomic_load(&freed), before + 1);
    hang_up(c);
}

/* ---- deadlines and the number of connections --------------------------------------------------------------------- */

static void ends_slow_bodies(void **state)
{
    (void)state;
    struct http_server *s = start(0);
    s->body_grace_ns = 0;
    struct client *c = dial(s);
    say(c, "POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{");
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    say(c, "}");
    struct response r = hear(c, false);
    assert_int_equal(r.status, 408);
    assert_string_equal(header(&r, "X-Content-Type-Options"), "nosniff");
    assert_true(is_closed(c));
    hang_up(c);
    http_stop(s);
}

static void ends_slow_headers(void **state)
{
    (void)state;
    struct http_server *s = start(0);
    s->header_ns = 1000000;
    struct client *silent = dial(s), *slow = dial(s);
    say(slow, "GET /things/7 HTTP/1.1\r\nHos");
    assert_true(is_closed(silent));
    assert_true(is_closed(slow));
    hang_up(silent);
    hang_up(slow);
    http_stop(s);
}

static void limits_connections(void **state)
{
    (void)state;
    struct http_server *s = start(20);
    struct client *clients[19];
    for (int i = 0; i < 19; i++) {
        clients[i] = dial(s);
        say(clients[i], "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(hear(clients[i], false).status, 200);
    }
    struct client *last = dial(s);
    say(last, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    struct response r = hear(last, false);
    assert_int_equal(r.status, 503);
    assert_string_equal(header(&r, "Retry-After"), "1");
    assert_true(is_closed(last));
    hang_up(last);
    say(clients[0], "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(hear(clients[0], false).status, 200);
    for (int i = 0; i < 19; i++)
        hang_up(clients[i]);
    http_stop(s);
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

/* Whichever allocation fails, there is an answer, and the server lives on. */
static void survives_failing_memory(void **state)
{
    (void)state;
    for (uint64_t nth = 1; nth <= 12; nth++) {
        struct client *c = dial(server);
        say(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(hear(c, false).status, 200);
        mem_fail_at(nth, 0);
        say(c, "POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
        struct response r = hear(c, false);
        mem_fail_at(0, 0);
        assert_true(r.status == 503 || r.status == 201);
        if (nth == 1)
            assert_int_equal(r.status, 503);
        hang_up(c);
        mem_fail_at(nth, 0);
        int status = post("/upload", "text/csv", 10, true).status;
        mem_fail_at(0, 0);
        assert_true(status == 503 || status == 201);
    }
    assert_int_equal(GET("/").status, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_smuggling),
        cmocka_unit_test(limits_uri_and_headers),
        cmocka_unit_test(limits_bodies),
        cmocka_unit_test(refuses_before_the_body),
        cmocka_unit_test(stops_a_stream_at_its_error),
        cmocka_unit_test(ends_slow_bodies),
        cmocka_unit_test(ends_slow_headers),
        cmocka_unit_test(limits_connections),
        cmocka_unit_test(survives_failing_memory),
    };
    return cmocka_run_group_tests(tests, start_shared, stop_shared);
}
