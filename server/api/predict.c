/* POST /v1/runs/{run}/predict: raw rows in, answers out, in the same order. JSON instances by name or in the order of the
 * features; CSV with a header gives CSV. Rows are predicted in chunks, so that memory stays small beside the body. */
#include "answers.h"
#include "predict.h"

#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include "core/data/csv.h"
#include <string.h>

#define PREDICT_ROWS 10000
#define PREDICT_NUMBERS 2000000 /* that the network gives: rows x outputs */
#define CHUNK 256

static void prediction_done(struct prediction *p)
{
    mem_free(p->room);
    mem_free(p->column_feature);
    buf_done(&p->others);
}

enum err_code prediction_room(struct prediction *p, size_t rows, struct err *err)
{
    p->chunk = rows && rows < CHUNK ? rows : CHUNK;
    size_t features = encoder_features(p->encoder), given = features * sizeof *p->given_by;
    size_t x = p->chunk * encoder_inputs(p->encoder), out = p->chunk * encoder_outputs(p->encoder);
    size_t scratch = mlp_predict_scratch(p->network, p->chunk);
    p->room = mem_alloc(given + (x + out + scratch) * sizeof(real));
    if (!p->room)
        return err_no_memory(err);
    p->given_by = memset(p->room, 0, given);
    p->scratch = (real *)(p->given_by + features);
    p->x = p->scratch + scratch;
    p->out = p->x + x;
    buf_clear(p->body);
    return ERR_OK;
}

real *prediction_next_row(struct prediction *p)
{
    real *x = p->x + p->waiting * encoder_inputs(p->encoder);
    encoder_row_start(p->encoder, x);
    return x;
}

enum err_code prediction_flush(struct prediction *p, struct err *err)
{
    uint32_t inputs = encoder_inputs(p->encoder), outputs = encoder_outputs(p->encoder);
    enum err_code code = ERR_OK;
    if (p->waiting)
        code = mlp_predict(p->network, p->x, p->waiting, inputs, p->out, p->scratch, err);
    for (size_t i = 0; !code && i < p->waiting; i++) {
        if (p->csv)
            answer_csv(p->encoder, p->out + i * outputs, p->body);
        else
            answer_json(p->encoder, p->out + i * outputs, &p->w);
    }
    p->waiting = 0;
    return code ? code : p->body->failed ? err_no_memory(err) : ERR_OK;
}

enum err_code prediction_check_rows(const struct prediction *p, size_t rows, struct err *err)
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

enum err_code prediction_row_is_ready(struct prediction *p, struct err *err)
{
    enum err_code code = prediction_check_rows(p, ++p->rows, err);
    if (code)
        return code;
    return ++p->waiting == p->chunk ? prediction_flush(p, err) : ERR_OK;
}

void prediction_count(struct prediction *p, enum encoder_cell cell)
{
    p->warnings.missing += cell == CELL_MISSING;
    p->warnings.unseen += cell == CELL_UNSEEN;
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
    prediction_count(p, became);
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
    real *x = prediction_next_row(p);
    uint32_t given = 0;
    enum err_code code = ERR_OK;
    for (uint32_t c = 0; !code && c < count; c++)
        code = read_cell(in, line, c, &cells[c], x, &given, err);
    p->warnings.missing += encoder_features(p->encoder) - given;
    return code ? code : prediction_row_is_ready(p, err);
}

static enum http_next predict_csv(struct http_request *r, struct prediction *p)
{
    struct csv_input in = {.prediction = p};
    struct err err = {0};
    enum err_code code = prediction_room(p, CHUNK, &err);
    if (!code)
        code = csv_new(&in.options, read_record, &in, &in.csv, &err);
    if (!code)
        code = csv_feed(in.csv, r->body.data, r->body.length, &err);
    if (!code)
        code = csv_finish(in.csv, &err);
    if (!code && !p->columns)
        code = err_set(&err, ERR_INVALID, "the file is empty: its first row must name the columns");
    if (!code)
        code = prediction_flush(p, &err);
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
    /* Not all of it cleared: the violations are 37 KB, of which hardly any is ever used. */
    struct prediction p;
    memset(&p, 0, offsetof(struct prediction, violations));
    p.violations.count = 0;
    p.encoder = model_encoder(m);
    p.network = model_network(m);
    p.csv = r->csv;
    p.body = &r->reply.body;
    buf_init(&p.others, SIZE_MAX / 2);
    enum http_next next = (r->csv ? predict_csv : predict_json)(r, &p);
    prediction_done(&p);
    model_unref(m);
    return next;
}
