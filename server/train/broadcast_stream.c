#include "broadcast_internal.h"

#include "core/base/clock.h"
#include "core/base/mem.h"
#include <string.h>

#define RETRY_MS    1000 /* what a reader waits before it comes back */
#define PENDING_MAX 4096

/* ---- coming and going -------------------------------------------------------------------------------------------- */

static void put_resync(struct broadcast_stream *s, int64_t newest)
{
    buf_printf(
        &s->pending,
        "id: %lld\nevent: resync\ndata: {\"run\":null,\"job\":null,\"detail\":\"the last %d events are kept, and more "
        "have passed since: read again what you show\"}\n\n",
        (long long)newest, STORE_EVENTS_KEPT);
}

static enum err_code newest_event(struct broadcast *b, int64_t *ret_newest, struct err *err)
{
    struct store_events events = {0};
    struct store_reader *reader = store_reader_take(b->store);
    enum err_code code = store_events_read(reader, 0, 0, &events, err);
    store_reader_give(reader);
    *ret_newest = events.newest;
    return code;
}

static enum err_code enter(struct broadcast *b, struct broadcast_stream *s, int64_t newest, struct err *err)
{
    enum err_code code = ERR_OK;
    pthread_mutex_lock(&b->lock);
    unsigned count = atomic_load(&b->count);
    if (b->closed) {
        code = err_set(err, ERR_UNAVAILABLE, "the daemon is stopping");
    } else if (count >= BROADCAST_STREAMS_MAX) {
        code = err_set(err, ERR_UNAVAILABLE,
                       "%d streams are open, which is the most: end one, or poll with ?wait=", BROADCAST_STREAMS_MAX);
    } else {
        if (!count) { /* while nobody listened nothing was read */
            b->head = newest;
            broadcast_spans_restart(&b->spans, newest);
        }
        s->next = b->streams;
        if (s->next)
            s->next->previous = s;
        b->streams = s;
        atomic_store(&b->count, count + 1);
    }
    pthread_mutex_unlock(&b->lock);
    return code;
}

/* The first bytes: how soon to come back, and where it begins, for a reader that loses the connection before any event.
 */
static void greet(struct broadcast_stream *s, int64_t after, int64_t newest)
{
    buf_printf(&s->pending, "retry: %d\n", RETRY_MS);
    if (after >= 0 && after <= newest) {
        s->cursor = after;
        buf_puts(&s->pending, "\n");
        return;
    }
    s->cursor = newest;
    if (after < 0)
        buf_printf(&s->pending, "id: %lld\n\n", (long long)newest);
    else
        put_resync(s, newest); /* of another data directory: these numbers have not been given yet */
}

enum err_code broadcast_join(struct broadcast *b, const struct broadcast_filter *filter, int64_t after,
                             const struct broadcast_reader *reader, struct broadcast_stream **ret_stream,
                             struct err *err)
{
    int64_t newest = 0;
    struct broadcast_stream *s = mem_zalloc(sizeof *s);
    if (!s)
        return err_no_memory(err);
    s->broadcast = b;
    s->filter = *filter;
    s->reader = *reader;
    s->sent_ns = clock_monotonic_ns();
    buf_init(&s->pending, PENDING_MAX);
    enum err_code code = newest_event(b, &newest, err);
    if (!code) {
        greet(s, after, newest);
        code = s->pending.failed ? err_no_memory(err) : enter(b, s, newest, err);
    }
    if (code) {
        buf_done(&s->pending);
        mem_free(s);
        return code;
    }
    broadcast_signal(b, false);
    *ret_stream = s;
    return ERR_OK;
}

void broadcast_leave(struct broadcast_stream *s)
{
    struct broadcast *b = s->broadcast;
    pthread_mutex_lock(&b->lock);
    if (s->previous)
        s->previous->next = s->next;
    else
        b->streams = s->next;
    if (s->next)
        s->next->previous = s->previous;
    if (atomic_fetch_sub(&b->count, 1) == 1)
        broadcast_pages_drop_locked(b);
    pthread_mutex_unlock(&b->lock);
    buf_done(&s->pending);
    mem_free(s);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static size_t take_pending(struct broadcast_stream *s, char *out, size_t size)
{
    size_t left = s->pending.length - s->pending_sent, length = left < size ? left : size;
    if (length)
        memcpy(out, s->pending.data + s->pending_sent, length);
    s->pending_sent += length;
    if (length == left) {
        buf_clear(&s->pending);
        s->pending_sent = 0;
    }
    return length;
}

/* The page's events from the cursor on, as many as fit whole; the first of all is cut when it must be. */
static size_t take_events(struct broadcast_stream *s, const struct broadcast_page *p, char *out, size_t size,
                          bool first)
{
    size_t used = 0;
    for (size_t i = broadcast_page_find(p, s->cursor); i < p->count; i++) {
        const struct broadcast_item *item = &p->item[i];
        const char *text = p->text + item->offset;
        size_t length = item[1].offset - item->offset;
        if (!broadcast_filter_takes(&s->filter, item)) {
            s->cursor = item->id;
            continue;
        }
        if (length > size - used) {
            if (!first || used)
                return used;
            s->cursor = item->id;
            buf_add(&s->pending, text, length);
            return take_pending(s, out, size);
        }
        memcpy(out + used, text, length);
        used += length;
        s->cursor = item->id;
    }
    return used;
}

/* What is to be made at most for a stream that finds no page: its own events, or where spans are not known a page of all. */
static int64_t own_end_locked(const struct broadcast_stream *s)
{
    int64_t end = broadcast_spans_end(&s->broadcast->spans, &s->filter, s->cursor);
    return end > s->cursor ? end : s->cursor + BROADCAST_PAGE_EVENTS;
}

enum look { LOOK_PAGE, LOOK_MISSING, LOOK_SENT, LOOK_SLEEP, LOOK_END };

/* What comes next for a stream that has put `used` bytes so far. */
static enum look look(struct broadcast_stream *s, size_t used, struct broadcast_page **ret_page)
{
    struct broadcast *b = s->broadcast;
    enum look next;
    pthread_mutex_lock(&b->lock);
    s->cursor = broadcast_spans_skip(&b->spans, &s->filter, s->cursor);
    if (b->closed || s->gone) {
        next = used ? LOOK_SENT : LOOK_END;
    } else if (s->cursor < b->head) {
        *ret_page = broadcast_page_find_locked(b, s->cursor);
        next = *ret_page ? LOOK_PAGE : LOOK_MISSING;
    } else if (used) {
        next = LOOK_SENT;
    } else if (s->beat) {
        s->beat = false;
        buf_puts(&s->pending, ":\n\n");
        next = LOOK_SENT;
    } else {
        s->waiting = true;
        s->due = false;
        s->reader.suspend(s->reader.context);
        next = LOOK_SLEEP;
    }
    pthread_mutex_unlock(&b->lock);
    return next;
}

/* Reads the page that follows the cursor; when that has been dropped the stream gets resync. False: the store fails. */
static bool load(struct broadcast_stream *s, struct broadcast_page **ret_page)
{
    struct broadcast *b = s->broadcast;
    bool gone = false;
    int64_t newest = 0;
    pthread_mutex_lock(&b->lock);
    int64_t last = own_end_locked(s);
    pthread_mutex_unlock(&b->lock);
    if (broadcast_page_read(b->store, s->cursor, last, ret_page, &gone, &newest, NULL) || (!*ret_page && !gone))
        return false;
    pthread_mutex_lock(&b->lock);
    if (*ret_page) {
        broadcast_page_add_locked(b, *ret_page);
    } else {
        b->resyncs++;
        s->cursor = newest;
        put_resync(s, newest);
    }
    pthread_mutex_unlock(&b->lock);
    return true;
}

static void page_done(struct broadcast *b, struct broadcast_page *p)
{
    pthread_mutex_lock(&b->lock);
    broadcast_page_drop_locked(p);
    pthread_mutex_unlock(&b->lock);
}

size_t broadcast_read(struct broadcast_stream *s, char *out, size_t size)
{
    size_t used = take_pending(s, out, size);
    bool more = !s->pending.length;
    while (more && used < size) {
        struct broadcast_page *page = NULL;
        enum look next = look(s, used, &page);
        if (next == LOOK_END || (next == LOOK_MISSING && !load(s, &page)))
            return used ? used : BROADCAST_END;
        if (page) {
            used += take_events(s, page, out + used, size - used, !used);
            more = s->cursor >= page->last; /* else the next one did not fit */
            page_done(s->broadcast, page);
        }
        used += take_pending(s, out + used, size - used);
        more = more && !s->pending.length && (next == LOOK_PAGE || next == LOOK_MISSING);
    }
    if (used)
        atomic_store_explicit(&s->sent_ns, clock_monotonic_ns(), memory_order_relaxed);
    return used;
}
