/* Time. Wall time in milliseconds since 1970 UTC for what is stored and shown; monotonic nanoseconds for durations. */
#pragma once

#include <stddef.h>
#include <stdint.h>

int64_t clock_wall_ms(void);
uint64_t clock_monotonic_ns(void);
/* The same clock as of the kernel's last tick, some milliseconds ago, for a fraction of the cost: for deadlines. */
uint64_t clock_coarse_ns(void);
#define CLOCK_TEXT_SIZE 32
/* RFC 3339 UTC with milliseconds, e.g. 2024-05-01T12:34:56.789Z; returns text. */
const char *clock_format(int64_t wall_ms, char text[CLOCK_TEXT_SIZE]);
