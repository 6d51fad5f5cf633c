/* What a network and its training shall be: defaults, ranges, and sizes. */
#include "optimizer.h"
#include "trainer.h"
#include <math.h>
#include <string.h>

void mlp_spec_default(struct mlp_spec *s)
{
    memset(s, 0, sizeof *s);
    *s = (struct mlp_spec){.task = TASK_REGRESSION, .inputs = 1, .outputs = 1, .batch_size = 32, .epochs = 100, .seed = 1,
                           .optimizer = {.name = MLP_ADAM, .learning_rate = NAN, .momentum = NAN,
                           .rho = NAN, .beta1 = NAN, .beta2 = NAN, .epsilon = NAN, .weight_decay = NAN,
                           .bias_correction = true}, .huber_delta = 1,
                           .schedule = {.factor = 0.1, .power = 0.5, .every = 10},
                           .stopping = {.metric = MLP_WATCH_LOSS, .patience = 10, .train_loss = NAN, .valid_loss = NAN,
                                        .seconds = NAN}};
    mlp_optimizer_defaults(&s->optimizer);
}

/* ---- ranges --------------------------------------------------------------------------------------------------------- */

static enum err_code check_count(const char *field, uint64_t value, uint64_t least, uint64_t most, struct err *err)
{
    if (value >= least && value <= most)
        return ERR_OK;
    return err_set(err, ERR_INVALID, "%s must be %llu to %llu, not %llu", field, (unsigned long long)least,
                   (unsigned long long)most, (unsigned long long)value);
}

/* 0 <= value < limit, or NAN where the optimizer has no such field. */
static enum err_code check_share(const char *field, double value, struct err *err)
{
    return isnan(value) || (value >= 0 && value < 1) ? ERR_OK
                                                     : err_set(err, ERR_INVALID, "%s must be 0 to below 1, not %g", field, value);
}

static enum err_code check_optimizer(const struct mlp_optimizer_spec *o, struct err *err)
{
    if ((unsigned)o->name >= MLP_OPTIMIZERS)
        return err_set(err, ERR_INVALID, "optimizer.name: no such optimizer");
    if (!(o->learning_rate > 0) || !isfinite(o->learning_rate))
        return err_set(err, ERR_INVALID, "optimizer.learning_rate must be above 0, not %g", o->learning_rate);
    if (o->epsilon < 0 || isinf(o->epsilon))
        return err_set(err, ERR_INVALID, "optimizer.epsilon must be 0 or more, not %g", o->epsilon);
    const struct mlp_optimizer_spec *d = &optimizers[o->name].defaults;
    if (!(o->weight_decay >= 0 && o->learning_rate * o->weight_decay < 1))
        return err_set(err, ERR_INVALID, "optimizer.weight_decay must be 0 or more, and below 1 / learning_rate, not %g",
                       o->weight_decay);
    enum err_code code = isnan(d->momentum) ? ERR_OK : check_share("optimizer.momentum", o->momentum, err);
    if (!code && !isnan(d->rho))
        code = check_share("optimizer.rho", o->rho, err);
    if (!code && !isnan(d->beta1))
        code = check_share("optimizer.beta1", o->beta1, err);
    return code || isnan(d->beta2) ? code : check_share("optimizer.beta2", o->beta2, err);
}

static enum err_code check_layers(const struct mlp_spec *s, struct err *err)
{
    enum err_code code = check_count("network.hidden", s->hidden_count, 0, MLP_MAX_HIDDEN, err);
    for (uint32_t i = 0; !code && i < s->hidden_count; i++) {
        code = check_count("network.hidden.units", s->hidden[i].units, 1, MLP_MAX_UNITS, err);
        if (!code && (unsigned)s->hidden[i].activation >= MLP_ACTIVATIONS)
            code = err_set(err, ERR_INVALID, "network.hidden.activation: no such activation");
        if (!code && s->hidden[i].activation == MLP_LEAKY_RELU &&
            !(s->hidden[i].negative_slope >= 0 && s->hidden[i].negative_slope < 1))
            code = err_set(err, ERR_INVALID, "network.hidden.negative_slope must be 0 to below 1, not %g",
                           s->hidden[i].negative_slope);
        if (!code)
            code = check_share("network.hidden.dropout", s->hidden[i].dropout, err);
    }
    return code;
}

static enum err_code check_at_least(const char *field, double value, double least, struct err *err)
{
    return value >= least && isfinite(value) ? ERR_OK
                                             : err_set(err, ERR_INVALID, "%s must be %g or more, not %g", field, least, value);
}

static enum err_code check_regularization(const struct mlp_spec *s, struct err *err)
{
    enum err_code code = check_at_least("regularization.l1", s->l1, 0, err);
    if (!code)
        code = check_at_least("regularization.l2", s->l2, 0, err);
    if (!code)
        code = check_at_least("regularization.clip_norm", s->clip_norm, 0, err);
    if (!code && (unsigned)s->loss >= MLP_LOSSES)
        code = err_set(err, ERR_INVALID, "loss.name: no such loss");
    if (!code && s->loss != MLP_SQUARED_ERROR && s->task != TASK_REGRESSION)
        code = err_set(err, ERR_INVALID, "loss.name: %s is of regression only", mlp_loss_name((int)s->loss));
    if (!code && s->loss == MLP_HUBER && !(s->huber_delta > 0 && isfinite(s->huber_delta)))
        code = err_set(err, ERR_INVALID, "loss.delta must be above 0, not %g", s->huber_delta);
    for (uint32_t k = 0; !code && s->class_weights && k < network_classes(s); k++)
        code = check_at_least("class_weights", s->class_weights[k], 0, err);
    for (uint32_t j = 0; !code && s->target_deviations && j < mlp_targets(s); j++)
        if (!(s->target_deviations[j] > 0 && isfinite(s->target_deviations[j])))
            code = err_set(err, ERR_INVALID, "target_deviations must be above 0, not %g", s->target_deviations[j]);
    return code;
}

static enum err_code check_schedule(const struct mlp_schedule_spec *s, struct err *err)
{
    if ((unsigned)s->name >= MLP_SCHEDULES)
        return err_set(err, ERR_INVALID, "schedule.name: no such schedule");
    if (!(s->factor > 0 && s->factor <= 1))
        return err_set(err, ERR_INVALID, "schedule.factor must be above 0, to 1, not %g", s->factor);
    enum err_code code = check_at_least("schedule.power", s->power, 0, err);
    if (!code)
        code = check_at_least("schedule.minimum", s->minimum, 0, err);
    if (!code)
        code = check_count("schedule.every", s->every, 1, MLP_MAX_EPOCHS, err);
    return code ? code : check_count("schedule.warmup_epochs", s->warmup_epochs, 0, MLP_MAX_EPOCHS, err);
}

static enum err_code check_stopping(const struct mlp_spec *s, struct err *err)
{
    const struct mlp_stopping *p = &s->stopping;
    if (p->early && p->metric != MLP_WATCH_LOSS && (p->metric >= MLP_METRICS_MAX || !mlp_metric_name(s->task, p->metric)))
        return err_set(err, ERR_INVALID, "early_stopping.metric: %s has no such metric", task_name(s->task));
    enum err_code code = check_count("early_stopping.patience", p->patience, 1, MLP_MAX_EPOCHS, err);
    return code ? code : check_at_least("early_stopping.min_delta", p->min_delta, 0, err);
}

enum err_code mlp_spec_check(const struct mlp_spec *s, struct err *err)
{
    enum err_code code = check_count("inputs", s->inputs, 1, UINT32_MAX - KERNEL_PAD, err);
    if (!code && (s->task <= TASK_AUTO || s->task > TASK_MULTILABEL))
        code = err_set(err, ERR_INVALID, "task must be regression, binary, multiclass, or multilabel");
    if (!code)
        code = check_count("outputs", s->outputs, s->task == TASK_MULTICLASS || s->task == TASK_MULTILABEL ? 2 : 1,
                           s->task == TASK_BINARY ? 1 : MLP_MAX_UNITS, err);
    if (!code)
        code = check_layers(s, err);
    if (!code)
        code = check_optimizer(&s->optimizer, err);
    if (!code)
        code = check_count("epochs", s->epochs, 1, MLP_MAX_EPOCHS, err);
    if (!code)
        code = check_regularization(s, err);
    if (!code)
        code = check_schedule(&s->schedule, err);
    if (!code)
        code = check_stopping(s, err);
    if (code)
        return code;
    uint64_t parameters = mlp_spec_parameters(s);
    if (parameters > MLP_MAX_PARAMETERS)
        return err_set(err, ERR_INVALID, "network: %llu parameters, at most %d are possible: take fewer or smaller layers",
                       (unsigned long long)parameters, MLP_MAX_PARAMETERS);
    return ERR_OK;
}

/* ---- sizes ---------------------------------------------------------------------------------------------------------- */

static uint64_t layer_units(const struct mlp_spec *s, uint32_t layer)
{
    return layer == 0 ? s->inputs : layer <= s->hidden_count ? s->hidden[layer - 1].units : s->outputs;
}

static bool is_normalized(const struct mlp_spec *s, uint32_t layer)
{
    return layer <= s->hidden_count && s->hidden[layer - 1].batch_normalization;
}

uint64_t mlp_spec_parameters(const struct mlp_spec *s)
{
    uint64_t sum = 0;
    for (uint32_t l = 1; l <= s->hidden_count + 1; l++)
        sum += (layer_units(s, l - 1) + 1 + is_normalized(s, l)) * layer_units(s, l); /* 2^32 * 2^16 * 65 layers: under 2^64 */
    return sum;
}

/* The products of a chunk of rows: forward, gradient, and delta. */
static size_t layer_scratch(size_t inputs, size_t units, size_t rows)
{
    size_t forward = kernel_product_scratch(rows, units, inputs), gradient = kernel_product_scratch(inputs, units, rows);
    size_t delta = kernel_product_scratch(rows, inputs, units), most = forward > gradient ? forward : gradient;
    return most > delta ? most : delta;
}

uint64_t mlp_spec_memory(const struct mlp_spec *s, const struct mlp_source *train, const struct mlp_source *valid)
{
    uint64_t weights = 0, activations = 0, widest = 0, scratch = 0, threads = 1; /* as many as can multiply at once */
    uint64_t chunk = trainer_chunk(s, train->rows, valid->rows);
    bool normalizes = false;
    for (uint32_t l = 1; l <= s->hidden_count + 1; l++) {
        uint64_t inputs = layer_units(s, l - 1), units = layer_units(s, l), stride = kernel_stride(units);
        uint64_t products = layer_scratch(inputs, units, chunk), pieces = most_pieces(chunk, inputs, units);
        weights += (inputs + 1 + is_normalized(s, l)) * stride;
        activations += stride * (1u + is_normalized(s, l) + (l <= s->hidden_count && s->hidden[l - 1].dropout > 0));
        normalizes |= is_normalized(s, l);
        widest = stride > widest ? stride : widest;
        scratch = products > scratch ? products : scratch;
        threads = pieces > threads ? pieces : threads;
    }
    double copies = 3 + optimizers[s->optimizer.name].states + normalizes + s->stopping.early;
    double reals = (double)weights * copies +
                   (double)chunk * ((double)activations + 2 * (double)widest + s->inputs + 3 + mlp_targets(s)) +
                   (double)threads * (double)scratch;
    double bytes = reals * sizeof(real) + (double)feed_memory(train, s->batch_size != 0, chunk) +
                   (double)feed_memory(valid, false, chunk) + (double)valid->rows * sizeof(struct scored);
    return bytes >= (double)UINT64_MAX ? UINT64_MAX : (uint64_t)bytes;
}

/* Of what is small: heads, digests, the state of schedule and diagnosis. */
#define CHECKPOINT_REST (1u << 16)

/* Weights with the optimizer's states, those that predictions would use, and the best ones'; then running moments. */
uint64_t mlp_spec_checkpoint(const struct mlp_spec *s)
{
    uint64_t weights = 0, moments = 0;
    for (uint32_t l = 1; l <= s->hidden_count + 1; l++) {
        uint64_t stride = kernel_stride(layer_units(s, l));
        weights += (layer_units(s, l - 1) + 1 + is_normalized(s, l)) * stride;
        moments += is_normalized(s, l) ? 2 * stride : 0;
    }
    double reals = (double)weights * (2.0 + optimizers[s->optimizer.name].states + s->stopping.early) + (double)moments;
    double lent = (double)(s->class_weights ? network_classes(s) : 0) + (double)mlp_targets(s);
    double bytes = reals * sizeof(real) + lent * sizeof(double) + CHECKPOINT_REST;
    return bytes >= (double)UINT64_MAX ? UINT64_MAX : (uint64_t)bytes;
}

double mlp_spec_flops(const struct mlp_spec *s, uint64_t train_rows, uint64_t valid_rows)
{
    double forward = 0, backward = 0;
    for (uint32_t l = 1; l <= s->hidden_count + 1; l++) {
        double product = 2.0 * (double)layer_units(s, l - 1) * (double)layer_units(s, l);
        forward += product;
        backward += l > 1 ? 2 * product : product;
    }
    return (double)train_rows * (forward + backward) + (double)valid_rows * forward;
}
