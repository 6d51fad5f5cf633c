#include "training_fields.h"

#include "core/base/text.h"
#include <math.h>
#include <string.h>

/* ---- losses ----------------------------------------------------------------------------------------------------------- */

enum { LOSS_AUTO, LOSS_CROSS_ENTROPY, LOSS_FIRST }; /* then those of regression */

const char *training_loss_name(int index)
{
    return index == LOSS_AUTO ? "auto" : index == LOSS_CROSS_ENTROPY ? "cross_entropy" : mlp_loss_name(index - LOSS_FIRST);
}

const char *training_loss_of(const struct mlp_spec *s)
{
    return training_loss_name(s->task == TASK_REGRESSION ? LOSS_FIRST + (int)s->loss : LOSS_CROSS_ENTROPY);
}

bool training_has_huber(const struct training_spec *t)
{
    return t->loss == LOSS_FIRST + MLP_HUBER;
}

/* ---- tables ----------------------------------------------------------------------------------------------------------- */

#define REGULARIZATION(member) .offset = offsetof(struct training_regularization, member)

const struct json_field regularization_fields[] = {
    {.name = "l1", .type = FIELD_DOUBLE, REGULARIZATION(l1), .minimum = 0, .maximum = 1e6, .fallback = "0",
     .help = "Adds l1 * sum |W| to the loss, over all weights without biases."},
    {.name = "l2", .type = FIELD_DOUBLE, REGULARIZATION(l2), .minimum = 0, .maximum = 1e6, .fallback = "0",
     .help = "Adds l2 / 2 * sum W^2 to the loss, over all weights without biases."},
    {.name = "clip_norm", .type = FIELD_DOUBLE, REGULARIZATION(clip_norm), .nullable = true, .minimum = 0, .maximum = 1e12,
     .fallback = "null",
     .help = "A gradient (of all layers together) that is longer is scaled down to it; 0: never; null: 0.5 of adamw, else never."},
    {0},
};

#define SCHEDULE(member) .offset = offsetof(struct training_schedule, member)

enum { SCHEDULE_AUTO, SCHEDULE_FIRST };

static const char *schedule_name(int index)
{
    return index == SCHEDULE_AUTO ? "auto" : mlp_schedule_name(index - SCHEDULE_FIRST);
}

/* -1: it is chosen by the optimizer. */
static int schedule_of(const void *schedule)
{
    return ((const struct training_schedule *)schedule)->name - SCHEDULE_FIRST;
}

static bool has_factor(const void *schedule)
{
    int name = schedule_of(schedule);
    return name == MLP_STEPS || name == MLP_EXPONENTIAL || name == MLP_PLATEAU;
}

static bool has_every(const void *schedule)
{
    return schedule_of(schedule) == MLP_STEPS || schedule_of(schedule) == MLP_PLATEAU;
}

static bool has_power(const void *schedule)
{
    return schedule_of(schedule) == MLP_INVERSE_SCALING;
}

static bool has_minimum(const void *schedule)
{
    return schedule_of(schedule) > MLP_CONSTANT;
}

const struct json_field schedule_fields[] = {
    {.name = "name", .type = FIELD_ENUM, SCHEDULE(name), .names = schedule_name, .fallback = "\"auto\"",
     .help = "How the learning rate changes from epoch to epoch, auto: cosine of adamw, constant of all others; e counts epochs from 0 after the warm-up: step: factor ^ floor(e "
             "/ every); exponential: factor ^ e; cosine: half a wave down to minimum; inverse_scaling: 1 / (e + 1) ^ power; "
             "plateau: times factor once the loss was no better for `every` epochs."},
    {.name = "factor", .type = FIELD_DOUBLE, SCHEDULE(factor), .nullable = true, .minimum = 0, .maximum = 1, .open = true,
     .fallback = "null", .shown = has_factor, .help = "Of step and plateau, by default 0.1, and exponential, by default 0.95."},
    {.name = "every", .type = FIELD_UINT, SCHEDULE(every), .minimum = 1, .maximum = MLP_MAX_EPOCHS, .fallback = "10",
     .shown = has_every, .help = "Epochs of a step, or without improvement on a plateau."},
    {.name = "power", .type = FIELD_DOUBLE, SCHEDULE(power), .minimum = 0, .maximum = 10, .fallback = "0.5",
     .shown = has_power, .help = "Of inverse_scaling."},
    {.name = "minimum", .type = FIELD_DOUBLE, SCHEDULE(minimum), .minimum = 0, .maximum = 1e6, .fallback = "0",
     .shown = has_minimum, .help = "The learning rate does not fall below it."},
    {.name = "warmup_epochs", .type = FIELD_UINT, SCHEDULE(warmup_epochs), .minimum = 0, .maximum = MLP_MAX_EPOCHS,
     .fallback = "0", .help = "Epochs in which the rate grows from 0 to the optimizer's, with each update."},
    {0},
};

#define STOPPING(member) .offset = offsetof(struct training_early_stopping, member)

bool training_stops_early(const void *early_stopping)
{
    return ((const struct training_early_stopping *)early_stopping)->metric != NULL;
}

const struct json_field early_stopping_fields[] = {
    {.name = "metric", .type = FIELD_STRING, STOPPING(metric), .minimum = 1, .maximum = 64, .fallback = "\"valid_loss\"",
     .help = "The figure that shall improve: valid_loss (without validation rows, train_loss), or a metric of the task, as "
             "valid_accuracy or valid_rmse."},
    {.name = "patience", .type = FIELD_UINT, STOPPING(patience), .minimum = 1, .maximum = MLP_MAX_EPOCHS, .fallback = "10",
     .help = "Epochs without improvement before training stops."},
    {.name = "min_delta", .type = FIELD_DOUBLE, STOPPING(min_delta), .minimum = 0, .maximum = 1e12, .fallback = "0",
     .help = "An improvement is by more than this."},
    {0},
};

#define STOP(member) .offset = offsetof(struct training_stop, member)

const struct json_field stop_fields[] = {
    {.name = "train_loss", .type = FIELD_DOUBLE, STOP(train_loss), .nullable = true, .minimum = -1e12, .maximum = 1e12,
     .fallback = "null", .help = "Training ends once train_loss is this or less."},
    {.name = "valid_loss", .type = FIELD_DOUBLE, STOP(valid_loss), .nullable = true, .minimum = -1e12, .maximum = 1e12,
     .fallback = "null", .help = "Training ends once valid_loss is this or less."},
    {.name = "seconds", .type = FIELD_DOUBLE, STOP(seconds), .nullable = true, .minimum = 0, .maximum = 1e9, .open = true,
     .fallback = "null", .help = "Training ends after the epoch in which it has taken so long; results then depend on the machine."},
    {0},
};

void training_defaults(struct training_spec *t)
{
    if (isnan(t->schedule.factor))
        t->schedule.factor = schedule_of(&t->schedule) == MLP_EXPONENTIAL ? 0.95 : 0.1;
}

/* ---- what goes together --------------------------------------------------------------------------------------------- */

static void refuse_unless(bool has, const struct json *body, const char *pointer, const char *name, const char *field,
                          struct violations *violations)
{
    if (!has && json_at(body, pointer) && json_kind(json_at(body, pointer)) != JSON_NULL)
        violation_add(violations, pointer, "value", "%s has no %s: leave it out", name, field);
}

void training_check(const struct training_spec *t, const struct json *body, struct violations *violations)
{
    const void *schedule = &t->schedule;
    const char *name = schedule_name(t->schedule.name);
    if (name) {
        refuse_unless(has_factor(schedule), body, "/schedule/factor", name, "factor", violations);
        refuse_unless(has_every(schedule), body, "/schedule/every", name, "every", violations);
        refuse_unless(has_power(schedule), body, "/schedule/power", name, "power", violations);
        refuse_unless(has_minimum(schedule), body, "/schedule/minimum", name, "minimum", violations);
    }
    if (!training_has_huber(t))
        refuse_unless(false, body, "/huber_delta", training_loss_name(t->loss), "huber_delta", violations);
}

/* The number of a metric of the task; MLP_WATCH_LOSS of a loss; -2: there is none. */
static int64_t metric_number(const struct training_spec *t, enum task task, bool validates)
{
    const char *metric = t->early_stopping.metric;
    if (!metric || !strcmp(metric, "valid_loss") || (!strcmp(metric, "train_loss") && !validates))
        return MLP_WATCH_LOSS;
    for (unsigned m = 0; mlp_metric_name(task, m); m++)
        if (!strcmp(metric, mlp_metric_name(task, m)) && validates)
            return m;
    return -2;
}

void training_check_task(const struct training_spec *t, enum task task, bool validates, struct violations *violations)
{
    if (t->loss >= LOSS_FIRST && task != TASK_REGRESSION)
        violation_add(violations, "/loss", "value", "%s is a loss of regression, and the task is %s: its loss is cross_entropy",
                      training_loss_name(t->loss), task_name(task));
    if (t->loss == LOSS_CROSS_ENTROPY && task == TASK_REGRESSION)
        violation_add(violations, "/loss", "value", "cross_entropy is a loss of classes, and the task is regression");
    if (!isnan(t->stop.valid_loss) && !validates)
        violation_add(violations, "/stop/valid_loss", "value", "there are no validation rows");
    if (metric_number(t, task, validates) != -2)
        return;
    const char *names[MLP_METRICS_MAX + 1] = {"valid_loss"};
    uint32_t count = 1;
    for (; validates && count <= MLP_METRICS_MAX && mlp_metric_name(task, count - 1); count++)
        names[count] = mlp_metric_name(task, count - 1);
    const char *near = text_nearest(t->early_stopping.metric, names, count);
    violation_add(violations, "/early_stopping/metric", "value",
                  validates ? "%s has no metric \"%.64s\": take %s" : "without validation rows %s has no \"%.64s\": take %s",
                  task_name(task), t->early_stopping.metric, validates ? (near ? near : "valid_loss") : "train_loss");
}

void training_network(const struct training_spec *t, struct mlp_spec *ret)
{
    int64_t metric = metric_number(t, ret->task, true);
    int schedule = schedule_of(&t->schedule);
    if (schedule < 0)
        schedule = ret->optimizer.name == MLP_ADAMW ? MLP_COSINE : MLP_CONSTANT;
    ret->loss = t->loss >= LOSS_FIRST ? (enum mlp_loss)(t->loss - LOSS_FIRST) : MLP_SQUARED_ERROR;
    ret->huber_delta = t->huber_delta;
    ret->l1 = t->regularization.l1;
    ret->l2 = t->regularization.l2;
    ret->clip_norm = !isnan(t->regularization.clip_norm)     ? t->regularization.clip_norm
                     : ret->optimizer.name == MLP_ADAMW ? 0.5
                                                        : 0;
    ret->schedule = (struct mlp_schedule_spec){.name = (enum mlp_schedule)schedule, .factor = t->schedule.factor,
                                               .power = t->schedule.power, .minimum = t->schedule.minimum,
                                               .every = t->schedule.every, .warmup_epochs = t->schedule.warmup_epochs};
    ret->stopping = (struct mlp_stopping){.early = t->early_stopping.metric != NULL,
                                          .metric = metric < 0 ? MLP_WATCH_LOSS : (unsigned)metric,
                                          .patience = t->early_stopping.metric ? t->early_stopping.patience : 1,
                                          .min_delta = t->early_stopping.min_delta, .train_loss = t->stop.train_loss,
                                          .valid_loss = t->stop.valid_loss, .seconds = t->stop.seconds};
}
