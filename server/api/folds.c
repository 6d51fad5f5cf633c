/* GET /v1/jobs/{job}/folds: for each point of a job whose validation is by folds, mean and spread of its runs' figures. */
#include "api.h"

#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FOLD "/validation/fold"
#define METRIC_PREFIX "metrics."

enum { BEST_LOSS = METRIC_COUNT, BEST_EPOCH, FIGURES };

struct spread {
    unsigned count;
    double mean, squares; /* squares: sum of squared deviations (Welford 1962) */
};

struct fold_point {
    const struct store_figures *run; /* its first of `folds` */
    uint32_t number;                 /* from 1 */
    uint32_t succeeded;
    double key; /* what the list is ordered by; NAN: last */
    struct spread figure[FIGURES];
};

static void spread_add(struct spread *s, double value)
{
    if (isnan(value))
        return;
    double before = value - s->mean;
    s->mean += before / ++s->count;
    s->squares += before * (value - s->mean);
}

/* Of a sample: divided by n - 1; NAN of one. */
static double spread_deviation(const struct spread *s)
{
    return s->count > 1 ? sqrt(s->squares / (s->count - 1)) : NAN;
}

static void point_fill(struct fold_point *p, const struct store_figures *run, uint32_t folds)
{
    p->run = run;
    for (uint32_t k = 0; k < folds; k++) {
        if (run[k].status != STATUS_SUCCEEDED)
            continue;
        p->succeeded++;
        for (int m = 0; m < METRIC_COUNT; m++)
            spread_add(&p->figure[m], run[k].metric[m]);
        spread_add(&p->figure[BEST_LOSS], run[k].best_loss);
        spread_add(&p->figure[BEST_EPOCH], run[k].best_epoch ? (double)run[k].best_epoch : (double)NAN);
    }
}

static int by_key(const void *a, const void *b)
{
    const struct fold_point *x = a, *y = b;
    if (isnan(x->key) || isnan(y->key))
        return isnan(x->key) != isnan(y->key) ? isnan(x->key) - isnan(y->key) : (x->number > y->number) - (x->number < y->number);
    return x->key != y->key ? (x->key > y->key) - (x->key < y->key) : (x->number > y->number) - (x->number < y->number);
}

static void spread_write(struct json_writer *w, const char *name, const struct spread *s)
{
    if (!s->count)
        return;
    json_name(w, name);
    json_object(w);
    json_field_double(w, "mean", s->mean);
    json_field_double(w, "standard_deviation", spread_deviation(s));
    json_object_end(w);
}

/* What the first run of the point has besides its fold. */
static enum err_code hyperparameters_write(struct store_reader *reader, const struct fold_point *p, struct json_writer *w,
                                           struct err *err)
{
    struct store_run run = {0};
    cleanup(json_freep) struct json *values = NULL;
    enum err_code code = store_run_get(reader, p->run->run, &run, err);
    if (!code)
        code = json_parse(run.hyperparameters, strlen(run.hyperparameters), &values, err);
    store_run_done(&run);
    if (code)
        return code;
    json_remove(values, FOLD);
    json_name(w, "hyperparameters");
    json_put_value(w, values);
    return ERR_OK;
}

static enum err_code point_write(struct store_reader *reader, const struct fold_point *p, uint32_t folds, struct json_writer *w,
                                 struct err *err)
{
    json_object(w);
    json_field_unsigned(w, "point", p->number);
    enum err_code code = hyperparameters_write(reader, p, w, err);
    json_name(w, "runs");
    json_array(w);
    for (uint32_t k = 0; k < folds; k++)
        json_put_integer(w, p->run[k].run);
    json_array_end(w);
    json_field_unsigned(w, "succeeded", p->succeeded);
    json_name(w, "metrics");
    json_object(w);
    for (int m = 0; m < METRIC_COUNT; m++)
        spread_write(w, store_metric_name(m), &p->figure[m]);
    spread_write(w, "best_loss", &p->figure[BEST_LOSS]);
    spread_write(w, "best_epoch", &p->figure[BEST_EPOCH]);
    json_object_end(w);
    json_object_end(w);
    return code;
}

/* Which figure the points are ordered by; -1: none of them, their number. */
static bool read_order(struct http_request *r, int *ret_figure, bool *ret_descending)
{
    const char *order = http_query(r, "order_by");
    *ret_figure = METRIC_VALID_LOSS;
    if (!api_query_flag(r, "desc", ret_descending))
        return false;
    if (!order)
        return true;
    size_t prefix = strlen(METRIC_PREFIX);
    bool metric = !strncmp(order, METRIC_PREFIX, prefix);
    const char *name = metric ? order + prefix : "";
    *ret_figure = !strcmp(name, "best_loss") ? BEST_LOSS : !strcmp(name, "best_epoch") ? BEST_EPOCH : store_metric_find(name);
    if (*ret_figure >= 0 || !strcmp(order, "number"))
        return true;
    http_problem(r, 400, "malformed", "Malformed query", "order_by must be number, metrics.best_loss, metrics.best_epoch or "
                 "metrics. and the name of another figure of a run, not \"%.60s\"", order);
    return false;
}

static enum err_code points_read(struct store_reader *reader, const struct store_job *job, int figure, bool descending,
                                 struct store_figures **ret_runs, struct fold_point **ret_points, size_t *ret_count,
                                 struct err *err)
{
    size_t runs = 0;
    enum err_code code = store_job_figures(reader, job->id, ret_runs, &runs, err);
    if (code)
        return code;
    size_t count = runs / job->folds;
    struct fold_point *point = mem_array(count + 1, sizeof *point);
    if (!point)
        return err_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        point[i].number = (uint32_t)i + 1;
        point_fill(&point[i], *ret_runs + i * job->folds, job->folds);
        const struct spread *key = figure < 0 ? NULL : &point[i].figure[figure];
        point[i].key = !key ? point[i].number : key->count ? key->mean : NAN;
        point[i].key = descending ? -point[i].key : point[i].key;
    }
    qsort(point, count, sizeof *point, by_key);
    *ret_points = point;
    *ret_count = count;
    return ERR_OK;
}

enum http_next jobs_folds(struct http_request *r)
{
    struct app *app = r->app;
    struct store_job job = {0};
    struct err err = {0};
    uint32_t limit;
    int figure;
    int64_t id;
    bool descending;
    cleanup(mem_freep) struct store_figures *runs = NULL;
    cleanup(mem_freep) struct fold_point *point = NULL;
    size_t count = 0;
    if (!api_id(r, 0, "job", &id) || !api_limit(r, &limit) || !read_order(r, &figure, &descending))
        return HTTP_REPLY;
    cleanup(store_reader_givep) struct store_reader *reader = store_reader_take(app->store);
    enum err_code code = store_job_get(reader, id, &job, &err);
    uint32_t folds = job.folds;
    if (!code && folds)
        code = points_read(reader, &job, figure, descending, &runs, &point, &count, &err);
    store_job_done(&job);
    if (code)
        return http_error(r, &err);
    if (!folds)
        return http_problem(r, 409, "conflict", "No folds", "job %lld has no run for each of several folds: train with "
                            "validation.folds", (long long)id);
    struct json_writer w;
    api_writer(r, &w);
    json_object(&w);
    json_field_unsigned(&w, "folds", folds);
    json_field_unsigned(&w, "total", count);
    json_name(&w, "data");
    json_array(&w);
    for (size_t i = 0; !code && i < count && i < limit; i++)
        code = point_write(reader, &point[i], folds, &w, &err);
    if (code)
        return http_error(r, &err);
    json_array_end(&w);
    json_object_end(&w);
    return api_reply_tagged(r);
}
