/* One run from its spec and its table to its result. It knows nothing of threads, files, or the store: what happens is
 * told as events. The caller's thread does the work. */
#pragma once

#include "core/base/buf.h"
#include "core/data/table.h"
#include "core/nn/model.h"
#include "job_spec.h"
#include <stdatomic.h>

struct worker_started {
    uint64_t parameters;
    double flops; /* of one epoch */
    const char *layers;      /* JSON: [{"layer","inputs","units","activation"}] */
    const char *environment; /* JSON */
    const char *resolved;    /* JSON: what became of the spec's null and auto, at its fields' places, and the rows */
};

struct worker_progress { /* epochs that counted, and how long they took */
    uint32_t epoch;
    double training_seconds;
};

/* A code that is not ERR_OK ends the run with it. */
struct worker_events {
    enum err_code (*started)(void *context, const struct worker_started *s, struct err *err);
    unsigned (*threads)(void *context); /* asked before each epoch; NULL: one */
    enum err_code (*epoch)(void *context, enum task task, const struct mlp_epoch *e, struct err *err);
    /* Makes a new trainer what a run was when it was interrupted, and fills *ret; false: it begins. NULL: it always does. */
    bool (*restore)(void *context, struct mlp_trainer *t, struct worker_progress *ret);
    /* Keeps what training stands at, between two batches of the epoch behind those of *p. NULL: never. */
    enum err_code (*save)(void *context, const struct mlp_trainer *t, const struct worker_progress *p, struct err *err);
    atomic_int *interrupt;  /* set together with `stop`; alone: `save` is called and training goes on. NULL: `stop` is enough */
    const struct model *initial; /* whose weights and encoder it starts from; NULL: it draws and fits its own */
    bool goes_on; /* it has epochs already: a stop that comes before it is where it was lets it come there first, so that its
                   * model can be kept; `leave` does not */
    const atomic_int *leave; /* set: it shall go on another time, stop without a model or an evaluation; NULL: never */
    void *context;
};

struct worker_result {
    struct buf model;      /* the model file's bytes; empty when there is none */
    struct buf evaluation; /* JSON; empty when there are no validation rows */
    double training_seconds, samples_per_second;
    uint32_t epoch;       /* epochs that counted */
    uint32_t model_epoch; /* whose network the model is: the best one's with early stopping */
    enum mlp_stop stop;   /* why there are fewer than were asked for, when the specification says so */
};

/* `valid`: as of rows_prepare. ERR_OK: all epochs done, and evaluated. ERR_STOPPED: `stop` was seen; after an epoch the result holds the network, and its
 * evaluation unless it was that which was stopped. ERR_DIVERGED: the result holds the last finite network. Any other code: the
 * run failed, for the reason in err. Who sets `leave` sets `stop` as well, and `stop` before `interrupt`. worker_result_done in
 * every case. */
enum err_code worker_execute(const struct job_spec *spec, const struct table *table, const struct table *valid,
                             const atomic_int *stop, const struct worker_events *events, struct worker_result *ret_result,
                             struct err *err);
void worker_result_done(struct worker_result *r);
/* Bytes that a run will take at its largest, and an estimate of its parameters, from the table's statistics. ERR_INVALID
 * names what is out of range. */
struct worker_estimate {
    uint64_t parameters, memory_bytes;
    double flops; /* of the whole run */
};
enum err_code worker_estimate(const struct job_spec *spec, enum task task, const struct table *t, uint32_t inputs,
                              struct job_rows rows, struct worker_estimate *ret, struct err *err);
/* The `inputs` of an estimate: it looks at every feature, the estimate at none. */
uint32_t worker_inputs(const struct job_spec *spec, const struct table *t);
