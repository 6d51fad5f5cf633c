/* The HTTP server over raw sockets: a table of routes of its own, a client that can say anything. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/mem.h"
#include "server/http/internal.h"
#include "server/json/bind.h"
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STREAM_LIMIT 20000u
#define TEXT(r, status, ...) (buf_printf(&(r)->reply.body, __VA_ARGS__), http_json(r, status))

/* ---- the routes -------------------------------------------------------------------------------------------------- */

static enum http_next show_one(struct http_request *r)
{
    return TEXT(r, 200, "one=%s", r->parameter[0]);
}
static enum http_next show_two(struct http_request *r)
{
    return TEXT(r, 200, "%s|%s", r->parameter[0], r->parameter[1]);
}
static enum http_next show_fixed(struct http_request *r)
{
    return TEXT(r, 200, "fixed");
}
static enum http_next show_query(struct http_request *r)
{
    const char *limit = http_query(r, "limit"), *cursor = http_query(r, "cursor");
    return TEXT(r, 200, "limit=%s cursor=%s", limit ? limit : "-", cursor ? cursor : "-");
}
static enum http_next show_length(struct http_request *r)
{
    snprintf(r->reply.location, sizeof r->reply.location, "/things/%zu", r->body.length);
    return TEXT(r, 201, "%zu %s %.10s", r->body.length, r->csv ? "csv" : "json", buf_text(&r->body));
}
static enum http_next nothing(struct http_request *r)
{
    return http_empty(r, 204);
}
static enum http_next show_tagged(struct http_request *r)
{
    snprintf(r->reply.etag, sizeof r->reply.etag, "\"abc\"");
    return TEXT(r, 200, "tagged");
}
static enum http_next show_file(struct http_request *r)
{
    int fd = memfd_create("reply", MFD_CLOEXEC);
    assert_int_equal(write(fd, "from a file", 11), 11);
    r->reply.fd = fd;
    r->reply.fd_size = 11;
    r->reply.status = 200;
    r->reply.content_type = "application/octet-stream";
    snprintf(r->reply.disposition, sizeof r->reply.disposition, "attachment; filename=\"x.bin\"");
    return HTTP_REPLY;
}

struct fault {
    const char *path;
    struct err err;
};
static const struct fault faults[] = {
    {"io", {.code = ERR_IO, .message = "secret /var/lib/path"}},
    {"busy", {.code = ERR_UNAVAILABLE, .message = "the queue is full"}},
    {"full", {.code = ERR_NO_SPACE, .message = "the disk is full"}},
    {"csv", {.code = ERR_INVALID, .line = 3, .column = 2, .message = "line 3, column 2: unclosed quote"}},
    {"gone", {.code = ERR_NOT_FOUND, .message = "no run 7"}},
    {"taken", {.code = ERR_CONFLICT, .message = "taken"}},
    {"json", {.code = ERR_MALFORMED, .message = "bad JSON"}},
    {"big", {.code = ERR_TOO_LARGE, .message = "too many rows"}},
    {"bug", {.code = ERR_INTERNAL, .message = "secret"}},
};
static enum http_next show_fault(struct http_request *r)
{
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (strcmp(faults[i].path, r->parameter[0]) == 0)
            return http_error(r, &faults[i].err);
    static struct violations violations = {.count = 2,
                                           .item = {{"/epochs", "range", "must be 1..10, got 0"}, {"/x", "unknown", "no"}}};
    return http_violations(r, &violations);
}

struct upload {
    size_t bytes;
    bool bad;
};
static _Atomic unsigned freed;
static void count_free(void *state)
{
    mem_free(state);
    atomic_fetch_add(&freed, 1);
}
static enum err_code take_piece(struct http_request *r, const void *data, size_t length)
{
    if (!r->state) {
        r->state = mem_zalloc(sizeof(struct upload));
        r->state_free = count_free;
    }
    struct upload *u = r->state;
    assert_non_null(u);
    assert_false(u->bad);
    assert_true(length > 0);
    u->bytes += length;
    u->bad = memchr(data, '!', length) != NULL;
    return u->bad ? ERR_INVALID : ERR_OK;
}
static enum http_next finish_upload(struct http_request *r)
{
    struct upload *u = r->state;
    if (u && u->bad)
        return http_error(r, &(struct err){.code = ERR_INVALID, .message = "a bad byte"});
    return TEXT(r, 201, "%zu", u ? u->bytes : 0);
}

/* One waiting request at a time, handed to whoever calls wait_for_request(). */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct http_request *waiting;
static int answer_value; /* written by the waker, read by the handler: no lock, the wake orders it */

static struct http_request *wait_for_request(void)
{
    pthread_mutex_lock(&lock);
    while (!waiting)
        pthread_cond_wait(&changed, &lock);
    struct http_request *r = waiting;
    waiting = NULL;
    pthread_mutex_unlock(&lock);
    return r;
}
static enum http_next wait_once(struct http_request *r)
{
    if (r->state)
        return TEXT(r, 200, "woken %d", answer_value);
    r->state = mem_zalloc(1);
    r->state_free = count_free;
    http_suspend(r);
    pthread_mutex_lock(&lock);
    waiting = r;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    return HTTP_WAIT;
}
/* Waits three times, woken each time before it has returned. */
static enum http_next wake_early(struct http_request *r)
{
    size_t *times = r->state;
    if (!times) {
        r->state = times = mem_zalloc(sizeof *times);
        r->state_free = count_free;
    }
    if (++*times > 3)
        return TEXT(r, 200, "early");
    http_suspend(r);
    http_wake(r);
    return HTTP_WAIT;
}

static const struct http_route routes[] = {
    {HTTP_GET, "/", SCOPE_OPEN, .handler = show_fixed},
    {HTTP_GET, "/things/fixed", SCOPE_READ, .handler = show_fixed},
    {HTTP_GET, "/things/{a}", SCOPE_READ, .handler = show_one},
    {HTTP_DELETE, "/things/{a}", SCOPE_TRAIN, .handler = nothing},
    {HTTP_GET, "/things/{a}/parts/{b}", SCOPE_READ, .handler = show_two},
    {HTTP_GET, "/query", SCOPE_READ, .query = "limit cursor", .handler = show_query},
    {HTTP_POST, "/things", SCOPE_TRAIN, BODY_JSON, .body_limit = 100, .handler = show_length},
    {HTTP_POST, "/default", SCOPE_TRAIN, BODY_JSON, .handler = show_length},
    {HTTP_POST, "/either", SCOPE_TRAIN, BODY_JSON_OR_CSV, .body_limit = 2 * HTTP_JSON_LIMIT, .handler = show_length},
    {HTTP_POST, "/act", SCOPE_TRAIN, .handler = nothing},
    {HTTP_POST, "/upload", SCOPE_TRAIN, BODY_CSV, STREAM_LIMIT, .handler = finish_upload, .piece = take_piece},
    {HTTP_GET, "/tagged", SCOPE_READ, .handler = show_tagged},
    {HTTP_GET, "/file", SCOPE_READ, .handler = show_file},
    {HTTP_GET, "/fail/{how}", SCOPE_READ, .handler = show_fault},
    {HTTP_GET, "/wait", SCOPE_READ, .handler = wait_once},
    {HTTP_GET, "/early", SCOPE_READ, .handler = wake_early},
    {.path = NULL},
};

/* ---- the client -------------------------------------------------------------------------------------------------- */

static struct http_server *server;

struct client {
    int fd;
    size_t have;
    char data[1 << 16];
};
struct response {
    int status;
    char head[4096];
    char body[8192];
    bool closed; /* the server closed before a whole response had come */
};

static struct http_server *start(unsigned connections)
{
    struct err err = {0};
    struct http_options o = {.address = "127.0.0.1", .threads = 2, .connections = connections, .routes = routes};
    struct http_server *s = NULL;
    if (http_start(&o, &s, &err) != ERR_OK)
        fail_msg("%s", err.message);
    return s;
}
static int start_shared(void **state)
{
    (void)state;
    server = start(0);
    return 0;
}
static int stop_shared(void **state)
{
    (void)state;
    http_stop(server);
    return 0;
}

static struct client *dial(const struct http_server *s)
{
    struct client *c = test_calloc(1, sizeof *c);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(http_port(s)), .sin_addr.s_addr = htonl(0x7f000001)};
    struct timeval patience = {.tv_sec = 20};
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&a, sizeof a), 0);
    return c;
}
static void hang_up(struct client *c)
{
    close(c->fd);
    test_free(c);
}
static void say_bytes(struct client *c, const void *data, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = send(c->fd, (const char *)data + done, length - done, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* refused in the middle: the response tells */
        done += (size_t)n;
    }
}
static void say(struct client *c, const char *text)
{
    say_bytes(c, text, strlen(text));
}
static bool more(struct client *c)
{
    ssize_t n = recv(c->fd, c->data + c->have, sizeof c->data - 1 - c->have, 0);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        fail_msg("no answer within 20 s");
    if (n <= 0)
        return false;
    c->have += (size_t)n;
    c->data[c->have] = '\0';
    return true;
}
static void take(struct client *c, char *out, size_t size, size_t length)
{
    assert_true(length < size);
    memcpy(out, c->data, length);
    out[length] = '\0';
    c->have -= length;
    memmove(c->data, c->data + length, c->have + 1);
}
static const char *header(const struct response *r, const char *name)
{
    static char value[512];
    char key[64];
    snprintf(key, sizeof key, "\r\n%s: ", name);
    const char *at = strcasestr(r->head, key);
    if (!at)
        return "";
    at += strlen(key);
    snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r"), at);
    return value;
}
static struct response hear(struct client *c, bool head_only)
{
    struct response r = {0};
    char *end;
    while (!(end = strstr(c->data, "\r\n\r\n")))
        if (!more(c)) {
            r.closed = true;
            return r;
        }
    take(c, r.head, sizeof r.head, (size_t)(end + 4 - c->data));
    r.status = atoi(r.head + 9);
    size_t length = head_only ? 0 : strtoul(header(&r, "Content-Length"), NULL, 10);
    while (c->have < length && more(c))
        ;
    r.closed = c->have < length;
    if (!r.closed)
        take(c, r.body, sizeof r.body, length);
    return r;
}
static bool is_closed(struct client *c)
{
    return c->have == 0 && !more(c);
}
/* One request on a fresh connection; the text lacks only the final CR LF. */
static struct response ask(const char *request)
{
    struct client *c = dial(server);
    say(c, request);
    say(c, "\r\n");
    struct response r = hear(c, strncmp(request, "HEAD", 4) == 0);
    hang_up(c);
    return r;
}
#define GET(path) ask("GET " path " HTTP/1.1\r\nHost: x\r\n")

static struct response post(const char *path, const char *type, size_t length, bool chunked)
{
    char head[512], *body = test_malloc(length + 1);
    struct client *c = dial(server);
    memset(body, 'x', length);
    int n = snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: x\r\n%s%s\r\n", path, type ? "Content-Type: " : "",
                     type ? type : "X: y");
    if (chunked) {
        snprintf(head + n, sizeof head - (size_t)n, "Transfer-Encoding: chunked\r\n\r\n");
        say(c, head);
        for (size_t done = 0; done < length;) {
            size_t piece = length - done < 5000 ? length - done : 5000;
            snprintf(head, sizeof head, "%zx\r\n", piece);
            say(c, head);
            say_bytes(c, body + done, piece);
            say(c, "\r\n");
            done += piece;
        }
        say(c, "0\r\n\r\n");
    } else {
        snprintf(head + n, sizeof head - (size_t)n, "Content-Length: %zu\r\n\r\n", length);
        say(c, head);
        say_bytes(c, body, length);
    }
    struct response r = hear(c, false);
    hang_up(c);
    test_free(body);
    return r;
}

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
        {"/nothing", 404},          {"/things/", 404},       {"/things/7/", 404},         {"//things/7", 404},
        {"/things//parts/x", 404},  {"/THINGS/7", 404},      {"/things%2f7", 404},        {"/a/b/c/d/e/f/g/h/i/j/k", 404},
        {"/things/%00", 400},       {"/things/a%0", 400},    {"/things/%zz", 400},        {"/things/%", 400},
        {"/things/%ff", 400},       {"/things/%c0%af", 400}, {"/things/%ed%a0%80", 400},  {"/nothing/%00", 400},
        {"/things/a#b", 400},       {"things/7", 400},       {"*", 400},                  {"/query?limit=%00", 400},
        {"/query?limit=1&limit=2", 400}, {"/query?limits=1", 400}, {"/query?limit=%f", 400}, {"/things/7?limit=1", 400},
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
    assert_string_equal(header(&r, "Content-Length"), "5");
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
                 "POST /act HTTP/1.1\r\nHost: x\r\n%s\r\n3\r\nabc\r\n0\r\n\r\nGET /things/7 HTTP/1.1\r\nHost: x\r\n\r\n",
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

static void limits_uri_and_headers(void **state)
{
    (void)state;
    char *request = test_malloc(40000);
    static const struct {
        int uri, headers, status;
    } cases[] = {{8191, 0, 200}, {8192, 0, 200}, {8193, 0, 414}, {20000, 0, 414}, {10, 15000, 200}, {10, 17000, 431}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int n = sprintf(request, "GET /things/%0*d HTTP/1.1\r\nHost: x\r\n", cases[i].uri - 8, 0);
        if (cases[i].headers)
            sprintf(request + n, "X-Filler: %0*d\r\n", cases[i].headers, 0);
        struct client *c = dial(server);
        say(c, request);
        say(c, "\r\n");
        char *line = strtok(request, "\r");
        assert_non_null(line);
        while (!strchr(c->data, '\n') && more(c))
            ;
        assert_int_equal(atoi(c->data + 9), cases[i].status);
        hang_up(c);
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

/* ---- replies ----------------------------------------------------------------------------------------------------- */

static void sends_headers_and_bodies(void **state)
{
    (void)state;
    struct response r = GET("/things/7");
    assert_string_equal(header(&r, "Content-Type"), "application/json");
    assert_string_equal(header(&r, "X-Content-Type-Options"), "nosniff");
    assert_string_equal(header(&r, "Cache-Control"), "no-store");
    char id[24];
    snprintf(id, sizeof id, "%s", header(&r, "X-Request-Id"));
    assert_int_equal(strlen(id), 16);
    r = GET("/things/7");
    assert_string_not_equal(header(&r, "X-Request-Id"), id);
    r = GET("/file");
    assert_string_equal(r.body, "from a file");
    assert_string_equal(header(&r, "Content-Disposition"), "attachment; filename=\"x.bin\"");
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
        char text[256];
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
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(http_port(s)), .sin_addr.s_addr = htonl(0x7f000001)};
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
    }
    assert_int_equal(GET("/").status, 200);
}

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
    assert_non_null(strstr(buf_text(&out), "mlpd_http_requests_total{route=\"/things/{a}\",method=\"GET\",status=\"200\"} 2\n"));
    assert_non_null(strstr(buf_text(&out), "mlpd_http_requests_total{route=\"none\",method=\"any\",status=\"404\"} 1\n"));
    assert_non_null(strstr(buf_text(&out), "mlpd_http_request_seconds_bucket{le=\"+Inf\"} "));
    assert_non_null(strstr(buf_text(&out), "mlpd_http_connections 1\n"));
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
    if (http_start(&o, &s, &err) != ERR_OK) { /* a machine without IPv6 */
        assert_non_null(strstr(err.message, "::1"));
        skip();
    }
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(http_port(s)), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
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
    struct http_server *s = NULL;
    struct err err = {0};
    assert_int_equal(http_start(&(struct http_options){.address = "127.0.0.1", .routes = twice}, &s, &err), ERR_INTERNAL);
    assert_int_equal(http_start(&(struct http_options){.address = "here", .routes = routes}, &s, &err), ERR_INVALID);
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
        cmocka_unit_test(refuses_smuggling),
        cmocka_unit_test(limits_uri_and_headers),
        cmocka_unit_test(limits_bodies),
        cmocka_unit_test(refuses_before_the_body),
        cmocka_unit_test(stops_a_stream_at_its_error),
        cmocka_unit_test(ends_slow_bodies),
        cmocka_unit_test(ends_slow_headers),
        cmocka_unit_test(limits_connections),
        cmocka_unit_test(sends_headers_and_bodies),
        cmocka_unit_test(answers_conditions),
        cmocka_unit_test(writes_problems),
        cmocka_unit_test(keeps_connections),
        cmocka_unit_test(waits_and_wakes),
        cmocka_unit_test(frees_a_request_whose_client_left),
        cmocka_unit_test(stops_after_the_last_reply),
        cmocka_unit_test(survives_failing_memory),
        cmocka_unit_test(counts_requests),
        cmocka_unit_test(listens_on_ipv6),
        cmocka_unit_test(checks_its_options),
    };
    return cmocka_run_group_tests(tests, start_shared, stop_shared);
}
