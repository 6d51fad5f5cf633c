/* What the scheduler (queue, workers) and the execution of one run share, and nobody else includes. */
#pragma once

#include "alarms.h"
#include "core/base/fs.h"
#include "run_queue.h"
#include "scheduler.h"
#include <pthread.h>
#include <stdatomic.h>

enum { CANCEL = 1, PAUSE = 2, HALT = 4, RUNG = 8 }; /* why a slot shall stop: this run for good, or for a while, or all of them,
                                                      or the rung that this run was interrupted at says so */

struct slot { /* one worker thread */
    struct scheduler *scheduler;
    pthread_t thread;
    struct queued_run now; /* under the lock; run 0: idle */
    atomic_int stop;     /* bits */
    atomic_int leave;    /* PAUSE or HALT: it goes on another time */
    atomic_int interrupt; /* as `stop`, or to have a checkpoint written */
    struct alarm alarm;  /* of `interrupt` */
};

struct scheduler {
    struct scheduler_options o;
    char datasets_dir[FS_PATH_MAX], models_dir[FS_PATH_MAX], checkpoints_dir[FS_PATH_MAX];
    struct alarms *alarms;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct run_queue queue;
    bool stopping;
    uint64_t news; /* grows when a run ends, or comes to a rung */
    unsigned held; /* workers that wait for it */
    struct slot *slots;
    unsigned started;
    struct scheduler_totals totals;
};

bool scheduler_is_stopping(struct scheduler *s);
/* A moment's sleep. False: the daemon stops, or the run shall stop when `stop` is given. */
bool scheduler_sleep(struct scheduler *s, const atomic_int *stop);
/* Waiting for other runs: what `news` is now; that there is some; until there is more than that (false: the run, or the
 * daemon, shall stop). */
uint64_t scheduler_news(struct scheduler *s);
void scheduler_tell(struct scheduler *s);
bool scheduler_await(struct scheduler *s, const atomic_int *stop, uint64_t news);
/* Whether a worker has this run. */
bool scheduler_executes(struct scheduler *s, int64_t run);
/* Puts the slot's run behind the queue. */
enum err_code scheduler_put_back(struct scheduler *s, struct slot *slot, struct err *err);
/* Executes one run of the queue on the slot's thread. */
void execution_run(struct scheduler *s, struct slot *slot, int64_t run);
