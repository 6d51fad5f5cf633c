#include "job_validation.h"

#include "core/data/row_weights.h"
#include "job_spec.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the table ------------------------------------------------------------------------------------------------------ */

static bool has_column(const void *validation)
{
    return ((const struct job_validation *)validation)->column != NULL;
}

static bool has_train_value(const void *validation)
{
    return ((const struct job_validation *)validation)->train_value != NULL;
}

static bool has_dataset(const void *validation)
{
    return ((const struct job_validation *)validation)->dataset != NULL;
}

static bool has_folds(const void *validation)
{
    return ((const struct job_validation *)validation)->folds > 0;
}

static bool has_fold(const void *validation)
{
    return ((const struct job_validation *)validation)->fold > 0;
}

static bool has_fraction(const void *validation)
{
    return !has_column(validation) && !has_dataset(validation) && !has_folds(validation);
}

static bool has_stratified(const void *validation)
{
    return !has_column(validation) && !has_dataset(validation);
}

#define VALIDATION(member) .offset = offsetof(struct job_validation, member)

const struct json_field job_validation_fields[] = {
    {.name = "fraction", .type = FIELD_DOUBLE, VALIDATION(fraction), .minimum = 0, .maximum = 0.9, .fallback = "0.1",
     .shown = has_fraction, .help = "Share of the rows kept for validation, drawn by the seed; 0 for none."},
    {.name = "stratified", .type = FIELD_BOOLEAN, VALIDATION(stratified), .fallback = "true", .shown = has_stratified,
     .help = "Of the classes of one target: each gives its share to a fraction or a fold."},
    {.name = "folds", .type = FIELD_UINT, VALIDATION(folds), .nullable = true, .minimum = 2, .maximum = SPLIT_MAX_FOLDS,
     .fallback = "null", .shown = has_folds,
     .help = "Instead of a fraction: a run for each of so many folds, each row for validation in one of them."},
    {.name = "fold", .type = FIELD_UINT, VALIDATION(fold), .nullable = true, .minimum = 1, .maximum = SPLIT_MAX_FOLDS,
     .fallback = "null", .shown = has_fold, .help = "One of the folds alone, from 1; null for a run of each."},
    {.name = "column", .type = FIELD_STRING, VALIDATION(column), .nullable = true, .minimum = 1, .maximum = TABLE_MAX_CELL,
     .fallback = "null", .shown = has_column, .help = "Instead of a fraction: the column that marks the rows; it is no feature then."},
    {.name = "value", .type = FIELD_STRING, VALIDATION(value), .nullable = true, .minimum = 0, .maximum = TABLE_MAX_CELL,
     .scalars = true, .fallback = "null", .shown = has_column, .help = "What the column holds in the validation rows."},
    {.name = "train_value", .type = FIELD_STRING, VALIDATION(train_value), .nullable = true, .minimum = 0,
     .maximum = TABLE_MAX_CELL, .scalars = true, .fallback = "null", .shown = has_train_value,
     .help = "What it holds in the rows to train on; null for all others."},
    {.name = "dataset", .type = FIELD_STRING, VALIDATION(dataset), .nullable = true, .minimum = 1, .maximum = 128,
     .fallback = "null", .shown = has_dataset, .help = "Instead of a fraction: name or id of a dataset with the validation rows."},
    {0},
};

/* ---- what no single field can check --------------------------------------------------------------------------------- */

static bool is_given(const struct json *body, const char *pointer)
{
    const struct json *v = json_at(body, pointer);
    return v && json_kind(v) != JSON_NULL;
}

static void check_ways(const struct json *body, struct violations *violations)
{
    static const char *const ways[] = {"dataset", "column", "folds", "fraction"};
    const char *chosen = NULL;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char pointer[40];
        snprintf(pointer, sizeof pointer, "/validation/%s", ways[i]);
        if (!is_given(body, pointer))
            continue;
        if (chosen)
            violation_add(violations, pointer, "conflict", "cannot stand beside %s: choose one of fraction, dataset, column and folds",
                          chosen);
        chosen = chosen ? chosen : ways[i];
    }
}

void job_validation_check(const struct job_validation *v, const struct json *body, struct violations *violations)
{
    check_ways(body, violations);
    if (v->fold && !v->folds)
        violation_add(violations, "/validation/fold", "value", "says which of the folds: give folds as well");
    else if (v->fold > v->folds)
        violation_add(violations, "/validation/fold", "range", "must be at most %u, the number of folds, not %u", v->folds, v->fold);
    if (v->column && !v->value)
        violation_add(violations, "/validation/value", "required", "is required: what the column holds in the validation rows");
    if (v->value && !v->column)
        violation_add(violations, "/validation/value", "value", "has no meaning without a column: give the column that holds it");
    if (v->train_value && !v->column)
        violation_add(violations, "/validation/train_value", "value", "has no meaning without a column: leave it out");
    if (v->value && v->train_value && !strcmp(v->value, v->train_value))
        violation_add(violations, "/validation/train_value", "value", "is the value of the validation rows: they are not for training");
    if (!has_stratified(v) && is_given(body, "/validation/stratified"))
        violation_add(violations, "/validation/stratified", "value", "has no meaning where the rows are named: leave it out");
}

/* ---- against the dataset -------------------------------------------------------------------------------------------- */

void job_validation_check_table(const struct job_spec *s, const struct table *t, struct violations *violations)
{
    const struct job_validation *v = &s->validation;
    struct split_mark mark;
    struct err err = {0};
    if (!v->column)
        return;
    size_t before = violations->count;
    job_column_exists(t, v->column, "/validation/column", violations);
    if (job_targets_has(s, v->column))
        violation_add(violations, "/validation/column", "value", "\"%s\" is %s target: it cannot mark rows too", v->column,
                      s->targets.count > 1 ? "a" : "the");
    if (violations->count > before || !v->value)
        return;
    if (split_mark_find(t, v->column, v->value, NULL, &mark, &err))
        violation_add(violations, "/validation/value", "value", "%s", err.message);
    else if (split_mark_find(t, v->column, v->value, v->train_value, &mark, &err))
        violation_add(violations, "/validation/train_value", "value", "%s", err.message);
}

/* What a row needs to be used: each target, and a weight above 0. */
struct needs {
    uint32_t target[TABLE_MAX_COLUMNS], targets;
    int weights;
};

static void needs_of(const struct job_spec *s, const struct table *t, struct needs *ret)
{
    ret->targets = job_targets_columns(s, t, ret->target);
    ret->weights = row_weights_find(t, s->sample_weight);
}

static bool is_there(const struct needs *n, const struct table *t, uint64_t row)
{
    return job_targets_there(t, n->target, n->targets, row) && row_weights_there(t, n->weights, row);
}

static uint64_t rows_there(const struct job_spec *s, const struct table *t)
{
    struct needs n;
    needs_of(s, t, &n);
    if (n.targets < s->targets.count)
        return 0;
    if (n.targets == 1 && n.weights < 0)
        return table_rows(t) - table_column(t, n.target[0])->missing;
    uint64_t count = 0;
    for (uint64_t row = 0; row < table_rows(t); row++)
        count += is_there(&n, t, row);
    return count;
}

struct job_rows job_validation_count(const struct job_spec *s, const struct table *t, const struct table *valid)
{
    const struct job_validation *v = &s->validation;
    struct job_rows n = {.train = rows_there(s, t), .valid = valid ? rows_there(s, valid) : 0};
    struct split_mark mark;
    struct needs needs;
    if (!v->column || !v->value || split_mark_find(t, v->column, v->value, v->train_value, &mark, NULL))
        return n;
    n.train = 0;
    needs_of(s, t, &needs);
    for (uint64_t row = 0; row < table_rows(t); row++) {
        enum split_side side = is_there(&needs, t, row) ? split_mark_side(t, &mark, row) : SPLIT_OUT;
        n.train += side == SPLIT_TRAIN;
        n.valid += side == SPLIT_VALID;
    }
    return n;
}

struct job_rows job_validation_rows(const struct job_spec *s, enum task task, struct job_rows counted,
                                    struct violations *violations)
{
    const struct job_validation *v = &s->validation;
    struct job_rows n = counted;
    if (v->folds) {
        n.valid = (counted.train + v->folds - 1) / v->folds;
        if (counted.train < v->folds)
            violation_add(violations, "/validation/folds", "range", "must be at most %llu, the rows with a target: each fold needs one",
                          (unsigned long long)counted.train);
    } else if (v->column && (!counted.train || !counted.valid)) {
        violation_add(violations, "/validation/value", "value", "leaves no row with a target for %s",
                      counted.train ? "validation" : "training");
    } else if (has_fraction(v)) {
        n.valid = (uint64_t)llround(v->fraction * (double)counted.train);
        /* a class keeps a row for training whatever the fraction is; numbers do not */
        if ((task == TASK_REGRESSION || task == TASK_MULTILABEL || !v->stratified) && n.valid >= counted.train)
            violation_add(violations, "/validation/fraction", "range", "leaves none of the %llu rows with a target for training",
                          (unsigned long long)counted.train);
    }
    if (!v->column && !v->dataset)
        n.train -= n.valid < n.train ? n.valid : n.train;
    return n;
}

const char *job_validation_advice(double fraction, char out[VALIDATION_ADVICE])
{
    if (fraction > 0)
        snprintf(out, VALIDATION_ADVICE, "%g of its rows is less than one, or no class has two: train with a larger "
                 "validation.fraction, more rows, or validation.folds", fraction);
    else
        snprintf(out, VALIDATION_ADVICE, "train with validation.fraction above 0");
    return out;
}

double job_validation_fraction_of(const char *spec)
{
    cleanup(json_freep) struct json *root = NULL;
    if (json_parse(spec, strlen(spec), &root, NULL))
        return 0;
    const struct json *fraction = json_at(root, "/validation/fraction");
    return fraction && json_kind(fraction) == JSON_NUMBER ? json_number(fraction) : 0;
}
