/* server/train/hub: who waits is woken, once for each arming, and no change falls between looking and waiting. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "server/train/hub.h"
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NEVER    UINT64_MAX
#define FAR_AWAY (clock_monotonic_ns() + 3600000000000u)

struct waiter {
    struct hub_watch watch;
    atomic_int wakes;
    sem_t woken;
};

static void count_wake(void *context)
{
    struct waiter *w = context;
    atomic_fetch_add(&w->wakes, 1);
    sem_post(&w->woken);
}

static void waiter_init(struct waiter *w, int64_t run, int64_t job)
{
    *w = (struct waiter){.watch = {.run = run, .job = job, .wake = count_wake, .context = w}};
    sem_init(&w->woken, 0, 0);
}

/* Whether a wake comes; the limit only ends a test that has failed. */
static bool is_woken(struct waiter *w)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit); /* sem_timedwait is known to ThreadSanitizer, sem_clockwait is not */
    limit.tv_sec += 20;
    return !sem_timedwait(&w->woken, &limit);
}

static int setup(void **state)
{
    struct hub *h = NULL;
    struct err err = {0};
    enum err_code code = hub_new(&h, &err);
    *state = h;
    return code ? -1 : 0;
}

static int teardown(void **state)
{
    hub_close(*state);
    hub_free(*state);
    return 0;
}

/* ---- publishing ------------------------------------------------------------------------------------------------------- */

static void test_a_change_of_what_is_watched_wakes(void **state)
{
    struct hub *h = *state;
    struct waiter run, job, other;
    waiter_init(&run, 7, 0);
    waiter_init(&job, 0, 3);
    waiter_init(&other, 8, 4);
    struct waiter *all[] = {&run, &job, &other};
    for (int i = 0; i < 3; i++) {
        hub_watch(h, &all[i]->watch);
        hub_arm(h, &all[i]->watch, NEVER);
    }
    hub_publish(h, 9, 5);
    assert_int_equal(run.wakes + job.wakes + other.wakes, 0);
    hub_publish(h, 7, 5); /* publishing wakes before it returns */
    assert_int_equal(run.wakes, 1);
    assert_int_equal(job.wakes, 0);
    hub_publish(h, 6, 3);
    assert_int_equal(job.wakes, 1);
    assert_int_equal(other.wakes, 0);
    hub_publish(h, 8, 3);
    assert_int_equal(other.wakes, 1); /* one of the two will do */
    assert_int_equal(run.wakes, 1);
    for (int i = 0; i < 3; i++)
        hub_unwatch(h, &all[i]->watch);
}

static void test_a_run_that_is_not_named_may_be_any(void **state)
{
    struct hub *h = *state;
    struct waiter run, job;
    waiter_init(&run, 7, 0);
    waiter_init(&job, 0, 3);
    hub_watch(h, &run.watch);
    hub_watch(h, &job.watch);
    hub_arm(h, &run.watch, NEVER);
    hub_arm(h, &job.watch, NEVER);
    hub_publish(h, 0, 4); /* some run of job 4: run 7 looks again, job 3 need not */
    assert_int_equal(run.wakes, 1);
    assert_int_equal(job.wakes, 0);
    hub_publish(h, 5, 0); /* run 5 of a job that is not known */
    assert_int_equal(job.wakes, 0);
    hub_unwatch(h, &run.watch);
    hub_unwatch(h, &job.watch);
}

static void test_one_wake_for_each_arming(void **state)
{
    struct hub *h = *state;
    struct waiter w;
    waiter_init(&w, 7, 3);
    hub_watch(h, &w.watch);
    hub_arm(h, &w.watch, NEVER);
    for (int i = 0; i < 5; i++)
        hub_publish(h, 7, 3);
    assert_int_equal(w.wakes, 1);
    hub_arm(h, &w.watch, NEVER); /* four changes came since: at once */
    assert_int_equal(w.wakes, 2);
    hub_arm(h, &w.watch, NEVER); /* none since */
    assert_int_equal(w.wakes, 2);
    hub_publish(h, 7, 3);
    assert_int_equal(w.wakes, 3);
    hub_unwatch(h, &w.watch);
}

static void test_a_change_between_looking_and_waiting_is_not_lost(void **state)
{
    struct hub *h = *state;
    struct waiter w;
    waiter_init(&w, 7, 0);
    hub_publish(h, 7, 0); /* before it is watched: the state that is read holds it */
    hub_watch(h, &w.watch);
    hub_arm(h, &w.watch, NEVER);
    assert_int_equal(w.wakes, 0);
    hub_unwatch(h, &w.watch);
    hub_watch(h, &w.watch);
    hub_publish(h, 7, 0);
    assert_int_equal(w.wakes, 0); /* not armed yet */
    hub_arm(h, &w.watch, NEVER);
    assert_int_equal(w.wakes, 1);
    hub_unwatch(h, &w.watch);
}

#define CROWD 200 /* more than are woken at a time */

static void test_a_crowd_is_woken(void **state)
{
    struct hub *h = *state;
    static struct waiter crowd[CROWD];
    for (int i = 0; i < CROWD; i++) {
        waiter_init(&crowd[i], i % 2 ? 7 : 8, 0);
        hub_watch(h, &crowd[i].watch);
        hub_arm(h, &crowd[i].watch, NEVER);
    }
    hub_publish(h, 7, 0);
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(crowd[i].wakes, i % 2);
    hub_close(h);
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(crowd[i].wakes, 1);
        hub_unwatch(h, &crowd[i].watch);
    }
}

/* ---- the end of waiting ----------------------------------------------------------------------------------------------- */

static void test_a_deadline_wakes(void **state)
{
    struct hub *h = *state;
    struct waiter past, soon, later;
    waiter_init(&past, 1, 0);
    waiter_init(&soon, 2, 0);
    waiter_init(&later, 3, 0);
    hub_watch(h, &past.watch);
    hub_watch(h, &soon.watch);
    hub_watch(h, &later.watch);
    hub_arm(h, &later.watch, FAR_AWAY);
    uint64_t deadline = clock_monotonic_ns() + 20000000;
    hub_arm(h, &soon.watch, deadline); /* earlier than the one that is waited for */
    assert_true(is_woken(&soon));
    assert_true(clock_monotonic_ns() >= deadline); /* not before it */
    hub_arm(h, &past.watch, 1);
    assert_true(is_woken(&past));
    hub_arm(h, &past.watch, clock_monotonic_ns() + 1000); /* again */
    assert_true(is_woken(&past));
    assert_int_equal(later.wakes, 0);
    hub_publish(h, 3, 0);
    assert_int_equal(later.wakes, 1);
    assert_int_equal(soon.wakes, 1);
    assert_int_equal(past.wakes, 2);
    hub_unwatch(h, &past.watch);
    hub_unwatch(h, &soon.watch);
    hub_unwatch(h, &later.watch);
}

static void test_closing_wakes_now_and_later(void **state)
{
    struct hub *h = *state;
    struct waiter armed, idle;
    waiter_init(&armed, 1, 0);
    waiter_init(&idle, 2, 0);
    hub_watch(h, &armed.watch);
    hub_watch(h, &idle.watch);
    hub_arm(h, &armed.watch, NEVER);
    assert_false(hub_closed(h));
    hub_close(h);
    assert_true(hub_closed(h));
    assert_int_equal(armed.wakes, 1);
    assert_int_equal(idle.wakes, 0);
    hub_arm(h, &idle.watch, NEVER);
    assert_int_equal(idle.wakes, 1);
    hub_arm(h, &armed.watch, NEVER);
    assert_int_equal(armed.wakes, 2);
    hub_unwatch(h, &armed.watch);
    hub_unwatch(h, &idle.watch);
}

static void test_who_does_not_watch_is_not_woken(void **state)
{
    struct hub *h = *state;
    struct waiter w[5];
    for (int gone = 0; gone < 5; gone++) { /* the first, the last, and those between */
        for (int i = 0; i < 5; i++) {
            waiter_init(&w[i], 7, 0);
            hub_watch(h, &w[i].watch);
            hub_arm(h, &w[i].watch, NEVER);
        }
        hub_unwatch(h, &w[gone].watch);
        hub_unwatch(h, &w[gone].watch); /* fine twice */
        hub_publish(h, 7, 0);
        for (int i = 0; i < 5; i++)
            assert_int_equal(w[i].wakes, i != gone);
        for (int i = 0; i < 5; i++)
            hub_unwatch(h, &w[i].watch);
        hub_publish(h, 7, 0);
        for (int i = 0; i < 5; i++)
            assert_int_equal(w[i].wakes, i != gone);
    }
    struct hub_watch never = {.run = 7};
    hub_unwatch(h, &never);
}

/* ---- from inside a wake ----------------------------------------------------------------------------------------------- */

struct chain {
    struct hub *hub;
    struct hub_watch watch;
    int wakes;
};

/* A woken request may look, wait again, publish, or go: the hub's lock is not held. */
static void go_on(void *context)
{
    struct chain *c = context;
    c->wakes++;
    if (c->wakes == 1) {
        hub_arm(c->hub, &c->watch, NEVER);
    } else if (c->wakes == 2) {
        hub_arm(c->hub, &c->watch, NEVER);
        hub_publish(c->hub, 7, 0);
    } else {
        hub_unwatch(c->hub, &c->watch);
        memset(&c->watch, 0xDD, sizeof c->watch); /* its memory is the caller's again */
    }
}

static void test_a_wake_may_use_the_hub(void **state)
{
    struct chain c = {.hub = *state, .watch = {.run = 7, .wake = go_on, .context = &c}};
    hub_watch(c.hub, &c.watch);
    hub_arm(c.hub, &c.watch, NEVER);
    hub_publish(c.hub, 7, 0);
    assert_int_equal(c.wakes, 1);
    hub_publish(c.hub, 7, 0);
    assert_int_equal(c.wakes, 3);
    hub_publish(c.hub, 7, 0);
    assert_int_equal(c.wakes, 3);
}

/* ---- many threads ----------------------------------------------------------------------------------------------------- */

#define WATCHERS   6
#define PUBLISHERS 3
#define CHANGES    3000

struct stress {
    struct hub *hub;
    atomic_int version;
    bool lost[WATCHERS];
};

struct stress_watcher {
    struct stress *stress;
    pthread_t thread;
    int number;
};

/* Watches, looks, waits, as the long polls do, until it has seen the last change. */
static void *watch_all(void *context)
{
    struct stress_watcher *me = context;
    struct stress *s = me->stress;
    while (atomic_load(&s->version) < PUBLISHERS * CHANGES && !s->lost[me->number]) {
        struct waiter w;
        waiter_init(&w, me->number % 2 ? 7 : 0, me->number % 2 ? 0 : 3);
        hub_watch(s->hub, &w.watch);
        if (atomic_load(&s->version) < PUBLISHERS * CHANGES) {
            hub_arm(s->hub, &w.watch, FAR_AWAY);
            s->lost[me->number] = !is_woken(&w);
        }
        hub_unwatch(s->hub, &w.watch);
        sem_destroy(&w.woken);
    }
    return NULL;
}

static void *publish_all(void *context)
{
    struct stress *s = context;
    for (int i = 0; i < CHANGES; i++) {
        atomic_fetch_add(&s->version, 1);
        hub_publish(s->hub, 7, 3);
    }
    return NULL;
}

static void test_no_wake_is_lost_among_threads(void **state)
{
    struct stress s = {.hub = *state};
    struct stress_watcher watcher[WATCHERS];
    pthread_t publisher[PUBLISHERS];
    for (int i = 0; i < WATCHERS; i++) {
        watcher[i] = (struct stress_watcher){.stress = &s, .number = i};
        assert_int_equal(pthread_create(&watcher[i].thread, NULL, watch_all, &watcher[i]), 0);
    }
    for (int i = 0; i < PUBLISHERS; i++)
        assert_int_equal(pthread_create(&publisher[i], NULL, publish_all, &s), 0);
    for (int i = 0; i < PUBLISHERS; i++)
        pthread_join(publisher[i], NULL);
    for (int i = 0; i < WATCHERS; i++) {
        pthread_join(watcher[i].thread, NULL);
        assert_false(s.lost[i]);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    struct hub *h = NULL;
    struct err err = {0};
    mem_fail_at(1, 0);
    assert_int_equal(hub_new(&h, &err), ERR_NO_MEMORY);
    mem_fail_at(0, 0);
    assert_null(h);
    hub_free(NULL);
}

#define WITH_HUB(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HUB(test_a_change_of_what_is_watched_wakes),
        WITH_HUB(test_a_run_that_is_not_named_may_be_any),
        WITH_HUB(test_one_wake_for_each_arming),
        WITH_HUB(test_a_change_between_looking_and_waiting_is_not_lost),
        WITH_HUB(test_a_crowd_is_woken),
        WITH_HUB(test_a_deadline_wakes),
        WITH_HUB(test_closing_wakes_now_and_later),
        WITH_HUB(test_who_does_not_watch_is_not_woken),
        WITH_HUB(test_a_wake_may_use_the_hub),
        WITH_HUB(test_no_wake_is_lost_among_threads),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
