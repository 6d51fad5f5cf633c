/* Numbers, missing texts, and the finding of delimiter and decimal mark. */
#include "csv.h"

#include "csv_short.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 1100 /* bytes: longer texts are no numbers */

struct digits {
    uint64_t mantissa;
    unsigned count; /* significant digits taken into the mantissa */
    bool exact;     /* all of them were */
};

static const char *take_digits(const char *at, const char *end, struct digits *d, int *ret_taken)
{
    const char *start = at;
    for (; at < end && (unsigned char)(*at - '0') < 10; at++) {
        if (d->count < 19) {
            d->mantissa = d->mantissa * 10 + (uint64_t)(*at - '0');
            d->count += d->mantissa != 0;
        } else {
            d->exact = false;
        }
    }
    *ret_taken = (int)(at - start);
    return at;
}

static const char *take_exponent(const char *at, const char *end, int *exponent)
{
    if (at == end || (*at != 'e' && *at != 'E'))
        return at;
    const char *p = at + 1;
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (p == end || (unsigned char)(*p - '0') >= 10)
        return NULL;
    int value = 0;
    for (; p < end && (unsigned char)(*p - '0') < 10; p++)
        if (value < 100000)
            value = value * 10 + (*p - '0');
    *exponent += negative ? -value : value;
    return p;
}

/* The C library's exact conversion, for what the fast path cannot do. */
static bool slow(const char *text, size_t length, char decimal, double *ret_value)
{
    char copy[NUMBER_MAX + 1], *end;
    if (length > NUMBER_MAX)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    char *mark = memchr(copy, decimal, length);
    if (mark)
        *mark = '.';
    double value = strtod(copy, &end);
    if (end != copy + length || !isfinite(value))
        return false;
    *ret_value = value;
    return true;
}

bool csv_number(const struct csv_cell *cell, char decimal, double *ret_value)
{
    char copy[CSV_SHORT_BEYOND + 1] = "";
    double quick;
    if (cell->length < sizeof copy) {
        memcpy(copy, cell->text, cell->length);
        if (csv_short_number(copy, cell->length, decimal, &quick)) {
            *ret_value = quick;
            return true;
        }
    }
    const char *at = cell->text, *end = at + cell->length;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (at < end && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    const char *text = at;
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    struct digits d = {.exact = true};
    int whole, fraction = 0, exponent = 0;
    at = take_digits(at, end, &d, &whole);
    if (at < end && *at == decimal)
        at = take_digits(at + 1, end, &d, &fraction);
    if (!whole && !fraction)
        return false;
    at = take_exponent(at, end, &exponent);
    if (at != end)
        return false;
    exponent -= fraction;
    if (!d.exact || d.mantissa > (1ull << 53) || exponent < -POWER_OF_TEN_MAX || exponent > POWER_OF_TEN_MAX)
        return slow(text, (size_t)(end - text), decimal, ret_value);
    double value = (double)d.mantissa;
    value = exponent < 0 ? value / power_of_ten[-exponent] : value * power_of_ten[exponent];
    *ret_value = negative ? -value : value;
    return true;
}

static bool usually_missing(const char *text, size_t length)
{
    switch (length) {
    case 0: return true;
    case 1: return *text == '?';
    case 2: return !memcmp(text, "NA", 2);
    case 3: return !memcmp(text, "NaN", 3);
    case 4: return !memcmp(text, "null", 4);
    default: return false;
    }
}

bool csv_missing(const struct csv_options *options, const struct csv_cell *cell)
{
    if (!options->missing)
        return usually_missing(cell->text, cell->length);
    for (size_t i = 0; i < options->missing_count; i++)
        if (strlen(options->missing[i]) == cell->length && !memcmp(options->missing[i], cell->text, cell->length))
            return true;
    return false;
}

/* ---- sniffing ------------------------------------------------------------------------------------------------------- */

#define SNIFF_LINES 64

/* Counts the delimiter outside quotes on each line: how many lines agree with the first, and its count. */
static size_t agreeing_lines(const char *sample, size_t length, char delimiter, size_t *ret_count)
{
    size_t first = 0, now = 0, lines = 0, agree = 0, in_line = 0;
    bool quoted = false;
    for (size_t i = 0; i < length && lines < SNIFF_LINES; i++) {
        char c = sample[i];
        quoted ^= c == '"';
        in_line += c != '\n' && c != '\r';
        now += !quoted && c == delimiter;
        if (quoted || c != '\n' || !in_line)
            continue;
        if (!lines++)
            first = now;
        agree += now == first;
        now = in_line = 0;
    }
    if (!lines && in_line) {
        first = now;
        agree = lines = 1;
    }
    *ret_count = first;
    return first && agree * 10 >= lines * 9 ? agree : 0;
}

static char sniff_delimiter(const char *sample, size_t length)
{
    static const char candidates[] = {',', ';', '\t', '|'};
    char best = ',';
    size_t best_agree = 0, best_count = 0;
    for (size_t i = 0; i < sizeof candidates; i++) {
        size_t count, agree = agreeing_lines(sample, length, candidates[i], &count);
        if (agree > best_agree || (agree == best_agree && agree && count > best_count)) {
            best = candidates[i];
            best_agree = agree;
            best_count = count;
        }
    }
    return best;
}

/* ',' when cells such as 1,5 are there and none such as 1.5. */
static char sniff_decimal(const char *sample, size_t length, char delimiter)
{
    bool comma = false;
    size_t start = 0;
    for (size_t i = 0; i <= length; i++) {
        if (i < length && sample[i] != delimiter && sample[i] != '\n' && sample[i] != '\r' && sample[i] != '"')
            continue;
        struct csv_cell cell = {.text = sample + start, .length = (uint32_t)(i - start)};
        double value;
        if (memchr(cell.text, '.', cell.length) && csv_number(&cell, '.', &value))
            return '.';
        comma |= memchr(cell.text, ',', cell.length) && csv_number(&cell, ',', &value);
        start = i + 1;
    }
    return comma ? ',' : '.';
}

void csv_sniff(const char *sample, size_t length, char *ret_delimiter, char *ret_decimal)
{
    if (!*ret_delimiter)
        *ret_delimiter = sniff_delimiter(sample, length);
    if (!*ret_decimal)
        *ret_decimal = *ret_delimiter == ',' ? '.' : sniff_decimal(sample, length, *ret_delimiter);
}
