/* server/train/search: what is drawn, and the searches that are none. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "server/train/search.h"
#include "train_fixture.h"
#include <math.h>

#define RATE "\"/optimizer/learning_rate\":{\"log_uniform\":[0.0001,0.1]}"
#define MOMENTUM "\"/optimizer/momentum\":{\"uniform\":[0.5,0.75]}"
#define UNITS "\"/network/hidden/0/units\":{\"uniform\":[8,11]}"

static void read_fine(const struct json *body, struct grid *g)
{
    struct violations v = {0};
    assert_int_equal(search_read(body, g, &v, NULL), ERR_OK);
    if (v.count)
        fail_msg("%s %s", v.item[0].pointer, v.item[0].detail);
}

/* The draws of one parameter; `parameters` are members of the object. */
static void draws_of(const char *parameters, int runs, int seed, const char *pointer, double *ret)
{
    char text[2000];
    snprintf(text, sizeof text, "{\"parameters\":{%s},\"runs\":%d,\"seed\":%d}", parameters, runs, seed);
    cleanup(json_freep) struct json *body = json_of(text);
    struct grid g;
    struct grid_point p;
    read_fine(body, &g);
    assert_true(g.is_search);
    assert_int_equal(g.points, runs);
    size_t axis = 0;
    while (axis < g.axes && strcmp(g.axis[axis].pointer, pointer) != 0)
        axis++;
    assert_true(axis < g.axes);
    grid_start(&g, &p);
    for (int i = 0; i < runs; i++, grid_step(&g, &p)) {
        assert_int_equal(p.index[axis], i);
        ret[i] = json_number(p.value[axis]);
    }
    grid_done(&g);
}

static void test_no_search_is_one_point(void **state)
{
    (void)state;
    struct grid g;
    read_fine(NULL, &g);
    assert_int_equal(g.points, 1);
    assert_int_equal(g.axes, 0);
    assert_false(g.is_search);
}

static void test_the_defaults_are_20_runs_of_seed_1(void **state)
{
    (void)state;
    cleanup(json_freep) struct json *body = json_of("{\"parameters\":{" RATE "}}");
    struct grid g;
    struct grid_point p;
    double expected[20];
    read_fine(body, &g);
    assert_int_equal(g.points, 20);
    draws_of(RATE, 20, 1, "/optimizer/learning_rate", expected);
    grid_start(&g, &p);
    for (int i = 0; i < 20; i++, grid_step(&g, &p))
        assert_true(json_number(p.value[0]) == expected[i]);
    grid_done(&g);
}

static void test_the_same_seed_draws_the_same(void **state)
{
    (void)state;
    double a[50], b[50];
    draws_of(RATE, 50, 7, "/optimizer/learning_rate", a);
    draws_of(RATE, 50, 7, "/optimizer/learning_rate", b);
    assert_memory_equal(a, b, sizeof a);
    draws_of(RATE, 50, 8, "/optimizer/learning_rate", b);
    for (int i = 0; i < 50; i++)
        assert_true(a[i] != b[i]);
}

static void test_more_runs_and_other_parameters_change_no_draw(void **state)
{
    (void)state;
    double alone[10], more[50], beside[10], momentum[10];
    draws_of(RATE, 10, 3, "/optimizer/learning_rate", alone);
    draws_of(RATE, 50, 3, "/optimizer/learning_rate", more);
    draws_of(UNITS "," RATE "," MOMENTUM, 10, 3, "/optimizer/learning_rate", beside);
    assert_memory_equal(alone, more, sizeof alone);
    assert_memory_equal(alone, beside, sizeof alone);
    draws_of(UNITS "," RATE "," MOMENTUM, 10, 3, "/optimizer/momentum", momentum);
    for (int i = 0; i < 10; i++) /* streams of their own: not the same share of both ranges */
        assert_true(fabs(log(alone[i] / 1e-4) / log(1e3) - (momentum[i] - 0.5) / 0.25) > 1e-9);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The largest distance between the distribution of n draws and the uniform one on 0..1 (Kolmogorov and Smirnov). */
static double distance(double *share, int n)
{
    double most = 0;
    qsort(share, (size_t)n, sizeof *share, compare);
    for (int i = 0; i < n; i++)
        most = fmax(most, fmax(fabs(share[i] - (double)i / n), fabs(share[i] - (i + 1.0) / n)));
    return most;
}

static void test_draws_have_their_distribution(void **state)
{
    (void)state;
    enum { N = 10000 };
    static double v[N];
    draws_of(RATE, N, 1, "/optimizer/learning_rate", v);
    for (int i = 0; i < N; i++) {
        assert_true(v[i] >= 1e-4 && v[i] <= 0.1);
        v[i] = log(v[i] / 1e-4) / log(1e3);
    }
    assert_true(distance(v, N) < 0.0195); /* exceeded by chance once in 1000 seeds; this one is fixed */
    draws_of(MOMENTUM, N, 1, "/optimizer/momentum", v);
    for (int i = 0; i < N; i++) {
        assert_true(v[i] >= 0.5 && v[i] <= 0.75);
        v[i] = (v[i] - 0.5) / 0.25;
    }
    assert_true(distance(v, N) < 0.0195);
}

static void test_whole_fields_get_whole_numbers(void **state)
{
    (void)state;
    enum { N = 8000 };
    static double v[N];
    int times[16] = {0};
    draws_of(UNITS, N, 1, "/network/hidden/0/units", v);
    for (int i = 0; i < N; i++) {
        assert_true(v[i] == floor(v[i]) && v[i] >= 8 && v[i] <= 11);
        times[(int)v[i]]++;
    }
    for (int n = 8; n <= 11; n++)
        assert_true(times[n] > N / 4 - 200 && times[n] < N / 4 + 200); /* 5 standard deviations */
    static const char *const fields[] = {"/batch_size", "/epochs", "/seed", "/network/hidden/3/units"};
    for (size_t f = 0; f < COUNT(fields); f++) {
        char parameters[100];
        memset(times, 0, sizeof times);
        snprintf(parameters, sizeof parameters, "\"%s\":{\"log_uniform\":[1,4]}", fields[f]);
        draws_of(parameters, N, 1, fields[f], v);
        for (int i = 0; i < N; i++) {
            assert_true(v[i] == 1 || v[i] == 2 || v[i] == 3 || v[i] == 4);
            times[(int)v[i]]++;
        }
        for (int n = 1; n <= 4; n++) { /* by the part of the scale from 0.5 to 4.5 that rounds to n */
            double share = log((n + 0.5) / (n - 0.5)) / log(9);
            assert_true(fabs(times[n] - N * share) < 5 * sqrt(N * share * (1 - share)));
        }
    }
}

static void test_choices_alone_come_without_repeats(void **state)
{
    (void)state;
    cleanup(json_freep) struct json *body =
        json_of("{\"parameters\":{\"/batch_size\":{\"choice\":[\"full\",32,1]},\"/seed\":{\"choice\":[0,1,2,3]}},\"runs\":12}");
    struct grid g;
    struct grid_point p;
    bool seen[3][4] = {0};
    int in_order = 0;
    read_fine(body, &g);
    grid_start(&g, &p);
    for (int i = 0; i < 12; i++, grid_step(&g, &p)) {
        int batch = json_kind(p.value[0]) == JSON_STRING ? 0 : json_number(p.value[0]) == 32 ? 1 : 2;
        int seed = (int)json_number(p.value[1]);
        assert_false(seen[batch][seed]);
        seen[batch][seed] = true;
        in_order += batch * 4 + seed == i;
    }
    assert_true(in_order < 12);
    grid_done(&g);
}

static void test_a_choice_beside_a_range_is_drawn_evenly(void **state)
{
    (void)state;
    enum { N = 9000 };
    static double v[N];
    int times[3] = {0};
    draws_of("\"/seed\":{\"choice\":[0,1,2]}," RATE, N, 1, "/seed", v);
    for (int i = 0; i < N; i++)
        times[(int)v[i]]++;
    for (int k = 0; k < 3; k++)
        assert_true(times[k] > N / 3 - 225 && times[k] < N / 3 + 225);
}

static void test_pointers_of_values(void **state)
{
    (void)state;
    cleanup(json_freep) struct json *body = json_of("{\"parameters\":{\"/a~b/c\":{\"choice\":[5,6]}," RATE "},\"runs\":30}");
    struct grid g;
    char at[256];
    read_fine(body, &g);
    for (int i = 0; i < 30; i++) {
        char expected[256];
        snprintf(expected, sizeof expected, "/search/parameters/~1a~0b~1c/choice/%d",
                 json_number(g.axis[0].draw[i]) == 5 ? 0 : 1);
        grid_axis_pointer(&g, 0, i, at, sizeof at);
        assert_string_equal(at, expected);
        grid_axis_pointer(&g, 1, i, at, sizeof at);
        assert_string_equal(at, "/search/parameters/~1optimizer~1learning_rate");
    }
    grid_done(&g);
}

static void test_bad_searches(void **state)
{
    (void)state;
#define AT "/search/parameters"
#define ONE(distribution, where, code) {"{\"parameters\":{\"/epochs\":" distribution "}}", AT "/~1epochs" where, code}
    static const struct {
        const char *body, *pointer, *code;
    } cases[] = {
        {"{\"parameters\":[]}", AT, "type"}, {"{\"parameters\":{}}", AT, "type"}, {"{\"parameters\":5}", AT, "type"},
        ONE("5", "", "type"), ONE("[1,2]", "", "type"), ONE("{}", "", "type"), ONE("{\"normal\":[1,2]}", "", "type"),
        ONE("{\"uniform\":[1,2],\"choice\":[1]}", "", "type"), ONE("{\"uniform\":5}", "/uniform", "type"),
        ONE("{\"uniform\":[1]}", "/uniform", "type"), ONE("{\"uniform\":[1,2,3]}", "/uniform", "type"),
        ONE("{\"uniform\":[\"1\",2]}", "/uniform", "type"), ONE("{\"uniform\":{\"low\":1}}", "/uniform", "type"),
        ONE("{\"uniform\":[2,1]}", "/uniform", "range"), ONE("{\"uniform\":[2,2]}", "/uniform", "range"),
        ONE("{\"uniform\":[1,2.5]}", "/uniform", "type"), ONE("{\"log_uniform\":[0,10]}", "/log_uniform", "range"),
        ONE("{\"log_uniform\":[1.5,10]}", "/log_uniform", "type"), ONE("{\"choice\":[]}", "/choice", "type"),
        ONE("{\"choice\":5}", "/choice", "type"), ONE("{\"choice\":[1,2,1]}", "/choice/2", "duplicate"),
        {"{\"parameters\":{\"epochs\":{\"uniform\":[1,2]}}}", AT "/epochs", "value"},
        {"{\"parameters\":{\"/dataset\":{\"choice\":[\"a\"]}},\"runs\":1}", AT "/~1dataset", "value"},
        {"{\"parameters\":{\"/search/runs\":{\"uniform\":[1,2]}}}", AT "/~1search~1runs", "value"},
        {"{\"parameters\":{\"/grid\":{\"choice\":[null]}},\"runs\":1}", AT "/~1grid", "value"},
        {"{\"parameters\":{\"/epochs\":{\"uniform\":[1,2]},\"/epochs\":{\"uniform\":[1,2]}}}", AT, "duplicate"},
        {"{\"parameters\":{\"/epochs\":{\"choice\":[1,2]},\"/seed\":{\"choice\":[1,2,3]}},\"runs\":7}", "/search/runs", "range"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cleanup(json_freep) struct json *body = json_of(cases[i].body);
        struct violations v = {0};
        struct grid g;
        assert_int_equal(search_read(body, &g, &v, NULL), ERR_OK);
        assert_violations(&v, (const char *const[]){cases[i].pointer, cases[i].code, NULL}, cases[i].body);
        grid_done(&g);
    }
}

static void test_memory_runs_out(void **state)
{
    (void)state;
    cleanup(json_freep) struct json *body = json_of("{\"parameters\":{" RATE ",\"/seed\":{\"choice\":[1,2]}},\"runs\":5}");
    struct violations v = {0};
    struct grid g;
    uint64_t before = mem_count(), refused = 0;
    read_fine(body, &g);
    grid_done(&g);
    uint64_t taken = mem_count() - before;
    for (uint64_t nth = 1; nth <= taken; nth++) {
        mem_fail_at(nth, 0);
        enum err_code code = search_read(body, &g, &v, NULL);
        mem_fail_at(0, 0);
        grid_done(&g);
        assert_true(code == ERR_OK || code == ERR_NO_MEMORY);
        refused += code == ERR_NO_MEMORY;
    }
    assert_int_equal(v.count, 0);
    assert_true(taken > 10 && refused >= taken - 2); /* but for the looks for names that are given twice */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_search_is_one_point),
        cmocka_unit_test(test_the_defaults_are_20_runs_of_seed_1),
        cmocka_unit_test(test_the_same_seed_draws_the_same),
        cmocka_unit_test(test_more_runs_and_other_parameters_change_no_draw),
        cmocka_unit_test(test_draws_have_their_distribution),
        cmocka_unit_test(test_whole_fields_get_whole_numbers),
        cmocka_unit_test(test_choices_alone_come_without_repeats),
        cmocka_unit_test(test_a_choice_beside_a_range_is_drawn_evenly),
        cmocka_unit_test(test_pointers_of_values),
        cmocka_unit_test(test_bad_searches),
        cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
