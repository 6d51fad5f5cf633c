/* The encoder turns raw cells into a network's inputs and targets, and a network's outputs back into answers. Fitted
 * on the training rows only, saved inside the model, so that predictions take raw rows.
 *
 * numeric feature: missing -> mean, then (x - mean)/sd with sd the population's, 0 -> 1; one input.
 * categorical feature: one-hot over the categories seen in training (sorted by bytes), one more input for "missing"
 * when training had any; an unseen category is all zeros.
 * regression target: standardized. Class target: the sorted categories (numeric targets: sorted values, printed with
 * the fewest digits that read back the same); class k of binary is P(class 1).
 *
 * An encoder is immutable after fit or load: any number of threads may use it. */
#pragma once

#include "../base/buf.h"
#include "../base/real.h"
#include "table.h"
#include "task.h"

#define ENCODER_MAX_CLASSES 10000
#define ENCODER_MAX_INPUTS 1000000

struct encoder;

struct encoder_options {
    const char *target;
    const char *const *features; /* NULL: all columns but the target, in the table's order */
    uint32_t feature_count;
    enum task task; /* TASK_AUTO: categorical of two classes binary, of more multiclass, numeric regression */
};

struct encoder_feature {
    const char *name;
    enum column_type type;
    uint32_t input, inputs;   /* its first input and how many it has */
    double mean, deviation;   /* numeric */
    uint32_t categories;      /* categorical, sorted */
    const char *const *category;
    bool has_missing;         /* categorical: has an input for "missing" */
};

/* Resolves names and task against the table before any fitting: unknown or repeated columns, target among the
 * features, no feature, a task that does not fit the target (binary with other than two classes, regression on text)
 * are ERR_INVALID with a message that names the column. ret_task is never TASK_AUTO. */
enum err_code encoder_check(const struct table *t, const struct encoder_options *o, enum task *ret_task, struct err *err);
/* The rows whose target is present (mem_free), ascending; classes (mem_free; NULL for regression) holds each one's class
 * number. Rows without a target are left out. */
enum err_code encoder_target_rows(const struct table *t, const struct encoder_options *o, uint32_t **ret_rows,
                                  int32_t **ret_classes, size_t *ret_count, struct err *err);
/* Fits on these rows of the table. Classes come from the whole column, so that a rare class is known. */
enum err_code encoder_fit(const struct table *t, const struct encoder_options *o, const uint32_t *rows, size_t count,
                          struct encoder **ret_encoder, struct err *err);
void encoder_free(struct encoder *e);

enum task encoder_task(const struct encoder *e);
uint32_t encoder_inputs(const struct encoder *e);
uint32_t encoder_outputs(const struct encoder *e); /* 1, or the classes of multiclass */
uint32_t encoder_features(const struct encoder *e);
const struct encoder_feature *encoder_feature(const struct encoder *e, uint32_t feature);
int encoder_find(const struct encoder *e, const char *name, size_t length); /* a feature's index by name, or -1 */
const char *encoder_target(const struct encoder *e);
uint32_t encoder_classes(const struct encoder *e); /* 0 for regression, 2 for binary */
const char *encoder_class(const struct encoder *e, uint32_t k);
double encoder_target_mean(const struct encoder *e);
double encoder_target_deviation(const struct encoder *e);

/* How a table's columns meet the encoder: made once per (encoder, table), then any thread may use it. */
struct encoder_view;
enum err_code encoder_view_new(const struct encoder *e, const struct table *t, struct encoder_view **ret_view,
                               struct err *err);
void encoder_view_free(struct encoder_view *v);
/* x: count x stride (stride >= inputs; the rest of each row is left alone), y: count (standardized value, or class
 * number; NULL to leave out). */
void encoder_encode(const struct encoder_view *v, const uint32_t *rows, size_t count, real *x, size_t stride, real *y);

/* Predictions, one cell at a time: start a row (every feature missing), set what is given. */
struct encoder_warnings {
    uint64_t missing; /* values imputed or encoded as missing */
    uint64_t unseen;  /* categories never seen in training */
};
/* Whether a text means "no value", as it did in the table that the encoder was fitted on. */
bool encoder_missing(const struct encoder *e, const char *text, size_t length);
void encoder_row_start(const struct encoder *e, real *x);
void encoder_row_number(const struct encoder *e, uint32_t feature, double value, real *x);
/* Returns whether the category is known (false: all zeros). */
bool encoder_row_category(const struct encoder *e, uint32_t feature, const char *text, size_t length, real *x);

/* Bytes inside the model file: self-contained, versioned. Loading checks every length: truncated or altered bytes are
 * ERR_CORRUPT, never a crash. */
bool encoder_save(const struct encoder *e, struct buf *out);
enum err_code encoder_load(const void *data, size_t length, struct encoder **ret_encoder, struct err *err);
