/* The backward half of a pass: deltas, gradients, and the update. */
#include "optimizer.h"
#include "pass.h"
#include "trainer.h"
#include <math.h>

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
    struct piece c = piece_at(layer->inputs, KERNEL_PANEL, b->pieces, index);
    real *next = p->delta[b->layer % 2] + c.start;
    if (!c.count)
        return;
    struct product product = {.m = b->rows, .n = c.count, .k = layer->units, .a = {b->delta, layer->stride, 1, 0, 0},
                              .b = {p->network->parameters + layer->weights, 1, 0, layer->inputs, c.start}, .c = next,
                              .ldc = below->stride, .scratch = p->scratch[thread]};
    kernels_get()->product(&product);
    through_layer(b, b->layer - 1, c, next);
}

/* ---- gradients and updates ------------------------------------------------------------------------------------------ */

_Static_assert(TRAINER_CHUNK <= KERNEL_SLAB, "the gradient of a panel is one sum");

/* One piece of a layer: some units, or some rows of the only panel. */
struct share {
    const struct backward *backward;
    struct piece units, rows;
    bool reuses; /* each panel of its gradient lies where its first one does: no more is needed than the update */
};

/* Parameters side by side: of W, and what is behind W. */
struct range {
    size_t start, weights, count; /* weights: how many of them are of W */
    real *gradient;
};

/* So many rows of a panel of W, counted from the piece's first; with the last rows of the last panel all that is behind W. */
static struct range range_of(const struct share *s, size_t row, size_t rows, size_t column)
{
    const struct backward *b = s->backward;
    const struct layer *layer = &b->pass->network->layer[b->layer];
    size_t width = kernel_panel_width(s->units.count, column), weights = rows * width;
    size_t start = layer->weights + (s->units.start + column) * layer->inputs + (s->rows.start + row) * width;
    bool last = s->rows.start + row + rows == layer->inputs && s->units.start + column + width == layer->stride;
    size_t behind = last ? (1u + layer->normalized) * layer->stride : 0;
    real *gradient = b->pass->gradient + start - (s->reuses ? column * layer->inputs : 0);
    return (struct range){start, weights, weights + behind, gradient};
}

static bool has_groups(const struct layer *layer)
{
    return layer->units <= KERNEL_PANEL;
}

static struct panel_sums *sums_of(const struct share *s, size_t row, size_t column)
{
    const struct backward *b = s->backward;
    bool groups = has_groups(&b->pass->network->layer[b->layer]);
    return b->pass->sums + (groups ? (s->rows.start + row) / GROUP : (s->units.start + column) / KERNEL_PANEL);
}

static void update(const struct backward *b, struct range r, struct panel_sums *sums)
{
    struct pass *p = b->pass;
    const struct kernels *k = kernels_get();
    if (b->step->keep < 1)
        k->scale(r.weights, b->step->keep, p->network->parameters + r.start);
    k->update[p->network->spec.optimizer.name](b->step, r.count, r.gradient, p->network->parameters + r.start,
                                               p->state[0] ? p->state[0] + r.start : NULL,
                                               p->state[1] ? p->state[1] + r.start : NULL, sums->update);
}

/* What a whole gradient still lacks, and the update by it when it need not wait for the others'. */
static void complete(const struct backward *b, struct range r, struct panel_sums *sums)
{
    const struct step *s = b->step;
    const struct kernels *k = kernels_get();
    const real *weights = b->pass->network->parameters + r.start;
    if (s->scale < 1 || s->scale > 1)
        k->scale(r.count, s->scale, r.gradient);
    if (s->l1 > 0 || s->l2 > 0) {
        sums->squares += k->sum_of_squares(r.weights, weights);
        sums->magnitudes += k->sum_of_magnitudes(r.weights, weights);
        k->penalize(s, r.weights, weights, r.gradient);
    }
    if (b->clips)
        sums->update[0] += k->sum_of_squares(r.count, r.gradient);
    else
        update(b, r, sums);
}

static void update_clipped(const struct backward *b, struct range r, struct panel_sums *sums)
{
    if (b->step->scale < 1)
        kernels_get()->scale(r.count, b->step->scale, r.gradient);
    update(b, r, sums);
}

/* The gradient of so many rows of a panel is there. */
static void finish(void *context, size_t row, size_t rows, size_t column)
{
    const struct share *s = context;
    const struct backward *b = s->backward;
    const struct layer *layer = &b->pass->network->layer[b->layer];
    struct range r = range_of(s, row, rows, column);
    if (r.count > r.weights && !layer->normalized) /* else the delta brought it */
        kernels_get()->column_sums(b->rows, layer->stride, layer->stride, b->delta, b->add, r.gradient + r.weights);
    if (b->step)
        complete(b, r, sums_of(s, row, column));
}

static struct share share_of(const struct backward *b, size_t index)
{
    const struct layer *layer = &b->pass->network->layer[b->layer];
    struct share s = {b, {0, layer->units}, {0, layer->inputs}, false};
    if (has_groups(layer))
        s.rows = piece_at(layer->inputs, GROUP, b->pieces, index);
    else
        s.units = piece_at(layer->units, KERNEL_PANEL, b->pieces, index);
    for (size_t i = 0; has_groups(layer) && i < s.rows.count; i += GROUP)
        *sums_of(&s, i, 0) = (struct panel_sums){.squares = 0};
    for (size_t j = 0; !has_groups(layer) && j < s.units.count; j += KERNEL_PANEL)
        *sums_of(&s, 0, j) = (struct panel_sums){.squares = 0};
    return s;
}

/* The gradients of W and b of some units; and their update, panel by panel, while the gradient is in a near cache. */
static void gradient_piece(void *context, size_t index, unsigned thread)
{
    const struct backward *b = context;
    struct pass *p = b->pass;
    uint32_t l = b->layer;
    const struct layer *layer = &p->network->layer[l];
    struct share s = share_of(b, index);
    size_t stride = l ? p->network->layer[l - 1].stride : p->network->spec.inputs;
    const real *x = !l ? p->x : p->dropped[l - 1] ? p->dropped[l - 1] : p->a[l - 1];
    if (!s.units.count || !s.rows.count)
        return;
    s.reuses = b->step && !b->clips && !b->add && !layer->normalized && s.units.count >= 2 * KERNEL_PANEL &&
               layer->inputs * KERNEL_PANEL >= layer->stride; /* there is room for what is behind W, too */
    struct product product = {.m = s.rows.count, .n = s.units.count, .k = b->rows, .a = {x + s.rows.start, 1, stride, 0, 0},
                              .b = {b->delta + s.units.start, layer->stride, 1, 0, 0}, .add = b->add,
                              .c = range_of(&s, 0, 0, 0).gradient, .group = has_groups(layer) ? GROUP : 0,
                              .panel = s.reuses ? 0 : layer->inputs, .scratch = p->scratch[thread], .finished = finish,
                              .context = &s};
    kernels_get()->product(&product);
}

static void update_piece(void *context, size_t index, unsigned thread)
{
    (void)thread;
    const struct backward *b = context;
    struct share s = share_of(b, index);
    size_t group = has_groups(&b->pass->network->layer[b->layer]) ? GROUP : s.rows.count;
    for (size_t j = 0; j < s.units.count; j += KERNEL_PANEL)
        for (size_t i = 0; i < s.rows.count; i += group)
            update_clipped(b, range_of(&s, i, s.rows.count - i < group ? s.rows.count - i : group, j), sums_of(&s, i, j));
}

/* The sums of a layer's panels, in their order. */
static struct panel_sums layer_sums(const struct backward *b)
{
    struct panel_sums sums = {.squares = 0};
    const struct layer *layer = &b->pass->network->layer[b->layer];
    for (size_t i = 0; i < gradient_cuts(layer->inputs, layer->units); i++) {
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
    return pass_pieces(b->pass, gradient_cuts(layer->inputs, layer->units), (double)layer->inputs * layer->units * (double)b->rows);
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
        struct panel_sums sums = layer_sums(&b);
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
        below.pieces = pass_pieces(p, panels_of(layer->inputs), (double)rows * layer->inputs * layer->units);
        if (b.layer)
            team_run(p->team, below.pieces, delta_piece, &below);
        b.pieces = gradient_pieces(&b);
        team_run(p->team, b.pieces, gradient_piece, &b);
        struct panel_sums sums = layer_sums(&b);
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
