/* A job that starts from a run ("initial": {"run": 7}): with the weights of its model, and with its encoder. So the
 * target, the task, the features, what is said of columns, and the shape of the network are that run's; what the body
 * leaves out of them is taken from there. */
#pragma once

#include "job_plan.h"

/* Reads the model that the body names (none: nothing) into p->initial, and fills p->body in. Violations point at
 * /initial/run, and at what is given and is not that run's. */
enum err_code job_initial_read(struct app *app, struct job_plan *p, struct violations *violations, struct err *err);
/* Whether task, features and table fit it; p->spec is bound and p->table is open. */
void job_initial_check(const struct job_plan *p, struct violations *violations);
/* Whether the network of a point does. */
void job_initial_check_network(const struct model *initial, const struct job_spec *s, struct violations *point);
