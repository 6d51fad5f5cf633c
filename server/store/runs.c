#include "internal.h"

#include "core/base/mem.h"
#include <stdio.h>
#include <string.h>

/* ---- metrics ---------------------------------------------------------------------------------------------------------- */

static const char *const metric_names[METRIC_COUNT] = {"train_loss",    "valid_loss",    "valid_accuracy",
                                                       "valid_log_loss", "valid_f1_macro", "valid_roc_auc",
                                                       "valid_rmse",    "valid_mae",     "valid_r2"};

const char *store_metric_name(int metric)
{
    return metric >= 0 && metric < METRIC_COUNT ? metric_names[metric] : NULL;
}

int store_metric_find(const char *name)
{
    for (int i = 0; i < METRIC_COUNT; i++)
        if (!strcmp(name, metric_names[i]))
            return i;
    return -1;
}

/* ---- reading ---------------------------------------------------------------------------------------------------------- */

void store_run_done(struct store_run *r)
{
    mem_free(r->spec);
    mem_free(r->hyperparameters);
    mem_free(r->layers);
    mem_free(r->environment);
    mem_free(r->resolved);
    mem_free(r->failure_code);
    mem_free(r->failure_detail);
    mem_free(r->stopped_by);
    mem_free(r->model_sha256);
    *r = (struct store_run){0};
}

static void run_done(void *item)
{
    store_run_done(item);
}

static void run_read(struct query *q, void *item)
{
    struct store_run *r = item;
    r->id = query_integer(q);
    r->job = query_integer(q);
    r->number = (uint32_t)query_integer(q);
    r->status = (enum store_status)query_integer(q);
    r->cancel_requested = query_integer(q);
    r->spec = query_text(q);
    r->hyperparameters = query_text(q);
    r->epoch = (uint32_t)query_integer(q);
    r->epochs = (uint32_t)query_integer(q);
    r->weight_updates = (uint64_t)query_integer(q);
    r->parameters = (uint64_t)query_integer(q);
    r->layers = query_text(q);
    r->environment = query_text(q);
    r->resolved = query_text(q);
    for (int m = 0; m < METRIC_COUNT; m++)
        r->metric[m] = query_real(q);
    r->best_epoch = (uint32_t)query_integer(q);
    r->queued_at = query_integer(q);
    r->started_at = query_integer(q);
    r->finished_at = query_integer(q);
    r->training_seconds = query_real(q);
    r->samples_per_second = query_real(q);
    r->failure_code = query_text(q);
    r->failure_detail = query_text(q);
    r->failure_epoch = (uint32_t)query_integer(q);
    r->stopped_by = query_text(q);
    r->model_epoch = (uint32_t)query_integer(q);
    r->model_sha256 = query_text(q);
    r->model_bytes = (uint64_t)query_integer(q);
    r->attempts = (uint32_t)query_integer(q);
    r->crashes = (uint32_t)query_integer(q);
    r->version = (uint64_t)query_integer(q);
}

enum err_code store_run_get(struct store_reader *r, int64_t id, struct store_run *ret, struct err *err)
{
    char key[32];
    snprintf(key, sizeof key, "%lld", (long long)id);
    struct query q = query_start(&r->connection, SQL_RUN_GET);
    query_put_integer(&q, id);
    return query_one(&q, sizeof *ret, run_read, run_done, ret, "run", key, err);
}

static void queued_read(struct query *q, void *item)
{
    struct store_queued *queued = item;
    queued->run = query_integer(q);
    queued->job = query_integer(q);
    queued->priority = (int32_t)query_integer(q);
}

static void queued_done(void *item)
{
    (void)item;
}

enum err_code store_runs_queued(struct store_reader *r, struct store_queued **ret_items, size_t *ret_count, struct err *err)
{
    struct query q = query_start(&r->connection, SQL_RUNS_QUEUED);
    return query_list(&q, sizeof **ret_items, queued_read, queued_done, ret_items, ret_count, err);
}

enum err_code store_runs_count_queued_tx(struct store_tx *tx, uint64_t *ret_count, struct err *err)
{
    struct query q = query_start(&tx->connection, SQL_RUNS_COUNT_QUEUED);
    uint64_t count = query_row(&q) ? (uint64_t)query_integer(&q) : 0;
    enum err_code code = query_end(&q, err);
    if (!code)
        *ret_count = count;
    return code;
}

enum err_code store_run_evaluation(struct store_reader *r, int64_t id, char **ret_json, struct err *err)
{
    struct query q = query_start(&r->connection, SQL_RUN_EVALUATION);
    query_put_integer(&q, id);
    char *json = query_row(&q) ? query_text(&q) : NULL;
    enum err_code code = query_end(&q, err);
    if (code) {
        mem_free(json);
        return code;
    }
    if (!json)
        return err_set(err, ERR_NOT_FOUND, "there is no evaluation of run %lld", (long long)id);
    *ret_json = json;
    return ERR_OK;
}

/* ---- writing ---------------------------------------------------------------------------------------------------------- */

static enum err_code insert_texts(struct connection *c, int64_t id, const struct store_run *r, struct err *err)
{
    struct query q = query_start(c, SQL_RUN_TEXTS_INSERT);
    query_put_integer(&q, id);
    query_put_text(&q, r->spec);
    query_put_text(&q, r->hyperparameters);
    return query_run(&q, NULL, err);
}

enum err_code store_run_insert(struct store_tx *tx, const struct store_run *r, int64_t *ret_id, struct err *err)
{
    struct connection *c = &tx->connection;
    struct query q = query_start(c, SQL_RUN_INSERT);
    query_put_integer(&q, r->job);
    query_put_integer(&q, r->number);
    query_put_integer(&q, r->epochs);
    query_put_integer(&q, (int64_t)r->parameters);
    query_put_integer(&q, r->queued_at);
    enum err_code code = query_run(&q, NULL, err);
    if (code)
        return code;
    int64_t id = sqlite3_last_insert_rowid(c->db);
    code = insert_texts(c, id, r, err);
    if (!code)
        *ret_id = id;
    return code;
}

/* Why an UPDATE found no run to change: it is not there, or in another status. */
static enum err_code refuse(struct connection *c, int64_t id, const char *expected, struct err *err)
{
    struct query q = query_start(c, SQL_RUN_STATUS);
    query_put_integer(&q, id);
    bool there = query_row(&q);
    int status = there ? (int)query_integer(&q) : 0;
    enum err_code code = query_end(&q, err);
    if (code)
        return code;
    if (!there)
        return err_set(err, ERR_NOT_FOUND, "there is no run %lld", (long long)id);
    return err_set(err, ERR_CONFLICT, "run %lld is %s, not %s", (long long)id, store_status_name(status), expected);
}

/* Runs an UPDATE that must change the run. */
static enum err_code change(struct query *q, int64_t id, const char *expected, struct err *err)
{
    struct connection *c = q->connection;
    uint64_t changes = 0;
    enum err_code code = query_run(q, &changes, err);
    return code || changes ? code : refuse(c, id, expected, err);
}

enum err_code store_run_start(struct store_tx *tx, int64_t id, int64_t now, struct store_begun *ret, struct err *err)
{
    struct connection *c = &tx->connection;
    struct query q = query_start(c, SQL_RUN_START);
    query_put_integer(&q, now);
    query_put_integer(&q, id);
    bool there = query_row(&q);
    struct store_begun begun = {0};
    if (there) {
        begun.epoch = (uint32_t)query_integer(&q);
        begun.attempts = (uint32_t)query_integer(&q);
        begun.crashes = (uint32_t)query_integer(&q);
    }
    enum err_code code = query_end(&q, err);
    if (code || !there)
        return code ? code : refuse(c, id, "queued", err);
    *ret = begun;
    return ERR_OK;
}

enum err_code store_run_describe(struct store_tx *tx, const struct store_description *d, struct err *err)
{
    struct connection *c = &tx->connection;
    struct query q = query_start(c, SQL_RUN_DESCRIBE);
    query_put_integer(&q, (int64_t)d->parameters);
    query_put_integer(&q, d->run);
    enum err_code code = change(&q, d->run, "running", err);
    if (code)
        return code;
    struct query texts = query_start(c, SQL_RUN_TEXTS_DESCRIBE);
    query_put_text(&texts, d->layers);
    query_put_text(&texts, d->environment);
    query_put_text(&texts, d->resolved);
    query_put_integer(&texts, d->run);
    return query_run(&texts, NULL, err);
}

enum err_code store_run_finish(struct store_tx *tx, const struct store_finish *f, struct err *err)
{
    struct connection *c = &tx->connection;
    if (!store_status_terminal(f->status))
        return err_set(err, ERR_INTERNAL, "a run cannot finish as %s", store_status_name((int)f->status));
    struct query q = query_start(c, SQL_RUN_FINISH);
    query_put_integer(&q, f->status);
    query_put_integer(&q, f->now);
    query_put_real(&q, f->training_seconds);
    query_put_real(&q, f->samples_per_second);
    query_put_text(&q, f->failure_code);
    query_put_text(&q, f->failure_detail);
    query_put_integer(&q, f->failure_epoch);
    query_put_text(&q, f->stopped_by);
    query_put_integer(&q, f->model_epoch);
    query_put_text(&q, f->model_sha256);
    query_put_integer(&q, (int64_t)f->model_bytes);
    query_put_integer(&q, f->run);
    enum err_code code = change(&q, f->run, "under way", err);
    if (!code && f->model_epoch) {
        struct query metrics = query_start(c, SQL_RUN_METRICS_OF_MODEL);
        query_put_integer(&metrics, f->run);
        code = query_run(&metrics, NULL, err);
    }
    if (code || !f->evaluation)
        return code;
    struct query evaluation = query_start(c, SQL_RUN_EVALUATION_SET);
    query_put_text(&evaluation, f->evaluation);
    query_put_integer(&evaluation, f->run);
    return query_run(&evaluation, NULL, err);
}

enum err_code store_run_leave(struct store_tx *tx, const struct store_leave *l, enum store_status *ret_status, struct err *err)
{
    struct connection *c = &tx->connection;
    struct query q = query_start(c, SQL_RUN_LEAVE);
    query_put_integer(&q, l->now);
    query_put_real(&q, l->training_seconds);
    query_put_real(&q, l->samples_per_second);
    query_put_integer(&q, l->run);
    bool there = query_row(&q);
    enum store_status status = there ? (enum store_status)query_integer(&q) : STATUS_QUEUED;
    enum err_code code = query_end(&q, err);
    if (code)
        return code;
    if (!there)
        return refuse(c, l->run, "running", err);
    *ret_status = status;
    return ERR_OK;
}

enum err_code store_run_got_further(struct store_tx *tx, int64_t id, struct err *err)
{
    struct query q = query_start(&tx->connection, SQL_RUN_GOT_FURTHER);
    query_put_integer(&q, id);
    return query_run(&q, NULL, err);
}

enum err_code store_recover(struct store_tx *tx, int64_t now, struct store_recovered *ret, struct err *err)
{
    uint64_t cancelled = 0, poisoned = 0, went_on = 0;
    struct query cancel = query_start(&tx->connection, SQL_RECOVER_CANCEL);
    query_put_integer(&cancel, now);
    enum err_code code = query_run(&cancel, &cancelled, err);
    if (code)
        return code;
    struct query poison = query_start(&tx->connection, SQL_RECOVER_POISON);
    query_put_integer(&poison, now);
    query_put_integer(&poison, STORE_CRASHES_MAX);
    if ((code = query_run(&poison, &poisoned, err)))
        return code;
    struct query requeue = query_start(&tx->connection, SQL_RECOVER_REQUEUE);
    if ((code = query_run(&requeue, &went_on, err)))
        return code;
    *ret = (struct store_recovered){.went_on = (uint32_t)went_on, .poisoned = (uint32_t)poisoned};
    return ERR_OK;
}
