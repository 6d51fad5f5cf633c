/* Successive halving: which runs stop, and where, against a plain replay of the rule over the same job without halving; the same
 * on one worker and on three, and when the daemon is stopped or killed meanwhile. */
#include "support/api.h"

#include "support/bad.h"
#include <math.h>
#include <signal.h>
#include <unistd.h>

#define DRY "/v1/jobs?dry_run=true"
#define RUNS 12
#define EPOCHS 30
#define SEARCH                                                                                                               \
    "\"search\":{\"parameters\":{\"/optimizer/learning_rate\":{\"log_uniform\":[0.0001,0.3]},"                               \
    "\"/network/hidden/0/units\":{\"log_uniform\":[2,64]}},\"runs\":12,\"seed\":5}"
#define JOB(more) "{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":30," more SEARCH "}"
#define HALVING(metric) "\"halving\":{\"metric\":\"" metric "\",\"min_epochs\":2,\"reduction\":3},"

static const struct {
    const char *metric, *job;
    bool rises;
} cases[] = {
    {"valid_loss", JOB(HALVING("valid_loss")), false},
    {"train_loss", JOB(HALVING("train_loss")), false},
    {"valid_accuracy", JOB(HALVING("valid_accuracy")), true},
};

/* ---- the oracle ------------------------------------------------------------------------------------------------------- */

static const int rungs[] = {2, 6, 18};

/* The epoch that each run of the job ends at: all their epochs are known, and taken in order. */
static void replay(long whole_job, const char *metric, bool rises, int *ret_ends)
{
    double value[RUNS][COUNT(rungs)];
    for (int n = 0; n < RUNS; n++) {
        struct reply *e = expect(http_get("/v1/runs/%ld/epochs", run_of(whole_job, n)), 200);
        assert_int_equal(count(e, "/epoch"), EPOCHS);
        ret_ends[n] = EPOCHS;
        for (size_t k = 0; k < COUNT(rungs) && ret_ends[n] == EPOCHS; k++) {
            int reached = 0, as_good = 0;
            value[n][k] = number(e, "/%s/%d", metric, rungs[k] - 1);
            for (int m = 0; m < n; m++) {
                if (ret_ends[m] < rungs[k])
                    continue;
                reached++;
                as_good += rises ? value[m][k] >= value[n][k] : value[m][k] <= value[n][k];
            }
            int kept = (reached + 1) / 3 > 1 ? (reached + 1) / 3 : 1;
            if (as_good >= kept)
                ret_ends[n] = rungs[k];
        }
    }
}

/* The halved job is the whole one, cut where the oracle says. */
static void check(long job, long whole_job, const int *ends)
{
    int saved = 0, stopped = 0, to_the_end = 0;
    struct reply *j = finish_job(job);
    assert_string_equal(text(j, "/status"), "succeeded");
    assert_true(number(j, "/progress") == 1);
    for (int n = 0; n < RUNS; n++) {
        struct reply *r = run_get(run_of(job, n)), *w = run_get(run_of(whole_job, n));
        bool halved = ends[n] < EPOCHS;
        assert_string_equal(text(r, "/status"), "succeeded");
        assert_int_equal(whole(r, "/epoch"), ends[n]);
        assert_int_equal(whole(r, "/epochs"), EPOCHS);
        if (halved)
            assert_string_equal(text(r, "/stopped_by"), "halving");
        else
            assert_true(is_null(r, "/stopped_by"));
        if (!halved)
            assert_string_equal(text(r, "/model_sha256"), text(w, "/model_sha256"));
        struct reply *e = expect(http_get("/v1/runs/%ld/epochs", run_of(job, n)), 200);
        struct reply *all = expect(http_get("/v1/runs/%ld/epochs?to=%d", run_of(whole_job, n), ends[n]), 200);
        assert_true(json_same(at(e, "/valid_loss"), at(all, "/valid_loss")));
        struct reply *evaluation = expect(http_get("/v1/runs/%ld/evaluation", run_of(job, n)), 200);
        assert_true(number(evaluation, "/valid_loss") == number(e, "/valid_loss/%d", ends[n] - 1));
        expect(http_post_csv("/v1/runs/1/predict", "year\n2007\n"), 200);
        expect(http_get("/v1/runs/%ld/model", run_of(job, n)), 200);
        saved += EPOCHS - ends[n];
        stopped += halved;
        to_the_end += !halved;
        http_forget(NULL);
    }
    assert_true(stopped > 3 && to_the_end > 0); /* or the test says little */
    assert_int_equal(whole(job_get(job), "/epochs_saved"), saved);
    assert_int_equal(whole(job_get(whole_job), "/epochs_saved"), 0);
}

/* ---- the rule --------------------------------------------------------------------------------------------------------- */

static void runs_stop_as_the_rule_says(void **state)
{
    int ends[RUNS];
    long whole_job = start_job(JOB(""));
    (void)state;
    finish_job(whole_job);
    for (size_t i = 0; i < COUNT(cases); i++) {
        replay(whole_job, cases[i].metric, cases[i].rises, ends);
        check(start_job("%s", cases[i].job), whole_job, ends);
    }
}

/* A grid as well, with runs of different lengths, some of which diverge. */
static void runs_that_fail_or_end_before_a_rung_are_not_waited_for(void **state)
{
    (void)state;
    long job = start_job("{\"dataset\":\"penguins\",\"target\":\"body_mass_g\",\"network\":{\"hidden\":[{\"units\":8,"
                         "\"activation\":\"identity\"}]},\"optimizer\":{\"name\":\"sgd\"},"
                         "\"halving\":{\"min_epochs\":1,\"reduction\":2},"
                         "\"grid\":{\"/optimizer/learning_rate\":[1000,0.001,0.01,0.05],\"/epochs\":[3,9,40]}}");
    struct reply *j = finish_job(job);
    assert_int_equal(whole(j, "/runs/succeeded"), 9);
    assert_int_equal(whole(j, "/runs/failed"), 3);
}

/* Other reasons to stop are told in the same place. */
static void early_stopping_is_told_too(void **state)
{
    (void)state;
    long job = start_job("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1000,"
                         "\"early_stopping\":{\"patience\":2}}");
    struct reply *j = finish_job(job), *r = run_get(run_of(job, 0));
    assert_string_equal(text(r, "/stopped_by"), "early_stopping");
    assert_true(number(r, "/epoch") < 1000);
    assert_int_equal(whole(j, "/epochs_saved"), 1000 - whole(r, "/epoch"));
}

/* ---- through stops ---------------------------------------------------------------------------------------------------- */

/* As a format. */
#define SLOW_RUNS                                                                                                            \
    "{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":30,\"batch_size\":1,\"checkpoint\":{\"every_seconds\":0.05},"   \
    "%s\"network\":{\"hidden\":[{\"units\":64}]},\"search\":{\"parameters\":{\"/optimizer/learning_rate\":"                  \
    "{\"log_uniform\":[0.00001,0.3]},\"/network/hidden/0/units\":{\"log_uniform\":[2,128]}},\"runs\":12,\"seed\":5}}"

static void stops_change_no_decision(void **state)
{
    int ends[RUNS];
    (void)state;
    long whole_job = start_job(SLOW_RUNS, "");
    finish_job(whole_job);
    replay(whole_job, "valid_loss", false, ends);
    long job = start_job(SLOW_RUNS, HALVING("valid_loss"));
    for (int i = 0; i < 12 && !flag(job_get(job), "/terminal"); i++) {
        (void)usleep(60000);
        if (i % 3 == 0)
            daemon_kill();
        else if (i % 3 == 1)
            daemon_stop(SIGTERM);
        if (i % 3 < 2)
            daemon_start_again();
        else if (http_call("POST", "/v1/jobs/%ld/pause", job)->status == 200)
            expect(http_call("POST", "/v1/jobs/%ld/resume", job), 200);
        http_forget(NULL);
    }
    check(job, whole_job, ends);
}

/* Two quick runs wait for a slow one at their first rung, and are interrupted there: they must not go on without it. */
static void a_run_that_waits_at_a_rung_still_waits_after_a_stop(void **state)
{
    (void)state;
    long job = start_job("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":12,\"batch_size\":4,"
                         "\"checkpoint\":{\"every_seconds\":0.05},\"halving\":{\"min_epochs\":5,\"metric\":\"train_loss\"},"
                         "\"search\":null,\"optimizer\":{\"name\":\"sgd\"},\"grid\":{\"/optimizer/learning_rate\":[0.01,1e-6],"
                         "\"/network/hidden\":[[{\"units\":1000},{\"units\":400}],[{\"units\":2}]]}}");
    /* 1: slow; 2: quick, as bad as can be but for the rate; 3: slow with a rate that moves nothing; 4: quick, the same */
    long quick = run_of(job, 1);
    for (int i = 0; i < 4; i++) {
        struct reply *r = run_get(quick);
        while (number(r, "/epoch") < 5 && !flag(r, "/terminal"))
            r = expect(http_get("/v1/runs/%ld?wait=1", quick), 200);
        if (flag(r, "/terminal"))
            break;
        assert_int_equal(whole(r, "/epoch"), 5);
        if (i == 0) {
            daemon_stop(SIGTERM);
            daemon_start_again();
        } else if (i == 1) {
            daemon_kill();
            daemon_start_again();
        } else {
            expect(http_call("POST", "/v1/jobs/%ld/pause", job), 200);
            await_status(job, "paused");
            expect(http_call("POST", "/v1/jobs/%ld/resume", job), 200);
        }
        http_forget(NULL);
    }
    finish_job(job);
    static const int ends[] = {12, 5, 5, 5};
    for (int n = 0; n < 4; n++) {
        struct reply *r = run_get(run_of(job, n));
        assert_int_equal(whole(r, "/epoch"), ends[n]);
        assert_string_equal(text(r, "/status"), "succeeded");
    }
}

/* ---- what is refused ---------------------------------------------------------------------------------------------------- */

static void what_halving_says_is_checked(void **state)
{
    (void)state;
#define BODY(members, where, code)                                                                                           \
    {"POST", DRY, "application/json", "{\"dataset\":\"penguins\",\"target\":\"species\"," members "}", 0, 422, where, code, NULL}
#define GRID "\"grid\":{\"/seed\":[1,2]}"
    static const struct bad_input rows[] = {
        BODY(GRID ",\"halving\":5", "/halving", "type"),
        BODY(GRID ",\"halving\":{\"min_epochs\":0}", "/halving/min_epochs", "range"),
        BODY(GRID ",\"halving\":{\"min_epochs\":null}", "/halving/min_epochs", "type"),
        BODY(GRID ",\"halving\":{\"min_epochs\":100}", "/halving/min_epochs", "range"),
        BODY(GRID ",\"epochs\":10,\"halving\":{}", "/halving/min_epochs", "range"),
        BODY(GRID ",\"halving\":{\"reduction\":1}", "/halving/reduction", "range"),
        BODY(GRID ",\"halving\":{\"reduction\":2.5}", "/halving/reduction", "type"),
        BODY(GRID ",\"halving\":{\"eta\":3}", "/halving/eta", "unknown"),
        BODY(GRID ",\"halving\":{\"metric\":\"loss\"}", "/halving/metric", "enum"),
        BODY(GRID ",\"halving\":{\"metric\":\"valid_r2\"}", "/halving/metric", "value"),
        BODY(GRID ",\"validation\":{\"fraction\":0},\"halving\":{}", "/halving/metric", "value"),
        BODY("\"halving\":{}", "/halving", "value"),
        BODY("\"grid\":{\"/halving/reduction\":[2,3]},\"halving\":{}", "/grid/~1halving~1reduction", "value"),
    };
    check_bad_inputs(rows, COUNT(rows));
    struct reply *r = expect(http_post(DRY, "{\"dataset\":\"penguins\",\"target\":\"species\",\"halving\":{}," GRID "}"), 200);
    assert_string_equal(text(r, "/job/halving/metric"), "valid_loss");
    assert_true(number(r, "/job/halving/min_epochs") == 10 && number(r, "/job/halving/reduction") == 3);
    expect(http_post(DRY, "{\"dataset\":\"penguins\",\"target\":\"species\",\"validation\":{\"fraction\":0},"
                          "\"halving\":{\"metric\":\"train_loss\"}," GRID "}"), 200);
}

static int three_workers(void **state)
{
    (void)state;
    daemon_start("3");
    upload_penguins();
    return 0;
}

int main(void)
{
    const struct CMUnitTest one[] = {TEST(runs_stop_as_the_rule_says), TEST(what_halving_says_is_checked),
                                      TEST(early_stopping_is_told_too)};
    const struct CMUnitTest three[] = {
        TEST(runs_stop_as_the_rule_says),
        TEST(runs_that_fail_or_end_before_a_rung_are_not_waited_for),
        TEST(stops_change_no_decision),
        TEST(a_run_that_waits_at_a_rung_still_waits_after_a_stop),
    };
    int failed = cmocka_run_group_tests(one, daemon_setup_one_worker_with_penguins, daemon_teardown);
    return failed + cmocka_run_group_tests(three, three_workers, daemon_teardown);
}
