/* core/data/csv beside the plainest reading of the same bytes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/buf.h"
#include "core/base/rng.h"
#include "core/data/csv.h"
#include "data_fixture.h"

/* "LINE:<cell>[quoted cell]\n" for each record. */
static enum err_code note(void *context, uint64_t record, uint64_t line, const struct csv_cell *cells, uint32_t count,
                          struct err *err)
{
    struct buf *told = context;
    (void)record, (void)err;
    buf_printf(told, "%llu:", (unsigned long long)line);
    for (uint32_t i = 0; i < count; i++) {
        buf_putc(told, cells[i].quoted ? '[' : '<');
        buf_add(told, cells[i].text, cells[i].length);
        buf_putc(told, cells[i].quoted ? ']' : '>');
    }
    buf_putc(told, '\n');
    return ERR_OK;
}

/* A cell of the RFC, byte by byte, behind what was told of its record; false where the reader has to refuse it. */
static bool plain_cell(const char *text, size_t length, size_t *at, uint64_t *line, struct buf *told)
{
    bool quoted = *at < length && text[*at] == '"';
    buf_putc(told, quoted ? '[' : '<');
    for (*at += quoted; *at < length; ++*at) {
        bool quote = text[*at] == '"';
        if (quoted && quote && (*at + 1 == length || text[*at + 1] != '"'))
            break;
        if (!quoted && strchr(",\r\n", text[*at]))
            break;
        *at += quoted && quote;
        *line += quoted && text[*at] == '\n';
        buf_putc(told, text[*at]);
    }
    buf_putc(told, quoted ? ']' : '>');
    bool closed = !quoted || *at < length;
    *at += quoted;
    return closed && (*at >= length || strchr(",\r\n", text[*at]));
}

static void plain_records(const char *text, size_t length, struct buf *told)
{
    uint64_t line = 1;
    for (size_t at = 0; at < length; line++) {
        size_t before = told->length, cells = 1;
        buf_printf(told, "%llu:", (unsigned long long)line);
        for (; cells; cells++) {
            if (!plain_cell(text, length, &at, &line, told)) {
                told->length = before;
                buf_putc(told, '!');
                return;
            }
            if (at >= length || text[at] != ',')
                break;
            at++;
        }
        at += at + 1 < length && text[at] == '\r' && text[at + 1] == '\n' ? 2 : 1;
        buf_putc(told, '\n');
        if (cells == 1 && strstr(told->data + before, ":<>\n")) /* a blank line */
            told->length = before;
    }
    buf_putc(told, '\0');
}

/* Long enough for cells, lines and quotes to lie on all places of the blocks that the reader looks at. */
static void test_records_as_the_plainest_reader_has_them(void **state)
{
    (void)state;
    static const char *const words[] = {",", ",", ",", "\n", "\r\n", "1", "0", "-12.5", "a word of nineteen", "\xC3\xA9",
                                        ",\"q\",", "\n\"q,\r\xC3\xB1\",", ",\"\"\r\n", ",\"two\nlines\"\n", ",\"a \"\"b\"\"\",",
                                        "\t", "\r", "\"", "\"\""};
    struct rng r;
    rng_init(&r, 2, RNG_SEARCH, 0);
    unsigned whole = 0;
    for (int i = 0; i < 4000; i++) {
        struct buf text, told, plain;
        struct err err = {0};
        struct csv *c;
        buf_init(&text, 10000);
        buf_init(&told, 100000);
        buf_init(&plain, 100000);
        while (text.length < 300)
            buf_puts(&text, words[rng_below(&r, COUNT(words) - (rng_below(&r, 99) ? 3 : 0))]);
        size_t length = 1 + rng_below(&r, text.length);
        assert_int_equal(csv_new(&(struct csv_options){.delimiter = ',', .decimal = '.'}, note, &told, &c, &err), ERR_OK);
        enum err_code code = csv_feed(c, text.data, length, &err);
        code = code ? code : csv_finish(c, &err);
        csv_free(c);
        plain_records(text.data, length, &plain);
        bool bad = memchr(plain.data, '!', plain.length) != NULL;
        whole += !bad;
        assert_int_equal(code != ERR_OK, bad || !memcmp(text.data + length - 1, "\xC3", 1));
        if (!code)
            assert_string_equal(buf_text(&told), plain.data);
        buf_done(&told);
        buf_done(&text);
        buf_done(&plain);
    }
    assert_true(whole > 500 && whole < 3900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_records_as_the_plainest_reader_has_them)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
