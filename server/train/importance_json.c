#include "importance_json.h"

#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include "core/data/row_weights.h"
#include "core/nn/importance.h"
#include "rows.h"
#include "server/json/write.h"
#include <math.h>
#include <stdlib.h>

/* ---- rows -------------------------------------------------------------------------------------------------------- */

struct sample {
    size_t count, of; /* rows, of so many for validation */
    real *x, *y, *weights; /* weights: NULL: 1 each */
};

static void sample_done(struct sample *s)
{
    mem_free(s->x);
    mem_free(s->y);
    mem_free(s->weights);
}

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

static enum err_code sample_encode(const struct encoder *encoder, const struct table *table, const char *weights,
                                   const uint32_t *rows, struct sample *s, struct err *err)
{
    struct encoder_view *view = NULL;
    int weight = row_weights_find(table, weights);
    uint32_t inputs = encoder_inputs(encoder);
    cleanup(mem_freep) uint32_t *taken = mem_array(s->count, sizeof *taken);
    s->x = mem_array(s->count, inputs * sizeof *s->x);
    s->y = mem_array(s->count, encoder_targets(encoder) * sizeof *s->y);
    s->weights = weight < 0 ? NULL : mem_array(s->count, sizeof *s->weights);
    if (!taken || !s->x || !s->y || (weight >= 0 && !s->weights))
        return err_no_memory(err);
    for (size_t i = 0; i < s->count; i++)
        taken[i] = rows[i * s->of / s->count];
    for (size_t i = 0; s->weights && i < s->count; i++)
        s->weights[i] = (real)table_number(table, (uint32_t)weight, taken[i]);
    enum err_code code = encoder_view_new_weighted(encoder, table, weights, &view, err);
    if (!code)
        encoder_encode(view, taken, s->count, s->x, inputs, s->y);
    encoder_view_free(view);
    return code;
}

static enum err_code sample_take(const struct job_spec *spec, const struct encoder *encoder, const struct table *table,
                                 struct sample *s, struct err *err)
{
    cleanup(mem_freep) uint32_t *rows = NULL;
    enum err_code code = rows_validation(spec, table, &rows, &s->of, err);
    if (code)
        return code;
    char advice[VALIDATION_ADVICE];
    if (!s->of)
        return err_set(err, ERR_INVALID, "the run kept no validation rows: %s",
                       job_validation_advice(spec->validation.fraction, advice));
    size_t fit = IMPORTANCE_BYTES / (((size_t)encoder_inputs(encoder) + encoder_targets(encoder)) * sizeof(real));
    s->count = lesser(lesser(s->of, IMPORTANCE_ROWS), fit ? fit : 1);
    return sample_encode(encoder, table, spec->sample_weight, rows, s, err);
}

/* ---- figures ----------------------------------------------------------------------------------------------------- */

struct ranked {
    const struct encoder_feature *feature;
    struct importance importance;
    uint32_t number;
};

/* NAN last. */
static int falling(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) - isnan(b);
    return (a < b) - (a > b);
}

static int by_importance(const void *one, const void *other)
{
    const struct ranked *a = one, *b = other;
    int order = falling(a->importance.drop_mean, b->importance.drop_mean);
    if (!order)
        order = falling(a->importance.increase_mean, b->importance.increase_mean);
    return order ? order : (a->number > b->number) - (a->number < b->number);
}

static void moments_write(struct json_writer *w, const char *name, double mean, double deviation)
{
    json_name(w, name);
    json_object(w);
    json_field_double(w, "mean", mean);
    json_field_double(w, "standard_deviation", deviation);
    json_object_end(w);
}

static void result_write(const struct importance_request *request, enum task task, const struct sample *s,
                         const struct importance_base *base, const struct ranked *ranked, uint32_t features,
                         struct json_writer *w)
{
    json_object(w);
    json_field_integer(w, "run", request->run);
    json_field_string(w, "status", "done");
    json_field_string(w, "task", task_name(task));
    json_field_unsigned(w, "rows", s->count);
    json_field_unsigned(w, "validation_rows", s->of);
    json_field_unsigned(w, "repeats", request->repeats);
    json_field_unsigned(w, "seed", request->seed);
    json_field_string(w, "metric", mlp_metric_name(task, base->metric));
    json_field_double(w, "value", base->value);
    json_field_double(w, "loss", base->loss);
    json_name(w, "features");
    json_array(w);
    for (uint32_t i = 0; i < features; i++) {
        const struct importance *m = &ranked[i].importance;
        json_object(w);
        json_field_string(w, "feature", ranked[i].feature->name);
        moments_write(w, "metric_drop", m->drop_mean, m->drop_deviation);
        moments_write(w, "loss_increase", m->increase_mean, m->increase_deviation);
        json_object_end(w);
    }
    json_array_end(w);
    json_object_end(w);
}

static enum err_code measure(const struct importance_request *request, const struct model *model,
                             const struct sample *s, const atomic_int *stop, atomic_uint *done, struct buf *out,
                             struct err *err)
{
    const struct encoder *encoder = model_encoder(model);
    uint32_t count = encoder_features(encoder), inputs = encoder_inputs(encoder);
    cleanup(mem_freep) struct importance_feature *features = mem_array(count, sizeof *features);
    cleanup(mem_freep) struct importance *importance = mem_array(count, sizeof *importance);
    cleanup(mem_freep) struct ranked *ranked = mem_array(count, sizeof *ranked);
    if (!features || !importance || !ranked)
        return err_no_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        const struct encoder_feature *f = encoder_feature(encoder, i);
        features[i] = (struct importance_feature){f->input, f->inputs};
    }
    const struct mlp_matrix rows = {.x = s->x, .y = s->y, .weights = s->weights, .stride = inputs, .inputs = inputs,
                                    .targets = encoder_targets(encoder)};
    struct importance_base base;
    enum err_code code = mlp_importance(model_network(model), &rows, s->count, features, count, request->repeats,
                                        request->seed, stop, done, &base, importance, err);
    if (code)
        return code;
    for (uint32_t i = 0; i < count; i++)
        ranked[i] = (struct ranked){encoder_feature(encoder, i), importance[i], i};
    qsort(ranked, count, sizeof *ranked, by_importance);
    struct json_writer w;
    json_start(&w, out);
    result_write(request, encoder_task(encoder), s, &base, ranked, count, &w);
    return out->failed ? err_no_memory(err) : ERR_OK;
}

enum err_code importance_json(const struct importance_request *request, const struct job_spec *spec,
                              const struct table *table, const struct model *model, const atomic_int *stop,
                              atomic_uint *features, atomic_uint *done, struct buf *out, struct err *err)
{
    struct sample s = {0};
    atomic_store(features, encoder_features(model_encoder(model)));
    enum err_code code = sample_take(spec, model_encoder(model), table, &s, err);
    if (!code)
        code = measure(request, model, &s, stop, done, out, err);
    sample_done(&s);
    return code;
}
