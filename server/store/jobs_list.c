/* Jobs in an order of the reader's, page by page (list_cursor.c). A page is put together from stretches of an index, so that
 * it takes as long far down the list as at its start: those of the same key as the last one, those behind it, and those that
 * have none. */
#include "internal.h"

#include "core/base/mem.h"
#include "sql.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SQL_MAX 600

static const struct order {
    const char *name, *key, *by; /* by: the key as it is compared */
    bool is_text;
} orders[] = {
    {"created_at", "id", "id", false}, /* ids grow with time */
    {"name", "name", "name COLLATE NOCASE", true},
    {"status", "status", "status", false},
    {"best.loss", "least_loss", "least_loss", false},
};

static const struct order *find_order(const char *name, struct err *err)
{
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        if (!strcmp(name, orders[i].name))
            return &orders[i];
    err_set(err, ERR_MALFORMED, "order_by must be one of created_at, name, status, best.loss");
    return NULL;
}

static bool keyless(const struct place *p)
{
    return !p->text && isnan(p->number);
}

/* ---- stretches -------------------------------------------------------------------------------------------------------- */

enum stretch { STRETCH_EQUAL, STRETCH_BEHIND, STRETCH_KEYLESS, STRETCH_END };

struct list {
    const struct store_job_filter *filter;
    const struct order *order;
    struct place after; /* of the cursor */
    struct place *found;
    size_t count, wanted;
};

static void condition(const struct list *l, enum stretch stretch, char *out, size_t size)
{
    char way = l->filter->descending ? '<' : '>';
    bool first = !l->filter->cursor;
    if (stretch == STRETCH_EQUAL)
        snprintf(out, size, "%s = ?4 AND id %c ?5", l->order->by, way);
    else if (stretch == STRETCH_BEHIND && !first)
        snprintf(out, size, "%s %c ?4", l->order->by, way);
    else if (stretch == STRETCH_BEHIND)
        snprintf(out, size, "%s IS NOT NULL", l->order->by);
    else if (!first && keyless(&l->after))
        snprintf(out, size, "%s IS NULL AND id %c ?5", l->order->by, way);
    else
        snprintf(out, size, "%s IS NULL", l->order->by);
}

static struct query stretch_query(struct connection *c, const struct list *l, enum stretch stretch)
{
    char sql[SQL_MAX], where[SQL_MAX / 4];
    const char *way = l->filter->descending ? "DESC" : "ASC";
    condition(l, stretch, where, sizeof where);
    const char *status = l->filter->status < 0 ? "" : "status = ?1 AND ", *name = l->filter->name ? SQL_NAME_PREFIX "AND " : "";
    snprintf(sql, sizeof sql, "SELECT id, %s FROM jobs WHERE %s%s%s ORDER BY %s %s, id %s LIMIT ?3", l->order->key, status, name,
             where, l->order->by, way, way);
    struct query q = query_compose(c, sql);
    query_put_integer(&q, l->filter->status);
    query_put_text(&q, l->filter->name);
    query_put_integer(&q, (int64_t)(l->wanted - l->count));
    bool has_key = strstr(where, "?4"), has_id = strstr(where, "?5");
    if (has_key && l->order->is_text)
        query_put_text(&q, l->after.text);
    else if (has_key || has_id) /* ?5 has its place behind it */
        query_put_real(&q, l->after.number);
    if (has_id)
        query_put_integer(&q, l->after.id);
    return q;
}

static enum err_code stretch_read(struct connection *c, struct list *l, enum stretch stretch, struct err *err)
{
    struct query q = stretch_query(c, l, stretch);
    while (l->count < l->wanted && query_row(&q)) {
        struct place *p = &l->found[l->count++];
        p->id = query_integer(&q);
        p->number = l->order->is_text ? (double)NAN : query_real(&q);
        p->text = l->order->is_text ? query_text(&q) : NULL;
    }
    return query_end(&q, err);
}

/* As many as are wanted, one more than a page has, or as there are. */
static enum err_code find(struct connection *c, struct list *l, struct err *err)
{
    enum stretch first = !l->filter->cursor ? STRETCH_BEHIND : keyless(&l->after) ? STRETCH_KEYLESS : STRETCH_EQUAL;
    enum err_code code = ERR_OK;
    for (enum stretch s = first; !code && s < STRETCH_END && l->count < l->wanted; s++)
        code = stretch_read(c, l, s, err);
    return code;
}

/* ---- the page --------------------------------------------------------------------------------------------------------- */

static enum err_code fetch(struct store_reader *r, const struct list *l, struct store_job **ret_items, size_t *ret_count,
                           char **ret_cursor, struct err *err)
{
    size_t count = l->count > l->filter->limit ? l->filter->limit : l->count;
    struct store_job *items = mem_array(count + 1, sizeof *items);
    char *next = NULL;
    enum err_code code = items ? ERR_OK : err_no_memory(err);
    if (!code && l->count > count && !cursor_write(l->order->name, l->filter->descending, &l->found[count - 1], &next))
        code = err_no_memory(err);
    for (size_t i = 0; !code && i < count; i++)
        code = store_job_get(r, l->found[i].id, &items[i], err);
    if (code) {
        for (size_t i = 0; items && i < count; i++)
            store_job_done(&items[i]);
        mem_free(items);
        mem_free(next);
        return code;
    }
    *ret_items = items;
    *ret_count = count;
    *ret_cursor = next;
    return ERR_OK;
}

static enum err_code list(struct store_reader *r, struct list *l, struct store_job **ret_items, size_t *ret_count,
                          char **ret_cursor, struct err *err)
{
    const struct store_job_filter *f = l->filter;
    enum err_code code = f->cursor ? cursor_read(f->cursor, f->order_by, l->order->is_text, f->descending, &l->after, err) : ERR_OK;
    l->found = mem_array(l->wanted, sizeof *l->found);
    if (!code && !l->found)
        code = err_no_memory(err);
    if (!code)
        code = find(&r->connection, l, err);
    return code ? code : fetch(r, l, ret_items, ret_count, ret_cursor, err);
}

enum err_code store_jobs_list(struct store_reader *r, const struct store_job_filter *f, struct store_job **ret_items,
                              size_t *ret_count, char **ret_cursor, struct err *err)
{
    struct list l = {.filter = f, .order = find_order(f->order_by, err), .wanted = (size_t)f->limit + 1};
    if (!l.order)
        return ERR_MALFORMED;
    enum err_code code = read_begin(&r->connection, err);
    if (!code)
        code = list(r, &l, ret_items, ret_count, ret_cursor, err);
    read_end(&r->connection);
    for (size_t i = 0; i < l.count; i++)
        place_done(&l.found[i]);
    mem_free(l.found);
    place_done(&l.after);
    return code;
}
