#include "broadcast_page.h"

#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include "server/json/write.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EVENT_BYTES_MAX 1024 /* of one event's text */

/* ---- texts ------------------------------------------------------------------------------------------------------- */

static void write_status(struct json_writer *w, const struct store_event *e)
{
    json_field_string(w, "status", store_status_name((int)e->status));
    json_field_boolean(w, "terminal", store_status_terminal(e->status));
    json_field_double(w, "progress", e->progress);
}

static void write_job(struct json_writer *w, const struct store_event *e)
{
    json_field_integer(w, "id", e->job);
    write_status(w, e);
    json_field_boolean(w, "deleted", e->kind == EVENT_JOB_DELETED);
}

static void write_run(struct json_writer *w, const struct store_event *e)
{
    json_field_integer(w, "id", e->run);
    json_field_integer(w, "job", e->job);
    write_status(w, e);
    json_field_unsigned(w, "epoch", e->epoch);
}

static void write_epoch(struct json_writer *w, const struct store_event *e)
{
    json_field_integer(w, "run", e->run);
    json_field_integer(w, "job", e->job);
    json_field_unsigned(w, "epoch", e->epoch);
    for (int m = 0; m < METRIC_COUNT; m++)
        if (m == METRIC_TRAIN_LOSS || m == METRIC_VALID_LOSS || !isnan(e->metric[m]))
            json_field_double(w, store_metric_name(m), e->metric[m]);
    json_field_double(w, "learning_rate", e->learning_rate);
    json_field_double(w, "seconds", e->seconds);
    json_field_double(w, "elapsed_seconds", e->elapsed_seconds);
    json_field_unsigned(w, "weight_updates", e->weight_updates);
}

static void write_lost(struct json_writer *w, const struct store_event *e)
{
    json_field_integer(w, "run", e->run);
    json_field_integer(w, "job", e->job);
    json_field_string(w, "detail", "this run was deleted, and its epochs with it");
}

static const struct {
    const char *name;
    void (*write)(struct json_writer *w, const struct store_event *e);
} kinds[] = {
    [EVENT_JOB] = {"job", write_job},
    [EVENT_RUN] = {"run", write_run},
    [EVENT_EPOCH] = {"epoch", write_epoch},
    [EVENT_JOB_DELETED] = {"job", write_job},
    [EVENT_EPOCHS_LOST] = {"resync", write_lost},
};

static void write_event(struct buf *out, const struct store_event *e)
{
    struct json_writer w;
    buf_printf(out, "id: %lld\nevent: %s\ndata: ", (long long)e->id, kinds[e->kind].name);
    json_start(&w, out);
    json_object(&w);
    kinds[e->kind].write(&w, e);
    json_object_end(&w);
    buf_puts(out, "\n\n");
}

/* ---- pages ------------------------------------------------------------------------------------------------------- */

void broadcast_page_free(struct broadcast_page *p)
{
    if (!p)
        return;
    mem_free(p->item);
    mem_free(p->text);
    mem_free(p);
}
CLEANUP_DEFINE(struct broadcast_page, broadcast_page_free)

static enum err_code page_new(int64_t after, const struct store_events *e, struct broadcast_page **ret_page,
                              struct err *err)
{
    struct buf text;
    size_t length;
    cleanup(broadcast_page_freep) struct broadcast_page *p = mem_zalloc(sizeof *p);
    if (!p || !(p->item = mem_array(e->count + 1, sizeof *p->item)))
        return err_no_memory(err);
    buf_init(&text, e->count * EVENT_BYTES_MAX);
    for (size_t i = 0; i < e->count; i++) {
        const struct store_event *event = &e->item[i];
        p->item[i] = (struct broadcast_item){event->id, event->job, event->run, event->kind, text.length};
        write_event(&text, event);
    }
    p->item[e->count].offset = text.length;
    p->text = buf_steal(&text, &length);
    if (!p->text) {
        buf_done(&text);
        return err_no_memory(err);
    }
    p->references = 1;
    p->after = after;
    p->count = e->count;
    p->last = e->item[e->count - 1].id;
    *ret_page = p;
    p = NULL;
    return ERR_OK;
}

enum err_code broadcast_page_read(struct store *store, int64_t after, int64_t last, struct broadcast_page **ret_page,
                                  bool *ret_gone, int64_t *ret_newest, struct err *err)
{
    size_t limit = last - after < BROADCAST_PAGE_EVENTS ? (size_t)(last - after) : BROADCAST_PAGE_EVENTS;
    struct store_events events = {0};
    struct store_reader *reader = store_reader_take(store);
    enum err_code code = store_events_read(reader, after, limit, &events, err);
    store_reader_give(reader);
    if (code)
        return code;
    *ret_page = NULL;
    *ret_gone = events.gone;
    *ret_newest = events.newest;
    if (events.count)
        code = page_new(after, &events, ret_page, err);
    store_events_done(&events);
    return code;
}

size_t broadcast_page_find(const struct broadcast_page *p, int64_t after)
{
    size_t low = 0, high = p->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->item[middle].id > after)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* ---- filters ----------------------------------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

unsigned broadcast_kinds(const char *name, size_t length)
{
    unsigned bits = 0;
    for (unsigned kind = 0; kind < sizeof kinds / sizeof *kinds; kind++)
        if (kind != EVENT_EPOCHS_LOST && strlen(kinds[kind].name) == length && !memcmp(kinds[kind].name, name, length))
            bits |= 1u << kind;
    return bits & 1u << EVENT_EPOCH ? bits | 1u << EVENT_EPOCHS_LOST : bits; /* stands for epochs */
}

bool broadcast_filter_takes(const struct broadcast_filter *f, const struct broadcast_item *item)
{
    if (f->kinds && !(f->kinds >> item->kind & 1))
        return false;
    if (!f->jobs && !f->runs)
        return true;
    return bsearch(&item->job, f->job, f->jobs, sizeof *f->job, compare_ids) ||
           (item->run && bsearch(&item->run, f->run, f->runs, sizeof *f->run, compare_ids));
}
