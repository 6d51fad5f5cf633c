#include "optimizer.h"

#include <math.h>
#include <string.h>

#define NONE NAN

const struct optimizer optimizers[MLP_OPTIMIZERS] = {
    [MLP_SGD] = {"sgd", {MLP_SGD, 0.01, NONE, NONE, NONE, NONE, NONE, 0, false}, 0},
    [MLP_MOMENTUM] = {"momentum", {MLP_MOMENTUM, 0.01, 0.9, NONE, NONE, NONE, NONE, 0, false}, 1},
    [MLP_NESTEROV] = {"nesterov", {MLP_NESTEROV, 0.01, 0.9, NONE, NONE, NONE, NONE, 0, false}, 1},
    [MLP_ADAGRAD] = {"adagrad", {MLP_ADAGRAD, 0.01, NONE, NONE, NONE, NONE, 1e-10, 0, false}, 1},
    [MLP_ADADELTA] = {"adadelta", {MLP_ADADELTA, 1, NONE, 0.9, NONE, NONE, 1e-6, 0, false}, 2},
    [MLP_RMSPROP] = {"rmsprop", {MLP_RMSPROP, 0.001, NONE, 0.9, NONE, NONE, 1e-8, 0, false}, 1},
    [MLP_ADAM] = {"adam", {MLP_ADAM, 0.001, NONE, NONE, 0.9, 0.999, 1e-8, 0, true}, 2},
    [MLP_ADAMW] = {"adamw", {MLP_ADAMW, 0.003, NONE, NONE, 0.9, 0.999, 1e-8, 0.01, true}, 2},
};

const char *mlp_optimizer_name(int optimizer)
{
    return optimizer >= 0 && optimizer < MLP_OPTIMIZERS ? optimizers[optimizer].name : NULL;
}

int mlp_optimizer_find(const char *name)
{
    for (int i = 0; i < MLP_OPTIMIZERS; i++)
        if (!strcmp(optimizers[i].name, name))
            return i;
    return -1;
}

void mlp_optimizer_defaults(struct mlp_optimizer_spec *o)
{
    const struct mlp_optimizer_spec *d = &optimizers[o->name].defaults;
    o->learning_rate = isnan(o->learning_rate) ? d->learning_rate : o->learning_rate;
    o->momentum = isnan(o->momentum) ? d->momentum : o->momentum;
    o->rho = isnan(o->rho) ? d->rho : o->rho;
    o->beta1 = isnan(o->beta1) ? d->beta1 : o->beta1;
    o->beta2 = isnan(o->beta2) ? d->beta2 : o->beta2;
    o->epsilon = isnan(o->epsilon) ? d->epsilon : o->epsilon;
    o->weight_decay = isnan(o->weight_decay) ? d->weight_decay : o->weight_decay;
}

struct step optimizer_step(const struct mlp_spec *spec, uint64_t t, double learning_rate)
{
    const struct mlp_optimizer_spec *o = &spec->optimizer;
    struct step s = {.learning_rate = (real)learning_rate, .momentum = (real)o->momentum, .rho = (real)o->rho,
                     .beta1 = (real)o->beta1, .beta2 = (real)o->beta2, .epsilon = (real)o->epsilon, .l1 = (real)spec->l1,
                     .l2 = (real)spec->l2, .keep = (real)(1 - learning_rate * o->weight_decay), .scale = 1};
    if ((o->name == MLP_ADAM || o->name == MLP_ADAMW) && o->bias_correction) {
        /* a c1 m / (sqrt(c2 r) + epsilon), over sqrt c2: the corrections are one factor for all weights (Kingma, Ba 2015, 2) */
        double root = 1 / sqrt(1 - pow(o->beta2, (double)t));
        s.learning_rate = (real)(learning_rate / (1 - pow(o->beta1, (double)t)) / root);
        s.epsilon = (real)(o->epsilon / root);
    }
    return s;
}
