/* Private to server/http: one context for each request, one record for each connection, and the server itself.
 *
 * libmicrohttpd calls answer() (server.c) for a request at least twice: with the headers, with each piece of the body,
 * and at its end (again after each wake). A reply queued in the first call makes it close the connection, so that a
 * refusal of a request without a body waits for the last call. All calls for one connection come from one thread, hence
 * a context needs no lock; what is shared between threads is atomic, but for the list of connections. */
#pragma once

#include "core/base/sha256.h"
#include "http.h"
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

#define HTTP_URI_LIMIT     8192u
#define HTTP_HEADERS_LIMIT 16384u
#define HTTP_SEGMENTS      8u /* of a path */
#define HTTP_QUERY_MAX     16u
#define HTTP_IGNORED_BODY  1024u            /* what a route without a body swallows */
#define HTTP_DRAIN         (8u << 20)       /* read and thrown away over a limit, so that the client reads its 413 */
#define HTTP_COLLECT_LIMIT (256u << 20)     /* a larger body must be streamed */
#define HTTP_REPLY_LIMIT   ((size_t)1 << 28)
#define HTTP_LINGERING     64u
#define HTTP_STREAM_BUFFER (64 << 10) /* bytes that the kernel may hold for a stream's slow reader */

/* The headers that may come once only: a second one is how requests are smuggled past a proxy. */
enum header {
    H_CONTENT_LENGTH,
    H_TRANSFER_ENCODING,
    H_CONTENT_TYPE,
    H_CONTENT_ENCODING,
    H_HOST,
    H_ORIGIN,
    H_AUTHORIZATION,
    HEADERS
};

struct query {
    const char *name, *value;
};

struct context {
    struct http_request request; /* first: a handler's pointer is the context's */
    struct http_server *server;
    struct MHD_Connection *connection;
    struct connection *peer; /* NULL when there was no memory for it */
    uint64_t started_ns, body_started_ns, stream_started_ns; /* the last: 0 unless the reply is a stream */
    const char *header[HEADERS];
    char allow[48]; /* "" for none */
    const char *authenticate; /* WWW-Authenticate; NULL for none */
    const char *authority; /* of a URI with a host, its end at the path; NULL for none */
    uint64_t content_length, body_limit, body_received;
    enum err_code piece_code;
    unsigned query_count;
    struct query query[HTTP_QUERY_MAX];
    size_t route_index;  /* the table's length for no route */
    size_t header_size;  /* with the request line */
    size_t uri_length;   /* as sent; over the limit only its start is kept */
    const char *raw_query; /* "" for none */
    char *free_text;     /* in `text`: where decoded strings go */
    size_t text_size;
    unsigned sent_status; /* 0 until a reply was queued */
    bool begun;          /* the headers have been seen */
    bool head, chunked, body_failed, close, suspended;
    char text[];         /* the raw URI, then room for everything decoded from it */
};

struct connection {
    struct connection *next, *previous;
    int fd;
    bool refused;                 /* came over the connection limit */
    bool linger;                  /* closed with unread data: see connection.c */
    _Atomic uint64_t deadline_ns; /* headers must have come by then; 0: no deadline */
    char host[64];                /* a Host that was found to be ours; it has host_length bytes, 0 for none yet */
    size_t host_length;
    struct context *spare;        /* of its last request, for the next; NULL for none */
    uint64_t next_id;             /* the number of its next request; a multiple of NUMBERS_AT_ONCE: none left */
    atomic_bool active;           /* a request is between its headers and its end */
};

struct segment {
    const char *literal; /* NULL: a parameter */
    size_t length;
};

struct plan {
    const struct http_route *route;
    struct plan *next; /* of as many segments */
    unsigned count;
    struct segment segment[HTTP_SEGMENTS];
};

/* Of /metrics. Each thread counts in a share of its own, since a counter that two write to travels between their caches. */
struct counters {
    unsigned shares;
    size_t share_size;          /* counters in one */
    _Atomic uint64_t *share;    /* [shares][share_size] */
};

struct lingering {
    int fd;
    uint64_t until_ns;
};

struct http_server {
    struct MHD_Daemon *daemon;
    void *app;
    int listen_fd; /* ours to close once quiesced; -1 while the daemon owns it */
    uint16_t port;
    const struct http_route *routes;
    struct plan *plans;
    struct plan *first_plan[HTTP_SEGMENTS + 1]; /* by number of segments, in the order of the table */
    size_t route_count;
    const char *hosts; /* "" for none */
    bool token_needed;
    uint8_t token[SHA256_BYTES]; /* its digest */
    uint64_t first_id;
    _Atomic uint64_t next_id;
    _Atomic unsigned connections, orphans; /* orphans: active requests of connections without a record */
    unsigned connection_limit;            /* over it 503 */
    atomic_bool quiesced;
    struct counters counters;

    /* Deadlines; tests make them short. */
    _Atomic uint64_t header_ns, idle_ns, body_grace_ns;

    pthread_mutex_t watch_lock; /* the list, the lingering sockets, watch_stop */
    pthread_cond_t watch_wake;
    pthread_t watch_thread;
    bool watch_stop;
    struct connection *first;
    struct lingering lingering[HTTP_LINGERING];
    unsigned lingering_count;
};

static inline struct context *context_of(struct http_request *r)
{
    return (struct context *)(void *)r;
}
static inline const struct context *context_of_const(const struct http_request *r)
{
    return (const struct context *)(const void *)r;
}

/* ---- request.c --------------------------------------------------------------------------------------------------- */

/* NULL without memory. */
struct context *request_new(struct http_server *s, struct MHD_Connection *connection, const char *uri);
void request_free(struct context *c);
/* The first call: all checks that the headers allow. Refused: reply.status is set. */
void request_begin(struct context *c, const char *url, const char *method, const char *version);
/* One percent-decoding of raw[0..length) into the context's text; NULL on a bad escape, a NUL or invalid UTF-8. */
char *request_decode(struct context *c, const char *raw, size_t length, bool plus_is_space);

/* ---- access.c ---------------------------------------------------------------------------------------------------- */

void access_start(struct http_server *s, const struct http_options *o);
/* Before routing: Host and Origin. May set a reply: 421, 403. */
void access_check_caller(struct context *c, const char *method);
/* Once the route is known: the token. May set a reply: 401. */
void access_check_token(struct context *c);
/* Whether a socket's own address is this one; IPv4 is mapped into IPv6. */
bool access_is_own(const struct in6_addr *address, const struct sockaddr *local);

/* ---- route.c ----------------------------------------------------------------------------------------------------- */

enum err_code routes_plan(struct http_server *s, const struct http_route *routes, struct err *err);
/* Sets request.route and parameters, or a reply: 400, 404, 405, and 204 for OPTIONS. */
void route_request(struct context *c, const char *method);

/* ---- body.c ------------------------------------------------------------------------------------------------------ */

/* Content type and length against the route; may set a reply. */
void body_begin(struct context *c);
bool body_expected(const struct context *c); /* the request has one, or says so */
enum MHD_Result body_take(struct context *c, const void *data, size_t length);
void body_end(struct context *c); /* may set a reply */

/* ---- reply.c ----------------------------------------------------------------------------------------------------- */

enum MHD_Result reply_send(struct context *c);
/* In the middle of an upload libmicrohttpd takes no reply: writes it to the socket and answers MHD_NO, which closes. */
enum MHD_Result reply_abort(struct context *c);
/* 503 for a request that there was no memory to hold. */
enum MHD_Result reply_no_memory(struct MHD_Connection *connection);
void reply_drop_body(struct http_reply *reply);

/* ---- stream.c ---------------------------------------------------------------------------------------------------- */

struct MHD_Response *stream_response(struct context *c);

/* ---- assets.c ---------------------------------------------------------------------------------------------------- */

/* Of a reply with an asset. */
struct MHD_Response *asset_response(const struct http_request *r);
bool asset_headers(const struct http_request *r, struct MHD_Response *response);
/* The best coding that both the asset and an Accept-Encoding (NULL: identity only) have: RFC 9110, 12.5.3. */
enum http_coding asset_coding(const struct http_asset *asset, const char *accepted);

/* ---- counters.c --------------------------------------------------------------------------------------------------- */

enum err_code counters_start(struct http_server *s, unsigned threads, struct err *err);
void counters_count(const struct http_server *s, size_t route_index, unsigned status, uint64_t elapsed_ns);

/* ---- connection.c ------------------------------------------------------------------------------------------------ */

enum err_code connections_start(struct http_server *s, struct err *err);
void connections_stop(struct http_server *s);
void connection_notify(void *server, struct MHD_Connection *connection, void **socket_context,
                       enum MHD_ConnectionNotificationCode code);
struct connection *connection_find(struct MHD_Connection *connection);
/* How many requests are between their headers and their end. A thread that asks may be late by a moment. */
unsigned connections_active(struct http_server *s);
void connection_active(struct http_server *s, struct connection *peer, bool active);
/* The headers of a request must end within `ns` from now; 0: no deadline. */
void connection_expect(struct connection *peer, uint64_t ns);
