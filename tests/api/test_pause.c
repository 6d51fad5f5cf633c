/* Pausing, resuming, renaming, and the order of the queue: what is allowed when, what is shown meanwhile, which files there are, over restarts as well; and what
 * becomes of a run that ends the daemon again and again. One worker. */
#include "support/api.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#define QUICK "{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":3}"
/* Its epochs take seconds: nothing is stored before it is interrupted. */
#define HEAVY                                                                                                                \
    "{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":3,\"batch_size\":1,"                                        \
    "\"network\":{\"hidden\":[{\"units\":2000},{\"units\":2000}]},\"checkpoint\":{\"every_seconds\":%s}}"

static struct reply *pause_job(long job)
{
    return http_call("POST", "/v1/jobs/%ld/pause", job);
}

static struct reply *resume_job(long job)
{
    return http_call("POST", "/v1/jobs/%ld/resume", job);
}

static long paused_job(void)
{
    long job = start_job(ENDLESS);
    await_epoch(run_of(job, 0), 1);
    struct reply *r = expect(pause_job(job), 200);
    assert_true(whole(r, "/id") == job);
    assert_true(json_same(at(r, "/spec"), at(job_get(job), "/spec"))); /* the whole job */
    await_status(job, "paused");
    return job;
}

/* ---- what a paused job is ----------------------------------------------------------------------------------------- */

static void a_paused_run_shows_what_it_has(void **state)
{
    (void)state;
    long job = paused_job(), run = run_of(job, 0);
    struct reply *r = job_get(job);
    assert_false(flag(r, "/terminal"));
    assert_true(number(r, "/runs/paused") == 1 && is_null(r, "/finished_at") && !is_null(r, "/started_at"));
    r = run_get(run);
    assert_string_equal(text(r, "/status"), "paused");
    assert_false(flag(r, "/terminal"));
    assert_true(number(r, "/timings/training_seconds") > 0 && number(r, "/timings/samples_per_second") > 0);
    double epochs = number(r, "/epoch");
    assert_true(number(expect(http_get("/v1/runs/%ld/epochs", run), 200), "/total") == epochs);
    expect(http_get("/v1/runs/%ld/layers", run), 200);
    static const char *const later[] = {"evaluation", "model"};
    for (size_t i = 0; i < COUNT(later); i++)
        assert_non_null(strstr(text(expect_problem(http_get("/v1/runs/%ld/%s", run, later[i]), 409, "conflict"), "/detail"),
                               "is paused"));
    expect_problem(http_call("DELETE", "/v1/jobs/%ld", job), 409, "conflict");
    expect_problem(http_call("DELETE", "/v1/datasets/penguins"), 409, "conflict");
    /* others have its worker meanwhile */
    train(QUICK);
    assert_true(number(run_get(run), "/epoch") == epochs);
    assert_int_equal(files_now("checkpoints"), 1);
    cancel_job(job);
    assert_int_equal(files_settled("checkpoints"), 0);
    r = run_get(run);
    assert_string_equal(text(r, "/status"), "cancelled");
    assert_true(number(r, "/epoch") == epochs && is_null(r, "/model_sha256"));
    expect(http_call("DELETE", "/v1/jobs/%ld", job), 204);
}

static void statuses_forbid(void **state)
{
    (void)state;
    long busy = paused_job(), over = start_job(QUICK);
    assert_non_null(strstr(text(expect_problem(pause_job(busy), 409, "conflict"), "/detail"), "is paused already"));
    finish_job(over);
    assert_non_null(strstr(text(expect_problem(pause_job(over), 409, "conflict"), "/detail"), "is succeeded"));
    assert_non_null(strstr(text(expect_problem(resume_job(over), 409, "conflict"), "/detail"), "is succeeded"));
    expect(resume_job(busy), 200);
    await_status(busy, "running");
    assert_non_null(strstr(text(expect_problem(resume_job(busy), 409, "conflict"), "/detail"), "is running, not paused"));
    long queued = start_job(QUICK);
    struct reply *r = expect(pause_job(queued), 200);
    assert_string_equal(text(r, "/status"), "paused"); /* at once */
    assert_string_equal(text(expect(resume_job(queued), 200), "/status"), "queued");
    cancel_job(busy);
    assert_string_equal(text(finish_job(queued), "/status"), "succeeded");
}

/* Runs that are over stay so, the running one stops, the others wait. */
static void a_grid_is_paused_whole(void **state)
{
    (void)state;
    long job = start_job("{\"dataset\":\"penguins\",\"target\":\"species\",\"batch_size\":1,"
                         "\"network\":{\"hidden\":[{\"units\":64},{\"units\":64}]},\"grid\":{\"/epochs\":[1,80,2,3]}}");
    await_epoch(run_of(job, 1), 1);
    struct reply *r = expect(pause_job(job), 200);
    assert_true(number(r, "/runs/succeeded") == 1 && number(r, "/runs/paused") == 2 && number(r, "/runs/running") == 1);
    await_status(job, "paused");
    assert_true(number(job_get(job), "/runs/paused") == 3);
    expect(resume_job(job), 200);
    r = finish_job(job);
    assert_string_equal(text(r, "/status"), "succeeded");
    assert_true(number(r, "/runs/succeeded") == 4);
    assert_int_equal(files_settled("checkpoints"), 0);
}

/* ---- PATCH -------------------------------------------------------------------------------------------------------- */

static struct reply *patch(long job, const char *body)
{
    char path[60];
    snprintf(path, sizeof path, "/v1/jobs/%ld", job);
    return http_send(&(struct request){.method = "PATCH", .path = path, .type = "application/json", .body = body});
}

static void a_job_is_renamed(void **state)
{
    (void)state;
    long job = start_job("{\"name\":\"before\",\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":2}");
    finish_job(job);
    struct reply *r = expect(patch(job, "{\"name\":\"after <b>\"}"), 200);
    assert_string_equal(text(r, "/name"), "after <b>");
    assert_true(number(r, "/priority") == 0);
    r = expect(patch(job, "{\"priority\":-1000}"), 200);
    assert_string_equal(text(r, "/name"), "after <b>");
    assert_true(number(r, "/priority") == -1000);
    r = expect(patch(job, "{\"name\":null,\"priority\":1000}"), 200);
    assert_true(is_null(r, "/name") && number(r, "/priority") == 1000);
    expect(patch(job, "{}"), 200);
    daemon_stop(SIGTERM);
    daemon_start_again();
    assert_true(is_null(job_get(job), "/name") && number(job_get(job), "/priority") == 1000);
    expect_violation(patch(job, "{\"priority\":1001}"), "/priority", "range");
    expect_violation(patch(job, "{\"priority\":-1001}"), "/priority", "range");
    expect_violation(patch(job, "{\"priority\":0.5}"), "/priority", "range");
    expect_violation(patch(job, "{\"priority\":\"high\"}"), "/priority", "type");
    expect_violation(patch(job, "{\"priority\":null}"), "/priority", "type");
    expect_violation(patch(job, "{\"name\":7}"), "/name", "type");
    expect_violation(patch(job, "{\"prio\":1}"), "/prio", "unknown");
    expect_violation(patch(job, "[]"), "", "type");
    expect(patch(job, "{"), 400);
    expect(patch(999999, "{\"name\":\"x\"}"), 404);
    assert_true(is_null(job_get(job), "/name"));
}

/* Whoever waits is taken by priority, whenever that was given; among equals, who came first. */
static void priorities_order_the_queue(void **state)
{
    (void)state;
    long busy = start_job(ENDLESS), job[4];
    await_status(busy, "running");
    for (int i = 0; i < 4; i++)
        job[i] = start_job("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":2,\"grid\":{\"/seed\":[1,2]}}");
    expect(patch(job[2], "{\"priority\":5}"), 200);
    expect(patch(job[3], "{\"priority\":7}"), 200);
    expect(patch(job[0], "{\"priority\":-1}"), 200);
    expect(pause_job(job[3]), 200);
    expect(resume_job(job[3]), 200); /* it keeps its priority */
    cancel_job(busy);
    static const int order[] = {3, 2, 1, 0};
    char before[40] = "";
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 2; k++) {
            finish_job(job[order[i]]);
            const char *started = text(run_get(run_of(job[order[i]], k)), "/timings/started_at");
            assert_true(strcmp(before, started) <= 0);
            snprintf(before, sizeof before, "%s", started);
        }
}

/* ---- restarts ----------------------------------------------------------------------------------------------------- */

static void paused_stays_paused(void **state)
{
    (void)state;
    long job = paused_job();
    double epochs = number(run_get(run_of(job, 0)), "/epoch");
    for (int by_kill = 0; by_kill < 2; by_kill++) {
        if (by_kill)
            daemon_kill();
        else
            daemon_stop(SIGTERM);
        daemon_start_again();
        train(QUICK);
        assert_string_equal(text(job_get(job), "/status"), "paused");
        assert_true(number(run_get(run_of(job, 0)), "/epoch") == epochs);
        assert_int_equal(files_now("checkpoints"), 1);
    }
    double epoch = number(run_get(run_of(job, 0)), "/epoch");
    expect(resume_job(job), 200);
    await_epoch(run_of(job, 0), epoch + 1);
    cancel_job(job);
    assert_string_not_equal(text(run_get(run_of(job, 0)), "/model_sha256"), ""); /* it ran: what it learned is kept */
}

static void touch(const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "%s/checkpoints/%s", daemon_dir(), name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}

/* Of runs that are not there, or over; halves of a write; what is no checkpoint at all. A damaged one of a run that waits stays
 * until the run comes to it, and is passed over. */
static void orphans_are_swept_and_damage_is_passed_over(void **state)
{
    (void)state;
    long over = train(QUICK), job = paused_job(), run = run_of(job, 0);
    char name[40];
    snprintf(name, sizeof name, "%ld.0", over);
    touch(name);
    touch("999999.1");
    touch("1.0.tmp");
    touch("note");
    snprintf(name, sizeof name, "%ld.1", run);
    touch(name);
    assert_int_equal(files_now("checkpoints"), 6);
    daemon_stop(SIGTERM);
    daemon_start_again();
    assert_int_equal(files_now("checkpoints"), 2);
    double epochs = number(run_get(run), "/epoch");
    expect(resume_job(job), 200);
    for (struct reply *r = run_get(run); number(r, "/epoch") <= epochs;)
        r = expect(http_get("/v1/runs/%ld?wait=1", run), 200);
    char *log = daemon_log();
    assert_non_null(strstr(log, "checkpoint passed over"));
    test_free(log);
    cancel_job(job);
}

/* ---- poison ------------------------------------------------------------------------------------------------------- */

static void await_running(long job)
{
    struct reply *r = job_get(job);
    while (strcmp(text(r, "/status"), "running") != 0 && !flag(r, "/terminal"))
        r = expect(http_get("/v1/jobs/%ld?wait=1", job), 200);
}

/* That it has got its rows and trains, after so many interruptions: its layers are there, and the log says each time that it
 * goes on. */
static void await_training(long job, int interruptions)
{
    char line[80];
    struct reply *r = run_get(run_of(job, 0));
    while (is_null(r, "/layers"))
        r = expect(http_get("/v1/runs/%ld?wait=1", whole(r, "/id")), 200);
    snprintf(line, sizeof line, "\"event\":\"run goes on\",\"run\":\"%ld\"", whole(r, "/id"));
    for (int found = -1; found < interruptions; poll(NULL, 0, 5)) {
        char *log = daemon_log();
        found = 0;
        for (const char *at = log; (at = strstr(at, line)); at++)
            found++;
        test_free(log);
    }
}

/* Neither an epoch nor a checkpoint between three ends by force. */
static void a_run_that_gets_nowhere_fails(void **state)
{
    (void)state;
    long job = start_job(HEAVY, "0");
    for (int i = 0; i < 3; i++) {
        await_running(job);
        assert_string_equal(text(job_get(job), "/status"), "running");
        daemon_kill();
        daemon_start_again();
    }
    struct reply *r = finish_job(job);
    assert_string_equal(text(r, "/status"), "failed");
    r = run_get(run_of(job, 0));
    assert_string_equal(text(r, "/failure/code"), "poison");
    assert_true(number(r, "/failure/epoch") == 1);
    assert_non_null(strstr(text(r, "/failure/detail"), "ended 3 times"));
    train(QUICK); /* and the others go on */
}

/* Ends the daemon three times as soon as the run is seen to run. Whether it had come further than to its rows by then: its layers
 * are known. */
static bool poisoned_further(const char *spec)
{
    long job = start_job("%s", spec);
    for (int i = 0; i < 3; i++) {
        await_running(job);
        daemon_kill();
        daemon_start_again();
    }
    assert_string_equal(text(finish_job(job), "/status"), "failed");
    struct reply *r = run_get(run_of(job, 0));
    assert_string_equal(text(r, "/failure/code"), "poison");
    bool further = !is_null(r, "/layers");
    expect(http_call("DELETE", "/v1/jobs/%ld", job), 204);
    return further;
}

/* A large table whose rows take long to encode. On a machine that is slow to say that it runs, once more. */
static void ends_while_rows_are_prepared_count(void **state)
{
    (void)state;
    enum { ROWS = 300000, LINE = 32 };
    char *csv = malloc(ROWS * LINE), *end = csv;
    assert_non_null(csv);
    end += sprintf(end, "a,b,c,d,e,f,y\n");
    for (unsigned i = 0; i < ROWS - 1; i++)
        end += snprintf(end, LINE, "%u,%u,%u,%u,%u,%u,%u\n", i % 997, i * 7 % 991, i * 11 % 983, i * 13 % 977, i * 17 % 971,
                        i * 19 % 967, i % 3);
    expect(http_post_csv("/v1/datasets?name=large", csv), 201);
    free(csv);
    const char *spec = "{\"dataset\":\"large\",\"target\":\"y\",\"task\":\"multiclass\",\"columns\":{"
                       "\"a\":{\"role\":\"categorical\"},\"b\":{\"role\":\"categorical\"},\"c\":{\"role\":\"categorical\"},"
                       "\"d\":{\"role\":\"categorical\"},\"e\":{\"role\":\"categorical\"},\"f\":{\"role\":\"categorical\"}}}";
    bool further = true;
    for (int tries = 0; further && tries < 5; tries++)
        further = poisoned_further(spec);
    assert_false(further);
    expect(http_call("DELETE", "/v1/datasets/large"), 204);
}

/* A stop in between leaves a checkpoint: it gets somewhere, and the count begins again. */
static void a_run_that_gets_further_is_tried_again(void **state)
{
    (void)state;
    long job = start_job(HEAVY, "0");
    for (int i = 0; i < 4; i++) {
        await_training(job, i);
        assert_string_equal(text(job_get(job), "/status"), "running");
        if (i == 1)
            daemon_stop(SIGTERM);
        else
            daemon_kill();
        daemon_start_again();
    }
    await_running(job);
    assert_string_equal(text(job_get(job), "/status"), "running");
    cancel_job(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_OF_WORK(a_paused_run_shows_what_it_has),
        TEST_OF_WORK(statuses_forbid),
        TEST_OF_WORK(a_grid_is_paused_whole),
        TEST_OF_WORK(a_job_is_renamed),
        TEST_OF_WORK(priorities_order_the_queue),
        TEST_OF_WORK(paused_stays_paused),
        TEST_OF_WORK(orphans_are_swept_and_damage_is_passed_over),
        TEST_OF_WORK(a_run_that_gets_nowhere_fails),
        TEST_OF_WORK(ends_while_rows_are_prepared_count),
        TEST_OF_WORK(a_run_that_gets_further_is_tried_again),
    };
    return cmocka_run_group_tests(tests, daemon_setup_one_worker_with_penguins, daemon_teardown);
}
