#include "internal.h"

#include "core/base/mem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void store_dataset_done(struct store_dataset *d)
{
    mem_free(d->name);
    mem_free(d->sha256);
    mem_free(d->file);
    mem_free(d->schema);
    mem_free(d->options);
    *d = (struct store_dataset){0};
}

static void dataset_done(void *item)
{
    store_dataset_done(item);
}

static void dataset_read(struct query *q, void *item)
{
    struct store_dataset *d = item;
    d->id = query_integer(q);
    d->name = query_text(q);
    d->sha256 = query_text(q);
    d->file = query_text(q);
    d->bytes = (uint64_t)query_integer(q);
    d->rows = (uint64_t)query_integer(q);
    d->columns = (uint32_t)query_integer(q);
    d->schema = query_text(q);
    d->options = query_text(q);
    d->created_at = query_integer(q);
}

/* A name, or digits only: an id. */
static struct query look_up(struct connection *c, const char *key)
{
    bool is_id = *key && !key[strspn(key, "0123456789")];
    struct query q = query_start(c, is_id ? SQL_DATASET_BY_ID : SQL_DATASET_BY_NAME);
    if (is_id)
        query_put_integer(&q, strtoll(key, NULL, 10));
    else
        query_put_text(&q, key);
    return q;
}

static enum err_code find(struct connection *c, const char *key, struct store_dataset *ret, struct err *err)
{
    struct query q = look_up(c, key);
    return query_one(&q, sizeof *ret, dataset_read, dataset_done, ret, "dataset", key, err);
}

enum err_code store_dataset_find(struct store_reader *r, const char *key, struct store_dataset *ret, struct err *err)
{
    return find(&r->connection, key, ret, err);
}

enum err_code store_dataset_find_tx(struct store_tx *tx, const char *key, struct store_dataset *ret, struct err *err)
{
    return find(&tx->connection, key, ret, err);
}

enum err_code store_datasets_list(struct store_reader *r, int64_t before, uint32_t limit, struct store_dataset **ret_items,
                                  size_t *ret_count, struct err *err)
{
    struct query q = query_start(&r->connection, SQL_DATASET_LIST);
    query_put_integer(&q, before ? before : INT64_MAX);
    query_put_integer(&q, limit);
    return query_list(&q, sizeof **ret_items, dataset_read, dataset_done, ret_items, ret_count, err);
}

enum err_code store_dataset_insert(struct store_tx *tx, const struct store_dataset *d, int64_t *ret_id, struct err *err)
{
    struct connection *c = &tx->connection;
    struct query q = query_start(c, SQL_DATASET_INSERT);
    query_put_text(&q, d->name);
    query_put_text(&q, d->sha256);
    query_put_text(&q, d->file);
    query_put_integer(&q, (int64_t)d->bytes);
    query_put_integer(&q, (int64_t)d->rows);
    query_put_integer(&q, d->columns);
    query_put_text(&q, d->schema);
    query_put_text(&q, d->options);
    query_put_integer(&q, d->created_at);
    bool taken = !query_row(&q) && q.code == SQLITE_CONSTRAINT_UNIQUE;
    enum err_code code = query_end(&q, err);
    if (taken)
        return err_set(err, ERR_CONFLICT, "a dataset \"%s\" is there: choose another name, or delete it first", d->name);
    if (!code)
        *ret_id = sqlite3_last_insert_rowid(c->db);
    return code;
}

static enum err_code refuse_needed(struct connection *c, int64_t id, struct err *err)
{
    struct query q = query_start(c, SQL_DATASET_NEEDED);
    query_put_integer(&q, id);
    bool needed = query_row(&q);
    int64_t job = needed ? query_integer(&q) : 0;
    enum err_code code = query_end(&q, err);
    if (!code && needed)
        code = err_set(err, ERR_CONFLICT, "job %lld needs the dataset: wait for it, or cancel it", (long long)job);
    return code;
}

/* Frees the file's name unless it is to be removed. */
static enum err_code keep_shared(struct connection *c, char **file, struct err *err)
{
    struct query q = query_start(c, SQL_DATASET_FILE_USED);
    query_put_text(&q, *file);
    bool shared = query_row(&q) && query_integer(&q);
    enum err_code code = query_end(&q, err);
    if (code || shared) {
        mem_free(*file);
        *file = NULL;
    }
    return code;
}

static enum err_code run_with_id(struct connection *c, enum sql s, int64_t id, struct err *err)
{
    struct query q = query_start(c, s);
    query_put_integer(&q, id);
    return query_run(&q, NULL, err);
}

enum err_code store_dataset_delete(struct store_tx *tx, int64_t id, char **ret_file, struct err *err)
{
    struct connection *c = &tx->connection;
    struct store_dataset d = {0};
    char key[32];
    snprintf(key, sizeof key, "%lld", (long long)id);
    enum err_code code = find(c, key, &d, err);
    if (code)
        return code;
    char *file = d.file;
    d.file = NULL;
    store_dataset_done(&d);
    code = refuse_needed(c, id, err);
    if (!code)
        code = run_with_id(c, SQL_DATASET_DETACH, id, err);
    if (!code)
        code = run_with_id(c, SQL_DATASET_DELETE, id, err);
    if (!code)
        code = keep_shared(c, &file, err);
    if (code)
        mem_free(file);
    else
        *ret_file = file;
    return code;
}

enum err_code store_dataset_file_used(struct store_reader *r, const char *file, bool *ret_used, struct err *err)
{
    struct query q = query_start(&r->connection, SQL_DATASET_FILE_USED);
    query_put_text(&q, file);
    bool used = query_row(&q) && query_integer(&q);
    enum err_code code = query_end(&q, err);
    if (!code)
        *ret_used = used;
    return code;
}
