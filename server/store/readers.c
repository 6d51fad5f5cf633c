#include "internal.h"

#include "core/base/mem.h"

void readers_init(struct store *s)
{
    pthread_mutex_init(&s->readers.lock, NULL);
    pthread_cond_init(&s->readers.given, NULL);
}

enum err_code readers_open(struct store *s, unsigned count, struct err *err)
{
    struct readers *pool = &s->readers;
    pool->all = mem_array(count ? count : 1, sizeof *pool->all);
    if (!pool->all)
        return err_no_memory(err);
    pool->count = count ? count : 1;
    for (unsigned i = 0; i < pool->count; i++) {
        struct store_reader *r = &pool->all[i];
        enum err_code code = connection_open(&r->connection, s->path, SQLITE_OPEN_READONLY, err);
        if (code)
            return code;
        r->store = s;
        r->next = pool->free;
        pool->free = r;
    }
    return ERR_OK;
}

void readers_close(struct store *s)
{
    struct readers *pool = &s->readers;
    for (unsigned i = 0; i < pool->count; i++)
        connection_close(&pool->all[i].connection);
    mem_free(pool->all);
    pthread_cond_destroy(&pool->given);
    pthread_mutex_destroy(&pool->lock);
}

struct store_reader *store_reader_take(struct store *s)
{
    struct readers *pool = &s->readers;
    pthread_mutex_lock(&pool->lock);
    while (!pool->free)
        pthread_cond_wait(&pool->given, &pool->lock);
    struct store_reader *r = pool->free;
    pool->free = r->next;
    pthread_mutex_unlock(&pool->lock);
    return r;
}

void store_reader_give(struct store_reader *r)
{
    struct readers *pool = &r->store->readers;
    pthread_mutex_lock(&pool->lock);
    r->next = pool->free;
    pool->free = r;
    pthread_cond_signal(&pool->given);
    pthread_mutex_unlock(&pool->lock);
}

enum err_code read_begin(struct connection *c, struct err *err)
{
    struct query q = query_start(c, SQL_BEGIN_READ);
    return query_run(&q, NULL, err);
}

void read_end(struct connection *c)
{
    struct query q = query_start(c, SQL_END_READ);
    if (!sqlite3_get_autocommit(c->db))
        (void)query_run(&q, NULL, NULL);
}
