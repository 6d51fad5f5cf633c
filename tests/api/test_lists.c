/* Lists of jobs and of a job's runs: filters, orders, pages. */
#include "support/api.h"

#include <math.h>

/* ---- jobs --------------------------------------------------------------------------------------------------------- */

static long quick_job(const char *name)
{
    long job = start_job("{\"name\":\"%s\",\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1}", name);
    finish_job(job);
    return job;
}

static void jobs_are_listed_newest_first_by_pages(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        quick_job("page");
    struct reply *whole = expect(http_get("/v1/jobs?limit=200"), 200);
    expect_members(whole, "", "data next");
    int all = count(whole, "/data"), seen = 0;
    assert_true(all >= 5 && is_null(whole, "/next"));
    for (int i = 1; i < all; i++)
        assert_true(number(whole, "/data/%d/id", i) < number(whole, "/data/%d/id", i - 1));
    assert_true(json_same(at(whole, "/data/0"), json_of(job_get(whole(whole, "/data/0/id")))));
    char path[100] = "/v1/jobs?limit=2";
    for (struct reply *page; *path; seen += count(page, "/data")) {
        page = expect(http_get("%s", path), 200);
        for (int i = 0; i < count(page, "/data"); i++)
            assert_true(json_same(at(page, "/data/%d", i), at(whole, "/data/%d", seen + i)));
        if (is_null(page, "/next"))
            *path = '\0';
        else
            snprintf(path, sizeof path, "/v1/jobs?limit=2&cursor=%s", text(page, "/next"));
    }
    assert_int_equal(seen, all);
}

static void jobs_are_found_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *name, *encoded;
    } names[] = {{"alpha", "alpha"}, {"50% _off_", "50%25%20_off_"}, {"it's \\\"q\\\"", "it's+%22q%22"},
                 {"\xc3\xbc" "ber", "%C3%BCber"}, {"<b>x</b>", "%3Cb%3Ex%3C/b%3E"}, {"a\\nb\\u001b[31m", "a%0Ab%1B%5B31m"}};
    for (size_t i = 0; i < COUNT(names); i++) {
        long job = quick_job(names[i].name);
        struct reply *r = expect(http_get("/v1/jobs?name=%s", names[i].encoded), 200);
        assert_int_equal(count(r, "/data"), 1);
        assert_int_equal(whole(r, "/data/0/id"), job);
    }
    assert_int_equal(count(expect(http_get("/v1/jobs?name=nobody"), 200), "/data"), 0);
    assert_int_equal(count(expect(http_get("/v1/jobs?name=__pha"), 200), "/data"), 0);
}

static void jobs_are_found_by_status(void **state)
{
    (void)state;
    long failed = start_job("{\"name\":\"by status\"," "%s", &DIVERGING[1]);
    finish_job(failed);
    long succeeded = quick_job("by status"), running = start_job("{\"name\":\"by status\"," "%s", &ENDLESS[1]);
    await_status(running, "running");
    long queued = start_job("{\"name\":\"by status\"," "%s", &ENDLESS[1]);
    long cancelled = start_job("{\"name\":\"by status\"," "%s", &ENDLESS[1]);
    cancel_job(cancelled);
    const struct {
        const char *status;
        long job;
    } cases[] = {{"queued", queued}, {"running", running}, {"paused", 0}, {"succeeded", succeeded}, {"failed", failed},
                 {"cancelled", cancelled}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reply *r = expect(http_get("/v1/jobs?name=by%%20status&status=%s", cases[i].status), 200);
        assert_int_equal(count(r, "/data"), cases[i].job != 0);
        if (cases[i].job)
            assert_int_equal(whole(r, "/data/0/id"), cases[i].job);
        r = expect(http_get("/v1/jobs?limit=200&status=%s", cases[i].status), 200);
        for (int k = 0; k < count(r, "/data"); k++) {
            bool terminal = i >= 3;
            assert_string_equal(text(r, "/data/%d/status", k), cases[i].status);
            assert_int_equal(flag(r, "/data/%d/terminal", k), terminal);
        }
    }
    assert_int_equal(count(expect(http_get("/v1/jobs?name=by%%20status"), 200), "/data"), 5);
}

/* ---- runs --------------------------------------------------------------------------------------------------------- */

#define RUNS 8

/* Without validation rows for every other run, and a rate that diverges: with many a value absent. */
static long mixed_job(void)
{
    static long job;
    if (!job) {
        job = start_job("{\"dataset\":\"penguins\",\"target\":\"body_mass_g\",\"epochs\":4,"
                        "\"network\":{\"hidden\":[{\"units\":4,\"activation\":\"identity\"}]},\"optimizer\":{\"name\":\"sgd\"},"
                        "\"grid\":{\"/optimizer/learning_rate\":[0.01,0.1,1e5,0.001],\"/validation/fraction\":[0.3,0]}}");
        struct reply *r = finish_job(job);
        assert_true(number(r, "/runs/failed") == 2 && number(r, "/runs/succeeded") == 6);
        assert_string_equal(text(r, "/status"), "succeeded");
    }
    return job;
}

/* The lowest loss of any epoch of a run: valid_loss, or train_loss where no rows validate. */
static double lowest_loss(long run, double *ret_epoch)
{
    struct reply *e = expect(http_get("/v1/runs/%ld/epochs", run), 200);
    double lowest = INFINITY;
    for (int i = 0; i < count(e, "/epoch"); i++) {
        const char *name = is_null(e, "/valid_loss/0") ? "train_loss" : "valid_loss";
        double loss = is_null(e, "/%s/%d", name, i) ? INFINITY : number(e, "/%s/%d", name, i);
        if (loss < lowest) {
            lowest = loss;
            *ret_epoch = number(e, "/epoch/%d", i);
        }
    }
    return lowest;
}

static void a_job_names_its_best_run(void **state)
{
    (void)state;
    long job = mixed_job(), best = 0;
    double lowest = INFINITY, epoch = 0, of_run = 0;
    for (int i = 0; i < RUNS; i++) {
        double loss = lowest_loss(run_of(job, i), &of_run);
        if (loss < lowest) {
            lowest = loss;
            epoch = of_run;
            best = run_of(job, i);
        }
    }
    struct reply *r = job_get(job);
    assert_true(number(r, "/best/run") == (double)best);
    assert_true(number(r, "/best/loss") == lowest);
    assert_true(number(r, "/best/epoch") == epoch);
}

/* The key of a run in a list; NAN when it has none. */
static double key_of(struct reply *r, int index, const char *order)
{
    static const char *const statuses[] = {"queued", "running", "paused", "succeeded", "failed", "cancelled"};
    char pointer[100];
    snprintf(pointer, sizeof pointer, "/data/%d/%s", index, order);
    for (char *p = pointer; *p; p++)
        *p = *p == '.' ? '/' : *p;
    const cJSON *v = json_find(json_of(r), pointer);
    for (size_t s = 0; cJSON_IsString(v) && s < COUNT(statuses); s++)
        if (strcmp(v->valuestring, statuses[s]) == 0)
            return (double)s;
    return cJSON_IsNumber(v) ? v->valuedouble : NAN;
}

static void check_sorted(struct reply *r, const char *order, bool descending)
{
    for (int i = 1; i < RUNS; i++) {
        double a = key_of(r, i - 1, order), b = key_of(r, i, order);
        bool fine = isnan(b) || (!isnan(a) && (descending ? a >= b : a <= b));
        if (!fine)
            fail_reply(__FILE__, __LINE__, r, "%s: %g at %d, then %g", order, a, i - 1, b);
    }
}

static void check_pages(struct reply *whole, const char *query)
{
    char path[300];
    int seen = 0;
    snprintf(path, sizeof path, "/v1/jobs/%ld/runs?%s&limit=3", mixed_job(), query);
    while (*path) {
        struct reply *page = expect(http_get("%s", path), 200);
        for (int i = 0; i < count(page, "/data"); i++, seen++)
            assert_true(number(page, "/data/%d/id", i) == number(whole, "/data/%d/id", seen));
        *path = '\0';
        if (!is_null(page, "/next"))
            snprintf(path, sizeof path, "/v1/jobs/%ld/runs?%s&limit=3&cursor=%s", mixed_job(), query, text(page, "/next"));
    }
    assert_int_equal(seen, RUNS);
}

static void runs_are_ordered_by_every_key_absent_ones_last(void **state)
{
    (void)state;
    static const char *const orders[] = {
        "number", "id", "status", "epoch", "metrics.train_loss", "metrics.valid_loss", "metrics.valid_accuracy",
        "metrics.valid_log_loss", "metrics.valid_f1_macro", "metrics.valid_roc_auc", "metrics.valid_rmse", "metrics.valid_mae",
        "metrics.valid_r2", "metrics.best_epoch", "timings.training_seconds",
    };
    for (size_t i = 0; i < COUNT(orders); i++)
        for (int descending = 0; descending < 2; descending++) {
            char query[100];
            snprintf(query, sizeof query, "order_by=%s%s", orders[i], descending ? "&desc=true" : "");
            struct reply *r = expect(http_get("/v1/jobs/%ld/runs?%s", mixed_job(), query), 200);
            assert_int_equal(count(r, "/data"), RUNS);
            assert_true(is_null(r, "/next"));
            check_sorted(r, orders[i], descending);
            check_pages(r, query);
        }
    struct reply *r = expect(http_get("/v1/jobs/%ld/runs?order_by=metrics.valid_loss", mixed_job()), 200);
    assert_true(!isnan(key_of(r, 2, "metrics.valid_loss")));
    assert_true(isnan(key_of(r, RUNS - 1, "metrics.valid_loss")) != 0);
}

static void without_an_order_runs_come_by_number(void **state)
{
    (void)state;
    struct reply *r = expect(http_get("/v1/jobs/%ld/runs", mixed_job()), 200);
    expect_members(r, "", "data next");
    for (int i = 0; i < RUNS; i++) {
        assert_true(number(r, "/data/%d/number", i) == i + 1);
        assert_int_equal(whole(r, "/data/%d/job", i), mixed_job());
        assert_true(json_same(at(r, "/data/%d", i), json_of(run_get(whole(r, "/data/%d/id", i)))));
    }
    r = expect(http_get("/v1/jobs/%ld/runs?desc=true", mixed_job()), 200);
    assert_true(number(r, "/data/0/number") == RUNS);
    r = expect(http_get("/v1/jobs/%ld/runs?desc=false&limit=1", mixed_job()), 200);
    assert_true(number(r, "/data/0/number") == 1);
    assert_int_equal(count(r, "/data"), 1);
}

static void a_page_has_50_unless_told_otherwise(void **state)
{
    (void)state;
    char *seeds = NULL;
    for (int i = 1; i <= 51; i++)
        append(&seeds, "%s%d", i > 1 ? "," : "", i);
    long job = start_job("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1,\"grid\":{\"/seed\":[%s]}}", seeds);
    free(seeds);
    finish_job(job);
    struct reply *r = expect(http_get("/v1/jobs/%ld/runs", job), 200);
    assert_int_equal(count(r, "/data"), 50);
    r = expect(http_get("/v1/jobs/%ld/runs?cursor=%s", job, text(r, "/next")), 200);
    assert_int_equal(count(r, "/data"), 1);
    assert_true(is_null(r, "/next"));
    assert_int_equal(count(expect(http_get("/v1/jobs/%ld/runs?limit=200", job), 200), "/data"), 51);
}

static void runs_are_found_by_status(void **state)
{
    (void)state;
    struct reply *r = expect(http_get("/v1/jobs/%ld/runs?status=failed&order_by=epoch", mixed_job()), 200);
    assert_int_equal(count(r, "/data"), 2);
    for (int i = 0; i < 2; i++)
        assert_string_equal(text(r, "/data/%d/status", i), "failed");
    assert_int_equal(count(expect(http_get("/v1/jobs/%ld/runs?status=queued", mixed_job()), 200), "/data"), 0);
    assert_int_equal(count(expect(http_get("/v1/jobs/%ld/runs?status=succeeded", mixed_job()), 200), "/data"), 6);
}

static void bad_orders_and_cursors_are_400(void **state)
{
    (void)state;
    static const char *const queries[] = {
        "order_by=", "order_by=loss", "order_by=metrics", "order_by=metrics.", "order_by=metrics.valid",
        "order_by=metrics/valid_loss",
        "order_by=valid_loss", "order_by=Number", "order_by=spec.seed", "order_by=id%20DESC", "order_by=id;DROP%20TABLE%20runs",
        "order_by=timings.queued_at", "cursor=", "cursor=x", "cursor=1", "cursor=number~a~", "cursor=number~a~-~",
        "cursor=number~a~zzzzzzzzzzzzzzzz~1", "cursor=number~a~7ff0000000000000~1", "cursor=number~a~4000000000000000~-1",
        "cursor=number~a~4000000000000000~1x", "cursor=number~a~4000000000000000~99999999999999999999",
        "desc=maybe", "desc=2", "desc=TRUE", "status=done", "status=", "status=Queued", "limit=0", "limit=201", "limit=-1",
        "limit=x",
        "limit=", "limit=1.0", "limit=1e1",
    };
    for (size_t i = 0; i < COUNT(queries); i++)
        expect_problem(http_get("/v1/jobs/%ld/runs?%s", mixed_job(), queries[i]), 400, NULL);
    struct reply *r = expect(http_get("/v1/jobs/%ld/runs?order_by=epoch&limit=1", mixed_job()), 200);
    const char *next = text(r, "/next");
    expect(http_get("/v1/jobs/%ld/runs?order_by=epoch&cursor=%s", mixed_job(), next), 200);
    expect_problem(http_get("/v1/jobs/%ld/runs?order_by=id&cursor=%s", mixed_job(), next), 400, NULL);
    expect_problem(http_get("/v1/jobs/%ld/runs?order_by=epoch&desc=true&cursor=%s", mixed_job(), next), 400, NULL);
    expect_problem(http_get("/v1/jobs/%ld/runs?order_by=epoch&cursor=%s0x", mixed_job(), next), 400, NULL);
    assert_non_null(strstr(text(http_get("/v1/jobs/%ld/runs?order_by=loss", mixed_job()), "/detail"), "valid_loss"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(jobs_are_listed_newest_first_by_pages),
        TEST(jobs_are_found_by_name),
        TEST_OF_WORK(jobs_are_found_by_status),
        TEST(a_job_names_its_best_run),
        TEST(runs_are_ordered_by_every_key_absent_ones_last),
        TEST(without_an_order_runs_come_by_number),
        TEST(a_page_has_50_unless_told_otherwise),
        TEST(runs_are_found_by_status),
        TEST(bad_orders_and_cursors_are_400),
    };
    return cmocka_run_group_tests(tests, daemon_setup_one_worker_with_penguins, daemon_teardown);
}
