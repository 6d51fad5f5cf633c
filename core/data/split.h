/* Training and validation rows. */
#pragma once

#include "../base/err.h"
#include "table.h"
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
/* One fold of k: each row is for validation in exactly one of the folds 0 .. k-1, dealt at random (RNG_SPLIT of the seed); the
 * folds differ by one row at most. With classes, each class is dealt as evenly. k from 2 to SPLIT_MAX_FOLDS; fewer rows than
 * folds are ERR_INVALID. */
#define SPLIT_MAX_FOLDS 100
enum err_code split_fold(const uint32_t *rows, size_t n, const int32_t *classes, uint32_t folds, uint32_t fold, uint64_t seed,
                         struct split *ret_split, struct err *err);

/* A column that says which rows are for validation: those with one value; with another value for training, or all others. */
struct split_mark {
    uint32_t column;
    bool numeric, others; /* others: what is not for validation is for training */
    int32_t valid_code, train_code;
    double valid_value, train_value;
};
enum split_side { SPLIT_TRAIN, SPLIT_VALID, SPLIT_OUT };
/* train: NULL for all others. ERR_INVALID names the column when it is not there, or has no such value. */
enum err_code split_mark_find(const struct table *t, const char *column, const char *valid, const char *train,
                              struct split_mark *ret_mark, struct err *err);
enum split_side split_mark_side(const struct table *t, const struct split_mark *m, uint64_t row);
/* ERR_INVALID when none of the rows (ascending) is for training, or for validation. */
enum err_code split_marked(const struct table *t, const struct split_mark *m, const uint32_t *rows, size_t n,
                           struct split *ret_split, struct err *err);
void split_done(struct split *s);
