#include "recorder.h"

#include "core/base/clock.h"
#include "core/base/mem.h"
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define BATCH_EPOCHS 256  /* at first; twice as many for each batch that was full before its time */
#define BATCH_MOST   4096
#define UNDER_WAY    16   /* batches: with more the run waits for the store */
#define BATCH_NS 50000000ull /* an epoch waits this long at most for others to come along */

/* A batch of epochs on its way to the store; or, before all of them, what the run is found to be. */
struct batch {
    struct store_op op;
    struct batch *next; /* among those that failed */
    struct recorder *recorder;
    size_t count, capacity;
    uint32_t layer_count;
    struct store_epoch *epochs; /* capacity; one allocation with the layers behind it */
    float *layers;              /* capacity x layer_count x 4 */
    struct store_description *description; /* NULL in all but the first; owns its texts */
};

struct recorder {
    struct store *store;
    struct hub *hub;
    int64_t run, job;
    uint32_t stored; /* epochs that the store had when it was started */
    bool started;
    struct batch *batch; /* being filled; NULL: none */
    size_t capacity;     /* of the next */
    uint64_t flushed_ns;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    unsigned under_way;   /* batches submitted and not done */
    struct batch *failed; /* in the order of their epochs */
    atomic_bool fails;    /* there is one: looked at after every epoch, without the lock */
    enum task task;
    unsigned metrics;
    int metric[MLP_METRICS_MAX]; /* of the task: where the store has them; found once */
    bool (*wait)(void *context, const struct err *why);
    void *context;
};

enum err_code recorder_new(struct store *store, struct hub *hub, int64_t run, int64_t job, struct recorder **ret_recorder,
                           struct err *err)
{
    struct recorder *r = mem_zalloc(sizeof *r);
    if (!r)
        return err_no_memory(err);
    *r = (struct recorder){.store = store, .hub = hub, .run = run, .job = job, .capacity = BATCH_EPOCHS};
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->idle, NULL);
    *ret_recorder = r;
    return ERR_OK;
}

static void description_free(struct store_description *d)
{
    if (!d)
        return;
    mem_free((void *)(uintptr_t)d->layers);
    mem_free((void *)(uintptr_t)d->environment);
    mem_free((void *)(uintptr_t)d->resolved);
    mem_free(d);
}

static void batch_free(struct batch *b)
{
    if (!b)
        return;
    description_free(b->description);
    mem_free(b->epochs);
    mem_free(b);
}

static void drop_batches(struct recorder *r)
{
    for (struct batch *b = r->failed, *next; b; b = next) {
        next = b->next;
        batch_free(b);
    }
    batch_free(r->batch);
    r->batch = r->failed = NULL;
    atomic_store(&r->fails, false);
}

static void wait_for_fewer(struct recorder *r, unsigned batches)
{
    pthread_mutex_lock(&r->lock);
    while (r->under_way >= batches)
        pthread_cond_wait(&r->idle, &r->lock);
    pthread_mutex_unlock(&r->lock);
}

static void wait_idle(struct recorder *r)
{
    wait_for_fewer(r, 1);
}

void recorder_free(struct recorder *r)
{
    if (!r)
        return;
    wait_idle(r);
    drop_batches(r);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->idle);
    mem_free(r);
}

void recorder_patience(struct recorder *r, bool (*wait)(void *context, const struct err *why), void *context)
{
    r->wait = wait;
    r->context = context;
}

bool recorder_has_started(const struct recorder *r)
{
    return r->started;
}

/* ---- started ---------------------------------------------------------------------------------------------------------- */

struct start_op {
    struct store_op op;
    int64_t run;
    struct store_begun begun;
};

static enum err_code start_run(struct store_tx *tx, struct store_op *op, struct err *err)
{
    struct start_op *o = (struct start_op *)op;
    return store_run_start(tx, o->run, clock_wall_ms(), &o->begun, err);
}

enum err_code recorder_started(struct recorder *r, struct store_begun *ret, struct err *err)
{
    struct start_op o = {.op.run = start_run, .run = r->run};
    enum err_code code = store_execute(r->store, &o.op, err);
    if (code)
        return code;
    r->started = true;
    r->stored = o.begun.epoch;
    r->flushed_ns = 0;
    *ret = o.begun;
    hub_publish(r->hub, r->run, r->job);
    return ERR_OK;
}

/* ---- epochs ----------------------------------------------------------------------------------------------------------- */

static enum err_code append_epochs(struct store_tx *tx, struct store_op *op, struct err *err)
{
    const struct batch *b = (const struct batch *)op;
    return b->description ? store_run_describe(tx, b->description, err)
                          : store_epochs_append(tx, b->recorder->run, b->epochs, b->count, err);
}

static void keep_locked(struct recorder *r, struct batch *b)
{
    struct batch **at = &r->failed;
    while (*at && (*at)->epochs[0].epoch < b->epochs[0].epoch)
        at = &(*at)->next;
    b->next = *at;
    *at = b;
    atomic_store(&r->fails, true);
}

/* The batch came back. What failed is kept: behind it the store takes no later epoch. */
static void epochs_appended(struct store_op *op)
{
    struct batch *b = (struct batch *)op;
    struct recorder *r = b->recorder;
    bool stored = !op->code;
    if (stored)
        hub_publish(r->hub, r->run, r->job);
    pthread_mutex_lock(&r->lock);
    if (!stored)
        keep_locked(r, b);
    r->under_way--;
    pthread_cond_signal(&r->idle);
    pthread_mutex_unlock(&r->lock);
    if (stored)
        batch_free(b);
}

static enum err_code batch_new(struct recorder *r, size_t capacity, uint32_t layer_count, struct batch **ret, struct err *err)
{
    struct batch *b = mem_zalloc(sizeof *b);
    size_t one = sizeof(struct store_epoch) + (size_t)layer_count * 4 * sizeof(float);
    if (!b || !(b->epochs = mem_array(capacity, one))) {
        batch_free(b);
        return err_no_memory(err);
    }
    b->op = (struct store_op){.run = append_epochs, .done = epochs_appended};
    b->recorder = r;
    b->capacity = capacity;
    b->layer_count = layer_count;
    b->layers = (float *)(void *)(b->epochs + capacity);
    *ret = b;
    return ERR_OK;
}

static void submit(struct recorder *r, struct batch *b)
{
    struct err err = {0};
    pthread_mutex_lock(&r->lock);
    r->under_way++;
    pthread_mutex_unlock(&r->lock);
    enum err_code code = store_submit_blocking(r->store, &b->op, &err);
    if (!code)
        return; /* from here on it is the writer's */
    b->op.code = code;
    b->op.err = err;
    epochs_appended(&b->op);
}

static void flush(struct recorder *r)
{
    struct batch *b = r->batch;
    r->flushed_ns = clock_coarse_ns();
    r->batch = NULL;
    if (b)
        submit(r, b);
}

/* Waits for all batches; why the first of those that were not stored was not. */
static enum err_code settle(struct recorder *r, struct err *err)
{
    wait_idle(r);
    const struct batch *b = r->failed;
    return b ? err_set(err, b->op.code, "%s", b->op.err.message) : ERR_OK;
}

/* Submits what failed once more. Nothing is under way. */
static void resubmit(struct recorder *r)
{
    struct batch *b = r->failed;
    r->failed = NULL;
    atomic_store(&r->fails, false);
    for (struct batch *next; b; b = next) {
        next = b->next;
        submit(r, b);
    }
}

/* Whether the same batch may be stored later. */
static bool may_pass(enum err_code code)
{
    return code == ERR_NO_SPACE || code == ERR_IO || code == ERR_UNAVAILABLE || code == ERR_NO_MEMORY;
}

/* ERR_OK at once when no batch has failed; else waits until all are stored or the run shall stop. */
static enum err_code wait_for_store(struct recorder *r, struct err *err)
{
    bool fine = !atomic_load(&r->fails);
    struct err why = {0};
    for (enum err_code code; !fine && (code = settle(r, &why)); resubmit(r)) {
        if (!may_pass(code) || !r->wait)
            return err_set(err, code, "%s", why.message);
        if (!r->wait(r->context, &why))
            return err_set(err, ERR_STOPPED, "stopped while the store failed: %s", why.message);
    }
    return ERR_OK;
}

/* An epoch numbered 0, so that it stays the first among those that failed. */
enum err_code recorder_described(struct recorder *r, const struct worker_started *s, struct err *err)
{
    struct batch *b;
    enum err_code code = batch_new(r, 1, 0, &b, err);
    if (code)
        return code;
    struct store_description *d = b->description = mem_zalloc(sizeof *d);
    if (d)
        *d = (struct store_description){.run = r->run, .parameters = s->parameters, .layers = mem_strdup(s->layers),
                                        .environment = mem_strdup(s->environment), .resolved = mem_strdup(s->resolved)};
    if (!d || !d->layers || !d->environment || !d->resolved) {
        batch_free(b);
        return err_no_memory(err);
    }
    submit(r, b);
    return wait_for_store(r, err);
}

static void find_metrics(struct recorder *r, enum task task)
{
    r->task = task;
    for (r->metrics = 0; mlp_metric_name(task, r->metrics); r->metrics++)
        r->metric[r->metrics] = store_metric_find(mlp_metric_name(task, r->metrics));
}

static void copy_epoch(const struct recorder *r, struct batch *b, const struct mlp_epoch *e)
{
    struct store_epoch *out = &b->epochs[b->count];
    float *layers = b->layers + b->count * b->layer_count * 4;
    *out = (struct store_epoch){.epoch = e->epoch, .weight_updates = e->weight_updates, .learning_rate = e->learning_rate,
                                .seconds = e->seconds, .layer_count = b->layer_count, .layers = layers};
    for (int m = 0; m < METRIC_COUNT; m++)
        out->metric[m] = NAN;
    out->metric[METRIC_TRAIN_LOSS] = e->train_loss;
    out->metric[METRIC_VALID_LOSS] = e->valid_loss;
    for (unsigned m = 0; m < r->metrics; m++)
        out->metric[r->metric[m]] = e->metric[m];
    for (uint32_t l = 0; l < b->layer_count; l++) {
        layers[4 * l] = (float)e->layers[l].gradient_norm;
        layers[4 * l + 1] = (float)e->layers[l].update_ratio;
        layers[4 * l + 2] = (float)e->layers[l].dead;
        layers[4 * l + 3] = (float)e->layers[l].saturated;
    }
    b->count++;
}

enum err_code recorder_epoch(struct recorder *r, enum task task, const struct mlp_epoch *e, struct err *err)
{
    if (e->epoch <= r->stored) /* it is there already, to the same bits */
        return ERR_OK;
    if (!r->batch) {
        wait_for_fewer(r, UNDER_WAY);
        enum err_code code = batch_new(r, r->capacity, e->layer_count, &r->batch, err);
        if (code)
            return code;
    }
    if (r->task != task || !r->metrics)
        find_metrics(r, task);
    copy_epoch(r, r->batch, e);
    bool full = r->batch->count == r->batch->capacity;
    if (full && r->capacity < BATCH_MOST)
        r->capacity *= 2;
    if (full || clock_coarse_ns() - r->flushed_ns >= BATCH_NS)
        flush(r);
    return wait_for_store(r, err);
}

struct run_op {
    struct store_op op;
    int64_t run;
};

static enum err_code get_further(struct store_tx *tx, struct store_op *op, struct err *err)
{
    return store_run_got_further(tx, ((const struct run_op *)op)->run, err);
}

enum err_code recorder_flush(struct recorder *r, struct err *err)
{
    flush(r);
    wait_idle(r);
    return wait_for_store(r, err);
}

enum err_code recorder_got_further(struct recorder *r, struct err *err)
{
    struct run_op o = {.op.run = get_further, .run = r->run};
    return store_execute(r->store, &o.op, err);
}

/* ---- the end ---------------------------------------------------------------------------------------------------------- */

struct finish_op {
    struct store_op op;
    const struct store_finish *finish;
};

static enum err_code finish_run(struct store_tx *tx, struct store_op *op, struct err *err)
{
    return store_run_finish(tx, ((const struct finish_op *)op)->finish, err);
}

enum err_code recorder_finish(struct recorder *r, const struct store_finish *finish, struct err *err)
{
    flush(r);
    enum err_code code = settle(r, err);
    if (code) {
        resubmit(r);
        code = settle(r, err);
    }
    struct finish_op o = {.op.run = finish_run, .finish = finish};
    if (code || (code = store_execute(r->store, &o.op, err)))
        return code;
    hub_publish(r->hub, r->run, r->job);
    return ERR_OK;
}

struct leave_op {
    struct store_op op;
    struct store_leave leave;
    enum store_status status;
};

static enum err_code leave_run(struct store_tx *tx, struct store_op *op, struct err *err)
{
    struct leave_op *o = (struct leave_op *)op;
    return store_run_leave(tx, &o->leave, &o->status, err);
}

enum err_code recorder_leave(struct recorder *r, double training_seconds, double samples_per_second,
                             enum store_status *ret_status, struct err *err)
{
    wait_idle(r);
    drop_batches(r);
    struct leave_op o = {.op.run = leave_run,
                         .leave = {.run = r->run, .now = clock_wall_ms(), .training_seconds = training_seconds,
                                   .samples_per_second = samples_per_second}};
    enum err_code code = store_execute(r->store, &o.op, err);
    if (code)
        return code;
    *ret_status = o.status;
    hub_publish(r->hub, r->run, r->job);
    return ERR_OK;
}
