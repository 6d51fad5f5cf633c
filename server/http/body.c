/* Bodies: what a route takes, how much, how fast; collected in request.body or handed on piece by piece. */
#include "internal.h"
#include "core/base/clock.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BODY_RATE 1024u /* bytes a second that a body must come at after its grace */

bool body_expected(const struct context *c)
{
    return c->chunked || c->content_length > 0;
}

/* ---- content type ------------------------------------------------------------------------------------------------ */

/* What stands behind the type, "" for nothing; NULL when it is another type. */
static const char *behind_type(const char *header, const char *type)
{
    size_t length = strlen(type);
    bool same = header && strncasecmp(header, type, length) == 0;
    return same && (!header[length] || strchr(" \t;", header[length])) ? header + length : NULL;
}

/* Texts are UTF-8 here: no charset, or that one. strchr below also finds the NUL at the end. */
static bool charset_is_known(const char *parameters)
{
    const char *at = *parameters ? strcasestr(parameters, "charset=") : NULL;
    if (!at)
        return true;
    at += strlen("charset=");
    at += *at == '"';
    return strncasecmp(at, "utf-8", 5) == 0 && strchr(" \t;\"", at[5]) != NULL;
}

static const char *const wanted_types[] = {
    [BODY_JSON] = "application/json",
    [BODY_CSV] = "text/csv",
    [BODY_JSON_OR_CSV] = "application/json or text/csv",
};

static bool check_type(struct context *c)
{
    const struct http_route *route = c->request.route;
    const char *type = c->header[H_CONTENT_TYPE], *coding = c->header[H_CONTENT_ENCODING];
    const char *json = behind_type(type, "application/json"), *csv = json ? NULL : behind_type(type, "text/csv");
    if (coding && strcasecmp(coding, "identity") != 0) {
        http_problem(&c->request, 415, "content_encoding", "Unknown content coding", "send the body uncompressed");
        return false;
    }
    if (route->body == BODY_NONE)
        return true;
    if (!(json && route->body != BODY_CSV) && !(csv && route->body != BODY_JSON)) {
        http_problem(&c->request, 415, "content_type", "Wrong content type", "Content-Type must be %s",
                     wanted_types[route->body]);
        return false;
    }
    if (!charset_is_known(json ? json : csv)) {
        http_problem(&c->request, 415, "content_type", "Wrong content type", "the only charset is utf-8");
        return false;
    }
    c->request.csv = csv != NULL;
    return true;
}

/* ---- limits ------------------------------------------------------------------------------------------------------ */

static uint64_t limit_of(const struct context *c)
{
    const struct http_route *route = c->request.route;
    if (route->body == BODY_NONE)
        return HTTP_IGNORED_BODY;
    if (route->body_limit == 0 || (route->body == BODY_JSON_OR_CSV && !c->request.csv))
        return HTTP_JSON_LIMIT;
    return route->body_limit;
}

static void refuse_size(struct context *c)
{
    c->close = true;
    http_problem(&c->request, 413, "too_large", "The body is too large", "at most %llu bytes",
                 (unsigned long long)c->body_limit);
}

static bool streams(const struct context *c)
{
    return c->request.csv && c->request.route->piece;
}

void body_begin(struct context *c)
{
    if (!check_type(c))
        return;
    c->body_limit = limit_of(c);
    if (c->content_length > c->body_limit) {
        refuse_size(c);
        return;
    }
    if (c->request.route->body == BODY_NONE || streams(c))
        return;
    buf_init(&c->request.body, (size_t)c->body_limit);
    /* One allocation for what is announced, but not for a promise of megabytes. */
    if (c->content_length > 0 && c->content_length <= HTTP_JSON_LIMIT)
        c->body_failed = !buf_reserve(&c->request.body, (size_t)c->content_length);
}

static bool too_slow(const struct context *c)
{
    uint64_t elapsed = clock_coarse_ns() - c->body_started_ns;
    return elapsed > c->server->body_grace_ns && c->body_received < elapsed / 1000u * BODY_RATE / 1000000u;
}

static void keep(struct context *c, const void *data, size_t length)
{
    struct http_request *r = &c->request;
    if (r->route->body == BODY_NONE)
        return;
    if (!streams(c))
        c->body_failed |= !buf_add(&r->body, data, length);
    else if (c->piece_code == ERR_OK)
        c->piece_code = r->route->piece(r, data, length);
}

enum MHD_Result body_take(struct context *c, const void *data, size_t length)
{
    if (c->request.reply.status != 0)
        return MHD_YES;
    c->body_received += length;
    if (too_slow(c)) {
        http_problem(&c->request, 408, "timeout", "The body came too slowly", "send at least %u bytes a second",
                     BODY_RATE);
        return reply_abort(c);
    }
    if (c->body_received <= c->body_limit) {
        keep(c, data, length);
        return MHD_YES;
    }
    buf_done(&c->request.body);
    if (c->body_received - c->body_limit <= HTTP_DRAIN)
        return MHD_YES;
    refuse_size(c);
    return reply_abort(c);
}

void body_end(struct context *c)
{
    if (c->body_received > c->body_limit)
        refuse_size(c);
    else if (c->body_failed)
        http_error(&c->request, &(struct err){.code = ERR_NO_MEMORY, .message = "no memory for the body"});
    else if (c->piece_code != ERR_OK && !c->request.state) /* not even a place to keep the error */
        http_error(&c->request, &(struct err){.code = c->piece_code, .message = "the body could not be taken"});
}
