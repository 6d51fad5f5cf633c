/* The service itself: health, readiness, metrics, schema. */
#include "api.h"

#include "core/base/cleanup.h"
#include "core/base/clock.h"
#include "core/base/fs.h"
#include "server/train/job_spec.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum http_next service_health(struct http_request *r)
{
    buf_clear(&r->reply.body);
    buf_puts(&r->reply.body, "{\"status\":\"ok\",\"version\":\"" MLPD_VERSION "\"}");
    return http_json(r, 200);
}

enum http_next service_ready(struct http_request *r)
{
    struct app *app = r->app;
    if (atomic_load(&app->stopping))
        return http_error(r, &(struct err){.code = ERR_UNAVAILABLE, .message = "the daemon is stopping"});
    buf_clear(&r->reply.body);
    buf_puts(&r->reply.body, "{\"status\":\"ready\"}");
    return http_json(r, 200);
}

enum http_next service_schema(struct http_request *r)
{
    struct buf schema;
    struct json_writer w;
    buf_init(&schema, 1 << 20);
    json_start(&w, &schema);
    json_schema(job_spec_fields, &w);
    api_writer(r, &w);
    buf_puts(&r->reply.body, "{\"title\":\"A training job\"");
    if (schema.length > 2) {
        buf_putc(&r->reply.body, ',');
        buf_puts(&r->reply.body, schema.data + 1);
    }
    r->reply.body.failed |= schema.failed;
    buf_done(&schema);
    return api_reply_tagged(r);
}

/* ---- metrics ---------------------------------------------------------------------------------------------------------- */

static void metric(struct buf *out, const char *name, const char *kind, const char *help, double value)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.17g\n", name, help, name, kind, name, value);
}

static double resident_bytes(void)
{
    cleanup(mem_freep) char *text = NULL;
    size_t size;
    if (fs_read_all("/proc/self/statm", 4096, &text, &size, NULL))
        return 0;
    const char *pages = strchr(text, ' '); /* the second number */
    return pages ? (double)strtoul(pages, NULL, 10) * (double)sysconf(_SC_PAGESIZE) : 0;
}

static void store_metrics(const struct store_totals *t, struct buf *out)
{
    metric(out, "mlpd_datasets", "gauge", "Datasets stored.", (double)t->datasets);
    metric(out, "mlpd_jobs", "gauge", "Jobs stored.", (double)t->jobs);
    buf_puts(out, "# HELP mlpd_runs Runs stored, by status.\n# TYPE mlpd_runs gauge\n");
    for (int s = 0; s < STATUS_COUNT; s++)
        buf_printf(out, "mlpd_runs{status=\"%s\"} %llu\n", store_status_name(s), (unsigned long long)t->runs_by_status[s]);
    metric(out, "mlpd_store_commits_total", "counter", "Transactions committed.", (double)t->commits);
    metric(out, "mlpd_store_operations_total", "counter", "Operations inside them.", (double)t->ops);
    metric(out, "mlpd_store_queue", "gauge", "Operations that wait for a transaction.", (double)t->queued_ops);
    metric(out, "mlpd_database_bytes", "gauge", "Size of the database file.", (double)t->database_bytes);
    metric(out, "mlpd_wal_bytes", "gauge", "Size of its write-ahead log.", (double)t->wal_bytes);
}

static void training_metrics(const struct scheduler_totals *t, struct buf *out)
{
    metric(out, "mlpd_workers", "gauge", "Run workers.", (double)t->workers);
    metric(out, "mlpd_workers_busy", "gauge", "Run workers that train.", (double)t->busy);
    metric(out, "mlpd_runs_waiting", "gauge", "Runs that wait for a worker.", (double)t->waiting);
    metric(out, "mlpd_epochs_total", "counter", "Epochs trained since start.", (double)t->epochs);
    metric(out, "mlpd_training_seconds_total", "counter", "Seconds spent in epochs since start.", t->training_seconds);
    metric(out, "mlpd_checkpoints_total", "counter", "Checkpoints written since start.", (double)t->checkpoints);
    metric(out, "mlpd_checkpoint_seconds_total", "counter", "Seconds that training waited for checkpoints since start.",
           t->checkpoint_seconds);
}

static void broadcast_metrics(struct broadcast *f, struct buf *out)
{
    struct broadcast_totals t = broadcast_totals(f);
    metric(out, "mlpd_streams", "gauge", "Streams of events that are open.", (double)t.streams);
    metric(out, "mlpd_stream_resyncs_total", "counter", "Streams told to read everything again.", (double)t.resyncs);
}

enum http_next service_metrics(struct http_request *r)
{
    struct app *app = r->app;
    struct store_totals stored;
    struct scheduler_totals trained;
    struct err err = {0};
    struct buf *out = &r->reply.body;
    cleanup(store_reader_givep) struct store_reader *reader = store_reader_take(app->store);
    if (store_totals(reader, &stored, &err))
        return http_error(r, &err);
    scheduler_totals(app->scheduler, &trained);
    buf_clear(out);
    metric(out, "mlpd_uptime_seconds", "gauge", "Seconds since start.",
           (double)(clock_wall_ms() - app->started_at) / 1000);
    metric(out, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
    uint64_t disk_free;
    if (!fs_free(app->config->data_dir, &disk_free, NULL))
        metric(out, "mlpd_disk_free_bytes", "gauge", "Free bytes where the data directory is.", (double)disk_free);
    store_metrics(&stored, out);
    training_metrics(&trained, out);
    broadcast_metrics(app->broadcast, out);
    http_metrics(http_server_of(r), out);
    r->reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
    r->reply.status = 200;
    return HTTP_REPLY;
}
