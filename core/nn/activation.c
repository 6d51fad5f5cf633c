#include "activation.h"

#include <string.h>

const struct activation activations[MLP_ACTIVATIONS] = {
    [MLP_IDENTITY] = {.name = "identity"},
    [MLP_STEP] = {.name = "step", .can_die = true},
    [MLP_SIGMOID] = {.name = "sigmoid", .largest_derivative = 0.25},
    [MLP_TANH] = {.name = "tanh", .largest_derivative = 1},
    [MLP_RELU] = {.name = "relu", .rectifier = true, .can_die = true},
    [MLP_LEAKY_RELU] = {.name = "leaky_relu", .rectifier = true},
};

const char *mlp_activation_name(int activation)
{
    return activation >= 0 && activation < MLP_ACTIVATIONS ? activations[activation].name : NULL;
}

int mlp_activation_find(const char *name)
{
    for (int i = 0; i < MLP_ACTIVATIONS; i++)
        if (!strcmp(activations[i].name, name))
            return i;
    return -1;
}
