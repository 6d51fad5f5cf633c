/* Opening and reading table files. */
#include "../base/cleanup.h"
#include "../base/fs.h"
#include "../base/mem.h"
#include "../base/pack.h"
#include "table_file.h"
#include <math.h>
#include <stdatomic.h>
#include <string.h>

struct table {
    atomic_uint references;
    void *data;
    size_t size;
    uint64_t rows;
    uint32_t columns, numeric, group_rows;
    struct column *column;
    uint32_t *rank; /* of each column among those of its type */
};

static const char *const type_names[] = {"numeric", "categorical"};

const char *column_type_name(enum column_type type)
{
    return type_names[type];
}

uint32_t table_group_rows(uint32_t columns)
{
    uint32_t rows = (uint32_t)(((size_t)4 << 20) / (sizeof(double) * columns));
    rows = rows < 64 ? 64 : rows;
    return (rows > 65536 ? 65536 : rows) & ~1u;
}

void table_header_digest(const struct table_header *h, const void *footer, uint8_t digest[SHA256_BYTES])
{
    struct table_header blank = *h;
    memset(blank.sha256, 0, sizeof blank.sha256);
    struct sha256 s;
    sha256_start(&s);
    sha256_add(&s, &blank, sizeof blank);
    sha256_add(&s, footer, h->footer_length);
    sha256_finish(&s, digest);
}

/* ---- opening -------------------------------------------------------------------------------------------------------- */

static void columns_free(struct table *t)
{
    for (uint32_t i = 0; t->column && i < t->columns; i++) {
        struct column *c = &t->column[i];
        for (uint32_t k = 0; c->category && k < c->categories; k++)
            mem_free((void *)(uintptr_t)c->category[k]);
        mem_free((void *)(uintptr_t)c->category);
        mem_free((void *)(uintptr_t)c->count);
        mem_free((void *)(uintptr_t)c->name);
    }
    mem_free(t->column);
    mem_free(t->rank);
}

static void read_categories(struct unpack *u, struct column *c)
{
    uint32_t count = unpack_u32(u);
    if (!unpack_room(u, count, 12))
        return;
    const char **category = mem_array(count ? count : 1, sizeof *category);
    uint64_t *rows = mem_array(count ? count : 1, sizeof *rows);
    c->category = category;
    c->count = rows;
    c->categories = category ? count : 0;
    u->failed |= !category || !rows;
    for (uint32_t k = 0; !u->failed && k < count; k++) {
        category[k] = unpack_text(u);
        rows[k] = unpack_u64(u);
    }
}

static void read_column(struct unpack *u, struct column *c)
{
    c->name = unpack_text(u);
    uint32_t type = unpack_u32(u);
    u->failed |= type > COLUMN_CATEGORICAL;
    c->type = type == COLUMN_NUMERIC ? COLUMN_NUMERIC : COLUMN_CATEGORICAL;
    c->missing = unpack_u64(u);
    if (c->type == COLUMN_CATEGORICAL) {
        c->minimum = c->maximum = c->mean = c->deviation = NAN;
        read_categories(u, c);
        return;
    }
    c->minimum = unpack_f64(u);
    c->maximum = unpack_f64(u);
    c->mean = unpack_f64(u);
    c->deviation = unpack_f64(u);
}

static bool read_footer(struct table *t, const struct table_header *h)
{
    const unsigned char *footer = (const unsigned char *)t->data + h->footer_offset;
    struct unpack u = {.at = footer, .end = footer + h->footer_length};
    t->column = mem_array(t->columns, sizeof *t->column);
    t->rank = mem_array(t->columns, sizeof *t->rank);
    u.failed = !t->column || !t->rank;
    uint32_t categorical = 0;
    for (uint32_t i = 0; !u.failed && i < t->columns; i++) {
        read_column(&u, &t->column[i]);
        t->rank[i] = t->column[i].type == COLUMN_NUMERIC ? t->numeric++ : categorical++;
    }
    uint64_t bytes = sizeof *h + t->rows * (8ull * t->numeric + 4ull * categorical);
    return !u.failed && u.at == u.end && bytes == h->footer_offset;
}

static bool header_fits(const struct table_header *h, size_t size)
{
    return !memcmp(h->magic, TABLE_MAGIC, sizeof h->magic) && h->endian == TABLE_ENDIAN && h->columns &&
           h->columns <= TABLE_MAX_COLUMNS && h->group_rows == table_group_rows(h->columns) && h->rows <= UINT32_MAX &&
           h->footer_offset >= sizeof *h && h->footer_offset <= size && h->footer_length == size - h->footer_offset;
}

enum err_code table_open(const char *path, struct table **ret_table, struct err *err)
{
    struct table *t = mem_zalloc(sizeof *t);
    if (!t)
        return err_no_memory(err);
    t->references = 1;
    enum err_code code = fs_map(path, &t->data, &t->size, err);
    if (code) {
        mem_free(t);
        return code;
    }
    const struct table_header *h = t->data;
    uint8_t digest[SHA256_BYTES];
    if (t->size < sizeof *h || !header_fits(h, t->size)) {
        code = err_set(err, ERR_CORRUPT, "%s is no whole table file", path);
    } else if (h->version != TABLE_VERSION) {
        code = err_set(err, ERR_CORRUPT, "%s has table version %u, this program reads %d", path, h->version, TABLE_VERSION);
    } else {
        t->rows = h->rows;
        t->columns = h->columns;
        t->group_rows = h->group_rows;
        table_header_digest(h, (const char *)t->data + h->footer_offset, digest);
        if (memcmp(digest, h->sha256, sizeof digest) != 0 || !read_footer(t, h))
            code = err_set(err, ERR_CORRUPT, "%s is damaged: its checksum or its footer is wrong", path);
    }
    if (code) {
        table_unref(t);
        return code;
    }
    *ret_table = t;
    return ERR_OK;
}

struct table *table_ref(struct table *t)
{
    atomic_fetch_add(&t->references, 1);
    return t;
}

void table_unref(struct table *t)
{
    if (!t || atomic_fetch_sub(&t->references, 1) != 1)
        return;
    columns_free(t);
    fs_unmap(t->data, t->size);
    mem_free(t);
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

uint64_t table_rows(const struct table *t)
{
    return t->rows;
}

uint32_t table_columns(const struct table *t)
{
    return t->columns;
}

const struct column *table_column(const struct table *t, uint32_t column)
{
    return &t->column[column];
}

int table_find(const struct table *t, const char *name)
{
    for (uint32_t i = 0; i < t->columns; i++)
        if (!strcmp(t->column[i].name, name))
            return (int)i;
    return -1;
}

/* The cell of a column in a row. */
static const void *cell(const struct table *t, uint32_t column, uint64_t row)
{
    uint64_t group = row / t->group_rows, first = group * t->group_rows;
    uint64_t rows = t->rows - first < t->group_rows ? t->rows - first : t->group_rows;
    uint64_t row_bytes = 8ull * t->numeric + 4ull * (t->columns - t->numeric);
    const char *base = (const char *)t->data + sizeof(struct table_header) + first * row_bytes;
    if (t->column[column].type == COLUMN_NUMERIC)
        return base + (t->rank[column] * rows + (row - first)) * 8;
    return base + t->numeric * rows * 8 + (t->rank[column] * rows + (row - first)) * 4;
}

double table_number(const struct table *t, uint32_t column, uint64_t row)
{
    return *(const double *)cell(t, column, row);
}

int32_t table_code(const struct table *t, uint32_t column, uint64_t row)
{
    return *(const int32_t *)cell(t, column, row);
}

void table_numbers(const struct table *t, uint32_t column, const uint32_t *rows, size_t count, double *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = *(const double *)cell(t, column, rows[i]);
}

void table_codes(const struct table *t, uint32_t column, const uint32_t *rows, size_t count, int32_t *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = *(const int32_t *)cell(t, column, rows[i]);
}
