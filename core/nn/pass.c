#include "pass.h"

#include "../base/mem.h"
#include "optimizer.h"
#include <math.h>

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
    size_t widest = 0;
    bool complete = true;
    for (uint32_t l = 0; l < n->layers; l++) {
        widest = n->layer[l].stride > widest ? n->layer[l].stride : widest;
        complete &= (p->a[l] = mem_aligned(p->chunk * n->layer[l].stride * sizeof(real))) != NULL;
    }
    for (unsigned i = 0; i < optimizers[n->spec.optimizer.name].states; i++)
        complete &= (p->state[i] = mem_aligned(n->count * sizeof(real))) != NULL;
    for (unsigned i = 0; i < 2; i++)
        complete &= (p->delta[i] = mem_aligned(p->chunk * widest * sizeof(real))) != NULL;
    complete &= (p->gradient = mem_aligned(n->count * sizeof(real))) != NULL;
    complete &= (p->x = mem_aligned((p->chunk * n->spec.inputs + KERNEL_PAD) * sizeof(real))) != NULL;
    complete &= (p->y = mem_aligned(p->chunk * sizeof(real))) != NULL;
    complete &= (p->loss = mem_aligned(p->chunk * sizeof(real))) != NULL;
    complete &= (p->sums = mem_array(PIECES_MAX, sizeof *p->sums)) != NULL;
    return complete ? ERR_OK : err_no_memory(err);
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
    *p = (struct pass){.network = n, .diagnosis = d, .chunk = chunk};
    p->scratch_size = product_scratch(n, chunk) * sizeof(real);
    enum err_code code = allocate(p, err);
    return code ? code : grow_scratch(p, 1, err);
}

void pass_done(struct pass *p)
{
    team_free(p->team);
    for (unsigned i = 0; i < p->threads; i++)
        mem_free(p->scratch[i]);
    for (uint32_t l = 0; l <= MLP_MAX_HIDDEN; l++)
        mem_free(p->a[l]);
    for (unsigned i = 0; i < 2; i++) {
        mem_free(p->state[i]);
        mem_free(p->delta[i]);
    }
    mem_free(p->scratch);
    mem_free(p->gradient);
    mem_free(p->x);
    mem_free(p->y);
    mem_free(p->loss);
    mem_free(p->sums);
    *p = (struct pass){0};
}

/* The pieces that the largest layer is cut into: more threads than that have nothing to do. */
static unsigned most_pieces(const struct pass *p)
{
    size_t most = 1;
    for (uint32_t l = 0; l < p->network->layers; l++) {
        size_t pieces = pieces_of(p->chunk, p->network->layer[l].units, p->network->layer[l].inputs);
        most = pieces > most ? pieces : most;
    }
    return (unsigned)most;
}

enum err_code pass_threads(struct pass *p, unsigned threads, struct err *err)
{
    struct team *team = NULL;
    threads = threads < most_pieces(p) ? threads : most_pieces(p);
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

/* ---- forward -------------------------------------------------------------------------------------------------------- */

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
    size_t inputs = g->pass->network->spec.inputs;
    struct piece p = piece_at(g->count, 1, g->pieces, index);
    if (p.count)
        g->source->gather(g->source->context, g->rows + p.start, p.count, g->pass->x + p.start * inputs, inputs,
                          g->pass->y + p.start);
}

void pass_gather(struct pass *p, const struct mlp_source *source, const uint32_t *rows, size_t count)
{
    struct gathering g = {p, source, rows, count, pieces_of(count, p->network->spec.inputs, 32)};
    team_run(p->team, g.pieces, gather_piece, &g);
}

struct layer_pass {
    struct pass *pass;
    uint32_t layer;
    size_t rows, pieces;
    const real *delta; /* rows x stride of the layer */
    bool add;
    const struct step *step;
};

static const real *below(const struct pass *p, uint32_t l, size_t *ret_stride)
{
    *ret_stride = l ? p->network->layer[l - 1].stride : p->network->spec.inputs;
    return l ? p->a[l - 1] : p->x;
}

static void forward_piece(void *context, size_t index, unsigned thread)
{
    const struct layer_pass *f = context;
    size_t stride;
    const real *x = below(f->pass, f->layer, &stride);
    network_layer_piece(f->pass->network, f->layer, f->pieces, index, x, f->rows, stride, f->pass->a[f->layer],
                        f->pass->scratch[thread]);
}

real *pass_forward(struct pass *p, size_t rows)
{
    for (uint32_t l = 0; l < p->network->layers; l++) {
        struct layer_pass f = {.pass = p, .layer = l, .rows = rows, .pieces = network_layer_pieces(p->network, l, rows)};
        team_run(p->team, f.pieces, forward_piece, &f);
    }
    return p->a[p->network->layers - 1];
}

/* ---- backward ------------------------------------------------------------------------------------------------------- */

/* Columns of the delta of the layer below: (delta W^T) * f'. */
static void delta_piece(void *context, size_t index, unsigned thread)
{
    const struct layer_pass *b = context;
    struct pass *p = b->pass;
    const struct kernels *k = kernels_get();
    const struct layer *layer = &p->network->layer[b->layer], *previous = layer - 1;
    struct piece c = piece_at(layer->inputs, 2 * KERNEL_PAD, b->pieces, index);
    const real *weights = p->network->parameters + layer->weights + c.start * layer->stride;
    real *next = p->delta[b->layer % 2] + c.start;
    if (!c.count)
        return;
    k->product(b->rows, c.count, layer->units, (struct operand){b->delta, layer->stride, 1},
               (struct operand){weights, 1, layer->stride}, NULL, 0, next, previous->stride, p->scratch[thread]);
    k->derive[previous->activation](b->rows, kernel_stride(c.count), previous->stride, p->a[b->layer - 1] + c.start, next,
                                    previous->slope, p->diagnosis->sums[b->layer - 1].measure + c.start);
}

/* Rows of the gradient of W, with the last ones the gradient of b; and their update. */
static void gradient_piece(void *context, size_t index, unsigned thread)
{
    const struct layer_pass *b = context;
    struct pass *p = b->pass;
    const struct kernels *k = kernels_get();
    const struct layer *layer = &p->network->layer[b->layer];
    struct piece r = piece_at(layer->inputs, 1, b->pieces, index);
    size_t stride, start = layer->weights + r.start * layer->stride, count = r.count * layer->stride;
    const real *x = below(p, b->layer, &stride) + r.start;
    real *gradient = p->gradient + start;
    if (r.count)
        k->product(r.count, layer->units, b->rows, (struct operand){x, 1, stride}, (struct operand){b->delta, layer->stride, 1},
                   b->add ? gradient : NULL, layer->stride, gradient, layer->stride, p->scratch[thread]);
    if (index + 1 == b->pieces) {
        k->column_sums(b->rows, layer->stride, layer->stride, b->delta, b->add, p->gradient + layer->bias);
        count += layer->stride;
    }
    double *sums = p->sums[index];
    sums[0] = sums[1] = 0;
    if (b->step)
        k->update[p->network->spec.optimizer.name](b->step, count, gradient, p->network->parameters + start,
                                                   p->state[0] ? p->state[0] + start : NULL,
                                                   p->state[1] ? p->state[1] + start : NULL, sums);
}

/* The sums of a layer's pieces, in their order. */
static bool finish_layer(const struct layer_pass *b)
{
    double sums[2] = {0};
    for (size_t i = 0; i < b->pieces; i++) {
        sums[0] += b->pass->sums[i][0];
        sums[1] += b->pass->sums[i][1];
    }
    if (b->step)
        diagnosis_update(b->pass->diagnosis, b->layer, sums);
    return isfinite(sums[0]) && isfinite(sums[1]);
}

bool pass_backward(struct pass *p, size_t rows, bool add, const struct step *step)
{
    bool finite = true;
    struct layer_pass b = {.pass = p, .rows = rows, .delta = p->a[p->network->layers - 1], .add = add, .step = step};
    for (b.layer = p->network->layers; b.layer-- > 0;) {
        const struct layer *layer = &p->network->layer[b.layer];
        struct layer_pass above = b; /* the delta below comes first: it needs the weights as they were */
        above.pieces = pieces_of(rows, layer->inputs, layer->units);
        if (b.layer)
            team_run(p->team, above.pieces, delta_piece, &above);
        b.pieces = pieces_of(layer->inputs, layer->units, rows);
        team_run(p->team, b.pieces, gradient_piece, &b);
        finite &= finish_layer(&b);
        b.delta = p->delta[b.layer % 2];
    }
    return finite;
}
