/* What is known of an activation beside its functions, which are kernels: one row each. */
#pragma once

#include "mlp.h"

struct activation {
    const char *name;
    bool rectifier;            /* weights before it start He uniform, others Glorot uniform */
    bool can_die;              /* a unit that was 0 for every row is dead: its derive kernel measures that as a sum of 0 */
    double largest_derivative; /* of one that saturates; 0: it does not */
};
extern const struct activation activations[MLP_ACTIVATIONS];
