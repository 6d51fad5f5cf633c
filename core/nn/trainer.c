/* Training. An epoch is: shuffle, then for each batch forward, loss, backward, update (pass.c); then the losses and metrics of
 * the validation rows. */
#include "trainer.h"

#include "../base/clock.h"
#include "../base/mem.h"
#include "../base/subnormal.h"
#include "optimizer.h"
#include "output.h"
#include <math.h>
#include <string.h>

/* ---- life ----------------------------------------------------------------------------------------------------------- */

uint64_t trainer_chunk(const struct mlp_spec *s, uint64_t train_rows, uint64_t valid_rows)
{
    uint64_t batch = !s->batch_size || s->batch_size > train_rows ? train_rows : s->batch_size;
    uint64_t most = valid_rows > batch ? valid_rows : batch;
    return most < TRAINER_CHUNK ? most : TRAINER_CHUNK;
}

/* What predicts like the network that is trained: itself, or its folded twin once that is made. */
static const struct mlp_network *inference(struct mlp_trainer *t)
{
    if (!t->folded.parameters)
        return &t->network;
    network_fold(&t->network, t->pass.moments, &t->folded);
    return &t->folded;
}

/* The epoch counts: this is what it came to. */
static void keep(struct mlp_trainer *t)
{
    memcpy(t->result.parameters, inference(t)->parameters, t->result.count * sizeof(real));
}

static enum err_code copy(const double **lent, size_t count, double **own, struct err *err)
{
    if (!*lent || !count) {
        *lent = NULL; /* the task has none */
        return ERR_OK;
    }
    if (!(*own = mem_array(count, sizeof **own)))
        return err_no_memory(err);
    memcpy(*own, *lent, count * sizeof **own);
    *lent = *own;
    return ERR_OK;
}

static enum err_code copy_lent(struct mlp_trainer *t, struct mlp_spec *spec, struct err *err)
{
    enum err_code code = copy(&spec->class_weights, network_classes(spec), &t->class_weights, err);
    return code ? code : copy(&spec->target_deviations, mlp_targets(spec), &t->target_deviations, err);
}

static enum err_code prepare(struct mlp_trainer *t, struct mlp_spec *spec, struct err *err)
{
    size_t chunk = (size_t)trainer_chunk(spec, t->train.rows, t->valid.rows);
    enum err_code code = copy_lent(t, spec, err);
    const struct mlp_spec plain = network_folded_spec(spec);
    if (!code)
        code = network_init(&t->network, spec, err);
    if (!code)
        code = network_init(&t->result, &plain, err);
    if (!code && network_moments(&t->network))
        code = network_init(&t->folded, &plain, err);
    if (!code)
        code = diagnosis_init(&t->diagnosis, &t->network, err);
    if (!code)
        code = pass_init(&t->pass, &t->network, &t->diagnosis, chunk, err);
    if (!code)
        code = metrics_init(&t->metrics, spec, t->valid.rows, err);
    if (!code && spec->stopping.early && !(t->best = mem_aligned(t->result.count * sizeof(real))))
        code = err_no_memory(err);
    if (!code)
        code = feed_init(&t->train_feed, &t->train, spec->batch_size != 0, chunk, err);
    return code ? code : feed_init(&t->valid_feed, &t->valid, false, chunk, err);
}

enum err_code mlp_trainer_new(const struct mlp_spec *spec, const struct mlp_source *train, const struct mlp_source *valid,
                              struct mlp_trainer **ret_trainer, struct err *err)
{
    struct mlp_spec filled = *spec;
    mlp_optimizer_defaults(&filled.optimizer);
    enum err_code code = mlp_spec_check(&filled, err);
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
    progress_start(&t->progress);
    if ((code = prepare(t, &filled, err))) {
        mlp_trainer_free(t);
        return code;
    }
    network_initialize(&t->network);
    keep(t);
    *ret_trainer = t;
    return ERR_OK;
}

enum err_code mlp_trainer_begin_from(struct mlp_trainer *t, const struct mlp_network *n, struct err *err)
{
    bool same = t->network.layers == n->layers && t->network.count == n->count;
    for (uint32_t l = 0; same && l < n->layers; l++) {
        const struct layer *a = &t->network.layer[l], *b = &n->layer[l];
        same = a->inputs == b->inputs && a->units == b->units && !a->normalized && !b->normalized;
    }
    if (!same)
        return err_set(err, ERR_INVALID, "the weights to begin from are those of another network");
    memcpy(t->network.parameters, n->parameters, n->count * sizeof *n->parameters);
    keep(t);
    return ERR_OK;
}

void mlp_trainer_free(struct mlp_trainer *t)
{
    if (!t)
        return;
    mem_free(t->best);
    mem_free(t->class_weights);
    mem_free(t->target_deviations);
    network_done(&t->folded);
    network_done(&t->result);
    feed_done(&t->train_feed);
    feed_done(&t->valid_feed);
    pass_done(&t->pass);
    diagnosis_done(&t->diagnosis);
    metrics_done(&t->metrics);
    network_done(&t->network);
    mem_free(t);
}

const struct mlp_network *mlp_trainer_network(const struct mlp_trainer *t)
{
    return &t->result;
}

enum err_code mlp_trainer_threads(struct mlp_trainer *t, unsigned threads, struct err *err)
{
    return pass_threads(&t->pass, threads ? threads : 1, err);
}

/* ---- one batch ------------------------------------------------------------------------------------------------------ */

static enum err_code diverged(const struct mlp_trainer *t, uint64_t batch, const char *what, struct err *err)
{
    return err_set(err, ERR_DIVERGED, "diverged in epoch %u, batch %llu: %s is not finite; a smaller learning_rate than %g "
                   "may help", t->epoch + 1, (unsigned long long)batch, what, t->network.spec.optimizer.learning_rate);
}

struct batch {
    size_t at, count; /* rows that went through, and all */
    struct step step;
    double loss, weight; /* sums over its rows, as in mlp_trainer.now */
    double penalty;
    bool finite;
};

/* Loss and gradients of the next rows of a batch, at most all that it lacks; with the last of them, its update. */
static enum err_code train_chunk(struct mlp_trainer *t, struct batch *b, const atomic_int *stop, struct err *err)
{
    const struct layer *last = &t->network.layer[t->network.layers - 1];
    const struct mlp_spec *spec = &t->network.spec;
    struct pass *p = &t->pass;
    const uint32_t *rows;
    size_t most = b->count - b->at < p->chunk ? b->count - b->at : p->chunk, chunk;
    if (stop && atomic_load_explicit(stop, memory_order_relaxed))
        return err_set(err, ERR_STOPPED, "stopped");
    enum err_code code = feed_next(&t->train_feed, most, stop, &rows, &chunk, err);
    if (code)
        return code;
    if (!b->at && chunk < b->count) {
        diagnosis_mark(&t->diagnosis);
        pass_mark(p);
    }
    const real *weights = pass_gather(p, &t->train, rows, chunk);
    real *out = pass_forward_training(p, chunk, t->updates + 1, b->at);
    output_loss(spec, chunk, last->units, last->stride, out, p->y, p->loss);
    b->loss += output_sum(chunk, p->loss, weights);
    b->weight += weights ? output_sum(chunk, weights, NULL) : (double)chunk;
    bool alone = chunk == b->count, whole = b->at + chunk == b->count;
    if (!isfinite(b->loss))
        return ERR_OK; /* the batch looks at it */
    output_delta(spec, chunk, last->units, last->stride, out, p->y, weights, alone && b->weight > 0 ? b->weight : (double)b->count);
    if (whole && !alone && weights && b->weight > 0) /* the sum of weights was not known before */
        b->step.scale = (real)((double)b->count / b->weight);
    b->finite &= pass_backward(p, chunk, b->at > 0, whole ? &b->step : NULL, &b->penalty);
    b->at += chunk;
    return ERR_OK;
}

/* Loss, gradient and update of the next batch. After an error the batch has not begun. */
static enum err_code train_batch(struct mlp_trainer *t, size_t count, uint64_t number, const atomic_int *stop, struct err *err)
{
    uint64_t in_epoch = (t->train.rows + t->batch - 1) / t->batch;
    double rate = progress_rate(&t->progress, &t->network.spec, t->epoch, (double)number / (double)in_epoch);
    struct batch b = {.count = count, .step = optimizer_step(&t->network.spec, t->updates + 1, rate), .finite = true};
    while (b.at < count) {
        enum err_code code = train_chunk(t, &b, stop, err);
        if (code && b.at) {
            diagnosis_rewind(&t->diagnosis);
            pass_rewind(&t->pass);
        }
        if (code)
            return code;
        if (!isfinite(b.loss))
            return diverged(t, number, "the loss", err);
    }
    t->updates++;
    t->diagnosis.updates++;
    t->now.row += count;
    t->now.loss += b.loss + b.weight * b.penalty;
    t->now.weight += b.weight;
    return b.finite ? ERR_OK : diverged(t, number, "a weight", err);
}

/* ---- one epoch ------------------------------------------------------------------------------------------------------ */

/* From where the epoch stands to its last row. */
static enum err_code train(struct mlp_trainer *t, const atomic_int *stop, double *ret_loss, struct err *err)
{
    enum err_code code = ERR_OK;
    if (!t->now.begun) {
        diagnosis_start(&t->diagnosis);
        t->now.begun = t->now.seek = true;
    }
    if (t->now.seek && (code = feed_seek(&t->train_feed, t->network.spec.seed, t->epoch, t->now.row, stop, err)))
        return code;
    t->now.seek = false;
    while (t->now.row < t->train.rows) {
        uint64_t left = t->train.rows - t->now.row, count = left < t->batch ? left : t->batch;
        if ((code = train_batch(t, count, t->now.row / t->batch + 1, stop, err))) {
            t->now.seek = true;
            return code;
        }
    }
    t->diagnosis.rows = t->train.rows;
    *ret_loss = t->now.loss / t->now.weight;
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
    const struct mlp_network *n = inference(t);
    const struct layer *last = &n->layer[n->layers - 1];
    double loss = 0, weight = 0, mean;
    struct pass *p = &t->pass;
    metrics_start(&t->metrics);
    feed_start(&t->valid_feed, 0, 0);
    for (size_t chunk = 1; chunk;) {
        const uint32_t *rows;
        if (stop && atomic_load_explicit(stop, memory_order_relaxed))
            return err_set(err, ERR_STOPPED, "stopped");
        enum err_code code = feed_next(&t->valid_feed, p->chunk, stop, &rows, &chunk, err);
        if (code)
            return code;
        if (!chunk)
            break;
        const real *weights = pass_gather(p, &t->valid, rows, chunk);
        real *out = pass_forward(p, n, chunk);
        output_loss(&n->spec, chunk, last->units, last->stride, out, p->y, p->loss);
        metrics_add(&t->metrics, chunk, last->stride, out, p->y, p->loss, t->valid.weighted ? p->weights : NULL);
        loss += output_sum(chunk, p->loss, weights);
        weight += weights ? output_sum(chunk, weights, NULL) : (double)chunk;
    }
    metrics_finish(&t->metrics, &mean, epoch->metric);
    epoch->valid_loss = weight > 0 ? loss / weight + network_penalty(n) : NAN;
    if (weight > 0 && !isfinite(epoch->valid_loss))
        return diverged(t, (t->train.rows + t->batch - 1) / t->batch, "the validation loss", err);
    return ERR_OK;
}

static enum err_code run_epoch(struct mlp_trainer *t, const atomic_int *stop, struct mlp_epoch *epoch, struct err *err)
{
    double squares[MLP_MAX_HIDDEN + 1];
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
    uint64_t started = clock_monotonic_ns();
    struct mlp_epoch epoch = {.learning_rate = progress_rate(&t->progress, &t->network.spec, t->epoch, 1)};
    if (t->diverged)
        return err_set(err, ERR_DIVERGED, "diverged in epoch %u: there is nothing to go on from", t->epoch + 1);
    uint64_t mode = subnormal_flush();
    enum err_code code = run_epoch(t, stop, &epoch, err);
    subnormal_set(mode);
    t->now.seconds += (double)(clock_monotonic_ns() - started) * 1e-9;
    t->diverged = code == ERR_DIVERGED;
    if (code)
        return code;
    keep(t);
    epoch.epoch = ++t->epoch;
    epoch.weight_updates = t->updates;
    epoch.seconds = t->now.seconds;
    epoch.layers = t->diagnosis.layer;
    epoch.layer_count = t->network.layers;
    memset(&t->now, 0, sizeof t->now);
    bool best;
    epoch.stop = progress_epoch(&t->progress, &t->network.spec, &epoch, &best);
    if (best && t->best)
        memcpy(t->best, t->result.parameters, t->result.count * sizeof(real));
    *ret_epoch = epoch;
    return ERR_OK;
}

enum mlp_stop mlp_trainer_stop(const struct mlp_trainer *t)
{
    return t->progress.stop;
}

uint32_t mlp_trainer_settle(struct mlp_trainer *t)
{
    if (!t->best || !t->progress.best_epoch)
        return t->epoch;
    memcpy(t->result.parameters, t->best, t->result.count * sizeof(real));
    return t->progress.best_epoch;
}

/* ---- evaluation ----------------------------------------------------------------------------------------------------- */

void mlp_matrix_gather(const void *matrix, const uint32_t *rows, size_t count, real *x, size_t stride, real *y, real *weights)
{
    const struct mlp_matrix *m = matrix;
    size_t targets = m->targets ? m->targets : 1;
    for (size_t i = 0; i < count; i++) {
        if (i + MLP_ROWS_AHEAD < count)
            mlp_row_ahead(m->x + (size_t)rows[i + MLP_ROWS_AHEAD] * m->stride, m->inputs);
        memcpy(x + i * stride, m->x + (size_t)rows[i] * m->stride, m->inputs * sizeof *x);
        if (targets == 1)
            y[i] = m->y[rows[i]];
        else
            memcpy(y + i * targets, m->y + rows[i] * targets, targets * sizeof *y);
        if (weights)
            weights[i] = m->weights[rows[i]];
    }
}
