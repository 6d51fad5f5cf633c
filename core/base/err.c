#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {
    [ERR_OK] = "ok",
    [ERR_MALFORMED] = "malformed",
    [ERR_INVALID] = "invalid",
    [ERR_NOT_FOUND] = "not_found",
    [ERR_CONFLICT] = "conflict",
    [ERR_TOO_LARGE] = "too_large",
    [ERR_UNAVAILABLE] = "unavailable",
    [ERR_NO_MEMORY] = "no_memory",
    [ERR_NO_SPACE] = "no_space",
    [ERR_IO] = "io",
    [ERR_CORRUPT] = "corrupt",
    [ERR_DIVERGED] = "diverged",
    [ERR_STOPPED] = "stopped",
    [ERR_INTERNAL] = "internal",
};

const char *err_name(enum err_code code)
{
    return (size_t)code < sizeof names / sizeof *names ? names[code] : "unknown";
}

void err_fill(struct err *e, enum err_code code, const char *format, ...)
{
    if (!e)
        return;
    va_list arguments;
    va_start(arguments, format);
    e->code = code;
    e->line = e->column = 0;
    vsnprintf(e->message, sizeof e->message, format, arguments);
    va_end(arguments);
}

void err_fill_at(struct err *e, enum err_code code, uint64_t line, uint64_t column, const char *format, ...)
{
    if (!e)
        return;
    va_list arguments;
    va_start(arguments, format);
    e->code = code;
    e->line = line;
    e->column = column;
    int at = snprintf(e->message, sizeof e->message, "line %llu, column %llu: ", (unsigned long long)line,
                      (unsigned long long)column);
    vsnprintf(e->message + at, sizeof e->message - (size_t)at, format, arguments);
    va_end(arguments);
}

enum err_code err_errno(struct err *e, const char *what)
{
    int error = errno;
    enum err_code code = error == ENOSPC || error == EDQUOT ? ERR_NO_SPACE
                         : error == ENOMEM                  ? ERR_NO_MEMORY
                                                            : ERR_IO;
    return err_set(e, code, "%s: %s", what, strerror(error));
}
