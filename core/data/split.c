#include "split.h"

#include "../base/cleanup.h"
#include "../base/mem.h"
#include "../base/rng.h"
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

/* Rows and validation rows of each class; without classes, all rows are one. */
static enum err_code count_shares(size_t n, const int32_t *classes, double fraction, struct share **ret_share, struct err *err)
{
    uint32_t count = 1;
    for (size_t i = 0; classes && i < n; i++)
        if ((uint32_t)classes[i] >= count)
            count = (uint32_t)classes[i] + 1;
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
