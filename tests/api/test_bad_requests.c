/* Bad datasets and predictions in JSON, queries, content types, URIs, idempotency keys. What libcurl cannot send is in
 * test_raw.c. */
#include "support/api.h"

#include "support/bad.h"

/* Run 1 of job 1 has succeeded; its features are the seven columns beside species. */
#define X43 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define LONG_NAME X43 X43 X43
_Static_assert(sizeof LONG_NAME == 130, "one more than a name may have");

/* ---- JSON bodies -------------------------------------------------------------------------------------------------- */

#define TABLE(body, where, code) {"POST", "/v1/datasets", "application/json", body, 0, 422, where, code, NULL}
#define ROWS ",\"rows\":[[1,2]]"
#define COLUMNS ",\"columns\":[\"a\",\"b\"]"
#define NAMED(name) TABLE("{\"name\":" name COLUMNS ROWS "}", "/name", "value")

static const struct bad_input tables[] = {
    TABLE("[]", "", "type"), TABLE("\"x\"", "", "type"), TABLE("{\"columns\":[\"a\",\"b\"]" ROWS "}", "/name", "required"),
    TABLE("{\"name\":5" COLUMNS ROWS "}", "/name", "type"), TABLE("{\"name\":null" COLUMNS ROWS "}", "/name", "type"),
    NAMED("\"\""), NAMED("\"-a\""), NAMED("\".a\""), NAMED("\"_a\""), NAMED("\"a b\""), NAMED("\"a/b\""), NAMED("\"../a\""),
    NAMED("\"\xc3\xbc\""), NAMED("\"a\\n\""), NAMED("\"" LONG_NAME "\""), NAMED("\"123\""), NAMED("\"a,b\""),
    NAMED("\"<b>\""), TABLE("{\"name\":\"t\"" ROWS "}", "/columns", "required"),
    TABLE("{\"name\":\"t\",\"columns\":[]" ROWS "}", "/columns", "type"),
    TABLE("{\"name\":\"t\",\"columns\":{}" ROWS "}", "/columns", "type"),
    TABLE("{\"name\":\"t\",\"columns\":\"a,b\"" ROWS "}", "/columns", "type"),
    TABLE("{\"name\":\"t\",\"columns\":[\"a\",5]" ROWS "}", "/columns/1", "type"),
    TABLE("{\"name\":\"t\",\"columns\":[\"\",\"b\"]" ROWS "}", "/columns/0", "type"),
    TABLE("{\"name\":\"t\",\"columns\":[\"a\",\"a\"]" ROWS "}", "/columns/1", "duplicate"),
    TABLE("{\"name\":\"t\"" COLUMNS "}", "/rows", "required"),
    TABLE("{\"name\":\"t\"" COLUMNS ",\"rows\":[]}", "/rows", "type"),
    TABLE("{\"name\":\"t\"" COLUMNS ",\"rows\":{}}", "/rows", "type"),
    TABLE("{\"name\":\"t\"" COLUMNS ",\"rows\":[5]}", "/rows/0", "type"),
    TABLE("{\"name\":\"t\"" COLUMNS ",\"rows\":[[1,2],{}]}", "/rows/1", "type"),
    TABLE("{\"name\":\"t\"" COLUMNS ",\"rows\":[[1,2],[1]]}", "/rows/1", "length"),
    TABLE("{\"name\":\"t\"" COLUMNS ",\"rows\":[[1,2,3]]}", "/rows/0", "length"),
    TABLE("{\"name\":\"t\"" COLUMNS ",\"rows\":[[]]}", "/rows/0", "length"),
    TABLE("{\"name\":\"t\"" COLUMNS ",\"rows\":[[1,[2]]]}", "/rows/0/1", "type"),
    TABLE("{\"name\":\"t\"" COLUMNS ",\"rows\":[[{},2]]}", "/rows/0/0", "type"),
    TABLE("{\"name\":\"t\",\"bogus\":1" COLUMNS ROWS "}", "/bogus", "unknown"),
    TABLE("{\"name\":\"t\",\"a/b\":1" COLUMNS ROWS "}", "/a~1b", "unknown"),
    TABLE("{\"name\":\"t\",\"name\":\"u\"" COLUMNS ROWS "}", "/name", "duplicate"),
    {"POST", "/v1/datasets", "application/json", "{", 0, 400, "malformed", NULL, NULL},
    {"POST", "/v1/datasets", "application/json", "", 0, 400, "malformed", NULL, NULL},
    {"POST", "/v1/datasets", "application/json", BYTES("{\"name\":\"t\0\"" COLUMNS ROWS "}"), 400, "malformed", NULL, NULL},
    {"POST", "/v1/datasets", "application/json", BYTES("{\"name\":\"t\"" COLUMNS ",\"rows\":[[1e999,2]]}"), 400, "malformed",
     NULL, NULL},
};

#define PREDICT(body, where, code) {"POST", "/v1/runs/1/predict", "application/json", body, 0, 422, where, code, NULL}
#define PREDICT_TEXT(body) {"POST", "/v1/runs/1/predict", "application/json", BYTES(body), 400, "malformed", NULL, NULL}

static const struct bad_input predictions[] = {
    PREDICT("[]", "", "type"), PREDICT("[{\"year\":2007}]", "", "type"), PREDICT("{}", "/instances", "required"),
    PREDICT("{\"instances\":{}}", "/instances", "type"), PREDICT("{\"instances\":null}", "/instances", "type"),
    PREDICT("{\"instances\":\"x\"}", "/instances", "type"), PREDICT("{\"instances\":[],\"bogus\":1}", "/bogus", "unknown"),
    PREDICT("{\"instances\":[],\"a~/\":1}", "/a~0~1", "unknown"),
    PREDICT("{\"instances\":[],\"instances\":[]}", "/instances", "duplicate"),
    PREDICT("{\"instances\":[5]}", "/instances/0", "type"), PREDICT("{\"instances\":[{},null]}", "/instances/1", "type"),
    PREDICT("{\"instances\":[{},{},\"x\"]}", "/instances/2", "type"),
    PREDICT("{\"instances\":[[]]}", "/instances/0", "length"),
    PREDICT("{\"instances\":[[\"Biscoe\",1,2,3,4,\"male\"]]}", "/instances/0", "length"),
    PREDICT("{\"instances\":[[\"Biscoe\",1,2,3,4,\"male\",2007,1]]}", "/instances/0", "length"),
    PREDICT("{\"instances\":[{\"bogus\":1}]}", "/instances/0/bogus", "unknown"),
    PREDICT("{\"instances\":[{},{\"Year\":1}]}", "/instances/1/Year", "unknown"),
    PREDICT("{\"instances\":[{\"a/b\":1}]}", "/instances/0/a~1b", "unknown"),
    PREDICT("{\"instances\":[{\"\":1}]}", "/instances/0/", "unknown"),
    PREDICT("{\"instances\":[{\"year\":1,\"year\":1}]}", "/instances/0/year", "duplicate"),
    PREDICT("{\"instances\":[{\"year\":\"2007\"}]}", "/instances/0/year", "type"),
    PREDICT("{\"instances\":[{\"year\":true}]}", "/instances/0/year", "type"),
    PREDICT("{\"instances\":[{\"year\":[2007]}]}", "/instances/0/year", "type"),
    PREDICT("{\"instances\":[{\"island\":[\"Dream\"]}]}", "/instances/0/island", "type"),
    PREDICT("{\"instances\":[{\"island\":{}}]}", "/instances/0/island", "type"),
    PREDICT("{\"instances\":[{},[\"Dream\",1,2,3,\"4\",\"male\",2007]]}", "/instances/1/4", "type"),
    PREDICT_TEXT("{\"instances\":[}"), PREDICT_TEXT("{\"instances\":[{\"year\":1e999}]}"),
    PREDICT_TEXT("{\"instances\":[{\"year\":NaN}]}"), PREDICT_TEXT("{\"instances\":[]} []"),
    PREDICT_TEXT("{\"instances\":[{\"island\":\"\0\"}]}"), PREDICT_TEXT("{\"instances\":[{\"island\":\"\xff\"}]}"),
    PREDICT_TEXT("\0"), {"POST", "/v1/runs/1/predict", "application/json", "", 0, 400, "malformed", NULL, NULL},
    {"POST", "/v1/runs/1/predict?points=1", "application/json", "{\"instances\":[]}", 0, 400, "query", NULL, NULL},
};

/* ---- queries ------------------------------------------------------------------------------------------------------ */

#define GET(path) {"GET", path, NULL, NULL, 0, 400, "query", NULL, NULL}
#define CURSOR(path) {"GET", path, NULL, NULL, 0, 400, "cursor", NULL, NULL}
#define PLACE(path) {"GET", path, NULL, NULL, 0, 400, "malformed", NULL, NULL}
#define CSV(query) {"POST", "/v1/datasets?" query, "text/csv", "a,b\n1,2\n", 0, 400, "query", NULL, NULL}
#define SEX "{\"dataset\":\"penguins\",\"target\":\"sex\"}"
#define DRY(query) {"POST", "/v1/jobs?" query, "application/json", SEX, 0, 400, "query", NULL, NULL}

static const struct bad_input queries[] = {
    GET("/v1/datasets?limit=0"), GET("/v1/datasets?limit=201"), GET("/v1/datasets?limit=x"), GET("/v1/datasets?limit="),
    GET("/v1/datasets?limit"), GET("/v1/datasets?limit=-1"), GET("/v1/datasets?limit=+1"), GET("/v1/datasets?limit=1%20"),
    GET("/v1/datasets?limit=1.5"), GET("/v1/datasets?limit=1e1"), GET("/v1/datasets?limit=0x1"),
    GET("/v1/datasets?limit=1&limit=2"), GET("/v1/datasets?limit=18446744073709551617"),
    GET("/v1/datasets?limit=4294967297"), GET("/v1/datasets?Limit=1"), GET("/v1/jobs?limit=0"), GET("/v1/jobs?limit=201"),
    GET("/v1/jobs?status=done"), GET("/v1/jobs?status="), GET("/v1/jobs?status=QUEUED"),
    GET("/v1/jobs?status=queued,running"), CURSOR("/v1/datasets?cursor=x"),
    CURSOR("/v1/datasets?cursor="), CURSOR("/v1/datasets?cursor=0"), CURSOR("/v1/datasets?cursor=-1"),
    CURSOR("/v1/datasets?cursor=99999999999999999999"), PLACE("/v1/jobs?cursor=x"), PLACE("/v1/jobs?cursor=1;2"),
    GET("/v1/datasets/penguins/rows?offset=-1"), GET("/v1/datasets/penguins/rows?offset=x"),
    GET("/v1/datasets/penguins/rows?offset=4294967296"), GET("/v1/datasets/penguins/rows?limit=0"),
    GET("/v1/datasets/penguins/rows?limit=201"), GET("/v1/jobs/1?wait=-1"), GET("/v1/jobs/1?wait=61"),
    GET("/v1/jobs/1?wait=x"), GET("/v1/jobs/1?wait="), GET("/v1/jobs/1?wait=1.5"), GET("/v1/runs/1?wait=61"),
    GET("/v1/runs/1/epochs?from=0"), GET("/v1/runs/1/epochs?to=0"), GET("/v1/runs/1/epochs?from=-1"),
    GET("/v1/runs/1/epochs?from=x"), GET("/v1/runs/1/epochs?to=4294967296"), GET("/v1/runs/1/epochs?points=0"),
    GET("/v1/runs/1/epochs?points=100001"), GET("/v1/runs/1/epochs?points=x"), GET("/v1/runs/1/layers?from=0"),
    GET("/v1/runs/1/layers?points=0"), GET("/v1/runs/1/evaluation?points=5"), GET("/v1/runs/1/model?download=1"), CSV(""),
    CSV("name="), CSV("name=-a"), CSV("name=.a"), CSV("name=a%20b"), CSV("name=a%2Fb"), CSV("name=..%2Fa"), CSV("name=123"),
    CSV("name=" LONG_NAME), CSV("name=%C3%BC"), CSV("name=a&name=b"), CSV("name=a&delimiter=x"), CSV("name=a&delimiter="),
    CSV("name=a&delimiter=,,"), CSV("name=a&delimiter=%0A"), CSV("name=a&delimiter=%22"), CSV("name=a&delimiter=comma"),
    CSV("name=a&decimal=;"), CSV("name=a&decimal="), CSV("name=a&decimal=.,"), CSV("name=a&separator=,"), CSV("Name=a"),
    CSV("name=a&missing=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33"),
    DRY("dry_run=maybe"), DRY("dry_run=TRUE"), DRY("dry_run=2"), DRY("dryrun=true"), DRY("dry_run=true&dry_run=true"),
};

/* ---- content types, URIs, keys ------------------------------------------------------------------------------------ */

#define JOB "{\"dataset\":\"penguins\",\"target\":\"sex\",\"epochs\":1}"
#define TYPE(path, type, body) {"POST", path, type, body, 0, 415, "content_type", NULL, NULL}
#define URI(method, path, status, type) {method, path, NULL, NULL, 0, status, type, NULL, NULL}

static const struct bad_input others[] = {
    TYPE("/v1/jobs", NULL, JOB), TYPE("/v1/jobs", "text/plain", JOB), TYPE("/v1/jobs", "text/csv", JOB),
    TYPE("/v1/jobs", "text/json", JOB), TYPE("/v1/jobs", "application/x-www-form-urlencoded", JOB),
    TYPE("/v1/jobs", "multipart/form-data; boundary=x", JOB), TYPE("/v1/jobs", "application/jsonx", JOB),
    TYPE("/v1/jobs", "application/json-patch+json", JOB), TYPE("/v1/jobs", "application", JOB),
    TYPE("/v1/jobs", "*/*", JOB), TYPE("/v1/jobs", "application/json; charset=latin1", JOB),
    TYPE("/v1/jobs", "application/json;charset=utf-16", JOB), TYPE("/v1/jobs", "application/json, text/csv", JOB),
    TYPE("/v1/datasets?name=x", NULL, "a\n1\n"), TYPE("/v1/datasets?name=x", "text/plain", "a\n1\n"),
    TYPE("/v1/datasets?name=x", "application/csv", "a\n1\n"),
    TYPE("/v1/datasets?name=x", "text/csv; charset=iso-8859-1", "a\n1\n"),
    TYPE("/v1/datasets?name=x", "application/octet-stream", "a\n1\n"),
    TYPE("/v1/runs/1/predict", NULL, "{\"instances\":[]}"), TYPE("/v1/runs/1/predict", "text/plain", "{\"instances\":[]}"),
    TYPE("/v1/runs/1/predict", "application/xml", "<a/>"),
    {"POST", "/v1/jobs", "application/json", JOB, 0, 415, "content_encoding", NULL, "Content-Encoding: gzip"},
    {"POST", "/v1/jobs", "application/json", JOB, 0, 415, "content_encoding", NULL, "Content-Encoding: br"},
    {"POST", "/v1/jobs", "application/json", JOB, 0, 415, "content_encoding", NULL, "Content-Encoding: identity, gzip"},
    {"POST", "/v1/datasets?name=x", "text/csv", "a\n1\n", 0, 415, "content_encoding", NULL, "Content-Encoding: deflate"},
    {"POST", "/v1/runs/1/predict", "text/csv", "year\n1\n", 0, 415, "content_encoding", NULL, "Content-Encoding: zstd"},
    {"POST", "/v1/jobs", "application/json", JOB, 0, 400, "idempotency_key", NULL, "Idempotency-Key;"},
    URI("GET", "/v1/jobs/%", 400, "malformed"), URI("GET", "/v1/jobs/%1", 400, "malformed"),
    URI("GET", "/v1/jobs/%zz", 400, "malformed"), URI("GET", "/v1/jobs/%00", 400, "malformed"),
    URI("GET", "/v1/jobs/1%00", 400, "malformed"), URI("GET", "/v1/datasets/%ff", 400, "malformed"),
    URI("GET", "/v1/datasets/%c0%af", 400, "malformed"), URI("GET", "/v1/datasets/%ed%a0%80", 400, "malformed"),
    URI("GET", "/v1/jobs?order_by=id", 400, "malformed"), URI("GET", "/v1/jobs?limit=%", 400, "malformed"),
    URI("GET", "/v1/jobs?name=%00", 400, "malformed"),
    URI("GET", "/v1/jobs?name=%ff", 400, "malformed"), URI("GET", "/%00", 400, "malformed"),
    URI("DELETE", "/v1/jobs/%00", 400, "malformed"), URI("GET", "/v1/datasets/a%2Fb", 404, "not_found"),
    URI("GET", "/v1/datasets/penguins%2Frows", 404, "not_found"),
    URI("GET", "/v1/datasets/..%2F..%2Fmlpd.db", 404, "not_found"), URI("GET", "/v1/datasets/%252e%252e", 404, "not_found"),
    URI("GET", "/v1/datasets/..", 404, "not_found"), URI("GET", "/v1/datasets/penguins;x=1", 404, "not_found"),
    URI("POST", "/v1/jobs/x/cancel", 404, "not_found"), URI("POST", "/v1/jobs/0/cancel", 404, "not_found"),
    URI("DELETE", "/v1/jobs/-1", 404, "not_found"), URI("DELETE", "/v1/datasets/nothing", 404, "not_found"),
    URI("POST", "/v1/jobs/1/cancel", 409, "conflict"), URI("PUT", "/v1/jobs/1", 405, NULL),
    URI("POST", "/v1/runs/1", 405, NULL),
};

static void inline_tables_are_checked(void **state)
{
    (void)state;
    check_bad_inputs(tables, COUNT(tables));
}

static void predictions_are_checked(void **state)
{
    (void)state;
    check_bad_inputs(predictions, COUNT(predictions));
}

static void queries_are_checked(void **state)
{
    (void)state;
    check_bad_inputs(queries, COUNT(queries));
}

static void types_uris_and_keys_are_checked(void **state)
{
    (void)state;
    check_bad_inputs(others, COUNT(others));
}

/* Nothing of all that was kept. */
static void nothing_is_left_behind(void **state)
{
    (void)state;
    assert_int_equal(count(expect(http_get("/v1/datasets"), 200), "/data"), 1);
    assert_int_equal(count(expect(http_get("/v1/jobs"), 200), "/data"), 1);
    assert_int_equal(files_settled("datasets"), 1);
    assert_int_equal(files_settled("models"), 1);
}

static int setup(void **state)
{
    daemon_setup_with_penguins(state);
    assert_int_equal(train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1}"), 1);
    return http_forget(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(inline_tables_are_checked),
        TEST(predictions_are_checked),
        TEST(queries_are_checked),
        TEST(types_uris_and_keys_are_checked),
        TEST(nothing_is_left_behind),
    };
    return cmocka_run_group_tests(tests, setup, daemon_teardown);
}
