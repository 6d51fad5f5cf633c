/* Checking the options against a table, and fitting. */
#include "../base/cleanup.h"
#include "../base/mem.h"
#include "encoder_internal.h"
#include "moments.h"
#include "target.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 4096 /* rows read at once */
#define LOOK_ROWS 16384 /* of all columns before the next of the first */

/* ---- features ------------------------------------------------------------------------------------------------------- */

/* The columns of the features, in order (mem_free). */
static enum err_code feature_columns(const struct table *t, const struct encoder_options *o, uint32_t target,
                                     uint32_t **ret_columns, uint32_t *ret_count, struct err *err)
{
    uint32_t columns = table_columns(t), count = 0;
    cleanup(mem_freep) uint32_t *list = mem_array(columns, sizeof *list);
    cleanup(mem_freep) bool *used = mem_array(columns, sizeof *used);
    if (!list || !used)
        return err_no_memory(err);
    for (uint32_t i = 0; !o->features && i < columns; i++)
        if (i != target)
            list[count++] = i;
    for (uint32_t i = 0; o->features && i < o->feature_count; i++) {
        int column = table_find(t, o->features[i]);
        if (column < 0)
            return err_set(err, ERR_INVALID, "no column \"%.100s\" for a feature", o->features[i]);
        if ((uint32_t)column == target)
            return err_set(err, ERR_INVALID, "the target \"%.100s\" cannot be a feature as well", o->target);
        if (used[column])
            return err_set(err, ERR_INVALID, "the feature \"%.100s\" is there twice", o->features[i]);
        used[column] = true;
        list[count++] = (uint32_t)column;
    }
    if (!count)
        return err_set(err, ERR_INVALID, "no feature: the table needs a column besides the target \"%.100s\"", o->target);
    *ret_columns = list;
    *ret_count = count;
    list = NULL;
    return ERR_OK;
}

enum err_code encoder_check(const struct table *t, const struct encoder_options *o, enum task *ret_task, struct err *err)
{
    struct target target = {0};
    enum err_code code = target_read(t, o, &target, err);
    if (code)
        return code;
    cleanup(mem_freep) uint32_t *columns = NULL;
    uint32_t count;
    code = feature_columns(t, o, target.column, &columns, &count, err);
    if (!code)
        *ret_task = target.task;
    target_done(&target);
    return code;
}

/* ---- rows ----------------------------------------------------------------------------------------------------------- */

static bool has_target(const struct table *t, uint32_t column, uint64_t row)
{
    return table_column(t, column)->type == COLUMN_NUMERIC ? !isnan(table_number(t, column, row))
                                                           : table_code(t, column, row) >= 0;
}

enum err_code encoder_target_rows(const struct table *t, const struct encoder_options *o, uint32_t **ret_rows,
                                  int32_t **ret_classes, size_t *ret_count, struct err *err)
{
    struct target target = {0};
    enum err_code code = target_read(t, o, &target, err);
    if (code)
        return code;
    size_t count = 0, rows = table_rows(t) - table_column(t, target.column)->missing;
    cleanup(mem_freep) uint32_t *row = mem_array(rows, sizeof *row);
    cleanup(mem_freep) int32_t *class = target.classes ? mem_array(rows, sizeof *class) : NULL;
    if (!row || (target.classes && !class))
        code = err_no_memory(err);
    table_will_need(t, target.column, 0, (uint32_t)table_rows(t) - 1);
    for (uint64_t i = 0; !code && i < table_rows(t) && count < rows; i++)
        if (has_target(t, target.column, i))
            row[count++] = (uint32_t)i;
    if (!code && class)
        target_classes(&target, t, row, count, class);
    target_done(&target);
    if (code)
        return code;
    *ret_rows = row;
    *ret_classes = class;
    *ret_count = count;
    row = NULL;
    class = NULL;
    return ERR_OK;
}

/* ---- fitting -------------------------------------------------------------------------------------------------------- */

/* What the training rows hold of a column. */
struct sight {
    uint32_t column;
    struct moments moments; /* numeric */
    bool *seen;             /* categorical: of each code + 1 */
};

static void look_at_cells(const struct table *t, struct sight *s, const uint32_t *rows, size_t count)
{
    double number[CHUNK];
    int32_t code[CHUNK];
    for (size_t at = 0; at < count; at += CHUNK) {
        size_t n = count - at < CHUNK ? count - at : CHUNK;
        if (s->seen) {
            table_codes(t, s->column, rows + at, n, code);
            for (size_t i = 0; i < n; i++)
                s->seen[code[i] + 1] = true;
        } else {
            table_numbers(t, s->column, rows + at, n, number);
            moments_add(&s->moments, number, n);
        }
    }
}

/* All columns of some rows, then of the next: the order in which they are in the file. */
static void look(const struct table *t, struct sight *sights, uint32_t columns, const uint32_t *rows, size_t count)
{
    for (size_t at = 0, n; at < count; at += n) {
        n = count - at < LOOK_ROWS ? count - at : LOOK_ROWS;
        size_t next = count - at - n < LOOK_ROWS ? count - at - n : LOOK_ROWS;
        if (!at)
            table_will_need(t, TABLE_ALL_COLUMNS, rows[0], rows[n - 1]);
        if (next)
            table_will_need(t, TABLE_ALL_COLUMNS, rows[at + n], rows[at + n + next - 1]);
        for (uint32_t i = 0; i < columns; i++)
            look_at_cells(t, &sights[i], rows + at, n);
    }
}

static void sights_free(struct sight *sights, uint32_t count)
{
    for (uint32_t i = 0; sights && i < count; i++)
        mem_free(sights[i].seen);
    mem_free(sights);
}

static enum err_code sights_new(const struct table *t, const uint32_t *columns, uint32_t count, struct sight **ret_sights,
                                struct err *err)
{
    struct sight *s = mem_array(count, sizeof *s);
    bool complete = s != NULL;
    for (uint32_t i = 0; complete && i < count; i++) {
        const struct column *c = table_column(t, columns[i]);
        s[i] = (struct sight){.column = columns[i], .moments = MOMENTS_NONE};
        if (c->type == COLUMN_CATEGORICAL)
            complete = (s[i].seen = mem_array((size_t)c->categories + 1, sizeof *s[i].seen)) != NULL;
    }
    if (!complete) {
        sights_free(s, count);
        return err_no_memory(err);
    }
    *ret_sights = s;
    return ERR_OK;
}

/* Mean and population deviation; 0 and 1 without any value, and deviation 1 for a constant. */
static void fit_number(const struct sight *s, double *ret_mean, double *ret_deviation)
{
    const struct moments *m = &s->moments;
    double deviation = m->least < m->most ? moments_deviation(m) : 0; /* of equal values, what is left would be rounding */
    *ret_mean = isfinite(m->mean) ? m->mean : 0;
    *ret_deviation = deviation > 0 && isfinite(deviation) ? deviation : 1;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum err_code fit_categories(const struct column *c, const bool *seen, struct encoder_feature *f, struct err *err)
{
    uint32_t categories = 0;
    for (uint32_t k = 0; k < c->categories; k++)
        categories += seen[k + 1];
    const char **category = mem_array(categories + 1, sizeof *category);
    f->category = category;
    if (!category)
        return err_no_memory(err);
    for (uint32_t k = 0; k < c->categories; k++) {
        if (!seen[k + 1])
            continue;
        if (!(category[f->categories] = mem_strdup(c->category[k])))
            return err_no_memory(err);
        f->categories++;
    }
    qsort(category, f->categories, sizeof *category, by_text);
    f->has_missing = seen[0];
    return ERR_OK;
}

static enum err_code fit_feature(const struct table *t, const struct sight *s, struct encoder_feature *f, struct err *err)
{
    const struct column *c = table_column(t, s->column);
    *f = (struct encoder_feature){.name = mem_strdup(c->name), .type = c->type, .deviation = 1};
    if (!f->name)
        return err_no_memory(err);
    if (s->seen)
        return fit_categories(c, s->seen, f, err);
    fit_number(s, &f->mean, &f->deviation);
    return ERR_OK;
}

static enum err_code fit_features(struct encoder *e, const struct table *t, uint32_t target, const uint32_t *columns,
                                  uint32_t features, const uint32_t *rows, size_t count, struct err *err)
{
    struct sight *sights;
    enum err_code code = sights_new(t, columns, features, &sights, err);
    if (code)
        return code;
    look(t, sights, features, rows, count);
    for (; !code && e->features < features; e->features++)
        code = fit_feature(t, &sights[e->features], &e->feature[e->features], err);
    sights_free(sights, features);
    if (!code && e->task == TASK_REGRESSION) {
        struct sight s = {.column = target, .moments = MOMENTS_NONE};
        look_at_cells(t, &s, rows, count);
        fit_number(&s, &e->target_mean, &e->target_deviation);
    }
    return code;
}

static bool copy_missing(struct encoder *e, const struct table *t)
{
    size_t count;
    const char *const *texts = table_missing(t, &count);
    if (!texts)
        return true;
    e->missing = mem_array(count + 1, sizeof *e->missing);
    for (; e->missing && e->missing_count < count; e->missing_count++)
        if (!(e->missing[e->missing_count] = mem_strdup(texts[e->missing_count])))
            return false;
    return e->missing != NULL;
}

static enum err_code fit(struct encoder *e, const struct table *t, const struct encoder_options *o, struct target *target,
                         const uint32_t *rows, size_t count, struct err *err)
{
    cleanup(mem_freep) uint32_t *columns = NULL;
    uint32_t features;
    enum err_code code = feature_columns(t, o, target->column, &columns, &features, err);
    if (code)
        return code;
    e->task = target->task;
    e->classes = target->classes;
    e->class_name = target->name;
    target->name = NULL;
    e->target_deviation = 1;
    e->target = mem_strdup(o->target);
    if (!copy_missing(e, t))
        return err_no_memory(err);
    e->feature = mem_array(features, sizeof *e->feature);
    if (!e->target || !e->feature)
        return err_no_memory(err);
    code = fit_features(e, t, target->column, columns, features, rows, count, err);
    return code ? code : encoder_number_inputs(e, err);
}

enum err_code encoder_fit(const struct table *t, const struct encoder_options *o, const uint32_t *rows, size_t count,
                          struct encoder **ret_encoder, struct err *err)
{
    struct target target = {0};
    enum err_code code = target_read(t, o, &target, err);
    if (code)
        return code;
    struct encoder *e = mem_zalloc(sizeof *e);
    code = e ? fit(e, t, o, &target, rows, count, err) : err_no_memory(err);
    target_done(&target);
    if (code)
        encoder_free(e);
    else
        *ret_encoder = e;
    return code;
}
