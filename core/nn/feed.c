#include "feed.h"

#include "../base/mem.h"

static uint64_t blocks_of(const struct mlp_source *s)
{
    return s->block_rows ? (s->rows + s->block_rows - 1) / s->block_rows : 0;
}

static uint64_t window_of(const struct mlp_source *s)
{
    uint64_t rows = (uint64_t)s->block_rows * s->window_blocks;
    return s->block_rows && rows < s->rows ? rows : s->rows;
}

static uint64_t order_length(const struct mlp_source *s, bool shuffles, size_t most)
{
    return shuffles ? window_of(s) : most;
}

uint64_t feed_memory(const struct mlp_source *source, bool shuffles, size_t most)
{
    return (blocks_of(source) + order_length(source, shuffles, most)) * sizeof(uint32_t);
}

enum err_code feed_init(struct feed *f, const struct mlp_source *source, bool shuffles, size_t most, struct err *err)
{
    *f = (struct feed){.source = source, .shuffles = shuffles, .window_rows = window_of(source),
                       .block_count = (uint32_t)blocks_of(source)};
    f->order = mem_array((size_t)order_length(source, shuffles, most) + 1, sizeof *f->order);
    f->blocks = mem_array((size_t)f->block_count + 1, sizeof *f->blocks);
    return f->order && f->blocks ? ERR_OK : err_no_memory(err);
}

void feed_done(struct feed *f)
{
    mem_free(f->order);
    mem_free(f->blocks);
    *f = (struct feed){0};
}

static void count_up(uint32_t *numbers, size_t count, uint32_t from)
{
    for (size_t i = 0; i < count; i++)
        numbers[i] = from + (uint32_t)i;
}

void feed_start(struct feed *f, uint64_t seed, uint32_t epoch)
{
    f->rows = f->at = 0;
    f->next_block = 0;
    rng_init(&f->rng, seed, RNG_ORDER, epoch);
    count_up(f->blocks, f->block_count, 0);
    bool short_block = f->block_count && f->source->rows % f->source->block_rows; /* the last: it stays there */
    if (f->shuffles)
        rng_shuffle(&f->rng, f->blocks, f->block_count - short_block);
}

static size_t next_window_rows(const struct feed *f)
{
    const struct mlp_source *s = f->source;
    uint64_t before = (uint64_t)f->next_block * (f->block_count ? s->block_rows : s->rows);
    uint64_t left = before < s->rows ? s->rows - before : 0;
    return (size_t)(left < f->window_rows ? left : f->window_rows);
}

static uint32_t blocks_in(const struct feed *f, size_t rows)
{
    return f->block_count ? (uint32_t)((rows + f->source->block_rows - 1) / f->source->block_rows) : 1;
}

static void enter_window(struct feed *f, size_t rows)
{
    f->next_block += blocks_in(f, rows);
    f->rows = rows;
    f->at = 0;
    if (f->shuffles) {
        count_up(f->order, rows, 0);
        rng_shuffle(&f->rng, f->order, rows);
    }
}

static enum err_code next_window(struct feed *f, const atomic_int *stop, struct err *err)
{
    const struct mlp_source *s = f->source;
    size_t rows = next_window_rows(f);
    if (f->block_count && rows) {
        uint32_t count = blocks_in(f, rows), later = f->block_count - f->next_block - count;
        uint32_t ahead = later < s->window_blocks ? later : s->window_blocks;
        enum err_code code = s->load(s->context, f->blocks + f->next_block, count, ahead, stop, err);
        if (code)
            return code;
    }
    enter_window(f, rows);
    return ERR_OK;
}

enum err_code feed_seek(struct feed *f, uint64_t seed, uint32_t epoch, uint64_t row, const atomic_int *stop, struct err *err)
{
    feed_start(f, seed, epoch);
    for (size_t rows; row >= (rows = next_window_rows(f)) && rows; row -= rows) {
        enter_window(f, rows);
        f->at = rows;
    }
    if (!row)
        return ERR_OK;
    enum err_code code = next_window(f, stop, err);
    f->at = code ? 0 : (size_t)row;
    f->rows = code ? 0 : f->rows;
    return code;
}

enum err_code feed_next(struct feed *f, size_t most, const atomic_int *stop, const uint32_t **ret_rows, size_t *ret_count,
                        struct err *err)
{
    if (f->at == f->rows) {
        enum err_code code = next_window(f, stop, err);
        if (code)
            return code;
    }
    size_t count = f->rows - f->at < most ? f->rows - f->at : most;
    if (!f->shuffles)
        count_up(f->order, count, (uint32_t)f->at);
    *ret_rows = f->shuffles ? f->order + f->at : f->order;
    *ret_count = count;
    f->at += count;
    return ERR_OK;
}
