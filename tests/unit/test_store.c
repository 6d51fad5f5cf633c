/* The store's life: its lock, its migrations, and what a crash leaves. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "store_fixture.h"

/* ---- life ------------------------------------------------------------------------------------------------------------- */

static void test_what_is_stored_is_there_after_reopening(void **state)
{
    struct fixture *f = *state;
    int64_t id = add_dataset(f, "penguins");
    close_store(f);
    assert_int_equal(open_store(f), ERR_OK);
    struct store_dataset d = {0};
    struct store_reader *r = store_reader_take(f->store);
    assert_int_equal(store_dataset_find(r, "penguins", &d, &f->err), ERR_OK);
    store_reader_give(r);
    assert_int_equal(d.id, id);
    store_dataset_done(&d);
}

static void test_closing_empties_the_wal(void **state)
{
    struct fixture *f = *state;
    char path[FS_PATH_MAX];
    add_dataset(f, "penguins");
    close_store(f);
    path_of(f, "mlpd.db-wal", path);
    assert_false(fs_exists(path));
}

static void test_closing_null_is_fine(void **state)
{
    (void)state;
    store_close(NULL);
}

static void test_second_daemon_is_refused_and_told_the_directory(void **state)
{
    struct fixture *f = *state;
    struct store *second = NULL;
    struct err err = {0};
    assert_int_equal(store_open(f->dir, 1, NULL, NULL, &second, &err), ERR_CONFLICT);
    assert_non_null(strstr(err.message, f->dir));
    assert_null(second);
    close_store(f);
    assert_int_equal(store_open(f->dir, 1, NULL, NULL, &second, &err), ERR_OK);
    store_close(second);
}

static void test_totals_count_what_is_there(void **state)
{
    struct fixture *f = *state;
    int64_t job = add_job(f, "a", add_dataset(f, "penguins"), 0), run = add_run(f, job, 1, 3);
    add_run(f, job, 2, 3);
    start_run(f, run);
    struct store_totals t;
    struct store_reader *r = store_reader_take(f->store);
    assert_int_equal(store_totals(r, &t, &f->err), ERR_OK);
    store_reader_give(r);
    assert_int_equal(t.datasets, 1);
    assert_int_equal(t.jobs, 1);
    assert_int_equal(t.runs_by_status[STATUS_QUEUED], 1);
    assert_int_equal(t.runs_by_status[STATUS_RUNNING], 1);
    assert_int_equal(t.runs_by_status[STATUS_FAILED], 0);
    assert_int_equal(t.commits, 6);
    assert_int_equal(t.ops, 6);
    assert_int_equal(t.queued_ops, 0);
    assert_true(t.database_bytes > 0 && t.wal_bytes > 0);
}

static void test_statuses_and_metrics_have_names(void **state)
{
    (void)state;
    for (int s = 0; s < STATUS_COUNT; s++)
        assert_int_equal(store_status_find(store_status_name(s)), s);
    for (int m = 0; m < METRIC_COUNT; m++)
        assert_int_equal(store_metric_find(store_metric_name(m)), m);
    assert_null(store_status_name(STATUS_COUNT));
    assert_null(store_metric_name(METRIC_COUNT));
    assert_int_equal(store_status_find("done"), -1);
    assert_int_equal(store_metric_find("loss"), -1);
    assert_false(store_status_terminal(STATUS_PAUSED));
    assert_true(store_status_terminal(STATUS_SUCCEEDED));
}

/* ---- files that are not ours to write --------------------------------------------------------------------------------- */

static void run_sql(const struct fixture *f, const char *sql)
{
    char path[FS_PATH_MAX];
    sqlite3 *db;
    path_of(f, "mlpd.db", path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void assert_refused_unchanged(struct fixture *f, enum err_code code, const char *words)
{
    char path[FS_PATH_MAX], *before, *after;
    size_t before_size, after_size;
    path_of(f, "mlpd.db", path);
    assert_int_equal(fs_read_all(path, 1 << 24, &before, &before_size, NULL), ERR_OK);
    assert_int_equal(open_store(f), code);
    assert_non_null(strstr(f->err.message, words));
    assert_int_equal(fs_read_all(path, 1 << 24, &after, &after_size, NULL), ERR_OK);
    assert_int_equal(before_size, after_size);
    assert_memory_equal(before, after, before_size);
    mem_free(before);
    mem_free(after);
}

static void test_newer_schema_is_refused_unchanged(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    run_sql(f, "PRAGMA user_version = 9999");
    assert_refused_unchanged(f, ERR_CONFLICT, "9999");
}

static void test_foreign_database_is_refused_unchanged(void **state)
{
    struct fixture *f = *state;
    run_sql(f, "PRAGMA application_id = 7; CREATE TABLE theirs (x)");
    assert_refused_unchanged(f, ERR_CONFLICT, "not a database of mlpd");
}

static void test_nameless_foreign_database_is_refused_unchanged(void **state)
{
    struct fixture *f = *state;
    run_sql(f, "CREATE TABLE theirs (x)");
    assert_refused_unchanged(f, ERR_CONFLICT, "not a database of mlpd");
}

static void test_other_file_is_refused_unchanged(void **state)
{
    struct fixture *f = *state;
    char path[FS_PATH_MAX], text[4096];
    memset(text, 'x', sizeof text);
    path_of(f, "mlpd.db", path);
    assert_int_equal(fs_write_atomic(path, text, sizeof text, NULL), ERR_OK);
    assert_refused_unchanged(f, ERR_CORRUPT, "not a database");
}

static void test_damaged_page_is_refused_unchanged(void **state)
{
    struct fixture *f = *state;
    char path[FS_PATH_MAX], noise[4096], *bytes;
    size_t size;
    for (int i = 0; i < 3; i++)
        add_job(f, "a", 0, 0);
    close_store(f);
    path_of(f, "mlpd.db", path);
    assert_int_equal(fs_read_all(path, 1 << 24, &bytes, &size, NULL), ERR_OK);
    memset(noise, 0xa5, sizeof noise);
    assert_true(size > 8 * sizeof noise);
    for (size_t page = 2; page < 8; page++)
        memcpy(bytes + page * sizeof noise, noise, sizeof noise);
    assert_int_equal(fs_write_atomic(path, bytes, size, NULL), ERR_OK);
    mem_free(bytes);
    assert_refused_unchanged(f, ERR_CORRUPT, "damaged");
}

/* ---- migrations ------------------------------------------------------------------------------------------------------- */

static void test_migrations_apply_once_and_in_order(void **state)
{
    (void)state;
    static const struct migration table[] = {{1, "one", "CREATE TABLE a (x); INSERT INTO a VALUES (1)"},
                                             {2, "two", "UPDATE a SET x = x + 10"}};
    struct connection c;
    struct err err = {0};
    int64_t value = 0;
    assert_int_equal(connection_open(&c, ":memory:", SQLITE_OPEN_READWRITE, &err), ERR_OK);
    assert_int_equal(migrate_apply(&c, table, 1, &err), ERR_OK);
    assert_int_equal(migrate_apply(&c, table, 2, &err), ERR_OK);
    assert_int_equal(migrate_apply(&c, table, 2, &err), ERR_OK);
    assert_int_equal(connection_integer(&c, "SELECT x FROM a", &value, &err), ERR_OK);
    assert_int_equal(value, 11);
    assert_int_equal(connection_integer(&c, "PRAGMA user_version", &value, &err), ERR_OK);
    assert_int_equal(value, 2);
    connection_close(&c);
}

static void test_failed_migration_is_undone_whole(void **state)
{
    (void)state;
    static const struct migration table[] = {{1, "one", "CREATE TABLE a (x)"},
                                             {2, "two", "CREATE TABLE b (x); INSERT INTO nowhere VALUES (1)"}};
    struct connection c;
    struct err err = {0};
    int64_t value = 0;
    assert_int_equal(connection_open(&c, ":memory:", SQLITE_OPEN_READWRITE, &err), ERR_OK);
    assert_int_equal(migrate_apply(&c, table, 2, &err), ERR_INTERNAL);
    assert_non_null(strstr(err.message, "migration 2 (two)"));
    assert_int_equal(connection_integer(&c, "PRAGMA user_version", &value, &err), ERR_OK);
    assert_int_equal(value, 1);
    assert_int_equal(connection_integer(&c, "SELECT count(*) FROM sqlite_schema", &value, &err), ERR_OK);
    assert_int_equal(value, 1);
    connection_close(&c);
}

/* A database of version 1 becomes one of version 2, and what it was lies beside it; a fresh one has nothing to keep. */
static void test_an_upgrade_leaves_a_backup(void **state)
{
    struct fixture *f = *state;
    static const struct migration table[] = {{1, "one", "CREATE TABLE a (x); INSERT INTO a VALUES (1)"},
                                             {2, "two", "UPDATE a SET x = x + 10"}};
    char path[FS_PATH_MAX], old[FS_PATH_MAX];
    struct connection c;
    struct err err = {0};
    int64_t value = 0;
    assert_int_equal(fs_join(path, f->dir, "it's.db", &err), ERR_OK);
    assert_int_equal(fs_join(old, f->dir, "it's.db.version-1", &err), ERR_OK);
    assert_int_equal(connection_open(&c, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &err), ERR_OK);
    assert_int_equal(migrate_backup(&c, path, table, 1, &err), ERR_OK);
    assert_int_equal(migrate_apply(&c, table, 1, &err), ERR_OK);
    assert_int_equal(migrate_backup(&c, path, table, 1, &err), ERR_OK);
    assert_false(fs_exists(old));
    assert_int_equal(fs_write_atomic(old, "half", 4, &err), ERR_OK); /* as an interrupted upgrade leaves it */
    assert_int_equal(migrate_backup(&c, path, table, 2, &err), ERR_OK);
    assert_int_equal(migrate_apply(&c, table, 2, &err), ERR_OK);
    connection_close(&c);
    assert_int_equal(connection_open(&c, old, SQLITE_OPEN_READWRITE, &err), ERR_OK);
    assert_int_equal(connection_integer(&c, "SELECT x FROM a", &value, &err), ERR_OK);
    assert_int_equal(value, 1);
    assert_int_equal(connection_integer(&c, "PRAGMA user_version", &value, &err), ERR_OK);
    assert_int_equal(value, 1);
    connection_close(&c);
}

static void test_without_a_backup_there_is_no_upgrade(void **state)
{
    struct fixture *f = *state;
    static const struct migration table[] = {{1, "one", "CREATE TABLE a (x)"}, {2, "two", "DROP TABLE a"}};
    char path[FS_PATH_MAX];
    struct connection c;
    struct err err = {0};
    assert_int_equal(fs_join(path, f->dir, "nowhere/mlpd.db", &err), ERR_OK);
    assert_int_equal(connection_open(&c, ":memory:", SQLITE_OPEN_READWRITE, &err), ERR_OK);
    assert_int_equal(migrate_apply(&c, table, 1, &err), ERR_OK);
    assert_int_not_equal(migrate_backup(&c, path, table, 2, &err), ERR_OK);
    assert_non_null(strstr(err.message, "mlpd.db.version-1"));
    connection_close(&c);
}

static void test_embedded_migrations_are_numbered_from_one(void **state)
{
    (void)state;
    assert_true(migrations_count > 0);
    for (size_t i = 0; i < migrations_count; i++)
        assert_int_equal(migrations[i].number, i + 1);
}

/* ---- crashes ---------------------------------------------------------------------------------------------------------- */

/* In a process of its own, which ends without closing anything. */
static void crash_after(struct fixture *f, void (*work)(struct fixture *f))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        if (open_store(f))
            _exit(1);
        work(f);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void leave_runs(struct fixture *f)
{
    int64_t job = add_job(f, "crashed", add_dataset(f, "penguins"), 0), runs[4];
    for (uint32_t i = 0; i < 4; i++)
        runs[i] = add_run(f, job, i + 1, 10);
    for (int i = 0; i < 3; i++)
        start_run(f, runs[i]);
    struct store_epoch epochs[] = {epoch_of(1, 0.5, 0.6), epoch_of(2, 0.4, 0.5)};
    if (append(f, runs[0], epochs, 2) || finish_run(f, runs[2], STATUS_SUCCEEDED))
        _exit(2);
}

static void test_nothing_acknowledged_is_lost_in_a_crash(void **state)
{
    struct fixture *f = *state;
    crash_after(f, leave_runs);
    assert_int_equal(open_store(f), ERR_OK);
    struct write w = {0};
    assert_int_equal(do_write(f, &w, body_recover), ERR_OK);
    assert_int_equal(w.number, 2);
    assert_int_equal(status_of_run(f, 1), STATUS_QUEUED);
    assert_int_equal(status_of_run(f, 2), STATUS_QUEUED);
    assert_int_equal(status_of_run(f, 3), STATUS_SUCCEEDED);
    assert_int_equal(status_of_run(f, 4), STATUS_QUEUED);
    struct store_run r = run_of(f, 1);
    assert_int_equal(r.epoch, 2);
    assert_true(r.metric[METRIC_VALID_LOSS] == 0.5);
    assert_int_equal(r.attempts, 1);
    store_run_done(&r);
    struct store_job j = job_of(f, 1);
    assert_int_equal(j.by_status[STATUS_QUEUED], 3);
    assert_int_equal(j.by_status[STATUS_RUNNING], 0);
    assert_int_equal(j.status, STATUS_RUNNING); /* one has ended, the others wait */
    store_job_done(&j);
}

static void leave_a_cancelled_run(struct fixture *f)
{
    int64_t job = add_job(f, "crashed", 0, 0), run = add_run(f, job, 1, 10);
    start_run(f, run);
    if (on_id(f, body_job_cancel, job))
        _exit(2);
}

static enum err_code body_prepare(struct connection *c)
{
    struct err err = {0};
    for (int i = 0; i < SQL_COUNT; i++) {
        if (!(sql_texts[i].sides & (unsigned)c->side))
            continue;
        struct query q = query_start(c, (enum sql)i);
        if (query_end(&q, &err))
            fail_msg("%s: %s", sql_texts[i].text, err.message);
    }
    return err.code;
}

static enum err_code body_prepare_writer(struct store_tx *tx, struct store_op *op, struct err *err)
{
    (void)op, (void)err;
    return body_prepare(&tx->connection);
}

/* They are prepared when they are asked for: here all of them are. */
static void test_every_statement_is_one(void **state)
{
    struct fixture *f = *state;
    struct write w = {0};
    struct store_reader *r = store_reader_take(f->store);
    assert_int_equal(body_prepare(&r->connection), ERR_OK);
    store_reader_give(r);
    assert_int_equal(do_write(f, &w, body_prepare_writer), ERR_OK);
}

static void test_recovery_cancels_what_was_to_be_cancelled(void **state)
{
    struct fixture *f = *state;
    crash_after(f, leave_a_cancelled_run);
    assert_int_equal(open_store(f), ERR_OK);
    struct write w = {0};
    assert_int_equal(do_write(f, &w, body_recover), ERR_OK);
    assert_int_equal(w.number, 0);
    assert_int_equal(status_of_run(f, 1), STATUS_CANCELLED);
    assert_int_equal(status_of_job(f, 1), STATUS_CANCELLED);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, setup_dir, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(test_what_is_stored_is_there_after_reopening),
        WITH_STORE(test_closing_empties_the_wal),
        WITH_STORE(test_every_statement_is_one),
        cmocka_unit_test(test_closing_null_is_fine),
        WITH_STORE(test_second_daemon_is_refused_and_told_the_directory),
        WITH_STORE(test_totals_count_what_is_there),
        cmocka_unit_test(test_statuses_and_metrics_have_names),
        WITH_STORE(test_newer_schema_is_refused_unchanged),
        WITH_DIR(test_foreign_database_is_refused_unchanged),
        WITH_DIR(test_nameless_foreign_database_is_refused_unchanged),
        WITH_DIR(test_other_file_is_refused_unchanged),
        WITH_STORE(test_damaged_page_is_refused_unchanged),
        cmocka_unit_test(test_migrations_apply_once_and_in_order),
        cmocka_unit_test(test_failed_migration_is_undone_whole),
        WITH_DIR(test_an_upgrade_leaves_a_backup),
        WITH_DIR(test_without_a_backup_there_is_no_upgrade),
        cmocka_unit_test(test_embedded_migrations_are_numbered_from_one),
        WITH_DIR(test_nothing_acknowledged_is_lost_in_a_crash),
        WITH_DIR(test_recovery_cancels_what_was_to_be_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
