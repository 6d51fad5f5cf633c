/* A search: JSON Pointers into a job, each with a distribution; its points are drawn at random, reproducibly.
 *
 * {"/optimizer/learning_rate": {"log_uniform": [0.0001, 0.1]}, "/network/hidden/0/units": {"choice": [8, 16, 32]}}
 *
 * uniform and log_uniform draw between two ends, both included; in a field of whole numbers each of them has the same
 * chance (log_uniform: in proportion to the part of the logarithmic scale that rounds to it). Each draw is from a
 * stream of its own (seed, pointer, number of the run): more runs leave the first as they are, and another parameter
 * leaves the others as they are. Choices alone are a list of points that is shuffled, so that none comes twice. */
#pragma once

#include "grid.h"

/* Reads the search of a job body (NULL: none) into points of a grid, which point into it: grid_done. Violations point
 * at /search/parameters; whether `runs` and `seed` are what they should be is for the fields of the job to say, and
 * nothing is drawn when they are not. ERR_NO_MEMORY or ERR_OK. */
enum err_code search_read(const struct json *search, struct grid *ret_grid, struct violations *violations,
                          struct err *err);
