/* The execution of one run: from its row in the store to its result there. */
#include "scheduler_internal.h"

#include "checkpoint_pace.h"
#include "checkpoints.h"
#include "core/base/cleanup.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/base/sha256.h"
#include "halving.h"
#include "recorder.h"
#include "server/log.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define COUNT_SECONDS 0.01 /* of training, between additions to the totals */

/* A run on its worker: what was read of it, and what it became. */
struct task_run {
    struct scheduler *scheduler;
    struct slot *slot;
    struct store_run run;
    struct table *table, *valid; /* valid: of the validation's own dataset, or NULL */
    struct job_spec spec;
    struct model *initial; /* that it starts from; NULL: from chance */
    struct recorder *recorder;
    struct checkpoints checkpoints;
    struct store_begun begun; /* as it stood in the store when it was started */
    struct checkpoint_pace pace;
    bool behind;          /* it has crashed, and got no further since */
    bool halved;          /* it was worse than others at a rung, and stops there */
    enum err_code rung_code; /* why it stops at the rung that it was interrupted at */
    struct err rung_why;
    bool left;            /* the store knows that it is here no more */
    enum store_status becomes;
    double flops; /* of one epoch */
    uint64_t uncounted;       /* epochs that the totals lack, and their seconds */
    double uncounted_seconds;
    enum err_code waits_for; /* the fault that was logged last; ERR_OK: none since it went on */
    enum err_code unsaved;   /* the same of checkpoints */
    char model_sha256[SHA256_TEXT]; /* of the model file; empty until it is there */
};

/* ---- waiting for what does not last */

/* Whether the code says that storing failed, not training: such a run is tried again. */
static bool is_storage(enum err_code code)
{
    return code == ERR_NO_SPACE || code == ERR_IO || code == ERR_UNAVAILABLE || code == ERR_INTERNAL;
}

/* Before storing is tried again: tells each kind of fault once. False: the run shall stop. */
static bool wait_for_storage(void *context, const struct err *why)
{
    struct task_run *t = context;
    if (t->waits_for != why->code)
        log_event(LOG_WARNING, "run waits for storage", "run", LOG_N(t->run.id), "reason", why->message, NULL);
    t->waits_for = why->code;
    return scheduler_sleep(t->scheduler, &t->slot->stop);
}

/* ---- what the worker tells */

static enum err_code on_started(void *context, const struct worker_started *started, struct err *err)
{
    struct task_run *t = context;
    t->flops = started->flops;
    return recorder_described(t->recorder, started, err);
}

/* As many as the job asks for; else all cores while no other run wants one. */
static unsigned threads_for(void *context)
{
    const struct task_run *t = context;
    struct scheduler *s = t->scheduler;
    pthread_mutex_lock(&s->lock);
    /* Workers that wait at a rung take no other run. */
    bool alone = s->totals.busy - s->held == 1 && (!s->queue.count || s->totals.busy == s->totals.workers);
    pthread_mutex_unlock(&s->lock);
    unsigned asked = t->spec.threads ? t->spec.threads : alone ? s->o.cores : 1;
    return asked < s->o.cores ? asked : s->o.cores;
}

/* ---- halving */

/* The run's place at the rung, once no run of a lower number can come to it any more. ERR_UNAVAILABLE when the one that is
 * waited for is in the queue, behind this one: this one makes room for it. */
static enum err_code await_rung(struct task_run *t, uint32_t epoch, struct store_rung *ret, struct err *err)
{
    struct scheduler *s = t->scheduler;
    const struct job_halving *h = &t->spec.halving;
    for (int64_t missing = 0;;) {
        uint64_t news = scheduler_news(s);
        struct store_reader *reader = store_reader_take(s->o.store);
        enum err_code code = store_rung_read(reader, t->run.id, epoch, (enum store_metric)h->metric,
                                             halving_rises(h->metric), ret, err);
        store_reader_give(reader);
        if (code || !ret->awaited)
            return code;
        if (ret->awaited == missing) /* it had no worker before, and has not ended since */
            return err_set(err, ERR_UNAVAILABLE, "run %lld, which comes first, is in the queue", (long long)missing);
        missing = scheduler_executes(s, ret->awaited) ? 0 : ret->awaited;
        if (!missing && !scheduler_await(s, &t->slot->stop, news))
            return err_set(err, ERR_STOPPED, "stopped while it waited for run %lld", (long long)ret->awaited);
    }
}

/* At a rung: whether the run goes on (ERR_OK), or stops there as halving.h says (halved, ERR_STOPPED). */
static enum err_code halve(struct task_run *t, uint32_t epoch, struct err *err)
{
    struct store_rung rung;
    if (!halving_is_rung(&t->spec.halving, epoch, t->run.epochs))
        return ERR_OK;
    enum err_code code = recorder_flush(t->recorder, err);
    if (code)
        return code;
    scheduler_tell(t->scheduler);
    code = await_rung(t, epoch, &rung, err);
    if (code || halving_goes_on(&t->spec.halving, rung.reached, rung.better))
        return code;
    t->halved = true;
    return err_set(err, ERR_STOPPED, "%llu of %llu runs were as good at epoch %u", (unsigned long long)rung.better,
                   (unsigned long long)rung.reached, epoch);
}

static void count_epochs(struct task_run *t)
{
    struct scheduler *s = t->scheduler;
    pthread_mutex_lock(&s->lock);
    s->totals.epochs += t->uncounted;
    s->totals.training_seconds += t->uncounted_seconds;
    s->totals.flops += t->flops * (double)t->uncounted;
    pthread_mutex_unlock(&s->lock);
    t->uncounted = 0;
    t->uncounted_seconds = 0;
}

static enum err_code on_epoch(void *context, enum task task, const struct mlp_epoch *e, struct err *err)
{
    struct task_run *t = context;
    t->uncounted++;
    t->uncounted_seconds += e->seconds;
    if (t->uncounted_seconds >= COUNT_SECONDS) /* an epoch may take microseconds */
        count_epochs(t);
    enum err_code code = recorder_epoch(t->recorder, task, e, err);
    t->waits_for = code ? t->waits_for : ERR_OK;
    return code ? code : halve(t, e->epoch, err);
}

/* ---- checkpoints */

static void set_alarm(struct task_run *t)
{
    uint64_t due = checkpoint_pace_next(&t->pace, clock_monotonic_ns());
    if (due != UINT64_MAX)
        alarm_set(t->scheduler->alarms, &t->slot->alarm, due);
}

static void count_checkpoint(struct scheduler *s, uint64_t took, bool written)
{
    pthread_mutex_lock(&s->lock);
    s->totals.checkpoints += written;
    s->totals.checkpoint_seconds += (double)took / 1e9;
    pthread_mutex_unlock(&s->lock);
}

/* All that the checkpoint says must be in the store before it; so training waits for a full disk in here as well. That the
 * file is not written is no harm but for the time it would save. */
static enum err_code on_save(void *context, const struct mlp_trainer *trainer, const struct worker_progress *p, struct err *err)
{
    struct task_run *t = context;
    struct err why = {0};
    uint64_t began = clock_monotonic_ns();
    enum err_code code = recorder_flush(t->recorder, err), unsaved;
    if (code)
        return code;
    unsaved = checkpoints_write(&t->checkpoints, trainer, p, &why);
    if (unsaved && unsaved != t->unsaved)
        log_event(LOG_WARNING, "checkpoint not written", "run", LOG_N(t->run.id), "reason", why.message, NULL);
    t->unsaved = unsaved;
    if (!unsaved && t->behind)
        t->behind = recorder_got_further(t->recorder, NULL) != ERR_OK;
    uint64_t took = clock_monotonic_ns() - began;
    count_checkpoint(t->scheduler, took, !unsaved);
    checkpoint_pace_wrote(&t->pace, took);
    set_alarm(t);
    return ERR_OK;
}

/* A run that was interrupted while it waited at a rung has to hear what becomes of it before it goes on. */
static void ask_rung_again(struct task_run *t, uint32_t epoch)
{
    struct err err = {0};
    enum err_code code = halve(t, epoch, &err);
    if (!code)
        return;
    t->rung_code = code;
    t->rung_why = err;
    atomic_fetch_or(&t->slot->stop, RUNG);
    atomic_store(&t->slot->interrupt, 1);
}

static bool on_restore(void *context, struct mlp_trainer *trainer, struct worker_progress *ret)
{
    struct task_run *t = context;
    bool again = t->begun.attempts > 1, restored = again && checkpoints_restore(&t->checkpoints, trainer, t->begun.epoch, ret);
    t->behind = t->begun.crashes > 0;
    checkpoint_pace_start(&t->pace, clock_monotonic_ns(), t->spec.checkpoint.every_seconds,
                          mlp_spec_checkpoint(mlp_network_spec(mlp_trainer_network(trainer))), t->behind);
    set_alarm(t);
    if (restored)
        ask_rung_again(t, ret->epoch);
    if (again)
        log_event(LOG_INFO, "run goes on", "run", LOG_N(t->run.id), "epoch", LOG_N(restored ? ret->epoch : 0), NULL);
    return restored;
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

static enum err_code open_dataset(struct task_run *t, struct store_reader *reader, int64_t id, struct table **ret,
                                  struct err *err)
{
    struct store_dataset dataset = {0};
    char key[32], path[FS_PATH_MAX];
    snprintf(key, sizeof key, "%lld", (long long)id);
    enum err_code code = store_dataset_find(reader, key, &dataset, err);
    if (!code)
        code = fs_join(path, t->scheduler->datasets_dir, dataset.file, err);
    if (!code)
        code = table_open(path, ret, err);
    /* A lone file that is gone does not come back by itself; a directory may, and the run is tried until it does. */
    if (code == ERR_IO && fs_exists(t->scheduler->datasets_dir) && !fs_exists(path))
        code = err_set(err, ERR_CORRUPT, "the dataset's file %s is gone: upload it again", dataset.file);
    store_dataset_done(&dataset);
    return code;
}

static enum err_code open_tables(struct task_run *t, struct store_reader *reader, struct err *err)
{
    struct store_job job = {0};
    enum err_code code = store_job_get(reader, t->run.job, &job, err);
    if (!code)
        code = open_dataset(t, reader, job.dataset, &t->table, err);
    if (!code && t->spec.validation.dataset)
        code = open_dataset(t, reader, job.validation_dataset, &t->valid, err);
    store_job_done(&job);
    return code;
}

static enum err_code load_initial(struct task_run *t, struct err *err)
{
    const struct scheduler *s = t->scheduler;
    int64_t run = (int64_t)t->spec.initial.run;
    char path[FS_PATH_MAX];
    if (!run)
        return ERR_OK;
    enum err_code code = model_cache_get(s->o.models, run, &t->initial, err);
    /* As for tables: the file alone does not come back. */
    if (code == ERR_IO && fs_exists(s->models_dir) && !model_path(s->models_dir, run, path, NULL) && !fs_exists(path))
        code = err_set(err, ERR_CORRUPT, "the model of run %lld, which it starts from, is gone", (long long)run);
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
    code = checkpoints_init(&t->checkpoints, t->scheduler->checkpoints_dir, run, err);
    if (!code)
        code = read_spec(t, err);
    if (!code)
        code = load_initial(t, err);
    return code ? code : open_tables(t, reader, err);
}

static void unload(struct task_run *t)
{
    recorder_free(t->recorder);
    table_unref(t->table);
    model_unref(t->initial);
    table_unref(t->valid);
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
    bool halved = outcome == ERR_STOPPED && t->halved;
    f.stopped_by = halved ? "halving" : outcome == ERR_OK ? mlp_stop_name((int)result->stop) : NULL;
    f.status = outcome == ERR_OK || halved ? STATUS_SUCCEEDED : outcome == ERR_STOPPED ? STATUS_CANCELLED : STATUS_FAILED;
    if (f.status == STATUS_FAILED) {
        f.failure_code = err_name(outcome);
        f.failure_detail = why->message;
        f.failure_epoch = outcome == ERR_DIVERGED ? result->epoch + 1 : result->epoch;
    }
    f.evaluation = result->evaluation.length ? buf_text(&result->evaluation) : NULL;
    if (*t->model_sha256) {
        f.model_sha256 = t->model_sha256;
        f.model_bytes = result->model.length;
        f.model_epoch = result->model_epoch;
    }
    code = recorder_finish(t->recorder, &f, err);
    if (!code)
        checkpoints_remove(&t->checkpoints);
    return code;
}

static enum err_code fail_before_start(struct task_run *t, enum err_code outcome, const struct err *why, struct err *err)
{
    struct worker_result nothing = {.samples_per_second = NAN};
    enum err_code code = recorder_has_started(t->recorder) ? ERR_OK : recorder_started(t->recorder, &t->begun, err);
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

/* The run leaves its worker before its end: the store says for what. */
static enum err_code leave(struct task_run *t, const struct worker_result *result, struct err *err)
{
    double seconds = result && result->epoch ? result->training_seconds : NAN;
    double speed = result && result->epoch ? result->samples_per_second : NAN;
    enum err_code code = t->left ? ERR_OK : recorder_leave(t->recorder, seconds, speed, &t->becomes, err);
    if (code)
        return code;
    t->left = true;
    log_event(LOG_INFO, "run left", "run", LOG_N(t->run.id), "status", store_status_name((int)t->becomes), NULL);
    if (store_status_terminal(t->becomes))
        checkpoints_remove(&t->checkpoints);
    /* It was to be paused, and was resumed before it had stopped. */
    bool again = t->becomes == STATUS_QUEUED && !scheduler_is_stopping(t->scheduler);
    return again ? scheduler_put_back(t->scheduler, t->slot, err) : ERR_OK;
}

/* Puts a run whose storing failed back behind the queue, trying until the store takes it or the daemon stops (then the
 * next start finds it). */
static void put_back(struct task_run *t, const struct err *why)
{
    struct scheduler *s = t->scheduler;
    struct err err = {0};
    enum err_code code = ERR_OK;
    log_event(LOG_WARNING, "run put back", "run", LOG_N(t->run.id), "reason", why->message, NULL);
    if (t->recorder && recorder_has_started(t->recorder) && !t->left)
        while (is_storage(code = recorder_leave(t->recorder, NAN, NAN, &t->becomes, &err)) && scheduler_sleep(s, NULL))
            ;
    bool told = false;
    while (!code && t->becomes == STATUS_QUEUED && scheduler_sleep(s, NULL) && scheduler_put_back(s, t->slot, &err)) {
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
    if (is_storage(t->rung_code))
        return err_set(err, t->rung_code, "%s", t->rung_why.message);
    if (is_storage(outcome))
        return err_set(err, outcome, "%s", why->message);
    bool cancelled = (atomic_load(&t->slot->stop) & CANCEL) && result->model.length; /* and there is something to keep */
    if (outcome == ERR_STOPPED && atomic_load(&t->slot->leave) && !cancelled)
        return leave(t, result, err);
    return finish_at_last(t, outcome, why, result, err);
}

static void execute(struct task_run *t)
{
    struct worker_events events = {.started = on_started, .threads = threads_for, .epoch = on_epoch, .restore = on_restore,
                                   .save = on_save, .interrupt = &t->slot->interrupt, .leave = &t->slot->leave, .initial = t->initial,
                                   .goes_on = t->begun.epoch > 0,
                                   .context = t};
    struct worker_result result;
    struct err why = {0}, err = {0};
    log_event(LOG_INFO, "run started", "run", LOG_N(t->run.id), "job", LOG_N(t->run.job), NULL);
    enum err_code outcome = worker_execute(&t->spec, t->table, t->valid, &t->slot->stop, &events, &result, &why);
    count_epochs(t);
    alarm_clear(t->scheduler->alarms, &t->slot->alarm);
    if (settle(t, outcome, &why, &result, &err))
        put_back(t, &err);
    else if (!t->left)
        log_event(LOG_INFO, "run ended", "run", LOG_N(t->run.id), "epochs", LOG_N(result.epoch), "outcome",
                  err_name(outcome), NULL);
    worker_result_done(&result);
}

void execution_run(struct scheduler *s, struct slot *slot, int64_t run)
{
    struct task_run t = {.scheduler = s, .slot = slot, .run.id = run};
    struct err why = {0}, err = {0};
    enum err_code code = load(&t, run, &why);
    bool gone = !t.recorder && (code == ERR_NOT_FOUND || code == ERR_CONFLICT); /* deleted or cancelled before its turn */
    if (!code) { /* before its rows are read: an end of the daemon while they are is one of this run's */
        code = recorder_started(t.recorder, &t.begun, &why);
        gone = code == ERR_NOT_FOUND || code == ERR_CONFLICT;
    }
    if (!code)
        execute(&t);
    else if (gone)
        log_event(LOG_INFO, "run skipped", "run", LOG_N(run), "reason", why.message, NULL);
    else if (!t.recorder || is_storage(code))
        put_back(&t, &why);
    else if (fail_before_start(&t, code, &why, &err))
        put_back(&t, &err);
    unload(&t);
}

