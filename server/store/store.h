/* The store: the only place that includes sqlite3.h. It owns DIR/mlpd.db (WAL, synchronous=FULL), its one read-write
 * connection on one writer thread (all transactions, all checkpoints of the WAL), a pool of read-only connections, and
 * the migrations. It knows no HTTP and no JSON: specs, schemas and layers are opaque texts to it.
 *
 * Writing: a struct store_op is submitted from any thread; the writer gathers what is queued (group commit, 2 ms at
 * most), runs each op inside a savepoint of one IMMEDIATE transaction, commits, and only then calls each op's done(), on
 * the writer thread, with op->code set. An op that fails is rolled back alone. done() must be short and must not submit
 * in a blocking way. An op's memory is its submitter's; done() may free it.
 *
 * Reading: store_reader_take/give around a few calls; never held across a wait. Reading functions return owned copies,
 * freed by their _done. Times are milliseconds since 1970 UTC, 0 for "not yet"; absent numbers are NAN; absent texts NULL. */
#pragma once

#include "core/base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct store_tx;     /* the writer's transaction: only inside op->run */
struct store_reader;

/* ---- life ---------------------------------------------------------------------------------------------------------- */

/* Locks DIR against a second daemon (ERR_CONFLICT), opens or creates DIR/mlpd.db, migrates. A newer schema or a foreign
 * application_id is refused with the bytes unchanged (ERR_CONFLICT); a damaged file is ERR_CORRUPT. on_fatal is called
 * once, from the writer thread, when storing cannot go on (fsync failed, file damaged). */
enum err_code store_open(const char *dir, unsigned readers, void (*on_fatal)(void *context, const struct err *err),
                         void *context, struct store **ret_store, struct err *err);
/* Runs what is queued, checkpoints the WAL, closes. NULL is fine. */
void store_close(struct store *s);

struct store_op {
    enum err_code (*run)(struct store_tx *tx, struct store_op *op, struct err *err);
    void (*done)(struct store_op *op); /* may be NULL with store_execute */
    enum err_code code;                /* valid in done() and after store_execute */
    struct err err;
    struct store_op *next; /* the store's own */
};

/* Queues the op; ERR_UNAVAILABLE (done is not called) when stopping or when STORE_QUEUE_MAX ops wait. Never blocks. */
#define STORE_QUEUE_MAX 4096
enum err_code store_submit(struct store *s, struct store_op *op, struct err *err);
/* The same, but waits for room instead: back-pressure for workers. */
enum err_code store_submit_blocking(struct store *s, struct store_op *op, struct err *err);
/* Submits and waits until it is committed or failed; copies the op's error. Not from HTTP threads, not from done(). */
enum err_code store_execute(struct store *s, struct store_op *op, struct err *err);

/* ---- statuses ------------------------------------------------------------------------------------------------------- */

enum store_status {
    STATUS_QUEUED, STATUS_RUNNING, STATUS_PAUSED, STATUS_SUCCEEDED, STATUS_FAILED, STATUS_CANCELLED, STATUS_COUNT
};
const char *store_status_name(int status); /* "queued", ...; NULL past the end */
int store_status_find(const char *name);   /* -1 */
bool store_status_terminal(enum store_status status);

/* ---- datasets ------------------------------------------------------------------------------------------------------- */

struct store_dataset {
    int64_t id;
    char *name;
    char *sha256;  /* of the uploaded bytes */
    char *file;    /* name inside DIR/datasets */
    uint64_t bytes; /* uploaded */
    uint64_t rows;
    uint32_t columns;
    char *schema; /* JSON array of the columns */
    char *options; /* JSON: delimiter, decimal, missing as used */
    int64_t created_at;
};
void store_dataset_done(struct store_dataset *d);
/* ERR_CONFLICT when the name is taken. */
enum err_code store_dataset_insert(struct store_tx *tx, const struct store_dataset *d, int64_t *ret_id, struct err *err);
/* ERR_NOT_FOUND; ERR_CONFLICT while a queued, running or paused run needs it. ret_file (mem_free) is NULL when another
 * dataset still uses the same file. */
enum err_code store_dataset_delete(struct store_tx *tx, int64_t id, char **ret_file, struct err *err);
/* By id or by name: `key` is a name, or digits only: an id. */
enum err_code store_dataset_find(struct store_reader *r, const char *key, struct store_dataset *ret, struct err *err);
enum err_code store_dataset_find_tx(struct store_tx *tx, const char *key, struct store_dataset *ret, struct err *err);
/* Newest first, ids under `before` (0: all); *ret_items (each _done, then mem_free), *ret_count <= limit. Schema texts
 * included. */
enum err_code store_datasets_list(struct store_reader *r, int64_t before, uint32_t limit, struct store_dataset **ret_items,
                                  size_t *ret_count, struct err *err);

/* ---- jobs ----------------------------------------------------------------------------------------------------------- */

struct store_job {
    int64_t id;
    char *name;           /* may be NULL */
    int64_t dataset;      /* 0 once it was deleted */
    char *dataset_name;
    int64_t validation_dataset; /* 0: validation rows have none of their own, or it was deleted */
    uint32_t folds;             /* runs of each point, its folds, one after the other; 0: each run is a point */
    int64_t initial;      /* the run that its runs start from; 0: none. For inserting only */
    char *spec;           /* JSON, filled in */
    int32_t priority;
    enum store_status status;          /* kept by triggers from the counts of its runs: paused or running or queued while
                                          any run is not terminal (running also once some are terminal and others wait);
                                          then cancelled when any was, failed when none succeeded, else succeeded */
    uint32_t runs, by_status[STATUS_COUNT];
    uint64_t epochs_saved; /* that runs had left which were stopped before their last one */
    double epochs_done; /* sum over its runs of epoch/epochs, a terminal run counting 1: progress = epochs_done / runs */
    int64_t created_at, started_at, finished_at;
    int64_t best_run;      /* the run with the lowest valid_loss of any epoch (train_loss without validation); 0: none */
    uint32_t best_epoch;   /* and which epoch of it */
    double best_loss;      /* NAN: none */
    uint64_t version; /* grows with every change of the job or of one of its runs, epochs included: the ETag */
    char *idempotency_key, *request_sha256; /* may be NULL */
};
void store_job_done(struct store_job *j);
enum err_code store_job_insert(struct store_tx *tx, const struct store_job *j, int64_t *ret_id, struct err *err);
/* The job of this idempotency key: ERR_NOT_FOUND. */
enum err_code store_job_find_key(struct store_tx *tx, const char *key, struct store_job *ret, struct err *err);
enum err_code store_job_get(struct store_reader *r, int64_t id, struct store_job *ret, struct err *err);
struct store_job_filter {
    int status;       /* -1: any */
    const char *name; /* prefix; NULL: any */
    uint32_t limit;
    const char *order_by, *cursor; /* cursor: of the page before, or NULL */
    bool descending;
};
/* By created_at, name (whatever the case of its letters), status or best.loss; jobs without a key come last, of equal ones the
 * older first, or last when descending. At most limit; *ret_cursor (mem_free) is NULL when there are no more. ERR_MALFORMED:
 * no such order, or a cursor that is not one of it. */
enum err_code store_jobs_list(struct store_reader *r, const struct store_job_filter *f, struct store_job **ret_items,
                              size_t *ret_count, char **ret_cursor, struct err *err);
/* Runs of a job (ids to be mem_free'd) that something is to be done about once a change of it is committed. */
struct store_runs {
    int64_t *running; /* for the scheduler to stop */
    size_t running_count;
    int64_t *waiting; /* cancel: they had begun, and leave checkpoints; resume: for the scheduler's queue */
    size_t waiting_count;
    int32_t priority; /* resume: of the job */
};
void store_runs_done(struct store_runs *r);
/* Queued and paused runs become cancelled at once; running ones get cancel_requested. ERR_CONFLICT naming the status when the
 * job is terminal already. */
enum err_code store_job_cancel(struct store_tx *tx, int64_t id, int64_t now, struct store_runs *ret, struct err *err);
/* Queued runs become paused at once; running ones get pause_requested. ERR_CONFLICT naming the status when there are neither. */
enum err_code store_job_pause(struct store_tx *tx, int64_t id, struct store_runs *ret, struct err *err);
/* Paused runs become queued; those that run still and were to be paused go on. ERR_CONFLICT naming the status when there are
 * neither. */
enum err_code store_job_resume(struct store_tx *tx, int64_t id, struct store_runs *ret, struct err *err);
struct store_job_change {
    int64_t id;
    bool sets_name, sets_priority;
    const char *name; /* NULL: none */
    int32_t priority;
};
enum err_code store_job_change(struct store_tx *tx, const struct store_job_change *change, struct err *err);
/* With its runs and epochs. ERR_CONFLICT unless terminal, and while a job that is not starts from one of its runs. The ids of
 * its runs are returned (mem_free): their model files are to be removed by the caller after the commit. */
enum err_code store_job_delete(struct store_tx *tx, int64_t id, int64_t **ret_runs, size_t *ret_count, struct err *err);

/* ---- runs ----------------------------------------------------------------------------------------------------------- */

/* The figures kept for a run and for each epoch. Names as in the API: */
enum store_metric {
    METRIC_TRAIN_LOSS, METRIC_VALID_LOSS, METRIC_VALID_ACCURACY, METRIC_VALID_LOG_LOSS, METRIC_VALID_F1_MACRO,
    METRIC_VALID_ROC_AUC, METRIC_VALID_RMSE, METRIC_VALID_MAE, METRIC_VALID_R2, METRIC_COUNT
};
const char *store_metric_name(int metric); /* "train_loss", ...; NULL past the end */
int store_metric_find(const char *name);   /* -1 */

struct store_run {
    int64_t id, job;
    uint32_t number; /* of its job's grid, from 1 */
    enum store_status status;
    bool cancel_requested;
    char *spec;            /* JSON of this grid point, filled in */
    char *hyperparameters; /* JSON object pointer -> value */
    uint32_t epoch, epochs;
    uint64_t weight_updates, parameters;
    char *layers;      /* JSON; NULL until it started */
    char *environment; /* JSON; NULL until it started */
    char *resolved;    /* JSON; NULL until it started */
    double metric[METRIC_COUNT]; /* of the last stored epoch; of model_epoch once there is a model */
    uint32_t best_epoch;         /* lowest valid_loss (train_loss without validation); 0: none */
    int64_t queued_at, started_at, finished_at;
    double training_seconds, samples_per_second; /* NAN until known */
    char *failure_code, *failure_detail;         /* NULL unless failed */
    uint32_t failure_epoch;
    char *stopped_by;   /* what ended it before its last epoch, though it succeeded; or NULL */
    uint32_t model_epoch; /* whose weights the model has; 0: no model */
    char *model_sha256; /* NULL without a model file */
    uint64_t model_bytes;
    uint32_t attempts; /* times it was started */
    uint32_t crashes;  /* ends of the daemon while it ran, since it last got further */
    uint64_t version;
};
void store_run_done(struct store_run *r);
/* For new jobs: uses job, number, spec, hyperparameters, epochs, parameters, queued_at; status queued. */
enum err_code store_run_insert(struct store_tx *tx, const struct store_run *r, int64_t *ret_id, struct err *err);
enum err_code store_run_get(struct store_reader *r, int64_t id, struct store_run *ret, struct err *err);
struct store_run_filter {
    int64_t job;
    int status;            /* -1: any */
    const char *order_by;  /* NULL or "number": by number; "id", "status", "epoch", "metrics.<name>", "metrics.best_epoch",
                              "timings.training_seconds"; absent values last. Anything else: ERR_MALFORMED naming the choices */
    bool descending;
    const char *cursor; /* opaque text of a previous call, or NULL; ERR_MALFORMED when it is not one */
    uint32_t limit;
};
/* ret_cursor (mem_free) is NULL when there are no more. */
enum err_code store_runs_list(struct store_reader *r, const struct store_run_filter *f, struct store_run **ret_items,
                              size_t *ret_count, char **ret_cursor, struct err *err);
struct store_figures {
    int64_t run;
    uint32_t number;
    enum store_status status;
    double metric[METRIC_COUNT]; /* NAN where absent */
    uint32_t best_epoch;
    double best_loss;
};
/* Of every run of a job, by number (mem_free). */
enum err_code store_job_figures(struct store_reader *r, int64_t job, struct store_figures **ret_items, size_t *ret_count,
                                struct err *err);
struct store_queued {
    int64_t run, job;
    int32_t priority;
};
/* All queued runs (mem_free) in the order they are to be executed: priority descending, then id. */
enum err_code store_runs_queued(struct store_reader *r, struct store_queued **ret_items, size_t *ret_count, struct err *err);
enum err_code store_runs_count_queued_tx(struct store_tx *tx, uint64_t *ret_count, struct err *err);

/* queued -> running. Epochs that it has stay: it goes on with the next. ERR_CONFLICT when it is not queued (any more). */
struct store_begun {
    uint32_t epoch, attempts, crashes; /* the last that is stored; with this one; as in struct store_run */
};
enum err_code store_run_start(struct store_tx *tx, int64_t id, int64_t now, struct store_begun *ret, struct err *err);
/* What a running run is found to be once its rows are read; as in struct store_run. */
struct store_description {
    int64_t run;
    uint64_t parameters;
    const char *layers, *environment, *resolved;
};
enum err_code store_run_describe(struct store_tx *tx, const struct store_description *d, struct err *err);
struct store_epoch {
    uint32_t epoch;
    uint64_t weight_updates;
    double learning_rate, seconds;
    double metric[METRIC_COUNT];
    uint32_t layer_count;
    const float *layers; /* layer_count x 4: gradient_norm, update_ratio, dead, saturated */
};
/* Inserts the epochs (ascending, following the last) and moves the run's epoch, weight_updates, metrics, best_epoch.
 * Infinite values are stored as NULL. */
enum err_code store_epochs_append(struct store_tx *tx, int64_t run, const struct store_epoch *epochs, size_t count,
                                  struct err *err);
struct store_finish {
    int64_t run;
    enum store_status status; /* succeeded, failed or cancelled */
    int64_t now;
    double training_seconds, samples_per_second;
    const char *failure_code, *failure_detail; /* failed */
    uint32_t failure_epoch;
    const char *stopped_by;   /* succeeded: before its last epoch; NULL: it was not */
    uint32_t model_epoch;     /* the model is that epoch's; 0: there is none */
    const char *model_sha256; /* NULL: no model file */
    uint64_t model_bytes;
    const char *evaluation; /* JSON text, or NULL */
};
enum err_code store_run_finish(struct store_tx *tx, const struct store_finish *f, struct err *err);
struct store_leave {
    int64_t run, now;
    double training_seconds, samples_per_second; /* so far; NAN: as they were */
};
/* running -> queued again, or paused, or cancelled, as was asked for meanwhile: what it became. */
enum err_code store_run_leave(struct store_tx *tx, const struct store_leave *l, enum store_status *ret_status, struct err *err);
/* It has a checkpoint beyond what it began with (an epoch more says so by itself): its crashes count from here. */
enum err_code store_run_got_further(struct store_tx *tx, int64_t id, struct err *err);
/* At start: every running run leaves as above, and has crashed once more. One that crashed so often without getting further
 * has failed: "poison". */
#define STORE_CRASHES_MAX 3
struct store_recovered {
    uint32_t went_on, poisoned;
};
enum err_code store_recover(struct store_tx *tx, int64_t now, struct store_recovered *ret, struct err *err);
/* The evaluation's JSON text (mem_free): ERR_NOT_FOUND when the run is unknown or has none. */
enum err_code store_run_evaluation(struct store_reader *r, int64_t id, char **ret_json, struct err *err);

/* How a run stands at an epoch that it has stored among the runs of its job with lower numbers: how many of those have stored
 * it too, how many of them are at least as good in the metric (absent values are worst), and the first of the others that may
 * get there still (0: none). */
struct store_rung {
    uint64_t reached, better;
    int64_t awaited;
};
enum err_code store_rung_read(struct store_reader *r, int64_t run, uint32_t epoch, enum store_metric metric, bool rises,
                              struct store_rung *ret, struct err *err);

/* ---- epochs --------------------------------------------------------------------------------------------------------- */

/* Columns of a run's epochs in from..to (inclusive; to 0: the last), ascending. With points > 0 and more rows than that,
 * thinned: buckets of epochs, each giving the rows of its minimum and maximum of train_loss and of valid_loss, and the
 * range's first and last always; at most about `points` rows come back (never fewer than min(4, total)). */
struct store_epochs {
    size_t count;
    uint64_t total; /* rows in the range before thinning */
    uint32_t *epoch;
    double *learning_rate, *seconds, *elapsed_seconds; /* elapsed: with all epochs before it, in the range or not */
    double *metric[METRIC_COUNT]; /* NAN where absent */
    uint64_t *weight_updates;
    uint32_t layer_count; /* only when layers were asked for */
    float *layers;        /* count x layer_count x 4 */
};
enum err_code store_epochs_read(struct store_reader *r, int64_t run, uint32_t from, uint32_t to, uint32_t points,
                                bool with_layers, struct store_epochs *ret, struct err *err);
void store_epochs_done(struct store_epochs *e);

/* ---- events --------------------------------------------------------------------------------------------------------- */

/* What the streams tell. Every change of a job's or run's status, a job's progress, name or priority, and every epoch has a
 * number, from 1, of one sequence without gaps, written in the transaction of the fact itself (by triggers: whoever writes it)
 * and never given again. The last STORE_EVENTS_KEPT of them can be read. */
#define STORE_EVENTS_KEPT 16384
enum store_event_kind {
    EVENT_JOB, EVENT_RUN, EVENT_EPOCH, EVENT_JOB_DELETED,
    EVENT_EPOCHS_LOST, /* stands for all numbers up to its own: epochs of this run, which was deleted with its job */
};
struct store_event {
    int64_t id;
    enum store_event_kind kind;
    int64_t job, run;         /* run: 0 for events of jobs */
    uint32_t epoch;           /* of EVENT_RUN, EVENT_EPOCH */
    enum store_status status; /* then; not of epochs */
    double progress;          /* 0..1; not of epochs */
    uint64_t weight_updates;  /* this and the rest: of EVENT_EPOCH; NAN where absent */
    double learning_rate, seconds, elapsed_seconds, metric[METRIC_COUNT];
};
struct store_events {
    size_t count;
    struct store_event *item; /* ascending */
    int64_t oldest, newest;   /* numbers that can be read; newest 0: there was no event yet */
    bool gone;                /* `after` is not in oldest - 1..newest: what followed it cannot be told */
};
/* At most `limit` events (0: none, only what can be read) that follow number `after`. */
enum err_code store_events_read(struct store_reader *r, int64_t after, size_t limit, struct store_events *ret,
                                struct err *err);
void store_events_done(struct store_events *e);
/* Some events in a row as the store keeps them: one, or epochs of a run. Without reading what they tell. */
struct store_span {
    int64_t first, last, job, run;
    enum store_event_kind kind;
};
struct store_spans {
    size_t count;
    bool gone;      /* as in struct store_events */
    int64_t newest;
};
enum err_code store_spans_read(struct store_reader *r, int64_t after, struct store_span *ret_span, size_t limit,
                               struct store_spans *ret, struct err *err);
/* From now on `committed` is called on the writer thread after each commit: must be short. NULL: no more (once this returns,
 * no call is under way). */
void store_listen(struct store *s, void (*committed)(void *context), void *context);

/* ---- readers and service ---------------------------------------------------------------------------------------------- */

/* Waits (briefly) when all are taken. */
struct store_reader *store_reader_take(struct store *s);
void store_reader_give(struct store_reader *r);
static inline void store_reader_givep(struct store_reader **r)
{
    if (*r)
        store_reader_give(*r);
}
struct store_totals {
    uint64_t datasets, jobs, runs_by_status[STATUS_COUNT];
    uint64_t commits, ops, queued_ops; /* of the writer since start */
    uint64_t database_bytes, wal_bytes;
};
enum err_code store_totals(struct store_reader *r, struct store_totals *ret, struct err *err);
/* For collecting unreferenced files at start: whether any dataset uses the file / any run with a model has this id. */
enum err_code store_dataset_file_used(struct store_reader *r, const char *file, bool *ret_used, struct err *err);
