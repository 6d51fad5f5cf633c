/* POST /v1/jobs: plan, one transaction for the job and its runs, 202 after the commit. */
#include "api.h"

#include "core/base/cleanup.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/base/sha256.h"
#include "job_plan.h"
#include "server/log.h"
#include <string.h>

#define KEY_MAX 255
#define POINTS_MAX 100

struct job_create {
    struct api_write write;
    struct app *app;
    struct job_plan plan;
    struct violations *violations; /* of the body; a key that is known is answered all the same */
    struct store_job job;
    char *key;
    char digest[SHA256_TEXT];
    int64_t *ids;
    bool replay; /* the idempotency key was used before, with the same body */
    bool other;  /* ... with another body */
};

static void create_free(void *state)
{
    struct job_create *c = state;
    job_plan_done(&c->plan);
    mem_free(c->violations);
    mem_free(c->key);
    mem_free(c->ids);
    mem_free(c);
}

/* Whether the key is known; fills replay, other and the job's id. */
static enum err_code look_up_key(struct store_tx *tx, struct job_create *c, bool *ret_known, struct err *err)
{
    struct store_job there = {0};
    *ret_known = false;
    if (!c->key)
        return ERR_OK;
    enum err_code code = store_job_find_key(tx, c->key, &there, err);
    if (code == ERR_NOT_FOUND)
        return ERR_OK;
    if (code)
        return code;
    *ret_known = true;
    c->replay = there.request_sha256 && !strcmp(there.request_sha256, c->digest);
    c->other = !c->replay;
    c->job.id = there.id;
    store_job_done(&there);
    return ERR_OK;
}

static enum err_code insert_runs(struct store_tx *tx, struct job_create *c, struct err *err)
{
    enum err_code code = ERR_OK;
    for (size_t i = 0; !code && i < c->plan.run_count; i++) {
        const struct planned_run *p = &c->plan.runs[i];
        cleanup(mem_freep) char *spec = job_plan_spec(&c->plan, i);
        if (!spec)
            return err_no_memory(err);
        struct store_run run = {.job = c->job.id, .number = (uint32_t)i + 1, .spec = spec,
                                .hyperparameters = p->hyperparameters, .epochs = p->epochs,
                                .parameters = p->parameters, .queued_at = c->job.created_at};
        code = store_run_insert(tx, &run, &c->ids[i], err);
    }
    return code;
}

static enum err_code insert(struct store_tx *tx, struct store_op *op, struct err *err)
{
    struct job_create *c = (struct job_create *)op;
    bool known;
    uint64_t queued;
    enum err_code code = look_up_key(tx, c, &known, err);
    if (code || known || c->violations->count)
        return code;
    if ((code = store_runs_count_queued_tx(tx, &queued, err)))
        return code;
    if (queued + c->plan.run_count > JOB_MAX_RUNS)
        return err_set(err, ERR_UNAVAILABLE, "%llu runs wait already and the queue holds %d: try again later",
                       (unsigned long long)queued, JOB_MAX_RUNS);
    if ((code = store_job_insert(tx, &c->job, &c->job.id, err)))
        return code;
    return insert_runs(tx, c, err);
}

static void schedule(struct api_write *w)
{
    struct job_create *c = (struct job_create *)w;
    struct err err = {0};
    if (!c->replay && !c->other && !c->violations->count &&
        scheduler_add(c->app->scheduler, c->job.id, c->job.priority, c->ids, c->plan.run_count, &err))
        log_event(LOG_ERROR, "runs not scheduled until the next start", "reason", err.message, NULL);
}

/* The hyper-parameters of the first runs. */
static void points_write(const struct job_plan *p, struct json_writer *w)
{
    json_name(w, "points");
    json_array(w);
    for (size_t i = 0; i < p->run_count && i < POINTS_MAX; i++)
        json_put_raw(w, p->runs[i].hyperparameters);
    json_array_end(w);
}

/* What `dry_run` asks for: nothing, a plan (or a problem), or a report, which is a 200 also of a job that is wrong: for who asks
 * after each key, and to whom a wrong job is no failure. */
enum dry_run { TRAIN, PLAN, REPORT };

static bool read_dry_run(struct http_request *r, enum dry_run *ret)
{
    const char *text = http_query(r, "dry_run");
    bool plan = false, report = text && !strcmp(text, "report");
    if (!report && !api_query_flag(r, "dry_run", &plan))
        return false;
    *ret = report ? REPORT : plan ? PLAN : TRAIN;
    return true;
}

static enum http_next wrong_reply(struct http_request *r, const struct violations *v)
{
    struct json_writer w;
    api_writer(r, &w);
    json_object(&w);
    json_field_boolean(&w, "valid", false);
    json_name(&w, "errors");
    violations_write(v, &w);
    json_object_end(&w);
    return http_json(r, 200);
}

static enum http_next plan_reply(struct http_request *r, const struct job_plan *p, bool report)
{
    struct app *app = r->app;
    struct scheduler_totals trained;
    scheduler_totals(app->scheduler, &trained);
    double workers = (double)(trained.workers < p->run_count ? trained.workers : p->run_count);
    struct json_writer w;
    api_writer(r, &w);
    json_object(&w);
    if (report)
        json_field_boolean(&w, "valid", true);
    json_field_raw(&w, "job", p->spec_json);
    json_field_string(&w, "task", task_name(p->task));
    json_field_unsigned(&w, "runs", p->run_count);
    points_write(p, &w);
    json_field_unsigned(&w, "parameters", p->parameters);
    json_field_unsigned(&w, "memory_bytes", p->memory_bytes);
    /* At the mean speed of what was trained since the daemon started; null before any. */
    json_field_double(&w, "seconds", p->flops / (trained.flops / trained.training_seconds) / workers);
    json_object_end(&w);
    return http_json(r, 200);
}

static bool read_key(struct http_request *r, struct job_create *c)
{
    const char *key = http_header(r, "Idempotency-Key");
    if (!key)
        return true;
    if (!*key || strlen(key) > KEY_MAX) {
        http_problem(r, 400, "idempotency_key", "Bad Idempotency-Key", "must have 1..%d characters", KEY_MAX);
        return false;
    }
    sha256_of(buf_text(&r->body), r->body.length, c->digest);
    return (c->key = mem_strdup(key)) != NULL;
}

static enum err_code prepare_job(struct job_create *c, struct err *err)
{
    struct job_plan *p = &c->plan;
    c->job = (struct store_job){.name = p->spec.name, .dataset = p->dataset.id, .dataset_name = p->dataset.name,
                                .validation_dataset = p->valid_dataset.id, .folds = p->folds, .spec = p->spec_json,
                                .initial = (int64_t)p->spec.initial.run, .created_at = clock_wall_ms(),
                                .runs = (uint32_t)p->run_count,
                                .idempotency_key = c->key, .request_sha256 = c->key ? c->digest : NULL};
    c->ids = mem_array(p->run_count, sizeof *c->ids);
    return c->ids ? ERR_OK : err_no_memory(err);
}

static enum http_next start(struct http_request *r)
{
    struct app *app = r->app;
    struct err err = {0};
    enum dry_run dry_run;
    if (!read_dry_run(r, &dry_run))
        return HTTP_REPLY;
    if (atomic_load(&app->stopping))
        return http_error(r, &(struct err){.code = ERR_UNAVAILABLE, .message = "the daemon is stopping"});
    struct job_create *c = mem_zalloc(sizeof *c);
    if (!c || !(c->violations = mem_zalloc(sizeof *c->violations))) {
        mem_free(c);
        return http_error(r, &(struct err){.code = ERR_NO_MEMORY, .message = "out of memory"});
    }
    c->app = app;
    r->state = c;
    r->state_free = create_free;
    if (job_plan_make(app, buf_text(&r->body), r->body.length, &c->plan, c->violations, &err))
        return http_error(r, &err);
    if (dry_run == TRAIN && !read_key(r, c))
        return r->reply.status ? HTTP_REPLY : http_error(r, &(struct err){.code = ERR_NO_MEMORY});
    if (c->violations->count && dry_run == REPORT)
        return wrong_reply(r, c->violations);
    if (c->violations->count && !c->key)
        return http_violations(r, c->violations);
    if (dry_run != TRAIN)
        return plan_reply(r, &c->plan, dry_run == REPORT);
    if (!c->violations->count && prepare_job(c, &err))
        return http_error(r, &err);
    c->write.op.run = insert;
    c->write.after = schedule;
    return api_write_submit(r, &c->write);
}

enum http_next jobs_create(struct http_request *r)
{
    struct job_create *c = r->state;
    if (!c)
        return start(r);
    if (c->write.op.code)
        return http_error(r, &c->write.op.err);
    if (c->other)
        return http_problem(r, 422, "idempotency_key", "Idempotency-Key used before",
                            "this key made job %lld with another body: use a new key", (long long)c->job.id);
    if (!c->replay && c->violations->count)
        return http_violations(r, c->violations);
    snprintf(r->reply.location, sizeof r->reply.location, "/v1/jobs/%lld", (long long)c->job.id);
    return job_reply(r, c->job.id, 202);
}
