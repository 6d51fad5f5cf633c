/* An encoder as bytes inside a model file. */
#include "../base/mem.h"
#include "../base/pack.h"
#include "encoder_internal.h"
#include <math.h>

#define ENCODER_VERSION 1

bool encoder_save(const struct encoder *e, struct buf *out)
{
    pack_u32(out, ENCODER_VERSION);
    pack_u32(out, e->task);
    pack_text(out, e->target);
    pack_f64(out, e->target_mean);
    pack_f64(out, e->target_deviation);
    pack_u32(out, e->classes);
    for (uint32_t k = 0; k < e->classes; k++)
        pack_text(out, e->class_name[k]);
    pack_texts(out, (const char *const *)e->missing, e->missing_count);
    pack_u32(out, e->features);
    for (uint32_t i = 0; i < e->features; i++) {
        const struct encoder_feature *f = &e->feature[i];
        pack_text(out, f->name);
        pack_u32(out, f->type);
        pack_f64(out, f->mean);
        pack_f64(out, f->deviation);
        pack_u32(out, f->has_missing);
        pack_u32(out, f->categories);
        for (uint32_t k = 0; k < f->categories; k++)
            pack_text(out, f->category[k]);
    }
    return !out->failed;
}

static void load_classes(struct encoder *e, struct unpack *u)
{
    uint32_t classes = unpack_u32(u);
    u->failed |= classes > ENCODER_MAX_CLASSES || (e->task == TASK_REGRESSION ? classes != 0 : classes < 2) ||
                 (e->task == TASK_BINARY && classes != 2);
    if (!unpack_room(u, classes, sizeof(uint32_t)))
        return;
    e->class_name = mem_array(classes + 1, sizeof *e->class_name);
    unpack_got_memory(u, e->class_name);
    for (; !u->failed && e->classes < classes; e->classes++)
        e->class_name[e->classes] = unpack_text(u);
}

static void load_feature(struct encoder_feature *f, struct unpack *u)
{
    f->name = unpack_text(u);
    uint32_t type = unpack_u32(u);
    f->type = type == COLUMN_NUMERIC ? COLUMN_NUMERIC : COLUMN_CATEGORICAL;
    f->mean = unpack_f64(u);
    f->deviation = unpack_f64(u);
    uint32_t missing = unpack_u32(u), categories = unpack_u32(u);
    f->has_missing = missing != 0;
    bool numeric = f->type == COLUMN_NUMERIC;
    u->failed |= type > COLUMN_CATEGORICAL || missing > 1 || !isfinite(f->mean) || !isfinite(f->deviation) ||
                 f->deviation <= 0 || categories > ENCODER_MAX_INPUTS || (numeric && (missing || categories));
    if (numeric || !unpack_room(u, categories, sizeof(uint32_t)))
        return;
    const char **category = mem_array(categories + 1, sizeof *category);
    f->category = category;
    unpack_got_memory(u, category);
    for (; !u->failed && f->categories < categories; f->categories++)
        category[f->categories] = unpack_text(u);
}

static void load(struct encoder *e, struct unpack *u)
{
    u->failed |= unpack_u32(u) != ENCODER_VERSION;
    uint32_t task = unpack_u32(u);
    u->failed |= task != TASK_REGRESSION && task != TASK_BINARY && task != TASK_MULTICLASS;
    e->task = (enum task)task;
    e->target = unpack_text(u);
    e->target_mean = unpack_f64(u);
    e->target_deviation = unpack_f64(u);
    u->failed |= !isfinite(e->target_mean) || !isfinite(e->target_deviation);
    load_classes(e, u);
    e->missing = unpack_texts(u, &e->missing_count);
    uint32_t features = unpack_u32(u);
    if (!unpack_room(u, features, 32))
        return;
    e->feature = mem_array(features + 1, sizeof *e->feature);
    unpack_got_memory(u, e->feature);
    for (; !u->failed && e->features < features; e->features++)
        load_feature(&e->feature[e->features], u);
}

enum err_code encoder_load(const void *data, size_t length, struct encoder **ret_encoder, struct err *err)
{
    struct unpack u = {.at = data, .end = (const unsigned char *)data + length};
    struct encoder *e = mem_zalloc(sizeof *e);
    if (!e)
        return err_no_memory(err);
    load(e, &u);
    enum err_code code = u.failed || u.at != u.end ? ERR_CORRUPT : encoder_number_inputs(e, NULL);
    if (u.no_memory || code == ERR_NO_MEMORY)
        code = err_no_memory(err);
    else if (code)
        code = err_set(err, ERR_CORRUPT, "the model's encoder is damaged, or of a version that is not read here");
    if (code)
        encoder_free(e);
    else
        *ret_encoder = e;
    return code;
}
