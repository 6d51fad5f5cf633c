/* The store's writer: its groups, its queue, and disks that fail. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "store_fixture.h"
#include <errno.h>
#include <semaphore.h>
#include <sys/syscall.h>

/* ---- failing disks: libsqlite3 finds these before the C library's ----------------------------------------------------- */

static atomic_bool sync_fails, writes_fail;

int fdatasync(int fd)
{
    if (atomic_load(&sync_fails)) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
    if (atomic_load(&writes_fail)) {
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, data, size, offset);
}

/* ---- the writer ------------------------------------------------------------------------------------------------------- */

struct gate {
    struct store_op op;
    sem_t entered, open;
};

static enum err_code wait_at_gate(struct store_tx *tx, struct store_op *op, struct err *err)
{
    struct gate *g = (struct gate *)op;
    (void)tx;
    (void)err;
    sem_post(&g->entered);
    sem_wait(&g->open);
    return ERR_OK;
}

/* Holds the writer, so that what is submitted until gate_open becomes one group. */
static void gate_close(struct fixture *f, struct gate *g)
{
    *g = (struct gate){.op.run = wait_at_gate};
    sem_init(&g->entered, 0, 0);
    sem_init(&g->open, 0, 0);
    assert_int_equal(store_submit(f->store, &g->op, &f->err), ERR_OK);
    sem_wait(&g->entered);
}

struct named {
    struct store_op op;
    const char *name;
    bool fails;
    sem_t *done;
};

static enum err_code insert_named(struct store_tx *tx, struct store_op *op, struct err *err)
{
    struct named *n = (struct named *)op;
    int64_t id;
    struct store_dataset d = {.name = str(n->name), .sha256 = str("a"), .file = str("f"), .schema = str("[]"), .options = str("{}")};
    enum err_code code = store_dataset_insert(tx, &d, &id, err);
    return code || !n->fails ? code : err_set(err, ERR_INVALID, "no");
}

static void tell(struct store_op *op)
{
    sem_post(((struct named *)op)->done);
}

static bool has_dataset(struct fixture *f, const char *name)
{
    struct store_dataset d = {0};
    struct store_reader *r = store_reader_take(f->store);
    enum err_code code = store_dataset_find(r, name, &d, NULL);
    store_reader_give(r);
    store_dataset_done(&d);
    assert_true(code == ERR_OK || code == ERR_NOT_FOUND);
    return code == ERR_OK;
}

static void test_a_failing_op_is_rolled_back_alone(void **state)
{
    struct fixture *f = *state;
    struct gate gate;
    sem_t done;
    struct named ops[] = {{.name = "first"}, {.name = "second", .fails = true}, {.name = "third"}, {.name = "third"}};
    sem_init(&done, 0, 0);
    gate_close(f, &gate);
    for (int i = 0; i < 4; i++) {
        ops[i].op = (struct store_op){.run = insert_named, .done = tell};
        ops[i].done = &done;
        assert_int_equal(store_submit(f->store, &ops[i].op, &f->err), ERR_OK);
    }
    sem_post(&gate.open);
    for (int i = 0; i < 4; i++)
        sem_wait(&done);
    assert_int_equal(ops[0].op.code, ERR_OK);
    assert_int_equal(ops[1].op.code, ERR_INVALID);
    assert_string_equal(ops[1].op.err.message, "no");
    assert_int_equal(ops[2].op.code, ERR_OK);
    assert_int_equal(ops[3].op.code, ERR_CONFLICT);
    assert_true(has_dataset(f, "first"));
    assert_false(has_dataset(f, "second"));
    assert_true(has_dataset(f, "third"));
    assert_int_equal(f->store->commits, 2); /* the gate's, and one for all four */
    assert_int_equal(f->store->ops, 5);
}

static void test_a_full_queue_refuses(void **state)
{
    struct fixture *f = *state;
    struct gate gate;
    sem_t done;
    struct named *ops = mem_array(STORE_QUEUE_MAX + 1, sizeof *ops);
    assert_non_null(ops);
    sem_init(&done, 0, 0);
    gate_close(f, &gate);
    for (int i = 0; i <= STORE_QUEUE_MAX; i++) {
        ops[i] = (struct named){.op = {.run = insert_named, .done = tell}, .name = "same", .done = &done};
        assert_int_equal(store_submit(f->store, &ops[i].op, &f->err), i < STORE_QUEUE_MAX ? ERR_OK : ERR_UNAVAILABLE);
    }
    sem_post(&gate.open);
    for (int i = 0; i < STORE_QUEUE_MAX; i++)
        sem_wait(&done);
    assert_int_equal(ops[0].op.code, ERR_OK);
    assert_int_equal(ops[STORE_QUEUE_MAX - 1].op.code, ERR_CONFLICT);
    mem_free(ops);
}

static void test_closing_runs_what_is_queued(void **state)
{
    struct fixture *f = *state;
    sem_t done;
    struct named ops[20];
    static const char names[20][4] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j",
                                      "k", "l", "m", "n", "o", "p", "q", "r", "s", "t"};
    sem_init(&done, 0, 0);
    for (int i = 0; i < 20; i++) {
        ops[i] = (struct named){.op = {.run = insert_named, .done = tell}, .name = names[i], .done = &done};
        assert_int_equal(store_submit(f->store, &ops[i].op, &f->err), ERR_OK);
    }
    close_store(f);
    for (int i = 0; i < 20; i++)
        assert_int_equal(sem_trywait(&done), 0);
    assert_int_equal(open_store(f), ERR_OK);
    for (int i = 0; i < 20; i++)
        assert_true(has_dataset(f, names[i]));
}

static void test_the_wal_is_checkpointed_under_way(void **state)
{
    struct fixture *f = *state;
    static char spec[200000];
    memset(spec, 'x', sizeof spec - 1);
    struct store_job j = {.dataset_name = str("d"), .spec = spec, .created_at = NOW};
    for (int i = 0; i < 100; i++) { /* 20 MB in all */
        struct write w = {.input = &j};
        assert_int_equal(do_write(f, &w, body_job_insert), ERR_OK);
    }
    struct store_totals t;
    struct store_reader *r = store_reader_take(f->store);
    assert_int_equal(store_totals(r, &t, &f->err), ERR_OK);
    store_reader_give(r);
    assert_true(t.database_bytes > 20000000);
    assert_true(t.wal_bytes < 8000000);
}

static void test_a_full_disk_fails_the_op_and_passes(void **state)
{
    struct fixture *f = *state;
    int64_t id;
    atomic_store(&writes_fail, true);
    enum err_code code = insert_dataset(f, "refused", "file", &id);
    atomic_store(&writes_fail, false);
    assert_int_equal(code, ERR_NO_SPACE);
    assert_int_equal(f->fatal, 0);
    assert_false(has_dataset(f, "refused"));
    add_dataset(f, "accepted");
    assert_true(has_dataset(f, "accepted"));
}

static void test_a_failed_fsync_is_fatal_once(void **state)
{
    struct fixture *f = *state;
    int64_t id;
    atomic_store(&sync_fails, true);
    enum err_code code = insert_dataset(f, "refused", "file", &id);
    atomic_store(&sync_fails, false);
    assert_int_equal(code, ERR_IO);
    assert_int_equal(insert_dataset(f, "late", "file", &id), ERR_IO);
    assert_non_null(strstr(f->err.message, "restart"));
    close_store(f);
    assert_int_equal(f->fatal, 1);
    assert_int_equal(open_store(f), ERR_OK);
    assert_false(has_dataset(f, "late"));
    add_dataset(f, "again");
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(test_a_failing_op_is_rolled_back_alone),
        WITH_STORE(test_a_full_queue_refuses),
        WITH_STORE(test_closing_runs_what_is_queued),
        WITH_STORE(test_the_wal_is_checkpointed_under_way),
        WITH_STORE(test_a_full_disk_fails_the_op_and_passes),
        WITH_STORE(test_a_failed_fsync_is_fatal_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
