/* Datasets, jobs, and the statuses that triggers keep. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "store_fixture.h"

/* ---- datasets --------------------------------------------------------------------------------------------------------- */

static void test_a_dataset_is_found_by_name_and_by_id(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_dataset(f, "penguins");
    char key[32];
    snprintf(key, sizeof key, "%lld", (long long)id);
    const char *keys[] = {"penguins", key};
    for (int i = 0; i < 2; i++) {
        struct store_dataset d = {0};
        struct store_reader *r = store_reader_take(f->store);
        assert_int_equal(store_dataset_find(r, keys[i], &d, &f->err), ERR_OK);
        store_reader_give(r);
        assert_int_equal(d.id, id);
        assert_string_equal(d.name, "penguins");
        assert_string_equal(d.sha256, "ab");
        assert_string_equal(d.file, "file");
        assert_int_equal(d.bytes, 10);
        assert_int_equal(d.rows, 3);
        assert_int_equal(d.columns, 2);
        assert_string_equal(d.schema, "[]");
        assert_string_equal(d.options, "{}");
        assert_int_equal(d.created_at, NOW);
        store_dataset_done(&d);
    }
    struct store_dataset none = {0};
    struct store_reader *r = store_reader_take(f->store);
    assert_int_equal(store_dataset_find(r, "Penguins", &none, &f->err), ERR_NOT_FOUND);
    assert_int_equal(store_dataset_find(r, "99999999999999999999999", &none, &f->err), ERR_NOT_FOUND);
    store_reader_give(r);
    assert_null(none.name);
}

static void test_a_taken_name_is_a_conflict(void **state)
{
    struct fixture *f = *state;
    int64_t id;
    add_dataset(f, "penguins");
    assert_int_equal(insert_dataset(f, "penguins", "other", &id), ERR_CONFLICT);
    assert_non_null(strstr(f->err.message, "penguins"));
}

static void test_datasets_are_listed_newest_first_page_by_page(void **state)
{
    struct fixture *f = *state;
    int64_t ids[5], before = 0;
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    for (int i = 0; i < 5; i++)
        ids[i] = add_dataset(f, names[i]);
    struct store_reader *r = store_reader_take(f->store);
    for (int page = 0, next = 4; page < 3; page++) {
        struct store_dataset *items = NULL;
        size_t count = 0;
        assert_int_equal(store_datasets_list(r, before, 2, &items, &count, &f->err), ERR_OK);
        assert_int_equal(count, page < 2 ? 2 : 1);
        for (size_t i = 0; i < count; i++, next--) {
            assert_int_equal(items[i].id, ids[next]);
            assert_string_equal(items[i].name, names[next]);
            assert_string_equal(items[i].schema, "[]");
            before = items[i].id;
            store_dataset_done(&items[i]);
        }
        mem_free(items);
    }
    store_reader_give(r);
}

static void test_a_dataset_that_runs_need_stays(void **state)
{
    struct fixture *f = *state;
    int64_t dataset = add_dataset(f, "penguins"), job = add_job(f, "a", dataset, 0), run = add_run(f, job, 1, 3);
    assert_int_equal(on_id(f, body_dataset_delete, dataset), ERR_CONFLICT);
    start_run(f, run);
    assert_int_equal(on_id(f, body_dataset_delete, dataset), ERR_CONFLICT);
    assert_int_equal(finish_run(f, run, STATUS_SUCCEEDED), ERR_OK);
    struct store_job before = job_of(f, job);
    struct write w = {.id = dataset};
    assert_int_equal(do_write(f, &w, body_dataset_delete), ERR_OK);
    assert_string_equal(w.text, "file");
    mem_free(w.text);
    assert_int_equal(on_id(f, body_dataset_delete, dataset), ERR_NOT_FOUND);
    struct store_job after = job_of(f, job);
    assert_int_equal(before.dataset, dataset);
    assert_int_equal(after.dataset, 0);
    assert_string_equal(after.dataset_name, "penguins");
    assert_true(after.version > before.version);
    store_job_done(&before);
    store_job_done(&after);
}

static void test_a_shared_file_is_kept(void **state)
{
    struct fixture *f = *state;
    int64_t first = add_dataset(f, "a"), second = add_dataset(f, "b");
    bool used = false;
    struct store_reader *r = store_reader_take(f->store);
    struct write w = {.id = first};
    assert_int_equal(do_write(f, &w, body_dataset_delete), ERR_OK);
    assert_null(w.text);
    assert_int_equal(store_dataset_file_used(r, "file", &used, &f->err), ERR_OK);
    assert_true(used);
    w = (struct write){.id = second};
    assert_int_equal(do_write(f, &w, body_dataset_delete), ERR_OK);
    assert_string_equal(w.text, "file");
    mem_free(w.text);
    assert_int_equal(store_dataset_file_used(r, "file", &used, &f->err), ERR_OK);
    assert_false(used);
    store_reader_give(r);
}

static void test_ids_are_never_used_again(void **state)
{
    struct fixture *f = *state;
    int64_t first = add_dataset(f, "a");
    assert_int_equal(on_id(f, body_dataset_delete, first), ERR_OK);
    assert_true(add_dataset(f, "a") > first);
}

/* ---- jobs -------------------------------------------------------------------------------------------------------------- */

static void test_a_new_job_reads_back(void **state)
{
    struct fixture *f = *state;
    int64_t dataset = add_dataset(f, "penguins"), id = add_job(f, "study", dataset, -3);
    add_run(f, id, 1, 3);
    add_run(f, id, 2, 3);
    struct store_job j = job_of(f, id);
    assert_int_equal(j.id, id);
    assert_string_equal(j.name, "study");
    assert_int_equal(j.dataset, dataset);
    assert_string_equal(j.spec, "{\"a\":1}");
    assert_int_equal(j.priority, -3);
    assert_int_equal(j.status, STATUS_QUEUED);
    assert_int_equal(j.runs, 2);
    assert_int_equal(j.by_status[STATUS_QUEUED], 2);
    assert_true(j.epochs_done == 0);
    assert_int_equal(j.created_at, NOW);
    assert_int_equal(j.started_at, 0);
    assert_int_equal(j.finished_at, 0);
    assert_null(j.idempotency_key);
    store_job_done(&j);
    struct store_reader *r = store_reader_take(f->store);
    assert_int_equal(store_job_get(r, 99, &j, &f->err), ERR_NOT_FOUND);
    store_reader_give(r);
}

static void test_a_job_without_its_dataset_is_refused(void **state)
{
    struct fixture *f = *state;
    struct store_job j = {.dataset = 12, .dataset_name = str("gone"), .spec = str("{}")};
    struct write w = {.input = &j};
    assert_int_equal(do_write(f, &w, body_job_insert), ERR_CONFLICT);
    assert_non_null(strstr(f->err.message, "gone"));
}

static void test_an_idempotency_key_finds_its_one_job(void **state)
{
    struct fixture *f = *state;
    struct store_job j = {.dataset_name = str("d"), .spec = str("{}"), .idempotency_key = str("k1"),
                          .request_sha256 = str("cafe")}, there = {0};
    struct write w = {.input = &j}, again = {.input = &j}, find = {.input = "k1", .job = &there},
                 unknown = {.input = "k2", .job = &there};
    add_job(f, "without a key", 0, 0);
    add_job(f, "without a key", 0, 0);
    assert_int_equal(do_write(f, &w, body_job_insert), ERR_OK);
    assert_int_equal(do_write(f, &again, body_job_insert), ERR_CONFLICT);
    assert_int_equal(do_write(f, &unknown, body_job_find_key), ERR_NOT_FOUND);
    assert_int_equal(do_write(f, &find, body_job_find_key), ERR_OK);
    assert_int_equal(there.id, w.id);
    assert_string_equal(there.request_sha256, "cafe");
    store_job_done(&there);
}

/* The newest first. Returns the cursor to what follows, or NULL (mem_free). */
static char *assert_jobs(struct fixture *f, struct store_job_filter filter, const int64_t *ids, size_t expected)
{
    struct store_job *items = NULL;
    size_t count = 99;
    char *next = NULL;
    struct store_reader *r = store_reader_take(f->store);
    filter.order_by = "created_at";
    filter.descending = true;
    assert_int_equal(store_jobs_list(r, &filter, &items, &count, &next, &f->err), ERR_OK);
    store_reader_give(r);
    assert_int_equal(count, expected);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(items[i].id, ids[i]);
        store_job_done(&items[i]);
    }
    mem_free(items);
    return next;
}

static void test_jobs_are_listed_and_filtered(void **state)
{
    struct fixture *f = *state;
    int64_t a = add_job(f, "alpha_1", 0, 0), b = add_job(f, "alphax1", 0, 0), c = add_job(f, NULL, 0, 0);
    int64_t run = add_run(f, b, 1, 3);
    add_run(f, a, 1, 3);
    add_run(f, c, 1, 3);
    start_run(f, run);
    assert_jobs(f, (struct store_job_filter){.status = -1, .limit = 10}, (int64_t[]){c, b, a}, 3);
    char *next = assert_jobs(f, (struct store_job_filter){.status = -1, .limit = 2}, (int64_t[]){c, b}, 2);
    assert_non_null(next);
    assert_null(assert_jobs(f, (struct store_job_filter){.status = -1, .limit = 2, .cursor = next}, (int64_t[]){a}, 1));
    mem_free(next);
    assert_jobs(f, (struct store_job_filter){.status = STATUS_RUNNING, .limit = 9}, (int64_t[]){b}, 1);
    assert_jobs(f, (struct store_job_filter){.status = STATUS_QUEUED, .limit = 9}, (int64_t[]){c, a}, 2);
    assert_jobs(f, (struct store_job_filter){.status = STATUS_FAILED, .limit = 9}, NULL, 0);
    assert_jobs(f, (struct store_job_filter){.status = -1, .name = "alpha", .limit = 9}, (int64_t[]){b, a}, 2);
    assert_jobs(f, (struct store_job_filter){.status = -1, .name = "alpha_", .limit = 9}, (int64_t[]){a}, 1);
    assert_jobs(f, (struct store_job_filter){.status = -1, .name = "Alpha", .limit = 9}, NULL, 0);
    assert_jobs(f, (struct store_job_filter){.status = STATUS_QUEUED, .name = "alpha", .limit = 9}, (int64_t[]){a}, 1);
}

/* ---- statuses ------------------------------------------------------------------------------------------------------------ */

static enum err_code pause_run(struct store_tx *tx, struct store_op *op, struct err *err)
{
    struct query q = query_compose(&tx->connection, "UPDATE runs SET pause_requested = 1 WHERE id = ?");
    query_put_integer(&q, ((struct write *)op)->id);
    enum err_code code = query_run(&q, NULL, err);
    return code ? code : body_run_leave(tx, op, err);
}

static void put(struct fixture *f, int64_t run, int status)
{
    if (status != STATUS_QUEUED)
        start_run(f, run);
    if (status == STATUS_PAUSED)
        assert_int_equal(on_id(f, pause_run, run), ERR_OK);
    if (status >= STATUS_SUCCEEDED)
        assert_int_equal(finish_run(f, run, (enum store_status)status), ERR_OK);
}

static void test_a_jobs_status_follows_from_its_runs(void **state)
{
    struct fixture *f = *state;
    enum { Q = STATUS_QUEUED, R = STATUS_RUNNING, P = STATUS_PAUSED, S = STATUS_SUCCEEDED, F = STATUS_FAILED,
           C = STATUS_CANCELLED };
    static const struct {
        int runs[3], job;
    } cases[] = {
        {{Q, Q, Q}, Q}, {{R, Q, Q}, R}, {{R, S, F}, R}, {{R, P, C}, R}, {{S, Q, Q}, R}, {{F, Q, P}, R}, {{C, S, Q}, R},
        {{P, P, P}, P}, {{P, S, S}, P}, {{P, Q, Q}, Q}, {{S, S, S}, S}, {{S, F, F}, S}, {{F, F, F}, F}, {{F, F, C}, C},
        {{S, S, C}, C}, {{C, C, C}, C},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t job = add_job(f, "case", 0, 0), runs[3];
        for (uint32_t k = 0; k < 3; k++)
            runs[k] = add_run(f, job, k + 1, 4);
        for (int k = 0; k < 3; k++)
            put(f, runs[k], cases[i].runs[k]);
        struct store_job j = job_of(f, job);
        uint32_t counts[STATUS_COUNT] = {0};
        for (int k = 0; k < 3; k++)
            counts[cases[i].runs[k]]++;
        if ((int)j.status != cases[i].job)
            fail_msg("case %zu: %s", i, store_status_name((int)j.status));
        assert_memory_equal(j.by_status, counts, sizeof counts);
        assert_int_equal(j.runs, 3);
        assert_int_equal(j.finished_at, cases[i].job >= S ? NOW + 2 : 0);
        store_job_done(&j);
    }
}

static void test_progress_adds_up_exactly(void **state)
{
    struct fixture *f = *state;
    int64_t job = add_job(f, "progress", 0, 0), a = add_run(f, job, 1, 3), b = add_run(f, job, 2, 4);
    struct store_epoch epochs[] = {epoch_of(1, 1, NAN), epoch_of(2, 1, NAN), epoch_of(3, 1, NAN)};
    start_run(f, a);
    start_run(f, b);
    assert_int_equal(append(f, b, epochs, 3), ERR_OK);
    struct store_job j = job_of(f, job);
    assert_true(j.epochs_done == 0.75);
    assert_int_equal(j.started_at, NOW + 1);
    store_job_done(&j);
    for (int i = 0; i < 3; i++)
        assert_int_equal(append(f, a, &epochs[i], 1), ERR_OK);
    assert_int_equal(finish_run(f, a, STATUS_SUCCEEDED), ERR_OK);
    assert_int_equal(finish_run(f, b, STATUS_FAILED), ERR_OK);
    j = job_of(f, job);
    assert_true(j.epochs_done == 2);
    store_job_done(&j);
}

static void test_the_version_grows_with_every_change(void **state)
{
    struct fixture *f = *state;
    int64_t job = add_job(f, "version", 0, 0), run = add_run(f, job, 1, 3), second = add_run(f, job, 2, 3);
    struct store_epoch e = epoch_of(1, 1, NAN);
    uint64_t job_version = 0, run_version = 0;
    for (int step = 0; step < 5; step++) {
        if (step == 1)
            start_run(f, run);
        else if (step == 2)
            assert_int_equal(append(f, run, &e, 1), ERR_OK);
        else if (step == 3)
            assert_int_equal(on_id(f, body_job_cancel, job), ERR_OK);
        else if (step == 4)
            assert_int_equal(finish_run(f, run, STATUS_CANCELLED), ERR_OK);
        struct store_job j = job_of(f, job);
        struct store_run r = run_of(f, run);
        assert_true(j.version > job_version);
        assert_true(r.version > run_version);
        job_version = j.version;
        run_version = r.version;
        store_job_done(&j);
        store_run_done(&r);
    }
    assert_int_equal(status_of_run(f, second), STATUS_CANCELLED);
}

/* ---- cancel and delete ---------------------------------------------------------------------------------------------------- */

static void test_cancelling_ends_the_waiting_and_asks_the_running(void **state)
{
    struct fixture *f = *state;
    int64_t job = add_job(f, "cancel", 0, 0), runs[4];
    for (uint32_t i = 0; i < 4; i++)
        runs[i] = add_run(f, job, i + 1, 3);
    put(f, runs[0], STATUS_SUCCEEDED);
    put(f, runs[1], STATUS_RUNNING);
    put(f, runs[2], STATUS_PAUSED);
    struct write w = {.id = job};
    assert_int_equal(do_write(f, &w, body_job_cancel), ERR_OK);
    assert_int_equal(w.runs.running_count, 1);
    assert_int_equal(w.runs.running[0], runs[1]);
    assert_int_equal(w.runs.waiting_count, 1); /* the paused one had begun */
    assert_int_equal(w.runs.waiting[0], runs[2]);
    store_runs_done(&w.runs);
    struct store_run r = run_of(f, runs[1]);
    assert_true(r.cancel_requested);
    assert_int_equal(r.status, STATUS_RUNNING);
    store_run_done(&r);
    r = run_of(f, runs[3]);
    assert_int_equal(r.status, STATUS_CANCELLED);
    assert_int_equal(r.finished_at, NOW + 5);
    store_run_done(&r);
    assert_int_equal(status_of_run(f, runs[0]), STATUS_SUCCEEDED);
    assert_int_equal(status_of_run(f, runs[2]), STATUS_CANCELLED);
    assert_int_equal(status_of_job(f, job), STATUS_RUNNING);
    assert_int_equal(on_id(f, body_run_leave, runs[1]), ERR_OK); /* the daemon stops before the run has */
    assert_int_equal(status_of_run(f, runs[1]), STATUS_CANCELLED);
    assert_int_equal(status_of_job(f, job), STATUS_CANCELLED);
    assert_int_equal(on_id(f, body_job_cancel, job), ERR_CONFLICT);
    assert_non_null(strstr(f->err.message, "cancelled"));
    assert_int_equal(on_id(f, body_job_cancel, 99), ERR_NOT_FOUND);
}

static int64_t rows(struct fixture *f, const char *sql)
{
    int64_t count = -1;
    struct store_reader *r = store_reader_take(f->store);
    assert_int_equal(connection_integer(&r->connection, sql, &count, &f->err), ERR_OK);
    store_reader_give(r);
    return count;
}

static void test_deleting_takes_everything_of_a_job(void **state)
{
    struct fixture *f = *state;
    int64_t kept = add_job(f, "kept", 0, 0), job = add_job(f, "deleted", 0, 0), other = add_run(f, kept, 1, 3), runs[2];
    struct store_epoch e = epoch_of(1, 1, NAN);
    for (uint32_t i = 0; i < 2; i++)
        runs[i] = add_run(f, job, i + 1, 3);
    start_run(f, runs[0]);
    start_run(f, other);
    assert_int_equal(append(f, runs[0], &e, 1), ERR_OK);
    assert_int_equal(append(f, other, &e, 1), ERR_OK);
    assert_int_equal(on_id(f, body_job_delete, job), ERR_CONFLICT);
    assert_non_null(strstr(f->err.message, "running"));
    assert_int_equal(finish_run(f, runs[0], STATUS_SUCCEEDED), ERR_OK);
    put(f, runs[1], STATUS_FAILED);
    struct write w = {.id = job};
    assert_int_equal(do_write(f, &w, body_job_delete), ERR_OK);
    assert_int_equal(w.count, 2);
    assert_int_equal(w.ids[0], runs[0]);
    assert_int_equal(w.ids[1], runs[1]);
    mem_free(w.ids);
    assert_int_equal(rows(f, "SELECT count(*) FROM jobs"), 1);
    assert_int_equal(rows(f, "SELECT count(*) FROM job_specs"), 1);
    assert_int_equal(rows(f, "SELECT count(*) FROM runs"), 1);
    assert_int_equal(rows(f, "SELECT count(*) FROM run_texts"), 1);
    assert_int_equal(rows(f, "SELECT count(*) FROM epochs"), 1);
    assert_int_equal(on_id(f, body_job_delete, job), ERR_NOT_FOUND);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(test_a_dataset_is_found_by_name_and_by_id),
        WITH_STORE(test_a_taken_name_is_a_conflict),
        WITH_STORE(test_datasets_are_listed_newest_first_page_by_page),
        WITH_STORE(test_a_dataset_that_runs_need_stays),
        WITH_STORE(test_a_shared_file_is_kept),
        WITH_STORE(test_ids_are_never_used_again),
        WITH_STORE(test_a_new_job_reads_back),
        WITH_STORE(test_a_job_without_its_dataset_is_refused),
        WITH_STORE(test_an_idempotency_key_finds_its_one_job),
        WITH_STORE(test_jobs_are_listed_and_filtered),
        WITH_STORE(test_a_jobs_status_follows_from_its_runs),
        WITH_STORE(test_progress_adds_up_exactly),
        WITH_STORE(test_the_version_grows_with_every_change),
        WITH_STORE(test_cancelling_ends_the_waiting_and_asks_the_running),
        WITH_STORE(test_deleting_takes_everything_of_a_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
