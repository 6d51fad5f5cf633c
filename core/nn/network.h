/* A network's parameters and its forward pass, for the trainer, the model file, and predictions.
 *
 * All parameters are one flat array: for each layer W (inputs x units in panels, see kernels.h; padding is zeros), then b (stride), then
 * of a normalized layer gamma (stride), whose beta is b. Only a trainer has normalized layers: they are folded into W and b
 * for everything else (network_fold). */
#pragma once

#include "kernels.h"
#include "pieces.h"

struct layer {
    uint32_t inputs, units;
    size_t stride;       /* of b, and of the activations' rows */
    size_t weights, bias; /* where they start in the parameters */
    enum mlp_activation activation; /* the output layer's is identity: output.c has its function */
    real slope;
    bool normalized;
    size_t gamma; /* where it starts, of a normalized layer */
    double dropout;
};

/* Where W[i][j] is in the parameters. */
static inline size_t network_weight(const struct layer *l, size_t i, size_t j)
{
    return l->weights + kernel_panel_at(l->inputs, l->units, i, j);
}

/* The units of the panel that unit j starts. */
static inline uint32_t network_panel_units(const struct layer *l, uint32_t j)
{
    return l->units - j < KERNEL_PANEL ? l->units - j : KERNEL_PANEL;
}

struct mlp_network {
    struct mlp_spec spec;
    uint32_t layers; /* hidden_count + 1 */
    struct layer layer[MLP_MAX_HIDDEN + 1];
    size_t count; /* of the parameters, padding included: a multiple of KERNEL_PAD */
    real *parameters;
};

/* 0 for regression and multilabel, 2 for binary, else the outputs. */
uint32_t network_classes(const struct mlp_spec *s);
/* The layers' shapes, and zeroed parameters; network_done frees them. */
enum err_code network_init(struct mlp_network *n, const struct mlp_spec *spec, struct err *err);
void network_done(struct mlp_network *n);
/* The running moments of a normalized layer (stride each) as prediction uses them. */
#define NORMALIZATION_EPSILON 1e-5
/* The specification of the network that network_fold makes: without normalization. */
struct mlp_spec network_folded_spec(const struct mlp_spec *s);
/* out = n with each normalized layer's mean and variance (inside `moments`, layer by layer) folded into its W and b. */
void network_fold(const struct mlp_network *n, const real *moments, struct mlp_network *out);
/* Reals of moments: mean and variance of each normalized layer. Where those of layer l start. */
size_t network_moments(const struct mlp_network *n);
size_t network_moments_at(const struct mlp_network *n, uint32_t l);
/* l1 sum |W| + l2/2 sum W^2 over all layers. */
double network_penalty(const struct mlp_network *n);
/* Draws the weights: He or Glorot uniform (He et al. 2015; Glorot and Bengio 2010) from RNG_INITIALIZATION; biases 0, gammas 1. */
void network_initialize(struct mlp_network *n);
/* Of layer l (0-based), for the units of a piece that starts at a multiple of KERNEL_PANEL: a (rows x stride) = x W, or x W + b,
 * with a scratch of network_product_scratch; and a = f(a). */
void network_product(const struct mlp_network *n, uint32_t l, struct piece units, bool bias, const real *x, size_t rows, size_t x_stride,
                     real *a, real *scratch);
void network_activate(const struct layer *layer, struct piece units, size_t rows, real *a);
/* Parameters, or what is kept for each of them, with each W as rows of stride instead of panels: as checkpoints have them. */
void network_to_rows(const struct mlp_network *n, const real *parameters, void *rows);
void network_from_rows(const struct mlp_network *n, const void *rows, real *parameters);
/* Reals of scratch for the products of a forward pass of so many rows. */
size_t network_product_scratch(const struct mlp_network *n, size_t rows);
/* The logits of up to NETWORK_ROWS rows of x: rows x (the output layer's stride), inside scratch, which is of
 * mlp_predict_scratch(n, rows) reals. */
#define NETWORK_ROWS 256
real *network_forward(const struct mlp_network *n, const real *x, size_t rows, size_t stride, real *scratch);
