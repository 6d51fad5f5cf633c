/* The resources: handlers of the route table (routes.c) and what they share. Handlers run on HTTP threads. */
#pragma once

#include "server/app.h"
#include "server/http/http.h"
#include "server/json/bind.h"
#include "server/json/write.h"
#include <stdio.h>

extern const struct http_route api_routes[];

/* ---- handlers ------------------------------------------------------------------------------------------------------- */

enum http_next datasets_create(struct http_request *r);
enum err_code datasets_create_piece(struct http_request *r, const void *data, size_t length);
enum http_next datasets_list(struct http_request *r);
enum http_next datasets_get(struct http_request *r);
enum http_next datasets_rows(struct http_request *r);
enum http_next datasets_delete(struct http_request *r);
enum http_next jobs_create(struct http_request *r);
enum http_next jobs_list(struct http_request *r);
enum http_next jobs_get(struct http_request *r);
enum http_next jobs_runs(struct http_request *r);
enum http_next jobs_folds(struct http_request *r);
enum http_next jobs_cancel(struct http_request *r);
enum http_next jobs_pause(struct http_request *r);
enum http_next jobs_resume(struct http_request *r);
enum http_next jobs_patch(struct http_request *r);
enum http_next jobs_delete(struct http_request *r);
enum http_next runs_get(struct http_request *r);
enum http_next runs_epochs(struct http_request *r);
enum http_next runs_layers(struct http_request *r);
enum http_next runs_evaluation(struct http_request *r);
enum http_next runs_features(struct http_request *r);
enum http_next runs_importance(struct http_request *r);
enum http_next runs_model(struct http_request *r);
enum http_next runs_predict(struct http_request *r);
enum http_next stream_get(struct http_request *r);
enum http_next service_health(struct http_request *r);
enum http_next service_ready(struct http_request *r);
enum http_next service_metrics(struct http_request *r);
enum http_next service_schema(struct http_request *r);
enum http_next dashboard_page(struct http_request *r);
enum http_next dashboard_asset(struct http_request *r);

/* ---- parameters: each returns false after it has made the reply (400 or 404) ------------------------------------------ */

/* Path segment `index` as the id of a `what`: anything else is a 404. */
bool api_id(struct http_request *r, int index, const char *what, int64_t *ret_id);
/* A whole number of the query in least..most; `fallback` when absent. */
bool api_query_number(struct http_request *r, const char *name, int64_t least, int64_t most, int64_t fallback,
                      int64_t *ret_value);
bool api_query_flag(struct http_request *r, const char *name, bool *ret_value); /* true, false; absent: false */
bool api_query_status(struct http_request *r, int *ret_status);                 /* -1 when absent */
/* ?limit= (1..200, default 50). */
bool api_limit(struct http_request *r, uint32_t *ret_limit);
/* ?cursor= of a list by descending ids: 0 when absent. */
bool api_cursor(struct http_request *r, int64_t *ret_before);

/* The model (model_unref) of the run that the path names; a run without one is a 409: it has no model `what_for`. */
bool api_model(struct http_request *r, const char *what_for, struct model **ret_model);

/* parent/key, escaped after RFC 6901; cut when it is too long. */
void api_pointer(char *out, size_t size, const char *parent, const char *key);

/* ---- replies -------------------------------------------------------------------------------------------------------- */

void api_writer(struct http_request *r, struct json_writer *w); /* over the reply's emptied body */
/* {"data":[ ... open; then api_list_end closes it with "next": the last id when the list is full. */
void api_list_start(struct json_writer *w);
enum http_next api_list_end(struct http_request *r, struct json_writer *w, int64_t next);
/* Sets an ETag made from the body and replies 200. */
enum http_next api_reply_tagged(struct http_request *r);
void dataset_write(const struct store_dataset *d, struct json_writer *w);
void job_write(const struct store_job *j, struct json_writer *w);
void run_write(const struct store_run *run, struct json_writer *w);
/* Replies with the job as it is stored now: 200 or 202. */
enum http_next job_reply(struct http_request *r, int64_t id, unsigned status);

/* ---- writes through the store ------------------------------------------------------------------------------------------ */

/* An op of a request: the request sleeps until the op is done, then its handler is called again. It is the request's
 * state (or its first member); `done` is true from the second call on. */
struct api_write {
    struct store_op op;
    void (*after)(struct api_write *w); /* on the writer thread, once committed: what must happen even if the client has
                                           gone meanwhile; may be NULL */
    struct http_request *request;
    bool done;
};
/* Suspends the request and submits. op.run must be set. Returns HTTP_WAIT. */
enum http_next api_write_submit(struct http_request *r, struct api_write *w);

/* ---- long polls --------------------------------------------------------------------------------------------------------- */

/* Answers with what read() makes: at once without ?wait=; else when its ETag differs from If-None-Match (or from what
 * it was at the first look), when the resource is terminal and no If-None-Match was sent, or when the time is over. read()
 * fills the reply's body and etag and tells whether the resource is terminal; when it returns false it made a reply. */
typedef bool (*api_read)(struct http_request *r, int64_t id, bool *ret_terminal);
enum http_next api_poll(struct http_request *r, const char *what, api_read read, bool is_job);
