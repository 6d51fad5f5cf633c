/* server/train: runs that are stopped, paused or cut short go on from checkpoints; what becomes of these. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "scheduler_fixture.h"
#include "server/train/checkpoints.h"

/* Epochs of a run that is interrupted several times and whose end is waited for. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SOME_EPOCHS 500
#else
#define SOME_EPOCHS 8000
#endif

/* "run goes on" with this epoch, the last time it was logged; -1: never. */
static long went_on_from(struct scheduled *s)
{
    cleanup(mem_freep) char *text = NULL;
    size_t size;
    char *rest;
    long epoch = -1;
    assert_int_equal(fs_read_all(s->log, 10 << 20, &text, &size, &s->f->err), ERR_OK);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        cleanup(json_freep) struct json *entry = json_of(line);
        if (!strcmp(json_string(json_get(entry, "event")), "run goes on"))
            epoch = strtol(json_string(json_get(entry, "epoch")), NULL, 10);
    }
    return epoch;
}

static size_t times(struct scheduled *s, const char *event)
{
    int64_t runs[100];
    return logged(s, event, runs, COUNT(runs));
}

static bool is_paused(const struct store_run *r)
{
    return r->status == STATUS_PAUSED;
}

static bool is_begun_again(const struct store_run *r)
{
    return r->status == STATUS_RUNNING && r->attempts == 2;
}

/* A run whose epochs take long enough for whoever wants to interrupt it: a million take minutes. */
static int64_t add_long(struct scheduled *s, uint32_t epochs, const char *every_seconds)
{
    char spec[300];
    snprintf(spec, sizeof spec, "{\"dataset\":\"d\",\"target\":\"k\",\"epochs\":%u,\"batch_size\":1,"
             "\"optimizer\":{\"name\":\"adam\"},\"network\":{\"hidden\":[{\"units\":128},{\"units\":128}]},\"checkpoint\":{\"every_seconds\":%s}}",
             epochs, every_seconds);
    return add_run_of(s, s->job, spec, epochs);
}

static uint32_t epoch_of_run(struct scheduled *s, int64_t run)
{
    struct store_run r = run_of(s->f, run);
    uint32_t epoch = r.epoch;
    store_run_done(&r);
    return epoch;
}

static void await_further(struct scheduled *s, int64_t run, uint32_t epoch)
{
    while (epoch_of_run(s, run) <= epoch)
        sched_yield();
}

static void await_file(struct scheduled *s)
{
    while (!files_in(s->checkpoints))
        sched_yield();
}

static void assert_succeeds(struct scheduled *s, int64_t run, uint32_t attempts)
{
    wait_for(s, run, is_over);
    struct store_run r = run_of(s->f, run);
    assert_int_equal(r.status, STATUS_SUCCEEDED);
    assert_int_equal(r.attempts, attempts);
    assert_int_equal(r.epoch, r.epochs);
    assert_true(r.training_seconds > 0 && r.samples_per_second > 0);
    assert_model(s, &r);
    store_run_done(&r);
    stop_scheduler(s); /* its files go after its end is told */
    assert_int_equal(files_in(s->checkpoints), 0);
}

static void pause_job(struct scheduled *s, int64_t run)
{
    assert_int_equal(on_id(s->f, body_job_pause, s->job), ERR_OK);
    scheduler_pause_run(s->scheduler, run);
}

static void resume_job(struct scheduled *s)
{
    struct write w = {.id = s->job};
    assert_int_equal(do_write(s->f, &w, body_job_resume), ERR_OK);
    assert_int_equal(scheduler_add(s->scheduler, s->job, 0, w.runs.waiting, w.runs.waiting_count, &s->f->err), ERR_OK);
    store_runs_done(&w.runs);
}

/* ---- stopping and pausing ----------------------------------------------------------------------------------------------- */

static void test_a_stopped_run_goes_on_from_where_it_stood(void **state)
{
    struct scheduled *s = *state;
    int64_t run = add_long(s, SOME_EPOCHS, "0");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(start_scheduler(s, 1), ERR_OK);
        await_further(s, run, epoch_of_run(s, run));
        stop_scheduler(s);
        assert_int_equal(status_of_run(s->f, run), STATUS_QUEUED);
        assert_int_equal(files_in(s->checkpoints), i ? 2 : 1); /* the last two */
        struct store_run r = run_of(s->f, run);
        assert_true(r.training_seconds > 0);
        store_run_done(&r);
        uint32_t stored = epoch_of_run(s, run);
        assert_int_equal(start_scheduler(s, 1), ERR_OK);
        await_further(s, run, stored); /* it is running before it has read its checkpoint */
        stop_scheduler(s);
        assert_int_equal(went_on_from(s), stored); /* nothing was trained twice */
    }
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    assert_succeeds(s, run, 7);
}

static void test_a_paused_run_waits_and_goes_on(void **state)
{
    struct scheduled *s = *state;
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    int64_t run = add_long(s, SOME_EPOCHS, "5");
    hand_over(s, run);
    wait_for(s, run, is_training);
    pause_job(s, run);
    wait_for(s, run, is_paused);
    uint32_t stored = epoch_of_run(s, run);
    stop_scheduler(s);
    assert_int_equal(start_scheduler(s, 1), ERR_OK); /* it stays paused, and its checkpoint stays */
    int64_t other = add_epochs(s, 2, "");
    hand_over(s, other);
    wait_for(s, other, is_over);
    assert_int_equal(status_of_run(s->f, run), STATUS_PAUSED);
    assert_int_equal(epoch_of_run(s, run), stored);
    assert_int_equal(files_in(s->checkpoints), 1);
    resume_job(s);
    assert_succeeds(s, run, 2);
    assert_int_equal(went_on_from(s), stored);
}

/* Between the request and the end of the batch it is taken back. */
static void test_a_pause_that_is_taken_back(void **state)
{
    struct scheduled *s = *state;
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    int64_t run = add_long(s, 1000000, "5");
    hand_over(s, run);
    wait_for(s, run, is_training);
    assert_int_equal(on_id(s->f, body_job_pause, s->job), ERR_OK);
    resume_job(s);
    scheduler_pause_run(s->scheduler, run);
    wait_for(s, run, is_begun_again); /* it goes on by itself */
    assert_int_equal(times(s, "run left"), 1);
}

static void test_a_pause_while_it_is_cancelled_or_over(void **state)
{
    struct scheduled *s = *state;
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    int64_t run = add_long(s, 1000000, "5");
    hand_over(s, run);
    wait_for(s, run, is_training);
    pause_job(s, run);
    assert_int_equal(on_id(s->f, body_job_cancel, s->job), ERR_OK);
    scheduler_stop_run(s->scheduler, run);
    wait_for(s, run, is_over);
    assert_int_equal(status_of_run(s->f, run), STATUS_CANCELLED);
    scheduler_pause_run(s->scheduler, run);
    stop_scheduler(s);
    assert_int_equal(files_in(s->checkpoints), 0);
}

/* ---- while it trains ---------------------------------------------------------------------------------------------------- */

/* One is written in the middle of a run, and whoever starts then goes on from it: a crash is a copy of the directory. */
static void test_checkpoints_are_written_while_it_trains(void **state)
{
    struct scheduled *s = *state;
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    int64_t run = add_long(s, 1000000, "0.001");
    hand_over(s, run);
    await_file(s);
    wait_for(s, run, is_training);
    assert_int_equal(times(s, "run left"), 0);
    pause_job(s, run);
    wait_for(s, run, is_paused);
    assert_int_equal(files_in(s->checkpoints), 2);
    stop_scheduler(s);
    /* without the last one, as if it had crashed before: all epochs up to the other are stored */
    struct checkpoints c;
    uint32_t stored = epoch_of_run(s, run);
    assert_int_equal(checkpoints_init(&c, s->checkpoints, run, NULL), ERR_OK);
    assert_int_equal(fs_remove(c.path[1], NULL), ERR_OK);
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    resume_job(s);
    await_further(s, run, stored);
    long from = went_on_from(s);
    assert_true(from >= 0 && from <= (long)stored);
}

/* Training goes on without, and so does the run after a pause, from its beginning; the log says so once. */
static void test_a_full_disk_under_the_checkpoints(void **state)
{
    struct scheduled *s = *state;
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    int64_t run = add_long(s, 1000000, "0.3");
    hand_over(s, run);
    wait_for(s, run, is_training);
    fs_fail_at(1, ENOSPC, 1);
    for (uint64_t before = fs_count(); fs_count() == before;) /* a try is one call that fails */
        sched_yield();
    await_further(s, run, epoch_of_run(s, run));
    pause_job(s, run);
    wait_for(s, run, is_paused); /* the second try */
    fs_fail_at(0, 0, 0);
    assert_int_equal(times(s, "checkpoint not written"), 1);
    assert_int_equal(times(s, "run put back"), 0);
    checkpoints_remove_run(s->checkpoints, run);
    uint32_t stored = epoch_of_run(s, run);
    resume_job(s);
    await_file(s); /* there is room again */
    assert_int_equal(went_on_from(s), 0);
    assert_true(epoch_of_run(s, run) >= stored); /* what was shown is there still */
}

/* After a crash the first checkpoint comes soon, whatever the job says, and takes the crash off the count. */
static void test_a_run_that_crashed_gets_ahead(void **state)
{
    struct scheduled *s = *state;
    int64_t run = add_long(s, 1000000, "5");
    start_run(s->f, run);
    struct write w = {0};
    assert_int_equal(do_write(s->f, &w, body_recover), ERR_OK);
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    await_file(s);
    stop_scheduler(s);
    struct store_run r = run_of(s->f, run);
    assert_int_equal(r.crashes, 0);
    store_run_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCHEDULED(test_a_stopped_run_goes_on_from_where_it_stood),
        SCHEDULED(test_a_paused_run_waits_and_goes_on),
        SCHEDULED(test_a_pause_that_is_taken_back),
        SCHEDULED(test_a_pause_while_it_is_cancelled_or_over),
        SCHEDULED(test_checkpoints_are_written_while_it_trains),
        SCHEDULED(test_a_full_disk_under_the_checkpoints),
        SCHEDULED(test_a_run_that_crashed_gets_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
