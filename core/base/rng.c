#include "rng.h"

static void philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        uint64_t p0 = (uint64_t)PHILOX_MULTIPLIER_0 * c0, p1 = (uint64_t)PHILOX_MULTIPLIER_1 * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += PHILOX_WEYL_0;
        k1 += PHILOX_WEYL_1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* splitmix64's finalizer: spreads seed and purpose over the key. */
static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

void rng_init(struct rng *r, uint64_t seed, enum rng_stream stream, uint64_t index)
{
    uint64_t key = mix(mix(seed) ^ (uint64_t)stream);
    *r = (struct rng){.key = {(uint32_t)key, (uint32_t)(key >> 32)}, .index = index};
}

uint32_t rng_u32(struct rng *r)
{
    if (!r->left) {
        uint32_t counter[4] = {(uint32_t)r->block, (uint32_t)(r->block >> 32), (uint32_t)r->index,
                               (uint32_t)(r->index >> 32)};
        philox(r->key, counter, r->words);
        r->block++;
        r->left = 4;
    }
    return r->words[4 - r->left--];
}

uint64_t rng_u64(struct rng *r)
{
    uint64_t low = rng_u32(r);
    return low | (uint64_t)rng_u32(r) << 32;
}

double rng_uniform(struct rng *r)
{
    return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

/* Lemire, "Fast random integer generation in an interval" (2019). */
uint64_t rng_below(struct rng *r, uint64_t bound)
{
    if (bound <= UINT32_MAX) {
        uint32_t small = (uint32_t)bound;
        uint64_t product = (uint64_t)rng_u32(r) * small;
        if ((uint32_t)product < small) /* seldom, and only then the division has something to say */
            for (uint32_t least = -small % small; (uint32_t)product < least;)
                product = (uint64_t)rng_u32(r) * small;
        return product >> 32;
    }
    uint64_t least = -bound % bound;
    __uint128_t product;
    do
        product = (__uint128_t)rng_u64(r) * bound;
    while ((uint64_t)product < least);
    return (uint64_t)(product >> 64);
}

void rng_shuffle(struct rng *r, uint32_t *items, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)rng_below(r, i);
        uint32_t item = items[i - 1];
        items[i - 1] = items[j];
        items[j] = item;
    }
}
