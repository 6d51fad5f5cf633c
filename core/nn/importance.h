/* Permutation importance: how much worse a network does on rows when the values of one feature are shuffled among them
 * (Breiman, "Random forests", 2001, section 10; model-agnostic, as scikit-learn's permutation_importance). Belongs to
 * one thread. */
#pragma once

#include "mlp.h"

/* The inputs of one feature: they are shuffled together, as the column would be before it was encoded. */
struct importance_feature {
    uint32_t input, inputs;
};

/* Over the repeats: mean and standard deviation (of the population) of what shuffling did to the metric and to the
 * loss. */
struct importance {
    double drop_mean, drop_deviation;         /* metric as it is, less metric when shuffled */
    double increase_mean, increase_deviation; /* loss when shuffled, less loss as it is */
};

struct importance_base {
    unsigned metric;    /* which of the task's it is: R2 of regression, else the accuracy */
    double value, loss; /* of the rows as they are; what is not defined is NAN, and so is what follows from it */
};

/* x: rows x inputs, y: rows, as a source gives them (under 2^32 rows). Feature f is shuffled in repeat r by
 * RNG_IMPORTANCE of the seed, substream r * 2^32 + f: it depends on no other feature, and more repeats begin with the
 * same. ret: one for each feature. ERR_STOPPED within a block of rows once `stop` (may be NULL) is set; *done (may be
 * NULL) counts features. */
enum err_code mlp_importance(const struct mlp_network *n, const struct mlp_matrix *rows, uint64_t count,
                             const struct importance_feature *features, uint32_t feature_count, uint32_t repeats,
                             uint64_t seed, const atomic_int *stop, atomic_uint *done, struct importance_base *ret_base,
                             struct importance *ret, struct err *err);
