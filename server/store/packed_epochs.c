/* Epochs that are done with: 64 of them lie in one row, column by column, since a row for each costs more than the training of
 * a small network does.
 *
 *   byte 0       1, the version
 *   bytes 1..12  how each column is there: enum kind
 *   bytes 13..15 0
 *   then         elapsed_seconds of the first epoch, a double; those of the others follow by adding their seconds
 *   then         of each column one, two or 64 words: weight_updates as integers, the others as doubles (NAN: absent)
 *
 * All of it little-endian. Layers are in a column of their own, which most readers leave alone. */
#include "internal.h"

#include "core/base/mem.h"
#include <math.h>
#include <string.h>

#define FIGURES 4 /* of a layer */
#define VERSION 1
#define HEADER  16

enum kind {
    ABSENT, /* in all 64 */
    SAME,   /* in all 64: it is there once */
    EACH,   /* 64 of them */
    STEPS   /* the first, and what each next one is more */
};
static const size_t words_of[] = {[ABSENT] = 0, [SAME] = 1, [EACH] = EPOCH_BLOCK, [STEPS] = 2};
enum { WORD = sizeof(uint64_t) };
_Static_assert(1 + EPOCH_COLUMNS <= HEADER, "room for the kind of each column");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "bytes are stored as they lie in memory");

/* ---- packing ---------------------------------------------------------------------------------------------------------- */

static uint64_t word_of(double value)
{
    uint64_t word;
    value = isfinite(value) ? value : NAN;
    memcpy(&word, &value, sizeof word);
    return word;
}

void epoch_block_start(struct epoch_block *b)
{
    b->count = b->layer_count = 0;
    buf_clear(&b->layers);
}

/* The first row says how many layers there are; the figures that another row lacks are absent. */
static void add_layers(struct epoch_block *b, const struct epoch_row *row)
{
    size_t size = b->layer_count * FIGURES * sizeof(float);
    const float absent = NAN;
    if (row->layers_size == size)
        buf_add(&b->layers, row->layers, size);
    else
        for (size_t i = 0; i < size; i += sizeof absent)
            buf_add(&b->layers, &absent, sizeof absent);
}

void epoch_block_add(struct epoch_block *b, const struct epoch_row *row)
{
    if (!b->count) {
        b->layer_count = (uint32_t)(row->layers_size / (FIGURES * sizeof(float)));
        b->elapsed_seconds = row->elapsed_seconds;
    }
    uint32_t slot = b->count++;
    b->word[EPOCH_WEIGHT_UPDATES][slot] = row->weight_updates;
    b->word[EPOCH_LEARNING_RATE][slot] = word_of(row->learning_rate);
    b->word[EPOCH_SECONDS][slot] = word_of(row->seconds);
    for (unsigned m = 0; m < METRIC_COUNT; m++)
        b->word[EPOCH_METRICS + m][slot] = word_of(row->metric[m]);
    add_layers(b, row);
}

static enum kind kind_of(const uint64_t word[EPOCH_BLOCK], bool real)
{
    bool same = true, steps = !real;
    for (unsigned i = 1; i < EPOCH_BLOCK; i++) {
        same &= word[i] == word[0];
        steps &= word[i] - word[i - 1] == word[1] - word[0];
    }
    if (steps)
        return STEPS;
    return !same ? EACH : real && word[0] == word_of(NAN) ? ABSENT : SAME;
}

/* Appends the block of 64 to `out`. */
static bool pack(const struct epoch_block *b, struct buf *out)
{
    unsigned char header[HEADER] = {VERSION};
    for (unsigned c = 0; c < EPOCH_COLUMNS; c++)
        header[1 + c] = (unsigned char)kind_of(b->word[c], c != EPOCH_WEIGHT_UPDATES);
    buf_add(out, header, sizeof header);
    buf_add(out, &b->elapsed_seconds, sizeof b->elapsed_seconds);
    for (unsigned c = 0; c < EPOCH_COLUMNS; c++) {
        uint64_t steps[] = {b->word[c][0], b->word[c][1] - b->word[c][0]};
        buf_add(out, header[1 + c] == STEPS ? steps : b->word[c], WORD * words_of[header[1 + c]]);
    }
    return !out->failed && !b->layers.failed;
}

static int64_t id_of(int64_t run, uint32_t block)
{
    return run * EPOCH_BLOCKS_MAX + block;
}

enum err_code epoch_block_insert(struct connection *c, int64_t run, uint32_t block, const struct epoch_block *b, struct err *err)
{
    struct buf data;
    buf_init(&data, SIZE_MAX / 2);
    enum err_code code = pack(b, &data) ? ERR_OK : err_no_memory(err);
    if (!code) {
        struct query q = query_start(c, SQL_PACKED_INSERT);
        query_put_integer(&q, id_of(run, block));
        query_put_blob(&q, data.data, data.length);
        if (b->layers.length)
            query_put_blob(&q, b->layers.data, b->layers.length);
        code = query_run(&q, NULL, err);
    }
    buf_done(&data);
    return code;
}

/* ---- unpacking -------------------------------------------------------------------------------------------------------- */

/* False when it is damaged. */
static bool pack_open(struct epoch_pack *p, const void *data, size_t size)
{
    const unsigned char *header = data;
    size_t offset = HEADER + sizeof *p->elapsed_seconds;
    if (size < offset || header[0] != VERSION)
        return false;
    for (unsigned c = 0; c < EPOCH_COLUMNS; c++) {
        p->kind[c] = header[1 + c];
        if (p->kind[c] > STEPS)
            return false;
        p->column[c] = header + offset;
        offset += WORD * words_of[p->kind[c]];
    }
    if (size != offset)
        return false;
    memcpy(p->elapsed_seconds, header + HEADER, sizeof *p->elapsed_seconds);
    for (uint32_t slot = 1; slot < EPOCH_BLOCK; slot++) {
        double seconds = epoch_pack_real(p, EPOCH_SECONDS, slot);
        p->elapsed_seconds[slot] = p->elapsed_seconds[slot - 1] + (isnan(seconds) ? 0 : seconds);
    }
    p->layers = NULL;
    p->layers_size = 0;
    return true;
}

/* NULL for no layers. */
static bool pack_open_layers(struct epoch_pack *p, const void *layers, size_t size)
{
    p->layers = layers;
    p->layers_size = size / EPOCH_BLOCK;
    return size % (EPOCH_BLOCK * FIGURES * sizeof(float)) == 0;
}

static uint64_t pack_word(const struct epoch_pack *p, unsigned column, uint32_t slot)
{
    uint64_t word[2];
    enum kind kind = p->kind[column];
    memcpy(word, p->column[column] + (kind == EACH ? slot * WORD : 0), kind == STEPS ? sizeof word : WORD);
    return kind == STEPS ? word[0] + slot * word[1] : word[0];
}

double epoch_pack_real(const struct epoch_pack *p, unsigned column, uint32_t slot)
{
    double value = NAN;
    if (column == EPOCH_ELAPSED)
        return p->elapsed_seconds[slot];
    if (p->kind[column] != ABSENT) {
        uint64_t word = pack_word(p, column, slot);
        memcpy(&value, &word, sizeof value);
    }
    return value;
}

static void pack_row(const struct epoch_pack *p, uint32_t block, uint32_t slot, struct epoch_row *ret)
{
    ret->epoch = block * EPOCH_BLOCK + slot + 1;
    ret->weight_updates = p->kind[EPOCH_WEIGHT_UPDATES] == ABSENT ? 0 : pack_word(p, EPOCH_WEIGHT_UPDATES, slot);
    ret->learning_rate = epoch_pack_real(p, EPOCH_LEARNING_RATE, slot);
    ret->seconds = epoch_pack_real(p, EPOCH_SECONDS, slot);
    ret->elapsed_seconds = p->elapsed_seconds[slot];
    for (unsigned m = 0; m < METRIC_COUNT; m++)
        ret->metric[m] = epoch_pack_real(p, EPOCH_METRICS + m, slot);
    ret->layers = p->layers ? p->layers + slot * p->layers_size : NULL;
    ret->layers_size = p->layers_size;
}

/* The block of the row that is there. */
static bool pack_take(struct query *q, bool with_layers, struct epoch_pack *ret, uint32_t *ret_block)
{
    size_t size;
    *ret_block = (uint32_t)query_integer(q);
    const void *data = query_blob(q, &size);
    if (!pack_open(ret, data, size))
        return false;
    if (!with_layers)
        return true;
    data = query_blob(q, &size);
    return pack_open_layers(ret, data, size);
}

static struct query pack_query(struct connection *c, int64_t run, uint32_t first, uint32_t last, bool with_layers)
{
    struct query q = query_start(c, with_layers ? SQL_PACKED_LAYERS : SQL_PACKED_RANGE);
    query_put_integer(&q, id_of(run, first));
    query_put_integer(&q, id_of(run, last));
    return q;
}

/* epoch_figure(data, slot, column): one double of a packed block, NULL where it is absent. */
static void epoch_figure(sqlite3_context *context, int count, sqlite3_value **value)
{
    (void)count;
    struct epoch_pack p;
    const void *data = sqlite3_value_blob(value[0]);
    int slot = sqlite3_value_int(value[1]), column = sqlite3_value_int(value[2]);
    if (!data)
        return;
    if (slot < 0 || slot >= EPOCH_BLOCK || column < EPOCH_LEARNING_RATE || column > EPOCH_ELAPSED ||
        !pack_open(&p, data, (size_t)sqlite3_value_bytes(value[0]))) {
        sqlite3_result_error(context, "a block of epochs is damaged", -1);
        return;
    }
    double figure = epoch_pack_real(&p, (unsigned)column, (uint32_t)slot);
    if (!isnan(figure))
        sqlite3_result_double(context, figure);
}

int epoch_figure_register(sqlite3 *db)
{
    return sqlite3_create_function_v2(db, "epoch_figure", 3, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL,
                                      epoch_figure, NULL, NULL, NULL);
}

/* ---- one after the other ---------------------------------------------------------------------------------------------- */

void epoch_row_take(struct query *q, struct epoch_row *ret)
{
    ret->epoch = (uint32_t)query_integer(q);
    ret->weight_updates = (uint64_t)query_integer(q);
    ret->learning_rate = query_real(q);
    ret->seconds = query_real(q);
    ret->elapsed_seconds = query_real(q);
    for (int m = 0; m < METRIC_COUNT; m++)
        ret->metric[m] = query_real(q);
    ret->layers = query_blob(q, &ret->layers_size);
}

/* The next block that holds epochs of the range. */
static void next_block(struct epoch_cursor *e)
{
    e->packed = query_row(&e->blocks);
    if (!e->packed)
        return;
    e->damaged |= !pack_take(&e->blocks, e->with_layers, &e->pack, &e->block);
    e->packed = !e->damaged;
    uint32_t first = e->block * EPOCH_BLOCK + 1;
    e->slot = first < e->range.from ? e->range.from - first : 0;
}

static void next_single(struct epoch_cursor *e)
{
    e->single = query_row(&e->rows);
    if (e->single)
        epoch_row_take(&e->rows, &e->row);
}

struct epoch_cursor epochs_open(struct connection *c, const struct epoch_range *range, bool with_layers)
{
    struct epoch_cursor e = {.range = *range, .with_layers = with_layers};
    uint32_t from = range->from ? range->from - 1 : 0, to = range->to ? range->to - 1 : 0;
    e.rows = epoch_range_query(c, SQL_EPOCHS_RANGE, range);
    e.blocks = pack_query(c, range->run, from / EPOCH_BLOCK, to / EPOCH_BLOCK, with_layers);
    next_single(&e);
    next_block(&e);
    return e;
}

bool epochs_next(struct epoch_cursor *e, struct epoch_row *ret)
{
    if (e->taken) /* it lent its layers until now */
        next_single(e);
    e->taken = false;
    if (e->packed && e->slot == EPOCH_BLOCK)
        next_block(e);
    uint32_t epoch = e->packed ? e->block * EPOCH_BLOCK + e->slot + 1 : UINT32_MAX;
    if (e->single && e->row.epoch < epoch) {
        *ret = e->row;
        e->taken = true;
        return true;
    }
    if (!e->packed || epoch > e->range.to)
        return false;
    pack_row(&e->pack, e->block, e->slot++, ret);
    return true;
}

static enum err_code damage(int64_t run, struct err *err)
{
    return err_set(err, ERR_CORRUPT, "the epochs of run %lld are damaged", (long long)run);
}

enum err_code epochs_close(struct epoch_cursor *e, struct err *err)
{
    enum err_code code = query_end(&e->rows, err), blocks = query_end(&e->blocks, code ? NULL : err);
    if (!code && !blocks && e->damaged)
        code = damage(e->range.run, err);
    return code ? code : blocks;
}

/* ---- some of them ----------------------------------------------------------------------------------------------------- */

static enum err_code single_get(struct connection *c, int64_t run, uint32_t epoch,
                                void (*take)(void *context, const struct epoch_row *row), void *context, struct err *err)
{
    struct epoch_row row;
    struct query q = query_start(c, SQL_EPOCH_GET);
    query_put_integer(&q, run);
    query_put_integer(&q, epoch);
    if (query_row(&q)) {
        epoch_row_take(&q, &row);
        take(context, &row);
    }
    return query_end(&q, err);
}

/* The same of epochs that are in one block. */
static enum err_code block_get(struct connection *c, int64_t run, const uint32_t *epochs, size_t count, bool with_layers,
                               void (*take)(void *context, const struct epoch_row *row), void *context, struct err *err)
{
    uint32_t block = (epochs[0] - 1) / EPOCH_BLOCK;
    struct epoch_pack p;
    struct query q = pack_query(c, run, block, block, with_layers);
    bool packed = query_row(&q), fine = !packed || pack_take(&q, with_layers, &p, &block);
    for (size_t i = 0; packed && fine && i < count; i++) {
        struct epoch_row row;
        pack_row(&p, block, (epochs[i] - 1) % EPOCH_BLOCK, &row);
        take(context, &row);
    }
    enum err_code code = query_end(&q, err);
    if (!code && !fine)
        code = damage(run, err);
    for (size_t i = 0; !code && !packed && i < count; i++)
        code = single_get(c, run, epochs[i], take, context, err);
    return code;
}

enum err_code epochs_get(struct connection *c, int64_t run, const uint32_t *epochs, size_t count, bool with_layers,
                         void (*take)(void *context, const struct epoch_row *row), void *context, struct err *err)
{
    enum err_code code = ERR_OK;
    for (size_t i = 0, next; !code && i < count; i = next) {
        for (next = i + 1; next < count && (epochs[next] - 1) / EPOCH_BLOCK == (epochs[i] - 1) / EPOCH_BLOCK; next++)
            ;
        code = block_get(c, run, epochs + i, next - i, with_layers, take, context, err);
    }
    return code;
}
