/* The passes of a trainer: what one chunk of rows goes through, and the update of the weights, cut into pieces for a team of
 * threads. Back-propagation: delta_p = dL/dz_p (output.c); dL/dW_l = a_(l-1)^T delta_l; dL/db_l = column sums of delta_l;
 * delta_(l-1) = (delta_l W_l^T) * f'_(l-1)(z_(l-1))  (Rumelhart, Hinton, Williams 1986). Belongs to one trainer. */
#pragma once

#include "../base/team.h"
#include "diagnosis.h"
#include "pieces.h"

struct pass {
    struct mlp_network *network;
    struct diagnosis *diagnosis;
    struct team *team;         /* NULL: one thread */
    size_t chunk;              /* rows at most */
    real *gradient, *state[2]; /* like the parameters; state as the optimizer has any */
    real *x, *y, *loss;        /* chunk x inputs, chunk, chunk */
    real *a[MLP_MAX_HIDDEN + 1]; /* chunk x stride of each layer */
    real *delta[2];            /* chunk x widest stride; the output layer's delta is its activations */
    real **scratch;            /* of each thread, for products */
    unsigned threads;          /* that have one */
    size_t scratch_size;
    double (*sums)[2];         /* of the pieces of an update: squares of gradients and steps */
};

enum err_code pass_init(struct pass *p, struct mlp_network *n, struct diagnosis *d, size_t chunk, struct err *err);
void pass_done(struct pass *p);
/* From now on with so many threads. On failure it goes on with those that it has. */
enum err_code pass_threads(struct pass *p, unsigned threads, struct err *err);

/* x and y of these rows of a source. */
void pass_gather(struct pass *p, const struct mlp_source *source, const uint32_t *rows, size_t count);
/* The logits of x (rows of it): a of the last layer. */
real *pass_forward(struct pass *p, size_t rows);
/* The gradients, added to those of the batch's earlier chunks; with a step, each layer's weights are updated by it once their
 * gradient is whole. The output layer's delta is in its activations. False when an update is not finite. */
bool pass_backward(struct pass *p, size_t rows, bool add, const struct step *step);
