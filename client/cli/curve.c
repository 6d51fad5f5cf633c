/* Loss curves and bars of characters: Braille dots in a UTF-8 locale with colours, letters otherwise. */
#include "verbs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_COLUMNS 10

/* Dots, each with the bits of the series that go through it. */
struct canvas {
    size_t wide, high;
    unsigned char *dot;
};

struct scale {
    double low, high;
    bool logarithmic;
};

static const char *const series_color[] = {COLOR_TRAIN, COLOR_VALID};
static const char *const series_name[] = {"train_loss", "valid_loss"};
static const char *const series_letter[] = {"t", "v"};

/* ---- the scale --------------------------------------------------------------------------------------------------- */

static bool find_scale(const struct curve *curve, struct scale *ret)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t s = 0; s < 2; s++)
        for (size_t i = 0; i < curve->count; i++) {
            double value = curve->series[s][i];
            if (!isfinite(value))
                continue;
            low = value < low ? value : low;
            high = value > high ? value : high;
        }
    *ret = (struct scale){low, high, low > 0 && high / low > 5};
    return low <= high;
}

/* The binary logarithm, straight between powers of two: closer than 0.09, which is less than a dot here. */
static double log2_about(double value)
{
    int exponent;
    double mantissa = frexp(value, &exponent);
    return exponent + 2 * mantissa - 2;
}

/* What is drawn half way up. */
static double middle(const struct scale *scale)
{
    if (!scale->logarithmic)
        return scale->low + (scale->high - scale->low) / 2;
    double sum = (log2_about(scale->low) + log2_about(scale->high)) / 2;
    int exponent = (int)sum - (sum < (int)sum);
    return ldexp(1 + sum - exponent, exponent);
}

/* 0 at the top, 1 at the bottom. */
static double depth(const struct scale *scale, double value)
{
    if (scale->logarithmic)
        return log2_about(scale->high / value) / log2_about(scale->high / scale->low);
    return scale->high > scale->low ? (scale->high - value) / (scale->high - scale->low) : 0.5;
}

/* ---- drawing ----------------------------------------------------------------------------------------------------- */

static size_t to_dot(double share, size_t dots)
{
    double at = share * (double)(dots - 1) + 0.5;
    return at < 0 ? 0 : at >= (double)dots ? dots - 1 : (size_t)at;
}

/* A vertical stroke from the height before, so that the line has no gaps. */
static void stroke(struct canvas *c, size_t x, size_t from, size_t to, unsigned char bit)
{
    if (from < to)
        from++;
    else if (from > to)
        from--;
    for (size_t y = from < to ? from : to; y <= (from > to ? from : to); y++)
        c->dot[y * c->wide + x] |= bit;
}

static void draw_series(struct canvas *c, const struct curve *curve, size_t series, const struct scale *scale)
{
    const double *value = curve->series[series];
    double first = curve->epoch[0], last = curve->epoch[curve->count - 1];
    size_t before = SIZE_MAX, at = 0;
    for (size_t x = 0; x < c->wide; x++) {
        double epoch = first + (last - first) * (double)x / (double)(c->wide > 1 ? c->wide - 1 : 1);
        while (at + 1 < curve->count && curve->epoch[at + 1] <= epoch)
            at++;
        double height = value[at];
        if (at + 1 < curve->count && curve->epoch[at + 1] > curve->epoch[at])
            height += (value[at + 1] - height) * (epoch - curve->epoch[at]) / (curve->epoch[at + 1] - curve->epoch[at]);
        if (!isfinite(height)) {
            before = SIZE_MAX;
            continue;
        }
        size_t y = to_dot(depth(scale, height), c->high);
        stroke(c, x, before == SIZE_MAX ? y : before, y, (unsigned char)(1u << series));
        before = y;
    }
}

/* ---- cells of characters ----------------------------------------------------------------------------------------- */

static void put_utf8(struct text *out, unsigned code)
{
    char bytes[3] = {(char)(0xe0 | code >> 12), (char)(0x80 | (code >> 6 & 0x3f)), (char)(0x80 | (code & 0x3f))};
    text_add(out, bytes, sizeof bytes);
}

/* Two by four dots are one Braille character; validation gives the colour where both are. */
static void put_braille(struct text *out, const struct canvas *c, size_t column, size_t row)
{
    static const unsigned bit[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    unsigned pattern = 0, series = 0;
    for (size_t y = 0; y < 4; y++)
        for (size_t x = 0; x < 2; x++) {
            unsigned dot = c->dot[(4 * row + y) * c->wide + 2 * column + x];
            pattern |= dot ? bit[y][x] : 0;
            series |= dot;
        }
    if (!pattern) {
        text_puts(out, " ");
        return;
    }
    text_printf(out, "\033[%sm", series_color[series >> 1]);
    put_utf8(out, 0x2800 + pattern);
    text_puts(out, "\033[0m");
}

static void put_letter(struct text *out, const struct canvas *c, size_t column, size_t row)
{
    static const char letter[] = {' ', 't', 'v', '*'};
    text_add(out, &letter[c->dot[row * c->wide + column]], 1);
}

static void put_label(struct text *out, const struct scale *scale, size_t row, size_t rows)
{
    if (row == 0)
        text_printf(out, "%*.4g ", LABEL_COLUMNS - 1, scale->high);
    else if (row + 1 == rows)
        text_printf(out, "%*.4g ", LABEL_COLUMNS - 1, scale->low);
    else if (2 * row + 1 == rows) /* only an odd number of rows has a middle */
        text_printf(out, "%*.4g ", LABEL_COLUMNS - 1, middle(scale));
    else
        text_printf(out, "%*s", LABEL_COLUMNS, "");
}

static bool has_series(const struct curve *curve, size_t series)
{
    for (size_t i = 0; i < curve->count; i++)
        if (isfinite(curve->series[series][i]))
            return true;
    return false;
}

/* "1      t train_loss  v valid_loss  * both, by epoch, log scale      50" */
static void put_axis_line(const struct cli *cli, struct text *out, const struct curve *curve, const struct scale *scale,
                          size_t wide)
{
    bool two = has_series(curve, 1), letters = !(cli->unicode && cli->color);
    struct text legend = {0};
    char first[32], last[32];
    for (size_t s = 0; s < (two ? 2 : 1); s++) {
        put_colored(cli, &legend, series_color[s], letters ? series_letter[s] : "\u28d2\u28d2");
        text_printf(&legend, " %s  ", series_name[s]);
    }
    text_printf(&legend, "%sby epoch%s", letters && two ? "* both  " : "", scale->logarithmic ? ", log scale" : "");
    size_t left = (size_t)snprintf(first, sizeof first, "%.0f", curve->epoch[0]);
    size_t right = (size_t)snprintf(last, sizeof last, "%.0f", curve->epoch[curve->count - 1]);
    size_t middle_columns = text_columns(text_string(&legend));
    if (left + right + middle_columns + 4 > wide)
        text_printf(out, "%*s%s%*s\n%*s%s\n", LABEL_COLUMNS, "", first, (int)(wide - left), last, LABEL_COLUMNS, "",
                    text_string(&legend));
    else {
        size_t room = wide - left - right - middle_columns;
        text_printf(out, "%*s%s%*s%s%*s%s\n", LABEL_COLUMNS, "", first, (int)(room / 2), "", text_string(&legend),
                    (int)(room - room / 2), "", last);
    }
    text_free(&legend);
}

void curve_draw(const struct cli *cli, struct text *out, const struct curve *curve, size_t columns, size_t rows)
{
    struct scale scale;
    bool braille = cli->unicode && cli->color;
    if (columns < LABEL_COLUMNS + 8 || rows < 2 || !curve->count || !find_scale(curve, &scale))
        return;
    size_t wide = columns - LABEL_COLUMNS;
    struct canvas c = {.wide = braille ? 2 * wide : wide, .high = braille ? 4 * rows : rows};
    c.dot = calloc(c.wide * c.high, 1);
    if (!c.dot)
        return;
    for (size_t s = 0; s < 2; s++)
        draw_series(&c, curve, s, &scale);
    for (size_t row = 0; row < rows; row++) {
        put_label(out, &scale, row, rows);
        for (size_t column = 0; column < wide; column++)
            (braille ? put_braille : put_letter)(out, &c, column, row);
        text_puts(out, "\n");
    }
    free(c.dot);
    put_axis_line(cli, out, curve, &scale, wide);
}

void bar_draw(const struct cli *cli, struct text *out, double share, size_t columns)
{
    static const char *const eighths[] = {"░", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    share = share > 0 ? share < 1 ? share : 1 : 0;
    size_t steps = (size_t)(share * 8 * (double)columns), full = steps / 8;
    for (size_t i = 0; i < columns; i++)
        if (!cli->unicode)
            text_puts(out, i < full ? "#" : ".");
        else if (i < full)
            text_puts(out, "█");
        else
            text_puts(out, eighths[i == full ? steps % 8 : 0]);
}
