/* Predictions from JSON: instances by name or in the order of the features. The body is read once, without a tree of it. */
#include "predict.h"

#include "core/base/mem.h"
#include "server/json/reader.h"
#include <stdlib.h>
#include <string.h>

/* A text, a truth value or a number as the text of a category. */
static void set_text(struct prediction *p, uint32_t feature, const struct json_scalar *v, real *x)
{
    char number[JSON_NUMBER_SIZE];
    const char *text = v->text;
    size_t length = v->length;
    if (v->kind != JSON_STRING) {
        text = v->kind == JSON_BOOLEAN ? (v->boolean ? "true" : "false") : json_number_text(v->number, number);
        length = strlen(text);
    }
    prediction_count(p, encoder_row_text(p->encoder, feature, text, length, encoder_decimal(p->encoder), x));
}

/* Where a value stands, as a pointer for a violation. */
static const char *instance_pointer(char out[POINTER_SIZE], size_t index)
{
    snprintf(out, POINTER_SIZE, "/instances/%zu", index);
    return out;
}

static const char *value_pointer(char out[POINTER_SIZE], size_t index, const char *key, uint32_t position)
{
    char parent[POINTER_SIZE];
    instance_pointer(parent, index);
    if (key)
        api_pointer(out, POINTER_SIZE, parent, key);
    else
        snprintf(out, POINTER_SIZE, "/instances/%zu/%u", index, position);
    return out;
}

/* The value of a feature in an instance, by its key, or NULL by the feature's position. */
static void set_cell(struct prediction *p, uint32_t feature, const struct json_scalar *v, size_t index, const char *key, real *x)
{
    char pointer[POINTER_SIZE];
    const struct encoder_feature *f = encoder_feature(p->encoder, feature);
    bool number = f->type == COLUMN_NUMERIC && f->encoding == ENCODING_NUMBER;
    if (v->kind == JSON_NULL || (v->kind == JSON_STRING && encoder_missing(p->encoder, v->text, v->length)))
        p->warnings.missing++;
    else if (v->kind == JSON_NUMBER && (f->type == COLUMN_NUMERIC || f->encoding == ENCODING_NUMBER))
        prediction_count(p, encoder_row_number(p->encoder, feature, v->number, x));
    else if (number)
        violation_add(&p->violations, value_pointer(pointer, index, key, feature), "type",
                      "\"%.80s\" is numeric: must be a number or null, got %s", f->name, json_kind_name(v->kind));
    else if (v->kind == JSON_ARRAY || v->kind == JSON_OBJECT)
        violation_add(&p->violations, value_pointer(pointer, index, key, feature), "type",
                      "\"%.80s\" is categorical: must be a text or null, got %s", f->name, json_kind_name(v->kind));
    else
        set_text(p, feature, v, x);
}

/* A key that no feature has. */
static void see_other(struct prediction *p, size_t index, const char *key, size_t length)
{
    char pointer[POINTER_SIZE];
    if (!buf_add(&p->others, &key, sizeof key)) /* the reply fails: see prediction_flush */
        p->body->failed = true;
    if (!encoder_passes_over(p->encoder, key, length))
        violation_add(&p->violations, value_pointer(pointer, index, key, 0), "unknown",
                      "the model does not know a column \"%.100s\"", key);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* One of the other keys that came twice, or NULL. */
static const char *other_twice(struct prediction *p)
{
    const char **others = (const char **)(void *)p->others.data;
    size_t count = p->others.length / sizeof *others;
    if (count > 1)
        qsort(others, count, sizeof *others, by_text);
    for (size_t i = 1; i < count; i++)
        if (!strcmp(others[i - 1], others[i]))
            return others[i];
    return NULL;
}

static void set_by_name(struct prediction *p, struct json_reader *in, size_t index, real *x)
{
    uint32_t given = 0;
    const char *twice = NULL;
    char pointer[POINTER_SIZE];
    buf_clear(&p->others);
    for (json_reader_enter(in); json_reader_more(in);) {
        size_t length;
        const char *key = json_reader_key(in, &length);
        int feature = encoder_find(p->encoder, key, length);
        struct json_scalar v;
        json_reader_value(in, &v);
        if (feature < 0) {
            see_other(p, index, key, length);
            continue;
        }
        given++;
        twice = p->given_by[feature] == index + 1 ? key : twice;
        p->given_by[feature] = index + 1;
        set_cell(p, (uint32_t)feature, &v, index, key, x);
    }
    if (twice || (twice = other_twice(p)))
        violation_add(&p->violations, value_pointer(pointer, index, twice, 0), "duplicate", "\"%.100s\" is given twice", twice);
    else
        p->warnings.missing += encoder_features(p->encoder) - given;
}

static void set_by_position(struct prediction *p, struct json_reader *in, size_t index, real *x)
{
    uint32_t feature = 0, features = encoder_features(p->encoder);
    char pointer[POINTER_SIZE];
    for (json_reader_enter(in); json_reader_more(in); feature++) {
        struct json_scalar v;
        json_reader_value(in, &v);
        if (feature < features)
            set_cell(p, feature, &v, index, NULL, x);
    }
    if (feature != features)
        violation_add(&p->violations, instance_pointer(pointer, index), "length",
                      "must have %u values, one for each feature; got %u", features, feature);
}

static enum err_code predict_instances(struct prediction *p, struct json_reader *in, struct err *err)
{
    size_t index = 0;
    enum err_code code = ERR_OK;
    for (json_reader_enter(in); !code && json_reader_more(in); index++) {
        real *x = prediction_next_row(p);
        enum json_kind kind = json_reader_kind(in);
        char pointer[POINTER_SIZE];
        if (kind == JSON_OBJECT) {
            set_by_name(p, in, index, x);
        } else if (kind == JSON_ARRAY) {
            set_by_position(p, in, index, x);
        } else {
            json_reader_skip(in);
            violation_add(&p->violations, instance_pointer(pointer, index), "type",
                          "must be an object by column name or a list in the order of the features, got %s",
                          json_kind_name(kind));
        }
        code = prediction_row_is_ready(p, err);
    }
    return code ? code : prediction_flush(p, err);
}

/* Where the instances are, and how many; false, with violations, when the body is not an object of them. */
static bool find_instances(struct json_reader *in, struct json_reader *ret_instances, size_t *ret_count,
                           struct violations *violations)
{
    bool found = false, list = false;
    char pointer[POINTER_SIZE];
    if (json_reader_kind(in) != JSON_OBJECT) {
        violation_add(violations, "", "type", "must be an object with \"instances\"");
        return false;
    }
    for (json_reader_enter(in); json_reader_more(in);) {
        size_t length;
        const char *key = json_reader_key(in, &length);
        struct json_reader value = *in;
        size_t count = json_reader_skip(in);
        if (strcmp(key, "instances") != 0) {
            api_pointer(pointer, sizeof pointer, "", key);
            violation_add(violations, pointer, "unknown", "unknown field: a prediction takes \"instances\"");
            continue;
        }
        if (found)
            violation_add(violations, "/instances", "duplicate", "is given twice: keep one");
        list = found ? list : json_reader_kind(&value) == JSON_ARRAY;
        found = true;
        *ret_instances = value;
        *ret_count = count;
    }
    if (!list)
        violation_add(violations, "/instances", found ? "type" : "required", "must be a list of rows");
    return !violations->count;
}

static void warnings_write(const struct encoder_warnings *warnings, struct json_writer *w)
{
    json_name(w, "warnings");
    json_object(w);
    json_field_unsigned(w, "missing", warnings->missing);
    json_field_unsigned(w, "unseen", warnings->unseen);
    json_object_end(w);
}

enum http_next predict_json(struct http_request *r, struct prediction *p)
{
    struct json_reader in, instances = {0};
    struct err err = {0};
    size_t count = 0;
    if (!buf_reserve(&r->body, 0)) /* an empty one has no memory yet; the NUL has its place behind what is reserved */
        return http_error(r, &(struct err){.code = ERR_NO_MEMORY, .message = "out of memory"});
    if (json_reader_start(&in, r->body.data, r->body.length, &err))
        return http_error(r, &err);
    if (!find_instances(&in, &instances, &count, &p->violations))
        return http_violations(r, &p->violations);
    if (prediction_check_rows(p, count, &err) || prediction_room(p, count, &err)) /* before any is predicted */
        return http_error(r, &err);
    api_writer(r, &p->w);
    json_object(&p->w);
    json_name(&p->w, "predictions");
    json_array(&p->w);
    if (predict_instances(p, &instances, &err))
        return http_error(r, &err);
    if (p->violations.count)
        return http_violations(r, &p->violations);
    json_array_end(&p->w);
    warnings_write(&p->warnings, &p->w);
    json_object_end(&p->w);
    return http_json(r, 200);
}
