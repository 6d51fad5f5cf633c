#include "table_writer.h"

#include "../base/fs.h"
#include "../base/mem.h"
#include "../base/pack.h"
#include "dictionary.h"
#include "moments.h"
#include "table_file.h"
#include <math.h>
#include <string.h>

#define FOOTER_MAX ((size_t)1 << 30)

#define HANDFUL 16 /* rows: a cache line of each column; group_rows is a multiple */

struct writer_column {
    char *name;
    enum column_type type;
    struct moments moments; /* numeric: of the groups that are written, and of the one being written once `part` is there */
    struct moments part;    /* of the one being written */
    uint64_t missing;       /* categorical */
    struct dictionary dictionary;
    double *cell; /* group_rows cells; int32_t codes when categorical */
};

struct table_writer {
    int fd;
    uint32_t columns, group_rows;
    uint32_t held, fresh; /* rows of the group in memory: by columns; behind them, in `row` */
    uint64_t rows;        /* before the group in memory */
    uint64_t offset;
    struct writer_column *column;
    double *cells; /* of the columns, HANDFUL apart, so that not all of them want the same lines of a cache */
    double *row;   /* HANDFUL x columns; codes as numbers */
    struct buf groups, entries; /* the index */
};

static enum err_code add_columns(struct table_writer *w, const char *const *names, const enum column_type *types,
                                 struct err *err)
{
    for (uint32_t i = 0; i < w->columns; i++) {
        struct writer_column *c = &w->column[i];
        *c = (struct writer_column){.name = mem_strdup(names[i]), .type = types[i], .moments = MOMENTS_NONE,
                                    .cell = w->cells + (size_t)i * (w->group_rows + HANDFUL)};
        dictionary_init(&c->dictionary);
        if (!c->name)
            return err_no_memory(err);
    }
    return ERR_OK;
}

enum err_code table_writer_new(const char *path, const char *const *names, const enum column_type *types, uint32_t columns,
                               struct table_writer **ret_writer, struct err *err)
{
    struct table_writer *w = mem_zalloc(sizeof *w);
    if (!w)
        return err_no_memory(err);
    *w = (struct table_writer){.fd = -1, .group_rows = table_group_rows(columns), .offset = sizeof(struct table_header)};
    buf_init(&w->groups, FOOTER_MAX);
    buf_init(&w->entries, FOOTER_MAX);
    w->column = mem_array(columns, sizeof *w->column);
    w->cells = mem_array((size_t)columns * (w->group_rows + HANDFUL), sizeof *w->cells);
    w->row = mem_array((size_t)columns * HANDFUL, sizeof *w->row);
    w->columns = w->column ? columns : 0;
    enum err_code code = w->column && w->cells && w->row ? add_columns(w, names, types, err) : err_no_memory(err);
    struct table_header blank = {0};
    if (!code)
        code = fs_create(path, &w->fd, err);
    if (!code)
        code = fs_write(w->fd, &blank, sizeof blank, err);
    if (code) {
        table_writer_free(w);
        return code;
    }
    *ret_writer = w;
    return ERR_OK;
}

void table_writer_free(struct table_writer *w)
{
    if (!w)
        return;
    for (uint32_t i = 0; i < w->columns; i++) {
        mem_free(w->column[i].name);
        dictionary_done(&w->column[i].dictionary);
    }
    mem_free(w->column);
    mem_free(w->cells);
    mem_free(w->row);
    buf_done(&w->groups);
    buf_done(&w->entries);
    if (w->fd >= 0)
        fs_close(w->fd);
    mem_free(w);
}

/* ---- cells ---------------------------------------------------------------------------------------------------------- */

double *table_writer_row_cells(struct table_writer *w)
{
    return w->row + (size_t)w->fresh * w->columns;
}

void table_writer_missing(struct table_writer *w, uint32_t column)
{
    struct writer_column *c = &w->column[column];
    bool categorical = c->type == COLUMN_CATEGORICAL;
    c->missing += categorical;
    table_writer_row_cells(w)[column] = categorical ? -1 : (double)NAN;
}

enum err_code table_writer_text(struct table_writer *w, uint32_t column, const char *text, size_t length, struct err *err)
{
    int32_t number;
    enum err_code code = dictionary_add(&w->column[column].dictionary, text, length, &number, err);
    if (code)
        return code;
    table_writer_row_cells(w)[column] = number;
    return ERR_OK;
}

bool table_writer_can_switch(const struct table_writer *w, uint32_t column)
{
    const struct writer_column *c = &w->column[column];
    bool empty = !w->rows;
    for (uint32_t i = 0; empty && i < w->held; i++)
        empty = isnan(c->cell[i]);
    for (uint32_t i = 0; empty && i < w->fresh; i++)
        empty = isnan(w->row[(size_t)i * w->columns + column]);
    return empty;
}

void table_writer_switch(struct table_writer *w, uint32_t column)
{
    struct writer_column *c = &w->column[column];
    c->type = COLUMN_CATEGORICAL;
    c->missing = w->held + w->fresh;
    memset(c->cell, 0xFF, w->group_rows * sizeof *c->cell); /* every code -1: all of them are missing so far */
    for (uint32_t i = 0; i < w->fresh; i++)
        w->row[(size_t)i * w->columns + column] = -1;
}

/* The fresh rows go to their columns. */
static void spread_rows(struct table_writer *w)
{
    size_t columns = w->columns;
    for (size_t i = 0; i < columns; i++) {
        const struct writer_column *c = &w->column[i];
        const double *from = w->row + i;
        double *cell = c->cell + w->held;
        int32_t *code = (int32_t *)(void *)c->cell + w->held;
        if (c->type == COLUMN_CATEGORICAL)
            for (uint32_t k = 0; k < w->fresh; k++)
                code[k] = (int32_t)from[k * columns];
        else if (w->fresh == HANDFUL)
            for (uint32_t k = 0; k < HANDFUL; k++)
                cell[k] = from[k * columns];
        else
            for (uint32_t k = 0; k < w->fresh; k++)
                cell[k] = from[k * columns];
    }
    w->held += w->fresh;
    w->fresh = 0;
}

/* ---- groups --------------------------------------------------------------------------------------------------------- */

/* Takes the moments of some numeric columns from *from on; *from is behind them. */
static void take_moments(struct table_writer *w, uint32_t *from)
{
    struct writer_column *column[MOMENTS_SIDES];
    struct moments *all[MOMENTS_SIDES], parts[MOMENTS_SIDES];
    const double *cells[MOMENTS_SIDES];
    uint32_t sides = 0;
    for (; *from < w->columns && sides < MOMENTS_SIDES; ++*from) {
        struct writer_column *c = &w->column[*from];
        if (c->type == COLUMN_CATEGORICAL)
            continue;
        column[sides] = c;
        all[sides] = &c->moments;
        cells[sides++] = c->cell;
    }
    if (sides == MOMENTS_SIDES)
        moments_add_sides(all, cells, w->held, parts);
    for (uint32_t k = 0; k < sides; k++)
        column[k]->part = sides == MOMENTS_SIDES ? parts[k] : moments_add(all[k], cells[k], w->held);
}

/* Packs a column; returns the bytes, padded to 8. */
static size_t pack_cells(struct table_writer *w, struct writer_column *c, struct cell_format *ret_format)
{
    if (c->type == COLUMN_NUMERIC)
        *ret_format = cells_pack_numbers(c->cell, w->held, &c->part);
    else
        *ret_format = (struct cell_format){cells_pack_codes((int32_t *)(void *)c->cell, w->held), 0};
    size_t bytes = (size_t)w->held * cell_bytes[ret_format->kind], padded = (bytes + 7) & ~(size_t)7;
    memset((char *)c->cell + bytes, 0, padded - bytes);
    return padded;
}

/* The packed columns move together at the start of the cells, which have room for them, and are written at once. */
static enum err_code write_group(struct table_writer *w, struct err *err)
{
    size_t length = 0;
    uint32_t taken = 0;
    pack_u64(&w->groups, w->offset);
    for (uint32_t i = 0; i < w->columns; i++) {
        struct cell_format format;
        if (i == taken)
            take_moments(w, &taken);
        size_t bytes = pack_cells(w, &w->column[i], &format);
        memmove((char *)w->cells + length, w->column[i].cell, bytes);
        pack_u32(&w->entries, table_entry(length, format));
        length += bytes;
    }
    w->offset += length;
    w->rows += w->held;
    w->held = 0;
    return fs_write(w->fd, w->cells, length, err);
}

enum err_code table_writer_row(struct table_writer *w, struct err *err)
{
    if (w->rows + w->held + w->fresh == UINT32_MAX)
        return err_set(err, ERR_INVALID, "more than %u rows", UINT32_MAX);
    if (++w->fresh < HANDFUL)
        return ERR_OK;
    spread_rows(w);
    return w->held == w->group_rows ? write_group(w, err) : ERR_OK;
}

/* ---- the end -------------------------------------------------------------------------------------------------------- */

static void pack_column(const struct writer_column *c, struct buf *footer)
{
    pack_text(footer, c->name);
    pack_u32(footer, c->type);
    const struct moments *m = &c->moments;
    pack_u64(footer, c->type == COLUMN_NUMERIC ? m->missing : c->missing);
    if (c->type == COLUMN_NUMERIC) {
        pack_f64(footer, m->present ? m->least : NAN);
        pack_f64(footer, m->present ? m->most : NAN);
        pack_f64(footer, m->present ? m->mean : NAN);
        pack_f64(footer, moments_deviation(m));
        return;
    }
    const struct dictionary *d = &c->dictionary;
    pack_u32(footer, d->count);
    for (uint32_t k = 0; k < d->count; k++) {
        pack_bytes(footer, d->text.data + d->entry[k].offset, d->entry[k].length);
        pack_u64(footer, d->entry[k].count);
    }
}

static enum err_code write_footer(struct table_writer *w, const struct csv_options *options, struct buf *footer, struct err *err)
{
    for (uint32_t i = 0; i < w->columns; i++)
        pack_column(&w->column[i], footer);
    pack_texts(footer, options->missing, options->missing_count);
    pack_u32(footer, (uint32_t)options->decimal);
    static const char zeros[8];
    buf_add(footer, zeros, (8 - footer->length % 8) % 8);
    uint64_t index = w->offset + footer->length;
    buf_add(footer, w->groups.data, w->groups.length);
    buf_add(footer, w->entries.data, w->entries.length);
    if (footer->failed || w->groups.failed || w->entries.failed)
        return err_no_memory(err);
    struct table_header h = {.version = TABLE_VERSION, .endian = TABLE_ENDIAN, .rows = w->rows, .columns = w->columns,
                             .group_rows = w->group_rows, .footer_offset = w->offset, .footer_length = footer->length,
                             .index_offset = index};
    memcpy(h.magic, TABLE_MAGIC, sizeof h.magic);
    table_header_digest(&h, footer->data, h.sha256);
    enum err_code code = fs_write(w->fd, footer->data, footer->length, err);
    if (!code)
        code = fs_write_at(w->fd, &h, sizeof h, 0, err);
    return code ? code : fs_sync(w->fd, err);
}

enum err_code table_writer_finish(struct table_writer *w, const struct csv_options *options, struct err *err)
{
    spread_rows(w);
    enum err_code code = w->held ? write_group(w, err) : ERR_OK;
    if (code)
        return code;
    struct buf footer;
    buf_init(&footer, FOOTER_MAX);
    code = write_footer(w, options, &footer, err);
    buf_done(&footer);
    return code;
}
