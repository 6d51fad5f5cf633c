#include "pass.h"

#include "../base/mem.h"
#include "../base/rng.h"
#include "optimizer.h"
#include <string.h>

/* ---- life ----------------------------------------------------------------------------------------------------------- */

static size_t product_scratch(const struct mlp_network *n, size_t rows)
{
    size_t most = network_product_scratch(n, rows);
    for (uint32_t l = 0; l < n->layers; l++) {
        size_t weights = kernel_product_scratch(n->layer[l].inputs, n->layer[l].units, rows);
        size_t back = kernel_product_scratch(rows, n->layer[l].inputs, n->layer[l].units);
        most = weights > most ? weights : most;
        most = back > most ? back : most;
    }
    return most;
}

static enum err_code allocate(struct pass *p, struct err *err)
{
    const struct mlp_network *n = p->network;
    size_t widest = 0, sums = 0;
    bool complete = true;
    for (uint32_t l = 0; l < n->layers; l++) {
        size_t cuts = gradient_cuts(n->layer[l].inputs, n->layer[l].units);
        widest = n->layer[l].stride > widest ? n->layer[l].stride : widest;
        sums = cuts > sums ? cuts : sums;
        complete &= (p->a[l] = mem_aligned(p->chunk * n->layer[l].stride * sizeof(real))) != NULL;
    }
    for (unsigned i = 0; i < optimizers[n->spec.optimizer.name].states; i++)
        complete &= (p->state[i] = mem_aligned(n->count * sizeof(real))) != NULL;
    for (unsigned i = 0; i < 2; i++)
        complete &= (p->delta[i] = mem_aligned(p->chunk * widest * sizeof(real))) != NULL;
    complete &= (p->gradient = mem_aligned(n->count * sizeof(real))) != NULL;
    complete &= (p->x = mem_aligned((p->chunk * n->spec.inputs + KERNEL_PAD) * sizeof(real))) != NULL;
    complete &= (p->y = mem_aligned(p->chunk * mlp_targets(&n->spec) * sizeof(real))) != NULL;
    complete &= (p->loss = mem_aligned(p->chunk * sizeof(real))) != NULL;
    complete &= (p->weights = mem_aligned(p->chunk * sizeof(real))) != NULL;
    complete &= (p->loss_weights = mem_aligned(p->chunk * sizeof(real))) != NULL;
    complete &= (p->sums = mem_array(sums, sizeof *p->sums)) != NULL;
    return complete ? ERR_OK : err_no_memory(err);
}

/* What dropout and batch normalization need. */
static enum err_code allocate_regularization(struct pass *p, struct err *err)
{
    const struct mlp_network *n = p->network;
    size_t moments = network_moments(n);
    bool complete = true;
    for (uint32_t l = 0; l < n->spec.hidden_count; l++) {
        size_t bytes = p->chunk * n->layer[l].stride * sizeof(real);
        complete &= !(n->layer[l].dropout > 0) || (p->dropped[l] = mem_aligned(bytes)) != NULL;
        complete &= !n->layer[l].normalized || (p->normalized[l] = mem_aligned(bytes)) != NULL;
    }
    complete &= (p->moments = mem_aligned((moments + 1) * sizeof(real))) != NULL;
    complete &= (p->marked = mem_aligned((moments + 1) * sizeof(real))) != NULL;
    complete &= (p->batch_moments = mem_aligned((moments + 1) * sizeof(real))) != NULL;
    if (!complete)
        return err_no_memory(err);
    for (uint32_t l = 0; l < n->layers; l++)
        for (size_t j = 0; n->layer[l].normalized && j < n->layer[l].stride; j++)
            p->moments[network_moments_at(n, l) + n->layer[l].stride + j] = 1;
    return ERR_OK;
}

/* A scratch for each of so many threads. */
static enum err_code grow_scratch(struct pass *p, unsigned threads, struct err *err)
{
    if (threads <= p->threads)
        return ERR_OK;
    real **scratch = mem_resize(p->scratch, threads, sizeof *scratch);
    if (!scratch)
        return err_no_memory(err);
    p->scratch = scratch;
    for (; p->threads < threads; p->threads++)
        if (!(p->scratch[p->threads] = mem_aligned(p->scratch_size)))
            return err_no_memory(err);
    return ERR_OK;
}

enum err_code pass_init(struct pass *p, struct mlp_network *n, struct diagnosis *d, size_t chunk, struct err *err)
{
    struct rng rng;
    *p = (struct pass){.network = n, .diagnosis = d, .chunk = chunk};
    rng_init(&rng, n->spec.seed, RNG_DROPOUT, 0);
    memcpy(p->mask.key, rng.key, sizeof p->mask.key);
    p->scratch_size = product_scratch(n, chunk) * sizeof(real);
    enum err_code code = allocate(p, err);
    if (!code)
        code = allocate_regularization(p, err);
    return code ? code : grow_scratch(p, 1, err);
}

void pass_done(struct pass *p)
{
    team_free(p->team);
    for (unsigned i = 0; i < p->threads; i++)
        mem_free(p->scratch[i]);
    for (uint32_t l = 0; l <= MLP_MAX_HIDDEN; l++)
        mem_free(p->a[l]);
    for (uint32_t l = 0; l < MLP_MAX_HIDDEN; l++) {
        mem_free(p->dropped[l]);
        mem_free(p->normalized[l]);
    }
    for (unsigned i = 0; i < 2; i++) {
        mem_free(p->state[i]);
        mem_free(p->delta[i]);
    }
    mem_free(p->scratch);
    mem_free(p->gradient);
    mem_free(p->x);
    mem_free(p->y);
    mem_free(p->loss);
    mem_free(p->weights);
    mem_free(p->loss_weights);
    mem_free(p->moments);
    mem_free(p->marked);
    mem_free(p->batch_moments);
    mem_free(p->sums);
    *p = (struct pass){0};
}

static unsigned most_threads(const struct pass *p)
{
    size_t most = 1;
    for (uint32_t l = 0; l < p->network->layers; l++) {
        size_t pieces = most_pieces(p->chunk, p->network->layer[l].inputs, p->network->layer[l].units);
        most = pieces > most ? pieces : most;
    }
    return (unsigned)most;
}

size_t pass_pieces(const struct pass *p, size_t cuts, double work)
{
    return pieces_of(team_threads(p->team), cuts, work);
}

enum err_code pass_threads(struct pass *p, unsigned threads, struct err *err)
{
    struct team *team = NULL;
    threads = threads < most_threads(p) ? threads : most_threads(p);
    if (threads == team_threads(p->team))
        return ERR_OK;
    enum err_code code = grow_scratch(p, threads, err);
    if (!code && threads > 1)
        code = team_new(threads, &team, err);
    if (code)
        return code;
    team_free(p->team);
    p->team = team;
    return ERR_OK;
}

/* ---- rows ----------------------------------------------------------------------------------------------------------- */

struct gathering {
    struct pass *pass;
    const struct mlp_source *source;
    const uint32_t *rows;
    size_t count, pieces;
};

static void gather_piece(void *context, size_t index, unsigned thread)
{
    (void)thread;
    const struct gathering *g = context;
    struct pass *p = g->pass;
    size_t inputs = p->network->spec.inputs, targets = mlp_targets(&p->network->spec);
    struct piece c = piece_at(g->count, 1, g->pieces, index);
    if (c.count)
        g->source->gather(g->source->context, g->rows + c.start, c.count, p->x + c.start * inputs, inputs,
                          p->y + c.start * targets,
                          g->source->weighted ? p->weights + c.start : NULL);
}

const real *pass_gather(struct pass *p, const struct mlp_source *source, const uint32_t *rows, size_t count)
{
    const double *class_weights = p->network->spec.class_weights;
    struct gathering g = {p, source, rows, count, pass_pieces(p, count, 32.0 * (double)count * p->network->spec.inputs)};
    team_run(p->team, g.pieces, gather_piece, &g);
    if (!class_weights)
        return source->weighted ? p->weights : NULL;
    for (size_t r = 0; r < count; r++)
        p->loss_weights[r] = (real)class_weights[(size_t)p->y[r]] * (source->weighted ? p->weights[r] : 1);
    return p->loss_weights;
}

/* ---- forward -------------------------------------------------------------------------------------------------------- */

struct forward {
    struct pass *pass;
    const struct mlp_network *network;
    bool training;
    uint32_t layer;
    size_t rows, pieces;
};

static const real *input_of(const struct forward *f, size_t *ret_stride)
{
    const struct pass *p = f->pass;
    uint32_t l = f->layer;
    *ret_stride = l ? p->network->layer[l - 1].stride : p->network->spec.inputs;
    return !l ? p->x : f->training && p->dropped[l - 1] ? p->dropped[l - 1] : p->a[l - 1];
}

/* Running moments as most frameworks keep them: a tenth of the new one, the variance divided by rows - 1. */
static void note_moments(real *running, const real *batch, size_t count, real correction)
{
    for (size_t j = 0; j < count; j++)
        running[j] = (real)0.9 * running[j] + (real)0.1 * (batch[j] * correction);
}

static void normalize_columns(const struct forward *f, struct piece c, real *z)
{
    struct pass *p = f->pass;
    const struct layer *layer = &p->network->layer[f->layer];
    size_t columns = kernel_stride(c.count), at = network_moments_at(p->network, f->layer) + c.start;
    const real *parameters = p->network->parameters;
    struct normalization n = {parameters + layer->gamma + c.start, parameters + layer->bias + c.start, p->batch_moments + at,
                              p->batch_moments + at + layer->stride, (real)NORMALIZATION_EPSILON};
    kernels_get()->normalize(f->rows, columns, layer->stride, z, p->normalized[f->layer] + c.start, &n);
    if (f->rows < 2)
        return; /* no variance */
    note_moments(p->moments + at, n.mean, columns, 1);
    note_moments(p->moments + at + layer->stride, n.variance, columns, (real)f->rows / (real)(f->rows - 1));
}

struct dropout pass_mask(const struct pass *p, uint32_t l)
{
    double rate = p->network->layer[l].dropout;
    struct dropout mask = p->mask;
    mask.layer = l;
    mask.threshold = (uint32_t)(rate * 0x1p32);
    mask.scale = (real)(1 / (1 - rate));
    return mask;
}

static void forward_piece(void *context, size_t index, unsigned thread)
{
    const struct forward *f = context;
    struct pass *p = f->pass;
    const struct layer *layer = &p->network->layer[f->layer];
    struct piece c = {0, layer->units}, rows = {0, f->rows};
    size_t stride;
    const real *x = input_of(f, &stride);
    bool normalized = f->training && layer->normalized; /* the bias comes after the normalization then */
    if (layer->units > KERNEL_PANEL)
        c = piece_at(layer->units, KERNEL_PANEL, f->pieces, index);
    else
        rows = piece_at(f->rows, ROWS_OF_A_PIECE, f->pieces, index);
    if (!c.count || !rows.count)
        return;
    real *a = p->a[f->layer] + rows.start * layer->stride;
    network_product(f->network, f->layer, c, !normalized, x + rows.start * stride, rows.count, stride, a, p->scratch[thread]);
    if (normalized)
        normalize_columns(f, c, a + c.start);
    network_activate(&f->network->layer[f->layer], c, rows.count, a);
    if (f->training && f->layer < p->network->spec.hidden_count && p->dropped[f->layer]) {
        struct dropout mask = pass_mask(p, f->layer);
        kernels_get()->drop(&mask, c.start, f->rows, kernel_stride(c.count), layer->stride, p->a[f->layer] + c.start,
                            p->dropped[f->layer] + c.start);
    }
}

/* The moments of a normalized layer are those of all rows, and so are the draws of dropout: their rows stay together. */
static size_t forward_cuts_of(const struct forward *f)
{
    const struct layer *layer = &f->pass->network->layer[f->layer];
    bool together = f->training && (layer->normalized || layer->dropout > 0);
    return layer->units <= KERNEL_PANEL && together ? 1 : forward_cuts(layer->units, f->rows);
}

static real *forward(struct pass *p, const struct mlp_network *n, size_t rows, bool training)
{
    struct forward f = {.pass = p, .network = n, .training = training, .rows = rows};
    for (; f.layer < n->layers; f.layer++) {
        const struct layer *layer = &n->layer[f.layer];
        f.pieces = pass_pieces(p, forward_cuts_of(&f), (double)rows * layer->inputs * layer->units);
        team_run(p->team, f.pieces, forward_piece, &f);
    }
    return p->a[n->layers - 1];
}

real *pass_forward(struct pass *p, const struct mlp_network *n, size_t rows)
{
    return forward(p, n, rows, false);
}

real *pass_forward_training(struct pass *p, size_t rows, uint64_t update, size_t row)
{
    p->mask.update = update;
    p->mask.row = (uint32_t)row;
    return forward(p, p->network, rows, true);
}

void pass_mark(struct pass *p)
{
    memcpy(p->marked, p->moments, network_moments(p->network) * sizeof(real));
}

void pass_rewind(struct pass *p)
{
    memcpy(p->moments, p->marked, network_moments(p->network) * sizeof(real));
}
