#include "importance.h"

#include "../base/cleanup.h"
#include "../base/mem.h"
#include "../base/rng.h"
#include "evaluation.h"
#include <math.h>
#include <string.h>

/* Rows in which one feature has the values of other rows. */
struct shuffled {
    const struct mlp_matrix *rows;
    struct importance_feature feature;
    const uint32_t *from; /* of each row */
};

static void gather(const void *context, const uint32_t *rows, size_t count, real *x, size_t stride, real *y,
                   real *weights)
{
    const struct shuffled *s = context;
    const struct mlp_matrix *m = s->rows;
    mlp_matrix_gather(m, rows, count, x, stride, y, weights);
    for (size_t i = 0; i < count; i++)
        memcpy(x + i * stride + s->feature.input, m->x + (size_t)s->from[rows[i]] * m->stride + s->feature.input,
               s->feature.inputs * sizeof *x);
}

static unsigned main_metric(enum task task)
{
    unsigned metric = 0;
    while (task == TASK_REGRESSION && strcmp(mlp_metric_name(task, metric), "valid_r2") != 0)
        metric++;
    return metric;
}

static enum err_code measure(const struct mlp_network *n, const struct mlp_source *source, const atomic_int *stop,
                             struct importance_base *ret, struct err *err)
{
    struct evaluation e;
    enum err_code code = mlp_evaluate(n, source, stop, &e, err);
    if (!code)
        *ret = (struct importance_base){ret->metric, e.metric[ret->metric], e.loss};
    evaluation_done(&e);
    return code;
}

static void moments(const double *values, uint32_t count, double *ret_mean, double *ret_deviation)
{
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += values[i];
    for (uint32_t i = 0; i < count; i++)
        squares += (values[i] - sum / count) * (values[i] - sum / count);
    *ret_mean = sum / count;
    *ret_deviation = sqrt(squares / count);
}

struct work {
    uint32_t *from;
    double *drop, *increase; /* of each repeat */
};

static enum err_code shuffle_one(const struct mlp_network *n, struct shuffled *s, const struct mlp_source *source,
                                 uint32_t f, uint32_t repeats, uint64_t seed, const atomic_int *stop,
                                 const struct importance_base *base, struct work *w, struct err *err)
{
    struct importance_base now = *base;
    for (uint32_t r = 0; r < repeats; r++) {
        struct rng rng;
        rng_init(&rng, seed, RNG_IMPORTANCE, (uint64_t)r << 32 | f);
        for (uint32_t i = 0; i < source->rows; i++)
            w->from[i] = i;
        rng_shuffle(&rng, w->from, source->rows);
        s->from = w->from;
        enum err_code code = measure(n, source, stop, &now, err);
        if (code)
            return code;
        w->drop[r] = base->value - now.value;
        w->increase[r] = now.loss - base->loss;
    }
    return ERR_OK;
}

enum err_code mlp_importance(const struct mlp_network *n, const struct mlp_matrix *rows, uint64_t count,
                             const struct importance_feature *features, uint32_t feature_count, uint32_t repeats,
                             uint64_t seed, const atomic_int *stop, atomic_uint *done, struct importance_base *ret_base,
                             struct importance *ret, struct err *err)
{
    cleanup(mem_freep) uint32_t *from = mem_array(count, sizeof *from);
    cleanup(mem_freep) double *drop = mem_array(repeats, sizeof *drop),
                              *increase = mem_array(repeats, sizeof *increase);
    if (!from || !drop || !increase)
        return err_no_memory(err);
    struct work w = {from, drop, increase};
    struct shuffled s = {.rows = rows};
    struct mlp_source as_it_is = {
        .rows = count, .gather = mlp_matrix_gather, .context = rows, .weighted = rows->weights};
    struct mlp_source source = {.rows = count, .gather = gather, .context = &s, .weighted = rows->weights};
    struct importance_base base = {.metric = main_metric(mlp_network_spec(n)->task)};
    enum err_code code = measure(n, &as_it_is, stop, &base, err);
    for (uint32_t f = 0; !code && f < feature_count; f++) {
        s.feature = features[f];
        code = shuffle_one(n, &s, &source, f, repeats, seed, stop, &base, &w, err);
        moments(drop, repeats, &ret[f].drop_mean, &ret[f].drop_deviation);
        moments(increase, repeats, &ret[f].increase_mean, &ret[f].increase_deviation);
        if (done)
            atomic_store(done, f + 1);
    }
    *ret_base = base;
    return code;
}
