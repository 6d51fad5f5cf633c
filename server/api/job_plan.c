#include "job_plan.h"

#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include "server/train/rows.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SPEC_MAX ((size_t)4 << 20)

void job_plan_done(struct job_plan *p)
{
    for (size_t i = 0; i < p->run_count; i++) {
        mem_free(p->runs[i].spec);
        mem_free(p->runs[i].hyperparameters);
    }
    mem_free(p->runs);
    mem_free(p->spec_json);
    if (p->table)
        table_unref(p->table);
    store_dataset_done(&p->dataset);
    job_spec_done(&p->spec);
    if (p->body)
        json_free(p->body);
    *p = (struct job_plan){0};
}

/* ---- the dataset ---------------------------------------------------------------------------------------------------- */

static enum err_code find_dataset(struct app *app, struct job_plan *p, struct violations *violations, struct err *err)
{
    cleanup(store_reader_givep) struct store_reader *reader = store_reader_take(app->store);
    enum err_code code = store_dataset_find(reader, p->spec.dataset, &p->dataset, err);
    if (code == ERR_NOT_FOUND) {
        violation_add(violations, "/dataset", "not_found",
                      "there is no dataset \"%.128s\": upload it with POST /v1/datasets?name=...", p->spec.dataset);
        return ERR_OK;
    }
    char path[FS_PATH_MAX];
    if (code || (code = fs_join(path, app->datasets_dir, p->dataset.file, err)))
        return code;
    return table_open(path, &p->table, err);
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

static int64_t index_of(const struct grid_axis *axis, const struct json *value)
{
    int64_t index = 0;
    for (const struct json *v = json_first(axis->values); v != value; v = json_next(v))
        index++;
    return index;
}

/* Moves what is wrong with a point to the grid's value that made it wrong, once. */
static void blame(const struct grid *g, const struct json *const *value, const struct violations *point,
                  struct violations *violations)
{
    size_t kept = point->count < VIOLATIONS_MAX ? point->count : VIOLATIONS_MAX;
    for (size_t i = 0; i < kept; i++) {
        const struct violation *v = &point->item[i];
        char at[256];
        int axis = axis_of(g, v->pointer);
        if (axis >= 0)
            grid_axis_pointer(g, (size_t)axis, index_of(&g->axis[axis], value[axis]), at, sizeof at);
        else
            snprintf(at, sizeof at, "%s", v->pointer);
        if (!known_violation(violations, at))
            violation_add(violations, at, v->code, "%s", v->detail);
    }
}

static enum err_code build_point(const struct job_plan *p, const struct json *const *value, struct json **ret_body,
                                 struct violations *point, struct err *err)
{
    struct json *body = json_copy(p->body);
    if (!body)
        return err_no_memory(err);
    json_remove(body, "grid");
    for (size_t axis = 0; axis < p->grid.axes; axis++) {
        struct err why = {0};
        enum err_code code = json_set(body, p->grid.axis[axis].pointer, value[axis], &why);
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

static void check_size(struct job_plan *p, const struct job_spec *s, enum task task, struct planned_run *run,
                       struct violations *point)
{
    struct worker_estimate e = {0};
    struct err why = {0};
    uint64_t most = rows_memory_limit();
    if (worker_estimate(s, task, p->table, &e, &why))
        violation_add(point, "/network", "range", "%s", why.message);
    else if (e.memory_bytes > most)
        violation_add(point, "/network", "range", "needs %llu bytes of memory, more than the %llu this machine allows a run",
                      (unsigned long long)e.memory_bytes, (unsigned long long)most);
    run->parameters = e.parameters;
    p->flops += e.flops;
    p->parameters = e.parameters > p->parameters ? e.parameters : p->parameters;
    p->memory_bytes = e.memory_bytes > p->memory_bytes ? e.memory_bytes : p->memory_bytes;
}

/* A class keeps a row for training whatever the fraction is; numbers do not. */
static void check_split(const struct job_plan *p, const struct job_spec *s, enum task task, struct violations *point)
{
    const struct column *target = table_column(p->table, (uint32_t)table_find(p->table, s->target));
    double rows = (double)(table_rows(p->table) - target->missing);
    if (task == TASK_REGRESSION && round(s->validation.fraction * rows) >= rows)
        violation_add(point, "/validation/fraction", "range", "leaves none of the %.0f rows with a target for training", rows);
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

struct point {
    const struct grid *grid;
    const struct json *const *value;
};

static void write_point(const void *point, struct json_writer *w)
{
    const struct point *p = point;
    grid_point_write(p->grid, p->value, w);
}

static enum err_code plan_run(struct job_plan *p, uint64_t number, struct violations *violations, struct err *err)
{
    const struct json *value[GRID_MAX_AXES];
    struct planned_run *run = &p->runs[p->run_count];
    struct violations *point = mem_zalloc(sizeof *point);
    cleanup(json_freep) struct json *body = NULL;
    struct job_spec spec = {0};
    enum task task = TASK_AUTO;
    if (!point)
        return err_no_memory(err);
    grid_point(&p->grid, number, value);
    enum err_code code = build_point(p, value, &body, point, err);
    if (!code && !point->count)
        code = job_spec_bind(body, grid_varies(&p->grid, "/optimizer/name"), &spec, point, err);
    if (!code && !point->count && !job_spec_check_table(&spec, p->table, &task, point)) {
        check_split(p, &spec, task, point);
        check_size(p, &spec, task, run, point);
    }
    if (!code && !point->count) {
        p->task = task;
        run->epochs = spec.epochs;
        run->spec = text_of(write_spec, &spec);
        run->hyperparameters = text_of(write_point, &(struct point){&p->grid, value});
        p->run_count++;
        if (!run->spec || !run->hyperparameters)
            code = err_no_memory(err);
    }
    blame(&p->grid, value, point, violations);
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

static enum err_code plan_runs(struct job_plan *p, struct violations *violations, struct err *err)
{
    enum err_code code = fill_network(p, err);
    p->runs = mem_array((size_t)p->grid.points, sizeof *p->runs);
    if (!code && !p->runs)
        code = err_no_memory(err);
    for (uint64_t i = 0; !code && i < p->grid.points && violations->count < VIOLATIONS_MAX; i++)
        code = plan_run(p, i, violations, err);
    return code;
}

enum err_code job_plan_make(struct app *app, const char *text, size_t length, struct job_plan *ret_plan,
                            struct violations *violations, struct err *err)
{
    struct job_plan *p = ret_plan;
    *p = (struct job_plan){0};
    enum err_code code = json_parse(text, length, &p->body, err);
    if (code)
        return code;
    const struct json *grid = json_get(p->body, "grid");
    grid_read(grid && json_kind(grid) == JSON_NULL ? NULL : grid, &p->grid, violations);
    bool any_optimizer = grid_varies(&p->grid, "/optimizer/name");
    struct violations *own = mem_zalloc(sizeof *own);
    if (!own)
        return err_no_memory(err);
    code = job_spec_bind(p->body, any_optimizer, &p->spec, own, err);
    for (size_t i = 0; i < own->count && i < VIOLATIONS_MAX; i++)
        violation_add(violations, own->item[i].pointer, own->item[i].code, "%s", own->item[i].detail);
    mem_free(own);
    if (!code && p->spec.dataset && *p->spec.dataset)
        code = find_dataset(app, p, violations, err);
    if (!code && p->table && p->spec.target)
        (void)job_spec_check_table(&p->spec, p->table, &p->task, violations);
    if (code || violations->count)
        return code;
    if (!(p->spec_json = text_of(write_spec, &p->spec)))
        return err_no_memory(err);
    return plan_runs(p, violations, err);
}
