/* What is to be predicted, and therefore the output function and the loss. */
#pragma once

enum task { TASK_AUTO, TASK_REGRESSION, TASK_BINARY, TASK_MULTICLASS, TASK_MULTILABEL };

const char *task_name(enum task task); /* "auto", "regression", "binary", "multiclass", "multilabel" */
/* -1 when there is no such name. */
int task_find(const char *name);
