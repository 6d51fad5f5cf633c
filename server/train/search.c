#include "search.h"

#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "job_spec.h"
#include "server/json/write.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define DRAWS_MAX ((size_t)JOB_MAX_RUNS * (JSON_NUMBER_SIZE + 1) + 3)
#define PLACES_MAX                                                                                                     \
    ((uint64_t)1 << 20) /* points of choices that are shuffled; with more, the same one hardly comes twice */

enum kind { CHOICE, UNIFORM, LOG_UNIFORM, KINDS };
static const char *const kind_names[KINDS] = {"choice", "uniform", "log_uniform"};

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static bool is_range(const struct json *v, double *ret_low, double *ret_high)
{
    const struct json *low = json_kind(v) == JSON_ARRAY ? json_first(v) : NULL, *high = low ? json_next(low) : NULL;
    if (!high || json_next(high) || json_kind(low) != JSON_NUMBER || json_kind(high) != JSON_NUMBER)
        return false;
    *ret_low = json_number(low);
    *ret_high = json_number(high);
    return true;
}

static void check_range(const struct grid_axis *a, enum kind kind, const char *at, struct violations *violations)
{
    double low, high;
    const struct json_field *field = json_field_at(job_spec_fields, a->pointer);
    if (!is_range(a->values, &low, &high))
        violation_add(violations, at, "type", "must be a list of two numbers: the least and the most");
    else if (!(low < high))
        violation_add(violations, at, "range", "the first number must be less than the second");
    else if (kind == LOG_UNIFORM && low <= 0)
        violation_add(violations, at, "range", "must be above 0, since logarithms are taken: use uniform");
    else if (field && json_field_whole(field) && (low != floor(low) || high != floor(high)))
        violation_add(violations, at, "type", "must be whole numbers, as the field's are");
}

static enum err_code check_choice(const struct grid_axis *a, const char *at, struct violations *violations,
                                  struct err *err)
{
    if (json_kind(a->values) == JSON_ARRAY && json_first(a->values))
        return grid_check_repeats(a->values, at, violations, err);
    violation_add(violations, at, "type", "must be a list of at least one value");
    return ERR_OK;
}

/* {"log_uniform": [1, 2]}: one member, which is known. */
static enum kind find_kind(const struct json *distribution, const char *at, const struct json **ret_values,
                           struct violations *violations)
{
    const struct json *member = json_kind(distribution) == JSON_OBJECT ? json_first(distribution) : NULL;
    int kind = 0;
    while (member && kind < KINDS && strcmp(json_key(member), kind_names[kind]) != 0)
        kind++;
    if (!member || kind == KINDS || json_next(member)) {
        violation_add(violations, at, "type",
                      "must be one of {\"uniform\": [low, high]}, {\"log_uniform\": [low, high]}, {\"choice\": [...]}");
        return KINDS;
    }
    *ret_values = member;
    return (enum kind)kind;
}

static enum err_code read_axis(struct grid *g, const struct json *member, enum kind *ret_kind,
                               struct violations *violations, struct err *err)
{
    char at[256], inside[256];
    size_t axis = g->axes++;
    struct grid_axis *a = &g->axis[axis];
    *a = (struct grid_axis){.pointer = json_key(member)};
    grid_axis_pointer(g, axis, -1, at, sizeof at);
    grid_check_pointer(a->pointer, at, violations);
    enum kind kind = *ret_kind = find_kind(member, at, &a->values, violations);
    if (kind == KINDS)
        return ERR_OK;
    snprintf(inside, sizeof inside, "%.*s/%s", (int)(sizeof inside - 16), at, kind_names[kind]);
    if (kind == CHOICE)
        return check_choice(a, inside, violations, err);
    check_range(a, kind, inside, violations);
    return ERR_OK;
}

/* ---- drawing ----------------------------------------------------------------------------------------------------- */

/* FNV-1a */
static uint32_t pointer_hash(const char *pointer)
{
    uint32_t h = 2166136261u;
    for (; *pointer; pointer++)
        h = (h ^ (unsigned char)*pointer) * 16777619u;
    return h;
}

static struct rng stream_of(uint64_t seed, const struct grid_axis *a, size_t run)
{
    struct rng r;
    rng_init(&r, seed, RNG_SEARCH, (uint64_t)(run + 1) << 32 | pointer_hash(a->pointer));
    return r;
}

static double draw_whole(struct rng *r, enum kind kind, double low, double high)
{
    if (kind == UNIFORM)
        return low + (double)rng_below(r, (uint64_t)fmin(high - low, 0x1p53) + 1);
    return round(exp(log(low - 0.5) + rng_uniform(r) * (log(high + 0.5) - log(low - 0.5))));
}

static double draw_real(struct rng *r, enum kind kind, double low, double high)
{
    double share = rng_uniform(r);
    return kind == UNIFORM ? low + share * (high - low) : low * exp(share * log(high / low));
}

static enum err_code draw_range(struct grid_axis *a, enum kind kind, uint64_t seed, struct err *err)
{
    double low = 0, high = 0;
    struct buf text;
    struct json_writer w;
    const struct json_field *field = json_field_at(job_spec_fields, a->pointer);
    bool whole = field && json_field_whole(field);
    (void)is_range(a->values, &low, &high);
    buf_init(&text, DRAWS_MAX);
    json_start(&w, &text);
    json_array(&w);
    for (size_t i = 0; i < a->count; i++) {
        struct rng r = stream_of(seed, a, i);
        double value = (whole ? draw_whole : draw_real)(&r, kind, low, high);
        json_put_double(&w, fmin(fmax(value, low), high));
    }
    json_array_end(&w);
    enum err_code code = text.failed ? err_no_memory(err) : json_parse(buf_text(&text), text.length, &a->drawn, err);
    buf_done(&text);
    if (!code && !(a->ends = json_copy(a->values)))
        code = err_no_memory(err);
    size_t i = 0;
    for (const struct json *v = code ? NULL : json_first(a->drawn); v; v = json_next(v))
        a->draw[i++] = v;
    return code;
}

/* Puts the values with the numbers chosen[i] into the draws. */
static enum err_code take_values(struct grid_axis *a, const uint32_t *chosen, struct err *err)
{
    size_t i = 0, count = json_count(a->values);
    cleanup(mem_freep) const struct json **value = mem_array(count, sizeof(void *));
    if (!value)
        return err_no_memory(err);
    for (const struct json *v = json_first(a->values); v; v = json_next(v))
        value[i++] = v;
    for (i = 0; i < a->count; i++)
        a->draw[i] = value[chosen[i]];
    return ERR_OK;
}

static enum err_code draw_choice(struct grid_axis *a, uint64_t seed, struct err *err)
{
    size_t values = json_count(a->values);
    cleanup(mem_freep) uint32_t *chosen = mem_array(a->count, sizeof *chosen);
    if (!chosen)
        return err_no_memory(err);
    for (size_t i = 0; i < a->count; i++) {
        struct rng r = stream_of(seed, a, i);
        chosen[i] = (uint32_t)rng_below(&r, values);
    }
    return take_values(a, chosen, err);
}

/* The first of all points of the choices, shuffled. */
static enum err_code draw_points(struct grid *g, uint64_t places, uint64_t seed, struct err *err)
{
    cleanup(mem_freep) uint32_t *place = mem_array(places, sizeof *place);
    cleanup(mem_freep) uint32_t *chosen = mem_array(g->points, sizeof *chosen);
    struct rng r;
    if (!place || !chosen)
        return err_no_memory(err);
    for (uint32_t i = 0; i < places; i++)
        place[i] = i;
    rng_init(&r, seed, RNG_SEARCH, 0);
    rng_shuffle(&r, place, places);
    enum err_code code = ERR_OK;
    for (size_t axis = g->axes; !code && axis-- > 0;) {
        uint32_t values = (uint32_t)json_count(g->axis[axis].values);
        for (uint64_t i = 0; i < g->points; i++) {
            chosen[i] = place[i] % values;
            place[i] /= values;
        }
        code = take_values(&g->axis[axis], chosen, err);
    }
    return code;
}

/* How many points there are when all parameters are choices; 0: they are not, or there are too many to count. */
static uint64_t choices_places(const struct grid *g, const enum kind *kinds)
{
    uint64_t places = 1;
    for (size_t axis = 0; axis < g->axes; axis++) {
        if (kinds[axis] != CHOICE)
            return 0;
        places *= json_count(g->axis[axis].values);
        if (places > PLACES_MAX)
            return 0;
    }
    return places;
}

static enum err_code draw(struct grid *g, const enum kind *kinds, uint64_t seed, struct violations *violations,
                          struct err *err)
{
    uint64_t places = choices_places(g, kinds);
    if (places && places < g->points) {
        violation_add(violations, "/search/runs", "range",
                      "must be at most %llu, as many points as the choices make: a grid has all of them",
                      (unsigned long long)places);
        return ERR_OK;
    }
    for (size_t axis = 0; axis < g->axes; axis++) {
        g->axis[axis].count = g->points;
        if (!(g->axis[axis].draw = mem_array(g->points, sizeof(void *))))
            return err_no_memory(err);
    }
    if (places)
        return draw_points(g, places, seed, err);
    enum err_code code = ERR_OK;
    for (size_t axis = 0; !code && axis < g->axes; axis++)
        code = kinds[axis] == CHOICE ? draw_choice(&g->axis[axis], seed, err)
                                     : draw_range(&g->axis[axis], kinds[axis], seed, err);
    return code;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

/* `runs` and `seed` as the job's fields have them; false when one of them is not right. */
static bool read_numbers(const struct json *search, struct job_search *ret, struct err *err)
{
    struct violations *unheard = mem_zalloc(sizeof *unheard);
    if (!unheard) {
        err_no_memory(err);
        return false;
    }
    bool fine = !json_bind(search, job_search_fields, ret, "/search", unheard, err) && !unheard->count;
    mem_free(unheard);
    return fine;
}

static enum err_code read_axes(const struct json *parameters, struct grid *g, enum kind *kinds,
                               struct violations *violations, struct err *err)
{
    enum err_code code = ERR_OK;
    for (const struct json *m = json_first(parameters); !code && m; m = json_next(m)) {
        if (g->axes == GRID_MAX_AXES) {
            violation_add(violations, "/search/parameters", "length", "must have at most %d members", GRID_MAX_AXES);
            return ERR_OK;
        }
        code = read_axis(g, m, &kinds[g->axes], violations, err);
    }
    const char *twice = json_duplicate(parameters);
    if (twice)
        violation_add(violations, "/search/parameters", "duplicate", "\"%s\" is given twice", twice);
    return code;
}

enum err_code search_read(const struct json *search, struct grid *ret_grid, struct violations *violations,
                          struct err *err)
{
    enum kind kinds[GRID_MAX_AXES] = {CHOICE};
    struct job_search numbers = {0};
    struct err why = {0};
    size_t before = violations->count;
    const struct json *parameters = search ? json_get(search, "parameters") : NULL;
    *ret_grid = (struct grid){.points = 1, .is_search = parameters != NULL};
    if (!parameters)
        return ERR_OK;
    enum err_code code = ERR_OK;
    if (json_kind(parameters) != JSON_OBJECT || !json_first(parameters))
        violation_add(violations, "/search/parameters", "type", "must be an object of JSON Pointers to distributions");
    else
        code = read_axes(parameters, ret_grid, kinds, violations, err);
    bool fine = !code && read_numbers(search, &numbers, &why);
    if (!code && why.code == ERR_NO_MEMORY)
        code = err_no_memory(err);
    if (!code && fine && violations->count == before) {
        ret_grid->points = numbers.runs;
        code = draw(ret_grid, kinds, numbers.seed, violations, err);
    }
    json_unbind(job_search_fields, &numbers);
    return code;
}
