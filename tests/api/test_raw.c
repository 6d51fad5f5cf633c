/* What libcurl cannot send: requests that are framed wrongly, limits of request lines and headers to the byte, pipelines,
 * many connections. */
#include "support/api.h"

#include "support/bad.h"
#include <sys/resource.h>

#define LINE(line) line " HTTP/1.1\r\nHost: mlpd\r\n"
#define JSON LINE("POST /v1/jobs") "Content-Type: application/json\r\n"
#define SMUGGLED "GET /v1/datasets HTTP/1.1\r\nHost: mlpd\r\n\r\n"

/* ---- requests that two servers could read in two ways ------------------------------------------------------------- */

/* Refused, and the connection ends, so that nothing behind is taken for a request. What libmicrohttpd refuses by itself
 * has its own page instead of a problem. */
static const struct framing {
    const char *what, *request;
    size_t length;
    int status;   /* 0: the connection just ends */
    bool problem; /* with our own document */
} framings[] = {
    {"CL and TE", BYTES(JSON "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED), 400, true},
    {"TE and CL", BYTES(JSON "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" SMUGGLED), 400, true},
    {"two CL, equal", BYTES(JSON "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" SMUGGLED), 400, true},
    {"two CL, different", BYTES(JSON "Content-Length: 2\r\nContent-Length: 46\r\n\r\n{}" SMUGGLED), 400, true},
    {"CL, then cl", BYTES(JSON "Content-Length: 2\r\ncontent-length: 46\r\n\r\n{}" SMUGGLED), 400, true},
    {"a space before CL's colon", BYTES(JSON "Content-Length : 2\r\n\r\n{}" SMUGGLED), 400, true},
    {"a space before TE's colon", BYTES(JSON "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" SMUGGLED), 400, true},
    {"two TE", BYTES(JSON "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED), 400, true},
    {"TE in HTTP/1.0", BYTES("POST /v1/jobs HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED), 400, true},
    {"TE gzip", BYTES(JSON "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n" SMUGGLED), 501, true},
    {"TE gzip, chunked", BYTES(JSON "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" SMUGGLED), 501, true},
    {"TE xchunked", BYTES(JSON "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" SMUGGLED), 501, true},
    {"TE identity and CL", BYTES(JSON "Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}" SMUGGLED), 400, true},
    {"a folded header", BYTES(LINE("GET /healthz") "X: a\r\n b\r\n\r\n" SMUGGLED), 400, true},
    {"a folded TE", BYTES(JSON "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" SMUGGLED), 400, true},
    {"bare LF", BYTES("GET /healthz HTTP/1.1\nHost: mlpd\n\n" SMUGGLED), 400, true},
    {"a bare LF in headers", BYTES(LINE("GET /healthz") "X: a\nY: b\r\n\r\n" SMUGGLED), 400, true},
    {"a bare CR in headers", BYTES(LINE("GET /healthz") "X: a\rY: b\r\n\r\n" SMUGGLED), 400, true},
    {"a NUL in a header", BYTES(LINE("GET /healthz") "X: a\0b\r\n\r\n" SMUGGLED), 400, true},
    {"a NUL in the URI", BYTES(LINE("GET /healthz\0/x") "\r\n" SMUGGLED), 400, true},
    {"a control character in a header", BYTES(LINE("GET /healthz") "X: a\x01\r\n\r\n" SMUGGLED), 400, true},
    {"two hosts", BYTES(LINE("GET /healthz") "Host: other\r\n\r\n" SMUGGLED), 400, true},
    {"two blanks in the first line", BYTES("GET  /healthz HTTP/1.1\r\nHost: mlpd\r\n\r\n" SMUGGLED), 400, true},
    {"a tab in the first line", BYTES("GET\t/healthz HTTP/1.1\r\nHost: mlpd\r\n\r\n" SMUGGLED), 400, false},
    {"two content types", BYTES(JSON "Content-Type: text/csv\r\nContent-Length: 2\r\n\r\n{}" SMUGGLED), 400, true},
    {"a fragment", BYTES(LINE("GET /healthz#x") "\r\n" SMUGGLED), 400, true},
    {"no path", BYTES(LINE("GET healthz") "\r\n" SMUGGLED), 400, true},
    {"a raw byte in the URI", BYTES(LINE("GET /v1/datasets/\xff") "\r\n" SMUGGLED), 400, true},
    {"OPTIONS *", BYTES(LINE("OPTIONS *") "\r\n" SMUGGLED), 400, true},
    {"CONNECT", BYTES(LINE("CONNECT mlpd:443") "\r\n" SMUGGLED), 400, true},
    {"no host", BYTES("GET /healthz HTTP/1.1\r\n\r\n" SMUGGLED), 400, false},
    {"HTTP/2.0", BYTES("GET /healthz HTTP/2.0\r\nHost: mlpd\r\n\r\n" SMUGGLED), 505, false},
    {"HTTP/0.9", BYTES("GET /healthz\r\n\r\n" SMUGGLED), 400, false},
    {"no colon", BYTES(LINE("GET /healthz") "colonless\r\n\r\n" SMUGGLED), 400, false},
    {"CL of -2", BYTES(JSON "Content-Length: -2\r\n\r\n{}" SMUGGLED), 400, false},
    {"CL of +2", BYTES(JSON "Content-Length: +2\r\n\r\n{}" SMUGGLED), 400, false},
    {"CL of 0x2", BYTES(JSON "Content-Length: 0x2\r\n\r\n{}" SMUGGLED), 400, false},
    {"CL of 2, 2", BYTES(JSON "Content-Length: 2, 2\r\n\r\n{}" SMUGGLED), 400, false},
    {"CL over 64 bits", BYTES(JSON "Content-Length: 99999999999999999999999\r\n\r\n{}" SMUGGLED), 413, false},
    {"a chunk without a size", BYTES(JSON "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n" SMUGGLED), 400, false},
    {"a chunk of -2", BYTES(JSON "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n" SMUGGLED), 400, false},
    {"a chunk over 64 bits", BYTES(JSON "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n{}\r\n0\r\n\r\n" SMUGGLED), 413,
     false},
    {"TLS", BYTES("\x16\x03\x01\x00\x05hello\r\n\r\n\r\n\r\n"), 0, false},
};

static void check_framing(const struct framing *f)
{
    struct raw *c = raw_open();
    raw_send_bytes(c, f->request, f->length);
    struct reply *r = raw_read(c, "GET");
    if (!r ? f->status != 0 : r->status != f->status)
        fail_msg("%s: %d instead of %d", f->what, r ? r->status : 0, f->status);
    if (f->problem) {
        check_reply(r, "GET");
        assert_string_equal(http_header(r, "Connection"), "close");
    }
    struct reply *second = r ? raw_read(c, "GET") : NULL;
    if (second)
        fail_reply(__FILE__, __LINE__, second, "%s: a second answer", f->what);
    raw_close(c);
}

static void ambiguous_requests_are_refused_and_end_the_connection(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(framings); i++)
        check_framing(&framings[i]);
    print_message("%zu bad inputs\n", COUNT(framings));
    expect(http_get("/healthz"), 200);
}

/* ---- what is unusual, and fine ------------------------------------------------------------------------------------ */

static struct reply *answered(struct raw *c, int status)
{
    struct reply *r = raw_read(c, "GET");
    assert_non_null(r);
    check_reply(r, "GET");
    return expect(r, status);
}

static void unusual_requests_are_answered(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {LINE("GET http://mlpd/healthz") "\r\n", 200}, {LINE("GET /healthz?") "\r\n", 200},
        {LINE("GET /%68ealthz") "\r\n", 200},
        {"GET /healthz HTTP/1.0\r\n\r\n", 200}, {LINE("TRACE /healthz") "\r\n", 405},
        {LINE("GET /healthz") "X:\r\nY:  a b \r\n\r\n", 200},
        {LINE("GET /healthz") "Content-Length: 5\r\n\r\nhello", 200}, {LINE("GET /healthz") "Content-Length: 0\r\n\r\n", 200},
        {LINE("POST /v1/jobs/9/cancel") "\r\n", 404}, {LINE("POST /v1/jobs/9/cancel") "Content-Length: 2\r\n\r\n{}", 404},
        {JSON "Transfer-Encoding: chunked\r\n\r\n2;extension=1\r\n{}\r\n0\r\n\r\n", 422},
        {JSON "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\nTrailer: x\r\n\r\n", 422},
        {JSON "transfer-encoding: CHUNKED\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 422}, {JSON "content-length:2\r\n\r\n{}", 422},
        {LINE("POST /v1/jobs") "Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n",
         413},
        {LINE("GET /healthz") "Content-Length: 1025\r\n\r\n", 413}, {LINE("POST /v1/jobs") "Content-Length: 2\r\n\r\n{}", 415},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct raw *c = raw_open();
        raw_send_bytes(c, cases[i].request, strlen(cases[i].request));
        answered(c, cases[i].status);
        raw_close(c);
    }
}

static void a_client_may_wait_for_100_continue(void **state)
{
    (void)state;
    struct raw *c = raw_open();
    raw_send(c, JSON "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    struct reply *r = raw_read(c, "HEAD");
    assert_non_null(r);
    assert_int_equal(r->status, 100);
    raw_send(c, "{}");
    answered(c, 422);
    raw_close(c);
}

static void pipelined_requests_are_answered_in_their_order(void **state)
{
    (void)state;
    struct raw *c = raw_open();
    raw_send(c, LINE("GET /healthz") "\r\n" LINE("GET /v1/nothing") "\r\n" JSON "Content-Length: 2\r\n\r\n{}"
                LINE("GET /v1/jobs") "\r\n" LINE("GET /readyz") "Connection: close\r\n\r\n" LINE("GET /healthz") "\r\n");
    static const int statuses[] = {200, 404, 422, 200, 200};
    for (size_t i = 0; i < COUNT(statuses); i++)
        answered(c, statuses[i]);
    assert_true(raw_ended(c));
    raw_close(c);
}

/* Byte by byte is slow, but no fault. */
static void a_request_may_come_in_pieces(void **state)
{
    (void)state;
    static const char request[] = JSON "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    struct raw *c = raw_open();
    for (size_t i = 0; i < sizeof request - 1; i++)
        raw_send_bytes(c, request + i, 1);
    answered(c, 422);
    raw_close(c);
}

/* ---- limits ------------------------------------------------------------------------------------------------------- */

static struct reply *ask_uri(size_t length)
{
    static const char start[] = "/v1/jobs?name=";
    char *request = NULL, *name = malloc(length);
    assert_non_null(name);
    memset(name, 'x', length);
    append(&request, "GET %s%.*s HTTP/1.1\r\nHost: mlpd\r\n", start, (int)(length - sizeof start + 1), name);
    struct reply *r = raw_ask(request);
    free(name);
    free(request);
    assert_non_null(r);
    return r;
}

static void a_uri_has_at_most_8192_bytes(void **state)
{
    (void)state;
    static const struct {
        size_t length;
        int status;
    } cases[] = {{8191, 200}, {8192, 200}, {8193, 414}, {20000, 414}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reply *r = expect(ask_uri(cases[i].length), cases[i].status);
        check_reply(r, "GET");
    }
    expect(ask_uri(100000), 414);
}

/* All lines with their ends, the URI left out: `length` bytes. */
static struct reply *ask_headers(size_t length, const char *uri)
{
    char *request = NULL, *value = malloc(length);
    assert_non_null(value);
    memset(value, 'x', length);
    append(&request, "GET %s HTTP/1.1\r\nHost: mlpd\r\nX: ", uri);
    size_t rest = length + strlen(uri) - strlen(request) - 4; /* two line ends */
    append(&request, "%.*s\r\n", (int)rest, value);
    struct reply *r = raw_ask(request);
    free(value);
    free(request);
    assert_non_null(r);
    return r;
}

static void headers_have_at_most_16384_bytes(void **state)
{
    (void)state;
    static const struct {
        size_t length;
        int status;
    } cases[] = {{16383, 200}, {16384, 200}, {16385, 431}, {20000, 431}};
    static const char *const uris[] = {"/healthz", "/v1/jobs?name=a-longer-one"};
    for (size_t u = 0; u < COUNT(uris); u++)
        for (size_t i = 0; i < COUNT(cases); i++)
            check_reply(expect(ask_headers(cases[i].length, uris[u]), cases[i].status), "GET");
    expect(ask_headers(100000, "/healthz"), 431);
}

/* Connections are counted, also those that say nothing; whoever comes too late is told to try again. */
static void too_many_connections_are_503(void **state)
{
    (void)state;
    static struct raw *idle[4096];
    size_t count = 0;
    struct reply *r = NULL;
    while (count < COUNT(idle) && (!r || r->status == 200)) {
        idle[count++] = raw_open();
        if (count > 3800)
            r = raw_ask(LINE("GET /healthz"));
    }
    assert_non_null(r);
    check_reply(r, "GET");
    expect_problem(r, 503, "connections");
    while (count)
        raw_close(idle[--count]);
    do
        r = raw_ask(LINE("GET /healthz"));
    while (r && r->status == 503);
    assert_non_null(r);
    expect(r, 200);
}

static int setup(void **state)
{
    struct rlimit files;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max < 8192 ? files.rlim_max : 8192;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    return daemon_setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ambiguous_requests_are_refused_and_end_the_connection),
        TEST(unusual_requests_are_answered),
        TEST(a_client_may_wait_for_100_continue),
        TEST(pipelined_requests_are_answered_in_their_order),
        TEST(a_request_may_come_in_pieces),
        TEST(a_uri_has_at_most_8192_bytes),
        TEST(headers_have_at_most_16384_bytes),
        TEST(too_many_connections_are_503),
    };
    return cmocka_run_group_tests(tests, setup, daemon_teardown);
}
