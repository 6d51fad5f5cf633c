#include "target.h"

#include "../base/cleanup.h"
#include "../base/mem.h"
#include "../base/text.h"
#include "row_weights.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

void target_done(struct target *target)
{
    for (uint32_t k = 0; target->name && k < target->classes; k++)
        mem_free(target->name[k]);
    mem_free(target->name);
    mem_free(target->value);
    mem_free(target->class_of_code);
    *target = (struct target){0};
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

/* ---- the task ------------------------------------------------------------------------------------------------------- */

static enum err_code check_classes(struct target *target, const struct column *c, struct err *err)
{
    if (target->classes < 2)
        return err_set(err, ERR_INVALID, "the target \"%.100s\" has %u distinct value%s: two are needed at least", c->name,
                       target->classes, target->classes == 1 ? "" : "s");
    if (target->task == TASK_AUTO)
        target->task = target->classes == 2 ? TASK_BINARY : TASK_MULTICLASS;
    if (target->task == TASK_BINARY && target->classes != 2)
        return err_set(err, ERR_INVALID, "the target \"%.100s\" has %u distinct values, binary needs two: use the task "
                       "\"%s\"", c->name, target->classes, c->type == COLUMN_NUMERIC && target->classes > 20 ? "regression"
                                                                                                        : "multiclass");
    return ERR_OK;
}

static enum err_code read_task(struct target *target, const struct table *t, enum task task, int weights, struct err *err)
{
    const struct column *c = table_column(t, target->column);
    if (c->missing == table_rows(t))
        return err_set(err, ERR_INVALID, "the target \"%.100s\" has no value in any row", c->name);
    target->task = task == TASK_AUTO && c->type == COLUMN_NUMERIC ? TASK_REGRESSION : task;
    if (target->task == TASK_REGRESSION)
        return c->type == COLUMN_NUMERIC
                   ? ERR_OK
                   : err_set(err, ERR_INVALID, "the target \"%.100s\" holds texts such as \"%.40s\", regression needs numbers: "
                             "use the task \"%s\"", c->name, c->category[0], c->categories == 2 ? "binary" : "multiclass");
    enum err_code code = c->type == COLUMN_NUMERIC ? numeric_classes(target, t, weights, err)
                                                    : text_classes(target, t, weights, err);
    return code ? code : check_classes(target, c, err);
}

enum err_code target_read(const struct table *t, const struct encoder_options *o, struct target *ret_target, struct err *err)
{
    int column = table_find(t, o->target);
    if (column < 0)
        return err_set(err, ERR_INVALID, "no column \"%.100s\" for the target", o->target);
    struct target target = {.column = (uint32_t)column};
    enum err_code code = read_task(&target, t, o->task, row_weights_find(t, o->weights), err);
    if (code)
        target_done(&target);
    else
        *ret_target = target;
    return code;
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
