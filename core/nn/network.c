#include "network.h"

#include "../base/mem.h"
#include "../base/rng.h"
#include "activation.h"
#include "output.h"
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
                n->parameters[network_weight(layer, i, j)] = (real)(bound * (2 * rng_uniform(&rng) - 1));
        for (uint32_t j = 0; layer->normalized && j < layer->units; j++)
            n->parameters[layer->gamma + j] = 1;
    }
}

/* W's rows by their parts in panels, and all else as it is. */
static void copy_rows(const struct mlp_network *n, char *rows, char *panels, bool to_rows)
{
    for (uint32_t l = 0; l < n->layers; l++) {
        const struct layer *layer = &n->layer[l];
        size_t behind = layer->bias * sizeof(real), bytes = (layer->normalized ? 2 : 1) * layer->stride * sizeof(real);
        for (size_t i = 0; i < layer->inputs; i++) {
            for (size_t j = 0; j < layer->stride; j += KERNEL_PANEL) {
                char *row = rows + (layer->weights + i * layer->stride + j) * sizeof(real);
                char *panel = panels + network_weight(layer, i, j) * sizeof(real);
                memcpy(to_rows ? row : panel, to_rows ? panel : row, kernel_panel_width(layer->units, j) * sizeof(real));
            }
        }
        memcpy((to_rows ? rows : panels) + behind, (to_rows ? panels : rows) + behind, bytes);
    }
}

void network_to_rows(const struct mlp_network *n, const real *parameters, void *rows)
{
    copy_rows(n, rows, (char *)parameters, true);
}

void network_from_rows(const struct mlp_network *n, const void *rows, real *parameters)
{
    copy_rows(n, (char *)rows, (char *)parameters, false);
}

const struct mlp_spec *mlp_network_spec(const struct mlp_network *n)
{
    return &n->spec;
}

void mlp_network_weights(const struct mlp_network *n, uint32_t layer, real *out)
{
    const struct layer *l = &n->layer[layer - 1];
    for (uint32_t i = 0; i < l->inputs; i++)
        for (uint32_t j = 0; j < l->units; j += KERNEL_PANEL)
            memcpy(out + (size_t)i * l->units + j, n->parameters + network_weight(l, i, j), network_panel_units(l, j) * sizeof *out);
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
        real *w = out->parameters, *b = out->parameters + to->bias;
        memcpy(w + to->weights, n->parameters + from->weights, (from->gamma - from->weights) * sizeof *w);
        for (uint32_t j = 0; from->normalized && j < from->units; j++) {
            real scale = gamma[j] / (real)sqrt((double)mean[from->stride + j] + NORMALIZATION_EPSILON);
            for (uint32_t i = 0; i < from->inputs; i++)
                w[network_weight(to, i, j)] *= scale;
            b[j] -= mean[j] * scale;
        }
    }
}

/* ---- forward -------------------------------------------------------------------------------------------------------- */

void network_product(const struct mlp_network *n, uint32_t l, struct piece units, bool bias, const real *x, size_t rows, size_t x_stride,
                     real *a, real *scratch)
{
    const struct layer *layer = &n->layer[l];
    const real *start = n->parameters;
    struct product p = {.m = rows, .n = units.count, .k = layer->inputs, .a = {x, x_stride, 1, 0, 0},
                        .b = {start + layer->weights + units.start * layer->inputs, 0, 1, layer->inputs, 0},
                        .bias = bias ? start + layer->bias + units.start : NULL, .c = a + units.start, .ldc = layer->stride,
                        .scratch = scratch};
    kernels_get()->product(&p);
}

void network_activate(const struct layer *layer, struct piece units, size_t rows, real *a)
{
    const struct kernels *k = kernels_get();
    if (units.count == layer->units)
        k->activate[layer->activation](rows * layer->stride, a, layer->slope);
    else
        for (size_t r = 0; r < rows; r++)
            k->activate[layer->activation](kernel_stride(units.count), a + r * layer->stride + units.start, layer->slope);
}

static void network_layer(const struct mlp_network *n, uint32_t l, const real *x, size_t rows, size_t x_stride, real *a,
                          real *scratch)
{
    const struct piece all = {0, n->layer[l].units};
    network_product(n, l, all, true, x, rows, x_stride, a, scratch);
    network_activate(&n->layer[l], all, rows, a);
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
