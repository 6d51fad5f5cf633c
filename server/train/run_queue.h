/* The runs that wait for a worker: by the priority of their jobs, then in the order in which they came. No lock of its own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queued_run {
    int64_t run, job;
    int32_t priority; /* the higher, the earlier */
};

struct run_queue { /* zeroed at first */
    struct queued_run *items; /* in the order in which they came, from `first` */
    size_t first, count, capacity;
};

bool run_queue_reserve(struct run_queue *q, size_t more); /* room for so many; false: no memory */
void run_queue_push(struct run_queue *q, struct queued_run one); /* there is room */
struct queued_run run_queue_pop(struct run_queue *q);            /* it is not empty */
void run_queue_drop(struct run_queue *q, int64_t job);
void run_queue_set_priority(struct run_queue *q, int64_t job, int32_t priority);
void run_queue_done(struct run_queue *q);
