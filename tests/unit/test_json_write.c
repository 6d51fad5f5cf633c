/* Pointers into documents, the writer, and both without memory. */
#include "json_fixture.h"

#include "core/base/mem.h"
#include "server/json/write.h"
#include <float.h>
#include <math.h>

/* ---- pointers ------------------------------------------------------------------------------------------------------- */

static void test_at(void **state)
{
    (void)state;
    struct json *root = parse("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"m~n\":8,\"~1\":9,\"o\":{\"o\":{\"p\":7}},\" \":3}");
    static const struct {
        const char *pointer, *value; /* NULL: names nothing */
    } cases[] = {{"/foo", "[\"bar\",\"baz\"]"},
                 {"/foo/0", "\"bar\""},
                 {"/foo/1", "\"baz\""},
                 {"/", "0"},
                 {"/a~1b", "1"},
                 {"/m~0n", "8"},
                 {"/~01", "9"},
                 {"/o/o/p", "7"},
                 {"/ ", "3"},
                 {"/foo/2", NULL},
                 {"/foo/-", NULL},
                 {"/foo/00", NULL},
                 {"/foo/01", NULL},
                 {"/foo/+1", NULL},
                 {"/foo/", NULL},
                 {"/foo/99999999999999999999", NULL},
                 {"/foo/0/x", NULL},
                 {"/Foo", NULL},
                 {"/fo", NULL},
                 {"/fooo", NULL},
                 {"foo", NULL},
                 {"/m~n", NULL},
                 {"/m~2n", NULL},
                 {"/m~", NULL},
                 {"/o/o/p/q", NULL},
                 {"//", NULL}};
    assert_ptr_equal(json_at(root, ""), root);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct json *v = json_at(root, cases[i].pointer);
        if (!v != !cases[i].value)
            fail_msg("%s", cases[i].pointer);
        if (v)
            assert_prints(v, cases[i].value);
    }
    json_free(root);
}

struct put {
    const char *root, *pointer, *value, *result; /* NULL: refused */
};

static const struct put puts_at[] = {
    {"{}", "/a", "1", "{\"a\":1}"},
    {"{\"a\":{\"b\":2},\"c\":3}", "/a", "[4]", "{\"a\":[4],\"c\":3}"},
    {"{\"a\":0,\"c\":3}", "/c", "{\"d\":null}", "{\"a\":0,\"c\":{\"d\":null}}"},
    {"{}", "/a/b/c", "true", "{\"a\":{\"b\":{\"c\":true}}}"},
    {"{}", "/", "1", "{\"\":1}"},
    {"{}", "/a~1b/~0", "1", "{\"a/b\":{\"~\":1}}"},
    {"{\"n\":[1,2,3]}", "/n/0", "9", "{\"n\":[9,2,3]}"},
    {"{\"n\":[1,2,3]}", "/n/2", "9", "{\"n\":[1,2,9]}"},
    {"{\"n\":[{\"u\":1}]}", "/n/0/u", "2", "{\"n\":[{\"u\":2}]}"},
    {"{\"n\":[{}]}", "/n/0/u/v", "2", "{\"n\":[{\"u\":{\"v\":2}}]}"},
    {"{\"n\":[1]}", "/n/1", "2", NULL},
    {"{\"n\":[1]}", "/n/-", "2", NULL},
    {"{\"n\":[1]}", "/n/x", "2", NULL},
    {"{\"n\":1}", "/n/x", "2", NULL},
    {"{\"n\":\"s\"}", "/n/x/y", "2", NULL},
    {"{\"n\":null}", "/n/x", "2", NULL},
    {"{\"a\":1}", "", "2", NULL},
    {"{\"a\":1}", "a", "2", NULL},
    {"{\"a\":1}", "/a~", "2", NULL},
};

static void test_set(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(puts_at); i++) {
        const struct put *p = &puts_at[i];
        struct json *root = parse(p->root), *value = parse(p->value);
        struct err err = {0};
        enum err_code code = json_set(root, p->pointer, value, &err);
        if (code != (p->result ? ERR_OK : ERR_INVALID))
            fail_msg("%s in %s: %s", p->pointer, p->root, err.message);
        assert_prints(root, p->result ? p->result : p->root);
        if (p->result)
            assert_true(json_equal(json_at(root, p->pointer), value));
        json_free(value);
        json_free(root);
    }
}

static void test_set_own_part(void **state)
{
    (void)state;
    struct json *root = parse("{\"a\":{\"b\":[1]},\"c\":2}");
    assert_int_equal(json_set(root, "/a", json_at(root, "/a/b"), NULL), ERR_OK);
    assert_int_equal(json_set(root, "/c", json_at(root, "/a"), NULL), ERR_OK);
    assert_int_equal(json_set(root, "/a/0", json_at(root, "/c"), NULL), ERR_OK);
    assert_prints(root, "{\"a\":[[1]],\"c\":[1]}");
    json_free(root);
}

/* A pointer of many segments may not build what cannot be read back. */
static void test_set_depth(void **state)
{
    (void)state;
    struct buf pointer;
    buf_init(&pointer, 1 << 20);
    struct json *root = parse("{}"), *number = parse("1"), *array = parse("[]");
    for (int i = 0; i < JSON_MAX_DEPTH; i++)
        buf_puts(&pointer, "/a");
    assert_int_equal(json_set(root, buf_text(&pointer), array, NULL), ERR_INVALID);
    assert_prints(root, "{}");
    assert_int_equal(json_set(root, buf_text(&pointer), number, NULL), ERR_OK);
    struct buf text;
    buf_init(&text, 1 << 20);
    json_print(root, &text);
    json_free(parse_bytes(buf_text(&text), text.length));
    buf_puts(&pointer, "/a");
    assert_int_equal(json_set(root, buf_text(&pointer), number, NULL), ERR_INVALID);
    for (int i = 0; i < 100000; i++)
        buf_puts(&pointer, "/a");
    assert_int_equal(json_set(root, buf_text(&pointer), number, NULL), ERR_INVALID);
    json_free(root);
    json_free(number);
    json_free(array);
    buf_done(&text);
    buf_done(&pointer);
}

/* ---- without memory -------------------------------------------------------------------------------------------------- */

static void test_parse_without_memory(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1,{\"b\":\"text\"}],\"c\":null}";
    uint64_t nth = 1;
    for (;; nth++) {
        struct json *root = NULL;
        mem_fail_at(nth, 0);
        enum err_code code = json_parse(text, sizeof text - 1, &root, NULL);
        mem_fail_at(0, 0);
        if (!code) {
            json_free(root);
            break;
        }
        assert_int_equal(code, ERR_NO_MEMORY);
        assert_null(root);
    }
    assert_true(nth > 6); /* six values: the hooks are in place */
}

static void test_set_without_memory(void **state)
{
    (void)state;
    struct json *value = parse("{\"x\":[1,\"y\"]}");
    uint64_t nth = 1;
    for (enum err_code code = ERR_NO_MEMORY; code; nth++) {
        struct json *root = parse("{\"a\":1}");
        mem_fail_at(nth, 0);
        code = json_set(root, "/b/c/d", value, NULL);
        mem_fail_at(0, 0);
        assert_true(code == ERR_OK || code == ERR_NO_MEMORY);
        assert_true(json_number(json_get(root, "a")) == 1);
        json_free(root);
    }
    assert_true(nth > 6);
    json_free(value);
}

/* ---- writing -------------------------------------------------------------------------------------------------------- */

static void test_number_text(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},
                 {-0.0, "-0"},
                 {100, "100"},
                 {-1, "-1"},
                 {0.1, "0.1"},
                 {0.3, "0.3"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {1e15, "1000000000000000"},
                 {9007199254740991.0, "9007199254740991"},
                 {9007199254740992.0, "9007199254740992"},
                 {-9007199254740992.0, "-9007199254740992"},
                 {1e22, "1e+22"},
                 {1e-7, "1e-07"},
                 {DBL_MAX, "1.7976931348623157e+308"},
                 {(double)NAN, "null"},
                 {(double)INFINITY, "null"},
                 {-(double)INFINITY, "null"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[JSON_NUMBER_SIZE];
        assert_string_equal(json_number_text(cases[i].value, text), cases[i].text);
    }
}

static void test_numbers_read_back(void **state)
{
    (void)state;
    uint64_t bits = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17; /* xorshift: every exponent */
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        char text[JSON_NUMBER_SIZE];
        struct json *v = parse(json_number_text(value, text));
        double back = json_number(v);
        assert_memory_equal(&back, &value, sizeof value);
        json_free(v);

        uint32_t half = (uint32_t)bits;
        float single;
        memcpy(&single, &half, sizeof single);
        if (!isfinite(single))
            continue;
        struct buf out;
        struct json_writer w;
        buf_init(&out, 64);
        json_start(&w, &out);
        json_put_float(&w, single);
        float single_back = strtof(buf_text(&out), NULL);
        assert_memory_equal(&single_back, &single, sizeof single);
        assert_true(out.length <= 16); /* nine digits, sign, point, exponent */
        buf_done(&out);
    }
}

static void test_writer(void **state)
{
    (void)state;
    struct buf out;
    struct json_writer w;
    buf_init(&out, 4096);
    json_start(&w, &out);
    json_object(&w);
    json_field_string(&w, "s", "a\"b\\c\n\x01\x7f\xe2\x82\xac");
    json_field_string(&w, "n\"", NULL);
    json_field_double(&w, "d", 0.5);
    json_field_integer(&w, "i", INT64_MIN);
    json_field_unsigned(&w, "u", UINT64_MAX);
    json_field_boolean(&w, "b", true);
    json_field_time(&w, "t", 1714566896789);
    json_field_time(&w, "t0", 0);
    json_field_raw(&w, "r", "[1]");
    json_field_raw(&w, "r0", NULL);
    json_name(&w, "a");
    json_array(&w);
    json_array(&w);
    json_array_end(&w);
    json_object(&w);
    json_object_end(&w);
    json_put_float(&w, 0.1f);
    json_put_float(&w, 100.0f);
    json_put_float(&w, NAN);
    json_put_double(&w, (double)INFINITY);
    json_put_null(&w);
    json_put_boolean(&w, false);
    json_put_text(&w, "xyz", 2);
    json_array_end(&w);
    json_field_integer(&w, "z", 1);
    json_object_end(&w);
    assert_false(out.failed);
    assert_string_equal(buf_text(&out),
                        "{\"s\":\"a\\\"b\\\\c\\n\\u0001\x7f\xe2\x82\xac\",\"n\\\"\":null,\"d\":0.5,"
                        "\"i\":-9223372036854775808,\"u\":18446744073709551615,\"b\":true,"
                        "\"t\":\"2024-05-01T12:34:56.789Z\",\"t0\":null,\"r\":[1],\"r0\":null,"
                        "\"a\":[[],{},0.1,100,null,null,null,false,\"xy\"],\"z\":1}");
    json_free(parse_bytes(buf_text(&out), out.length));
    buf_done(&out);
}

/* Whatever bytes come in, what goes out is JSON. */
static void test_bad_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {{"\x80", "\"\xef\xbf\xbd\""},
                 {"a\xff" "b", "\"a\xef\xbf\xbd" "b\""},
                 {"\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
                 {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
                 {"\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf out;
        struct json_writer w;
        buf_init(&out, 64);
        json_start(&w, &out);
        json_put_string(&w, cases[i].in);
        assert_string_equal(buf_text(&out), cases[i].out);
        json_free(parse_bytes(buf_text(&out), out.length));
        buf_done(&out);
    }
}

static void test_writer_limits(void **state)
{
    (void)state;
    struct buf out;
    struct json_writer w;
    buf_init(&out, 8);
    json_start(&w, &out);
    json_put_string(&w, "longer than eight");
    assert_true(out.failed);
    buf_done(&out);
    buf_init(&out, 1000);
    json_start(&w, &out);
    for (int i = 0; i < 63; i++)
        json_array(&w);
    assert_false(out.failed);
    json_array(&w);
    assert_true(out.failed);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_set_own_part),
        cmocka_unit_test(test_set_depth),
        cmocka_unit_test(test_parse_without_memory),
        cmocka_unit_test(test_set_without_memory),
        cmocka_unit_test(test_number_text),
        cmocka_unit_test(test_numbers_read_back),
        cmocka_unit_test(test_writer),
        cmocka_unit_test(test_bad_utf8),
        cmocka_unit_test(test_writer_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
