#include "task.h"

#include <stddef.h>
#include <string.h>

static const char *const names[] = {
    [TASK_AUTO] = "auto", [TASK_REGRESSION] = "regression", [TASK_BINARY] = "binary", [TASK_MULTICLASS] = "multiclass",
    [TASK_MULTILABEL] = "multilabel"};

const char *task_name(enum task task)
{
    return names[task];
}

int task_find(const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], name))
            return (int)i;
    return -1;
}
