/* From the body of POST /v1/jobs to everything that is needed to store the job: the filled-in spec, the dataset, and one
 * spec for each point of the grid. All that is wrong is found at once. */
#pragma once

#include "core/nn/model.h"
#include "server/app.h"
#include "server/train/grid.h"
#include "server/train/job_spec.h"
#include "server/train/worker.h"

struct planned_run {
    char *spec, *hyperparameters; /* JSON; the spec may lack features and columns: job_plan_spec */
    uint32_t epochs;
    uint64_t parameters;
};

struct job_plan {
    struct json *body;
    struct job_spec spec;
    struct grid grid; /* points into body */
    struct model *initial; /* that the runs start from; NULL: from chance */
    struct json *base; /* the body of every point but for its values */
    struct plan_fit *fits; /* what was found out of the table, for all values of the axes that matter there */
    char *features, *columns; /* JSON; NULL when the specs of the runs have their own */
    uint64_t memory_limit;
    struct store_dataset dataset, valid_dataset; /* valid: of the validation rows, when they have one of their own */
    struct table *table, *valid;
    uint32_t folds; /* runs of each point; 0: one, and no folds */
    enum task task;
    char *spec_json; /* filled in, with the grid */
    struct planned_run *runs;
    size_t run_count;
    uint64_t parameters, memory_bytes; /* of the largest run */
    double flops;                      /* of all runs */
};

/* ERR_MALFORMED when the text is no JSON; ERR_OK otherwise: look at violations->count. job_plan_done in every case. */
enum err_code job_plan_make(struct app *app, const char *text, size_t length, struct job_plan *ret_plan,
                            struct violations *violations, struct err *err);
/* The whole spec of a run (mem_free); NULL without memory. Not kept, since all runs together may have many features and columns. */
char *job_plan_spec(const struct job_plan *p, size_t run);
void job_plan_done(struct job_plan *p);
