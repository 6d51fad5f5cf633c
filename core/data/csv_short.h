/* Numbers of up to 16 characters without a loop, whose end could not be foretold: what most cells are. All characters are
 * looked at at once, in a word with the last of them on top (the multiplications: Lemire, "Number parsing at a gigabyte per
 * second", 2021). */
#pragma once

#include "../base/powers.h"
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CSV_SHORT_BEYOND 17 /* bytes that csv_short_number reads from the text on, whatever its length */

#define CSV_EACH(byte) (0x0101010101010101u * (uint8_t)(byte))

static inline uint64_t csv_load(const char *at)
{
    uint64_t w;
    memcpy(&w, at, sizeof w);
    return le64toh(w);
}

/* 0x80 in the lowest byte that is 0, perhaps in some above it; 0 when there is none. */
static inline uint64_t csv_zero_bytes(uint64_t w)
{
    return (w - CSV_EACH(1)) & ~w & CSV_EACH(0x80);
}

/* Not 0 when a byte is over 9. */
static inline uint64_t csv_no_digits(uint64_t w)
{
    return ((w + CSV_EACH(0x76)) | w) & CSV_EACH(0x80);
}

/* Eight digits, the first one lowest. */
static inline uint64_t csv_eight_digits(uint64_t w)
{
    w = w * 10 + (w >> 8);
    return ((w & 0x000000FF000000FFu) * (100 + (1000000ull << 32)) +
            ((w >> 16) & 0x000000FF000000FFu) * (1 + (10000ull << 32))) >> 32;
}

/* One to three digits: pixels, counts, codes. */
static inline bool csv_tiny_number(const char *text, size_t length, double *ret_value)
{
    uint32_t w;
    memcpy(&w, text, sizeof w);
    w = (le32toh(w) ^ (uint32_t)CSV_EACH('0')) << (32 - 8 * length);
    *ret_value = (int32_t)((w >> 8 & 0xFF) * 100 + (w >> 16 & 0xFF) * 10 + (w >> 24));
    return !(((w + (uint32_t)CSV_EACH(0x76)) | w) & (uint32_t)CSV_EACH(0x80));
}

/* Up to 8 characters without a sign. The mark's byte goes, and what is below it moves up. */
static inline bool csv_number8(const char *text, size_t length, uint64_t mark, uint64_t *ret_mantissa, size_t *ret_fraction)
{
    uint64_t w = (csv_load(text) ^ CSV_EACH('0')) << (64 - 8 * length), marks = csv_zero_bytes(w ^ mark);
    size_t fraction = 0;
    if (marks) {
        unsigned at = (unsigned)__builtin_ctzll(marks) - 7;
        uint64_t above = (~0ull << at) << 8, below = ((uint64_t)1 << at) - 1;
        w = (w & above) | (w & below) << 8;
        fraction = 7 - at / 8;
    }
    *ret_mantissa = csv_eight_digits(w);
    *ret_fraction = fraction;
    return !csv_no_digits(w) && length > (marks != 0);
}

/* The same of 9 to 16: eight digits of them, and what is left. */
static inline bool csv_number16(const char *text, size_t length, uint64_t mark, uint64_t *ret_mantissa, size_t *ret_fraction)
{
    static const uint64_t power[9] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    uint64_t low = csv_load(text) ^ CSV_EACH('0'), high = csv_load(text + 8) ^ CSV_EACH('0'), marks;
    size_t digits = length, fraction = 0;
    if ((marks = csv_zero_bytes(low ^ mark))) {
        unsigned at = (unsigned)__builtin_ctzll(marks) - 7;
        uint64_t below = ((uint64_t)1 << at) - 1;
        low = (low & below) | ((low >> 8 | high << 56) & ~below);
        high >>= 8;
        fraction = --digits - at / 8;
    } else if ((marks = csv_zero_bytes(high ^ mark) & ~0ull >> (128 - 8 * length))) {
        unsigned at = (unsigned)__builtin_ctzll(marks) - 7;
        uint64_t below = ((uint64_t)1 << at) - 1;
        high = (high & below) | (high >> 8 & ~below);
        fraction = --digits - 8 - at / 8;
    }
    high = digits > 8 ? high << (128 - 8 * digits) : 0;
    *ret_mantissa = csv_eight_digits(low) * power[digits - 8] + csv_eight_digits(high);
    *ret_fraction = fraction;
    return !(csv_no_digits(low) | csv_no_digits(high));
}

/* A sign or none, digits with a mark among them or none: the nearest double (15 digits and a power of ten are exact, their
 * quotient is rounded once; so is a whole number of 16). False: not that simple, and *ret_value is something. */
static inline bool csv_short_number(const char *text, size_t length, char decimal, double *ret_value)
{
    if (length - 1 < 3 && csv_tiny_number(text, length, ret_value))
        return true;
    bool negative = *text == '-';
    uint64_t mark = CSV_EACH((uint8_t)(decimal ^ '0')), mantissa = 0;
    size_t fraction = 0, digits = length - negative;
    bool is_number = digits - 1 < 8    ? csv_number8(text + negative, digits, mark, &mantissa, &fraction)
                     : digits - 1 < 16 ? csv_number16(text + negative, digits, mark, &mantissa, &fraction)
                                       : false;
    double value = (double)(int64_t)mantissa / power_of_ten[fraction];
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits |= (uint64_t)negative << 63; /* no branch, which half of the cells could take */
    memcpy(ret_value, &bits, sizeof bits);
    return is_number;
}

/* csv_missing of the usual texts. */
static inline bool csv_usually_missing(const char *text, size_t length)
{
    uint64_t w = csv_load(text) & ~(~0ull << (length < 8 ? 8 * length : 63));
    return (w == 0) | (w == '?') | (w == ('N' | 'A' << 8)) | (w == ('N' | 'a' << 8 | 'N' << 16)) |
           (w == ('n' | 'u' << 8 | 'l' << 16 | 'l' << 24));
}
