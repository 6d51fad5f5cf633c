/* GET /v1/runs/{r}/importance: in the background, once, the same again; and why there is none. */
#include "support/api.h"

#include <math.h>

/* x decides y, z does not. */
static void upload_lines(const char *name)
{
    char *csv = NULL;
    append(&csv, "x,z,y\n");
    for (int i = 0; i < 200; i++)
        append(&csv, "%d,%d,%d\n", i % 20, i * 7 % 13, 3 * (i % 20));
    char path[60];
    snprintf(path, sizeof path, "/v1/datasets?name=%s", name);
    expect(http_post_csv(path, csv), 201);
    free(csv);
}

static long train_lines(const char *name, const char *members)
{
    return train("{\"dataset\":\"%s\",\"target\":\"y\",\"epochs\":60,\"validation\":{\"fraction\":0.2},\"network\":{\"hidden\":[]},"
                 "\"optimizer\":{\"name\":\"adam\",\"learning_rate\":0.05}%s}",
                 name, members);
}

static struct reply *importance(long run, const char *query)
{
    return expect(http_get("/v1/runs/%ld/importance?wait=60%s", run, query), 200);
}

static void what_decides_comes_first(void **state)
{
    (void)state;
    upload_lines("lines");
    long run = train_lines("lines", "");
    struct reply *r = importance(run, "&repeats=20");
    expect_members(r, "", "run status task rows validation_rows repeats seed metric value loss features");
    assert_int_equal(whole(r, "/run"), run);
    assert_string_equal(text(r, "/status"), "done");
    assert_string_equal(text(r, "/metric"), "valid_r2");
    assert_int_equal(whole(r, "/rows"), 40);
    assert_int_equal(whole(r, "/validation_rows"), 40);
    assert_int_equal(whole(r, "/repeats"), 20);
    assert_int_equal(whole(r, "/seed"), 1);
    assert_int_equal(count(r, "/features"), 2);
    assert_string_equal(text(r, "/features/0/feature"), "x");
    assert_string_equal(text(r, "/features/1/feature"), "z");
    assert_true(fabs(number(r, "/features/0/metric_drop/mean") - 2) < 0.35); /* as of y = x: see tests/unit */
    assert_true(number(r, "/features/0/metric_drop/standard_deviation") > 0);
    assert_true(fabs(number(r, "/features/1/metric_drop/mean")) < 0.05);
    struct reply *evaluation = expect(http_get("/v1/runs/%ld/evaluation", run), 200);
    assert_true(number(r, "/value") == number(evaluation, "/valid_r2"));
    assert_true(number(r, "/loss") == number(evaluation, "/valid_loss"));
}

static void the_same_is_the_same_and_cached(void **state)
{
    (void)state;
    long run = train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":10}");
    struct reply *first = importance(run, "");
    assert_int_equal(count(first, "/features"), 7);
    assert_string_equal(text(first, "/metric"), "valid_accuracy");
    assert_string_equal(importance(run, "&repeats=5&seed=1")->body, first->body);
    assert_string_equal(expect(http_get("/v1/runs/%ld/importance", run), 200)->body, first->body); /* at once */
    assert_string_not_equal(importance(run, "&seed=2")->body, first->body);
    for (int i = 1; i < 7; i++)
        assert_true(number(first, "/features/%d/metric_drop/mean", i - 1) >= number(first, "/features/%d/metric_drop/mean", i));
    for (int seed = 3; seed < 80; seed++) { /* more than are kept */
        char query[32];
        snprintf(query, sizeof query, "&repeats=1&seed=%d", seed);
        importance(run, query);
    }
    assert_string_equal(importance(run, "")->body, first->body);
}

/* Two rows for validation, of weights 3 and 1, and one of weight 0; y is x. Shuffled they stand as they were, or as the other:
 * then the errors weigh (3 + 1) d^2 beside (3/16 + 9/16) d^2 about the mean, and R2 falls from 1 to 1 - 16/3 (without weights it
 * would fall by 4). Of falls by 16/3 or 0, (mean^2 + deviation^2) / mean is 16/3. */
static void rows_count_by_their_weights(void **state)
{
    (void)state;
    char *csv = NULL;
    append(&csv, "x,y,part,w\n");
    for (int i = 0; i < 20; i++)
        append(&csv, "%d,%d,train,1\n", i, i);
    append(&csv, "2,2,valid,3\n18,18,valid,1\n3,9000,valid,0\n");
    expect(http_post_csv("/v1/datasets?name=parts", csv), 201);
    free(csv);
    expect(http_post_csv("/v1/datasets?name=others", "x,y,w\n2,2,3\n3,9000,0\n18,18,1\n"), 201);
    static const char *const ways[] = {"\"column\":\"part\",\"value\":\"valid\"", "\"dataset\":\"others\""};
    for (size_t i = 0; i < COUNT(ways); i++) {
        long run = train("{\"dataset\":\"parts\",\"target\":\"y\",\"sample_weight\":\"w\",\"validation\":{%s},\"epochs\":400,"
                         "\"columns\":{%s},\"network\":{\"hidden\":[]},\"optimizer\":{\"name\":\"adam\",\"learning_rate\":0.05}}",
                         ways[i], i ? "\"part\":{\"role\":\"ignore\"}" : "");
        struct reply *r = importance(run, "&repeats=40");
        assert_int_equal(whole(r, "/validation_rows"), 2);
        assert_int_equal(count(r, "/features"), 1);
        double mean = number(r, "/features/0/metric_drop/mean"), deviation = number(r, "/features/0/metric_drop/standard_deviation");
        assert_true(fabs((mean * mean + deviation * deviation) / mean - 16.0 / 3) < 0.01);
        struct reply *evaluation = expect(http_get("/v1/runs/%ld/evaluation", run), 200);
        assert_true(number(r, "/value") == number(evaluation, "/valid_r2"));
        assert_true(number(r, "/loss") == number(evaluation, "/valid_loss"));
    }
}

/* Until it is there: 202, and when to ask again. */
static void it_is_worked_out_in_the_background(void **state)
{
    (void)state;
    long run = train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1,\"validation\":{\"fraction\":0.9},"
                     "\"network\":{\"hidden\":[{\"units\":400},{\"units\":200}]}}");
    struct reply *r = expect(http_get("/v1/runs/%ld/importance?repeats=20", run), 202);
    assert_string_equal(http_header(r, "Retry-After"), "1");
    expect_members(r, "", "run status progress");
    assert_string_equal(text(r, "/status"), "running");
    assert_true(number(r, "/progress") >= 0 && number(r, "/progress") < 1);
    expect(http_get("/healthz"), 200);
    expect(http_get("/v1/runs/%ld/importance?repeats=1&wait=0", run), 202); /* waits behind the first */
}

static void why_there_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"repeats=0", "repeats=101", "repeats=x", "seed=-1", "seed=9007199254740992", "wait=61"};
    long run = train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1}");
    for (size_t i = 0; i < COUNT(bad); i++)
        expect_problem(http_get("/v1/runs/%ld/importance?%s", run, bad[i]), 400, "query");
    expect_problem(http_get("/v1/runs/99999/importance"), 404, "not_found");
    expect_problem(http_get("/v1/runs/x/importance"), 404, "not_found");
    run = train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1,\"validation\":{\"fraction\":0}}");
    struct reply *r = expect_problem(http_get("/v1/runs/%ld/importance", run), 409, "conflict");
    assert_non_null(strstr(r->body, "validation.fraction"));
    long job = start_job(ENDLESS);
    expect_problem(http_get("/v1/runs/%ld/importance", run_of(job, 0)), 409, "conflict");
    cancel_job(job);
    upload_lines("gone");
    run = train_lines("gone", "");
    expect(http_call("DELETE", "/v1/datasets/gone"), 204);
    r = expect_problem(http_get("/v1/runs/%ld/importance?wait=60", run), 409, "conflict");
    assert_non_null(strstr(r->body, "\\\"gone\\\" was deleted"));
    expect_problem(http_get("/v1/runs/%ld/importance?wait=60", run), 409, "conflict"); /* and again */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_decides_comes_first),
        TEST(the_same_is_the_same_and_cached),
        TEST(rows_count_by_their_weights),
        TEST(it_is_worked_out_in_the_background),
        TEST_OF_WORK(why_there_is_none),
    };
    return cmocka_run_group_tests(tests, daemon_setup_with_penguins, daemon_teardown);
}
