/* The runs of a job in any order, page by page (list_cursor.c). */
#include "internal.h"

#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define METRIC_PREFIX "metrics."
#define SQL_MAX 2000

static const struct {
    const char *name, *key; /* key: an SQL expression over runs */
} orders[] = {
    {"number", "number"},
    {"id", "id"},
    {"status", "status"},
    {"epoch", "epoch"},
    {METRIC_PREFIX "best_epoch", "nullif(best_epoch, 0)"},
    {"timings.training_seconds", "training_seconds"},
};

static enum err_code find_key(const char *order, const char **ret_key, struct err *err)
{
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        if (!strcmp(order, orders[i].name)) {
            *ret_key = orders[i].key;
            return ERR_OK;
        }
    size_t prefix = strlen(METRIC_PREFIX);
    int metric = strncmp(order, METRIC_PREFIX, prefix) ? -1 : store_metric_find(order + prefix);
    if (metric >= 0) {
        *ret_key = store_metric_name(metric); /* the column's name as well */
        return ERR_OK;
    }
    struct buf choices;
    buf_init(&choices, SQL_MAX);
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        buf_printf(&choices, "%s, ", orders[i].name);
    for (int m = 0; m < METRIC_COUNT; m++)
        buf_printf(&choices, "%s%s", m ? " | " : METRIC_PREFIX "(", store_metric_name(m));
    enum err_code code = err_set(err, ERR_MALFORMED, "order_by must be one of %s)", buf_text(&choices));
    buf_done(&choices);
    return code;
}

/* ---- the list --------------------------------------------------------------------------------------------------------- */

/* The ids and keys of one page, and of one run more. */
static struct query page_query(struct connection *c, const struct store_run_filter *f, const char *key,
                               const struct place *after)
{
    char sql[SQL_MAX], behind[SQL_MAX / 2] = "";
    if (after && isnan(after->number))
        snprintf(behind, sizeof behind, "AND %s IS NULL AND id > ?4", key);
    else if (after)
        snprintf(behind, sizeof behind, "AND (%s %c ?5 OR (%s = ?5 AND id > ?4) OR %s IS NULL)", key,
                 f->descending ? '<' : '>', key, key);
    snprintf(sql, sizeof sql, "SELECT id, %s FROM runs WHERE job = ?1 AND (?2 < 0 OR status = ?2) %s "
                              "ORDER BY %s %s NULLS LAST, id LIMIT ?3", key, behind, key, f->descending ? "DESC" : "ASC");
    struct query q = query_compose(c, sql);
    query_put_integer(&q, f->job);
    query_put_integer(&q, f->status);
    query_put_integer(&q, (int64_t)f->limit + 1);
    if (after)
        query_put_integer(&q, after->id);
    if (after && !isnan(after->number))
        query_put_real(&q, after->number);
    return q;
}

static void place_read(struct query *q, void *item)
{
    struct place *p = item;
    p->id = query_integer(q);
    p->number = query_real(q);
}

static void number_done(void *item)
{
    (void)item;
}

static enum err_code fetch(struct store_reader *r, const struct place *places, size_t count, struct store_run *runs,
                           struct err *err)
{
    enum err_code code = ERR_OK;
    for (size_t i = 0; !code && i < count; i++)
        code = store_run_get(r, places[i].id, &runs[i], err);
    return code;
}

static enum err_code list(struct store_reader *r, const struct store_run_filter *f, struct store_run **ret_items,
                          size_t *ret_count, char **ret_cursor, struct err *err)
{
    const char *order = f->order_by ? f->order_by : orders[0].name, *key = NULL;
    struct place after = {0};
    cleanup(mem_freep) struct place *places = NULL;
    size_t found = 0;
    enum err_code code = find_key(order, &key, err);
    if (!code && f->cursor)
        code = cursor_read(f->cursor, order, false, f->descending, &after, err);
    if (code)
        return code;
    struct query q = page_query(&r->connection, f, key, f->cursor ? &after : NULL);
    if ((code = query_list(&q, sizeof *places, place_read, number_done, &places, &found, err)))
        return code;
    size_t count = found > f->limit ? f->limit : found;
    struct store_run *items = mem_array(count ? count : 1, sizeof *items);
    char *next = NULL;
    if (!items || (found > count && count && !cursor_write(order, f->descending, &places[count - 1], &next)))
        code = err_no_memory(err);
    else
        code = fetch(r, places, count, items, err);
    if (code) {
        for (size_t i = 0; items && i < count; i++)
            store_run_done(&items[i]);
        mem_free(items);
        mem_free(next);
        return code;
    }
    *ret_items = items;
    *ret_count = count;
    *ret_cursor = next;
    return ERR_OK;
}

enum err_code store_runs_list(struct store_reader *r, const struct store_run_filter *f, struct store_run **ret_items,
                              size_t *ret_count, char **ret_cursor, struct err *err)
{
    enum err_code code = read_begin(&r->connection, err);
    if (!code)
        code = list(r, f, ret_items, ret_count, ret_cursor, err);
    read_end(&r->connection);
    return code;
}

/* ---- rungs ------------------------------------------------------------------------------------------------------------ */

enum err_code store_rung_read(struct store_reader *r, int64_t run, uint32_t epoch, enum store_metric metric, bool rises,
                              struct store_rung *ret, struct err *err)
{
    char sql[SQL_MAX];
    const char *name = store_metric_name((int)metric);
    char value[200];
    snprintf(value, sizeof value, "iif(e.run IS NULL, epoch_figure(p.data, %u, %u), e.%s)", (epoch - 1) % EPOCH_BLOCK,
             EPOCH_METRICS + (unsigned)metric, name);
    /* own: the run's value; of others that have the epoch, those without a value are as good only when it has none either. */
    snprintf(sql, sizeof sql,
             "WITH me AS (SELECT job, number, (SELECT %s FROM (SELECT ?1 AS of) LEFT JOIN epochs AS e ON e.run = of AND e.epoch = ?2 "
             "LEFT JOIN packed_epochs AS p ON p.id = (of << 26) + ?3) AS own FROM runs WHERE id = ?1) "
             "SELECT count(coalesce(e.run, p.id)), coalesce(sum(coalesce(e.run, p.id) IS NOT NULL AND coalesce(own IS NULL OR %s %s own, 0)), 0), "
             "min(iif(coalesce(e.run, p.id) IS NULL AND runs.status < 3, runs.id, NULL)) FROM me JOIN runs ON runs.job = me.job "
             "AND runs.number < me.number LEFT JOIN epochs AS e ON e.run = runs.id AND e.epoch = ?2 "
             "LEFT JOIN packed_epochs AS p ON p.id = (runs.id << 26) + ?3",
             value, value, rises ? ">=" : "<=");
    struct query q = query_compose(&r->connection, sql);
    query_put_integer(&q, run);
    query_put_integer(&q, epoch);
    query_put_integer(&q, (epoch - 1) / EPOCH_BLOCK);
    struct store_rung rung = {0};
    if (query_row(&q)) {
        rung.reached = (uint64_t)query_integer(&q);
        rung.better = (uint64_t)query_integer(&q);
        rung.awaited = query_integer(&q);
    }
    enum err_code code = query_end(&q, err);
    if (!code)
        *ret = rung;
    return code;
}

/* ---- figures ---------------------------------------------------------------------------------------------------------- */

static void figures_read(struct query *q, void *item)
{
    struct store_figures *f = item;
    f->run = query_integer(q);
    f->number = (uint32_t)query_integer(q);
    f->status = (enum store_status)query_integer(q);
    for (int m = 0; m < METRIC_COUNT; m++)
        f->metric[m] = query_real(q);
    f->best_epoch = (uint32_t)query_integer(q);
    f->best_loss = query_real(q);
}

static void figures_done(void *item)
{
    (void)item;
}

enum err_code store_job_figures(struct store_reader *r, int64_t job, struct store_figures **ret_items, size_t *ret_count,
                                struct err *err)
{
    struct query q = query_start(&r->connection, SQL_RUNS_FIGURES);
    query_put_integer(&q, job);
    return query_list(&q, sizeof **ret_items, figures_read, figures_done, ret_items, ret_count, err);
}
