#include "encoder_internal.h"

#include "../base/mem.h"
#include "../base/pack.h"
#include "csv.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

void encoder_free(struct encoder *e)
{
    if (!e)
        return;
    for (uint32_t k = 0; e->class_name && k < e->classes; k++)
        mem_free(e->class_name[k]);
    for (uint32_t i = 0; e->feature && i < e->features; i++) {
        struct encoder_feature *f = &e->feature[i];
        for (uint32_t k = 0; f->category && k < f->categories; k++)
            mem_free((void *)(uintptr_t)f->category[k]);
        mem_free((void *)(uintptr_t)f->category);
        mem_free((void *)(uintptr_t)f->name);
    }
    mem_free(e->class_name);
    mem_free(e->feature);
    mem_free(e->by_name);
    unpack_texts_free(e->missing, e->missing_count);
    mem_free(e->target);
    mem_free(e);
}

static int by_name(const void *a, const void *b, void *encoder)
{
    const struct encoder *e = encoder;
    return strcmp(e->feature[*(const uint32_t *)a].name, e->feature[*(const uint32_t *)b].name);
}

enum err_code encoder_number_inputs(struct encoder *e, struct err *err)
{
    uint64_t inputs = 0;
    for (uint32_t i = 0; i < e->features; i++) {
        struct encoder_feature *f = &e->feature[i];
        f->input = (uint32_t)inputs;
        f->inputs = f->type == COLUMN_NUMERIC ? 1 : f->categories + f->has_missing;
        inputs += f->inputs;
        if (inputs > ENCODER_MAX_INPUTS)
            return err_set(err, ERR_INVALID, "the features make more than %d inputs; column \"%.100s\" alone makes %u: leave "
                           "it out of features", ENCODER_MAX_INPUTS, f->name, f->inputs);
    }
    if (!inputs)
        return err_set(err, ERR_INVALID, "the features have no value in any training row");
    e->inputs = (uint32_t)inputs;
    e->by_name = mem_array(e->features, sizeof *e->by_name);
    if (!e->by_name)
        return err_no_memory(err);
    for (uint32_t i = 0; i < e->features; i++)
        e->by_name[i] = i;
    qsort_r(e->by_name, e->features, sizeof *e->by_name, by_name, e);
    return ERR_OK;
}

/* ---- what it is ----------------------------------------------------------------------------------------------------- */

enum task encoder_task(const struct encoder *e)
{
    return e->task;
}

uint32_t encoder_inputs(const struct encoder *e)
{
    return e->inputs;
}

uint32_t encoder_outputs(const struct encoder *e)
{
    return e->task == TASK_MULTICLASS ? e->classes : 1;
}

uint32_t encoder_features(const struct encoder *e)
{
    return e->features;
}

const struct encoder_feature *encoder_feature(const struct encoder *e, uint32_t feature)
{
    return &e->feature[feature];
}

/* How text (length bytes, no NUL) compares with a NUL-terminated one. */
static int compare(const char *text, size_t length, const char *other)
{
    int order = strncmp(text, other, length);
    return order ? order : -(other[length] != '\0');
}

int encoder_find(const struct encoder *e, const char *name, size_t length)
{
    for (uint32_t low = 0, high = e->features; low < high;) {
        uint32_t middle = (low + high) / 2;
        int order = compare(name, length, e->feature[e->by_name[middle]].name);
        if (!order)
            return (int)e->by_name[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

int32_t encoder_category(const struct encoder_feature *f, const char *text, size_t length)
{
    for (uint32_t low = 0, high = f->categories; low < high;) {
        uint32_t middle = (low + high) / 2;
        int order = compare(text, length, f->category[middle]);
        if (!order)
            return (int32_t)middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

const char *encoder_target(const struct encoder *e)
{
    return e->target;
}

uint32_t encoder_classes(const struct encoder *e)
{
    return e->classes;
}

const char *encoder_class(const struct encoder *e, uint32_t k)
{
    return e->class_name[k];
}

double encoder_target_mean(const struct encoder *e)
{
    return e->target_mean;
}

double encoder_target_deviation(const struct encoder *e)
{
    return e->target_deviation;
}

/* ---- one row, cell by cell ------------------------------------------------------------------------------------------ */

void encoder_row_start(const struct encoder *e, real *x)
{
    memset(x, 0, e->inputs * sizeof *x); /* a missing number is its mean, and that is 0 when standardized */
    for (uint32_t i = 0; i < e->features; i++)
        if (e->feature[i].has_missing)
            x[e->feature[i].input + e->feature[i].categories] = 1;
}

void encoder_row_number(const struct encoder *e, uint32_t feature, double value, real *x)
{
    const struct encoder_feature *f = &e->feature[feature];
    x[f->input] = isnan(value) ? 0 : (real)((value - f->mean) / f->deviation);
}

bool encoder_row_category(const struct encoder *e, uint32_t feature, const char *text, size_t length, real *x)
{
    const struct encoder_feature *f = &e->feature[feature];
    int32_t category = encoder_category(f, text, length);
    if (f->has_missing)
        x[f->input + f->categories] = 0;
    if (category >= 0)
        x[f->input + (uint32_t)category] = 1;
    return category >= 0;
}

bool encoder_missing(const struct encoder *e, const char *text, size_t length)
{
    struct csv_options o = {.missing = (const char *const *)e->missing, .missing_count = e->missing_count};
    return csv_missing(&o, &(struct csv_cell){.text = text, .length = length});
}
