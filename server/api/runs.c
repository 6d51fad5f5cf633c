/* Runs: one, its epochs, its layers' diagnosis, its evaluation, its model file. */
#include "api.h"

#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include "server/train/job_validation.h"
#include <string.h>

static void metrics_write(const struct store_run *run, struct json_writer *w)
{
    json_object(w);
    for (int m = 0; m < METRIC_COUNT; m++)
        if (m == METRIC_TRAIN_LOSS || m == METRIC_VALID_LOSS || run->metric[m] == run->metric[m])
            json_field_double(w, store_metric_name(m), run->metric[m]);
    json_name(w, "best_epoch");
    if (run->best_epoch)
        json_put_unsigned(w, run->best_epoch);
    else
        json_put_null(w);
    json_object_end(w);
}

static void timings_write(const struct store_run *run, struct json_writer *w)
{
    json_object(w);
    json_field_time(w, "queued_at", run->queued_at);
    json_field_time(w, "started_at", run->started_at);
    json_field_time(w, "finished_at", run->finished_at);
    json_field_double(w, "training_seconds", run->training_seconds);
    json_field_double(w, "samples_per_second", run->samples_per_second);
    json_object_end(w);
}

static void failure_write(const struct store_run *run, struct json_writer *w)
{
    if (!run->failure_code) {
        json_put_null(w);
        return;
    }
    json_object(w);
    json_field_string(w, "code", run->failure_code);
    json_field_unsigned(w, "epoch", run->failure_epoch);
    json_field_string(w, "detail", run->failure_detail);
    json_object_end(w);
}

void run_write(const struct store_run *run, struct json_writer *w)
{
    json_object(w);
    json_field_integer(w, "id", run->id);
    json_field_integer(w, "job", run->job);
    json_field_unsigned(w, "number", run->number);
    json_field_string(w, "status", store_status_name((int)run->status));
    json_field_boolean(w, "terminal", store_status_terminal(run->status));
    json_field_raw(w, "hyperparameters", run->hyperparameters);
    json_field_raw(w, "spec", run->spec);
    json_field_unsigned(w, "epoch", run->epoch);
    json_field_unsigned(w, "epochs", run->epochs);
    json_field_unsigned(w, "weight_updates", run->weight_updates);
    json_field_unsigned(w, "parameters", run->parameters);
    json_field_raw(w, "layers", run->layers);
    json_name(w, "metrics");
    metrics_write(run, w);
    json_name(w, "timings");
    timings_write(run, w);
    json_field_raw(w, "resolved", run->resolved);
    json_field_raw(w, "environment", run->environment);
    json_name(w, "failure");
    failure_write(run, w);
    json_field_string(w, "stopped_by", run->stopped_by);
    json_name(w, "model_epoch");
    if (run->model_epoch)
        json_put_unsigned(w, run->model_epoch);
    else
        json_put_null(w);
    json_field_string(w, "model_sha256", run->model_sha256);
    json_object_end(w);
}

static void run_tag(struct http_request *r, const struct store_run *run, const char *kind)
{
    snprintf(r->reply.etag, sizeof r->reply.etag, "\"%s%lld-%llu\"", kind, (long long)run->id,
             (unsigned long long)run->version);
}

static bool read_run(struct http_request *r, int64_t id, bool *ret_terminal)
{
    struct app *app = r->app;
    struct store_run run = {0};
    struct err err = {0};
    cleanup(store_reader_givep) struct store_reader *reader = store_reader_take(app->store);
    if (store_run_get(reader, id, &run, &err)) {
        http_error(r, &err);
        return false;
    }
    struct json_writer w;
    api_writer(r, &w);
    run_write(&run, &w);
    run_tag(r, &run, "r");
    *ret_terminal = store_status_terminal(run.status);
    store_run_done(&run);
    return true;
}

enum http_next runs_get(struct http_request *r)
{
    return api_poll(r, "run", read_run, false);
}

/* ---- epochs and layers ------------------------------------------------------------------------------------------------ */

/* Reads ?from=&to=&points= and the epochs; makes the reply and returns false when it cannot. */
static bool read_epochs(struct http_request *r, bool layers, struct store_epochs *ret)
{
    struct app *app = r->app;
    int64_t id, from, to, points;
    struct store_run run = {0};
    struct err err = {0};
    if (!api_id(r, 0, "run", &id) || !api_query_number(r, "from", 1, UINT32_MAX, 1, &from) ||
        !api_query_number(r, "to", 1, UINT32_MAX, 0, &to) || !api_query_number(r, "points", 1, 100000, 0, &points))
        return false;
    cleanup(store_reader_givep) struct store_reader *reader = store_reader_take(app->store);
    enum err_code code = store_run_get(reader, id, &run, &err);
    if (!code)
        code = store_epochs_read(reader, id, (uint32_t)from, (uint32_t)to, (uint32_t)points, layers, ret, &err);
    if (code)
        http_error(r, &err);
    else
        run_tag(r, &run, layers ? "l" : "e");
    store_run_done(&run);
    return !code;
}

static void column_write(struct json_writer *w, const char *name, const double *values, size_t count)
{
    json_name(w, name);
    json_array(w);
    for (size_t i = 0; i < count; i++)
        json_put_double(w, values[i]);
    json_array_end(w);
}

static void numbers_write(struct json_writer *w, const char *name, const uint32_t *values, size_t count)
{
    json_name(w, name);
    json_array(w);
    for (size_t i = 0; i < count; i++)
        json_put_unsigned(w, values[i]);
    json_array_end(w);
}

static bool any_finite(const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] == values[i])
            return true;
    return false;
}

enum http_next runs_epochs(struct http_request *r)
{
    struct store_epochs e = {0};
    if (!read_epochs(r, false, &e))
        return HTTP_REPLY;
    struct json_writer w;
    api_writer(r, &w);
    json_object(&w);
    numbers_write(&w, "epoch", e.epoch, e.count);
    for (int m = 0; m < METRIC_COUNT; m++)
        if (m == METRIC_TRAIN_LOSS || m == METRIC_VALID_LOSS || any_finite(e.metric[m], e.count))
            column_write(&w, store_metric_name(m), e.metric[m], e.count);
    column_write(&w, "learning_rate", e.learning_rate, e.count);
    column_write(&w, "seconds", e.seconds, e.count);
    column_write(&w, "elapsed_seconds", e.elapsed_seconds, e.count);
    json_name(&w, "weight_updates");
    json_array(&w);
    for (size_t i = 0; i < e.count; i++)
        json_put_unsigned(&w, e.weight_updates[i]);
    json_array_end(&w);
    json_field_unsigned(&w, "total", e.total);
    json_object_end(&w);
    store_epochs_done(&e);
    return http_json(r, 200);
}

static void layer_write(struct json_writer *w, const struct store_epochs *e, uint32_t layer)
{
    static const char *const names[] = {"gradient_norm", "update_ratio", "dead", "saturated"};
    json_object(w);
    json_field_unsigned(w, "layer", layer + 1);
    for (size_t figure = 0; figure < 4; figure++) {
        json_name(w, names[figure]);
        json_array(w);
        for (size_t i = 0; i < e->count; i++)
            json_put_float(w, e->layers[(i * e->layer_count + layer) * 4 + figure]);
        json_array_end(w);
    }
    json_object_end(w);
}

enum http_next runs_layers(struct http_request *r)
{
    struct store_epochs e = {0};
    if (!read_epochs(r, true, &e))
        return HTTP_REPLY;
    struct json_writer w;
    api_writer(r, &w);
    json_object(&w);
    numbers_write(&w, "epoch", e.epoch, e.count);
    json_name(&w, "layers");
    json_array(&w);
    for (uint32_t layer = 0; layer < e.layer_count; layer++)
        layer_write(&w, &e, layer);
    json_array_end(&w);
    json_field_unsigned(&w, "total", e.total);
    json_object_end(&w);
    store_epochs_done(&e);
    return http_json(r, 200);
}

/* ---- evaluation and model --------------------------------------------------------------------------------------------- */

/* The run of the path must have a result. */
static bool find_finished(struct http_request *r, const char *what, int64_t *ret_id, struct store_run *run)
{
    struct app *app = r->app;
    struct err err = {0};
    if (!api_id(r, 0, "run", ret_id))
        return false;
    cleanup(store_reader_givep) struct store_reader *reader = store_reader_take(app->store);
    if (store_run_get(reader, *ret_id, run, &err)) {
        http_error(r, &err);
        return false;
    }
    if (run->model_sha256)
        return true;
    http_problem(r, 409, "conflict", "No result yet", "run %lld is %s and has no %s", (long long)*ret_id,
                 store_status_name((int)run->status), what);
    store_run_done(run);
    return false;
}

enum http_next runs_evaluation(struct http_request *r)
{
    struct app *app = r->app;
    struct store_run run = {0};
    int64_t id;
    struct err err = {0};
    cleanup(mem_freep) char *json = NULL;
    char advice[VALIDATION_ADVICE];
    if (!find_finished(r, "evaluation", &id, &run))
        return HTTP_REPLY;
    run_tag(r, &run, "v");
    double fraction = job_validation_fraction_of(run.spec);
    store_run_done(&run);
    cleanup(store_reader_givep) struct store_reader *reader = store_reader_take(app->store);
    enum err_code code = store_run_evaluation(reader, id, &json, &err);
    if (code == ERR_NOT_FOUND)
        return http_problem(r, 409, "conflict", "No evaluation",
                            "run %lld kept no validation rows: %s", (long long)id, job_validation_advice(fraction, advice));
    if (code)
        return http_error(r, &err);
    buf_clear(&r->reply.body);
    buf_puts(&r->reply.body, json);
    return http_json(r, 200);
}

enum http_next runs_model(struct http_request *r)
{
    struct app *app = r->app;
    struct store_run run = {0};
    int64_t id;
    char path[FS_PATH_MAX];
    struct err err = {0};
    if (!find_finished(r, "model", &id, &run))
        return HTTP_REPLY;
    snprintf(r->reply.etag, sizeof r->reply.etag, "\"%s\"", run.model_sha256);
    r->reply.fd_size = run.model_bytes;
    store_run_done(&run);
    if (model_path(app->models_dir, id, path, &err) || fs_open_read(path, &r->reply.fd, &err))
        return http_error(r, &err);
    snprintf(r->reply.disposition, sizeof r->reply.disposition, "attachment; filename=\"run-%lld.model\"", (long long)id);
    r->reply.content_type = "application/octet-stream";
    r->reply.status = 200;
    return HTTP_REPLY;
}
