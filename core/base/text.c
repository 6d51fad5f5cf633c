#include "text.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST 64 /* longer names are not compared */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Optimal string alignment distance, letters of either case alike. */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
    size_t row[3][LONGEST + 1];
    for (size_t j = 0; j <= m; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *now = row[i % 3], *before = row[(i + 2) % 3], *two = row[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            now[j] = least(least(before[j], now[j - 1]) + 1, before[j - 1] + !same(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                now[j] = least(now[j], two[j - 2] + 1);
        }
    }
    return row[n % 3][m];
}

const char *text_nearest(const char *name, const char *const *candidates, size_t count)
{
    size_t length = strlen(name);
    const char *nearest = NULL;
    size_t best = least(length / 3 > 1 ? length / 3 : 1, 4) + 1;
    if (length > LONGEST)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t other = strlen(candidates[i]);
        if (other > LONGEST)
            continue;
        size_t d = distance(name, length, candidates[i], other);
        if (d < best) {
            best = d;
            nearest = candidates[i];
        }
    }
    return nearest;
}

const char *text_number(double v, char text[TEXT_NUMBER_SIZE])
{
    if (fabs(v) <= 0x1p53 && v == floor(v)) {
        snprintf(text, TEXT_NUMBER_SIZE, "%.0f", v);
        return text;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, TEXT_NUMBER_SIZE, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    return text;
}

/* ---- floats --------------------------------------------------------------------------------------------------------- */

static const char *slow_float(float v, char text[TEXT_NUMBER_SIZE])
{
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, TEXT_NUMBER_SIZE, "%.*g", digits, (double)v);
        if (strtof(text, NULL) == v)
            break;
    }
    return text;
}

static const double power_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                      1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* v * 10^power for |power| <= 22 */
static double scaled(double v, int power)
{
    unsigned at = (unsigned)abs(power) % (sizeof power_of_ten / sizeof *power_of_ten);
    return power < 0 ? v / power_of_ten[at] : v * power_of_ten[at];
}

/* v, positive, to so many digits: the digits as a number, and the decimal exponent of the first. False when a double cannot tell
 * how it rounds. 10^0 .. 10^22 are exact, so that one rounding of 2^-53 is all the error there is. */
static bool round_digits(double v, int digits, int *exponent, uint64_t *ret_digits)
{
    double wanted = scaled(v, digits - 1 - *exponent), whole = floor(wanted), rest = wanted - whole;
    if (rest > 0.499999 && rest < 0.500001)
        return false;
    uint64_t d = (uint64_t)whole + (rest > 0.5);
    if (d >= (uint64_t)power_of_ten[digits]) { /* 9.99 -> 10.0 */
        d /= 10;
        ++*exponent;
    }
    *ret_digits = d;
    return true;
}

/* As %g lays digits out. */
static char *lay_out(char *at, uint64_t value, int digits, int exponent)
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
    if (scientific)
        at += snprintf(at, 8, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    *at = '\0';
    return at;
}

const char *text_float(float v, char text[TEXT_NUMBER_SIZE])
{
    double a = fabs((double)v);
    int binary;
    if (!(a < 1e12) || a < 1e-9 || frexp(a, &binary) == 0.5) /* a power of two has neighbours at two distances */
        return slow_float(v, text);
    int exponent = (int)floor((binary - 1) * 0.30102999566398120);
    exponent += scaled(a, -exponent) >= 10;
    double half = ldexp(1, binary - 25); /* to the middle between it and the next float */
    for (int digits = 6; digits <= 9; digits++) {
        uint64_t d;
        int first = exponent;
        if (!round_digits(a, digits, &first, &d))
            return slow_float(v, text);
        double off = fabs(scaled((double)d, first + 1 - digits) - a);
        if (off > half * 1.000001)
            continue;
        if (off > half * 0.999999) /* too near to the middle to tell */
            return slow_float(v, text);
        char *at = text;
        if (v < 0)
            *at++ = '-';
        lay_out(at, d, digits, first);
        return text;
    }
    return slow_float(v, text);
}
