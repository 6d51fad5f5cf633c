#include "moments.h"

#include <math.h>

static struct moments of_cells(const double *cells, size_t count)
{
    struct moments m = MOMENTS_NONE;
    double sum = 0, rest = 0;
    for (size_t i = 0; i < count; i++) {
        double v = cells[i];
        m.missing += v != v;
        m.least = v < m.least ? v : m.least;
        m.most = v > m.most ? v : m.most;
    }
    m.present = count - m.missing;
    if (!m.present)
        return m;
    for (size_t i = 0; i < count; i++) {
        double d = cells[i] - m.least;
        sum += d == d ? d : 0;
    }
    m.mean = m.least + sum / (double)m.present;
    for (size_t i = 0; i < count; i++) {
        double d = cells[i] - m.mean;
        d = d == d ? d : 0;
        rest += d;
        m.squares += d * d;
    }
    m.squares -= rest * rest / (double)m.present;
    return m;
}

struct moments moments_add(struct moments *m, const double *cells, size_t count)
{
    struct moments part = of_cells(cells, count);
    m->missing += part.missing;
    if (!m->present || !part.present) {
        uint64_t missing = m->missing;
        *m = part.present ? part : *m;
        m->missing = missing;
        return part;
    }
    double before = (double)m->present, n = (double)part.present, apart = part.mean - m->mean;
    m->mean += apart * (n / (before + n));
    m->squares += part.squares + apart * apart * (before * n / (before + n));
    m->present += part.present;
    m->least = part.least < m->least ? part.least : m->least;
    m->most = part.most > m->most ? part.most : m->most;
    return part;
}

double moments_deviation(const struct moments *m)
{
    return m->present ? sqrt(m->squares / (double)m->present) : NAN;
}
