#include "moments.h"

#include <math.h>

/* A copy for each caller: without weights nothing is multiplied. */
static inline __attribute__((always_inline)) struct moments of_cells(const double *cells, const double *weights, size_t count)
{
    struct moments m = MOMENTS_NONE;
    double sum = 0, rest = 0;
    for (size_t i = 0; i < count; i++) {
        double v = cells[i];
        m.missing += v != v;
        m.least = v < m.least ? v : m.least;
        m.most = v > m.most ? v : m.most;
        if (weights)
            m.weight += v == v ? weights[i] : 0;
    }
    m.present = count - m.missing;
    if (!m.present)
        return m;
    if (!weights)
        m.weight = (double)m.present;
    for (size_t i = 0; i < count; i++) {
        double d = cells[i] - m.least;
        sum += d == d ? (weights ? weights[i] * d : d) : 0;
    }
    m.mean = m.least + sum / m.weight;
    for (size_t i = 0; i < count; i++) {
        double d = cells[i] - m.mean;
        d = d == d ? d : 0;
        double counted = weights ? weights[i] * d : d;
        rest += counted;
        m.squares += counted * d;
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
    struct moments part = of_cells(cells, NULL, count);
    join(m, &part);
    return part;
}

void moments_add_weighted(struct moments *m, const double *cells, const double *weights, size_t count)
{
    struct moments part = of_cells(cells, weights, count);
    join(m, &part);
}

double moments_deviation(const struct moments *m)
{
    return m->present ? sqrt(m->squares / m->weight) : NAN;
}
