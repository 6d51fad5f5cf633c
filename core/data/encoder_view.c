/* Encoding many rows of a table at once. */
#include "../base/cleanup.h"
#include "../base/mem.h"
#include "../base/text.h"
#include "encoder_internal.h"
#include "row_weights.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 64 /* rows: what of x is written together stays in the cache */

/* A number that is a category: the input that is 1, or the level of an ordinal. */
struct view_value {
    double value, becomes;
};

struct view_column {
    uint32_t column;
    int32_t *input_of_code; /* text column as categories: [code + 1], the input that is 1, or -1 for none */
    double *value_of_code;  /* text column as a number or an ordinal: [code + 1], NaN for none */
    struct view_value *known; /* numeric column as categories or an ordinal: ascending */
    uint32_t known_count;
    int32_t missing, other; /* of a numeric column as categories: inputs, or -1 */
    real *input_of_byte;    /* numeric column as a number: of each of 256 bytes, while they mean `bytes` (table_bytes) */
    unsigned bytes;         /* 0: nothing yet */
};

struct encoder_view {
    const struct encoder *encoder;
    const struct table *table;
    struct view_column *feature;
    struct view_target {
        uint32_t column;
        int32_t *class_of_code;   /* classes in a text column */
        struct view_value *class; /* classes in a numeric column: ascending */
    } *target;
};

void encoder_view_free(struct encoder_view *v)
{
    if (!v)
        return;
    for (uint32_t i = 0; v->feature && i < v->encoder->features; i++) {
        mem_free(v->feature[i].input_of_code);
        mem_free(v->feature[i].value_of_code);
        mem_free(v->feature[i].known);
        mem_free(v->feature[i].input_of_byte);
    }
    for (uint32_t j = 0; v->target && j < v->encoder->targets; j++) {
        mem_free(v->target[j].class_of_code);
        mem_free(v->target[j].class);
    }
    mem_free(v->feature);
    mem_free(v->target);
    mem_free(v);
}

/* ---- values that have a name ---------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    const struct view_value *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

/* What the value becomes, or NaN. */
static double look_up(const struct view_value *known, uint32_t count, double value)
{
    struct view_value key = {.value = value};
    const struct view_value *found = count && !isnan(value) ? bsearch(&key, known, count, sizeof *known, by_value) : NULL;
    return found ? found->becomes : NAN;
}

static void add_value(struct view_column *to, const char *text, double becomes)
{
    double value = encoder_text_value(text, strlen(text), '.');
    if (!isnan(value))
        to->known[to->known_count++] = (struct view_value){value, becomes};
}

/* ---- features ------------------------------------------------------------------------------------------------------- */

static enum err_code map_values(struct view_column *to, const struct encoder_feature *f, struct err *err)
{
    to->known = mem_array((size_t)f->categories + f->rare_count + 1, sizeof *to->known);
    if (!to->known)
        return err_no_memory(err);
    to->other = f->rare_count ? (int32_t)(f->input + f->categories) : -1;
    to->missing = f->has_missing ? (int32_t)(f->input + f->inputs - 1) : -1;
    for (uint32_t k = 0; k < f->categories; k++)
        add_value(to, f->category[k], f->encoding == ENCODING_ORDINAL ? (double)f->level[k] : (double)(f->input + k));
    qsort(to->known, to->known_count, sizeof *to->known, by_value);
    return ERR_OK;
}

static enum err_code map_codes(struct view_column *to, const struct encoder_feature *f, const struct table *t,
                               struct err *err)
{
    const struct column *c = table_column(t, to->column);
    if (f->encoding == ENCODING_CATEGORIES) {
        to->input_of_code = mem_array((size_t)c->categories + 1, sizeof *to->input_of_code);
        if (!to->input_of_code)
            return err_no_memory(err);
        bool known;
        to->input_of_code[0] = f->has_missing ? (int32_t)(f->input + f->inputs - 1) : -1;
        for (uint32_t k = 0; k < c->categories; k++)
            to->input_of_code[k + 1] = encoder_hot_input(f, c->category[k], strlen(c->category[k]), &known);
        return ERR_OK;
    }
    to->value_of_code = mem_array((size_t)c->categories + 1, sizeof *to->value_of_code);
    if (!to->value_of_code)
        return err_no_memory(err);
    to->value_of_code[0] = NAN;
    for (uint32_t k = 0; k < c->categories; k++)
        to->value_of_code[k + 1] = encoder_category_value(f, c->category[k], strlen(c->category[k]), table_decimal(t));
    return ERR_OK;
}

/* A column may be of another type than in training where its cells can mean the same: texts that are read as numbers, numbers
 * that are read as texts. */
static enum err_code map_feature(struct view_column *to, const struct encoder_feature *f, const struct table *t,
                                 struct err *err)
{
    int found = table_find(t, f->name);
    enum err_code code = ERR_OK;
    to->column = (uint32_t)found;
    bool fits = found >= 0;
    if (fits && table_column(t, to->column)->type == COLUMN_CATEGORICAL) {
        fits = f->type == COLUMN_CATEGORICAL;
        code = fits ? map_codes(to, f, t, err) : ERR_OK;
    } else if (fits && f->encoding != ENCODING_NUMBER) {
        code = map_values(to, f, err);
        fits = f->type == COLUMN_NUMERIC || to->known_count || table_column(t, to->column)->missing == table_rows(t);
    }
    return fits || code ? code
                        : err_set(err, ERR_INVALID, "the table has no %s column \"%.100s\"", column_type_name(f->type), f->name);
}

/* ---- targets -------------------------------------------------------------------------------------------------------- */

static enum err_code no_class(const struct encoder_target *e, const char *text, struct err *err)
{
    return err_set(err, ERR_INVALID, "the target \"%.100s\" holds \"%.60s\", which is no class of the training", e->name, text);
}

struct class_name {
    const char *text;
    int32_t class;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct class_name *)a)->text, ((const struct class_name *)b)->text);
}

static enum err_code map_text_classes(struct view_target *to, const struct encoder_target *e, const struct table *t, int weights,
                                      struct err *err)
{
    const struct column *c = table_column(t, to->column);
    cleanup(mem_freep) bool *there = NULL;
    cleanup(mem_freep) struct class_name *name = mem_array((size_t)e->classes + 1, sizeof *name);
    to->class_of_code = mem_array((size_t)c->categories + 1, sizeof *to->class_of_code);
    if (!name || !to->class_of_code)
        return err_no_memory(err);
    for (uint32_t k = 0; k < e->classes; k++)
        name[k] = (struct class_name){e->class[k], (int32_t)k};
    qsort(name, e->classes, sizeof *name, by_text);
    for (uint32_t code = 0; code < c->categories; code++) {
        struct class_name key = {.text = c->category[code]};
        const struct class_name *found = bsearch(&key, name, e->classes, sizeof *name, by_text);
        if (!found && !there && row_weights_codes(t, weights, to->column, &there, err))
            return err_no_memory(err);
        if (!found && there[code])
            return no_class(e, c->category[code], err);
        to->class_of_code[code] = found ? found->class : -1;
    }
    return ERR_OK;
}

static enum err_code map_numeric_classes(struct view_target *to, const struct encoder_target *e, const struct table *t, int weights,
                                         struct err *err)
{
    char text[TEXT_NUMBER_SIZE];
    to->class = mem_array((size_t)e->classes + 1, sizeof *to->class);
    if (!to->class)
        return err_no_memory(err);
    for (uint32_t k = 0; k < e->classes; k++) {
        double value = encoder_text_value(e->class[k], strlen(e->class[k]), '.');
        to->class[k] = (struct view_value){isnan(value) ? -INFINITY : value, k}; /* no cell is infinite */
    }
    qsort(to->class, e->classes, sizeof *to->class, by_value);
    table_will_need(t, to->column, 0, (uint32_t)table_rows(t) - 1);
    for (uint64_t row = 0; row < table_rows(t); row++) {
        double value = table_number(t, to->column, row);
        if (!isnan(value) && isnan(look_up(to->class, e->classes, value)) && row_weights_there(t, weights, row))
            return no_class(e, text_number(value + 0.0, text), err);
    }
    return ERR_OK;
}

static enum err_code map_target(struct view_target *to, const struct encoder_target *e, const struct table *t, int weights,
                                struct err *err)
{
    int found = table_find(t, e->name);
    if (found < 0)
        return err_set(err, ERR_INVALID, "no column \"%.100s\" for the target", e->name);
    to->column = (uint32_t)found;
    const struct column *c = table_column(t, to->column);
    if (e->classes)
        return c->type == COLUMN_NUMERIC ? map_numeric_classes(to, e, t, weights, err) : map_text_classes(to, e, t, weights, err);
    return c->type == COLUMN_NUMERIC ? ERR_OK
                                     : err_set(err, ERR_INVALID, "the target \"%.100s\" holds texts such as \"%.60s\", and it was "
                                               "a number in training", e->name, c->category[0]);
}

enum err_code encoder_view_new(const struct encoder *e, const struct table *t, struct encoder_view **ret_view,
                               struct err *err)
{
    return encoder_view_new_weighted(e, t, NULL, ret_view, err);
}

enum err_code encoder_view_new_weighted(const struct encoder *e, const struct table *t, const char *weights,
                                        struct encoder_view **ret_view, struct err *err)
{
    struct encoder_view *v = mem_zalloc(sizeof *v);
    if (!v)
        return err_no_memory(err);
    v->encoder = e;
    v->table = t;
    v->feature = mem_array(e->features, sizeof *v->feature);
    v->target = mem_array(e->targets, sizeof *v->target);
    enum err_code code = v->feature && v->target ? ERR_OK : err_no_memory(err);
    for (uint32_t j = 0; !code && j < e->targets; j++)
        code = map_target(&v->target[j], &e->target[j], t, row_weights_find(t, weights), err);
    for (uint32_t i = 0; !code && i < e->features; i++)
        code = map_feature(&v->feature[i], &e->feature[i], t, err);
    if (code) {
        encoder_view_free(v);
        return code;
    }
    *ret_view = v;
    return ERR_OK;
}

static bool has_targets(const struct encoder_view *v, uint64_t row)
{
    bool all = true;
    for (uint32_t j = 0; all && j < v->encoder->targets; j++)
        all = table_has(v->table, v->target[j].column, row);
    return all;
}

enum err_code encoder_view_rows(const struct encoder_view *v, uint32_t **ret_rows, size_t *ret_count, struct err *err)
{
    size_t count = 0, rows = (size_t)table_rows(v->table);
    cleanup(mem_freep) uint32_t *row = mem_array(rows + 1, sizeof *row);
    if (!row)
        return err_no_memory(err);
    for (uint32_t j = 0; rows && j < v->encoder->targets; j++)
        table_will_need(v->table, v->target[j].column, 0, (uint32_t)rows - 1);
    for (uint64_t i = 0; i < rows; i++)
        if (has_targets(v, i))
            row[count++] = (uint32_t)i;
    if (!count && v->encoder->targets > 1)
        return err_set(err, ERR_INVALID, "no row has a value in all %u targets", v->encoder->targets);
    if (!count)
        return err_set(err, ERR_INVALID, "the target \"%.100s\" has no value in any row", v->encoder->target[0].name);
    *ret_rows = row;
    *ret_count = count;
    row = NULL;
    return ERR_OK;
}

/* ---- encoding ------------------------------------------------------------------------------------------------------- */

/* Rows of one group: what a byte becomes is looked up, where cells are bytes, as most of pixels and of short decimals are. */
static bool encode_bytes(const struct encoder_view *v, uint32_t feature, const uint32_t *rows, size_t count, real *x, size_t stride)
{
    struct view_column *c = &v->feature[feature];
    const uint8_t *cells;
    unsigned bytes = table_bytes(v->table, c->column, rows[0], &cells);
    if (!bytes)
        return false;
    if (bytes != c->bytes) {
        double value[256];
        if (!c->input_of_byte && !(c->input_of_byte = mem_alloc(256 * sizeof *c->input_of_byte)))
            return false; /* it is slower, and no different */
        table_byte_values(bytes, value);
        for (unsigned i = 0; i < 256; i++)
            c->input_of_byte[i] = encoder_scaled(&v->encoder->feature[feature], value[i]);
        c->bytes = bytes;
    }
    const real *input = c->input_of_byte;
    for (size_t i = 0, mask = table_group_mask(v->table); i < count; i++)
        x[i * stride] = input[cells[rows[i] & mask]];
    return true;
}

static void encode_numbers(const struct encoder_view *v, uint32_t feature, const uint32_t *rows, size_t count, bool one_group,
                           real *x, size_t stride)
{
    const struct encoder_feature *f = &v->encoder->feature[feature];
    const struct view_column *c = &v->feature[feature];
    double cell[BLOCK];
    int32_t code[BLOCK];
    if (c->value_of_code) {
        table_codes(v->table, c->column, rows, count, code);
        for (size_t i = 0; i < count; i++)
            cell[i] = c->value_of_code[code[i] + 1];
    } else if (one_group && !c->known && encode_bytes(v, feature, rows, count, x + f->input, stride)) {
        return;
    } else {
        table_numbers(v->table, c->column, rows, count, cell);
        for (size_t i = 0; c->known && i < count; i++)
            cell[i] = look_up(c->known, c->known_count, cell[i]);
    }
    for (size_t i = 0; i < count; i++)
        x[i * stride + f->input] = encoder_scaled(f, cell[i]);
}

/* The input that is 1 in each of the rows, or -1. */
static void hot_inputs(const struct encoder_view *v, const struct view_column *c, const uint32_t *rows, size_t count,
                       int32_t *input)
{
    double cell[BLOCK];
    if (c->input_of_code) {
        table_codes(v->table, c->column, rows, count, input);
        for (size_t i = 0; i < count; i++)
            input[i] = c->input_of_code[input[i] + 1];
        return;
    }
    table_numbers(v->table, c->column, rows, count, cell);
    for (size_t i = 0; i < count; i++) {
        double found = look_up(c->known, c->known_count, cell[i]);
        input[i] = isnan(cell[i]) ? c->missing : isnan(found) ? c->other : (int32_t)found;
    }
}

static void encode_categories(const struct encoder_view *v, uint32_t feature, const uint32_t *rows, size_t count, real *x,
                              size_t stride)
{
    const struct encoder_feature *f = &v->encoder->feature[feature];
    int32_t input[BLOCK];
    hot_inputs(v, &v->feature[feature], rows, count, input);
    for (size_t i = 0; i < count; i++) {
        memset(x + i * stride + f->input, 0, f->inputs * sizeof *x);
        if (input[i] >= 0)
            x[i * stride + (uint32_t)input[i]] = 1;
    }
}

/* y: of the first row; each next is `stride` further. */
static void encode_value(const struct encoder_view *v, uint32_t target, const uint32_t *rows, size_t count, real *y, size_t stride)
{
    const struct encoder_target *e = &v->encoder->target[target];
    double cell[BLOCK];
    table_numbers(v->table, v->target[target].column, rows, count, cell);
    for (size_t i = 0; i < count; i++)
        y[i * stride] = (real)((cell[i] - e->mean) / e->deviation);
}

static void encode_class(const struct encoder_view *v, uint32_t target, const uint32_t *rows, size_t count, real *y, size_t stride)
{
    const struct view_target *to = &v->target[target];
    int32_t code[BLOCK];
    double cell[BLOCK];
    if (to->class_of_code) {
        table_codes(v->table, to->column, rows, count, code);
        for (size_t i = 0; i < count; i++)
            y[i * stride] = code[i] < 0 ? -1 : (real)to->class_of_code[code[i]];
        return;
    }
    table_numbers(v->table, to->column, rows, count, cell);
    for (size_t i = 0; i < count; i++)
        y[i * stride] = isnan(cell[i]) ? -1 : (real)look_up(to->class, v->encoder->target[target].classes, cell[i]);
}

void encoder_encode(const struct encoder_view *v, const uint32_t *rows, size_t count, real *x, size_t stride, real *y)
{
    const struct encoder *e = v->encoder;
    for (size_t at = 0; at < count; at += BLOCK) {
        size_t n = count - at < BLOCK ? count - at : BLOCK;
        bool one_group = table_one_group(v->table, rows + at, n);
        for (uint32_t i = 0; i < e->features; i++)
            if (e->feature[i].encoding == ENCODING_CATEGORIES)
                encode_categories(v, i, rows + at, n, x + at * stride, stride);
            else
                encode_numbers(v, i, rows + at, n, one_group, x + at * stride, stride);
        for (uint32_t j = 0; y && j < e->targets; j++)
            (e->task == TASK_REGRESSION ? encode_value : encode_class)(v, j, rows + at, n, y + at * e->targets + j, e->targets);
    }
}
