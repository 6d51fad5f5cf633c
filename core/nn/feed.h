/* The rows of a source in the order of an epoch: shuffled or as they are, and window by window when they are too many to be at
 * hand at once. Belongs to one trainer or evaluation. */
#pragma once

#include "../base/rng.h"
#include "mlp.h"

struct feed {
    const struct mlp_source *source;
    bool shuffles;
    uint64_t window_rows; /* of a full window */
    uint32_t *blocks;     /* their order; of a source that has them */
    uint32_t block_count, next_block; /* without blocks, all rows are as one */
    uint32_t *order; /* rows as gather knows them: of the window, or of as many as are asked for at once */
    size_t rows, at; /* of the window; those before `at` were given */
    struct rng rng;
};

/* most: rows that are asked for at once. The source stays where it is. */
enum err_code feed_init(struct feed *f, const struct mlp_source *source, bool shuffles, size_t most, struct err *err);
void feed_done(struct feed *f);
/* From the first row again; the shuffled order is that of the seed and the epoch (from 0). */
void feed_start(struct feed *f, uint64_t seed, uint32_t epoch);
/* As feed_start, and to where `row` rows (at most all of them) were given. After an error it is to be started again. */
enum err_code feed_seek(struct feed *f, uint64_t seed, uint32_t epoch, uint64_t row, const atomic_int *stop, struct err *err);
/* The next rows, at most `most`; 0 of them at the end. They are never of two windows. `stop` is for the source's load. */
enum err_code feed_next(struct feed *f, size_t most, const atomic_int *stop, const uint32_t **ret_rows, size_t *ret_count,
                        struct err *err);
/* Bytes that it allocates. */
uint64_t feed_memory(const struct mlp_source *source, bool shuffles, size_t most);
