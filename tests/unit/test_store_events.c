/* server/store/events: every fact has its number in the transaction that stores it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "store_fixture.h"
#include <stdatomic.h>

static struct store_events read_after(struct fixture *f, int64_t after, size_t limit)
{
    struct store_events e = {0};
    struct store_reader *r = store_reader_take(f->store);
    assert_int_equal(store_events_read(r, after, limit, &e, &f->err), ERR_OK);
    store_reader_give(r);
    return e;
}

/* The events after `after` as one letter each (job, run, epoch, deleted, lost) with the status or the epoch: "j0 r1 e1". Their
 * numbers follow one another, but for those that are lost. */
static const char *kinds(struct fixture *f, int64_t after)
{
    static char text[4000];
    struct store_events e = read_after(f, after, 1000);
    size_t used = 0;
    *text = '\0';
    assert_false(e.gone);
    for (size_t i = 0; i < e.count; i++) {
        const struct store_event *v = &e.item[i];
        bool is_epoch = v->kind == EVENT_EPOCH;
        assert_true(v->kind == EVENT_EPOCHS_LOST ? v->id > after : v->id == after + 1);
        after = v->id;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%c%u", i ? " " : "", "jredl"[v->kind],
                                 is_epoch ? v->epoch : (unsigned)v->status);
    }
    assert_true(!e.count || after == e.newest);
    store_events_done(&e);
    return text;
}

static int64_t newest(struct fixture *f)
{
    return read_after(f, 0, 0).newest;
}

static void append_epochs(struct fixture *f, int64_t run, uint32_t from, uint32_t to)
{
    struct store_epoch *e = mem_array(to - from + 1, sizeof *e);
    assert_non_null(e);
    for (uint32_t i = from; i <= to; i++)
        e[i - from] = epoch_of(i, 1.0 / i, 2.0 / i);
    assert_int_equal(append(f, run, e, to - from + 1), ERR_OK);
    mem_free(e);
}

static void nothing_has_happened_yet(void **state)
{
    struct fixture *f = *state;
    struct store_events e = read_after(f, 0, 10);
    assert_true(e.newest == 0 && e.oldest == 1 && e.count == 0 && !e.gone);
    assert_true(read_after(f, 1, 10).gone);
}

static void a_jobs_life_is_told_in_order(void **state)
{
    struct fixture *f = *state;
    int64_t job = add_job(f, "a", add_dataset(f, "d"), 0), one = add_run(f, job, 1, 4), two = add_run(f, job, 2, 2);
    assert_string_equal(kinds(f, 0), "j0");
    start_run(f, one);
    append_epochs(f, one, 1, 3);
    append_epochs(f, one, 4, 4);
    assert_int_equal(finish_run(f, one, STATUS_SUCCEEDED), ERR_OK);
    assert_string_equal(kinds(f, 0), "j0 r1 j1 e1 e2 e3 j1 e4 j1 r3 j1");
    int64_t seen = newest(f);
    start_run(f, two); /* the job runs already */
    assert_int_equal(finish_run(f, two, STATUS_FAILED), ERR_OK);
    assert_string_equal(kinds(f, seen), "r1 r4 j3"); /* the job's end is told once */
    seen = newest(f);
    assert_int_equal(on_id(f, body_job_delete, job), ERR_OK);
    assert_string_equal(kinds(f, seen), "d3");
}

static void events_say_what_was_so_then(void **state)
{
    struct fixture *f = *state;
    int64_t job = add_job(f, "a", add_dataset(f, "d"), 0), run = add_run(f, job, 1, 8);
    add_run(f, job, 2, 8);
    start_run(f, run);
    append_epochs(f, run, 1, 2);
    append_epochs(f, run, 3, 4);
    struct store_events e = read_after(f, 3, 100);
    assert_int_equal(e.count, 6);
    const struct store_event *second = &e.item[1];
    assert_true(second->kind == EVENT_EPOCH && second->run == run && second->job == job && second->epoch == 2);
    assert_true(second->metric[METRIC_TRAIN_LOSS] == 0.5 && second->metric[METRIC_VALID_LOSS] == 1.0);
    assert_true(isnan(second->metric[METRIC_VALID_RMSE]) && second->weight_updates == 20);
    assert_true(second->learning_rate == 0.5 && second->seconds == 0.25 && second->elapsed_seconds == 0.5);
    assert_true(e.item[2].kind == EVENT_JOB && e.item[2].progress == 0.125 && e.item[2].run == 0);
    assert_true(e.item[5].kind == EVENT_JOB && e.item[5].progress == 0.25);
    store_events_done(&e);
}

static void reading_may_begin_and_end_anywhere(void **state)
{
    struct fixture *f = *state;
    int64_t job = add_job(f, "a", add_dataset(f, "d"), 0), run = add_run(f, job, 1, 40);
    start_run(f, run);
    append_epochs(f, run, 1, 17);
    append_epochs(f, run, 18, 18);
    append_epochs(f, run, 19, 40);
    int64_t last = newest(f);
    struct store_events all = read_after(f, 0, 1000);
    assert_int_equal(all.count, last);
    for (int64_t after = 0; after <= last; after++)
        for (size_t limit = 1; limit <= (size_t)last + 1; limit++) {
            struct store_events e = read_after(f, after, limit);
            size_t left = (size_t)(last - after);
            assert_int_equal(e.count, left < limit ? left : limit);
            for (size_t i = 0; i < e.count; i++) {
                const struct store_event *x = &e.item[i], *y = &all.item[(size_t)after + i];
                assert_true(x->id == y->id && x->kind == y->kind && x->epoch == y->epoch && x->status == y->status);
            }
            store_events_done(&e);
        }
    store_events_done(&all);
}

static void epochs_of_a_deleted_job_are_lost_as_one(void **state)
{
    struct fixture *f = *state;
    int64_t job = add_job(f, "a", add_dataset(f, "d"), 0), run = add_run(f, job, 1, 40);
    start_run(f, run);
    append_epochs(f, run, 1, 10);
    append_epochs(f, run, 11, 12);
    assert_int_equal(finish_run(f, run, STATUS_CANCELLED), ERR_OK);
    assert_int_equal(on_id(f, body_job_delete, job), ERR_OK);
    assert_string_equal(kinds(f, 0), "j0 r1 j1 l1 j1 l1 j1 r5 j5 d5");
    assert_string_equal(kinds(f, 8), "l1 j1 l1 j1 r5 j5 d5"); /* from inside of what is lost */
    assert_string_equal(kinds(f, 13), "j1 l1 j1 r5 j5 d5");
    struct store_events e = read_after(f, 3, 1);
    assert_true(e.count == 1 && e.item[0].kind == EVENT_EPOCHS_LOST && e.item[0].id == 4 && e.item[0].run == run);
    store_events_done(&e);
}

/* A run that was interrupted keeps its epochs and goes on: nothing is told twice. */
static void a_run_that_goes_on_tells_its_epochs_once(void **state)
{
    struct fixture *f = *state;
    int64_t job = add_job(f, "a", add_dataset(f, "d"), 0), run = add_run(f, job, 1, 40);
    start_run(f, run);
    append_epochs(f, run, 1, 3);
    assert_int_equal(on_id(f, body_run_leave, run), ERR_OK);
    start_run(f, run);
    append_epochs(f, run, 4, 4);
    assert_string_equal(kinds(f, 0), "j0 r1 j1 e1 e2 e3 j1 r0 j0 r1 j1 e4 j1");
}

static void the_last_are_kept(void **state)
{
    struct fixture *f = *state;
    int64_t job = add_job(f, "a", add_dataset(f, "d"), 0), run = add_run(f, job, 1, 100000);
    start_run(f, run);
    for (uint32_t epoch = 1; epoch < 20000; epoch += 500)
        append_epochs(f, run, epoch, epoch + 499);
    struct store_events e = read_after(f, 0, 10);
    assert_true(e.gone && e.count == 0);
    /* a row of 500 goes as a whole, once none of it is to be kept */
    assert_true(e.newest - e.oldest + 1 >= STORE_EVENTS_KEPT && e.newest - e.oldest + 1 < STORE_EVENTS_KEPT + 501);
    assert_true(read_after(f, e.oldest - 2, 10).gone && read_after(f, e.newest + 1, 10).gone);
    struct store_events first = read_after(f, e.oldest - 1, 1), end = read_after(f, e.newest, 1);
    assert_true(first.count == 1 && first.item[0].id == e.oldest && !end.gone && end.count == 0);
    store_events_done(&first);
}

static void numbers_go_on_when_the_store_is_opened_again(void **state)
{
    struct fixture *f = *state;
    int64_t dataset = add_dataset(f, "d"), job = add_job(f, "a", dataset, 0), run = add_run(f, job, 1, 9);
    start_run(f, run);
    int64_t seen = newest(f);
    close_store(f);
    assert_int_equal(open_store(f), ERR_OK);
    assert_int_equal(newest(f), seen);
    struct write w = {0};
    assert_int_equal(do_write(f, &w, body_recover), ERR_OK);
    add_job(f, "b", dataset, 0);
    assert_string_equal(kinds(f, seen), "r0 j0 j0");
}

/* An op that fails is undone alone, with its events; no number is lost by it. */
static void what_is_rolled_back_is_not_told(void **state)
{
    struct fixture *f = *state;
    int64_t job = add_job(f, "a", add_dataset(f, "d"), 0), run = add_run(f, job, 1, 9);
    start_run(f, run);
    int64_t seen = newest(f);
    struct store_epoch epochs[2] = {epoch_of(1, 1, 1), epoch_of(3, 1, 1)};
    assert_int_equal(append(f, run, epochs, 2), ERR_INTERNAL);
    assert_int_equal(newest(f), seen);
    append_epochs(f, run, 1, 1);
    assert_string_equal(kinds(f, seen), "e1 j1");
}

static void count_commit(void *context)
{
    atomic_fetch_add((atomic_int *)context, 1);
}

static void commits_are_listened_to(void **state)
{
    struct fixture *f = *state;
    atomic_int commits = 0;
    store_listen(f->store, count_commit, &commits);
    add_dataset(f, "a");
    add_dataset(f, "b"); /* once this is done, the listener has been told of the one before */
    assert_in_range(commits, 1, 2);
    store_listen(f->store, NULL, NULL);
    int before = commits;
    add_dataset(f, "c");
    add_dataset(f, "d");
    assert_int_equal(commits, before);
}

static void reading_survives_failing_allocations(void **state)
{
    struct fixture *f = *state;
    int64_t job = add_job(f, "a", add_dataset(f, "d"), 0), run = add_run(f, job, 1, 40);
    start_run(f, run);
    append_epochs(f, run, 1, 10);
    struct store_reader *r = store_reader_take(f->store);
    struct store_events e = {0};
    mem_fail_at(1, 1);
    enum err_code code = store_events_read(r, 0, 100, &e, &f->err);
    mem_fail_at(0, 0);
    store_reader_give(r);
    assert_int_equal(code, ERR_NO_MEMORY);
    assert_null(e.item);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(nothing_has_happened_yet),
        TEST(a_jobs_life_is_told_in_order),
        TEST(events_say_what_was_so_then),
        TEST(reading_may_begin_and_end_anywhere),
        TEST(epochs_of_a_deleted_job_are_lost_as_one),
        TEST(a_run_that_goes_on_tells_its_epochs_once),
        TEST(the_last_are_kept),
        TEST(numbers_go_on_when_the_store_is_opened_again),
        TEST(what_is_rolled_back_is_not_told),
        TEST(commits_are_listened_to),
        TEST(reading_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
