/* Cancelling, deleting, waiting: what happens to jobs and runs while they are queued, running, and at their end. One worker,
 * so that a second job waits for the first. */
#include "support/api.h"

#define QUICK "{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":2}"

/* ---- cancel ------------------------------------------------------------------------------------------------------- */

static void a_running_job_is_cancelled_promptly(void **state)
{
    (void)state;
    long job = start_job(ENDLESS);
    await_status(job, "running");
    struct reply *r = expect(http_call("POST", "/v1/jobs/%ld/cancel", job), 200);
    assert_true(whole(r, "/id") == job);
    expect_members(r, "", "id name dataset dataset_id status terminal progress priority runs folds best epochs_saved spec "
                          "created_at started_at finished_at");
    r = finish_job(job); /* hours, if it were not stopped */
    assert_string_equal(text(r, "/status"), "cancelled");
    assert_true(number(r, "/runs/cancelled") == 1);
    assert_true(number(r, "/progress") == 1);
    r = run_get(run_of(job, 0));
    assert_string_equal(text(r, "/status"), "cancelled");
    assert_true(flag(r, "/terminal"));
    assert_true(number(r, "/epoch") < number(r, "/epochs"));
    assert_true(is_null(r, "/failure"));
    assert_true(is_time(text(r, "/timings/finished_at")));
    r = expect(http_get("/v1/runs/%.0f/epochs", number(r, "/id")), 200);
    assert_true(number(r, "/total") == number(run_get(run_of(job, 0)), "/epoch"));
}

static void queued_runs_are_cancelled_at_once(void **state)
{
    (void)state;
    long busy = start_job(ENDLESS);
    await_status(busy, "running");
    long job = start_job("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":2,\"grid\":{\"/seed\":[1,2,3]}}");
    struct reply *r = job_get(job);
    assert_string_equal(text(r, "/status"), "queued");
    assert_true(is_null(r, "/started_at") && number(r, "/progress") == 0);
    r = expect(http_call("POST", "/v1/jobs/%ld/cancel", job), 200);
    assert_string_equal(text(r, "/status"), "cancelled");
    assert_true(flag(r, "/terminal"));
    assert_true(number(r, "/runs/cancelled") == 3);
    r = run_get(run_of(job, 2));
    assert_string_equal(text(r, "/status"), "cancelled");
    assert_true(is_null(r, "/timings/started_at"));
    cancel_job(busy);
    /* the worker skips them */
    r = finish_job(start_job(QUICK));
    assert_string_equal(text(r, "/status"), "succeeded");
    assert_string_equal(text(job_get(job), "/status"), "cancelled");
}

/* Some runs done, one running, others queued. */
static void a_job_in_the_middle_keeps_what_is_done(void **state)
{
    (void)state;
    long job = start_job("{\"dataset\":\"penguins\",\"target\":\"species\",\"batch_size\":1,"
                         "\"network\":{\"hidden\":[{\"units\":128},{\"units\":128}]},\"grid\":{\"/epochs\":[1,1000000,3]}}");
    long first = run_of(job, 0), second = run_of(job, 1);
    for (struct reply *r = run_get(second); strcmp(text(r, "/status"), "running") != 0;)
        r = expect(http_get("/v1/runs/%ld?wait=1", second), 200);
    struct reply *r = job_get(job);
    assert_string_equal(text(r, "/status"), "running");
    assert_true(number(r, "/progress") >= 1.0 / 3 && number(r, "/progress") < 0.5);
    assert_true(number(r, "/runs/succeeded") == 1 && number(r, "/runs/running") == 1 && number(r, "/runs/queued") == 1);
    cancel_job(job);
    r = job_get(job);
    assert_true(number(r, "/runs/succeeded") == 1 && number(r, "/runs/cancelled") == 2);
    assert_string_equal(text(run_get(first), "/status"), "succeeded");
    expect(http_get("/v1/runs/%ld/model", first), 200);
}

static void a_terminal_job_cannot_be_cancelled(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *status;
    } cases[] = {{QUICK, "succeeded"}, {DIVERGING, "failed"}};
    long job = 0;
    for (size_t i = 0; i < COUNT(cases); i++) {
        job = start_job("%s", cases[i].spec);
        assert_string_equal(text(finish_job(job), "/status"), cases[i].status);
        struct reply *r = expect_problem(http_call("POST", "/v1/jobs/%ld/cancel", job), 409, "conflict");
        assert_non_null(strstr(text(r, "/detail"), cases[i].status));
    }
    job = start_job(ENDLESS);
    cancel_job(job);
    struct reply *r = expect_problem(http_call("POST", "/v1/jobs/%ld/cancel", job), 409, "conflict");
    assert_non_null(strstr(text(r, "/detail"), "cancelled"));
}

/* ---- delete ------------------------------------------------------------------------------------------------------- */

static void only_a_terminal_job_is_deleted_with_all_it_has(void **state)
{
    (void)state;
    size_t models = files_settled("models");
    long job = start_job("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":2,\"grid\":{\"/seed\":[1,2]}}");
    finish_job(job);
    long run = run_of(job, 1);
    assert_int_equal(files_settled("models"), models + 2);
    char predict[60];
    snprintf(predict, sizeof predict, "/v1/runs/%ld/predict", run);
    expect(http_post(predict, "{\"instances\":[{}]}"), 200);
    expect(http_call("DELETE", "/v1/jobs/%ld", job), 204);
    static const char *const parts[] = {"", "/epochs", "/layers", "/evaluation", "/model"};
    for (size_t i = 0; i < COUNT(parts); i++)
        expect_problem(http_get("/v1/runs/%ld%s", run, parts[i]), 404, "not_found");
    expect_problem(http_post(predict, "{\"instances\":[{}]}"), 404, "not_found"); /* out of the cache as well */
    expect_problem(http_get("/v1/jobs/%ld", job), 404, "not_found");
    expect_problem(http_get("/v1/jobs/%ld/runs", job), 404, "not_found");
    expect_problem(http_call("DELETE", "/v1/jobs/%ld", job), 404, "not_found");
    assert_int_equal(files_settled("models"), models);
}

static void a_job_under_way_is_not_deleted(void **state)
{
    (void)state;
    long busy = start_job(ENDLESS), waiting = start_job(QUICK);
    await_status(busy, "running");
    struct reply *r = expect_problem(http_call("DELETE", "/v1/jobs/%ld", busy), 409, "conflict");
    assert_non_null(strstr(text(r, "/detail"), "running"));
    r = expect_problem(http_call("DELETE", "/v1/jobs/%ld", waiting), 409, "conflict");
    assert_non_null(strstr(text(r, "/detail"), "queued"));
    cancel_job(busy);
    expect(http_call("DELETE", "/v1/jobs/%ld", busy), 204);
    finish_job(waiting);
    expect(http_call("DELETE", "/v1/jobs/%ld", waiting), 204);
}

/* ---- long polls --------------------------------------------------------------------------------------------------- */

static struct reply *answer(struct raw *poll, int status)
{
    struct reply *r = raw_read(poll, "GET");
    assert_non_null(r);
    check_reply(r, "GET");
    raw_close(poll);
    return expect(r, status);
}

static void a_poll_answers_at_once_for_what_is_over(void **state)
{
    (void)state;
    long run = train(QUICK);
    struct reply *r = expect(http_get("/v1/runs/%ld?wait=60", run), 200);
    assert_true(flag(r, "/terminal"));
    r = expect(http_get("/v1/jobs/%.0f?wait=60", number(r, "/job")), 200);
    assert_true(flag(r, "/terminal"));
    expect(http_call("HEAD", "/v1/runs/%ld?wait=60", run), 200);
}

/* Nothing changes: it ends with its time. */
static void a_poll_ends_with_its_time(void **state)
{
    (void)state;
    long run = train(QUICK), busy = start_job(ENDLESS), queued = start_job(QUICK);
    char etag[120];
    struct reply *r = run_get(run);
    snprintf(etag, sizeof etag, "%s", http_header(r, "ETag"));
    struct raw *over = raw_get(etag, "/v1/runs/%ld?wait=1", run);
    struct raw *waiting = raw_get(NULL, "/v1/jobs/%ld?wait=1", queued);
    answer(over, 304);
    r = answer(waiting, 200);
    assert_string_equal(text(r, "/status"), "queued");
    expect(http_get("/v1/jobs/%ld?wait=0", queued), 200);
    cancel_job(busy);
    finish_job(queued);
}

static void a_poll_answers_when_something_changes(void **state)
{
    (void)state;
    long busy = start_job(ENDLESS), job = start_job(QUICK), run = run_of(job, 0);
    await_status(busy, "running");
    struct raw *polls[] = {raw_get(NULL, "/v1/jobs/%ld?wait=60", job), raw_get(NULL, "/v1/runs/%ld?wait=60", run)};
    raw_wait_for_requests(2);
    cancel_job(busy);
    struct reply *r = answer(polls[0], 200);
    assert_string_not_equal(text(r, "/status"), "queued");
    r = answer(polls[1], 200);
    assert_string_not_equal(text(r, "/status"), "queued");
    finish_job(job);
}

/* Every answer is another state, with a tag of its own, up to the end: returns how many there were. */
static int follow(const char *path, const char *figure, double last)
{
    char etag[130] = "\"\"", header[160];
    double before = 0;
    int answers = 0;
    for (bool over = false; !over; answers++) {
        snprintf(header, sizeof header, "If-None-Match: %s", etag);
        struct reply *r = expect(http_send(&(struct request){.path = path, .header = {header}}), 200);
        assert_string_not_equal(http_header(r, "ETag"), etag);
        snprintf(etag, sizeof etag, "%s", http_header(r, "ETag"));
        assert_true(number(r, "%s", figure) >= before);
        before = number(r, "%s", figure);
        over = flag(r, "/terminal");
    }
    assert_true(before == last);
    return answers;
}

/* No state is missed, whatever comes between two polls. */
static void polls_with_the_last_tag_follow_to_the_end(void **state)
{
    (void)state;
    static const char three[] =
        "{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":100,\"grid\":{\"/seed\":[1,2,3]}}";
    char path[60];
    snprintf(path, sizeof path, "/v1/runs/%ld?wait=60", run_of(start_job("%s", three), 2));
    assert_true(follow(path, "/epoch", 100) >= 2);
    snprintf(path, sizeof path, "/v1/jobs/%ld?wait=60", start_job("%s", three));
    assert_true(follow(path, "/progress", 1) >= 2);
}

static void polls_are_woken_by_cancelling_and_deleting(void **state)
{
    (void)state;
    long busy = start_job(ENDLESS), job = start_job(QUICK), run = run_of(job, 0);
    await_status(busy, "running");
    struct raw *polls[] = {raw_get(NULL, "/v1/runs/%ld?wait=60", run), raw_get(NULL, "/v1/jobs/%ld?wait=60", job)};
    raw_wait_for_requests(2);
    expect(http_call("POST", "/v1/jobs/%ld/cancel", job), 200);
    for (size_t i = 0; i < COUNT(polls); i++)
        assert_string_equal(text(answer(polls[i], 200), "/status"), "cancelled");
    struct reply *r = run_get(run);
    polls[0] = raw_get(http_header(r, "ETag"), "/v1/runs/%ld?wait=60", run);
    r = job_get(job);
    polls[1] = raw_get(http_header(r, "ETag"), "/v1/jobs/%ld?wait=60", job);
    raw_wait_for_requests(2);
    expect(http_call("DELETE", "/v1/jobs/%ld", job), 204);
    for (size_t i = 0; i < COUNT(polls); i++)
        answer(polls[i], 404);
    cancel_job(busy);
}

/* Clients that go away while they wait leave nothing behind. */
static void a_poll_whose_client_is_gone_ends(void **state)
{
    (void)state;
    long busy = start_job(ENDLESS), job = start_job(QUICK);
    await_status(busy, "running");
    for (int i = 0; i < 20; i++)
        raw_close(raw_get(NULL, "/v1/jobs/%ld?wait=2", job));
    cancel_job(busy);
    assert_string_equal(text(finish_job(job), "/status"), "succeeded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_OF_WORK(a_running_job_is_cancelled_promptly),
        TEST_OF_WORK(queued_runs_are_cancelled_at_once),
        TEST_OF_WORK(a_job_in_the_middle_keeps_what_is_done),
        TEST_OF_WORK(a_terminal_job_cannot_be_cancelled),
        TEST_OF_WORK(only_a_terminal_job_is_deleted_with_all_it_has),
        TEST_OF_WORK(a_job_under_way_is_not_deleted),
        TEST_OF_WORK(a_poll_answers_at_once_for_what_is_over),
        TEST_OF_WORK(a_poll_ends_with_its_time),
        TEST_OF_WORK(a_poll_answers_when_something_changes),
        TEST_OF_WORK(polls_with_the_last_tag_follow_to_the_end),
        TEST_OF_WORK(polls_are_woken_by_cancelling_and_deleting),
        TEST_OF_WORK(a_poll_whose_client_is_gone_ends),
    };
    return cmocka_run_group_tests(tests, daemon_setup_one_worker_with_penguins, daemon_teardown);
}
