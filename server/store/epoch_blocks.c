/* Thinning: a range of epochs becomes buckets, and each gives the epochs of its extremes. Of 64 epochs the extremes are noted
 * once they are all there (epoch_blocks), so that a range of a million is thinned from 16 000 rows. */
#include "internal.h"

#include <math.h>

#define BLOCK 64

struct bucket {
    double value[EXTREMES];   /* min, max of train_loss, min, max of valid_loss */
    uint32_t epoch[EXTREMES]; /* 0: no finite value */
};

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

/* A block's epochs from `from` to `to` that were stored before: an earlier append ended inside the block. */
static enum err_code block_read(struct connection *c, const struct epoch_range *range, struct bucket *b, struct err *err)
{
    struct query q = epoch_range_query(c, SQL_EPOCHS_LOSSES, range);
    while (query_row(&q)) {
        uint32_t epoch = (uint32_t)query_integer(&q);
        double train = query_real(&q), valid = query_real(&q);
        bucket_take_losses(b, epoch, train, valid);
    }
    return query_end(&q, err);
}

static enum err_code block_insert(struct connection *c, int64_t run, uint32_t block, const struct bucket *b, struct err *err)
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

enum err_code epoch_blocks_append(struct connection *c, int64_t run, const struct store_epoch *epochs, size_t count, struct err *err)
{
    uint32_t before = epochs[0].epoch - 1, now = epochs[count - 1].epoch;
    enum err_code code = ERR_OK;
    for (uint32_t block = before / BLOCK; !code && block < now / BLOCK; block++) {
        uint32_t first = block * BLOCK + 1;
        struct bucket b = {0};
        if (first <= before)
            code = block_read(c, &(struct epoch_range){run, first, before}, &b, err);
        for (uint32_t e = first <= before ? before + 1 : first; e < first + BLOCK; e++) {
            const struct store_epoch *epoch = &epochs[e - before - 1];
            bucket_take_losses(&b, e, epoch->metric[METRIC_TRAIN_LOSS], epoch->metric[METRIC_VALID_LOSS]);
        }
        if (!code)
            code = block_insert(c, run, block, &b, err);
    }
    return code;
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
    struct query q = epoch_range_query(c, SQL_EPOCHS_LOSSES, &(struct epoch_range){s->range->run, from, to});
    while (query_row(&q)) {
        uint32_t epoch = (uint32_t)query_integer(&q);
        double train = query_real(&q), valid = query_real(&q);
        move_to(s, epoch);
        bucket_take_losses(&s->bucket, epoch, train, valid);
    }
    return query_end(&q, err);
}

static enum err_code choose_from_blocks(struct connection *c, struct choice *s, uint32_t first, uint32_t last, struct err *err)
{
    struct query q = epoch_range_query(c, SQL_EPOCH_BLOCKS, &(struct epoch_range){s->range->run, first, last});
    for (uint32_t block = first; query_row(&q); block++) {
        move_to(s, block * BLOCK + 1);
        for (size_t i = 0; i < EXTREMES; i++) {
            uint32_t epoch = (uint32_t)query_integer(&q);
            bucket_take(&s->bucket, i, epoch, query_real(&q));
        }
    }
    return query_end(&q, err);
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
