/* Thinning: a range of epochs becomes buckets, and each gives the epochs of its extremes. Of 64 epochs the extremes are noted
 * once they are all there (epoch_blocks), and of 64 such blocks in one row (packed_blocks), so that a range of a million is
 * thinned from 250 rows. A packed row: of each block the four values as doubles and the four epochs in 32 bits (0: none),
 * little-endian. */
#include "internal.h"

#include <math.h>
#include <string.h>

#define BLOCK     EPOCH_BLOCK
#define SPAN      64                  /* blocks */
#define SPANS_MAX (INT64_C(1) << 20) /* of a run */

struct bucket {
    double value[EXTREMES];   /* min, max of train_loss, min, max of valid_loss */
    uint32_t epoch[EXTREMES]; /* 0: no finite value */
};
_Static_assert(sizeof(struct bucket) == EXTREMES * (sizeof(double) + sizeof(uint32_t)), "stored as it lies in memory");

/* Extreme i of an epoch, or of others, whose loss it is. */
static void bucket_take(struct bucket *b, size_t i, uint32_t epoch, double loss)
{
    bool beats = i % 2 ? loss > b->value[i] : loss < b->value[i];
    if (epoch && !isnan(loss) && (!b->epoch[i] || beats)) {
        b->value[i] = loss;
        b->epoch[i] = epoch;
    }
}

struct query epoch_range_query(struct connection *c, enum sql s, const struct epoch_range *range)
{
    struct query q = query_start(c, s);
    query_put_integer(&q, range->run);
    query_put_integer(&q, range->from);
    query_put_integer(&q, range->to);
    return q;
}

/* ---- noting ----------------------------------------------------------------------------------------------------------- */

static void bucket_take_losses(struct bucket *b, uint32_t epoch, double train, double valid)
{
    for (size_t i = 0; i < EXTREMES; i++)
        bucket_take(b, i, epoch, i < 2 ? train : valid);
}

static double loss_of(const struct epoch_block *b, enum store_metric metric, uint32_t slot)
{
    double loss;
    memcpy(&loss, &b->word[EPOCH_METRICS + metric][slot], sizeof loss);
    return loss;
}

static uint32_t row_take(struct query *q, struct bucket *ret)
{
    for (size_t i = 0; i < EXTREMES; i++) {
        ret->epoch[i] = (uint32_t)query_integer(q);
        ret->value[i] = query_real(q);
    }
    return (uint32_t)query_integer(q);
}

static enum err_code row_insert(struct connection *c, int64_t run, uint32_t block, const struct bucket *b, struct err *err)
{
    struct query q = query_start(c, SQL_EPOCH_BLOCK_INSERT);
    query_put_integer(&q, run);
    query_put_integer(&q, block);
    for (size_t i = 0; i < EXTREMES; i++) {
        query_put_integer(&q, b->epoch[i]);
        query_put_real(&q, b->epoch[i] ? b->value[i] : NAN);
    }
    return query_run(&q, NULL, err);
}

/* Puts the rows before the last block of a span and that block into one row; *ret_packed false when not all of them are there:
 * those of an older mlpd may be missing. */
static enum err_code span_pack(struct connection *c, int64_t run, uint32_t block, const struct bucket *last, bool *ret_packed,
                               struct err *err)
{
    struct epoch_range range = {run, block + 1 - SPAN, block};
    struct bucket b[SPAN] = {0};
    size_t count = 0;
    struct query q = epoch_range_query(c, SQL_EPOCH_BLOCKS, &range);
    while (count < SPAN - 1 && query_row(&q))
        (void)row_take(&q, &b[count++]);
    enum err_code code = query_end(&q, err);
    *ret_packed = count == SPAN - 1;
    if (code || !*ret_packed)
        return code;
    b[count] = *last;
    struct query gone = epoch_range_query(c, SQL_EPOCH_BLOCKS_DELETE, &range);
    if ((code = query_run(&gone, NULL, err)))
        return code;
    struct query insert = query_start(c, SQL_PACKED_BLOCKS_INSERT);
    query_put_integer(&insert, run * SPANS_MAX + block / SPAN);
    query_put_blob(&insert, b, sizeof b);
    return query_run(&insert, NULL, err);
}

enum err_code epoch_extremes_insert(struct connection *c, int64_t run, uint32_t block, const struct epoch_block *from,
                                    struct err *err)
{
    struct bucket b = {0};
    bool packed = false;
    for (uint32_t slot = 0; slot < BLOCK; slot++)
        bucket_take_losses(&b, block * BLOCK + slot + 1, loss_of(from, METRIC_TRAIN_LOSS, slot),
                           loss_of(from, METRIC_VALID_LOSS, slot));
    enum err_code code = block % SPAN == SPAN - 1 ? span_pack(c, run, block, &b, &packed, err) : ERR_OK;
    return code || packed ? code : row_insert(c, run, block, &b, err);
}

/* ---- choosing --------------------------------------------------------------------------------------------------------- */

struct choice {
    const struct epoch_range *range;
    uint64_t total, buckets, current;
    struct bucket bucket;
    uint32_t *kept;
    size_t count;
};

static void keep_bucket(struct choice *s)
{
    for (size_t k = 0; k < EXTREMES; k++)
        if (s->bucket.epoch[k])
            s->kept[s->count++] = s->bucket.epoch[k];
    s->bucket = (struct bucket){0};
}

/* What comes now belongs to the bucket of this epoch. */
static void move_to(struct choice *s, uint32_t epoch)
{
    uint64_t mine = (epoch - s->range->from) * s->buckets / s->total;
    if (mine != s->current)
        keep_bucket(s);
    s->current = mine;
}

static enum err_code choose_from_epochs(struct connection *c, struct choice *s, uint32_t from, uint32_t to, struct err *err)
{
    if (from > to)
        return ERR_OK;
    struct epoch_cursor e = epochs_open(c, &(struct epoch_range){s->range->run, from, to}, false);
    for (struct epoch_row row; epochs_next(&e, &row);) {
        move_to(s, row.epoch);
        bucket_take_losses(&s->bucket, row.epoch, row.metric[METRIC_TRAIN_LOSS], row.metric[METRIC_VALID_LOSS]);
    }
    return epochs_close(&e, err);
}

static void choose_block(struct choice *s, uint32_t block, const struct bucket *b)
{
    move_to(s, block * BLOCK + 1);
    for (size_t i = 0; i < EXTREMES; i++)
        bucket_take(&s->bucket, i, b->epoch[i], b->value[i]);
}

/* Rows that are not packed, up to the block before `end`. */
static enum err_code choose_from_rows(struct connection *c, struct choice *s, uint32_t first, uint32_t end, struct err *err)
{
    if (first >= end)
        return ERR_OK;
    struct query q = epoch_range_query(c, SQL_EPOCH_BLOCKS, &(struct epoch_range){s->range->run, first, end - 1});
    for (struct bucket b; query_row(&q);) {
        uint32_t block = row_take(&q, &b);
        choose_block(s, block, &b);
    }
    return query_end(&q, err);
}

/* Blocks from first to last of what one packed row has. */
static bool choose_from_span(struct choice *s, uint32_t span, const unsigned char *data, size_t size, uint32_t first, uint32_t last)
{
    struct bucket b;
    if (size != SPAN * sizeof b)
        return false;
    for (uint32_t block = span * SPAN; block < (span + 1) * SPAN; block++, data += sizeof b) {
        memcpy(&b, data, sizeof b);
        if (block >= first && block <= last)
            choose_block(s, block, &b);
    }
    return true;
}

/* In their order: what lies before a packed row is not packed. */
static enum err_code choose_from_blocks(struct connection *c, struct choice *s, uint32_t first, uint32_t last, struct err *err)
{
    enum err_code code = ERR_OK;
    uint32_t next = first;
    struct query q = query_start(c, SQL_PACKED_BLOCKS);
    query_put_integer(&q, s->range->run * SPANS_MAX + first / SPAN);
    query_put_integer(&q, s->range->run * SPANS_MAX + last / SPAN);
    while (!code && query_row(&q)) {
        size_t size;
        uint32_t span = (uint32_t)query_integer(&q);
        const void *data = query_blob(&q, &size);
        code = choose_from_rows(c, s, next, span * SPAN, err);
        if (!code && !choose_from_span(s, span, data, size, first, last))
            code = err_set(err, ERR_CORRUPT, "the extremes of run %lld are damaged", (long long)s->range->run);
        next = (span + 1) * SPAN;
    }
    enum err_code ended = query_end(&q, code ? NULL : err);
    code = code ? code : ended;
    return code ? code : choose_from_rows(c, s, next, last + 1, err);
}

enum err_code epochs_choose(struct connection *c, const struct epoch_range *range, uint64_t total, uint64_t buckets,
                            uint32_t *kept, size_t *ret_count, struct err *err)
{
    struct choice s = {.range = range, .total = total, .buckets = buckets, .kept = kept};
    uint32_t to = range->from + (uint32_t)total - 1; /* epochs have no gaps */
    for (uint64_t even = 0; even < EPOCHS_EVENLY; even++)
        kept[s.count++] = range->from + (uint32_t)(even * (total - 1) / (EPOCHS_EVENLY - 1));
    uint32_t first = (range->from - 1 + BLOCK - 1) / BLOCK, end = to / BLOCK; /* blocks first..end-1 are inside */
    bool coarse = total / buckets >= 2 * BLOCK && first < end;
    enum err_code code = choose_from_epochs(c, &s, range->from, coarse ? first * BLOCK : to, err);
    if (!code && coarse)
        code = choose_from_blocks(c, &s, first, end - 1, err);
    if (!code && coarse)
        code = choose_from_epochs(c, &s, end * BLOCK + 1, to, err);
    keep_bucket(&s);
    *ret_count = s.count;
    return code;
}
