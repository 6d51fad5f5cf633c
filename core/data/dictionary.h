/* The distinct texts of a categorical column, numbered in order of first appearance. One thread at a time. */
#pragma once

#include "../base/buf.h"
#include <stdint.h>

#define DICTIONARY_MAX_BYTES ((size_t)256 << 20)
#define DICTIONARY_BEYOND 16

struct dictionary_entry {
    size_t offset; /* in text */
    uint32_t length, hash;
    uint64_t count; /* how often it was looked up */
};

struct dictionary {
    struct buf text;
    struct dictionary_entry *entry;
    uint32_t count, capacity;
    uint32_t *slot; /* open addressing: entry + 1, 0 when free; slots is a power of two */
    uint32_t slots;
};

void dictionary_init(struct dictionary *d);
void dictionary_done(struct dictionary *d);
/* The number of a text, new or known, counting it. DICTIONARY_BEYOND bytes can be read from the text on, whatever its length. ERR_INVALID when the texts are over DICTIONARY_MAX_BYTES. */
enum err_code dictionary_add(struct dictionary *d, const char *text, size_t length, int32_t *ret_code, struct err *err);
