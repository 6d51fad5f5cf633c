#include "scheduler_internal.h"

#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define RETRY_SECONDS 1
#define WORKER_NICENESS 10

/* ---- the queue -------------------------------------------------------------------------------------------------------- */

enum err_code scheduler_add(struct scheduler *s, int64_t job, int32_t priority, const int64_t *runs, size_t count, struct err *err)
{
    pthread_mutex_lock(&s->lock);
    bool room = run_queue_reserve(&s->queue, count);
    for (size_t i = 0; room && i < count; i++)
        run_queue_push(&s->queue, (struct queued_run){.run = runs[i], .job = job, .priority = priority});
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return room ? ERR_OK : err_no_memory(err);
}

void scheduler_drop(struct scheduler *s, int64_t job)
{
    pthread_mutex_lock(&s->lock);
    run_queue_drop(&s->queue, job);
    pthread_mutex_unlock(&s->lock);
}

void scheduler_set_priority(struct scheduler *s, int64_t job, int32_t priority)
{
    pthread_mutex_lock(&s->lock);
    run_queue_set_priority(&s->queue, job, priority);
    for (unsigned i = 0; i < s->started; i++)
        if (s->slots[i].now.job == job)
            s->slots[i].now.priority = priority;
    pthread_mutex_unlock(&s->lock);
}

enum err_code scheduler_put_back(struct scheduler *s, struct slot *slot, struct err *err)
{
    pthread_mutex_lock(&s->lock);
    struct queued_run one = slot->now;
    pthread_mutex_unlock(&s->lock);
    return scheduler_add(s, one.job, one.priority, &one.run, 1, err);
}

/* Waits for a run; 0 when the scheduler stops. */
static int64_t take(struct scheduler *s, struct slot *slot)
{
    pthread_mutex_lock(&s->lock);
    while (!s->queue.count && !s->stopping)
        pthread_cond_wait(&s->changed, &s->lock);
    int64_t run = 0;
    if (!s->stopping) {
        slot->now = run_queue_pop(&s->queue);
        run = slot->now.run;
        s->totals.busy++;
        atomic_store(&slot->stop, 0);
        atomic_store(&slot->leave, 0);
        atomic_store(&slot->interrupt, 0);
    }
    pthread_mutex_unlock(&s->lock);
    return run;
}

static void give(struct scheduler *s, struct slot *slot)
{
    pthread_mutex_lock(&s->lock);
    slot->now = (struct queued_run){0};
    s->totals.busy--;
    s->news++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* In this order: whoever sees a flag finds the reason in those before it. */
static void stop_slot(struct slot *slot, int why)
{
    if (why != CANCEL)
        atomic_store(&slot->leave, 1);
    atomic_fetch_or(&slot->stop, why);
    atomic_store(&slot->interrupt, 1);
}

static void stop_run(struct scheduler *s, int64_t run, int why)
{
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->started; i++)
        if (s->slots[i].now.run == run)
            stop_slot(&s->slots[i], why);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

void scheduler_stop_run(struct scheduler *s, int64_t run)
{
    stop_run(s, run, CANCEL);
}

void scheduler_pause_run(struct scheduler *s, int64_t run)
{
    stop_run(s, run, PAUSE);
}

bool scheduler_is_stopping(struct scheduler *s)
{
    pthread_mutex_lock(&s->lock);
    bool stopping = s->stopping;
    pthread_mutex_unlock(&s->lock);
    return stopping;
}

bool scheduler_sleep(struct scheduler *s, const atomic_int *stop)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += RETRY_SECONDS;
    bool running;
    pthread_mutex_lock(&s->lock);
    while ((running = !s->stopping && !(stop && atomic_load(stop))) &&
           pthread_cond_timedwait(&s->changed, &s->lock, &until) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&s->lock);
    return running;
}

uint64_t scheduler_news(struct scheduler *s)
{
    pthread_mutex_lock(&s->lock);
    uint64_t news = s->news;
    pthread_mutex_unlock(&s->lock);
    return news;
}

void scheduler_tell(struct scheduler *s)
{
    pthread_mutex_lock(&s->lock);
    s->news++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

bool scheduler_await(struct scheduler *s, const atomic_int *stop, uint64_t news)
{
    pthread_mutex_lock(&s->lock);
    s->held++;
    while (s->news == news && !atomic_load(stop))
        pthread_cond_wait(&s->changed, &s->lock);
    s->held--;
    pthread_mutex_unlock(&s->lock);
    return !atomic_load(stop);
}

bool scheduler_executes(struct scheduler *s, int64_t run)
{
    bool executes = false;
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->totals.workers; i++)
        executes |= s->slots[i].now.run == run;
    pthread_mutex_unlock(&s->lock);
    return executes;
}

static void *work(void *context)
{
    struct slot *slot = context;
    struct scheduler *s = slot->scheduler;
    /* Behind the threads that answer requests, which need little and should not wait for it. Those of a team inherit it. */
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), WORKER_NICENESS);
    for (int64_t run; (run = take(s, slot));) {
        execution_run(s, slot, run);
        give(s, slot);
    }
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------------------------------- */

static enum err_code load_queue(struct scheduler *s, struct err *err)
{
    cleanup(store_reader_givep) struct store_reader *reader = store_reader_take(s->o.store);
    cleanup(mem_freep) struct store_queued *runs = NULL;
    size_t count = 0;
    enum err_code code = store_runs_queued(reader, &runs, &count, err);
    for (size_t i = 0; !code && i < count; i++)
        code = scheduler_add(s, runs[i].job, runs[i].priority, &runs[i].run, 1, err);
    return code;
}

enum err_code scheduler_start(const struct scheduler_options *o, struct scheduler **ret_scheduler, struct err *err)
{
    struct scheduler *s = mem_zalloc(sizeof *s);
    struct slot *slots = mem_array(o->workers, sizeof *slots);
    if (!s || !slots) {
        mem_free(s);
        mem_free(slots);
        return err_no_memory(err);
    }
    s->o = *o;
    s->slots = slots;
    s->totals.workers = o->workers;
    snprintf(s->datasets_dir, sizeof s->datasets_dir, "%s", o->datasets_dir);
    snprintf(s->models_dir, sizeof s->models_dir, "%s", o->models_dir);
    snprintf(s->checkpoints_dir, sizeof s->checkpoints_dir, "%s", o->checkpoints_dir);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    for (unsigned i = 0; i < o->workers; i++) /* all of them before the first worker looks at the others */
        slots[i] = (struct slot){.scheduler = s, .alarm.flag = &slots[i].interrupt};
    enum err_code code = alarms_start(&s->alarms, err);
    if (!code)
        code = load_queue(s, err);
    while (!code && s->started < o->workers) {
        struct slot *slot = &slots[s->started];
        errno = pthread_create(&slot->thread, NULL, work, slot);
        if (errno)
            code = err_errno(err, "starting a run worker");
        else
            s->started++;
    }
    if (code) {
        scheduler_stop(s);
        scheduler_free(s);
        return code;
    }
    *ret_scheduler = s;
    return ERR_OK;
}

void scheduler_stop(struct scheduler *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    for (unsigned i = 0; i < s->started; i++)
        stop_slot(&s->slots[i], HALT);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    for (unsigned i = 0; i < s->started; i++)
        pthread_join(s->slots[i].thread, NULL);
}

void scheduler_free(struct scheduler *s)
{
    if (!s)
        return;
    alarms_stop(s->alarms);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
    mem_free(s->slots);
    run_queue_done(&s->queue);
    mem_free(s);
}

void scheduler_totals(struct scheduler *s, struct scheduler_totals *ret)
{
    pthread_mutex_lock(&s->lock);
    s->totals.waiting = s->queue.count;
    *ret = s->totals;
    pthread_mutex_unlock(&s->lock);
}
