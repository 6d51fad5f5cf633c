#include "grid.h"

#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include "job_spec.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const FIXED[] = {"/name", "/dataset", "/grid", "/search", "/halving", "/initial",
                                    "/validation/dataset", "/validation/folds"};

static bool starts_with_pointer(const char *pointer, const char *prefix)
{
    size_t length = strlen(prefix);
    return !strncmp(pointer, prefix, length) && (!pointer[length] || pointer[length] == '/');
}

/* Where a value that was drawn stands in its list; -1: in none. */
static int64_t chosen(const struct grid_axis *a, int64_t index)
{
    int64_t at = 0;
    if (a->drawn || !a->draw)
        return -1;
    for (const struct json *v = json_first(a->values); v && v != a->draw[index]; v = json_next(v))
        at++;
    return at;
}

void grid_axis_pointer(const struct grid *g, size_t axis, int64_t index, char *out, size_t size)
{
    const struct grid_axis *a = &g->axis[axis];
    size_t at = (size_t)snprintf(out, size, g->is_search ? "/search/parameters/" : "/grid/");
    if (g->is_search && index >= 0)
        index = chosen(a, index);
    for (const char *p = a->pointer; *p && at + 3 < size; p++) {
        if (*p == '~' || *p == '/') {
            out[at++] = '~';
            out[at++] = *p == '~' ? '0' : '1';
        } else {
            out[at++] = *p;
        }
    }
    out[at] = '\0';
    if (index >= 0)
        snprintf(out + at, size - at, g->is_search ? "/choice/%lld" : "/%lld", (long long)index);
}

void grid_check_pointer(const char *pointer, const char *at, struct violations *violations)
{
    if (pointer[0] != '/')
        violation_add(violations, at, "value", "must be a JSON Pointer into the job, such as /optimizer/learning_rate");
    for (size_t i = 0; i < sizeof FIXED / sizeof *FIXED; i++)
        if (starts_with_pointer(pointer, FIXED[i]))
            violation_add(violations, at, "value", "%s cannot vary inside one job", FIXED[i]);
}

static void check_axis(const struct grid *g, size_t axis, struct violations *violations)
{
    const struct grid_axis *a = &g->axis[axis];
    char at[256];
    grid_axis_pointer(g, axis, -1, at, sizeof at);
    grid_check_pointer(a->pointer, at, violations);
    if (json_kind(a->values) != JSON_ARRAY || !a->count)
        violation_add(violations, at, "type", "must be a list of at least one value");
}

/* ---- values that repeat ----------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}

static uint64_t text_hash(const char *text)
{
    uint64_t h = 14695981039346656037u;
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 1099511628211u;
    return h;
}

/* Values that are json_equal have the same: the order of members does not count, nor the sign of zero. */
static uint64_t value_hash(const struct json *v)
{
    enum json_kind kind = json_kind(v);
    uint64_t h = mix(kind, 1);
    if (kind == JSON_BOOLEAN)
        return mix(h, json_boolean(v));
    if (kind == JSON_STRING)
        return mix(h, text_hash(json_string(v)));
    if (kind == JSON_NUMBER) {
        double number = json_number(v) + 0.0;
        uint64_t bits;
        memcpy(&bits, &number, sizeof bits);
        return mix(h, bits);
    }
    for (const struct json *e = kind == JSON_NULL ? NULL : json_first(v); e; e = json_next(e))
        h = kind == JSON_ARRAY ? mix(h, value_hash(e)) : h + mix(text_hash(json_key(e)), value_hash(e));
    return h;
}

struct listed {
    const struct json *value;
    uint64_t hash;
    size_t index;
};

static int by_hash(const void *a, const void *b)
{
    const struct listed *x = a, *y = b;
    return x->hash != y->hash ? (x->hash < y->hash ? -1 : 1) : x->index < y->index ? -1 : 1;
}

/* Only the first of equal values is none that repeats. */
static void mark_repeats(const struct listed *sorted, size_t count, bool *repeats)
{
    for (size_t i = 1; i < count; i++)
        for (size_t k = i; k-- > 0 && sorted[k].hash == sorted[i].hash && !repeats[sorted[i].index];)
            repeats[sorted[i].index] = json_equal(sorted[k].value, sorted[i].value);
}

enum err_code grid_check_repeats(const struct json *list, const char *at, struct violations *violations, struct err *err)
{
    char place[256];
    size_t count = json_count(list);
    if (count < 2)
        return ERR_OK;
    cleanup(mem_freep) struct listed *sorted = mem_array(count, sizeof *sorted);
    cleanup(mem_freep) bool *repeats = mem_array(count, sizeof *repeats);
    if (!sorted || !repeats)
        return err_no_memory(err);
    count = 0;
    for (const struct json *v = json_first(list); v; v = json_next(v), count++)
        sorted[count] = (struct listed){v, value_hash(v), count};
    qsort(sorted, count, sizeof *sorted, by_hash);
    mark_repeats(sorted, count, repeats);
    for (size_t i = 0; i < count; i++) {
        if (!repeats[i])
            continue;
        snprintf(place, sizeof place, "%.230s/%zu", at, i);
        violation_add(violations, place, "duplicate", "the value is in the list twice");
    }
    return ERR_OK;
}

/* ---- reading ---------------------------------------------------------------------------------------------------------- */

enum err_code grid_read(const struct json *grid, struct grid *ret_grid, struct violations *violations, struct err *err)
{
    memset(ret_grid, 0, sizeof *ret_grid);
    ret_grid->points = 1;
    if (!grid)
        return ERR_OK;
    if (json_kind(grid) != JSON_OBJECT) {
        violation_add(violations, "/grid", "type", "must be an object of JSON Pointers to lists of values, got %s",
                      json_kind_name(json_kind(grid)));
        return ERR_OK;
    }
    for (const struct json *member = json_first(grid); member; member = json_next(member)) {
        if (ret_grid->axes == GRID_MAX_AXES) {
            violation_add(violations, "/grid", "length", "must have at most %d axes", GRID_MAX_AXES);
            return ERR_OK;
        }
        size_t axis = ret_grid->axes++;
        ret_grid->axis[axis] = (struct grid_axis){
            .pointer = json_key(member), .values = member,
            .count = json_kind(member) == JSON_ARRAY ? json_count(member) : 0};
        check_axis(ret_grid, axis, violations);
        if (ret_grid->points <= JOB_MAX_RUNS)
            ret_grid->points *= ret_grid->axis[axis].count ? ret_grid->axis[axis].count : 1;
    }
    enum err_code code = ERR_OK;
    for (size_t axis = 0; !code && axis < ret_grid->axes && ret_grid->points <= JOB_MAX_RUNS; axis++) {
        char at[256];
        grid_axis_pointer(ret_grid, axis, -1, at, sizeof at);
        if (ret_grid->axis[axis].count)
            code = grid_check_repeats(ret_grid->axis[axis].values, at, violations, err);
    }
    const char *twice = json_duplicate(grid);
    if (twice)
        violation_add(violations, "/grid", "duplicate", "\"%s\" is given twice", twice);
    if (ret_grid->points > JOB_MAX_RUNS)
        violation_add(violations, "/grid", "length", "gives more than %d runs: use fewer values", JOB_MAX_RUNS);
    return code;
}

void grid_done(struct grid *g)
{
    for (size_t i = 0; i < g->axes; i++) {
        mem_free(g->axis[i].draw);
        json_free(g->axis[i].drawn);
        json_free(g->axis[i].ends);
    }
    *g = (struct grid){0};
}

bool grid_varies(const struct grid *g, const char *pointer)
{
    for (size_t i = 0; i < g->axes; i++)
        if (starts_with_pointer(pointer, g->axis[i].pointer))
            return true;
    return false;
}

bool grid_touches(const struct grid *g, size_t axis, const char *pointer)
{
    const char *own = g->axis[axis].pointer;
    return starts_with_pointer(pointer, own) || starts_with_pointer(own, pointer);
}

void grid_start(const struct grid *g, struct grid_point *ret_point)
{
    for (size_t axis = 0; axis < g->axes; axis++) {
        const struct grid_axis *a = &g->axis[axis];
        ret_point->value[axis] = a->draw ? a->draw[0] : json_first(a->values);
        ret_point->index[axis] = 0;
    }
}

/* All axes to their next draw. */
static void step_together(const struct grid *g, struct grid_point *point)
{
    for (size_t axis = 0; axis < g->axes; axis++) {
        const struct grid_axis *a = &g->axis[axis];
        point->index[axis] = (point->index[axis] + 1) % a->count;
        point->value[axis] = a->draw[point->index[axis]];
    }
}

void grid_step(const struct grid *g, struct grid_point *point)
{
    if (g->is_search) {
        step_together(g, point);
        return;
    }
    for (size_t axis = g->axes; axis-- > 0;) {
        point->value[axis] = json_next(point->value[axis]);
        point->index[axis]++;
        if (point->value[axis])
            return;
        point->value[axis] = json_first(g->axis[axis].values);
        point->index[axis] = 0;
    }
}

void grid_point_write(const struct grid *g, const struct grid_point *point, struct json_writer *w)
{
    for (size_t axis = 0; axis < g->axes; axis++) {
        json_name(w, g->axis[axis].pointer);
        json_put_value(w, point->value[axis]);
    }
}
