#include "api.h"

#include "core/base/cleanup.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/base/sha256.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- parameters ----------------------------------------------------------------------------------------------------- */

static bool parse_number(const char *text, int64_t *ret)
{
    if (!*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 18)
        return false;
    *ret = (int64_t)strtoll(text, NULL, 10);
    return true;
}

bool api_id(struct http_request *r, int index, const char *what, int64_t *ret_id)
{
    if (parse_number(r->parameter[index], ret_id))
        return true;
    http_problem(r, 404, "not_found", "Not found", "there is no %s \"%.100s\": ids are whole numbers", what,
                 r->parameter[index]);
    return false;
}

bool api_query_number(struct http_request *r, const char *name, int64_t least, int64_t most, int64_t fallback,
                      int64_t *ret_value)
{
    const char *text = http_query(r, name);
    int64_t value = fallback;
    if (text && (!parse_number(text, &value) || value < least || value > most)) {
        http_problem(r, 400, "query", "Bad query parameter", "%s must be a whole number in %lld..%lld, got \"%.60s\"", name,
                     (long long)least, (long long)most, text);
        return false;
    }
    *ret_value = value;
    return true;
}

bool api_query_flag(struct http_request *r, const char *name, bool *ret_value)
{
    const char *text = http_query(r, name);
    bool yes = text && (!strcmp(text, "true") || !strcmp(text, "1") || !*text);
    if (text && !yes && strcmp(text, "false") != 0 && strcmp(text, "0") != 0) {
        http_problem(r, 400, "query", "Bad query parameter", "%s must be true or false, got \"%.60s\"", name, text);
        return false;
    }
    *ret_value = yes;
    return true;
}

bool api_query_status(struct http_request *r, int *ret_status)
{
    const char *text = http_query(r, "status");
    int status = text ? store_status_find(text) : -1;
    if (text && status < 0) {
        http_problem(r, 400, "query", "Bad query parameter",
                     "status must be queued, running, paused, succeeded, failed or cancelled, got \"%.60s\"", text);
        return false;
    }
    *ret_status = status;
    return true;
}

bool api_limit(struct http_request *r, uint32_t *ret_limit)
{
    int64_t limit;
    if (!api_query_number(r, "limit", 1, 200, 50, &limit))
        return false;
    *ret_limit = (uint32_t)limit;
    return true;
}

bool api_cursor(struct http_request *r, int64_t *ret_before)
{
    const char *text = http_query(r, "cursor");
    int64_t before = 0;
    if (text && (!parse_number(text, &before) || before < 1)) {
        http_problem(r, 400, "cursor", "Bad cursor", "cursor must be the \"next\" of an earlier page, got \"%.60s\"", text);
        return false;
    }
    *ret_before = before;
    return true;
}

void api_pointer(char *out, size_t size, const char *parent, const char *key)
{
    size_t at = (size_t)snprintf(out, size, "%s/", parent);
    for (; *key && at + 3 < size; key++) {
        bool escape = *key == '~' || *key == '/';
        out[at++] = escape ? '~' : *key;
        if (escape)
            out[at++] = *key == '~' ? '0' : '1';
    }
    out[at] = '\0';
}

bool api_model(struct http_request *r, const char *what_for, struct model **ret_model)
{
    struct app *app = r->app;
    struct err err = {0};
    int64_t id;
    if (!api_id(r, 0, "run", &id))
        return false;
    if (!model_cache_get(app->models, id, ret_model, &err))
        return true;
    struct store_run run = {0};
    struct err why = {0};
    cleanup(store_reader_givep) struct store_reader *reader = store_reader_take(app->store);
    if (store_run_get(reader, id, &run, &why))
        http_error(r, &why);
    else if (!run.model_sha256)
        http_problem(r, 409, "conflict", "No model yet", "run %lld is %s and has no model %s", (long long)id,
                     store_status_name((int)run.status), what_for);
    else
        http_error(r, &err);
    store_run_done(&run);
    return false;
}

/* ---- replies -------------------------------------------------------------------------------------------------------- */

void api_writer(struct http_request *r, struct json_writer *w)
{
    buf_clear(&r->reply.body);
    json_start(w, &r->reply.body);
}

void api_list_start(struct json_writer *w)
{
    json_object(w);
    json_name(w, "data");
    json_array(w);
}

enum http_next api_list_end(struct http_request *r, struct json_writer *w, int64_t next)
{
    json_array_end(w);
    json_name(w, "next");
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)next);
    json_put_string(w, next ? text : NULL);
    json_object_end(w);
    return api_reply_tagged(r);
}

enum http_next api_reply_tagged(struct http_request *r)
{
    char digest[SHA256_TEXT];
    sha256_of(buf_text(&r->reply.body), r->reply.body.length, digest);
    snprintf(r->reply.etag, sizeof r->reply.etag, "\"%.32s\"", digest);
    return http_json(r, 200);
}

/* ---- writes ----------------------------------------------------------------------------------------------------------- */

static void write_done(struct store_op *op)
{
    struct api_write *w = (struct api_write *)op;
    if (!op->code && w->after)
        w->after(w);
    http_wake(w->request);
}

enum http_next api_write_submit(struct http_request *r, struct api_write *w)
{
    struct app *app = r->app;
    w->request = r;
    w->done = true;
    w->op.done = write_done;
    http_suspend(r);
    struct err err = {0};
    enum err_code code = store_submit(app->store, &w->op, &err);
    if (code) {
        w->op.code = code;
        w->op.err = err;
        http_wake(r);
    }
    return HTTP_WAIT;
}

/* ---- long polls ------------------------------------------------------------------------------------------------------- */

#define WAIT_SECONDS_MAX 60

struct poll {
    struct hub *hub;
    struct hub_watch watch;
    uint64_t deadline_ns;
    int64_t id;
    char first[sizeof((struct http_reply){0}.etag)]; /* the ETag at the first look; "" before it */
};

static void poll_free(void *state)
{
    struct poll *p = state;
    hub_unwatch(p->hub, &p->watch);
    mem_free(p);
}

static void poll_wake(void *context)
{
    http_wake(context);
}

static struct poll *poll_new(struct http_request *r, int64_t id, int64_t seconds, bool is_job)
{
    struct app *app = r->app;
    struct poll *p = mem_zalloc(sizeof *p);
    if (!p)
        return NULL;
    p->hub = app->hub;
    p->id = id;
    p->deadline_ns = clock_monotonic_ns() + (uint64_t)seconds * 1000000000u;
    p->watch = (struct hub_watch){.run = is_job ? 0 : id, .job = is_job ? id : 0, .wake = poll_wake, .context = r};
    r->state = p;
    r->state_free = poll_free;
    hub_watch(app->hub, &p->watch);
    return p;
}

/* Whether the reply that was just read is to be sent, or more is waited for. */
static bool poll_is_over(struct http_request *r, struct poll *p, bool terminal)
{
    const char *known = http_header(r, "If-None-Match");
    if (known && !strstr(known, r->reply.etag))
        return true;
    if (!known && (terminal || (p->first[0] && strcmp(p->first, r->reply.etag) != 0)))
        return true;
    if (!p->first[0])
        snprintf(p->first, sizeof p->first, "%s", r->reply.etag);
    return clock_monotonic_ns() >= p->deadline_ns || hub_closed(p->hub);
}

enum http_next api_poll(struct http_request *r, const char *what, api_read read, bool is_job)
{
    struct app *app = r->app;
    struct poll *p = r->state;
    int64_t id = 0, wait = 0;
    bool terminal;
    if (!p) {
        if (!api_id(r, 0, what, &id) || !api_query_number(r, "wait", 0, WAIT_SECONDS_MAX, 0, &wait))
            return HTTP_REPLY;
        if (wait && !(p = poll_new(r, id, wait, is_job)))
            return http_error(r, &(struct err){.code = ERR_NO_MEMORY, .message = "out of memory"});
    }
    if (!read(r, p ? p->id : id, &terminal))
        return HTTP_REPLY;
    if (!p || poll_is_over(r, p, terminal))
        return http_json(r, 200);
    http_suspend(r);
    hub_arm(app->hub, &p->watch, p->deadline_ns);
    return HTTP_WAIT;
}
