/* The passes of a trainer: what one chunk of rows goes through, and the update of the weights, cut into pieces for a team of
 * threads. Back-propagation: delta_p = dL/dz_p (output.c); dL/dW_l = a_(l-1)^T delta_l; dL/db_l = column sums of delta_l;
 * delta_(l-1) = (delta_l W_l^T) * f'_(l-1)(z_(l-1))  (Rumelhart, Hinton, Williams 1986). Belongs to one trainer. */
#pragma once

#include "diagnosis.h"
#include "pieces.h"

/* Of a panel of weights, or a group of its rows (pieces.h). */
struct panel_sums {
    double update[2];           /* squares of gradients and steps */
    double squares, magnitudes; /* of the weights before it, when there is a penalty */
};

struct pass {
    struct mlp_network *network;
    struct diagnosis *diagnosis;
    struct team *team;         /* NULL: one thread */
    size_t chunk;              /* rows at most */
    real *gradient, *state[2]; /* like the parameters; state as the optimizer has any */
    real *x, *y, *loss;        /* chunk x inputs, chunk x targets, chunk */
    real *weights, *loss_weights; /* chunk: of a weighted source; those times the class's: see pass_gather */
    real *a[MLP_MAX_HIDDEN + 1]; /* chunk x stride of each layer */
    real *dropped[MLP_MAX_HIDDEN]; /* of layers with dropout: a without what the mask leaves out */
    real *normalized[MLP_MAX_HIDDEN]; /* of normalized layers: see kernels.h */
    real *moments, *marked, *batch_moments; /* network_moments each: running ones, their copy, and those of the chunk */
    struct dropout mask;
    real *delta[2];            /* chunk x widest stride; the output layer's delta is its activations */
    real **scratch;            /* of each thread, for products */
    unsigned threads;          /* that have one */
    size_t scratch_size;
    struct panel_sums *sums;   /* of the panels or groups of one layer */
};

enum err_code pass_init(struct pass *p, struct mlp_network *n, struct diagnosis *d, size_t chunk, struct err *err);
void pass_done(struct pass *p);
/* From now on with so many threads. On failure it goes on with those that it has. */
enum err_code pass_threads(struct pass *p, unsigned threads, struct err *err);

/* The pieces that work of so many multiply-adds is cut into, which has so many parts. */
size_t pass_pieces(const struct pass *p, size_t cuts, double work);

/* x, y and weights of these rows of a source. Returns the weights of their losses: NULL when each is 1. */
const real *pass_gather(struct pass *p, const struct mlp_source *source, const uint32_t *rows, size_t count);
/* The logits of x (rows of it) by a network of the same shape without normalization, or the pass's own: a of the last layer. */
real *pass_forward(struct pass *p, const struct mlp_network *n, size_t rows);
/* The same for training: layers are normalized by the chunk's own moments, and activations dropped. update: its number;
 * row: of the batch, where the chunk starts. */
real *pass_forward_training(struct pass *p, size_t rows, uint64_t update, size_t row);
/* The mask of hidden layer l in the pass at hand. */
struct dropout pass_mask(const struct pass *p, uint32_t l);
/* Running moments of normalized layers go back to where they were marked: for a batch that does not come to its update. */
void pass_mark(struct pass *p);
void pass_rewind(struct pass *p);
/* The gradients, added to those of the batch's earlier chunks; with a step, the weights are updated by it: each layer's once
 * their gradient is whole, or all at the end when gradients are clipped. The output layer's delta is in its activations.
 * False when an update is not finite. *ret_penalty: of the weights before the update. */
bool pass_backward(struct pass *p, size_t rows, bool add, const struct step *step, double *ret_penalty);
