/* Which rows a job keeps for validation: a share of them, those that a column marks, another dataset, or one fold after the
 * other. Part of job_spec. */
#pragma once

#include "core/data/split.h"
#include "core/data/table.h"
#include "core/data/task.h"
#include "server/json/bind.h"

struct job_spec;

struct job_validation {
    double fraction; /* when none of the other ways is chosen */
    bool stratified; /* of a fraction and of folds */
    uint32_t folds;  /* 0: none */
    uint32_t fold;   /* of a run, from 1; 0 in a job that has a run for each */
    char *column, *value, *train_value;
    char *dataset; /* name or id */
};

extern const struct json_field job_validation_fields[]; /* struct job_validation */

/* What no single field can check; `body` is the job's. */
void job_validation_check(const struct job_validation *v, const struct json *body, struct violations *violations);
/* Whether the column can mark rows; the target is known to be a column. */
void job_validation_check_table(const struct job_spec *s, const struct table *t, struct violations *violations);

/* What to do about a run of such a fraction that kept no row: into out. */
#define VALIDATION_ADVICE 200
const char *job_validation_advice(double fraction, char out[VALIDATION_ADVICE]);
double job_validation_fraction_of(const char *spec); /* of a filled-in spec's JSON; 0 when it has none */

/* The rows of a run, for estimates. */
struct job_rows {
    uint64_t train, valid;
};
/* Counts what does not depend on fraction and folds: rows with a target, or those that a column marks for training and for
 * validation. `valid`: the table of the validation's dataset, or NULL. */
struct job_rows job_validation_count(const struct job_spec *s, const struct table *t, const struct table *valid);
/* ... and takes fraction or folds of it; a violation where that leaves nothing to train on. */
struct job_rows job_validation_rows(const struct job_spec *s, enum task task, struct job_rows counted,
                                    struct violations *violations);
