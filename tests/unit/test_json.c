/* The scan and cJSON behind it: hostile texts above all, and the values of those that are not. */
#include "json_fixture.h"

#include "core/base/mem.h"
#include <float.h>
#include <math.h>

/* ---- what is refused ------------------------------------------------------------------------------------------------ */

struct refused {
    const char *text;
    size_t length; /* 0: of the text */
    uint64_t line, column;
    const char *says;
};

static const struct refused refused[] = {
    {"   ", 0, 1, 4, "ends"},
    {"{\"a\":1} x", 0, 1, 9, "more text"},
    {"1 2", 0, 1, 3, "more text"},
    {"{}\0", 3, 1, 3, "more text"},
    {"[1,]", 0, 1, 4, "expected a value"},
    {"[1 2]", 0, 1, 4, "expected , or ]"},
    {"[1", 0, 1, 3, "expected , or ]"},
    {"[", 0, 1, 2, "ends"},
    {"]", 0, 1, 1, "expected a value"},
    {"{\"a\":1,}", 0, 1, 8, "expected a key"},
    {"{\"a\" 1}", 0, 1, 6, "expected :"},
    {"{a:1}", 0, 1, 2, "expected a key"},
    {"{'a':1}", 0, 1, 2, "expected a key"},
    {"{\"a\":}", 0, 1, 6, "expected a value"},
    {"{\n  \"a\": 1,\n  \"b\": tru\n}", 0, 3, 8, "expected a value"},
    {"True", 0, 1, 1, "expected a value"},
    {"NaN", 0, 1, 1, "expected a value"},
    {"-Infinity", 0, 1, 1, "digit must follow -"},
    {"nul", 0, 1, 1, "expected a value"},
    {"// 1", 0, 1, 1, "expected a value"},
    {"\xef\xbb\xbf{}", 0, 1, 1, "expected a value"},
    {"[1,\f2]", 0, 1, 4, "expected a value"},
    {"01", 0, 1, 1, "begin with 0"},
    {"-01", 0, 1, 1, "begin with 0"},
    {"00", 0, 1, 1, "begin with 0"},
    {"+1", 0, 1, 1, "expected a value"},
    {".5", 0, 1, 1, "expected a value"},
    {"1.", 0, 1, 3, "decimal point"},
    {"1.e5", 0, 1, 3, "decimal point"},
    {"1e", 0, 1, 3, "exponent"},
    {"1e+", 0, 1, 4, "exponent"},
    {"-", 0, 1, 1, "digit must follow -"},
    {"0x10", 0, 1, 2, "more text"},
    {"1e999", 0, 1, 1, "too large"},
    {"[-1e309]", 0, 1, 2, "too large"},
    {"1.7976931348623159e308", 0, 1, 1, "too large"},
    {"[0.1234567890123456789012345678901234567890123456789012345678901]", 0, 1, 2, "more than 60"},
    {"\"abc", 0, 1, 5, "closing quote"},
    {"\"", 0, 1, 2, "closing quote"},
    {"\"a\nb\"", 0, 1, 3, "control character"},
    {"\"a\tb\"", 0, 1, 3, "control character"},
    {"\"a\0b\"", 5, 1, 3, "NUL"},
    {"\"\\u0000\"", 0, 1, 2, "\\u0000"},
    {"{\"a\\u0000b\":1}", 0, 1, 4, "\\u0000"},
    {"\"\\x41\"", 0, 1, 2, "unknown escape"},
    {"\"\\", 0, 1, 2, "unknown escape"},
    {"\"\\\0\"", 4, 1, 2, "unknown escape"},
    {"\"\\u12g4\"", 0, 1, 2, "four hexadecimal"},
    {"\"\\u12\"", 0, 1, 2, "four hexadecimal"},
    {"\"\\ud800\"", 0, 1, 2, "surrogate"},
    {"\"\\udc00\"", 0, 1, 2, "surrogate"},
    {"\"\\ud800\\u0041\"", 0, 1, 2, "surrogate"},
    {"\"\\ud800\\ud800\"", 0, 1, 2, "surrogate"},
    {"\"\\ud83dx\"", 0, 1, 2, "surrogate"},
    {"\"\\ud83d\\u", 0, 1, 2, "surrogate"},
    {"\"\x80\"", 0, 1, 2, "UTF-8"},
    {"\"\xc0\xaf\"", 0, 1, 2, "UTF-8"},
    {"\"\xc1\xbf\"", 0, 1, 2, "UTF-8"},
    {"\"\xe0\x80\xaf\"", 0, 1, 2, "UTF-8"},
    {"\"\xed\xa0\x80\"", 0, 1, 2, "UTF-8"},
    {"\"\xf4\x90\x80\x80\"", 0, 1, 2, "UTF-8"},
    {"\"\xf5\x80\x80\x80\"", 0, 1, 2, "UTF-8"},
    {"\"\xf0\x8f\xbf\xbf\"", 0, 1, 2, "UTF-8"},
    {"\"\xe2\x82", 0, 1, 2, "UTF-8"},
    {"\"\xe2\x28\xa1\"", 0, 1, 2, "UTF-8"},
    {"\"ok\xff\"", 0, 1, 4, "UTF-8"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        const struct refused *r = &refused[i];
        size_t length = r->length ? r->length : strlen(r->text);
        char *exact = malloc(length); /* so that a sanitizer sees a read behind the end */
        assert_non_null(exact);
        memcpy(exact, r->text, length);
        struct json *untouched = (struct json *)(uintptr_t)8, *root = untouched;
        struct err err = {0};
        assert_int_equal(json_parse(exact, length, &root, &err), ERR_MALFORMED);
        free(exact);
        assert_ptr_equal(root, untouched);
        if (err.line != r->line || err.column != r->column || !strstr(err.message, r->says))
            fail_msg("%s: line %d column %d: %s", r->text, (int)err.line, (int)err.column, err.message);
    }
    struct json *root = NULL;
    assert_int_equal(json_parse("", 0, &root, NULL), ERR_MALFORMED);
    assert_null(root);
}

/* Cutting a good text anywhere makes a bad one: no prefix may be taken, or read past. */
static void test_prefixes(void **state)
{
    (void)state;
    static const char text[] = "{\"k\\u00e9y\":[1.5e-3,-0,true,false,null,\"\\ud83d\\ude00\xe2\x82\xac\"],\"o\":{}}";
    for (size_t length = 0; length < sizeof text - 1; length++) {
        char *exact = malloc(length ? length : 1);
        assert_non_null(exact);
        memcpy(exact, text, length);
        struct json *root = NULL;
        assert_int_equal(json_parse(exact, length, &root, NULL), ERR_MALFORMED);
        assert_null(root);
        free(exact);
    }
    json_free(parse(text));
}

static enum err_code parse_nested(size_t depth, const char *open, const char *close, const char *inner)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    for (size_t i = 0; i < depth; i++)
        buf_puts(&text, open);
    buf_puts(&text, inner);
    for (size_t i = 0; i < depth; i++)
        buf_puts(&text, close);
    struct json *root = NULL;
    struct err err = {0};
    enum err_code code = json_parse(buf_text(&text), text.length, &root, &err);
    if (code)
        assert_non_null(strstr(err.message, "32 deep"));
    json_free(root);
    buf_done(&text);
    return code;
}

static void test_depth(void **state)
{
    (void)state;
    assert_int_equal(parse_nested(JSON_MAX_DEPTH, "[", "]", ""), ERR_OK);
    assert_int_equal(parse_nested(JSON_MAX_DEPTH, "[", "]", "1"), ERR_OK);
    assert_int_equal(parse_nested(JSON_MAX_DEPTH + 1, "[", "]", ""), ERR_MALFORMED);
    assert_int_equal(parse_nested(JSON_MAX_DEPTH, "{\"a\":", "}", "0"), ERR_OK);
    assert_int_equal(parse_nested(JSON_MAX_DEPTH + 1, "{\"a\":", "}", "0"), ERR_MALFORMED);
    assert_int_equal(parse_nested(100000, "[", "]", ""), ERR_MALFORMED);
    /* siblings do not add up */
    struct json *flat = parse("[[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]],[[]]]");
    json_free(flat);
}

static enum err_code parse_zeros(size_t values)
{
    struct buf text;
    buf_init(&text, 4 << 20);
    buf_putc(&text, '[');
    for (size_t i = 0; i < values; i++)
        buf_puts(&text, i ? ",0" : "0");
    buf_putc(&text, ']');
    struct json *root = NULL;
    enum err_code code = json_parse(buf_text(&text), text.length, &root, NULL);
    if (!code)
        assert_int_equal(json_count(root), values);
    json_free(root);
    buf_done(&text);
    return code;
}

static void test_tokens(void **state)
{
    (void)state;
    assert_int_equal(parse_zeros(JSON_MAX_TOKENS - 1), ERR_OK); /* the array is one too */
    assert_int_equal(parse_zeros(JSON_MAX_TOKENS), ERR_MALFORMED);
}

/* ---- values --------------------------------------------------------------------------------------------------------- */

static void test_values(void **state)
{
    (void)state;
    struct json *root = parse(" {\"s\":\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u20ac\\ud83d\\ude00\",\"t\":true,\"f\":false,"
                              "\"n\":null,\"i\":-7,\"a\":[1,2,3],\"o\":{\"x\":1},\"\":5} \r\n\t");
    static const struct {
        const char *key;
        enum json_kind kind;
    } kinds[] = {{"s", JSON_STRING}, {"t", JSON_BOOLEAN}, {"f", JSON_BOOLEAN}, {"n", JSON_NULL},
                 {"i", JSON_NUMBER}, {"a", JSON_ARRAY},   {"o", JSON_OBJECT},  {"", JSON_NUMBER}};
    const struct json *member = json_first(root);
    for (size_t i = 0; i < COUNT(kinds); i++, member = json_next(member)) {
        assert_string_equal(json_key(member), kinds[i].key);
        assert_int_equal(json_kind(member), kinds[i].kind);
        assert_ptr_equal(json_get(root, kinds[i].key), member);
    }
    assert_null(member);
    assert_string_equal(json_string(json_get(root, "s")), "a\"\\/\b\f\n\r\t\xe2\x82\xac\xf0\x9f\x98\x80");
    assert_true(json_boolean(json_get(root, "t")));
    assert_false(json_boolean(json_get(root, "f")));
    assert_true(json_number(json_get(root, "i")) == -7);
    assert_int_equal(json_count(json_get(root, "a")), 3);
    assert_null(json_get(root, "S")); /* case matters */
    assert_null(json_get(root, "x"));
    assert_null(json_get(json_get(root, "a"), "x"));
    assert_null(json_get(NULL, "x"));
    json_free(root);
    assert_string_equal(json_kind_name(JSON_OBJECT), "an object");
    assert_string_equal(json_kind_name(JSON_NULL), "null");
}

static void test_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is;
        int64_t value;
    } cases[] = {{"0", true, 0},
                 {"-0", true, 0},
                 {"1e2", true, 100},
                 {"1.0", true, 1},
                 {"-3", true, -3},
                 {"1.5", false, 0},
                 {"1e-5", false, 0},
                 {"9007199254740991", true, INT64_C(9007199254740991)},
                 {"9007199254740992", true, INT64_C(9007199254740992)},
                 {"-9007199254740992", true, INT64_C(-9007199254740992)},
                 {"9007199254740994", false, 0},
                 {"-9007199254740994", false, 0},
                 {"1e308", false, 0},
                 {"2147483648", true, INT64_C(2147483648)},
                 {"\"1\"", false, 0},
                 {"true", false, 0}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct json *v = parse(cases[i].text);
        int64_t value = 4711;
        if (json_integer(v, &value) != cases[i].is || value != (cases[i].is ? cases[i].value : 4711))
            fail_msg("%s: %lld", cases[i].text, (long long)value);
        json_free(v);
    }
}

static void test_duplicates(void **state)
{
    (void)state;
    static const struct {
        const char *text, *key;
    } cases[] = {{"{}", NULL},
                 {"{\"a\":1}", NULL},
                 {"{\"a\":1,\"A\":2}", NULL},
                 {"{\"a\":1,\"b\":2,\"a\":3}", "a"},
                 {"{\"x\\u0061\":1,\"b\":2,\"xa\":3}", "xa"},
                 {"{\"\":1,\"\":3}", ""},
                 {"[1,1]", NULL},
                 {"1", NULL}};
    for (uint64_t without_memory = 0; without_memory < 2; without_memory++) {
        for (size_t i = 0; i < COUNT(cases); i++) {
            struct json *v = parse(cases[i].text);
            mem_fail_at(without_memory, 1);
            const char *key = json_duplicate(v);
            mem_fail_at(0, 0);
            if (cases[i].key)
                assert_string_equal(key, cases[i].key);
            else
                assert_null(key);
            json_free(v);
        }
    }
}

static void test_equal(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {{"1", "1.0", true},
                 {"0", "-0", true},
                 {"0.1", "0.10000000000000002", false}, /* cJSON's own comparison takes them for equal */
                 {"1", "\"1\"", false},
                 {"true", "true", true},
                 {"true", "false", false},
                 {"null", "null", true},
                 {"null", "false", false},
                 {"\"a\"", "\"\\u0061\"", true},
                 {"\"a\"", "\"A\"", false},
                 {"[1,2]", "[1,2]", true},
                 {"[1,2]", "[2,1]", false},
                 {"[1,2]", "[1]", false},
                 {"[1]", "[1,2]", false},
                 {"{\"a\":1,\"b\":[]}", "{\"b\":[],\"a\":1}", true},
                 {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
                 {"{\"a\":1}", "{\"b\":1}", false},
                 {"{\"a\":1,\"a\":1}", "{\"a\":1,\"b\":1}", false},
                 {"{\"a\":{\"b\":1}}", "{\"a\":{\"b\":2}}", false},
                 {"{}", "{}", true},
                 {"{}", "[]", false}};
    for (uint64_t without_memory = 0; without_memory < 2; without_memory++) {
        for (size_t i = 0; i < COUNT(cases); i++) {
            struct json *a = parse(cases[i].a), *b = parse(cases[i].b);
            mem_fail_at(without_memory, 1);
            bool forth = json_equal(a, b), back = json_equal(b, a);
            mem_fail_at(0, 0);
            if (forth != cases[i].equal || back != cases[i].equal)
                fail_msg("%s and %s", cases[i].a, cases[i].b);
            json_free(a);
            json_free(b);
        }
    }
}

static void test_copy_and_remove(void **state)
{
    (void)state;
    struct json *root = parse("{\"a\":{\"x\":[1,\"two\"]},\"b\":1,\"a\":2}");
    struct json *copy = json_copy(json_get(root, "a"));
    assert_non_null(copy);
    assert_true(json_equal(copy, json_get(root, "a")));
    assert_null(json_key(copy));
    json_remove(root, "a"); /* both */
    json_remove(root, "nothing");
    assert_prints(root, "{\"b\":1}");
    assert_prints(copy, "{\"x\":[1,\"two\"]}");
    json_free(copy);
    json_free(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_copy_and_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
