/* Little-endian numbers and texts in and out of bytes, for our own file formats. Reading past the end, or a text that
 * has no room, makes the reader `failed` and everything it returns 0 or empty, so that a caller checks once, at the end. */
#pragma once

#include "buf.h"
#include <stdint.h>

void pack_u32(struct buf *out, uint32_t v);
void pack_u64(struct buf *out, uint64_t v);
void pack_f64(struct buf *out, double v);
void pack_bytes(struct buf *out, const void *data, size_t length); /* its length as u32, then the bytes */
void pack_text(struct buf *out, const char *text);
void pack_texts(struct buf *out, const char *const *texts, size_t count); /* or NULL, which is another thing than none */

struct unpack {
    const unsigned char *at, *end;
    bool failed, no_memory; /* no_memory: failed for want of memory, not because of the bytes */
};
uint32_t unpack_u32(struct unpack *u);
uint64_t unpack_u64(struct unpack *u);
double unpack_f64(struct unpack *u);
/* A copy with a NUL behind it (mem_free); NULL and failed without room, without memory, or with a NUL inside. */
char *unpack_text(struct unpack *u);
/* A list of texts (unpack_texts_free), or NULL as it was packed; *ret_count of them. NULL too when failed. */
char **unpack_texts(struct unpack *u, size_t *ret_count);
void unpack_texts_free(char **texts, size_t count);
/* The next `length` bytes where they stand; NULL and failed without them. */
const unsigned char *unpack_skip(struct unpack *u, size_t length);
/* Whether `count` things of at least `size` bytes each can still come: to be asked before memory is taken for them. */
bool unpack_room(struct unpack *u, uint64_t count, size_t size);
/* Notes that memory for what is read was not to be had, when it is NULL; whether it is there. */
bool unpack_got_memory(struct unpack *u, const void *memory);
