#include "internal.h"

#include "core/base/mem.h"
#include <stdio.h>
#include <string.h>

#define PROGRESS_ONE 1e9 /* the progress of one run that has ended, in jobs.progress */

/* ---- statuses --------------------------------------------------------------------------------------------------------- */

static const char *const status_names[STATUS_COUNT] = {"queued", "running", "paused", "succeeded", "failed", "cancelled"};

const char *store_status_name(int status)
{
    return status >= 0 && status < STATUS_COUNT ? status_names[status] : NULL;
}

int store_status_find(const char *name)
{
    for (int i = 0; i < STATUS_COUNT; i++)
        if (!strcmp(name, status_names[i]))
            return i;
    return -1;
}

bool store_status_terminal(enum store_status status)
{
    return status >= STATUS_SUCCEEDED;
}

/* ---- reading ---------------------------------------------------------------------------------------------------------- */

void store_job_done(struct store_job *j)
{
    mem_free(j->name);
    mem_free(j->dataset_name);
    mem_free(j->spec);
    mem_free(j->idempotency_key);
    mem_free(j->request_sha256);
    *j = (struct store_job){0};
}

static void job_done(void *item)
{
    store_job_done(item);
}

static void job_read(struct query *q, void *item)
{
    struct store_job *j = item;
    j->id = query_integer(q);
    j->name = query_text(q);
    j->dataset = query_integer(q);
    j->dataset_name = query_text(q);
    j->validation_dataset = query_integer(q);
    j->folds = (uint32_t)query_integer(q);
    j->spec = query_text(q);
    j->priority = (int32_t)query_integer(q);
    j->status = (enum store_status)query_integer(q);
    j->runs = (uint32_t)query_integer(q);
    for (int s = 0; s < STATUS_COUNT; s++)
        j->by_status[s] = (uint32_t)query_integer(q);
    j->epochs_saved = (uint64_t)query_integer(q);
    j->epochs_done = (double)query_integer(q) / PROGRESS_ONE;
    j->created_at = query_integer(q);
    j->started_at = query_integer(q);
    j->finished_at = query_integer(q);
    j->version = (uint64_t)query_integer(q);
    j->idempotency_key = query_text(q);
    j->request_sha256 = query_text(q);
    j->best_run = query_integer(q);
    j->best_epoch = (uint32_t)query_integer(q);
    j->best_loss = query_real(q);
}

enum err_code store_job_get(struct store_reader *r, int64_t id, struct store_job *ret, struct err *err)
{
    char key[32];
    snprintf(key, sizeof key, "%lld", (long long)id);
    struct query q = query_start(&r->connection, SQL_JOB_GET);
    query_put_integer(&q, id);
    return query_one(&q, sizeof *ret, job_read, job_done, ret, "job", key, err);
}

enum err_code store_job_find_key(struct store_tx *tx, const char *key, struct store_job *ret, struct err *err)
{
    struct query q = query_start(&tx->connection, SQL_JOB_BY_KEY);
    query_put_text(&q, key);
    return query_one(&q, sizeof *ret, job_read, job_done, ret, "job with the idempotency key", key, err);
}

/* ---- writing ---------------------------------------------------------------------------------------------------------- */

static enum err_code insert_spec(struct connection *c, int64_t id, const char *spec, struct err *err)
{
    struct query q = query_start(c, SQL_JOB_SPEC_INSERT);
    query_put_integer(&q, id);
    query_put_text(&q, spec);
    return query_run(&q, NULL, err);
}

/* The run that a new job starts from is there still, with its model. */
static enum err_code check_initial(struct connection *c, int64_t run, struct err *err)
{
    struct query q = query_start(c, SQL_JOB_INITIAL);
    query_put_integer(&q, run);
    bool there = query_row(&q);
    enum err_code code = query_end(&q, err);
    if (!code && !there)
        code = err_set(err, ERR_CONFLICT, "run %lld, which it starts from, was deleted meanwhile", (long long)run);
    return code;
}

enum err_code store_job_insert(struct store_tx *tx, const struct store_job *j, int64_t *ret_id, struct err *err)
{
    struct connection *c = &tx->connection;
    enum err_code initial = j->initial ? check_initial(c, j->initial, err) : ERR_OK;
    if (initial)
        return initial;
    struct query q = query_start(c, SQL_JOB_INSERT);
    query_put_text(&q, j->name);
    query_put_integer(&q, j->dataset);
    query_put_text(&q, j->dataset_name);
    query_put_integer(&q, j->validation_dataset);
    query_put_integer(&q, j->folds);
    query_put_integer(&q, j->initial);
    query_put_integer(&q, j->priority);
    query_put_integer(&q, j->created_at);
    query_put_text(&q, j->idempotency_key);
    query_put_text(&q, j->request_sha256);
    bool more = query_row(&q), taken = !more && q.code == SQLITE_CONSTRAINT_UNIQUE,
         no_dataset = q.code == SQLITE_CONSTRAINT_FOREIGNKEY;
    enum err_code code = query_end(&q, err);
    if (taken)
        return err_set(err, ERR_CONFLICT, "the idempotency key \"%s\" was used for another job", j->idempotency_key);
    if (no_dataset)
        return err_set(err, ERR_CONFLICT, "the dataset \"%s\"%s was deleted meanwhile", j->dataset_name,
                       j->validation_dataset ? " or that for validation" : "");
    if (code)
        return code;
    int64_t id = sqlite3_last_insert_rowid(c->db);
    code = insert_spec(c, id, j->spec, err);
    if (!code)
        *ret_id = id;
    return code;
}

/* ret_priority may be NULL. */
static enum err_code job_status(struct connection *c, int64_t id, enum store_status *ret, int32_t *ret_priority, struct err *err)
{
    struct query q = query_start(c, SQL_JOB_STATUS);
    query_put_integer(&q, id);
    bool there = query_row(&q);
    enum store_status status = there ? (enum store_status)query_integer(&q) : STATUS_QUEUED;
    int32_t priority = there ? (int32_t)query_integer(&q) : 0;
    enum err_code code = query_end(&q, err);
    if (code)
        return code;
    if (!there)
        return err_set(err, ERR_NOT_FOUND, "there is no job %lld", (long long)id);
    *ret = status;
    if (ret_priority)
        *ret_priority = priority;
    return ERR_OK;
}

static enum err_code ids_of_job(struct connection *c, enum sql s, int64_t job, int64_t **ret_ids, size_t *ret_count,
                                struct err *err)
{
    struct query q = query_start(c, s);
    query_put_integer(&q, job);
    return query_ids(&q, ret_ids, ret_count, err);
}

void store_runs_done(struct store_runs *r)
{
    mem_free(r->running);
    mem_free(r->waiting);
    *r = (struct store_runs){0};
}

/* Hands the runs over, or frees them. */
static enum err_code give_runs(enum err_code code, struct store_runs *runs, struct store_runs *ret)
{
    if (code)
        store_runs_done(runs);
    else
        *ret = *runs;
    return code;
}

static enum err_code change_runs(struct connection *c, enum sql s, int64_t job, uint64_t *ret_changes, struct err *err)
{
    struct query q = query_start(c, s);
    query_put_integer(&q, job);
    return query_run(&q, ret_changes, err);
}

enum err_code store_job_cancel(struct store_tx *tx, int64_t id, int64_t now, struct store_runs *ret, struct err *err)
{
    struct connection *c = &tx->connection;
    enum store_status status = STATUS_QUEUED;
    struct store_runs runs = {0};
    enum err_code code = job_status(c, id, &status, NULL, err);
    if (code)
        return code;
    if (store_status_terminal(status))
        return err_set(err, ERR_CONFLICT, "job %lld is %s and cannot be cancelled any more", (long long)id,
                       store_status_name((int)status));
    if ((code = ids_of_job(c, SQL_JOB_INTERRUPTED, id, &runs.waiting, &runs.waiting_count, err)))
        return code;
    struct query waiting = query_start(c, SQL_JOB_CANCEL_WAITING);
    query_put_integer(&waiting, now);
    query_put_integer(&waiting, id);
    code = query_run(&waiting, NULL, err);
    if (!code)
        code = change_runs(c, SQL_JOB_CANCEL_RUNNING, id, NULL, err);
    if (!code)
        code = ids_of_job(c, SQL_JOB_RUNNING, id, &runs.running, &runs.running_count, err);
    return give_runs(code, &runs, ret);
}

enum err_code store_job_pause(struct store_tx *tx, int64_t id, struct store_runs *ret, struct err *err)
{
    struct connection *c = &tx->connection;
    enum store_status status = STATUS_QUEUED;
    struct store_runs runs = {0};
    uint64_t queued = 0;
    enum err_code code = job_status(c, id, &status, NULL, err);
    if (!code)
        code = change_runs(c, SQL_JOB_PAUSE_QUEUED, id, &queued, err);
    if (!code)
        code = change_runs(c, SQL_JOB_PAUSE_RUNNING, id, NULL, err);
    if (!code)
        code = ids_of_job(c, SQL_JOB_PAUSING, id, &runs.running, &runs.running_count, err);
    if (!code && !queued && !runs.running_count)
        code = err_set(err, ERR_CONFLICT,
                       status == STATUS_RUNNING ? "job %lld is %s, but is being cancelled, and cannot be paused"
                       : status == STATUS_PAUSED ? "job %lld is %s already: resume it or cancel it"
                                                 : "job %lld is %s and cannot be paused any more",
                       (long long)id, store_status_name((int)status));
    return give_runs(code, &runs, ret);
}

enum err_code store_job_resume(struct store_tx *tx, int64_t id, struct store_runs *ret, struct err *err)
{
    struct connection *c = &tx->connection;
    enum store_status status = STATUS_QUEUED;
    struct store_runs runs = {0};
    uint64_t pausing = 0;
    enum err_code code = job_status(c, id, &status, &runs.priority, err);
    if (!code)
        code = ids_of_job(c, SQL_JOB_PAUSED, id, &runs.waiting, &runs.waiting_count, err);
    if (!code)
        code = change_runs(c, SQL_JOB_RESUME, id, NULL, err);
    if (!code)
        code = change_runs(c, SQL_JOB_RESUME_RUNNING, id, &pausing, err);
    if (!code && !runs.waiting_count && !pausing)
        code = err_set(err, ERR_CONFLICT,
                       store_status_terminal(status) ? "job %lld is %s and cannot be resumed any more"
                                                     : "job %lld is %s, not paused: there is nothing to resume",
                       (long long)id, store_status_name((int)status));
    return give_runs(code, &runs, ret);
}

enum err_code store_job_change(struct store_tx *tx, const struct store_job_change *change, struct err *err)
{
    struct query q = query_start(&tx->connection, SQL_JOB_CHANGE);
    uint64_t changes = 0;
    query_put_integer(&q, change->id);
    query_put_integer(&q, change->sets_name);
    query_put_text(&q, change->name);
    query_put_integer(&q, change->sets_priority);
    query_put_integer(&q, change->priority);
    enum err_code code = query_run(&q, &changes, err);
    return code || changes ? code : err_set(err, ERR_NOT_FOUND, "there is no job %lld", (long long)change->id);
}

/* No job that is not over starts from a run of this one. */
static enum err_code check_needed(struct connection *c, int64_t id, struct err *err)
{
    struct query q = query_start(c, SQL_JOB_NEEDED);
    query_put_integer(&q, id);
    bool needed = query_row(&q);
    int64_t by = needed ? query_integer(&q) : 0, run = needed ? query_integer(&q) : 0;
    enum err_code code = query_end(&q, err);
    if (!code && needed)
        code = err_set(err, ERR_CONFLICT, "job %lld, which is not over, starts from run %lld of job %lld: cancel it first",
                       (long long)by, (long long)run, (long long)id);
    return code;
}

enum err_code store_job_delete(struct store_tx *tx, int64_t id, int64_t **ret_runs, size_t *ret_count, struct err *err)
{
    struct connection *c = &tx->connection;
    enum store_status status = STATUS_QUEUED;
    int64_t *runs = NULL;
    size_t count = 0;
    enum err_code code = job_status(c, id, &status, NULL, err);
    if (code)
        return code;
    if (!store_status_terminal(status))
        return err_set(err, ERR_CONFLICT, "job %lld is %s: cancel it first", (long long)id, store_status_name((int)status));
    if ((code = check_needed(c, id, err)) || (code = ids_of_job(c, SQL_JOB_RUNS, id, &runs, &count, err)))
        return code;
    struct query q = query_start(c, SQL_JOB_DELETE);
    query_put_integer(&q, id);
    if ((code = query_run(&q, NULL, err))) {
        mem_free(runs);
        return code;
    }
    *ret_runs = runs;
    *ret_count = count;
    return ERR_OK;
}
