/* One thread for work that would block an HTTP thread: finishing an upload (sync to disk, reading late-typed columns
 * again). First come, first served. */
#pragma once

#include "core/base/err.h"
#include <stdbool.h>

struct background;

struct background_work {
    void (*run)(struct background_work *w); /* on the thread; it may free w */
    struct background_work *next;
};

enum err_code background_start(struct background **ret_background, struct err *err);
/* false once it is stopping: nothing was taken. */
bool background_add(struct background *b, struct background_work *w);
void background_stop(struct background *b); /* runs what is queued; others may still call background_add */
void background_free(struct background *b); /* after background_stop; NULL is fine */
