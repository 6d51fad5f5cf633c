#include "run_queue.h"

#include "core/base/mem.h"
#include <string.h>

bool run_queue_reserve(struct run_queue *q, size_t more)
{
    if (q->first + q->count + more <= q->capacity)
        return true;
    if (q->count + more <= q->capacity) { /* those that were taken leave the room */
        memmove(q->items, q->items + q->first, q->count * sizeof *q->items);
        q->first = 0;
        return true;
    }
    size_t capacity = 2 * (q->count + more);
    struct queued_run *items = mem_array(capacity, sizeof *items);
    if (!items)
        return false;
    if (q->count)
        memcpy(items, q->items + q->first, q->count * sizeof *items);
    mem_free(q->items);
    *q = (struct run_queue){.items = items, .count = q->count, .capacity = capacity};
    return true;
}

void run_queue_push(struct run_queue *q, struct queued_run one)
{
    q->items[q->first + q->count++] = one;
}

/* Nearly always the first one is it, and nothing moves. */
struct queued_run run_queue_pop(struct run_queue *q)
{
    struct queued_run *items = q->items + q->first;
    size_t best = 0;
    for (size_t i = 1; i < q->count; i++)
        if (items[i].priority > items[best].priority)
            best = i;
    struct queued_run one = items[best];
    memmove(items + 1, items, best * sizeof *items);
    q->first++;
    q->count--;
    return one;
}

void run_queue_drop(struct run_queue *q, int64_t job)
{
    struct queued_run *items = q->items + q->first;
    size_t kept = 0;
    for (size_t i = 0; i < q->count; i++)
        if (items[i].job != job)
            items[kept++] = items[i];
    q->count = kept;
}

void run_queue_set_priority(struct run_queue *q, int64_t job, int32_t priority)
{
    for (size_t i = q->first; i < q->first + q->count; i++)
        if (q->items[i].job == job)
            q->items[i].priority = priority;
}

void run_queue_done(struct run_queue *q)
{
    mem_free(q->items);
    *q = (struct run_queue){0};
}
