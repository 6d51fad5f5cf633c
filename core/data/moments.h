/* Mean and population deviation of a column that comes a few hundred cells at a time. Belongs to one thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct moments {
    uint64_t present, missing;    /* missing: NaN */
    double least, most;           /* +INFINITY and -INFINITY without a value */
    double weight;                /* of those present: how many they are, where each counts once */
    double mean, squares;         /* squares: sum of squared deviations from the mean, by weight */
};

#define MOMENTS_NONE ((struct moments){.least = INFINITY, .most = -INFINITY})

/* Two passes over these cells, the mean by way of the least, so that a constant's is exact, and the squares corrected for what
 * the mean lost to rounding; then both parts together (Chan, Golub, LeVeque: "Algorithms for computing the sample variance",
 * 1983). Returns the moments of these cells alone. */
struct moments moments_add(struct moments *m, const double *cells, size_t count);
/* The same of several columns side by side, to the same bits, in a third of the time. */
#define MOMENTS_SIDES 4
void moments_add_sides(struct moments *const m[MOMENTS_SIDES], const double *const cells[MOMENTS_SIDES], size_t count,
                       struct moments ret_parts[MOMENTS_SIDES]);
/* The same where cell i counts weights[i] times, above 0: as if it were there so often. Weights of 1 give the same bits. */
void moments_add_weighted(struct moments *m, const double *cells, const double *weights, size_t count);
double moments_deviation(const struct moments *m); /* NAN without a value */
