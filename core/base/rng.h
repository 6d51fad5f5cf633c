/* Counter-based random numbers (Philox 4x32-10; Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011). A stream is a key (seed, purpose) and a position; any position can be reached at once, so a
 * stream's state is two numbers and streams never share draws. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum rng_stream { RNG_SPLIT = 1, RNG_INITIALIZATION, RNG_ORDER, RNG_DROPOUT, RNG_SEARCH, RNG_IMPORTANCE };

/* Philox 4x32 with ten rounds: the constants are the paper's. */
#define PHILOX_MULTIPLIER_0 0xD2511F53u
#define PHILOX_MULTIPLIER_1 0xCD9E8D57u
#define PHILOX_WEYL_0       0x9E3779B9u
#define PHILOX_WEYL_1       0xBB67AE85u
#define PHILOX_ROUNDS       10

struct rng {
    uint32_t key[2];
    uint64_t index, block; /* index: which substream (e.g. the epoch); block: next block of four words */
    uint32_t words[4];
    unsigned left; /* words of the current block not yet used */
};

void rng_init(struct rng *r, uint64_t seed, enum rng_stream stream, uint64_t index);
uint32_t rng_u32(struct rng *r);
uint64_t rng_u64(struct rng *r);
double rng_uniform(struct rng *r);                 /* [0, 1), 53 bits */
uint64_t rng_below(struct rng *r, uint64_t bound); /* 0 .. bound-1 without bias; bound > 0 */
void rng_shuffle(struct rng *r, uint32_t *items, size_t count); /* Fisher-Yates */
