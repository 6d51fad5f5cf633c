/* The HTTP server: the only place that knows libmicrohttpd. It owns sockets, limits, deadlines, routing on the raw URI,
 * who may ask (Host, Origin, token), bodies, replies, HEAD/OPTIONS/404/405/413/415, request ids, and the counters of
 * /metrics. Handlers are functions of a
 * request; the route table (server/api/routes.c) binds them.
 *
 * Threads: handlers run on HTTP threads and must not block. A handler that has to wait calls http_suspend(), hands the
 * request to whoever will finish the work, and returns HTTP_WAIT; that one calls http_wake() once, from any thread, and
 * the handler is called again (on an HTTP thread) with the same `state`. The request lives until its reply is sent. */
#pragma once

#include "core/base/buf.h"
#include "core/base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_method { HTTP_GET, HTTP_POST, HTTP_PATCH, HTTP_DELETE, HTTP_METHODS };
/* What a route needs. A route without one fails http_start. Today one token opens all but SCOPE_OPEN, which needs none. */
enum http_scope { SCOPE_UNSET, SCOPE_OPEN, SCOPE_READ, SCOPE_PREDICT, SCOPE_TRAIN, SCOPE_ADMIN };
enum http_body { BODY_NONE, BODY_JSON, BODY_CSV, BODY_JSON_OR_CSV };
enum http_next { HTTP_REPLY, HTTP_WAIT };

#define HTTP_PARAMETERS 4
#define HTTP_JSON_LIMIT (1u << 20)

struct http_server;
struct http_request;

/* The body of a reply without an end: writes 1..size bytes to out and returns how many. With nothing to write it calls
 * http_suspend, makes sure that http_wake comes (from any thread, once), and returns 0; HTTP_STREAM_END ends the reply. */
typedef size_t (*http_stream)(struct http_request *r, char *out, size_t size);
#define HTTP_STREAM_END SIZE_MAX

struct http_reply {
    unsigned status; /* 0 until a handler set it */
    const char *content_type;
    struct buf body;
    int fd;            /* >= 0: the body is this file instead, closed by the server */
    uint64_t fd_size;
    http_stream stream; /* not NULL: the body comes from it, for as long as the client stays. See http_stream_reply */
    char etag[96];     /* with quotes; "" for none. A GET whose If-None-Match holds it is answered 304 by the server */
    char location[160];
    char disposition[200]; /* Content-Disposition; "" for none */
    unsigned retry_after;  /* seconds; 0 for none */
    bool problem;          /* content type becomes application/problem+json */
    const struct http_asset *asset; /* the body is this instead, in a coding that the client takes */
};

/* A file that is part of the program: the page's. Its bytes live as long as the process. */
enum http_coding { CODING_IDENTITY, CODING_GZIP, CODING_BROTLI, CODINGS };
struct http_asset {
    const char *path; /* relative to the page: "index.html", "assets/main-6GXQ.js" */
    const char *content_type;
    const char *hash; /* of its bytes: the ETag */
    bool immutable;   /* the path has a hash of its bytes: cached for ever. Others are revalidated each time */
    struct {
        const unsigned char *data;
        size_t length;
    } body[CODINGS]; /* length 0: not in this coding; identity is always there */
};

typedef enum http_next (*http_handler)(struct http_request *r);
/* A streaming body: called with each piece as it arrives (length 0 never). The first code that is not ERR_OK stops it:
 * the rest is drained, and the handler is called then (it finds the error in its own state). */
typedef enum err_code (*http_body_piece)(struct http_request *r, const void *data, size_t length);

struct http_route {
    enum http_method method;
    const char *path; /* "/v1/jobs/{job}/runs": {name} captures one segment, percent-decoded once */
    enum http_scope scope;
    enum http_body body;
    uint64_t body_limit;     /* bytes; over it 413. 0 with a body: HTTP_JSON_LIMIT. JSON bodies of BODY_JSON_OR_CSV are always
                                limited to HTTP_JSON_LIMIT */
    const char *query;       /* names of the query parameters it takes, separated by blanks; another one is 400 */
    http_handler handler;
    http_body_piece piece;   /* for CSV bodies that stream; NULL: the body is collected in r->body */
    const char *summary;     /* one line, for the OpenAPI document */
};

struct http_request {
    enum http_method method;
    const struct http_route *route;
    void *app;                     /* what http_start was given */
    char id[24];                   /* the request id, also sent as X-Request-Id */
    const char *path;              /* raw, without the query */
    const char *parameter[HTTP_PARAMETERS]; /* captured segments, decoded, in order */
    bool csv;                      /* the body's content type is text/csv */
    struct buf body;               /* collected body */
    struct http_reply reply;
    void *state;                   /* the handler's own, across waits and body pieces */
    void (*state_free)(void *state); /* called once when the request ends */
};

/* NULL when absent. Decoded. Lives as long as the request. */
const char *http_query(const struct http_request *r, const char *name);
const char *http_header(const struct http_request *r, const char *name);
/* The server that took the request: what http_start returned, and there before it returns. */
struct http_server *http_server_of(const struct http_request *r);
/* See above: call http_suspend on the HTTP thread before the request is handed out. */
void http_suspend(struct http_request *r);
void http_wake(struct http_request *r);

/* Whether the client of a request that sleeps has gone: libmicrohttpd does not look. From any thread, while the request is
 * known to live. */
bool http_gone(const struct http_request *r);

/* ---- replies: each returns HTTP_REPLY ---------------------------------------------------------------------------- */

struct violations; /* json/bind.h */
/* Sends r->reply.body, which the handler has filled, as application/json. */
enum http_next http_json(struct http_request *r, unsigned status);
enum http_next http_empty(struct http_request *r, unsigned status);
/* 200 with a body that `stream` makes as it goes, unbuffered on its way. r->state stays until state_free, which comes when the
 * client has gone or the body has ended; `stream` is not called after it. */
enum http_next http_stream_reply(struct http_request *r, const char *content_type, http_stream stream);
/* An application/problem+json from an error: status from the code (one table, http/problem.c); for 5xx the detail is
 * withheld, logged instead. line and column are members when they are not 0. */
enum http_next http_error(struct http_request *r, const struct err *err);
/* 422 /problems/validation with "errors". */
enum http_next http_violations(struct http_request *r, const struct violations *violations);
/* 200 with an asset, its ETag and Cache-Control, and what a browser is to refuse of it (Content-Security-Policy). */
enum http_next http_asset(struct http_request *r, const struct http_asset *asset);
/* Any other problem. `type` is the last segment of /problems/..., title and detail are texts. */
enum http_next http_problem(struct http_request *r, unsigned status, const char *type, const char *title,
                            const char *format, ...) __attribute__((format(printf, 5, 6)));

/* ---- the server -------------------------------------------------------------------------------------------------- */

struct http_options {
    const char *address;   /* numeric, e.g. 127.0.0.1 or ::1 */
    uint16_t port;         /* 0: any free one */
    unsigned threads;      /* 0: max(2, cores) */
    unsigned connections;  /* 0: 1024; a 503 with Retry-After is answered 5 % under it */
    const struct http_route *routes; /* ends with a NULL path */
    const char *hosts; /* names that clients may call it by beside those of loopback, commas between; NULL: none. Kept */
    const char *token; /* what a route that is not open needs (RFC 6750); NULL or "": nothing. Not kept */
    void *app;
};

/* Checks the route table too. */
enum err_code http_start(const struct http_options *o, struct http_server **ret_server, struct err *err);
/* Whether only this machine reaches a numeric address. */
bool http_is_loopback(const char *address);
uint16_t http_port(const struct http_server *s);
/* Stops taking connections; requests under way go on. Every suspended one must be woken by its owner before http_stop. */
void http_quiesce(struct http_server *s);
void http_stop(struct http_server *s);
/* Prometheus text: mlpd_http_requests_total{route,method,status}, mlpd_http_request_seconds (histogram), connections. */
void http_metrics(struct http_server *s, struct buf *out);
