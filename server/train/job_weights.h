/* How much rows and classes count in the loss. Part of job_spec. */
#pragma once

#include "core/data/encoder.h"
#include "core/data/table.h"
#include "server/json/bind.h"

struct job_spec;

/* What no table of fields can check. */
void job_weights_check(const struct job_spec *s, struct violations *violations);

/* Against the table, whose target is known to be a column: violations at /sample_weight, and once the task is known to fit, at
 * /class_weights. */
void job_weights_check_table(const struct job_spec *s, const struct table *t, struct violations *violations);
/* Against the validation's own dataset, where rows without such a column count once: violations at /validation/dataset. */
void job_weights_check_valid(const struct job_spec *s, const struct table *valid, struct violations *violations);
void job_weights_check_classes(const struct job_spec *s, const struct table *t, enum task task, struct violations *violations);
/* Takes the rows of weight 0 out of rows (and classes, unless NULL): they are as good as absent. ERR_INVALID names a row whose
 * weight is missing or negative. */
enum err_code job_weights_drop(const struct job_spec *s, const struct table *t, uint32_t *rows, int32_t *classes, size_t *count,
                               struct err *err);
/* Weights of the classes (mem_free), NULL when all are 1. balanced: n / (classes * rows of the class), over these rows for
 * training (ascending), each as often as it weighs. ERR_INVALID names a class that is none. */
enum err_code job_weights_classes(const struct job_spec *s, const struct table *t, const struct encoder *e,
                                  const uint32_t *train, size_t train_count, double **ret, struct err *err);
