/* Inside the trainer: shared with its checkpoints and the estimate of its memory. */
#pragma once

#include "feed.h"
#include "metrics.h"
#include "pass.h"
#include "progress.h"

struct mlp_trainer {
    struct mlp_network network; /* what is trained */
    struct mlp_network folded;  /* the same without normalization, of a network that has any: see settled */
    struct mlp_network result;  /* as it was at the end of the last epoch that counted */
    real *best;                 /* result's parameters of the best epoch, when stopping.early */
    double *class_weights, *target_deviations; /* copies of what the specification lent */
    struct mlp_source train, valid;
    struct feed train_feed, valid_feed;
    uint64_t batch; /* rows of a full one */
    uint32_t epoch;
    uint64_t updates;
    struct { /* the epoch under way, between two batches */
        bool begun;
        bool seek; /* the feed does not stand at `row` */
        uint64_t row;
        double loss, weight, seconds; /* sums over the rows before `row`, of losses by their weights and of weights */
    } now;
    bool diverged;
    struct progress progress;
    struct pass pass;
    struct diagnosis diagnosis;
    struct metrics metrics;
};

/* Rows that go through the network at once. A batch of more is cut into chunks whose gradients are added, so that full
 * batches take no more memory than mini-batches. */
#define TRAINER_CHUNK 512
uint64_t trainer_chunk(const struct mlp_spec *s, uint64_t train_rows, uint64_t valid_rows);
