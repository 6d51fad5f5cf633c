/* Checkpoints of runs as files: DIR/RUN.0 and DIR/RUN.1, the last two, written in turns and whole or not at all. Around the
 * trainer's own bytes stands what the service has to know (core/base/sections.h). Those of one run belong to the thread
 * that trains it. */
#pragma once

#include "core/base/fs.h"
#include "worker.h"

#define CHECKPOINT_FILES 2

struct checkpoints {
    int64_t run;
    char path[CHECKPOINT_FILES][FS_PATH_MAX];
    bool there[CHECKPOINT_FILES]; /* as far as is known */
    unsigned next;                /* to be written next: not the last one that is good */
    uint64_t sequence;            /* of the last one that is good; 0: none */
};

/* The file of a run: part 0 or 1. */
enum err_code checkpoint_path(const char *dir, int64_t run, unsigned part, char path[FS_PATH_MAX], struct err *err);
/* Whether it is the name of such a file, and of which run. */
bool checkpoint_name(const char *name, int64_t *ret_run);
enum err_code checkpoints_init(struct checkpoints *c, const char *dir, int64_t run, struct err *err);
enum err_code checkpoints_write(struct checkpoints *c, const struct mlp_trainer *t, const struct worker_progress *p,
                                struct err *err);
/* Makes a new trainer what the newest good one says, and fills *ret: true. One that is damaged, of another run, or beyond
 * epoch `most` (the last that is stored) is logged and passed over; false when none is left: the trainer is new still. */
bool checkpoints_restore(struct checkpoints *c, struct mlp_trainer *t, uint32_t most, struct worker_progress *ret);
void checkpoints_remove(struct checkpoints *c); /* what stays after a failure is swept at the next start */
void checkpoints_remove_run(const char *dir, int64_t run);
