/* Several clients at once: what may be there once only is there once, and everyone gets an answer of their own. */
#include "support/api.h"

#define CLIENTS 8
#define CSV_HEAD "POST /v1/datasets?name=%s HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: %zu\r\n\r\n%s"
#define JOB_HEAD "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n%s"
#define JOB "{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":2}"

static struct reply *take(struct raw *c)
{
    struct reply *r = raw_read(c, "POST");
    assert_non_null(r);
    check_reply(r, "POST");
    raw_close(c);
    return r;
}

/* All heads first, so that all uploads are under way before the first ends. */
static void upload_at_once(const char *name, bool same, int ret_statuses[600])
{
    struct raw *c[CLIENTS];
    memset(ret_statuses, 0, 600 * sizeof *ret_statuses);
    for (int i = 0; i < CLIENTS; i++) {
        c[i] = raw_open();
        raw_send(c[i], CSV_HEAD, name, (size_t)12, "a,b\n");
    }
    raw_wait_for_requests(CLIENTS);
    for (int i = 0; i < CLIENTS; i++)
        raw_send(c[i], "1,2\n3,%d\n", same ? 4 : i);
    for (int i = 0; i < CLIENTS; i++)
        ret_statuses[take(c[i])->status]++;
}

static void one_upload_wins_a_name(void **state)
{
    (void)state;
    static int statuses[600];
    size_t files = files_settled("datasets");
    upload_at_once("contested", false, statuses);
    assert_int_equal(statuses[201], 1);
    assert_int_equal(statuses[409], CLIENTS - 1);
    upload_at_once("shared", true, statuses);
    assert_int_equal(statuses[201], 1);
    assert_int_equal(statuses[200], CLIENTS - 1);
    assert_int_equal(files_settled("datasets"), files + 2);
    expect(http_get("/v1/datasets/shared/rows"), 200);
}

static void one_key_makes_one_job_for_all(void **state)
{
    (void)state;
    struct raw *c[CLIENTS];
    long id = 0;
    int before = count(expect(http_get("/v1/jobs?limit=200"), 200), "/data");
    for (int i = 0; i < CLIENTS; i++)
        raw_send(c[i] = raw_open(), JOB_HEAD, "Idempotency-Key: everyone\r\n", sizeof JOB - 1, JOB);
    for (int i = 0; i < CLIENTS; i++) {
        struct reply *r = expect(take(c[i]), 202);
        assert_true(!id || whole(r, "/id") == id);
        id = whole(r, "/id");
    }
    finish_job(id);
    assert_int_equal(count(expect(http_get("/v1/jobs?limit=200"), 200), "/data"), before + 1);
}

static void jobs_of_many_clients_are_all_done(void **state)
{
    (void)state;
    struct raw *c[CLIENTS * 4];
    long job[COUNT(c)];
    char sha256[65] = "";
    for (size_t i = 0; i < COUNT(c); i++)
        raw_send(c[i] = raw_open(), JOB_HEAD, "", sizeof JOB - 1, JOB);
    for (size_t i = 0; i < COUNT(c); i++) {
        job[i] = whole(expect(take(c[i]), 202), "/id");
        for (size_t k = 0; k < i; k++)
            assert_true(job[k] != job[i]);
    }
    for (size_t i = 0; i < COUNT(c); i++) {
        assert_string_equal(text(finish_job(job[i]), "/status"), "succeeded");
        struct reply *r = run_get(run_of(job[i], 0));
        if (*sha256)
            assert_string_equal(text(r, "/model_sha256"), sha256);
        snprintf(sha256, sizeof sha256, "%s", text(r, "/model_sha256"));
    }
}

/* While a run trains, others predict, page and poll. */
static void reading_goes_on_while_runs_train(void **state)
{
    (void)state;
    long run = train(JOB), busy[2] = {start_job(ENDLESS), start_job(ENDLESS)};
    await_status(busy[0], "running");
    await_status(busy[1], "running");
    char path[60];
    snprintf(path, sizeof path, "/v1/runs/%ld/predict", run);
    const char *first = expect(http_post(path, "{\"instances\":[{}]}"), 200)->body;
    for (int i = 0; i < 50; i++) {
        assert_string_equal(expect(http_post(path, "{\"instances\":[{}]}"), 200)->body, first);
        expect(http_get("/v1/jobs?limit=5"), 200);
        struct reply *e = expect(http_get("/v1/runs/%ld/epochs?points=20", run_of(busy[i % 2], 0)), 200);
        for (int k = 1; k < count(e, "/epoch"); k++)
            assert_true(number(e, "/epoch/%d", k) > number(e, "/epoch/%d", k - 1));
    }
    cancel_job(busy[0]);
    cancel_job(busy[1]);
}

/* Many clients cancel and delete one job: each step happens once, and nobody sees an error of ours. */
static void one_delete_wins(void **state)
{
    (void)state;
    static int statuses[600];
    struct raw *c[CLIENTS];
    long job = start_job(ENDLESS);
    await_status(job, "running");
    for (int i = 0; i < CLIENTS; i++)
        raw_send(c[i] = raw_open(), "POST /v1/jobs/%ld/cancel HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", job);
    for (int i = 0; i < CLIENTS; i++)
        statuses[take(c[i])->status]++;
    assert_true(statuses[200] >= 1 && statuses[200] + statuses[409] == CLIENTS);
    finish_job(job);
    memset(statuses, 0, sizeof statuses);
    for (int i = 0; i < CLIENTS; i++)
        raw_send(c[i] = raw_open(), "DELETE /v1/jobs/%ld HTTP/1.1\r\nHost: x\r\n\r\n", job);
    for (int i = 0; i < CLIENTS; i++)
        statuses[take(c[i])->status]++;
    assert_int_equal(statuses[204], 1);
    assert_int_equal(statuses[404], CLIENTS - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_upload_wins_a_name),
        TEST(one_key_makes_one_job_for_all),
        TEST(jobs_of_many_clients_are_all_done),
        TEST_OF_WORK(reading_goes_on_while_runs_train),
        TEST_OF_WORK(one_delete_wins),
    };
    return cmocka_run_group_tests(tests, daemon_setup_with_penguins, daemon_teardown);
}
