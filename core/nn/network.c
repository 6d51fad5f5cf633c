#include "network.h"

#include "../base/mem.h"
#include "../base/rng.h"
#include "activation.h"
#include "output.h"
#include "pieces.h"
#include <math.h>
#include <string.h>

/* ---- life ----------------------------------------------------------------------------------------------------------- */

uint32_t network_classes(const struct mlp_spec *s)
{
    return s->task == TASK_BINARY ? 2 : s->task == TASK_MULTICLASS ? s->outputs : 0;
}

enum err_code network_init(struct mlp_network *n, const struct mlp_spec *spec, struct err *err)
{
    *n = (struct mlp_network){.spec = *spec, .layers = spec->hidden_count + 1};
    uint32_t inputs = spec->inputs;
    for (uint32_t l = 0; l < n->layers; l++) {
        bool output = l == spec->hidden_count;
        struct layer *layer = &n->layer[l];
        layer->inputs = inputs;
        layer->units = output ? spec->outputs : spec->hidden[l].units;
        layer->activation = output ? MLP_IDENTITY : spec->hidden[l].activation;
        layer->slope = output ? 0 : (real)spec->hidden[l].negative_slope;
        layer->normalized = !output && spec->hidden[l].batch_normalization;
        layer->dropout = output ? 0 : spec->hidden[l].dropout;
        layer->stride = kernel_stride(layer->units);
        layer->weights = n->count;
        layer->bias = layer->weights + layer->inputs * layer->stride;
        layer->gamma = layer->bias + layer->stride;
        n->count = layer->gamma + (layer->normalized ? layer->stride : 0);
        inputs = layer->units;
    }
    n->parameters = mem_aligned(n->count * sizeof(real));
    return n->parameters ? ERR_OK : err_no_memory(err);
}

void network_done(struct mlp_network *n)
{
    mem_free(n->parameters);
    n->parameters = NULL;
}

void network_initialize(struct mlp_network *n)
{
    for (uint32_t l = 0; l < n->layers; l++) {
        const struct layer *layer = &n->layer[l];
        bool rectifier = l < n->spec.hidden_count && activations[layer->activation].rectifier;
        double bound = sqrt(6.0 / (rectifier ? layer->inputs : (double)layer->inputs + layer->units));
        struct rng rng;
        rng_init(&rng, n->spec.seed, RNG_INITIALIZATION, l);
        for (uint32_t i = 0; i < layer->inputs; i++)
            for (uint32_t j = 0; j < layer->units; j++)
                n->parameters[layer->weights + i * layer->stride + j] = (real)(bound * (2 * rng_uniform(&rng) - 1));
        for (uint32_t j = 0; layer->normalized && j < layer->units; j++)
            n->parameters[layer->gamma + j] = 1;
    }
}

const struct mlp_spec *mlp_network_spec(const struct mlp_network *n)
{
    return &n->spec;
}

void mlp_network_weights(const struct mlp_network *n, uint32_t layer, real *out)
{
    const struct layer *l = &n->layer[layer - 1];
    for (uint32_t i = 0; i < l->inputs; i++)
        memcpy(out + (size_t)i * l->units, n->parameters + l->weights + i * l->stride, l->units * sizeof *out);
}

void mlp_network_biases(const struct mlp_network *n, uint32_t layer, real *out)
{
    const struct layer *l = &n->layer[layer - 1];
    memcpy(out, n->parameters + l->bias, l->units * sizeof *out);
}

double network_penalty(const struct mlp_network *n)
{
    double l1 = n->spec.l1, l2 = n->spec.l2, sum = 0;
    for (uint32_t l = 0; (l1 > 0 || l2 > 0) && l < n->layers; l++) {
        size_t count = n->layer[l].bias - n->layer[l].weights;
        const real *w = n->parameters + n->layer[l].weights;
        sum += (l1 > 0 ? l1 * kernels_get()->sum_of_magnitudes(count, w) : 0) +
               (l2 > 0 ? l2 / 2 * kernels_get()->sum_of_squares(count, w) : 0);
    }
    return sum;
}

/* ---- normalization ---------------------------------------------------------------------------------------------------- */

struct mlp_spec network_folded_spec(const struct mlp_spec *s)
{
    struct mlp_spec folded = *s;
    for (uint32_t l = 0; l < s->hidden_count; l++)
        folded.hidden[l].batch_normalization = false;
    return folded;
}

size_t network_moments_at(const struct mlp_network *n, uint32_t l)
{
    size_t at = 0;
    for (uint32_t i = 0; i < l; i++)
        at += n->layer[i].normalized ? 2 * n->layer[i].stride : 0;
    return at;
}

size_t network_moments(const struct mlp_network *n)
{
    return network_moments_at(n, n->layers);
}

void network_fold(const struct mlp_network *n, const real *moments, struct mlp_network *out)
{
    for (uint32_t l = 0; l < n->layers; l++) {
        const struct layer *from = &n->layer[l], *to = &out->layer[l];
        const real *gamma = n->parameters + from->gamma, *mean = moments + network_moments_at(n, l);
        real *w = out->parameters + to->weights, *b = out->parameters + to->bias;
        memcpy(w, n->parameters + from->weights, (from->gamma - from->weights) * sizeof *w);
        for (uint32_t j = 0; from->normalized && j < from->units; j++) {
            real scale = gamma[j] / (real)sqrt((double)mean[from->stride + j] + NORMALIZATION_EPSILON);
            for (uint32_t i = 0; i < from->inputs; i++)
                w[i * to->stride + j] *= scale;
            b[j] -= mean[j] * scale;
        }
    }
}

/* ---- forward -------------------------------------------------------------------------------------------------------- */

size_t network_layer_pieces(const struct mlp_network *n, uint32_t l, size_t rows)
{
    return pieces_of(rows, n->layer[l].units, n->layer[l].inputs);
}

void network_layer_piece(const struct mlp_network *n, uint32_t l, size_t pieces, size_t index, const real *x, size_t rows,
                         size_t x_stride, real *a, real *scratch)
{
    const struct layer *layer = &n->layer[l];
    const struct kernels *k = kernels_get();
    struct piece p = piece_at(layer->units, 2 * KERNEL_PAD, pieces, index);
    const real *weights = n->parameters + layer->weights + p.start, *bias = n->parameters + layer->bias + p.start;
    if (!p.count)
        return;
    k->product(rows, p.count, layer->inputs, (struct operand){x, x_stride, 1}, (struct operand){weights, layer->stride, 1},
               bias, 0, a + p.start, layer->stride, scratch);
    if (pieces == 1)
        k->activate[layer->activation](rows * layer->stride, a, layer->slope);
    else
        for (size_t r = 0; r < rows; r++)
            k->activate[layer->activation](kernel_stride(p.count), a + r * layer->stride + p.start, layer->slope);
}

static void network_layer(const struct mlp_network *n, uint32_t l, const real *x, size_t rows, size_t x_stride, real *a,
                          real *scratch)
{
    size_t pieces = network_layer_pieces(n, l, rows);
    for (size_t i = 0; i < pieces; i++)
        network_layer_piece(n, l, pieces, i, x, rows, x_stride, a, scratch);
}

size_t network_product_scratch(const struct mlp_network *n, size_t rows)
{
    size_t most = 0;
    for (uint32_t l = 0; l < n->layers; l++) {
        size_t need = kernel_product_scratch(rows, n->layer[l].units, n->layer[l].inputs);
        most = need > most ? need : most;
    }
    return most;
}

static size_t widest(const struct mlp_network *n)
{
    size_t most = 0;
    for (uint32_t l = 0; l < n->layers; l++)
        most = n->layer[l].stride > most ? n->layer[l].stride : most;
    return most;
}

size_t mlp_predict_scratch(const struct mlp_network *n, size_t count)
{
    size_t rows = count < NETWORK_ROWS ? count : NETWORK_ROWS;
    return 2 * rows * widest(n) + network_product_scratch(n, rows);
}

real *network_forward(const struct mlp_network *n, const real *x, size_t rows, size_t stride, real *scratch)
{
    size_t half = rows * widest(n);
    real *a[2] = {scratch, scratch + half};
    for (uint32_t l = 0; l < n->layers; l++)
        network_layer(n, l, l ? a[(l + 1) % 2] : x, rows, l ? n->layer[l - 1].stride : stride, a[l % 2], scratch + 2 * half);
    return a[(n->layers - 1) % 2];
}

enum err_code mlp_predict(const struct mlp_network *n, const real *x, size_t count, size_t stride, real *out,
                          real *scratch, struct err *err)
{
    real *own = scratch ? NULL : mem_array(mlp_predict_scratch(n, count) + 1, sizeof *own);
    if (!scratch && !own)
        return err_no_memory(err);
    const struct layer *last = &n->layer[n->layers - 1];
    for (size_t at = 0; at < count; at += NETWORK_ROWS) {
        size_t rows = count - at < NETWORK_ROWS ? count - at : NETWORK_ROWS;
        real *z = network_forward(n, x + at * stride, rows, stride, scratch ? scratch : own);
        output_apply(n->spec.task, rows, last->units, last->stride, z);
        for (size_t r = 0; r < rows; r++)
            memcpy(out + (at + r) * last->units, z + r * last->stride, last->units * sizeof *out);
    }
    mem_free(own);
    return ERR_OK;
}
