/* The datasets of a job that is planned. */
#pragma once

#include "job_plan.h"

/* Finds and opens that of training and, when it is another, that of validation; violations where there is none. */
enum err_code job_plan_find_datasets(struct app *app, struct job_plan *p, struct violations *violations, struct err *err);
/* Whether the validation's own dataset has what the job needs: an encoder of some of the training rows tells. */
bool job_plan_check_valid(const struct job_plan *p, const struct job_spec *s, struct violations *point);
