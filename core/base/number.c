/* Numbers as texts, by whole arithmetic: value = mantissa * 2^binary, times 10^tens, is exact in 192 bits wherever 5^tens fits
 * in 128, so that the digits are printf's and whether they read back needs no look at the text. Outside of that, printf. */
#include "text.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned __int128 u128;

#define TENS_MAX  53  /* 5^53 < 2^124 */
#define SHIFT_MAX 122 /* bits behind the point */

struct binary {
    uint64_t mantissa; /* not 0 */
    int exponent;
    int least_digits, most_digits;
};

/* ---- laying out ------------------------------------------------------------------------------------------------------ */

/* As %g lays digits out. */
static void lay_out(char *at, uint64_t value, int digits, int exponent)
{
    char all[20] = "";
    int count = digits;
    for (int i = digits; i-- > 0; value /= 10)
        all[i] = (char)('0' + value % 10);
    while (count > 1 && all[count - 1] == '0')
        count--;
    bool scientific = exponent < -4 || exponent >= digits;
    int point = scientific ? 1 : exponent + 1; /* digits before it */
    if (point <= 0) {
        *at++ = '0';
        *at++ = '.';
        for (; point < 0; point++)
            *at++ = '0';
        point = -1; /* stands already */
    }
    for (int i = 0; i < count || i < point; i++) {
        if (i == point)
            *at++ = '.';
        *at++ = i < count ? all[i] : '0';
    }
    if (scientific) {
        unsigned size = (unsigned)abs(exponent) % 100;
        *at++ = 'e';
        *at++ = exponent < 0 ? '-' : '+';
        *at++ = (char)('0' + size / 10);
        *at++ = (char)('0' + size % 10);
    }
    *at = '\0';
}

const char *text_whole(uint64_t v, char text[TEXT_NUMBER_SIZE])
{
    char all[20], *at = text;
    size_t used = 0;
    do
        all[used++] = (char)('0' + v % 10);
    while (v /= 10);
    while (used)
        *at++ = all[--used];
    *at = '\0';
    return text;
}

static const char *put_whole(double v, char text[TEXT_NUMBER_SIZE])
{
    text[0] = '-';
    text_whole((uint64_t)fabs(v), text + (signbit(v) != 0));
    return text;
}

/* ---- digits ---------------------------------------------------------------------------------------------------------- */

/* value * 10^tens = whole + rest / 2^shift */
struct decimal {
    uint64_t whole;
    u128 rest, five; /* five: 5^tens, the distance to the next value * 10^tens in the unit of `rest` */
    unsigned shift;
};

static u128 power_of_five(unsigned tens)
{
    static const uint64_t small[28] = {
        1, 5, 25, 125, 625, 3125, 15625, 78125, 390625, 1953125, 9765625, 48828125, 244140625, 1220703125, 6103515625,
        30517578125, 152587890625, 762939453125, 3814697265625, 19073486328125, 95367431640625, 476837158203125,
        2384185791015625, 11920928955078125, 59604644775390625, 298023223876953125, 1490116119384765625, 7450580596923828125};
    return tens < 28 ? small[tens] : (u128)small[27] * small[tens - 27];
}

static bool scale(const struct binary *b, int tens, struct decimal *d)
{
    int shift = -(b->exponent + tens);
    if (tens < 0 || tens > TENS_MAX || shift < 1 || shift > SHIFT_MAX)
        return false;
    d->five = power_of_five((unsigned)tens);
    d->shift = (unsigned)shift;
    u128 low = (u128)(uint64_t)d->five * b->mantissa, high = (d->five >> 64) * b->mantissa + (low >> 64);
    uint64_t bottom = (uint64_t)low;
    if (shift >= 64) {
        d->whole = (uint64_t)(high >> (shift - 64));
        d->rest = (high & (((u128)1 << (shift - 64)) - 1)) << 64 | bottom;
    } else {
        d->whole = (uint64_t)(high << (64 - shift)) | bottom >> shift;
        d->rest = bottom & (((uint64_t)1 << shift) - 1);
    }
    return true;
}

/* d to the multiples of `unit`, halves to even. */
static uint64_t rounded(const struct decimal *d, uint64_t unit)
{
    uint64_t down = d->whole / unit, left = d->whole % unit;
    u128 half = (u128)1 << (d->shift - 1);
    bool above, middle;
    if (unit == 1) {
        above = d->rest > half;
        middle = d->rest == half;
    } else {
        above = left > unit / 2 || (left == unit / 2 && d->rest);
        middle = left == unit / 2 && !d->rest;
    }
    return down + (above || (middle && (down & 1)));
}

/* Whether a whole number reads back to the value: it is no further away than half of the way to its neighbours. */
static bool reads_back(const struct decimal *d, uint64_t number, bool even)
{
    bool above = number > d->whole;
    uint64_t apart = above ? number - d->whole : d->whole - number;
    if (apart > (uint64_t)(d->five >> d->shift) + 2)
        return false;
    u128 distance = (u128)apart << d->shift;
    distance = above ? distance - d->rest : distance + d->rest;
    return 2 * distance < d->five || (even && 2 * distance == d->five);
}

/* The fewest digits from the least on that read back. False where this arithmetic cannot tell. */
static bool put_fewest(const struct binary *b, char *text)
{
    static const uint64_t power[18] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000,
                                       10000000000, 100000000000, 1000000000000, 10000000000000, 100000000000000,
                                       1000000000000000, 10000000000000000, 100000000000000000};
    int bits = 64 - __builtin_clzll(b->mantissa), most = b->most_digits;
    int exponent = (int)floor((b->exponent + bits - 1) * 0.30102999566398120); /* of ten; or one more */
    struct decimal d;
    if (!scale(b, most - 1 - exponent, &d))
        return false;
    if (d.whole >= power[most] && !scale(b, most - 1 - ++exponent, &d))
        return false;
    int digits = most;
    uint64_t number = rounded(&d, 1);
    while (digits > b->least_digits) { /* down: most need most, and what fewer digits give is never nearer */
        uint64_t unit = power[most - digits + 1], fewer = rounded(&d, unit);
        if (!reads_back(&d, fewer * unit, !(b->mantissa & 1)))
            break;
        number = fewer;
        digits--;
    }
    bool longer = number == power[digits]; /* 9.99 -> 10.0 */
    lay_out(text, longer ? number / 10 : number, digits, exponent + longer);
    return true;
}

/* ---- texts ----------------------------------------------------------------------------------------------------------- */

/* Powers of two are left to printf: their neighbours are at two distances. */
static bool put_double(double v, char *text)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    int exponent = (int)(bits >> 52 & 0x7FF);
    uint64_t mantissa = bits & (((uint64_t)1 << 52) - 1);
    if (!exponent || exponent == 0x7FF || !mantissa)
        return false;
    if (v < 0)
        *text++ = '-';
    return put_fewest(&(struct binary){mantissa | (uint64_t)1 << 52, exponent - 1075, 15, 17}, text);
}

static bool put_float(float v, char *text)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    int exponent = (int)(bits >> 23 & 0xFF);
    uint32_t mantissa = bits & ((1u << 23) - 1);
    if (!exponent || exponent == 0xFF || !mantissa)
        return false;
    if (v < 0)
        *text++ = '-';
    return put_fewest(&(struct binary){mantissa | 1u << 23, exponent - 150, 6, 9}, text);
}

const char *text_number(double v, char text[TEXT_NUMBER_SIZE])
{
    if (fabs(v) <= 0x1p53 && v == floor(v))
        return put_whole(v, text);
    if (put_double(v, text))
        return text;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, TEXT_NUMBER_SIZE, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    return text;
}

const char *text_float(float v, char text[TEXT_NUMBER_SIZE])
{
    if (fabsf(v) < 1e6f && v == floorf(v))
        return put_whole((double)v, text);
    if (put_float(v, text))
        return text;
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, TEXT_NUMBER_SIZE, "%.*g", digits, (double)v);
        if (strtof(text, NULL) == v)
            break;
    }
    return text;
}
