/* The recorder of one run: takes a worker's events and stores them in batches, so that a run of a hundred thousand short
 * epochs costs few transactions and a run of long epochs shows each one at once. It publishes to the hub after the commit.
 * It belongs to the run's worker thread; the ops that it submits own copies of what they store. A batch that could not be
 * stored (a full disk) is kept, and so are those behind it: they are submitted again in their order. */
#pragma once

#include "hub.h"
#include "server/store/store.h"
#include "worker.h"

struct recorder;

enum err_code recorder_new(struct store *store, struct hub *hub, int64_t run, int64_t job, struct recorder **ret_recorder,
                           struct err *err);
void recorder_free(struct recorder *r); /* waits for what is under way */
/* Asked while the store fails: waits a moment; true: try again, false: the run shall stop. Without it such a run fails. */
void recorder_patience(struct recorder *r, bool (*wait)(void *context, const struct err *why), void *context);
/* Waits for the commit of queued -> running, and tells how it stood: epochs that are stored are passed over when they come
 * again. ERR_CONFLICT when the run is not queued any more. */
enum err_code recorder_started(struct recorder *r, struct store_begun *ret, struct err *err);
/* Stores what the worker found the run to be, before its epochs; the codes of recorder_epoch. */
enum err_code recorder_described(struct recorder *r, const struct worker_started *s, struct err *err);
/* While the store fails, training waits in here. ERR_STOPPED when the run shall stop meanwhile; its epochs are kept still. */
enum err_code recorder_epoch(struct recorder *r, enum task task, const struct mlp_epoch *e, struct err *err);
/* Waits until all epochs so far are committed; the codes of recorder_epoch. */
enum err_code recorder_flush(struct recorder *r, struct err *err);
/* Stores that there is a checkpoint beyond the one that this attempt began with. */
enum err_code recorder_got_further(struct recorder *r, struct err *err);
/* Stores the epochs that still wait and then the end of the run, and waits for the commit. When that fails nothing is lost, and
 * it can be called again. */
enum err_code recorder_finish(struct recorder *r, const struct store_finish *finish, struct err *err);
/* Without the epochs that were not stored back to the queue, or paused, or cancelled, as was asked for: what it became. Waits
 * for the commit. NAN: not known. */
enum err_code recorder_leave(struct recorder *r, double training_seconds, double samples_per_second,
                             enum store_status *ret_status, struct err *err);
/* Whether recorder_started has committed. */
bool recorder_has_started(const struct recorder *r);
