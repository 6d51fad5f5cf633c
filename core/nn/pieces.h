/* How work is cut into pieces that threads may share: by shapes alone, so that the number of threads never changes a bit. A
 * product of few multiply-adds is one piece: it is done before another thread has woken up. */
#pragma once

#include "kernels.h"

#define PIECES_MAX 4

static inline size_t pieces_of(size_t m, size_t n, size_t k)
{
    double work = (double)m * (double)n * (double)k;
    return work < 1e6 ? 1 : work < 2e6 ? 2 : PIECES_MAX;
}

struct piece {
    size_t start, count;
};

/* Piece `index` of `pieces` of `length` rows or columns: all but the last start and end at multiples of `step`; late ones may
 * be empty. */
static inline struct piece piece_at(size_t length, size_t step, size_t pieces, size_t index)
{
    size_t each = (length + pieces * step - 1) / (pieces * step) * step, start = index * each;
    if (start >= length)
        return (struct piece){length, 0};
    return (struct piece){start, length - start < each ? length - start : each};
}
