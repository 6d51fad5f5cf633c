#include "model.h"

#include "../base/mem.h"
#include "../base/pack.h"
#include "../base/sha256.h"
#include "network.h"
#include <math.h>
#include <string.h>

/* The layout: magic | version, endianness mark, sections | the length of each section | the sections | SHA-256 */
#define MODEL_VERSION 1
#define MODEL_ENDIAN  0x01020304u
static const char magic[8] = {'M', 'L', 'P', 'M', 'O', 'D', 'E', 'L'};
enum section { SECTION_ENCODER, SECTION_NETWORK, SECTION_WEIGHTS, SECTIONS };

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
static void save_row(const real *row, uint32_t units, struct buf *out)
{
    float block[256];
    for (uint32_t at = 0; at < units; at += 256) {
        uint32_t count = units - at < 256 ? units - at : 256;
        for (uint32_t j = 0; j < count; j++)
            block[j] = (float)row[at + j];
        buf_add(out, block, count * sizeof *block);
    }
}

static void save_weights(const struct mlp_network *n, struct buf *out)
{
    for (uint32_t l = 0; l < n->layers; l++) {
        const struct layer *layer = &n->layer[l];
        for (uint32_t i = 0; i < layer->inputs; i++)
            save_row(n->parameters + layer->weights + i * layer->stride, layer->units, out);
        save_row(n->parameters + layer->bias, layer->units, out);
    }
}

bool model_save(const struct encoder *e, const struct mlp_network *n, struct buf *out)
{
    size_t start = out->length, lengths, at;
    buf_add(out, magic, sizeof magic);
    pack_u32(out, MODEL_VERSION);
    pack_u32(out, MODEL_ENDIAN);
    pack_u32(out, SECTIONS);
    pack_u32(out, 0);
    lengths = out->length;
    for (int i = 0; i < SECTIONS; i++)
        pack_u64(out, 0);
    for (int i = 0; i < SECTIONS; i++) {
        at = out->length;
        if (i == SECTION_ENCODER)
            encoder_save(e, out);
        else
            (i == SECTION_NETWORK ? save_network : save_weights)(n, out);
        if (out->failed)
            return false;
        uint64_t length = out->length - at;
        memcpy(out->data + lengths + (size_t)i * sizeof length, &length, sizeof length);
    }
    uint8_t digest[SHA256_BYTES];
    struct sha256 sha;
    sha256_start(&sha);
    sha256_add(&sha, out->data + start, out->length - start);
    sha256_finish(&sha, digest);
    return buf_add(out, digest, sizeof digest);
}

/* ---- load ----------------------------------------------------------------------------------------------------------- */

static enum err_code damaged(struct err *err, const char *what)
{
    return err_set(err, ERR_CORRUPT, "the model file is damaged: %s", what);
}

/* The whole file's digest, and where the sections are. */
static enum err_code open_sections(const void *data, size_t length, struct unpack section[SECTIONS], struct err *err)
{
    struct unpack u = {.at = data, .end = (const unsigned char *)data + length};
    const unsigned char *start = unpack_skip(&u, sizeof magic);
    if (!start || memcmp(start, magic, sizeof magic) != 0)
        return damaged(err, "it does not start as one");
    uint32_t version = unpack_u32(&u), endian = unpack_u32(&u), sections = unpack_u32(&u), reserved = unpack_u32(&u);
    if (!u.failed && version > MODEL_VERSION && endian == MODEL_ENDIAN)
        return err_set(err, ERR_CORRUPT, "the model file is of version %u; this program reads up to %d: use a newer one", version,
                       MODEL_VERSION);
    if (u.failed || version != MODEL_VERSION || endian != MODEL_ENDIAN || sections != SECTIONS || reserved ||
        (size_t)(u.end - u.at) < SECTIONS * sizeof(uint64_t) + SHA256_BYTES)
        return damaged(err, "its head is wrong or cut short");
    uint8_t digest[SHA256_BYTES];
    struct sha256 sha;
    sha256_start(&sha);
    sha256_add(&sha, data, length - SHA256_BYTES);
    sha256_finish(&sha, digest);
    u.end -= SHA256_BYTES;
    if (memcmp(digest, u.end, SHA256_BYTES) != 0)
        return damaged(err, "its SHA-256 does not fit its bytes");
    uint64_t size[SECTIONS];
    for (int i = 0; i < SECTIONS; i++)
        size[i] = unpack_u64(&u);
    for (int i = 0; i < SECTIONS; i++) {
        section[i].at = unpack_skip(&u, (size_t)size[i]);
        section[i].end = u.at;
        section[i].failed = false;
    }
    return u.failed || u.at != u.end ? damaged(err, "its sections do not fill it") : ERR_OK;
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

static bool load_row(struct unpack *u, real *row, uint32_t units)
{
    const unsigned char *bytes = unpack_skip(u, units * sizeof(float));
    double finite = 0;
    for (uint32_t j = 0; bytes && j < units; j++) {
        float weight;
        memcpy(&weight, bytes + j * sizeof weight, sizeof weight);
        row[j] = (real)weight;
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
            fine = load_row(u, n->parameters + layer->weights + i * layer->stride, layer->units);
        fine = fine && load_row(u, n->parameters + layer->bias, layer->units);
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
    enum err_code code = open_sections(data, length, section, err);
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
