/* server/json/reader beside the tree of the same document: whatever json_parse takes is read alike. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/rng.h"
#include "data_fixture.h"
#include "server/json/reader.h"
#include "server/json/write.h"

static void copy_value(struct json_reader *r, struct json_writer *w);

static void copy_parts(struct json_reader *r, struct json_writer *w, bool object)
{
    struct json_reader before = *r;
    size_t count = json_reader_skip(&before), copied = 0;
    for (json_reader_enter(r); json_reader_more(r); copied++) {
        if (object) {
            size_t length;
            const char *key = json_reader_key(r, &length);
            assert_int_equal(length, strlen(key));
            json_name(w, key);
        }
        copy_value(r, w);
    }
    assert_int_equal(copied, count);
    assert_ptr_equal(r->at, before.at);
}

static void copy_value(struct json_reader *r, struct json_writer *w)
{
    struct json_scalar v;
    enum json_kind kind = json_reader_kind(r);
    if (kind == JSON_OBJECT || kind == JSON_ARRAY) {
        (kind == JSON_OBJECT ? json_object : json_array)(w);
        copy_parts(r, w, kind == JSON_OBJECT);
        (kind == JSON_OBJECT ? json_object_end : json_array_end)(w);
        return;
    }
    json_reader_value(r, &v);
    assert_int_equal(v.kind, kind);
    switch (kind) {
    case JSON_STRING: json_put_text(w, v.text, v.length); break;
    case JSON_NUMBER: json_put_double(w, v.number); break;
    case JSON_BOOLEAN: json_put_boolean(w, v.boolean); break;
    default: json_put_null(w);
    }
}

/* Whether it is a document; the reader and the tree then print the same. */
static bool reads_as_the_tree(const char *text)
{
    struct json *tree = NULL;
    struct err err = {0}, other = {0};
    struct json_reader r;
    struct json_writer w;
    struct buf expected, copied;
    char *own = strdup(text);
    buf_init(&expected, 1 << 20);
    buf_init(&copied, 1 << 20);
    enum err_code code = json_parse(text, strlen(text), &tree, &err);
    assert_int_equal(json_reader_start(&r, own, strlen(own), &other), code);
    assert_string_equal(err.message, other.message);
    if (!code) {
        json_print(tree, &expected);
        json_start(&w, &copied);
        copy_value(&r, &w);
        assert_string_equal(buf_text(&copied), buf_text(&expected));
        json_free(tree);
    }
    free(own);
    buf_done(&expected);
    buf_done(&copied);
    return !code;
}

static void test_documents(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "null", " true ", "\tfalse\n", "-0", "0.1", "[]", "{}", " [ ] ", "{ \"\" : \"\" }", "[[],{},[[]],{\"a\":[{}]}]",
        "123456789012345", "1234567890123456", "12345678901234567890", "0.1234567890123456", "1e22", "-1.5E-7", "9007199254740993",
        "0.000001", "100000000000000.5", "1.7976931348623157e308", "5e-324", "[1,-2.5,3e0 , 4]",
        "\"\\u00e9\\u4e2d\\ud83d\\ude00\\n\\\"\\\\\\/\\b\\f\\r\\t x\"", "{\"a\\\"b\":\"]}\",\"c\":[\"\\\\\",\"[\",\"{,\"]}", "\"\xC3\xA9\"",
        "{\"instances\": [{\"x\": 39.1, \"island\": \"Torgersen\", \"sex\": null}, [1, \"a\", true]], \"other\": {\"deep\": [[1]]}}"};
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_true(reads_as_the_tree(texts[i]));
    assert_false(reads_as_the_tree(""));
    assert_false(reads_as_the_tree("[1,]"));
    assert_false(reads_as_the_tree("{} {}"));
}

static void put_random(struct buf *b, struct rng *r, unsigned depth)
{
    static const char *const scalars[] = {"null", "true", "false", "0", "-1", "2.50", "1e3", "-0.0", "\"\"", "\"a\\nb\"", "\"\\u0041,]\"",
                                          "3.141592653589793", "12345678.9"};
    static const char *const spaces[] = {"", "", "", " ", "\n", "\r\n\t"};
    uint64_t kind = rng_below(r, depth ? 4 : 2);
    buf_puts(b, spaces[rng_below(r, COUNT(spaces))]);
    if (kind < 2) {
        buf_puts(b, scalars[rng_below(r, COUNT(scalars))]);
    } else {
        uint64_t parts = rng_below(r, 4);
        buf_putc(b, kind == 2 ? '[' : '{');
        for (uint64_t i = 0; i < parts; i++) {
            buf_puts(b, i ? "," : "");
            buf_puts(b, spaces[rng_below(r, COUNT(spaces))]);
            if (kind == 3)
                buf_printf(b, "\"k%llu\\t\"%s:", (unsigned long long)i, spaces[rng_below(r, COUNT(spaces))]);
            put_random(b, r, depth - 1);
        }
        buf_puts(b, spaces[rng_below(r, COUNT(spaces))]);
        buf_putc(b, kind == 2 ? ']' : '}');
    }
    buf_puts(b, spaces[rng_below(r, COUNT(spaces))]);
}

static void test_random_documents(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 1, RNG_SEARCH, 0);
    for (int i = 0; i < 3000; i++) {
        struct buf b;
        buf_init(&b, 1 << 20);
        put_random(&b, &r, 5);
        assert_true(reads_as_the_tree(buf_text(&b)));
        buf_done(&b);
    }
}

static void test_numbers_are_the_c_librarys(void **state)
{
    (void)state;
    struct rng r;
    char text[64];
    rng_init(&r, 2, RNG_SEARCH, 0);
    for (int i = 0; i < 200000; i++) {
        struct json_reader in;
        struct json_scalar v;
        double value = ((double)rng_below(&r, 2000001) - 1000000) / (double)(1 + rng_below(&r, 1000));
        snprintf(text, sizeof text, "%.*f", (int)rng_below(&r, 17), value);
        assert_int_equal(json_reader_start(&in, text, strlen(text), NULL), ERR_OK);
        json_reader_value(&in, &v);
        double expected = strtod(text, NULL);
        assert_memory_equal(&v.number, &expected, sizeof expected);
        assert_int_equal(*in.at, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_random_documents),
        cmocka_unit_test(test_numbers_are_the_c_librarys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
