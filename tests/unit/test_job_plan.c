/* server/api/job_plan: what all points of a grid share is worked out once; counted in allocations, not in seconds. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/buf.h"
#include "core/data/table.h"
#include "server/api/job_plan.h"
#include "store_fixture.h"

#define COLUMNS 500
#define POINTS 100

static struct app app;

/* A table c0, c1, ... of numbers, in the fixture's directory and in its store. */
static void add_table(struct fixture *f)
{
    struct buf text;
    struct table_builder *b = NULL;
    char path[FS_PATH_MAX], sha256[65];
    path_of(f, "t", path);
    buf_init(&text, 1 << 20);
    for (int row = 0; row < 13; row++)
        for (int c = 0; c < COLUMNS; c++)
            buf_printf(&text, "%s%d%s", row ? "" : "c", c + row, c < COLUMNS - 1 ? "," : "\n");
    assert_int_equal(table_builder_new(path, &(struct csv_options){0}, &b, NULL), ERR_OK);
    assert_int_equal(table_builder_feed(b, buf_text(&text), text.length, NULL), ERR_OK);
    assert_int_equal(table_builder_finish(b, sha256, NULL), ERR_OK);
    table_builder_free(b);
    buf_done(&text);
    struct store_dataset d = {.name = (char[]){"d"}, .sha256 = sha256, .file = (char[]){"t"}, .bytes = 1, .rows = 12,
                              .columns = COLUMNS, .schema = (char[]){"[]"}, .options = (char[]){"{}"}, .created_at = NOW};
    struct write w = {.input = &d};
    assert_int_equal(do_write(f, &w, body_dataset_insert), ERR_OK);
    app.store = f->store;
    snprintf(app.datasets_dir, sizeof app.datasets_dir, "%s", f->dir);
}

/* A job with all columns but the first as features, a text of its own members, and so many seeds. */
static uint64_t plan(struct job_plan *p, const char *members, int seeds)
{
    static struct violations v;
    struct buf b;
    struct err err = {0};
    buf_init(&b, 1 << 20);
    buf_printf(&b, "{\"dataset\":\"d\",\"target\":\"c0\",%s\"features\":[", members);
    for (int c = 1; c < COLUMNS; c++)
        buf_printf(&b, "\"c%d\"%s", c, c < COLUMNS - 1 ? "," : "],\"grid\":{\"/seed\":[");
    for (int s = 0; s < seeds; s++)
        buf_printf(&b, "%d%s", s, s < seeds - 1 ? "," : "]}}");
    v.count = 0;
    uint64_t before = mem_count();
    enum err_code code = job_plan_make(&app, buf_text(&b), b.length, p, &v, &err);
    uint64_t taken = mem_count() - before;
    if (code || v.count)
        fail_msg("%s %s", err.message, v.count ? v.item[0].detail : "");
    buf_done(&b);
    return taken;
}

static void features_are_bound_and_checked_once(void **state)
{
    struct fixture *f = *state;
    static const char *const members[] = {"", "\"task\":\"multiclass\",", "\"columns\":{\"c7\":{\"role\":\"ignore\"}},"};
    add_table(f);
    for (size_t i = 0; i < 3; i++) {
        struct job_plan one, many;
        uint64_t first = plan(&one, members[i], 1), all = plan(&many, members[i], POINTS);
        assert_int_equal(many.run_count, POINTS);
        assert_true(all - first < (POINTS - 1) * (uint64_t)COLUMNS / 2); /* far under one for each feature of each point */
        assert_null(strstr(many.runs[7].spec, "\"c9\""));
        char *spec = job_plan_spec(&many, 7);
        assert_non_null(strstr(spec, "\"features\":[\"c1\",\"c2\","));
        assert_non_null(strstr(spec, "\"seed\":7,"));
        assert_true((i == 2) == (strstr(spec, ",\"columns\":{\"c7\":{\"role\":\"ignore\"}},\"encoding\":") != NULL));
        assert_int_equal(many.runs[7].parameters, one.runs[0].parameters);
        mem_free(spec);
        job_plan_done(&one);
        job_plan_done(&many);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(features_are_bound_and_checked_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
