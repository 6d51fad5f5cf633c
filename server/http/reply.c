/* Replies: what a handler set becomes a libmicrohttpd response; the body is handed over, never copied. */
#include "internal.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* ---- what handlers call ------------------------------------------------------------------------------------------ */

enum http_next http_json(struct http_request *r, unsigned status)
{
    buf_putc(&r->reply.body, '\n'); /* so that a shell's prompt stands on a line of its own */
    if (r->reply.body.failed)
        return http_error(r, &(struct err){.code = ERR_NO_MEMORY, .message = "no memory for the reply"});
    r->reply.status = status;
    r->reply.content_type = "application/json";
    return HTTP_REPLY;
}

enum http_next http_empty(struct http_request *r, unsigned status)
{
    reply_drop_body(&r->reply);
    r->reply.status = status;
    r->reply.content_type = NULL;
    return HTTP_REPLY;
}

void reply_drop_body(struct http_reply *reply)
{
    buf_done(&reply->body);
    if (reply->fd >= 0)
        fs_close(reply->fd);
    reply->fd = -1;
    reply->stream = NULL;
}

/* ---- conditional GET --------------------------------------------------------------------------------------------- */

/* RFC 9110, 13.1.2: a list of entity tags or "*", compared weakly. */
static bool tag_listed(const char *list, const char *etag)
{
    const char *own = strncmp(etag, "W/", 2) == 0 ? etag + 2 : etag;
    size_t length = strlen(own);
    for (const char *at = list; *at;) {
        at += strspn(at, " \t,");
        if (*at == '*')
            return true;
        if (strncmp(at, "W/", 2) == 0)
            at += 2;
        const char *end = *at == '"' ? strchr(at + 1, '"') : NULL;
        if (!end)
            return false;
        if ((size_t)(end + 1 - at) == length && memcmp(at, own, length) == 0)
            return true;
        at = end + 1;
    }
    return false;
}

static enum MHD_Result match_tag(void *request, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    struct http_request *r = request;
    if (strcasecmp(name, MHD_HTTP_HEADER_IF_NONE_MATCH) == 0 && value && tag_listed(value, r->reply.etag))
        http_empty(r, 304);
    return MHD_YES;
}

static void apply_condition(struct context *c)
{
    const struct http_request *r = &c->request;
    if (r->route && r->method == HTTP_GET && r->reply.status == 200 && r->reply.etag[0])
        MHD_get_connection_values(c->connection, MHD_HEADER_KIND, match_tag, &c->request);
}

/* ---- the response ------------------------------------------------------------------------------------------------ */

static struct MHD_Response *body_response(struct context *c)
{
    struct http_reply *reply = &c->request.reply;
    if (reply->asset && reply->status == 200)
        return asset_response(&c->request);
    if (reply->stream)
        return stream_response(c);
    if (reply->fd >= 0) {
        struct MHD_Response *response = MHD_create_response_from_fd64(reply->fd_size, reply->fd);
        if (response)
            reply->fd = -1; /* closed by the response from here on */
        return response;
    }
    if (reply->body.length == 0)
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    size_t length = 0;
    char *data = buf_steal(&reply->body, &length);
    if (!data)
        return NULL;
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(length, data, mem_free);
    if (!response)
        mem_free(data);
    return response;
}

/* An absent value is no header; false when there was no memory. */
static bool add_header(struct MHD_Response *response, const char *name, const char *value)
{
    return !value || !*value || MHD_add_response_header(response, name, value) == MHD_YES;
}

static const char *content_type(const struct http_reply *reply)
{
    return reply->problem ? "application/problem+json" : reply->content_type;
}

static const char *cache_control(const struct http_reply *reply)
{
    if (reply->asset && reply->asset->immutable)
        return "public, max-age=31536000, immutable";
    return reply->etag[0] ? "no-cache" : "no-store";
}

static bool add_headers(struct context *c, struct MHD_Response *response)
{
    const struct http_request *r = &c->request;
    const struct http_reply *reply = &r->reply;
    char retry_after[16] = "";
    if (reply->retry_after)
        snprintf(retry_after, sizeof retry_after, "%u", reply->retry_after);
    bool closing = c->close || atomic_load_explicit(&c->server->quiesced, memory_order_relaxed);
    const struct {
        const char *name, *value;
    } headers[] = {
        {MHD_HTTP_HEADER_CONTENT_TYPE, content_type(reply)},
        {"X-Request-Id", r->id},
        {"X-Content-Type-Options", "nosniff"},
        {MHD_HTTP_HEADER_CACHE_CONTROL, cache_control(reply)},
        {MHD_HTTP_HEADER_ETAG, reply->etag},
        {MHD_HTTP_HEADER_LOCATION, reply->location},
        {MHD_HTTP_HEADER_CONTENT_DISPOSITION, reply->disposition},
        {MHD_HTTP_HEADER_ALLOW, c->allow},
        {MHD_HTTP_HEADER_WWW_AUTHENTICATE, c->authenticate},
        {MHD_HTTP_HEADER_RETRY_AFTER, retry_after},
        {"X-Accel-Buffering", reply->stream ? "no" : ""}, /* nginx would collect a stream */
        {MHD_HTTP_HEADER_CONNECTION, closing ? "close" : ""},
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        if (!add_header(response, headers[i].name, headers[i].value))
            return false;
    return !reply->asset || asset_headers(r, response);
}

static enum MHD_Result queue(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response)
{
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result reply_send(struct context *c)
{
    struct http_reply *reply = &c->request.reply;
    apply_condition(c);
    if (reply->body.failed)
        http_error(&c->request, &(struct err){.code = ERR_NO_MEMORY, .message = "no memory for the reply"});
    struct MHD_Response *response = body_response(c);
    if (!response || !add_headers(c, response)) {
        if (response)
            MHD_destroy_response(response);
        c->sent_status = 503;
        return reply_no_memory(c->connection);
    }
    c->sent_status = reply->status;
    return queue(c->connection, reply->status, response);
}

enum MHD_Result reply_no_memory(struct MHD_Connection *connection)
{
    static char text[] = "{\"type\":\"/problems/no_memory\",\"title\":\"Out of memory\",\"status\":503}";
    struct MHD_Response *response =
        MHD_create_response_from_buffer(sizeof text - 1, text, MHD_RESPMEM_PERSISTENT);
    if (!response)
        return MHD_NO;
    add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/problem+json");
    add_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    add_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    return queue(connection, 503, response);
}

/* Best effort: nothing has been written yet for this request, there is no TLS, and the connection ends. */
enum MHD_Result reply_abort(struct context *c)
{
    struct http_reply *reply = &c->request.reply;
    struct buf message;
    buf_init(&message, HTTP_HEADERS_LIMIT);
    buf_printf(&message,
               "HTTP/1.1 %u %s\r\nContent-Type: application/problem+json\r\nX-Request-Id: %s\r\n"
               "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nConnection: close\r\n"
               "Content-Length: %zu\r\n\r\n%s",
               reply->status, MHD_get_reason_phrase_for(reply->status), c->request.id, reply->body.length,
               buf_text(&reply->body));
    c->sent_status = reply->status;
    if (c->peer && !message.failed) {
        send(c->peer->fd, message.data, message.length, MSG_DONTWAIT | MSG_NOSIGNAL);
        c->peer->linger = true;
    }
    buf_done(&message);
    return MHD_NO;
}
