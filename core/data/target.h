/* The target columns: their task and their classes. Used by the encoder; one thread at a time. */
#pragma once

#include "encoder.h"

struct target {
    uint32_t column;
    uint32_t classes; /* 0 for regression */
    char **name;      /* of each class, sorted */
    double *value;    /* numeric column: of each class, ascending */
    int32_t *class_of_code; /* categorical column */
};

struct targets {
    enum task task; /* never TASK_AUTO */
    uint32_t count;
    struct target *target;
};

/* Resolves the task and, for classes, reads them from whole columns, less rows of weight 0. ERR_INVALID names the column and
 * the fix; *ret_at (may be NULL) is then the number of the target at fault, or how many there are when it is the task. */
enum err_code targets_read(const struct table *t, const struct encoder_options *o, struct targets *ret_targets, uint32_t *ret_at,
                           struct err *err);
void targets_done(struct targets *targets);
/* The rows that have a value in each of them (mem_free), ascending. */
enum err_code targets_rows(const struct targets *targets, const struct table *t, uint32_t **ret_rows, size_t *ret_count,
                           struct err *err);
/* Class numbers of the column's cells at these rows (-1: missing, or no class but of rows of weight 0). Not for regression. */
void target_classes(const struct target *target, const struct table *t, const uint32_t *rows, size_t count, int32_t *out);
