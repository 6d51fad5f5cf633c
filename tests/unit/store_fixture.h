/* For the tests of server/store: a store in a directory of its own, and the writes of store.h as plain calls that wait for
 * their commit. Included behind cmocka.h by each of them. */
#pragma once

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "server/store/internal.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW 1000

struct fixture {
    char dir[64];
    struct store *store;
    struct err err;
    int fatal; /* calls of on_fatal */
};

static inline void count_fatal(void *context, const struct err *err)
{
    struct fixture *f = context;
    assert_int_not_equal(err->code, ERR_OK);
    f->fatal++;
}

static inline enum err_code open_store(struct fixture *f)
{
    return store_open(f->dir, 2, count_fatal, f, &f->store, &f->err);
}

static inline int setup_dir(void **state)
{
    static struct fixture f;
    f = (struct fixture){.dir = "/tmp/test_store_XXXXXX"};
    *state = &f;
    return mkdtemp(f.dir) ? 0 : -1;
}

static inline int setup(void **state)
{
    return setup_dir(state) || open_store(*state) ? -1 : 0;
}

/* Every statement that a request can cause finds its rows by an index. */
static inline void check_scans(struct connection *c)
{
    for (int i = 0; i < SQL_COUNT; i++)
        if (c->statement[i] && i != SQL_TOTALS_DATASETS && i != SQL_TOTALS_JOBS && i != SQL_TOTALS_BYTES)
            if (sqlite3_stmt_status(c->statement[i], SQLITE_STMTSTATUS_FULLSCAN_STEP, 0))
                fail_msg("full scan: %s", sql_texts[i].text);
}

static inline void close_store(struct fixture *f)
{
    struct store *s = f->store;
    f->store = NULL;
    if (!s)
        return;
    struct store_reader *readers[2] = {store_reader_take(s), store_reader_take(s)};
    for (int i = 0; i < 2; i++) {
        check_scans(&readers[i]->connection);
        store_reader_give(readers[i]);
    }
    store_close(s);
}

static inline enum err_code remove_file(const char *name, void *context, struct err *err)
{
    char path[FS_PATH_MAX];
    enum err_code code = fs_join(path, ((struct fixture *)context)->dir, name, err);
    return code ? code : fs_remove(path, err);
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    if (fs_list(f->dir, remove_file, f, &f->err))
        return -1;
    return rmdir(f->dir);
}

static inline void path_of(const struct fixture *f, const char *name, char path[FS_PATH_MAX])
{
    assert_int_equal(fs_join(path, f->dir, name, NULL), ERR_OK);
}

/* ---- writes ---------------------------------------------------------------------------------------------------------- */

struct write {
    struct store_op op;
    const void *input;
    int64_t id, number;
    int64_t *ids;
    size_t count;
    char *text;
    struct store_job *job;
    struct store_runs runs;
    struct store_begun begun;
    enum store_status status;
};

typedef enum err_code (*body)(struct store_tx *tx, struct store_op *op, struct err *err);

static inline enum err_code do_write(struct fixture *f, struct write *w, body run)
{
    w->op.run = run;
    f->err = (struct err){0};
    return store_execute(f->store, &w->op, &f->err);
}

#define BODY(name, expression)                                                                                         \
    static inline enum err_code name(struct store_tx *tx, struct store_op *op, struct err *err)                        \
    {                                                                                                                  \
        struct write *w = (struct write *)op;                                                                          \
        return expression;                                                                                             \
    }
BODY(body_dataset_insert, store_dataset_insert(tx, w->input, &w->id, err))
BODY(body_dataset_delete, store_dataset_delete(tx, w->id, &w->text, err))
BODY(body_job_insert, store_job_insert(tx, w->input, &w->id, err))
BODY(body_job_find_key, store_job_find_key(tx, w->input, w->job, err))
BODY(body_job_cancel, store_job_cancel(tx, w->id, NOW + 5, &w->runs, err))
BODY(body_job_pause, store_job_pause(tx, w->id, &w->runs, err))
BODY(body_job_resume, store_job_resume(tx, w->id, &w->runs, err))
BODY(body_job_delete, store_job_delete(tx, w->id, &w->ids, &w->count, err))
BODY(body_run_insert, store_run_insert(tx, w->input, &w->id, err))
BODY(body_run_start, store_run_start(tx, w->id, NOW + 1, &w->begun, err))
BODY(body_run_describe, store_run_describe(tx, &(struct store_description){.run = w->id, .parameters = 77, .layers = "[1]",
                                           .environment = "{\"threads\":1}", .resolved = "{\"task\":\"binary\"}"}, err))
BODY(body_run_finish, store_run_finish(tx, w->input, err))
BODY(body_run_got_further, store_run_got_further(tx, w->id, err))
BODY(body_epochs_append, store_epochs_append(tx, w->id, w->input, w->count, err))
BODY(body_count_queued, store_runs_count_queued_tx(tx, (uint64_t *)&w->number, err))
#undef BODY
static inline enum err_code body_recover(struct store_tx *tx, struct store_op *op, struct err *err)
{
    struct store_recovered recovered = {99, 99};
    enum err_code code = store_recover(tx, NOW + 4, &recovered, err);
    ((struct write *)op)->number = recovered.went_on;
    ((struct write *)op)->id = recovered.poisoned;
    return code;
}
static inline enum err_code body_run_leave(struct store_tx *tx, struct store_op *op, struct err *err)
{
    struct write *w = (struct write *)op;
    return store_run_leave(tx, &(struct store_leave){w->id, NOW + 3, 2.5, NAN}, &w->status, err);
}

static inline char *str(const char *text) /* the store never writes to what it is given */
{
    return (char *)(uintptr_t)text;
}

static inline enum err_code insert_dataset(struct fixture *f, const char *name, const char *file, int64_t *ret_id)
{
    struct store_dataset d = {.name = str(name), .sha256 = str("ab"), .file = str(file), .bytes = 10, .rows = 3, .columns = 2,
                              .schema = str("[]"), .options = str("{}"), .created_at = NOW};
    struct write w = {.input = &d};
    enum err_code code = do_write(f, &w, body_dataset_insert);
    *ret_id = w.id;
    return code;
}

static inline int64_t add_dataset(struct fixture *f, const char *name)
{
    int64_t id;
    assert_int_equal(insert_dataset(f, name, "file", &id), ERR_OK);
    return id;
}

static inline int64_t add_job(struct fixture *f, const char *name, int64_t dataset, int32_t priority)
{
    struct store_job j = {.name = str(name), .dataset = dataset, .dataset_name = str("penguins"), .spec = str("{\"a\":1}"),
                          .priority = priority, .created_at = NOW};
    struct write w = {.input = &j};
    assert_int_equal(do_write(f, &w, body_job_insert), ERR_OK);
    return w.id;
}

static inline int64_t add_run(struct fixture *f, int64_t job, uint32_t number, uint32_t epochs)
{
    struct store_run r = {.job = job, .number = number, .spec = str("{}"), .hyperparameters = str("{\"/seed\":1}"),
                          .epochs = epochs, .parameters = 5, .queued_at = NOW};
    struct write w = {.input = &r};
    assert_int_equal(do_write(f, &w, body_run_insert), ERR_OK);
    return w.id;
}

static inline enum err_code on_id(struct fixture *f, body run, int64_t id)
{
    struct write w = {.id = id};
    enum err_code code = do_write(f, &w, run);
    mem_free(w.ids);
    mem_free(w.text);
    store_runs_done(&w.runs);
    return code;
}

static inline void start_run(struct fixture *f, int64_t run)
{
    assert_int_equal(on_id(f, body_run_start, run), ERR_OK);
    assert_int_equal(on_id(f, body_run_describe, run), ERR_OK);
}

static inline enum err_code finish_run(struct fixture *f, int64_t run, enum store_status status)
{
    struct store_finish finish = {.run = run, .status = status, .now = NOW + 2, .training_seconds = 1.5,
                                  .samples_per_second = NAN};
    struct write w = {.input = &finish};
    return do_write(f, &w, body_run_finish);
}

static inline struct store_epoch epoch_of(uint32_t number, double train, double valid)
{
    struct store_epoch e = {.epoch = number, .weight_updates = number * 10, .learning_rate = 0.5, .seconds = 0.25};
    for (int m = 0; m < METRIC_COUNT; m++)
        e.metric[m] = NAN;
    e.metric[METRIC_TRAIN_LOSS] = train;
    e.metric[METRIC_VALID_LOSS] = valid;
    return e;
}

static inline enum err_code append(struct fixture *f, int64_t run, const struct store_epoch *epochs, size_t count)
{
    struct write w = {.id = run, .input = epochs, .count = count};
    return do_write(f, &w, body_epochs_append);
}

/* ---- reads ----------------------------------------------------------------------------------------------------------- */

static inline struct store_job job_of(struct fixture *f, int64_t id)
{
    struct store_job j = {0};
    struct store_reader *r = store_reader_take(f->store);
    assert_int_equal(store_job_get(r, id, &j, &f->err), ERR_OK);
    store_reader_give(r);
    return j;
}

static inline struct store_run run_of(struct fixture *f, int64_t id)
{
    struct store_run run = {0};
    struct store_reader *r = store_reader_take(f->store);
    assert_int_equal(store_run_get(r, id, &run, &f->err), ERR_OK);
    store_reader_give(r);
    return run;
}

static inline int status_of_job(struct fixture *f, int64_t id)
{
    struct store_job j = job_of(f, id);
    int status = (int)j.status;
    store_job_done(&j);
    return status;
}

static inline int status_of_run(struct fixture *f, int64_t id)
{
    struct store_run r = run_of(f, id);
    int status = (int)r.status;
    store_run_done(&r);
    return status;
}
