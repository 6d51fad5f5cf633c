/* For the tests of server/http: a table of routes of its own, and a client on a raw socket that can say anything.
 * Included behind cmocka.h by each of them. */
#pragma once

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
    static struct violations violations = {
        .count = 2, .item = {{"/epochs", "range", "must be 1..10, got 0"}, {"/x", "unknown", "no"}}};
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
    if (!u)
        return ERR_NO_MEMORY;
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

static inline struct http_request *wait_for_request(void)
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

/* A test may have more of them. */
#ifndef FIXTURE_ROUTES
#define FIXTURE_ROUTES
#endif

static const struct http_route routes[] = {
    FIXTURE_ROUTES
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

static inline struct http_server *start(unsigned connections)
{
    struct err err = {0};
    struct http_options o = {.address = "127.0.0.1", .threads = 2, .connections = connections, .routes = routes, .hosts = "x"};
    struct http_server *s = NULL;
    if (http_start(&o, &s, &err) != ERR_OK)
        fail_msg("%s", err.message);
    return s;
}
static inline int start_shared(void **state)
{
    (void)state;
    server = start(0);
    return 0;
}
static inline int stop_shared(void **state)
{
    (void)state;
    http_stop(server);
    return 0;
}

static inline struct sockaddr_in address_of(const struct http_server *s)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(http_port(s)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline struct client *dial(const struct http_server *s)
{
    struct client *c = test_calloc(1, sizeof *c);
    struct sockaddr_in a = address_of(s);
    struct timeval patience = {.tv_sec = 20};
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&a, sizeof a), 0);
    return c;
}
static inline void hang_up(struct client *c)
{
    close(c->fd);
    test_free(c);
}
static inline void say_bytes(struct client *c, const void *data, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = send(c->fd, (const char *)data + done, length - done, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* refused in the middle: the response tells */
        done += (size_t)n;
    }
}
static inline void say(struct client *c, const char *text)
{
    say_bytes(c, text, strlen(text));
}
static inline bool more(struct client *c)
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
static inline void take(struct client *c, char *out, size_t size, size_t length)
{
    assert_true(length < size);
    memcpy(out, c->data, length);
    out[length] = '\0';
    c->have -= length;
    memmove(c->data, c->data + length, c->have + 1);
}
static inline const char *header(const struct response *r, const char *name)
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
static inline struct response hear(struct client *c, bool head_only)
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
    if (length && length < sizeof r.body && r.body[length - 1] == '\n')
        r.body[length - 1] = '\0'; /* a JSON body ends its line */
    return r;
}
static inline bool is_closed(struct client *c)
{
    return c->have == 0 && !more(c);
}
/* One request on a fresh connection; the text lacks only the final CR LF. */
static inline struct response ask(const char *request)
{
    struct client *c = dial(server);
    say(c, request);
    say(c, "\r\n");
    struct response r = hear(c, strncmp(request, "HEAD", 4) == 0);
    hang_up(c);
    return r;
}
#define GET(path) ask("GET " path " HTTP/1.1\r\nHost: x\r\n")

static inline struct response post(const char *path, const char *type, size_t length, bool chunked)
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
