/* Connections: their number, the deadline for headers, and slow closing.
 *
 * libmicrohttpd knows inactivity only, which one byte now and then outlives; so a watching thread looks at all
 * connections twice a second and shuts those down whose headers are overdue. And it closes a socket right after a reply
 * that was sent before the body was read; the kernel then resets the connection, which can take the reply away from the
 * client. So a duplicate of such a socket is kept for a moment and read empty. */
#include "internal.h"
#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define LINGER_NS  2000000000u
#define TICK_NS    500000000u
#define LINGER_TICK_NS 20000000u

/* ---- the watching thread ----------------------------------------------------------------------------------------- */

static void shut_overdue_locked(struct http_server *s, uint64_t now)
{
    for (struct connection *c = s->first; c; c = c->next) {
        uint64_t deadline = atomic_load_explicit(&c->deadline_ns, memory_order_relaxed);
        if (deadline != 0 && deadline < now)
            shutdown(c->fd, SHUT_RDWR);
    }
}

/* False when there is nothing to wait for any more. */
static bool read_away(int fd)
{
    char waste[16384];
    for (int i = 0; i < 64; i++) {
        ssize_t n = recv(fd, waste, sizeof waste, MSG_DONTWAIT);
        if (n <= 0)
            return n < 0 && (errno == EAGAIN || errno == EINTR);
    }
    return true;
}

static void serve_lingering_locked(struct http_server *s, uint64_t now)
{
    for (unsigned i = 0; i < s->lingering_count;) {
        struct lingering *l = &s->lingering[i];
        if (l->until_ns > now && read_away(l->fd)) {
            i++;
            continue;
        }
        fs_close(l->fd);
        *l = s->lingering[--s->lingering_count];
    }
}

static void *watch(void *server)
{
    struct http_server *s = server;
    pthread_mutex_lock(&s->watch_lock);
    while (!s->watch_stop) {
        uint64_t now = clock_monotonic_ns();
        shut_overdue_locked(s, now);
        serve_lingering_locked(s, now);
        uint64_t until = now + (s->lingering_count ? LINGER_TICK_NS : TICK_NS);
        struct timespec t = {.tv_sec = (time_t)(until / 1000000000u), .tv_nsec = (long)(until % 1000000000u)};
        pthread_cond_timedwait(&s->watch_wake, &s->watch_lock, &t);
    }
    pthread_mutex_unlock(&s->watch_lock);
    return NULL;
}

enum err_code connections_start(struct http_server *s, struct err *err)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->watch_lock, NULL);
    pthread_cond_init(&s->watch_wake, &attributes);
    pthread_condattr_destroy(&attributes);
    int failed = pthread_create(&s->watch_thread, NULL, watch, s);
    if (failed == 0)
        return ERR_OK;
    pthread_cond_destroy(&s->watch_wake);
    pthread_mutex_destroy(&s->watch_lock);
    return err_set(err, ERR_NO_MEMORY, "no thread for the HTTP server: %s", strerror(failed));
}

void connections_stop(struct http_server *s)
{
    pthread_mutex_lock(&s->watch_lock);
    s->watch_stop = true;
    pthread_cond_signal(&s->watch_wake);
    pthread_mutex_unlock(&s->watch_lock);
    pthread_join(s->watch_thread, NULL);
    for (unsigned i = 0; i < s->lingering_count; i++)
        fs_close(s->lingering[i].fd);
    pthread_cond_destroy(&s->watch_wake);
    pthread_mutex_destroy(&s->watch_lock);
}

/* ---- coming and going -------------------------------------------------------------------------------------------- */

struct connection *connection_find(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

void connection_expect(struct connection *peer, uint64_t ns)
{
    if (peer)
        atomic_store_explicit(&peer->deadline_ns, ns ? clock_coarse_ns() + ns : 0, memory_order_relaxed);
}

void connection_active(struct http_server *s, struct connection *peer, bool active)
{
    if (peer)
        atomic_store_explicit(&peer->active, active, memory_order_release);
    else
        atomic_fetch_add_explicit(&s->orphans, active ? 1u : -1u, memory_order_release);
}

unsigned connections_active(struct http_server *s)
{
    unsigned count = atomic_load_explicit(&s->orphans, memory_order_acquire);
    pthread_mutex_lock(&s->watch_lock);
    for (struct connection *c = s->first; c; c = c->next)
        count += atomic_load_explicit(&c->active, memory_order_acquire);
    pthread_mutex_unlock(&s->watch_lock);
    return count;
}

static struct connection *come(struct http_server *s, struct MHD_Connection *connection)
{
    unsigned count = atomic_fetch_add_explicit(&s->connections, 1, memory_order_relaxed) + 1;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct connection *c = mem_zalloc(sizeof *c);
    if (!c)
        return NULL; /* its requests are answered 503 */
    c->fd = info->connect_fd;
    c->refused = count > s->connection_limit;
    connection_expect(c, s->header_ns);
    pthread_mutex_lock(&s->watch_lock);
    c->next = s->first;
    if (c->next)
        c->next->previous = c;
    s->first = c;
    pthread_mutex_unlock(&s->watch_lock);
    return c;
}

static void linger_locked(struct http_server *s, int fd)
{
    if (s->lingering_count == HTTP_LINGERING)
        return;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return;
    shutdown(copy, SHUT_WR);
    s->lingering[s->lingering_count++] = (struct lingering){copy, clock_monotonic_ns() + LINGER_NS};
    pthread_cond_signal(&s->watch_wake);
}

static void go(struct http_server *s, struct connection *c)
{
    atomic_fetch_sub_explicit(&s->connections, 1, memory_order_relaxed);
    if (!c)
        return;
    pthread_mutex_lock(&s->watch_lock);
    if (c->previous)
        c->previous->next = c->next;
    else
        s->first = c->next;
    if (c->next)
        c->next->previous = c->previous;
    if (c->linger)
        linger_locked(s, c->fd);
    pthread_mutex_unlock(&s->watch_lock);
    mem_free(c->spare);
    mem_free(c);
}

void connection_notify(void *server, struct MHD_Connection *connection, void **socket_context,
                       enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = come(server, connection);
    } else {
        go(server, *socket_context);
        *socket_context = NULL;
    }
}
