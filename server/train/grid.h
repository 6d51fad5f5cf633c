/* A grid: JSON Pointers into a job, each with a list of values; its points are their product, the last axis fastest. */
#pragma once

#include "server/json/bind.h"

#define GRID_MAX_AXES 16

struct grid_axis {
    const char *pointer; /* a key of the grid object */
    const struct json *values;
    size_t count;
};
struct grid {
    struct grid_axis axis[GRID_MAX_AXES];
    size_t axes;
    uint64_t points; /* 1 without axes */
};
struct grid_point {
    const struct json *value[GRID_MAX_AXES]; /* of each axis */
    size_t index[GRID_MAX_AXES];             /* in its list */
};

/* Reads the grid of a job body (NULL: none). Violations point at /grid/...; values that repeat, empty lists, pointers to
 * what cannot vary (name, dataset, grid), and more than JOB_MAX_RUNS points are refused. It points into `grid`.
 * ERR_NO_MEMORY or ERR_OK. */
enum err_code grid_read(const struct json *grid, struct grid *ret_grid, struct violations *violations, struct err *err);
/* Whether an axis sets this pointer or one above it. */
bool grid_varies(const struct grid *g, const char *pointer);
/* Whether this axis changes what the pointer names: sets it, one above it, or one below it. */
bool grid_touches(const struct grid *g, size_t axis, const char *pointer);
/* The first point, and from one to the next; behind the last comes the first again. */
void grid_start(const struct grid *g, struct grid_point *ret_point);
void grid_step(const struct grid *g, struct grid_point *point);
/* The pointer of an axis inside the job body, "/grid/~1optimizer~1momentum" or, for one value, with "/index". */
void grid_axis_pointer(const struct grid *g, size_t axis, int64_t index, char *out, size_t size);
/* {"pointer": value, ...} of a point. */
void grid_point_write(const struct grid *g, const struct grid_point *point, struct json_writer *w);
