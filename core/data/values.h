/* The distinct numbers of a column, counted. One thread at a time. */
#pragma once

#include "../base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct value_count {
    double value; /* 0 is never -0 */
    double count; /* or sum of weights; 0: a free slot */
};

/* Open addressing; slots is a power of two. Zeroed, it is empty. */
struct values {
    struct value_count *slot;
    uint32_t slots, used;
};

/* Counts the cells that are there (not NaN), while there are at most `limit` distinct ones: more are ERR_TOO_LARGE. weights: how
 * much each counts, above 0; NULL: once. */
enum err_code values_add(struct values *v, const double *cells, const double *weights, size_t count, uint32_t limit,
                         struct err *err);
/* Moves all to the front, ascending: v->slot[0 .. v->used). Nothing can be added any more. */
void values_sort(struct values *v);
void values_done(struct values *v);
