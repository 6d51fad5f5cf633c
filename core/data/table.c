/* Opening and reading table files. */
#include "../base/cleanup.h"
#include "../base/fs.h"
#include "../base/mem.h"
#include "../base/pack.h"
#include "table_file.h"
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct table {
    atomic_uint references;
    void *data;
    size_t size;
    uint64_t rows;
    uint32_t columns, group_rows;
    unsigned group_shift; /* group_rows is 1 << group_shift */
    struct column *column;
    uint32_t *by_name; /* the columns in the order of their names */
    char **missing; /* the texts that meant "no value"; NULL: the usual ones */
    size_t missing_count;
    char decimal;
    const uint64_t *group;  /* of each group: its offset in the file */
    const uint32_t *entry;  /* of each group and column: table_entry */
};

static const char *const type_names[] = {"numeric", "categorical"};

const char *column_type_name(enum column_type type)
{
    return type_names[type];
}

uint32_t table_group_rows(uint32_t columns)
{
    uint32_t rows = 256;
    while (rows < 65536 && 2 * (size_t)rows * columns * sizeof(double) <= (size_t)4 << 20)
        rows *= 2;
    return rows;
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
    mem_free(t->by_name);
    unpack_texts_free(t->missing, t->missing_count);
}

static void read_categories(struct unpack *u, struct column *c, uint64_t *total)
{
    uint32_t count = unpack_u32(u);
    if (!unpack_room(u, count, 12))
        return;
    const char **category = mem_array(count ? count : 1, sizeof *category);
    uint64_t *rows = mem_array(count ? count : 1, sizeof *rows);
    c->category = category;
    c->count = rows;
    c->categories = unpack_got_memory(u, category) && unpack_got_memory(u, rows) ? count : 0;
    for (uint32_t k = 0; !u->failed && k < count; k++) {
        category[k] = unpack_text(u);
        rows[k] = unpack_u64(u);
        *total += rows[k];
    }
}

static void read_column(struct unpack *u, uint64_t table_rows, struct column *c)
{
    uint64_t total = 0; /* of the categories' rows */
    c->name = unpack_text(u);
    uint32_t type = unpack_u32(u);
    u->failed |= type > COLUMN_CATEGORICAL;
    c->type = type == COLUMN_NUMERIC ? COLUMN_NUMERIC : COLUMN_CATEGORICAL;
    c->missing = unpack_u64(u);
    if (c->type == COLUMN_CATEGORICAL) {
        c->minimum = c->maximum = c->mean = c->deviation = NAN;
        read_categories(u, c, &total);
        u->failed |= total + c->missing != table_rows;
        return;
    }
    c->minimum = unpack_f64(u);
    c->maximum = unpack_f64(u);
    c->mean = unpack_f64(u);
    c->deviation = unpack_f64(u);
}

static int by_name(const void *a, const void *b, void *table)
{
    const struct table *t = table;
    return strcmp(t->column[*(const uint32_t *)a].name, t->column[*(const uint32_t *)b].name);
}

static enum err_code sort_names(struct table *t, struct err *err)
{
    t->by_name = mem_array(t->columns, sizeof *t->by_name);
    if (!t->by_name)
        return err_no_memory(err);
    for (uint32_t i = 0; i < t->columns; i++)
        t->by_name[i] = i;
    qsort_r(t->by_name, t->columns, sizeof *t->by_name, by_name, t);
    return ERR_OK;
}

/* The groups fill the file between the header and the footer, and the columns each group, without a gap. */
static bool read_index(struct table *t, const struct table_header *h)
{
    uint64_t groups = (t->rows + t->group_rows - 1) >> t->group_shift, at = sizeof *h;
    uint64_t length = groups * (sizeof *t->group + (uint64_t)t->columns * sizeof *t->entry);
    if (h->index_offset % 8 || h->index_offset < h->footer_offset || t->size - h->index_offset != length)
        return false;
    t->group = (const uint64_t *)(const void *)((const char *)t->data + h->index_offset);
    t->entry = (const uint32_t *)(const void *)(t->group + groups);
    for (uint64_t g = 0; g < groups; g++) {
        uint64_t rows = t->rows - g * t->group_rows < t->group_rows ? t->rows - g * t->group_rows : t->group_rows;
        if (t->group[g] != at)
            return false;
        for (uint32_t c = 0; c < t->columns; c++) {
            uint32_t entry = t->entry[g * t->columns + c];
            struct cell_format format = table_entry_format(entry);
            if (format.kind >= CELL_KINDS || format.digits > CELL_DIGITS_MAX ||
                t->group[g] + table_entry_start(entry) != at)
                return false;
            at += (rows * cell_bytes[format.kind] + 7) & ~7ull;
        }
    }
    return at == h->footer_offset;
}

static enum err_code read_footer(struct table *t, const struct table_header *h, const char *path, struct err *err)
{
    const unsigned char *footer = (const unsigned char *)t->data + h->footer_offset;
    uint8_t digest[SHA256_BYTES];
    table_header_digest(h, footer, digest);
    if (memcmp(digest, h->sha256, sizeof digest) != 0)
        return err_set(err, ERR_CORRUPT, "%s is damaged: its checksum is wrong", path);
    struct unpack u = {.at = footer, .end = (const unsigned char *)t->data + h->index_offset};
    t->column = mem_array(t->columns, sizeof *t->column);
    if (!t->column)
        return err_no_memory(err);
    for (uint32_t i = 0; !u.failed && i < t->columns; i++)
        read_column(&u, t->rows, &t->column[i]);
    t->missing = unpack_texts(&u, &t->missing_count);
    uint32_t decimal = unpack_u32(&u);
    t->decimal = (char)decimal;
    u.failed |= decimal != '.' && decimal != ',';
    if (u.no_memory)
        return err_no_memory(err);
    if (u.failed || u.end - u.at >= 8 || !read_index(t, h))
        return err_set(err, ERR_CORRUPT, "%s is damaged: its footer is wrong", path);
    return sort_names(t, err);
}

static bool header_fits(const struct table_header *h, size_t size)
{
    return !memcmp(h->magic, TABLE_MAGIC, sizeof h->magic) && h->endian == TABLE_ENDIAN && h->columns &&
           h->columns <= TABLE_MAX_COLUMNS && h->group_rows == table_group_rows(h->columns) && h->rows <= UINT32_MAX &&
           h->footer_offset >= sizeof *h && h->footer_offset <= size && h->footer_length == size - h->footer_offset &&
           h->index_offset <= size;
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
    fs_hint(t->data, t->size, FS_RANDOM);
    const struct table_header *h = t->data;
    if (t->size < sizeof *h || !header_fits(h, t->size)) {
        code = err_set(err, ERR_CORRUPT, "%s is no whole table file", path);
    } else if (h->version != TABLE_VERSION) {
        code = err_set(err, ERR_CORRUPT, "%s has table version %u, this program reads %d", path, h->version, TABLE_VERSION);
    } else {
        t->rows = h->rows;
        t->columns = h->columns;
        t->group_rows = h->group_rows;
        t->group_shift = (unsigned)__builtin_ctz(t->group_rows);
        code = read_footer(t, h, path, err);
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

char table_decimal(const struct table *t)
{
    return t->decimal;
}

const char *const *table_missing(const struct table *t, size_t *ret_count)
{
    *ret_count = t->missing_count;
    return (const char *const *)t->missing;
}

int table_find(const struct table *t, const char *name)
{
    for (uint32_t low = 0, high = t->columns; low < high;) {
        uint32_t middle = (low + high) / 2;
        int order = strcmp(t->column[t->by_name[middle]].name, name);
        if (!order)
            return (int)t->by_name[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

/* The cells of a column in the group of a row. */
static const void *cells_of(const struct table *t, uint32_t column, uint32_t row, struct cell_format *ret_format)
{
    size_t group = row >> t->group_shift;
    uint32_t entry = t->entry[group * t->columns + column];
    *ret_format = table_entry_format(entry);
    return (const char *)t->data + t->group[group] + table_entry_start(entry);
}

/* How many of the rows from the first on are in its group. */
static size_t same_group(const struct table *t, const uint32_t *rows, size_t count)
{
    size_t n = 1;
    while (n < count && rows[n] >> t->group_shift == rows[0] >> t->group_shift)
        n++;
    return n;
}

void table_numbers(const struct table *t, uint32_t column, const uint32_t *rows, size_t count, double *out)
{
    for (size_t at = 0, n; at < count; at += n) {
        struct cell_format format;
        const void *cells = cells_of(t, column, rows[at], &format);
        n = same_group(t, rows + at, count - at);
        cells_numbers(format, cells, rows + at, t->group_rows - 1, n, out + at);
    }
}

unsigned table_bytes(const struct table *t, uint32_t column, uint32_t row, const uint8_t **ret_cells)
{
    struct cell_format format;
    *ret_cells = cells_of(t, column, row, &format);
    bool bytes = format.kind == CELL_U8 || format.kind == CELL_U8_MISSING;
    return bytes ? table_entry(0, format) + 1 : 0;
}

uint32_t table_group_mask(const struct table *t)
{
    return t->group_rows - 1;
}

bool table_one_group(const struct table *t, const uint32_t *rows, size_t count)
{
    return same_group(t, rows, count) == count;
}

void table_byte_values(unsigned meaning, double out[256])
{
    uint8_t cells[256];
    uint32_t rows[256];
    for (unsigned i = 0; i < 256; i++) {
        cells[i] = (uint8_t)i;
        rows[i] = i;
    }
    cells_numbers(table_entry_format(meaning - 1), cells, rows, 255, 256, out);
}

/* The cells have no checksum, so a code may be anything: one that names no category is as good as missing. */
void table_codes(const struct table *t, uint32_t column, const uint32_t *rows, size_t count, int32_t *out)
{
    uint32_t categories = t->column[column].categories;
    for (size_t at = 0, n; at < count; at += n) {
        struct cell_format format;
        const void *cells = cells_of(t, column, rows[at], &format);
        n = same_group(t, rows + at, count - at);
        cells_codes(format.kind, cells, rows + at, t->group_rows - 1, n, out + at);
        for (size_t i = at; i < at + n; i++)
            out[i] = (uint32_t)out[i] < categories ? out[i] : -1;
    }
}

double table_number(const struct table *t, uint32_t column, uint64_t row)
{
    const uint32_t rows[1] = {(uint32_t)row};
    double value;
    table_numbers(t, column, rows, 1, &value);
    return value;
}

int32_t table_code(const struct table *t, uint32_t column, uint64_t row)
{
    const uint32_t rows[1] = {(uint32_t)row};
    int32_t code;
    table_codes(t, column, rows, 1, &code);
    return code;
}

bool table_has(const struct table *t, uint32_t column, uint64_t row)
{
    return t->column[column].type == COLUMN_NUMERIC ? !isnan(table_number(t, column, row)) : table_code(t, column, row) >= 0;
}

void table_will_need(const struct table *t, uint32_t column, uint32_t from, uint32_t to)
{
    for (uint32_t group = from >> t->group_shift; group <= to >> t->group_shift; group++) {
        uint32_t first = group << t->group_shift, mask = t->group_rows - 1;
        uint32_t start = from > first ? from & mask : 0, end = to - first < mask ? to - first : mask;
        bool all = column == TABLE_ALL_COLUMNS;
        if (all && !start && end == mask && (first | mask) < t->rows - 1) { /* the whole group at once */
            fs_hint((const char *)t->data + t->group[group], t->group[group + 1] - t->group[group], FS_WILL_NEED);
            continue;
        }
        for (uint32_t c = all ? 0 : column; c < (all ? t->columns : column + 1); c++) {
            struct cell_format format;
            const char *cells = cells_of(t, c, first, &format);
            size_t bytes = cell_bytes[format.kind];
            fs_hint(cells + start * bytes, (end - start + 1) * bytes, FS_WILL_NEED);
        }
    }
}
