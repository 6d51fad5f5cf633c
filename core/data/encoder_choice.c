/* Which columns are features, how each is encoded, and whether it can be. */
#include "../base/cleanup.h"
#include "../base/mem.h"
#include "../base/text.h"
#include "encoder_internal.h"
#include "values.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 4096 /* rows read at once */

static const char *const role_names[] = {[ROLE_AUTO] = "auto", [ROLE_NUMERIC] = "numeric", [ROLE_CATEGORICAL] = "categorical",
                                         [ROLE_ORDINAL] = "ordinal", [ROLE_IGNORE] = "ignore"};
static const char *const scaling_names[] = {[SCALING_AUTO] = "auto", [SCALING_STANDARD] = "standard",
                                            [SCALING_MINMAX] = "minmax", [SCALING_NONE] = "none"};

const char *encoder_role_name(int role)
{
    return role >= ROLE_AUTO && role <= ROLE_IGNORE ? role_names[role] : NULL;
}

const char *encoder_scaling_name(int scaling)
{
    return scaling >= SCALING_AUTO && scaling <= SCALING_NONE ? scaling_names[scaling] : NULL;
}

/* ---- which ---------------------------------------------------------------------------------------------------------- */

static bool is_target(const struct encoder_options *o, const char *name)
{
    bool is = false;
    for (uint32_t j = 0; !is && j < o->target_count; j++)
        is = !strcmp(name, o->targets[j]);
    return is;
}

/* Which of o->columns, from 1, is said of each of the table's columns; 0: none (mem_free). */
static enum err_code said_of_columns(const struct table *t, const struct encoder_options *o, uint32_t **ret_own,
                                     struct err *err)
{
    cleanup(mem_freep) uint32_t *own = mem_array(table_columns(t), sizeof *own);
    if (!own)
        return err_no_memory(err);
    for (uint32_t i = 0; i < o->column_count; i++) {
        const char *name = o->columns[i].name;
        int column = table_find(t, name);
        if (column < 0)
            return err_set(err, ERR_INVALID, "no column \"%.100s\" to say something of", name);
        if (is_target(o, name) || (o->skipped && !strcmp(name, o->skipped)))
            return err_set(err, ERR_INVALID, "\"%.100s\" is no feature: leave it out of columns", name);
        if (own[column])
            return err_set(err, ERR_INVALID, "the column \"%.100s\" is described twice", name);
        own[column] = i + 1;
    }
    *ret_own = own;
    own = NULL;
    return ERR_OK;
}

static enum err_code check_feature(const struct table *t, const struct encoder_options *o, const char *name, bool *used,
                                   uint32_t *ret_column, struct err *err)
{
    int column = table_find(t, name);
    if (column < 0)
        return err_set(err, ERR_INVALID, "no column \"%.100s\" for a feature", name);
    if (is_target(o, name))
        return err_set(err, ERR_INVALID, "the target \"%.100s\" cannot be a feature as well", name);
    if (o->skipped && !strcmp(name, o->skipped))
        return err_set(err, ERR_INVALID, "the column \"%.100s\" says which rows are for validation: it cannot be a feature",
                       name);
    if (used[column])
        return err_set(err, ERR_INVALID, "the feature \"%.100s\" is there twice", name);
    used[column] = true;
    *ret_column = (uint32_t)column;
    return ERR_OK;
}

static struct encoder_choice choice_of(const struct table *t, const struct encoder_options *o, uint32_t column,
                                       const struct encoder_column *own)
{
    enum encoder_role role = own ? own->role : ROLE_AUTO;
    if (role == ROLE_AUTO)
        role = table_column(t, column)->type == COLUMN_NUMERIC ? ROLE_NUMERIC : ROLE_CATEGORICAL;
    struct encoder_choice c = {.column = column, .own = own, .min_frequency = o->min_frequency};
    c.encoding = role == ROLE_NUMERIC ? ENCODING_NUMBER : role == ROLE_ORDINAL ? ENCODING_ORDINAL : ENCODING_CATEGORIES;
    c.scaling = own && own->scaling ? own->scaling : o->scaling ? o->scaling : SCALING_STANDARD;
    if (own && !isnan(own->min_frequency))
        c.min_frequency = own->min_frequency;
    c.category_limit = own && own->category_limit ? own->category_limit
                       : o->category_limit         ? o->category_limit
                                                   : ENCODER_CATEGORY_LIMIT;
    return c;
}

static bool is_feature(const struct encoder_options *o, const char *name)
{
    return !is_target(o, name) && !(o->skipped && !strcmp(name, o->skipped));
}

enum err_code encoder_choose(const struct table *t, const struct encoder_options *o, struct encoder_choice **ret_choices,
                             uint32_t *ret_count, struct err *err)
{
    uint32_t columns = table_columns(t), candidates = o->features ? o->feature_count : columns, count = 0;
    cleanup(mem_freep) uint32_t *own = NULL;
    cleanup(mem_freep) struct encoder_choice *list = mem_array((size_t)candidates + 1, sizeof *list);
    cleanup(mem_freep) bool *used = mem_array(columns, sizeof *used);
    enum err_code code = list && used ? said_of_columns(t, o, &own, err) : err_no_memory(err);
    for (uint32_t i = 0; !code && i < candidates; i++) {
        uint32_t column = i;
        if (o->features)
            code = check_feature(t, o, o->features[i], used, &column, err);
        else if (!is_feature(o, table_column(t, i)->name))
            continue;
        if (code)
            break;
        const struct encoder_column *said = own[column] ? &o->columns[own[column] - 1] : NULL;
        if (!said || said->role != ROLE_IGNORE)
            list[count++] = choice_of(t, o, column, said);
    }
    if (code)
        return code;
    const char *several = o->target_count > 1 ? "s, such as" : "";
    if (!count && o->column_count)
        return err_set(err, ERR_INVALID, "no feature: all columns besides the target%s \"%.100s\" are ignored", several, o->targets[0]);
    if (!count)
        return err_set(err, ERR_INVALID, "no feature: the table needs a column besides the target%s \"%.100s\"", several, o->targets[0]);
    *ret_choices = list;
    *ret_count = count;
    list = NULL;
    return ERR_OK;
}

/* ---- orders --------------------------------------------------------------------------------------------------------- */

struct level {
    char *text;
    uint32_t level;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct level *)a)->text, ((const struct level *)b)->text);
}

static enum err_code level_text(const struct column *c, const char *text, char **ret_text, struct err *err)
{
    char number[TEXT_NUMBER_SIZE];
    if (c->type == COLUMN_NUMERIC) {
        double value = encoder_text_value(text, strlen(text), '.');
        if (isnan(value))
            return err_set(err, ERR_INVALID, "\"%.100s\" is numeric: its order holds \"%.60s\", which is no number", c->name, text);
        text = text_number(value + 0.0, number);
    }
    return (*ret_text = mem_strdup(text)) ? ERR_OK : err_no_memory(err);
}

enum err_code encoder_set_order(const struct table *t, const struct encoder_choice *c, struct encoder_feature *f,
                                struct err *err)
{
    const struct column *column = table_column(t, c->column);
    uint32_t count = c->own->order_count, read = 0;
    cleanup(mem_freep) struct level *sorted = mem_array((size_t)count + 1, sizeof *sorted);
    const char **category = mem_array((size_t)count + 1, sizeof *category);
    uint32_t *level = mem_array((size_t)count + 1, sizeof *level);
    f->category = category;
    f->level = level;
    enum err_code code = sorted && category && level ? ERR_OK : err_no_memory(err);
    for (; !code && read < count; read += !code)
        if (!(code = level_text(column, c->own->order[read], &sorted[read].text, err)))
            sorted[read].level = read;
    if (read)
        qsort(sorted, read, sizeof *sorted, by_text);
    for (uint32_t k = 1; !code && k < read; k++)
        if (!strcmp(sorted[k - 1].text, sorted[k].text))
            code = err_set(err, ERR_INVALID, "the order of \"%.100s\" holds \"%.60s\" twice", column->name, sorted[k].text);
    for (uint32_t k = 0; category && level && k < read; k++) {
        category[k] = sorted[k].text;
        level[k] = sorted[k].level;
        f->categories++;
    }
    return code;
}

static enum err_code lacks(const struct column *c, const char *text, struct err *err)
{
    return err_set(err, ERR_INVALID, "the column \"%.100s\" holds \"%.60s\", which its order lacks: name every category, the least "
                   "first", c->name, text);
}

/* Every value of the column has its place. */
static enum err_code check_order(const struct table *t, const struct encoder_choice *c, struct err *err)
{
    const struct column *column = table_column(t, c->column);
    struct encoder_feature f = {0};
    struct values seen = {0};
    enum err_code code = encoder_set_order(t, c, &f, err);
    for (uint32_t k = 0; !code && k < column->categories; k++)
        if (encoder_find_text(f.category, f.categories, column->category[k], strlen(column->category[k])) < 0)
            code = lacks(column, column->category[k], err);
    for (uint64_t row = 0; !code && column->type == COLUMN_NUMERIC && row < table_rows(t); row++) {
        double value = table_number(t, c->column, row);
        uint32_t before = seen.used;
        char text[TEXT_NUMBER_SIZE];
        code = values_add(&seen, &value, NULL, 1, UINT32_MAX, err);
        if (code || seen.used == before)
            continue;
        text_number(value + 0.0, text);
        if (encoder_find_text(f.category, f.categories, text, strlen(text)) < 0)
            code = lacks(column, text, err);
    }
    values_done(&seen);
    encoder_feature_done(&f);
    return code;
}

/* ---- categories ----------------------------------------------------------------------------------------------------- */

static bool is_kept(const struct encoder_choice *c, double count, uint64_t rows)
{
    return count >= (c->min_frequency < 1 ? c->min_frequency * (double)rows : c->min_frequency);
}

/* The distinct numbers of a whole column. */
static enum err_code count_values(const struct table *t, uint32_t column, struct values *values, struct err *err)
{
    enum err_code code = ERR_OK;
    double cell[CHUNK];
    table_will_need(t, column, 0, (uint32_t)table_rows(t) - 1);
    for (uint64_t at = 0; !code && at < table_rows(t); at += CHUNK) {
        size_t n = table_rows(t) - at < CHUNK ? (size_t)(table_rows(t) - at) : CHUNK;
        for (size_t i = 0; i < n; i++)
            cell[i] = table_number(t, column, at + i);
        code = values_add(values, cell, NULL, n, ENCODER_MAX_INPUTS, err);
    }
    if (code == ERR_TOO_LARGE)
        return err_set(err, ERR_INVALID, "the column \"%.100s\" has more than %d distinct numbers, too many for categories: is it "
                       "a number?", table_column(t, column)->name, ENCODER_MAX_INPUTS);
    return code;
}

/* Categories of the whole table, those that will have an input each, and those that will share one. */
struct category_counts {
    uint32_t all, kept;
};

static enum err_code count_categories(const struct table *t, const struct encoder_choice *c, struct category_counts *ret,
                                      struct err *err)
{
    const struct column *column = table_column(t, c->column);
    struct values values = {0};
    *ret = (struct category_counts){.all = column->categories};
    for (uint32_t k = 0; k < column->categories; k++)
        ret->kept += is_kept(c, (double)column->count[k], table_rows(t));
    enum err_code code = column->type == COLUMN_NUMERIC ? count_values(t, c->column, &values, err) : ERR_OK;
    values_sort(&values);
    for (uint32_t k = 0; k < values.used; k++)
        ret->kept += is_kept(c, values.slot[k].count, table_rows(t));
    ret->all += values.used;
    values_done(&values);
    return code;
}

static enum err_code check_categories(const struct table *t, const struct encoder_choice *c, uint32_t *ret_inputs,
                                      struct err *err)
{
    const struct column *column = table_column(t, c->column);
    struct category_counts n;
    enum err_code code = count_categories(t, c, &n, err);
    if (code)
        return code;
    if (n.kept <= c->category_limit) {
        *ret_inputs = n.kept + (n.kept < n.all) + (column->missing > 0);
        return ERR_OK;
    }
    char folded[80] = "";
    if (n.kept < n.all)
        snprintf(folded, sizeof folded, " (%u of them not rare)", n.kept);
    return err_set(err, ERR_INVALID, "the column \"%.80s\" has %u categories%s, more than the limit of %u: give it the role "
                   "\"ignore\", fold the rare ones by min_frequency, or raise category_limit", column->name, n.all, folded,
                   c->category_limit);
}

/* ---- whether it can be ---------------------------------------------------------------------------------------------- */

static bool holds_a_number(const struct table *t, const struct column *c)
{
    bool found = c->type == COLUMN_NUMERIC;
    for (uint32_t k = 0; !found && k < c->categories; k++)
        found = !isnan(encoder_text_value(c->category[k], strlen(c->category[k]), table_decimal(t)));
    return found;
}

/* What was said of the column that has no meaning for its encoding; NULL: nothing. */
static const char *meaningless(const struct encoder_choice *c)
{
    const struct encoder_column *own = c->own;
    if (!own)
        return NULL;
    if (c->encoding != ENCODING_ORDINAL && own->order_count)
        return "order";
    if (c->encoding == ENCODING_CATEGORIES)
        return own->scaling ? "scaling" : NULL;
    return !isnan(own->min_frequency) && own->min_frequency > 0 ? "min_frequency" : own->category_limit ? "category_limit" : NULL;
}

enum err_code encoder_choice_check(const struct table *t, const struct encoder_choice *c, uint32_t *ret_inputs,
                                   const char **ret_option, struct err *err)
{
    static const char *const encodings[] = {[ENCODING_NUMBER] = "a number", [ENCODING_CATEGORIES] = "categories",
                                            [ENCODING_ORDINAL] = "an ordinal"};
    const struct column *column = table_column(t, c->column);
    *ret_inputs = 1;
    if ((*ret_option = meaningless(c)))
        return err_set(err, ERR_INVALID, "the column \"%.100s\" is encoded as %s, which has no %s: leave it out, or give another "
                       "role", column->name, encodings[c->encoding], *ret_option);
    if (c->encoding == ENCODING_CATEGORIES) {
        *ret_option = "category_limit";
        return check_categories(t, c, ret_inputs, err);
    }
    *ret_option = "order";
    if (c->encoding == ENCODING_ORDINAL)
        return c->own && c->own->order_count
                   ? check_order(t, c, err)
                   : err_set(err, ERR_INVALID, "the column \"%.100s\" is ordinal: it needs an order, a list of its categories, the "
                             "least first", column->name);
    *ret_option = "role";
    return holds_a_number(t, column) ? ERR_OK
                                     : err_set(err, ERR_INVALID, "the column \"%.100s\" holds no number, only texts such as "
                                               "\"%.60s\": give it another role", column->name, column->category[0]);
}
