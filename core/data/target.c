#include "target.h"

#include "../base/cleanup.h"
#include "../base/mem.h"
#include "../base/text.h"
#include "row_weights.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void target_done(struct target *target)
{
    for (uint32_t k = 0; target->name && k < target->classes; k++)
        mem_free(target->name[k]);
    mem_free(target->name);
    mem_free(target->value);
    mem_free(target->class_of_code);
}

void targets_done(struct targets *targets)
{
    for (uint32_t j = 0; targets->target && j < targets->count; j++)
        target_done(&targets->target[j]);
    mem_free(targets->target);
    *targets = (struct targets){0};
}

/* ---- classes -------------------------------------------------------------------------------------------------------- */

/* Where the value is, or belongs, among count ascending ones. */
static uint32_t place(const double *value, uint32_t count, double v)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (value[middle] < v)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum err_code too_many(const struct column *c, struct err *err)
{
    return err_set(err, ERR_INVALID, "the target \"%.100s\" has more than %d classes: is it a number to predict? Then the "
                   "task is \"regression\"", c->name, ENCODER_MAX_CLASSES);
}

static enum err_code numeric_classes(struct target *target, const struct table *t, int weights, struct err *err)
{
    target->value = mem_array(ENCODER_MAX_CLASSES + 1, sizeof *target->value);
    target->name = mem_array(ENCODER_MAX_CLASSES + 1, sizeof *target->name);
    if (!target->value || !target->name)
        return err_no_memory(err);
    uint32_t count = 0;
    table_will_need(t, target->column, 0, (uint32_t)table_rows(t) - 1);
    for (uint64_t row = 0; row < table_rows(t); row++) {
        double v = table_number(t, target->column, row);
        if (isnan(v) || !row_weights_there(t, weights, row))
            continue;
        uint32_t at = place(target->value, count, v);
        if (at < count && target->value[at] == v)
            continue;
        if (count == ENCODER_MAX_CLASSES)
            return too_many(table_column(t, target->column), err);
        memmove(target->value + at + 1, target->value + at, (count - at) * sizeof v);
        target->value[at] = v + 0.0;
        count++;
    }
    char text[TEXT_NUMBER_SIZE];
    for (; target->classes < count; target->classes++)
        if (!(target->name[target->classes] = mem_strdup(text_number(target->value[target->classes], text))))
            return err_no_memory(err);
    return ERR_OK;
}

static int by_text(const void *a, const void *b, void *category)
{
    const char *const *text = category;
    return strcmp(text[*(const int32_t *)a], text[*(const int32_t *)b]);
}

static enum err_code text_classes(struct target *target, const struct table *t, int weights, struct err *err)
{
    const struct column *c = table_column(t, target->column);
    cleanup(mem_freep) bool *there = NULL;
    cleanup(mem_freep) int32_t *order = mem_array((size_t)c->categories + 1, sizeof *order);
    uint32_t count = 0;
    enum err_code code = order ? row_weights_codes(t, weights, target->column, &there, err) : err_no_memory(err);
    if (code)
        return code;
    for (uint32_t k = 0; k < c->categories; k++)
        if (there[k])
            order[count++] = (int32_t)k;
    if (count > ENCODER_MAX_CLASSES)
        return too_many(c, err);
    target->class_of_code = mem_array((size_t)c->categories + 1, sizeof *target->class_of_code);
    target->name = mem_array((size_t)count + 1, sizeof *target->name);
    if (!target->class_of_code || !target->name)
        return err_no_memory(err);
    for (uint32_t k = 0; k < c->categories; k++)
        target->class_of_code[k] = -1;
    qsort_r(order, count, sizeof *order, by_text, (void *)(uintptr_t)c->category);
    for (; target->classes < count; target->classes++) {
        target->class_of_code[order[target->classes]] = (int32_t)target->classes;
        if (!(target->name[target->classes] = mem_strdup(c->category[order[target->classes]])))
            return err_no_memory(err);
    }
    return ERR_OK;
}

static enum err_code read_classes(struct target *target, const struct table *t, int weights, struct err *err)
{
    const struct column *c = table_column(t, target->column);
    enum err_code code = c->type == COLUMN_NUMERIC ? numeric_classes(target, t, weights, err) : text_classes(target, t, weights, err);
    if (!code && target->classes < 2)
        code = err_set(err, ERR_INVALID, "the target \"%.100s\" has %u distinct value%s: two are needed at least", c->name,
                       target->classes, target->classes == 1 ? "" : "s");
    return code;
}

/* ---- the task ------------------------------------------------------------------------------------------------------- */

static enum err_code need_numbers(const struct column *c, const char *fix, struct err *err)
{
    return c->type == COLUMN_NUMERIC ? ERR_OK
                                     : err_set(err, ERR_INVALID, "the target \"%.100s\" holds texts such as \"%.40s\", regression "
                                               "needs numbers: %s", c->name, c->category[0], fix);
}

/* Of one target alone. */
static enum err_code read_one(struct targets *targets, const struct table *t, enum task task, int weights, struct err *err)
{
    struct target *target = &targets->target[0];
    const struct column *c = table_column(t, target->column);
    if (task == TASK_MULTILABEL)
        return err_set(err, ERR_INVALID, "multilabel has several targets, and \"%.100s\" is one alone: use the task \"%s\"", c->name,
                       c->type == COLUMN_CATEGORICAL && c->categories > 2 ? "multiclass" : "binary");
    targets->task = task == TASK_AUTO && c->type == COLUMN_NUMERIC ? TASK_REGRESSION : task;
    if (targets->task == TASK_REGRESSION)
        return need_numbers(c, c->categories == 2 ? "use the task \"binary\"" : "use the task \"multiclass\"", err);
    enum err_code code = read_classes(target, t, weights, err);
    if (!code && targets->task == TASK_AUTO)
        targets->task = target->classes == 2 ? TASK_BINARY : TASK_MULTICLASS;
    if (!code && targets->task == TASK_BINARY && target->classes != 2)
        code = err_set(err, ERR_INVALID, "the target \"%.100s\" has %u distinct values, binary needs two: use the task "
                       "\"%s\"", c->name, target->classes, c->type == COLUMN_NUMERIC && target->classes > 20 ? "regression"
                                                                                                           : "multiclass");
    return code;
}

static enum err_code read_label(struct target *target, const struct table *t, int weights, struct err *err)
{
    enum err_code code = read_classes(target, t, weights, err);
    if (code || target->classes == 2)
        return code;
    return err_set(err, ERR_INVALID, "the target \"%.100s\" has %u distinct values, multilabel needs two of each: leave it out, or "
                   "predict it alone", table_column(t, target->column)->name, target->classes);
}

/* Of several: all numbers, or all classes. */
static enum err_code choose_task(struct targets *targets, const struct table *t, enum task task, uint32_t *at, struct err *err)
{
    const struct column *first = table_column(t, targets->target[0].column);
    targets->task = task;
    *at = targets->count;
    if (task == TASK_BINARY || task == TASK_MULTICLASS)
        return err_set(err, ERR_INVALID, "%s has one target, not %u: %s", task_name(task), targets->count,
                       task == TASK_BINARY ? "use the task \"multilabel\"" : "take one of them, or a job for each");
    for (uint32_t j = 1; task == TASK_AUTO && j < targets->count; j++) {
        const struct column *c = table_column(t, targets->target[j].column);
        if (c->type == first->type)
            continue;
        *at = j;
        return err_set(err, ERR_INVALID, "the target \"%.80s\" is %s and \"%.80s\" is %s: several targets are all numbers, or have "
                       "all two classes; with the task \"multilabel\" numbers of two values are classes", first->name,
                       column_type_name(first->type), c->name, column_type_name(c->type));
    }
    if (task == TASK_AUTO)
        targets->task = first->type == COLUMN_NUMERIC ? TASK_REGRESSION : TASK_MULTILABEL;
    return ERR_OK;
}

static enum err_code read_several(struct targets *targets, const struct table *t, enum task task, int weights, uint32_t *at,
                                  struct err *err)
{
    enum err_code code = choose_task(targets, t, task, at, err);
    for (uint32_t j = 0; !code && j < targets->count; j++) {
        *at = j;
        if (targets->task == TASK_REGRESSION)
            code = need_numbers(table_column(t, targets->target[j].column), "leave it out, or predict it alone", err);
        else
            code = read_label(&targets->target[j], t, weights, err);
    }
    return code;
}

static enum err_code find_columns(struct targets *targets, const struct table *t, const struct encoder_options *o, uint32_t *at,
                                  struct err *err)
{
    for (uint32_t j = 0; j < targets->count; j++) {
        int column = table_find(t, o->targets[j]);
        *at = j;
        if (column < 0)
            return err_set(err, ERR_INVALID, "no column \"%.100s\" for the target", o->targets[j]);
        for (uint32_t k = 0; k < j; k++)
            if (targets->target[k].column == (uint32_t)column)
                return err_set(err, ERR_INVALID, "the target \"%.100s\" is there twice", o->targets[j]);
        if (table_column(t, (uint32_t)column)->missing == table_rows(t))
            return err_set(err, ERR_INVALID, "the target \"%.100s\" has no value in any row", o->targets[j]);
        targets->target[j].column = (uint32_t)column;
    }
    return ERR_OK;
}

enum err_code targets_read(const struct table *t, const struct encoder_options *o, struct targets *ret_targets, uint32_t *ret_at,
                           struct err *err)
{
    struct targets targets = {.count = o->target_count, .target = mem_array((size_t)o->target_count + 1, sizeof *targets.target)};
    int weights = row_weights_find(t, o->weights);
    uint32_t at = 0;
    enum err_code code = targets.target ? find_columns(&targets, t, o, &at, err) : err_no_memory(err);
    if (!code && !targets.count)
        code = err_set(err, ERR_INVALID, "no target");
    if (!code)
        code = targets.count == 1 ? read_one(&targets, t, o->task, weights, err)
                                  : read_several(&targets, t, o->task, weights, &at, err);
    if (code)
        targets_done(&targets);
    else
        *ret_targets = targets;
    if (ret_at)
        *ret_at = at;
    return code;
}

/* ---- rows ----------------------------------------------------------------------------------------------------------- */

static bool has_all(const struct targets *targets, const struct table *t, uint64_t row)
{
    bool all = true;
    for (uint32_t j = 0; all && j < targets->count; j++)
        all = table_has(t, targets->target[j].column, row);
    return all;
}

enum err_code targets_rows(const struct targets *targets, const struct table *t, uint32_t **ret_rows, size_t *ret_count,
                           struct err *err)
{
    size_t count = 0, most = (size_t)table_rows(t);
    for (uint32_t j = 0; j < targets->count; j++) {
        size_t rows = (size_t)(table_rows(t) - table_column(t, targets->target[j].column)->missing);
        most = rows < most ? rows : most;
        table_will_need(t, targets->target[j].column, 0, (uint32_t)table_rows(t) - 1);
    }
    uint32_t *row = mem_array(most + 1, sizeof *row);
    if (!row)
        return err_no_memory(err);
    for (uint64_t i = 0; i < table_rows(t) && count < most; i++)
        if (has_all(targets, t, i))
            row[count++] = (uint32_t)i;
    *ret_rows = row;
    *ret_count = count;
    return ERR_OK;
}

void target_classes(const struct target *target, const struct table *t, const uint32_t *rows, size_t count, int32_t *out)
{
    if (target->class_of_code) {
        table_codes(t, target->column, rows, count, out);
        for (size_t i = 0; i < count; i++)
            out[i] = out[i] < 0 ? -1 : target->class_of_code[out[i]];
        return;
    }
    for (size_t i = 0; i < count; i++) {
        double v = table_number(t, target->column, rows[i]);
        uint32_t at = place(target->value, target->classes, v); /* of NaN: 0 */
        out[i] = at < target->classes && target->value[at] == v ? (int32_t)at : -1;
    }
}
