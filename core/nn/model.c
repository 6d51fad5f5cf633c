#include "model.h"

#include "../base/mem.h"
#include "../base/pack.h"
#include "../base/sections.h"
#include "network.h"
#include <math.h>
#include <string.h>

enum section { SECTION_ENCODER, SECTION_NETWORK, SECTION_WEIGHTS, SECTIONS };
static const struct sections_format format = {"MLPMODEL", "model file", 1, SECTIONS};

struct model {
    struct encoder *encoder;
    struct mlp_network network;
    atomic_uint references;
};

/* ---- save ----------------------------------------------------------------------------------------------------------- */

static void save_network(const struct mlp_network *n, struct buf *out)
{
    const struct mlp_spec *s = &n->spec;
    pack_text(out, task_name(s->task));
    pack_u32(out, s->inputs);
    pack_u32(out, s->outputs);
    pack_u32(out, s->hidden_count);
    for (uint32_t l = 0; l < s->hidden_count; l++) {
        pack_u32(out, s->hidden[l].units);
        pack_text(out, mlp_activation_name((int)s->hidden[l].activation));
        pack_f64(out, s->hidden[l].negative_slope);
    }
}

/* float32 whatever real is: for each layer W (inputs x units), then b (units). */
static void save_reals(const real *reals, uint32_t count, struct buf *out)
{
    float block[256];
    for (uint32_t at = 0; at < count; at += 256) {
        uint32_t some = count - at < 256 ? count - at : 256;
        for (uint32_t j = 0; j < some; j++)
            block[j] = (float)reals[at + j];
        buf_add(out, block, some * sizeof *block);
    }
}

static void save_weights(const struct mlp_network *n, struct buf *out)
{
    for (uint32_t l = 0; l < n->layers; l++) {
        const struct layer *layer = &n->layer[l];
        for (uint32_t i = 0; i < layer->inputs; i++)
            for (uint32_t j = 0; j < layer->units; j += KERNEL_PANEL)
                save_reals(n->parameters + network_weight(layer, i, j), network_panel_units(layer, j), out);
        save_reals(n->parameters + layer->bias, layer->units, out);
    }
}

bool model_save(const struct encoder *e, const struct mlp_network *n, struct buf *out)
{
    struct sections_out file;
    sections_start(&file, &format, out);
    for (int i = 0; i < SECTIONS; i++) {
        if (i == SECTION_ENCODER)
            encoder_save(e, out);
        else
            (i == SECTION_NETWORK ? save_network : save_weights)(n, out);
        sections_next(&file);
    }
    return sections_finish(&file);
}

/* ---- load ----------------------------------------------------------------------------------------------------------- */

static enum err_code damaged(struct err *err, const char *what)
{
    return err_set(err, ERR_CORRUPT, "the model file is damaged: %s", what);
}

static void load_name(struct unpack *u, int (*find)(const char *), int *ret)
{
    char *name = unpack_text(u);
    *ret = name ? find(name) : -1;
    u->failed |= *ret < 0;
    mem_free(name);
}

static enum err_code load_spec(struct unpack *u, struct mlp_spec *s, struct err *err)
{
    int task, activation;
    mlp_spec_default(s);
    load_name(u, task_find, &task);
    s->inputs = unpack_u32(u);
    s->outputs = unpack_u32(u);
    s->hidden_count = unpack_u32(u);
    u->failed |= s->hidden_count > MLP_MAX_HIDDEN;
    for (uint32_t l = 0; !u->failed && l < s->hidden_count; l++) {
        s->hidden[l].units = unpack_u32(u);
        load_name(u, mlp_activation_find, &activation);
        s->hidden[l].activation = u->failed ? MLP_IDENTITY : (enum mlp_activation)activation;
        s->hidden[l].negative_slope = unpack_f64(u);
    }
    s->task = u->failed ? TASK_AUTO : (enum task)task;
    if (u->no_memory)
        return err_no_memory(err);
    return u->failed || u->at != u->end || mlp_spec_check(s, NULL) ? damaged(err, "its network is none") : ERR_OK;
}

static bool load_reals(struct unpack *u, real *reals, uint32_t count)
{
    const unsigned char *bytes = unpack_skip(u, count * sizeof(float));
    double finite = 0;
    for (uint32_t j = 0; bytes && j < count; j++) {
        float weight;
        memcpy(&weight, bytes + j * sizeof weight, sizeof weight);
        reals[j] = (real)weight;
        finite += 0 * (double)weight;
    }
    return bytes && finite == 0;
}

static bool load_weights(struct unpack *u, struct mlp_network *n)
{
    bool fine = true;
    for (uint32_t l = 0; fine && l < n->layers; l++) {
        const struct layer *layer = &n->layer[l];
        for (uint32_t i = 0; fine && i < layer->inputs; i++)
            for (uint32_t j = 0; fine && j < layer->units; j += KERNEL_PANEL)
                fine = load_reals(u, n->parameters + network_weight(layer, i, j), network_panel_units(layer, j));
        fine = fine && load_reals(u, n->parameters + layer->bias, layer->units);
    }
    return fine && u->at == u->end;
}

static enum err_code load(struct model *m, struct unpack section[SECTIONS], struct err *err)
{
    const struct unpack *e = &section[SECTION_ENCODER];
    struct mlp_spec spec;
    enum err_code code = encoder_load(e->at, (size_t)(e->end - e->at), &m->encoder, err);
    if (code || (code = load_spec(&section[SECTION_NETWORK], &spec, err)))
        return code;
    if (encoder_task(m->encoder) != spec.task || encoder_inputs(m->encoder) != spec.inputs ||
        encoder_outputs(m->encoder) != spec.outputs)
        return damaged(err, "its network does not fit its encoder");
    if ((uint64_t)(section[SECTION_WEIGHTS].end - section[SECTION_WEIGHTS].at) != mlp_spec_parameters(&spec) * sizeof(float))
        return damaged(err, "its weights do not fit its network");
    if ((code = network_init(&m->network, &spec, err)))
        return code;
    return load_weights(&section[SECTION_WEIGHTS], &m->network) ? ERR_OK : damaged(err, "a weight is not finite");
}

enum err_code model_load(const void *data, size_t length, struct model **ret_model, struct err *err)
{
    struct unpack section[SECTIONS] = {0};
    enum err_code code = sections_open(&format, data, length, section, err);
    if (code)
        return code;
    struct model *m = mem_zalloc(sizeof *m);
    if (!m)
        return err_no_memory(err);
    atomic_init(&m->references, 1);
    if ((code = load(m, section, err))) {
        model_unref(m);
        return code;
    }
    *ret_model = m;
    return ERR_OK;
}

/* ---- shared --------------------------------------------------------------------------------------------------------- */

struct model *model_ref(struct model *m)
{
    atomic_fetch_add(&m->references, 1);
    return m;
}

void model_unref(struct model *m)
{
    if (!m || atomic_fetch_sub(&m->references, 1) > 1)
        return;
    encoder_free(m->encoder);
    network_done(&m->network);
    mem_free(m);
}

const struct encoder *model_encoder(const struct model *m)
{
    return m->encoder;
}

const struct mlp_network *model_network(const struct model *m)
{
    return &m->network;
}
