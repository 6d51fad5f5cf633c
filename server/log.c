#include "log.h"

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "server/json/write.h"
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LONGEST_TEXT 4000 /* bytes of one field */
#define LONGEST_LINE 65536

static const char *const names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARNING] = "warning", [LOG_ERROR] = "error"};
#define LEVELS ((int)(sizeof names / sizeof *names))

static _Atomic int least_level = LOG_INFO;

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&least_level, (int)level, memory_order_relaxed);
}

int log_level_find(const char *name)
{
    for (int i = 0; i < LEVELS; i++)
        if (!strcmp(names[i], name))
            return i;
    return -1;
}

const char *log_number(char text[24], int64_t n)
{
    snprintf(text, 24, "%lld", (long long)n);
    return text;
}

static void put_field(struct json_writer *w, const char *key, const char *text)
{
    json_name(w, key);
    if (text)
        json_put_text(w, text, strnlen(text, LONGEST_TEXT));
    else
        json_put_null(w);
}

/* One write for each line, so that lines of several threads do not mix. There is nobody to tell when it fails. */
static void emit(const char *line, size_t length)
{
    ssize_t written = write(STDERR_FILENO, line, length);
    (void)written;
}

void log_event(enum log_level level, const char *event, ...)
{
    if ((int)level < atomic_load_explicit(&least_level, memory_order_relaxed))
        return;
    struct buf line;
    struct json_writer w;
    buf_init(&line, LONGEST_LINE);
    json_start(&w, &line);
    json_object(&w);
    json_field_time(&w, "time", clock_wall_ms());
    json_field_string(&w, "level", names[level]);
    put_field(&w, "event", event);
    va_list fields;
    va_start(fields, event);
    for (const char *key = va_arg(fields, const char *); key; key = va_arg(fields, const char *))
        put_field(&w, key, va_arg(fields, const char *));
    va_end(fields);
    json_object_end(&w);
    buf_putc(&line, '\n');
    static const char lost[] = "{\"level\":\"error\",\"event\":\"a log line was too long, or there was no memory for it\"}\n";
    if (line.failed)
        emit(lost, sizeof lost - 1);
    else
        emit(line.data, line.length);
    buf_done(&line);
}
