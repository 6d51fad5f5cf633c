/* Which rows validate: a dataset of their own, a column, folds. What training saw is what predictions see: the evaluation is
 * that of the predictions of the same rows. */
#include "support/api.h"

#include <math.h>

enum { ROWS = 120, KEPT = 30 };

/* Row i of a table: x, size S M L, kind, part (train, or valid for each fourth), y; some cells are missing. */
static void put_row(char **csv, int i, bool part)
{
    append(csv, i % 17 == 3 ? "," : "%d.25,", i * 37 % 50);
    append(csv, "%c,", "SML"[i % 3]);
    append(csv, i % 13 == 5 ? "," : "k%d,", i * 7 % 5);
    if (part)
        append(csv, "%s,", i % 4 ? "train" : "valid");
    append(csv, "%d\n", i * 37 % 50 + 10 * (i % 3) + i % 7);
}

static void upload_tables(void)
{
    char *all = NULL, *train = NULL, *valid = NULL;
    append(&all, "x,size,kind,part,y\n");
    append(&train, "x,size,kind,y\n");
    append(&valid, "x,size,kind,y\n");
    for (int i = 0; i < ROWS; i++) {
        put_row(&all, i, true);
        put_row(i % 4 ? &train : &valid, i, false);
    }
    expect(http_post_csv("/v1/datasets?name=all", all), 201);
    expect(http_post_csv("/v1/datasets?name=train", train), 201);
    expect(http_post_csv("/v1/datasets?name=valid", valid), 201);
    expect(http_post_csv("/v1/datasets?name=texts", "x,size,kind,y\na,S,k1,5\n"), 201);
    expect(http_post_csv("/v1/datasets?name=short", "x,size,y\n1,S,5\n"), 201);
    free(all);
    free(train);
    free(valid);
}

#define REST                                                                                                                 \
    "\"target\":\"y\",\"epochs\":15,\"seed\":4,\"columns\":{\"size\":{\"role\":\"ordinal\",\"order\":[\"S\",\"M\",\"L\"]},"  \
    "\"x\":{\"scaling\":\"minmax\"},\"kind\":{\"min_frequency\":12}},\"network\":{\"hidden\":[{\"units\":8}]}"

static void check_same_curves(long a, long b)
{
    struct reply *one = expect(http_get("/v1/runs/%ld/epochs", a), 200), *other = expect(http_get("/v1/runs/%ld/epochs", b), 200);
    assert_int_equal(count(one, "/epoch"), 15);
    assert_true(json_same(at(one, "/train_loss"), at(other, "/train_loss")));
    assert_true(json_same(at(one, "/valid_loss"), at(other, "/valid_loss")));
}

/* The same rows, named in two ways, give the same bits. */
static void a_dataset_and_a_column_name_the_same_rows(void **state)
{
    (void)state;
    long own = train("{\"dataset\":\"train\"," REST ",\"validation\":{\"dataset\":\"valid\"}}");
    long column = train("{\"dataset\":\"all\"," REST ",\"validation\":{\"column\":\"part\",\"value\":\"valid\"}}");
    long both = train("{\"dataset\":\"all\"," REST ",\"validation\":{\"column\":\"part\",\"value\":\"valid\","
                      "\"train_value\":\"train\"}}");
    check_same_curves(own, column);
    check_same_curves(own, both);
    assert_int_equal(whole(run_get(column), "/layers/0/inputs"), whole(run_get(own), "/layers/0/inputs"));
    /* the column that marks may stand in what is predicted, and says nothing there */
    char path[60];
    snprintf(path, sizeof path, "/v1/runs/%ld/predict", column);
    struct reply *r = expect(http_post(path, "{\"instances\":[{\"x\":3,\"size\":\"M\",\"kind\":\"k1\",\"part\":\"train\"},"
                               "{\"x\":3,\"size\":\"M\",\"kind\":\"k1\"}]}"), 200);
    assert_true(number(r, "/predictions/0") == number(r, "/predictions/1"));
}

/* RMSE of what /predict says of the validation rows, by CSV and by JSON, is the run's. */
static void predictions_are_what_was_evaluated(void **state)
{
    (void)state;
    long run = train("{\"dataset\":\"train\"," REST ",\"validation\":{\"dataset\":\"valid\"}}");
    char *csv = NULL, path[60], *line;
    append(&csv, "x,size,kind,y\n");
    for (int i = 0; i < ROWS; i += 4)
        put_row(&csv, i, false);
    snprintf(path, sizeof path, "/v1/runs/%ld/predict", run);
    struct reply *r = expect(http_post_csv(path, csv), 200);
    free(csv);
    double squares = 0;
    line = strchr(r->body, '\n');
    for (int i = 0; i < ROWS; i += 4) {
        double error = strtod(line + 1, &line) - (i * 37 % 50 + 10 * (i % 3) + i % 7);
        squares += error * error;
    }
    double rmse = sqrt(squares / KEPT), own = number(run_get(run), "/metrics/valid_rmse");
    assert_true(fabs(rmse - own) < 1e-5 * own);
    r = expect(http_get("/v1/runs/%ld/evaluation", run), 200);
    assert_int_equal(whole(r, "/rows"), KEPT);
    expect(http_get("/v1/runs/%ld/importance?wait=10", run), 200);
}

static void a_dataset_that_validates_is_needed(void **state)
{
    (void)state;
    char *csv = NULL;
    append(&csv, "x,size,kind,y\n");
    for (int i = 0; i < 9; i++)
        put_row(&csv, i, false);
    expect(http_post_csv("/v1/datasets?name=needed", csv), 201);
    free(csv);
    long job = start_job("{\"dataset\":\"train\",\"target\":\"y\",\"epochs\":1000000,\"batch_size\":1,"
                         "\"validation\":{\"dataset\":\"needed\"}}");
    expect_problem(http_call("DELETE", "/v1/datasets/needed"), 409, NULL);
    cancel_job(job);
    expect(http_call("DELETE", "/v1/datasets/needed"), 204);
    struct reply *r = job_get(job);
    assert_string_equal(text(r, "/spec/validation/dataset"), "needed");
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *validation, *pointer, *code, *words;
    } cases[] = {
        {"{\"dataset\":\"nowhere\"}", "/validation/dataset", "not_found", "there is no dataset \"nowhere\""},
        {"{\"dataset\":\"all\"}", "/validation/dataset", "value", "is the dataset to train on"},
        {"{\"dataset\":\"texts\"}", "/validation/dataset", "value", "does not fit the job: the table has no numeric column \"x\""},
        {"{\"dataset\":\"short\"}", "/validation/dataset", "value", "no categorical column \"kind\""},
        {"{\"column\":\"parts\",\"value\":\"valid\"}", "/validation/column", "not_found", "did you mean \"part\"?"},
        {"{\"column\":\"part\",\"value\":\"test\"}", "/validation/value", "value", "has no \"test\""},
        {"{\"folds\":3,\"fraction\":0.5}", "/validation/fraction", "conflict", "choose one of"},
        {"{\"folds\":100,\"fold\":101}", "/validation/fold", "range", "at most 100"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reply *r = expect_violation(http_post("/v1/jobs", "{\"dataset\":\"all\",\"target\":\"y\",\"columns\":{\"part\":{}},"
                                                     "\"features\":[\"x\",\"kind\"],\"validation\":%s}", cases[i].validation),
                                           cases[i].pointer, cases[i].code);
        if (!strstr(text(r, "/errors/0/detail"), cases[i].words))
            fail_reply(__FILE__, __LINE__, r, "does not say \"%s\"", cases[i].words);
    }
    static const char *const grids[][2] = {
        {"\"grid\":{\"/validation/folds\":[2,3]}", "/grid/~1validation~1folds"},
        {"\"grid\":{\"/validation/dataset\":[\"valid\"]}", "/grid/~1validation~1dataset"},
        {"\"grid\":{\"/validation\":[{\"folds\":3},{\"fraction\":0.1}]}", "/grid/~1validation/0"},
        {"\"grid\":{\"/validation\":[{\"fraction\":0.1},{\"dataset\":\"valid\"}]}", "/grid/~1validation/1"},
        {"\"validation\":{\"folds\":3},\"grid\":{\"/validation/fraction\":[0.5]}", "/grid/~1validation~1fraction/0"},
        {"\"validation\":{\"folds\":3},\"grid\":{\"/validation\":[{\"folds\":3,\"fold\":1}]}", "/grid/~1validation/0"},
        {"\"validation\":{\"column\":\"part\",\"value\":\"valid\"},\"grid\":{\"/validation/value\":[\"train\",\"no\"]}",
         "/grid/~1validation~1value/1"},
        {"\"validation\":{\"folds\":100},\"grid\":{\"/seed\":[1],\"/epochs\":[1,2]}", NULL},
    };
    for (size_t i = 0; i < COUNT(grids); i++) {
        struct reply *r = http_post("/v1/jobs?dry_run=true", "{\"dataset\":\"all\",\"target\":\"y\",%s}", grids[i][0]);
        if (grids[i][1])
            expect_violation(r, grids[i][1], NULL);
        else
            assert_int_equal(whole(expect(r, 200), "/runs"), 200);
    }
    char *seeds = NULL;
    for (int i = 0; i < 101; i++)
        append(&seeds, "%s%d", i ? "," : "", i);
    expect_violation(http_post("/v1/jobs", "{\"dataset\":\"all\",\"target\":\"y\",\"validation\":{\"folds\":100},\"grid\":{\"/seed\":[%s]}}",
                               seeds), "/validation/folds", "length");
    free(seeds);
}

/* ---- folds -------------------------------------------------------------------------------------------------------- */

/* Mean and standard deviation (n - 1) of a figure of the job's runs first .. first + folds - 1. */
static void check_spread(struct reply *r, const char *pointer, const double *value, int count)
{
    double mean = 0, squares = 0;
    for (int i = 0; i < count; i++)
        mean += value[i] / count;
    for (int i = 0; i < count; i++)
        squares += (value[i] - mean) * (value[i] - mean);
    double sd = sqrt(squares / (count - 1)), size = fabs(mean) + sd;
    if (fabs(number(r, "%s/mean", pointer) - mean) > 1e-12 * size ||
        fabs(number(r, "%s/standard_deviation", pointer) - sd) > 1e-9 * size)
        fail_reply(__FILE__, __LINE__, r, "%s is not %.17g +- %.17g", pointer, mean, sd);
}

static void folds_are_runs_with_mean_and_spread(void **state)
{
    (void)state;
    long job = start_job("{\"dataset\":\"all\"," REST ",\"validation\":{\"folds\":5}}");
    struct reply *done = finish_job(job);
    assert_string_equal(text(done, "/status"), "succeeded");
    assert_int_equal(whole(done, "/runs/total"), 5);
    assert_int_equal(whole(done, "/folds"), 5);
    assert_true(json_find(json_of(done), "/spec/validation/fold") == NULL);
    struct reply *r = expect(http_get("/v1/jobs/%ld/folds", job), 200);
    expect_members(r, "", "folds total data");
    expect_members(r, "/data/0", "point hyperparameters runs succeeded metrics");
    assert_int_equal(cJSON_GetArraySize(at(r, "/data/0/hyperparameters")), 0);
    assert_int_equal(whole(r, "/total"), 1);
    assert_int_equal(whole(r, "/data/0/succeeded"), 5);
    double loss[5], r2[5], best[5];
    int rows = 0;
    for (int i = 0; i < 5; i++) {
        struct reply *run = run_get(run_of(job, i));
        assert_int_equal(whole(run, "/spec/validation/fold"), i + 1);
        assert_int_equal(whole(run, "/hyperparameters/~1validation~1fold"), i + 1);
        assert_int_equal(whole(r, "/data/0/runs/%d", i), whole(run, "/id"));
        loss[i] = number(run, "/metrics/valid_loss");
        r2[i] = number(run, "/metrics/valid_r2");
        best[i] = number(run, "/metrics/best_epoch");
        rows += (int)whole(expect(http_get("/v1/runs/%ld/evaluation", whole(run, "/id")), 200), "/rows");
    }
    assert_int_equal(rows, ROWS);
    check_spread(r, "/data/0/metrics/valid_loss", loss, 5);
    check_spread(r, "/data/0/metrics/valid_r2", r2, 5);
    check_spread(r, "/data/0/metrics/best_epoch", best, 5);
    assert_true(number(r, "/data/0/metrics/best_loss/mean") <= number(r, "/data/0/metrics/valid_loss/mean"));
    long alone = train("{\"dataset\":\"all\"," REST ",\"validation\":{\"folds\":5,\"fold\":3}}"); /* a fold by itself */
    assert_true(number(run_get(alone), "/metrics/valid_loss") == loss[2]);
    expect_problem(http_get("/v1/jobs/%ld/folds", whole(run_get(alone), "/job")), 409, NULL);
    expect_problem(http_get("/v1/jobs/99999/folds"), 404, NULL);
    expect_problem(http_get("/v1/jobs/%ld/folds?order_by=loss", job), 400, NULL);
}

static void folds_of_a_grid_are_by_point(void **state)
{
    (void)state;
    long job = start_job("{\"dataset\":\"all\"," REST ",\"validation\":{\"folds\":3},"
                         "\"grid\":{\"/optimizer/learning_rate\":[0.001,0.05],\"/batch_size\":[32,8]}}");
    assert_int_equal(whole(finish_job(job), "/runs/total"), 12);
    struct reply *r = expect(http_get("/v1/jobs/%ld/folds?order_by=number", job), 200);
    assert_int_equal(whole(r, "/total"), 4);
    for (int p = 0; p < 4; p++) {
        double loss[3];
        assert_int_equal(whole(r, "/data/%d/point", p), p + 1);
        expect_members(r, p ? "/data/1/hyperparameters" : "/data/0/hyperparameters", "/optimizer/learning_rate /batch_size");
        for (int k = 0; k < 3; k++) {
            struct reply *run = run_get(run_of(job, 3 * p + k));
            loss[k] = number(run, "/metrics/valid_loss");
            assert_int_equal(whole(run, "/hyperparameters/~1validation~1fold"), k + 1);
            assert_true(number(run, "/hyperparameters/~1batch_size") == number(r, "/data/%d/hyperparameters/~1batch_size", p));
        }
        char pointer[60];
        snprintf(pointer, sizeof pointer, "/data/%d/metrics/valid_loss", p);
        check_spread(r, pointer, loss, 3);
    }
    r = expect(http_get("/v1/jobs/%ld/folds", job), 200); /* the least loss first */
    for (int p = 1; p < 4; p++)
        assert_true(number(r, "/data/%d/metrics/valid_loss/mean", p - 1) <= number(r, "/data/%d/metrics/valid_loss/mean", p));
    r = expect(http_get("/v1/jobs/%ld/folds?order_by=metrics.valid_r2&desc=true&limit=2", job), 200);
    assert_int_equal(count(r, "/data"), 2);
    assert_int_equal(whole(r, "/total"), 4);
    assert_true(number(r, "/data/0/metrics/valid_r2/mean") >= number(r, "/data/1/metrics/valid_r2/mean"));
    long some = start_job("{\"dataset\":\"all\"," REST ",\"validation\":{\"folds\":3},\"grid\":{\"/validation/fold\":[1,3]}}");
    struct reply *done = finish_job(some); /* folds that the grid names are its points */
    assert_int_equal(whole(done, "/runs/total"), 2);
    assert_true(is_null(done, "/folds"));
    long search = start_job("{\"dataset\":\"all\"," REST ",\"validation\":{\"folds\":2},\"search\":{\"runs\":3,\"parameters\":"
                            "{\"/optimizer/learning_rate\":{\"log_uniform\":[0.001,0.1]}}}}");
    assert_int_equal(whole(finish_job(search), "/runs/total"), 6);
    assert_int_equal(whole(expect(http_get("/v1/jobs/%ld/folds", search), 200), "/total"), 3);
}

static void a_fraction_of_no_row_has_advice_that_fits(void **state)
{
    (void)state;
    long none = train("{\"dataset\":\"all\",\"target\":\"y\",\"epochs\":1,\"validation\":{\"fraction\":0}}");
    long small = train("{\"dataset\":\"all\",\"target\":\"y\",\"epochs\":1,\"validation\":{\"fraction\":0.004}}");
    struct reply *r = expect_problem(http_get("/v1/runs/%ld/evaluation", none), 409, NULL);
    assert_non_null(strstr(text(r, "/detail"), "train with validation.fraction above 0"));
    r = expect_problem(http_get("/v1/runs/%ld/evaluation", small), 409, NULL);
    assert_non_null(strstr(text(r, "/detail"), "0.004 of its rows is less than one"));
    assert_null(strstr(text(r, "/detail"), "above 0"));
}

static int setup(void **state)
{
    daemon_setup(state);
    upload_tables();
    return http_forget(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_dataset_and_a_column_name_the_same_rows),
        TEST(predictions_are_what_was_evaluated),
        TEST(a_dataset_that_validates_is_needed),
        TEST(what_does_not_fit_is_refused),
        TEST(folds_are_runs_with_mean_and_spread),
        TEST(folds_of_a_grid_are_by_point),
        TEST(a_fraction_of_no_row_has_advice_that_fits),
    };
    return cmocka_run_group_tests(tests, setup, daemon_teardown);
}
