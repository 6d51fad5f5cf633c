/* The frame of our own files: a head, some sections, and a digest that covers all of it, so that a byte which is missing or
 * altered is seen before anything is made of it.
 *
 * The layout: magic (8 bytes) | version, endianness mark, sections, 0 | the length of each section | the sections | SHA-256 */
#pragma once

#include "pack.h"
#include <stdint.h>

#define SECTIONS_MAX 8

struct sections_format {
    const char *magic, *name; /* 8 characters; what the file is called in messages: "model file" */
    uint32_t version, count;
};

/* Writing behind what `out` holds: start, then the bytes of each section into `out` and sections_next after it, finish. */
struct sections_out {
    struct buf *out;
    size_t start, lengths, at;
    uint32_t index;
};
void sections_start(struct sections_out *s, const struct sections_format *f, struct buf *out);
void sections_next(struct sections_out *s);
bool sections_finish(struct sections_out *s); /* false: the buffer failed */

/* Fills f->count readers that point into data. ERR_CORRUPT when it is no such file, of a newer version, or damaged. */
enum err_code sections_open(const struct sections_format *f, const void *data, size_t length, struct unpack *ret_sections,
                            struct err *err);
