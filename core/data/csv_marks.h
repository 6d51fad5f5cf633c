/* Where cells may end: 64 bytes at a time become 64 bits, so that a cell costs a bit and not a look at each of its bytes
 * (Langdale, Lemire: "Parsing gigabytes of JSON per second", 2019). For csv.c alone. */
#pragma once

#include "csv_short.h"
#include <stdint.h>

#define MARKS_BYTES 64

/* Bit i: byte i is the delimiter, a quote, or a control character up to CR; NUL, LF and CR are among those. *ret_high is
 * not 0 when a byte is over 127. Reads 64 bytes. */
static inline uint64_t csv_marks(const char *at, char delimiter, uint64_t *ret_high);

#ifdef __SSE2__
#include <emmintrin.h>

static inline uint64_t csv_marks(const char *at, char delimiter, uint64_t *ret_high)
{
    const __m128i d = _mm_set1_epi8(delimiter), quote = _mm_set1_epi8('"'), cr = _mm_set1_epi8('\r');
    uint64_t marks = 0, high = 0;
#pragma GCC unroll 4
    for (unsigned i = 0; i < MARKS_BYTES; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(at + i));
        __m128i is = _mm_or_si128(_mm_cmpeq_epi8(v, d), _mm_cmpeq_epi8(v, quote));
        is = _mm_or_si128(is, _mm_cmpeq_epi8(_mm_min_epu8(v, cr), v));
        marks |= (uint64_t)(unsigned)_mm_movemask_epi8(is) << i;
        high |= (unsigned)_mm_movemask_epi8(v);
    }
    *ret_high = high;
    return marks;
}

#else
/* 0x80 in each byte of w (below 128 all of them) that is this one. */
static inline uint64_t equal_bytes(uint64_t w, char byte)
{
    return ~((w ^ CSV_EACH(byte)) + CSV_EACH(0x7F)) & CSV_EACH(0x80);
}

static inline uint64_t csv_marks(const char *at, char delimiter, uint64_t *ret_high)
{
    uint64_t marks = 0, high = 0;
    for (unsigned i = 0; i < MARKS_BYTES; i += 8) {
        uint64_t w = csv_load(at + i), over = w & CSV_EACH(0x80), low = w & CSV_EACH(0x7F);
        uint64_t is = equal_bytes(low, delimiter) | equal_bytes(low, '"') | (~(low + CSV_EACH(0x7F - '\r')) & CSV_EACH(0x80));
        marks |= (((is & ~over) >> 7) * 0x0102040810204080u >> 56) << i;
        high |= over;
    }
    *ret_high = high;
    return marks;
}
#endif
