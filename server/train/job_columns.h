/* What a job says of its columns: roles, orders, scalings, and what becomes of categories. Part of job_spec. */
#pragma once

#include "core/data/encoder.h"
#include "server/json/bind.h"

struct job_spec;

struct job_column {
    char *name;
    int role, scaling;      /* enum encoder_role, encoder_scaling */
    struct json_list order; /* char * */
    double min_frequency;   /* NAN: as of all */
    uint32_t category_limit; /* 0: as of all */
};

struct job_encoding {
    int scaling; /* of all columns: enum encoder_scaling less one, since auto is none of them */
    double min_frequency;
    uint32_t category_limit;
};

extern const struct json_field job_column_fields[];   /* struct job_column */
extern const struct json_field job_encoding_fields[]; /* struct job_encoding */

/* What no single field can check, and s->encoder_columns (mem_free), which points into s->columns. */
enum err_code job_columns_resolve(struct job_spec *s, struct violations *violations, struct err *err);
/* Against the table: violations at /columns/NAME and below, or at /features for names that are wrong there. The target is
 * known to be a column. */
enum err_code job_columns_check_table(const struct job_spec *s, const struct table *t, struct violations *violations);
/* A violation at the pointer when the table has no such column. */
void job_column_exists(const struct table *t, const char *name, const char *pointer, struct violations *violations);
void job_columns_write(const struct job_spec *s, struct json_writer *w);
