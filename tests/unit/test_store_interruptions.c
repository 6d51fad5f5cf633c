/* server/store: runs that are interrupted: they leave and go on, crash, are paused and resumed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "store_fixture.h"

/* ---- leaving and crashing ------------------------------------------------------------------------------------------------- */

static void test_a_run_that_left_goes_on(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_run(f, add_job(f, "a", 0, 0), 1, 5);
    struct store_epoch e[] = {epoch_of(1, 0.5, 0.25), epoch_of(2, 0.75, 0.5)};
    struct write w = {.id = id};
    assert_int_equal(do_write(f, &w, body_run_start), ERR_OK);
    assert_int_equal(w.begun.epoch, 0);
    assert_int_equal(w.begun.attempts, 1);
    assert_int_equal(append(f, id, e, 1), ERR_OK);
    struct store_run before = run_of(f, id);
    assert_int_equal(do_write(f, &w, body_run_leave), ERR_OK);
    assert_int_equal(w.status, STATUS_QUEUED);
    assert_int_equal(append(f, id, &e[1], 1), ERR_CONFLICT);
    assert_int_equal(do_write(f, &w, body_run_start), ERR_OK);
    assert_int_equal(w.begun.epoch, 1);
    assert_int_equal(w.begun.attempts, 2);
    struct store_run r = run_of(f, id);
    assert_int_equal(r.epoch, 1); /* nothing that was shown has gone */
    assert_int_equal(r.best_epoch, 1);
    assert_int_equal(r.weight_updates, before.weight_updates);
    assert_int_equal(r.queued_at, before.queued_at);
    assert_int_equal(r.started_at, before.started_at);
    assert_true(r.metric[METRIC_TRAIN_LOSS] == 0.5 && r.metric[METRIC_VALID_LOSS] == 0.25);
    assert_true(r.training_seconds == 2.5);
    store_run_done(&r);
    store_run_done(&before);
    assert_int_equal(append(f, id, &e[1], 1), ERR_OK);
    r = run_of(f, id);
    assert_int_equal(r.epoch, 2);
    assert_int_equal(r.best_epoch, 1);
    store_run_done(&r);
}

static void crash(struct fixture *f, int64_t run, uint32_t went_on, uint32_t poisoned)
{
    struct write w = {0};
    start_run(f, run);
    assert_int_equal(do_write(f, &w, body_recover), ERR_OK);
    assert_int_equal(w.number, went_on);
    assert_int_equal(w.id, poisoned);
}

/* Any progress counts: an epoch, or a checkpoint. */
static void test_the_third_crash_without_progress_is_the_last(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_run(f, add_job(f, "a", 0, 0), 1, 5);
    struct store_epoch e = epoch_of(1, 0.5, 0.25);
    crash(f, id, 1, 0);
    crash(f, id, 1, 0);
    start_run(f, id);
    assert_int_equal(append(f, id, &e, 1), ERR_OK);
    assert_int_equal(on_id(f, body_run_leave, id), ERR_OK); /* no crash */
    crash(f, id, 1, 0);
    crash(f, id, 1, 0);
    assert_int_equal(on_id(f, body_run_got_further, id), ERR_OK);
    crash(f, id, 1, 0);
    crash(f, id, 1, 0);
    struct store_run r = run_of(f, id);
    assert_int_equal(r.crashes, 2);
    store_run_done(&r);
    crash(f, id, 0, 1);
    r = run_of(f, id);
    assert_int_equal(r.status, STATUS_FAILED);
    assert_string_equal(r.failure_code, "poison");
    assert_int_equal(r.failure_epoch, 2);
    assert_non_null(strstr(r.failure_detail, "3 times while this run was in epoch 2"));
    assert_int_equal(r.finished_at, NOW + 4);
    store_run_done(&r);
    assert_int_equal(status_of_job(f, 1), STATUS_FAILED);
}

static void test_a_crash_of_a_run_that_was_to_be_paused(void **state)
{
    struct fixture *f = *state;
    int64_t job = add_job(f, "a", 0, 0), id = add_run(f, job, 1, 5);
    start_run(f, id);
    assert_int_equal(on_id(f, body_job_pause, job), ERR_OK);
    struct write w = {0};
    assert_int_equal(do_write(f, &w, body_recover), ERR_OK);
    assert_int_equal(status_of_run(f, id), STATUS_PAUSED);
    assert_int_equal(on_id(f, body_job_resume, job), ERR_OK);
    start_run(f, id);
    w.id = id;
    assert_int_equal(do_write(f, &w, body_run_leave), ERR_OK); /* the request was carried out once */
    assert_int_equal(w.status, STATUS_QUEUED);
}

/* ---- pause and resume ----------------------------------------------------------------------------------------------------- */

static void assert_statuses(struct fixture *f, const int64_t *runs, const int *statuses, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(status_of_run(f, runs[i]), statuses[i]);
}

static void test_pausing_keeps_the_waiting_and_asks_the_running(void **state)
{
    struct fixture *f = *state;
    int64_t job = add_job(f, "pause", 0, 0), runs[5];
    for (uint32_t i = 0; i < 5; i++)
        runs[i] = add_run(f, job, i + 1, 3);
    for (int i = 0; i < 3; i++)
        start_run(f, runs[i]);
    assert_int_equal(finish_run(f, runs[0], STATUS_SUCCEEDED), ERR_OK);
    assert_int_equal(on_id(f, body_job_resume, job), ERR_CONFLICT);
    assert_non_null(strstr(f->err.message, "running, not paused"));
    struct write w = {.id = job};
    for (int again = 0; again < 2; again++) { /* to ask twice changes nothing */
        assert_int_equal(do_write(f, &w, body_job_pause), ERR_OK);
        assert_int_equal(w.runs.running_count, 2);
        assert_int_equal(w.runs.running[0], runs[1]);
        assert_int_equal(w.runs.running[1], runs[2]);
        store_runs_done(&w.runs);
    }
    assert_statuses(f, runs, (int[]){STATUS_SUCCEEDED, STATUS_RUNNING, STATUS_RUNNING, STATUS_PAUSED, STATUS_PAUSED}, 5);
    assert_int_equal(status_of_job(f, job), STATUS_RUNNING);
    w.id = runs[1];
    assert_int_equal(do_write(f, &w, body_run_leave), ERR_OK);
    assert_int_equal(w.status, STATUS_PAUSED);
    w.id = job;
    assert_int_equal(do_write(f, &w, body_job_resume), ERR_OK); /* while one has not stopped yet: it goes on */
    assert_int_equal(w.runs.waiting_count, 3);
    assert_int_equal(w.runs.waiting[0], runs[1]);
    assert_int_equal(w.runs.waiting[2], runs[4]);
    store_runs_done(&w.runs);
    w.id = runs[2];
    assert_int_equal(do_write(f, &w, body_run_leave), ERR_OK);
    assert_int_equal(w.status, STATUS_QUEUED);
    assert_statuses(f, runs + 1, (int[]){STATUS_QUEUED, STATUS_QUEUED, STATUS_QUEUED, STATUS_QUEUED}, 4);
    assert_int_equal(on_id(f, body_job_pause, job), ERR_OK);
    assert_int_equal(status_of_job(f, job), STATUS_PAUSED);
    assert_int_equal(on_id(f, body_job_pause, job), ERR_CONFLICT);
    assert_non_null(strstr(f->err.message, "paused already"));
    assert_int_equal(on_id(f, body_job_cancel, job), ERR_OK);
    assert_statuses(f, runs + 1, (int[]){STATUS_CANCELLED, STATUS_CANCELLED, STATUS_CANCELLED, STATUS_CANCELLED}, 4);
    static const body bodies[] = {body_job_pause, body_job_resume};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(on_id(f, bodies[i], job), ERR_CONFLICT);
        assert_non_null(strstr(f->err.message, "is cancelled and cannot be"));
        assert_int_equal(on_id(f, bodies[i], 99), ERR_NOT_FOUND);
    }
}

/* What was asked for last holds: a run that is to be cancelled is not paused. */
static void test_a_run_that_is_to_be_cancelled_is_not_paused(void **state)
{
    struct fixture *f = *state;
    int64_t job = add_job(f, "both", 0, 0), run = add_run(f, job, 1, 3);
    start_run(f, run);
    assert_int_equal(on_id(f, body_job_pause, job), ERR_OK);
    assert_int_equal(on_id(f, body_job_cancel, job), ERR_OK);
    struct write w = {.id = run};
    assert_int_equal(do_write(f, &w, body_run_leave), ERR_OK);
    assert_int_equal(w.status, STATUS_CANCELLED);
    int64_t other = add_job(f, "other", 0, 0), second = add_run(f, other, 1, 3);
    start_run(f, second);
    assert_int_equal(on_id(f, body_job_cancel, other), ERR_OK);
    assert_int_equal(on_id(f, body_job_pause, other), ERR_CONFLICT);
    assert_non_null(strstr(f->err.message, "being cancelled"));
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(test_a_run_that_left_goes_on),
        WITH_STORE(test_the_third_crash_without_progress_is_the_last),
        WITH_STORE(test_a_crash_of_a_run_that_was_to_be_paused),
        WITH_STORE(test_pausing_keeps_the_waiting_and_asks_the_running),
        WITH_STORE(test_a_run_that_is_to_be_cancelled_is_not_paused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
