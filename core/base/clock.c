#include "clock.h"

#include <stdio.h>
#include <time.h>

int64_t clock_wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint64_t nanoseconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
    return nanoseconds(CLOCK_MONOTONIC);
}

uint64_t clock_coarse_ns(void)
{
    return nanoseconds(CLOCK_MONOTONIC_COARSE);
}

const char *clock_format(int64_t wall_ms, char text[CLOCK_TEXT_SIZE])
{
    int64_t milliseconds = wall_ms % 1000;
    if (milliseconds < 0)
        milliseconds += 1000;
    time_t seconds = (time_t)((wall_ms - milliseconds) / 1000);
    struct tm utc;
    if (!gmtime_r(&seconds, &utc) || !strftime(text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &utc)) {
        snprintf(text, CLOCK_TEXT_SIZE, "1970-01-01T00:00:00.000Z");
        return text;
    }
    size_t at = 19;
    snprintf(text + at, CLOCK_TEXT_SIZE - at, ".%03dZ", (int)milliseconds);
    return text;
}
