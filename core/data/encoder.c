#include "encoder_internal.h"

#include "../base/mem.h"
#include "../base/pack.h"
#include "../base/text.h"
#include "csv.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void texts_free(const char *const *texts, uint32_t count)
{
    for (uint32_t k = 0; texts && k < count; k++)
        mem_free((void *)(uintptr_t)texts[k]);
    mem_free((void *)(uintptr_t)texts);
}

void encoder_feature_done(struct encoder_feature *f)
{
    texts_free(f->category, f->categories);
    texts_free(f->rare, f->rare_count);
    mem_free((void *)(uintptr_t)f->level);
    mem_free((void *)(uintptr_t)f->name);
    *f = (struct encoder_feature){0};
}

void encoder_target_done(struct encoder_target *target)
{
    texts_free(target->class, target->classes);
    mem_free((void *)(uintptr_t)target->name);
    *target = (struct encoder_target){0};
}

void encoder_free(struct encoder *e)
{
    if (!e)
        return;
    for (uint32_t j = 0; e->target && j < e->targets; j++)
        encoder_target_done(&e->target[j]);
    for (uint32_t i = 0; e->feature && i < e->features; i++)
        encoder_feature_done(&e->feature[i]);
    mem_free(e->feature);
    mem_free(e->by_name);
    unpack_texts_free(e->missing, e->missing_count);
    unpack_texts_free(e->passed_over, e->passed_over_count);
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
        f->inputs = f->encoding != ENCODING_CATEGORIES ? 1 : f->categories + (f->rare_count > 0) + f->has_missing;
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
    return e->task == TASK_MULTICLASS ? e->target[0].classes : e->targets;
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

int32_t encoder_find_text(const char *const *sorted, uint32_t count, const char *text, size_t length)
{
    for (uint32_t low = 0, high = count; low < high;) {
        uint32_t middle = (low + high) / 2;
        int order = compare(text, length, sorted[middle]);
        if (!order)
            return (int32_t)middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

uint32_t encoder_targets(const struct encoder *e)
{
    return e->targets;
}

const struct encoder_target *encoder_target(const struct encoder *e, uint32_t target)
{
    return &e->target[target];
}

bool encoder_passes_over(const struct encoder *e, const char *name, size_t length)
{
    bool is_target = false;
    for (uint32_t j = 0; !is_target && j < e->targets; j++)
        is_target = !compare(name, length, e->target[j].name);
    return is_target ||
           encoder_find_text((const char *const *)e->passed_over, (uint32_t)e->passed_over_count, name, length) >= 0;
}

char encoder_decimal(const struct encoder *e)
{
    return e->decimal;
}

/* ---- one row, cell by cell ------------------------------------------------------------------------------------------ */

double encoder_text_value(const char *text, size_t length, char decimal)
{
    double value;
    return csv_number(&(struct csv_cell){.text = text, .length = (uint32_t)length}, decimal, &value) ? value : NAN;
}

double encoder_category_value(const struct encoder_feature *f, const char *text, size_t length, char decimal)
{
    if (f->encoding == ENCODING_NUMBER)
        return encoder_text_value(text, length, decimal);
    int32_t category = encoder_find_text(f->category, f->categories, text, length);
    return category < 0 ? NAN : (double)f->level[category];
}

int32_t encoder_hot_input(const struct encoder_feature *f, const char *text, size_t length, bool *ret_known)
{
    int32_t category = encoder_find_text(f->category, f->categories, text, length);
    *ret_known = category >= 0 || encoder_find_text(f->rare, f->rare_count, text, length) >= 0;
    if (category >= 0)
        return (int32_t)f->input + category;
    return f->rare_count ? (int32_t)(f->input + f->categories) : -1;
}

void encoder_row_start(const struct encoder *e, real *x)
{
    memset(x, 0, e->inputs * sizeof *x);
    for (uint32_t i = 0; i < e->features; i++) {
        const struct encoder_feature *f = &e->feature[i];
        if (f->encoding != ENCODING_CATEGORIES)
            x[f->input] = encoder_scaled(f, NAN);
        else if (f->has_missing)
            x[f->input + f->inputs - 1] = 1;
    }
}

static enum encoder_cell set_category(const struct encoder_feature *f, const char *text, size_t length, real *x)
{
    bool known;
    if (f->encoding == ENCODING_ORDINAL) {
        int32_t category = encoder_find_text(f->category, f->categories, text, length);
        x[f->input] = encoder_scaled(f, category < 0 ? NAN : (double)f->level[category]);
        return category < 0 ? CELL_UNSEEN : CELL_KNOWN;
    }
    int32_t input = encoder_hot_input(f, text, length, &known);
    if (f->has_missing)
        x[f->input + f->inputs - 1] = 0;
    if (input >= 0)
        x[input] = 1;
    return known ? CELL_KNOWN : CELL_UNSEEN;
}

enum encoder_cell encoder_row_number(const struct encoder *e, uint32_t feature, double value, real *x)
{
    const struct encoder_feature *f = &e->feature[feature];
    char text[TEXT_NUMBER_SIZE];
    if (f->encoding != ENCODING_NUMBER && !isnan(value)) {
        text_number(value + 0.0, text);
        return set_category(f, text, strlen(text), x);
    }
    if (f->encoding == ENCODING_NUMBER)
        x[f->input] = encoder_scaled(f, value);
    return isnan(value) ? CELL_MISSING : CELL_KNOWN;
}

enum encoder_cell encoder_row_text(const struct encoder *e, uint32_t feature, const char *text, size_t length, char decimal,
                                   real *x)
{
    const struct encoder_feature *f = &e->feature[feature];
    if (f->encoding != ENCODING_NUMBER && f->type == COLUMN_CATEGORICAL)
        return set_category(f, text, length, x);
    double value = encoder_text_value(text, length, decimal);
    if (!isnan(value) || f->encoding == ENCODING_NUMBER)
        return isnan(value) && f->type == COLUMN_NUMERIC ? CELL_NO_NUMBER : encoder_row_number(e, feature, value, x);
    return set_category(f, text, length, x); /* no number is among its categories */
}

bool encoder_missing(const struct encoder *e, const char *text, size_t length)
{
    struct csv_options o = {.missing = (const char *const *)e->missing, .missing_count = e->missing_count};
    return csv_missing(&o, &(struct csv_cell){.text = text, .length = (uint32_t)length});
}
