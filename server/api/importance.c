/* The permutation importance of a run: worked out in the background, waited for as a run is. */
#include "api.h"

#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include "server/train/job_validation.h"
#include <string.h>

#define REPEATS_MAX 100
#define SEED_MAX    9007199254740991

static bool read_request(struct http_request *r, int64_t run, struct importance_request *ret)
{
    int64_t repeats, seed;
    if (!api_query_number(r, "repeats", 1, REPEATS_MAX, 5, &repeats) ||
        !api_query_number(r, "seed", 0, SEED_MAX, 1, &seed))
        return false;
    *ret = (struct importance_request){.run = run, .repeats = (uint32_t)repeats, .seed = (uint64_t)seed};
    return true;
}

/* The run must have a model, and have been validated. */
static bool check_run(struct http_request *r, int64_t id)
{
    struct app *app = r->app;
    struct store_run run = {0};
    struct err err = {0};
    char advice[VALIDATION_ADVICE];
    cleanup(store_reader_givep) struct store_reader *reader = store_reader_take(app->store);
    if (store_run_get(reader, id, &run, &err)) {
        http_error(r, &err);
        return false;
    }
    bool has_model = run.model_sha256, validated = run.metric[METRIC_VALID_LOSS] == run.metric[METRIC_VALID_LOSS];
    if (!has_model)
        http_problem(r, 409, "conflict", "No result yet", "run %lld is %s and has no model", (long long)id,
                     store_status_name((int)run.status));
    else if (!validated)
        http_problem(r, 409, "conflict", "No validation rows",
                     "run %lld kept no validation rows: %s", (long long)id,
                     job_validation_advice(job_validation_fraction_of(run.spec), advice));
    store_run_done(&run);
    return has_model && validated;
}

static void progress_write(struct http_request *r, const struct importance_request *q,
                           const struct importances_answer *a)
{
    struct json_writer w;
    api_writer(r, &w);
    json_object(&w);
    json_field_integer(&w, "run", q->run);
    json_field_string(&w, "status", "running");
    json_field_double(&w, "progress", a->features ? (double)a->done / a->features : 0);
    json_object_end(&w);
}

/* What api_poll waits for: its ETag changes once, from "not yet" to "there". */
static bool read_importance(struct http_request *r, int64_t id, bool *ret_terminal)
{
    struct app *app = r->app;
    struct importance_request request;
    struct importances_answer answer = {0};
    struct err err = {0};
    if (!read_request(r, id, &request) || !check_run(r, id))
        return false;
    if (importances_get(app->importances, &request, &answer, &err)) {
        http_error(r, &err);
        return false;
    }
    *ret_terminal = answer.json != NULL;
    if (answer.json) {
        buf_clear(&r->reply.body);
        buf_puts(&r->reply.body, answer.json);
    } else {
        progress_write(r, &request, &answer);
    }
    snprintf(r->reply.etag, sizeof r->reply.etag, "\"i%lld-%u-%llu-%d\"", (long long)id, request.repeats,
             (unsigned long long)request.seed, *ret_terminal);
    mem_free(answer.json);
    return true;
}

enum http_next runs_importance(struct http_request *r)
{
    enum http_next next = api_poll(r, "run", read_importance, false);
    if (next == HTTP_REPLY && r->reply.status == 200 && strstr(r->reply.etag, "-0\"")) {
        r->reply.status = 202;
        r->reply.retry_after = 1;
        r->reply.etag[0] = '\0';
    }
    return next;
}
