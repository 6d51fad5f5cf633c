/* core/data/csv: records out of bytes, whatever the pieces they come in. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/buf.h"
#include "core/base/rng.h"
#include "core/data/csv.h"
#include "data_fixture.h"
#include <malloc.h>

/* What a reader told, as a text: "LINE:<cell>[quoted cell]\n" for each record; a failure as "!message". */
struct told {
    struct buf text;
    uint64_t records, stop_at;
    enum err_code code;
    struct err err;
    char delimiter, decimal;
};

static enum err_code note(void *context, uint64_t record, uint64_t line, const struct csv_cell *cells, uint32_t count,
                          struct err *err)
{
    struct told *t = context;
    assert_int_equal(record, t->records++);
    buf_printf(&t->text, "%llu:", (unsigned long long)line);
    for (uint32_t i = 0; i < count; i++) {
        buf_putc(&t->text, cells[i].quoted ? '[' : '<');
        buf_add(&t->text, cells[i].text, cells[i].length);
        buf_putc(&t->text, cells[i].quoted ? ']' : '>');
    }
    buf_putc(&t->text, '\n');
    return t->records == t->stop_at ? err_set(err, ERR_CONFLICT, "stopped") : ERR_OK;
}

/* Feeds the first bytes at once and the rest in pieces of so many bytes (0: at once). */
static void tell(struct told *t, const struct csv_options *options, const char *bytes, size_t length, size_t first,
                 size_t piece)
{
    struct csv *c;
    static const struct csv_options usual = {0};
    *t = (struct told){.stop_at = t->stop_at};
    buf_init(&t->text, (size_t)1 << 30);
    assert_int_equal(csv_new(options ? options : &usual, note, t, &c, &t->err), ERR_OK);
    t->code = first ? csv_feed(c, bytes, first, &t->err) : ERR_OK;
    for (size_t at = first; !t->code && at < length;) {
        size_t n = piece && length - at > piece ? piece : length - at;
        char *exact = malloc(n); /* so that AddressSanitizer sees a byte too many */
        assert_non_null(exact);
        memcpy(exact, bytes + at, n);
        t->code = csv_feed(c, exact, n, &t->err);
        free(exact);
        at += n;
    }
    if (!t->code)
        t->code = csv_finish(c, &t->err);
    if (t->code)
        buf_printf(&t->text, "!%s", t->err.message);
    t->delimiter = csv_delimiter(c);
    t->decimal = csv_decimal(c);
    csv_free(c);
}

static void told_done(struct told *t)
{
    buf_done(&t->text);
}

struct reading {
    const char *text, *told;
    size_t length; /* 0: of the text */
};

static void assert_reads(const struct reading *r, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct told t = {0};
        tell(&t, NULL, r[i].text, r[i].length ? r[i].length : strlen(r[i].text), 0, 0);
        assert_string_equal(buf_text(&t.text), r[i].told);
        told_done(&t);
    }
}

/* ---- RFC 4180 --------------------------------------------------------------------------------------------------------- */

static const struct reading fine[] = {
    {"", "", 0},
    {"a,b\n1,2\n", "1:<a><b>\n2:<1><2>\n", 0},
    {"a,b\n1,2", "1:<a><b>\n2:<1><2>\n", 0},
    {"a,b\r\n1,2\r\n", "1:<a><b>\n2:<1><2>\n", 0},
    {"a,b\r1,2\r", "1:<a><b>\n2:<1><2>\n", 0},
    {"a,b\n1,2\r\n3,4\n", "1:<a><b>\n2:<1><2>\n3:<3><4>\n", 0},
    {"a,b\n,\n,2\n1,\n1,", "1:<a><b>\n2:<><>\n3:<><2>\n4:<1><>\n5:<1><>\n", 0},
    {"a\n\n\n1\n\r\n2\n\n", "1:<a>\n4:<1>\n6:<2>\n", 0}, /* empty lines are no records, but count */
    {"a\n\"\"\n1\n", "1:<a>\n2:[]\n3:<1>\n", 0},         /* this one is a record */
    {"\"a\",b\n\"x,y\",\"\"\n", "1:[a]<b>\n2:[x,y][]\n", 0},
    {"a,b\n\"1\n2\",\"x\r\n\ny\"\n3,4\n", "1:<a><b>\n2:[1\n2][x\r\n\ny]\n6:<3><4>\n", 0},
    {"a,b\n\"he said \"\"no\"\"\",\"\"\"\"\n", "1:<a><b>\n2:[he said \"no\"][\"]\n", 0},
    {"a,b\n\"\"\"\"\"\",\"\"\"x\"\n", "1:<a><b>\n2:[\"\"][\"x]\n", 0},
    {"a,b\n5\" pipe,\"q\"\n", "1:<a><b>\n2:<5\" pipe>[q]\n", 0}, /* a quote inside a plain cell is itself */
    {"a,b\n \"x\",y\n", "1:<a><b>\n2:< \"x\"><y>\n", 0},
    {"a,b\n x , y \n", "1:<a><b>\n2:< x >< y >\n", 0},
    {"\xEF\xBB\xBF" "a,b\n1,2\n", "1:<a><b>\n2:<1><2>\n", 0},
    {"\xEF\xBB\xBF\"a\",b\n1,2\n", "1:[a]<b>\n2:<1><2>\n", 0},
    {"\xEF\xBB\xBF", "", 0},
    {"a,b\n\xC3\xA9,\xF0\x9F\x98\x80\n", "1:<a><b>\n2:<\xC3\xA9><\xF0\x9F\x98\x80>\n", 0},
    {"a,b\n\"x\"\r\n", "1:<a><b>\n2:[x]\n", 0},
    {"a,b\n1,\"x\"", "1:<a><b>\n2:<1>[x]\n", 0},
};

static void test_records_as_the_rfc_has_them(void **state)
{
    (void)state;
    assert_reads(fine, COUNT(fine));
}

static const struct reading refused[] = {
    {"a,b\n1,\"x\n", "1:<a><b>\n!line 2, column 2: the quote is not closed before the end of the file", 0},
    {"a,b\n\"1\n2\",\"x\n", "1:<a><b>\n!line 3, column 2: the quote is not closed before the end of the file", 0},
    {"a,b\n\"x\"y,2\n",
     "1:<a><b>\n!line 2, column 1: text behind a closing quote: quotes inside a quoted cell are written twice", 0},
    {"a,b\n1,\"x\" \n",
     "1:<a><b>\n!line 2, column 2: text behind a closing quote: quotes inside a quoted cell are written twice", 0},
    {"a,b\n1,x\0y\n", "1:<a><b>\n!line 2, column 2: a NUL byte: is this a text file in UTF-8?", 10},
    {"a,b\n\"x\0y\",1\n", "1:<a><b>\n!line 2, column 1: a NUL byte: is this a text file in UTF-8?", 12},
    {"a,b\n1,2\n\0", "1:<a><b>\n2:<1><2>\n!line 3, column 1: a NUL byte: is this a text file in UTF-8?", 9},
    {"a,b\n1,2\n3,\xFF\n",
     "1:<a><b>\n2:<1><2>\n!line 3, column 2: the text is not UTF-8: save the file as UTF-8", 0},
    {"a,b\n\"x\n\",2\n\"\xC3\",4\n",
     "1:<a><b>\n2:[x\n]<2>\n!line 4, column 1: the text is not UTF-8: save the file as UTF-8", 0},
    {"a,b\n\xED\xA0\x80,2\n", "1:<a><b>\n!line 2, column 1: the text is not UTF-8: save the file as UTF-8", 0},
    {"\xFF\xFE" "a\0,\0", "!line 1, column 1: the file is UTF-16: save it as UTF-8", 6},
    {"\xFE\xFF\0a\0,", "!line 1, column 1: the file is UTF-16: save it as UTF-8", 6},
};

static void test_faults_name_their_line_and_column(void **state)
{
    (void)state;
    assert_reads(refused, COUNT(refused));
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct told t = {0};
        tell(&t, NULL, refused[i].text, refused[i].length ? refused[i].length : strlen(refused[i].text), 0, 0);
        assert_int_equal(t.code, ERR_INVALID);
        char place[80];
        snprintf(place, sizeof place, "line %d, column %d: ", (int)t.err.line, (int)t.err.column);
        assert_ptr_equal(strstr(t.err.message, place), t.err.message);
        told_done(&t);
    }
}

static void test_the_callback_stops_the_reader(void **state)
{
    (void)state;
    struct told t = {.stop_at = 2};
    tell(&t, NULL, "a\n1\n2\n3\n", 8, 0, 0);
    assert_int_equal(t.code, ERR_CONFLICT);
    assert_string_equal(buf_text(&t.text), "1:<a>\n2:<1>\n!stopped");
    told_done(&t);
}

static void test_what_is_given_is_kept(void **state)
{
    (void)state;
    static const char marks[] = {',', ';', '\t', '|'};
    for (size_t i = 0; i < COUNT(marks); i++)
        for (int comma = 0; comma < 2; comma++) {
            struct told t = {0};
            struct csv_options o = {.delimiter = marks[i], .decimal = comma ? ',' : '.'};
            char text[] = "a,b;c\td|e\n1,2;3\t4|5\n"; /* each delimiter is there once */
            tell(&t, &o, text, sizeof text - 1, 0, 0);
            assert_int_equal(t.delimiter, marks[i]);
            assert_int_equal(t.decimal, o.decimal);
            assert_int_equal(t.records, 2);
            const char *second = strstr(buf_text(&t.text), "2:");
            assert_non_null(second);
            assert_non_null(strstr(second, "><"));
            assert_null(strchr(second, marks[i]));
            told_done(&t);
        }
}

/* ---- limits ----------------------------------------------------------------------------------------------------------- */

/* One row of one cell of so many letters, quoted or not; `doubled` of them are quotes, written twice. */
static enum err_code read_cell(size_t letters, size_t doubled, bool quoted, size_t piece, struct err *ret_err)
{
    struct buf b;
    struct told t = {0};
    buf_init(&b, 1 << 20);
    buf_puts(&b, quoted ? "a,b\n1,\"" : "a,b\n1,");
    for (size_t i = 0; i < letters; i++)
        buf_puts(&b, i < doubled ? "\"\"" : "x");
    buf_puts(&b, quoted ? "\"\n" : "\n");
    tell(&t, &(struct csv_options){.delimiter = ','}, b.data, b.length, 0, piece);
    if (!t.code) {
        assert_int_equal(t.records, 2);
        assert_int_equal(t.text.length, strlen("1:<a><b>\n2:<1><>\n") + letters);
    }
    *ret_err = t.err;
    told_done(&t);
    buf_done(&b);
    return t.code;
}

static void test_cells_have_a_limit(void **state)
{
    (void)state;
    struct err err;
    for (size_t n = TABLE_MAX_CELL - 1; n <= TABLE_MAX_CELL + 1; n++) {
        enum err_code expected = n > TABLE_MAX_CELL ? ERR_INVALID : ERR_OK;
        assert_int_equal(read_cell(n, 0, false, 0, &err), expected);
        assert_true(!expected || (err.line == 2 && err.column == 2));
        assert_int_equal(read_cell(n, 0, true, 0, &err), expected);
        assert_true(!expected || (err.line == 2 && err.column == 2));
        assert_int_equal(read_cell(n, 1, true, 0, &err), expected);
        /* nothing but quotes, twice as long as it counts: wherever the bytes are cut */
        for (size_t piece = 65530; piece < 65545; piece++)
            assert_int_equal(read_cell(n, n, true, piece, &err), expected);
    }
    assert_int_equal(read_cell(TABLE_MAX_CELL + 1, 1, true, 0, &err), ERR_INVALID);
    assert_string_equal(err.message, "line 2, column 2: the cell is longer than 65536 bytes");
    assert_int_equal(read_cell(4 * TABLE_MAX_CELL, 0, true, 0, &err), ERR_INVALID);
    assert_string_equal(err.message,
                        "line 2, column 2: the quoted cell is longer than 65536 bytes: is a quote not closed?");
}

static enum err_code read_columns(size_t columns, struct err *ret_err)
{
    struct buf b;
    struct told t = {0};
    buf_init(&b, 1 << 20);
    for (size_t i = 1; i <= columns; i++)
        buf_printf(&b, "c%zu%c", i, i < columns ? ',' : '\n');
    tell(&t, NULL, b.data, b.length, 0, 0);
    *ret_err = t.err;
    told_done(&t);
    buf_done(&b);
    return t.code;
}

static void test_columns_have_a_limit(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(read_columns(TABLE_MAX_COLUMNS - 1, &err), ERR_OK);
    assert_int_equal(read_columns(TABLE_MAX_COLUMNS, &err), ERR_OK);
    assert_int_equal(read_columns(TABLE_MAX_COLUMNS + 1, &err), ERR_INVALID);
    assert_string_equal(err.message, "line 1, column 4097: more than 4096 columns");
}

static void test_rows_have_a_limit(void **state)
{
    (void)state;
    struct err err = {0};
    struct csv *c;
    struct told t = {0};
    static char cell[TABLE_MAX_CELL];
    buf_init(&t.text, 1000);
    memset(cell, 'x', sizeof cell - 1);
    cell[sizeof cell - 1] = ',';
    assert_int_equal(csv_new(&(struct csv_options){0}, note, &t, &c, &err), ERR_OK);
    enum err_code code = ERR_OK;
    uint64_t cells = 0;
    for (; !code && cells < 4000; cells++)
        code = csv_feed(c, cell, sizeof cell, &err);
    csv_free(c);
    told_done(&t);
    assert_int_equal(code, ERR_INVALID);
    assert_int_equal(cells, (64 << 20) / TABLE_MAX_CELL + 1);
    assert_string_equal(err.message, "line 1, column 1: the row is longer than 67108864 bytes");
}

/* ---- pieces ----------------------------------------------------------------------------------------------------------- */

#define HEAD 65536 /* what the reader waits for before it starts */

/* Behind a first record that fills the sniffed bytes, the text in pieces tells what it tells at once. */
static void assert_pieces_do_not_matter(char *bytes, const char *text, size_t length)
{
    struct told whole = {0};
    struct csv_options o = {.delimiter = ',', .decimal = '.'};
    memcpy(bytes + HEAD, text, length);
    tell(&whole, &o, bytes, HEAD + length, HEAD + length, 0);
    for (size_t piece = 1; piece <= 3; piece++) {
        struct told parts = {0};
        tell(&parts, &o, bytes, HEAD + length, HEAD, piece);
        assert_int_equal(parts.code, whole.code);
        assert_string_equal(buf_text(&parts.text), buf_text(&whole.text));
        told_done(&parts);
    }
    told_done(&whole);
}

static char *with_head(size_t room)
{
    char *bytes = malloc(HEAD + room);
    assert_non_null(bytes);
    memset(bytes, 'h', HEAD);
    bytes[HEAD / 2] = ',';
    bytes[HEAD - 1] = '\n';
    return bytes;
}

static void test_pieces_do_not_matter(void **state)
{
    (void)state;
    cleanup(mem_freep) char *bytes = with_head(1000);
    for (size_t i = 0; i < COUNT(fine); i++)
        assert_pieces_do_not_matter(bytes, fine[i].text, strlen(fine[i].text));
    for (size_t i = 0; i < COUNT(refused); i++)
        assert_pieces_do_not_matter(bytes, refused[i].text,
                                    refused[i].length ? refused[i].length : strlen(refused[i].text));
}

static void test_pieces_of_nasty_bytes_do_not_matter(void **state)
{
    (void)state;
    static const char letters[] = {'"', '"', '"', ',', ',', '\n', '\n', '\r', '\r', 'a', '1', '.', ' ', '\0', '\xC3', '\xA9'};
    cleanup(mem_freep) char *bytes = with_head(1000);
    struct rng r;
    rng_init(&r, 1, RNG_SEARCH, 0);
    for (int i = 0; i < 3000; i++) {
        char text[24];
        size_t length = rng_below(&r, sizeof text + 1);
        for (size_t k = 0; k < length; k++)
            text[k] = letters[rng_below(&r, sizeof letters - (k % 4 ? 3 : 0))];
        assert_pieces_do_not_matter(bytes, text, length);
    }
}

/* What is wrong with a long cell does not depend on how much of it was there when it was looked at. */
static void test_long_cells_in_pieces(void **state)
{
    (void)state;
    static const char *const ends[] = {"\"\n", "\"x\n", "", "\0\"\n"};
    for (size_t n = 2 * TABLE_MAX_CELL - 2; n <= 2 * TABLE_MAX_CELL + 4; n++)
        for (size_t e = 0; e < COUNT(ends); e++)
            for (int quoted = 0; quoted < 2; quoted++) {
                struct told whole = {0}, parts = {0};
                size_t head = 5, end = e == 3 ? 3 : strlen(ends[e]), length = head + n + end;
                cleanup(mem_freep) char *bytes = malloc(length);
                assert_non_null(bytes);
                memcpy(bytes, quoted ? "a,b\n\"" : "a,b\nx", head);
                memset(bytes + head, 'y', n);
                memcpy(bytes + head + n, ends[e], end);
                tell(&whole, &(struct csv_options){.delimiter = ','}, bytes, length, length, 0);
                tell(&parts, &(struct csv_options){.delimiter = ','}, bytes, length, HEAD + TABLE_MAX_CELL - 10, 1);
                assert_string_equal(buf_text(&parts.text), buf_text(&whole.text));
                assert_int_equal(parts.code, ERR_INVALID);
                told_done(&whole);
                told_done(&parts);
            }
}

/* The buffer grows and moves while the record is under way: the cells that are there already move with it. */
static void test_long_records_in_pieces(void **state)
{
    (void)state;
    struct buf b;
    struct told whole = {0}, parts = {0};
    buf_init(&b, 8 << 20);
    for (int row = 0; row < 2; row++)
        for (int i = 0; i < 200; i++) {
            buf_printf(&b, i % 3 ? "%d-%d" : "\"%d \"\" %d", row, i);
            for (int k = 0; k < 10000; k++)
                buf_putc(&b, (char)('a' + (i + k) % 26));
            buf_printf(&b, "%s%c", i % 3 ? "" : "\"", i < 199 ? ',' : '\n');
        }
    assert_false(b.failed);
    tell(&whole, &(struct csv_options){.delimiter = ','}, b.data, b.length, b.length, 0);
    tell(&parts, &(struct csv_options){.delimiter = ','}, b.data, b.length, HEAD, 7777);
    assert_int_equal(whole.records, 2);
    assert_string_equal(buf_text(&parts.text), buf_text(&whole.text));
    told_done(&whole);
    told_done(&parts);
    buf_done(&b);
}

static void test_no_memory_is_an_error(void **state)
{
    (void)state;
    struct csv *c = NULL;
    struct told t = {0};
    struct err err = {0};
    buf_init(&t.text, 1000);
    uint64_t before = mem_count();
    assert_int_equal(csv_new(&(struct csv_options){0}, note, &t, &c, &err), ERR_OK);
    uint64_t allocations = mem_count() - before;
    csv_free(c);
    c = NULL;
    for (uint64_t nth = 1; nth <= allocations; nth++) {
        mem_fail_at(nth, 0);
        assert_int_equal(csv_new(&(struct csv_options){0}, note, &t, &c, &err), ERR_NO_MEMORY);
        assert_null(c);
    }
    mem_fail_at(0, 0);
    assert_int_equal(csv_new(&(struct csv_options){0}, note, &t, &c, &err), ERR_OK);
    mem_fail_at(1, 0);
    assert_int_equal(csv_feed(c, "a\n1\n", 4, &err), ERR_NO_MEMORY);
    mem_fail_at(0, 0);
    csv_free(c);
    csv_free(NULL);
    told_done(&t);
}

int main(void)
{
    mallopt(M_PERTURB, 0x55); /* freed memory does not look as it did */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_as_the_rfc_has_them),
        cmocka_unit_test(test_faults_name_their_line_and_column),
        cmocka_unit_test(test_the_callback_stops_the_reader),
        cmocka_unit_test(test_what_is_given_is_kept),
        cmocka_unit_test(test_cells_have_a_limit),
        cmocka_unit_test(test_columns_have_a_limit),
        cmocka_unit_test(test_rows_have_a_limit),
        cmocka_unit_test(test_pieces_do_not_matter),
        cmocka_unit_test(test_pieces_of_nasty_bytes_do_not_matter),
        cmocka_unit_test(test_long_cells_in_pieces),
        cmocka_unit_test(test_long_records_in_pieces),
        cmocka_unit_test(test_no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
