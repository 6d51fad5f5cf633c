/* GET /v1/runs/{run}/features: what a model takes and gives, as its own encoder has it; the dataset may be gone. */
#include "api.h"

#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include "core/nn/model.h"

static const char *encoding_name(enum encoding encoding)
{
    static const char *const names[] = {
        [ENCODING_NUMBER] = "number", [ENCODING_CATEGORIES] = "categories", [ENCODING_ORDINAL] = "ordinal"};
    return names[encoding];
}

static void texts_write(struct json_writer *w, const char *name, const char *const *texts, uint32_t count)
{
    json_name(w, name);
    json_array(w);
    for (uint32_t i = 0; i < count; i++)
        json_put_string(w, texts[i]);
    json_array_end(w);
}

/* The least first, as they were given. */
static void ordered_write(struct json_writer *w, const struct encoder_feature *f)
{
    cleanup(mem_freep) const char **order = mem_array((size_t)f->categories + 1, sizeof *order);
    w->out->failed |= !order;
    for (uint32_t i = 0; order && i < f->categories; i++)
        order[f->level[i]] = f->category[i];
    if (order)
        texts_write(w, "categories", order, f->categories);
}

static void feature_write(struct json_writer *w, const struct encoder_feature *f)
{
    json_object(w);
    json_field_string(w, "name", f->name);
    json_field_string(w, "type", column_type_name(f->type));
    json_field_string(w, "encoding", encoding_name(f->encoding));
    if (f->encoding == ENCODING_ORDINAL)
        ordered_write(w, f);
    if (f->encoding == ENCODING_CATEGORIES) {
        texts_write(w, "categories", f->category, f->categories);
        texts_write(w, "rare_categories", f->rare, f->rare_count);
        json_field_boolean(w, "missing", f->has_missing);
    } else {
        json_field_double(w, "mean", f->mean);
        json_field_double(w, "shift", f->shift);
        json_field_double(w, "scale", f->scale);
    }
    json_object_end(w);
}

/* A list, so that a model of several targets has a row for each. */
static void targets_write(struct json_writer *w, const struct encoder *e)
{
    json_name(w, "targets");
    json_array(w);
    for (uint32_t j = 0; j < encoder_targets(e); j++) {
        const struct encoder_target *target = encoder_target(e, j);
        json_object(w);
        json_field_string(w, "name", target->name);
        if (target->classes) {
            texts_write(w, "classes", target->class, target->classes);
        } else {
            json_field_double(w, "mean", target->mean);
            json_field_double(w, "standard_deviation", target->deviation);
        }
        json_object_end(w);
    }
    json_array_end(w);
}

enum http_next runs_features(struct http_request *r)
{
    struct model *m = NULL;
    struct json_writer w;
    if (!api_model(r, "to tell of", &m))
        return HTTP_REPLY;
    const struct encoder *e = model_encoder(m);
    api_writer(r, &w);
    json_object(&w);
    json_field_string(&w, "task", task_name(encoder_task(e)));
    targets_write(&w, e);
    json_name(&w, "features");
    json_array(&w);
    for (uint32_t i = 0; i < encoder_features(e); i++)
        feature_write(&w, encoder_feature(e, i));
    json_array_end(&w);
    json_object_end(&w);
    model_unref(m);
    return api_reply_tagged(r);
}
