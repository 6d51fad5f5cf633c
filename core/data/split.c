#include "split.h"

#include "../base/cleanup.h"
#include "../base/mem.h"
#include "../base/rng.h"
#include "encoder_internal.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void split_done(struct split *s)
{
    mem_free(s->train);
    *s = (struct split){0};
}

struct share {
    uint32_t class;
    uint64_t rows, valid;
    double remainder;
};

static int by_remainder(const void *a, const void *b)
{
    const struct share *x = a, *y = b;
    if (x->remainder != y->remainder)
        return x->remainder < y->remainder ? 1 : -1;
    return (x->class > y->class) - (x->class < y->class);
}

static int by_class(const void *a, const void *b)
{
    const struct share *x = a, *y = b;
    return (x->class > y->class) - (x->class < y->class);
}

/* How many rows of each class go to valid: the whole parts of fraction * rows, then one more for the largest remainders
 * until `wanted` are given (Hamilton's method); a class keeps one row in train. */
static void apportion(struct share *share, uint32_t classes, double fraction, uint64_t wanted)
{
    uint64_t given = 0;
    for (uint32_t k = 0; k < classes; k++) {
        double exact = fraction * (double)share[k].rows;
        share[k].valid = (uint64_t)exact;
        share[k].remainder = exact - floor(exact);
        if (share[k].rows && share[k].valid >= share[k].rows)
            share[k].valid = share[k].rows - 1;
        given += share[k].valid;
    }
    qsort(share, classes, sizeof *share, by_remainder);
    for (bool more = true; more && given < wanted;) {
        more = false;
        for (uint32_t k = 0; k < classes && given < wanted; k++) {
            if (share[k].valid + 1 >= share[k].rows)
                continue;
            share[k].valid++;
            given++;
            more = true;
        }
    }
    qsort(share, classes, sizeof *share, by_class);
}

/* Without classes, all rows are one. */
static uint32_t count_classes(const int32_t *classes, size_t n)
{
    uint32_t count = 1;
    for (size_t i = 0; classes && i < n; i++)
        if ((uint32_t)classes[i] >= count)
            count = (uint32_t)classes[i] + 1;
    return count;
}

/* Rows and validation rows of each class. */
static enum err_code count_shares(size_t n, const int32_t *classes, double fraction, struct share **ret_share, struct err *err)
{
    uint32_t count = count_classes(classes, n);
    struct share *share = mem_array(count, sizeof *share);
    if (!share)
        return err_no_memory(err);
    for (uint32_t k = 0; k < count; k++)
        share[k].class = k;
    for (size_t i = 0; i < n; i++)
        share[classes ? classes[i] : 0].rows++;
    uint64_t wanted = (uint64_t)llround(fraction * (double)n);
    if (classes)
        apportion(share, count, fraction, wanted);
    else
        share->valid = wanted;
    *ret_share = share;
    return ERR_OK;
}

/* Selection sampling (Fan, Muller, Rezucha 1962; Knuth, Algorithm S): a row goes to valid with the chance of those of its class
 * that are still wanted among those that are left. Each choice of rows is as likely as any other, in one pass. */
static void select_rows(const uint32_t *rows, size_t n, const int32_t *classes, struct share *share, uint64_t seed,
                        struct split *s)
{
    struct rng rng;
    size_t train = 0, valid = 0;
    rng_init(&rng, seed, RNG_SPLIT, 0);
    for (size_t i = 0; i < n; i++) {
        struct share *of = &share[classes ? classes[i] : 0];
        bool chosen = of->valid && rng_below(&rng, of->rows) < of->valid;
        of->rows--;
        of->valid -= chosen;
        if (chosen)
            s->valid[valid++] = rows[i];
        else
            s->train[train++] = rows[i];
    }
}

enum err_code split_rows(const uint32_t *rows, size_t n, const int32_t *classes, double fraction, uint64_t seed,
                         struct split *ret_split, struct err *err)
{
    if (!n)
        return err_set(err, ERR_INVALID, "no row has a target: nothing to train on");
    cleanup(mem_freep) struct share *share = NULL;
    enum err_code code = count_shares(n, classes, fraction, &share, err);
    if (code)
        return code;
    struct split s = {0};
    for (uint32_t k = 0, left = (uint32_t)n; left; left -= (uint32_t)share[k++].rows)
        s.valid_count += (size_t)share[k].valid;
    s.train_count = n - s.valid_count;
    if (!s.train_count)
        return err_set(err, ERR_INVALID, "no row is left for training: of %zu rows with a target, all went to validation", n);
    s.train = mem_array(n, sizeof *s.train);
    if (!s.train)
        return err_no_memory(err);
    s.valid = s.train + s.train_count;
    select_rows(rows, n, classes, share, seed, &s);
    *ret_split = s;
    return ERR_OK;
}

/* ---- folds ---------------------------------------------------------------------------------------------------------- */

/* left[class * folds + fold]: rows that the fold will get of the class. The classes' rows are dealt one after the other, so
 * that neither a class nor all of them differ between two folds by more than one. */
static void deal(const int32_t *classes, size_t n, uint32_t count, uint32_t folds, uint32_t *left, uint64_t *of_class)
{
    uint32_t next = 0;
    for (size_t i = 0; i < n; i++)
        of_class[classes ? classes[i] : 0]++;
    for (uint32_t k = 0; k < count; k++) {
        for (uint32_t f = 0; f < folds; f++)
            left[(size_t)k * folds + f] = (uint32_t)(of_class[k] / folds);
        for (uint64_t extra = of_class[k] % folds; extra; extra--, next = (next + 1) % folds)
            left[(size_t)k * folds + next]++;
    }
}

/* A row's fold, drawn among the places that are left to its class: each arrangement is as likely as any other. */
static uint32_t draw_fold(struct rng *rng, uint32_t *left, uint64_t *of_class)
{
    uint64_t at = rng_below(rng, (*of_class)--);
    uint32_t fold = 0;
    while (at >= left[fold])
        at -= left[fold++];
    left[fold]--;
    return fold;
}

enum err_code split_fold(const uint32_t *rows, size_t n, const int32_t *classes, uint32_t folds, uint32_t fold, uint64_t seed,
                         struct split *ret_split, struct err *err)
{
    if (folds < 2 || n < folds)
        return err_set(err, ERR_INVALID, "%u folds need at least as many rows with a target, there are %zu", folds, n);
    uint32_t count = count_classes(classes, n);
    cleanup(mem_freep) uint32_t *left = mem_array((size_t)count * folds, sizeof *left);
    cleanup(mem_freep) uint64_t *of_class = mem_array(count, sizeof *of_class);
    struct split s = {.train = mem_array(n, sizeof *s.train)};
    if (!left || !of_class || !s.train) {
        split_done(&s);
        return err_no_memory(err);
    }
    deal(classes, n, count, folds, left, of_class);
    for (uint32_t k = 0; k < count; k++)
        s.valid_count += left[(size_t)k * folds + fold];
    s.train_count = n - s.valid_count;
    s.valid = s.train + s.train_count;
    struct rng rng;
    rng_init(&rng, seed, RNG_SPLIT, 0);
    size_t train = 0, valid = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t class = classes ? (uint32_t)classes[i] : 0;
        if (draw_fold(&rng, left + (size_t)class * folds, &of_class[class]) == fold)
            s.valid[valid++] = rows[i];
        else
            s.train[train++] = rows[i];
    }
    *ret_split = s;
    return ERR_OK;
}

/* ---- by a column ---------------------------------------------------------------------------------------------------- */

/* The code of a text, or the number; ERR_INVALID names some of the values that there are. */
static enum err_code find_value(const struct table *t, uint32_t column, const char *text, int32_t *ret_code, double *ret_value,
                                struct err *err)
{
    const struct column *c = table_column(t, column);
    if (c->type == COLUMN_NUMERIC) {
        *ret_value = encoder_text_value(text, strlen(text), '.');
        return isnan(*ret_value) ? err_set(err, ERR_INVALID, "the column \"%.100s\" is numeric, and \"%.60s\" is no number",
                                           c->name, text)
                                 : ERR_OK;
    }
    for (uint32_t k = 0; k < c->categories; k++) {
        if (strcmp(c->category[k], text) != 0)
            continue;
        *ret_code = (int32_t)k;
        return ERR_OK;
    }
    return err_set(err, ERR_INVALID, "the column \"%.80s\" has no \"%.60s\", but \"%.40s\"%s%.40s%s", c->name, text, c->category[0],
                   c->categories > 1 ? ", \"" : "", c->categories > 1 ? c->category[1] : "",
                   c->categories > 2 ? "\" and others" : c->categories > 1 ? "\"" : "");
}

enum err_code split_mark_find(const struct table *t, const char *column, const char *valid, const char *train,
                              struct split_mark *ret_mark, struct err *err)
{
    int found = table_find(t, column);
    if (found < 0)
        return err_set(err, ERR_INVALID, "no column \"%.100s\" to mark the validation rows", column);
    struct split_mark m = {.column = (uint32_t)found, .others = !train};
    m.numeric = table_column(t, m.column)->type == COLUMN_NUMERIC;
    enum err_code code = find_value(t, m.column, valid, &m.valid_code, &m.valid_value, err);
    if (!code && train)
        code = find_value(t, m.column, train, &m.train_code, &m.train_value, err);
    if (!code)
        *ret_mark = m;
    return code;
}

enum split_side split_mark_side(const struct table *t, const struct split_mark *m, uint64_t row)
{
    bool valid, train;
    if (m->numeric) {
        double value = table_number(t, m->column, row);
        valid = value == m->valid_value;
        train = value == m->train_value;
    } else {
        int32_t code = table_code(t, m->column, row);
        valid = code == m->valid_code;
        train = code == m->train_code;
    }
    return valid ? SPLIT_VALID : m->others || train ? SPLIT_TRAIN : SPLIT_OUT;
}

enum err_code split_marked(const struct table *t, const struct split_mark *m, const uint32_t *rows, size_t n,
                           struct split *ret_split, struct err *err)
{
    struct split s = {.train = mem_array(n + 1, sizeof *s.train)};
    if (!s.train)
        return err_no_memory(err);
    for (size_t i = 0; i < n; i++) {
        enum split_side side = split_mark_side(t, m, rows[i]);
        s.train_count += side == SPLIT_TRAIN;
        s.valid_count += side == SPLIT_VALID;
    }
    if (!s.train_count || !s.valid_count) {
        mem_free(s.train);
        return err_set(err, ERR_INVALID, "the column \"%.100s\" leaves no row with a target for %s", table_column(t, m->column)->name,
                       s.train_count ? "validation" : "training");
    }
    s.valid = s.train + s.train_count;
    size_t train = 0, valid = 0;
    for (size_t i = 0; i < n; i++) {
        enum split_side side = split_mark_side(t, m, rows[i]);
        if (side == SPLIT_VALID)
            s.valid[valid++] = rows[i];
        else if (side == SPLIT_TRAIN)
            s.train[train++] = rows[i];
    }
    *ret_split = s;
    return ERR_OK;
}
