#include "internal.h"

#include "core/base/mem.h"
#include <string.h>

#define PROGRESS_ONE 1e9

/* A row of the table: `count` events, the last of which has the number id. */
struct span {
    int64_t id, count;
    struct store_event event; /* what all of them share; epoch: of the first */
};

void store_events_done(struct store_events *e)
{
    mem_free(e->item);
    *e = (struct store_events){0};
}

static enum err_code ends_read(struct connection *c, struct store_events *e, struct err *err)
{
    struct query q = query_start(c, SQL_EVENTS_ENDS);
    if (query_row(&q)) {
        e->oldest = query_integer(&q);
        e->newest = query_integer(&q);
    }
    if (!e->newest)
        e->oldest = 1;
    return query_end(&q, err);
}

static struct span span_read(struct query *q)
{
    struct span s = {0};
    s.id = query_integer(q);
    s.count = query_integer(q);
    s.event.kind = (enum store_event_kind)query_integer(q);
    s.event.job = query_integer(q);
    s.event.run = query_integer(q);
    s.event.epoch = (uint32_t)query_integer(q);
    s.event.status = (enum store_status)query_integer(q);
    s.event.progress = (double)query_integer(q) / PROGRESS_ONE;
    return s;
}

static void epoch_read(const struct epoch_row *row, struct store_event *e)
{
    e->epoch = row->epoch;
    e->weight_updates = row->weight_updates;
    e->learning_rate = row->learning_rate;
    e->seconds = row->seconds;
    e->elapsed_seconds = row->elapsed_seconds;
    memcpy(e->metric, row->metric, sizeof e->metric);
}

/* The events of a span behind `after`, until the list is full. Those of a run that was deleted become one event. */
static enum err_code epochs_read(struct connection *c, const struct span *s, int64_t after, size_t limit,
                                 struct store_events *e, struct err *err)
{
    int64_t first = s->id - s->count + 1, from = after >= first ? after + 1 : first, room = (int64_t)(limit - e->count);
    int64_t last = s->id - from < room ? s->id : from + room - 1, next = from;
    uint32_t shift = s->event.epoch - (uint32_t)first; /* epoch = number + shift */
    struct epoch_range range = {s->event.run, (uint32_t)from + shift, (uint32_t)last + shift};
    struct epoch_cursor epochs = epochs_open(c, &range, false);
    for (struct epoch_row row; epochs_next(&epochs, &row);) {
        struct store_event *event = &e->item[e->count];
        *event = s->event;
        epoch_read(&row, event);
        if (event->epoch != (uint32_t)next + shift)
            break;
        event->id = next++;
        e->count++;
    }
    if (next <= last) {
        e->item[e->count] = s->event;
        e->item[e->count].kind = EVENT_EPOCHS_LOST;
        e->item[e->count++].id = last;
    }
    return epochs_close(&epochs, err);
}

static enum err_code spans_read(struct connection *c, int64_t after, size_t limit, struct store_events *e,
                                struct err *err)
{
    enum err_code code = ERR_OK;
    struct query q = query_start(c, SQL_EVENTS_AFTER);
    query_put_integer(&q, after);
    query_put_integer(&q, (int64_t)limit);
    while (!code && e->count < limit && query_row(&q)) {
        struct span s = span_read(&q);
        if (s.event.kind == EVENT_EPOCH) {
            code = epochs_read(c, &s, after, limit, e, err);
        } else {
            s.event.id = s.id;
            e->item[e->count++] = s.event;
        }
    }
    enum err_code ended = query_end(&q, code ? NULL : err);
    return code ? code : ended;
}

static enum err_code read_all(struct connection *c, int64_t after, size_t limit, struct store_events *e,
                              struct err *err)
{
    enum err_code code = ends_read(c, e, err);
    if (code)
        return code;
    e->gone = after < e->oldest - 1 || after > e->newest;
    if (e->gone || !limit || after == e->newest)
        return ERR_OK;
    e->item = mem_array(limit, sizeof *e->item);
    return e->item ? spans_read(c, after, limit, e, err) : err_no_memory(err);
}

static enum err_code spans_list(struct connection *c, int64_t after, struct store_span *span, size_t limit,
                                struct store_spans *ret, struct err *err)
{
    struct store_events ends = {0};
    enum err_code code = ends_read(c, &ends, err);
    *ret = (struct store_spans){.gone = after < ends.oldest - 1 || after > ends.newest, .newest = ends.newest};
    if (code || ret->gone)
        return code;
    struct query q = query_start(c, SQL_EVENTS_AFTER);
    query_put_integer(&q, after);
    query_put_integer(&q, (int64_t)limit);
    while (ret->count < limit && query_row(&q)) {
        struct span s = span_read(&q);
        span[ret->count++] = (struct store_span){s.id - s.count + 1, s.id, s.event.job, s.event.run, s.event.kind};
    }
    return query_end(&q, err);
}

enum err_code store_spans_read(struct store_reader *r, int64_t after, struct store_span *ret_span, size_t limit,
                               struct store_spans *ret, struct err *err)
{
    struct connection *c = &r->connection;
    enum err_code code = read_begin(c, err);
    if (!code)
        code = spans_list(c, after, ret_span, limit, ret, err);
    read_end(c);
    return code;
}

enum err_code store_events_read(struct store_reader *r, int64_t after, size_t limit, struct store_events *ret,
                                struct err *err)
{
    struct connection *c = &r->connection;
    struct store_events events = {0};
    enum err_code code = read_begin(c, err);
    if (!code)
        code = read_all(c, after, limit, &events, err);
    read_end(c);
    if (code)
        store_events_done(&events);
    else
        *ret = events;
    return code;
}
