/* From the body of POST /v1/jobs to everything that is needed to store the job: the filled-in spec, the dataset, and one
 * spec for each point of the grid. All that is wrong is found at once. */
#pragma once

#include "server/app.h"
#include "server/train/grid.h"
#include "server/train/job_spec.h"
#include "server/train/worker.h"

struct planned_run {
    char *spec, *hyperparameters; /* JSON */
    uint32_t epochs;
    uint64_t parameters;
};

struct job_plan {
    struct json *body;
    struct job_spec spec;
    struct grid grid; /* points into body */
    struct store_dataset dataset;
    struct table *table;
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
void job_plan_done(struct job_plan *p);
