#include "job_datasets.h"
#include "job_plan.h"

#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include "job_initial.h"
#include "server/train/halving.h"
#include "server/train/rows.h"
#include "server/train/search.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SPEC_MAX   ((size_t)4 << 20)
#define FOLD "/validation/fold"

/* How a run's target, task and features stand to the table: looked up once for all runs that share them. */
struct plan_fit {
    bool known, fits;
    enum task task;
    uint32_t inputs;
    struct job_rows rows; /* before a fraction or folds are taken of them */
};

static const char *const FIT_POINTERS[] = {"/target", "/task", "/features", "/columns", "/encoding", "/validation/column",
                                           "/validation/value", "/validation/train_value"};

void job_plan_done(struct job_plan *p)
{
    for (size_t i = 0; i < p->run_count; i++) {
        mem_free(p->runs[i].spec);
        mem_free(p->runs[i].hyperparameters);
    }
    mem_free(p->runs);
    mem_free(p->spec_json);
    mem_free(p->features);
    mem_free(p->columns);
    mem_free(p->fits);
    table_unref(p->table);
    table_unref(p->valid);
    grid_done(&p->grid);
    model_unref(p->initial);
    store_dataset_done(&p->dataset);
    store_dataset_done(&p->valid_dataset);
    job_spec_done(&p->spec);
    if (p->base)
        json_free(p->base);
    if (p->body)
        json_free(p->body);
    *p = (struct job_plan){0};
}

/* ---- points of the grid --------------------------------------------------------------------------------------------- */

/* The axis whose pointer the violation is at or below, or that lies below it; -1 when none. */
static int axis_of(const struct grid *g, const char *pointer)
{
    for (size_t i = 0; i < g->axes; i++) {
        size_t a = strlen(g->axis[i].pointer), b = strlen(pointer), n = a < b ? a : b;
        if (!strncmp(g->axis[i].pointer, pointer, n) && (a == b || (a < b ? pointer[n] : g->axis[i].pointer[n]) == '/'))
            return (int)i;
    }
    return -1;
}

static bool known_violation(const struct violations *v, const char *pointer)
{
    size_t kept = v->count < VIOLATIONS_MAX ? v->count : VIOLATIONS_MAX;
    for (size_t i = 0; i < kept; i++)
        if (!strcmp(v->item[i].pointer, pointer))
            return true;
    return false;
}

/* Moves what is wrong with a point to the grid's value that made it wrong, once. */
static void blame(const struct grid *g, const struct grid_point *at_point, const struct violations *point,
                  struct violations *violations)
{
    size_t kept = point->count < VIOLATIONS_MAX ? point->count : VIOLATIONS_MAX;
    for (size_t i = 0; i < kept; i++) {
        const struct violation *v = &point->item[i];
        char at[256];
        int axis = axis_of(g, v->pointer);
        if (axis >= 0)
            grid_axis_pointer(g, (size_t)axis, (int64_t)at_point->index[axis], at, sizeof at);
        else
            snprintf(at, sizeof at, "%s", v->pointer);
        if (!known_violation(violations, at))
            violation_add(violations, at, v->code, "%s", v->detail);
    }
}

static enum err_code build_point(const struct job_plan *p, const struct grid_point *values, struct json **ret_body,
                                 struct violations *point, struct err *err)
{
    struct json *body = json_copy(p->base);
    if (!body)
        return err_no_memory(err);
    for (size_t axis = 0; axis < p->grid.axes; axis++) {
        struct err why = {0};
        enum err_code code = json_set(body, p->grid.axis[axis].pointer, values->value[axis], &why);
        if (code == ERR_NO_MEMORY) {
            json_free(body);
            return err_no_memory(err);
        }
        if (code)
            violation_add(point, p->grid.axis[axis].pointer, "value", "%s", why.message);
    }
    *ret_body = body;
    return ERR_OK;
}

static void check_size(struct job_plan *p, const struct job_spec *s, const struct plan_fit *fit, struct job_rows rows,
                       struct planned_run *run, struct violations *point)
{
    struct worker_estimate e = {0};
    struct err why = {0};
    if (worker_estimate(s, fit->task, p->table, fit->inputs, rows, &e, &why))
        violation_add(point, "/network", "range", "%s", why.message);
    else if (e.memory_bytes > p->memory_limit)
        violation_add(point, "/network", "range", "needs %llu bytes of memory, more than the %llu this machine allows a run",
                      (unsigned long long)e.memory_bytes, (unsigned long long)p->memory_limit);
    run->parameters = e.parameters;
    p->flops += e.flops * (p->folds ? p->folds : 1);
    p->parameters = e.parameters > p->parameters ? e.parameters : p->parameters;
    p->memory_bytes = e.memory_bytes > p->memory_bytes ? e.memory_bytes : p->memory_bytes;
}

static char *text_of(void (*write)(const void *, struct json_writer *), const void *value)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, SPEC_MAX);
    json_start(&w, &out);
    write(value, &w);
    char *text = buf_steal(&out, NULL);
    buf_done(&out);
    return text;
}

static void write_spec(const void *spec, struct json_writer *w)
{
    job_spec_write(spec, w);
}

static void write_features(const void *spec, struct json_writer *w)
{
    const struct job_spec *s = spec;
    char *const *features = s->features.items;
    json_array(w);
    for (size_t i = 0; i < s->features.count; i++)
        json_put_string(w, features[i]);
    json_array_end(w);
}

static void write_columns(const void *spec, struct json_writer *w)
{
    job_columns_write(spec, w);
}

struct point {
    const struct grid *grid;
    const struct grid_point *values;
    uint32_t fold; /* 0: none */
};

static void write_point(const void *point, struct json_writer *w)
{
    const struct point *p = point;
    json_object(w);
    grid_point_write(p->grid, p->values, w);
    if (p->fold)
        json_field_unsigned(w, FOLD, p->fold);
    json_object_end(w);
}

/* ---- what all points share ------------------------------------------------------------------------------------------ */

static bool axis_matters(const struct grid *g, size_t axis)
{
    for (size_t i = 0; i < sizeof FIT_POINTERS / sizeof *FIT_POINTERS; i++)
        if (grid_touches(g, axis, FIT_POINTERS[i]))
            return true;
    return false;
}

static bool search_matters(const struct grid *g)
{
    for (size_t axis = 0; axis < g->axes; axis++)
        if (axis_matters(g, axis))
            return true;
    return false;
}

/* The place of a point among all values of the axes that matter to the table; how many places there are, without a point. */
static size_t fit_number(const struct grid *g, const struct grid_point *values)
{
    size_t number = 0, places = 1;
    if (g->is_search) /* as many as there are draws, when one of its axes matters at all */
        return search_matters(g) ? (values ? values->index[0] : g->points) : values ? 0 : 1;
    for (size_t axis = 0; axis < g->axes; axis++) {
        if (!axis_matters(g, axis))
            continue;
        places *= g->axis[axis].count;
        number = number * g->axis[axis].count + (values ? values->index[axis] : 0);
    }
    return values ? number : places;
}

static uint32_t inputs_of(const struct job_plan *p, const struct job_spec *s)
{
    return p->initial ? encoder_inputs(model_encoder(p->initial)) : worker_inputs(s, p->table);
}

static struct plan_fit *fit_of(struct job_plan *p, const struct job_spec *s, const struct grid_point *values,
                               struct violations *point)
{
    struct plan_fit *fit = &p->fits[fit_number(&p->grid, values)];
    if (fit->known)
        return fit; /* what is wrong with it was told */
    fit->known = true;
    fit->fits = !job_spec_check_table(s, p->table, &fit->task, point);
    if (fit->fits && p->valid)
        fit->fits = job_plan_check_valid(p, s, point);
    if (fit->fits) {
        fit->inputs = inputs_of(p, s);
        fit->rows = job_validation_count(s, p->table, p->valid);
    }
    return fit;
}

static bool varies(const struct grid *g, const char *pointer)
{
    for (size_t axis = 0; axis < g->axes; axis++)
        if (grid_touches(g, axis, pointer))
            return true;
    return false;
}

/* A long list of features or columns, or a long grid, is not copied and bound again for each of 10000 points. */
static enum err_code prepare_points(struct job_plan *p, struct err *err)
{
    size_t places = fit_number(&p->grid, NULL);
    p->memory_limit = rows_memory_limit();
    p->fits = mem_array(places, sizeof *p->fits);
    p->base = json_copy(p->body);
    if (!p->fits || !p->base)
        return err_no_memory(err);
    json_remove(p->base, "grid");
    json_remove(p->base, "search");
    if (p->spec.features.count && !varies(&p->grid, "/features")) {
        json_remove(p->base, "features");
        if (!(p->features = text_of(write_features, &p->spec)))
            return err_no_memory(err);
    }
    if (p->spec.columns.count && !varies(&p->grid, "/columns")) {
        json_remove(p->base, "columns");
        if (!(p->columns = text_of(write_columns, &p->spec)))
            return err_no_memory(err);
    }
    return ERR_OK;
}

/* ---- runs ----------------------------------------------------------------------------------------------------------- */

/* Adds the spec up to what stands for `text`, then the text; returns what is left. Without a text, nothing. */
static const char *put_text(struct buf *out, const char *spec, const char *name, const char *none, const char *text)
{
    char standing[32];
    snprintf(standing, sizeof standing, "\"%s\":%s", name, none); /* inside a text its quotes would be escaped */
    const char *at = text ? strstr(spec, standing) : NULL;
    if (!at)
        return spec;
    buf_printf(out, "%.*s\"%s\":%s", (int)(at - spec), spec, name, text);
    return at + strlen(standing);
}

char *job_plan_spec(const struct job_plan *p, size_t run)
{
    struct buf out;
    buf_init(&out, SPEC_MAX);
    const char *rest = put_text(&out, p->runs[run].spec, "features", "null", p->features);
    rest = put_text(&out, rest, "columns", "{}", p->columns);
    buf_puts(&out, rest);
    char *text = buf_steal(&out, NULL);
    buf_done(&out);
    return text;
}

static enum err_code add_run(struct job_plan *p, const struct job_spec *s, const struct grid_point *values, uint32_t fold,
                             struct err *err)
{
    struct planned_run *run = &p->runs[p->run_count++];
    run->epochs = s->epochs;
    run->spec = text_of(write_spec, s);
    run->hyperparameters = text_of(write_point, &(struct point){&p->grid, values, fold});
    return run->spec && run->hyperparameters ? ERR_OK : err_no_memory(err);
}

/* The run of a point, or one for each fold. */
static enum err_code add_runs(struct job_plan *p, struct job_spec *s, const struct grid_point *values, struct err *err)
{
    if (!p->folds)
        return add_run(p, s, values, 0, err);
    enum err_code code = ERR_OK;
    uint64_t parameters = p->runs[p->run_count].parameters;
    for (s->validation.fold = 1; !code && s->validation.fold <= p->folds; s->validation.fold++) {
        p->runs[p->run_count].parameters = parameters;
        code = add_run(p, s, values, s->validation.fold, err);
    }
    return code;
}

static bool grid_has(const struct grid *g, const char *pointer)
{
    for (size_t axis = 0; axis < g->axes; axis++)
        if (!strcmp(g->axis[axis].pointer, pointer))
            return true;
    return false;
}

/* What is found once for a job cannot be of a point. */
static void check_fixed(const struct job_plan *p, const struct job_spec *s, struct violations *point)
{
    const char *own = p->spec.validation.dataset, *of_point = s->validation.dataset;
    if (s->validation.folds != p->spec.validation.folds)
        violation_add(point, "/validation/folds", "value", "/validation/folds cannot vary inside one job");
    if (p->folds ? s->validation.fold : s->validation.folds && !s->validation.fold)
        violation_add(point, FOLD, "value", "must be in every point or in none");
    if (!own != !of_point || (own && strcmp(own, of_point) != 0))
        violation_add(point, "/validation/dataset", "value", "/validation/dataset cannot vary inside one job");
}

static void check_point(struct job_plan *p, struct job_spec *s, const struct grid_point *values, struct violations *point)
{
    struct json_list features = s->features, columns = s->columns;
    struct encoder_column *encoder_columns = s->encoder_columns;
    if (p->features)
        s->features = p->spec.features; /* lent */
    if (p->columns) {
        s->columns = p->spec.columns;
        s->encoder_columns = p->spec.encoder_columns;
    }
    check_fixed(p, s, point);
    const struct plan_fit *fit = point->count ? NULL : fit_of(p, s, values, point);
    if (fit && fit->fits) {
        struct job_rows rows = job_validation_rows(s, fit->task, fit->rows, point);
        training_check_task(&s->training, fit->task, rows.valid > 0, point);
        halving_check(s, fit->task, rows.valid > 0, point);
        if (p->initial)
            job_initial_check_network(p->initial, s, point);
        if (!point->count) /* the network would be refused for the same reasons */
            check_size(p, s, fit, rows, &p->runs[p->run_count], point);
        p->task = fit->task;
    }
    s->features = features;
    s->columns = columns;
    s->encoder_columns = encoder_columns;
}

/* Whether fields stand in the body that only some points have. */
static bool names_vary(const struct grid *g)
{
    return grid_varies(g, "/optimizer/name") || grid_varies(g, "/schedule/name") || grid_varies(g, "/loss");
}

/* Checks a point; adds its run, unless it is but an end of what can be drawn or anything is wrong. */
static enum err_code plan_run(struct job_plan *p, const struct grid_point *values, bool is_end,
                              struct violations *violations, struct err *err)
{
    struct violations *point = mem_alloc(sizeof *point);
    cleanup(json_freep) struct json *body = NULL;
    struct job_spec spec = {0};
    if (!point)
        return err_no_memory(err);
    point->count = 0; /* the items are large, and unset until they count */
    enum err_code code = build_point(p, values, &body, point, err);
    if (!code && !point->count)
        code = job_spec_bind(body, names_vary(&p->grid), &spec, point, err);
    if (!code && !point->count)
        check_point(p, &spec, values, point);
    if (!code && !is_end && !point->count && !violations->count)
        code = add_runs(p, &spec, values, err);
    blame(&p->grid, values, point, violations);
    job_spec_done(&spec);
    mem_free(point);
    return code;
}

/* A grid over layers that the body leaves to their default needs them there. */
static enum err_code fill_network(struct job_plan *p, struct err *err)
{
    if (json_at(p->body, "/network/hidden") || !p->grid.axes)
        return ERR_OK;
    cleanup(json_freep) struct json *filled = NULL;
    enum err_code code = json_parse(p->spec_json, strlen(p->spec_json), &filled, err);
    return code ? code : json_set(p->body, "/network/hidden", json_at(filled, "/network/hidden"), err);
}

/* What lies between the ends of a range is fine when both ends are: that must not depend on what was drawn. */
static enum err_code check_ends(struct job_plan *p, struct violations *violations, struct err *err)
{
    enum err_code code = ERR_OK;
    for (size_t axis = 0; axis < p->grid.axes; axis++) {
        const struct json *ends = p->grid.axis[axis].ends;
        for (const struct json *end = ends ? json_first(ends) : NULL; !code && end; end = json_next(end)) {
            struct grid_point values;
            grid_start(&p->grid, &values);
            values.value[axis] = end;
            code = plan_run(p, &values, true, violations, err);
        }
    }
    p->parameters = p->memory_bytes = 0; /* those of runs only */
    p->flops = 0;
    return code;
}

static enum err_code plan_runs(struct job_plan *p, struct violations *violations, struct err *err)
{
    struct grid_point values;
    enum err_code code = fill_network(p, err);
    if (!code)
        code = prepare_points(p, err);
    p->folds = p->spec.validation.fold || grid_has(&p->grid, FOLD) ? 0 : p->spec.validation.folds;
    uint64_t runs = p->grid.points * (p->folds ? p->folds : 1);
    if (runs > JOB_MAX_RUNS) {
        violation_add(violations, "/validation/folds", "length", "gives more than %d runs, %llu for each fold: use fewer", JOB_MAX_RUNS,
                      (unsigned long long)p->grid.points);
        return code;
    }
    p->runs = mem_array((size_t)runs, sizeof *p->runs);
    if (!code && !p->runs)
        code = err_no_memory(err);
    if (!code)
        code = check_ends(p, violations, err);
    grid_start(&p->grid, &values);
    for (uint64_t i = 0; !code && i < p->grid.points && violations->count < VIOLATIONS_MAX; i++) {
        code = plan_run(p, &values, false, violations, err);
        grid_step(&p->grid, &values);
    }
    return code;
}

static const struct json *given(const struct json *body, const char *name)
{
    const struct json *v = json_get(body, name);
    return v && json_kind(v) != JSON_NULL ? v : NULL;
}

static enum err_code read_points(struct job_plan *p, struct violations *violations, struct err *err)
{
    const struct json *grid = given(p->body, "grid"), *search = given(p->body, "search");
    if (!search)
        return grid_read(grid, &p->grid, violations, err);
    if (grid)
        violation_add(violations, "/search", "conflict",
                      "cannot stand beside grid: give the lists of the grid as choices of the search");
    return search_read(search, &p->grid, violations, err);
}

enum err_code job_plan_make(struct app *app, const char *text, size_t length, struct job_plan *ret_plan,
                            struct violations *violations, struct err *err)
{
    struct job_plan *p = ret_plan;
    *p = (struct job_plan){0};
    enum err_code code = json_parse(text, length, &p->body, err);
    if (code)
        return code;
    if ((code = read_points(p, violations, err)) || (code = job_initial_read(app, p, violations, err)))
        return code;
    bool any_optimizer = names_vary(&p->grid);
    struct violations *own = mem_zalloc(sizeof *own);
    if (!own)
        return err_no_memory(err);
    code = job_spec_bind(p->body, any_optimizer, &p->spec, own, err);
    for (size_t i = 0; i < own->count && i < VIOLATIONS_MAX; i++)
        violation_add(violations, own->item[i].pointer, own->item[i].code, "%s", own->item[i].detail);
    mem_free(own);
    if (!code && p->spec.halving.min_epochs && !p->grid.axes)
        violation_add(violations, "/halving", "value", "needs runs to compare: give a grid or a search");
    if (!code)
        code = job_plan_find_datasets(app, p, violations, err);
    if (!code && p->table && job_targets_bound(&p->spec))
        (void)job_spec_check_table(&p->spec, p->table, &p->task, violations);
    if (!code && !violations->count && p->initial)
        job_initial_check(p, violations);
    if (code || violations->count)
        return code;
    if (!(p->spec_json = text_of(write_spec, &p->spec)))
        return err_no_memory(err);
    return plan_runs(p, violations, err);
}
