/* server/train/grid: the points of a grid in their order, and the grids that are none. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "server/train/grid.h"
#include "train_fixture.h"

static void read_fine(const struct json *body, struct grid *g)
{
    struct violations v = {0};
    assert_int_equal(grid_read(body, g, &v, NULL), ERR_OK);
    if (v.count)
        fail_msg("%s %s", v.item[0].pointer, v.item[0].detail);
}

static void assert_point(const struct grid *g, uint64_t point, const char *expected)
{
    struct grid_point at;
    struct json_writer w;
    struct buf out;
    buf_init(&out, 1000);
    json_start(&w, &out);
    grid_start(g, &at);
    while (point--)
        grid_step(g, &at);
    json_object(&w);
    grid_point_write(g, &at, &w);
    json_object_end(&w);
    assert_string_equal(buf_text(&out), expected);
    buf_done(&out);
}

/* ---- points ----------------------------------------------------------------------------------------------------------- */

static void test_no_grid_is_one_point(void **state)
{
    (void)state;
    struct grid g;
    memset(&g, 0xA5, sizeof g);
    read_fine(NULL, &g);
    assert_int_equal(g.axes, 0);
    assert_int_equal(g.points, 1);
    assert_point(&g, 0, "{}");
    cleanup(json_freep) struct json *empty = json_of("{}");
    read_fine(empty, &g);
    assert_int_equal(g.axes, 0);
    assert_int_equal(g.points, 1);
    assert_false(grid_varies(&g, "/seed"));
}

static void test_the_last_axis_is_the_fastest(void **state)
{
    (void)state;
    cleanup(json_freep) struct json *grid =
        json_of("{\"/seed\":[1,2],\"/optimizer/name\":[\"sgd\"],\"/network/hidden\":[[],[{\"units\":3}],null]}");
    struct grid g;
    read_fine(grid, &g);
    assert_int_equal(g.axes, 3);
    assert_int_equal(g.points, 6);
    static const char *const points[] = {
        "{\"/seed\":1,\"/optimizer/name\":\"sgd\",\"/network/hidden\":[]}",
        "{\"/seed\":1,\"/optimizer/name\":\"sgd\",\"/network/hidden\":[{\"units\":3}]}",
        "{\"/seed\":1,\"/optimizer/name\":\"sgd\",\"/network/hidden\":null}",
        "{\"/seed\":2,\"/optimizer/name\":\"sgd\",\"/network/hidden\":[]}",
        "{\"/seed\":2,\"/optimizer/name\":\"sgd\",\"/network/hidden\":[{\"units\":3}]}",
        "{\"/seed\":2,\"/optimizer/name\":\"sgd\",\"/network/hidden\":null}",
    };
    for (uint64_t i = 0; i < COUNT(points); i++)
        assert_point(&g, i, points[i]);
}

static void test_every_point_comes_once(void **state)
{
    (void)state;
    cleanup(json_freep) struct json *grid = json_of("{\"/a\":[0,1,2],\"/b\":[0,1],\"/c\":[0,1,2,3,4],\"/d\":[0,1,2,3]}");
    struct grid g;
    bool seen[3][2][5][4] = {0};
    read_fine(grid, &g);
    assert_int_equal(g.points, 120);
    struct grid_point p;
    grid_start(&g, &p);
    for (uint64_t i = 0; i < 120; i++, grid_step(&g, &p)) {
        const struct json *const *v = p.value;
        for (size_t axis = 0; axis < 4; axis++)
            assert_int_equal(p.index[axis], (size_t)json_number(v[axis]));
        bool *at = &seen[(int)json_number(v[0])][(int)json_number(v[1])][(int)json_number(v[2])][(int)json_number(v[3])];
        assert_false(*at);
        *at = true;
    }
    for (size_t axis = 0; axis < 4; axis++) /* the first again */
        assert_int_equal(p.index[axis], 0);
}

static void test_what_an_axis_varies(void **state)
{
    (void)state;
    cleanup(json_freep) struct json *grid = json_of("{\"/optimizer\":[{}],\"/network/hidden/0\":[{}]}");
    struct grid g;
    read_fine(grid, &g);
    assert_true(grid_varies(&g, "/optimizer"));
    assert_true(grid_varies(&g, "/optimizer/name")); /* one above it */
    assert_true(grid_varies(&g, "/network/hidden/0/units"));
    assert_false(grid_varies(&g, "/network/hidden")); /* one below it */
    assert_false(grid_varies(&g, "/network/hidden/01"));
    assert_false(grid_varies(&g, "/optimizers"));
    assert_false(grid_varies(&g, "/optim"));
    assert_false(grid_varies(&g, ""));
}

static void test_what_an_axis_touches(void **state)
{
    (void)state;
    cleanup(json_freep) struct json *grid = json_of("{\"/features/3\":[1],\"/features\":[1],\"/feature\":[1]}");
    struct grid g;
    read_fine(grid, &g);
    assert_true(grid_touches(&g, 0, "/features")); /* one below it */
    assert_true(grid_touches(&g, 1, "/features"));
    assert_true(grid_touches(&g, 1, "/features/3"));
    assert_false(grid_touches(&g, 2, "/features"));
    assert_false(grid_touches(&g, 0, "/features/30"));
}

static void test_pointers_of_axes_are_escaped(void **state)
{
    (void)state;
    cleanup(json_freep) struct json *grid = json_of("{\"/optimizer/momentum\":[1],\"/a~1b~0c\":[1]}");
    struct grid g;
    char at[64], small[16];
    read_fine(grid, &g);
    grid_axis_pointer(&g, 0, -1, at, sizeof at);
    assert_string_equal(at, "/grid/~1optimizer~1momentum");
    grid_axis_pointer(&g, 0, 3, at, sizeof at);
    assert_string_equal(at, "/grid/~1optimizer~1momentum/3");
    grid_axis_pointer(&g, 1, 0, at, sizeof at);
    assert_string_equal(at, "/grid/~1a~01b~00c/0");
    memset(small, 'x', sizeof small);
    grid_axis_pointer(&g, 0, 12345, small, 12);
    assert_true(strlen(small) < 12);
    assert_int_equal(small[12], 'x'); /* nothing behind the end */
    assert_memory_equal(small, "/grid/~1o", 9);
}

/* ---- grids that are none ---------------------------------------------------------------------------------------------- */

static const struct {
    const char *grid;
    const char *wrong[9];
} refused[] = {
    {"[]", {"/grid", "type"}},
    {"3", {"/grid", "type"}},
    {"\"/seed\"", {"/grid", "type"}},
    {"{\"/seed\":[]}", {"/grid/~1seed", "type"}},
    {"{\"/seed\":1}", {"/grid/~1seed", "type"}},
    {"{\"/seed\":{\"a\":1}}", {"/grid/~1seed", "type"}},
    {"{\"/seed\":null}", {"/grid/~1seed", "type"}},
    {"{\"seed\":[1]}", {"/grid/seed", "value"}},
    {"{\"\":[1]}", {"/grid/", "value"}},
    {"{\"/name\":[1]}", {"/grid/~1name", "value"}},
    {"{\"/dataset\":[1]}", {"/grid/~1dataset", "value"}},
    {"{\"/grid\":[1]}", {"/grid/~1grid", "value"}},
    {"{\"/grid/~1seed\":[1]}", {"/grid/~1grid~1~01seed", "value"}},
    {"{\"/seed\":[1,2,1]}", {"/grid/~1seed/2", "duplicate"}},
    {"{\"/seed\":[1,2,1.0,2]}", {"/grid/~1seed/2", "duplicate", "/grid/~1seed/3", "duplicate"}},
    {"{\"/network/hidden\":[[{\"units\":1,\"activation\":\"relu\"}],[{\"activation\":\"relu\",\"units\":1}]]}",
     {"/grid/~1network~1hidden/1", "duplicate"}},
    {"{\"/seed\":[],\"/name\":[\"a\"],\"epochs\":[1,1]}",
     {"/grid/~1seed", "type", "/grid/~1name", "value", "/grid/epochs", "value", "/grid/epochs/1", "duplicate"}},
    {"{\"/seed\":[0,-0.0,1]}", {"/grid/~1seed/1", "duplicate"}},
    {"{\"/seed\":[1],\"/seed\":[2]}", {"/grid", "duplicate"}},
};

static void test_what_is_no_grid(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        cleanup(json_freep) struct json *grid = json_of(refused[i].grid);
        struct violations v = {0};
        struct grid g;
        assert_int_equal(grid_read(grid, &g, &v, NULL), ERR_OK);
        assert_violations(&v, refused[i].wrong, refused[i].grid);
    }
}

static void test_similar_values_are_not_the_same(void **state)
{
    (void)state;
    cleanup(json_freep) struct json *grid =
        json_of("{\"/seed\":[0,\"0\",null,false,[],[0],{},{\"a\":0},{\"a\":1},{\"b\":0},0.5,5]}");
    struct grid g;
    read_fine(grid, &g);
    assert_int_equal(g.points, 12);
    cleanup(json_freep) struct json *similar = json_of("{\"/names\":[1],\"/datasets\":[1],\"/grids\":[1],\"/named/x\":[1]}");
    read_fine(similar, &g);
    assert_int_equal(g.axes, 4);
}

/* ---- limits ----------------------------------------------------------------------------------------------------------- */

/* Axes of so many values each. */
static struct json *wide(const size_t *counts, size_t axes)
{
    struct buf b;
    buf_init(&b, 4 << 20);
    for (size_t i = 0; i < axes; i++) {
        buf_printf(&b, "%c\"/a%zu\":[0", i ? ',' : '{', i);
        for (size_t k = 1; k < counts[i]; k++)
            buf_printf(&b, ",%zu", k);
        buf_putc(&b, ']');
    }
    buf_putc(&b, '}');
    struct json *grid = json_of(buf_text(&b));
    buf_done(&b);
    return grid;
}

static void assert_points(const size_t *counts, size_t axes, uint64_t points)
{
    cleanup(json_freep) struct json *grid = wide(counts, axes);
    struct violations v = {0};
    struct grid g;
    assert_int_equal(grid_read(grid, &g, &v, NULL), ERR_OK);
    if (points) {
        assert_int_equal(v.count, 0);
        assert_int_equal(g.points, points);
    } else {
        assert_violations(&v, (const char *[]){"/grid", "length", NULL}, "points");
        assert_string_equal(v.item[0].detail, "gives more than 10000 runs: use fewer values");
    }
}

static void test_runs_have_a_limit(void **state)
{
    (void)state;
    assert_points((size_t[]){9999}, 1, 9999);
    assert_points((size_t[]){10000}, 1, 10000);
    assert_points((size_t[]){10001}, 1, 0);
    assert_points((size_t[]){100, 100}, 2, 10000);
    assert_points((size_t[]){100, 101}, 2, 0);
    assert_points((size_t[]){3333, 3}, 2, 9999);
    assert_points((size_t[]){10001, 1, 1}, 3, 0);
    assert_points((size_t[]){2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2}, 13, 8192);
    assert_points((size_t[]){100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100}, 16, 0);
}

static void test_axes_have_a_limit(void **state)
{
    (void)state;
    static const size_t ones[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    assert_points(ones, GRID_MAX_AXES, 1);
    cleanup(json_freep) struct json *grid = wide(ones, GRID_MAX_AXES + 1);
    struct violations v = {0};
    struct grid g;
    assert_int_equal(grid_read(grid, &g, &v, NULL), ERR_OK);
    assert_violations(&v, (const char *[]){"/grid", "length", NULL}, "axes");
    assert_string_equal(v.item[0].detail, "must have at most 16 axes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_grid_is_one_point),
        cmocka_unit_test(test_the_last_axis_is_the_fastest),
        cmocka_unit_test(test_every_point_comes_once),
        cmocka_unit_test(test_what_an_axis_varies),
        cmocka_unit_test(test_what_an_axis_touches),
        cmocka_unit_test(test_pointers_of_axes_are_escaped),
        cmocka_unit_test(test_what_is_no_grid),
        cmocka_unit_test(test_similar_values_are_not_the_same),
        cmocka_unit_test(test_runs_have_a_limit),
        cmocka_unit_test(test_axes_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
