/* server/train/scheduler and recorder: queued runs become results. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "scheduler_fixture.h"
#include "server/train/worker.h"

/* ---- runs that end well ----------------------------------------------------------------------------------------------- */

static void test_a_run_is_trained_and_stored(void **state)
{
    struct scheduled *s = *state;
    struct scheduler_totals totals;
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    int64_t run = add_epochs(s, 30, "");
    hand_over(s, run);
    wait_for(s, run, is_over);
    struct store_run r = run_of(s->f, run);
    assert_int_equal(r.status, STATUS_SUCCEEDED);
    assert_int_equal(r.epoch, 30);
    assert_int_equal(r.attempts, 1);
    assert_int_equal(r.parameters, (2 + 1) * 2 + (2 + 1));
    assert_true(r.started_at >= 1700000000000 && r.finished_at >= r.started_at);
    assert_true(isfinite(r.metric[METRIC_TRAIN_LOSS]) && isfinite(r.metric[METRIC_VALID_LOSS]));
    assert_true(isfinite(r.metric[METRIC_VALID_ROC_AUC]) && isnan(r.metric[METRIC_VALID_RMSE]));
    assert_true(r.training_seconds > 0 && r.samples_per_second > 0);
    assert_null(r.failure_code);
    cleanup(json_freep) struct json *layers = json_of(r.layers);
    assert_int_equal(json_count(layers), 2);
    assert_model(s, &r);
    store_run_done(&r);
    cleanup(mem_freep) char *evaluation = NULL;
    struct store_reader *reader = store_reader_take(s->f->store);
    assert_int_equal(store_run_evaluation(reader, run, &evaluation, &s->f->err), ERR_OK);
    store_reader_give(reader);
    cleanup(json_freep) struct json *e = json_of(evaluation);
    assert_non_null(json_at(e, "/confusion_matrix/1/1"));
    stop_scheduler(s);
    assert_int_equal(start_scheduler(s, 2), ERR_OK); /* what is over does not run again */
    scheduler_totals(s->scheduler, &totals);
    assert_int_equal(totals.workers, 2);
    assert_int_equal(totals.busy + totals.waiting + totals.epochs, 0);
}

static void test_queued_runs_are_taken_in_order(void **state)
{
    struct scheduled *s = *state;
    int64_t urgent = add_job(s->f, "urgent", s->dataset, 5), order[8], run[6];
    struct scheduler_totals totals;
    char spec[] = "{\"dataset\":\"d\",\"target\":\"y\",\"epochs\":3," TINY "}";
    for (int i = 0; i < 4; i++)
        run[i] = add_epochs(s, 3, "");
    run[4] = add_run_of(s, urgent, spec, 3);
    assert_int_equal(start_scheduler(s, 1), ERR_OK); /* finds those in the store */
    run[5] = add_epochs(s, 3, "");
    hand_over(s, run[5]);
    for (int i = 0; i < 6; i++)
        wait_for(s, run[i], is_over);
    stop_scheduler(s);
    assert_int_equal(logged(s, "run started", order, COUNT(order)), 6);
    assert_int_equal(order[0], run[4]); /* by priority, then as they came */
    for (int i = 0; i < 4; i++)
        assert_int_equal(order[i + 1], run[i]);
    assert_int_equal(order[5], run[5]);
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    scheduler_totals(s->scheduler, &totals);
    assert_int_equal(totals.waiting, 0);
}

static void test_many_runs_on_several_workers(void **state)
{
    struct scheduled *s = *state;
    enum { RUNS = 40 };
    int64_t run[RUNS], order[RUNS + 1];
    struct scheduler_totals totals;
    assert_int_equal(start_scheduler(s, 3), ERR_OK);
    for (int i = 0; i < RUNS; i++)
        run[i] = add_epochs(s, 5, i % 2 ? ",\"threads\":2" : "");
    assert_int_equal(scheduler_add(s->scheduler, s->job, 0, run, RUNS, &s->f->err), ERR_OK);
    for (int i = 0; i < RUNS; i++) {
        wait_for(s, run[i], is_over);
        struct store_run r = run_of(s->f, run[i]);
        assert_int_equal(r.status, STATUS_SUCCEEDED);
        assert_int_equal(r.attempts, 1); /* by one worker only */
        assert_model(s, &r);
        store_run_done(&r);
    }
    assert_int_equal(status_of_job(s->f, s->job), STATUS_SUCCEEDED);
    scheduler_totals(s->scheduler, &totals);
    assert_int_equal(totals.epochs, 5 * RUNS);
    assert_true(totals.training_seconds > 0);
    assert_int_equal(totals.waiting, 0);
    stop_scheduler(s);
    assert_int_equal(logged(s, "run started", order, COUNT(order)), RUNS);
}

/* ---- the recorder ----------------------------------------------------------------------------------------------------- */

struct losses {
    size_t count;
    double train[3000], valid[3000], accuracy[3000];
};

static enum err_code keep_started(void *context, const struct worker_started *started, struct err *err)
{
    (void)context, (void)started, (void)err;
    return ERR_OK;
}

static enum err_code keep_epoch(void *context, enum task task, const struct mlp_epoch *e, struct err *err)
{
    struct losses *l = context;
    (void)task, (void)err;
    l->train[l->count] = e->train_loss;
    l->valid[l->count] = e->valid_loss;
    l->accuracy[l->count++] = e->metric[0];
    return ERR_OK;
}

/* What a worker tells when nobody stores it. */
static void tell_losses(struct scheduled *s, const char *spec_text, struct losses *l)
{
    struct data_fixture data = {0};
    struct job_spec spec;
    struct worker_result result;
    atomic_int stop = 0;
    assert_int_equal(fs_join(data.path, s->datasets, "t.table", NULL), ERR_OK);
    struct table *t = open_table(&data);
    spec_of(spec_text, &spec);
    struct worker_events events = {.started = keep_started, .epoch = keep_epoch, .context = l};
    assert_int_equal(worker_execute(&spec, t, NULL, &stop, &events, &result, &s->f->err), ERR_OK);
    worker_result_done(&result);
    job_spec_done(&spec);
    table_unref(t);
}

/* Many batches' worth: every epoch is stored, with its own figures. */
static void test_every_epoch_is_stored(void **state)
{
    struct scheduled *s = *state;
    static struct losses l;
    static const char spec[] = "{\"dataset\":\"d\",\"target\":\"k\",\"epochs\":3000," TINY "}";
    l.count = 0;
    tell_losses(s, spec, &l);
    assert_int_equal(l.count, 3000);
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    int64_t run = add_run_of(s, s->job, spec, 3000);
    hand_over(s, run);
    wait_for(s, run, is_over);
    struct store_epochs e;
    struct store_reader *reader = store_reader_take(s->f->store);
    assert_int_equal(store_epochs_read(reader, run, 1, 0, 0, true, &e, &s->f->err), ERR_OK);
    store_reader_give(reader);
    assert_int_equal(e.count, 3000);
    assert_int_equal(e.layer_count, 2);
    for (size_t i = 0; i < e.count; i++) {
        assert_int_equal(e.epoch[i], i + 1);
        assert_int_equal(e.weight_updates[i], i + 1); /* 20 rows in one batch of 32 */
        assert_true(e.metric[METRIC_TRAIN_LOSS][i] == l.train[i]);
        assert_true(e.metric[METRIC_VALID_LOSS][i] == l.valid[i]);
        assert_true(e.metric[METRIC_VALID_ACCURACY][i] == l.accuracy[i]);
        assert_true(e.layers[8 * i] > 0 && e.layers[8 * i + 4] > 0); /* gradient norms */
    }
    store_epochs_done(&e);
}

/* ---- runs that fail --------------------------------------------------------------------------------------------------- */

static void assert_failed(struct scheduled *s, int64_t run, const char *code, const char *says)
{
    hand_over(s, run);
    wait_for(s, run, is_over);
    struct store_run r = run_of(s->f, run);
    assert_int_equal(r.status, STATUS_FAILED);
    assert_string_equal(r.failure_code, code);
    if (!strstr(r.failure_detail, says))
        fail_msg("\"%s\" does not say \"%s\"", r.failure_detail, says);
    store_run_done(&r);
}

static void test_runs_that_cannot_be_trained_fail(void **state)
{
    struct scheduled *s = *state;
    char path[FS_PATH_MAX];
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    assert_failed(s, add_run_of(s, s->job, "{\"dataset\":\"d\",\"target\":\"q\"}", 1), "invalid", "no column \"q\"");
    assert_failed(s, add_run_of(s, s->job, "{\"dataset\":\"d\",\"target\":\"y\",\"epochs\":0}", 1), "invalid", "/epochs: ");
    assert_failed(s, add_run_of(s, s->job, "{\"dataset\":", 1), "malformed", "line 1");
    assert_int_equal(fs_join(path, s->datasets, "t.table", NULL), ERR_OK);
    int fd;
    assert_int_equal(fs_create(path, &fd, NULL), ERR_OK); /* truncates */
    fs_close(fd);
    assert_failed(s, add_epochs(s, 1, ""), "corrupt", "is no whole table file");
    assert_int_equal(fs_remove(path, NULL), ERR_OK);
    assert_failed(s, add_epochs(s, 1, ""), "corrupt", "t.table is gone");
    assert_failed(s, add_epochs(s, 1, ",\"initial\":{\"run\":4711}"), "corrupt", "the model of run 4711, which it starts from, is gone");
}

static void test_a_run_that_diverges_keeps_its_model(void **state)
{
    struct scheduled *s = *state;
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    int64_t run = add_run_of(s, s->job, "{\"dataset\":\"d\",\"target\":\"y\",\"epochs\":500,\"batch_size\":\"full\","
                                        "\"network\":{\"hidden\":[]},\"optimizer\":{\"name\":\"sgd\",\"learning_rate\":100}}",
                             500);
    assert_failed(s, run, "diverged", "diverged in epoch");
    struct store_run r = run_of(s->f, run);
    assert_true(r.epoch > 0 && r.epoch < 500);
    assert_int_equal(r.failure_epoch, r.epoch + 1);
    assert_model(s, &r);
    store_run_done(&r);
}

/* ---- stopping --------------------------------------------------------------------------------------------------------- */

static void test_a_running_run_can_be_stopped(void **state)
{
    struct scheduled *s = *state;
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    int64_t run = add_epochs(s, 1000000, ""), next = add_epochs(s, 2, "");
    hand_over(s, run);
    hand_over(s, next);
    wait_for(s, run, is_training);
    scheduler_stop_run(s->scheduler, next); /* it does not run: nothing */
    scheduler_stop_run(s->scheduler, 9999);
    scheduler_stop_run(s->scheduler, run);
    wait_for(s, run, is_over);
    struct store_run r = run_of(s->f, run);
    assert_int_equal(r.status, STATUS_CANCELLED);
    assert_true(r.epoch > 0 && r.epoch < 1000000);
    assert_model(s, &r); /* what it learned is kept */
    store_run_done(&r);
    wait_for(s, next, is_over);
    assert_int_equal(status_of_run(s->f, next), STATUS_SUCCEEDED);
}

static void test_stopping_puts_running_runs_back_into_the_queue(void **state)
{
    struct scheduled *s = *state;
    assert_int_equal(start_scheduler(s, 2), ERR_OK);
    int64_t run[] = {add_epochs(s, 1000000, ""), add_epochs(s, 1000000, ""), add_epochs(s, 3, "")};
    assert_int_equal(scheduler_add(s->scheduler, s->job, 0, run, 3, &s->f->err), ERR_OK);
    wait_for(s, run[0], is_training);
    wait_for(s, run[1], is_training);
    stop_scheduler(s);
    for (int i = 0; i < 3; i++)
        assert_int_equal(status_of_run(s->f, run[i]), STATUS_QUEUED);
    assert_int_equal(start_scheduler(s, 2), ERR_OK); /* and finds them there */
    wait_for(s, run[0], is_training);
    struct store_run r = run_of(s->f, run[0]);
    assert_int_equal(r.attempts, 2);
    store_run_done(&r);
    scheduler_stop_run(s->scheduler, run[0]);
    wait_for(s, run[2], is_over);
    assert_int_equal(status_of_run(s->f, run[2]), STATUS_SUCCEEDED);
    assert_int_equal(status_of_run(s->f, run[0]), STATUS_CANCELLED);
    struct store_epochs e;
    struct store_reader *reader = store_reader_take(s->f->store);
    assert_int_equal(store_epochs_read(reader, run[0], 1, 0, 0, false, &e, &s->f->err), ERR_OK);
    store_reader_give(reader);
    for (size_t i = 0; i < e.count; i++)
        assert_int_equal(e.epoch[i], i + 1); /* those of the second time alone */
    store_epochs_done(&e);
}

static void test_runs_that_were_cancelled_or_deleted_are_skipped(void **state)
{
    struct scheduled *s = *state;
    int64_t cancelled_job = add_job(s->f, "no", s->dataset, 0), gone = 4711;
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    int64_t busy = add_epochs(s, 1000000, ""), last = add_epochs(s, 2, "");
    int64_t cancelled = add_run_of(s, cancelled_job, "{\"dataset\":\"d\",\"target\":\"y\",\"epochs\":3}", 3);
    hand_over(s, busy);
    wait_for(s, busy, is_training);
    hand_over(s, cancelled);
    assert_int_equal(on_id(s->f, body_job_cancel, cancelled_job), ERR_OK);
    hand_over(s, gone);
    hand_over(s, last);
    scheduler_stop_run(s->scheduler, busy);
    wait_for(s, last, is_over);
    struct store_run r = run_of(s->f, cancelled);
    assert_int_equal(r.status, STATUS_CANCELLED);
    assert_int_equal(r.attempts, 0);
    store_run_done(&r);
}

/* ---- no memory -------------------------------------------------------------------------------------------------------- */

static void test_no_memory_to_start(void **state)
{
    struct scheduled *s = *state;
    for (uint64_t nth = 1; nth <= 2; nth++) {
        mem_fail_at(nth, 0);
        assert_int_equal(start_scheduler(s, 1), ERR_NO_MEMORY);
        mem_fail_at(0, 0);
        assert_null(s->scheduler);
    }
    scheduler_stop(NULL);
    scheduler_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCHEDULED(test_a_run_is_trained_and_stored),
        SCHEDULED(test_queued_runs_are_taken_in_order),
        SCHEDULED(test_many_runs_on_several_workers),
        SCHEDULED(test_every_epoch_is_stored),
        SCHEDULED(test_runs_that_cannot_be_trained_fail),
        SCHEDULED(test_a_run_that_diverges_keeps_its_model),
        SCHEDULED(test_a_running_run_can_be_stopped),
        SCHEDULED(test_stopping_puts_running_runs_back_into_the_queue),
        SCHEDULED(test_runs_that_were_cancelled_or_deleted_are_skipped),
        SCHEDULED(test_no_memory_to_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
