/* Training and validation rows. */
#pragma once

#include "../base/err.h"
#include <stddef.h>
#include <stdint.h>

struct split {
    uint32_t *train, *valid; /* row numbers, ascending; one allocation, freed by split_done */
    size_t train_count, valid_count;
};

/* Puts round(fraction * n) of the n rows (ascending) into valid, drawn from RNG_SPLIT of the seed. With classes (one code >= 0 for
 * each entry of rows; NULL for none) it is stratified: each class gives its share, by largest remainder, and a class
 * keeps at least one row in train. fraction 0..<1; 0 leaves valid empty. ERR_INVALID when train would be empty. */
enum err_code split_rows(const uint32_t *rows, size_t n, const int32_t *classes, double fraction, uint64_t seed,
                         struct split *ret_split, struct err *err);
void split_done(struct split *s);
