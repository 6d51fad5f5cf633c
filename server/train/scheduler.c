#include "scheduler.h"

#include "core/base/cleanup.h"
#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/sha256.h"
#include "recorder.h"
#include "server/log.h"
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define RETRY_SECONDS 1
#define WORKER_NICENESS 10

enum { CANCEL = 1, HALT = 2 }; /* why a slot shall stop: this run, or all of them */

struct slot { /* one worker thread */
    struct scheduler *scheduler;
    pthread_t thread;
    int64_t run; /* under the lock; 0: idle */
    atomic_int stop; /* bits */
};

struct scheduler {
    struct scheduler_options o;
    char datasets_dir[FS_PATH_MAX], models_dir[FS_PATH_MAX];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int64_t *queue; /* ring of run ids */
    size_t head, count, capacity;
    bool stopping;
    atomic_int halt; /* as `stopping`, for those who do not lock */
    struct slot *slots;
    unsigned started;
    struct scheduler_totals totals;
};

/* ---- the queue -------------------------------------------------------------------------------------------------------- */

static enum err_code grow_locked(struct scheduler *s, size_t more, struct err *err)
{
    if (s->count + more <= s->capacity)
        return ERR_OK;
    size_t capacity = 2 * (s->count + more);
    int64_t *queue = mem_array(capacity, sizeof *queue);
    if (!queue)
        return err_no_memory(err);
    for (size_t i = 0; i < s->count; i++)
        queue[i] = s->queue[(s->head + i) % s->capacity];
    mem_free(s->queue);
    s->queue = queue;
    s->capacity = capacity;
    s->head = 0;
    return ERR_OK;
}

enum err_code scheduler_add(struct scheduler *s, const int64_t *runs, size_t count, struct err *err)
{
    pthread_mutex_lock(&s->lock);
    enum err_code code = grow_locked(s, count, err);
    for (size_t i = 0; !code && i < count; i++)
        s->queue[(s->head + s->count++) % s->capacity] = runs[i];
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return code;
}

/* Waits for a run; 0 when the scheduler stops. */
static int64_t take(struct scheduler *s, struct slot *slot)
{
    pthread_mutex_lock(&s->lock);
    while (!s->count && !s->stopping)
        pthread_cond_wait(&s->changed, &s->lock);
    int64_t run = 0;
    if (!s->stopping) {
        run = s->queue[s->head];
        s->head = (s->head + 1) % s->capacity;
        s->count--;
        s->totals.busy++;
        slot->run = run;
        atomic_store(&slot->stop, 0);
    }
    pthread_mutex_unlock(&s->lock);
    return run;
}

static void give(struct scheduler *s, struct slot *slot)
{
    pthread_mutex_lock(&s->lock);
    slot->run = 0;
    s->totals.busy--;
    pthread_mutex_unlock(&s->lock);
}

void scheduler_stop_run(struct scheduler *s, int64_t run)
{
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->started; i++)
        if (s->slots[i].run == run)
            atomic_fetch_or(&s->slots[i].stop, CANCEL);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static bool is_stopping(struct scheduler *s)
{
    pthread_mutex_lock(&s->lock);
    bool stopping = s->stopping;
    pthread_mutex_unlock(&s->lock);
    return stopping;
}

/* ---- one run ---------------------------------------------------------------------------------------------------------- */

/* A run on its worker: what was read of it, and what it became. */
struct task_run {
    struct scheduler *scheduler;
    struct slot *slot;
    struct store_run run;
    struct table *table;
    struct job_spec spec;
    struct recorder *recorder;
    double flops; /* of one epoch */
    enum err_code waits_for; /* the fault that was logged last; ERR_OK: none since it went on */
    char model_sha256[SHA256_TEXT]; /* of the model file; empty until it is there */
};

/* ---- waiting for what does not last */

/* Whether the code says that storing failed, not training: such a run is tried again. */
static bool is_storage(enum err_code code)
{
    return code == ERR_NO_SPACE || code == ERR_IO || code == ERR_UNAVAILABLE || code == ERR_INTERNAL;
}

/* False: the daemon stops, or the run is cancelled when `stop` is given. */
static bool sleep_while_running(struct scheduler *s, const atomic_int *stop)
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

/* Before storing is tried again: tells each kind of fault once. False: the run shall stop. */
static bool wait_for_storage(void *context, const struct err *why)
{
    struct task_run *t = context;
    if (t->waits_for != why->code)
        log_event(LOG_WARNING, "run waits for storage", "run", LOG_N(t->run.id), "reason", why->message, NULL);
    t->waits_for = why->code;
    return sleep_while_running(t->scheduler, &t->slot->stop);
}

/* ---- what the worker tells */

static enum err_code on_started(void *context, const struct worker_started *started, struct err *err)
{
    struct task_run *t = context;
    t->flops = started->flops;
    return recorder_started(t->recorder, started, err);
}

/* As many as the job asks for; else all cores while no other run wants one. */
static unsigned threads_for(void *context)
{
    const struct task_run *t = context;
    struct scheduler *s = t->scheduler;
    pthread_mutex_lock(&s->lock);
    bool alone = s->totals.busy == 1 && !s->count;
    pthread_mutex_unlock(&s->lock);
    unsigned asked = t->spec.threads ? t->spec.threads : alone ? s->o.cores : 1;
    return asked < s->o.cores ? asked : s->o.cores;
}

static enum err_code on_epoch(void *context, enum task task, const struct mlp_epoch *e, struct err *err)
{
    struct task_run *t = context;
    struct scheduler *s = t->scheduler;
    pthread_mutex_lock(&s->lock);
    s->totals.epochs++;
    s->totals.training_seconds += e->seconds;
    s->totals.flops += t->flops;
    pthread_mutex_unlock(&s->lock);
    enum err_code code = recorder_epoch(t->recorder, task, e, err);
    t->waits_for = code ? t->waits_for : ERR_OK;
    return code;
}

static enum err_code read_spec(struct task_run *t, struct err *err)
{
    cleanup(json_freep) struct json *body = NULL;
    struct violations violations = {0};
    enum err_code code = json_parse(t->run.spec, strlen(t->run.spec), &body, err);
    if (code)
        return code;
    code = job_spec_bind(body, true, &t->spec, &violations, err);
    if (!code && violations.count)
        code = err_set(err, ERR_INVALID, "%s: %s", violations.item[0].pointer, violations.item[0].detail);
    return code;
}

static enum err_code open_table(struct task_run *t, struct store_reader *reader, struct err *err)
{
    struct store_job job = {0};
    struct store_dataset dataset = {0};
    char key[32], path[FS_PATH_MAX];
    enum err_code code = store_job_get(reader, t->run.job, &job, err);
    if (!code) {
        snprintf(key, sizeof key, "%lld", (long long)job.dataset);
        code = store_dataset_find(reader, key, &dataset, err);
    }
    if (!code)
        code = fs_join(path, t->scheduler->datasets_dir, dataset.file, err);
    if (!code)
        code = table_open(path, &t->table, err);
    /* A lone file that is gone does not come back by itself; a directory may, and the run is tried until it does. */
    if (code == ERR_IO && fs_exists(t->scheduler->datasets_dir) && !fs_exists(path))
        code = err_set(err, ERR_CORRUPT, "the dataset's file %s is gone: upload it again", dataset.file);
    store_dataset_done(&dataset);
    store_job_done(&job);
    return code;
}

static enum err_code load(struct task_run *t, int64_t run, struct err *err)
{
    cleanup(store_reader_givep) struct store_reader *reader = store_reader_take(t->scheduler->o.store);
    enum err_code code = store_run_get(reader, run, &t->run, err);
    if (code)
        return code;
    if (t->run.status != STATUS_QUEUED)
        return err_set(err, ERR_CONFLICT, "the run is %s", store_status_name((int)t->run.status));
    code = recorder_new(t->scheduler->o.store, t->scheduler->o.hub, run, t->run.job, &t->recorder, err);
    if (code)
        return code;
    recorder_patience(t->recorder, wait_for_storage, t);
    code = read_spec(t, err);
    return code ? code : open_table(t, reader, err);
}

static void unload(struct task_run *t)
{
    recorder_free(t->recorder);
    table_unref(t->table);
    job_spec_done(&t->spec);
    store_run_done(&t->run);
}

static enum err_code save_model(struct task_run *t, const struct worker_result *result, struct err *err)
{
    if (!result->model.length || *t->model_sha256)
        return ERR_OK;
    char path[FS_PATH_MAX];
    enum err_code code = model_path(t->scheduler->models_dir, t->run.id, path, err);
    if (code || (code = fs_write_atomic(path, result->model.data, result->model.length, err)))
        return code;
    model_cache_forget(t->scheduler->o.models, t->run.id);
    sha256_of(result->model.data, result->model.length, t->model_sha256);
    return ERR_OK;
}

static enum err_code finish(struct task_run *t, enum err_code outcome, const struct err *why,
                            struct worker_result *result, struct err *err)
{
    enum err_code code = save_model(t, result, err);
    if (code)
        return code;
    struct store_finish f = {.run = t->run.id, .now = clock_wall_ms(), .training_seconds = result->training_seconds,
                             .samples_per_second = result->samples_per_second};
    f.status = outcome == ERR_OK ? STATUS_SUCCEEDED : outcome == ERR_STOPPED ? STATUS_CANCELLED : STATUS_FAILED;
    if (f.status == STATUS_FAILED) {
        f.failure_code = err_name(outcome);
        f.failure_detail = why->message;
        f.failure_epoch = outcome == ERR_DIVERGED ? result->epoch + 1 : result->epoch;
    }
    f.evaluation = result->evaluation.length ? buf_text(&result->evaluation) : NULL;
    if (*t->model_sha256) {
        f.model_sha256 = t->model_sha256;
        f.model_bytes = result->model.length;
    }
    return recorder_finish(t->recorder, &f, err);
}

static enum err_code fail_before_start(struct task_run *t, enum err_code outcome, const struct err *why, struct err *err)
{
    struct worker_result nothing = {.samples_per_second = NAN};
    struct worker_started started = {.layers = NULL, .environment = NULL};
    enum err_code code = recorder_has_started(t->recorder) ? ERR_OK : recorder_started(t->recorder, &started, err);
    return code ? code : finish(t, outcome, why, &nothing, err);
}

/* Whether finish may work later: anything may ail the model's file; what the store says of the run itself is final. */
static bool is_worth_another_try(const struct task_run *t, const struct worker_result *result, enum err_code code)
{
    return is_storage(code) || code == ERR_NO_MEMORY || (result->model.length && !*t->model_sha256);
}

/* Tries until the result is stored: it took long to get. Ends without when the run is cancelled or the daemon stops. */
static enum err_code finish_at_last(struct task_run *t, enum err_code outcome, const struct err *why,
                                    struct worker_result *result, struct err *err)
{
    enum err_code code;
    while ((code = finish(t, outcome, why, result, err)) && is_worth_another_try(t, result, code))
        if (!wait_for_storage(t, err))
            break;
    return code;
}

/* Puts a run whose storing failed back behind the queue, trying until the store takes it or the daemon stops (then the
 * next start finds it). */
static void put_back(struct task_run *t, const struct err *why)
{
    struct scheduler *s = t->scheduler;
    struct err err = {0};
    enum err_code code = ERR_OK;
    log_event(LOG_WARNING, "run put back", "run", LOG_N(t->run.id), "reason", why->message, NULL);
    if (t->recorder && recorder_has_started(t->recorder))
        while (is_storage(code = recorder_requeue(t->recorder, &err)) && sleep_while_running(s, NULL))
            ;
    bool told = false;
    while (!code && sleep_while_running(s, NULL) && scheduler_add(s, &t->run.id, 1, &err)) {
        if (!told)
            log_event(LOG_ERROR, "run not queued yet", "run", LOG_N(t->run.id), "reason", err.message, NULL);
        told = true;
    }
    if (code)
        log_event(LOG_ERROR, "run not put back", "run", LOG_N(t->run.id), "reason", err.message, NULL);
}

/* Stores what became of the run; any code: it is to be put back. */
static enum err_code settle(struct task_run *t, enum err_code outcome, const struct err *why, struct worker_result *result,
                            struct err *err)
{
    bool started = recorder_has_started(t->recorder);
    if (is_storage(outcome))
        return err_set(err, outcome, "%s", why->message);
    bool cancelled = (atomic_load(&t->slot->stop) & CANCEL) && result->model.length; /* and there is something to keep */
    if (outcome == ERR_STOPPED && is_stopping(t->scheduler) && !cancelled)
        return started ? recorder_requeue(t->recorder, err) : ERR_OK; /* else queued still */
    return started ? finish_at_last(t, outcome, why, result, err) : fail_before_start(t, outcome, why, err);
}

static void execute(struct task_run *t)
{
    struct scheduler *s = t->scheduler;
    struct worker_events events = {.started = on_started, .threads = threads_for, .epoch = on_epoch, .halt = &s->halt,
                                   .context = t};
    struct worker_result result;
    struct err why = {0}, err = {0};
    log_event(LOG_INFO, "run started", "run", LOG_N(t->run.id), "job", LOG_N(t->run.job), NULL);
    enum err_code outcome = worker_execute(&t->spec, t->table, &t->slot->stop, &events, &result, &why);
    if (outcome == ERR_CONFLICT && !recorder_has_started(t->recorder))
        log_event(LOG_INFO, "run skipped", "run", LOG_N(t->run.id), "reason", why.message, NULL);
    else if (settle(t, outcome, &why, &result, &err))
        put_back(t, &err);
    else
        log_event(LOG_INFO, "run ended", "run", LOG_N(t->run.id), "epochs", LOG_N(result.epoch), "outcome",
                  err_name(outcome), NULL);
    worker_result_done(&result);
}

static void run_one(struct scheduler *s, struct slot *slot, int64_t run)
{
    struct task_run t = {.scheduler = s, .slot = slot, .run.id = run};
    struct err why = {0}, err = {0};
    enum err_code code = load(&t, run, &why);
    bool gone = !t.recorder && (code == ERR_NOT_FOUND || code == ERR_CONFLICT); /* deleted or cancelled before its turn */
    if (!code)
        execute(&t);
    else if (!gone && (!t.recorder || is_storage(code)))
        put_back(&t, &why);
    else if (!gone && fail_before_start(&t, code, &why, &err))
        put_back(&t, &err);
    unload(&t);
}

static void *work(void *context)
{
    struct slot *slot = context;
    struct scheduler *s = slot->scheduler;
    /* Behind the threads that answer requests, which need little and should not wait for it. Those of a team inherit it. */
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), WORKER_NICENESS);
    for (int64_t run; (run = take(s, slot));) {
        run_one(s, slot, run);
        give(s, slot);
    }
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------------------------------- */

static enum err_code load_queue(struct scheduler *s, struct err *err)
{
    cleanup(store_reader_givep) struct store_reader *reader = store_reader_take(s->o.store);
    cleanup(mem_freep) int64_t *runs = NULL;
    size_t count = 0;
    enum err_code code = store_runs_queued(reader, &runs, &count, err);
    return code ? code : scheduler_add(s, runs, count, err);
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
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    enum err_code code = load_queue(s, err);
    while (!code && s->started < o->workers) {
        struct slot *slot = &slots[s->started];
        slot->scheduler = s;
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
    atomic_store(&s->halt, 1);
    for (unsigned i = 0; i < s->started; i++)
        atomic_fetch_or(&s->slots[i].stop, HALT);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    for (unsigned i = 0; i < s->started; i++)
        pthread_join(s->slots[i].thread, NULL);
}

void scheduler_free(struct scheduler *s)
{
    if (!s)
        return;
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
    mem_free(s->slots);
    mem_free(s->queue);
    mem_free(s);
}

void scheduler_totals(struct scheduler *s, struct scheduler_totals *ret)
{
    pthread_mutex_lock(&s->lock);
    s->totals.waiting = s->count;
    *ret = s->totals;
    pthread_mutex_unlock(&s->lock);
}
