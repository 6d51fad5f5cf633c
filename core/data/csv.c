/* The reader keeps the bytes of the record under way in one buffer, with its cells and
 * the place where the cell under way begins. When the bytes run out in mid-record, the rest is moved to the buffer's
 * start and the next feed goes on at that cell, so that a long record is not read twice. */
#include "csv.h"

#include "../base/buf.h"
#include "../base/mem.h"
#include "csv_marks.h"
#include "utf8.h"
#include <string.h>

#define SNIFF_BYTES  65536
#define RECORD_BYTES ((size_t)64 << 20)

struct csv {
    struct csv_options options;
    csv_record record;
    void *context;
    char delimiter, decimal;
    bool sniffed;
    bool special[256]; /* bytes that end an unquoted cell, and NUL */
    struct buf bytes;                /* with MARKS_BYTES of room behind them */
    bool high;                       /* a byte of the record under way may be over 127 */
    size_t record_start, cell_start; /* in bytes */
    struct csv_cell *cells;          /* of the record under way; they move with the bytes */
    uint32_t count;
    uint64_t records, line, record_line;
};

enum cell_end { CELL_MORE, CELL_DELIMITER, CELL_LINE, CELL_BAD };

enum err_code csv_new(const struct csv_options *options, csv_record record, void *context, struct csv **ret_csv,
                      struct err *err)
{
    struct csv *c = mem_zalloc(sizeof *c);
    struct csv_cell *cells = mem_array(TABLE_MAX_COLUMNS, sizeof *cells);
    if (!c || !cells) {
        mem_free(c);
        mem_free(cells);
        return err_no_memory(err);
    }
    *c = (struct csv){.options = *options, .record = record, .context = context, .cells = cells, .line = 1,
                      .record_line = 1};
    buf_init(&c->bytes, SIZE_MAX / 2);
    *ret_csv = c;
    return ERR_OK;
}

void csv_free(struct csv *c)
{
    if (!c)
        return;
    buf_done(&c->bytes);
    mem_free(c->cells);
    mem_free(c);
}

char csv_delimiter(const struct csv *c)
{
    return c->delimiter;
}

char csv_decimal(const struct csv *c)
{
    return c->decimal;
}

/* ---- records -------------------------------------------------------------------------------------------------------- */

/* The cell that is not UTF-8, if there is one. (The record as a whole may hold bytes of none, where quotes were folded.) */
static enum err_code check_cells(const struct csv *c, struct err *err)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (utf8_valid(c->cells[i].text, c->cells[i].length) != c->cells[i].length)
            return err_set_at(err, ERR_INVALID, c->record_line, i + 1, "the text is not UTF-8: save the file as UTF-8");
    return ERR_OK;
}

/* The record from record_start to `end` is whole. */
static enum err_code emit(struct csv *c, size_t end, struct err *err)
{
    bool blank = c->count == 1 && !c->cells[0].length && !c->cells[0].quoted;
    size_t length = end - c->record_start;
    enum err_code code = ERR_OK;
    if (c->high && utf8_valid(c->bytes.data + c->record_start, length) != length)
        code = check_cells(c, err);
    if (!code && !blank)
        code = c->record(c->context, c->records++, c->record_line, c->cells, c->count, err);
    c->count = 0;
    c->line++;
    c->record_start = c->cell_start = end;
    c->record_line = c->line;
    return code;
}

static enum err_code add_cell(struct csv *c, size_t start, size_t length, bool quoted, struct err *err)
{
    if (length > TABLE_MAX_CELL)
        return err_set_at(err, ERR_INVALID, c->record_line, c->count + 1, "the cell is longer than %d bytes", TABLE_MAX_CELL);
    if (c->count == TABLE_MAX_COLUMNS)
        return err_set_at(err, ERR_INVALID, c->record_line, c->count + 1, "more than %d columns", TABLE_MAX_COLUMNS);
    c->cells[c->count++] = (struct csv_cell){.text = c->bytes.data + start, .length = (uint32_t)length, .quoted = quoted};
    return ERR_OK;
}

/* What stands at `at`, behind a cell: *ret_next is behind it. */
static enum cell_end cell_end(const struct csv *c, size_t at, bool last, size_t *ret_next)
{
    const char *data = c->bytes.data;
    if (at == c->bytes.length) {
        *ret_next = at;
        return last ? CELL_LINE : CELL_MORE;
    }
    *ret_next = at + 1;
    if (data[at] == c->delimiter)
        return CELL_DELIMITER;
    if (data[at] == '\n')
        return CELL_LINE;
    if (data[at] != '\r')
        return CELL_BAD;
    if (at + 1 == c->bytes.length && !last)
        return CELL_MORE;
    if (at + 1 < c->bytes.length && data[at + 1] == '\n')
        *ret_next = at + 2;
    return CELL_LINE;
}

/* Finds the closing quote of the cell at cell_start; doubled quotes are folded in place once the cell is whole. Returns
 * the place of the closing quote, or length when it is not there yet. */
static size_t closing_quote(const struct csv *c, size_t *ret_doubled, bool last)
{
    const char *data = c->bytes.data;
    size_t at = c->cell_start + 1, end = c->bytes.length, doubled = 0;
    for (;;) {
        const char *quote = memchr(data + at, '"', end - at);
        if (!quote)
            return end;
        at = (size_t)(quote - data);
        if (at + 1 == end && !last)
            return end;
        if (at + 1 == end || data[at + 1] != '"') {
            *ret_doubled = doubled;
            return at;
        }
        doubled++;
        at += 2;
    }
}

static size_t fold_quotes(char *text, size_t length)
{
    size_t to = 0;
    for (size_t from = 0; from < length; from++, to++) {
        text[to] = text[from];
        from += text[from] == '"';
    }
    return to;
}

static void count_lines(struct csv *c, const char *text, size_t length)
{
    for (const char *at = text, *end = text + length; (at = memchr(at, '\n', (size_t)(end - at))); at++)
        c->line++;
}

static enum err_code quoted_cell(struct csv *c, bool last, enum cell_end *ret_end, size_t *ret_next, struct err *err)
{
    size_t doubled = 0, start = c->cell_start + 1, close = closing_quote(c, &doubled, last);
    /* Whether the closing quote has come yet must not matter, nor where the bytes were cut; the last byte may be that quote. */
    if (close - start > 2 * (size_t)TABLE_MAX_CELL + (close == c->bytes.length))
        return err_set_at(err, ERR_INVALID, c->line, c->count + 1,
                          "the quoted cell is longer than %d bytes: is a quote not closed?", TABLE_MAX_CELL);
    if (close == c->bytes.length) {
        *ret_end = CELL_MORE;
        return last ? err_set_at(err, ERR_INVALID, c->line, c->count + 1, "the quote is not closed before the end of the file")
                    : ERR_OK;
    }
    *ret_end = cell_end(c, close + 1, last, ret_next);
    if (*ret_end == CELL_MORE)
        return ERR_OK;
    if (*ret_end == CELL_BAD)
        return err_set_at(err, ERR_INVALID, c->line, c->count + 1,
                          "text behind a closing quote: quotes inside a quoted cell are written twice");
    char *text = c->bytes.data + start;
    size_t length = close - start;
    if (memchr(text, '\0', length))
        return err_set_at(err, ERR_INVALID, c->line, c->count + 1, "a NUL byte: is this a text file in UTF-8?");
    count_lines(c, text, length);
    return add_cell(c, start, doubled ? fold_quotes(text, length) : length, true, err);
}

static enum err_code plain_cell(struct csv *c, bool last, enum cell_end *ret_end, size_t *ret_next, struct err *err)
{
    const unsigned char *data = (const unsigned char *)c->bytes.data;
    size_t at = c->cell_start, end = c->bytes.length;
    while (at < end && !c->special[data[at]])
        at++;
    if (at - c->cell_start > TABLE_MAX_CELL)
        return err_set_at(err, ERR_INVALID, c->line, c->count + 1, "the cell is longer than %d bytes", TABLE_MAX_CELL);
    if (at < end && !data[at])
        return err_set_at(err, ERR_INVALID, c->line, c->count + 1, "a NUL byte: is this a text file in UTF-8?");
    *ret_end = cell_end(c, at, last, ret_next);
    return *ret_end == CELL_MORE ? ERR_OK : add_cell(c, c->cell_start, at - c->cell_start, false, err);
}

/* ---- the usual case -------------------------------------------------------------------------------------------------- */

/* The marks of the buffer from some place on. */
struct marks {
    const char *base;
    size_t length, block; /* of base; block: where the bits of `ahead` start */
    uint64_t ahead;       /* what is left of the block */
    uint64_t block_high, high; /* not 0: bytes over 127 are in the block; in one of those since it was cleared */
    char delimiter;
};

static inline struct marks read_marks(struct marks m, size_t block)
{
    m.block = block;
    m.ahead = csv_marks(m.base + block, m.delimiter, &m.block_high);
    m.high |= m.block_high;
    if (m.length - block < MARKS_BYTES)
        m.ahead &= ((uint64_t)1 << (m.length - block)) - 1;
    return m;
}

/* The place of the next mark, `length` when there is none. */
static inline size_t next_mark(struct marks *m)
{
    while (!m->ahead) {
        if (m->length - m->block <= MARKS_BYTES)
            return m->length;
        *m = read_marks(*m, m->block + MARKS_BYTES);
    }
    size_t at = m->block + (size_t)__builtin_ctzll(m->ahead);
    m->ahead &= m->ahead - 1;
    return at;
}

/* What ends the cell of text up to `at`, behind which the record goes on at *ret_next: a delimiter or the end of a line. Else
 * CELL_BAD: something for the long way. */
static inline enum cell_end usual_end(struct marks *m, size_t at, size_t *ret_next)
{
    *ret_next = at + 1;
    if (m->base[at] == m->delimiter)
        return CELL_DELIMITER;
    if (m->base[at] == '\n')
        return CELL_LINE;
    if (m->base[at] != '\r' || next_mark(m) != at + 1 || m->base[at + 1] != '\n')
        return CELL_BAD;
    *ret_next = at + 2;
    return CELL_LINE;
}

/* The end of the plain cell whose next mark is `at`: quotes and controls inside of it are text. */
static inline size_t plain_end(struct marks *m, size_t at)
{
    while (at < m->length && m->base[at] != m->delimiter && m->base[at] != '\n' && m->base[at] != '\r' && m->base[at])
        at = next_mark(m);
    return at;
}

/* The closing quote of a cell that has neither quotes nor lines inside; `length` when it is none of these. */
static inline size_t usual_quote(struct marks *m)
{
    size_t at = next_mark(m);
    while (at < m->length && m->base[at] != '"' && m->base[at] != '\n' && m->base[at])
        at = next_mark(m);
    return at < m->length && m->base[at] == '"' && next_mark(m) == at + 1 ? at : m->length;
}

/* The cell from `start` on whose first mark is at `at`, when it is a usual one: unquoted or quoted without quotes or lines
 * inside, and ended by what follows. Else CELL_BAD. */
static inline enum cell_end usual_cell(struct marks *m, size_t start, size_t at, struct csv_cell *cell, size_t *ret_next)
{
    bool quoted = at == start && at < m->length && m->base[at] == '"';
    at = quoted ? usual_quote(m) : plain_end(m, at);
    enum cell_end end = at < m->length ? usual_end(m, at + quoted, ret_next) : CELL_BAD;
    *cell = (struct csv_cell){.text = m->base + start + quoted, .length = (uint32_t)(at - start - quoted), .quoted = quoted};
    return at - start > TABLE_MAX_CELL ? CELL_BAD : end;
}

/* What most cells are: ended by their first mark, a delimiter. Takes those of the block; returns behind the last of `cell`. */
static inline struct csv_cell *plainest_cells(struct marks *m, struct csv_cell *cell, size_t *start)
{
    const char *block = m->base + m->block, *text = m->base + *start, delimiter = m->delimiter;
    uint64_t ahead = m->ahead;
    while (ahead) {
        const char *at = block + __builtin_ctzll(ahead);
        if (*at != delimiter)
            break;
        ahead &= ahead - 1;
        *cell++ = (struct csv_cell){.text = text, .length = (uint32_t)(at - text)};
        text = at + 1;
    }
    m->ahead = ahead;
    *start = (size_t)(text - m->base);
    return cell;
}

/* Goes from mark to mark, as long as cells are usual ones. Stops at the start of one that is not. */
static enum err_code usual_cells(struct csv *c, struct err *err)
{
    struct marks m = {.base = c->bytes.data, .length = c->bytes.length, .delimiter = c->delimiter, .high = c->high};
    size_t start = c->cell_start, next;
    struct csv_cell *const cells = c->cells, *cell = cells + c->count, *const full = cells + TABLE_MAX_COLUMNS;
    enum err_code code = ERR_OK;
    m = read_marks(m, start);
    for (enum cell_end end; !code; start = next) {
        if (full - cell >= MARKS_BYTES && m.block + MARKS_BYTES - start <= TABLE_MAX_CELL)
            cell = plainest_cells(&m, cell, &start);
        size_t at = next_mark(&m);
        if (cell == full || (end = usual_cell(&m, start, at, cell, &next)) == CELL_BAD)
            break;
        cell++;
        if (end == CELL_DELIMITER)
            continue;
        c->count = (uint32_t)(cell - cells);
        c->high = m.high != 0;
        code = emit(c, next, err);
        cell = cells;
        m.high = m.block_high;
    }
    c->count = (uint32_t)(cell - cells);
    c->cell_start = start;
    c->high = m.high != 0;
    return code;
}

/* Reads all whole records in the buffer; with `last` also the one that the end of the file ends. */
static enum err_code read_records(struct csv *c, bool last, struct err *err)
{
    while (c->cell_start < c->bytes.length || (last && c->count)) {
        enum cell_end end = CELL_MORE;
        enum err_code code = usual_cells(c, err);
        if (code || (c->cell_start == c->bytes.length && !c->count))
            return code;
        size_t next = c->cell_start;
        bool quoted = c->cell_start < c->bytes.length && c->bytes.data[c->cell_start] == '"';
        c->high = true;
        if ((code = (quoted ? quoted_cell : plain_cell)(c, last, &end, &next, err)))
            return code;
        if (end == CELL_MORE)
            break;
        c->cell_start = next;
        if (end == CELL_LINE && (code = emit(c, next, err)))
            return code;
    }
    if (c->bytes.length - c->record_start > RECORD_BYTES)
        return err_set_at(err, ERR_INVALID, c->record_line, 1, "the row is longer than %zu bytes", RECORD_BYTES);
    return ERR_OK;
}

static void move_cells(struct csv *c, ptrdiff_t by)
{
    for (uint32_t i = 0; i < c->count; i++)
        c->cells[i].text += by;
}

/* Moves the record under way to the start of the buffer. */
static void move_rest(struct csv *c)
{
    size_t rest = c->bytes.length - c->record_start;
    if (!c->record_start)
        return;
    memmove(c->bytes.data, c->bytes.data + c->record_start, rest);
    c->bytes.data[rest] = '\0';
    c->bytes.length = rest;
    move_cells(c, -(ptrdiff_t)c->record_start);
    c->cell_start -= c->record_start;
    c->record_start = 0;
}

/* ---- bytes ---------------------------------------------------------------------------------------------------------- */

/* What of the bytes to sniff: whole lines, as far as there are any; a date that is cut could be taken for a number. */
static size_t sample_length(const char *data, size_t length)
{
    if (length < SNIFF_BYTES)
        return length;
    const char *end = memrchr(data, '\n', SNIFF_BYTES);
    return end ? (size_t)(end - data) + 1 : SNIFF_BYTES;
}

static enum err_code begin(struct csv *c, struct err *err)
{
    const unsigned char *data = (const unsigned char *)buf_text(&c->bytes);
    size_t length = c->bytes.length;
    if (length >= 2 && ((data[0] == 0xFF && data[1] == 0xFE) || (data[0] == 0xFE && data[1] == 0xFF)))
        return err_set_at(err, ERR_INVALID, 1, 1, "the file is UTF-16: save it as UTF-8");
    size_t bom = length >= 3 && data[0] == 0xEF && data[1] == 0xBB && data[2] == 0xBF ? 3 : 0;
    c->record_start = c->cell_start = bom;
    c->delimiter = c->options.delimiter;
    c->decimal = c->options.decimal;
    csv_sniff((const char *)data + bom, sample_length((const char *)data, length) - bom, &c->delimiter, &c->decimal);
    c->special[(unsigned char)c->delimiter] = c->special['\n'] = c->special['\r'] = c->special[0] = true;
    c->sniffed = true;
    return ERR_OK;
}

enum err_code csv_feed(struct csv *c, const void *data, size_t length, struct err *err)
{
    uintptr_t before = (uintptr_t)c->bytes.data;
    if (!buf_reserve(&c->bytes, length + MARKS_BYTES) || !buf_add(&c->bytes, data, length))
        return err_no_memory(err);
    move_cells(c, (ptrdiff_t)((uintptr_t)c->bytes.data - before));
    if (!c->sniffed) {
        if (c->bytes.length < SNIFF_BYTES)
            return ERR_OK;
        enum err_code code = begin(c, err);
        if (code)
            return code;
    }
    enum err_code code = read_records(c, false, err);
    move_rest(c);
    return code;
}

enum err_code csv_finish(struct csv *c, struct err *err)
{
    enum err_code code = c->sniffed ? ERR_OK : begin(c, err);
    return code ? code : read_records(c, true, err);
}
