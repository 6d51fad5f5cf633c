/* server/train/scheduler and recorder while storing fails: no epoch and no result is lost, and none is trained twice. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "scheduler_fixture.h"
#include "server/train/recorder.h"
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>

/* ---- a full disk under the store: libsqlite3 finds this before the C library's ------------------------------------------ */

static atomic_bool writes_fail, one_write_fails;

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
    if (atomic_load(&writes_fail) || atomic_exchange(&one_write_fails, false)) {
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, data, size, offset);
}

/* ---- what was logged -------------------------------------------------------------------------------------------------- */

static size_t times(struct scheduled *s, const char *event)
{
    int64_t runs[100];
    return logged(s, event, runs, COUNT(runs));
}

static void wait_for_log(struct scheduled *s, const char *event)
{
    while (!times(s, event)) {
        struct timespec moment = {.tv_nsec = 1000000};
        nanosleep(&moment, NULL);
    }
}

/* At last, by its first attempt that got under way. */
static void assert_ends_well(struct scheduled *s, int64_t run)
{
    wait_for(s, run, is_over);
    struct store_run r = run_of(s->f, run);
    assert_int_equal(r.status, STATUS_SUCCEEDED);
    assert_int_equal(r.attempts, 1);
    assert_int_equal(r.epoch, r.epochs);
    assert_model(s, &r);
    store_run_done(&r);
}

static void assert_trained(struct scheduled *s, uint64_t epochs)
{
    struct scheduler_totals totals;
    scheduler_totals(s->scheduler, &totals);
    assert_int_equal(totals.epochs, epochs);
}

/* ---- the recorder ----------------------------------------------------------------------------------------------------- */

static struct recorder *make_recorder(struct scheduled *s, int64_t run)
{
    struct recorder *r = NULL;
    assert_int_equal(recorder_new(s->f->store, s->hub, run, s->job, &r, &s->f->err), ERR_OK);
    assert_false(recorder_has_started(r));
    struct worker_started started = {.layers = "[]", .environment = "{}", .resolved = "{}"};
    struct store_begun begun;
    assert_int_equal(recorder_started(r, &begun, &s->f->err), ERR_OK);
    assert_int_equal(recorder_described(r, &started, &s->f->err), ERR_OK);
    assert_true(recorder_has_started(r));
    return r;
}

static enum err_code record(struct scheduled *s, struct recorder *r, uint32_t number)
{
    struct mlp_layer_stats layers[1] = {{0}};
    struct mlp_epoch epoch = {.epoch = number, .train_loss = number, .layers = layers, .layer_count = 1};
    return recorder_epoch(r, TASK_REGRESSION, &epoch, &s->f->err);
}

static void assert_epochs(struct scheduled *s, int64_t run, size_t count)
{
    struct store_epochs e;
    struct store_reader *reader = store_reader_take(s->f->store);
    assert_int_equal(store_epochs_read(reader, run, 1, 0, 0, false, &e, &s->f->err), ERR_OK);
    store_reader_give(reader);
    assert_int_equal(e.count, count);
    for (size_t i = 0; i < e.count; i++)
        assert_int_equal(e.epoch[i], i + 1);
    store_epochs_done(&e);
}

/* Batches follow one that fails before anybody knows of it: each is kept, and stored in its turn. */
static void test_batches_that_were_not_stored_are_stored_later(void **state)
{
    struct scheduled *s = *state;
    struct store_finish finish = {.status = STATUS_SUCCEEDED, .now = NOW, .samples_per_second = NAN};
    enum { EPOCHS = 3000 };
    finish.run = add_epochs(s, EPOCHS, "");
    struct recorder *r = make_recorder(s, finish.run);
    atomic_store(&writes_fail, true);
    uint32_t epochs = 0;
    while (epochs < EPOCHS && !record(s, r, epochs + 1)) /* without patience it tells of the failure, and keeps the epoch */
        epochs++;
    epochs += epochs < EPOCHS;
    assert_int_equal(recorder_finish(r, &finish, &s->f->err), ERR_NO_SPACE);
    assert_int_equal(recorder_finish(r, &finish, &s->f->err), ERR_NO_SPACE);
    assert_int_equal(status_of_run(s->f, finish.run), STATUS_RUNNING);
    assert_epochs(s, finish.run, 0);
    atomic_store(&writes_fail, false);
    assert_int_equal(recorder_finish(r, &finish, &s->f->err), ERR_OK);
    assert_int_equal(status_of_run(s->f, finish.run), STATUS_SUCCEEDED);
    assert_epochs(s, finish.run, epochs);
    recorder_free(r);
    recorder_free(NULL);
}

struct patience {
    unsigned asked, gives_up_at; /* 0: never, but storing works from then on */
};

static bool wait_once(void *context, const struct err *why)
{
    struct patience *p = context;
    assert_int_equal(why->code, ERR_NO_SPACE);
    if (++p->asked == p->gives_up_at)
        return false;
    if (p->asked == 3)
        atomic_store(&writes_fail, false);
    return true;
}

/* Trains as long as the recorder takes epochs, from a disk that fills up. */
static enum err_code record_on_a_full_disk(struct scheduled *s, struct recorder *r, struct patience *p, uint32_t most,
                                           uint32_t *ret_epochs)
{
    enum err_code code = ERR_OK;
    recorder_patience(r, wait_once, p);
    atomic_store(&writes_fail, true);
    for (*ret_epochs = 0; !code && *ret_epochs < most && (p->gives_up_at || p->asked < 3); ++*ret_epochs)
        code = record(s, r, *ret_epochs + 1);
    return code;
}

static void test_training_waits_for_its_epochs(void **state)
{
    struct scheduled *s = *state;
    struct patience patient = {0}, stopped = {.gives_up_at = 2};
    uint32_t epochs;
    int64_t run[2] = {add_epochs(s, 1000000, ""), add_epochs(s, 1000000, "")};
    struct recorder *r = make_recorder(s, run[0]);
    assert_int_equal(record_on_a_full_disk(s, r, &patient, 1000000, &epochs), ERR_OK);
    assert_int_equal(patient.asked, 3);
    struct store_finish finish = {.run = run[0], .status = STATUS_CANCELLED, .now = NOW, .samples_per_second = NAN};
    assert_int_equal(recorder_finish(r, &finish, &s->f->err), ERR_OK);
    assert_epochs(s, run[0], epochs);
    recorder_free(r);

    r = make_recorder(s, run[1]);
    assert_int_equal(record_on_a_full_disk(s, r, &stopped, 1000000, &epochs), ERR_STOPPED);
    assert_int_equal(stopped.asked, 2);
    atomic_store(&writes_fail, false);
    finish.run = run[1];
    assert_int_equal(recorder_finish(r, &finish, &s->f->err), ERR_OK); /* with all that there was */
    assert_epochs(s, run[1], epochs);
    recorder_free(r);
}

static void test_a_run_that_goes_back_leaves_what_was_not_stored(void **state)
{
    struct scheduled *s = *state;
    struct patience p = {.gives_up_at = 1};
    uint32_t epochs;
    int64_t run = add_epochs(s, 1000000, "");
    struct recorder *r = make_recorder(s, run);
    assert_int_equal(record_on_a_full_disk(s, r, &p, 1000000, &epochs), ERR_STOPPED);
    enum store_status status = STATUS_RUNNING;
    assert_int_equal(recorder_leave(r, NAN, NAN, &status, &s->f->err), ERR_NO_SPACE);
    atomic_store(&writes_fail, false);
    assert_int_equal(recorder_leave(r, NAN, NAN, &status, &s->f->err), ERR_OK);
    assert_int_equal(status, STATUS_QUEUED);
    assert_int_equal(status_of_run(s->f, run), STATUS_QUEUED);
    recorder_free(r);
}

/* ---- the store -------------------------------------------------------------------------------------------------------- */

static void test_a_full_disk_before_the_start(void **state)
{
    struct scheduled *s = *state;
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    int64_t run = add_epochs(s, 4, "");
    atomic_store(&writes_fail, true);
    hand_over(s, run);
    wait_for_log(s, "run put back");
    assert_int_equal(times(s, "run ended"), 0); /* it did not */
    assert_int_equal(status_of_run(s->f, run), STATUS_QUEUED);
    atomic_store(&writes_fail, false);
    assert_ends_well(s, run);
}

static void test_one_write_that_fails_is_no_verdict(void **state)
{
    struct scheduled *s = *state;
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    int64_t run = add_epochs(s, 4, "");
    atomic_store(&one_write_fails, true);
    hand_over(s, run);
    assert_ends_well(s, run);
}

static void test_a_full_disk_while_it_trains(void **state)
{
    struct scheduled *s = *state;
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    int64_t run = add_epochs(s, 1000000, "");
    hand_over(s, run);
    wait_for(s, run, is_training);
    atomic_store(&writes_fail, true);
    wait_for_log(s, "run waits for storage");
    struct store_run r = run_of(s->f, run);
    assert_int_equal(r.status, STATUS_RUNNING);
    uint32_t epoch_before = r.epoch;
    store_run_done(&r);
    atomic_store(&writes_fail, false);
    for (uint32_t epoch = 0; epoch <= epoch_before;) { /* it goes on from there */
        r = run_of(s->f, run);
        assert_int_equal(r.attempts, 1);
        assert_true(r.epoch >= epoch_before);
        epoch = r.epoch;
        store_run_done(&r);
    }
    scheduler_stop_run(s->scheduler, run);
    wait_for(s, run, is_over);
    r = run_of(s->f, run);
    assert_int_equal(r.status, STATUS_CANCELLED);
    assert_int_equal(r.attempts, 1);
    assert_model(s, &r);
    assert_trained(s, r.epoch);
    assert_int_equal(times(s, "run put back"), 0);
    store_run_done(&r);
}

/* Not even the way back works: the next start finds the run. */
static void test_stopping_on_a_full_disk(void **state)
{
    struct scheduled *s = *state;
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    int64_t run = add_epochs(s, 1000000, "");
    hand_over(s, run);
    wait_for(s, run, is_training);
    atomic_store(&writes_fail, true);
    wait_for_log(s, "run waits for storage");
    stop_scheduler(s); /* comes back */
    assert_int_equal(status_of_run(s->f, run), STATUS_RUNNING);
    assert_int_equal(times(s, "run ended"), 0);
    assert_int_equal(times(s, "run not put back"), 1);
    atomic_store(&writes_fail, false);
}

/* ---- the model -------------------------------------------------------------------------------------------------------- */

#define ATOMIC_WRITE 6 /* calls: create, write, sync, rename, and open and sync of the directory */

static void test_a_full_disk_under_the_model(void **state)
{
    struct scheduled *s = *state;
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    int64_t first = add_epochs(s, 4, "");
    uint64_t before = fs_count(), trained = 4;
    hand_over(s, first);
    wait_for(s, first, is_over);
    uint64_t calls = fs_count() - before; /* the last of them write the model's file */
    for (uint64_t nth = calls - ATOMIC_WRITE + 1; nth <= calls; nth += ATOMIC_WRITE - 1) {
        int64_t run = add_epochs(s, 4, "");
        fs_fail_at(nth, ENOSPC, 0);
        hand_over(s, run);
        assert_ends_well(s, run);
        assert_trained(s, trained += 4); /* once */
    }
    assert_int_equal(times(s, "run waits for storage"), 2);
    assert_int_equal(times(s, "run put back"), 0);
    assert_int_equal(files_in(s->models), 3);
}

/* A run that is done, and whose model has nowhere to go. */
static int64_t finish_without_a_place(struct scheduled *s)
{
    assert_int_equal(rmdir(s->models), 0);
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    int64_t run = add_epochs(s, 4, "");
    hand_over(s, run);
    wait_for_log(s, "run waits for storage");
    assert_int_equal(status_of_run(s->f, run), STATUS_RUNNING);
    return run;
}

static void test_a_result_waits_for_its_place(void **state)
{
    struct scheduled *s = *state;
    int64_t run = finish_without_a_place(s);
    assert_int_equal(fs_make_dir(s->models, &s->f->err), ERR_OK);
    assert_ends_well(s, run);
    assert_trained(s, 4);
    assert_int_equal(times(s, "run waits for storage"), 1); /* however often it was tried */
    assert_int_equal(times(s, "run put back"), 0);
}

static void test_a_result_that_waits_can_be_cancelled(void **state)
{
    struct scheduled *s = *state;
    int64_t run = finish_without_a_place(s);
    assert_int_equal(on_id(s->f, body_job_cancel, s->job), ERR_OK);
    scheduler_stop_run(s->scheduler, run);
    wait_for(s, run, is_over);
    assert_int_equal(status_of_run(s->f, run), STATUS_CANCELLED);
    assert_trained(s, 4);
    assert_int_equal(fs_make_dir(s->models, &s->f->err), ERR_OK);
}

static void test_stopping_does_not_wait_for_a_place(void **state)
{
    struct scheduled *s = *state;
    int64_t run = finish_without_a_place(s);
    stop_scheduler(s);
    assert_int_equal(status_of_run(s->f, run), STATUS_QUEUED);
    assert_int_equal(times(s, "run ended"), 0);
    assert_int_equal(fs_make_dir(s->models, &s->f->err), ERR_OK);
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    wait_for(s, run, is_over);
    assert_int_equal(status_of_run(s->f, run), STATUS_SUCCEEDED);
}

/* The store says that the run is over: it is not asked for ever, and the worker takes the next. */
static void test_a_run_that_is_over_is_not_put_back(void **state)
{
    struct scheduled *s = *state;
    int64_t run = finish_without_a_place(s), next = add_epochs(s, 2, "");
    assert_int_equal(finish_run(s->f, run, STATUS_CANCELLED), ERR_OK);
    hand_over(s, next);
    assert_int_equal(fs_make_dir(s->models, &s->f->err), ERR_OK);
    assert_ends_well(s, next);
    assert_int_equal(times(s, "run not put back"), 1);
    assert_int_equal(status_of_run(s->f, run), STATUS_CANCELLED);
}

/* ---- no memory -------------------------------------------------------------------------------------------------------- */

/* Not even reading what the run is: it must not fall out of the queue. */
static void test_a_run_that_cannot_be_read_is_not_forgotten(void **state)
{
    struct scheduled *s = *state;
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    int64_t first = add_epochs(s, 1, ""), run = add_epochs(s, 2, "");
    hand_over(s, first); /* the queue has memory from now on */
    wait_for(s, first, is_over);
    struct scheduler_totals totals = {.busy = 1};
    while (totals.busy)
        scheduler_totals(s->scheduler, &totals);
    uint64_t before = mem_count();
    mem_fail_at(1, 0);
    hand_over(s, run);
    while (mem_count() == before) /* nothing else is under way: the worker's first allocation it is */
        sched_yield();
    assert_ends_well(s, run);
    assert_int_equal(times(s, "run put back"), 1);
}

/* Nor when the queue cannot take it back. */
static void test_no_memory_for_the_way_back(void **state)
{
    struct scheduled *s = *state;
    int64_t run[3];
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    for (int i = 0; i < 3; i++)
        run[i] = add_epochs(s, 2, "");
    atomic_store(&writes_fail, true);
    hand_over(s, run[0]);
    wait_for_log(s, "run put back");
    hand_over(s, run[1]); /* the queue has room for these two */
    hand_over(s, run[2]);
    atomic_store(&writes_fail, false);
    uint64_t before = mem_count();
    mem_fail_at(1, 0);
    while (mem_count() == before) /* nothing else is under way */
        sched_yield();
    wait_for_log(s, "run not queued yet");
    for (int i = 0; i < 3; i++)
        assert_ends_well(s, run[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCHEDULED(test_batches_that_were_not_stored_are_stored_later),
        SCHEDULED(test_training_waits_for_its_epochs),
        SCHEDULED(test_a_run_that_goes_back_leaves_what_was_not_stored),
        SCHEDULED(test_a_full_disk_before_the_start),
        SCHEDULED(test_one_write_that_fails_is_no_verdict),
        SCHEDULED(test_a_full_disk_while_it_trains),
        SCHEDULED(test_stopping_on_a_full_disk),
        SCHEDULED(test_a_full_disk_under_the_model),
        SCHEDULED(test_a_result_waits_for_its_place),
        SCHEDULED(test_a_result_that_waits_can_be_cancelled),
        SCHEDULED(test_stopping_does_not_wait_for_a_place),
        SCHEDULED(test_a_run_that_is_over_is_not_put_back),
        SCHEDULED(test_a_run_that_cannot_be_read_is_not_forgotten),
        SCHEDULED(test_no_memory_for_the_way_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
