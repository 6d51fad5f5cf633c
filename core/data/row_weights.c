#include "row_weights.h"

#include "../base/mem.h"
#include <math.h>
#include <string.h>

#define CHUNK 4096 /* rows read at once */

int row_weights_find(const struct table *t, const char *name)
{
    int column = name ? table_find(t, name) : -1;
    return column >= 0 && table_column(t, (uint32_t)column)->type == COLUMN_NUMERIC ? column : ROW_WEIGHTS_NONE;
}

enum err_code row_weights_codes(const struct table *t, int weights, uint32_t column, bool **ret_there, struct err *err)
{
    uint32_t codes = table_column(t, column)->categories;
    bool *there = mem_array((size_t)codes + 1, sizeof *there);
    if (!there)
        return err_no_memory(err);
    if (weights < 0)
        memset(there, true, codes * sizeof *there);
    for (uint64_t row = 0; weights >= 0 && row < table_rows(t); row++) {
        int32_t code = table_code(t, column, row);
        if (code >= 0 && row_weights_there(t, weights, row))
            there[code] = true;
    }
    *ret_there = there;
    return ERR_OK;
}

struct row_total row_weights_total(const struct table *t, int weights, const uint32_t *rows, size_t count)
{
    struct row_total total = {.sum = (double)count, .rows = count, .whole = true};
    double weight[CHUNK];
    if (weights < 0)
        return total;
    total.sum = 0;
    total.rows = 0;
    for (size_t at = 0; at < count; at += CHUNK) {
        size_t n = count - at < CHUNK ? count - at : CHUNK;
        table_numbers(t, (uint32_t)weights, rows + at, n, weight);
        for (size_t i = 0; i < n; i++) {
            if (!(weight[i] > 0))
                continue;
            total.sum += weight[i];
            total.rows++;
            total.whole &= weight[i] == floor(weight[i]);
        }
    }
    return total;
}

double row_total_unit(const struct row_total *total)
{
    return total->whole || !total->rows ? 1 : total->sum / (double)total->rows;
}

double row_total_rows(const struct row_total *total)
{
    return total->whole ? total->sum : (double)total->rows;
}
