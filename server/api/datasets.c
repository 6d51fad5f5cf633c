/* GET and DELETE of datasets; uploads are in upload.c. */
#include "api.h"

#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include "core/data/table.h"
#include <string.h>

void dataset_write(const struct store_dataset *d, struct json_writer *w)
{
    json_object(w);
    json_field_integer(w, "id", d->id);
    json_field_string(w, "name", d->name);
    json_field_string(w, "sha256", d->sha256);
    json_field_unsigned(w, "bytes", d->bytes);
    json_field_unsigned(w, "rows", d->rows);
    json_field_raw(w, "columns", d->schema);
    json_field_raw(w, "options", d->options);
    json_field_time(w, "created_at", d->created_at);
    json_object_end(w);
}

enum http_next datasets_list(struct http_request *r)
{
    struct app *app = r->app;
    int64_t before;
    uint32_t limit;
    struct store_dataset *items = NULL;
    size_t count = 0;
    struct err err = {0};
    if (!api_limit(r, &limit) || !api_cursor(r, &before))
        return HTTP_REPLY;
    cleanup(store_reader_givep) struct store_reader *reader = store_reader_take(app->store);
    if (store_datasets_list(reader, before, limit + 1, &items, &count, &err))
        return http_error(r, &err);
    struct json_writer w;
    api_writer(r, &w);
    api_list_start(&w);
    for (size_t i = 0; i < count && i < limit; i++)
        dataset_write(&items[i], &w);
    int64_t next = count > limit ? items[limit - 1].id : 0;
    for (size_t i = 0; i < count; i++)
        store_dataset_done(&items[i]);
    mem_free(items);
    return api_list_end(r, &w, next);
}

/* Reads the dataset of the path; makes the reply and returns false when there is none. */
static bool find(struct http_request *r, struct store_dataset *ret)
{
    struct app *app = r->app;
    struct err err = {0};
    cleanup(store_reader_givep) struct store_reader *reader = store_reader_take(app->store);
    if (!store_dataset_find(reader, r->parameter[0], ret, &err))
        return true;
    http_error(r, &err);
    return false;
}

enum http_next datasets_get(struct http_request *r)
{
    struct store_dataset d = {0};
    struct json_writer w;
    if (!find(r, &d))
        return HTTP_REPLY;
    api_writer(r, &w);
    dataset_write(&d, &w);
    store_dataset_done(&d);
    return api_reply_tagged(r);
}

/* ---- preview -------------------------------------------------------------------------------------------------------- */

static void cell_write(const struct table *t, uint32_t column, uint64_t row, struct json_writer *w)
{
    const struct column *c = table_column(t, column);
    if (c->type == COLUMN_NUMERIC) {
        json_put_double(w, table_number(t, column, row));
        return;
    }
    int32_t code = table_code(t, column, row);
    json_put_string(w, code < 0 ? NULL : c->category[code]);
}

static void rows_write(const struct table *t, uint64_t offset, uint64_t limit, struct json_writer *w)
{
    uint64_t end = offset + limit < table_rows(t) ? offset + limit : table_rows(t);
    json_object(w);
    json_name(w, "columns");
    json_array(w);
    for (uint32_t c = 0; c < table_columns(t); c++)
        json_put_string(w, table_column(t, c)->name);
    json_array_end(w);
    json_name(w, "rows");
    json_array(w);
    for (uint64_t row = offset; row < end; row++) {
        json_array(w);
        for (uint32_t c = 0; c < table_columns(t); c++)
            cell_write(t, c, row, w);
        json_array_end(w);
    }
    json_array_end(w);
    json_field_unsigned(w, "offset", offset);
    json_field_unsigned(w, "total", table_rows(t));
    json_object_end(w);
}

enum http_next datasets_rows(struct http_request *r)
{
    struct app *app = r->app;
    struct store_dataset d = {0};
    int64_t offset;
    uint32_t limit;
    char path[FS_PATH_MAX];
    struct table *t;
    struct err err = {0};
    if (!api_query_number(r, "offset", 0, UINT32_MAX, 0, &offset) || !api_limit(r, &limit) || !find(r, &d))
        return HTTP_REPLY;
    enum err_code code = fs_join(path, app->datasets_dir, d.file, &err);
    store_dataset_done(&d);
    if (code || table_open(path, &t, &err))
        return http_error(r, &err);
    struct json_writer w;
    api_writer(r, &w);
    rows_write(t, (uint64_t)offset, limit, &w);
    table_unref(t);
    return api_reply_tagged(r);
}

/* ---- delete --------------------------------------------------------------------------------------------------------- */

struct dataset_delete {
    struct api_write write;
    struct app *app;
    char *key, *file;
};

static void delete_free(void *state)
{
    struct dataset_delete *d = state;
    mem_free(d->key);
    mem_free(d->file);
    mem_free(d);
}

static enum err_code delete_run(struct store_tx *tx, struct store_op *op, struct err *err)
{
    struct dataset_delete *d = (struct dataset_delete *)op;
    struct store_dataset found = {0};
    enum err_code code = store_dataset_find_tx(tx, d->key, &found, err);
    if (!code)
        code = store_dataset_delete(tx, found.id, &d->file, err);
    store_dataset_done(&found);
    return code;
}

static void remove_file(struct api_write *w)
{
    struct dataset_delete *d = (struct dataset_delete *)w;
    char path[FS_PATH_MAX];
    if (d->file && !fs_join(path, d->app->datasets_dir, d->file, NULL))
        (void)fs_remove(path, NULL);
}

enum http_next datasets_delete(struct http_request *r)
{
    struct dataset_delete *d = r->state;
    if (!d) {
        if (!(d = mem_zalloc(sizeof *d)) || !(d->key = mem_strdup(r->parameter[0]))) {
            mem_free(d);
            return http_error(r, &(struct err){.code = ERR_NO_MEMORY, .message = "out of memory"});
        }
        r->state = d;
        r->state_free = delete_free;
        d->app = r->app;
        d->write.op.run = delete_run;
        d->write.after = remove_file;
        return api_write_submit(r, &d->write);
    }
    if (d->write.op.code)
        return http_error(r, &d->write.op.err);
    return http_empty(r, 204);
}
