/* The daemon: start and stop, and the road of a request through libmicrohttpd's callbacks. */
#include "internal.h"
#include "core/base/clock.h"
#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include "server/log.h"
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTION_MEMORY    ((size_t)32 << 10)
#define INACTIVITY_SECONDS   60u
#define DEFAULT_CONNECTIONS  1024u
#define HEADER_NS            10000000000u
#define BODY_GRACE_NS        10000000000u
#define STOP_GRACE_NS        3000000000u /* what http_stop gives replies under way */

/* ---- callbacks --------------------------------------------------------------------------------------------------- */

static void *begin(void *server, const char *uri, struct MHD_Connection *connection)
{
    return request_new(server, connection, uri ? uri : "");
}

static enum MHD_Result run_handler(struct context *c)
{
    struct http_request *r = &c->request;
    c->suspended = false;
    if (r->route->handler(r) == HTTP_WAIT) {
        assert(c->suspended);
        return MHD_YES;
    }
    assert(!c->suspended && r->reply.status != 0);
    return reply_send(c);
}

static enum MHD_Result first_call(struct context *c, const char *url, const char *method, const char *version)
{
    c->begun = true;
    connection_active(c->server, c->peer, true);
    request_begin(c, url, method, version);
    if (c->request.reply.status == 0 || !body_expected(c))
        return MHD_YES;
    if (c->peer)
        c->peer->linger = true;
    return reply_send(c);
}

static enum MHD_Result answer(void *server, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *data, size_t *length, void **request)
{
    (void)server;
    struct context *c = *request;
    if (!c)
        return reply_no_memory(connection);
    if (!c->begun)
        return first_call(c, url, method, version);
    if (*length != 0) {
        enum MHD_Result result = body_take(c, data, *length);
        *length = 0;
        return result;
    }
    if (c->request.reply.status == 0)
        body_end(c);
    return c->request.reply.status != 0 ? reply_send(c) : run_handler(c);
}

static void completed(void *server, struct MHD_Connection *connection, void **request,
                      enum MHD_RequestTerminationCode code)
{
    (void)connection;
    (void)code;
    struct http_server *s = server;
    struct context *c = *request;
    *request = NULL;
    if (!c)
        return;
    if (c->sent_status != 0)
        counters_count(s, c->route_index, c->sent_status,
                       (c->stream_started_ns ? c->stream_started_ns : clock_monotonic_ns()) - c->started_ns);
    connection_expect(c->peer, s->idle_ns + s->header_ns);
    bool begun = c->begun;
    struct connection *peer = c->peer;
    request_free(c);
    if (begun)
        connection_active(s, peer, false);
}

/* Paths and queries are decoded once, by us: see request.c. */
static size_t unescape_nothing(void *server, struct MHD_Connection *connection, char *text)
{
    (void)server;
    (void)connection;
    return strlen(text);
}

/* What libmicrohttpd reports is mostly clients that went away. */
static __attribute__((format(printf, 2, 0))) void log_library(void *server, const char *format, va_list arguments)
{
    (void)server;
    char text[300];
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\r\n")] = '\0';
    log_event(LOG_DEBUG, "libmicrohttpd", "text", text, NULL);
}

/* ---- suspend and wake -------------------------------------------------------------------------------------------- */

/* The waker may come at once, before the handler has returned: libmicrohttpd only notes the wish under its lock, and
 * the connection's own thread acts on it when it is back in its loop. The same lock orders what the waker wrote before
 * what the handler reads when it is called again. */
void http_suspend(struct http_request *r)
{
    struct context *c = context_of(r);
    assert(!c->suspended);
    c->suspended = true;
    MHD_suspend_connection(c->connection);
}

void http_wake(struct http_request *r)
{
    MHD_resume_connection(context_of(r)->connection);
}

/* ---- start and stop ---------------------------------------------------------------------------------------------- */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static bool parse_address(const char *text, uint16_t port, union address *out, socklen_t *ret_length)
{
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        *ret_length = sizeof out->v4;
        return true;
    }
    if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(port);
        *ret_length = sizeof out->v6;
        return true;
    }
    return false;
}

static bool bind_socket(int fd, union address *address, socklen_t length)
{
    int on = 1;
    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 && bind(fd, &address->any, length) == 0 &&
           listen(fd, SOMAXCONN) == 0 && getsockname(fd, &address->any, &length) == 0;
}

/* We listen ourselves, so that the error says what was wrong with the address. */
static enum err_code listen_on(struct http_server *s, const struct http_options *o, struct err *err)
{
    union address address;
    socklen_t length = 0;
    char what[96];
    if (!parse_address(o->address, o->port, &address, &length))
        return err_set(err, ERR_INVALID, "%s is not a numeric address: write for example 127.0.0.1 or ::1", o->address);
    snprintf(what, sizeof what, "listening on %s port %u", o->address, o->port);
    s->listen_fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->listen_fd < 0 || !bind_socket(s->listen_fd, &address, length))
        return err_errno(err, what);
    s->port = ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
    return ERR_OK;
}

static unsigned thread_count(unsigned wanted, unsigned connections)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = wanted ? wanted : cores > 2 ? (unsigned)cores : 2;
    return threads < connections ? threads : connections;
}

/* The daemon owns the listening socket from here on, also when it fails to start. */
static enum err_code start_daemon(struct http_server *s, unsigned threads, unsigned connections, struct err *err)
{
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    s->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, answer, s, MHD_OPTION_EXTERNAL_LOGGER, log_library, s, MHD_OPTION_LISTEN_SOCKET,
        s->listen_fd, MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_CONNECTION_LIMIT,
        connections, MHD_OPTION_CONNECTION_TIMEOUT, INACTIVITY_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        CONNECTION_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, begin, s,
        MHD_OPTION_UNESCAPE_CALLBACK, unescape_nothing, s, MHD_OPTION_NOTIFY_COMPLETED, completed, s,
        MHD_OPTION_NOTIFY_CONNECTION, connection_notify, s, MHD_OPTION_END);
    s->listen_fd = -1;
    if (!s->daemon)
        return err_set(err, ERR_IO, "the HTTP server did not start: not enough memory, threads or descriptors");
    return ERR_OK;
}

static void server_free(struct http_server *s)
{
    fs_closep(&s->listen_fd);
    mem_free(s->counters.share);
    mem_free(s->plans);
    mem_free(s);
}

static enum err_code prepare(struct http_server *s, const struct http_options *o, unsigned threads, struct err *err)
{
    s->app = o->app;
    s->listen_fd = -1;
    s->header_ns = HEADER_NS;
    s->body_grace_ns = BODY_GRACE_NS;
    s->idle_ns = INACTIVITY_SECONDS * 1000000000ull;
    access_start(s, o);
    if (getrandom(&s->first_id, sizeof s->first_id, 0) != (ssize_t)sizeof s->first_id)
        s->first_id = clock_monotonic_ns();
    enum err_code code = routes_plan(s, o->routes, err);
    if (code == ERR_OK)
        code = counters_start(s, threads, err);
    return code == ERR_OK ? listen_on(s, o, err) : code;
}

static enum err_code run(struct http_server *s, unsigned threads, unsigned connections, struct err *err)
{
    s->connection_limit = connections - (connections + 19) / 20;
    enum err_code code = connections_start(s, err);
    if (code != ERR_OK)
        return code;
    code = start_daemon(s, threads, connections, err);
    if (code != ERR_OK)
        connections_stop(s);
    return code;
}

enum err_code http_start(const struct http_options *o, struct http_server **ret_server, struct err *err)
{
    struct http_server *s = mem_zalloc(sizeof *s);
    if (!s)
        return err_no_memory(err);
    unsigned connections = o->connections ? o->connections : DEFAULT_CONNECTIONS;
    unsigned threads = thread_count(o->threads, connections);
    enum err_code code = prepare(s, o, threads, err);
    if (code == ERR_OK)
        code = run(s, threads, connections, err);
    if (code != ERR_OK) {
        server_free(s);
        return code;
    }
    *ret_server = s;
    return ERR_OK;
}

uint16_t http_port(const struct http_server *s)
{
    return s->port;
}

void http_quiesce(struct http_server *s)
{
    if (atomic_exchange(&s->quiesced, true))
        return;
    s->listen_fd = MHD_quiesce_daemon(s->daemon);
    /* New clients are refused at once instead of waiting in a queue that no one reads. */
    if (s->listen_fd >= 0)
        shutdown(s->listen_fd, SHUT_RDWR);
}

void http_stop(struct http_server *s)
{
    if (!s)
        return;
    http_quiesce(s);
    uint64_t until = clock_monotonic_ns() + STOP_GRACE_NS;
    while (connections_active(s) > 0 && clock_monotonic_ns() < until)
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    MHD_stop_daemon(s->daemon);
    connections_stop(s);
    server_free(s);
}
