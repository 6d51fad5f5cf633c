/* Encoding many rows of a table at once. */
#include "../base/mem.h"
#include "encoder_internal.h"
#include "target.h"
#include <math.h>
#include <string.h>

#define BLOCK 64 /* rows: what of x is written together stays in the cache */

struct view_column {
    uint32_t column;
    int32_t *input_of_code; /* categorical: [code + 1], the input that is 1, or -1 for none */
};

struct encoder_view {
    const struct encoder *encoder;
    const struct table *table;
    struct view_column *feature;
    struct target target;
};

void encoder_view_free(struct encoder_view *v)
{
    if (!v)
        return;
    for (uint32_t i = 0; v->feature && i < v->encoder->features; i++)
        mem_free(v->feature[i].input_of_code);
    mem_free(v->feature);
    target_done(&v->target);
    mem_free(v);
}

static enum err_code map_feature(struct view_column *to, const struct encoder_feature *f, const struct table *t,
                                 struct err *err)
{
    int column = table_find(t, f->name);
    if (column < 0 || table_column(t, (uint32_t)column)->type != f->type)
        return err_set(err, ERR_INVALID, "the table has no %s column \"%.100s\"", column_type_name(f->type), f->name);
    to->column = (uint32_t)column;
    if (f->type == COLUMN_NUMERIC)
        return ERR_OK;
    const struct column *c = table_column(t, to->column);
    to->input_of_code = mem_array(c->categories + 1, sizeof *to->input_of_code);
    if (!to->input_of_code)
        return err_no_memory(err);
    to->input_of_code[0] = f->has_missing ? (int32_t)(f->input + f->categories) : -1;
    for (uint32_t k = 0; k < c->categories; k++) {
        int32_t category = encoder_category(f, c->category[k], strlen(c->category[k]));
        to->input_of_code[k + 1] = category < 0 ? -1 : (int32_t)f->input + category;
    }
    return ERR_OK;
}

/* A class number means the same to the encoder and to the table's target. */
static enum err_code check_classes(const struct encoder *e, const struct target *target, struct err *err)
{
    bool same = target->classes == e->classes;
    for (uint32_t k = 0; same && k < e->classes; k++)
        same = !strcmp(target->name[k], e->class_name[k]);
    return same ? ERR_OK : err_set(err, ERR_INVALID, "the classes of the target \"%.100s\" are others than in training", e->target);
}

enum err_code encoder_view_new(const struct encoder *e, const struct table *t, struct encoder_view **ret_view,
                               struct err *err)
{
    struct encoder_view *v = mem_zalloc(sizeof *v);
    if (!v)
        return err_no_memory(err);
    v->encoder = e;
    v->table = t;
    v->feature = mem_array(e->features, sizeof *v->feature);
    struct encoder_options target = {.target = e->target, .task = e->task};
    enum err_code code = v->feature ? target_read(t, &target, &v->target, err) : err_no_memory(err);
    if (!code)
        code = check_classes(e, &v->target, err);
    for (uint32_t i = 0; !code && i < e->features; i++)
        code = map_feature(&v->feature[i], &e->feature[i], t, err);
    if (code) {
        encoder_view_free(v);
        return code;
    }
    *ret_view = v;
    return ERR_OK;
}

static void encode_numbers(const struct encoder_view *v, uint32_t feature, const uint32_t *rows, size_t count, real *x,
                           size_t stride)
{
    const struct encoder_feature *f = &v->encoder->feature[feature];
    double cell[BLOCK];
    table_numbers(v->table, v->feature[feature].column, rows, count, cell);
    for (size_t i = 0; i < count; i++)
        x[i * stride + f->input] = isnan(cell[i]) ? 0 : (real)((cell[i] - f->mean) / f->deviation);
}

static void encode_categories(const struct encoder_view *v, uint32_t feature, const uint32_t *rows, size_t count, real *x,
                              size_t stride)
{
    const struct encoder_feature *f = &v->encoder->feature[feature];
    int32_t code[BLOCK];
    table_codes(v->table, v->feature[feature].column, rows, count, code);
    for (size_t i = 0; i < count; i++) {
        memset(x + i * stride + f->input, 0, f->inputs * sizeof *x);
        int32_t input = v->feature[feature].input_of_code[code[i] + 1];
        if (input >= 0)
            x[i * stride + (uint32_t)input] = 1;
    }
}

static void encode_value(const struct encoder_view *v, const uint32_t *rows, size_t count, real *y)
{
    double cell[BLOCK];
    table_numbers(v->table, v->target.column, rows, count, cell);
    for (size_t i = 0; i < count; i++)
        y[i] = (real)((cell[i] - v->encoder->target_mean) / v->encoder->target_deviation);
}

static void encode_class(const struct encoder_view *v, const uint32_t *rows, size_t count, real *y)
{
    int32_t class[BLOCK];
    target_classes(&v->target, v->table, rows, count, class);
    for (size_t i = 0; i < count; i++)
        y[i] = (real)class[i];
}

void encoder_encode(const struct encoder_view *v, const uint32_t *rows, size_t count, real *x, size_t stride, real *y)
{
    const struct encoder *e = v->encoder;
    for (size_t at = 0; at < count; at += BLOCK) {
        size_t n = count - at < BLOCK ? count - at : BLOCK;
        for (uint32_t i = 0; i < e->features; i++)
            (e->feature[i].type == COLUMN_NUMERIC ? encode_numbers : encode_categories)(v, i, rows + at, n, x + at * stride,
                                                                                        stride);
        if (y)
            (e->task == TASK_REGRESSION ? encode_value : encode_class)(v, rows + at, n, y + at);
    }
}
