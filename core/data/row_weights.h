/* How many rows each row of a table counts for, as one of its columns says: 2 is as good as two rows, 0 as none. Without such a
 * column (ROW_WEIGHTS_NONE) each counts once. */
#pragma once

#include "../base/err.h"
#include "table.h"

#define ROW_WEIGHTS_NONE (-1)

/* The numeric column of that name, or ROW_WEIGHTS_NONE; `name` may be NULL. */
int row_weights_find(const struct table *t, const char *name);
/* Whether the row is there at all: its weight is above 0. */
static inline bool row_weights_there(const struct table *t, int weights, uint64_t row)
{
    return weights < 0 || table_number(t, (uint32_t)weights, row) > 0;
}
/* there[code]: whether a row that is there has the code in the categorical column (mem_free). Looks at no row without weights. */
enum err_code row_weights_codes(const struct table *t, int weights, uint32_t column, bool **ret_there, struct err *err);

/* What some rows count for together. A weight stands for rows where every one is a whole number. Others have no unit (they may
 * add up to 1, or to a population), so there their mean is taken for one row. */
struct row_total {
    double sum;    /* of the weights */
    uint64_t rows; /* that are there */
    bool whole;    /* every weight is a whole number */
};
struct row_total row_weights_total(const struct table *t, int weights, const uint32_t *rows, size_t count);
double row_total_unit(const struct row_total *total); /* the weight that counts as one row */
double row_total_rows(const struct row_total *total); /* what they count for, in rows */
