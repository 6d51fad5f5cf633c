/* The inside of an encoder, for encoder.c (what it is), encoder_choice.c, encoder_fit.c, encoder_view.c, and encoder_file.c. */
#pragma once

#include "encoder.h"

struct encoder {
    enum task task;
    uint32_t targets;
    struct encoder_target *target; /* owns its texts */
    uint32_t features, inputs;
    struct encoder_feature *feature; /* owns its texts */
    uint32_t *by_name;               /* feature numbers, sorted by name */
    char **missing;                  /* texts that mean "no value"; NULL: the usual ones */
    size_t missing_count;
    char decimal;
    char **passed_over; /* columns that predictions may hold besides, sorted */
    size_t passed_over_count;
};

/* Sets every feature's first input, the number of inputs, and by_name; ERR_INVALID above ENCODER_MAX_INPUTS. */
enum err_code encoder_number_inputs(struct encoder *e, struct err *err);
/* Where a text is in a list that is sorted by bytes, or -1. */
int32_t encoder_find_text(const char *const *sorted, uint32_t count, const char *text, size_t length);
/* The input that is 1 for a text (not missing) of a feature of categories, -1 for none. *ret_known: training saw it. */
int32_t encoder_hot_input(const struct encoder_feature *f, const char *text, size_t length, bool *ret_known);
/* The input of a number or of an ordinal's level; what is missing (NaN) is the mean. */
static inline real encoder_scaled(const struct encoder_feature *f, double value)
{
    return (real)(((value == value ? value : f->mean) - f->shift) / f->scale);
}
/* The whole text as a number, NaN when it is none. */
double encoder_text_value(const char *text, size_t length, char decimal);
/* The number that a category stands for: an ordinal's level, or what the text says; NaN for none. */
double encoder_category_value(const struct encoder_feature *f, const char *text, size_t length, char decimal);
/* Fills categories and levels of an ordinal feature from its order: texts of the column, so for a numeric one each number as
 * it is printed. ERR_INVALID when one is there twice, or is no number in a numeric column. */
enum err_code encoder_set_order(const struct table *t, const struct encoder_choice *c, struct encoder_feature *f,
                                struct err *err);
void encoder_feature_done(struct encoder_feature *f);
void encoder_target_done(struct encoder_target *target);
