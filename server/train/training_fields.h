/* The fields of a job that say how it is trained, beside network and optimizer: what mlp_spec (core/nn/mlp.h) calls loss,
 * penalties, schedule and stopping. Part of job_spec. */
#pragma once

#include "core/nn/mlp.h"
#include "server/json/bind.h"

struct training_regularization {
    double l1, l2, clip_norm; /* clip_norm: NAN: by the optimizer */
};
struct training_schedule {
    int name; /* schedule_name's number */
    double factor, power, minimum;
    uint32_t every, warmup_epochs;
};
struct training_early_stopping {
    char *metric; /* NULL: none is wanted */
    uint32_t patience;
    double min_delta;
};
struct training_stop {
    double train_loss, valid_loss, seconds; /* NAN: never */
};

struct training_spec {
    int loss; /* training_loss_name's number */
    double huber_delta;
    struct training_regularization regularization;
    struct training_schedule schedule;
    struct training_early_stopping early_stopping;
    struct training_stop stop;
};

extern const struct json_field regularization_fields[], schedule_fields[], early_stopping_fields[], stop_fields[];
const char *training_loss_name(int index); /* of the field `loss`; NULL ends */
const char *training_loss_of(const struct mlp_spec *s); /* by its name in the field `loss` */
bool training_has_huber(const struct training_spec *t);
bool training_stops_early(const void *early_stopping); /* whether the member was given */
/* Fills defaults that depend on other fields. */
void training_defaults(struct training_spec *t);
/* Says which given fields the schedule and the loss do not have. */
void training_check(const struct training_spec *t, const struct json *body, struct violations *violations);
/* Says what the task does not have. */
void training_check_task(const struct training_spec *t, enum task task, bool validates, struct violations *violations);
/* After ret's task and optimizer are set. */
void training_network(const struct training_spec *t, struct mlp_spec *ret);
