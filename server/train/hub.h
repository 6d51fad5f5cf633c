/* The event hub: wakes those who wait for a run or a job to change. Only committed facts are published (by the store's
 * done callbacks). A watcher is registered before the state is read, so that no change falls between reading and waiting.
 * Any thread may call any of these. */
#pragma once

#include "core/base/err.h"
#include <stdbool.h>
#include <stdint.h>

struct hub;

struct hub_watch {
    int64_t run, job; /* what is watched; 0: not this kind */
    void (*wake)(void *context); /* called at most once for each arming, without the hub's lock held */
    void *context;
    uint64_t deadline_ns; /* monotonic */
    bool fired, armed, linked;
    struct hub_watch *previous, *next;
};

enum err_code hub_new(struct hub **ret_hub, struct err *err);
void hub_free(struct hub *h); /* after hub_close, with no watcher left */
/* Wakes all watchers and every later one at once: the daemon is stopping. */
void hub_close(struct hub *h);
/* From now on a change fires the watch. The memory is the caller's and stays until hub_unwatch. */
void hub_watch(struct hub *h, struct hub_watch *w);
/* wake() comes at the next change, at the deadline, at closing, or at once when the watch has fired already. Arming again
 * after a wake is allowed. */
void hub_arm(struct hub *h, struct hub_watch *w, uint64_t deadline_ns);
void hub_unwatch(struct hub *h, struct hub_watch *w); /* fine when it was never watched */
/* Run `run` of job `job` has changed; 0: any of its runs may have, so that everyone who waits for a run looks again. */
void hub_publish(struct hub *h, int64_t run, int64_t job);
bool hub_closed(struct hub *h);
