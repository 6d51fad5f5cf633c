/* How work is cut into pieces for a team of threads: by units, so that a thread finds the weights, gradients and activations of
 * its units in its own caches from one product to the next. No bit depends on the cut: sums are made panel by panel (kernels.h),
 * and those of a layer of one panel group by group of its rows.
 * A product of few multiply-adds is one piece: it is done before another thread has woken up. */
#pragma once

#include "../base/team.h"
#include "kernels.h"

#define WORTH_A_THREAD 5e5 /* multiply-adds */
#define ROWS_OF_A_PIECE ((size_t)64) /* of a batch, at least */
#define GROUP           KERNEL_GROUP /* rows of W */

/* cuts: how many parts there could be; work: multiply-adds. */
static inline size_t pieces_of(unsigned threads, size_t cuts, double work)
{
    size_t most = threads < cuts ? threads : cuts;
    double worth = work / WORTH_A_THREAD;
    return worth < 2 || !most ? 1 : worth < (double)most ? (size_t)worth : most;
}

static inline size_t panels_of(size_t units)
{
    return (units + KERNEL_PANEL - 1) / KERNEL_PANEL;
}

/* A layer of one panel is cut by rows: of the batch, where these do not depend on each other, and of W. */
static inline size_t forward_cuts(size_t units, size_t rows)
{
    return units > KERNEL_PANEL ? panels_of(units) : (rows + ROWS_OF_A_PIECE - 1) / ROWS_OF_A_PIECE;
}

/* As many sums as cuts are made of the gradient. */
static inline size_t gradient_cuts(size_t inputs, size_t units)
{
    return units > KERNEL_PANEL ? panels_of(units) : (inputs + GROUP - 1) / GROUP;
}

/* Most pieces of a layer in a pass of so many rows: more threads than that have nothing to do. */
static inline size_t most_pieces(size_t rows, size_t inputs, size_t units)
{
    double work = (double)rows * (double)inputs * (double)units;
    size_t forward = pieces_of(TEAM_PIECES_MAX, forward_cuts(units, rows), work);
    size_t gradient = pieces_of(TEAM_PIECES_MAX, gradient_cuts(inputs, units), work);
    return forward > gradient ? forward : gradient;
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
