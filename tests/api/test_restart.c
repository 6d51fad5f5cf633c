/* Stopping by SIGTERM and by kill -9 with runs running and queued, polls waiting and uploads under way; and what is there
 * after the next start. One worker. */
#include "support/api.h"

#include <signal.h>

#define QUICK "{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":3}"
/* Long enough to be cut in two, short enough to be waited for. */
#define MIDDLE                                                                                                               \
    "{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":150,\"batch_size\":1,"                                       \
    "\"network\":{\"hidden\":[{\"units\":64},{\"units\":64}]}}"

static void stop(bool by_kill)
{
    if (by_kill)
        daemon_kill();
    else
        daemon_stop(SIGTERM);
}

/* ---- what is finished stays --------------------------------------------------------------------------------------- */

static const char *const parts[] = {"", "/epochs", "/layers", "/evaluation", "/model", "/epochs?points=5"};

/* All that the service says of a finished run, before and after a restart. */
struct memory {
    long run;
    char *body[COUNT(parts)];
    size_t length[COUNT(parts)];
    char *answer;
};

static struct reply *predict(long run)
{
    char path[60];
    snprintf(path, sizeof path, "/v1/runs/%ld/predict", run);
    return expect(http_post(path, "{\"instances\":[{\"bill_length_mm\":41.5,\"island\":\"Dream\"}]}"), 200);
}

static struct memory remember(long run)
{
    struct memory m = {.run = run};
    for (size_t i = 0; i < COUNT(parts); i++) {
        struct reply *r = expect(http_get("/v1/runs/%ld%s", run, parts[i]), 200);
        m.length[i] = r->length;
        m.body[i] = malloc(r->length + 1);
        assert_non_null(m.body[i]);
        memcpy(m.body[i], r->body, r->length + 1);
    }
    append(&m.answer, "%s", predict(run)->body);
    return m;
}

static void check_memory(struct memory *m)
{
    for (size_t i = 0; i < COUNT(parts); i++) {
        struct reply *r = expect(http_get("/v1/runs/%ld%s", m->run, parts[i]), 200);
        if (r->length != m->length[i] || memcmp(r->body, m->body[i], r->length) != 0)
            fail_reply(__FILE__, __LINE__, r, "not what it was");
        free(m->body[i]);
    }
    assert_string_equal(predict(m->run)->body, m->answer);
    free(m->answer);
}

/* Epochs 1..n without a gap, as many as the run says. */
static void check_epochs(long run)
{
    struct reply *r = run_get(run), *e = expect(http_get("/v1/runs/%ld/epochs", run), 200);
    assert_true(number(e, "/total") == number(r, "/epoch"));
    for (int i = 0; i < count(e, "/epoch"); i++)
        assert_true(number(e, "/epoch/%d", i) == i + 1);
}

/* One run finished, one running, one queued, one cancelled while it was queued. */
static void everything_goes_on_after_a_restart(bool by_kill)
{
    struct memory finished = remember(train(QUICK));
    char sha256[65];
    snprintf(sha256, sizeof sha256, "%s", text(run_get(train(MIDDLE)), "/model_sha256"));
    long middle = start_job(MIDDLE), queued = start_job(QUICK), cancelled = start_job(QUICK), run = run_of(middle, 0);
    expect(http_call("POST", "/v1/jobs/%ld/cancel", cancelled), 200);
    await_epoch(run, 1);
    assert_string_equal(text(run_get(run), "/status"), "running");
    stop(by_kill);

    daemon_start_again();
    check_memory(&finished);
    assert_string_equal(text(finish_job(middle), "/status"), "succeeded");
    assert_string_equal(text(finish_job(queued), "/status"), "succeeded");
    assert_string_equal(text(job_get(cancelled), "/status"), "cancelled");
    check_epochs(run);
    check_epochs(run_of(queued, 0));
    /* the same bits as a run that was never disturbed */
    assert_string_equal(text(run_get(run), "/model_sha256"), sha256);
    static const char *const open[] = {"queued", "running", "paused"};
    for (size_t i = 0; i < COUNT(open); i++)
        assert_int_equal(count(expect(http_get("/v1/jobs?status=%s", open[i]), 200), "/data"), 0);
}

static void everything_goes_on_after_sigterm(void **state)
{
    (void)state;
    everything_goes_on_after_a_restart(false);
}

static void everything_goes_on_after_kill(void **state)
{
    (void)state;
    everything_goes_on_after_a_restart(true);
}

/* Between the request to cancel and the end of the run. */
static void a_cancelled_run_does_not_come_back(void **state)
{
    (void)state;
    for (int by_kill = 0; by_kill < 2; by_kill++) {
        long job = start_job(ENDLESS);
        await_epoch(run_of(job, 0), 1);
        expect(http_call("POST", "/v1/jobs/%ld/cancel", job), 200);
        stop(by_kill);
        daemon_start_again();
        assert_string_equal(text(finish_job(job), "/status"), "cancelled");
        check_epochs(run_of(job, 0));
    }
}

/* Whatever was answered 201, 202, 200 or 204 holds; ids and keys as well. */
static void what_was_acknowledged_holds(void **state)
{
    (void)state;
    static const char key[] = "Idempotency-Key: across restarts";
    struct request q = {.path = "/v1/jobs", .type = "application/json", .body = QUICK, .header = {key}};
    long last = 0;
    for (int i = 0; i < 4; i++) {
        char path[60];
        long keyed = whole(expect(http_send(&q), 202), "/id");
        assert_true(!last || keyed == last);
        last = keyed;
        snprintf(path, sizeof path, "/v1/datasets?name=kept-%d", i);
        expect(http_post_csv(path, "a,b\n1,2\n2,3\n"), 201);
        snprintf(path, sizeof path, "/v1/datasets?name=deleted-%d", i);
        expect(http_post_csv(path, "a,b\n1,2\n2,3\n"), 201);
        expect(http_call("DELETE", "/v1/datasets/deleted-%d", i), 204);
        long job = start_job("{\"dataset\":\"kept-%d\",\"target\":\"b\",\"epochs\":1000,\"grid\":{\"/seed\":[1,2,3]}}", i);
        stop(i % 2);
        daemon_start_again();
        for (int k = 0; k <= i; k++) {
            assert_true(number(expect(http_get("/v1/datasets/kept-%d/rows", k), 200), "/total") == 2);
            expect(http_get("/v1/datasets/deleted-%d", k), 404);
        }
        assert_true(number(job_get(job), "/runs/total") == 3);
        assert_string_equal(text(finish_job(job), "/status"), "succeeded");
        for (int k = 0; k < 3; k++)
            check_epochs(run_of(job, k));
    }
    assert_int_equal(files_settled("datasets"), 5);
}

static void files_that_a_crash_left_are_swept(void **state)
{
    (void)state;
    size_t files = files_settled("datasets");
    struct raw *c = raw_open();
    raw_send(c, "POST /v1/datasets?name=half HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: "
                "1000000\r\n\r\na,b\n1,2\n");
    while (files_now("datasets") == files)
        expect(http_get("/healthz"), 200);
    daemon_kill();
    assert_true(files_now("datasets") > files);
    raw_close(c);
    daemon_start_again();
    assert_int_equal(files_settled("datasets"), files);
    expect(http_get("/v1/datasets/half"), 404);
}

/* ---- stopping while others wait ----------------------------------------------------------------------------------- */

static void waiting_polls_are_answered_when_it_stops(void **state)
{
    (void)state;
    long over = train(QUICK), busy = start_job(ENDLESS), job = start_job(QUICK);
    struct raw *polls[6];
    char etag[120];
    snprintf(etag, sizeof etag, "%s", http_header(run_get(over), "ETag"));
    for (size_t i = 0; i < COUNT(polls); i++)
        polls[i] = i % 2 ? raw_get(NULL, "/v1/jobs/%ld?wait=60", job) : raw_get(etag, "/v1/runs/%ld?wait=60", over);
    raw_wait_for_requests(COUNT(polls));
    daemon_tell(SIGTERM);
    for (size_t i = 0; i < COUNT(polls); i++) {
        struct reply *r = raw_read(polls[i], "GET");
        assert_non_null(r);
        check_reply(r, "GET");
        expect(r, i % 2 ? 200 : 304);
        raw_close(polls[i]);
    }
    daemon_wait();
    daemon_start_again();
    cancel_job(busy);
    assert_string_equal(text(finish_job(job), "/status"), "succeeded");
}

#define UPLOAD "POST /v1/datasets?name=late HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 12\r\n\r\n"

/* From the moment on at which new clients are refused. */
static void await_refusal(void)
{
    while (!raw_refused())
        ;
}

static struct reply *answered(struct raw *c, int status)
{
    struct reply *r = raw_read(c, "GET");
    assert_non_null(r);
    check_reply(r, "GET");
    return expect(r, status);
}

/* An upload that is under way holds it for a moment; meanwhile whoever is connected is told to come back. */
static void a_daemon_that_stops_takes_nothing_new(void **state)
{
    (void)state;
    struct raw *upload = raw_open(), *others[] = {raw_open(), raw_open(), raw_open()};
    for (size_t i = 0; i < COUNT(others); i++) { /* so that they are connections that it has taken */
        raw_send(others[i], "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
        answered(others[i], 200);
    }
    raw_send(upload, UPLOAD "a,b\n");
    raw_wait_for_requests(1);
    daemon_tell(SIGTERM);
    await_refusal();
    raw_send(others[0], "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_problem(answered(others[0], 503), 503, "unavailable");
    raw_send(others[1], "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             sizeof QUICK - 1,
             QUICK);
    expect_problem(answered(others[1], 503), 503, "unavailable");
    raw_send(others[2], UPLOAD "a,b\n1,2\n3,4\n");
    expect_problem(answered(others[2], 503), 503, "unavailable");
    raw_send(upload, "1,2\n3,4\n");
    struct reply *r = raw_read(upload, "POST");
    assert_non_null(r);
    check_reply(r, "POST");
    int status = r->status;
    if (status != 201)
        expect_problem(r, 503, "unavailable");
    daemon_wait();
    raw_close(upload);
    for (size_t i = 0; i < COUNT(others); i++)
        raw_close(others[i]);
    daemon_start_again();
    expect(http_get("/v1/datasets/late"), status == 201 ? 200 : 404);
}

/* One that never ends does not hold it for long. */
static void an_upload_that_never_ends_does_not_keep_it(void **state)
{
    (void)state;
    size_t files = files_settled("datasets");
    struct raw *upload = raw_open();
    raw_send(upload, "POST /v1/datasets?name=never HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: "
                     "1000\r\n\r\na,b\n1,2\n");
    raw_wait_for_requests(1);
    daemon_stop(SIGTERM);
    assert_int_equal(files_now("datasets"), files);
    raw_close(upload);
    daemon_start_again();
    expect(http_get("/v1/datasets/never"), 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_OF_WORK(everything_goes_on_after_sigterm),
        TEST_OF_WORK(everything_goes_on_after_kill),
        TEST_OF_WORK(a_cancelled_run_does_not_come_back),
        TEST_OF_WORK(what_was_acknowledged_holds),
        TEST(files_that_a_crash_left_are_swept),
        TEST_OF_WORK(waiting_polls_are_answered_when_it_stops),
        TEST(a_daemon_that_stops_takes_nothing_new),
        TEST(an_upload_that_never_ends_does_not_keep_it),
    };
    return cmocka_run_group_tests(tests, daemon_setup_one_worker_with_penguins, daemon_teardown);
}
