/* A grid: JSON Pointers into a job, each with a list of values; its points are their product, the last axis fastest. A search
 * (search.h) is a grid whose lists were drawn, and whose axes go in step: point i takes the i-th value of each. */
#pragma once

#include "server/json/bind.h"

#define GRID_MAX_AXES 16

struct grid_axis {
    const char *pointer; /* a key of the grid object */
    const struct json *values;
    size_t count;
    /* of a search: */
    const struct json **draw;  /* count */
    struct json *drawn, *ends; /* of a range: what was drawn, and the least and the most that can be; NULL for a choice */
};
struct grid {
    struct grid_axis axis[GRID_MAX_AXES];
    size_t axes;
    uint64_t points; /* 1 without axes */
    bool is_search;
};
struct grid_point {
    const struct json *value[GRID_MAX_AXES]; /* of each axis */
    size_t index[GRID_MAX_AXES];             /* in its list */
};

/* Reads the grid of a job body (NULL: none). Violations point at /grid/...; values that repeat, empty lists, pointers to
 * what cannot vary (name, dataset, grid), and more than JOB_MAX_RUNS points are refused. It points into `grid`.
 * ERR_NO_MEMORY or ERR_OK. */
enum err_code grid_read(const struct json *grid, struct grid *ret_grid, struct violations *violations, struct err *err);
void grid_done(struct grid *g); /* of a zeroed one too */
/* Adds a violation for each value of the list, whose place is `at`, that is in it before. ERR_NO_MEMORY or ERR_OK. */
enum err_code grid_check_repeats(const struct json *list, const char *at, struct violations *violations, struct err *err);
/* Adds a violation when a pointer names what cannot vary; `at` is its place in the job. */
void grid_check_pointer(const char *pointer, const char *at, struct violations *violations);
/* Whether an axis sets this pointer or one above it. */
bool grid_varies(const struct grid *g, const char *pointer);
/* Whether this axis changes what the pointer names: sets it, one above it, or one below it. */
bool grid_touches(const struct grid *g, size_t axis, const char *pointer);
/* The first point, and from one to the next; behind the last comes the first again. */
void grid_start(const struct grid *g, struct grid_point *ret_point);
void grid_step(const struct grid *g, struct grid_point *point);
/* The pointer of an axis inside the job body, "/grid/~1optimizer~1momentum" or, for one value, with "/index". A search has
 * "/search/parameters/..." and, for a value that was chosen, "/choice/index". */
void grid_axis_pointer(const struct grid *g, size_t axis, int64_t index, char *out, size_t size);
/* The members "pointer": value of a point, into an object. */
void grid_point_write(const struct grid *g, const struct grid_point *point, struct json_writer *w);
