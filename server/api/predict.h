/* What predictions from JSON and from CSV share: the rows that wait, and where answers go. For server/api/predict*.c. */
#pragma once

#include "api.h"

#include "core/nn/model.h"
#include "server/json/bind.h"

/* The rows that wait to be predicted, and where answers go. */
struct prediction {
    const struct encoder *encoder;
    const struct mlp_network *network;
    bool csv;
    size_t chunk;         /* rows that are predicted at once */
    size_t waiting, rows; /* in the chunk; in all */
    void *room;              /* what the next four lie in */
    real *x, *out, *scratch; /* x: chunk x inputs, out: chunk x outputs */
    size_t *given_by; /* JSON: of each feature, the number of the last instance that gave it, from 1 */
    struct encoder_warnings warnings;
    struct json_writer w; /* JSON */
    struct buf *body;
    int32_t *column_feature; /* CSV: the feature of each column, -1 where there is none */
    uint32_t columns;
    struct buf others; /* JSON: pointers to the keys of the instance that no feature has */
    struct violations violations;
};

/* Room for so many rows at once: for the most part not cleared, since one row is most of what is asked for. */
enum err_code prediction_room(struct prediction *p, size_t rows, struct err *err);
/* Whether so many rows may be asked for. */
enum err_code prediction_check_rows(const struct prediction *p, size_t rows, struct err *err);
void prediction_count(struct prediction *p, enum encoder_cell cell); /* a cell that has no value that is known */
real *prediction_next_row(struct prediction *p);
enum err_code prediction_row_is_ready(struct prediction *p, struct err *err);
enum err_code prediction_flush(struct prediction *p, struct err *err); /* answers the rows that still wait */

/* Reads the request's body and makes the reply. */
enum http_next predict_json(struct http_request *r, struct prediction *p);
