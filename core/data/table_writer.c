#include "table_writer.h"

#include "../base/fs.h"
#include "../base/mem.h"
#include "../base/pack.h"
#include "dictionary.h"
#include "table_file.h"
#include <math.h>
#include <string.h>

#define FOOTER_MAX ((size_t)1 << 30)

struct writer_column {
    char *name;
    enum column_type type;
    uint64_t missing, present;
    double minimum, maximum, mean, squares; /* squares: sum of squared deviations from the mean (Welford 1962) */
    struct dictionary dictionary;
    double *cell; /* group_rows cells; int32_t codes when categorical */
};

struct table_writer {
    int fd;
    uint32_t columns, group_rows, held; /* held: rows of the group in memory */
    uint64_t rows;                      /* before the group in memory */
    uint64_t offset;
    struct writer_column *column;
    double *cells;
};

static enum err_code add_columns(struct table_writer *w, const char *const *names, const enum column_type *types,
                                 struct err *err)
{
    for (uint32_t i = 0; i < w->columns; i++) {
        struct writer_column *c = &w->column[i];
        *c = (struct writer_column){.name = mem_strdup(names[i]), .type = types[i], .minimum = INFINITY,
                                    .maximum = -INFINITY, .cell = w->cells + (size_t)i * w->group_rows};
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
    w->column = mem_array(columns, sizeof *w->column);
    w->cells = mem_array((size_t)columns * w->group_rows, sizeof *w->cells);
    w->columns = w->column ? columns : 0;
    enum err_code code = w->column && w->cells ? add_columns(w, names, types, err) : err_no_memory(err);
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
    if (w->fd >= 0)
        fs_close(w->fd);
    mem_free(w);
}

/* ---- cells ---------------------------------------------------------------------------------------------------------- */

static void put_code(struct table_writer *w, struct writer_column *c, int32_t code)
{
    ((int32_t *)(void *)c->cell)[w->held] = code;
}

void table_writer_missing(struct table_writer *w, uint32_t column)
{
    struct writer_column *c = &w->column[column];
    c->missing++;
    if (c->type == COLUMN_CATEGORICAL)
        put_code(w, c, -1);
    else
        c->cell[w->held] = NAN;
}

void table_writer_number(struct table_writer *w, uint32_t column, double value)
{
    struct writer_column *c = &w->column[column];
    c->cell[w->held] = value;
    double before = value - c->mean;
    c->mean += before / (double)++c->present;
    c->squares += before * (value - c->mean);
    c->minimum = value < c->minimum ? value : c->minimum;
    c->maximum = value > c->maximum ? value : c->maximum;
}

enum err_code table_writer_text(struct table_writer *w, uint32_t column, const char *text, size_t length, struct err *err)
{
    struct writer_column *c = &w->column[column];
    int32_t number;
    enum err_code code = dictionary_add(&c->dictionary, text, length, &number, err);
    if (code)
        return code;
    c->present++;
    put_code(w, c, number);
    return ERR_OK;
}

bool table_writer_can_switch(const struct table_writer *w, uint32_t column)
{
    return !w->rows && !w->column[column].present;
}

void table_writer_switch(struct table_writer *w, uint32_t column)
{
    struct writer_column *c = &w->column[column];
    c->type = COLUMN_CATEGORICAL;
    memset(c->cell, 0xFF, w->group_rows * sizeof *c->cell); /* every code -1: all of them are missing so far */
}

/* ---- groups --------------------------------------------------------------------------------------------------------- */

static enum err_code write_columns(struct table_writer *w, enum column_type type, size_t cell_bytes, struct err *err)
{
    enum err_code code = ERR_OK;
    for (uint32_t i = 0; !code && i < w->columns; i++) {
        if (w->column[i].type != type)
            continue;
        code = fs_write(w->fd, w->column[i].cell, w->held * cell_bytes, err);
        w->offset += w->held * cell_bytes;
    }
    return code;
}

static enum err_code write_group(struct table_writer *w, struct err *err)
{
    enum err_code code = write_columns(w, COLUMN_NUMERIC, sizeof(double), err);
    if (!code)
        code = write_columns(w, COLUMN_CATEGORICAL, sizeof(int32_t), err);
    w->rows += w->held;
    w->held = 0;
    return code;
}

enum err_code table_writer_row(struct table_writer *w, struct err *err)
{
    if (w->rows + w->held == UINT32_MAX)
        return err_set(err, ERR_INVALID, "more than %u rows", UINT32_MAX);
    return ++w->held == w->group_rows ? write_group(w, err) : ERR_OK;
}

/* ---- the end -------------------------------------------------------------------------------------------------------- */

static void pack_column(const struct writer_column *c, struct buf *footer)
{
    pack_text(footer, c->name);
    pack_u32(footer, c->type);
    pack_u64(footer, c->missing);
    if (c->type == COLUMN_NUMERIC) {
        double n = (double)c->present;
        pack_f64(footer, c->present ? c->minimum : NAN);
        pack_f64(footer, c->present ? c->maximum : NAN);
        pack_f64(footer, c->present ? c->mean : NAN);
        pack_f64(footer, c->present ? sqrt(c->squares / n) : NAN);
        return;
    }
    const struct dictionary *d = &c->dictionary;
    pack_u32(footer, d->count);
    for (uint32_t k = 0; k < d->count; k++) {
        pack_bytes(footer, d->text.data + d->entry[k].offset, d->entry[k].length);
        pack_u64(footer, d->entry[k].count);
    }
}

static enum err_code write_footer(struct table_writer *w, struct buf *footer, struct err *err)
{
    for (uint32_t i = 0; i < w->columns; i++)
        pack_column(&w->column[i], footer);
    if (footer->failed)
        return err_no_memory(err);
    struct table_header h = {.version = TABLE_VERSION, .endian = TABLE_ENDIAN, .rows = w->rows, .columns = w->columns,
                             .group_rows = w->group_rows, .footer_offset = w->offset, .footer_length = footer->length};
    memcpy(h.magic, TABLE_MAGIC, sizeof h.magic);
    table_header_digest(&h, footer->data, h.sha256);
    enum err_code code = fs_write(w->fd, footer->data, footer->length, err);
    if (!code)
        code = fs_write_at(w->fd, &h, sizeof h, 0, err);
    return code ? code : fs_sync(w->fd, err);
}

enum err_code table_writer_finish(struct table_writer *w, struct err *err)
{
    enum err_code code = w->held ? write_group(w, err) : ERR_OK;
    if (code)
        return code;
    struct buf footer;
    buf_init(&footer, FOOTER_MAX);
    code = write_footer(w, &footer, err);
    buf_done(&footer);
    return code;
}
