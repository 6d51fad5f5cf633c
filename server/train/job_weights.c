#include "job_weights.h"

#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include "core/data/row_weights.h"
#include "job_spec.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- what is given -------------------------------------------------------------------------------------------------------- */

static void check_class(const struct json *weight, struct violations *violations)
{
    char pointer[200];
    snprintf(pointer, sizeof pointer, "/class_weights/%.100s", json_key(weight));
    if (json_kind(weight) != JSON_NUMBER)
        violation_add(violations, pointer, "type", "must be a number, not %s", json_kind_name(json_kind(weight)));
    else if (!(json_number(weight) >= 0 && json_number(weight) <= 1e9))
        violation_add(violations, pointer, "range", "must be 0 to 1e9, not %g", json_number(weight));
}

void job_weights_check(const struct job_spec *s, struct violations *violations)
{
    const struct json *v = s->class_weights;
    bool balanced = v && json_kind(v) == JSON_STRING && !strcmp(json_string(v), "balanced");
    if (v && json_kind(v) != JSON_OBJECT && !balanced)
        violation_add(violations, "/class_weights", json_kind(v) == JSON_STRING ? "value" : "type",
                      "must be \"balanced\", or an object of classes and their weights");
    for (const struct json *w = v && json_kind(v) == JSON_OBJECT ? json_first(v) : NULL; w; w = json_next(w))
        check_class(w, violations);
}

/* ---- against the dataset -------------------------------------------------------------------------------------------- */

static bool has_class(const struct column *c, const bool *there, const char *name)
{
    for (uint32_t k = 0; k < c->categories; k++)
        if (there[k] && !strcmp(c->category[k], name))
            return true;
    return false;
}

void job_weights_check_classes(const struct job_spec *s, const struct table *t, enum task task, struct violations *violations)
{
    char *const *targets = s->targets.items;
    if (!s->class_weights)
        return;
    if (s->targets.count > 1) {
        violation_add(violations, "/class_weights", "value", "are of the classes of one target, and the job has %zu: leave them out, or "
                      "weigh rows by sample_weight", s->targets.count);
        return;
    }
    if (task == TASK_REGRESSION) {
        violation_add(violations, "/class_weights", "value", "the task is regression, which has no classes: leave it out");
        return;
    }
    cleanup(mem_freep) bool *there = NULL;
    uint32_t column = (uint32_t)table_find(t, targets[0]);
    const struct column *target = table_column(t, column);
    if (json_kind(s->class_weights) != JSON_OBJECT || target->type != COLUMN_CATEGORICAL ||
        row_weights_codes(t, row_weights_find(t, s->sample_weight), column, &there, NULL))
        return; /* without memory: the run says it */
    for (const struct json *w = json_first(s->class_weights); w; w = json_next(w))
        if (!has_class(target, there, json_key(w)))
            violation_add(violations, "/class_weights", "not_found", "\"%s\" has no class \"%.100s\"", targets[0], json_key(w));
}

/* Whether each row's weight is a number from 0 on, and one is above. */
static void check_numbers(const struct column *c, const char *whose, const char *pointer, struct violations *violations)
{
    if (c->type != COLUMN_NUMERIC)
        violation_add(violations, pointer, "value", "\"%s\"%s is categorical: weights are numbers", c->name, whose);
    else if (c->minimum < 0)
        violation_add(violations, pointer, "value", "\"%s\"%s goes down to %g: weights are 0 or more", c->name, whose, c->minimum);
    else if (c->missing)
        violation_add(violations, pointer, "value", "\"%s\"%s is missing in %llu row%s: each needs a weight", c->name, whose,
                      (unsigned long long)c->missing, c->missing == 1 ? "" : "s");
    else if (c->maximum <= 0)
        violation_add(violations, pointer, "value", "\"%s\"%s is 0 in every row: one that counts needs a weight above 0", c->name,
                      whose);
}

void job_weights_check_table(const struct job_spec *s, const struct table *t, struct violations *violations)
{
    if (!s->sample_weight)
        return;
    size_t before = violations->count;
    job_column_exists(t, s->sample_weight, "/sample_weight", violations);
    if (violations->count > before)
        return;
    const struct column *c = table_column(t, (uint32_t)table_find(t, s->sample_weight));
    char *const *features = s->features.items;
    if (job_targets_has(s, s->sample_weight))
        violation_add(violations, "/sample_weight", "value", "\"%s\" is %s target: it cannot be a weight too", s->sample_weight,
                      s->targets.count > 1 ? "a" : "the");
    else
        check_numbers(c, "", "/sample_weight", violations);
    for (size_t i = 0; i < s->features.count; i++)
        if (features[i] && !strcmp(features[i], s->sample_weight))
            violation_add(violations, "/sample_weight", "value", "\"%s\" is a feature: it cannot be a weight too", c->name);
}

void job_weights_check_valid(const struct job_spec *s, const struct table *valid, struct violations *violations)
{
    int column = s->sample_weight ? table_find(valid, s->sample_weight) : -1;
    if (column >= 0)
        check_numbers(table_column(valid, (uint32_t)column), " of this dataset", "/validation/dataset", violations);
}

/* ---- for a run ------------------------------------------------------------------------------------------------------ */

enum err_code job_weights_drop(const struct job_spec *s, const struct table *t, uint32_t *rows, int32_t *classes, size_t *count,
                               struct err *err)
{
    int column = row_weights_find(t, s->sample_weight);
    size_t kept = 0;
    for (size_t i = 0; column >= 0 && i < *count; i++) {
        double weight = table_number(t, (uint32_t)column, rows[i]);
        if (!(weight >= 0))
            return err_set(err, ERR_INVALID, "sample_weight: \"%s\" is %s in row %u: weights are 0 or more", s->sample_weight,
                           isnan(weight) ? "missing" : "negative", rows[i] + 1);
        if (weight == 0)
            continue;
        rows[kept] = rows[i];
        if (classes)
            classes[kept] = classes[i];
        kept++;
    }
    *count = column >= 0 ? kept : *count;
    return ERR_OK;
}

/* The rows for training of each class, by their weights. */
static enum err_code count_classes(const struct job_spec *s, const struct table *t, const uint32_t *train, size_t train_count,
                                   double *counts, struct err *err)
{
    struct encoder_options options = job_spec_encoder_options(s);
    cleanup(mem_freep) uint32_t *rows = NULL;
    cleanup(mem_freep) int32_t *classes = NULL;
    int weights = row_weights_find(t, s->sample_weight);
    size_t count = 0;
    enum err_code code = encoder_target_rows(t, &options, &rows, &classes, &count, err);
    for (size_t i = 0, k = 0; !code && classes && i < count && k < train_count; i++)
        if (rows[i] == train[k]) {
            counts[classes[i]] += weights < 0 ? 1 : table_number(t, (uint32_t)weights, rows[i]);
            k++;
        }
    return code;
}

static enum err_code given_classes(const struct json *given, const struct encoder_target *target, double *weights, struct err *err)
{
    for (const struct json *w = json_first(given); w; w = json_next(w)) {
        uint32_t k = 0;
        while (k < target->classes && strcmp(target->class[k], json_key(w)) != 0)
            k++;
        if (k == target->classes)
            return err_set(err, ERR_INVALID, "class_weights: the target has no class \"%.100s\"", json_key(w));
        weights[k] = json_number(w);
    }
    return ERR_OK;
}

enum err_code job_weights_classes(const struct job_spec *s, const struct table *t, const struct encoder *e,
                                  const uint32_t *train, size_t train_count, double **ret, struct err *err)
{
    const struct encoder_target *target = encoder_target(e, 0); /* several have no weights of classes */
    uint32_t classes = target->classes;
    *ret = NULL;
    if (!s->class_weights || !classes)
        return ERR_OK;
    double *weights = mem_array(classes, sizeof *weights);
    cleanup(mem_freep) double *counts = mem_array(classes, sizeof *counts);
    enum err_code code = weights && counts ? ERR_OK : err_no_memory(err);
    bool balanced = json_kind(s->class_weights) == JSON_STRING;
    if (!code && balanced)
        code = count_classes(s, t, train, train_count, counts, err);
    double sum = 0;
    for (uint32_t k = 0; !code && k < classes; k++)
        sum += counts[k];
    for (uint32_t k = 0; !code && k < classes; k++)
        weights[k] = balanced && counts[k] > 0 ? sum / (classes * counts[k]) : 1;
    if (!code && !balanced)
        code = given_classes(s->class_weights, target, weights, err);
    if (code)
        mem_free(weights);
    else
        *ret = weights;
    return code;
}
