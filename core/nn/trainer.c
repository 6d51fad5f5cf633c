/* Training. An epoch is: shuffle, then for each batch forward, loss, backward, update; then the losses and metrics of the
 * validation rows. Back-propagation: delta_p = dL/dz_p (output.c); dL/dW_l = a_(l-1)^T delta_l; dL/db_l = column sums of
 * delta_l; delta_(l-1) = (delta_l W_l^T) * f'_(l-1)(z_(l-1))  (Rumelhart, Hinton, Williams 1986). */
#include "trainer.h"

#include "../base/clock.h"
#include "../base/mem.h"
#include "../base/rng.h"
#include "diagnosis.h"
#include "metrics.h"
#include "optimizer.h"
#include "output.h"
#include <math.h>
#include <string.h>

struct mlp_trainer {
    struct mlp_network network;
    struct mlp_source train, valid;
    uint64_t batch; /* rows of a full one */
    size_t chunk;
    uint32_t epoch;
    uint64_t updates;
    real *good;                    /* the parameters at the end of the last epoch */
    real *gradient, *state[2];     /* like the parameters */
    real *x, *y, *loss;            /* chunk x inputs, chunk, chunk */
    real *a[MLP_MAX_HIDDEN + 1];   /* chunk x stride of each layer */
    real *delta[2];                /* chunk x widest stride; the output layer's delta is its activations */
    real *scratch;
    uint32_t *order; /* the training rows, shuffled */
    uint32_t *rows;  /* row numbers of a validation chunk */
    struct diagnosis diagnosis;
    struct metrics metrics;
};

/* ---- life ----------------------------------------------------------------------------------------------------------- */

uint64_t trainer_chunk(const struct mlp_spec *s, uint64_t train_rows, uint64_t valid_rows)
{
    uint64_t batch = !s->batch_size || s->batch_size > train_rows ? train_rows : s->batch_size;
    uint64_t most = valid_rows > batch ? valid_rows : batch;
    return most < TRAINER_CHUNK ? most : TRAINER_CHUNK;
}

static size_t backward_scratch(const struct mlp_network *n, size_t rows)
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

static enum err_code allocate(struct mlp_trainer *t, struct err *err)
{
    const struct mlp_network *n = &t->network;
    size_t widest = 0;
    bool complete = true;
    for (uint32_t l = 0; l < n->layers; l++) {
        widest = n->layer[l].stride > widest ? n->layer[l].stride : widest;
        complete &= (t->a[l] = mem_aligned(t->chunk * n->layer[l].stride * sizeof(real))) != NULL;
    }
    for (unsigned i = 0; i < optimizers[n->spec.optimizer.name].states; i++)
        complete &= (t->state[i] = mem_aligned(n->count * sizeof(real))) != NULL;
    for (unsigned i = 0; i < 2; i++)
        complete &= (t->delta[i] = mem_aligned(t->chunk * widest * sizeof(real))) != NULL;
    complete &= (t->good = mem_aligned(n->count * sizeof(real))) != NULL;
    complete &= (t->gradient = mem_aligned(n->count * sizeof(real))) != NULL;
    complete &= (t->x = mem_aligned((t->chunk * n->spec.inputs + KERNEL_PAD) * sizeof(real))) != NULL;
    complete &= (t->y = mem_aligned(t->chunk * sizeof(real))) != NULL;
    complete &= (t->loss = mem_aligned(t->chunk * sizeof(real))) != NULL;
    complete &= (t->scratch = mem_aligned(backward_scratch(n, t->chunk) * sizeof(real))) != NULL;
    complete &= (t->order = mem_array(t->train.rows, sizeof *t->order)) != NULL;
    complete &= (t->rows = mem_array(t->chunk, sizeof *t->rows)) != NULL;
    return complete ? ERR_OK : err_no_memory(err);
}

enum err_code mlp_trainer_new(const struct mlp_spec *spec, const struct mlp_source *train, const struct mlp_source *valid,
                              struct mlp_trainer **ret_trainer, struct err *err)
{
    enum err_code code = mlp_spec_check(spec, err);
    if (code)
        return code;
    if (!train->rows || train->rows > UINT32_MAX || (valid && valid->rows > UINT32_MAX))
        return err_set(err, ERR_INVALID, "training takes 1 to %u rows", UINT32_MAX);
    struct mlp_trainer *t = mem_zalloc(sizeof *t);
    if (!t)
        return err_no_memory(err);
    t->train = *train;
    t->valid = valid ? *valid : (struct mlp_source){0};
    t->batch = !spec->batch_size || spec->batch_size > train->rows ? train->rows : spec->batch_size;
    t->chunk = (size_t)trainer_chunk(spec, train->rows, t->valid.rows);
    code = network_init(&t->network, spec, err);
    if (!code)
        code = allocate(t, err);
    if (!code)
        code = diagnosis_init(&t->diagnosis, &t->network, err);
    if (!code)
        code = metrics_init(&t->metrics, spec, t->valid.rows, err);
    if (code) {
        mlp_trainer_free(t);
        return code;
    }
    network_initialize(&t->network);
    memcpy(t->good, t->network.parameters, t->network.count * sizeof(real));
    *ret_trainer = t;
    return ERR_OK;
}

void mlp_trainer_free(struct mlp_trainer *t)
{
    if (!t)
        return;
    for (uint32_t l = 0; l <= MLP_MAX_HIDDEN; l++)
        mem_free(t->a[l]);
    for (unsigned i = 0; i < 2; i++) {
        mem_free(t->state[i]);
        mem_free(t->delta[i]);
    }
    mem_free(t->good);
    mem_free(t->gradient);
    mem_free(t->x);
    mem_free(t->y);
    mem_free(t->loss);
    mem_free(t->scratch);
    mem_free(t->order);
    mem_free(t->rows);
    diagnosis_done(&t->diagnosis);
    metrics_done(&t->metrics);
    network_done(&t->network);
    mem_free(t);
}

const struct mlp_network *mlp_trainer_network(const struct mlp_trainer *t)
{
    return &t->network;
}

/* ---- one batch ------------------------------------------------------------------------------------------------------ */

static void forward(struct mlp_trainer *t, size_t rows)
{
    const struct mlp_network *n = &t->network;
    for (uint32_t l = 0; l < n->layers; l++)
        network_layer(n, l, l ? t->a[l - 1] : t->x, rows, l ? n->layer[l - 1].stride : n->spec.inputs, t->a[l], t->scratch);
}

/* The gradients of the chunk's rows, added to those of the batch's earlier chunks. delta starts as the output layer's. */
static void backward(struct mlp_trainer *t, size_t rows, bool add)
{
    const struct mlp_network *n = &t->network;
    const struct kernels *k = kernels_get();
    const real *delta = t->a[n->layers - 1];
    for (uint32_t l = n->layers; l-- > 0;) {
        const struct layer *layer = &n->layer[l];
        const struct operand below = {l ? t->a[l - 1] : t->x, 1, l ? n->layer[l - 1].stride : n->spec.inputs};
        real *weights = t->gradient + layer->weights;
        k->product(layer->inputs, layer->units, rows, below, (struct operand){delta, layer->stride, 1}, add ? weights : NULL,
                   layer->stride, weights, layer->stride, t->scratch);
        k->column_sums(rows, layer->stride, delta, add, t->gradient + layer->bias);
        if (!l)
            break;
        const struct layer *previous = &n->layer[l - 1];
        real *next = t->delta[l % 2];
        if (layer->inputs < previous->stride) /* the layer two above may have left values where this one has padding */
            memset(next, 0, rows * previous->stride * sizeof *next);
        k->product(rows, layer->inputs, layer->units, (struct operand){delta, layer->stride, 1},
                   (struct operand){n->parameters + layer->weights, 1, layer->stride}, NULL, 0, next, previous->stride,
                   t->scratch);
        k->derive[previous->activation](rows, previous->stride, t->a[l - 1], next, previous->slope,
                                        t->diagnosis.sums[l - 1].measure);
        delta = next;
    }
}

/* Loss (sum over the rows) and gradient of one batch. */
static enum err_code batch_gradient(struct mlp_trainer *t, const uint32_t *rows, size_t count, const atomic_int *stop,
                                    double *ret_loss, struct err *err)
{
    const struct layer *last = &t->network.layer[t->network.layers - 1];
    enum task task = t->network.spec.task;
    double loss = 0;
    for (size_t at = 0; at < count; at += t->chunk) {
        if (stop && atomic_load_explicit(stop, memory_order_relaxed))
            return err_set(err, ERR_STOPPED, "stopped");
        size_t chunk = count - at < t->chunk ? count - at : t->chunk;
        t->train.gather(t->train.context, rows + at, chunk, t->x, t->network.spec.inputs, t->y);
        forward(t, chunk);
        real *out = t->a[t->network.layers - 1];
        loss += output_loss(task, chunk, last->units, last->stride, out, t->y, t->loss);
        output_delta(task, chunk, last->stride, out, t->y, count);
        backward(t, chunk, at > 0);
    }
    *ret_loss = loss;
    return ERR_OK;
}

/* One update of all layers; false when an update is not finite. */
static bool update(struct mlp_trainer *t)
{
    struct mlp_network *n = &t->network;
    const struct mlp_optimizer_spec *o = &n->spec.optimizer;
    struct step step = optimizer_step(o, t->updates + 1);
    double finite = 0;
    for (uint32_t l = 0; l < n->layers; l++) {
        const struct layer *layer = &n->layer[l];
        size_t start = layer->weights, count = layer->bias + layer->stride - start;
        double sums[2] = {0};
        kernels_get()->update[o->name](&step, count, t->gradient + start, n->parameters + start,
                                       t->state[0] ? t->state[0] + start : NULL, t->state[1] ? t->state[1] + start : NULL,
                                       sums);
        diagnosis_update(&t->diagnosis, l, sums);
        finite += sums[0] * 0 + sums[1] * 0;
    }
    t->updates++;
    t->diagnosis.updates++;
    return finite == 0;
}

static enum err_code diverged(const struct mlp_trainer *t, uint64_t batch, const char *what, struct err *err)
{
    return err_set(err, ERR_DIVERGED, "diverged in epoch %u, batch %llu: %s is not finite; a smaller learning_rate than %g "
                   "may help", t->epoch + 1, (unsigned long long)batch, what, t->network.spec.optimizer.learning_rate);
}

/* ---- one epoch ------------------------------------------------------------------------------------------------------ */

static void shuffle(struct mlp_trainer *t)
{
    for (uint64_t i = 0; i < t->train.rows; i++)
        t->order[i] = (uint32_t)i;
    if (!t->network.spec.batch_size)
        return;
    struct rng rng;
    rng_init(&rng, t->network.spec.seed, RNG_ORDER, t->epoch);
    rng_shuffle(&rng, t->order, t->train.rows);
}

static enum err_code train(struct mlp_trainer *t, const atomic_int *stop, double *ret_loss, struct err *err)
{
    double sum = 0;
    uint64_t batch = 0;
    for (uint64_t at = 0; at < t->train.rows; at += t->batch) {
        uint64_t count = t->train.rows - at < t->batch ? t->train.rows - at : t->batch;
        double loss = 0;
        batch++;
        enum err_code code = batch_gradient(t, t->order + at, count, stop, &loss, err);
        if (code)
            return code;
        if (!isfinite(loss))
            return diverged(t, batch, "the loss", err);
        if (!update(t))
            return diverged(t, batch, "a weight", err);
        sum += loss;
    }
    t->diagnosis.rows = t->train.rows;
    *ret_loss = sum / (double)t->train.rows;
    return ERR_OK;
}

/* The squares of each layer's weights; false when a parameter is not finite. */
static bool weigh(const struct mlp_trainer *t, double *squares)
{
    double finite = 0;
    for (uint32_t l = 0; l < t->network.layers; l++) {
        const struct layer *layer = &t->network.layer[l];
        const real *start = t->network.parameters;
        squares[l] = kernels_get()->sum_of_squares(layer->bias - layer->weights, start + layer->weights);
        finite += 0 * squares[l] + 0 * kernels_get()->sum_of_squares(layer->stride, start + layer->bias);
    }
    return finite == 0;
}

static enum err_code validate(struct mlp_trainer *t, const atomic_int *stop, struct mlp_epoch *epoch, struct err *err)
{
    const struct layer *last = &t->network.layer[t->network.layers - 1];
    metrics_start(&t->metrics);
    for (uint64_t at = 0; at < t->valid.rows; at += t->chunk) {
        if (stop && atomic_load_explicit(stop, memory_order_relaxed))
            return err_set(err, ERR_STOPPED, "stopped");
        size_t chunk = t->valid.rows - at < t->chunk ? t->valid.rows - at : t->chunk;
        for (size_t i = 0; i < chunk; i++)
            t->rows[i] = (uint32_t)(at + i);
        t->valid.gather(t->valid.context, t->rows, chunk, t->x, t->network.spec.inputs, t->y);
        forward(t, chunk);
        real *out = t->a[t->network.layers - 1];
        double loss = output_loss(t->network.spec.task, chunk, last->units, last->stride, out, t->y, t->loss);
        metrics_add(&t->metrics, chunk, last->stride, out, t->y, loss);
    }
    metrics_finish(&t->metrics, &epoch->valid_loss, epoch->metric);
    return ERR_OK;
}

static enum err_code run_epoch(struct mlp_trainer *t, const atomic_int *stop, struct mlp_epoch *epoch, struct err *err)
{
    double squares[MLP_MAX_HIDDEN + 1];
    diagnosis_start(&t->diagnosis);
    shuffle(t);
    enum err_code code = train(t, stop, &epoch->train_loss, err);
    if (!code && !weigh(t, squares))
        code = diverged(t, (t->train.rows + t->batch - 1) / t->batch, "a weight", err);
    if (!code)
        code = validate(t, stop, epoch, err);
    if (!code)
        diagnosis_finish(&t->diagnosis, squares);
    return code;
}

enum err_code mlp_trainer_epoch(struct mlp_trainer *t, const atomic_int *stop, struct mlp_epoch *ret_epoch,
                                struct err *err)
{
    uint64_t started = clock_monotonic_ns(), updates = t->updates;
    struct mlp_epoch epoch = {.learning_rate = t->network.spec.optimizer.learning_rate};
    enum err_code code = run_epoch(t, stop, &epoch, err);
    size_t bytes = t->network.count * sizeof(real);
    if (code) {
        memcpy(t->network.parameters, t->good, bytes);
        t->updates = updates;
        return code;
    }
    memcpy(t->good, t->network.parameters, bytes);
    epoch.epoch = ++t->epoch;
    epoch.weight_updates = t->updates;
    epoch.seconds = (double)(clock_monotonic_ns() - started) * 1e-9;
    epoch.layers = t->diagnosis.layer;
    epoch.layer_count = t->network.layers;
    *ret_epoch = epoch;
    return ERR_OK;
}

/* ---- evaluation ----------------------------------------------------------------------------------------------------- */

void mlp_matrix_gather(const void *matrix, const uint32_t *rows, size_t count, real *x, size_t stride, real *y)
{
    const struct mlp_matrix *m = matrix;
    for (size_t i = 0; i < count; i++) {
        memcpy(x + i * stride, m->x + (size_t)rows[i] * m->stride, m->inputs * sizeof *x);
        y[i] = m->y[rows[i]];
    }
}
