/* The target column: its task and its classes. Used by the encoder; one thread at a time. */
#pragma once

#include "encoder.h"

struct target {
    uint32_t column;
    enum task task; /* never TASK_AUTO */
    uint32_t classes; /* 0 for regression */
    char **name;      /* of each class, sorted */
    double *value;    /* numeric column: of each class, ascending */
    int32_t *class_of_code; /* categorical column */
};

/* Resolves the task and, for classes, reads them from the whole column, less rows of weight 0. ERR_INVALID names the column and
 * the fix. */
enum err_code target_read(const struct table *t, const struct encoder_options *o, struct target *ret_target, struct err *err);
void target_done(struct target *target);
/* Class numbers of the column's cells at these rows (-1: missing, or no class but of rows of weight 0). Not for regression. */
void target_classes(const struct target *target, const struct table *t, const uint32_t *rows, size_t count, int32_t *out);
