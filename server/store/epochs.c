#include "internal.h"

#include "core/base/cleanup.h"
#include "core/base/mem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIGURES 4 /* of a layer */

/* ---- appending -------------------------------------------------------------------------------------------------------- */

struct state {
    enum store_status status;
    uint32_t epoch, epochs, best_epoch;
    double best_loss; /* NAN: none */
    double elapsed_seconds;
};

static enum err_code state_read(struct connection *c, int64_t run, struct state *ret, struct err *err)
{
    struct state s = {0};
    struct query q = query_start(c, SQL_EPOCHS_STATE);
    query_put_integer(&q, run);
    bool there = query_row(&q);
    if (there) {
        s.status = (enum store_status)query_integer(&q);
        s.epoch = (uint32_t)query_integer(&q);
        s.epochs = (uint32_t)query_integer(&q);
        s.best_epoch = (uint32_t)query_integer(&q);
        s.best_loss = query_real(&q);
        s.elapsed_seconds = query_real(&q);
    }
    enum err_code code = query_end(&q, err);
    if (code)
        return code;
    if (!there)
        return err_set(err, ERR_NOT_FOUND, "there is no run %lld", (long long)run);
    if (s.status != STATUS_RUNNING)
        return err_set(err, ERR_CONFLICT, "run %lld is %s and takes no epochs", (long long)run,
                       store_status_name((int)s.status));
    *ret = s;
    return ERR_OK;
}

/* The columns from weight_updates on that epochs and runs share. */
static void metrics_put(struct query *q, const double metric[METRIC_COUNT])
{
    for (int m = 0; m < METRIC_COUNT; m++)
        query_put_real(q, metric[m]);
}

static enum err_code epoch_insert(struct connection *c, int64_t run, const struct epoch_row *row, struct err *err)
{
    struct query q = query_start(c, SQL_EPOCH_INSERT);
    query_put_integer(&q, run);
    query_put_integer(&q, row->epoch);
    query_put_integer(&q, (int64_t)row->weight_updates);
    query_put_real(&q, row->learning_rate);
    query_put_real(&q, row->seconds);
    query_put_real(&q, row->elapsed_seconds);
    metrics_put(&q, row->metric);
    if (row->layers_size)
        query_put_blob(&q, row->layers, row->layers_size);
    return query_run(&q, NULL, err);
}

static void state_advance(struct state *s, const struct store_epoch *e)
{
    double valid = e->metric[METRIC_VALID_LOSS], loss = isnan(valid) ? e->metric[METRIC_TRAIN_LOSS] : valid;
    s->epoch = e->epoch;
    s->elapsed_seconds += isfinite(e->seconds) ? e->seconds : 0;
    if (isfinite(loss) && !(loss >= s->best_loss)) {
        s->best_loss = loss;
        s->best_epoch = e->epoch;
    }
}

static enum err_code run_move(struct connection *c, int64_t run, const struct state *s, const struct store_epoch *last,
                              struct err *err)
{
    struct query q = query_start(c, SQL_EPOCHS_MOVE);
    query_put_integer(&q, s->epoch);
    query_put_integer(&q, (int64_t)last->weight_updates);
    metrics_put(&q, last->metric);
    query_put_integer(&q, s->best_epoch);
    query_put_real(&q, s->best_loss);
    query_put_integer(&q, run);
    return query_run(&q, NULL, err);
}

/* The rows of the block's epochs, which an earlier append left. */
static enum err_code block_resume(struct connection *c, int64_t run, uint32_t block, struct epoch_block *b, struct err *err)
{
    struct epoch_range range = {run, block * EPOCH_BLOCK + 1, (block + 1) * EPOCH_BLOCK};
    struct query q = epoch_range_query(c, SQL_EPOCHS_RANGE, &range);
    for (struct epoch_row row; query_row(&q);) {
        epoch_row_take(&q, &row);
        epoch_block_add(b, &row);
    }
    enum err_code code = query_end(&q, err);
    if (code)
        return code;
    struct query gone = epoch_range_query(c, SQL_EPOCHS_DELETE, &range);
    return query_run(&gone, NULL, err);
}

/* The next epoch of a block that becomes whole. */
static enum err_code block_take(struct connection *c, int64_t run, const struct epoch_row *row, struct epoch_block *b, struct err *err)
{
    uint32_t block = (row->epoch - 1) / EPOCH_BLOCK, slot = (row->epoch - 1) % EPOCH_BLOCK;
    enum err_code code = ERR_OK;
    if (!slot || !b->count)
        epoch_block_start(b);
    if (slot && !b->count && (code = block_resume(c, run, block, b, err)))
        return code;
    if (b->count != slot)
        return err_set(err, ERR_CORRUPT, "run %lld has %u epochs before epoch %u in their block", (long long)run, b->count,
                       (unsigned)row->epoch);
    epoch_block_add(b, row);
    if (b->count < EPOCH_BLOCK)
        return ERR_OK;
    code = epoch_block_insert(c, run, block, b, err);
    return code ? code : epoch_extremes_insert(c, run, block, b, err);
}

static enum err_code append(struct connection *c, int64_t run, const struct store_epoch *epochs, size_t count, struct state *s,
                            struct epoch_block *b, struct err *err)
{
    uint32_t whole = (uint32_t)(s->epoch + count) / EPOCH_BLOCK * EPOCH_BLOCK; /* up to here epochs are packed */
    enum err_code code = ERR_OK;
    for (size_t i = 0; !code && i < count; i++) {
        const struct store_epoch *e = &epochs[i];
        if (e->epoch != s->epoch + 1 || e->epoch > s->epochs)
            return err_set(err, ERR_INTERNAL, "epoch %u of run %lld does not follow epoch %u of %u", (unsigned)e->epoch,
                           (long long)run, (unsigned)s->epoch, (unsigned)s->epochs);
        state_advance(s, e);
        struct epoch_row row = {.epoch = e->epoch, .weight_updates = e->weight_updates, .learning_rate = e->learning_rate,
                                .seconds = e->seconds, .elapsed_seconds = s->elapsed_seconds, .layers = e->layers,
                                .layers_size = e->layer_count * FIGURES * sizeof *e->layers};
        memcpy(row.metric, e->metric, sizeof row.metric);
        code = e->epoch > whole ? epoch_insert(c, run, &row, err) : block_take(c, run, &row, b, err);
    }
    return code;
}

enum err_code store_epochs_append(struct store_tx *tx, int64_t run, const struct store_epoch *epochs, size_t count,
                                  struct err *err)
{
    struct connection *c = &tx->connection;
    struct state s = {0};
    struct epoch_block b;
    b.count = 0;
    buf_init(&b.layers, SIZE_MAX / 2);
    enum err_code code = state_read(c, run, &s, err);
    if (!code)
        code = append(c, run, epochs, count, &s, &b, err);
    if (!code && count)
        code = run_move(c, run, &s, &epochs[count - 1], err);
    buf_done(&b.layers);
    return code;
}

/* ---- columns ---------------------------------------------------------------------------------------------------------- */

void store_epochs_done(struct store_epochs *e)
{
    mem_free(e->epoch);
    mem_free(e->learning_rate);
    mem_free(e->seconds);
    mem_free(e->elapsed_seconds);
    mem_free(e->weight_updates);
    mem_free(e->layers);
    for (int m = 0; m < METRIC_COUNT; m++)
        mem_free(e->metric[m]);
    *e = (struct store_epochs){0};
}

static bool columns_new(struct store_epochs *e, size_t rows)
{
    size_t count = rows ? rows : 1;
    e->epoch = mem_array(count, sizeof *e->epoch);
    e->learning_rate = mem_array(count, sizeof *e->learning_rate);
    e->seconds = mem_array(count, sizeof *e->seconds);
    e->elapsed_seconds = mem_array(count, sizeof *e->elapsed_seconds);
    e->weight_updates = mem_array(count, sizeof *e->weight_updates);
    bool fine = e->epoch && e->learning_rate && e->seconds && e->elapsed_seconds && e->weight_updates;
    for (int m = 0; m < METRIC_COUNT; m++)
        fine = (e->metric[m] = mem_array(count, sizeof *e->metric[m])) && fine;
    return fine;
}

struct reading {
    struct store_epochs *columns;
    size_t capacity;
    bool with_layers, no_memory;
};

/* The first row says how many layers there are; figures that another row lacks are NAN. */
static bool layers_take(struct reading *r, const void *blob, size_t size)
{
    struct store_epochs *e = r->columns;
    if (!e->layers) {
        e->layer_count = (uint32_t)(size / (FIGURES * sizeof *e->layers));
        e->layers = mem_array(r->capacity * e->layer_count + 1, FIGURES * sizeof *e->layers);
        if (!e->layers)
            return false;
    }
    size_t figures = (size_t)e->layer_count * FIGURES;
    float *row = e->layers + e->count * figures;
    if (figures && size == figures * sizeof *row)
        memcpy(row, blob, size);
    else
        for (size_t i = 0; i < figures; i++)
            row[i] = NAN;
    return true;
}

static void row_take(void *reading, const struct epoch_row *row)
{
    struct reading *r = reading;
    struct store_epochs *e = r->columns;
    size_t i = e->count;
    if (i == r->capacity || r->no_memory)
        return;
    e->epoch[i] = row->epoch;
    e->weight_updates[i] = row->weight_updates;
    e->learning_rate[i] = row->learning_rate;
    e->seconds[i] = row->seconds;
    e->elapsed_seconds[i] = row->elapsed_seconds;
    for (int m = 0; m < METRIC_COUNT; m++)
        e->metric[m][i] = row->metric[m];
    r->no_memory = r->with_layers && !layers_take(r, row->layers, row->layers_size);
    e->count++;
}

/* ---- a range, whole --------------------------------------------------------------------------------------------------- */

static enum err_code range_count(struct connection *c, const struct epoch_range *range, uint64_t *ret, struct err *err)
{
    struct query q = epoch_range_query(c, SQL_EPOCHS_COUNT, range);
    *ret = query_row(&q) ? (uint64_t)query_integer(&q) : 0;
    return query_end(&q, err);
}

static enum err_code read_whole(struct connection *c, const struct epoch_range *range, struct reading *r, struct err *err)
{
    struct epoch_cursor e = epochs_open(c, range, r->with_layers);
    for (struct epoch_row row; epochs_next(&e, &row);)
        row_take(r, &row);
    return epochs_close(&e, err);
}

/* ---- a range, thinned ------------------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static size_t sort_unique(uint32_t *epochs, size_t count)
{
    size_t unique = 0;
    qsort(epochs, count, sizeof *epochs, ascending);
    for (size_t i = 0; i < count; i++)
        if (!unique || epochs[i] != epochs[unique - 1])
            epochs[unique++] = epochs[i];
    return unique;
}

static enum err_code read_thinned(struct connection *c, const struct epoch_range *range, uint64_t total, uint32_t points,
                                  struct reading *r, struct err *err)
{
    uint64_t buckets = points >= EPOCHS_EVENLY + 2 * EXTREMES ? (points - EPOCHS_EVENLY) / EXTREMES : 1;
    cleanup(mem_freep) uint32_t *kept = mem_array((buckets + 1) * EXTREMES, sizeof *kept);
    size_t count = 0;
    if (!kept)
        return err_no_memory(err);
    enum err_code code = epochs_choose(c, range, total, buckets, kept, &count, err);
    if (code)
        return code;
    r->capacity = sort_unique(kept, count);
    if (!columns_new(r->columns, r->capacity))
        return err_no_memory(err);
    return epochs_get(c, range->run, kept, r->capacity, r->with_layers, row_take, r, err);
}

static enum err_code read_range(struct connection *c, const struct epoch_range *range, uint32_t points, struct reading *r,
                                struct err *err)
{
    uint64_t total;
    enum err_code code = range_count(c, range, &total, err);
    if (code)
        return code;
    r->columns->total = total;
    if (points && total > points)
        return read_thinned(c, range, total, points, r, err);
    r->capacity = total;
    return columns_new(r->columns, r->capacity) ? read_whole(c, range, r, err) : err_no_memory(err);
}

enum err_code store_epochs_read(struct store_reader *r, int64_t run, uint32_t from, uint32_t to, uint32_t points,
                                bool with_layers, struct store_epochs *ret, struct err *err)
{
    struct connection *c = &r->connection;
    struct epoch_range range = {run, from, to ? to : UINT32_MAX};
    struct store_epochs columns = {0};
    struct reading reading = {.columns = &columns, .with_layers = with_layers};
    enum err_code code = read_begin(c, err);
    if (!code)
        code = read_range(c, &range, points, &reading, err);
    read_end(c);
    if (!code && reading.no_memory)
        code = err_no_memory(err);
    if (code)
        store_epochs_done(&columns);
    else
        *ret = columns;
    return code;
}
