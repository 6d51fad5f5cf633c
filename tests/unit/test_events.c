/* client/lib/events: server-sent events in pieces that end anywhere. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "client/lib/events.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* All that was taken as "name|id|data;". */
struct taken {
    struct events parser;
    struct text all;
};

static void note(void *context, const struct event *e)
{
    struct taken *t = context;
    assert_int_equal(strlen(e->data) == e->size || memchr(e->data, '\0', e->size), 1);
    text_printf(&t->all, "%s|%s|", e->name, text_string(&t->parser.id));
    text_add(&t->all, e->data, e->size);
    text_puts(&t->all, ";");
}

static struct taken *start(struct taken *t)
{
    *t = (struct taken){.parser = {.take = note, .context = t}};
    return t;
}

static void end(struct taken *t)
{
    events_free(&t->parser);
    text_free(&t->all);
}

static const struct {
    const char *stream, *taken, *id;
    long retry;
} rows[] = {
    {"data: one\n\n", "message||one;", "", 0},
    {"event: epoch\nid: 7\ndata: {\"a\":1}\n\n", "epoch|7|{\"a\":1};", "7", 0},
    {"data:no blank\ndata:  two blanks\n\n", "message||no blank\n two blanks;", "", 0},
    {"data\n\n", "message||;", "", 0},
    {"data\ndata\n\n", "message||\n;", "", 0},
    {"data:\n\n", "message||;", "", 0},
    {": a comment\n\n:\n\ndata: x\n\n", "message||x;", "", 0},
    {"id: 5\n\ndata: x\n\n", "message|5|x;", "5", 0}, /* an id alone is remembered, and stays */
    {"id: 5\ndata: x\n\nid\ndata: y\n\n", "message|5|x;message||y;", "", 0},
    {"event: lost\n\ndata: x\n\n", "message||x;", "", 0}, /* no data: no event, and its name is forgotten */
    {"event: a\nevent: b\ndata: x\n\n", "b||x;", "", 0},
    {"unknown: field\nevents: x\ndat: y\ndata: x\n\n", "message||x;", "", 0},
    {"Data: x\n\n", "", "", 0},
    {" data: x\n\n", "", "", 0},
    {"data: a:b: c\n\n", "message||a:b: c;", "", 0},
    {"retry: 2500\n\n", "", "", 2500},
    {"retry: 1\nretry: 2x\nretry: -3\nretry:\nretry: 9999999999\n\n", "", "", 1},
    {"data: not ended", "", "", 0},
    {"id: 9\ndata: not dispatched\n", "", "", 0}, /* an id counts with its blank line only */
    {"data: a\r\rdata: b\r\n\r\ndata: c\n\n", "message||a;message||b;message||c;", "", 0},
    {"data: a\r\ndata: b\rdata: c\n\r\n", "message||a\nb\nc;", "", 0},
    {"data: a\n\r\n", "message||a;", "", 0},
    {"data: a\r\n\n", "message||a;", "", 0},
    {"\xEF\xBB\xBF" "data: x\n\n", "message||x;", "", 0},
    {"data: x\n\n\xEF\xBB\xBF" "data: y\n\n", "message||x;", "", 0},
    {"data: \xC3\xA9\xF0\x9F\x98\x80\n\n", "message||\xC3\xA9\xF0\x9F\x98\x80;", "", 0},
    {"\n\n\r\r\n\n", "", "", 0},
};

static void check(const struct taken *t, size_t i)
{
    assert_false(t->parser.failed);
    assert_string_equal(text_string(&t->all), rows[i].taken);
    assert_string_equal(text_string(&t->parser.id), rows[i].id);
    assert_int_equal(t->parser.retry_ms, rows[i].retry);
}

static void events_are_taken_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct taken t;
        events_add(&start(&t)->parser, rows[i].stream, strlen(rows[i].stream));
        check(&t, i);
        end(&t);
    }
}

/* Every stream cut at every two places, and into single bytes. */
static void pieces_may_end_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *stream = rows[i].stream;
        size_t size = strlen(stream);
        struct taken t;
        for (size_t a = 0; a <= size; a++)
            for (size_t b = a; b <= size; b++) {
                start(&t);
                events_add(&t.parser, stream, a);
                events_add(&t.parser, stream + a, b - a);
                events_add(&t.parser, stream + b, size - b);
                check(&t, i);
                end(&t);
            }
        start(&t);
        for (size_t a = 0; a < size; a++)
            events_add(&t.parser, stream + a, 1);
        check(&t, i);
        end(&t);
    }
}

static void an_id_with_a_nul_is_none(void **state)
{
    (void)state;
    static const char stream[] = "id: 4\n\nid: 5\0 6\ndata: a\0b\n\n";
    struct taken t;
    events_add(&start(&t)->parser, stream, sizeof stream - 1);
    assert_string_equal(text_string(&t.parser.id), "4");
    assert_memory_equal(t.all.data, "message|4|a\0b;", 14);
    end(&t);
}

static void a_new_connection_forgets_the_half_but_not_the_place(void **state)
{
    (void)state;
    static const char *const halves[] = {"id: 8\nevent: half\ndata: half\nda", "id: 8\nevent: half\ndata: half\r"};
    for (size_t i = 0; i < COUNT(halves); i++) {
        struct taken t;
        events_add(&start(&t)->parser, "id: 7\ndata: x\n\n", 15);
        events_add(&t.parser, halves[i], strlen(halves[i]));
        events_restart(&t.parser);
        assert_string_equal(text_string(&t.parser.id), "7");
        events_add(&t.parser, "\ndata: y\n\n", 10);
        assert_string_equal(text_string(&t.all), "message|7|x;message|7|y;");
        assert_string_equal(text_string(&t.parser.id), "7");
        end(&t);
    }
}

static void endless_lines_and_events_are_refused(void **state)
{
    (void)state;
    static const char *const pieces[] = {"data: x", "data: x\n"};
    for (size_t i = 0; i < COUNT(pieces); i++) {
        struct taken t;
        start(&t);
        for (size_t n = 0; n <= 2 * EVENTS_MAX_BYTES && !t.parser.failed; n++)
            events_add(&t.parser, pieces[i], strlen(pieces[i]));
        assert_true(t.parser.failed);
        events_add(&t.parser, "\n\ndata: y\n\n", 11);
        assert_string_equal(text_string(&t.all), "");
        end(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_taken_whole),
        cmocka_unit_test(pieces_may_end_anywhere),
        cmocka_unit_test(an_id_with_a_nul_is_none),
        cmocka_unit_test(a_new_connection_forgets_the_half_but_not_the_place),
        cmocka_unit_test(endless_lines_and_events_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
