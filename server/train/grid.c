#include "grid.h"

#include "job_spec.h"
#include <stdio.h>
#include <string.h>

static const char *const FIXED[] = {"/name", "/dataset", "/grid"};

static bool starts_with_pointer(const char *pointer, const char *prefix)
{
    size_t length = strlen(prefix);
    return !strncmp(pointer, prefix, length) && (!pointer[length] || pointer[length] == '/');
}

void grid_axis_pointer(const struct grid *g, size_t axis, int64_t index, char *out, size_t size)
{
    size_t at = (size_t)snprintf(out, size, "/grid/");
    for (const char *p = g->axis[axis].pointer; *p && at + 3 < size; p++) {
        if (*p == '~' || *p == '/') {
            out[at++] = '~';
            out[at++] = *p == '~' ? '0' : '1';
        } else {
            out[at++] = *p;
        }
    }
    out[at] = '\0';
    if (index >= 0)
        snprintf(out + at, size - at, "/%lld", (long long)index);
}

static bool repeats(const struct json *values, const struct json *value)
{
    for (const struct json *v = json_first(values); v && v != value; v = json_next(v))
        if (json_equal(v, value))
            return true;
    return false;
}

static void check_axis(const struct grid *g, size_t axis, struct violations *violations)
{
    const struct grid_axis *a = &g->axis[axis];
    char at[256];
    grid_axis_pointer(g, axis, -1, at, sizeof at);
    if (a->pointer[0] != '/')
        violation_add(violations, at, "value", "must be a JSON Pointer into the job, such as /optimizer/learning_rate");
    for (size_t i = 0; i < sizeof FIXED / sizeof *FIXED; i++)
        if (starts_with_pointer(a->pointer, FIXED[i]))
            violation_add(violations, at, "value", "%s cannot vary inside one job", FIXED[i]);
    if (json_kind(a->values) != JSON_ARRAY || !a->count)
        violation_add(violations, at, "type", "must be a list of at least one value");
}

/* Quadratic: only for grids that have not too many points. */
static void check_repeats(const struct grid *g, size_t axis, struct violations *violations)
{
    const struct grid_axis *a = &g->axis[axis];
    char at[256];
    int64_t index = 0;
    if (!a->count)
        return;
    for (const struct json *v = json_first(a->values); v; v = json_next(v), index++) {
        if (repeats(a->values, v)) {
            grid_axis_pointer(g, axis, index, at, sizeof at);
            violation_add(violations, at, "duplicate", "the value is in the list twice");
        }
    }
}

void grid_read(const struct json *grid, struct grid *ret_grid, struct violations *violations)
{
    memset(ret_grid, 0, sizeof *ret_grid);
    ret_grid->points = 1;
    if (!grid)
        return;
    if (json_kind(grid) != JSON_OBJECT) {
        violation_add(violations, "/grid", "type", "must be an object of JSON Pointers to lists of values, got %s",
                      json_kind_name(json_kind(grid)));
        return;
    }
    for (const struct json *member = json_first(grid); member; member = json_next(member)) {
        if (ret_grid->axes == GRID_MAX_AXES) {
            violation_add(violations, "/grid", "length", "must have at most %d axes", GRID_MAX_AXES);
            return;
        }
        size_t axis = ret_grid->axes++;
        ret_grid->axis[axis] = (struct grid_axis){
            json_key(member), member, json_kind(member) == JSON_ARRAY ? json_count(member) : 0};
        check_axis(ret_grid, axis, violations);
        if (ret_grid->points <= JOB_MAX_RUNS)
            ret_grid->points *= ret_grid->axis[axis].count ? ret_grid->axis[axis].count : 1;
    }
    for (size_t axis = 0; axis < ret_grid->axes && ret_grid->points <= JOB_MAX_RUNS; axis++)
        check_repeats(ret_grid, axis, violations);
    const char *twice = json_duplicate(grid);
    if (twice)
        violation_add(violations, "/grid", "duplicate", "\"%s\" is given twice", twice);
    if (ret_grid->points > JOB_MAX_RUNS)
        violation_add(violations, "/grid", "length", "gives more than %d runs: use fewer values", JOB_MAX_RUNS);
}

bool grid_varies(const struct grid *g, const char *pointer)
{
    for (size_t i = 0; i < g->axes; i++)
        if (starts_with_pointer(pointer, g->axis[i].pointer))
            return true;
    return false;
}

void grid_point(const struct grid *g, uint64_t point, const struct json *value[GRID_MAX_AXES])
{
    for (size_t axis = g->axes; axis-- > 0;) {
        uint64_t index = point % g->axis[axis].count;
        point /= g->axis[axis].count;
        value[axis] = json_first(g->axis[axis].values);
        while (index--)
            value[axis] = json_next(value[axis]);
    }
}

void grid_point_write(const struct grid *g, const struct json *const *value, struct json_writer *w)
{
    json_object(w);
    for (size_t axis = 0; axis < g->axes; axis++) {
        json_name(w, g->axis[axis].pointer);
        json_put_value(w, value[axis]);
    }
    json_object_end(w);
}
