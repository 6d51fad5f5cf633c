/* What a job predicts: one column, or several. Part of job_spec. */
#pragma once

#include "core/data/table.h"
#include "core/data/task.h"
#include "server/json/bind.h"

struct job_spec;

bool job_targets_bound(const struct job_spec *s); /* there are some, and each is a text */
bool job_targets_has(const struct job_spec *s, const char *name);
/* Where a target stands in the job: "/target", or of several "/target/1". Returns out. */
const char *job_targets_pointer(char out[POINTER_SIZE], const struct job_spec *s, size_t target);
/* Their columns, as far as the table has them; how many those are. */
uint32_t job_targets_columns(const struct job_spec *s, const struct table *t, uint32_t columns[TABLE_MAX_COLUMNS]);
/* Whether a row has a value in each of the columns. */
static inline bool job_targets_there(const struct table *t, const uint32_t *columns, uint32_t count, uint64_t row)
{
    bool all = true;
    for (uint32_t j = 0; all && j < count; j++)
        all = table_has(t, columns[j], row);
    return all;
}

/* Whether they are columns, each once. */
void job_targets_check_columns(const struct job_spec *s, const struct table *t, struct violations *violations);
/* Whether the task fits them; *ret_task when it does. */
void job_targets_check_task(const struct job_spec *s, const struct table *t, enum task *ret_task, struct violations *violations);
