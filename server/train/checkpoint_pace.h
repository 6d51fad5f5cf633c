/* When a run writes its next checkpoint: every so many seconds, and so seldom that of all its time it waits for one part in
 * CHECKPOINT_SHARE at most. Times are nanoseconds of one clock. Belongs to the thread that trains. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CHECKPOINT_SHARE 50

struct checkpoint_pace {
    uint64_t began, every; /* every: 0: never */
    uint64_t waited;   /* for all of them so far */
    uint64_t expected; /* for the next: as the last; the first by its size */
    uint64_t patience; /* after a crash: the time to the next one, which doubles; else UINT64_MAX */
};

/* `bytes` of a checkpoint. behind: it has crashed and got no further since: the first ones come soon, whatever they cost, so that
 * it gets ahead even where crashes come fast. */
void checkpoint_pace_start(struct checkpoint_pace *p, uint64_t now, double every_seconds, uint64_t bytes, bool behind);
void checkpoint_pace_wrote(struct checkpoint_pace *p, uint64_t took);
uint64_t checkpoint_pace_next(struct checkpoint_pace *p, uint64_t now); /* when the next is due; UINT64_MAX: never */
