/* The inside of an encoder, for encoder.c (what it is), encoder_fit.c, encoder_view.c, and encoder_file.c. */
#pragma once

#include "encoder.h"

struct encoder {
    enum task task;
    char *target;
    double target_mean, target_deviation;
    uint32_t classes;
    char **class_name;
    uint32_t features, inputs;
    struct encoder_feature *feature; /* owns its texts */
    uint32_t *by_name;               /* feature numbers, sorted by name */
    char **missing;                  /* texts that mean "no value"; NULL: the usual ones */
    size_t missing_count;
};

/* Sets every feature's first input, the number of inputs, and by_name; ERR_INVALID above ENCODER_MAX_INPUTS. */
enum err_code encoder_number_inputs(struct encoder *e, struct err *err);
/* The feature's category with this text, or -1. */
int32_t encoder_category(const struct encoder_feature *f, const char *text, size_t length);
