/* Datasets: upload, description, list, preview, deletion. How CSV files are read is in test_csv.c. */
#include "support/api.h"

#include <math.h>

static const char small[] = "a,b\n1,x\n2,y\n";

/* ---- upload and description --------------------------------------------------------------------------------------- */

/* Of the dataset's column: figures as every statistics program gives them, the deviation the population's. */
static void check_numeric(struct reply *r, const char *name, int missing, double min, double max, double mean, double deviation)
{
    int i = 0;
    while (strcmp(text(r, "/columns/%d/name", i), name) != 0)
        i++;
    assert_string_equal(text(r, "/columns/%d/type", i), "numeric");
    assert_true(number(r, "/columns/%d/missing", i) == missing);
    assert_true(number(r, "/columns/%d/min", i) == min);
    assert_true(number(r, "/columns/%d/max", i) == max);
    assert_true(fabs(number(r, "/columns/%d/mean", i) - mean) < 1e-9 * fabs(mean));
    assert_true(fabs(number(r, "/columns/%d/standard_deviation", i) - deviation) < 1e-6 * deviation);
}

static void check_categories(struct reply *r, int column, int missing, const char *const *values, const int *counts)
{
    int found = 0;
    assert_string_equal(text(r, "/columns/%d/type", column), "categorical");
    assert_true(number(r, "/columns/%d/missing", column) == missing);
    for (int i = 0; i < count(r, "/columns/%d/categories", column); i++)
        for (int k = 0; values[k]; k++)
            if (strcmp(text(r, "/columns/%d/categories/%d/value", column, i), values[k]) == 0) {
                assert_true(number(r, "/columns/%d/categories/%d/count", column, i) == counts[k]);
                found++;
            }
    while (values[found])
        found++;
    assert_int_equal(count(r, "/columns/%d/categories", column), found);
}

static void check_penguins(struct reply *r)
{
    expect_members(r, "", "id name sha256 bytes rows columns options created_at");
    assert_string_equal(text(r, "/name"), "penguins");
    assert_true(number(r, "/rows") == 344);
    assert_true(is_time(text(r, "/created_at")));
    assert_int_equal(count(r, "/columns"), 8);
    check_numeric(r, "bill_length_mm", 2, 32.1, 59.6, 43.9219298245614, 5.45159602316);
    check_numeric(r, "body_mass_g", 2, 2700, 6300, 4201.75438596491, 800.781229238);
    check_numeric(r, "year", 0, 2007, 2009, 2008.02906976744, 0.81716558896);
    check_categories(r, 0, 0, (const char *const[]){"Adelie", "Chinstrap", "Gentoo", NULL}, (int[]){152, 68, 124});
    check_categories(r, 6, 11, (const char *const[]){"female", "male", NULL}, (int[]){165, 168});
}

static void uploads_a_csv_file_and_describes_it(void **state)
{
    (void)state;
    size_t length;
    char *csv = penguins_csv(&length), sha256[65], location[100];
    struct reply *r = expect(http_post_csv("/v1/datasets?name=penguins", csv), 201);
    check_penguins(r);
    assert_true(number(r, "/bytes") == (double)length);
    sha256_hex(csv, length, sha256);
    assert_string_equal(text(r, "/sha256"), sha256);
    snprintf(location, sizeof location, "%s", http_header(r, "Location"));
    assert_true(strncmp(location, "/v1/datasets/", 13) == 0);
    struct reply *by_location = expect(http_get("%s", location), 200);
    struct reply *by_id = expect(http_get("/v1/datasets/%.0f", number(r, "/id")), 200);
    struct reply *by_name = expect(http_get("/v1/datasets/penguins"), 200);
    check_penguins(by_name);
    assert_string_equal(by_location->body, by_name->body);
    assert_string_equal(by_id->body, by_name->body);
    assert_string_equal(r->body, by_name->body);
    test_free(csv);
}

static void the_same_bytes_again_are_200_and_others_409(void **state)
{
    (void)state;
    struct reply *first = expect(http_post_csv("/v1/datasets?name=twice", small), 201);
    size_t files = files_settled("datasets");
    struct reply *again = expect(http_post_csv("/v1/datasets?name=twice", small), 200);
    assert_string_equal(again->body, first->body);
    struct reply *r = expect_problem(http_post_csv("/v1/datasets?name=twice", "a,b\n1,x\n2,z\n"), 409, "conflict");
    assert_non_null(strstr(text(r, "/detail"), "twice"));
    assert_string_equal(expect(http_get("/v1/datasets/twice"), 200)->body, first->body);
    assert_int_equal(files_settled("datasets"), files);
    struct reply *other = expect(http_post_csv("/v1/datasets?name=Twice", small), 201);
    assert_string_equal(text(other, "/sha256"), text(first, "/sha256"));
    assert_true(number(other, "/id") > number(first, "/id"));
}

/* The options are those that it was read with, spelled out or found. */
static void options_that_are_spelled_out_are_the_same(void **state)
{
    (void)state;
    static const char bytes[] = "x,y\n1,2\n3,4\n";
    struct reply *first = expect(http_post_csv("/v1/datasets?name=spelled", bytes), 201);
    assert_string_equal(text(first, "/options/delimiter"), ",");
    assert_string_equal(text(first, "/options/decimal"), ".");
    struct reply *again = expect(http_post_csv("/v1/datasets?name=spelled&delimiter=,&decimal=.", bytes), 200);
    assert_string_equal(again->body, first->body);
    struct reply *r = expect_problem(http_post_csv("/v1/datasets?name=spelled&missing=1", bytes), 409, "conflict");
    assert_non_null(strstr(text(r, "/detail"), "same bytes"));
    assert_non_null(strstr(text(r, "/detail"), "other options"));
    r = expect_problem(http_post_csv("/v1/datasets?name=spelled", "x,y\n1,2\n"), 409, "conflict");
    assert_non_null(strstr(text(r, "/detail"), "other contents"));
}

static void content_types_may_have_parameters(void **state)
{
    (void)state;
    static const char *const types[] = {"text/csv", "text/csv; charset=utf-8", "TEXT/CSV;charset=UTF-8",
                                        "text/csv; header=present; charset=\"utf-8\""};
    for (size_t i = 0; i < COUNT(types); i++)
        expect(http_send(&(struct request){.path = "/v1/datasets?name=types", .type = types[i], .body = small}),
               i ? 200 : 201);
}

static void names_may_have_128_characters(void **state)
{
    (void)state;
    char path[200], name[129];
    memset(name, 'x', 128);
    name[128] = '\0';
    const char *const names[] = {"Z", "0a", "a.b_c-d", "...", name};
    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(path, sizeof path, "/v1/datasets?name=%s", names[i]);
        expect(http_post_csv(path, small), names[i][0] == '.' ? 400 : 201);
    }
}

/* ---- streaming ---------------------------------------------------------------------------------------------------- */

#define ROWS 1000000u

/* Rows i, i/4, i mod 10, and a column of digits but for a text in the last row. */
static size_t make_rows(void *context, char *out, size_t size)
{
    unsigned *row = context;
    size_t used = 0;
    if (!*row)
        used += (size_t)sprintf(out, "n,quarter,late,digit\n");
    for (; *row < ROWS && size - used > 60; ++*row) {
        const char *late = *row == ROWS - 1 ? "text" : *row % 2 ? "0" : "1";
        used += (size_t)sprintf(out + used, "%u,%.2f,%s,%u\n", *row, *row / 4.0, late, *row % 10);
    }
    return used;
}

static double resident_bytes(void)
{
    static const char name[] = "\nprocess_resident_memory_bytes ";
    const char *figure = strstr(expect(http_get("/metrics"), 200)->body, name);
    assert_non_null(figure);
    return strtod(figure + strlen(name), NULL);
}

static void a_large_file_streams(void **state)
{
    (void)state;
    unsigned row = 0;
    double before = resident_bytes();
    struct reply *r = expect(http_send(&(struct request){.path = "/v1/datasets?name=large", .type = "text/csv",
                                                         .make = make_rows, .context = &row}), 201);
    assert_true(number(r, "/rows") == ROWS);
    assert_true(number(r, "/bytes") > 20e6);
    check_numeric(r, "n", 0, 0, ROWS - 1, (ROWS - 1) / 2.0, sqrt(((double)ROWS * ROWS - 1) / 12));
    check_numeric(r, "quarter", 0, 0, (ROWS - 1) / 4.0, (ROWS - 1) / 8.0, sqrt(((double)ROWS * ROWS - 1) / 12) / 4);
    check_numeric(r, "digit", 0, 0, 9, 4.5, sqrt(8.25));
    check_categories(r, 2, 0, (const char *const[]){"0", "1", "text", NULL}, (int[]){ROWS / 2 - 1, ROWS / 2, 1});
    if (!SANITIZED) /* a sanitizer keeps what was freed */
        assert_true(resident_bytes() - before < 10e6);
    r = expect(http_get("/v1/datasets/large/rows?offset=%u&limit=2", ROWS - 2), 200);
    assert_int_equal(count(r, "/rows"), 2);
    assert_true(number(r, "/rows/1/0") == ROWS - 1);
    assert_string_equal(text(r, "/rows/1/2"), "text");
    assert_string_equal(text(r, "/rows/0/2"), "1");
    expect(http_call("DELETE", "/v1/datasets/large"), 204);
}

/* ---- inline tables ------------------------------------------------------------------------------------------------ */

#define INLINE(rows) "{\"name\":\"inline\",\"columns\":[\"n\",\"text, \\\"quoted\\\"\",\"flag\"],\"rows\":" rows "}"

static void a_json_table_is_a_dataset(void **state)
{
    (void)state;
    static const char rows[] = "[[1.5,\"a,b;c\",true],[null,\"\\\"q\\\"\\n2\",false],[-1e300,null,null],[0.1,\"\",true]]";
    struct reply *r = expect(http_post("/v1/datasets", INLINE("%s"), rows), 201);
    assert_string_equal(text(r, "/name"), "inline");
    assert_true(number(r, "/rows") == 4);
    assert_string_equal(text(r, "/columns/0/type"), "numeric");
    assert_string_equal(text(r, "/columns/1/name"), "text, \"quoted\"");
    assert_string_equal(text(r, "/columns/1/type"), "categorical");
    assert_string_equal(text(r, "/columns/2/type"), "categorical");
    assert_true(number(r, "/columns/0/missing") == 1);
    assert_true(number(r, "/columns/0/min") == -1e300);
    struct reply *preview = expect(http_get("/v1/datasets/inline/rows"), 200);
    cJSON *expected = cJSON_Parse("[[1.5,\"a,b;c\",\"true\"],[null,\"\\\"q\\\"\\n2\",\"false\"],[-1e300,null,null],[0.1,null,"
                                  "\"true\"]]");
    if (!json_same(at(preview, "/rows"), expected))
        fail_reply(__FILE__, __LINE__, preview, "other rows");
    cJSON_Delete(expected);
    struct reply *again = expect(http_post("/v1/datasets", INLINE("%s"), rows), 200);
    assert_true(number(again, "/id") == number(r, "/id"));
    expect_problem(http_post("/v1/datasets", INLINE("%s"), "[[1,\"x\",true]]"), 409, "conflict");
}

/* The options of CSV files are not about JSON's numbers. */
static void csv_options_do_not_change_a_json_table(void **state)
{
    (void)state;
    static const char *const queries[] = {"decimal=,", "delimiter=%3B", "delimiter=tab&decimal=,", "delimiter=,&decimal=."};
    for (size_t i = 0; i < COUNT(queries); i++) {
        char path[100];
        snprintf(path, sizeof path, "/v1/datasets?%s", queries[i]);
        struct reply *r = http_post(path, "{\"name\":\"o%zu\",\"columns\":[\"n\",\"t\"],\"rows\":[[1.5,\"x\"],[2.5,\"y;z\"]]}",
                                    i);
        if (r->status == 400)
            continue;
        expect(r, 201);
        assert_string_equal(text(r, "/columns/0/type"), "numeric");
        assert_true(number(r, "/columns/0/mean") == 2);
    }
}

static void a_table_can_have_one_cell(void **state)
{
    (void)state;
    struct reply *r = expect(http_post("/v1/datasets",
                                       "{\"name\":\"cell\",\"columns\":[\"c\"],\"rows\":[[null],[\"x\"],[null]]}"), 201);
    assert_true(number(r, "/rows") == 3);
    assert_true(number(r, "/columns/0/missing") == 2);
}

/* ---- list and preview --------------------------------------------------------------------------------------------- */

static void the_list_is_newest_first_and_pages(void **state)
{
    (void)state;
    char path[100];
    for (int i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "/v1/datasets?name=page-%d", i);
        expect(http_post_csv(path, small), 201);
    }
    struct reply *whole = expect(http_get("/v1/datasets?limit=200"), 200);
    int all = count(whole, "/data"), seen = 0;
    assert_true(all >= 5);
    assert_true(is_null(whole, "/next"));
    expect_members(whole, "", "data next");
    for (int i = 1; i < all; i++)
        assert_true(number(whole, "/data/%d/id", i) < number(whole, "/data/%d/id", i - 1));
    snprintf(path, sizeof path, "/v1/datasets?limit=2");
    for (struct reply *page; *path; seen += count(page, "/data")) {
        page = expect(http_get("%s", path), 200);
        assert_in_range(count(page, "/data"), 1, 2);
        for (int i = 0; i < count(page, "/data"); i++)
            assert_true(json_same(at(page, "/data/%d", i), at(whole, "/data/%d", seen + i)));
        if (is_null(page, "/next"))
            *path = '\0';
        else
            snprintf(path, sizeof path, "/v1/datasets?limit=2&cursor=%s", text(page, "/next"));
    }
    assert_int_equal(seen, all);
    struct reply *exact = expect(http_get("/v1/datasets?limit=%d", all), 200);
    assert_true(is_null(exact, "/next"));
}

static void the_preview_takes_offset_and_limit(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        int rows, offset;
    } cases[] = {{"", 50, 0}, {"?limit=1", 1, 0}, {"?limit=200", 200, 0}, {"?offset=343", 1, 343}, {"?offset=344", 0, 344},
                 {"?offset=4000000000", 0, 0}, {"?offset=300&limit=200", 44, 300}};
    struct reply *whole = expect(http_get("/v1/datasets/penguins/rows?limit=200"), 200);
    expect_members(whole, "", "columns rows offset total");
    assert_string_equal(text(whole, "/columns/7"), "year");
    assert_string_equal(text(whole, "/rows/0/0"), "Adelie");
    assert_true(number(whole, "/rows/0/2") == 39.1);
    assert_true(is_null(whole, "/rows/3/2"));
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reply *r = expect(http_get("/v1/datasets/penguins/rows%s", cases[i].query), 200);
        assert_int_equal(count(r, "/rows"), cases[i].rows);
        assert_true(number(r, "/total") == 344);
        for (int k = 0; k < cases[i].rows && cases[i].offset + k < 200; k++)
            assert_true(json_same(at(r, "/rows/%d", k), at(whole, "/rows/%d", cases[i].offset + k)));
    }
}

/* ---- delete ------------------------------------------------------------------------------------------------------- */

static void a_deleted_dataset_is_gone(void **state)
{
    (void)state;
    size_t files = files_settled("datasets");
    double id = number(expect(http_post_csv("/v1/datasets?name=gone", small), 201), "/id");
    assert_int_equal(files_settled("datasets"), files + 1);
    expect(http_call("DELETE", "/v1/datasets/gone"), 204);
    assert_int_equal(files_settled("datasets"), files);
    expect_problem(http_get("/v1/datasets/gone"), 404, "not_found");
    expect_problem(http_call("DELETE", "/v1/datasets/gone"), 404, "not_found");
    struct reply *r = expect(http_post_csv("/v1/datasets?name=gone", small), 201);
    assert_true(number(r, "/id") > id);
    expect(http_call("DELETE", "/v1/datasets/%.0f", number(r, "/id")), 204);
}

static void a_dataset_that_a_run_needs_stays(void **state)
{
    (void)state;
    long job = start_job(ENDLESS);
    await_status(job, "running");
    struct reply *r = expect_problem(http_call("DELETE", "/v1/datasets/penguins"), 409, "conflict");
    assert_non_null(strstr(text(r, "/detail"), "job"));
    expect(http_get("/v1/datasets/penguins"), 200);
    cancel_job(job);
    expect(http_call("DELETE", "/v1/datasets/penguins"), 204);
    r = job_get(job);
    assert_string_equal(text(r, "/dataset"), "penguins");
    assert_true(is_null(r, "/dataset_id"));
    expect_violation(http_post("/v1/jobs", ENDLESS), "/dataset", "not_found");
    upload_penguins();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(uploads_a_csv_file_and_describes_it),
        TEST(the_same_bytes_again_are_200_and_others_409),
        TEST(options_that_are_spelled_out_are_the_same),
        TEST(content_types_may_have_parameters),
        TEST(names_may_have_128_characters),
        TEST(a_large_file_streams),
        TEST(a_json_table_is_a_dataset),
        TEST(csv_options_do_not_change_a_json_table),
        TEST(a_table_can_have_one_cell),
        TEST(the_list_is_newest_first_and_pages),
        TEST(the_preview_takes_offset_and_limit),
        TEST(a_deleted_dataset_is_gone),
        TEST_OF_WORK(a_dataset_that_a_run_needs_stays),
    };
    return cmocka_run_group_tests(tests, daemon_setup, daemon_teardown);
}
