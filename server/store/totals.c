#include "internal.h"

#include "core/base/fs.h"
#include <stdio.h>

static enum err_code count_datasets(struct connection *c, uint64_t *ret, struct err *err)
{
    struct query q = query_start(c, SQL_TOTALS_DATASETS);
    if (query_row(&q))
        *ret = (uint64_t)query_integer(&q);
    return query_end(&q, err);
}

static enum err_code count_jobs(struct connection *c, struct store_totals *t, struct err *err)
{
    struct query q = query_start(c, SQL_TOTALS_JOBS);
    if (query_row(&q)) {
        t->jobs = (uint64_t)query_integer(&q);
        for (int s = 0; s < STATUS_COUNT; s++)
            t->runs_by_status[s] = (uint64_t)query_integer(&q);
    }
    return query_end(&q, err);
}

static enum err_code count_bytes(struct store_reader *r, struct store_totals *t, struct err *err)
{
    char wal[FS_PATH_MAX + 8];
    struct query q = query_start(&r->connection, SQL_TOTALS_BYTES);
    if (query_row(&q))
        t->database_bytes = (uint64_t)query_integer(&q);
    enum err_code code = query_end(&q, err);
    if (code)
        return code;
    snprintf(wal, sizeof wal, "%s-wal", r->store->path);
    code = fs_size(wal, &t->wal_bytes, err);
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}

enum err_code store_totals(struct store_reader *r, struct store_totals *ret, struct err *err)
{
    struct store *s = r->store;
    struct store_totals t = {.commits = atomic_load(&s->commits), .ops = atomic_load(&s->ops)};
    enum err_code code = count_datasets(&r->connection, &t.datasets, err);
    if (!code)
        code = count_jobs(&r->connection, &t, err);
    if (!code)
        code = count_bytes(r, &t, err);
    if (code)
        return code;
    pthread_mutex_lock(&s->lock);
    t.queued_ops = s->queued;
    pthread_mutex_unlock(&s->lock);
    *ret = t;
    return ERR_OK;
}
