/* What a job asks for, as a C struct, and the one field table that binds it from JSON, writes it back filled in, and
 * describes it in /v1/schema. A run's spec is the same object with the values of its grid point and without the grid. */
#pragma once

#include "core/data/encoder.h"
#include "core/data/table.h"
#include "core/nn/mlp.h"
#include "job_columns.h"
#include "job_targets.h"
#include "job_weights.h"
#include "job_validation.h"
#include "server/json/bind.h"
#include "training_fields.h"

#define JOB_MAX_RUNS 10000

struct job_search {
    struct json *parameters; /* object: pointer -> distribution; NULL: there is no search */
    uint32_t runs;
    uint64_t seed;
};

struct job_halving { /* halving.h */
    int metric;          /* enum store_metric */
    uint32_t min_epochs; /* 0: there is no halving */
    uint32_t reduction;
};

struct job_spec {
    char *name;
    char *dataset; /* name or id */
    struct json_list targets; /* char * */
    int task; /* enum task */
    struct json_list features; /* char *; none: all columns but the targets */
    struct json_list columns;  /* struct job_column */
    struct encoder_column *encoder_columns; /* the same as the encoder takes them; points into columns */
    struct job_encoding encoding;
    struct job_validation validation;
    struct {
        struct json_list hidden; /* struct mlp_hidden */
    } network;
    struct mlp_optimizer_spec optimizer; /* NAN until completed */
    struct training_spec training;
    struct json *class_weights; /* "balanced", an object, or NULL */
    char *sample_weight;        /* a column, or NULL */
    uint32_t batch_size;                 /* 0: full */
    uint32_t epochs;
    uint64_t seed;
    struct {
        double every_seconds; /* 0: only when it is stopped */
    } checkpoint;
    uint32_t threads;  /* 0: by the number of waiting runs */
    struct json *grid; /* object: pointer -> list of values, or NULL */
    struct job_search search;
    struct job_halving halving;
    struct {
        uint64_t run; /* whose weights and encoder it starts from; 0: none */
    } initial;
};

extern const struct json_field job_spec_fields[]; /* a job */
extern const struct json_field job_search_fields[];

/* Binds and checks one body: every violation at once. With `any_optimizer` (the grid varies the optimizer's name) fields
 * of other optimizers are left unused instead of refused. Defaults that depend on the optimizer are filled in. */
enum err_code job_spec_bind(const struct json *body, bool any_optimizer, struct job_spec *ret_spec,
                            struct violations *violations, struct err *err);
void job_spec_done(struct job_spec *s);
/* The filled-in JSON object. */
void job_spec_write(const struct job_spec *s, struct json_writer *w);

/* Checks targets, features and task against the dataset's table; violations carry the field's pointer. */
enum err_code job_spec_check_table(const struct job_spec *s, const struct table *t, enum task *ret_task,
                                   struct violations *violations);
/* The encoder's options; they point into s. */
struct encoder_options job_spec_encoder_options(const struct job_spec *s);
/* The numerics' spec for so many inputs and outputs, and so many rows for training, each as often as it counts. */
void job_spec_network(const struct job_spec *s, enum task task, uint32_t inputs, uint32_t outputs, double train_rows,
                      struct mlp_spec *ret);
