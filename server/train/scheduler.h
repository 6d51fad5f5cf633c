/* The scheduler: run workers (threads) that take queued runs in order, execute them, and store what happens through the
 * store's writer. Every fact is published to the hub only once it is committed.
 *
 * A run is claimed in memory, then queued -> running in the store, so that it is executed by one worker only. When storing
 * fails (a full disk) it is tried again every second: training waits for its epochs, and a result stays in memory until it is
 * stored. A run that was not begun, or failed otherwise in the store, is put back behind the queue.
 *
 * A run that is interrupted goes on from its last checkpoint: one is written every checkpoint.every_seconds of its spec and
 * when it leaves its worker before its end. What it is at a checkpoint was committed before. */
#pragma once

#include "hub.h"
#include "model_cache.h"
#include "server/store/store.h"

struct scheduler;

struct scheduler_options {
    struct store *store;
    struct hub *hub;
    struct model_cache *models;
    const char *datasets_dir, *models_dir, *checkpoints_dir;
    unsigned workers, cores;
};

/* Loads the queued runs from the store and starts the workers. */
enum err_code scheduler_start(const struct scheduler_options *o, struct scheduler **ret_scheduler, struct err *err);
/* Puts runs of a job behind those of its priority; they are queued in the store already. Any thread. */
enum err_code scheduler_add(struct scheduler *s, int64_t job, int32_t priority, const int64_t *runs, size_t count, struct err *err);
/* Takes the job's runs out of the queue: none of them is queued in the store any more. */
void scheduler_drop(struct scheduler *s, int64_t job);
void scheduler_set_priority(struct scheduler *s, int64_t job, int32_t priority);
/* Makes a running run stop within one batch; nothing when it is not running. Any thread. */
void scheduler_stop_run(struct scheduler *s, int64_t run);
/* The same for a while: it leaves a checkpoint, and the store says what becomes of it. */
void scheduler_pause_run(struct scheduler *s, int64_t run);
/* Stops all workers within one batch; their runs leave checkpoints and go back to the queue in the store. Others may still call the rest. */
void scheduler_stop(struct scheduler *s);
void scheduler_free(struct scheduler *s); /* after scheduler_stop, when nobody calls any more; NULL is fine */
struct scheduler_totals {
    uint64_t workers, busy, waiting;
    uint64_t epochs; /* trained since start */
    double training_seconds, flops; /* of them */
    uint64_t checkpoints;
    double checkpoint_seconds; /* that training waited for them */
};
void scheduler_totals(struct scheduler *s, struct scheduler_totals *ret);
