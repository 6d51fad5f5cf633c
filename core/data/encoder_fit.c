/* Checking the options against a table, and fitting. */
#include "../base/cleanup.h"
#include "../base/mem.h"
#include "../base/text.h"
#include "encoder_internal.h"
#include "moments.h"
#include "row_weights.h"
#include "target.h"
#include "values.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 4096 /* rows read at once */
#define LOOK_ROWS 16384 /* of all columns before the next of the first */

enum err_code encoder_check_target(const struct table *t, const struct encoder_options *o, enum task *ret_task, uint32_t *ret_at,
                                   struct err *err)
{
    struct targets targets = {0};
    enum err_code code = targets_read(t, o, &targets, ret_at, err);
    if (!code)
        *ret_task = targets.task;
    targets_done(&targets);
    return code;
}

enum err_code encoder_check(const struct table *t, const struct encoder_options *o, enum task *ret_task, struct err *err)
{
    cleanup(mem_freep) struct encoder_choice *choices = NULL;
    uint32_t count = 0, inputs;
    const char *option;
    enum task task = TASK_AUTO;
    enum err_code code = encoder_check_target(t, o, &task, NULL, err);
    if (!code)
        code = encoder_choose(t, o, &choices, &count, err);
    for (uint32_t i = 0; !code && i < count; i++)
        code = encoder_choice_check(t, &choices[i], &inputs, &option, err);
    if (!code)
        *ret_task = task;
    return code;
}

/* ---- rows ----------------------------------------------------------------------------------------------------------- */

enum err_code encoder_target_rows(const struct table *t, const struct encoder_options *o, uint32_t **ret_rows,
                                  int32_t **ret_classes, size_t *ret_count, struct err *err)
{
    struct targets targets = {0};
    enum err_code code = targets_read(t, o, &targets, NULL, err);
    if (code)
        return code;
    size_t count = 0;
    cleanup(mem_freep) uint32_t *row = NULL;
    cleanup(mem_freep) int32_t *class = NULL;
    bool has_classes = targets.count == 1 && targets.target[0].classes;
    code = targets_rows(&targets, t, &row, &count, err);
    if (!code && has_classes && !(class = mem_array(count + 1, sizeof *class)))
        code = err_no_memory(err);
    if (!code && class)
        target_classes(&targets.target[0], t, row, count, class);
    targets_done(&targets);
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
    const struct encoder_choice *choice;
    const struct column *column;
    struct moments moments; /* numbers, ordinals */
    double *seen;           /* text column: rows of each code + 1, or the sum of their weights */
    double *value_of_code;  /* text column as numbers, or ordinal: of each code + 1 */
    struct values values;   /* numeric column as categories, or ordinal */
};

/* The rows that a fit looks at, and what they count for. */
struct fit_rows {
    const struct table *t;
    const uint32_t *row;
    size_t count;
    int weights; /* column, or ROW_WEIGHTS_NONE */
    struct row_total total;
};

/* Some rows less those of weight 0: which, and what each counts for (*ret_weight: NULL for 1 each). */
static size_t take_rows(const struct fit_rows *r, size_t at, size_t count, uint32_t *kept, double *weight,
                        const uint32_t **ret_row, const double **ret_weight)
{
    size_t n = 0;
    *ret_row = r->row + at;
    *ret_weight = NULL;
    if (r->weights < 0)
        return count;
    table_numbers(r->t, (uint32_t)r->weights, r->row + at, count, weight);
    for (size_t i = 0; i < count; i++) {
        kept[n] = r->row[at + i];
        weight[n] = weight[i];
        n += weight[i] > 0;
    }
    *ret_row = kept;
    *ret_weight = weight;
    return n;
}

static enum err_code look_at_cells(const struct fit_rows *r, struct sight *s, size_t from, size_t count, struct err *err)
{
    double number[CHUNK], weight[CHUNK];
    uint32_t kept[CHUNK];
    int32_t code[CHUNK];
    enum err_code failed = ERR_OK;
    for (size_t at = 0; !failed && at < count; at += CHUNK) {
        const uint32_t *row;
        const double *counts;
        size_t n = take_rows(r, from + at, count - at < CHUNK ? count - at : CHUNK, kept, weight, &row, &counts);
        if (s->column->type == COLUMN_CATEGORICAL) {
            table_codes(r->t, s->choice->column, row, n, code);
            for (size_t i = 0; s->seen && i < n; i++)
                s->seen[code[i] + 1] += counts ? counts[i] : 1;
            for (size_t i = 0; s->value_of_code && i < n; i++)
                number[i] = s->value_of_code[code[i] + 1];
        } else {
            table_numbers(r->t, s->choice->column, row, n, number);
            if (s->choice->encoding != ENCODING_NUMBER)
                failed = values_add(&s->values, number, counts, n, ENCODER_MAX_INPUTS, err);
        }
        if (!s->seen && counts)
            moments_add_weighted(&s->moments, number, counts, n);
        else if (!s->seen)
            moments_add(&s->moments, number, n);
    }
    return failed;
}

/* All columns of some rows, then of the next: the order in which they are in the file. */
static enum err_code look(const struct fit_rows *r, struct sight *sights, uint32_t columns, struct err *err)
{
    const struct table *t = r->t;
    const uint32_t *rows = r->row;
    size_t count = r->count;
    enum err_code code = ERR_OK;
    for (size_t at = 0, n; !code && at < count; at += n) {
        n = count - at < LOOK_ROWS ? count - at : LOOK_ROWS;
        size_t next = count - at - n < LOOK_ROWS ? count - at - n : LOOK_ROWS;
        if (!at)
            table_will_need(t, TABLE_ALL_COLUMNS, rows[0], rows[n - 1]);
        if (next)
            table_will_need(t, TABLE_ALL_COLUMNS, rows[at + n], rows[at + n + next - 1]);
        for (uint32_t i = 0; !code && i < columns; i++)
            code = look_at_cells(r, &sights[i], at, n, err);
    }
    return code;
}

static void sights_free(struct sight *sights, uint32_t count)
{
    for (uint32_t i = 0; sights && i < count; i++) {
        mem_free(sights[i].seen);
        mem_free(sights[i].value_of_code);
        values_done(&sights[i].values);
    }
    mem_free(sights);
}

static enum err_code sight_init(struct sight *s, const struct table *t, const struct encoder_choice *choice, struct err *err)
{
    const struct column *c = table_column(t, choice->column);
    *s = (struct sight){.choice = choice, .column = c, .moments = MOMENTS_NONE};
    if (c->type == COLUMN_NUMERIC)
        return ERR_OK;
    if (choice->encoding == ENCODING_CATEGORIES)
        return (s->seen = mem_array((size_t)c->categories + 1, sizeof *s->seen)) ? ERR_OK : err_no_memory(err);
    if (!(s->value_of_code = mem_array((size_t)c->categories + 1, sizeof *s->value_of_code)))
        return err_no_memory(err);
    struct encoder_feature f = {.encoding = choice->encoding};
    enum err_code code = choice->encoding == ENCODING_ORDINAL ? encoder_set_order(t, choice, &f, err) : ERR_OK;
    s->value_of_code[0] = NAN;
    for (uint32_t k = 0; !code && k < c->categories; k++)
        s->value_of_code[k + 1] = encoder_category_value(&f, c->category[k], strlen(c->category[k]), table_decimal(t));
    encoder_feature_done(&f);
    return code;
}

static enum err_code sights_new(const struct table *t, const struct encoder_choice *choices, uint32_t count,
                                struct sight **ret_sights, struct err *err)
{
    struct sight *s = mem_array(count, sizeof *s);
    enum err_code code = s ? ERR_OK : err_no_memory(err);
    for (uint32_t i = 0; !code && i < count; i++)
        code = sight_init(&s[i], t, &choices[i], err);
    if (code)
        sights_free(s, count);
    else
        *ret_sights = s;
    return code;
}

/* Mean and population deviation; 0 and 1 without any value, and deviation 1 for a constant. */
static void fit_number(const struct moments *m, double *ret_mean, double *ret_deviation)
{
    double deviation = m->least < m->most ? moments_deviation(m) : 0; /* of equal values, what is left would be rounding */
    *ret_mean = isfinite(m->mean) ? m->mean : 0;
    *ret_deviation = deviation > 0 && isfinite(deviation) ? deviation : 1;
}

static void fit_scaling(enum encoder_scaling scaling, const struct moments *m, struct encoder_feature *f)
{
    double deviation, range = m->most - m->least;
    fit_number(m, &f->mean, &deviation);
    f->shift = 0;
    f->scale = 1;
    if (scaling == SCALING_STANDARD) {
        f->shift = f->mean;
        f->scale = deviation;
    } else if (scaling == SCALING_MINMAX && m->present) {
        f->shift = m->least;
        f->scale = range > 0 && isfinite(range) ? range : 1;
    }
}

/* ---- categories and orders ------------------------------------------------------------------------------------------ */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Adds a category that `count` of the training rows have to those with an input of their own, or to the rare ones. */
static bool add_category(struct encoder_feature *f, const char *text, double count, double least)
{
    bool kept = count >= least;
    char *copy = mem_strdup(text);
    if (copy)
        ((const char **)(uintptr_t)(kept ? f->category : f->rare))[kept ? f->categories++ : f->rare_count++] = copy;
    return copy != NULL;
}

static enum err_code fit_categories(struct sight *s, const struct row_total *total, struct encoder_feature *f, struct err *err)
{
    const struct column *c = s->column;
    size_t distinct = s->values.used;
    double least = s->choice->min_frequency * (s->choice->min_frequency < 1 ? total->sum : row_total_unit(total));
    for (uint32_t k = 0; k < c->categories; k++)
        distinct += s->seen[k + 1] > 0;
    const char **category = mem_array(distinct + 1, sizeof *category), **rare = mem_array(distinct + 1, sizeof *rare);
    f->category = category;
    f->rare = rare;
    bool complete = category && rare;
    for (uint32_t k = 0; complete && k < c->categories; k++)
        complete = s->seen[k + 1] <= 0 || add_category(f, c->category[k], s->seen[k + 1], least);
    values_sort(&s->values);
    char text[TEXT_NUMBER_SIZE];
    for (uint32_t k = 0; complete && k < s->values.used; k++)
        complete = add_category(f, text_number(s->values.slot[k].value, text), s->values.slot[k].count, least);
    if (!complete)
        return err_no_memory(err);
    qsort(category, f->categories, sizeof *category, by_text);
    qsort(rare, f->rare_count, sizeof *rare, by_text);
    f->has_missing = c->type == COLUMN_NUMERIC ? s->moments.missing > 0 : s->seen[0] > 0;
    return ERR_OK;
}

/* The levels of a numeric column's training rows, whose values were counted. */
static void weigh_levels(struct sight *s, const struct encoder_feature *f)
{
    s->moments = (struct moments)MOMENTS_NONE;
    values_sort(&s->values);
    for (uint32_t k = 0; k < s->values.used; k++) {
        char text[TEXT_NUMBER_SIZE];
        double count = s->values.slot[k].count;
        text_number(s->values.slot[k].value, text);
        double value = encoder_category_value(f, text, strlen(text), '.');
        moments_add_weighted(&s->moments, &value, &count, 1);
    }
}

static enum err_code fit_feature(const struct fit_rows *r, struct sight *s, struct encoder_feature *f, struct err *err)
{
    *f = (struct encoder_feature){.name = mem_strdup(s->column->name), .type = s->column->type,
                                  .encoding = s->choice->encoding, .scale = 1};
    if (!f->name)
        return err_no_memory(err);
    if (f->encoding == ENCODING_CATEGORIES)
        return fit_categories(s, &r->total, f, err);
    enum err_code code = f->encoding == ENCODING_ORDINAL ? encoder_set_order(r->t, s->choice, f, err) : ERR_OK;
    if (code)
        return code;
    if (f->encoding == ENCODING_ORDINAL && f->type == COLUMN_NUMERIC)
        weigh_levels(s, f);
    fit_scaling(s->choice->scaling, &s->moments, f);
    return ERR_OK;
}

static enum err_code fit_features(struct encoder *e, const struct fit_rows *r, const struct encoder_choice *choices,
                                  uint32_t features, struct err *err)
{
    struct sight *sights;
    enum err_code code = sights_new(r->t, choices, features, &sights, err);
    if (code)
        return code;
    code = look(r, sights, features, err);
    for (; !code && e->features < features; e->features++)
        code = fit_feature(r, &sights[e->features], &e->feature[e->features], err);
    sights_free(sights, features);
    return code;
}

/* The texts of the classes become the encoder's. */
static enum err_code fit_target(enum task task, const struct fit_rows *r, struct target *from, struct encoder_target *to,
                                struct err *err)
{
    const struct column *c = table_column(r->t, from->column);
    *to = (struct encoder_target){.name = mem_strdup(c->name), .deviation = 1, .classes = from->classes,
                                  .class = (const char *const *)from->name};
    from->name = NULL;
    if (!to->name)
        return err_no_memory(err);
    if (task != TASK_REGRESSION)
        return ERR_OK;
    struct encoder_choice as_number = {.column = from->column};
    struct sight s = {.choice = &as_number, .column = c, .moments = MOMENTS_NONE};
    enum err_code code = look_at_cells(r, &s, 0, r->count, err);
    fit_number(&s.moments, &to->mean, &to->deviation);
    return code;
}

static enum err_code fit_targets(struct encoder *e, const struct fit_rows *r, struct targets *targets, struct err *err)
{
    e->target = mem_array(targets->count, sizeof *e->target);
    enum err_code code = e->target ? ERR_OK : err_no_memory(err);
    for (uint32_t j = 0; !code && j < targets->count; j++) {
        code = fit_target(e->task, r, &targets->target[j], &e->target[j], err);
        e->targets++;
    }
    return code;
}

/* ---- what else the model keeps -------------------------------------------------------------------------------------- */

/* The table's decimal mark where a feature needs it: a table that says the same with another gives the same encoder. */
static char decimal_of(const struct encoder *e, const struct table *t)
{
    for (uint32_t i = 0; i < e->features; i++)
        if (e->feature[i].encoding == ENCODING_NUMBER && e->feature[i].type == COLUMN_CATEGORICAL)
            return table_decimal(t);
    return '.';
}

/* Ignored columns may stand in what is to be predicted. */
static bool copy_passed_over(struct encoder *e, const struct encoder_options *o)
{
    e->passed_over = mem_array((size_t)o->column_count + 2, sizeof *e->passed_over);
    bool complete = e->passed_over != NULL;
    if (complete && o->skipped)
        complete = (e->passed_over[e->passed_over_count++] = mem_strdup(o->skipped)) != NULL;
    for (uint32_t i = 0; complete && i < o->column_count; i++)
        if (o->columns[i].role == ROLE_IGNORE)
            complete = (e->passed_over[e->passed_over_count++] = mem_strdup(o->columns[i].name)) != NULL;
    if (complete)
        qsort(e->passed_over, e->passed_over_count, sizeof *e->passed_over, by_text);
    return complete;
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

static enum err_code fit(struct encoder *e, const struct table *t, const struct encoder_options *o, struct targets *targets,
                         const uint32_t *rows, size_t count, struct err *err)
{
    cleanup(mem_freep) struct encoder_choice *choices = NULL;
    uint32_t features;
    enum err_code code = encoder_choose(t, o, &choices, &features, err);
    if (code)
        return code;
    e->task = targets->task;
    if (!copy_missing(e, t) || !copy_passed_over(e, o))
        return err_no_memory(err);
    e->feature = mem_array(features, sizeof *e->feature);
    if (!e->feature)
        return err_no_memory(err);
    struct fit_rows r = {.t = t, .row = rows, .count = count, .weights = row_weights_find(t, o->weights)};
    r.total = row_weights_total(t, r.weights, rows, count);
    code = fit_features(e, &r, choices, features, err);
    if (!code)
        code = fit_targets(e, &r, targets, err);
    e->decimal = decimal_of(e, t);
    return code ? code : encoder_number_inputs(e, err);
}

enum err_code encoder_fit(const struct table *t, const struct encoder_options *o, const uint32_t *rows, size_t count,
                          struct encoder **ret_encoder, struct err *err)
{
    struct targets targets = {0};
    enum err_code code = targets_read(t, o, &targets, NULL, err);
    if (code)
        return code;
    struct encoder *e = mem_zalloc(sizeof *e);
    code = e ? fit(e, t, o, &targets, rows, count, err) : err_no_memory(err);
    targets_done(&targets);
    if (code)
        encoder_free(e);
    else
        *ret_encoder = e;
    return code;
}
