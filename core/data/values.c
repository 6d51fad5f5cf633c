#include "values.h"

#include "../base/mem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 64

void values_done(struct values *v)
{
    mem_free(v->slot);
    *v = (struct values){0};
}

/* The slot of a value, or the free one where it belongs. Fibonacci hashing (Knuth, TAOCP 3, 6.4) of the bits. */
static struct value_count *find(const struct values *v, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits ^= bits >> 32;
    uint32_t at = (uint32_t)((bits * 0x9E3779B97F4A7C15u) >> 32) & (v->slots - 1);
    while (v->slot[at].count > 0 && v->slot[at].value != value)
        at = (at + 1) & (v->slots - 1);
    return &v->slot[at];
}

static bool grow(struct values *v)
{
    struct values bigger = {.slots = v->slots ? 2 * v->slots : SLOTS_FIRST, .used = v->used};
    if (!(bigger.slot = mem_array(bigger.slots, sizeof *bigger.slot)))
        return false;
    for (uint32_t i = 0; i < v->slots; i++)
        if (v->slot[i].count > 0)
            *find(&bigger, v->slot[i].value) = v->slot[i];
    mem_free(v->slot);
    *v = bigger;
    return true;
}

enum err_code values_add(struct values *v, const double *cells, const double *weights, size_t count, uint32_t limit,
                         struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (isnan(cells[i]))
            continue;
        if (v->used >= v->slots / 2 && !grow(v))
            return err_no_memory(err);
        struct value_count *slot = find(v, cells[i] + 0.0);
        bool is_new = slot->count <= 0;
        if (is_new && v->used == limit)
            return err_set(err, ERR_TOO_LARGE, "more than %u distinct values", limit);
        v->used += is_new;
        slot->value = cells[i] + 0.0;
        slot->count += weights ? weights[i] : 1;
    }
    return ERR_OK;
}

static int by_value(const void *a, const void *b)
{
    const struct value_count *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

void values_sort(struct values *v)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < v->slots; i++)
        if (v->slot[i].count > 0)
            v->slot[kept++] = v->slot[i];
    if (kept)
        qsort(v->slot, kept, sizeof *v->slot, by_value);
    v->slots = 0;
}
