/* Columns that a job encodes in another way than by their type: the job's echo, grids over them, and predictions by JSON and
 * CSV, which take them as training did. */
#include "support/api.h"

#include <math.h>

static long all_run;

#define COLUMNS                                                                                                              \
    "\"columns\":{\"id\":{\"role\":\"ignore\"},\"rooms\":{\"role\":\"categorical\"},"                                        \
    "\"size\":{\"role\":\"ordinal\",\"order\":[\"S\",\"M\",\"L\"],\"scaling\":\"minmax\"},"                                  \
    "\"area\":{\"role\":\"numeric\"},\"city\":{\"min_frequency\":3}}"
#define JOB "{\"dataset\":\"flats\",\"target\":\"price\",\"epochs\":20,\"seed\":3," COLUMNS "}"

/* 60 rows: id, rooms 1..3, size S M L, area (a number, or "unknown"), city (a, b; c and d once each), price. */
static void upload_flats(void)
{
    char *csv = NULL;
    append(&csv, "id,rooms,size,area,city,price\n");
    for (int i = 0; i < 60; i++) {
        char area[16];
        snprintf(area, sizeof area, i % 7 == 6 ? "unknown" : "%d.5", 40 + i * 11 % 50);
        append(&csv, "k%d,%d,%c,%s,%s,%d\n", i, 1 + i % 3, "SML"[i / 3 % 3], area,
               i == 20 ? "c" : i == 41 ? "d" : i % 2 ? "a" : "b", 100 + 30 * (i % 3) + 10 * (i / 3 % 3) + i * 11 % 50);
    }
    expect(http_post_csv("/v1/datasets?name=flats", csv), 201);
    free(csv);
}

static struct reply *predict(long run, const char *instances)
{
    char path[60];
    snprintf(path, sizeof path, "/v1/runs/%ld/predict", run);
    return http_post(path, "{\"instances\":[%s]}", instances);
}

static void assert_warnings(struct reply *r, double missing, double unseen)
{
    if (number(r, "/warnings/missing") != missing || number(r, "/warnings/unseen") != unseen)
        fail_reply(__FILE__, __LINE__, r, "not %g missing and %g unseen", missing, unseen);
}

static void a_job_says_how_its_columns_are_encoded(void **state)
{
    (void)state;
    struct reply *r = expect(http_post("/v1/jobs?dry_run=true", JOB), 200);
    expect_members(r, "/job/columns", "id rooms size area city");
    expect_members(r, "/job/columns/id", "role");
    expect_members(r, "/job/columns/size", "role order scaling");
    assert_string_equal(text(r, "/job/columns/size/order/2"), "L");
    assert_true(number(r, "/job/columns/city/min_frequency") == 3);
    expect_members(r, "/job/encoding", "scaling min_frequency category_limit");
    /* rooms 3, size 1, area 1, city a, b and other: 8 inputs, 150 units, 1 output */
    assert_int_equal(whole(r, "/parameters"), 8 * 150 + 150 + 150 + 1);
    r = run_get(all_run);
    assert_int_equal(whole(r, "/layers/0/inputs"), 8);
    assert_string_equal(text(r, "/spec/columns/rooms/role"), "categorical");
}

static void predictions_take_columns_as_training_did(void **state)
{
    (void)state;
    struct reply *r = expect(predict(all_run, "{\"rooms\":2,\"size\":\"M\",\"area\":51.5,\"city\":\"a\"},"
                                              "{\"rooms\":\"2.0\",\"size\":\"M\",\"area\":\"51.5\",\"city\":\"a\",\"id\":\"k9\"},"
                                              "[2,\"M\",51.5,\"a\"]"), 200);
    assert_true(isfinite(number(r, "/predictions/0")));
    assert_true(number(r, "/predictions/0") == number(r, "/predictions/1"));
    assert_true(number(r, "/predictions/0") == number(r, "/predictions/2"));
    assert_warnings(r, 0, 0);
    r = expect(predict(all_run, "{\"rooms\":3,\"size\":\"S\",\"area\":50,\"city\":\"c\"},"
                                "{\"rooms\":3,\"size\":\"S\",\"area\":50,\"city\":\"d\"}"), 200);
    assert_true(number(r, "/predictions/0") == number(r, "/predictions/1")); /* both are rare */
    assert_warnings(r, 0, 0);
    r = expect(predict(all_run, "{\"rooms\":4,\"size\":\"XL\",\"area\":50,\"city\":\"z\"}"), 200);
    assert_warnings(r, 0, 3);
    r = expect(predict(all_run, "{\"rooms\":1,\"size\":\"S\",\"area\":\"unknown\",\"city\":\"a\"},"
                                "{\"rooms\":1,\"size\":\"S\",\"city\":\"a\"}"), 200);
    assert_true(number(r, "/predictions/0") == number(r, "/predictions/1")); /* a text is no number */
    assert_warnings(r, 2, 0);
    expect_violation(predict(all_run, "{\"area\":[1]}"), "/instances/0/area", "type");
    expect_violation(predict(all_run, "{\"ids\":\"k1\"}"), "/instances/0/ids", "unknown");
}

static void csv_in_gives_the_same(void **state)
{
    (void)state;
    char path[60];
    snprintf(path, sizeof path, "/v1/runs/%ld/predict", all_run);
    struct reply *r = expect(http_post_csv(path, "id,city,size,rooms,price,area\nk1,a,M,2.0,,51.5\nk2,zz,L,9,5,unknown\n"), 200);
    double first = 0, second = 0;
    assert_int_equal(sscanf(r->body, "prediction\n%lf\n%lf\n", &first, &second), 2);
    r = expect(predict(all_run, "[2,\"M\",51.5,\"a\"],[9,\"L\",null,\"zz\"]"), 200);
    assert_true(first == number(r, "/predictions/0") && second == number(r, "/predictions/1"));
    expect_problem(http_post_csv(path, "colour\nred\n"), 422, NULL);
}

/* What the model takes, told by the model itself. */
static void features_are_as_they_were_encoded(void **state)
{
    (void)state;
    struct reply *r = expect(http_get("/v1/runs/%ld/features", all_run), 200);
    expect_members(r, "", "task targets features");
    assert_string_equal(text(r, "/task"), "regression");
    assert_int_equal(count(r, "/targets"), 1);
    expect_members(r, "/targets/0", "name mean standard_deviation");
    assert_string_equal(text(r, "/targets/0/name"), "price");
    assert_true(number(r, "/targets/0/mean") > 120 && number(r, "/targets/0/mean") < 220);
    assert_int_equal(count(r, "/features"), 4); /* id is none */
    expect_members(r, "/features/0", "name type encoding categories rare_categories missing");
    assert_string_equal(text(r, "/features/0/name"), "rooms");
    assert_string_equal(text(r, "/features/0/type"), "numeric");
    assert_string_equal(text(r, "/features/0/encoding"), "categories");
    assert_int_equal(count(r, "/features/0/categories"), 3);
    assert_string_equal(text(r, "/features/0/categories/2"), "3");
    expect_members(r, "/features/1", "name type encoding categories mean shift scale");
    assert_string_equal(text(r, "/features/1/encoding"), "ordinal");
    for (int i = 0; i < 3; i++) /* in its order, not by bytes */
        assert_string_equal(text(r, "/features/1/categories/%d", i), ((const char *[]){"S", "M", "L"})[i]);
    assert_true(number(r, "/features/1/shift") == 0 && number(r, "/features/1/scale") == 2); /* minmax */
    expect_members(r, "/features/2", "name type encoding mean shift scale");
    assert_string_equal(text(r, "/features/2/encoding"), "number");
    assert_true(number(r, "/features/2/mean") > 40 && number(r, "/features/2/mean") < 91);
    assert_true(number(r, "/features/2/shift") == number(r, "/features/2/mean"));
    assert_int_equal(count(r, "/features/3/categories"), 2); /* a, b; c and d are folded */
    assert_true(count(r, "/features/3/rare_categories") >= 1);
}

/* Nothing of it is the dataset's; and there is none before there is a model. */
static void features_outlive_the_dataset(void **state)
{
    (void)state;
    expect(http_post_csv("/v1/datasets?name=brief", "x,y\n1,yes\n2,no\n3,yes\n4,no\n5,yes\n6,no\n7,yes\n8,no\n"), 201);
    long run = train("{\"dataset\":\"brief\",\"target\":\"y\",\"epochs\":1,\"validation\":{\"fraction\":0}}");
    expect(http_call("DELETE", "/v1/datasets/brief"), 204);
    struct reply *r = expect(http_get("/v1/runs/%ld/features", run), 200);
    expect_members(r, "/targets/0", "name classes");
    assert_string_equal(text(r, "/targets/0/classes/0"), "no");
    assert_true(number(r, "/features/0/mean") == 4.5);
    expect_problem(http_get("/v1/runs/999/features"), 404, "not_found");
    long job = start_job("{\"dataset\":\"flats\",\"target\":\"price\",\"epochs\":1000000,\"columns\":{\"id\":{\"role\":"
                         "\"ignore\"}}}");
    expect_problem(http_get("/v1/runs/%ld/features", run_of(job, 0)), 409, "conflict");
    cancel_job(job);
}

static void a_grid_goes_over_roles_and_scalings(void **state)
{
    (void)state;
    long job = start_job("{\"dataset\":\"flats\",\"target\":\"price\",\"epochs\":3,\"columns\":{\"id\":{\"role\":\"ignore\"}},"
                         "\"grid\":{\"/columns/rooms/role\":[\"auto\",\"categorical\",\"ignore\"],"
                         "\"/encoding/scaling\":[\"standard\",\"minmax\"],\"/columns/area\":[{\"role\":\"numeric\"},"
                         "{\"role\":\"ignore\"}]}}");
    struct reply *done = finish_job(job);
    assert_string_equal(text(done, "/status"), "succeeded");
    static const int inputs[] = {9, 8, 9, 8, 11, 10, 11, 10, 8, 7, 8, 7}; /* size 3, city 4, and rooms, and area */
    for (int i = 0; i < 12; i++)
        assert_int_equal(whole(run_get(run_of(job, i)), "/layers/0/inputs"), inputs[i]);
    double losses[2];
    for (int i = 0; i < 2; i++)
        losses[i] = number(run_get(run_of(job, 2 * i)), "/metrics/train_loss");
    assert_true(losses[0] != losses[1]); /* the scaling tells */
}

static void too_many_categories_are_refused_by_name(void **state)
{
    (void)state;
    char *csv = NULL;
    append(&csv, "name,x,y\n");
    for (int i = 0; i < 1001; i++)
        append(&csv, "n%d,%d,%d\n", i, i % 9, i % 5);
    expect(http_post_csv("/v1/datasets?name=people", csv), 201);
    free(csv);
    struct reply *r = expect_violation(http_post("/v1/jobs", "{\"dataset\":\"people\",\"target\":\"y\"}"), "/columns/name", "range");
    assert_string_equal(text(r, "/errors/0/detail"),
                        "the column \"name\" has 1001 categories, more than the limit of 1000: give it the role \"ignore\", fold "
                        "the rare ones by min_frequency, or raise category_limit");
    static const char *const ways[] = {"\"columns\":{\"name\":{\"role\":\"ignore\"}}", "\"columns\":{\"name\":{\"min_frequency\":2}}",
                                       "\"columns\":{\"name\":{\"category_limit\":1001}}", "\"encoding\":{\"category_limit\":2000}"};
    for (size_t i = 0; i < COUNT(ways); i++) /* each of the fixes that it names */
        expect(http_post("/v1/jobs?dry_run=true", "{\"dataset\":\"people\",\"target\":\"y\",%s}", ways[i]), 200);
}

static int setup(void **state)
{
    daemon_setup(state);
    upload_flats();
    all_run = train(JOB);
    return http_forget(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_job_says_how_its_columns_are_encoded),
        TEST(predictions_take_columns_as_training_did),
        TEST(csv_in_gives_the_same),
        TEST(features_are_as_they_were_encoded),
        TEST(features_outlive_the_dataset),
        TEST(a_grid_goes_over_roles_and_scalings),
        TEST(too_many_categories_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, setup, daemon_teardown);
}
