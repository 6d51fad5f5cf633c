#include "broadcast_internal.h"

#include "core/base/clock.h"
#include "core/base/mem.h"
#include <assert.h>
#include <errno.h>
#include <time.h>

#define ROUND_NS    50000000u /* at least between two rounds of new pages: what is committed meanwhile goes together */
#define ROUND_SPANS 512       /* read at once */
#define ROUND_READS 32        /* at most in one round: as many spans as the store can have */
#define ROUND_PAGES 64        /* made ahead in one round, where streams would make the same ones all at once */
#define ROUND_EVENTS 2048     /* in them */
#define WAKE_SLICE  64        /* streams woken at once: other requests are answered between */
#define WAKE_NS     1000000
#define TICK_NS     1000000000u /* between two looks at who has gone and who needs a sign of life */

/* ---- pages ------------------------------------------------------------------------------------------------------- */

void broadcast_page_drop_locked(struct broadcast_page *p)
{
    if (p && --p->references == 0)
        broadcast_page_free(p);
}

struct broadcast_page *broadcast_page_find_locked(struct broadcast *b, int64_t after)
{
    for (size_t i = 0; i < BROADCAST_PAGES; i++) {
        struct broadcast_page *p = b->page[(b->newest + BROADCAST_PAGES - i) % BROADCAST_PAGES];
        if (p && p->after <= after && after < p->last) {
            p->references++;
            return p;
        }
    }
    return NULL;
}

void broadcast_page_add_locked(struct broadcast *b, struct broadcast_page *p)
{
    b->newest = (b->newest + 1) % BROADCAST_PAGES;
    broadcast_page_drop_locked(b->page[b->newest]);
    b->page[b->newest] = p;
    p->references++;
}

void broadcast_pages_drop_locked(struct broadcast *b)
{
    for (size_t i = 0; i < BROADCAST_PAGES; i++) {
        broadcast_page_drop_locked(b->page[i]);
        b->page[i] = NULL;
    }
}

/* ---- the broadcast's thread -------------------------------------------------------------------------------------- */

static void stream_wake_locked(struct broadcast_stream *s)
{
    s->waiting = false;
    s->reader.wake(s->reader.context);
}

static void wake_all_locked(struct broadcast *b)
{
    for (struct broadcast_stream *s = b->streams; s; s = s->next)
        if (s->waiting)
            stream_wake_locked(s);
}

/* Notes which streams a span is for; the others pass it over in their sleep. */
static void tell_locked(struct broadcast *b, const struct store_span *span)
{
    for (struct broadcast_stream *s = b->streams; s; s = s->next) {
        if (!s->waiting || s->due)
            continue;
        if (broadcast_filter_takes_span(&s->filter, span))
            s->due = true;
        else if (s->cursor < span->last)
            s->cursor = span->last;
    }
}

static void wake_due(struct broadcast *b)
{
    for (unsigned count = WAKE_SLICE; count == WAKE_SLICE;) {
        count = 0;
        pthread_mutex_lock(&b->lock);
        for (struct broadcast_stream *s = b->streams; s && count < WAKE_SLICE; s = s->next) {
            if (!s->waiting || !s->due)
                continue;
            stream_wake_locked(s);
            count++;
        }
        pthread_mutex_unlock(&b->lock);
        if (count == WAKE_SLICE)
            nanosleep(&(struct timespec){.tv_nsec = WAKE_NS}, NULL);
    }
}

/* What may be done yet in a round. */
struct round {
    int reads, pages, events;
};

/* Makes the text of events that follow each other, as far as it is not there: what may not be made now streams make themselves. */
static void make_pages(struct broadcast *b, int64_t after, int64_t last, struct round *round)
{
    while (after < last) {
        pthread_mutex_lock(&b->lock);
        struct broadcast_page *p = broadcast_page_find_locked(b, after);
        pthread_mutex_unlock(&b->lock);
        bool made = !p, gone;
        int64_t newest;
        if (made && (round->pages <= 0 || round->events <= 0 || broadcast_page_read(b->store, after, last, &p, &gone, &newest, NULL) || !p))
            return;
        round->pages -= made;
        round->events -= made ? (int)p->count : 0;
        after = p->last;
        pthread_mutex_lock(&b->lock);
        if (made)
            broadcast_page_add_locked(b, p);
        broadcast_page_drop_locked(p);
        pthread_mutex_unlock(&b->lock);
    }
}

/* ... of the spans that some stream takes, of several in a row together. */
static void make_wanted(struct broadcast *b, const struct store_span *span, size_t count, struct round *round)
{
    bool wanted[ROUND_SPANS] = {false};
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < count; i++)
        for (struct broadcast_stream *s = b->streams; s && !wanted[i]; s = s->next)
            wanted[i] = broadcast_filter_takes_span(&s->filter, &span[i]);
    pthread_mutex_unlock(&b->lock);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i; end < count && wanted[end]; end++)
            ;
        if (end > i)
            make_pages(b, span[i].first - 1, span[end - 1].last, round);
        else
            end++;
    }
}

/* The next spans; whether there may be more. */
static bool pull_some(struct broadcast *b, struct round *round)
{
    struct store_span span[ROUND_SPANS];
    struct store_spans read = {0};
    pthread_mutex_lock(&b->lock);
    int64_t head = b->head;
    pthread_mutex_unlock(&b->lock);
    struct store_reader *reader = store_reader_take(b->store);
    enum err_code code = store_spans_read(reader, head, span, ROUND_SPANS, &read, NULL);
    store_reader_give(reader);
    round->reads = code ? 0 : round->reads - 1;
    if (code)
        return true; /* tried again in the next round */
    make_wanted(b, span, read.count, round);
    pthread_mutex_lock(&b->lock);
    if (read.gone && b->head == head) { /* more than the store keeps came between two rounds */
        b->head = read.newest;
        broadcast_spans_restart(&b->spans, read.newest);
        for (struct broadcast_stream *s = b->streams; s; s = s->next)
            s->due = s->waiting;
    }
    for (size_t i = 0; i < read.count && b->head < span[i].last; i++) {
        b->head = span[i].last;
        broadcast_spans_add(&b->spans, &span[i]);
        tell_locked(b, &span[i]);
    }
    pthread_mutex_unlock(&b->lock);
    return read.count == ROUND_SPANS;
}

static bool pull(struct broadcast *b)
{
    bool more = true;
    struct round round = {ROUND_READS, ROUND_PAGES, ROUND_EVENTS};
    while (round.reads && more)
        more = pull_some(b, &round);
    wake_due(b);
    return more;
}

static void tick(struct broadcast *b, uint64_t now)
{
    const uint64_t beat = BROADCAST_BEAT_SECONDS * 1000000000ull - TICK_NS;
    pthread_mutex_lock(&b->lock);
    for (struct broadcast_stream *s = b->streams; s; s = s->next) {
        if (!s->waiting)
            continue;
        s->gone = s->reader.gone(s->reader.context);
        s->beat = now - atomic_load_explicit(&s->sent_ns, memory_order_relaxed) >= beat;
        s->due |= s->gone || s->beat;
    }
    pthread_mutex_unlock(&b->lock);
    wake_due(b);
}

static void wait_until_locked(struct broadcast *b, uint64_t until)
{
    struct timespec t = {.tv_sec = (time_t)(until / 1000000000u), .tv_nsec = (long)(until % 1000000000u)};
    pthread_cond_timedwait(&b->signal, &b->signal_lock, &t);
}

static void *run(void *context)
{
    struct broadcast *b = context;
    uint64_t next_round = 0, next_tick = 0;
    pthread_mutex_lock(&b->signal_lock);
    while (!b->ended) {
        uint64_t now = clock_monotonic_ns();
        if (!atomic_load(&b->count)) {
            pthread_cond_wait(&b->signal, &b->signal_lock);
        } else if (b->dirty && now >= next_round) {
            b->dirty = false;
            pthread_mutex_unlock(&b->signal_lock);
            bool more = pull(b);
            next_round = clock_monotonic_ns() + ROUND_NS;
            pthread_mutex_lock(&b->signal_lock);
            b->dirty |= more;
        } else if (now >= next_tick) {
            pthread_mutex_unlock(&b->signal_lock);
            tick(b, now);
            next_tick = now + TICK_NS;
            pthread_mutex_lock(&b->signal_lock);
        } else {
            wait_until_locked(b, b->dirty && next_round < next_tick ? next_round : next_tick);
        }
    }
    pthread_mutex_unlock(&b->signal_lock);
    return NULL;
}

void broadcast_signal(struct broadcast *b, bool end)
{
    pthread_mutex_lock(&b->signal_lock);
    b->dirty = true;
    b->ended |= end;
    pthread_cond_signal(&b->signal);
    pthread_mutex_unlock(&b->signal_lock);
}

static void on_commit(void *context)
{
    struct broadcast *b = context;
    if (atomic_load(&b->count))
        broadcast_signal(b, false);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

enum err_code broadcast_new(struct store *store, struct broadcast **ret_broadcast, struct err *err)
{
    struct broadcast *b = mem_zalloc(sizeof *b);
    if (!b)
        return err_no_memory(err);
    b->store = store;
    pthread_mutex_init(&b->lock, NULL);
    pthread_mutex_init(&b->signal_lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&b->signal, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int failed = pthread_create(&b->thread, NULL, run, b);
    if (failed) {
        b->ended = true;
        broadcast_free(b);
        errno = failed;
        return err_errno(err, "starting the broadcast's thread");
    }
    store_listen(store, on_commit, b);
    *ret_broadcast = b;
    return ERR_OK;
}

void broadcast_close(struct broadcast *b)
{
    store_listen(b->store, NULL, NULL);
    broadcast_signal(b, true);
    pthread_join(b->thread, NULL);
    pthread_mutex_lock(&b->lock);
    b->closed = true;
    wake_all_locked(b);
    pthread_mutex_unlock(&b->lock);
}

void broadcast_free(struct broadcast *b)
{
    if (!b)
        return;
    assert(b->ended && !b->streams);
    broadcast_pages_drop_locked(b);
    pthread_mutex_destroy(&b->lock);
    pthread_mutex_destroy(&b->signal_lock);
    pthread_cond_destroy(&b->signal);
    mem_free(b);
}

struct broadcast_totals broadcast_totals(struct broadcast *b)
{
    pthread_mutex_lock(&b->lock);
    struct broadcast_totals t = {.streams = atomic_load(&b->count), .resyncs = b->resyncs};
    pthread_mutex_unlock(&b->lock);
    return t;
}
