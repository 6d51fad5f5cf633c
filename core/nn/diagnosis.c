#include "diagnosis.h"

#include "../base/mem.h"
#include "activation.h"
#include <math.h>
#include <string.h>

enum err_code diagnosis_init(struct diagnosis *d, const struct mlp_network *n, struct err *err)
{
    *d = (struct diagnosis){.network = n};
    d->layer = mem_array(n->layers, sizeof *d->layer);
    d->sums = mem_array(n->layers, sizeof *d->sums);
    if (!d->layer || !d->sums)
        return err_no_memory(err);
    for (uint32_t l = 0; l < n->layers; l++)
        if (!(d->sums[l].measure = mem_array(n->layer[l].stride, sizeof(double))) ||
            !(d->sums[l].marked = mem_array(n->layer[l].stride, sizeof(double))))
            return err_no_memory(err);
    return ERR_OK;
}

void diagnosis_done(struct diagnosis *d)
{
    for (uint32_t l = 0; d->sums && l < d->network->layers; l++) {
        mem_free(d->sums[l].measure);
        mem_free(d->sums[l].marked);
    }
    mem_free(d->sums);
    mem_free(d->layer);
}

void diagnosis_start(struct diagnosis *d)
{
    d->updates = d->rows = 0;
    for (uint32_t l = 0; l < d->network->layers; l++) {
        d->sums[l].squared_gradients = d->sums[l].step_lengths = 0;
        memset(d->sums[l].measure, 0, d->network->layer[l].stride * sizeof(double));
    }
}

void diagnosis_mark(struct diagnosis *d)
{
    for (uint32_t l = 0; l < d->network->layers; l++)
        memcpy(d->sums[l].marked, d->sums[l].measure, d->network->layer[l].stride * sizeof(double));
}

void diagnosis_rewind(struct diagnosis *d)
{
    for (uint32_t l = 0; l < d->network->layers; l++)
        memcpy(d->sums[l].measure, d->sums[l].marked, d->network->layer[l].stride * sizeof(double));
}

void diagnosis_update(struct diagnosis *d, uint32_t layer, const double sums[2])
{
    d->sums[layer].squared_gradients += sums[0];
    d->sums[layer].step_lengths += sqrt(sums[1]);
}

/* Shares of the units whose measure is 0, and whose mean derivative is under 5 % of the largest. */
static void judge_units(const struct diagnosis *d, uint32_t l)
{
    const struct layer *layer = &d->network->layer[l];
    const struct activation *a = &activations[layer->activation];
    uint32_t dead = 0, saturated = 0;
    for (uint32_t j = 0; j < layer->units; j++) {
        double measure = d->sums[l].measure[j];
        dead += a->can_die && measure == 0;
        saturated += a->largest_derivative > 0 && measure < 0.05 * a->largest_derivative * (double)d->rows;
    }
    d->layer[l].dead = (double)dead / layer->units;
    d->layer[l].saturated = (double)saturated / layer->units;
}

void diagnosis_finish(struct diagnosis *d, const double *weight_squares)
{
    double updates = (double)d->updates;
    for (uint32_t l = 0; l < d->network->layers; l++) {
        struct mlp_layer_stats *s = &d->layer[l];
        s->gradient_norm = sqrt(d->sums[l].squared_gradients / updates);
        s->update_ratio = weight_squares[l] > 0 ? d->sums[l].step_lengths / updates / sqrt(weight_squares[l]) : 0;
        judge_units(d, l);
    }
}

void diagnosis_save(const struct diagnosis *d, struct buf *out)
{
    pack_u64(out, d->updates);
    for (uint32_t l = 0; l < d->network->layers; l++) {
        pack_f64(out, d->sums[l].squared_gradients);
        pack_f64(out, d->sums[l].step_lengths);
        for (size_t j = 0; j < d->network->layer[l].stride; j++)
            pack_f64(out, d->sums[l].measure[j]);
    }
}

void diagnosis_load(struct diagnosis *d, struct unpack *u)
{
    d->updates = unpack_u64(u);
    for (uint32_t l = 0; l < d->network->layers; l++) {
        d->sums[l].squared_gradients = unpack_f64(u);
        d->sums[l].step_lengths = unpack_f64(u);
        for (size_t j = 0; j < d->network->layer[l].stride; j++)
            d->sums[l].measure[j] = unpack_f64(u);
    }
}
