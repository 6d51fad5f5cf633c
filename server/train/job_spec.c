#include "job_spec.h"

#include "core/base/mem.h"
#include "core/base/text.h"
#include "server/store/store.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- fields with two spellings ----------------------------------------------------------------------------------- */

static bool whole_number(const struct json *v, int64_t least, int64_t most, uint32_t *ret)
{
    int64_t n;
    if (json_kind(v) != JSON_NUMBER || !json_integer(v, &n) || n < least || n > most)
        return false;
    *ret = (uint32_t)n;
    return true;
}

static void batch_size_bind(const struct json *v, void *out, const char *pointer, struct violations *violations)
{
    uint32_t *batch_size = out;
    if (json_kind(v) == JSON_STRING && !strcmp(json_string(v), "full"))
        *batch_size = 0;
    else if (!whole_number(v, 1, UINT32_MAX, batch_size))
        violation_add(violations, pointer, json_kind(v) == JSON_NUMBER ? "range" : "type",
                      "must be a whole number of rows from 1, or \"full\" for gradient descent");
}

static void batch_size_write(const void *value, struct json_writer *w)
{
    uint32_t batch_size = *(const uint32_t *)value;
    if (batch_size)
        json_put_unsigned(w, batch_size);
    else
        json_put_string(w, "full");
}

static void batch_size_schema(struct json_writer *w)
{
    json_field_raw(w, "oneOf", "[{\"type\":\"integer\",\"minimum\":1},{\"const\":\"full\"}]");
}

static const struct json_custom batch_size_custom = {batch_size_bind, batch_size_write, batch_size_schema, .whole = true};

static void threads_bind(const struct json *v, void *out, const char *pointer, struct violations *violations)
{
    if (json_kind(v) != JSON_NULL && !whole_number(v, 1, 256, out))
        violation_add(violations, pointer, json_kind(v) == JSON_NUMBER ? "range" : "type", "must be 1..256, or null");
}

static void threads_write(const void *value, struct json_writer *w)
{
    uint32_t threads = *(const uint32_t *)value;
    if (threads)
        json_put_unsigned(w, threads);
    else
        json_put_null(w);
}

static void threads_schema(struct json_writer *w)
{
    json_field_raw(w, "oneOf", "[{\"type\":\"integer\",\"minimum\":1,\"maximum\":256},{\"type\":\"null\"}]");
}

static const struct json_custom threads_custom = {threads_bind, threads_write, threads_schema, .whole = true};

/* ---- the tables ---------------------------------------------------------------------------------------------------- */

static const char *task_name_at(int index)
{
    return index >= TASK_AUTO && index <= TASK_MULTILABEL ? task_name((enum task)index) : NULL;
}

static bool hidden_is_leaky(const void *hidden)
{
    return ((const struct mlp_hidden *)hidden)->activation == MLP_LEAKY_RELU;
}

static const struct json_field hidden_fields[] = {
    {.name = "units", .type = FIELD_UINT, .offset = offsetof(struct mlp_hidden, units), .required = true, .minimum = 1,
     .maximum = MLP_MAX_UNITS, .help = "Units of the layer."},
    {.name = "activation", .type = FIELD_ENUM, .offset = offsetof(struct mlp_hidden, activation),
     .names = mlp_activation_name, .fallback = "\"relu\"", .help = "f of a = f(z), z = a_prev W + b."},
    {.name = "negative_slope", .type = FIELD_DOUBLE, .offset = offsetof(struct mlp_hidden, negative_slope),
     .minimum = 0, .maximum = 0.999999, .fallback = "0.01", .shown = hidden_is_leaky, .help = "beta of leaky_relu: max(beta z, z)."},
    {.name = "batch_normalization", .type = FIELD_BOOLEAN, .offset = offsetof(struct mlp_hidden, batch_normalization),
     .fallback = "false",
     .help = "Normalizes z by the moments of the batch (of up to 512 rows of it) before f; predictions use running moments."},
    {.name = "dropout", .type = FIELD_DOUBLE, .offset = offsetof(struct mlp_hidden, dropout), .minimum = 0, .maximum = 0.99,
     .fallback = "0", .help = "Share of the units' values that each training pass leaves out; the others are scaled up."},
    {0},
};

static const struct json_field network_fields[] = {
    {.name = "hidden", .type = FIELD_ARRAY, .fields = hidden_fields, .element_size = sizeof(struct mlp_hidden),
     .minimum = 0, .maximum = MLP_MAX_HIDDEN, .fallback = "[{\"units\":150}]",
     .help = "The hidden layers from the inputs on; none makes a linear or logistic regression."},
    {0},
};

/* A field that only some optimizers have. */
#define OPTIMIZER_HAS(field, test)                                                                                     \
    static bool has_##field(const void *o)                                                                             \
    {                                                                                                                  \
        enum mlp_optimizer name = ((const struct mlp_optimizer_spec *)o)->name;                                        \
        return test;                                                                                                   \
    }
OPTIMIZER_HAS(momentum, name == MLP_MOMENTUM || name == MLP_NESTEROV)
OPTIMIZER_HAS(rho, name == MLP_RMSPROP || name == MLP_ADADELTA)
OPTIMIZER_HAS(epsilon, name != MLP_SGD && name != MLP_MOMENTUM && name != MLP_NESTEROV)
OPTIMIZER_HAS(beta, name == MLP_ADAM || name == MLP_ADAMW)

#define OPTIMIZER(member) .offset = offsetof(struct mlp_optimizer_spec, member)

static const struct json_field optimizer_fields[] = {
    {.name = "name", .type = FIELD_ENUM, OPTIMIZER(name), .names = mlp_optimizer_name, .fallback = "\"adamw\"",
     .help = "The rule that turns gradients into weight updates."},
    {.name = "learning_rate", .type = FIELD_DOUBLE, OPTIMIZER(learning_rate), .nullable = true, .minimum = 0,
     .maximum = 1e6, .open = true, .fallback = "null",
     .help = "alpha; by default 0.01 (sgd, momentum, nesterov, adagrad), 0.001 (rmsprop, adam), 0.003 (adamw) or 1 (adadelta)."},
    {.name = "momentum", .type = FIELD_DOUBLE, OPTIMIZER(momentum), .nullable = true, .minimum = 0, .maximum = 0.999999,
     .fallback = "null", .shown = has_momentum, .help = "xi of momentum and nesterov: v <- xi v + alpha g; by default 0.9."},
    {.name = "rho", .type = FIELD_DOUBLE, OPTIMIZER(rho), .nullable = true, .minimum = 0, .maximum = 0.999999,
     .fallback = "null", .shown = has_rho, .help = "rho of rmsprop and adadelta: r <- rho r + (1 - rho) g g; by default 0.9."},
    {.name = "beta1", .type = FIELD_DOUBLE, OPTIMIZER(beta1), .nullable = true, .minimum = 0, .maximum = 0.999999,
     .fallback = "null", .shown = has_beta, .help = "p1 of adam, the decay of the mean of gradients; by default 0.9."},
    {.name = "beta2", .type = FIELD_DOUBLE, OPTIMIZER(beta2), .nullable = true, .minimum = 0, .maximum = 0.99999999,
     .fallback = "null", .shown = has_beta, .help = "p2 of adam, the decay of the mean of squares; by default 0.999."},
    {.name = "epsilon", .type = FIELD_DOUBLE, OPTIMIZER(epsilon), .nullable = true, .minimum = 0, .maximum = 1e6,
     .fallback = "null", .shown = has_epsilon,
     .help = "Added to the root in adagrad, rmsprop, adam and adamw, inside of it in adadelta; by default 1e-10 (adagrad), 1e-6 "
             "(adadelta) or 1e-8."},
    {.name = "weight_decay", .type = FIELD_DOUBLE, OPTIMIZER(weight_decay), .nullable = true, .minimum = 0, .maximum = 1e6,
     .fallback = "null",
     .help = "Each update also takes this share of every weight (biases excluded), times the learning rate: decoupled decay. By "
             "default 0; of adamw null, which is 720 / rows of training, at most 5."},
    {.name = "bias_correction", .type = FIELD_BOOLEAN, OPTIMIZER(bias_correction), .fallback = "true",
     .shown = has_beta, .help = "adam: divide the means by 1 - p^t. false with epsilon 0 is the course's own Adam."},
    {0},
};

static bool is_search(const void *search)
{
    return ((const struct job_search *)search)->parameters != NULL;
}

#define SEARCH(member) .offset = offsetof(struct job_search, member)

const struct json_field job_search_fields[] = {
    {.name = "parameters", .type = FIELD_ANY, SEARCH(parameters), .required = true,
     .help = "JSON Pointers into the job to {\"uniform\": [low, high]}, {\"log_uniform\": [low, high]} or "
             "{\"choice\": [values]}."},
    {.name = "runs", .type = FIELD_UINT, SEARCH(runs), .minimum = 1, .maximum = JOB_MAX_RUNS, .fallback = "20",
     .help = "How many points are drawn."},
    {.name = "seed", .type = FIELD_UINT64, SEARCH(seed), .minimum = 0, .maximum = 9007199254740991.0, .fallback = "1",
     .help = "Of the draws: the same seed gives the same points."},
    {0},
};

static const struct json_field checkpoint_fields[] = {
    {.name = "every_seconds", .type = FIELD_DOUBLE, .minimum = 0, .maximum = 86400, .fallback = "5",
     .help = "Seconds between checkpoints while it trains, or more where writing one takes long; 0: only when it is stopped."},
    {0},
};

static bool has_huber(const void *job)
{
    return training_has_huber(&((const struct job_spec *)job)->training);
}

static bool is_halving(const void *halving)
{
    return ((const struct job_halving *)halving)->min_epochs != 0;
}

#define HALVING(member) .offset = offsetof(struct job_halving, member)

static const struct json_field halving_fields[] = {
    {.name = "metric", .type = FIELD_ENUM, HALVING(metric), .names = store_metric_name, .fallback = "\"valid_loss\"",
     .help = "What runs are compared by: a loss, or a metric of the task."},
    {.name = "min_epochs", .type = FIELD_UINT, HALVING(min_epochs), .minimum = 1, .maximum = MLP_MAX_EPOCHS,
     .fallback = "10", .help = "The first comparison comes after so many epochs."},
    {.name = "reduction", .type = FIELD_UINT, HALVING(reduction), .minimum = 2, .maximum = 1000, .fallback = "3",
     .help = "eta: one of so many goes on, and each further comparison comes after so many times the epochs."},
    {0},
};

static bool is_initial(const void *initial)
{
    return *(const uint64_t *)initial != 0;
}

static const struct json_field initial_fields[] = {
    {.name = "run", .type = FIELD_UINT64, .required = true, .minimum = 1, .maximum = 9007199254740991.0,
     .help = "A run that has a model."},
    {0},
};

#define JOB(member) .offset = offsetof(struct job_spec, member)

const struct json_field job_spec_fields[] = {
    {.name = "name", .type = FIELD_STRING, JOB(name), .nullable = true, .minimum = 0, .maximum = 200, .fallback = "null",
     .help = "A text for people; it need not be unique."},
    {.name = "dataset", .type = FIELD_STRING, JOB(dataset), .required = true, .minimum = 1, .maximum = 128,
     .help = "Name or id of an uploaded dataset."},
    {.name = "target", .type = FIELD_STRINGS, JOB(targets), .required = true, .minimum = 1, .maximum = TABLE_MAX_COLUMNS,
     .one = true, .text_maximum = TABLE_MAX_CELL, .help = "The column to predict, or a list of several: all numbers, or all of two classes."},
    {.name = "task", .type = FIELD_ENUM, JOB(task), .names = task_name_at, .fallback = "\"auto\"",
     .help = "auto: a categorical target of two classes is binary, of more is multiclass, a numeric one is regression; several "
             "targets are regression when all are numeric, multilabel when each has two classes."},
    {.name = "features", .type = FIELD_STRINGS, JOB(features), .nullable = true, .minimum = 1,
     .maximum = TABLE_MAX_COLUMNS, .fallback = "null", .help = "The columns to learn from; null for all but the targets."},
    {.name = "columns", .type = FIELD_MAP, JOB(columns), .fields = job_column_fields, .element_size = sizeof(struct job_column),
     .minimum = 0, .maximum = TABLE_MAX_COLUMNS, .fallback = "{}",
     .help = "Columns by name that are encoded in another way than by their type."},
    {.name = "encoding", .type = FIELD_OBJECT, JOB(encoding), .fields = job_encoding_fields, .fallback = "{}",
     .help = "How features become inputs, where columns say nothing else."},
    {.name = "validation", .type = FIELD_OBJECT, JOB(validation), .fields = job_validation_fields, .fallback = "{}",
     .help = "Rows kept out of training."},
    {.name = "network", .type = FIELD_OBJECT, JOB(network), .fields = network_fields, .fallback = "{}",
     .help = "The layers between inputs and output."},
    {.name = "optimizer", .type = FIELD_OBJECT, JOB(optimizer), .fields = optimizer_fields, .fallback = "{}",
     .help = "How weights are updated."},
    {.name = "loss", .type = FIELD_ENUM, JOB(training.loss), .names = training_loss_name, .fallback = "\"auto\"",
     .help = "auto: cross_entropy for classes, squared_error for regression, which also has absolute_error and huber."},
    {.name = "huber_delta", .type = FIELD_DOUBLE, JOB(training.huber_delta), .minimum = 0, .maximum = 1e6, .open = true,
     .fallback = "1", .shown = has_huber, .help = "Where huber turns from squares to distances, in standard deviations of the target."},
    {.name = "class_weights", .type = FIELD_ANY, JOB(class_weights), .nullable = true, .fallback = "null",
     .help = "How much the rows of a class count in the loss: \"balanced\" (n / (classes * rows of the class)), or an object of "
             "classes and weights, 1 where it says nothing. Metrics count every row alike."},
    {.name = "sample_weight", .type = FIELD_STRING, JOB(sample_weight), .nullable = true, .minimum = 1,
     .maximum = TABLE_MAX_CELL, .fallback = "null",
     .help = "A numeric column that says how much each row counts, in losses and metrics: a row of 2 is as good as two, one of 0 is "
             "not there. It is no feature then."},
    {.name = "regularization", .type = FIELD_OBJECT, JOB(training.regularization), .fields = regularization_fields,
     .fallback = "{}", .help = "Penalties on large weights, and a limit to gradients."},
    {.name = "schedule", .type = FIELD_OBJECT, JOB(training.schedule), .fields = schedule_fields, .fallback = "{}",
     .help = "The learning rate from epoch to epoch."},
    {.name = "early_stopping", .type = FIELD_OBJECT, JOB(training.early_stopping), .nullable = true,
     .fields = early_stopping_fields, .given = training_stops_early, .fallback = "null",
     .help = "Training ends once a figure no longer improves; the model is the best epoch's, also when patience never runs out."},
    {.name = "stop", .type = FIELD_OBJECT, JOB(training.stop), .fields = stop_fields, .fallback = "{}",
     .help = "Other reasons to end before the last epoch."},
    {.name = "batch_size", .type = FIELD_CUSTOM, JOB(batch_size), .custom = &batch_size_custom, .fallback = "32",
     .help = "b, rows of one weight update: \"full\" is gradient descent, 1 stochastic gradient descent."},
    {.name = "epochs", .type = FIELD_UINT, JOB(epochs), .minimum = 1, .maximum = MLP_MAX_EPOCHS, .fallback = "100",
     .help = "n_epoch, passes over the training rows."},
    {.name = "seed", .type = FIELD_UINT64, JOB(seed), .minimum = 0, .maximum = 9007199254740991.0, .fallback = "1",
     .help = "Of split, initial weights and order of rows: the same seed gives the same bits."},
    {.name = "threads", .type = FIELD_CUSTOM, JOB(threads), .custom = &threads_custom, .nullable = true,
     .fallback = "null", .help = "Most threads of one run; it never changes a bit of the result."},
    {.name = "checkpoint", .type = FIELD_OBJECT, JOB(checkpoint), .fields = checkpoint_fields, .fallback = "{}",
     .help = "What is kept so that an interrupted run goes on, to the same bits."},
    {.name = "grid", .type = FIELD_ANY, JOB(grid), .nullable = true, .fallback = "null",
     .help = "JSON Pointers into the job to lists of values; the runs are their product."},
    {.name = "search", .type = FIELD_OBJECT, JOB(search), .nullable = true, .fields = job_search_fields,
     .given = is_search, .fallback = "null",
     .help = "Instead of a grid: runs at points that are drawn from distributions."},
    {.name = "halving", .type = FIELD_OBJECT, JOB(halving), .nullable = true, .fields = halving_fields,
     .given = is_halving, .fallback = "null",
     .help = "Ends runs of a grid or a search early that are worse than others at the same epoch."},
    {.name = "initial", .type = FIELD_OBJECT, JOB(initial), .nullable = true, .fields = initial_fields,
     .given = is_initial, .fallback = "null",
     .help = "Starts from the weights of a run, with its encoder, its features and its network."},
    {0},
};

/* ---- binding -------------------------------------------------------------------------------------------------------- */

struct optional_parameter {
    const char *name;
    size_t offset;
    bool (*has)(const void *optimizer);
};

static const struct optional_parameter optional_parameters[] = {
    {"momentum", offsetof(struct mlp_optimizer_spec, momentum), has_momentum},
    {"rho", offsetof(struct mlp_optimizer_spec, rho), has_rho},
    {"beta1", offsetof(struct mlp_optimizer_spec, beta1), has_beta},
    {"beta2", offsetof(struct mlp_optimizer_spec, beta2), has_beta},
    {"epsilon", offsetof(struct mlp_optimizer_spec, epsilon), has_epsilon},
};

static void check_optimizer(const struct mlp_optimizer_spec *o, const struct json *body, struct violations *violations)
{
    for (size_t i = 0; i < sizeof optional_parameters / sizeof *optional_parameters; i++) {
        const struct optional_parameter *p = &optional_parameters[i];
        double value = *(const double *)((const char *)o + p->offset);
        char pointer[64];
        snprintf(pointer, sizeof pointer, "/optimizer/%s", p->name);
        if (!isnan(value) && !p->has(o))
            violation_add(violations, pointer, "value", "%s has no %s: leave it out", mlp_optimizer_name((int)o->name),
                          p->name);
    }
    if (json_at(body, "/optimizer/bias_correction") && !has_beta(o))
        violation_add(violations, "/optimizer/bias_correction", "value", "%s has no bias_correction: leave it out",
                      mlp_optimizer_name((int)o->name));
}

/* Whether the optimizer's own fields were bound, so that it can be said which of them it does not have. */
static bool optimizer_is_bound(const struct violations *violations)
{
    static const char optimizer[] = "/optimizer";
    for (size_t i = 0; i < violations->count && i < VIOLATIONS_MAX; i++)
        if (!strncmp(violations->item[i].pointer, optimizer, sizeof optimizer - 1))
            return false;
    return violations->count <= VIOLATIONS_MAX;
}

enum err_code job_spec_bind(const struct json *body, bool any_optimizer, struct job_spec *ret_spec,
                            struct violations *violations, struct err *err)
{
    memset(ret_spec, 0, sizeof *ret_spec);
    if (json_kind(body) != JSON_OBJECT) {
        violation_add(violations, "", "type", "must be an object, got %s", json_kind_name(json_kind(body)));
        return ERR_OK;
    }
    enum err_code code = json_bind(body, job_spec_fields, ret_spec, "", violations, err);
    if (code)
        return code;
    if (!any_optimizer && optimizer_is_bound(violations))
        check_optimizer(&ret_spec->optimizer, body, violations);
    if (!any_optimizer)
        training_check(&ret_spec->training, body, violations);
    double decay = ret_spec->optimizer.weight_decay;
    mlp_optimizer_defaults(&ret_spec->optimizer);
    if (ret_spec->optimizer.name == MLP_ADAMW)
        ret_spec->optimizer.weight_decay = decay; /* NAN: by the rows, which only the run knows */
    if (ret_spec->optimizer.weight_decay * ret_spec->optimizer.learning_rate >= 1)
        violation_add(violations, "/optimizer/weight_decay", "range", "must be below 1 / learning_rate, which is %g",
                      1 / ret_spec->optimizer.learning_rate);
    job_weights_check(ret_spec, violations);
    training_defaults(&ret_spec->training);
    job_validation_check(&ret_spec->validation, body, violations);
    code = job_columns_resolve(ret_spec, violations, err);
    if (code)
        job_spec_done(ret_spec);
    return code;
}

void job_spec_done(struct job_spec *s)
{
    mem_free(s->encoder_columns);
    s->encoder_columns = NULL;
    json_unbind(job_spec_fields, s);
}

void job_spec_write(const struct job_spec *s, struct json_writer *w)
{
    json_write(job_spec_fields, s, w);
}

/* ---- against the dataset ---------------------------------------------------------------------------------------------- */

struct encoder_options job_spec_encoder_options(const struct job_spec *s)
{
    return (struct encoder_options){.targets = (const char *const *)s->targets.items,
                                    .target_count = (uint32_t)s->targets.count,
                                    .features = s->features.count ? (const char *const *)s->features.items : NULL,
                                    .feature_count = (uint32_t)s->features.count,
                                    .task = (enum task)s->task,
                                    .skipped = s->validation.column,
                                    .columns = s->encoder_columns,
                                    .weights = s->sample_weight,
                                    .column_count = s->encoder_columns ? (uint32_t)(s->columns.count + (s->sample_weight != NULL)) : 0,
                                    .scaling = (enum encoder_scaling)(s->encoding.scaling + 1),
                                    .min_frequency = s->encoding.min_frequency,
                                    .category_limit = s->encoding.category_limit};
}

/* The first feature that is in the list before, or 0: the first never is. All of them are columns. */
static size_t repeated_feature(const struct job_spec *s, const struct table *t)
{
    bool seen[TABLE_MAX_COLUMNS] = {false};
    char *const *features = s->features.items;
    for (size_t i = 0; i < s->features.count; i++) {
        bool *there = &seen[table_find(t, features[i])];
        if (*there)
            return i;
        *there = true;
    }
    return 0;
}

enum err_code job_spec_check_table(const struct job_spec *s, const struct table *t, enum task *ret_task,
                                   struct violations *violations)
{
    size_t before = violations->count;
    job_targets_check_columns(s, t, violations);
    char *const *features = s->features.items;
    bool bound = true;
    for (size_t i = 0; i < s->features.count; i++) {
        char pointer[64];
        snprintf(pointer, sizeof pointer, "/features/%zu", i);
        if (!features[i]) { /* no text, and a violation already */
            bound = false;
            continue;
        }
        job_column_exists(t, features[i], pointer, violations);
        if (job_targets_has(s, features[i]))
            violation_add(violations, pointer, "value", "\"%s\" is %s: it cannot be a feature too", features[i],
                          s->targets.count > 1 ? "a target" : "the target");
        if (s->validation.column && !strcmp(features[i], s->validation.column))
            violation_add(violations, pointer, "value", "\"%s\" marks the validation rows: it cannot be a feature too", features[i]);
    }
    if (!bound || violations->count > before)
        return ERR_INVALID;
    job_validation_check_table(s, t, violations);
    job_weights_check_table(s, t, violations);
    if (violations->count > before)
        return ERR_INVALID;
    size_t twice = repeated_feature(s, t);
    if (twice) {
        char pointer[64];
        snprintf(pointer, sizeof pointer, "/features/%zu", twice);
        violation_add(violations, pointer, "duplicate", "\"%s\" is in the list twice", features[twice]);
        return ERR_INVALID;
    }
    enum task task = TASK_AUTO;
    job_targets_check_task(s, t, &task, violations);
    (void)job_columns_check_table(s, t, violations);
    if (violations->count == before)
        job_weights_check_classes(s, t, task, violations);
    if (violations->count > before)
        return ERR_INVALID;
    *ret_task = task;
    return ERR_OK;
}

/* Measured on eight tables (README, "Defaults"): weights are forgotten over the same number of epochs whatever the rows. */
static double automatic_decay(const struct mlp_optimizer_spec *o, double train_rows)
{
    return fmin(720 / train_rows, fmin(5, 0.5 / o->learning_rate));
}

void job_spec_network(const struct job_spec *s, enum task task, uint32_t inputs, uint32_t outputs, double train_rows,
                      struct mlp_spec *ret)
{
    mlp_spec_default(ret);
    ret->task = task;
    ret->inputs = inputs;
    ret->outputs = outputs;
    ret->hidden_count = (uint32_t)s->network.hidden.count;
    if (s->network.hidden.count)
        memcpy(ret->hidden, s->network.hidden.items, s->network.hidden.count * sizeof *ret->hidden);
    ret->optimizer = s->optimizer;
    if (isnan(ret->optimizer.weight_decay))
        ret->optimizer.weight_decay = automatic_decay(&s->optimizer, train_rows);
    training_network(&s->training, ret);
    ret->batch_size = s->batch_size;
    ret->epochs = s->epochs;
    ret->seed = s->seed;
}
