#include "model_cache.h"

#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include <pthread.h>
#include <stdio.h>

#define CACHE_ENTRIES 64
#define CACHE_BYTES ((size_t)256 << 20)
#define MODEL_FILE_MAX ((size_t)2 << 30)

struct entry {
    int64_t run; /* 0: free */
    struct model *model;
    size_t bytes;
    uint64_t used; /* tick of the last use */
};

struct model_cache {
    pthread_mutex_t lock;
    char dir[FS_PATH_MAX];
    struct entry entry[CACHE_ENTRIES];
    uint64_t tick;
    size_t bytes;
};

enum err_code model_path(const char *dir, int64_t run, char path[FS_PATH_MAX], struct err *err)
{
    char name[40];
    snprintf(name, sizeof name, "%lld.model", (long long)run);
    return fs_join(path, dir, name, err);
}

enum err_code model_cache_new(const char *dir, struct model_cache **ret_cache, struct err *err)
{
    struct model_cache *c = mem_zalloc(sizeof *c);
    if (!c)
        return err_no_memory(err);
    pthread_mutex_init(&c->lock, NULL);
    snprintf(c->dir, sizeof c->dir, "%s", dir);
    *ret_cache = c;
    return ERR_OK;
}

static void drop_locked(struct model_cache *c, struct entry *e)
{
    c->bytes -= e->bytes;
    model_unref(e->model);
    *e = (struct entry){0};
}

static struct entry *find_locked(struct model_cache *c, int64_t run)
{
    for (size_t i = 0; i < CACHE_ENTRIES; i++)
        if (c->entry[i].run == run)
            return &c->entry[i];
    return NULL;
}

static struct entry *oldest_locked(struct model_cache *c)
{
    struct entry *oldest = NULL;
    for (size_t i = 0; i < CACHE_ENTRIES; i++)
        if (c->entry[i].run && (!oldest || c->entry[i].used < oldest->used))
            oldest = &c->entry[i];
    return oldest;
}

static void insert_locked(struct model_cache *c, int64_t run, struct model *m, size_t bytes)
{
    if (bytes > CACHE_BYTES || find_locked(c, run))
        return;
    while (c->bytes + bytes > CACHE_BYTES)
        drop_locked(c, oldest_locked(c));
    struct entry *e = find_locked(c, 0);
    if (!e) {
        e = oldest_locked(c);
        drop_locked(c, e);
    }
    *e = (struct entry){.run = run, .model = model_ref(m), .bytes = bytes, .used = ++c->tick};
    c->bytes += bytes;
}

void model_cache_free(struct model_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < CACHE_ENTRIES; i++)
        if (c->entry[i].run)
            drop_locked(c, &c->entry[i]);
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

static struct model *lookup(struct model_cache *c, int64_t run)
{
    pthread_mutex_lock(&c->lock);
    struct entry *e = run ? find_locked(c, run) : NULL; /* 0 would find a free entry */
    struct model *m = NULL;
    if (e) {
        if (e->used != c->tick) /* the last used one stays it, without a write that other threads would have to fetch */
            e->used = ++c->tick;
        m = model_ref(e->model);
    }
    pthread_mutex_unlock(&c->lock);
    return m;
}

enum err_code model_cache_get(struct model_cache *c, int64_t run, struct model **ret_model, struct err *err)
{
    struct model *m = lookup(c, run);
    if (!m) {
        char path[FS_PATH_MAX];
        cleanup(mem_freep) char *data = NULL;
        size_t size;
        enum err_code code = model_path(c->dir, run, path, err);
        if (code || (code = fs_read_all(path, MODEL_FILE_MAX, &data, &size, err)) ||
            (code = model_load(data, size, &m, err)))
            return code;
        pthread_mutex_lock(&c->lock);
        insert_locked(c, run, m, size);
        pthread_mutex_unlock(&c->lock);
    }
    *ret_model = m;
    return ERR_OK;
}

void model_cache_forget(struct model_cache *c, int64_t run)
{
    pthread_mutex_lock(&c->lock);
    struct entry *e = find_locked(c, run);
    if (e)
        drop_locked(c, e);
    pthread_mutex_unlock(&c->lock);
}
