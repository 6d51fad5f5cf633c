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

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
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

/* Takes the first of each class's shuffled rows into valid: order holds 0..n-1 shuffled. */
static enum err_code mark_by_class(const uint32_t *order, size_t n, const int32_t *classes, double fraction, size_t wanted,
                                   bool *valid, struct err *err)
{
    uint32_t count = 0;
    for (size_t i = 0; i < n; i++)
        if ((uint32_t)classes[i] >= count)
            count = (uint32_t)classes[i] + 1;
    cleanup(mem_freep) struct share *share = mem_array(count, sizeof *share);
    if (!share)
        return err_no_memory(err);
    for (uint32_t k = 0; k < count; k++)
        share[k].class = k;
    for (size_t i = 0; i < n; i++)
        share[classes[i]].rows++;
    apportion(share, count, fraction, wanted);
    for (size_t i = 0; i < n; i++) {
        struct share *s = &share[classes[order[i]]];
        if (!s->valid)
            continue;
        s->valid--;
        valid[order[i]] = true;
    }
    return ERR_OK;
}

static enum err_code gather(const uint32_t *rows, size_t n, const bool *valid, struct split *ret_split, struct err *err)
{
    struct split s = {0};
    for (size_t i = 0; i < n; i++)
        s.valid_count += valid[i];
    s.train_count = n - s.valid_count;
    if (!s.train_count)
        return err_set(err, ERR_INVALID, "no row is left for training: of %zu rows with a target, all went to validation", n);
    s.train = mem_array(n, sizeof *s.train);
    if (!s.train)
        return err_no_memory(err);
    s.valid = s.train + s.train_count;
    size_t train = 0, kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (valid[i])
            s.valid[kept++] = rows[i];
        else
            s.train[train++] = rows[i];
    }
    qsort(s.train, s.train_count, sizeof *s.train, ascending);
    qsort(s.valid, s.valid_count, sizeof *s.valid, ascending);
    *ret_split = s;
    return ERR_OK;
}

enum err_code split_rows(const uint32_t *rows, size_t n, const int32_t *classes, double fraction, uint64_t seed,
                         struct split *ret_split, struct err *err)
{
    if (!n)
        return err_set(err, ERR_INVALID, "no row has a target: nothing to train on");
    cleanup(mem_freep) uint32_t *order = mem_array(n, sizeof *order);
    cleanup(mem_freep) bool *valid = mem_array(n, sizeof *valid);
    if (!order || !valid)
        return err_no_memory(err);
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    struct rng rng;
    rng_init(&rng, seed, RNG_SPLIT, 0);
    rng_shuffle(&rng, order, n);
    size_t wanted = (size_t)llround(fraction * (double)n);
    enum err_code code = ERR_OK;
    if (classes && wanted)
        code = mark_by_class(order, n, classes, fraction, wanted, valid, err);
    for (size_t i = 0; !classes && i < wanted; i++)
        valid[order[i]] = true;
    return code ? code : gather(rows, n, valid, ret_split, err);
}
