#include "hub.h"

#include "core/base/clock.h"
#include "core/base/mem.h"
#include <errno.h>
#include <pthread.h>

struct hub {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* the deadlines' thread waits here */
    pthread_t thread;
    struct hub_watch *watches;
    bool closed, ended;
};

/* A list of contexts to wake once the lock is released. */
#define WAKE_BATCH 64

/* Takes armed watches that are due out of their arming; returns how many were put into batch. */
static size_t take_due_locked(struct hub *h, uint64_t now, struct hub_watch *batch)
{
    size_t count = 0;
    for (struct hub_watch *w = h->watches; w && count < WAKE_BATCH; w = w->next) {
        if (!w->armed || !(w->fired || h->closed || w->deadline_ns <= now))
            continue;
        w->armed = w->fired = false;
        batch[count++] = *w;
    }
    return count;
}

/* A woken request may end and free its watch at once: only the copies in the batch are touched here. */
static void wake_due(struct hub *h)
{
    struct hub_watch batch[WAKE_BATCH];
    size_t count;
    do {
        pthread_mutex_lock(&h->lock);
        count = take_due_locked(h, clock_monotonic_ns(), batch);
        pthread_mutex_unlock(&h->lock);
        for (size_t i = 0; i < count; i++)
            batch[i].wake(batch[i].context);
    } while (count == WAKE_BATCH);
}

static uint64_t next_deadline_locked(const struct hub *h)
{
    uint64_t next = UINT64_MAX;
    for (const struct hub_watch *w = h->watches; w; w = w->next)
        if (w->armed && w->deadline_ns < next)
            next = w->deadline_ns;
    return next;
}

static void *deadlines(void *context)
{
    struct hub *h = context;
    pthread_mutex_lock(&h->lock);
    while (!h->ended) {
        uint64_t next = next_deadline_locked(h);
        if (next == UINT64_MAX) {
            pthread_cond_wait(&h->changed, &h->lock);
        } else if (next > clock_monotonic_ns()) {
            struct timespec until = {.tv_sec = (time_t)(next / 1000000000u), .tv_nsec = (long)(next % 1000000000u)};
            pthread_cond_timedwait(&h->changed, &h->lock, &until);
        } else {
            pthread_mutex_unlock(&h->lock);
            wake_due(h);
            pthread_mutex_lock(&h->lock);
        }
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

enum err_code hub_new(struct hub **ret_hub, struct err *err)
{
    struct hub *h = mem_zalloc(sizeof *h);
    if (!h)
        return err_no_memory(err);
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&h->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int failed = pthread_create(&h->thread, NULL, deadlines, h);
    if (failed) {
        pthread_mutex_destroy(&h->lock);
        pthread_cond_destroy(&h->changed);
        mem_free(h);
        errno = failed;
        return err_errno(err, "starting the hub's thread");
    }
    *ret_hub = h;
    return ERR_OK;
}

void hub_close(struct hub *h)
{
    pthread_mutex_lock(&h->lock);
    h->closed = true;
    pthread_mutex_unlock(&h->lock);
    wake_due(h);
}

void hub_free(struct hub *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->ended = true;
    pthread_cond_signal(&h->changed);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
    pthread_mutex_destroy(&h->lock);
    pthread_cond_destroy(&h->changed);
    mem_free(h);
}

bool hub_closed(struct hub *h)
{
    pthread_mutex_lock(&h->lock);
    bool closed = h->closed;
    pthread_mutex_unlock(&h->lock);
    return closed;
}

void hub_watch(struct hub *h, struct hub_watch *w)
{
    pthread_mutex_lock(&h->lock);
    w->fired = w->armed = false;
    w->linked = true;
    w->previous = NULL;
    w->next = h->watches;
    if (h->watches)
        h->watches->previous = w;
    h->watches = w;
    pthread_mutex_unlock(&h->lock);
}

void hub_arm(struct hub *h, struct hub_watch *w, uint64_t deadline_ns)
{
    pthread_mutex_lock(&h->lock);
    bool now = w->fired || h->closed;
    w->deadline_ns = deadline_ns;
    w->armed = !now;
    w->fired = false;
    void (*wake)(void *) = w->wake;
    void *waiter = w->context;
    pthread_cond_signal(&h->changed);
    pthread_mutex_unlock(&h->lock);
    if (now)
        wake(waiter);
}

void hub_unwatch(struct hub *h, struct hub_watch *w)
{
    pthread_mutex_lock(&h->lock);
    if (w->linked) {
        if (w->previous)
            w->previous->next = w->next;
        else
            h->watches = w->next;
        if (w->next)
            w->next->previous = w->previous;
        w->linked = w->armed = false;
    }
    pthread_mutex_unlock(&h->lock);
}

void hub_publish(struct hub *h, int64_t run, int64_t job)
{
    bool due = false;
    pthread_mutex_lock(&h->lock);
    for (struct hub_watch *w = h->watches; w; w = w->next) {
        if ((w->run && (w->run == run || !run)) || (w->job && w->job == job)) { /* some run of the job: maybe this one */
            w->fired = true;
            due |= w->armed;
        }
    }
    pthread_mutex_unlock(&h->lock);
    if (due)
        wake_due(h);
}
