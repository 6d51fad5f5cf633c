#include "alarms.h"

#include "core/base/clock.h"
#include "core/base/mem.h"
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#define SECOND 1000000000ull

struct alarms {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct alarm *first;
    uint64_t wakes_ns; /* when the thread looks again; UINT64_MAX: when it is told to */
    bool stopping;
};

static void unlink_locked(struct alarms *a, struct alarm *one)
{
    if (!one->at_ns)
        return;
    if (one->previous)
        one->previous->next = one->next;
    else
        a->first = one->next;
    if (one->next)
        one->next->previous = one->previous;
    one->at_ns = 0;
}

/* Raises what is due; when the next one is. */
static uint64_t ring_locked(struct alarms *a, uint64_t now)
{
    uint64_t earliest = UINT64_MAX;
    for (struct alarm *one = a->first, *next; one; one = next) {
        next = one->next;
        if (one->at_ns <= now) {
            atomic_store(one->flag, 1);
            unlink_locked(a, one);
        } else if (one->at_ns < earliest) {
            earliest = one->at_ns;
        }
    }
    return earliest;
}

static void sleep_locked(struct alarms *a)
{
    struct timespec until = {.tv_sec = (time_t)(a->wakes_ns / SECOND), .tv_nsec = (long)(a->wakes_ns % SECOND)};
    if (a->wakes_ns == UINT64_MAX)
        pthread_cond_wait(&a->changed, &a->lock);
    else
        (void)pthread_cond_clockwait(&a->changed, &a->lock, CLOCK_MONOTONIC, &until);
}

static void *watch_clock(void *context)
{
    struct alarms *a = context;
    pthread_mutex_lock(&a->lock);
    while (!a->stopping) {
        a->wakes_ns = ring_locked(a, clock_monotonic_ns());
        sleep_locked(a);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

enum err_code alarms_start(struct alarms **ret_alarms, struct err *err)
{
    struct alarms *a = mem_zalloc(sizeof *a);
    if (!a)
        return err_no_memory(err);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    errno = pthread_create(&a->thread, NULL, watch_clock, a);
    if (errno) {
        pthread_cond_destroy(&a->changed);
        pthread_mutex_destroy(&a->lock);
        mem_free(a);
        return err_errno(err, "starting the thread of the alarms");
    }
    *ret_alarms = a;
    return ERR_OK;
}

void alarms_stop(struct alarms *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->stopping = true;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    mem_free(a);
}

void alarm_set(struct alarms *a, struct alarm *one, uint64_t at_ns)
{
    pthread_mutex_lock(&a->lock);
    unlink_locked(a, one);
    one->at_ns = at_ns ? at_ns : 1;
    one->previous = NULL;
    one->next = a->first;
    if (a->first)
        a->first->previous = one;
    a->first = one;
    if (one->at_ns < a->wakes_ns)
        pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

void alarm_clear(struct alarms *a, struct alarm *one)
{
    pthread_mutex_lock(&a->lock);
    unlink_locked(a, one);
    pthread_mutex_unlock(&a->lock);
}
