/* THE route table. A row names its method, path, scope, body, query parameters, and handler. */
#include "api.h"

#define CSV_LIMIT ((uint64_t)8 << 30)
#define PREDICT_LIMIT ((uint64_t)64 << 20)
#define JSON(method, path, scope, query, handler, summary)                                                             \
    {method, path, scope, BODY_NONE, 0, query, handler, NULL, summary}

const struct http_route api_routes[] = {
    {HTTP_POST, "/v1/datasets", SCOPE_TRAIN, BODY_JSON_OR_CSV, CSV_LIMIT, "name delimiter decimal missing",
     datasets_create, datasets_create_piece, "Upload a dataset: a CSV file, or a small table as JSON"},
    JSON(HTTP_GET, "/v1/datasets", SCOPE_READ, "limit cursor", datasets_list, "List datasets, newest first"),
    JSON(HTTP_GET, "/v1/datasets/{dataset}", SCOPE_READ, "", datasets_get, "A dataset and its columns"),
    JSON(HTTP_GET, "/v1/datasets/{dataset}/rows", SCOPE_READ, "offset limit", datasets_rows, "A preview of its rows"),
    JSON(HTTP_DELETE, "/v1/datasets/{dataset}", SCOPE_TRAIN, "", datasets_delete, "Delete a dataset"),

    {HTTP_POST, "/v1/jobs", SCOPE_TRAIN, BODY_JSON, HTTP_JSON_LIMIT, "dry_run", jobs_create, NULL,
     "Start a training job"},
    JSON(HTTP_GET, "/v1/jobs", SCOPE_READ, "limit cursor status name order_by desc", jobs_list, "List jobs, newest first"),
    JSON(HTTP_GET, "/v1/jobs/{job}", SCOPE_READ, "wait", jobs_get, "A job; with wait, when it changes"),
    JSON(HTTP_GET, "/v1/jobs/{job}/runs", SCOPE_READ, "limit cursor status order_by desc", jobs_runs, "A job's runs"),
    JSON(HTTP_GET, "/v1/jobs/{job}/folds", SCOPE_READ, "limit order_by desc", jobs_folds, "Mean and spread over a job's folds"),
    JSON(HTTP_POST, "/v1/jobs/{job}/cancel", SCOPE_TRAIN, "", jobs_cancel, "Cancel a job"),
    JSON(HTTP_POST, "/v1/jobs/{job}/pause", SCOPE_TRAIN, "", jobs_pause, "Pause a job: its running runs leave checkpoints"),
    JSON(HTTP_POST, "/v1/jobs/{job}/resume", SCOPE_TRAIN, "", jobs_resume, "Go on with a paused job"),
    {HTTP_PATCH, "/v1/jobs/{job}", SCOPE_TRAIN, BODY_JSON, HTTP_JSON_LIMIT, "", jobs_patch, NULL,
     "Change a job's name or priority"},
    JSON(HTTP_DELETE, "/v1/jobs/{job}", SCOPE_TRAIN, "", jobs_delete, "Delete a job with its runs"),

    JSON(HTTP_GET, "/v1/runs/{run}", SCOPE_READ, "wait", runs_get, "A run; with wait, when it changes"),
    JSON(HTTP_GET, "/v1/runs/{run}/epochs", SCOPE_READ, "from to points", runs_epochs, "Losses and metrics by epoch"),
    JSON(HTTP_GET, "/v1/runs/{run}/layers", SCOPE_READ, "from to points", runs_layers, "The diagnosis of its layers"),
    JSON(HTTP_GET, "/v1/runs/{run}/evaluation", SCOPE_READ, "", runs_evaluation, "Evaluation on the validation rows"),
    JSON(HTTP_GET, "/v1/runs/{run}/importance", SCOPE_READ, "repeats seed wait", runs_importance,
         "Which features matter, by permutation"),
    JSON(HTTP_GET, "/v1/runs/{run}/features", SCOPE_READ, "", runs_features, "What its model takes and gives"),
    JSON(HTTP_GET, "/v1/runs/{run}/model", SCOPE_READ, "", runs_model, "The model file"),
    {HTTP_POST, "/v1/runs/{run}/predict", SCOPE_PREDICT, BODY_JSON_OR_CSV, PREDICT_LIMIT, "", runs_predict, NULL,
     "Predict raw rows"},

    JSON(HTTP_GET, "/v1/stream", SCOPE_READ, "jobs runs events last_event_id", stream_get, "What happens, as server-sent events"),
    JSON(HTTP_GET, "/v1/schema", SCOPE_READ, "", service_schema, "JSON Schema of a job"),
    JSON(HTTP_GET, "/healthz", SCOPE_OPEN, "", service_health, "Whether the process answers"),
    JSON(HTTP_GET, "/readyz", SCOPE_OPEN, "", service_ready, "Whether jobs are taken"),
    JSON(HTTP_GET, "/metrics", SCOPE_READ, "", service_metrics, "Prometheus metrics"),

    JSON(HTTP_GET, "/", SCOPE_OPEN, "", dashboard_page, "The dashboard"),
    JSON(HTTP_GET, "/assets/{file}", SCOPE_OPEN, "", dashboard_asset, "The dashboard's own files"),
    {.path = NULL},
};
