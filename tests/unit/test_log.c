/* server/log: one JSON object a line, whatever the texts hold and whoever writes at the same time. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/cleanup.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "server/json/json.h"
#include "server/log.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

struct caught {
    char path[40];
    int real; /* stderr */
    char *text, *rest;
};

static int setup(void **state)
{
    static struct caught c;
    c = (struct caught){.path = "/tmp/test_log_XXXXXX"};
    *state = &c;
    int fd = mkostemp(c.path, O_APPEND);
    c.real = dup(STDERR_FILENO);
    if (fd < 0 || c.real < 0 || dup2(fd, STDERR_FILENO) < 0)
        return -1;
    close(fd);
    log_set_level(LOG_DEBUG);
    return 0;
}

static int teardown(void **state)
{
    struct caught *c = *state;
    mem_fail_at(0, 0);
    dup2(c->real, STDERR_FILENO);
    close(c->real);
    mem_free(c->text);
    log_set_level(LOG_INFO);
    return unlink(c->path);
}

/* The next line, as the object that it must be; NULL at the end. */
static struct json *next_line(struct caught *c)
{
    size_t size;
    if (!c->text) {
        assert_int_equal(fs_read_all(c->path, 100 << 20, &c->text, &size, NULL), ERR_OK);
        assert_int_equal(strlen(c->text), size); /* no NUL */
        assert_true(!size || c->text[size - 1] == '\n');
        c->rest = c->text;
    }
    if (!*c->rest)
        return NULL;
    char *end = strchr(c->rest, '\n');
    struct json *line = NULL;
    struct err err = {0};
    if (json_parse(c->rest, (size_t)(end - c->rest), &line, &err))
        fail_msg("%s: %.*s", err.message, (int)(end - c->rest), c->rest);
    assert_int_equal(json_kind(line), JSON_OBJECT);
    c->rest = end + 1;
    return line;
}

static const char *text_at(const struct json *line, const char *key)
{
    const struct json *v = json_get(line, key);
    assert_non_null(v);
    assert_int_equal(json_kind(v), JSON_STRING);
    return json_string(v);
}

/* ---- what a line holds ------------------------------------------------------------------------------------------------ */

static void test_a_line_has_time_level_event_and_fields(void **state)
{
    struct caught *c = *state;
    log_event(LOG_WARNING, "run put back", "run", LOG_N(7), "reason", "no space", "least", LOG_N(INT64_MIN), "nothing", NULL,
              "most", LOG_N(INT64_MAX), NULL);
    log_event(LOG_ERROR, "alone", NULL);
    cleanup(json_freep) struct json *line = next_line(c), *alone = next_line(c);
    assert_null(next_line(c));
    assert_string_equal(text_at(line, "level"), "warning");
    assert_string_equal(text_at(line, "event"), "run put back");
    assert_string_equal(text_at(line, "run"), "7");
    assert_string_equal(text_at(line, "reason"), "no space");
    assert_string_equal(text_at(line, "least"), "-9223372036854775808");
    assert_string_equal(text_at(line, "most"), "9223372036854775807");
    assert_int_equal(json_kind(json_get(line, "nothing")), JSON_NULL);
    assert_int_equal(json_count(line), 8);
    const char *time = text_at(line, "time");
    assert_int_equal(strlen(time), 24);
    assert_int_equal(time[10], 'T');
    assert_int_equal(time[23], 'Z');
    assert_string_equal(text_at(alone, "event"), "alone");
    assert_int_equal(json_count(alone), 3);
}

static void test_lines_below_the_level_are_left_out(void **state)
{
    struct caught *c = *state;
    static const char *const names[] = {"debug", "info", "warning", "error"};
    for (int least = LOG_DEBUG; least <= LOG_ERROR; least++) {
        log_set_level((enum log_level)least);
        for (int level = LOG_DEBUG; level <= LOG_ERROR; level++)
            log_event((enum log_level)level, names[least], NULL);
    }
    for (int least = LOG_DEBUG; least <= LOG_ERROR; least++)
        for (int level = least; level <= LOG_ERROR; level++) {
            cleanup(json_freep) struct json *line = next_line(c);
            assert_non_null(line);
            assert_string_equal(text_at(line, "event"), names[least]);
            assert_string_equal(text_at(line, "level"), names[level]);
        }
    assert_null(next_line(c));
    for (int i = 0; i < 4; i++)
        assert_int_equal(log_level_find(names[i]), i);
    assert_int_equal(log_level_find("Info"), -1);
    assert_int_equal(log_level_find(""), -1);
}

/* ---- texts that would break a line ------------------------------------------------------------------------------------ */

static const struct {
    const char *text, *read_back;
} texts[] = {
    {"", ""},
    {"say \"no\" \\ yes", "say \"no\" \\ yes"},
    {"two\nlines\r\n{\"level\":\"error\",\"event\":\"forged\"}", "two\nlines\r\n{\"level\":\"error\",\"event\":\"forged\"}"},
    {"\x1b[31mred\x1b[0m\a\b\t\v\f\x7f", "\x1b[31mred\x1b[0m\a\b\t\v\f\x7f"},
    {"\x01\x02\x1e\x1f", "\x01\x02\x1e\x1f"},
    {"\xC3\xA9 \xF0\x9F\x98\x80", "\xC3\xA9 \xF0\x9F\x98\x80"},
    {"\xFF", "\xEF\xBF\xBD"},
    {"a\xC3", "a\xEF\xBF\xBD"},
    {"\xED\xA0\x80", NULL}, /* a surrogate: replaced, in as many characters as the writer likes */
    {"\xC0\xAF", NULL},
    {"\xE2\x80\xA8", "\xE2\x80\xA8"}, /* a line separator is no line end in JSON */
};

static void test_no_text_breaks_a_line(void **state)
{
    struct caught *c = *state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        log_event(LOG_INFO, texts[i].text, "field", texts[i].text, NULL);
        log_event(LOG_INFO, "key", texts[i].text, "value", NULL);
    }
    for (size_t i = 0; i < COUNT(texts); i++) {
        cleanup(json_freep) struct json *line = next_line(c), *key = next_line(c);
        assert_non_null(line);
        assert_non_null(key);
        assert_string_equal(text_at(line, "level"), "info");
        assert_int_equal(json_count(line), 4);
        assert_int_equal(json_count(key), 4);
        if (!texts[i].read_back)
            continue;
        assert_string_equal(text_at(line, "event"), texts[i].read_back);
        assert_string_equal(text_at(line, "field"), texts[i].read_back);
        assert_string_equal(text_at(key, texts[i].read_back), "value");
    }
    assert_null(next_line(c));
    for (const char *p = c->text; *p; p++) /* nothing that a terminal would obey */
        assert_true((unsigned char)*p >= 0x20 || *p == '\n');
}

static void test_every_byte_alone(void **state)
{
    struct caught *c = *state;
    for (int byte = 1; byte < 256; byte++)
        log_event(LOG_INFO, (char[]){'<', (char)byte, '>', '\0'}, NULL);
    for (int byte = 1; byte < 256; byte++) {
        cleanup(json_freep) struct json *line = next_line(c);
        assert_non_null(line);
        const char *event = text_at(line, "event");
        assert_string_equal(event, byte < 128 ? ((char[]){'<', (char)byte, '>', '\0'}) : "<\xEF\xBF\xBD>");
    }
    assert_null(next_line(c));
}

static void test_long_texts_are_cut(void **state)
{
    struct caught *c = *state;
    static char text[5000];
    for (size_t start = 3990; start < 4001; start++) { /* a character of three bytes across the limit, or not */
        memset(text, 'x', sizeof text - 1);
        memcpy(text + start, "\xE2\x82\xAC", 3);
        log_event(LOG_INFO, "long", "field", text, NULL);
    }
    for (size_t start = 3990; start < 4001; start++) {
        cleanup(json_freep) struct json *line = next_line(c);
        assert_non_null(line);
        size_t length = strlen(text_at(line, "field"));
        assert_true(length >= 3998 && length <= 4006); /* what is left of a character may be replaced by a longer one */
    }
    assert_null(next_line(c));
}

static void test_a_line_that_cannot_be_is_said_to_be_lost(void **state)
{
    struct caught *c = *state;
    static char text[4001];
    memset(text, '\x01', sizeof text - 1); /* six bytes each when escaped */
    log_event(LOG_INFO, "huge", "a", text, "b", text, "c", text, "d", text, NULL);
    mem_fail_at(1, 0);
    log_event(LOG_INFO, "no memory", NULL);
    mem_fail_at(0, 0);
    log_event(LOG_INFO, "after", NULL);
    for (int i = 0; i < 2; i++) {
        cleanup(json_freep) struct json *line = next_line(c);
        assert_string_equal(text_at(line, "level"), "error");
        assert_non_null(strstr(text_at(line, "event"), "a log line was too long"));
    }
    cleanup(json_freep) struct json *after = next_line(c);
    assert_string_equal(text_at(after, "event"), "after");
    assert_null(next_line(c));
}

/* ---- threads ---------------------------------------------------------------------------------------------------------- */

#define THREADS 4
#define LINES   500

static void *write_lines(void *context)
{
    static const char filler[] = "some words that make the line so long that it would not go unnoticed if two were mixed";
    for (int i = 0; i < LINES; i++)
        log_event(LOG_INFO, "line", "thread", context, "number", LOG_N(i), "filler", filler, NULL);
    return NULL;
}

static void test_lines_of_threads_do_not_mix(void **state)
{
    struct caught *c = *state;
    static char name[THREADS][2] = {"0", "1", "2", "3"};
    pthread_t thread[THREADS];
    long next[THREADS] = {0};
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, write_lines, name[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < THREADS * LINES; i++) {
        cleanup(json_freep) struct json *line = next_line(c);
        assert_non_null(line);
        int number = text_at(line, "thread")[0] - '0';
        assert_true(number >= 0 && number < THREADS);
        assert_int_equal(strtol(text_at(line, "number"), NULL, 10), next[number]++);
    }
    assert_null(next_line(c));
}

#define CAUGHT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CAUGHT(test_a_line_has_time_level_event_and_fields),
        CAUGHT(test_lines_below_the_level_are_left_out),
        CAUGHT(test_no_text_breaks_a_line),
        CAUGHT(test_every_byte_alone),
        CAUGHT(test_long_texts_are_cut),
        CAUGHT(test_a_line_that_cannot_be_is_said_to_be_lost),
        CAUGHT(test_lines_of_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
