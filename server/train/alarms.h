/* Alarms: flags that one thread raises at their time, for work that is to be interrupted but does not look at clocks. The
 * thread sleeps until the earliest of them; to set one that is later than that wakes nobody. Any thread may call these. */
#pragma once

#include "core/base/err.h"
#include <stdatomic.h>
#include <stdint.h>

struct alarms;

struct alarm { /* its memory is the caller's, zeroed at first, and stays until alarm_clear */
    atomic_int *flag; /* becomes 1 */
    uint64_t at_ns;   /* monotonic; 0: not set. Under the lock */
    struct alarm *previous, *next;
};

enum err_code alarms_start(struct alarms **ret_alarms, struct err *err);
void alarms_stop(struct alarms *a); /* and frees; none may be set any more. NULL is fine */
void alarm_set(struct alarms *a, struct alarm *one, uint64_t at_ns); /* again: at this time instead */
void alarm_clear(struct alarms *a, struct alarm *one);               /* from here on its flag is not touched */
