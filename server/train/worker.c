#include "worker.h"

#include "core/base/cleanup.h"
#include "build_id.h"
#include "core/base/mem.h"
#include "core/nn/model.h"
#include "evaluation_json.h"
#include "rows.h"
#include <gnu/libc-version.h>
#include <math.h>
#include <string.h>

#define MODEL_MAX_BYTES ((size_t)2 << 30)
#define EVALUATION_MAX_BYTES ((size_t)64 << 20)

static const char *output_activation(enum task task)
{
    return task == TASK_REGRESSION ? "identity" : task == TASK_MULTICLASS ? "softmax" : "sigmoid";
}

static void layers_write(const struct mlp_spec *s, struct json_writer *w)
{
    uint32_t inputs = s->inputs;
    json_array(w);
    for (uint32_t l = 0; l <= s->hidden_count; l++) {
        bool hidden = l < s->hidden_count;
        uint32_t units = hidden ? s->hidden[l].units : s->outputs;
        json_object(w);
        json_field_unsigned(w, "layer", l + 1);
        json_field_unsigned(w, "inputs", inputs);
        json_field_unsigned(w, "units", units);
        json_field_string(w, "activation",
                          hidden ? mlp_activation_name((int)s->hidden[l].activation) : output_activation(s->task));
        json_object_end(w);
        inputs = units;
    }
    json_array_end(w);
}

static unsigned threads_now(const struct worker_events *events)
{
    return events->threads ? events->threads(events->context) : 1;
}

static void environment_write(unsigned threads, struct json_writer *w)
{
    json_object(w);
    json_field_string(w, "version", MLPD_VERSION);
    json_field_string(w, "build", build_id());
    json_field_string(w, "libc", gnu_get_libc_version()); /* exp and log are its */
    json_field_string(w, "instruction_set", mlp_instruction_set());
    json_field_unsigned(w, "threads", threads);
    json_object_end(w);
}

/* At the places that the spec has them: what it leaves open stands here as it was trained with. */
static void resolved_write(const struct mlp_spec *s, const struct rows *r, struct json_writer *w)
{
    json_object(w);
    json_field_string(w, "task", task_name(s->task));
    json_field_string(w, "loss", training_loss_of(s));
    json_name(w, "optimizer");
    json_object(w);
    json_field_double(w, "weight_decay", s->optimizer.weight_decay);
    json_object_end(w);
    json_name(w, "regularization");
    json_object(w);
    json_field_double(w, "clip_norm", s->clip_norm);
    json_object_end(w);
    json_name(w, "schedule");
    json_object(w);
    json_field_string(w, "name", mlp_schedule_name((int)s->schedule.name));
    json_object_end(w);
    json_field_unsigned(w, "train_rows", r->train.rows);
    json_field_unsigned(w, "valid_rows", r->valid.rows);
    json_object_end(w);
}

static enum err_code tell_started(const struct mlp_spec *s, const struct rows *r, const struct worker_events *events,
                                  struct err *err)
{
    struct buf layers, environment, resolved;
    struct json_writer w;
    buf_init(&layers, 1 << 16);
    buf_init(&environment, 1 << 12);
    buf_init(&resolved, 1 << 12);
    json_start(&w, &layers);
    layers_write(s, &w);
    json_start(&w, &environment);
    environment_write(threads_now(events), &w);
    json_start(&w, &resolved);
    resolved_write(s, r, &w);
    enum err_code code = layers.failed || environment.failed || resolved.failed ? err_no_memory(err) : ERR_OK;
    if (!code)
        code = events->started(events->context,
                               &(struct worker_started){.parameters = mlp_spec_parameters(s),
                                                        .flops = mlp_spec_flops(s, r->train.rows, r->valid.rows),
                                                        .layers = buf_text(&layers),
                                                        .environment = buf_text(&environment),
                                                        .resolved = buf_text(&resolved)},
                               err);
    buf_done(&layers);
    buf_done(&environment);
    buf_done(&resolved);
    return code;
}

static bool is_set(const atomic_int *flag)
{
    return flag && atomic_load(flag);
}

/* Adds the model file and the evaluation of the network as it stands: whole or not at all. */
static enum err_code add_result(struct mlp_trainer *trainer, const struct rows *r, const atomic_int *stop,
                                struct worker_result *result, struct err *err)
{
    result->model_epoch = mlp_trainer_settle(trainer);
    result->stop = mlp_trainer_stop(trainer);
    const struct mlp_network *network = mlp_trainer_network(trainer);
    if (!model_save(r->encoder, network, &result->model))
        return err_no_memory(err);
    if (!r->valid.rows)
        return ERR_OK;
    enum err_code code = evaluation_json(network, r->encoder, &r->valid, stop, &result->evaluation, err);
    if (code)
        buf_done(&result->evaluation);
    return code;
}

/* What becomes of a training that ended with `code`. One that was stopped is evaluated all the same, unless it
 * shall leave. */
static enum err_code conclude(enum err_code code, struct mlp_trainer *trainer, const struct rows *r,
                              const atomic_int *stop, const atomic_int *leave, struct worker_result *result, struct err *err)
{
    bool stopped = code == ERR_STOPPED;
    if ((code && code != ERR_DIVERGED && !stopped) || (stopped && (!result->epoch || is_set(leave))))
        return code;
    struct err why = {0};
    enum err_code failed = add_result(trainer, r, stopped ? leave : stop, result, &why);
    if (failed && (!code || (failed == ERR_STOPPED && is_set(leave))))
        code = err_set(err, failed, "%s", why.message);
    return code;
}

static enum err_code save(const struct worker_events *events, const struct mlp_trainer *trainer,
                          const struct worker_progress *progress, struct err *err)
{
    return events->save ? events->save(events->context, trainer, progress, err) : ERR_OK;
}

/* Whether training came back just to be saved. The flag is lowered before `stop` is read, and raised after it was set: no
 * stop is missed. */
static bool goes_on(const struct worker_events *events, const atomic_int *stop)
{
    if (!events->interrupt)
        return false;
    atomic_store(events->interrupt, 0);
    return !is_set(stop);
}

#define ASK_SECONDS 0.005 /* of training, between looks at how many threads there are for it */

static enum err_code train(const struct mlp_spec *spec, struct mlp_trainer *trainer, const atomic_int *stop,
                           const struct worker_events *events, struct worker_progress *progress, struct err *err)
{
    const atomic_int *flag = events->interrupt ? events->interrupt : stop;
    enum err_code code = ERR_OK;
    double asked = -ASK_SECONDS;
    while (!code && progress->epoch < spec->epochs && !mlp_trainer_stop(trainer)) {
        struct mlp_epoch epoch;
        if (progress->training_seconds - asked >= ASK_SECONDS) {
            (void)mlp_trainer_threads(trainer, threads_now(events), NULL); /* without them it is slower, and no different */
            asked = progress->training_seconds;
        }
        code = mlp_trainer_epoch(trainer, flag, &epoch, err);
        if (code == ERR_STOPPED && goes_on(events, stop)) {
            code = save(events, trainer, progress, err);
        } else if (!code) {
            progress->epoch = epoch.epoch;
            progress->training_seconds += epoch.seconds;
            code = events->epoch(events->context, spec->task, &epoch, err);
        }
    }
    return code;
}

/* From where the run stands to its end, or to where it is stopped. */
static enum err_code train_and_conclude(const struct mlp_spec *spec, const struct rows *r, struct mlp_trainer *trainer,
                                        const atomic_int *stop, const struct worker_events *events,
                                        struct worker_result *result, struct err *err)
{
    struct worker_progress progress = {0};
    if (!events->restore || !events->restore(events->context, trainer, &progress))
        progress = (struct worker_progress){0};
    enum err_code code = train(spec, trainer, stop, events, &progress, err);
    result->epoch = progress.epoch;
    result->training_seconds = progress.training_seconds;
    if (progress.training_seconds > 0)
        result->samples_per_second = (double)r->train.rows * progress.epoch / progress.training_seconds;
    code = conclude(code, trainer, r, stop, events->leave, result, err);
    if (code == ERR_STOPPED && is_set(events->leave))
        (void)save(events, trainer, &progress, NULL); /* without it the next start goes on from one before */
    return code;
}

/* Of each target (mem_free). */
static enum err_code read_deviations(const struct encoder *e, double **ret, struct err *err)
{
    if (!(*ret = mem_array(encoder_targets(e), sizeof **ret)))
        return err_no_memory(err);
    for (uint32_t j = 0; j < encoder_targets(e); j++)
        (*ret)[j] = encoder_target(e, j)->deviation;
    return ERR_OK;
}

enum err_code worker_execute(const struct job_spec *spec, const struct table *table, const struct table *valid,
                             const atomic_int *stop, const struct worker_events *events, struct worker_result *ret_result,
                             struct err *err)
{
    struct rows rows = {0};
    struct mlp_spec network;
    struct mlp_trainer *trainer = NULL;
    cleanup(mem_freep) double *class_weights = NULL, *deviations = NULL;
    *ret_result = (struct worker_result){.training_seconds = 0, .samples_per_second = NAN};
    buf_init(&ret_result->model, MODEL_MAX_BYTES);
    buf_init(&ret_result->evaluation, EVALUATION_MAX_BYTES);

    const struct encoder *encoder = events->initial ? model_encoder(events->initial) : NULL;
    const atomic_int *until = events->goes_on ? events->leave : stop;
    enum err_code code = rows_prepare(&rows, spec, table, valid, encoder, 0, until, err);
    if (!code)
        code = job_weights_classes(spec, table, rows.encoder, rows.split.train, rows.split.train_count, &class_weights, err);
    if (!code)
        code = read_deviations(rows.encoder, &deviations, err);
    if (!code) {
        job_spec_network(spec, encoder_task(rows.encoder), encoder_inputs(rows.encoder), encoder_outputs(rows.encoder),
                         rows.counted, &network);
        network.target_deviations = deviations;
        network.class_weights = class_weights;
        code = mlp_trainer_new(&network, &rows.train, &rows.valid, &trainer, err);
    }
    if (!code && events->initial)
        code = mlp_trainer_begin_from(trainer, model_network(events->initial), err);
    if (!code)
        code = tell_started(&network, &rows, events, err);
    if (!code)
        code = train_and_conclude(&network, &rows, trainer, stop, events, ret_result, err);
    mlp_trainer_free(trainer);
    rows_done(&rows);
    return code;
}

void worker_result_done(struct worker_result *r)
{
    buf_done(&r->model);
    buf_done(&r->evaluation);
}

/* ---- estimate ----------------------------------------------------------------------------------------------------- */

uint32_t worker_inputs(const struct job_spec *spec, const struct table *t)
{
    uint64_t inputs = 0;
    cleanup(mem_freep) struct encoder_choice *choices = NULL;
    struct encoder_options options = job_spec_encoder_options(spec);
    uint32_t count = 0, some;
    const char *option;
    if (!encoder_choose(t, &options, &choices, &count, NULL))
        for (uint32_t i = 0; i < count; i++)
            inputs += encoder_choice_check(t, &choices[i], &some, &option, NULL) ? 0 : some;
    return inputs < UINT32_MAX ? (uint32_t)inputs : UINT32_MAX;
}

enum err_code worker_estimate(const struct job_spec *spec, enum task task, const struct table *t, uint32_t inputs,
                              struct job_rows rows, struct worker_estimate *ret, struct err *err)
{
    uint32_t columns[TABLE_MAX_COLUMNS], outputs = job_targets_columns(spec, t, columns);
    const struct column *target = table_column(t, columns[0]);
    if (task == TASK_MULTICLASS)
        outputs = target->type == COLUMN_CATEGORICAL ? target->categories : 10;
    struct mlp_spec network;
    job_spec_network(spec, task, inputs, outputs, (double)rows.train, &network);
    enum err_code code = mlp_spec_check(&network, err);
    if (code)
        return code;
    struct mlp_source train, validation;
    uint64_t memory = rows_layout(rows.train, rows.valid, inputs, mlp_targets(&network), 0, &train, &validation);
    if (__builtin_add_overflow(memory, mlp_spec_memory(&network, &train, &validation), &memory) ||
        __builtin_add_overflow(memory, mlp_spec_checkpoint(&network), &memory))
        memory = UINT64_MAX;
    *ret = (struct worker_estimate){.parameters = mlp_spec_parameters(&network), .memory_bytes = memory,
                                    .flops = mlp_spec_flops(&network, rows.train, rows.valid) * spec->epochs};
    return ERR_OK;
}
