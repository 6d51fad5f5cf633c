/* A growable byte buffer with a mandatory maximum. After the first failure it is `failed` and swallows all further
 * writes, so that a caller checks once, at the end. Always NUL-terminated behind `length`. One thread at a time. */
#pragma once

#include "err.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data; /* NULL while empty */
    size_t length, capacity, maximum;
    bool failed; /* an allocation failed or the maximum was reached */
};

void buf_init(struct buf *b, size_t maximum);
void buf_done(struct buf *b); /* frees; usable again as empty */
void buf_clear(struct buf *b); /* length 0, failed false, memory kept */
bool buf_add(struct buf *b, const void *data, size_t length);
bool buf_puts(struct buf *b, const char *s);
bool buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *buf_grow(struct buf *b, size_t more);    /* what buf_reserve does when there is no room */
const char *buf_text(const struct buf *b);     /* NUL-terminated, "" while empty */
/* Hands the bytes to the caller (mem_free), leaving b empty; NULL when failed. Never NULL for an empty buffer. */
char *buf_steal(struct buf *b, size_t *ret_length);

/* Room for `more` bytes behind length, and a NUL; NULL on failure. Add to length yourself. */
static inline char *buf_reserve(struct buf *b, size_t more)
{
    bool room = !b->failed && more < b->capacity - b->length && more <= b->maximum - b->length;
    return room ? b->data + b->length : buf_grow(b, more);
}

static inline bool buf_putc(struct buf *b, char c)
{
    char *to = buf_reserve(b, 1);
    if (!to)
        return false;
    to[0] = c;
    to[1] = '\0';
    b->length++;
    return true;
}
