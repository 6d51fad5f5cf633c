/* The rows of a run: split, encoder, and what training and validation read. Rows of up to 256 MiB are
 * encoded once. More come in blocks (mlp.h), whatever the machine, so that results depend on the table alone; whether all, or
 * those for validation (up to 64 MiB), are kept in memory or encoded from the table window by window depends on the memory that
 * there is, and changes no bit. Belongs to one worker. */
#pragma once

#include "core/data/split.h"
#include "core/data/table.h"
#include "job_spec.h"
#include <stdatomic.h>

/* Only tests set them. */
extern struct rows_sizes {
    uint64_t at_once, block; /* bytes of encoded rows: above at_once they come in blocks. Results depend on both */
    uint64_t valid_kept;     /* bytes up to which validation rows are kept, also where training rows are not */
    uint64_t slice;          /* cells of the table (up to 8 bytes each) that the disk is asked for at once */
} rows_sizes;
#define ROWS_SIZES                                                    \
    {                                                                 \
        .at_once = (uint64_t)256 << 20, .block = (uint64_t)4 << 20,   \
        .valid_kept = (uint64_t)64 << 20, .slice = (uint64_t)2 << 20, \
    }

/* The rows of one side. */
struct rows_part {
    const struct encoder_view *view;
    const struct table *table;
    const uint32_t *row; /* of the table */
    size_t count;
    uint32_t inputs, targets, block_rows;
    bool whole;  /* x and y hold all rows; else those of the window */
    real *x, *y; /* rows x inputs; rows x targets */
    real *weights; /* of all `count` rows; NULL: 1 each */
    uint32_t *blocks; /* of the window */
};

struct rows {
    const struct encoder *encoder;
    struct encoder *fitted; /* the same, when it was fitted on the training rows; NULL: it is lent */
    struct encoder_view *view, *valid_view; /* valid_view: of a table of its own, or NULL */
    struct split split;
    double counted;      /* rows for training, each as often as its weight says (row_weights.h) */
    uint32_t *valid_row; /* of that table */
    struct rows_part part[2]; /* training, validation */
    struct mlp_source train, valid;
};

/* `valid`: the table with the validation rows, when the spec names a dataset of its own for them; else NULL. `encoder`: what
 * rows are encoded by (it stays the caller's), or NULL: one is fitted. `memory`: bytes that encoded rows may take; 0: as much
 * as a run may have on this machine. `stop` is looked at on the way. */
enum err_code rows_prepare(struct rows *r, const struct job_spec *spec, const struct table *table, const struct table *valid,
                           const struct encoder *encoder, uint64_t memory, const atomic_int *stop, struct err *err);
void rows_done(struct rows *r); /* of zeroed rows too */
/* The rows of the table that a run of this spec kept for validation: *ret (mem_free), ascending. */
enum err_code rows_validation(const struct job_spec *spec, const struct table *table, uint32_t **ret, size_t *ret_count,
                              struct err *err);
/* Sets the rows and blocks of sources for so many rows, for estimates; returns the bytes that they take at least, with
 * `memory` as of rows_prepare. */
uint64_t rows_layout(uint64_t train_rows, uint64_t valid_rows, uint32_t inputs, uint32_t targets, uint64_t memory,
                     struct mlp_source *train, struct mlp_source *valid);
/* What one run may take: a share of the machine's memory, or of the limits of the process (RLIMIT_AS, RLIMIT_DATA, memory
 * control group). */
uint64_t rows_memory_limit(void);
