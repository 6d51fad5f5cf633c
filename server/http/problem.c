/* Problem documents (RFC 9457), and the one table from error codes to statuses. */
#include "internal.h"
#include "server/json/bind.h"
#include "server/json/write.h"
#include "server/log.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct problem {
    unsigned status;
    const char *type, *title, *detail;
    uint64_t line, column;
    const struct violations *violations;
};

/* A code that is not here is a bug of ours, or nothing of a client's business: 500. */
static const struct kind {
    unsigned status;
    const char *type, *title;
} kinds[] = {
    [ERR_MALFORMED] = {400, "malformed", "The request cannot be read"},
    [ERR_INVALID] = {422, "validation", "The request is not valid"},
    [ERR_NOT_FOUND] = {404, "not_found", "Not found"},
    [ERR_CONFLICT] = {409, "conflict", "The state or the name forbids it"},
    [ERR_TOO_LARGE] = {413, "too_large", "Over a limit"},
    [ERR_UNAVAILABLE] = {503, "unavailable", "Not now"},
    [ERR_NO_MEMORY] = {503, "no_memory", "Out of memory"},
    [ERR_NO_SPACE] = {507, "no_space", "The disk is full"},
};
static const struct kind internal = {500, "internal", "Internal error"};

/* 503 and 507 tell what to wait for; what went wrong inside is for the log only. A busy server says 503 to many: not a
 * line in the log for each. */
static void treat_server_fault(struct http_request *r, struct problem *p)
{
    if (p->status != 500 && p->status != 503 && p->status != 507)
        return;
    bool busy = p->status == 503 && strcmp(p->type, kinds[ERR_NO_MEMORY].type) != 0;
    log_event(busy ? LOG_DEBUG : LOG_ERROR, "request failed", "request", r->id, "status",
              LOG_N(p->status), "detail", p->detail, NULL);
    if (p->status == 500)
        p->detail = NULL;
    else if (r->reply.retry_after == 0)
        r->reply.retry_after = 1;
}

/* Every 422 has its errors; one that is no violation of a field is one of the whole body. */
static void write_errors(struct json_writer *w, const struct problem *p)
{
    json_name(w, "errors");
    if (p->violations) {
        violations_write(p->violations, w);
        return;
    }
    json_array(w);
    violation_write("", "value", p->detail, w);
    json_array_end(w);
}

static void write_problem(const struct http_request *r, const struct problem *p, struct buf *out)
{
    char type[80];
    struct json_writer w;
    snprintf(type, sizeof type, "/problems/%s", p->type);
    json_start(&w, out);
    json_object(&w);
    json_field_string(&w, "type", type);
    json_field_string(&w, "title", p->title);
    json_field_unsigned(&w, "status", p->status);
    if (p->detail)
        json_field_string(&w, "detail", p->detail);
    json_field_string(&w, "instance", r->id);
    if (p->line)
        json_field_unsigned(&w, "line", p->line);
    if (p->column)
        json_field_unsigned(&w, "column", p->column);
    if (p->status == 422)
        write_errors(&w, p);
    json_object_end(&w);
    buf_putc(out, '\n');
}

static enum http_next send_problem(struct http_request *r, struct problem *p)
{
    struct http_reply *reply = &r->reply;
    treat_server_fault(r, p);
    reply_drop_body(reply);
    reply->status = p->status;
    reply->problem = true;
    reply->etag[0] = reply->location[0] = reply->disposition[0] = '\0';
    write_problem(r, p, &reply->body);
    return HTTP_REPLY;
}

enum http_next http_error(struct http_request *r, const struct err *err)
{
    size_t code = (size_t)err->code;
    const struct kind *kind = code < sizeof kinds / sizeof *kinds && kinds[code].status ? &kinds[code] : &internal;
    struct problem p = {.status = kind->status,
                        .type = kind->type,
                        .title = kind->title,
                        .detail = err->message,
                        .line = err->line,
                        .column = err->column};
    return send_problem(r, &p);
}

enum http_next http_violations(struct http_request *r, const struct violations *violations)
{
    char detail[64];
    snprintf(detail, sizeof detail, "%zu %s", violations->count,
             violations->count == 1 ? "field is wrong" : "fields are wrong");
    const struct kind *kind = &kinds[ERR_INVALID];
    struct problem p = {.status = kind->status,
                        .type = kind->type,
                        .title = kind->title,
                        .detail = detail,
                        .violations = violations};
    return send_problem(r, &p);
}

enum http_next http_problem(struct http_request *r, unsigned status, const char *type, const char *title,
                            const char *format, ...)
{
    char detail[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    struct problem p = {.status = status, .type = type, .title = title, .detail = detail};
    return send_problem(r, &p);
}
