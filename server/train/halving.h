/* Successive halving: runs of one job that are worse than others at the same epoch end early (ASHA; Li, Jamieson,
 * Rostamizadeh et al., "A system for massively parallel hyperparameter tuning", 2020, in the variant that stops runs
 * instead of promoting them).
 *
 * Rungs are the epochs min_epochs * reduction^k before a run's last. A run that reaches one is compared with the runs
 * of lower numbers that reached it: it goes on when it is among the best 1/reduction of them and itself (rounded down,
 * but at least the best one). Of equals the lower number is better; what is not finite is worst. It waits until each
 * run of a lower number has reached the rung or ended, as if one worker had taken the runs in their order: so which
 * runs are stopped, and where, depends neither on the number of workers nor on time, pauses, or restarts. All of it is
 * read from the stored epochs. */
#pragma once

#include "job_spec.h"
#include <stdbool.h>

/* Whether there is a halving, and this epoch (of so many) is one of its rungs. */
bool halving_is_rung(const struct job_halving *h, uint32_t epoch, uint32_t epochs);
/* Of the runs of lower numbers `reached` came to the rung and `better` of them are at least as good as this one. */
bool halving_goes_on(const struct job_halving *h, uint64_t reached, uint64_t better);
/* Whether more of a metric (enum store_metric) is better. */
bool halving_rises(int metric);
/* Adds a violation (at /halving/...) when runs of this spec could never be compared. */
void halving_check(const struct job_spec *s, enum task task, bool validates, struct violations *violations);
