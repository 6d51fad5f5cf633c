/* server/api/dataset_schema: columns as JSON, and tables given as JSON. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "server/api/dataset_schema.h"
#include "train_fixture.h"

/* ---- names ------------------------------------------------------------------------------------------------------------ */

static void test_names_of_datasets(void **state)
{
    (void)state;
    static const char *const fine[] = {"penguins", "a", "A-b_c.d", "7up", "2024-05-01", "0x10", "x..", "1."};
    static const char *const wrong[] = {"",     ".hidden", "-x",  "_x", "a b", "a/b", "a\\b", "..",      "../x",
                                        "a\nb", "a%2f",    "123", "0",  "a,b", "a:b", "\xC3\xA9", "a\xFF", "a\"b"};
    char name[130];
    for (size_t i = 0; i < COUNT(fine); i++)
        if (dataset_name_fault(fine[i]))
            fail_msg("%s %s", fine[i], dataset_name_fault(fine[i]));
    for (size_t i = 0; i < COUNT(wrong); i++)
        if (!dataset_name_fault(wrong[i]))
            fail_msg("\"%s\" is fine", wrong[i]);
    memset(name, 'n', sizeof name);
    name[128] = '\0';
    assert_null(dataset_name_fault(name));
    name[128] = 'n';
    name[129] = '\0';
    assert_string_equal(dataset_name_fault(name), "must have 1..128 characters");
    assert_string_equal(dataset_name_fault("42"), "must not be digits alone: those are ids");
}

/* ---- columns ---------------------------------------------------------------------------------------------------------- */

static void assert_schema(struct data_fixture *f, const char *text, const char *expected)
{
    struct table *t = table_of(f, text);
    struct json_writer w;
    struct buf out;
    buf_init(&out, 10000);
    json_start(&w, &out);
    dataset_schema_write(t, &w);
    assert_string_equal(buf_text(&out), expected);
    cleanup(json_freep) struct json *valid = json_of(buf_text(&out));
    assert_int_equal(json_count(valid), table_columns(t));
    buf_done(&out);
    table_unref(t);
}

static void test_columns_as_json(void **state)
{
    assert_schema(*state, "x,\"a \"\"c\"\"\"\n1,red\n3,\"b,\nlue\"\nNA,red\n",
                  "[{\"name\":\"x\",\"type\":\"numeric\",\"missing\":1,\"min\":1,\"max\":3,\"mean\":2,"
                  "\"standard_deviation\":1},{\"name\":\"a \\\"c\\\"\",\"type\":\"categorical\",\"missing\":0,"
                  "\"distinct\":2,\"categories\":[{\"value\":\"red\",\"count\":2},{\"value\":\"b,\\nlue\",\"count\":1}]}]");
    assert_schema(*state, "x,y\n,1\n,2\n", /* no value at all: what is not a number is null */
                  "[{\"name\":\"x\",\"type\":\"numeric\",\"missing\":2,\"min\":null,\"max\":null,\"mean\":null,"
                  "\"standard_deviation\":null},{\"name\":\"y\",\"type\":\"numeric\",\"missing\":0,\"min\":1,\"max\":2,"
                  "\"mean\":1.5,\"standard_deviation\":0.5}]");
}

/* Of 3000 categories, the thousand that most rows have: those from n2000 on, which are there twice, and the last three times. */
static void test_many_categories(void **state)
{
    struct buf csv, out;
    struct json_writer w;
    buf_init(&csv, 1 << 20);
    buf_init(&out, 1 << 20);
    buf_puts(&csv, "name,y\n");
    for (int i = 0; i < 3000; i++)
        for (int times = 0; times < 1 + (i >= 2000) + (i == 2999); times++)
            buf_printf(&csv, "n%d,1\n", i);
    struct table *t = table_of(*state, buf_text(&csv));
    json_start(&w, &out);
    dataset_schema_write(t, &w);
    cleanup(json_freep) struct json *schema = json_of(buf_text(&out));
    const struct json *categories = json_at(schema, "/0/categories");
    assert_int_equal(json_count(categories), 1000);
    assert_true(json_number(json_at(schema, "/0/distinct")) == 3000);
    assert_string_equal(json_string(json_at(categories, "/0/value")), "n2999");
    assert_true(json_number(json_at(categories, "/0/count")) == 3);
    assert_string_equal(json_string(json_at(categories, "/1/value")), "n2000");
    assert_string_equal(json_string(json_at(categories, "/999/value")), "n2998");
    buf_done(&csv);
    buf_done(&out);
    table_unref(t);
}

static void assert_options(struct csv_options o, const char *expected)
{
    struct json_writer w;
    struct buf out;
    buf_init(&out, 1000);
    json_start(&w, &out);
    dataset_options_write(&o, &w);
    assert_string_equal(buf_text(&out), expected);
    buf_done(&out);
}

/* Different options never look the same: uploads under one name are compared by these texts. */
static void test_options_as_json(void **state)
{
    (void)state;
    static const char *const missing[] = {"-", "", "a\"b"};
    assert_options((struct csv_options){0}, "{\"delimiter\":\"\",\"decimal\":\"\",\"missing\":[]}");
    assert_options((struct csv_options){.delimiter = '\t', .decimal = ',', .missing = missing, .missing_count = 3},
                   "{\"delimiter\":\"\\t\",\"decimal\":\",\",\"missing\":[\"-\",\"\",\"a\\\"b\"]}");
}

/* ---- inline tables ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *body;
    const char *wrong[13];
} refused[] = {
    {"[]", {"", "type"}},
    {"{}", {"/name", "required", "/columns", "required", "/rows", "required"}},
    {"{\"name\":1,\"columns\":2,\"rows\":3}", {"/name", "type", "/columns", "type", "/rows", "type"}},
    {"{\"name\":\"a b\",\"columns\":[],\"rows\":[]}", {"/name", "value", "/columns", "type", "/rows", "type"}},
    {"{\"name\":\"7\",\"columns\":[\"x\"],\"rows\":[[1]]}", {"/name", "value"}},
    {"{\"name\":\"d\",\"columns\":[\"x\",\"\",3,null],\"rows\":[[1,2,3,4]]}",
     {"/columns/1", "type", "/columns/2", "type", "/columns/3", "type"}},
    {"{\"name\":\"d\",\"columns\":[\"x\",\"y\"],\"rows\":[[1,2],3,[1],[1,2,3],[[1],{}],null]}",
     {"/rows/1", "type", "/rows/2", "length", "/rows/3", "length", "/rows/4/0", "type", "/rows/4/1", "type", "/rows/5",
      "type"}},
    {"{\"name\":\"d\",\"columns\":[\"x\"],\"rows\":[[1]],\"colums\":1}", {"/colums", "unknown"}},
    {"{\"name\":\"d\",\"columns\":[\"x\"],\"rows\":[[1]],\"a/b~c\":1}", {"/a~1b~0c", "unknown"}},
};

static void test_inline_tables_that_are_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        cleanup(json_freep) struct json *body = json_of(refused[i].body);
        struct inline_table table;
        struct violations v = {0};
        inline_table_read(body, &table, &v);
        assert_violations(&v, refused[i].wrong, refused[i].body);
    }
}

/* The table of an inline one. */
static struct table *built(struct data_fixture *f, const char *text)
{
    cleanup(json_freep) struct json *body = json_of(text);
    struct inline_table table;
    struct violations v = {0};
    struct table_builder *b;
    char sha256[65];
    inline_table_read(body, &table, &v);
    assert_int_equal(v.count, 0);
    assert_string_equal(table.name, "d");
    assert_int_equal(table_builder_new(f->path, &(struct csv_options){.delimiter = ',', .decimal = '.'}, &b, &f->err), ERR_OK);
    if (inline_table_feed(&table, b, &f->err) || table_builder_finish(b, sha256, &f->err))
        fail_msg("%s", f->err.message);
    table_builder_free(b);
    return open_table(f);
}

static void test_every_text_comes_through(void **state)
{
    struct data_fixture *f = *state;
    static const char *const texts[] = {"plain",  "with, comma", "\"quoted\"",  "\"", "two\nlines", "a\rb", "a\r\nb",
                                        " blank ", "\xC3\xA9\xF0\x9F\x98\x80", ";|\t", "'", "\\",        "#",    "=1+1"};
    struct table *t = built(f, "{\"name\":\"d\",\"columns\":[\"a,\\\"b\\\"\\n\",\"n\"],\"rows\":["
                               "[\"plain\",1],[\"with, comma\",1],[\"\\\"quoted\\\"\",1],[\"\\\"\",1],[\"two\\nlines\",1],"
                               "[\"a\\rb\",1],[\"a\\r\\nb\",1],[\" blank \",1],[\"\\u00e9\\ud83d\\ude00\",1],"
                               "[\";|\\t\",1],[\"'\",1],[\"\\\\\",1],[\"#\",1],"
                               "[\"=1+1\",1]]}");
    assert_string_equal(table_column(t, 0)->name, "a,\"b\"\n");
    assert_int_equal(table_rows(t), COUNT(texts));
    for (uint64_t i = 0; i < COUNT(texts); i++)
        assert_string_equal(cell_text(t, 0, i), texts[i]);
    table_unref(t);
}

static void test_every_kind_of_cell(void **state)
{
    struct data_fixture *f = *state;
    static const double numbers[] = {1, -2.5, 0.1, 1e-7, 1e300, 12345678901234567.0, 0.30000000000000004};
    struct table *t = built(f, "{\"name\":\"d\",\"columns\":[\"n\",\"b\",\"m\"],\"rows\":[[1,true,null],[-2.5,false,null],"
                               "[0.1,true,\"\"],[1e-7,null,null],[1e300,true,\"NA\"],[12345678901234567,true,null],"
                               "[0.30000000000000004,true,null]]}");
    for (uint64_t i = 0; i < COUNT(numbers); i++)
        assert_true(table_number(t, 0, i) == numbers[i]);
    assert_string_equal(cell_text(t, 1, 0), "true");
    assert_string_equal(cell_text(t, 1, 1), "false");
    assert_int_equal(table_code(t, 1, 3), -1);
    assert_int_equal(table_column(t, 2)->missing, COUNT(numbers));
    table_unref(t);
}

/* A lone missing cell is a row all the same, though an empty line is none. */
static void test_a_column_alone(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = built(f, "{\"name\":\"d\",\"columns\":[\"x\"],\"rows\":[[1],[null],[\"\"],[4]]}");
    assert_int_equal(table_rows(t), 4);
    assert_int_equal(table_column(t, 0)->missing, 2);
    assert_true(table_number(t, 0, 3) == 4);
    table_unref(t);
}

static void test_no_memory(void **state)
{
    struct data_fixture *f = *state;
    cleanup(json_freep) struct json *body = json_of("{\"name\":\"d\",\"columns\":[\"x\"],\"rows\":[[1],[\"abc\"]]}");
    struct inline_table table;
    struct violations v = {0};
    struct table_builder *b;
    inline_table_read(body, &table, &v);
    assert_int_equal(v.count, 0);
    assert_int_equal(table_builder_new(f->path, &(struct csv_options){0}, &b, &f->err), ERR_OK);
    mem_fail_at(1, 0);
    assert_int_equal(inline_table_feed(&table, b, &f->err), ERR_NO_MEMORY);
    mem_fail_at(0, 0);
    table_builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_datasets),
        WITH_DIR(test_columns_as_json),
        WITH_DIR(test_many_categories),
        cmocka_unit_test(test_options_as_json),
        cmocka_unit_test(test_inline_tables_that_are_none),
        WITH_DIR(test_every_text_comes_through),
        WITH_DIR(test_every_kind_of_cell),
        WITH_DIR(test_a_column_alone),
        WITH_DIR(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
