/* The trainer's state as bytes. Random numbers are counter-based, so that seed, epoch and row are all that they need. */
#include "../base/sections.h"
#include "optimizer.h"
#include "trainer.h"
#include <string.h>

enum section {
    SECTION_IDENTITY,
    SECTION_STATE,
    SECTION_PARAMETERS,
    SECTION_MOMENTS,
    SECTION_OPTIMIZER,
    SECTION_RESULT,
    SECTION_BEST,
    SECTIONS
};
static const struct sections_format format = {"MLPCHECK", "checkpoint", 1, SECTIONS};

/* ---- what it belongs to --------------------------------------------------------------------------------------------- */

static void pack_source(struct buf *out, const struct mlp_source *s)
{
    pack_u64(out, s->rows);
    pack_u32(out, s->block_rows);
    pack_u32(out, s->window_blocks);
    pack_u32(out, s->weighted);
}

static void pack_training(struct buf *out, const struct mlp_spec *s)
{
    const struct mlp_schedule_spec *schedule = &s->schedule;
    const struct mlp_stopping *stop = &s->stopping;
    const uint32_t wholes[] = {(uint32_t)s->loss, (uint32_t)schedule->name, schedule->every, schedule->warmup_epochs,
                               stop->early, stop->metric, stop->patience,
                               schedule->name == MLP_COSINE ? s->epochs : 0};
    const double reals[] = {s->huber_delta, s->l1, s->l2, s->clip_norm, schedule->factor, schedule->power, schedule->minimum,
                            stop->min_delta};
    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++)
        pack_u32(out, wholes[i]);
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        pack_f64(out, reals[i]);
    for (uint32_t k = 0; s->class_weights && k < network_classes(s); k++)
        pack_f64(out, s->class_weights[k]);
}

static double deviation_of(const struct mlp_spec *s, uint32_t target)
{
    return s->target_deviations ? s->target_deviations[target] : 1;
}

/* All that decides the trainer's shapes and figures. */
static void pack_identity(struct buf *out, const struct mlp_trainer *t)
{
    const struct mlp_spec *s = &t->network.spec;
    const struct mlp_optimizer_spec *o = &s->optimizer;
    const double reals[] = {o->learning_rate, o->momentum, o->rho,          o->beta1,
                            o->beta2,         o->epsilon,  o->weight_decay, deviation_of(s, 0)};
    const uint32_t wholes[] = {sizeof(real), (uint32_t)s->task, s->inputs, s->outputs, s->hidden_count, (uint32_t)o->name,
                               o->bias_correction, s->batch_size};
    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++)
        pack_u32(out, wholes[i]);
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        pack_f64(out, reals[i]);
    for (uint32_t j = 1; j < mlp_targets(s); j++)
        pack_f64(out, deviation_of(s, j));
    for (uint32_t l = 0; l < s->hidden_count; l++) {
        pack_u32(out, s->hidden[l].units);
        pack_u32(out, (uint32_t)s->hidden[l].activation);
        pack_u32(out, s->hidden[l].batch_normalization);
        pack_f64(out, s->hidden[l].negative_slope);
        pack_f64(out, s->hidden[l].dropout);
    }
    pack_u64(out, s->seed);
    pack_training(out, s);
    pack_source(out, &t->train);
    pack_source(out, &t->valid);
}

static bool is_ours(const struct mlp_trainer *t, const struct unpack *section)
{
    struct buf own;
    buf_init(&own, 1 << 20);
    pack_identity(&own, t);
    size_t length = (size_t)(section->end - section->at);
    bool same = !own.failed && own.length == length && !memcmp(own.data, section->at, length);
    buf_done(&own);
    return same;
}

/* ---- save ----------------------------------------------------------------------------------------------------------- */

static void save_state(const struct mlp_trainer *t, struct buf *out)
{
    pack_u32(out, t->epoch);
    pack_u64(out, t->updates);
    pack_u32(out, t->now.begun);
    pack_u64(out, t->now.row);
    pack_f64(out, t->now.loss);
    pack_f64(out, t->now.weight);
    pack_f64(out, t->now.seconds);
    progress_save(&t->progress, out);
    diagnosis_save(&t->diagnosis, out);
}

static unsigned states_of(const struct mlp_trainer *t)
{
    return optimizers[t->network.spec.optimizer.name].states;
}

static void save_rows(const struct mlp_network *n, const real *parameters, struct buf *out)
{
    char *rows = buf_reserve(out, n->count * sizeof *parameters);
    if (!rows)
        return; /* it has failed */
    network_to_rows(n, parameters, rows);
    out->length += n->count * sizeof *parameters;
}

static void save_section(const struct mlp_trainer *t, enum section section, struct buf *out)
{
    if (section == SECTION_IDENTITY)
        pack_identity(out, t);
    else if (section == SECTION_STATE)
        save_state(t, out);
    else if (section == SECTION_PARAMETERS)
        save_rows(&t->network, t->network.parameters, out);
    else if (section == SECTION_MOMENTS)
        buf_add(out, t->pass.moments, network_moments(&t->network) * sizeof(real));
    else if (section == SECTION_RESULT)
        save_rows(&t->result, t->result.parameters, out);
    else if (section == SECTION_BEST && t->best)
        save_rows(&t->result, t->best, out);
    for (unsigned i = 0; section == SECTION_OPTIMIZER && i < states_of(t); i++)
        save_rows(&t->network, t->pass.state[i], out);
}

bool mlp_trainer_save(const struct mlp_trainer *t, struct buf *out)
{
    struct sections_out file;
    (void)buf_reserve(out, (size_t)mlp_spec_checkpoint(&t->network.spec)); /* once, instead of twice as much in the end */
    sections_start(&file, &format, out);
    for (int i = 0; i < SECTIONS; i++) {
        save_section(t, (enum section)i, out);
        sections_next(&file);
    }
    return sections_finish(&file);
}

/* ---- restore -------------------------------------------------------------------------------------------------------- */

static void load_state(struct mlp_trainer *t, struct unpack *u)
{
    t->epoch = unpack_u32(u);
    t->updates = unpack_u64(u);
    t->now.begun = t->now.seek = unpack_u32(u);
    t->now.row = unpack_u64(u);
    t->now.loss = unpack_f64(u);
    t->now.weight = unpack_f64(u);
    t->now.seconds = unpack_f64(u);
    progress_load(&t->progress, u);
    diagnosis_load(&t->diagnosis, u);
}

/* Whether the sections are as long as they must be; a digest has vouched for what is in them. */
static bool lengths_fit(const struct mlp_trainer *t, const struct unpack section[SECTIONS])
{
    struct buf state;
    buf_init(&state, SIZE_MAX);
    save_state(t, &state);
    size_t bytes = t->network.count * sizeof(real), result_bytes = t->result.count * sizeof(real);
    const size_t lengths[SECTIONS] = {
        [SECTION_IDENTITY] = (size_t)(section[SECTION_IDENTITY].end - section[SECTION_IDENTITY].at), /* compared as a whole */
        [SECTION_STATE] = state.length, [SECTION_PARAMETERS] = bytes,
        [SECTION_MOMENTS] = network_moments(&t->network) * sizeof(real), [SECTION_OPTIMIZER] = states_of(t) * bytes,
        [SECTION_RESULT] = result_bytes, [SECTION_BEST] = t->best ? result_bytes : 0};
    bool fits = !state.failed;
    for (int i = 0; i < SECTIONS; i++)
        fits &= lengths[i] == (size_t)(section[i].end - section[i].at);
    buf_done(&state);
    return fits;
}

enum err_code mlp_trainer_restore(struct mlp_trainer *t, const void *data, size_t length, uint32_t *ret_epoch, struct err *err)
{
    struct unpack section[SECTIONS] = {0};
    size_t bytes = t->network.count * sizeof(real);
    enum err_code code = sections_open(&format, data, length, section, err);
    if (code)
        return code;
    if (!is_ours(t, &section[SECTION_IDENTITY]) || !lengths_fit(t, section))
        return err_set(err, ERR_CORRUPT, "the checkpoint is of another run");
    load_state(t, &section[SECTION_STATE]);
    network_from_rows(&t->network, section[SECTION_PARAMETERS].at, t->network.parameters);
    memcpy(t->pass.moments, section[SECTION_MOMENTS].at, network_moments(&t->network) * sizeof(real));
    for (unsigned i = 0; i < states_of(t); i++)
        network_from_rows(&t->network, section[SECTION_OPTIMIZER].at + i * bytes, t->pass.state[i]);
    network_from_rows(&t->result, section[SECTION_RESULT].at, t->result.parameters);
    if (t->best)
        network_from_rows(&t->result, section[SECTION_BEST].at, t->best);
    *ret_epoch = t->epoch;
    return ERR_OK;
}
