#include "rows.h"

#include "core/base/cleanup.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/data/row_weights.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define WINDOW_BLOCKS 16 /* so that rows are shuffled among 64 MiB of others, read 4 MiB at a time */
#define VALID_BLOCKS  2
#define ENCODE_ROWS   4096 /* between two looks at `stop` */
#define AHEAD_SLICES  10 /* of the next window, up to 160 MiB: about what 16 blocks of training rows come from */
#define MEMORY_SHARE  0.7

struct rows_sizes rows_sizes = ROWS_SIZES;

/* ---- limits --------------------------------------------------------------------------------------------------------- */

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The start of a small file, as text. Without memory of its own, since it is asked before any is taken. */
static void read_start(const char *path, char *text, size_t size)
{
    cleanup(fs_closep) int fd = -1;
    size_t got = 0;
    if (!fs_open_read(path, &fd, NULL) && fs_read_at(fd, text, size - 1, 0, &got, NULL))
        got = 0;
    text[got] = '\0';
}

/* The limit of the control group that a line of /proc/self/cgroup names ("4:memory:/a/b" in version 1, "0::/a/b" in 2). In a
 * container the path may be that of the host, and the limit then stands at the top. */
static uint64_t control_group_limit(const char *groups, const char *line, const char *top, const char *file)
{
    const char *path = strstr(groups, line);
    uint64_t least = UINT64_MAX;
    path = path ? path + strlen(line) : "";
    for (int at_top = 0; at_top < 2; at_top++) {
        char name[FS_PATH_MAX], text[32];
        snprintf(name, sizeof name, "%s%.*s/%s", top, at_top ? 0 : (int)strcspn(path, "\n"), path, file);
        read_start(name, text, sizeof text);
        if (text[0] >= '0' && text[0] <= '9') /* not "max" */
            least = lesser(least, strtoull(text, NULL, 10));
    }
    return least;
}

uint64_t rows_memory_limit(void)
{
    uint64_t bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    static const __rlimit_resource_t kinds[] = {RLIMIT_AS, RLIMIT_DATA};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct rlimit limit;
        if (!getrlimit(kinds[i], &limit) && limit.rlim_cur != RLIM_INFINITY)
            bytes = lesser(bytes, limit.rlim_cur);
    }
    char groups[4096];
    read_start("/proc/self/cgroup", groups, sizeof groups);
    bytes = lesser(bytes, control_group_limit(groups, "0::", "/sys/fs/cgroup", "memory.max"));
    bytes = lesser(bytes, control_group_limit(groups, ":memory:", "/sys/fs/cgroup/memory", "memory.limit_in_bytes"));
    return (uint64_t)(MEMORY_SHARE * (double)bytes);
}

/* ---- blocks --------------------------------------------------------------------------------------------------------- */

static uint64_t row_bytes(uint32_t inputs, uint32_t targets)
{
    return ((uint64_t)inputs + targets) * sizeof(real);
}

/* What encoded rows may take: `memory`, or 0 for what the machine allows. */
static uint64_t allowed(uint64_t memory)
{
    return memory ? memory : rows_memory_limit() / 4;
}

/* A few validation rows come from all over the table: kept, they are read once and not in each epoch. */
static bool keeps_valid(uint64_t bytes, uint64_t memory)
{
    return bytes <= lesser(rows_sizes.valid_kept, allowed(memory));
}

uint64_t rows_layout(uint64_t train_rows, uint64_t valid_rows, uint32_t inputs, uint32_t targets, uint64_t memory,
                     struct mlp_source *train, struct mlp_source *valid)
{
    uint64_t bytes = row_bytes(inputs, targets);
    *train = (struct mlp_source){.rows = train_rows};
    *valid = (struct mlp_source){.rows = valid_rows};
    if ((train_rows + valid_rows) * bytes <= rows_sizes.at_once) /* under 2^32 rows of under 2^23 bytes each */
        return (train_rows + valid_rows) * bytes;
    train->block_rows = valid->block_rows = (uint32_t)(rows_sizes.block / bytes > 1 ? rows_sizes.block / bytes : 1);
    train->window_blocks = WINDOW_BLOCKS;
    valid->window_blocks = VALID_BLOCKS;
    uint64_t block = train->block_rows * bytes, valid_bytes = valid_rows * bytes;
    return WINDOW_BLOCKS * block + (keeps_valid(valid_bytes, memory) ? valid_bytes : VALID_BLOCKS * block);
}

static enum err_code encode(const struct rows_part *p, size_t from, size_t count, real *x, real *y, const atomic_int *stop,
                            struct err *err)
{
    for (size_t at = 0; at < count; at += ENCODE_ROWS) {
        if (stop && atomic_load_explicit(stop, memory_order_relaxed))
            return err_set(err, ERR_STOPPED, "stopped");
        size_t some = count - at < ENCODE_ROWS ? count - at : ENCODE_ROWS;
        encoder_encode(p->view, p->row + from + at, some, x + at * p->inputs, p->inputs, y + at * p->targets);
    }
    return ERR_OK;
}

static size_t block_start(const struct rows_part *p, uint32_t block)
{
    return (size_t)block * p->block_rows;
}

static size_t block_length(const struct rows_part *p, uint32_t block)
{
    size_t start = block_start(p, block);
    return p->count - start < p->block_rows ? p->count - start : p->block_rows;
}

static uint64_t slice_rows(const struct rows_part *p)
{
    uint64_t rows = rows_sizes.slice / table_columns(p->table);
    return rows ? rows : 1;
}

/* Where the rows from `at` on, before `end`, are no longer near each other in the table: they ascend. What the disk is asked
 * for at once is bounded so, however far apart they are: else pages leave a small memory before they are encoded. */
static size_t slice_end(const struct rows_part *p, size_t at, size_t end)
{
    uint64_t far = p->row[at++] + slice_rows(p);
    while (at < end) {
        size_t middle = at + (end - at) / 2;
        if (p->row[middle] < far)
            at = middle + 1;
        else
            end = middle;
    }
    return end;
}

/* Asks the disk for a slice; returns where it ends. */
static size_t will_need(const struct rows_part *p, size_t at, size_t end)
{
    size_t next = slice_end(p, at, end);
    table_will_need(p->table, TABLE_ALL_COLUMNS, p->row[at], p->row[next - 1]);
    return next;
}

/* The disk reads the next slice while one is encoded. */
static enum err_code encode_slices(const struct rows_part *p, size_t from, size_t count, real *x, real *y,
                                   const atomic_int *stop, struct err *err)
{
    enum err_code code = ERR_OK;
    size_t end = from + count, next = will_need(p, from, end);
    for (size_t at = from, slice; !code && at < end; at += slice) {
        slice = next - at;
        if (next < end)
            next = will_need(p, next, end);
        code = encode(p, at, slice, x + (at - from) * p->inputs, y + (at - from) * p->targets, stop, err);
    }
    return code;
}

static void will_need_ahead(const struct rows_part *p, const uint32_t *blocks, size_t count)
{
    uint64_t left = AHEAD_SLICES * slice_rows(p);
    for (size_t b = 0; b < count; b++) {
        size_t start = block_start(p, blocks[b]), end = start + block_length(p, blocks[b]);
        for (size_t at = start, next; at < end; at = next) {
            next = slice_end(p, at, end);
            uint64_t rows = (uint64_t)p->row[next - 1] - p->row[at] + 1;
            if (rows > left)
                return;
            left -= rows;
            will_need(p, at, next);
        }
    }
}

/* The disk reads the next block, and of the next window as much as AHEAD_SLICES, while this one's rows are encoded and used. */
static enum err_code load(const void *context, const uint32_t *blocks, size_t count, size_t ahead, const atomic_int *stop,
                          struct err *err)
{
    const struct rows_part *p = context;
    memcpy(p->blocks, blocks, count * sizeof *blocks);
    enum err_code code = ERR_OK;
    for (size_t b = 0, at = 0; !code && !p->whole && b < count; at += block_length(p, blocks[b++])) {
        if (b + 1 < count)
            will_need(p, block_start(p, blocks[b + 1]), block_start(p, blocks[b + 1]) + block_length(p, blocks[b + 1]));
        code = encode_slices(p, block_start(p, blocks[b]), block_length(p, blocks[b]), p->x + at * p->inputs,
                             p->y + at * p->targets, stop, err);
    }
    if (!code && !p->whole)
        will_need_ahead(p, blocks + count, ahead);
    return code;
}

/* A row of the window, or of all, among all rows of the part. */
static size_t row_of_part(const struct rows_part *p, uint32_t row)
{
    return p->block_rows ? (size_t)p->blocks[row / p->block_rows] * p->block_rows + row % p->block_rows : row;
}

static void gather(const void *context, const uint32_t *rows, size_t count, real *x, size_t stride, real *y, real *weights)
{
    const struct rows_part *p = context;
    for (size_t i = 0; i < count; i++) {
        size_t own = row_of_part(p, rows[i]), row = p->whole ? own : rows[i];
        if (i + MLP_ROWS_AHEAD < count && !p->block_rows)
            mlp_row_ahead(p->x + (size_t)rows[i + MLP_ROWS_AHEAD] * p->inputs, p->inputs);
        if (weights)
            weights[i] = p->weights[own];
        memcpy(x + i * stride, p->x + row * p->inputs, p->inputs * sizeof *x);
        if (p->targets == 1)
            y[i] = p->y[row];
        else
            memcpy(y + i * p->targets, p->y + row * p->targets, p->targets * sizeof *y);
    }
}

/* ---- life ----------------------------------------------------------------------------------------------------------- */

void rows_done(struct rows *r)
{
    for (int i = 0; i < 2; i++) {
        mem_free(r->part[i].x);
        mem_free(r->part[i].y);
        mem_free(r->part[i].weights);
        mem_free(r->part[i].blocks);
    }
    encoder_view_free(r->view);
    encoder_view_free(r->valid_view);
    mem_free(r->valid_row);
    encoder_free(r->fitted);
    split_done(&r->split);
    *r = (struct rows){0};
}

/* Four bytes a row stay in memory, whatever becomes of its inputs. */
static enum err_code read_weights(struct rows_part *p, const struct job_spec *spec, struct err *err)
{
    int column = row_weights_find(p->table, spec->sample_weight);
    if (column < 0)
        return ERR_OK;
    if (!(p->weights = mem_array(p->count + 1, sizeof *p->weights)))
        return err_no_memory(err);
    for (size_t i = 0; i < p->count; i++)
        p->weights[i] = (real)table_number(p->table, (uint32_t)column, p->row[i]);
    return ERR_OK;
}

/* Memory for all rows of a side, which are encoded now, or for a window of them. */
static enum err_code prepare_part(struct rows_part *p, struct mlp_source *source, const atomic_int *stop, struct err *err)
{
    size_t rows = p->whole ? p->count : (size_t)lesser((uint64_t)source->block_rows * source->window_blocks, p->count);
    p->block_rows = source->block_rows;
    source->context = p;
    source->gather = gather;
    source->load = load;
    source->weighted = p->weights != NULL;
    if (!p->count)
        return ERR_OK;
    p->x = mem_array(rows, p->inputs * sizeof(real));
    p->y = mem_array(rows, p->targets * sizeof(real));
    p->blocks = mem_array((size_t)source->window_blocks + 1, sizeof *p->blocks);
    if (!p->x || !p->y || !p->blocks)
        return err_no_memory(err);
    return p->whole ? encode_slices(p, 0, p->count, p->x, p->y, stop, err) : ERR_OK;
}

static enum err_code split(struct rows *r, const struct job_spec *spec, const struct encoder_options *options,
                           const struct table *table, struct err *err)
{
    cleanup(mem_freep) uint32_t *rows = NULL;
    cleanup(mem_freep) int32_t *classes = NULL;
    size_t count;
    const struct job_validation *v = &spec->validation;
    struct split_mark mark;
    enum err_code code = encoder_target_rows(table, options, &rows, &classes, &count, err);
    if (!code)
        code = job_weights_drop(spec, table, rows, classes, &count, err);
    if (!code && !count && spec->targets.count > 1)
        code = err_set(err, ERR_INVALID, "no row has a value in all %zu targets", spec->targets.count);
    if (code)
        return code;
    if (v->column)
        code = split_mark_find(table, v->column, v->value, v->train_value, &mark, err);
    if (code)
        return code;
    if (v->column)
        return split_marked(table, &mark, rows, count, &r->split, err);
    if (v->folds && !v->fold)
        return err_set(err, ERR_INTERNAL, "a run of folds without a fold");
    const int32_t *strata = v->stratified ? classes : NULL;
    if (v->folds)
        return split_fold(rows, count, strata, v->folds, v->fold - 1, spec->seed, &r->split, err);
    return split_rows(rows, count, strata, v->dataset ? 0 : v->fraction, spec->seed, &r->split, err);
}

/* The validation rows of a table of their own. */
static enum err_code take_table(struct rows *r, const struct job_spec *spec, const struct table *valid, struct rows_part *part,
                                struct err *err)
{
    enum err_code code = encoder_view_new_weighted(r->encoder, valid, spec->sample_weight, &r->valid_view, err);
    if (!code)
        code = encoder_view_rows(r->valid_view, &r->valid_row, &part->count, err);
    if (!code)
        code = job_weights_drop(spec, valid, r->valid_row, NULL, &part->count, err);
    part->view = r->valid_view;
    part->table = valid;
    part->row = r->valid_row;
    return code;
}

enum err_code rows_prepare(struct rows *r, const struct job_spec *spec, const struct table *table, const struct table *valid,
                           const struct encoder *encoder, uint64_t memory, const atomic_int *stop, struct err *err)
{
    struct encoder_options options = job_spec_encoder_options(spec);
    enum err_code code = encoder_check_target(table, &options, &options.task, NULL, err);
    if (!code && !valid != !spec->validation.dataset)
        code = err_set(err, ERR_INTERNAL, "validation rows of a dataset without its table");
    if (!code)
        code = split(r, spec, &options, table, err);
    if (!code && !encoder)
        code = encoder_fit(table, &options, r->split.train, r->split.train_count, &r->fitted, err);
    r->encoder = encoder ? encoder : r->fitted;
    if (!code)
        code = encoder_view_new_weighted(r->encoder, table, spec->sample_weight, &r->view, err);
    if (code)
        return code;
    struct row_total total = row_weights_total(table, row_weights_find(table, spec->sample_weight), r->split.train,
                                               r->split.train_count);
    r->counted = row_total_rows(&total);
    uint32_t inputs = encoder_inputs(r->encoder), targets = encoder_targets(r->encoder);
    struct rows_part part = {.view = r->view, .table = table, .row = r->split.train, .count = r->split.train_count,
                             .inputs = inputs, .targets = targets};
    r->part[0] = r->part[1] = part;
    r->part[1].row = r->split.valid;
    r->part[1].count = r->split.valid_count;
    if (valid && (code = take_table(r, spec, valid, &r->part[1], err)))
        return code;
    rows_layout(r->part[0].count, r->part[1].count, inputs, targets, memory, &r->train, &r->valid);
    uint64_t bytes = (r->train.rows + r->valid.rows) * row_bytes(inputs, targets);
    bool whole = bytes <= allowed(memory) || !r->train.block_rows;
    r->part[0].whole = whole;
    r->part[1].whole = whole || keeps_valid(r->valid.rows * row_bytes(inputs, targets), memory);
    for (int i = 0; !code && i < 2; i++)
        code = read_weights(&r->part[i], spec, err);
    if (!code)
        code = prepare_part(&r->part[0], &r->train, stop, err);
    return code ? code : prepare_part(&r->part[1], &r->valid, stop, err);
}

/* All rows that have every target. */
static enum err_code target_rows(const struct table *table, const struct job_spec *spec, uint32_t **ret, size_t *ret_count,
                                 struct err *err)
{
    uint32_t columns[TABLE_MAX_COLUMNS], targets = job_targets_columns(spec, table, columns);
    size_t count = 0;
    uint32_t *rows = mem_array((size_t)table_rows(table) + 1, sizeof *rows);
    if (!rows)
        return err_no_memory(err);
    for (uint64_t i = 0; targets == spec->targets.count && i < table_rows(table); i++)
        if (job_targets_there(table, columns, targets, i))
            rows[count++] = (uint32_t)i;
    *ret = rows;
    *ret_count = count;
    return ERR_OK;
}

enum err_code rows_validation(const struct job_spec *spec, const struct table *table, uint32_t **ret, size_t *ret_count,
                              struct err *err)
{
    struct rows r = {0};
    struct encoder_options options = job_spec_encoder_options(spec);
    if (spec->validation.dataset) {
        enum err_code failed = target_rows(table, spec, ret, ret_count, err);
        return failed ? failed : job_weights_drop(spec, table, *ret, NULL, ret_count, err);
    }
    enum err_code code = encoder_check_target(table, &options, &options.task, NULL, err);
    if (!code)
        code = split(&r, spec, &options, table, err);
    uint32_t *rows = code ? NULL : mem_array(r.split.valid_count + 1, sizeof *rows);
    if (!code && !rows)
        code = err_no_memory(err);
    if (!code) {
        memcpy(rows, r.split.valid, r.split.valid_count * sizeof *rows);
        *ret = rows;
        *ret_count = r.split.valid_count;
    }
    rows_done(&r);
    return code;
}
