#include "internal.h"

#include "core/base/mem.h"
#include <string.h>

enum err_code query_ids(struct query *q, int64_t **ret_ids, size_t *ret_count, struct err *err)
{
    int64_t *ids = NULL;
    size_t count = 0, capacity = 0;
    while (query_row(q)) {
        if (!list_grow(&ids, count, &capacity, sizeof *ids))
            q->no_memory = true;
        else
            ids[count++] = query_integer(q);
    }
    enum err_code code = query_end(q, err);
    if (code) {
        mem_free(ids);
        return code;
    }
    *ret_ids = ids;
    *ret_count = count;
    return ERR_OK;
}

bool list_grow(void *pointer_to_items, size_t count, size_t *capacity, size_t size)
{
    void *items;
    memcpy(&items, pointer_to_items, sizeof items);
    if (count == *capacity) {
        size_t more = count ? 2 * count : 16;
        if (!(items = mem_resize(items, more, size)))
            return false;
        memcpy(pointer_to_items, &items, sizeof items);
        *capacity = more;
    }
    memset((char *)items + count * size, 0, size);
    return true;
}

static void free_list(void *items, size_t count, size_t size, void (*done)(void *item))
{
    for (size_t i = 0; i < count; i++)
        done((char *)items + i * size);
    mem_free(items);
}

enum err_code query_list(struct query *q, size_t size, void (*read)(struct query *q, void *item), void (*done)(void *item),
                         void *ret_items, size_t *ret_count, struct err *err)
{
    void *items = NULL;
    size_t count = 0, capacity = 0;
    while (query_row(q)) {
        if (!list_grow(&items, count, &capacity, size))
            q->no_memory = true;
        else
            read(q, (char *)items + count++ * size);
    }
    enum err_code code = query_end(q, err);
    if (code) {
        free_list(items, count, size, done);
        return code;
    }
    memcpy(ret_items, &items, sizeof items);
    *ret_count = count;
    return ERR_OK;
}

enum err_code query_one(struct query *q, size_t size, void (*read)(struct query *q, void *item), void (*done)(void *item),
                        void *ret_item, const char *what, const char *key, struct err *err)
{
    void *items = NULL;
    size_t count = 0;
    enum err_code code = query_list(q, size, read, done, &items, &count, err);
    if (code)
        return code;
    if (count)
        memcpy(ret_item, items, size);
    else
        code = err_set(err, ERR_NOT_FOUND, "there is no %s %s", what, key);
    mem_free(items);
    return code;
}
