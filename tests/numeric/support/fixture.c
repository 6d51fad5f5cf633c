#include "fixture.h"

#include "core/nn/trainer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* ---- comparing ------------------------------------------------------------------------------------------------------ */

static char running[200];

bool use_kernels(unsigned i)
{
    const struct kernels *k = kernels_at(i);
    kernels_use(k);
    fixture_case("-");
    return k != NULL;
}

void fixture_case(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(running, sizeof running, format, arguments);
    va_end(arguments);
}

void fixture_near(double actual, double expected, double tolerance, double floor, const char *what, const char *file,
                  int line)
{
    double scale = fmax(fmax(fabs(actual), fabs(expected)), floor);
    if (actual == expected || (isnan(actual) && isnan(expected)) ||
        (isfinite(scale) && fabs(actual - expected) <= tolerance * scale))
        return;
    print_error("%s, %s: %s is %.17g, not %.17g: off by %.3g of %.3g, allowed %.3g\n", mlp_instruction_set(), running, what,
                actual, expected, fabs(actual - expected) / scale, scale, tolerance);
    _fail(file, line);
}

/* ---- numbers -------------------------------------------------------------------------------------------------------- */

double fixture_uniform(uint64_t *state)
{
    uint64_t x = *state += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return (double)((x ^ (x >> 31)) >> 11) * 0x1p-52 - 1;
}

/* ---- problems ------------------------------------------------------------------------------------------------------- */

static double target(const struct problem *p, uint32_t j, const double *x, double noise)
{
    double bent = sin(1.5 * x[0] + j) + 0.5 * (p->inputs > 1 ? x[0] * x[1] : x[0]) + 0.3 * noise;
    for (uint32_t i = 2; i < p->inputs; i++)
        bent += 0.3 * x[i];
    if (p->task == TASK_REGRESSION)
        return bent;
    uint32_t classes = p->task == TASK_MULTILABEL ? 2 : p->classes;
    double class = floor((bent + 2) / 4 * classes); /* bent is about -2..2 */
    return fmin(fmax(class, 0), classes - 1);
}

/* The first rows' classes: each of them; the first two rows' labels: all, and none. */
static void show_all_classes(struct problem *p, size_t rows)
{
    for (uint32_t k = 0; k < p->classes && k < rows; k++)
        p->y[k] = k;
    for (uint32_t j = 0; p->task == TASK_MULTILABEL && j < 2 * p->targets && j < rows * p->targets; j++)
        p->y[j] = j < p->targets;
}

struct problem *problem_new(enum task task, uint32_t count, uint32_t inputs, size_t rows, uint64_t seed)
{
    bool classes = task == TASK_BINARY || task == TASK_MULTICLASS;
    struct problem *p = calloc(1, sizeof *p);
    assert_non_null(p);
    *p = (struct problem){.task = task, .inputs = inputs, .classes = classes ? count : 0,
                          .targets = !classes && count ? count : 1};
    p->x = calloc(rows * inputs + 1, sizeof *p->x);
    p->y = calloc(rows * p->targets + 1, sizeof *p->y);
    assert_true(p->x && p->y);
    for (size_t r = 0; r < rows; r++) {
        for (uint32_t i = 0; i < inputs; i++)
            p->x[r * inputs + i] = 2 * fixture_uniform(&seed);
        for (uint32_t j = 0; j < p->targets; j++)
            p->y[r * p->targets + j] = target(p, j, p->x + r * inputs, fixture_uniform(&seed));
    }
    show_all_classes(p, rows);
    p->rows = (struct oracle_rows){.x = p->x, .y = p->y, .count = rows};
    p->matrix = (struct mlp_matrix){.x = p->x, .y = p->y, .stride = inputs, .inputs = inputs, .targets = p->targets};
    p->source = (struct mlp_source){.rows = rows, .gather = mlp_matrix_gather, .context = &p->matrix};
    return p;
}

void problem_weigh(struct problem *p, const double *weights, size_t count)
{
    p->weights = calloc(p->rows.count + 1, sizeof *p->weights);
    assert_non_null(p->weights);
    for (size_t r = 0; r < p->rows.count; r++)
        p->weights[r] = weights[r % count];
    p->rows.weights = p->matrix.weights = p->weights;
    p->source.weighted = true;
}

void problem_free(struct problem *p)
{
    free(p->weights);
    free(p->x);
    free(p->y);
    free(p);
}

/* ---- specifications ------------------------------------------------------------------------------------------------- */

void spec_layer(struct mlp_spec *s, uint32_t units, enum mlp_activation activation)
{
    s->hidden[s->hidden_count++] = (struct mlp_hidden){
        .units = units, .activation = activation, .negative_slope = activation == MLP_LEAKY_RELU ? 0.01 : 0};
}

struct mlp_spec spec_for(const struct problem *p, enum mlp_optimizer optimizer, double learning_rate, uint32_t batch, ...)
{
    struct mlp_spec s;
    va_list layers;
    mlp_spec_default(&s);
    s.task = p->task;
    s.inputs = p->inputs;
    s.outputs = p->task == TASK_MULTICLASS ? p->classes : p->targets;
    s.batch_size = batch;
    s.seed = 42;
    s.optimizer = (struct mlp_optimizer_spec){optimizer, learning_rate, NAN, NAN, NAN, NAN, NAN, NAN, true};
    mlp_optimizer_defaults(&s.optimizer);
    va_start(layers, batch);
    for (int units; (units = va_arg(layers, int));)
        spec_layer(&s, (uint32_t)units, (enum mlp_activation)va_arg(layers, int));
    va_end(layers);
    return s;
}

struct mlp_trainer *trainer_for(const struct mlp_spec *s, const struct problem *train, const struct problem *valid)
{
    struct mlp_trainer *t = NULL;
    struct err err = {0};
    if (mlp_trainer_new(s, &train->source, valid ? &valid->source : NULL, &t, &err))
        fail_msg("%s: %s", running, err.message);
    return t;
}

struct mlp_network *network_of(struct mlp_trainer *t)
{
    return &t->network;
}

struct mlp_epoch one_epoch(struct mlp_trainer *t)
{
    struct mlp_epoch epoch = {0};
    struct err err = {0};
    if (mlp_trainer_epoch(t, NULL, &epoch, &err))
        fail_msg("%s: %s", running, err.message);
    return epoch;
}

bool epochs_are_equal(const struct mlp_epoch *a, const struct mlp_epoch *b)
{
    return !memcmp(&a->train_loss, &b->train_loss, sizeof a->train_loss) &&
           !memcmp(&a->valid_loss, &b->valid_loss, sizeof a->valid_loss) && !memcmp(a->metric, b->metric, sizeof a->metric) &&
           a->weight_updates == b->weight_updates && a->layer_count == b->layer_count &&
           !memcmp(a->layers, b->layers, a->layer_count * sizeof *a->layers);
}

/* ---- parameters ----------------------------------------------------------------------------------------------------- */

double *parameters_of(const struct mlp_network *n, size_t *ret_count)
{
    size_t count = (size_t)mlp_spec_parameters(&n->spec), at = 0;
    double *all = calloc(count, sizeof *all);
    assert_non_null(all);
    for (uint32_t l = 1; l <= n->layers; l++) {
        const struct layer *layer = &n->layer[l - 1];
        mlp_network_weights(n, l, all + at);
        at += (size_t)layer->inputs * layer->units;
        mlp_network_biases(n, l, all + at);
        at += layer->units;
    }
    assert_int_equal(at, count);
    if (ret_count)
        *ret_count = count;
    return all;
}

bool parameters_are(const struct mlp_network *n, const double *expected)
{
    size_t count;
    double *now = parameters_of(n, &count);
    bool same = !memcmp(now, expected, count * sizeof *now);
    free(now);
    return same;
}

real *parameter_at(const struct mlp_network *n, size_t i, uint32_t *ret_layer)
{
    for (uint32_t l = 0; l < n->layers; l++) {
        const struct layer *layer = &n->layer[l];
        size_t weights = (size_t)layer->inputs * layer->units;
        if (i < weights + layer->units) {
            if (ret_layer)
                *ret_layer = l + 1;
            return n->parameters + (i < weights ? network_weight(layer, i / layer->units, i % layer->units) : layer->bias + i - weights);
        }
        i -= weights + layer->units;
    }
    fail_msg("no such parameter");
    return NULL;
}

bool padding_is_zero(const struct mlp_network *n)
{
    bool zero = true;
    for (uint32_t l = 0; l < n->layers; l++) {
        const struct layer *layer = &n->layer[l];
        for (size_t j = layer->units; j < layer->stride; j++) {
            for (size_t i = 0; i < layer->inputs; i++)
                zero &= n->parameters[network_weight(layer, i, j)] == 0;
            zero &= n->parameters[layer->bias + j] == 0;
        }
    }
    return zero;
}

/* ---- against the oracle --------------------------------------------------------------------------------------------- */

static void compare_epochs(enum task task, const struct mlp_epoch *e, const struct oracle_epoch *o, double tolerance)
{
    assert_int_equal(e->weight_updates, o->weight_updates);
    assert_near(e->train_loss, o->train_loss, tolerance, 0);
    assert_near(e->valid_loss, o->valid_loss, tolerance, 0);
    for (unsigned i = 0; i < MLP_METRICS_MAX; i++) /* R2 is a difference from 1 and may come near 0; the rest are sums */
        assert_near(e->metric[i], o->metric[i], tolerance, task == TASK_REGRESSION && i == 2 ? 1 : 0);
    for (uint32_t l = 0; l < e->layer_count; l++) {
        assert_near(e->layers[l].gradient_norm, o->layers[l].gradient_norm, tolerance, 0);
        assert_near(e->layers[l].update_ratio, o->layers[l].update_ratio, tolerance, 0);
        assert_near(e->layers[l].dead, o->layers[l].dead, 1e-15, 1);
        assert_near(e->layers[l].saturated, o->layers[l].saturated, 1e-15, 1);
    }
}

static void compare_weights(const struct mlp_network *n, const struct oracle *o, double tolerance)
{
    size_t count, at = 0;
    double *all = parameters_of(n, &count);
    for (unsigned l = 0; l < o->layers; l++) {
        const struct oracle_layer *layer = &o->layer[l];
        size_t weights = (size_t)layer->inputs * layer->units;
        double largest = 0;
        for (size_t i = 0; i < weights; i++)
            largest = fmax(largest, fabs(layer->w[i].value));
        for (size_t i = 0; i < weights; i++)
            assert_near(all[at + i], layer->w[i].value, tolerance, largest);
        for (size_t j = 0; j < layer->units; j++)
            assert_near(all[at + weights + j], layer->b[j].value, tolerance, largest);
        at += weights + layer->units;
    }
    free(all);
    assert_true(padding_is_zero(n));
}

void compare_training(const struct mlp_spec *s, const struct problem *train, const struct problem *valid, unsigned epochs,
                      double tolerance)
{
    struct mlp_trainer *t = trainer_for(s, train, valid);
    struct oracle *o = oracle_new(mlp_trainer_network(t));
    for (unsigned i = 1; i <= epochs; i++) {
        struct mlp_epoch epoch = one_epoch(t);
        struct oracle_epoch expected;
        oracle_epoch(o, &train->rows, valid ? &valid->rows : NULL, &expected);
        assert_int_equal(epoch.epoch, i);
        assert_int_equal(epoch.layer_count, o->layers);
        assert_near(epoch.learning_rate, oracle_rate(o, i - 1, 1), 1e-13, 0);
        compare_epochs(s->task, &epoch, &expected, tolerance);
    }
    compare_weights(mlp_trainer_network(t), o, tolerance);
    oracle_free(o);
    mlp_trainer_free(t);
}
