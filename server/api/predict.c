/* POST /v1/runs/{run}/predict: raw rows in, answers out, in the same order. JSON instances by name or in the order of the
 * features; CSV with a header gives CSV. Rows are predicted in chunks, so that memory stays small beside the body. */
#include "answers.h"
#include "api.h"

#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include "core/base/text.h"
#include "core/data/csv.h"
#include "core/nn/metrics.h"
#include "core/nn/model.h"
#include <math.h>
#include <string.h>

#define PREDICT_ROWS 10000
#define PREDICT_NUMBERS 2000000 /* that the network gives: rows x outputs */
#define CHUNK 256

/* The rows that wait to be predicted, and where answers go. */
struct prediction {
    const struct encoder *encoder;
    const struct mlp_network *network;
    bool csv;
    size_t waiting, rows; /* in the chunk; in all */
    real *x, *out, *scratch; /* x: CHUNK x inputs, out: CHUNK x outputs */
    struct encoder_warnings warnings;
    struct json_writer w; /* JSON */
    struct buf *body;
    int32_t *column_feature; /* CSV: the feature of each column, -1 where there is none */
    uint32_t columns;
    struct violations *violations;
};

static void prediction_done(struct prediction *p)
{
    mem_free(p->x);
    mem_free(p->out);
    mem_free(p->scratch);
    mem_free(p->column_feature);
}

static enum err_code prediction_init(struct prediction *p, const struct model *m, struct http_request *r, struct err *err)
{
    p->encoder = model_encoder(m);
    p->network = model_network(m);
    p->csv = r->csv;
    p->body = &r->reply.body;
    p->x = mem_array(CHUNK, encoder_inputs(p->encoder) * sizeof(real));
    p->out = mem_array(CHUNK, encoder_outputs(p->encoder) * sizeof(real));
    p->scratch = mem_array(mlp_predict_scratch(p->network, CHUNK) + 1, sizeof(real));
    buf_clear(p->body);
    return p->x && p->out && p->scratch ? ERR_OK : err_no_memory(err);
}

static real *next_row(struct prediction *p)
{
    real *x = p->x + p->waiting * encoder_inputs(p->encoder);
    encoder_row_start(p->encoder, x);
    return x;
}

/* ---- answers ---------------------------------------------------------------------------------------------------------- */

static enum err_code predict_waiting(struct prediction *p, struct err *err)
{
    uint32_t inputs = encoder_inputs(p->encoder), outputs = encoder_outputs(p->encoder);
    enum err_code code = mlp_predict(p->network, p->x, p->waiting, inputs, p->out, p->scratch, err);
    for (size_t i = 0; !code && i < p->waiting; i++) {
        if (p->csv)
            answer_csv(p->encoder, p->out + i * outputs, p->body);
        else
            answer_json(p->encoder, p->out + i * outputs, &p->w);
    }
    p->waiting = 0;
    return code ? code : p->body->failed ? err_no_memory(err) : ERR_OK;
}

static enum err_code check_rows(const struct prediction *p, size_t rows, struct err *err)
{
    uint32_t outputs = encoder_outputs(p->encoder);
    if (rows > PREDICT_ROWS)
        return err_set(err, ERR_TOO_LARGE, "at most %d rows in one request", PREDICT_ROWS);
    if (rows > PREDICT_NUMBERS / outputs)
        return err_set(err, ERR_TOO_LARGE, "at most %u rows in one request to this model, which gives %u numbers for each: "
                       "rows times numbers are limited to %d; send fewer rows at once", PREDICT_NUMBERS / outputs, outputs,
                       PREDICT_NUMBERS);
    return ERR_OK;
}

static enum err_code row_is_ready(struct prediction *p, struct err *err)
{
    enum err_code code = check_rows(p, ++p->rows, err);
    if (code)
        return code;
    return ++p->waiting == CHUNK ? predict_waiting(p, err) : ERR_OK;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------- */

static void count_cell(struct prediction *p, enum encoder_cell cell)
{
    p->warnings.missing += cell == CELL_MISSING;
    p->warnings.unseen += cell == CELL_UNSEEN;
}

/* A text, a truth value or a number as the text of a category. */
static void set_text(struct prediction *p, uint32_t feature, const struct json *v, real *x)
{
    char number[JSON_NUMBER_SIZE];
    enum json_kind kind = json_kind(v);
    const char *text = kind == JSON_STRING ? json_string(v) : kind == JSON_BOOLEAN ? (json_boolean(v) ? "true" : "false")
                                                                                  : json_number_text(json_number(v), number);
    count_cell(p, encoder_row_text(p->encoder, feature, text, strlen(text), encoder_decimal(p->encoder), x));
}

static void set_cell(struct prediction *p, uint32_t feature, const struct json *v, const char *pointer, real *x)
{
    const struct encoder_feature *f = encoder_feature(p->encoder, feature);
    enum json_kind kind = json_kind(v);
    bool number = f->type == COLUMN_NUMERIC && f->encoding == ENCODING_NUMBER;
    if (kind == JSON_NULL || (kind == JSON_STRING && encoder_missing(p->encoder, json_string(v), strlen(json_string(v)))))
        p->warnings.missing++;
    else if (kind == JSON_NUMBER && (f->type == COLUMN_NUMERIC || f->encoding == ENCODING_NUMBER))
        count_cell(p, encoder_row_number(p->encoder, feature, json_number(v), x));
    else if (number)
        violation_add(p->violations, pointer, "type", "\"%.80s\" is numeric: must be a number or null, got %s", f->name,
                      json_kind_name(kind));
    else if (kind == JSON_ARRAY || kind == JSON_OBJECT)
        violation_add(p->violations, pointer, "type", "\"%.80s\" is categorical: must be a text or null, got %s", f->name,
                      json_kind_name(kind));
    else
        set_text(p, feature, v, x);
}

static void set_by_name(struct prediction *p, const struct json *instance, size_t index, real *x)
{
    uint32_t given = 0;
    char parent[64], pointer[256];
    snprintf(parent, sizeof parent, "/instances/%zu", index);
    for (const struct json *m = json_first(instance); m; m = json_next(m)) {
        int feature = encoder_find(p->encoder, json_key(m), strlen(json_key(m)));
        api_pointer(pointer, sizeof pointer, parent, json_key(m));
        if (feature >= 0)
            set_cell(p, (uint32_t)feature, m, pointer, x);
        else if (!encoder_passes_over(p->encoder, json_key(m), strlen(json_key(m))))
            violation_add(p->violations, pointer, "unknown", "the model does not know a column \"%.100s\"", json_key(m));
        given += feature >= 0;
    }
    const char *twice = json_duplicate(instance);
    if (twice) {
        api_pointer(pointer, sizeof pointer, parent, twice);
        violation_add(p->violations, pointer, "duplicate", "\"%.100s\" is given twice", twice);
    } else {
        p->warnings.missing += encoder_features(p->encoder) - given;
    }
}

static void set_by_position(struct prediction *p, const struct json *instance, size_t index, real *x)
{
    uint32_t feature = 0, features = encoder_features(p->encoder);
    char pointer[96];
    for (const struct json *v = json_first(instance); v; v = json_next(v), feature++) {
        snprintf(pointer, sizeof pointer, "/instances/%zu/%u", index, feature);
        if (feature < features)
            set_cell(p, feature, v, pointer, x);
    }
    snprintf(pointer, sizeof pointer, "/instances/%zu", index);
    if (feature != features)
        violation_add(p->violations, pointer, "length", "must have %u values, one for each feature; got %u", features,
                      feature);
}

static enum err_code predict_instances(struct prediction *p, const struct json *instances, struct err *err)
{
    size_t index = 0;
    enum err_code code = ERR_OK;
    for (const struct json *i = json_first(instances); !code && i; i = json_next(i), index++) {
        real *x = next_row(p);
        char pointer[64];
        snprintf(pointer, sizeof pointer, "/instances/%zu", index);
        if (json_kind(i) == JSON_OBJECT)
            set_by_name(p, i, index, x);
        else if (json_kind(i) == JSON_ARRAY)
            set_by_position(p, i, index, x);
        else
            violation_add(p->violations, pointer, "type", "must be an object by column name or a list in the order of the "
                                                          "features, got %s", json_kind_name(json_kind(i)));
        code = row_is_ready(p, err);
    }
    return code ? code : predict_waiting(p, err);
}

static const struct json *instances_of(const struct json *body, struct violations *violations)
{
    if (json_kind(body) != JSON_OBJECT) {
        violation_add(violations, "", "type", "must be an object with \"instances\"");
        return NULL;
    }
    for (const struct json *m = json_first(body); m; m = json_next(m)) {
        char pointer[256];
        api_pointer(pointer, sizeof pointer, "", json_key(m));
        if (strcmp(json_key(m), "instances") != 0)
            violation_add(violations, pointer, "unknown", "unknown field: a prediction takes \"instances\"");
    }
    const char *twice = json_duplicate(body);
    if (twice && !strcmp(twice, "instances"))
        violation_add(violations, "/instances", "duplicate", "is given twice: keep one");
    const struct json *instances = json_get(body, "instances");
    if (instances && json_kind(instances) == JSON_ARRAY)
        return instances;
    violation_add(violations, "/instances", instances ? "type" : "required", "must be a list of rows");
    return NULL;
}

static void warnings_write(const struct encoder_warnings *warnings, struct json_writer *w)
{
    json_name(w, "warnings");
    json_object(w);
    json_field_unsigned(w, "missing", warnings->missing);
    json_field_unsigned(w, "unseen", warnings->unseen);
    json_object_end(w);
}

static enum http_next predict_json(struct http_request *r, struct prediction *p)
{
    cleanup(json_freep) struct json *body = NULL;
    struct err err = {0};
    if (json_parse(buf_text(&r->body), r->body.length, &body, &err))
        return http_error(r, &err);
    const struct json *instances = instances_of(body, p->violations);
    if (p->violations->count)
        return http_violations(r, p->violations);
    if (check_rows(p, json_count(instances), &err)) /* before any is predicted */
        return http_error(r, &err);
    api_writer(r, &p->w);
    json_object(&p->w);
    json_name(&p->w, "predictions");
    json_array(&p->w);
    if (predict_instances(p, instances, &err))
        return http_error(r, &err);
    if (p->violations->count)
        return http_violations(r, p->violations);
    json_array_end(&p->w);
    warnings_write(&p->warnings, &p->w);
    json_object_end(&p->w);
    return http_json(r, 200);
}

/* ---- CSV -------------------------------------------------------------------------------------------------------------- */

/* Blanks around a name do not count, as in an upload. */
static struct csv_cell trim(struct csv_cell cell)
{
    for (; cell.length && (*cell.text == ' ' || *cell.text == '\t'); cell.text++)
        cell.length--;
    while (cell.length && (cell.text[cell.length - 1] == ' ' || cell.text[cell.length - 1] == '\t'))
        cell.length--;
    return cell;
}

static enum err_code read_header(struct prediction *p, const struct csv_cell *cells, uint32_t count, struct err *err)
{
    cleanup(mem_freep) bool *seen = mem_array(encoder_features(p->encoder), sizeof *seen);
    p->column_feature = mem_array(count, sizeof *p->column_feature);
    if (!p->column_feature || !seen)
        return err_no_memory(err);
    p->columns = count;
    for (uint32_t c = 0; c < count; c++) {
        struct csv_cell name = trim(cells[c]);
        int feature = encoder_find(p->encoder, name.text, name.length);
        if (feature < 0 && !encoder_passes_over(p->encoder, name.text, name.length))
            return err_set_at(err, ERR_INVALID, 1, c + 1, "the model does not know a column \"%.*s\"",
                              (int)(name.length < 100 ? name.length : 100), name.text);
        if (feature >= 0 && seen[feature])
            return err_set_at(err, ERR_INVALID, 1, c + 1, "the column is there twice");
        if (feature >= 0)
            seen[feature] = true;
        p->column_feature[c] = feature;
    }
    answer_csv_header(p->encoder, p->body);
    return ERR_OK;
}

struct csv_input {
    struct prediction *prediction;
    struct csv *csv;
    struct csv_options options;
};

static enum err_code read_cell(struct csv_input *in, uint64_t line, uint32_t column, const struct csv_cell *cell, real *x,
                               uint32_t *given, struct err *err)
{
    struct prediction *p = in->prediction;
    int32_t feature = p->column_feature[column];
    if (feature < 0 || encoder_missing(p->encoder, cell->text, cell->length))
        return ERR_OK;
    enum encoder_cell became = encoder_row_text(p->encoder, (uint32_t)feature, cell->text, cell->length, csv_decimal(in->csv), x);
    if (became == CELL_NO_NUMBER)
        return err_set_at(err, ERR_INVALID, line, column + 1, "\"%s\" is numeric, got \"%.*s\"",
                          encoder_feature(p->encoder, (uint32_t)feature)->name,
                          (int)(cell->length < 60 ? cell->length : 60), cell->text);
    ++*given;
    count_cell(p, became);
    return ERR_OK;
}

static enum err_code read_record(void *context, uint64_t record, uint64_t line, const struct csv_cell *cells,
                                 uint32_t count, struct err *err)
{
    struct csv_input *in = context;
    struct prediction *p = in->prediction;
    if (!record)
        return read_header(p, cells, count, err);
    if (count != p->columns)
        return err_set_at(err, ERR_INVALID, line, count, "the header has %u columns, this row has %u", p->columns, count);
    real *x = next_row(p);
    uint32_t given = 0;
    enum err_code code = ERR_OK;
    for (uint32_t c = 0; !code && c < count; c++)
        code = read_cell(in, line, c, &cells[c], x, &given, err);
    p->warnings.missing += encoder_features(p->encoder) - given;
    return code ? code : row_is_ready(p, err);
}

static enum http_next predict_csv(struct http_request *r, struct prediction *p)
{
    struct csv_input in = {.prediction = p};
    struct err err = {0};
    enum err_code code = csv_new(&in.options, read_record, &in, &in.csv, &err);
    if (!code)
        code = csv_feed(in.csv, r->body.data, r->body.length, &err);
    if (!code)
        code = csv_finish(in.csv, &err);
    if (!code && !p->columns)
        code = err_set(&err, ERR_INVALID, "the file is empty: its first row must name the columns");
    if (!code)
        code = predict_waiting(p, &err);
    csv_free(in.csv);
    if (code)
        return http_error(r, &err);
    r->reply.content_type = "text/csv; charset=utf-8; header=present";
    r->reply.status = 200;
    return HTTP_REPLY;
}

/* ---- the handler ------------------------------------------------------------------------------------------------------ */

enum http_next runs_predict(struct http_request *r)
{
    struct model *m = NULL;
    if (!api_model(r, "to predict with", &m))
        return HTTP_REPLY;
    struct prediction p = {0};
    struct err err = {0};
    enum http_next next;
    p.violations = mem_zalloc(sizeof *p.violations);
    if (!p.violations || prediction_init(&p, m, r, &err))
        next = http_error(r, &(struct err){.code = ERR_NO_MEMORY, .message = "out of memory"});
    else
        next = (r->csv ? predict_csv : predict_json)(r, &p);
    mem_free(p.violations);
    prediction_done(&p);
    model_unref(m);
    return next;
}
