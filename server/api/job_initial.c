#include "job_initial.h"

#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include "server/json/write.h"
#include <stdio.h>
#include <string.h>

#define TEXT_MAX ((size_t)4 << 20)

/* ---- what is left out -------------------------------------------------------------------------------------------- */

/* Sets a member of the body to what `write` writes of the model. */
static enum err_code fill(struct json *body, const char *pointer, const struct model *m,
                          void (*write)(const struct model *m, struct json_writer *w), struct err *err)
{
    cleanup(json_freep) struct json *value = NULL;
    struct buf text;
    struct json_writer w;
    buf_init(&text, TEXT_MAX);
    json_start(&w, &text);
    write(m, &w);
    enum err_code code = text.failed ? err_no_memory(err) : json_parse(buf_text(&text), text.length, &value, err);
    buf_done(&text);
    return code ? code : json_set(body, pointer, value, err);
}

static void features_write(const struct model *m, struct json_writer *w)
{
    const struct encoder *e = model_encoder(m);
    json_array(w);
    for (uint32_t i = 0; i < encoder_features(e); i++)
        json_put_string(w, encoder_feature(e, i)->name);
    json_array_end(w);
}

static void task_write(const struct model *m, struct json_writer *w)
{
    json_put_string(w, task_name(encoder_task(model_encoder(m))));
}

/* Without normalization: that of its layers is in their weights. */
static void hidden_write(const struct model *m, struct json_writer *w)
{
    const struct mlp_spec *s = mlp_network_spec(model_network(m));
    json_array(w);
    for (uint32_t i = 0; i < s->hidden_count; i++) {
        const struct mlp_hidden *h = &s->hidden[i];
        json_object(w);
        json_field_unsigned(w, "units", h->units);
        json_field_string(w, "activation", mlp_activation_name((int)h->activation));
        if (h->activation == MLP_LEAKY_RELU)
            json_field_double(w, "negative_slope", h->negative_slope);
        json_object_end(w);
    }
    json_array_end(w);
}

static bool is_given(const struct json *body, const char *name)
{
    const struct json *v = json_get(body, name);
    return v && json_kind(v) != JSON_NULL;
}

/* What the run said of its columns is part of its encoder: the job says the same, or nothing. */
static enum err_code fill_encoding(struct job_plan *p, const struct store_run *run, struct violations *violations,
                                   struct err *err)
{
    static const char *const names[] = {"columns", "encoding"};
    cleanup(json_freep) struct json *theirs = NULL;
    enum err_code code = json_parse(run->spec, strlen(run->spec), &theirs, err);
    for (size_t i = 0; !code && i < sizeof names / sizeof *names; i++) {
        char pointer[32];
        const struct json *value = json_get(theirs, names[i]);
        snprintf(pointer, sizeof pointer, "/%s", names[i]);
        if (!is_given(p->body, names[i]))
            code = value ? json_set(p->body, pointer, value, err) : ERR_OK;
        else if (!value || !json_equal(json_get(p->body, names[i]), value))
            violation_add(violations, pointer, "value", "is that of run %lld, whose encoder is used: leave it out",
                          (long long)run->id);
    }
    return code;
}

static bool has_target(const struct job_plan *p, const struct store_run *run, struct violations *violations)
{
    const struct json *target = json_get(p->body, "target");
    const struct encoder *e = model_encoder(p->initial);
    bool list = target && json_kind(target) == JSON_ARRAY, same = true;
    if (!target || (json_kind(target) != JSON_STRING && !list))
        return true; /* that is told by the fields of a job */
    const struct json *name = list ? json_first(target) : target;
    for (uint32_t j = 0; same && j < encoder_targets(e); j++, name = list && name ? json_next(name) : NULL)
        same = name && (json_kind(name) != JSON_STRING || !strcmp(json_string(name), encoder_target(e, j)->name));
    if (same && !name)
        return true;
    if (encoder_targets(e) == 1)
        violation_add(violations, "/target", "value", "must be \"%.100s\", which run %lld predicts", encoder_target(e, 0)->name,
                      (long long)run->id);
    else
        violation_add(violations, "/target", "value", "must be the %u targets of run %lld in its order, \"%.60s\" first",
                      encoder_targets(e), (long long)run->id, encoder_target(e, 0)->name);
    return false;
}

static enum err_code fill_body(struct job_plan *p, const struct store_run *run, struct violations *violations,
                               struct err *err)
{
    const struct json *network = json_get(p->body, "network");
    if (!has_target(p, run, violations))
        return ERR_OK;
    enum err_code code = fill_encoding(p, run, violations, err);
    if (!code && !is_given(p->body, "features"))
        code = fill(p->body, "/features", p->initial, features_write, err);
    const struct json *task = json_get(p->body, "task");
    if (!code && (!task || (json_kind(task) == JSON_STRING && !strcmp(json_string(task), "auto"))))
        code = fill(p->body, "/task", p->initial, task_write, err);
    if (!code && (!network || (json_kind(network) == JSON_OBJECT && !json_get(network, "hidden"))))
        code = fill(p->body, "/network/hidden", p->initial, hidden_write, err);
    return code;
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

static void check_axes(const struct job_plan *p, struct violations *violations)
{
    static const char *const fixed[] = {"/target", "/task", "/features", "/columns", "/encoding", "/initial"};
    for (size_t axis = 0; axis < p->grid.axes; axis++)
        for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
            char at[256];
            if (!grid_touches(&p->grid, axis, fixed[i]))
                continue;
            grid_axis_pointer(&p->grid, axis, -1, at, sizeof at);
            violation_add(violations, at, "value", "%s cannot vary in a job that starts from a run", fixed[i]);
        }
}

static enum err_code read_model(struct app *app, int64_t id, struct store_run *run, struct model **ret,
                                struct violations *violations, struct err *err)
{
    cleanup(store_reader_givep) struct store_reader *reader = store_reader_take(app->store);
    enum err_code code = store_run_get(reader, id, run, err);
    if (code == ERR_NOT_FOUND) {
        violation_add(violations, "/initial/run", "not_found", "there is no run %lld", (long long)id);
        return ERR_OK;
    }
    if (!code && !run->model_sha256) {
        violation_add(violations, "/initial/run", "value", "run %lld is %s and has no model", (long long)id,
                      store_status_name((int)run->status));
        return ERR_OK;
    }
    return code ? code : model_cache_get(app->models, id, ret, err);
}

enum err_code job_initial_read(struct app *app, struct job_plan *p, struct violations *violations, struct err *err)
{
    struct store_run run = {0};
    int64_t id;
    const struct json *initial = json_get(p->body, "initial"), *number = initial ? json_get(initial, "run") : NULL;
    if (!number || json_kind(number) != JSON_NUMBER || !json_integer(number, &id) || id < 1)
        return ERR_OK; /* the fields of a job say what is wrong with it */
    check_axes(p, violations);
    enum err_code code = read_model(app, id, &run, &p->initial, violations, err);
    if (!code && p->initial)
        code = fill_body(p, &run, violations, err);
    store_run_done(&run);
    return code;
}

/* ---- whether it fits --------------------------------------------------------------------------------------------- */

static bool same_features(const struct encoder *e, const struct job_spec *s)
{
    char *const *features = s->features.items;
    bool same = s->features.count == encoder_features(e);
    for (uint32_t i = 0; same && i < encoder_features(e); i++)
        same = features[i] && !strcmp(features[i], encoder_feature(e, i)->name);
    return same;
}

void job_initial_check(const struct job_plan *p, struct violations *violations)
{
    const struct encoder *e = model_encoder(p->initial);
    unsigned long long run = p->spec.initial.run;
    struct encoder_view *view = NULL;
    struct err err = {0};
    size_t before = violations->count;
    if (p->task != encoder_task(e))
        violation_add(violations, "/task", "value", "must be %s, as that of run %llu", task_name(encoder_task(e)), run);
    if (!same_features(e, &p->spec))
        violation_add(violations, "/features", "value", "must be those of run %llu, in its order: leave them out", run);
    if (violations->count > before)
        return;
    if (encoder_view_new_weighted(e, p->table, p->spec.sample_weight, &view, &err))
        violation_add(violations, "/dataset", "value", "does not fit the encoder of run %llu: %s", run, err.message);
    encoder_view_free(view);
}

void job_initial_check_network(const struct model *initial, const struct job_spec *s, struct violations *point)
{
    const struct mlp_spec *theirs = mlp_network_spec(model_network(initial));
    const struct mlp_hidden *hidden = s->network.hidden.items;
    unsigned long long run = s->initial.run;
    if (s->network.hidden.count != theirs->hidden_count) {
        violation_add(point, "/network/hidden", "length", "must have %u layers, as run %llu: leave them out",
                      theirs->hidden_count, run);
        return;
    }
    for (uint32_t i = 0; i < theirs->hidden_count; i++) {
        const struct mlp_hidden *h = &hidden[i], *t = &theirs->hidden[i];
        char at[64];
        int length = snprintf(at, sizeof at, "/network/hidden/%u/", i);
        char *name = at + length;
        size_t left = sizeof at - (size_t)length;
        if (h->units != t->units) {
            snprintf(name, left, "units");
            violation_add(point, at, "value", "must be %u, as in run %llu", t->units, run);
        }
        if (h->activation != t->activation) {
            snprintf(name, left, "activation");
            violation_add(point, at, "value", "must be %s, as in run %llu", mlp_activation_name((int)t->activation),
                          run);
        } else if (h->activation == MLP_LEAKY_RELU && h->negative_slope != t->negative_slope) {
            snprintf(name, left, "negative_slope");
            violation_add(point, at, "value", "must be %g, as in run %llu", t->negative_slope, run);
        }
        if (h->batch_normalization) {
            snprintf(name, left, "batch_normalization");
            violation_add(point, at, "value",
                          "must be false: the weights of run %llu are without, or have it folded in", run);
        }
    }
}
