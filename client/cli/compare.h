/* mlp compare: the runs of a job, and when each of them reached a loss (compare.c); the same as tables of one
 * hyper-parameter by another (cross.c). Part of the one command that the process carries out; one thread. */
#pragma once

#include "verbs.h"

struct entry {
    cJSON *run;
    double epoch; /* of the first loss that was small enough; infinite: none was */
    double last;  /* the final loss; infinite: there is none */
};

struct comparison {
    const char *metric;
    double loss;
    struct entry *entry;
    size_t count, capacity;
};

/* "12", or why there is no such epoch: "-" when the loss was not reached. */
void need_cell(struct table *t, const struct entry *e);
/* Prints the entries, which are in the order of the grid, as tables over its last two hyper-parameters: one for every
 * point of the others. Nothing for a grid of less than two, or one that would not be readable in this way. */
void cross_print(struct cli *cli, const struct comparison *c);
