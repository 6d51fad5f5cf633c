/* server/train: which rows a job keeps for validation: bound, checked beside the table, and what a run reads of it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/buf.h"
#include "server/train/rows.h"
#include "train_fixture.h"

enum { ROWS = 300 };

/* id, part (a, b or c), y (two classes, 1 to 4; every 30th missing). */
static struct table *table_of_parts(struct data_fixture *f)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_puts(&b, "id,part,y\n");
    for (int i = 0; i < ROWS; i++)
        buf_printf(&b, "%d,%c,%s\n", i, "aabca"[i % 5], i % 30 == 7 ? "" : i % 5 == 3 ? "rare" : "usual");
    struct table *t = table_of(f, buf_text(&b));
    buf_done(&b);
    return t;
}

/* ---- binding ---------------------------------------------------------------------------------------------------------- */

static void assert_writes(const char *validation, const char *expected)
{
    char body[400];
    struct job_spec s;
    struct json_writer w;
    struct buf out;
    snprintf(body, sizeof body, "{\"dataset\":\"d\",\"target\":\"y\",\"validation\":%s}", validation);
    spec_of(body, &s);
    buf_init(&out, 10000);
    json_start(&w, &out);
    json_write(job_validation_fields, &s.validation, &w);
    assert_string_equal(buf_text(&out), expected);
    buf_done(&out);
    job_spec_done(&s);
}

static void test_one_way_is_written(void **state)
{
    (void)state;
    assert_writes("{}", "{\"fraction\":0.1,\"stratified\":true}");
    assert_writes("{\"fraction\":0.5,\"stratified\":false,\"folds\":null}", "{\"fraction\":0.5,\"stratified\":false}");
    assert_writes("{\"folds\":5}", "{\"stratified\":true,\"folds\":5}");
    assert_writes("{\"folds\":5,\"fold\":2,\"stratified\":false}", "{\"stratified\":false,\"folds\":5,\"fold\":2}");
    assert_writes("{\"dataset\":\"7\"}", "{\"dataset\":\"7\"}");
    assert_writes("{\"column\":\"part\",\"value\":\"b\"}", "{\"column\":\"part\",\"value\":\"b\"}");
    assert_writes("{\"column\":\"part\",\"value\":true,\"train_value\":0.5}",
                  "{\"column\":\"part\",\"value\":\"true\",\"train_value\":\"0.5\"}");
}

struct fault {
    const char *validation, *pointer, *code;
};

static const struct fault faults[] = {
    {"{\"fraction\":0.1,\"folds\":3}", "/validation/fraction", "conflict"},
    {"{\"dataset\":\"v\",\"folds\":3}", "/validation/folds", "conflict"},
    {"{\"column\":\"part\",\"value\":\"b\",\"dataset\":\"v\"}", "/validation/column", "conflict"},
    {"{\"fold\":1}", "/validation/fold", "value"},
    {"{\"folds\":3,\"fold\":4}", "/validation/fold", "range"},
    {"{\"folds\":1}", "/validation/folds", "range"},
    {"{\"folds\":101}", "/validation/folds", "range"},
    {"{\"folds\":2.5}", "/validation/folds", "type"},
    {"{\"folds\":3,\"fold\":0}", "/validation/fold", "range"},
    {"{\"column\":\"part\"}", "/validation/value", "required"},
    {"{\"value\":\"b\"}", "/validation/value", "value"},
    {"{\"train_value\":\"b\"}", "/validation/train_value", "value"},
    {"{\"column\":\"part\",\"value\":1,\"train_value\":\"1\"}", "/validation/train_value", "value"},
    {"{\"column\":\"part\",\"value\":[\"b\"]}", "/validation/value", NULL},
    {"{\"column\":\"part\",\"value\":\"b\",\"stratified\":true}", "/validation/stratified", "value"},
    {"{\"dataset\":\"v\",\"stratified\":false}", "/validation/stratified", "value"},
    {"{\"stratified\":1}", "/validation/stratified", "type"},
    {"{\"fold_count\":3}", "/validation/fold_count", "unknown"},
};

static void test_what_is_wrong_is_pointed_at(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(faults); i++) {
        char body[400];
        struct job_spec s;
        struct violations v = {0};
        snprintf(body, sizeof body, "{\"dataset\":\"d\",\"target\":\"y\",\"validation\":%s}", faults[i].validation);
        cleanup(json_freep) struct json *root = json_of(body);
        assert_int_equal(job_spec_bind(root, false, &s, &v, NULL), ERR_OK);
        const struct violation *found = violation_at(&v, faults[i].pointer);
        if (!found || (faults[i].code && strcmp(found->code, faults[i].code) != 0))
            fail_msg("%s: %s", body, found ? found->code : "nothing");
        assert_true(v.count == 1 || !faults[i].code);
        job_spec_done(&s);
    }
}

/* ---- beside the table ------------------------------------------------------------------------------------------------- */

struct fit {
    const char *members;
    uint64_t train, valid;              /* when it fits */
    const char *pointer, *code, *words; /* when it does not */
};

static const struct fit fits[] = {
    {"\"validation\":{}", 261, 29, NULL, NULL, NULL},
    {"\"validation\":{\"fraction\":0.1}", 261, 29, NULL, NULL, NULL},
    {"\"validation\":{\"folds\":4}", 217, 73, NULL, NULL, NULL},
    {"\"validation\":{\"column\":\"part\",\"value\":\"b\"}", 240, 50, NULL, NULL, NULL},
    {"\"validation\":{\"column\":\"part\",\"value\":\"b\",\"train_value\":\"c\"}", 60, 50, NULL, NULL, NULL},
    {"\"validation\":{\"column\":\"id\",\"value\":3}", 289, 1, NULL, NULL, NULL},
    {"\"validation\":{\"column\":\"id\",\"value\":7}", 0, 0, "/validation/value", "value", "no row with a target for validation"},
    {"\"validation\":{\"column\":\"parts\",\"value\":\"b\"}", 0, 0, "/validation/column", "not_found", "did you mean \"part\"?"},
    {"\"validation\":{\"column\":\"y\",\"value\":\"rare\"}", 0, 0, "/validation/column", "value", "is the target"},
    {"\"validation\":{\"column\":\"part\",\"value\":\"z\"}", 0, 0, "/validation/value", "value", "has no \"z\", but \"a\", \"b\" and others"},
    {"\"validation\":{\"column\":\"part\",\"value\":\"b\",\"train_value\":\"z\"}", 0, 0, "/validation/train_value", "value", "has no \"z\""},
    {"\"validation\":{\"column\":\"part\",\"value\":\"b\"},\"features\":[\"id\",\"part\"]", 0, 0, "/features/1", "value",
     "marks the validation rows"},
    {"\"validation\":{\"column\":\"part\",\"value\":\"b\"},\"columns\":{\"part\":{}}", 0, 0, "/columns/part", "value",
     "marks the validation rows"},
    {"\"target\":\"id\",\"validation\":{\"fraction\":0.9},\"task\":\"regression\"", 30, 270, NULL, NULL, NULL},
};

static void test_validation_beside_the_table(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of_parts(f);
    for (size_t i = 0; i < COUNT(fits); i++) {
        char body[400];
        struct job_spec s;
        struct violations v = {0};
        enum task task = TASK_AUTO;
        bool target = strstr(fits[i].members, "target") == fits[i].members + 1;
        snprintf(body, sizeof body, "{\"dataset\":\"d\",%s%s}", target ? "" : "\"target\":\"y\",", fits[i].members);
        spec_of(body, &s);
        struct job_rows n = {0};
        if (!job_spec_check_table(&s, t, &task, &v))
            n = job_validation_rows(&s, task, job_validation_count(&s, t, NULL), &v);
        if (fits[i].pointer) {
            assert_violations(&v, (const char *[]){fits[i].pointer, fits[i].code, NULL}, body);
            if (!strstr(v.item[0].detail, fits[i].words))
                fail_msg("%s: %s", body, v.item[0].detail);
        } else {
            assert_int_equal(v.count, 0);
            if (n.train != fits[i].train || n.valid != fits[i].valid)
                fail_msg("%s: %llu and %llu rows", body, (unsigned long long)n.train, (unsigned long long)n.valid);
        }
        job_spec_done(&s);
    }
    table_unref(t);
}

static void test_too_many_folds_and_too_large_fractions(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, "x,y,k\n1,1,a\n2,2,b\n3,,a\n");
    static const struct {
        const char *members, *pointer;
    } cases[] = {{"\"target\":\"y\",\"validation\":{\"folds\":3}", "/validation/folds"},
                 {"\"target\":\"y\",\"validation\":{\"fraction\":0.9}", "/validation/fraction"},
                 {"\"target\":\"k\",\"validation\":{\"fraction\":0.9,\"stratified\":false}", "/validation/fraction"},
                 {"\"target\":\"k\",\"validation\":{\"fraction\":0.9}", NULL}}; /* a class keeps a row */
    for (size_t i = 0; i < COUNT(cases); i++) {
        char body[300];
        struct job_spec s;
        struct violations v = {0};
        enum task task;
        snprintf(body, sizeof body, "{\"dataset\":\"d\",%s}", cases[i].members);
        spec_of(body, &s);
        assert_int_equal(job_spec_check_table(&s, t, &task, &v), ERR_OK);
        (void)job_validation_rows(&s, task, job_validation_count(&s, t, NULL), &v);
        assert_violations(&v, (const char *[]){cases[i].pointer, "range", NULL}, body);
        job_spec_done(&s);
    }
    table_unref(t);
}

/* ---- what a run reads ------------------------------------------------------------------------------------------------- */

static void prepare(struct rows *r, const struct table *t, const struct table *valid, const char *members, uint64_t memory)
{
    char body[300];
    struct job_spec spec;
    struct err err = {0};
    snprintf(body, sizeof body, "{\"dataset\":\"d\",\"target\":\"y\",%s}", members);
    spec_of(body, &spec);
    *r = (struct rows){0};
    if (rows_prepare(r, &spec, t, valid, NULL, memory, NULL, &err))
        fail_msg("%s", err.message);
    job_spec_done(&spec);
}

/* The split is of the seed and the table alone: whether rows are kept in memory, or how they come in blocks, is no part of it. */
static void test_memory_changes_no_split(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of_parts(f);
    static const char *const ways[] = {"\"seed\":5", "\"validation\":{\"fraction\":0.3,\"stratified\":false}",
                                       "\"validation\":{\"folds\":4,\"fold\":3}",
                                       "\"validation\":{\"column\":\"part\",\"value\":\"c\"}"};
    for (size_t i = 0; i < COUNT(ways); i++) {
        struct rows kept, encoded;
        rows_sizes = (struct rows_sizes){.at_once = (uint64_t)1 << 30, .block = (uint64_t)1 << 20};
        prepare(&kept, t, NULL, ways[i], 0);
        rows_sizes = (struct rows_sizes){.at_once = 100, .block = 400};
        prepare(&encoded, t, NULL, ways[i], 1);
        assert_int_equal(kept.split.train_count, encoded.split.train_count);
        assert_int_equal(kept.split.valid_count, encoded.split.valid_count);
        assert_memory_equal(kept.split.train, encoded.split.train,
                            (kept.split.train_count + kept.split.valid_count) * sizeof *kept.split.train);
        assert_true(encoded.train.block_rows && !kept.train.block_rows);
        rows_done(&kept);
        rows_done(&encoded);
    }
    rows_sizes = (struct rows_sizes)ROWS_SIZES;
    table_unref(t);
}

static void test_stratified_or_not(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of_parts(f);
    bool even = true, differs = false;
    for (int seed = 1; seed <= 20; seed++) {
        for (int stratified = 0; stratified < 2; stratified++) {
            char members[100];
            struct rows r;
            snprintf(members, sizeof members, "\"seed\":%d,\"validation\":{\"fraction\":0.2,\"stratified\":%s}", seed,
                     stratified ? "true" : "false");
            prepare(&r, t, NULL, members, 0);
            assert_int_equal(r.split.valid_count, 58);
            size_t rare = 0;
            for (size_t i = 0; i < r.split.valid_count; i++)
                rare += r.split.valid[i] % 5 == 3;
            if (stratified)
                even = even && rare == 12; /* of 60 */
            else
                differs = differs || rare != 12;
            rows_done(&r);
        }
    }
    assert_true(even && differs);
    table_unref(t);
}

static void test_folds_of_runs_partition_the_rows(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of_parts(f);
    int seen[ROWS] = {0};
    for (int fold = 1; fold <= 4; fold++) {
        char members[100];
        struct rows r;
        snprintf(members, sizeof members, "\"validation\":{\"folds\":4,\"fold\":%d}", fold);
        prepare(&r, t, NULL, members, 0);
        for (size_t i = 0; i < r.split.valid_count; i++)
            seen[r.split.valid[i]]++;
        rows_done(&r);
    }
    for (int i = 0; i < ROWS; i++)
        assert_int_equal(seen[i], i % 30 != 7); /* those that have a target, once each */
    table_unref(t);
}

static void test_a_table_of_its_own(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of_parts(f);
    char path[FS_PATH_MAX];
    memcpy(path, f->path, sizeof path);
    assert_int_equal(fs_join(f->path, f->dir, "valid", &f->err), ERR_OK);
    struct table *valid = table_of(f, "y,part,id\nusual,a,1000\n,a,5\nrare,zz,-50\n"); /* in another order */
    struct rows r;
    prepare(&r, t, valid, "\"validation\":{\"dataset\":\"v\"}", 0);
    assert_int_equal(r.split.train_count, 290); /* all that have a target */
    assert_int_equal(r.split.valid_count, 0);
    assert_int_equal(r.valid.rows, 2);
    real x[2 * 4], y[2];
    assert_int_equal(encoder_inputs(r.encoder), 4); /* id; a, b, c */
    r.valid.gather(r.valid.context, (uint32_t[]){0, 1}, 2, x, 4, y, NULL);
    assert_memory_equal(y, ((real[]){1, 0}), sizeof y);
    assert_true(x[1] == 1 && x[5] == 0 && x[6] == 0 && x[7] == 0);
    const struct encoder_feature *id = encoder_feature(r.encoder, 0);
    assert_true(NEAR(x[0], (1000 - id->mean) / id->scale, 1e-4) && NEAR(x[4], (-50 - id->mean) / id->scale, 1e-4));
    rows_done(&r);
    table_unref(valid);
    table_unref(t);
    struct job_spec spec; /* the one cannot be without the other */
    spec_of("{\"dataset\":\"d\",\"target\":\"y\",\"validation\":{\"dataset\":\"v\"}}", &spec);
    memcpy(f->path, path, sizeof path);
    t = table_of_parts(f);
    assert_int_equal(rows_prepare(&r, &spec, t, NULL, NULL, 0, NULL, &f->err), ERR_INTERNAL);
    rows_done(&r);
    job_spec_done(&spec);
    table_unref(t);
}

static void test_advice_fits(void **state)
{
    (void)state;
    char advice[VALIDATION_ADVICE];
    assert_string_equal(job_validation_advice(0, advice), "train with validation.fraction above 0");
    assert_string_equal(job_validation_advice(0.01, advice), "0.01 of its rows is less than one, or no class has two: train with a "
                                                             "larger validation.fraction, more rows, or validation.folds");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_way_is_written),
        cmocka_unit_test(test_what_is_wrong_is_pointed_at),
        WITH_DIR(test_validation_beside_the_table),
        WITH_DIR(test_too_many_folds_and_too_large_fractions),
        WITH_DIR(test_memory_changes_no_split),
        WITH_DIR(test_stratified_or_not),
        WITH_DIR(test_folds_of_runs_partition_the_rows),
        WITH_DIR(test_a_table_of_its_own),
        cmocka_unit_test(test_advice_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
