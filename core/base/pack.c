#include "pack.h"

#include "mem.h"
#include <assert.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "our files are little-endian, and so must the machine be");

void pack_u32(struct buf *out, uint32_t v)
{
    buf_add(out, &v, sizeof v);
}

void pack_u64(struct buf *out, uint64_t v)
{
    buf_add(out, &v, sizeof v);
}

void pack_f64(struct buf *out, double v)
{
    buf_add(out, &v, sizeof v);
}

void pack_bytes(struct buf *out, const void *data, size_t length)
{
    pack_u32(out, (uint32_t)length);
    buf_add(out, data, length);
}

void pack_text(struct buf *out, const char *text)
{
    pack_bytes(out, text, strlen(text));
}

#define NO_TEXTS UINT32_MAX

void pack_texts(struct buf *out, const char *const *texts, size_t count)
{
    pack_u32(out, texts ? (uint32_t)count : NO_TEXTS);
    for (size_t i = 0; texts && i < count; i++)
        pack_text(out, texts[i]);
}

const unsigned char *unpack_skip(struct unpack *u, size_t length)
{
    if (u->failed || (size_t)(u->end - u->at) < length) {
        u->failed = true;
        return NULL;
    }
    const unsigned char *start = u->at;
    u->at += length;
    return start;
}

static void take(struct unpack *u, void *out, size_t size)
{
    const unsigned char *from = unpack_skip(u, size);
    if (from)
        memcpy(out, from, size);
}

uint32_t unpack_u32(struct unpack *u)
{
    uint32_t v = 0;
    take(u, &v, sizeof v);
    return v;
}

uint64_t unpack_u64(struct unpack *u)
{
    uint64_t v = 0;
    take(u, &v, sizeof v);
    return v;
}

double unpack_f64(struct unpack *u)
{
    double v = 0;
    take(u, &v, sizeof v);
    return v;
}

char *unpack_text(struct unpack *u)
{
    size_t length = unpack_u32(u);
    const unsigned char *from = unpack_skip(u, length);
    if (!from || memchr(from, '\0', length)) {
        u->failed = true;
        return NULL;
    }
    char *text = mem_strndup((const char *)from, length);
    unpack_got_memory(u, text);
    return text;
}

bool unpack_got_memory(struct unpack *u, const void *memory)
{
    u->no_memory |= !memory;
    u->failed |= !memory;
    return memory != NULL;
}

bool unpack_room(struct unpack *u, uint64_t count, size_t size)
{
    if (!u->failed && count > (uint64_t)(u->end - u->at) / size)
        u->failed = true;
    return !u->failed;
}

char **unpack_texts(struct unpack *u, size_t *ret_count)
{
    uint32_t count = unpack_u32(u);
    *ret_count = 0;
    if (count == NO_TEXTS || !unpack_room(u, count, sizeof(uint32_t)))
        return NULL;
    char **texts = mem_array((size_t)count + 1, sizeof *texts);
    if (!unpack_got_memory(u, texts))
        return NULL;
    for (; *ret_count < count && !u->failed; ++*ret_count)
        texts[*ret_count] = unpack_text(u);
    return texts;
}

void unpack_texts_free(char **texts, size_t count)
{
    for (size_t i = 0; texts && i < count; i++)
        mem_free(texts[i]);
    mem_free(texts);
}
