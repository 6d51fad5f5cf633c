#include "job_targets.h"

#include "job_spec.h"
#include <stdio.h>
#include <string.h>

bool job_targets_bound(const struct job_spec *s)
{
    char *const *targets = s->targets.items;
    bool bound = s->targets.count > 0;
    for (size_t i = 0; bound && i < s->targets.count; i++)
        bound = targets[i] != NULL;
    return bound;
}

bool job_targets_has(const struct job_spec *s, const char *name)
{
    char *const *targets = s->targets.items;
    bool found = false;
    for (size_t i = 0; !found && i < s->targets.count; i++)
        found = targets[i] && !strcmp(targets[i], name);
    return found;
}

const char *job_targets_pointer(char out[POINTER_SIZE], const struct job_spec *s, size_t target)
{
    if (s->targets.count > 1)
        snprintf(out, POINTER_SIZE, "/target/%zu", target);
    else
        snprintf(out, POINTER_SIZE, "/target");
    return out;
}

uint32_t job_targets_columns(const struct job_spec *s, const struct table *t, uint32_t columns[TABLE_MAX_COLUMNS])
{
    char *const *targets = s->targets.items;
    uint32_t count = 0;
    for (size_t i = 0; i < s->targets.count && count < TABLE_MAX_COLUMNS; i++) {
        int column = targets[i] ? table_find(t, targets[i]) : -1;
        if (column >= 0)
            columns[count++] = (uint32_t)column;
    }
    return count;
}

void job_targets_check_columns(const struct job_spec *s, const struct table *t, struct violations *violations)
{
    char *const *targets = s->targets.items;
    bool seen[TABLE_MAX_COLUMNS] = {false};
    for (size_t i = 0; i < s->targets.count; i++) {
        char pointer[POINTER_SIZE];
        job_targets_pointer(pointer, s, i);
        job_column_exists(t, targets[i], pointer, violations);
        int column = table_find(t, targets[i]);
        if (column < 0)
            continue;
        if (seen[column])
            violation_add(violations, pointer, "duplicate", "\"%s\" is in the list twice", targets[i]);
        seen[column] = true;
    }
}

/* Rows that have all targets; one target alone has a value in some row, else its task is refused. */
static bool has_rows(const struct job_spec *s, const struct table *t)
{
    uint32_t columns[TABLE_MAX_COLUMNS], count = job_targets_columns(s, t, columns);
    bool found = count < 2;
    for (uint64_t row = 0; !found && row < table_rows(t); row++)
        found = job_targets_there(t, columns, count, row);
    return found;
}

void job_targets_check_task(const struct job_spec *s, const struct table *t, enum task *ret_task, struct violations *violations)
{
    struct err err = {0};
    struct encoder_options options = job_spec_encoder_options(s);
    char pointer[POINTER_SIZE] = "/task";
    enum task task = TASK_AUTO, automatic;
    uint32_t at;
    if (!encoder_check_target(t, &options, &task, &at, &err)) {
        if (has_rows(s, t))
            *ret_task = task;
        else
            violation_add(violations, "/target", "value", "no row has a value in all %zu targets: leave some of them out",
                          s->targets.count);
        return;
    }
    options.task = TASK_AUTO;
    bool one = s->targets.count == 1;
    bool task_is_wrong = one ? s->task != TASK_AUTO && !encoder_check_target(t, &options, &automatic, NULL, NULL)
                             : at == s->targets.count;
    violation_add(violations, task_is_wrong ? pointer : job_targets_pointer(pointer, s, at), "value", "%s", err.message);
}
