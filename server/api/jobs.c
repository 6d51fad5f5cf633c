/* Jobs: list, one, its runs, cancel, pause, resume, change, delete. Making one is in job_create.c. */
#include "api.h"

#include "core/base/cleanup.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "server/train/checkpoints.h"
#include <string.h>

static void best_write(const struct store_job *j, struct json_writer *w)
{
    if (!j->best_run) {
        json_put_null(w);
        return;
    }
    json_object(w);
    json_field_integer(w, "run", j->best_run);
    json_field_unsigned(w, "epoch", j->best_epoch);
    json_field_double(w, "loss", j->best_loss);
    json_object_end(w);
}

void job_write(const struct store_job *j, struct json_writer *w)
{
    json_object(w);
    json_field_integer(w, "id", j->id);
    json_field_string(w, "name", j->name);
    json_field_string(w, "dataset", j->dataset_name);
    json_name(w, "dataset_id");
    if (j->dataset)
        json_put_integer(w, j->dataset);
    else
        json_put_null(w);
    json_field_string(w, "status", store_status_name((int)j->status));
    json_field_boolean(w, "terminal", store_status_terminal(j->status));
    json_field_double(w, "progress", j->runs ? j->epochs_done / j->runs : 0);
    json_field_integer(w, "priority", j->priority);
    json_name(w, "runs");
    json_object(w);
    json_field_unsigned(w, "total", j->runs);
    for (int s = 0; s < STATUS_COUNT; s++)
        json_field_unsigned(w, store_status_name(s), j->by_status[s]);
    json_object_end(w);
    json_name(w, "folds");
    if (j->folds)
        json_put_unsigned(w, j->folds);
    else
        json_put_null(w);
    json_name(w, "best");
    best_write(j, w);
    json_field_unsigned(w, "epochs_saved", j->epochs_saved);
    json_field_raw(w, "spec", j->spec);
    json_field_time(w, "created_at", j->created_at);
    json_field_time(w, "started_at", j->started_at);
    json_field_time(w, "finished_at", j->finished_at);
    json_object_end(w);
}

enum http_next jobs_list(struct http_request *r)
{
    struct app *app = r->app;
    struct store_job_filter f = {.name = http_query(r, "name"), .order_by = http_query(r, "order_by"),
                                 .cursor = http_query(r, "cursor")};
    struct store_job *items = NULL;
    size_t count = 0;
    struct err err = {0};
    cleanup(mem_freep) char *next = NULL;
    if (!api_limit(r, &f.limit) || !api_query_status(r, &f.status) || !api_query_flag(r, "desc", &f.descending))
        return HTTP_REPLY;
    if (!f.order_by) {
        f.order_by = "created_at";
        f.descending |= !http_query(r, "desc"); /* the newest first, unless it is asked for the oldest */
    }
    cleanup(store_reader_givep) struct store_reader *reader = store_reader_take(app->store);
    if (store_jobs_list(reader, &f, &items, &count, &next, &err))
        return http_error(r, &err);
    struct json_writer w;
    api_writer(r, &w);
    api_list_start(&w);
    for (size_t i = 0; i < count; i++) {
        job_write(&items[i], &w);
        store_job_done(&items[i]);
    }
    mem_free(items);
    json_array_end(&w);
    json_field_string(&w, "next", next);
    json_object_end(&w);
    return api_reply_tagged(r);
}

static bool read_job(struct http_request *r, int64_t id, bool *ret_terminal)
{
    struct app *app = r->app;
    struct store_job j = {0};
    struct err err = {0};
    cleanup(store_reader_givep) struct store_reader *reader = store_reader_take(app->store);
    if (store_job_get(reader, id, &j, &err)) {
        http_error(r, &err);
        return false;
    }
    struct json_writer w;
    api_writer(r, &w);
    job_write(&j, &w);
    snprintf(r->reply.etag, sizeof r->reply.etag, "\"j%lld-%llu\"", (long long)id, (unsigned long long)j.version);
    *ret_terminal = store_status_terminal(j.status);
    store_job_done(&j);
    return true;
}

enum http_next jobs_get(struct http_request *r)
{
    return api_poll(r, "job", read_job, true);
}

enum http_next job_reply(struct http_request *r, int64_t id, unsigned status)
{
    bool terminal;
    if (!read_job(r, id, &terminal))
        return HTTP_REPLY;
    r->reply.etag[0] = '\0';
    return http_json(r, status);
}

enum http_next jobs_runs(struct http_request *r)
{
    struct app *app = r->app;
    struct store_run_filter f = {.order_by = http_query(r, "order_by"), .cursor = http_query(r, "cursor")};
    struct store_run *items = NULL;
    struct store_job job = {0};
    size_t count = 0;
    struct err err = {0};
    cleanup(mem_freep) char *next = NULL;
    if (!api_id(r, 0, "job", &f.job) || !api_limit(r, &f.limit) || !api_query_status(r, &f.status) ||
        !api_query_flag(r, "desc", &f.descending))
        return HTTP_REPLY;
    cleanup(store_reader_givep) struct store_reader *reader = store_reader_take(app->store);
    enum err_code code = store_job_get(reader, f.job, &job, &err);
    store_job_done(&job);
    if (code || store_runs_list(reader, &f, &items, &count, &next, &err))
        return http_error(r, &err);
    struct json_writer w;
    api_writer(r, &w);
    api_list_start(&w);
    for (size_t i = 0; i < count; i++) {
        run_write(&items[i], &w);
        store_run_done(&items[i]);
    }
    mem_free(items);
    json_array_end(&w);
    json_field_string(&w, "next", next);
    json_object_end(&w);
    return api_reply_tagged(r);
}

/* ---- what is done to a job --------------------------------------------------------------------------------------------- */

struct job_op {
    struct api_write write;
    struct app *app;
    int64_t id;
    struct store_runs runs; /* of cancel, pause and resume */
    int64_t *deleted;
    size_t deleted_count;
    struct store_job_change change; /* of PATCH */
    char *name;                     /* its name, owned */
};

static void job_op_free(void *state)
{
    struct job_op *o = state;
    store_runs_done(&o->runs);
    mem_free(o->deleted);
    mem_free(o->name);
    mem_free(o);
}

/* The request's op, or NULL: there is a reply. */
static struct job_op *new_op(struct http_request *r, enum err_code (*run)(struct store_tx *, struct store_op *, struct err *),
                             void (*after)(struct api_write *))
{
    int64_t id;
    if (!api_id(r, 0, "job", &id))
        return NULL;
    struct job_op *o = mem_zalloc(sizeof *o);
    if (!o) {
        http_error(r, &(struct err){.code = ERR_NO_MEMORY, .message = "out of memory"});
        return NULL;
    }
    o->app = r->app;
    o->id = id;
    o->write.op.run = run;
    o->write.after = after;
    r->state = o;
    r->state_free = job_op_free;
    return o;
}

static enum http_next submit(struct http_request *r, enum err_code (*run)(struct store_tx *, struct store_op *, struct err *),
                             void (*after)(struct api_write *))
{
    struct job_op *o = new_op(r, run, after);
    return o ? api_write_submit(r, &o->write) : HTTP_REPLY;
}

/* The handler of a call without a body: submits at first, then replies with the job. */
static enum http_next change(struct http_request *r, enum err_code (*run)(struct store_tx *, struct store_op *, struct err *),
                             void (*after)(struct api_write *))
{
    struct job_op *o = r->state;
    if (!o)
        return submit(r, run, after);
    if (o->write.op.code)
        return http_error(r, &o->write.op.err);
    return job_reply(r, o->id, 200);
}

static enum err_code cancel_run(struct store_tx *tx, struct store_op *op, struct err *err)
{
    struct job_op *o = (struct job_op *)op;
    return store_job_cancel(tx, o->id, clock_wall_ms(), &o->runs, err);
}

static void stop_runs(struct api_write *w)
{
    struct job_op *o = (struct job_op *)w;
    scheduler_drop(o->app->scheduler, o->id);
    for (size_t i = 0; i < o->runs.running_count; i++)
        scheduler_stop_run(o->app->scheduler, o->runs.running[i]);
    for (size_t i = 0; i < o->runs.waiting_count; i++)
        checkpoints_remove_run(o->app->checkpoints_dir, o->runs.waiting[i]);
    hub_publish(o->app->hub, 0, o->id);
}

enum http_next jobs_cancel(struct http_request *r)
{
    return change(r, cancel_run, stop_runs);
}

static enum err_code pause_run(struct store_tx *tx, struct store_op *op, struct err *err)
{
    struct job_op *o = (struct job_op *)op;
    return store_job_pause(tx, o->id, &o->runs, err);
}

static void pause_runs(struct api_write *w)
{
    struct job_op *o = (struct job_op *)w;
    scheduler_drop(o->app->scheduler, o->id);
    for (size_t i = 0; i < o->runs.running_count; i++)
        scheduler_pause_run(o->app->scheduler, o->runs.running[i]);
    hub_publish(o->app->hub, 0, o->id);
}

enum http_next jobs_pause(struct http_request *r)
{
    return change(r, pause_run, pause_runs);
}

static enum err_code resume_run(struct store_tx *tx, struct store_op *op, struct err *err)
{
    struct job_op *o = (struct job_op *)op;
    return store_job_resume(tx, o->id, &o->runs, err);
}

static void queue_runs(struct api_write *w)
{
    struct job_op *o = (struct job_op *)w;
    struct err err = {0};
    if (scheduler_add(o->app->scheduler, o->id, o->runs.priority, o->runs.waiting, o->runs.waiting_count, &err))
        log_event(LOG_ERROR, "runs not scheduled until the next start", "reason", err.message, NULL);
    hub_publish(o->app->hub, 0, o->id);
}

enum http_next jobs_resume(struct http_request *r)
{
    return change(r, resume_run, queue_runs);
}

/* ---- PATCH ------------------------------------------------------------------------------------------------------------- */

#define PRIORITY_MOST 1000

static void priority_bind(const struct json *v, void *out, const char *pointer, struct violations *violations)
{
    int64_t n = 0;
    bool whole = json_kind(v) == JSON_NUMBER && json_integer(v, &n);
    if (!whole || n < -PRIORITY_MOST || n > PRIORITY_MOST)
        violation_add(violations, pointer, json_kind(v) == JSON_NUMBER ? "range" : "type",
                      "must be a whole number from %d to %d: runs of a higher one come first", -PRIORITY_MOST, PRIORITY_MOST);
    else
        *(int32_t *)out = (int32_t)n;
}

static const struct json_custom priority_custom = {.bind = priority_bind};

struct job_patch {
    char *name;
    int32_t priority;
};

static const struct json_field patch_fields[] = {
    {.name = "name", .type = FIELD_STRING, .offset = offsetof(struct job_patch, name), .nullable = true, .maximum = 200,
     .fallback = "null"},
    {.name = "priority", .type = FIELD_CUSTOM, .offset = offsetof(struct job_patch, priority), .custom = &priority_custom,
     .fallback = "0"},
    {0},
};

/* Takes the body into the op, or makes the reply and returns false. */
static bool read_patch(struct http_request *r, struct job_op *o)
{
    cleanup(json_freep) struct json *body = NULL;
    struct violations violations = {0};
    struct job_patch patch = {0};
    struct err err = {0};
    enum err_code code = json_parse(buf_text(&r->body), r->body.length, &body, &err);
    if (!code && json_kind(body) != JSON_OBJECT)
        violation_add(&violations, "", "type", "must be an object, got %s", json_kind_name(json_kind(body)));
    else if (!code)
        code = json_bind(body, patch_fields, &patch, "", &violations, &err);
    o->change = (struct store_job_change){.id = o->id, .sets_name = !code && json_get(body, "name"),
                                          .sets_priority = !code && json_get(body, "priority"), .priority = patch.priority};
    o->change.name = o->name = patch.name; /* the op's from here on */
    if (code)
        http_error(r, &err);
    else if (violations.count)
        http_violations(r, &violations);
    return !code && !violations.count;
}

static enum err_code change_run(struct store_tx *tx, struct store_op *op, struct err *err)
{
    return store_job_change(tx, &((struct job_op *)op)->change, err);
}

static void reorder(struct api_write *w)
{
    struct job_op *o = (struct job_op *)w;
    if (o->change.sets_priority)
        scheduler_set_priority(o->app->scheduler, o->id, o->change.priority);
    hub_publish(o->app->hub, 0, o->id);
}

enum http_next jobs_patch(struct http_request *r)
{
    struct job_op *o = r->state;
    if (o)
        return change(r, change_run, reorder);
    if (!(o = new_op(r, change_run, reorder)) || !read_patch(r, o))
        return HTTP_REPLY;
    return api_write_submit(r, &o->write);
}

/* ---- DELETE ------------------------------------------------------------------------------------------------------------ */

static enum err_code delete_run(struct store_tx *tx, struct store_op *op, struct err *err)
{
    struct job_op *o = (struct job_op *)op;
    return store_job_delete(tx, o->id, &o->deleted, &o->deleted_count, err);
}

static void remove_files(struct api_write *w)
{
    struct job_op *o = (struct job_op *)w;
    for (size_t i = 0; i < o->deleted_count; i++) {
        char path[FS_PATH_MAX];
        model_cache_forget(o->app->models, o->deleted[i]);
        if (!model_path(o->app->models_dir, o->deleted[i], path, NULL))
            (void)fs_remove(path, NULL);
        checkpoints_remove_run(o->app->checkpoints_dir, o->deleted[i]);
    }
    hub_publish(o->app->hub, 0, o->id);
}

enum http_next jobs_delete(struct http_request *r)
{
    struct job_op *o = r->state;
    if (!o)
        return submit(r, delete_run, remove_files);
    if (o->write.op.code)
        return http_error(r, &o->write.op.err);
    return http_empty(r, 204);
}
