#include "api.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct raw {
    int fd;
    size_t have, room;
    char *data;
    char about[240];
};

/* ---- the connection ----------------------------------------------------------------------------------------------- */

static bool dial(int *ret_fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)daemon_port()),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = HANG_SECONDS};
    *ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(*ret_fd >= 0);
    assert_int_equal(setsockopt(*ret_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    return connect(*ret_fd, (struct sockaddr *)&address, sizeof address) == 0;
}

struct raw *raw_open(void)
{
    struct raw *c = calloc(1, sizeof *c);
    assert_non_null(c);
    assert_true(dial(&c->fd));
    return c;
}

bool raw_refused(void)
{
    int fd;
    bool refused = !dial(&fd);
    close(fd);
    return refused;
}

void raw_close(struct raw *c)
{
    close(c->fd);
    free(c->data);
    free(c);
}

void raw_send_bytes(struct raw *c, const void *data, size_t length)
{
    if (!*c->about)
        snprintf(c->about, sizeof c->about, "%.*s", (int)(length < 200 ? length : 200), (const char *)data);
    for (size_t done = 0; done < length;) {
        ssize_t n = send(c->fd, (const char *)data + done, length - done, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* refused in the middle: the reply tells */
        done += (size_t)n;
    }
}

void raw_send(struct raw *c, const char *format, ...)
{
    char message[4096];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    assert_in_range(length, 0, sizeof message - 1);
    raw_send_bytes(c, message, (size_t)length);
}

static bool more(struct raw *c)
{
    if (c->have + 65536 > c->room) {
        c->room = 2 * c->have + 131072;
        c->data = realloc(c->data, c->room);
        assert_non_null(c->data);
    }
    ssize_t n = recv(c->fd, c->data + c->have, c->room - 1 - c->have, 0);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        fail_msg("no answer within %d s to: %s", HANG_SECONDS, c->about);
    if (n <= 0)
        return false;
    c->have += (size_t)n;
    c->data[c->have] = '\0';
    return true;
}

bool raw_ended(struct raw *c)
{
    return c->have == 0 && !more(c);
}

/* ---- replies ------------------------------------------------------------------------------------------------------ */

static char *cut(struct raw *c, size_t length)
{
    char *out = malloc(length + 1);
    assert_non_null(out);
    if (length)
        memcpy(out, c->data, length);
    out[length] = '\0';
    c->have -= length;
    if (c->data)
        memmove(c->data, c->data + length, c->have + 1);
    return out;
}

struct reply *raw_read(struct raw *c, const char *method)
{
    const char *end;
    while (!c->have || !(end = strstr(c->data, "\r\n\r\n")))
        if (!more(c))
            return NULL;
    struct reply *r = reply_new(c->about);
    r->head = cut(c, (size_t)(end + 4 - c->data));
    assert_int_equal(strncmp(r->head, "HTTP/1.", 7), 0);
    r->status = atoi(r->head + 9);
    bool bodiless = r->status == 204 || r->status == 304 || strcmp(method, "HEAD") == 0;
    size_t length = bodiless ? 0 : strtoul(http_header(r, "Content-Length"), NULL, 10);
    while (c->have < length)
        if (!more(c))
            return NULL;
    r->body = cut(c, length);
    r->length = length;
    return r;
}

struct reply *raw_ask_bytes(const char *request, size_t length)
{
    struct raw *c = raw_open();
    raw_send_bytes(c, request, length);
    raw_send_bytes(c, "\r\n", 2);
    struct reply *r = raw_read(c, strncmp(request, "HEAD ", 5) == 0 ? "HEAD" : "GET");
    raw_close(c);
    return r;
}

struct reply *raw_ask(const char *request)
{
    return raw_ask_bytes(request, strlen(request));
}

/* ---- waiting ------------------------------------------------------------------------------------------------------ */

struct raw *raw_get(const char *etag, const char *path, ...)
{
    char target[500];
    va_list arguments;
    va_start(arguments, path);
    vsnprintf(target, sizeof target, path, arguments);
    va_end(arguments);
    struct raw *c = raw_open();
    raw_send(c, "GET %s HTTP/1.1\r\nHost: mlpd\r\n%s%s%s\r\n", target, etag ? "If-None-Match: " : "", etag ? etag : "",
             etag ? "\r\n" : "");
    return c;
}

static unsigned other_requests(void)
{
    static const char name[] = "\nmlpd_http_requests_active ";
    struct reply *r = expect(http_get("/metrics"), 200);
    const char *figure = strstr(r->body, name);
    assert_non_null(figure);
    return (unsigned)strtoul(figure + strlen(name), NULL, 10) - 1;
}

void raw_wait_for_requests(unsigned wanted)
{
    while (other_requests() < wanted)
        ;
}

void raw_wait_for_silence(void)
{
    while (other_requests() > 0)
        ;
}
