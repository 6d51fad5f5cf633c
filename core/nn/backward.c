/* The backward half of a pass: deltas, gradients, and the update. */
#include "optimizer.h"
#include "pass.h"
#include "vector.h"
#include <math.h>

#define GRADIENT_BLOCK ((size_t)16384) /* reals */

struct backward {
    struct pass *pass;
    uint32_t layer;
    size_t rows, pieces;
    const real *delta; /* rows x stride of the layer */
    bool add;
    const struct step *step;
    bool clips; /* gradients are measured now, and the update comes once all are known */
};

/* ---- deltas --------------------------------------------------------------------------------------------------------- */

/* delta by what layer l gave away becomes delta by its z: columns c of it, through dropout, activation, and normalization. */
static void through_layer(const struct backward *b, uint32_t l, struct piece c, real *delta)
{
    struct pass *p = b->pass;
    const struct layer *layer = &p->network->layer[l];
    const struct kernels *k = kernels_get();
    size_t columns = kernel_stride(c.count);
    if (p->dropped[l]) {
        struct dropout mask = pass_mask(p, l);
        k->drop(&mask, c.start, b->rows, columns, layer->stride, delta, delta);
    }
    k->derive[layer->activation](b->rows, columns, layer->stride, p->a[l] + c.start, delta, layer->slope,
                                 p->diagnosis->sums[l].measure + c.start);
    if (!layer->normalized)
        return;
    size_t at = network_moments_at(p->network, l) + c.start;
    struct normalization n = {.gamma = p->network->parameters + layer->gamma + c.start, .mean = p->batch_moments + at,
                              .variance = p->batch_moments + at + layer->stride, .epsilon = (real)NORMALIZATION_EPSILON};
    k->normalize_back(b->rows, columns, layer->stride, p->normalized[l] + c.start, delta, &n, b->add,
                      p->gradient + layer->gamma + c.start, p->gradient + layer->bias + c.start);
}

/* Columns of the delta of the layer below: (delta W^T) * f'. */
static void delta_piece(void *context, size_t index, unsigned thread)
{
    const struct backward *b = context;
    struct pass *p = b->pass;
    const struct layer *layer = &p->network->layer[b->layer], *below = layer - 1;
    struct piece c = piece_at(layer->inputs, 2 * KERNEL_PAD, b->pieces, index);
    const real *weights = p->network->parameters + layer->weights + c.start * layer->stride;
    real *next = p->delta[b->layer % 2] + c.start;
    if (!c.count)
        return;
    kernels_get()->product(b->rows, c.count, layer->units, (struct operand){b->delta, layer->stride, 1},
                           (struct operand){weights, 1, layer->stride}, NULL, 0, next, below->stride, p->scratch[thread]);
    through_layer(b, b->layer - 1, c, next);
}

/* ---- gradients and updates ------------------------------------------------------------------------------------------ */

/* The parameters of a piece: rows of W, and with the last ones all that comes behind W. */
struct range {
    size_t start, weights, count; /* weights: how many of them are of W */
};

static struct range range_of(const struct backward *b, size_t index, struct piece *ret_rows)
{
    const struct layer *layer = &b->pass->network->layer[b->layer];
    *ret_rows = piece_at(layer->inputs, 1, b->pieces, index);
    size_t weights = ret_rows->count * layer->stride, behind = index + 1 == b->pieces ? 1u + layer->normalized : 0;
    return (struct range){layer->weights + ret_rows->start * layer->stride, weights, weights + behind * layer->stride};
}

static void update(const struct backward *b, struct range r, struct piece_sums *sums)
{
    struct pass *p = b->pass;
    const struct kernels *k = kernels_get();
    if (b->step->keep < 1)
        k->scale(r.weights, b->step->keep, p->network->parameters + r.start);
    k->update[p->network->spec.optimizer.name](b->step, r.count, p->gradient + r.start, p->network->parameters + r.start,
                                               p->state[0] ? p->state[0] + r.start : NULL,
                                               p->state[1] ? p->state[1] + r.start : NULL, sums->update);
}

/* What a whole gradient still lacks. */
static void complete(const struct backward *b, struct range r, struct piece_sums *sums)
{
    const struct step *s = b->step;
    const struct kernels *k = kernels_get();
    real *gradient = b->pass->gradient + r.start;
    const real *weights = b->pass->network->parameters + r.start;
    if (s->scale < 1 || s->scale > 1)
        k->scale(r.count, s->scale, gradient);
    if (s->l1 > 0 || s->l2 > 0) {
        sums->squares += k->sum_of_squares(r.weights, weights);
        sums->magnitudes += k->sum_of_magnitudes(r.weights, weights);
        k->penalize(s, r.weights, weights, gradient);
    }
    if (b->clips)
        sums->update[0] += k->sum_of_squares(r.count, gradient);
}

/* Rows of W whose gradient is made and used up before the next ones': it is in the second cache then, and leaves it to the
 * weights. Where the product packs the delta, that is done once for the whole piece. */
static size_t block_rows(const struct backward *b, size_t rows)
{
    const struct layer *layer = &b->pass->network->layer[b->layer];
    size_t fit = GRADIENT_BLOCK / layer->stride;
    return PACKS_B(rows, layer->units, b->rows) || fit > rows ? rows : fit < 28 ? 28 : fit;
}

static void gradient_block(const struct backward *b, struct range r, struct piece rows, real *scratch)
{
    struct pass *p = b->pass;
    uint32_t l = b->layer;
    const struct layer *layer = &p->network->layer[l];
    size_t stride = l ? p->network->layer[l - 1].stride : p->network->spec.inputs;
    const real *x = !l ? p->x : p->dropped[l - 1] ? p->dropped[l - 1] : p->a[l - 1];
    real *gradient = p->gradient + r.start;
    if (rows.count)
        kernels_get()->product(rows.count, layer->units, b->rows, (struct operand){x + rows.start, 1, stride},
                               (struct operand){b->delta, layer->stride, 1}, b->add ? gradient : NULL, layer->stride, gradient,
                               layer->stride, scratch);
}

/* Rows of the gradient of W, with the last ones the gradient of b; and their update. */
static void gradient_piece(void *context, size_t index, unsigned thread)
{
    const struct backward *b = context;
    struct pass *p = b->pass;
    const struct layer *layer = &p->network->layer[b->layer];
    struct piece rows;
    struct range r = range_of(b, index, &rows);
    struct piece_sums *sums = &p->sums[index];
    size_t step = block_rows(b, rows.count), behind = r.count - r.weights;
    *sums = (struct piece_sums){.squares = 0};
    if (index + 1 == b->pieces && !layer->normalized) /* else the delta brought them */
        kernels_get()->column_sums(b->rows, layer->stride, layer->stride, b->delta, b->add, p->gradient + layer->bias);
    size_t done = 0;
    do { /* once for what is behind W, when there are no rows */
        size_t count = rows.count - done < step ? rows.count - done : step, weights = count * layer->stride;
        bool last = done + count == rows.count;
        struct range block = {r.start + done * layer->stride, weights, weights + (last ? behind : 0)};
        gradient_block(b, block, (struct piece){rows.start + done, count}, p->scratch[thread]);
        if (b->step)
            complete(b, block, sums);
        if (b->step && !b->clips)
            update(b, block, sums);
        done += count;
    } while (done < rows.count);
}

static void update_piece(void *context, size_t index, unsigned thread)
{
    (void)thread;
    const struct backward *b = context;
    struct piece rows;
    struct range r = range_of(b, index, &rows);
    b->pass->sums[index] = (struct piece_sums){.squares = 0};
    if (b->step->scale < 1)
        kernels_get()->scale(r.count, b->step->scale, b->pass->gradient + r.start);
    update(b, r, &b->pass->sums[index]);
}

/* The sums of a layer's pieces, in their order. */
static struct piece_sums layer_sums(const struct backward *b)
{
    struct piece_sums sums = {.squares = 0};
    for (size_t i = 0; i < b->pieces; i++) {
        sums.update[0] += b->pass->sums[i].update[0];
        sums.update[1] += b->pass->sums[i].update[1];
        sums.squares += b->pass->sums[i].squares;
        sums.magnitudes += b->pass->sums[i].magnitudes;
    }
    return sums;
}

static size_t gradient_pieces(const struct backward *b)
{
    const struct layer *layer = &b->pass->network->layer[b->layer];
    return pieces_of(layer->inputs, layer->units, b->rows);
}

/* All layers by a gradient that is no longer than the limit (Pascanu, Mikolov, Bengio 2013). squares: of each layer's. */
static bool clipped_update(const struct backward *from, const double *squares)
{
    struct backward b = *from;
    struct step step = *from->step;
    double sum = 0, limit = b.pass->network->spec.clip_norm;
    bool finite = true;
    for (uint32_t l = 0; l < b.pass->network->layers; l++)
        sum += squares[l];
    step.scale = sqrt(sum) > limit ? (real)(limit / sqrt(sum)) : 1;
    b.step = &step;
    for (b.layer = 0; b.layer < b.pass->network->layers; b.layer++) {
        b.pieces = gradient_pieces(&b);
        team_run(b.pass->team, b.pieces, update_piece, &b);
        struct piece_sums sums = layer_sums(&b);
        finite &= isfinite(sums.update[1]);
        diagnosis_update(b.pass->diagnosis, b.layer, (double[2]){squares[b.layer], sums.update[1]});
    }
    return finite && isfinite(sum);
}

bool pass_backward(struct pass *p, size_t rows, bool add, const struct step *step, double *ret_penalty)
{
    const struct mlp_spec *spec = &p->network->spec;
    double squares[MLP_MAX_HIDDEN + 1], penalty = 0;
    bool finite = true;
    struct backward b = {.pass = p, .rows = rows, .delta = p->a[p->network->layers - 1], .add = add, .step = step,
                         .clips = spec->clip_norm > 0};
    for (b.layer = p->network->layers; b.layer-- > 0;) {
        const struct layer *layer = &p->network->layer[b.layer];
        struct backward below = b; /* the delta below comes first: it needs the weights as they were */
        below.pieces = pieces_of(rows, layer->inputs, layer->units);
        if (b.layer)
            team_run(p->team, below.pieces, delta_piece, &below);
        b.pieces = gradient_pieces(&b);
        team_run(p->team, b.pieces, gradient_piece, &b);
        struct piece_sums sums = layer_sums(&b);
        squares[b.layer] = sums.update[0];
        penalty += spec->l1 * sums.magnitudes + spec->l2 / 2 * sums.squares;
        finite &= isfinite(sums.update[0]) && isfinite(sums.update[1]);
        if (step && !b.clips)
            diagnosis_update(p->diagnosis, b.layer, sums.update);
        b.delta = p->delta[b.layer % 2];
    }
    *ret_penalty = penalty;
    return step && b.clips ? clipped_update(&b, squares) && finite : finite;
}
