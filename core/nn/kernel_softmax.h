/* Softmax and its cross-entropy, and that of labels, for each instruction set. For kernel_body.h only. */
#pragma once

/* One row at a time: for many units. */
static void softmax_row(size_t units, size_t stride, real *z, const real *y, real *loss)
{
    real largest = z[0], sum = 0;
    for (size_t j = 1; j < units; j++)
        largest = z[j] > largest ? z[j] : largest;
    real behind = y ? largest - z[(size_t)*y] : 0;
    for (size_t j = 0; j < units; j++)
        z[j] = exponential(z[j] - largest);
    for (size_t j = 0; j < units; j++)
        sum += z[j];
    real scale = 1 / sum;
    for (size_t j = 0; j < units; j++)
        z[j] *= scale;
    for (size_t j = units; j < stride; j++)
        z[j] = 0;
    if (y)
        *loss = behind + logarithm(sum);
}

#define SOFTMAX_UNITS 32
#define SOFTMAX_ROWS  KERNEL_PAD

/* The same operations on columns of SOFTMAX_ROWS rows at once, for up to SOFTMAX_UNITS units: across rows nothing waits
 * for a sum along one. In: column j of z. Out: its probabilities. */
static void softmax_columns(size_t units, real z[][SOFTMAX_ROWS], real *largest, real *sum)
{
    real most[SOFTMAX_ROWS], total[SOFTMAX_ROWS] = {0}, scale[SOFTMAX_ROWS];
    for (size_t r = 0; r < SOFTMAX_ROWS; r++)
        most[r] = z[0][r];
    for (size_t j = 1; j < units; j++)
        for (size_t r = 0; r < SOFTMAX_ROWS; r++)
            most[r] = z[j][r] > most[r] ? z[j][r] : most[r];
    for (size_t j = 0; j < units; j++) {
        for (size_t r = 0; r < SOFTMAX_ROWS; r++)
            z[j][r] = exponential(z[j][r] - most[r]);
        for (size_t r = 0; r < SOFTMAX_ROWS; r++)
            total[r] += z[j][r];
    }
    for (size_t r = 0; r < SOFTMAX_ROWS; r++)
        scale[r] = 1 / total[r];
    for (size_t j = 0; j < units; j++)
        for (size_t r = 0; r < SOFTMAX_ROWS; r++)
            z[j][r] *= scale[r];
    memcpy(largest, most, sizeof most);
    memcpy(sum, total, sizeof total);
}

/* Up to SOFTMAX_ROWS rows; those that lack are zeros. */
static void softmax_block(size_t rows, size_t units, size_t stride, real *z, const real *y, real *loss)
{
    real column[SOFTMAX_UNITS + 1][SOFTMAX_ROWS], largest[SOFTMAX_ROWS], sum[SOFTMAX_ROWS], behind[SOFTMAX_ROWS] = {0};
    size_t quads = (units + 3) / 4 * 4;
    if (rows < SOFTMAX_ROWS)
        memset(column, 0, units * sizeof *column);
    for (size_t r = 0; y && r < rows; r++)
        behind[r] = z[r * stride + (size_t)y[r]];
    transpose(rows, quads, z, stride, column[0], SOFTMAX_ROWS); /* padding is there to be read */
    softmax_columns(units, column, largest, sum);
    for (size_t r = 0; r < rows; r++)
        for (size_t j = units / LANES * LANES; j < stride; j += LANES)
            *(vec *)(z + r * stride + j) = (vec){0};
    memset(column[units], 0, (quads - units) * sizeof *column);
    transpose(quads, rows, column[0], SOFTMAX_ROWS, z, stride);
    for (size_t r = 0; r < SOFTMAX_ROWS; r++)
        behind[r] = (largest[r] - behind[r]) + logarithm(sum[r]);
    if (y)
        memcpy(loss, behind, rows * sizeof *loss);
}

static void softmax(size_t rows, size_t units, size_t stride, real *z, const real *y, real *loss)
{
    size_t step = units > SOFTMAX_UNITS ? 1 : SOFTMAX_ROWS;
    for (size_t r = 0; r < rows; r += step) {
        const real *wanted = y ? y + r : NULL;
        real *losses = loss ? loss + r : NULL;
        if (step == 1)
            softmax_row(units, stride, z + r * stride, wanted, losses);
        else
            softmax_block(least(step, rows - r), units, stride, z + r * stride, wanted, losses);
    }
}

static void softmax_delta(size_t rows, size_t stride, real *out, const real *y, const real *weights, double divisor)
{
    real scale = (real)(1 / divisor);
    for (size_t r = 0; r < rows; r++, out += stride) {
        if (weights)
            scale = (real)((double)weights[r] / divisor);
        real wanted = (out[(size_t)y[r]] - 1) * scale; /* stored last: vectors that read a fresh number wait for it */
        for (size_t j = 0; j < stride; j += LANES)
            *(vec *)(out + j) *= scale;
        out[(size_t)y[r]] = wanted;
    }
}

/* softplus(z) - y z = max(z, 0) - y z + log(1 + e), e = e^-|z|. Small e keep their digits: with u = 1 + e rounded, log u e / (u - 1)
 * is that logarithm to a few units in the last place (Kahan; Goldberg 1991, theorem 4). */
static void label_block(const real *z, const real *y, real *loss)
{
    for (size_t x = 0; x < KERNEL_PAD; x++) {
        real e = exponential(z[x] < 0 ? z[x] : -z[x]), u = 1 + e;
        loss[x] = ((z[x] > 0 ? z[x] : 0) - y[x] * z[x]) + (u == 1 ? e : logarithm(u) * e / (u - 1));
    }
}

static void labels(size_t rows, size_t units, size_t stride, const real *z, const real *y, real *loss)
{
    for (size_t r = 0; r < rows; r++) {
        double sum = 0;
        for (size_t j = 0; j < units; j += KERNEL_PAD) {
            real wanted[KERNEL_PAD] = {0}, part[KERNEL_PAD];
            size_t count = least(KERNEL_PAD, units - j);
            memcpy(wanted, y + r * units + j, count * sizeof *y);
            label_block(z + r * stride + j, wanted, part);
            for (size_t x = 0; x < count; x++)
                sum += (double)part[x];
        }
        loss[r] = (real)(sum / (double)units);
    }
}
