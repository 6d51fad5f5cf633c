/* The permutation importance of a run's features on its validation rows, as the JSON that GET /v1/runs/{r}/importance
 * answers. */
#pragma once

#include "core/base/buf.h"
#include "core/nn/model.h"
#include "job_spec.h"
#include <stdatomic.h>

#define IMPORTANCE_ROWS  20000               /* at most so many of the validation rows, evenly taken */
#define IMPORTANCE_BYTES ((size_t)128 << 20) /* ... and no more than this when they are encoded */

/* What was asked for, and how far it is. */
struct importance_request {
    int64_t run;
    uint32_t repeats;
    uint64_t seed;
};

/* The most important feature first: by the drop of the metric, then by the loss. ERR_INVALID when the table does not
 * fit the model or leaves no validation rows; ERR_STOPPED soon after `stop` is set. *features and *done count them on
 * the way. */
enum err_code importance_json(const struct importance_request *request, const struct job_spec *spec,
                              const struct table *table, const struct model *model, const atomic_int *stop,
                              atomic_uint *features, atomic_uint *done, struct buf *out, struct err *err);
