/* Feed-forward networks of p layers: the public header of the numerics. No JSON, SQL, HTTP, or threads' policy.
 *
 * Use, in five steps:
 *   1. fill a struct mlp_spec (mlp_spec_default, then what differs) and check it: mlp_spec_check
 *   2. describe the rows as a struct mlp_source (training, and optionally validation)
 *   3. mlp_trainer_new
 *   4. while ((code = mlp_trainer_epoch(t, &stop, &epoch, &err)) == ERR_OK && epoch.epoch < spec.epochs) store(&epoch);
 *   5. mlp_trainer_network: predict with it (mlp_predict), save it (model_save in model.h)
 *
 * Symbols of the course: a0 = x; z_l = a_(l-1) W_l + b_l; a_l = f_l(z_l), l = 1..p. Everything is row-major; W_l is
 * inputs x units. Shapes stand beside tensors. Formulas: Goodfellow, Bengio, Courville, "Deep Learning" (2016), ch. 6, 8. */
#pragma once

#include "../base/buf.h"
#include "../base/err.h"
#include "../base/real.h"
#include "../data/task.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MLP_MAX_HIDDEN 64
#define MLP_MAX_UNITS 65536
#define MLP_MAX_PARAMETERS 100000000
#define MLP_MAX_EPOCHS 1000000
#define MLP_METRICS_MAX 4

enum mlp_activation { MLP_IDENTITY, MLP_STEP, MLP_SIGMOID, MLP_TANH, MLP_RELU, MLP_LEAKY_RELU, MLP_ACTIVATIONS };
enum mlp_optimizer {
    MLP_SGD,
    MLP_MOMENTUM,
    MLP_NESTEROV,
    MLP_ADAGRAD,
    MLP_ADADELTA,
    MLP_RMSPROP,
    MLP_ADAM,
    MLP_ADAMW,
    MLP_OPTIMIZERS
};
/* Of regression; all other tasks have the cross-entropy. Of several targets, the mean over them. */
enum mlp_loss { MLP_SQUARED_ERROR, MLP_ABSOLUTE_ERROR, MLP_HUBER, MLP_LOSSES };

const char *mlp_activation_name(int activation); /* NULL past the end, so that a table can be walked */
int mlp_activation_find(const char *name);       /* -1 when there is none */
const char *mlp_optimizer_name(int optimizer);
int mlp_optimizer_find(const char *name);
const char *mlp_loss_name(int loss);
const char *mlp_schedule_name(int schedule);

/* The instruction set that the numerics use on this machine ("x86-64-v3", ...): results depend on it in their last bits. */
const char *mlp_instruction_set(void);

struct mlp_hidden {
    uint32_t units;
    enum mlp_activation activation;
    double negative_slope; /* leaky_relu */
    bool batch_normalization; /* of z, before the activation (Ioffe and Szegedy 2015) */
    double dropout; /* share of the activations that a training pass leaves out (Srivastava et al. 2014), 0 to below 1 */
};

/* A field that its optimizer does not have is ignored. NAN means "this optimizer's default" (mlp_optimizer_defaults). */
struct mlp_optimizer_spec {
    enum mlp_optimizer name;
    double learning_rate, momentum, rho, beta1, beta2, epsilon;
    double weight_decay; /* of weights at each update, times the learning rate, beside the gradient (Loshchilov and Hutter
                            2019); every optimizer has it */
    bool bias_correction;
};

/* The learning rate of epoch k, as a factor of the optimizer's; e = k - warmup_epochs, k from 0. During the warm-up it grows
 * linearly with the updates. */
enum mlp_schedule {
    MLP_CONSTANT,
    MLP_STEPS,           /* factor ^ floor(e / every) */
    MLP_EXPONENTIAL,     /* factor ^ e */
    MLP_COSINE,          /* half a cosine wave from 1 to 0 over the epochs that are left (Loshchilov and Hutter 2017) */
    MLP_INVERSE_SCALING, /* 1 / (e + 1) ^ power */
    MLP_PLATEAU,         /* times factor whenever the loss was no better for `every` epochs */
    MLP_SCHEDULES
};

struct mlp_schedule_spec {
    enum mlp_schedule name;
    double factor, power; /* factor: above 0, to 1 */
    double minimum;       /* the rate stays at or above it, but for the warm-up */
    uint32_t every, warmup_epochs;
};

/* When training ends before its last epoch, and which epoch's weights are its result. */
struct mlp_stopping {
    bool early; /* stops once the watched figure was no better for `patience` epochs; the result is the best epoch's */
    unsigned metric; /* the figure: a metric of the task by its number, or MLP_WATCH_LOSS */
    uint32_t patience;
    double min_delta; /* better is by more than this */
    double train_loss, valid_loss, seconds; /* stops once a loss is at or below, or the epochs took as long; NAN: never */
};
#define MLP_WATCH_LOSS UINT32_MAX /* of the validation rows, or without any of the training rows */

struct mlp_spec {
    enum task task;           /* not TASK_AUTO */
    uint32_t inputs, outputs; /* outputs: of regression and multilabel one for each target, of multiclass one for each class, else 1 */
    uint32_t hidden_count;    /* 0..MLP_MAX_HIDDEN */
    struct mlp_hidden hidden[MLP_MAX_HIDDEN];
    struct mlp_optimizer_spec optimizer;
    uint32_t batch_size; /* 0: full (gradient descent); 1: stochastic; b: mini-batch */
    uint32_t epochs;
    uint64_t seed;
    /* regression: sd of each raw target, so that RMSE and MAE come in its own units; NULL: all 1. Lent to mlp_trainer_new, which
     * copies them. */
    const double *target_deviations;
    enum mlp_loss loss;
    double huber_delta; /* where MLP_HUBER turns from squares to distances, in standardized units */
    double l1, l2;      /* added to the loss: l1 sum |W| + l2/2 sum W^2, without biases */
    double clip_norm;   /* a gradient (of all layers together) that is longer is scaled to it; 0: never */
    struct mlp_schedule_spec schedule;
    struct mlp_stopping stopping;
    /* classes of binary or multiclass, NULL: all 1. The loss of a row counts so many times; metrics do not. Lent to
     * mlp_trainer_new, which copies them. */
    const double *class_weights;
};

void mlp_spec_default(struct mlp_spec *s);
/* Fills NAN fields with the optimizer's own defaults (numerics.md's table). */
void mlp_optimizer_defaults(struct mlp_optimizer_spec *o);
enum err_code mlp_spec_check(const struct mlp_spec *s, struct err *err); /* ERR_INVALID names the field and its range */
uint64_t mlp_spec_parameters(const struct mlp_spec *s);                  /* number of weights and biases, checked 64 bit */
/* Bytes that a trainer for sources of these rows and blocks allocates (not the sources' own). Saturates at UINT64_MAX. */
struct mlp_source;
uint64_t mlp_spec_memory(const struct mlp_spec *s, const struct mlp_source *train, const struct mlp_source *valid);
/* Bytes that mlp_trainer_save takes at most, beside those. */
uint64_t mlp_spec_checkpoint(const struct mlp_spec *s);
/* Multiply-adds of one epoch, times two: what an estimate of seconds divides by the machine's speed. */
double mlp_spec_flops(const struct mlp_spec *s, uint64_t train_rows, uint64_t valid_rows);

/* Reals of y for one row: as many as outputs of regression (each standardized) and of multilabel (each 0/1), else one: 0/1 or the
 * number of the class. */
static inline uint32_t mlp_targets(const struct mlp_spec *s)
{
    return s->task == TASK_REGRESSION || s->task == TASK_MULTILABEL ? s->outputs : 1;
}

/* Rows on demand. gather fills x (count x stride, the first `inputs` of each row) and y (count x mlp_targets) for rows[i] in 0..rows-1, and the rows' weights (above 0) when the source is weighted; else
 * `weights` is NULL. With several threads it is called by them at once.
 *
 * Rows that memory should not hold at once come in blocks of block_rows (the last one is what is left; 0: no blocks): load
 * brings `count` of them, at most window_blocks, and rows[i] then counts from the start of the first, through all of them; `ahead`
 * blocks behind them are those of the next window. An
 * epoch then shuffles the blocks, and the rows of window_blocks at a time. */
struct mlp_source {
    uint64_t rows;
    void (*gather)(const void *context, const uint32_t *rows, size_t count, real *x, size_t stride, real *y,
                   real *weights);
    const void *context;
    bool weighted;
    uint32_t block_rows, window_blocks;
    enum err_code (*load)(const void *context, const uint32_t *blocks, size_t count, size_t ahead, const atomic_int *stop,
                          struct err *err);
};
/* A source over a matrix in memory: x rows x inputs (row stride `stride`), y rows x targets (0: one); weights as the source is
 * weighted. */
struct mlp_matrix {
    const real *x, *y, *weights;
    size_t stride;
    uint32_t inputs, targets;
};
/* Asks for the first bytes of a row that will be read soon: shuffled rows are in no cache, and none knows which comes next. */
#define MLP_ROWS_AHEAD 8
static inline void mlp_row_ahead(const real *row, uint32_t inputs)
{
    for (uint32_t at = 0; at < inputs && at < 512 / sizeof *row; at += 64 / sizeof *row)
        __builtin_prefetch(row + at);
}
void mlp_matrix_gather(const void *matrix, const uint32_t *rows, size_t count, real *x, size_t stride, real *y, real *weights);

/* Names of the validation metrics of a task, in the order of mlp_epoch.metric; NULL past the end.
 * regression: valid_rmse, valid_mae, valid_r2; binary: valid_accuracy, valid_log_loss, valid_f1_macro, valid_roc_auc;
 * multiclass: valid_accuracy, valid_log_loss, valid_f1_macro; multilabel: the same, see metrics.h. */
const char *mlp_metric_name(enum task task, unsigned metric);
bool mlp_metric_rises(enum task task, unsigned metric); /* more of it is better */

/* The diagnosis of one layer over one epoch; layers count from 1 at the inputs, the output layer included. */
struct mlp_layer_stats {
    double gradient_norm; /* root mean square over the epoch's updates of the L2 norm of the gradient of W_l and b_l */
    double update_ratio;  /* |sum of the epoch's updates' L2 norms| / updates / L2 norm of W_l at the epoch's end: mean
                             size of a step beside the weights it changes */
    double dead;      /* share of units whose activation was 0 with derivative 0 (relu, step) for every row of the epoch */
    double saturated; /* share of units whose mean |f'(z)| over the epoch's rows is under 5 % of the activation's largest
                         derivative (sigmoid, tanh; the output layer counts 0) */
};

/* Why training ended before its last epoch. */
enum mlp_stop { MLP_GO_ON, MLP_STOP_PATIENCE, MLP_STOP_TRAIN_LOSS, MLP_STOP_VALID_LOSS, MLP_STOP_SECONDS, MLP_STOPS };
const char *mlp_stop_name(int stop); /* "early_stopping", ...; NULL for MLP_GO_ON and past the end */

struct mlp_epoch {
    uint32_t epoch;          /* from 1 */
    uint64_t weight_updates; /* so far */
    double train_loss;       /* mean over the epoch's rows by their weights, each measured before its update */
    double valid_loss;       /* at the epoch's end; NAN without validation rows */
    double learning_rate;    /* of its last update */
    enum mlp_stop stop;      /* not MLP_GO_ON: the specification says that this epoch is the last */
    double seconds;
    double metric[MLP_METRICS_MAX];       /* NAN without validation rows */
    const struct mlp_layer_stats *layers; /* hidden_count + 1 of them, owned by the trainer until its next epoch */
    uint32_t layer_count;
};

struct mlp_trainer;
struct mlp_network;

/* `valid` may be NULL or have no rows. Sources and the spec's contents are copied (their context is not). */
enum err_code mlp_trainer_new(const struct mlp_spec *spec, const struct mlp_source *train, const struct mlp_source *valid,
                              struct mlp_trainer **ret_trainer, struct err *err);
/* Gives a new trainer the weights of a network of the same shape (ERR_INVALID: another, or the trainer's has normalized layers)
 * in place of those that were drawn. */
enum err_code mlp_trainer_begin_from(struct mlp_trainer *t, const struct mlp_network *n, struct err *err);
void mlp_trainer_free(struct mlp_trainer *t);
/* From now on with so many threads, the caller's own among them (1 at first), or as many as the network's layers
 * can use. The number changes no bit of any result. On failure training goes on with the threads that it has. */
enum err_code mlp_trainer_threads(struct mlp_trainer *t, unsigned threads, struct err *err);
/* Trains one epoch. `stop` (may be NULL) is read at every batch: once it is not 0, ERR_STOPPED comes back, and the next call
 * goes on with the same epoch where it stood, to the same bits as if nothing had been; so it does after an error of the
 * source's load. A loss or weight that is not finite: ERR_DIVERGED, now and at each further call, with the epoch and batch
 * in the message. */
enum err_code mlp_trainer_epoch(struct mlp_trainer *t, const atomic_int *stop, struct mlp_epoch *ret_epoch,
                                struct err *err);
/* Why the last epoch shall be the last one, as its mlp_epoch said; a restored trainer knows it too. */
enum mlp_stop mlp_trainer_stop(const struct mlp_trainer *t);
/* Once training is over: the result is the best epoch's network where stopping.early says so, else the last one's. Returns
 * that epoch's number; 0: none counted. */
uint32_t mlp_trainer_settle(struct mlp_trainer *t);
/* The network at the end of the last epoch that counted, before any as it was initialized; a view that lives as long as the
 * trainer. */
const struct mlp_network *mlp_trainer_network(const struct mlp_trainer *t);

/* A checkpoint: all that training goes on from, between any two batches. Its bytes go behind what `out` holds; false when
 * that failed. */
bool mlp_trainer_save(const struct mlp_trainer *t, struct buf *out);
/* Makes a new trainer of the same specification and sources what the saved one was: from there on both give the same bits.
 * ERR_CORRUPT when it is damaged or of another specification; t is then as it was. *ret_epoch: epochs that counted. */
enum err_code mlp_trainer_restore(struct mlp_trainer *t, const void *data, size_t length, uint32_t *ret_epoch,
                                  struct err *err);

/* ---- networks ------------------------------------------------------------------------------------------------- */

const struct mlp_spec *mlp_network_spec(const struct mlp_network *n);
/* Copies the parameters of layer l (1-based): W inputs x units, b units. For tests and tools. */
void mlp_network_weights(const struct mlp_network *n, uint32_t layer, real *out);
void mlp_network_biases(const struct mlp_network *n, uint32_t layer, real *out);
/* x: count x stride -> out: count x outputs: standardized values, probabilities of class 1, or softmax probabilities.
 * `scratch` is of mlp_predict_scratch(n, count) reals, or NULL to allocate. Any thread. */
size_t mlp_predict_scratch(const struct mlp_network *n, size_t count);
enum err_code mlp_predict(const struct mlp_network *n, const real *x, size_t count, size_t stride, real *out,
                          real *scratch, struct err *err);
