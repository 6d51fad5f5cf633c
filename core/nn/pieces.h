/* How work is cut into pieces for a team of threads: by units, so that a thread finds the weights, gradients and activations of
 * its units in its own caches from one product to the next. No bit depends on the cut: sums are made panel by panel (kernels.h).
 * A product of few multiply-adds is one piece: it is done before another thread has woken up. */
#pragma once

#include "../base/team.h"
#include "kernels.h"

#define WORTH_A_THREAD 5e5 /* multiply-adds */

static inline size_t pieces_of(unsigned threads, size_t m, size_t n, size_t k)
{
    size_t panels = (n + KERNEL_PANEL - 1) / KERNEL_PANEL, most = threads < panels ? threads : panels;
    double worth = (double)m * (double)n * (double)k / WORTH_A_THREAD;
    return worth < 2 ? 1 : worth < (double)most ? (size_t)worth : most;
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
