#include "events.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_DIGITS 9

static void set(struct text *t, const char *bytes, size_t size)
{
    text_clear(t);
    text_add(t, bytes, size);
}

/* A blank line: the event is complete, if it is one. Its id counts even without data. */
static void dispatch(struct events *p)
{
    set(&p->id, text_string(&p->next_id), p->next_id.size);
    if (p->data.size) {
        p->data.data[--p->data.size] = '\0'; /* the newline behind its last line */
        struct event event = {.name = p->name.size ? text_string(&p->name) : "message",
                              .data = text_string(&p->data), .size = p->data.size};
        p->take(p->context, &event);
    }
    text_clear(&p->name);
    text_clear(&p->data);
}

static void take_retry(struct events *p, const char *value, size_t size)
{
    if (size && size <= RETRY_DIGITS && strspn(value, "0123456789") == size)
        p->retry_ms = strtol(value, NULL, 10);
}

static void take_field(struct events *p, const char *name, size_t length, const char *value, size_t size)
{
    if (length == 4 && !memcmp(name, "data", 4)) {
        text_add(&p->data, value, size);
        text_add(&p->data, "\n", 1);
    } else if (length == 5 && !memcmp(name, "event", 5)) {
        set(&p->name, value, size);
    } else if (length == 2 && !memcmp(name, "id", 2)) {
        if (!memchr(value, '\0', size))
            set(&p->next_id, value, size);
    } else if (length == 5 && !memcmp(name, "retry", 5)) {
        take_retry(p, value, size);
    }
}

static void take_line(struct events *p)
{
    const char *line = text_string(&p->line);
    size_t size = p->line.size;
    if (!p->begun && size >= 3 && !memcmp(line, "\xEF\xBB\xBF", 3)) {
        line += 3;
        size -= 3;
    }
    p->begun = true;
    const char *colon = size ? memchr(line, ':', size) : NULL;
    if (!size) {
        dispatch(p);
    } else if (colon != line) { /* else it is a comment */
        size_t length = colon ? (size_t)(colon - line) : size, start = colon ? length + 1 : size;
        start += start < size && line[start] == ' ';
        take_field(p, line, length, line + start, size - start);
    }
    text_clear(&p->line);
}

static bool is_over(const struct events *p)
{
    return p->line.size > EVENTS_MAX_BYTES || p->data.size > EVENTS_MAX_BYTES || p->line.failed || p->data.failed ||
           p->name.failed || p->id.failed || p->next_id.failed;
}

void events_add(struct events *p, const char *bytes, size_t size)
{
    for (size_t at = 0; at < size && !p->failed;) {
        size_t length = 0;
        while (at + length < size && bytes[at + length] != '\n' && bytes[at + length] != '\r')
            length++;
        if (length) {
            text_add(&p->line, bytes + at, length);
            p->after_return = false;
        }
        at += length;
        if (at < size) {
            char end = bytes[at++];
            if (end == '\r' || !p->after_return)
                take_line(p);
            p->after_return = end == '\r';
        }
        p->failed = is_over(p);
    }
}

void events_restart(struct events *p)
{
    text_clear(&p->line);
    text_clear(&p->name);
    text_clear(&p->data);
    set(&p->next_id, text_string(&p->id), p->id.size);
    p->after_return = p->begun = false;
}

void events_free(struct events *p)
{
    text_free(&p->id);
    text_free(&p->line);
    text_free(&p->name);
    text_free(&p->data);
    text_free(&p->next_id);
}
