#include "oracle.h"

#include "core/base/rng.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *zeros(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);
    if (!p)
        abort();
    return p;
}

/* ---- life ----------------------------------------------------------------------------------------------------------- */

static void copy_weights(struct oracle_layer *l, const struct mlp_network *n, unsigned number)
{
    double *w = zeros((size_t)l->inputs * l->units, sizeof *w), *b = zeros(l->units, sizeof *b);
    mlp_network_weights(n, number, w);
    mlp_network_biases(n, number, b);
    for (size_t i = 0; i < (size_t)l->inputs * l->units; i++)
        l->w[i].value = w[i];
    for (unsigned j = 0; j < l->units; j++)
        l->b[j].value = b[j];
    free(w);
    free(b);
}

struct oracle *oracle_new(const struct mlp_network *initial)
{
    struct oracle *o = zeros(1, sizeof *o);
    o->spec = *mlp_network_spec(initial);
    o->layers = o->spec.hidden_count + 1;
    o->plateau = 1;
    assert(o->layers <= ORACLE_LAYERS);
    unsigned inputs = o->spec.inputs;
    for (unsigned n = 0; n < o->layers; n++) {
        struct oracle_layer *l = &o->layer[n];
        bool output = n + 1 == o->layers;
        l->inputs = inputs;
        l->units = output ? o->spec.outputs : o->spec.hidden[n].units;
        l->activation = output ? MLP_IDENTITY : o->spec.hidden[n].activation;
        l->slope = output ? 0 : o->spec.hidden[n].negative_slope;
        l->w = zeros((size_t)l->inputs * l->units, sizeof *l->w);
        l->b = zeros(l->units, sizeof *l->b);
        l->z = zeros(l->units, sizeof *l->z);
        l->a = zeros(l->units, sizeof *l->a);
        l->delta = zeros(l->units, sizeof *l->delta);
        l->derivatives = zeros(l->units, sizeof *l->derivatives);
        l->fired = zeros(l->units, sizeof *l->fired);
        copy_weights(l, initial, n + 1);
        inputs = l->units;
    }
    return o;
}

void oracle_free(struct oracle *o)
{
    for (unsigned n = 0; n < o->layers; n++) {
        struct oracle_layer *l = &o->layer[n];
        free(l->w);
        free(l->b);
        free(l->z);
        free(l->a);
        free(l->delta);
        free(l->derivatives);
        free(l->fired);
    }
    free(o);
}

/* ---- forward -------------------------------------------------------------------------------------------------------- */

double oracle_activation(enum mlp_activation f, double z, double slope)
{
    switch (f) {
    case MLP_STEP:
        return z > 0 ? 1 : 0;
    case MLP_SIGMOID:
        return 1 / (1 + exp(-z));
    case MLP_TANH:
        return tanh(z);
    case MLP_RELU:
        return fmax(0, z);
    case MLP_LEAKY_RELU:
        return fmax(slope * z, z);
    default:
        return z;
    }
}

double oracle_derivative(enum mlp_activation f, double z, double slope)
{
    switch (f) {
    case MLP_STEP:
        return 0;
    case MLP_SIGMOID:
        return oracle_activation(MLP_SIGMOID, z, 0) * oracle_activation(MLP_SIGMOID, -z, 0); /* 1 - s(z) = s(-z) */
    case MLP_TANH:
        return 1 / (cosh(z) * cosh(z));
    case MLP_RELU:
        return z > 0 ? 1 : 0;
    case MLP_LEAKY_RELU:
        return z > 0 ? 1 : slope;
    default:
        return 1;
    }
}

/* log sum exp of the logits */
static double log_sum(const struct oracle_layer *l)
{
    double largest = -INFINITY, sum = 0;
    for (unsigned j = 0; j < l->units; j++)
        largest = fmax(largest, l->z[j]);
    for (unsigned j = 0; j < l->units; j++)
        sum += exp(l->z[j] - largest);
    return largest + log(sum);
}

static void output_function(const struct oracle *o, struct oracle_layer *l)
{
    for (unsigned j = 0; j < l->units; j++) {
        if (o->spec.task == TASK_BINARY || o->spec.task == TASK_MULTILABEL)
            l->a[j] = oracle_activation(MLP_SIGMOID, l->z[j], 0);
        if (o->spec.task == TASK_MULTICLASS)
            l->a[j] = exp(l->z[j] - log_sum(l));
    }
}

void oracle_forward(struct oracle *o, const double *x)
{
    for (unsigned n = 0; n < o->layers; n++) {
        struct oracle_layer *l = &o->layer[n];
        const double *below = n ? o->layer[n - 1].a : x;
        for (unsigned j = 0; j < l->units; j++) {
            double z = l->b[j].value;
            for (unsigned i = 0; i < l->inputs; i++)
                z += below[i] * l->w[i * l->units + j].value;
            l->z[j] = z;
            l->a[j] = oracle_activation(l->activation, z, l->slope);
        }
    }
    output_function(o, &o->layer[o->layers - 1]);
}

static double softplus(double z)
{
    return z > 0 ? z + log1p(exp(-z)) : log1p(exp(z));
}

static double target_loss(const struct oracle *o, double z, double y)
{
    double e = fabs(y - z), d = o->spec.huber_delta;
    if (o->spec.task == TASK_REGRESSION && o->spec.loss == MLP_ABSOLUTE_ERROR)
        return e;
    if (o->spec.task == TASK_REGRESSION && o->spec.loss == MLP_HUBER)
        return e <= d ? e * e / 2 : d * e - d * d / 2;
    if (o->spec.task == TASK_REGRESSION)
        return e * e;
    return softplus(y > 0 ? -z : z);
}

/* The loss of the row that went through last. */
static double row_loss(const struct oracle *o, const double *y)
{
    const struct oracle_layer *l = &o->layer[o->layers - 1];
    double sum = 0;
    if (o->spec.task == TASK_MULTICLASS)
        return log_sum(l) - l->z[(size_t)*y];
    for (unsigned j = 0; j < l->units; j++)
        sum += target_loss(o, l->z[j], y[j]);
    return sum / l->units;
}

static const double *targets_of(const struct oracle *o, const struct oracle_rows *rows, size_t r)
{
    return rows->y + r * (o->spec.task == TASK_MULTICLASS ? 1 : o->spec.outputs);
}

static double row_weight(const struct oracle *o, const struct oracle_rows *rows, size_t r)
{
    double weight = rows->weights ? rows->weights[r] : 1;
    return o->spec.class_weights ? weight * o->spec.class_weights[(size_t)rows->y[r]] : weight;
}

double oracle_penalty(const struct oracle *o)
{
    double sum = 0;
    for (unsigned n = 0; n < o->layers; n++)
        for (size_t i = 0; i < (size_t)o->layer[n].inputs * o->layer[n].units; i++) {
            double w = o->layer[n].w[i].value;
            sum += o->spec.l1 * fabs(w) + 0.5 * o->spec.l2 * w * w;
        }
    return sum;
}

double oracle_loss(struct oracle *o, const struct oracle_rows *rows)
{
    double sum = 0, weights = 0;
    for (size_t r = 0; r < rows->count; r++) {
        oracle_forward(o, rows->x + r * o->spec.inputs);
        sum += row_weight(o, rows, r) * row_loss(o, targets_of(o, rows, r));
        weights += row_weight(o, rows, r);
    }
    return sum / weights + oracle_penalty(o);
}

/* ---- backward ------------------------------------------------------------------------------------------------------- */

static double error_slope(const struct mlp_spec *s, double e)
{
    if (s->loss == MLP_ABSOLUTE_ERROR)
        return e > 0 ? 1 : e < 0 ? -1 : 0;
    if (s->loss == MLP_HUBER)
        return fmin(s->huber_delta, fmax(-s->huber_delta, e));
    return 2 * e;
}

static void output_delta(const struct oracle *o, struct oracle_layer *l, const double *y, double share)
{
    for (unsigned j = 0; j < l->units; j++) {
        bool one_hot = o->spec.task == TASK_MULTICLASS;
        double e = l->a[j] - (one_hot ? (j == (unsigned)*y) : y[j]);
        l->delta[j] = (o->spec.task == TASK_REGRESSION ? error_slope(&o->spec, e) : e) * share / (one_hot ? 1 : l->units);
    }
}

/* Adds the gradient of the row that went through last, times its share of the batch. */
static void backward(struct oracle *o, const double *x, const double *y, double share)
{
    output_delta(o, &o->layer[o->layers - 1], y, share);
    for (unsigned n = o->layers; n-- > 0;) {
        struct oracle_layer *l = &o->layer[n], *below = n ? &o->layer[n - 1] : NULL;
        for (unsigned j = 0; j < l->units; j++) {
            l->b[j].gradient += l->delta[j];
            for (unsigned i = 0; i < l->inputs; i++)
                l->w[i * l->units + j].gradient += (below ? below->a[i] : x[i]) * l->delta[j];
        }
        for (unsigned i = 0; below && i < l->inputs; i++) {
            double derivative = oracle_derivative(below->activation, below->z[i], below->slope);
            below->delta[i] = 0;
            for (unsigned j = 0; j < l->units; j++)
                below->delta[i] += l->w[i * l->units + j].value * l->delta[j];
            below->delta[i] *= derivative;
            below->derivatives[i] += fabs(derivative);
            below->fired[i] |= below->a[i] != 0 || derivative != 0;
        }
    }
}

static struct oracle_weight *weight(struct oracle_layer *l, size_t i)
{
    size_t weights = (size_t)l->inputs * l->units;
    return i < weights ? &l->w[i] : i < weights + l->units ? &l->b[i - weights] : NULL;
}

/* Returns the sum of the rows' losses by their weights. */
static double batch_gradient(struct oracle *o, const struct oracle_rows *rows, const uint32_t *order, size_t count,
                             double *ret_weights)
{
    double sum = 0, weights = 0;
    struct oracle_weight *w;
    for (unsigned n = 0; n < o->layers; n++)
        for (size_t i = 0; (w = weight(&o->layer[n], i)); i++)
            w->gradient = 0;
    for (size_t r = 0; r < count; r++)
        weights += row_weight(o, rows, order[r]);
    for (size_t r = 0; r < count; r++) {
        const double *x = rows->x + (size_t)order[r] * o->spec.inputs;
        oracle_forward(o, x);
        sum += row_weight(o, rows, order[r]) * row_loss(o, targets_of(o, rows, order[r]));
        backward(o, x, targets_of(o, rows, order[r]), row_weight(o, rows, order[r]) / weights);
    }
    *ret_weights = weights;
    return sum;
}

static uint32_t *in_order(size_t count)
{
    uint32_t *order = zeros(count, sizeof *order);
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    return order;
}

double oracle_gradient(struct oracle *o, const struct oracle_rows *rows)
{
    uint32_t *order = in_order(rows->count);
    double weights, sum = batch_gradient(o, rows, order, rows->count, &weights);
    free(order);
    return sum / weights;
}

/* ---- updates -------------------------------------------------------------------------------------------------------- */

double oracle_update(const struct mlp_optimizer_spec *s, double t, struct oracle_weight *w)
{
    double g = w->gradient, rate = s->learning_rate, above, below = 1;
    switch (s->name) {
    case MLP_MOMENTUM:
        above = w->v = s->momentum * w->v + rate * g;
        break;
    case MLP_NESTEROV: /* a look ahead: the step that v would take once more */
        w->v = s->momentum * w->v + rate * g;
        above = s->momentum * w->v + rate * g;
        break;
    case MLP_ADADELTA:
        w->r = s->rho * w->r + (1 - s->rho) * g * g;
        below = g != 0 ? g * sqrt((w->v + s->epsilon) / (w->r + s->epsilon)) : 0;
        w->v = s->rho * w->v + (1 - s->rho) * below * below;
        above = rate * below;
        below = 1;
        break;
    case MLP_ADAGRAD:
        w->r += g * g;
        above = rate * g;
        below = sqrt(w->r) + s->epsilon;
        break;
    case MLP_RMSPROP:
        w->r = s->rho * w->r + (1 - s->rho) * g * g;
        above = rate * g;
        below = sqrt(w->r) + s->epsilon;
        break;
    case MLP_ADAM:
    case MLP_ADAMW:
        w->v = s->beta1 * w->v + (1 - s->beta1) * g;
        w->r = s->beta2 * w->r + (1 - s->beta2) * g * g;
        above = rate * (s->bias_correction ? w->v / (1 - pow(s->beta1, t)) : w->v);
        below = sqrt(s->bias_correction ? w->r / (1 - pow(s->beta2, t)) : w->r) + s->epsilon;
        break;
    default:
        above = rate * g;
    }
    double taken = below > 0 ? above / below : 0; /* 0/0: no gradient yet and epsilon 0 */
    w->value -= taken;
    return taken;
}

static void add_penalty(struct oracle *o)
{
    for (unsigned n = 0; n < o->layers; n++)
        for (size_t i = 0; i < (size_t)o->layer[n].inputs * o->layer[n].units; i++) {
            struct oracle_weight *w = &o->layer[n].w[i];
            w->gradient += o->spec.l2 * w->value + (w->value > 0 ? o->spec.l1 : w->value < 0 ? -o->spec.l1 : 0);
        }
}

/* What gradients of this length are to be multiplied by. */
static double clip(const struct oracle *o, double norm)
{
    return o->spec.clip_norm > 0 && norm > o->spec.clip_norm ? o->spec.clip_norm / norm : 1;
}

static void update(struct oracle *o, double rate)
{
    struct oracle_weight *w;
    struct mlp_optimizer_spec optimizer = o->spec.optimizer;
    double norm = 0;
    optimizer.learning_rate = rate;
    o->updates++;
    add_penalty(o);
    for (unsigned n = 0; n < o->layers; n++)
        for (size_t i = 0; (w = weight(&o->layer[n], i)); i++)
            norm += w->gradient * w->gradient;
    norm = sqrt(norm);
    for (unsigned n = 0; n < o->layers; n++) {
        struct oracle_layer *l = &o->layer[n];
        double squares = 0;
        for (size_t i = 0; (w = weight(l, i)); i++) {
            l->squared_gradients += w->gradient * w->gradient;
            w->gradient *= clip(o, norm);
            if (i < (size_t)l->inputs * l->units)
                w->value -= rate * optimizer.weight_decay * w->value;
            double taken = oracle_update(&optimizer, (double)o->updates, w);
            squares += taken * taken;
        }
        l->step_lengths += sqrt(squares);
    }
}

double oracle_rate(const struct oracle *o, uint32_t epoch, double share)
{
    const struct mlp_schedule_spec *s = &o->spec.schedule;
    double rate = o->spec.optimizer.learning_rate, e = (double)epoch - s->warmup_epochs, scheduled = rate;
    if (e < 0)
        return rate * (epoch + share) / s->warmup_epochs;
    double half = cos(3.14159265358979323846 * e / (o->spec.epochs - s->warmup_epochs)) / 2 + 0.5;
    if (s->name == MLP_STEPS)
        for (uint32_t i = 0; i < (uint32_t)e / s->every; i++)
            scheduled *= s->factor;
    if (s->name == MLP_EXPONENTIAL)
        for (uint32_t i = 0; i < (uint32_t)e; i++)
            scheduled *= s->factor;
    if (s->name == MLP_COSINE)
        return s->minimum + (rate - s->minimum) * half;
    if (s->name == MLP_INVERSE_SCALING)
        scheduled = rate * exp(-s->power * log(e + 1));
    if (s->name == MLP_PLATEAU)
        scheduled = rate * o->plateau;
    return fmax(scheduled, s->minimum);
}

/* ---- one epoch ------------------------------------------------------------------------------------------------------ */

static void start_diagnosis(struct oracle *o)
{
    for (unsigned n = 0; n < o->layers; n++) {
        struct oracle_layer *l = &o->layer[n];
        l->squared_gradients = l->step_lengths = 0;
        memset(l->derivatives, 0, l->units * sizeof *l->derivatives);
        memset(l->fired, 0, l->units * sizeof *l->fired);
    }
}

/* The definitions of struct mlp_layer_stats in mlp.h. */
static struct mlp_layer_stats diagnose(const struct oracle *o, unsigned n, double updates, double rows)
{
    const struct oracle_layer *l = &o->layer[n];
    struct mlp_layer_stats s = {.gradient_norm = sqrt(l->squared_gradients / updates)};
    double squares = 0, steepest = l->activation == MLP_SIGMOID ? 0.25 : l->activation == MLP_TANH ? 1 : 0;
    for (size_t i = 0; i < (size_t)l->inputs * l->units; i++)
        squares += l->w[i].value * l->w[i].value;
    s.update_ratio = l->step_lengths / updates / sqrt(squares);
    for (unsigned j = 0; n + 1 < o->layers && j < l->units; j++) {
        s.dead += (l->activation == MLP_RELU || l->activation == MLP_STEP) && !l->fired[j];
        s.saturated += l->derivatives[j] / rows < 0.05 * steepest;
    }
    s.dead /= l->units;
    s.saturated /= l->units;
    return s;
}

void oracle_epoch(struct oracle *o, const struct oracle_rows *train, const struct oracle_rows *valid,
                  struct oracle_epoch *ret)
{
    size_t rows = train->count, batch = o->spec.batch_size ? o->spec.batch_size : rows;
    uint32_t *order = in_order(rows);
    uint64_t before = o->updates;
    struct rng rng;
    rng_init(&rng, o->spec.seed, RNG_ORDER, o->epochs);
    if (o->spec.batch_size)
        rng_shuffle(&rng, order, rows);
    start_diagnosis(o);
    *ret = (struct oracle_epoch){.valid_loss = NAN};
    double weights = 0, all = 0, updates = ceil((double)rows / (double)batch);
    for (size_t at = 0; at < rows; at += batch) {
        double penalty = oracle_penalty(o);
        ret->train_loss += batch_gradient(o, train, order + at, rows - at < batch ? rows - at : batch, &weights);
        ret->train_loss += weights * penalty;
        all += weights;
        update(o, oracle_rate(o, o->epochs, (double)(at / batch + 1) / updates));
    }
    ret->train_loss /= all;
    o->epochs++;
    free(order);
    ret->weight_updates = o->updates;
    for (unsigned n = 0; n < o->layers; n++)
        ret->layers[n] = diagnose(o, n, (double)(o->updates - before), (double)rows);
    if (valid && valid->count)
        ret->valid_loss = oracle_loss(o, valid);
    oracle_metrics(o, valid, ret->metric);
}
