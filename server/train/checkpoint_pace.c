#include "checkpoint_pace.h"

#define AFTER_CRASH  100000000u
#define FIRST_COSTS  10000000u /* the first one is taken to cost this, and a second for so many bytes: a slow disk's figures */
#define FIRST_BYTES  100000000u

void checkpoint_pace_start(struct checkpoint_pace *p, uint64_t now, double every_seconds, uint64_t bytes, bool behind)
{
    *p = (struct checkpoint_pace){.began = now, .every = (uint64_t)(every_seconds * 1e9)};
    p->expected = FIRST_COSTS + (uint64_t)((double)bytes / FIRST_BYTES * 1e9);
    p->patience = behind ? AFTER_CRASH : UINT64_MAX;
}

void checkpoint_pace_wrote(struct checkpoint_pace *p, uint64_t took)
{
    p->waited += took;
    p->expected = took;
}

uint64_t checkpoint_pace_next(struct checkpoint_pace *p, uint64_t now)
{
    if (!p->every)
        return UINT64_MAX;
    if (p->patience < p->every) {
        uint64_t soon = now + p->patience;
        p->patience *= 2;
        return soon;
    }
    uint64_t due = now + p->every, paid = p->began + CHECKPOINT_SHARE * (p->waited + p->expected);
    return due > paid ? due : paid;
}
