/* POST /v1/datasets. The body streams into a table builder on the HTTP thread; finishing (syncing the file, reading again
 * what was typed late) happens on the background thread; then one transaction makes the dataset. Files before rows: the
 * table is in its place before its row is. */
#include "api.h"

#include "core/base/cleanup.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/base/sha256.h"
#include "core/data/table.h"
#include "dataset_schema.h"
#include <stdio.h>
#include <string.h>

#define MISSING_MAX 32
#define SCHEMA_MAX ((size_t)256 << 20)

struct upload {
    struct api_write write; /* first: it is the op */
    struct background_work work;
    struct app *app;
    struct csv_options options;
    char *missing_texts;
    const char *missing[MISSING_MAX];
    struct table_builder *builder;
    char name[129];
    char temporary[FS_PATH_MAX], path[FS_PATH_MAX];
    struct store_dataset dataset;
    bool bad_query; /* `err` is about the query */
    bool in_place;  /* the file is at `path` */
    bool committed; /* its row is in the store */
    bool again;     /* the same bytes were there under the name */
    enum err_code code;
    struct err err;
};

static void upload_free(void *state)
{
    struct upload *u = state;
    table_builder_free(u->builder);
    if (u->in_place && !u->committed)
        (void)fs_remove(u->path, NULL);
    mem_free(u->missing_texts);
    store_dataset_done(&u->dataset);
    mem_free(u);
}

/* ---- the start: options and a builder --------------------------------------------------------------------------------- */

static enum err_code read_mark(struct http_request *r, const char *name, const char *allowed, char *ret, struct err *err)
{
    const char *text = http_query(r, name);
    if (text && !strcmp(text, "tab"))
        text = "\t";
    if (text && (strlen(text) != 1 || !strchr(allowed, *text)))
        return err_set(err, ERR_MALFORMED, "%s must be %s, got \"%.20s\"", name,
                       allowed[2] ? "one of , ; | or tab" : "one of . ,", text);
    *ret = text ? *text : 0;
    return ERR_OK;
}

/* ?missing=NA,-,n/a */
static enum err_code read_missing(struct http_request *r, struct upload *u, struct err *err)
{
    const char *list = http_query(r, "missing");
    if (!list)
        return ERR_OK;
    if (!(u->missing_texts = mem_strdup(list)))
        return err_no_memory(err);
    size_t count = 0;
    for (char *rest = u->missing_texts; rest;) {
        if (count == MISSING_MAX)
            return err_set(err, ERR_MALFORMED, "missing must list at most %d texts", MISSING_MAX);
        u->missing[count++] = strsep(&rest, ",");
    }
    u->options.missing = u->missing;
    u->options.missing_count = count;
    return ERR_OK;
}

static enum err_code read_options(struct http_request *r, struct upload *u, struct err *err)
{
    enum err_code code = read_mark(r, "delimiter", ",;|\t", &u->options.delimiter, err);
    if (code || (code = read_mark(r, "decimal", ".,", &u->options.decimal, err)) || (code = read_missing(r, u, err)))
        return code;
    if (!r->csv) { /* as inline_table_feed writes it */
        u->options.delimiter = ',';
        u->options.decimal = '.';
    }
    const char *name = http_query(r, "name");
    if (!r->csv && !name)
        return ERR_OK;
    const char *fault = name ? dataset_name_fault(name) : "is missing: give the dataset's name as ?name=...";
    if (fault)
        return err_set(err, ERR_MALFORMED, "name %s", fault);
    snprintf(u->name, sizeof u->name, "%s", name);
    return ERR_OK;
}

static enum err_code start_builder(struct http_request *r, struct upload *u, struct err *err)
{
    char name[64];
    snprintf(name, sizeof name, "upload-%s", r->id);
    if (atomic_load(&u->app->stopping))
        return err_set(err, ERR_UNAVAILABLE, "the daemon is stopping");
    enum err_code code = fs_join(u->temporary, u->app->datasets_dir, name, err);
    return code ? code : table_builder_new(u->temporary, &u->options, &u->builder, err);
}

static struct upload *upload_of(struct http_request *r)
{
    if (r->state)
        return r->state;
    struct upload *u = mem_zalloc(sizeof *u);
    if (!u)
        return NULL;
    u->app = r->app;
    r->state = u;
    r->state_free = upload_free;
    u->code = read_options(r, u, &u->err);
    u->bad_query = u->code == ERR_MALFORMED;
    if (!u->code)
        u->code = start_builder(r, u, &u->err);
    return u;
}

enum err_code datasets_create_piece(struct http_request *r, const void *data, size_t length)
{
    struct upload *u = upload_of(r);
    if (!u)
        return ERR_NO_MEMORY;
    if (!u->code)
        u->code = table_builder_feed(u->builder, data, length, &u->err);
    u->dataset.bytes += length;
    return u->code;
}

/* ---- the end: file, then row ------------------------------------------------------------------------------------------ */

static enum err_code insert(struct store_tx *tx, struct store_op *op, struct err *err)
{
    struct upload *u = (struct upload *)op;
    struct store_dataset there = {0};
    enum err_code code = store_dataset_find_tx(tx, u->dataset.name, &there, NULL);
    if (code == ERR_NOT_FOUND) {
        code = store_dataset_insert(tx, &u->dataset, &u->dataset.id, err);
    } else if (!code) {
        bool same_bytes = !strcmp(there.sha256, u->dataset.sha256);
        u->again = same_bytes && !strcmp(there.options, u->dataset.options);
        u->dataset.id = there.id;
        if (same_bytes && !u->again)
            code = err_set(err, ERR_CONFLICT, "a dataset \"%s\" of the same bytes is there, read with other options (%.150s): "
                                              "choose another name, or delete it first", u->dataset.name, there.options);
        else if (!u->again)
            code = err_set(err, ERR_CONFLICT, "a dataset \"%s\" with other contents is there: choose another name, or "
                                              "delete it first", u->dataset.name);
    }
    store_dataset_done(&there);
    return code;
}

static enum err_code describe(struct upload *u, struct err *err)
{
    struct table *t;
    enum err_code code = table_open(u->path, &t, err);
    if (code)
        return code;
    struct buf schema, options;
    struct json_writer w;
    buf_init(&schema, SCHEMA_MAX);
    buf_init(&options, 1 << 16);
    json_start(&w, &schema);
    dataset_schema_write(t, &w);
    json_start(&w, &options);
    struct csv_options found = table_builder_options(u->builder); /* spelled out or not: what it was read with */
    dataset_options_write(&found, &w);
    u->dataset.rows = table_rows(t);
    u->dataset.columns = table_columns(t);
    u->dataset.schema = buf_steal(&schema, NULL);
    u->dataset.options = buf_steal(&options, NULL);
    u->dataset.name = mem_strdup(u->name);
    u->dataset.created_at = clock_wall_ms();
    table_unref(t);
    buf_done(&schema);
    buf_done(&options);
    if (!u->dataset.schema || !u->dataset.options || !u->dataset.name)
        return err_no_memory(err);
    return ERR_OK;
}

static enum err_code put_in_place(struct upload *u, struct err *err)
{
    char sha256[SHA256_TEXT], name[128];
    enum err_code code = table_builder_finish(u->builder, sha256, err);
    if (code)
        return code;
    snprintf(name, sizeof name, "%s-%s.table", sha256, u->write.request->id);
    u->dataset.sha256 = mem_strdup(sha256);
    u->dataset.file = mem_strdup(name);
    if (!u->dataset.sha256 || !u->dataset.file)
        return err_no_memory(err);
    if ((code = fs_join(u->path, u->app->datasets_dir, name, err)) || (code = fs_rename(u->temporary, u->path, err)))
        return code;
    u->in_place = true;
    return describe(u, err);
}

static void inserted(struct store_op *op)
{
    struct upload *u = (struct upload *)op;
    u->code = op->code;
    u->err = op->err;
    u->committed = !op->code && !u->again;
    http_wake(u->write.request);
}

static void finish(struct background_work *w)
{
    struct upload *u = (struct upload *)((char *)w - offsetof(struct upload, work));
    struct http_request *r = u->write.request;
    enum err_code code = put_in_place(u, &u->err);
    u->write.op = (struct store_op){.run = insert, .done = inserted};
    if (!code)
        code = store_submit(u->app->store, &u->write.op, &u->err);
    if (!code)
        return; /* inserted() has u now, and may be done with it already */
    u->code = code;
    http_wake(r);
}

static enum http_next reply(struct http_request *r, struct upload *u)
{
    char key[32];
    struct store_dataset d = {0};
    struct err err = {0};
    cleanup(store_reader_givep) struct store_reader *reader = store_reader_take(u->app->store);
    snprintf(key, sizeof key, "%lld", (long long)u->dataset.id);
    if (store_dataset_find(reader, key, &d, &err))
        return http_error(r, &err);
    struct json_writer w;
    api_writer(r, &w);
    dataset_write(&d, &w);
    snprintf(r->reply.location, sizeof r->reply.location, "/v1/datasets/%s", d.name);
    store_dataset_done(&d);
    return http_json(r, u->again ? 200 : 201);
}

/* Reads the JSON body into the builder. Returns false when a reply was made. */
static bool feed_inline(struct http_request *r, struct upload *u)
{
    cleanup(json_freep) struct json *body = NULL;
    struct inline_table table;
    struct violations violations = {0};
    struct err err = {0};
    if (json_parse(buf_text(&r->body), r->body.length, &body, &err)) {
        http_error(r, &err);
        return false;
    }
    inline_table_read(body, &table, &violations);
    if (violations.count) {
        http_violations(r, &violations);
        return false;
    }
    snprintf(u->name, sizeof u->name, "%s", table.name);
    u->dataset.bytes = r->body.length;
    u->code = inline_table_feed(&table, u->builder, &u->err);
    return true;
}

enum http_next datasets_create(struct http_request *r)
{
    struct upload *u = upload_of(r);
    if (!u)
        return http_error(r, &(struct err){.code = ERR_NO_MEMORY, .message = "out of memory"});
    if (!u->write.done && !u->code && !r->csv && !feed_inline(r, u))
        return HTTP_REPLY;
    if (u->bad_query)
        return http_problem(r, 400, "query", "Bad query parameter", "%s", u->err.message);
    if (u->code)
        return http_error(r, &u->err);
    if (u->write.done)
        return reply(r, u);
    u->write.done = true;
    u->write.request = r;
    u->work.run = finish;
    http_suspend(r);
    if (!background_add(u->app->background, &u->work)) {
        u->code = err_set(&u->err, ERR_UNAVAILABLE, "the daemon is stopping");
        http_wake(r);
    }
    return HTTP_WAIT;
}
