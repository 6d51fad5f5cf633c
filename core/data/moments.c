#include "moments.h"

#include <math.h>
#include <stdbool.h>

/* All of this for `sides` columns at once, a constant where it is called: the additions of one column wait for each other. */
#define INLINE static inline __attribute__((always_inline))

static uint64_t missing_cells(const double *cells, size_t count)
{
    uint64_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += cells[i] != cells[i];
    return n;
}

/* Counts what is missing only where a sum says that there is something. */
INLINE void extremes(unsigned sides, const double *const *cells, size_t count, struct moments *m)
{
    double least[MOMENTS_SIDES], most[MOMENTS_SIDES], sum[MOMENTS_SIDES] = {0};
    for (unsigned k = 0; k < sides; k++) {
        least[k] = INFINITY;
        most[k] = -INFINITY;
    }
    for (size_t i = 0; i < count; i++) {
#pragma GCC unroll 4
        for (unsigned k = 0; k < sides; k++) {
            double v = cells[k][i];
            sum[k] += v;
            least[k] = v < least[k] ? v : least[k];
            most[k] = v > most[k] ? v : most[k];
        }
    }
    for (unsigned k = 0; k < sides; k++) {
        uint64_t missing = isnan(sum[k]) ? missing_cells(cells[k], count) : 0;
        m[k] = (struct moments){.present = count - missing, .missing = missing, .least = least[k], .most = most[k]};
    }
}

/* The mean and the squares; with `some`, cells may be missing. */
INLINE void sums(unsigned sides, bool some, const double *const *cells, size_t count, struct moments *m)
{
    double sum[MOMENTS_SIDES] = {0}, rest[MOMENTS_SIDES] = {0}, squares[MOMENTS_SIDES] = {0}, from[MOMENTS_SIDES];
    for (unsigned k = 0; k < sides; k++)
        from[k] = m[k].least;
    for (size_t i = 0; i < count; i++) {
#pragma GCC unroll 4
        for (unsigned k = 0; k < sides; k++) {
            double d = cells[k][i] - from[k];
            sum[k] += some && d != d ? 0 : d;
        }
    }
    for (unsigned k = 0; k < sides; k++)
        from[k] = m[k].mean = m[k].present ? m[k].least + sum[k] / (double)m[k].present : 0;
    for (size_t i = 0; i < count; i++) {
#pragma GCC unroll 4
        for (unsigned k = 0; k < sides; k++) {
            double d = cells[k][i] - from[k];
            d = some && d != d ? 0 : d;
            rest[k] += d;
            squares[k] += d * d;
        }
    }
    for (unsigned k = 0; k < sides; k++)
        m[k].squares = m[k].present ? squares[k] - rest[k] * rest[k] / (double)m[k].present : 0;
}

INLINE void of_cells(unsigned sides, const double *const *cells, size_t count, struct moments *m)
{
    uint64_t missing = 0;
    extremes(sides, cells, count, m);
    for (unsigned k = 0; k < sides; k++)
        missing |= m[k].missing;
    if (missing)
        sums(sides, true, cells, count, m);
    else
        sums(sides, false, cells, count, m);
    for (unsigned k = 0; k < sides; k++)
        m[k].weight = (double)m[k].present;
}

static struct moments of_weighted_cells(const double *cells, const double *weights, size_t count)
{
    struct moments m = MOMENTS_NONE;
    double sum = 0, rest = 0;
    extremes(1, &cells, count, &m);
    for (size_t i = 0; i < count; i++)
        m.weight += cells[i] == cells[i] ? weights[i] : 0;
    if (!m.present)
        return m;
    for (size_t i = 0; i < count; i++) {
        double d = cells[i] - m.least;
        sum += d == d ? weights[i] * d : 0;
    }
    m.mean = m.least + sum / m.weight;
    for (size_t i = 0; i < count; i++) {
        double d = cells[i] - m.mean;
        d = d == d ? d : 0;
        rest += weights[i] * d;
        m.squares += weights[i] * d * d;
    }
    m.squares -= rest * rest / m.weight;
    return m;
}

static void join(struct moments *m, const struct moments *part)
{
    m->missing += part->missing;
    if (!m->present || !part->present) {
        uint64_t missing = m->missing;
        *m = part->present ? *part : *m;
        m->missing = missing;
        return;
    }
    double before = m->weight, n = part->weight, apart = part->mean - m->mean;
    m->mean += apart * (n / (before + n));
    m->squares += part->squares + apart * apart * (before * n / (before + n));
    m->present += part->present;
    m->weight += part->weight;
    m->least = part->least < m->least ? part->least : m->least;
    m->most = part->most > m->most ? part->most : m->most;
}

struct moments moments_add(struct moments *m, const double *cells, size_t count)
{
    struct moments part;
    of_cells(1, &cells, count, &part);
    join(m, &part);
    return part;
}

void moments_add_weighted(struct moments *m, const double *cells, const double *weights, size_t count)
{
    struct moments part = of_weighted_cells(cells, weights, count);
    join(m, &part);
}

void moments_add_sides(struct moments *const m[MOMENTS_SIDES], const double *const cells[MOMENTS_SIDES], size_t count,
                       struct moments ret_parts[MOMENTS_SIDES])
{
    of_cells(MOMENTS_SIDES, cells, count, ret_parts);
    for (unsigned k = 0; k < MOMENTS_SIDES; k++)
        join(m[k], &ret_parts[k]);
}

double moments_deviation(const struct moments *m)
{
    return m->present ? sqrt(m->squares / m->weight) : NAN;
}
