/* The encoder turns raw cells into a network's inputs and targets, and a network's outputs back into answers. Fitted
 * on the training rows only, saved inside the model, so that predictions take raw rows.
 *
 * How a feature is encoded follows from its role; auto: numeric columns as numbers, the others as categories.
 * number: missing -> mean, then (x - shift)/scale, one input. standard: (x - mean)/sd with sd the population's; minmax:
 * (x - min)/(max - min); none: x. A constant has scale 1. Of a column of texts, those that are no numbers are missing.
 * categories: one-hot over the categories seen in training (sorted by bytes); those in fewer rows than min_frequency share one
 * more input, "other", as do unseen ones then; one more input for "missing" when training had any. Without "other" an unseen
 * category is all zeros. A number is a category by its text, printed with the fewest digits that read back the same.
 * ordinal: the place in a given order, from 0, and then as a number; an unseen category is as good as missing.
 * regression target: standardized, each of several on its own. Class target: the sorted categories (numeric targets: sorted
 * values, printed with the fewest digits that read back the same); binary, and each target of multilabel, is P(class 1).
 *
 * An encoder is immutable after fit or load: any number of threads may use it. */
#pragma once

#include "../base/buf.h"
#include "../base/real.h"
#include "table.h"
#include "task.h"

#define ENCODER_MAX_CLASSES 10000
#define ENCODER_MAX_INPUTS 1000000
#define ENCODER_CATEGORY_LIMIT 1000 /* unless options say otherwise */

struct encoder;

enum encoder_role { ROLE_AUTO, ROLE_NUMERIC, ROLE_CATEGORICAL, ROLE_ORDINAL, ROLE_IGNORE };
enum encoder_scaling { SCALING_AUTO, SCALING_STANDARD, SCALING_MINMAX, SCALING_NONE };
const char *encoder_role_name(int role);       /* "auto", "numeric", ...; NULL past the end */
const char *encoder_scaling_name(int scaling); /* "auto", "standard", "minmax", "none"; NULL past the end */

/* What is said of one column. */
struct encoder_column {
    const char *name;
    enum encoder_role role;
    enum encoder_scaling scaling;   /* numbers and ordinals; auto: as of all */
    const char *const *order;       /* ordinal: every category of the column, the least first */
    uint32_t order_count;
    double min_frequency;    /* categories: see below; NAN: as of all */
    uint32_t category_limit; /* categories: see below; 0: as of all */
};

struct encoder_options {
    const char *const *targets; /* one, or several of regression or multilabel */
    uint32_t target_count;
    const char *const *features; /* NULL: all columns but the targets, in the table's order */
    uint32_t feature_count;
    enum task task; /* TASK_AUTO: categorical of two classes binary, several of them multilabel, of more multiclass; numeric
                     * regression */
    const struct encoder_column *columns; /* each name once, in any order */
    uint32_t column_count;
    const char *skipped;     /* a column that is no feature and says something else of the rows, or NULL */
    enum encoder_scaling scaling; /* of all: auto is standard */
    const char *weights;     /* a numeric column that says how many rows each row counts for (row_weights.h), or NULL; it is no
                              * feature when columns ignore it */
    double min_frequency;    /* a category of fewer training rows is folded; under 1: of a smaller share of them */
    uint32_t category_limit; /* categories that get an input each, at most; 0: ENCODER_CATEGORY_LIMIT */
};

enum encoding { ENCODING_NUMBER, ENCODING_CATEGORIES, ENCODING_ORDINAL };

struct encoder_feature {
    const char *name;
    enum column_type type; /* of its column in training */
    enum encoding encoding;
    uint32_t input, inputs; /* its first input and how many it has: one, or categories, then other, then missing */
    double mean;            /* number, ordinal: of the training rows; what is missing becomes it */
    double shift, scale;    /* number, ordinal: the input is (x - shift) / scale */
    uint32_t categories;    /* categories, ordinal: sorted by bytes */
    const char *const *category;
    const uint32_t *level; /* ordinal: where each is in the order */
    uint32_t rare_count;   /* categories that were folded: they have an input together when there are any */
    const char *const *rare; /* sorted by bytes */
    bool has_missing;      /* categories: has an input for "missing" */
};

struct encoder_target {
    const char *name;
    double mean, deviation; /* regression: of the training rows; else 0 and 1 */
    uint32_t classes;       /* 0 for regression, 2 for binary and multilabel */
    const char *const *class;
};

/* Which columns are features, and how each will be encoded. */
struct encoder_choice {
    uint32_t column; /* of the table */
    enum encoding encoding;
    enum encoder_scaling scaling; /* never auto */
    double min_frequency;
    uint32_t category_limit;
    const struct encoder_column *own; /* what was said of it, or NULL */
};
/* The features, in order (mem_free). Unknown or repeated columns, targets or skipped column among the features or columns, no
 * feature left: ERR_INVALID with a message that names the column. */
enum err_code encoder_choose(const struct table *t, const struct encoder_options *o, struct encoder_choice **ret_choices,
                             uint32_t *ret_count, struct err *err);
/* Whether the column can be encoded so: ERR_INVALID, and *ret_option (static) is what is at fault: "role", "order", "scaling",
 * "min_frequency" or "category_limit". *ret_inputs: how many inputs it makes at most. */
enum err_code encoder_choice_check(const struct table *t, const struct encoder_choice *c, uint32_t *ret_inputs,
                                   const char **ret_option, struct err *err);
/* The task alone: a task that does not fit the targets (binary with other than two classes, regression on text) is ERR_INVALID, and
 * *ret_at (may be NULL) the number of the target at fault, or how many there are when it is the task. ret_task is never
 * TASK_AUTO. */
enum err_code encoder_check_target(const struct table *t, const struct encoder_options *o, enum task *ret_task, uint32_t *ret_at,
                                   struct err *err);
/* Resolves names and task against the table before any fitting: what encoder_check_target, encoder_choose
 * and encoder_choice_check refuse is ERR_INVALID with a message that names the column. */
enum err_code encoder_check(const struct table *t, const struct encoder_options *o, enum task *ret_task, struct err *err);
/* The rows whose targets are all present (mem_free), ascending; classes (mem_free; NULL for regression and for several targets)
 * holds each one's class number; of a class that only rows of weight 0 have, -1. Rows without a target are left out. */
enum err_code encoder_target_rows(const struct table *t, const struct encoder_options *o, uint32_t **ret_rows,
                                  int32_t **ret_classes, size_t *ret_count, struct err *err);
/* Fits on these rows of the table, each by its weight: one of weight 2 is as good as two rows, one of 0 as none. Classes come from
 * the whole column (but for rows of weight 0), so that a rare class is known. */
enum err_code encoder_fit(const struct table *t, const struct encoder_options *o, const uint32_t *rows, size_t count,
                          struct encoder **ret_encoder, struct err *err);
void encoder_free(struct encoder *e);

enum task encoder_task(const struct encoder *e);
uint32_t encoder_inputs(const struct encoder *e);
uint32_t encoder_outputs(const struct encoder *e); /* one for each target, or for each class of multiclass */
uint32_t encoder_features(const struct encoder *e);
const struct encoder_feature *encoder_feature(const struct encoder *e, uint32_t feature);
int encoder_find(const struct encoder *e, const char *name, size_t length); /* a feature's index by name, or -1 */
uint32_t encoder_targets(const struct encoder *e);
const struct encoder_target *encoder_target(const struct encoder *e, uint32_t target);
/* Whether a column is no feature, and may be given all the same: the targets, and those that training was told to ignore. */
bool encoder_passes_over(const struct encoder *e, const char *name, size_t length);

/* How a table's columns meet the encoder: made once per (encoder, table), then any thread may use it. */
struct encoder_view;
enum err_code encoder_view_new(const struct encoder *e, const struct table *t, struct encoder_view **ret_view,
                               struct err *err);
/* The same where rows of weight 0, by the column of that name (NULL: none), may have a class that training had not: they are not
 * to be encoded. */
enum err_code encoder_view_new_weighted(const struct encoder *e, const struct table *t, const char *weights,
                                        struct encoder_view **ret_view, struct err *err);
void encoder_view_free(struct encoder_view *v);
/* The table's rows that have all targets (mem_free), ascending. ERR_INVALID without any. */
enum err_code encoder_view_rows(const struct encoder_view *v, uint32_t **ret_rows, size_t *ret_count, struct err *err);
/* x: count x stride (stride >= inputs; the rest of each row is left alone), y: count x targets (standardized values, or class
 * numbers; NULL to leave out). One thread at a time on a view. */
void encoder_encode(const struct encoder_view *v, const uint32_t *rows, size_t count, real *x, size_t stride, real *y);

/* Predictions, one cell at a time: start a row (every feature missing), set what is given. */
struct encoder_warnings {
    uint64_t missing; /* values imputed or encoded as missing */
    uint64_t unseen;  /* categories never seen in training */
};
/* Whether a text means "no value", as it did in the table that the encoder was fitted on. */
bool encoder_missing(const struct encoder *e, const char *text, size_t length);
void encoder_row_start(const struct encoder *e, real *x);
enum encoder_cell {
    CELL_KNOWN,
    CELL_MISSING,  /* imputed, or encoded as missing: also a text that is no number, where training had texts as numbers */
    CELL_UNSEEN,   /* a category that training did not see */
    CELL_NO_NUMBER /* a text in a numeric column; nothing was set */
};
enum encoder_cell encoder_row_number(const struct encoder *e, uint32_t feature, double value, real *x);
/* `decimal`: the mark of numbers among the texts. A text that means "no value" is not looked for here. */
enum encoder_cell encoder_row_text(const struct encoder *e, uint32_t feature, const char *text, size_t length, char decimal,
                                   real *x);
char encoder_decimal(const struct encoder *e); /* of the table, where texts are read as numbers; else '.' */

/* Bytes inside the model file: self-contained, versioned. Loading checks every length: truncated or altered bytes are
 * ERR_CORRUPT, never a crash. */
bool encoder_save(const struct encoder *e, struct buf *out);
enum err_code encoder_load(const void *data, size_t length, struct encoder **ret_encoder, struct err *err);
