#include "buf.h"

#include "mem.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define FIRST_CAPACITY 256

void buf_init(struct buf *b, size_t maximum)
{
    *b = (struct buf){.maximum = maximum};
}

void buf_done(struct buf *b)
{
    mem_free(b->data);
    buf_init(b, b->maximum);
}

void buf_clear(struct buf *b)
{
    b->length = 0;
    b->failed = false;
    if (b->data)
        b->data[0] = '\0';
}

char *buf_grow(struct buf *b, size_t more)
{
    size_t needed;
    if (b->failed)
        return NULL;
    if (__builtin_add_overflow(b->length, more, &needed) || needed > b->maximum) {
        b->failed = true;
        return NULL;
    }
    if (needed >= b->capacity) {
        size_t capacity = b->capacity < SIZE_MAX / 2 ? 2 * b->capacity : b->capacity;
        capacity = capacity < FIRST_CAPACITY ? FIRST_CAPACITY : capacity;
        capacity = capacity <= needed ? needed + 1 : capacity; /* what is asked for at once gets no more */
        char *data = mem_resize(b->data, capacity, 1);
        if (!data) {
            b->failed = true;
            return NULL;
        }
        b->data = data;
        b->capacity = capacity;
        b->data[b->length] = '\0';
    }
    return b->data + b->length;
}

bool buf_add(struct buf *b, const void *data, size_t length)
{
    char *to = buf_reserve(b, length);
    if (!to)
        return false;
    if (length)
        memcpy(to, data, length);
    b->length += length;
    b->data[b->length] = '\0';
    return true;
}

bool buf_puts(struct buf *b, const char *s)
{
    return buf_add(b, s, strlen(s));
}

bool buf_printf(struct buf *b, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *to = length < 0 ? NULL : buf_reserve(b, (size_t)length);
    if (!to) {
        b->failed = true;
        return false;
    }
    va_start(arguments, format);
    vsnprintf(to, (size_t)length + 1, format, arguments);
    va_end(arguments);
    b->length += (size_t)length;
    return true;
}

const char *buf_text(const struct buf *b)
{
    return b->data ? b->data : "";
}

char *buf_steal(struct buf *b, size_t *ret_length)
{
    if (b->failed || !buf_reserve(b, 0))
        return NULL;
    char *data = b->data;
    if (ret_length)
        *ret_length = b->length;
    buf_init(b, b->maximum);
    return data;
}
