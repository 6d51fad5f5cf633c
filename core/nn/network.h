/* A network's parameters and its forward pass, for the trainer, the model file, and predictions.
 *
 * All parameters are one flat array: for each layer W (inputs x stride, the columns past `units` zeros), then b (stride), then
 * of a normalized layer gamma (stride), whose beta is b. Only a trainer has normalized layers: they are folded into W and b
 * for everything else (network_fold). */
#pragma once

#include "kernels.h"

struct layer {
    uint32_t inputs, units;
    size_t stride;       /* of W's rows, of b, and of the activations' rows */
    size_t weights, bias; /* where they start in the parameters */
    enum mlp_activation activation; /* the output layer's is identity: output.c has its function */
    real slope;
    bool normalized;
    size_t gamma; /* where it starts, of a normalized layer */
    double dropout;
};

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
/* a (rows x stride) of layer l (0-based) = f(x W + b), cut by columns into network_layer_pieces pieces that do not depend on
 * each other; each that is under way needs a scratch of network_product_scratch. */
size_t network_layer_pieces(const struct mlp_network *n, uint32_t l, size_t rows);
void network_layer_piece(const struct mlp_network *n, uint32_t l, size_t pieces, size_t index, const real *x, size_t rows,
                         size_t x_stride, real *a, real *scratch);
/* Reals of scratch for the products of a forward pass of so many rows. */
size_t network_product_scratch(const struct mlp_network *n, size_t rows);
/* The logits of up to NETWORK_ROWS rows of x: rows x (the output layer's stride), inside scratch, which is of
 * mlp_predict_scratch(n, rows) reals. */
#define NETWORK_ROWS 256
real *network_forward(const struct mlp_network *n, const real *x, size_t rows, size_t stride, real *scratch);
