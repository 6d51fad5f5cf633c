/* Mean and population deviation of a column that comes a few hundred cells at a time. Belongs to one thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct moments {
    uint64_t present, missing;    /* missing: NaN */
    double least, most;           /* +INFINITY and -INFINITY without a value */
    double mean, squares;         /* squares: sum of squared deviations from the mean */
};

#define MOMENTS_NONE ((struct moments){.least = INFINITY, .most = -INFINITY})

/* Two passes over these cells, the mean by way of the least, so that a constant's is exact, and the squares corrected for what
 * the mean lost to rounding; then both parts together (Chan, Golub, LeVeque: "Algorithms for computing the sample variance",
 * 1983). Returns the moments of these cells alone. */
struct moments moments_add(struct moments *m, const double *cells, size_t count);
double moments_deviation(const struct moments *m); /* NAN without a value */
