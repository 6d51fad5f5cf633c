/* An encoder as bytes inside a model file. */
#include "../base/mem.h"
#include "../base/pack.h"
#include "encoder_internal.h"
#include <math.h>
#include <string.h>

#define ENCODER_VERSION 3  /* 1 knew neither roles nor scalings */
#define ENCODER_OLDEST  2  /* that is still read: it has one target */
#define TARGET_LEAST    24 /* bytes of one without a name or a class */
#define FEATURE_LEAST   48 /* bytes of one without a name or a category */

static void save_categories(const char *const *category, uint32_t count, struct buf *out)
{
    pack_u32(out, count);
    for (uint32_t k = 0; k < count; k++)
        pack_text(out, category[k]);
}

static void save_feature(const struct encoder_feature *f, struct buf *out)
{
    pack_text(out, f->name);
    pack_u32(out, f->type);
    pack_u32(out, f->encoding);
    pack_f64(out, f->mean);
    pack_f64(out, f->shift);
    pack_f64(out, f->scale);
    pack_u32(out, f->has_missing);
    save_categories(f->category, f->categories, out);
    save_categories(f->rare, f->rare_count, out);
    for (uint32_t k = 0; f->level && k < f->categories; k++)
        pack_u32(out, f->level[k]);
}

static void save_target(const struct encoder_target *target, struct buf *out)
{
    pack_text(out, target->name);
    pack_f64(out, target->mean);
    pack_f64(out, target->deviation);
    save_categories(target->class, target->classes, out);
}

bool encoder_save(const struct encoder *e, struct buf *out)
{
    pack_u32(out, ENCODER_VERSION);
    pack_u32(out, e->task);
    pack_u32(out, e->targets);
    for (uint32_t j = 0; j < e->targets; j++)
        save_target(&e->target[j], out);
    pack_texts(out, (const char *const *)e->missing, e->missing_count);
    pack_u32(out, (uint32_t)e->decimal);
    pack_texts(out, (const char *const *)e->passed_over, e->passed_over_count);
    pack_u32(out, e->features);
    for (uint32_t i = 0; i < e->features; i++)
        save_feature(&e->feature[i], out);
    return !out->failed;
}

static void load_classes(struct encoder_target *target, enum task task, struct unpack *u)
{
    uint32_t classes = unpack_u32(u);
    u->failed |= classes > ENCODER_MAX_CLASSES || (task == TASK_REGRESSION ? classes != 0 : classes < 2) ||
                 (task != TASK_MULTICLASS && classes > 2);
    if (!unpack_room(u, classes, sizeof(uint32_t)))
        return;
    const char **class = mem_array(classes + 1, sizeof *class);
    target->class = class;
    unpack_got_memory(u, class);
    for (; !u->failed && target->classes < classes; target->classes++)
        class[target->classes] = unpack_text(u);
}

static void load_target(struct encoder_target *target, enum task task, struct unpack *u)
{
    target->name = unpack_text(u);
    target->mean = unpack_f64(u);
    target->deviation = unpack_f64(u);
    u->failed |= !isfinite(target->mean) || !isfinite(target->deviation) || target->deviation <= 0;
    load_classes(target, task, u);
}

static void load_targets(struct encoder *e, uint32_t version, struct unpack *u)
{
    uint32_t targets = version > ENCODER_OLDEST ? unpack_u32(u) : 1;
    bool several = e->task == TASK_REGRESSION || e->task == TASK_MULTILABEL;
    u->failed |= !targets || (targets > 1 && !several) || (targets == 1 && e->task == TASK_MULTILABEL);
    if (!unpack_room(u, targets, TARGET_LEAST))
        return;
    e->target = mem_array(targets, sizeof *e->target);
    unpack_got_memory(u, e->target);
    for (; !u->failed && e->targets < targets; e->targets++)
        load_target(&e->target[e->targets], e->task, u);
}

/* Texts that ascend, so that they are found. */
static void load_categories(const char *const **ret_category, uint32_t *ret_count, struct unpack *u)
{
    uint32_t count = unpack_u32(u);
    u->failed |= count > ENCODER_MAX_INPUTS;
    if (!unpack_room(u, count, sizeof(uint32_t)))
        return;
    const char **category = mem_array((size_t)count + 1, sizeof *category);
    *ret_category = category;
    unpack_got_memory(u, category);
    for (; !u->failed && *ret_count < count; ++*ret_count) {
        category[*ret_count] = unpack_text(u);
        u->failed |= !u->failed && *ret_count && strcmp(category[*ret_count - 1], category[*ret_count]) >= 0;
    }
}

static void load_levels(struct encoder_feature *f, struct unpack *u)
{
    if (!unpack_room(u, f->categories, sizeof(uint32_t)))
        return;
    uint32_t *level = mem_array((size_t)f->categories + 1, sizeof *level);
    f->level = level;
    unpack_got_memory(u, level);
    for (uint32_t k = 0; !u->failed && k < f->categories; k++) {
        level[k] = unpack_u32(u);
        u->failed |= level[k] >= f->categories;
    }
}

static void load_feature(struct encoder_feature *f, struct unpack *u)
{
    f->name = unpack_text(u);
    uint32_t type = unpack_u32(u), encoding = unpack_u32(u);
    u->failed |= type > COLUMN_CATEGORICAL || encoding > ENCODING_ORDINAL;
    f->type = type == COLUMN_NUMERIC ? COLUMN_NUMERIC : COLUMN_CATEGORICAL;
    f->encoding = u->failed ? ENCODING_NUMBER : (enum encoding)encoding;
    f->mean = unpack_f64(u);
    f->shift = unpack_f64(u);
    f->scale = unpack_f64(u);
    uint32_t missing = unpack_u32(u);
    f->has_missing = missing != 0;
    u->failed |= missing > 1 || !isfinite(f->mean) || !isfinite(f->shift) || !isfinite(f->scale) || f->scale <= 0;
    load_categories(&f->category, &f->categories, u);
    load_categories(&f->rare, &f->rare_count, u);
    u->failed |= (f->encoding != ENCODING_CATEGORIES && (missing || f->rare_count)) ||
                 (f->encoding == ENCODING_NUMBER && f->categories) || (f->encoding == ENCODING_ORDINAL && !f->categories);
    if (f->encoding == ENCODING_ORDINAL)
        load_levels(f, u);
}

static void load(struct encoder *e, uint32_t version, struct unpack *u)
{
    uint32_t task = unpack_u32(u);
    u->failed |= task <= TASK_AUTO || task > TASK_MULTILABEL;
    e->task = u->failed ? TASK_AUTO : (enum task)task;
    load_targets(e, version, u);
    e->missing = unpack_texts(u, &e->missing_count);
    uint32_t decimal = unpack_u32(u);
    u->failed |= decimal != '.' && decimal != ',';
    e->decimal = decimal == ',' ? ',' : '.';
    e->passed_over = unpack_texts(u, &e->passed_over_count);
    uint32_t features = unpack_u32(u);
    if (!unpack_room(u, features, FEATURE_LEAST))
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
    uint32_t version = unpack_u32(&u);
    if (!u.failed && (version < ENCODER_OLDEST || version > ENCODER_VERSION)) {
        encoder_free(e);
        return err_set(err, ERR_CORRUPT, "the model's encoder is of version %u, and this program reads %d to %d: train the run again, or "
                       "use the program that made it", version, ENCODER_OLDEST, ENCODER_VERSION);
    }
    load(e, version, &u);
    enum err_code code = u.failed || u.at != u.end ? ERR_CORRUPT : encoder_number_inputs(e, NULL);
    if (u.no_memory || code == ERR_NO_MEMORY)
        code = err_no_memory(err);
    else if (code)
        code = err_set(err, ERR_CORRUPT, "the model's encoder is damaged");
    if (code)
        encoder_free(e);
    else
        *ret_encoder = e;
    return code;
}
