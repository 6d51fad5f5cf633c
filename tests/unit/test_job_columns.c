/* server/train: what a job says of its columns: bound, written back, described, and checked beside the table. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/buf.h"
#include "server/train/worker.h"
#include "train_fixture.h"

#define BODY(members) "{\"dataset\":\"d\",\"target\":\"y\"," members "}"

/* ---- binding ---------------------------------------------------------------------------------------------------------- */

static void test_what_is_given_is_kept(void **state)
{
    (void)state;
    static const char columns[] =
        "\"columns\":{\"a/b\":{\"role\":\"ignore\"},\"size\":{\"role\":\"ordinal\",\"order\":[\"S\",\"2\",\"true\"],"
        "\"scaling\":\"none\"},\"\":{\"role\":\"categorical\",\"min_frequency\":0.01,\"category_limit\":5},"
        "\"x\":{\"role\":\"auto\"}},\"encoding\":{\"scaling\":\"minmax\",\"min_frequency\":3,\"category_limit\":20},";
    static const char body[] =
        BODY("\"columns\":{\"a/b\":{\"role\":\"ignore\",\"scaling\":\"auto\"},\"size\":{\"order\":[\"S\",2,true],"
             "\"role\":\"ordinal\",\"scaling\":\"none\"},\"\":{\"role\":\"categorical\",\"min_frequency\":0.01,"
             "\"category_limit\":5},\"x\":{}},\"encoding\":{\"scaling\":\"minmax\",\"min_frequency\":3,\"category_limit\":20}");
    struct job_spec s, again;
    struct json_writer w;
    struct buf out;
    spec_of(body, &s);
    buf_init(&out, 100000);
    json_start(&w, &out);
    job_spec_write(&s, &w);
    assert_non_null(strstr(buf_text(&out), columns));
    spec_of(buf_text(&out), &again); /* what is written is read */
    struct encoder_options o = job_spec_encoder_options(&again);
    assert_int_equal(o.column_count, 4);
    assert_int_equal(o.scaling, SCALING_MINMAX);
    assert_true(o.min_frequency == 3);
    assert_int_equal(o.category_limit, 20);
    assert_string_equal(o.columns[1].name, "size");
    assert_int_equal(o.columns[1].role, ROLE_ORDINAL);
    assert_int_equal(o.columns[1].scaling, SCALING_NONE);
    assert_int_equal(o.columns[1].order_count, 3);
    assert_string_equal(o.columns[1].order[1], "2");
    assert_true(isnan(o.columns[1].min_frequency));
    assert_true(o.columns[2].min_frequency == 0.01);
    assert_int_equal(o.columns[2].category_limit, 5);
    buf_done(&out);
    job_spec_done(&s);
    job_spec_done(&again);
}

static void test_the_schema_describes_columns(void **state)
{
    (void)state;
    struct json_writer w;
    struct buf out;
    buf_init(&out, 1 << 20);
    json_start(&w, &out);
    json_schema(job_spec_fields, &w);
    cleanup(json_freep) struct json *schema = json_of(buf_text(&out));
    const struct json *column = json_at(schema, "/properties/columns/additionalProperties");
    assert_string_equal(json_string(json_at(schema, "/properties/columns/type")), "object");
    assert_string_equal(json_string(json_at(column, "/type")), "object");
    assert_string_equal(json_string(json_at(column, "/properties/role/enum/4")), "ignore");
    assert_string_equal(json_string(json_at(column, "/properties/order/items/type/1")), "number");
    assert_false(json_boolean(json_at(column, "/additionalProperties")));
    assert_string_equal(json_string(json_at(schema, "/properties/encoding/properties/scaling/enum/0")), "standard");
    buf_done(&out);
}

struct fault {
    const char *members, *expected[5];
};

static const struct fault faults[] = {
    {"\"columns\":[]", {"/columns", "type"}},
    {"\"columns\":{\"a\":5,\"b\":null}", {"/columns/a", "type", "/columns/b", "type"}},
    {"\"columns\":{\"a/b~\":{\"rol\":1}}", {"/columns/a~1b~0/rol", "unknown"}},
    {"\"columns\":{\"a\":{\"role\":\"text\"}}", {"/columns/a/role", "enum"}},
    {"\"columns\":{\"a\":{},\"a\":{}}", {"/columns/a", "duplicate"}},
    {"\"columns\":{\"a\":{\"scaling\":\"max\"}}", {"/columns/a/scaling", "enum"}},
    {"\"columns\":{\"a\":{\"role\":\"ordinal\"}}", {"/columns/a/order", "required"}},
    {"\"columns\":{\"a\":{\"role\":\"ordinal\",\"order\":[]}}", {"/columns/a/order", "length"}},
    {"\"columns\":{\"a\":{\"role\":\"ordinal\",\"order\":[\"x\",null]}}", {"/columns/a/order/1", "type"}},
    {"\"columns\":{\"a\":{\"order\":[\"x\"]}}", {"/columns/a/order", "value"}},
    {"\"columns\":{\"a\":{\"role\":\"categorical\",\"scaling\":\"none\"}}", {"/columns/a/scaling", "value"}},
    {"\"columns\":{\"a\":{\"role\":\"ignore\",\"scaling\":\"minmax\"}}", {"/columns/a/scaling", "value"}},
    {"\"columns\":{\"a\":{\"min_frequency\":1.5}}", {"/columns/a/min_frequency", "range"}},
    {"\"columns\":{\"a\":{\"min_frequency\":-1}}", {"/columns/a/min_frequency", "range"}},
    {"\"columns\":{\"a\":{\"category_limit\":0}}", {"/columns/a/category_limit", "range"}},
    {"\"encoding\":{\"scaling\":\"auto\"}", {"/encoding/scaling", "enum"}},
    {"\"encoding\":{\"min_frequency\":2.5}", {"/encoding/min_frequency", "range"}},
    {"\"encoding\":{\"min_frequency\":null}", {"/encoding/min_frequency", "type"}},
    {"\"encoding\":{\"category_limit\":1000001}", {"/encoding/category_limit", "range"}},
    {"\"encoding\":{\"limit\":1}", {"/encoding/limit", "unknown"}},
};

static void test_what_is_wrong_is_pointed_at(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(faults); i++) {
        char body[400];
        struct job_spec s;
        struct violations v = {0};
        snprintf(body, sizeof body, "{\"dataset\":\"d\",\"target\":\"y\",%s}", faults[i].members);
        cleanup(json_freep) struct json *root = json_of(body);
        assert_int_equal(job_spec_bind(root, false, &s, &v, NULL), ERR_OK);
        for (size_t k = 0; faults[i].expected[k] && faults[i].expected[k + 1]; k += 2) {
            const struct violation *found = violation_at(&v, faults[i].expected[k]);
            if (!found || strcmp(found->code, faults[i].expected[k + 1]) != 0)
                fail_msg("%s: %s at %s", body, found ? found->code : "nothing", faults[i].expected[k]);
        }
        assert_true(v.count >= 1 && v.count <= 2);
        job_spec_done(&s);
    }
}

/* ---- beside the table ------------------------------------------------------------------------------------------------- */

static const char text[] = "x,colour,size,year,a/b,y\n1,red,S,1,u,10\n2,blue,M,2,v,20\nNA,green,L,1,u,30\n4,,S,2,v,40\n";

struct fit {
    const char *members;
    uint32_t inputs;                    /* when it fits */
    const char *pointer, *code, *words; /* when it does not */
};

static const struct fit fits[] = {
    {"\"columns\":{}", 1 + 4 + 3 + 1 + 2, NULL, NULL, NULL},
    {"\"columns\":{\"colour\":{\"role\":\"ignore\"}}", 1 + 3 + 1 + 2, NULL, NULL, NULL},
    {"\"columns\":{\"size\":{\"role\":\"ordinal\",\"order\":[\"S\",\"M\",\"L\"]}}", 1 + 4 + 1 + 1 + 2, NULL, NULL, NULL},
    {"\"columns\":{\"year\":{\"role\":\"categorical\"}}", 1 + 4 + 3 + 2 + 2, NULL, NULL, NULL},
    {"\"columns\":{\"x\":{\"role\":\"categorical\"},\"size\":{\"min_frequency\":2}}", 4 + 4 + 2 + 1 + 2, NULL, NULL, NULL},
    {"\"encoding\":{\"min_frequency\":2}", 1 + 2 + 2 + 1 + 2, NULL, NULL, NULL},
    {"\"columns\":{\"year\":{\"role\":\"ordinal\",\"order\":[2,1]}},\"features\":[\"year\"]", 1, NULL, NULL, NULL},
    {"\"columns\":{\"colour\":{\"role\":\"ignore\"}},\"features\":[\"x\",\"colour\"]", 1, NULL, NULL, NULL},
    {"\"columns\":{\"color\":{}}", 0, "/columns/color", "not_found", "did you mean \"colour\"?"},
    {"\"columns\":{\"y\":{\"role\":\"ignore\"}}", 0, "/columns/y", "value", "\"y\" is the target, and no feature"},
    {"\"columns\":{\"a/b\":{\"role\":\"numeric\"}}", 0, "/columns/a~1b/role", "value", "holds no number"},
    {"\"columns\":{\"size\":{\"role\":\"ordinal\",\"order\":[\"S\",\"M\"]}}", 0, "/columns/size/order", "value",
     "holds \"L\", which its order lacks"},
    {"\"columns\":{\"size\":{\"category_limit\":2}}", 0, "/columns/size/category_limit", "range", "has 3 categories"},
    {"\"encoding\":{\"category_limit\":2},\"columns\":{\"colour\":{\"role\":\"ignore\"}}", 0, "/columns/size", "range",
     "the column \"size\" has 3 categories, more than the limit of 2"},
    {"\"columns\":{\"x\":{\"min_frequency\":2}}", 0, "/columns/x/min_frequency", "value", "has no min_frequency"},
    {"\"columns\":{\"size\":{\"scaling\":\"none\"}}", 0, "/columns/size/scaling", "value", "has no scaling"},
    {"\"features\":[\"x\"],\"columns\":{\"x\":{\"role\":\"ignore\"}}", 0, "/columns", "value", "no feature"},
};

static void test_columns_beside_the_table(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, text);
    for (size_t i = 0; i < COUNT(fits); i++) {
        char body[400];
        struct job_spec s;
        struct violations v = {0};
        enum task task = TASK_AUTO;
        snprintf(body, sizeof body, "{\"dataset\":\"d\",\"target\":\"y\",%s}", fits[i].members);
        spec_of(body, &s);
        enum err_code code = job_spec_check_table(&s, t, &task, &v);
        if (fits[i].pointer) {
            assert_int_equal(code, ERR_INVALID);
            assert_violations(&v, (const char *[]){fits[i].pointer, fits[i].code, NULL}, body);
            if (!strstr(v.item[0].detail, fits[i].words))
                fail_msg("%s: %s", body, v.item[0].detail);
        } else {
            if (code)
                fail_msg("%s: %s %s", body, v.item[0].pointer, v.item[0].detail);
            assert_int_equal(worker_inputs(&s, t), fits[i].inputs);
        }
        job_spec_done(&s);
    }
    table_unref(t);
}

static void test_several_columns_are_wrong_at_once(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, text);
    struct job_spec s;
    struct violations v = {0};
    enum task task;
    spec_of("{\"dataset\":\"d\",\"target\":\"year\",\"task\":\"multiclass\",\"columns\":{\"size\":{\"category_limit\":1},"
            "\"colour\":{\"role\":\"numeric\"},\"x\":{\"min_frequency\":9}}}", &s);
    assert_int_equal(job_spec_check_table(&s, t, &task, &v), ERR_INVALID);
    assert_violations(&v, (const char *[]){"/columns/size/category_limit", "range", "/columns/colour/role", "value",
                                           "/columns/x/min_frequency", "value", NULL}, "three columns");
    job_spec_done(&s);
    table_unref(t);
}

/* A faulty body is checked beside the table as well: nothing follows from what could not be bound. */
static void test_no_fault_follows_from_another(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, text);
    static const struct {
        const char *members, *pointer;
    } cases[] = {
        {"\"encoding\":{\"category_limit\":2},\"columns\":{\"size\":{\"role\":\"ignore\",\"scaling\":\"none\"},"
         "\"colour\":{\"role\":\"ignore\"}}", "/columns/size/scaling"},
        {"\"columns\":{\"size\":5}", "/columns/size"},
        {"\"validation\":{\"column\":\"year\"}", "/validation/value"},
        {"\"validation\":{\"column\":5,\"value\":2}", "/validation/column"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char body[400];
        struct job_spec s;
        struct violations v = {0};
        enum task task;
        snprintf(body, sizeof body, "{\"dataset\":\"d\",\"target\":\"y\",%s}", cases[i].members);
        cleanup(json_freep) struct json *root = json_of(body);
        assert_int_equal(job_spec_bind(root, false, &s, &v, NULL), ERR_OK);
        (void)job_spec_check_table(&s, t, &task, &v);
        assert_non_null(violation_at(&v, cases[i].pointer));
        for (size_t k = 0; k < v.count; k++)
            if (strncmp(v.item[k].pointer, cases[i].pointer, strlen("/validation")) != 0)
                fail_msg("%s: %s %s", body, v.item[k].pointer, v.item[k].detail);
        job_spec_done(&s);
    }
    table_unref(t);
}

static void test_no_memory(void **state)
{
    (void)state;
    static const char body[] = BODY("\"columns\":{\"a\":{\"role\":\"ordinal\",\"order\":[\"S\",2]},\"b\":{}}");
    cleanup(json_freep) struct json *root = json_of(body);
    struct job_spec s;
    struct violations v = {0};
    struct err err = {0};
    uint64_t before = mem_count();
    assert_int_equal(job_spec_bind(root, false, &s, &v, &err), ERR_OK);
    uint64_t allocations = mem_count() - before;
    job_spec_done(&s);
    uint64_t done_without = 0;
    for (uint64_t nth = 1; nth <= allocations; nth++) {
        mem_fail_at(nth, 0);
        enum err_code code = job_spec_bind(root, false, &s, &v, &err);
        mem_fail_at(0, 0);
        assert_true(code == ERR_OK || code == ERR_NO_MEMORY);
        done_without += code == ERR_OK;
        if (!code)
            job_spec_done(&s);
    }
    assert_int_equal(done_without, 1); /* names that repeat are found without as well */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_given_is_kept),
        cmocka_unit_test(test_the_schema_describes_columns),
        cmocka_unit_test(test_what_is_wrong_is_pointed_at),
        WITH_DIR(test_columns_beside_the_table),
        WITH_DIR(test_several_columns_are_wrong_at_once),
        WITH_DIR(test_no_fault_follows_from_another),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
