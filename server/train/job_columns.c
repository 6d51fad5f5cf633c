#include "job_columns.h"

#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include "core/base/text.h"
#include "job_spec.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the tables ----------------------------------------------------------------------------------------------------- */

static const char *scaling_of_all(int index)
{
    return encoder_scaling_name(index + 1);
}

static bool has_scaling(const void *column)
{
    return ((const struct job_column *)column)->scaling != SCALING_AUTO;
}

static bool has_order(const void *column)
{
    return ((const struct job_column *)column)->order.count > 0;
}

static bool has_min_frequency(const void *column)
{
    return !isnan(((const struct job_column *)column)->min_frequency);
}

static bool has_category_limit(const void *column)
{
    return ((const struct job_column *)column)->category_limit > 0;
}

#define COLUMN(member) .offset = offsetof(struct job_column, member)

const struct json_field job_column_fields[] = {
    {.name = "role", .type = FIELD_ENUM, COLUMN(role), .names = encoder_role_name, .fallback = "\"auto\"",
     .help = "auto: numbers of a numeric column, categories of another. numeric: texts that are no number are missing. ordinal: "
             "the place in order."},
    {.name = "order", .type = FIELD_STRINGS, COLUMN(order), .nullable = true, .minimum = 1, .maximum = ENCODER_CATEGORY_LIMIT,
     .fallback = "null", .scalars = true, .shown = has_order, .help = "Of an ordinal: all its categories, the least first."},
    {.name = "scaling", .type = FIELD_ENUM, COLUMN(scaling), .names = encoder_scaling_name, .fallback = "\"auto\"",
     .shown = has_scaling, .help = "Of a number or an ordinal; auto: encoding.scaling."},
    {.name = "min_frequency", .type = FIELD_DOUBLE, COLUMN(min_frequency), .nullable = true, .minimum = 0, .maximum = 4294967295,
     .fallback = "null", .shown = has_min_frequency, .help = "Of categories; null: encoding.min_frequency."},
    {.name = "category_limit", .type = FIELD_UINT, COLUMN(category_limit), .nullable = true, .minimum = 1,
     .maximum = ENCODER_MAX_INPUTS, .fallback = "null", .shown = has_category_limit,
     .help = "Of categories; null: encoding.category_limit."},
    {0},
};

#define ENCODING(member) .offset = offsetof(struct job_encoding, member)

const struct json_field job_encoding_fields[] = {
    {.name = "scaling", .type = FIELD_ENUM, ENCODING(scaling), .names = scaling_of_all, .fallback = "\"standard\"",
     .help = "Of numbers. standard: mean 0, deviation 1; minmax: from 0 to 1; none: as they are."},
    {.name = "min_frequency", .type = FIELD_DOUBLE, ENCODING(min_frequency), .minimum = 0, .maximum = 4294967295,
     .fallback = "0",
     .help = "A category of fewer training rows (under 1: of a smaller share of them) is folded into one input, \"other\"."},
    {.name = "category_limit", .type = FIELD_UINT, ENCODING(category_limit), .minimum = 1, .maximum = ENCODER_MAX_INPUTS,
     .fallback = "1000", .help = "Categories of one column that may have an input each; a column with more is refused."},
    {0},
};

/* ---- what no single field can check --------------------------------------------------------------------------------- */

static void check_min_frequency(double value, const char *pointer, struct violations *violations)
{
    if (value > 1 && value != floor(value))
        violation_add(violations, pointer, "range", "must be a whole number of rows, or a share of them under 1, not %g", value);
}

static void check_column(const struct job_column *c, struct violations *violations)
{
    char place[POINTER_SIZE], pointer[POINTER_SIZE];
    pointer_member(place, "/columns", c->name);
    check_min_frequency(c->min_frequency, pointer_member(pointer, place, "min_frequency"), violations);
    pointer_member(pointer, place, "order");
    if (c->role == ROLE_ORDINAL && !c->order.count)
        violation_add(violations, pointer, "required", "an ordinal needs its order: a list of all its categories, the least first");
    if (c->role != ROLE_ORDINAL && c->order.count)
        violation_add(violations, pointer, "value", "only an ordinal has an order: leave it out, or set the role to \"ordinal\"");
    if (c->scaling && (c->role == ROLE_CATEGORICAL || c->role == ROLE_IGNORE))
        violation_add(violations, pointer_member(pointer, place, "scaling"), "value", "only numbers and ordinals have a scaling, "
                      "not the role \"%s\": leave it out; a grid gives both at once, by an axis that sets all of the column",
                      encoder_role_name(c->role));
}

enum err_code job_columns_resolve(struct job_spec *s, struct violations *violations, struct err *err)
{
    const struct job_column *column = s->columns.items;
    size_t before = violations->count;
    check_min_frequency(s->encoding.min_frequency, "/encoding/min_frequency", violations);
    for (size_t i = 0; i < s->columns.count; i++)
        check_column(&column[i], violations);
    for (size_t i = 0; s->sample_weight && i < s->columns.count; i++)
        if (column[i].name && !strcmp(column[i].name, s->sample_weight))
            violation_add(violations, "/sample_weight", "value", "\"%s\" has a place in columns, but weights are no feature: leave "
                          "it out there", s->sample_weight);
    if ((!s->columns.count && !s->sample_weight) || violations->count > before)
        return ERR_OK;
    s->encoder_columns = mem_array(s->columns.count + 1, sizeof *s->encoder_columns);
    if (!s->encoder_columns)
        return err_no_memory(err);
    for (size_t i = 0; i < s->columns.count; i++)
        s->encoder_columns[i] = (struct encoder_column){.name = column[i].name,
                                                        .role = (enum encoder_role)column[i].role,
                                                        .scaling = (enum encoder_scaling)column[i].scaling,
                                                        .order = (const char *const *)column[i].order.items,
                                                        .order_count = (uint32_t)column[i].order.count,
                                                        .min_frequency = column[i].min_frequency,
                                                        .category_limit = column[i].category_limit};
    if (s->sample_weight)
        s->encoder_columns[s->columns.count] = (struct encoder_column){.name = s->sample_weight, .role = ROLE_IGNORE, .min_frequency = NAN};
    return ERR_OK;
}

void job_columns_write(const struct job_spec *s, struct json_writer *w)
{
    const struct job_column *column = s->columns.items;
    json_object(w);
    for (size_t i = 0; i < s->columns.count; i++) {
        json_name(w, column[i].name);
        json_write(job_column_fields, &column[i], w);
    }
    json_object_end(w);
}

/* ---- against the dataset -------------------------------------------------------------------------------------------- */

void job_column_exists(const struct table *t, const char *name, const char *pointer, struct violations *violations)
{
    if (table_find(t, name) >= 0)
        return;
    if (violations->count >= VIOLATIONS_MAX) { /* counted, but its text is not kept */
        violation_add(violations, pointer, "not_found", "the dataset has no such column");
        return;
    }
    const char *names[TABLE_MAX_COLUMNS];
    uint32_t count = table_columns(t);
    for (uint32_t i = 0; i < count; i++)
        names[i] = table_column(t, i)->name;
    const char *near = text_nearest(name, names, count);
    violation_add(violations, pointer, "not_found", near ? "the dataset has no column \"%s\"; did you mean \"%s\"?"
                                                         : "the dataset has no column \"%s\"", name, near);
}

static void check_choice(const struct table *t, const struct encoder_choice *c, struct violations *violations)
{
    uint32_t inputs;
    const char *option;
    struct err err = {0};
    char place[POINTER_SIZE], pointer[POINTER_SIZE];
    if (!encoder_choice_check(t, c, &inputs, &option, &err))
        return;
    pointer_member(place, "/columns", table_column(t, c->column)->name);
    bool limit = !strcmp(option, "category_limit");
    pointer_member(pointer, place, option);
    violation_add(violations, limit && !c->own ? place : pointer, limit ? "range" : "value", "%s", err.message);
}

enum err_code job_columns_check_table(const struct job_spec *s, const struct table *t, struct violations *violations)
{
    const struct job_column *column = s->columns.items;
    size_t before = violations->count;
    char pointer[POINTER_SIZE];
    for (size_t i = 0; i < s->columns.count; i++) {
        pointer_member(pointer, "/columns", column[i].name);
        job_column_exists(t, column[i].name, pointer, violations);
        if (job_targets_has(s, column[i].name))
            violation_add(violations, pointer, "value", "\"%s\" is %s target, and no feature: leave it out", column[i].name,
                          s->targets.count > 1 ? "a" : "the");
        if (s->validation.column && !strcmp(column[i].name, s->validation.column))
            violation_add(violations, pointer, "value", "\"%s\" marks the validation rows, and is no feature: leave it out",
                          column[i].name);
    }
    if (violations->count > before || (s->columns.count && !s->encoder_columns)) /* what is said of them is wrong already */
        return ERR_INVALID;
    struct encoder_options options = job_spec_encoder_options(s);
    cleanup(mem_freep) struct encoder_choice *choices = NULL;
    uint32_t count = 0;
    struct err err = {0};
    enum err_code code = encoder_choose(t, &options, &choices, &count, &err);
    if (code)
        violation_add(violations, s->columns.count ? "/columns" : "/target", "value", "%s", err.message);
    for (uint32_t i = 0; i < count; i++)
        check_choice(t, &choices[i], violations);
    return violations->count > before ? ERR_INVALID : ERR_OK;
}
