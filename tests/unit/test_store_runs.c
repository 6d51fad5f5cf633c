/* Runs: their life, their lists in any order, and their epochs. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "store_fixture.h"

/* ---- life -------------------------------------------------------------------------------------------------------------- */

static void test_a_run_from_queued_to_succeeded(void **state)
{
    struct fixture *f = *state;
    int64_t job = add_job(f, "a", 0, 0), id = add_run(f, job, 1, 5);
    struct store_run r = run_of(f, id);
    assert_int_equal(r.job, job);
    assert_int_equal(r.number, 1);
    assert_int_equal(r.status, STATUS_QUEUED);
    assert_string_equal(r.hyperparameters, "{\"/seed\":1}");
    assert_int_equal(r.epochs, 5);
    assert_int_equal(r.parameters, 5);
    assert_int_equal(r.attempts, 0);
    assert_null(r.layers);
    assert_null(r.model_sha256);
    assert_true(isnan(r.metric[METRIC_TRAIN_LOSS]) && isnan(r.training_seconds));
    store_run_done(&r);
    assert_int_equal(on_id(f, body_run_describe, id), ERR_CONFLICT);
    assert_int_equal(on_id(f, body_run_start, id), ERR_OK);
    r = run_of(f, id); /* its rows are still to be read */
    assert_int_equal(r.status, STATUS_RUNNING);
    assert_int_equal(r.parameters, 5);
    assert_null(r.layers);
    store_run_done(&r);
    assert_int_equal(on_id(f, body_run_describe, id), ERR_OK);
    assert_int_equal(on_id(f, body_run_start, id), ERR_CONFLICT);
    assert_int_equal(on_id(f, body_run_start, 99), ERR_NOT_FOUND);
    struct store_finish finish = {.run = id, .status = STATUS_SUCCEEDED, .now = NOW + 9, .training_seconds = 2.5,
                                  .samples_per_second = 100, .model_sha256 = "beef", .model_bytes = 12,
                                  .evaluation = "{\"rmse\":1}"};
    struct write w = {.input = &finish};
    assert_int_equal(do_write(f, &w, body_run_finish), ERR_OK);
    r = run_of(f, id);
    assert_int_equal(r.status, STATUS_SUCCEEDED);
    assert_string_equal(r.layers, "[1]");
    assert_string_equal(r.environment, "{\"threads\":1}");
    assert_string_equal(r.resolved, "{\"task\":\"binary\"}");
    assert_int_equal(r.parameters, 77);
    assert_int_equal(r.started_at, NOW + 1);
    assert_int_equal(r.finished_at, NOW + 9);
    assert_true(r.training_seconds == 2.5 && r.samples_per_second == 100);
    assert_string_equal(r.model_sha256, "beef");
    assert_int_equal(r.model_bytes, 12);
    assert_null(r.failure_code);
    assert_int_equal(r.attempts, 1);
    store_run_done(&r);
    assert_int_equal(do_write(f, &w, body_run_finish), ERR_CONFLICT);
    assert_int_equal(on_id(f, body_run_leave, id), ERR_CONFLICT);
    assert_int_equal(on_id(f, body_run_leave, 99), ERR_NOT_FOUND);
}

static void test_an_evaluation_reads_back(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_run(f, add_job(f, "a", 0, 0), 1, 5);
    char *json = NULL;
    struct store_finish finish = {.run = id, .status = STATUS_SUCCEEDED, .evaluation = "{\"rmse\":1}"};
    struct write w = {.input = &finish};
    struct store_reader *r = store_reader_take(f->store);
    assert_int_equal(store_run_evaluation(r, id, &json, &f->err), ERR_NOT_FOUND);
    assert_int_equal(store_run_evaluation(r, 99, &json, &f->err), ERR_NOT_FOUND);
    start_run(f, id);
    assert_int_equal(do_write(f, &w, body_run_finish), ERR_OK);
    assert_int_equal(store_run_evaluation(r, id, &json, &f->err), ERR_OK);
    assert_string_equal(json, "{\"rmse\":1}");
    mem_free(json);
    store_reader_give(r);
}

static void test_a_failure_keeps_its_reason(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_run(f, add_job(f, "a", 0, 0), 1, 5);
    struct store_finish finish = {.run = id, .status = STATUS_FAILED, .training_seconds = NAN, .samples_per_second = NAN,
                                  .failure_code = "diverged", .failure_detail = "loss is inf", .failure_epoch = 3};
    struct write w = {.input = &finish};
    start_run(f, id);
    assert_int_equal(do_write(f, &w, body_run_finish), ERR_OK);
    struct store_run r = run_of(f, id);
    assert_string_equal(r.failure_code, "diverged");
    assert_string_equal(r.failure_detail, "loss is inf");
    assert_int_equal(r.failure_epoch, 3);
    assert_true(isnan(r.training_seconds));
    store_run_done(&r);
    finish.status = STATUS_RUNNING;
    assert_int_equal(do_write(f, &w, body_run_finish), ERR_INTERNAL);
}

static void test_the_queue_is_by_priority_then_age(void **state)
{
    struct fixture *f = *state;
    int64_t low = add_job(f, "low", 0, -1), high = add_job(f, "high", 0, 5), runs[4];
    struct store_queued *queued;
    size_t count;
    runs[0] = add_run(f, low, 1, 5);
    runs[1] = add_run(f, high, 1, 5);
    runs[2] = add_run(f, low, 2, 5);
    runs[3] = add_run(f, high, 2, 5);
    start_run(f, runs[1]);
    struct write w = {0};
    assert_int_equal(do_write(f, &w, body_count_queued), ERR_OK);
    assert_int_equal(w.number, 3);
    struct store_reader *r = store_reader_take(f->store);
    assert_int_equal(store_runs_queued(r, &queued, &count, &f->err), ERR_OK);
    store_reader_give(r);
    assert_int_equal(count, 3);
    assert_int_equal(queued[0].run, runs[3]);
    assert_int_equal(queued[0].job, high);
    assert_int_equal(queued[0].priority, 5);
    assert_int_equal(queued[1].run, runs[0]);
    assert_int_equal(queued[2].run, runs[2]);
    assert_int_equal(queued[2].priority, -1);
    mem_free(queued);
}

/* ---- lists --------------------------------------------------------------------------------------------------------------- */

/* Reads the list in pages of two and compares the runs' numbers. */
static void assert_order(struct fixture *f, int64_t job, int status, const char *order, bool descending,
                         const uint32_t *numbers, size_t expected)
{
    struct store_reader *r = store_reader_take(f->store);
    char *cursor = NULL;
    size_t seen = 0;
    do {
        struct store_run_filter filter = {.job = job, .status = status, .order_by = order, .descending = descending,
                                          .cursor = cursor, .limit = 2};
        struct store_run *items = NULL;
        char *next = NULL;
        size_t count = 0;
        assert_int_equal(store_runs_list(r, &filter, &items, &count, &next, &f->err), ERR_OK);
        for (size_t i = 0; i < count; i++, seen++) {
            assert_true(seen < expected);
            assert_int_equal(items[i].number, numbers[seen]);
            store_run_done(&items[i]);
        }
        mem_free(items);
        mem_free(cursor);
        cursor = next;
    } while (cursor);
    store_reader_give(r);
    assert_int_equal(seen, expected);
}

static int64_t five_runs(struct fixture *f)
{
    static const double losses[] = {0.5, 0.25, 0.5, NAN, 1e-9};
    int64_t job = add_job(f, "list", 0, 0);
    add_run(f, add_job(f, "another", 0, 0), 1, 5);
    for (uint32_t i = 0; i < 5; i++) {
        int64_t run = add_run(f, job, i + 1, 5);
        struct store_epoch e = epoch_of(1, 1, losses[i]);
        start_run(f, run);
        if (i != 3)
            assert_int_equal(append(f, run, &e, 1), ERR_OK);
        if (i % 2)
            assert_int_equal(finish_run(f, run, STATUS_FAILED), ERR_OK);
    }
    return job;
}

static void test_runs_are_listed_in_any_order_page_by_page(void **state)
{
    struct fixture *f = *state;
    int64_t job = five_runs(f);
    assert_order(f, job, -1, NULL, false, (uint32_t[]){1, 2, 3, 4, 5}, 5);
    assert_order(f, job, -1, "number", true, (uint32_t[]){5, 4, 3, 2, 1}, 5);
    assert_order(f, job, -1, "id", true, (uint32_t[]){5, 4, 3, 2, 1}, 5);
    assert_order(f, job, -1, "metrics.valid_loss", false, (uint32_t[]){5, 2, 1, 3, 4}, 5);
    assert_order(f, job, -1, "metrics.valid_loss", true, (uint32_t[]){1, 3, 2, 5, 4}, 5);
    assert_order(f, job, -1, "metrics.valid_r2", false, (uint32_t[]){1, 2, 3, 4, 5}, 5);
    assert_order(f, job, -1, "metrics.best_epoch", true, (uint32_t[]){1, 2, 3, 5, 4}, 5);
    assert_order(f, job, -1, "timings.training_seconds", false, (uint32_t[]){2, 4, 1, 3, 5}, 5);
    assert_order(f, job, -1, "status", false, (uint32_t[]){1, 3, 5, 2, 4}, 5);
    assert_order(f, job, -1, "epoch", false, (uint32_t[]){4, 1, 2, 3, 5}, 5);
    assert_order(f, job, STATUS_FAILED, NULL, false, (uint32_t[]){2, 4}, 2);
    assert_order(f, job, STATUS_PAUSED, NULL, false, NULL, 0);
    assert_order(f, 99, -1, NULL, false, NULL, 0);
}

static enum err_code list_code(struct fixture *f, int64_t job, const char *order, bool descending, const char *cursor)
{
    struct store_run_filter filter = {.job = job, .status = -1, .order_by = order, .descending = descending,
                                      .cursor = cursor, .limit = 2};
    struct store_run *items = NULL;
    char *next = NULL;
    size_t count = 0;
    struct store_reader *r = store_reader_take(f->store);
    enum err_code code = store_runs_list(r, &filter, &items, &count, &next, &f->err);
    store_reader_give(r);
    for (size_t i = 0; i < count; i++)
        store_run_done(&items[i]);
    mem_free(items);
    mem_free(next);
    return code;
}

static void test_unknown_orders_and_cursors_are_refused(void **state)
{
    struct fixture *f = *state;
    int64_t job = five_runs(f);
    static const char *const bad[] = {"", "x", "number", "number~a", "number~a~", "number~a~-", "number~a~zz~1",
                                      "number~a~3ff0000000000000~", "number~a~3ff0000000000000~-1",
                                      "number~a~7ff0000000000000~1", "number~a~7ff8000000000000~1",
                                      "number~a~3ff0000000000000~1x", "number~d~3ff0000000000000~1", "id~a~3ff0000000000000~1",
                                      "number~a~3ff0000000000000~9999999999999999999"};
    assert_int_equal(list_code(f, job, "metrics.loss", false, NULL), ERR_MALFORMED);
    assert_non_null(strstr(f->err.message, "timings.training_seconds"));
    assert_non_null(strstr(f->err.message, "valid_r2"));
    assert_int_equal(list_code(f, job, "id; DROP TABLE runs", false, NULL), ERR_MALFORMED);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (list_code(f, job, NULL, false, bad[i]) != ERR_MALFORMED)
            fail_msg("accepted: %s", bad[i]);
    assert_int_equal(list_code(f, job, NULL, false, "number~a~3ff0000000000000~2"), ERR_OK);
}

/* ---- epochs --------------------------------------------------------------------------------------------------------------- */

static int64_t running(struct fixture *f, uint32_t epochs)
{
    int64_t id = add_run(f, add_job(f, "epochs", 0, 0), 1, epochs);
    start_run(f, id);
    return id;
}

static void test_epochs_move_the_run(void **state)
{
    struct fixture *f = *state;
    int64_t id = running(f, 10);
    struct store_epoch first[] = {epoch_of(1, 0.9, 0.8), epoch_of(2, 0.7, 0.3), epoch_of(3, 0.6, 0.4)},
                       then = epoch_of(4, 0.1, 0.3);
    assert_int_equal(append(f, id, first, 3), ERR_OK);
    assert_int_equal(append(f, id, &then, 1), ERR_OK);
    struct store_run r = run_of(f, id);
    assert_int_equal(r.epoch, 4);
    assert_int_equal(r.weight_updates, 40);
    assert_true(r.metric[METRIC_TRAIN_LOSS] == 0.1 && r.metric[METRIC_VALID_LOSS] == 0.3);
    assert_true(isnan(r.metric[METRIC_VALID_RMSE]));
    assert_int_equal(r.best_epoch, 2);
    store_run_done(&r);
}

static void test_the_best_epoch_without_validation(void **state)
{
    struct fixture *f = *state;
    int64_t id = running(f, 10);
    struct store_epoch epochs[] = {epoch_of(1, 0.9, NAN), epoch_of(2, 0.2, NAN), epoch_of(3, INFINITY, NAN)};
    assert_int_equal(append(f, id, epochs, 3), ERR_OK);
    struct store_run r = run_of(f, id);
    assert_int_equal(r.best_epoch, 2);
    assert_true(isnan(r.metric[METRIC_TRAIN_LOSS]));
    store_run_done(&r);
}

static void test_epochs_have_no_gaps_and_no_repeats(void **state)
{
    struct fixture *f = *state;
    int64_t id = running(f, 3);
    struct store_epoch epochs[] = {epoch_of(1, 1, 1), epoch_of(2, 1, 1), epoch_of(3, 1, 1), epoch_of(4, 1, 1)},
                       gap[] = {epoch_of(1, 1, 1), epoch_of(3, 1, 1)};
    assert_int_equal(append(f, id, &epochs[1], 1), ERR_INTERNAL);
    assert_int_equal(append(f, id, gap, 2), ERR_INTERNAL);
    assert_int_equal(append(f, id, epochs, 1), ERR_OK);
    assert_int_equal(append(f, id, epochs, 1), ERR_INTERNAL);
    assert_int_equal(append(f, id, &epochs[1], 3), ERR_INTERNAL); /* the run has three */
    assert_int_equal(append(f, 99, epochs, 1), ERR_NOT_FOUND);
    struct store_run r = run_of(f, id);
    assert_int_equal(r.epoch, 1);
    store_run_done(&r);
}

static struct store_epochs read_epochs(struct fixture *f, int64_t id, uint32_t from, uint32_t to, uint32_t points, bool layers)
{
    struct store_epochs e = {0};
    struct store_reader *r = store_reader_take(f->store);
    assert_int_equal(store_epochs_read(r, id, from, to, points, layers, &e, &f->err), ERR_OK);
    store_reader_give(r);
    return e;
}

static void test_epochs_read_back_in_columns(void **state)
{
    struct fixture *f = *state;
    int64_t id = running(f, 10);
    const float layers[] = {1, 2, 0.5f, 0, 3, 4, 0, 0.25f};
    struct store_epoch epochs[] = {epoch_of(1, 0.9, 0.8), epoch_of(2, 0.7, -INFINITY), epoch_of(3, 0.6, 0.4)};
    for (int i = 0; i < 3; i++) {
        epochs[i].layer_count = i == 1 ? 0 : 2;
        epochs[i].layers = layers;
        epochs[i].metric[METRIC_VALID_R2] = -0.5;
    }
    assert_int_equal(append(f, id, epochs, 3), ERR_OK);
    struct store_epochs e = read_epochs(f, id, 1, 0, 0, true);
    assert_int_equal(e.count, 3);
    assert_int_equal(e.total, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(e.epoch[i], i + 1);
        assert_int_equal(e.weight_updates[i], 10 * (i + 1));
        assert_true(e.learning_rate[i] == 0.5 && e.seconds[i] == 0.25 && e.metric[METRIC_VALID_R2][i] == -0.5);
        assert_true(isnan(e.metric[METRIC_VALID_MAE][i]));
    }
    assert_true(e.metric[METRIC_TRAIN_LOSS][2] == 0.6 && isnan(e.metric[METRIC_VALID_LOSS][1]));
    assert_int_equal(e.layer_count, 2);
    assert_memory_equal(e.layers, layers, sizeof layers);
    assert_true(isnan(e.layers[8]));
    assert_memory_equal(e.layers + 16, layers, sizeof layers);
    store_epochs_done(&e);
    e = read_epochs(f, id, 2, 2, 0, false);
    assert_int_equal(e.count, 1);
    assert_int_equal(e.total, 1);
    assert_int_equal(e.epoch[0], 2);
    assert_null(e.layers);
    store_epochs_done(&e);
    e = read_epochs(f, 99, 1, 0, 0, true);
    assert_int_equal(e.count, 0);
    store_epochs_done(&e);
}

static bool has_epoch(const struct store_epochs *e, uint32_t epoch)
{
    for (size_t i = 0; i < e->count; i++)
        if (e->epoch[i] == epoch)
            return true;
    return false;
}

/* 2000 epochs that fall, with a spike in one loss and a dip in the other. */
static int64_t long_run(struct fixture *f)
{
    int64_t id = running(f, 2000);
    struct store_epoch *epochs = mem_array(2000, sizeof *epochs);
    assert_non_null(epochs);
    for (uint32_t i = 0; i < 2000; i++)
        epochs[i] = epoch_of(i + 1, 1.0 / (1 + i), 2.0 / (1 + i));
    epochs[776].metric[METRIC_TRAIN_LOSS] = 50;
    epochs[1233].metric[METRIC_VALID_LOSS] = -50;
    assert_int_equal(append(f, id, epochs, 2000), ERR_OK);
    mem_free(epochs);
    return id;
}

static void test_thinning_keeps_ends_and_extremes(void **state)
{
    struct fixture *f = *state;
    int64_t id = long_run(f);
    static const uint32_t points[] = {1, 3, 4, 8, 20, 100, 1999};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        struct store_epochs e = read_epochs(f, id, 1, 0, points[i], false);
        assert_int_equal(e.total, 2000);
        assert_true(e.count >= 4 && e.count <= (points[i] < 8 ? 8 : points[i]));
        for (size_t k = 1; k < e.count; k++)
            assert_true(e.epoch[k] > e.epoch[k - 1]);
        assert_int_equal(e.epoch[0], 1);
        assert_int_equal(e.epoch[e.count - 1], 2000);
        assert_true(has_epoch(&e, 777));
        assert_true(has_epoch(&e, 1234));
        for (size_t k = 0; k < e.count; k++)
            if (e.epoch[k] == 777)
                assert_true(e.metric[METRIC_TRAIN_LOSS][k] == 50);
        store_epochs_done(&e);
    }
}

static void test_thinning_comes_after_the_range(void **state)
{
    struct fixture *f = *state;
    int64_t id = long_run(f);
    struct store_epochs e = read_epochs(f, id, 800, 1000, 10, false);
    assert_int_equal(e.total, 201);
    assert_int_equal(e.epoch[0], 800);
    assert_int_equal(e.epoch[e.count - 1], 1000);
    assert_false(has_epoch(&e, 777));
    store_epochs_done(&e);
    e = read_epochs(f, id, 801, 805, 5, false); /* as many as there are: nothing to thin */
    assert_int_equal(e.count, 5);
    store_epochs_done(&e);
    e = read_epochs(f, id, 801, 804, 2, false);
    assert_int_equal(e.count, 4);
    store_epochs_done(&e);
    e = read_epochs(f, id, 801, 803, 1, false);
    assert_int_equal(e.count, 3);
    store_epochs_done(&e);
}

/* ---- memory ----------------------------------------------------------------------------------------------------------------- */

/* Every allocation of the reading calls fails once: an error each time, and what comes after is as before. */
static void test_reading_survives_failing_allocations(void **state)
{
    struct fixture *f = *state;
    int64_t job = five_runs(f);
    struct store_reader *r = store_reader_take(f->store);
    enum err_code code = ERR_NO_MEMORY;
    for (uint64_t nth = 1; code; nth++) {
        struct store_run_filter filter = {.job = job, .status = -1, .limit = 2};
        struct store_run *items = NULL;
        char *next = NULL;
        size_t count = 0;
        assert_true(nth < 100);
        mem_fail_at(nth, 0);
        code = store_runs_list(r, &filter, &items, &count, &next, &f->err);
        mem_fail_at(0, 0);
        assert_true(code == ERR_OK || (code == ERR_NO_MEMORY && !items && !next));
        for (size_t i = 0; i < count; i++)
            store_run_done(&items[i]);
        mem_free(items);
        mem_free(next);
    }
    code = ERR_NO_MEMORY;
    for (uint64_t nth = 1; code; nth++) {
        struct store_epochs e = {0};
        assert_true(nth < 100);
        mem_fail_at(nth, 0);
        code = store_epochs_read(r, 2, 1, 0, 0, true, &e, &f->err);
        mem_fail_at(0, 0);
        assert_true(code == ERR_OK || (code == ERR_NO_MEMORY && !e.epoch));
        store_epochs_done(&e);
    }
    store_reader_give(r);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(test_a_run_from_queued_to_succeeded),
        WITH_STORE(test_an_evaluation_reads_back),
        WITH_STORE(test_a_failure_keeps_its_reason),
        WITH_STORE(test_the_queue_is_by_priority_then_age),
        WITH_STORE(test_runs_are_listed_in_any_order_page_by_page),
        WITH_STORE(test_unknown_orders_and_cursors_are_refused),
        WITH_STORE(test_epochs_move_the_run),
        WITH_STORE(test_the_best_epoch_without_validation),
        WITH_STORE(test_epochs_have_no_gaps_and_no_repeats),
        WITH_STORE(test_epochs_read_back_in_columns),
        WITH_STORE(test_thinning_keeps_ends_and_extremes),
        WITH_STORE(test_thinning_comes_after_the_range),
        WITH_STORE(test_reading_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
