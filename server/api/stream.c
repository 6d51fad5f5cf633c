/* GET /v1/stream: the broadcast as server-sent events. */
#include "api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_SECONDS 5 /* when there are too many */

/* ---- the query --------------------------------------------------------------------------------------------------- */

static bool refuse(struct http_request *r, const char *name, const char *text)
{
    http_problem(r, 400, "query", "Bad query parameter",
                 "%s must be 1..%d ids with commas between, such as 3,4; got \"%.60s\"", name, BROADCAST_FILTER_MAX,
                 text);
    return false;
}

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* A list of ids of the query, ascending. */
static bool read_ids(struct http_request *r, const char *name, int64_t ids[BROADCAST_FILTER_MAX], size_t *ret_count)
{
    const char *text = http_query(r, name), *at = text;
    size_t count = 0;
    while (at) {
        size_t length = strspn(at, "0123456789");
        if (length == 0 || length > 18 || (at[length] && at[length] != ',') || count == BROADCAST_FILTER_MAX)
            return refuse(r, name, text);
        ids[count++] = (int64_t)strtoll(at, NULL, 10);
        at = at[length] ? at + length + 1 : NULL;
    }
    qsort(ids, count, sizeof *ids, compare_ids);
    *ret_count = count;
    return true;
}

/* The kinds of events, by their names with commas between; absent: all. */
static bool read_kinds(struct http_request *r, unsigned *ret_kinds)
{
    const char *text = http_query(r, "events"), *at = text;
    unsigned kinds = 0;
    while (at) {
        size_t length = strcspn(at, ",");
        unsigned named = broadcast_kinds(at, length);
        if (!named) {
            http_problem(r, 400, "query", "Bad query parameter",
                         "events must be some of job,run,epoch with commas between; got \"%.60s\"", text);
            return false;
        }
        kinds |= named;
        at = at[length] ? at + length + 1 : NULL;
    }
    *ret_kinds = kinds;
    return true;
}

/* Where a reader that comes back goes on; -1: it is a new one. The header is what a browser sends when it does so by
 * itself. */
static bool read_last_id(struct http_request *r, int64_t *ret_after)
{
    const char *header = http_header(r, "Last-Event-ID"),
               *text = header && *header ? header : http_query(r, "last_event_id");
    bool given = text && *text;
    if (given && (strspn(text, "0123456789") != strlen(text) || strlen(text) > 18)) {
        http_problem(r, 400, text == header ? "malformed" : "query", "Bad event id",
                     "%s must be the id of an event, a whole number; got \"%.60s\"",
                     text == header ? "Last-Event-ID" : "last_event_id", text);
        return false;
    }
    *ret_after = given ? (int64_t)strtoll(text, NULL, 10) : -1;
    return true;
}

/* A new stream names what there is. One that goes on is let in: what it watched may have been deleted meanwhile, and it
 * is told so by an event. */
static bool all_exist(struct http_request *r, const struct broadcast_filter *f)
{
    struct app *app = r->app;
    struct err err = {0};
    enum err_code code = ERR_OK;
    struct store_reader *reader = store_reader_take(app->store);
    for (size_t i = 0; i < f->jobs && !code; i++) {
        struct store_job job = {0};
        code = store_job_get(reader, f->job[i], &job, &err);
        store_job_done(&job);
    }
    for (size_t i = 0; i < f->runs && !code; i++) {
        struct store_run run = {0};
        code = store_run_get(reader, f->run[i], &run, &err);
        store_run_done(&run);
    }
    store_reader_give(reader);
    if (code)
        http_error(r, &err);
    return !code;
}

/* ---- the stream -------------------------------------------------------------------------------------------------- */

static void reader_suspend(void *context)
{
    http_suspend(context);
}

static void reader_wake(void *context)
{
    http_wake(context);
}

static bool reader_gone(void *context)
{
    return http_gone(context);
}

static void leave(void *state)
{
    broadcast_leave(state);
}

static size_t more(struct http_request *r, char *out, size_t size)
{
    size_t length = broadcast_read(r->state, out, size);
    return length == BROADCAST_END ? HTTP_STREAM_END : length;
}

enum http_next stream_get(struct http_request *r)
{
    struct app *app = r->app;
    struct broadcast_filter filter = {0};
    struct broadcast_stream *stream = NULL;
    struct err err = {0};
    int64_t after;
    if (!read_ids(r, "jobs", filter.job, &filter.jobs) || !read_ids(r, "runs", filter.run, &filter.runs) ||
        !read_kinds(r, &filter.kinds) ||
        !read_last_id(r, &after) || (after < 0 && !all_exist(r, &filter)))
        return HTTP_REPLY;
    struct broadcast_reader reader = {reader_suspend, reader_wake, reader_gone, r};
    if (broadcast_join(app->broadcast, &filter, after, &reader, &stream, &err)) {
        r->reply.retry_after = RETRY_SECONDS;
        return http_error(r, &err);
    }
    r->state = stream;
    r->state_free = leave;
    return http_stream_reply(r, "text/event-stream", more);
}
