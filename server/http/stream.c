/* Replies without an end. libmicrohttpd asks for more bytes whenever the socket takes some; a suspended connection is
 * not looked at until it is resumed, not even for the client's going, hence http_gone. */
#include "internal.h"
#include "core/base/clock.h"
#include <assert.h>
#include <poll.h>
#include <sys/socket.h>

#define PIECE 4096 /* for HTTP/1.0; chunks are made in the connection's own memory */

enum http_next http_stream_reply(struct http_request *r, const char *content_type, http_stream stream)
{
    struct context *c = context_of(r);
    c->close |= c->head; /* libmicrohttpd ends the chunks that a HEAD has none of, which a next reply must not follow */
    r->reply.status = 200;
    r->reply.content_type = content_type;
    r->reply.stream = stream;
    return HTTP_REPLY;
}

bool http_gone(const struct http_request *r)
{
    const struct connection *peer = context_of_const(r)->peer;
    struct pollfd p = {.fd = peer ? peer->fd : -1, .events = POLLRDHUP};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static ssize_t more(void *context, uint64_t position, char *out, size_t size)
{
    struct context *c = context;
    (void)position;
    c->suspended = false;
    size_t length = c->request.reply.stream(&c->request, out, size);
    if (length == HTTP_STREAM_END)
        return MHD_CONTENT_READER_END_OF_STREAM;
    assert(length <= size && (length > 0) != c->suspended);
    return (ssize_t)length;
}

struct MHD_Response *stream_response(struct context *c)
{
    const int buffer = HTTP_STREAM_BUFFER;
    c->stream_started_ns = clock_monotonic_ns();
    if (c->peer)
        (void)setsockopt(c->peer->fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE, more, c, NULL);
}
