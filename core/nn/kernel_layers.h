/* Batch normalization and dropout, for each instruction set. For kernel_body.h only. */
#pragma once

#include "../base/rng.h"

/* ---- batch normalization -------------------------------------------------------------------------------------------- */

static void normalize(size_t rows, size_t columns, size_t stride, real *z, real *normalized, const struct normalization *n)
{
    for (size_t j = 0; j < columns; j += LANES) {
        vec sum = {0}, squares = {0};
        for (size_t r = 0; r < rows; r++)
            sum += *(const vec *)(z + r * stride + j);
        vec mean = sum / (real)rows;
        for (size_t r = 0; r < rows; r++) {
            vec distance = *(const vec *)(z + r * stride + j) - mean;
            squares += distance * distance;
        }
        vec variance = squares / (real)rows, one = {0}, inverse = (one + 1) / square_root(variance + n->epsilon);
        vec gamma = *(const vec *)(n->gamma + j), beta = *(const vec *)(n->beta + j);
        *(vec *)(n->mean + j) = mean;
        *(vec *)(n->variance + j) = variance;
        for (size_t r = 0; r < rows; r++) {
            vec *at = (vec *)(z + r * stride + j), hat = (*at - mean) * inverse;
            *(vec *)(normalized + r * stride + j) = hat;
            *at = gamma * hat + beta;
        }
    }
}

/* With h = (z - mean) / s, s = sqrt(variance + epsilon): d gamma = sum delta h, d beta = sum delta, and dL/dz = gamma / (s rows)
 * (rows delta - d beta - h d gamma). */
static void normalize_back(size_t rows, size_t columns, size_t stride, const real *normalized, real *delta,
                           const struct normalization *n, bool add, real *gamma_gradient, real *beta_gradient)
{
    for (size_t j = 0; j < columns; j += LANES) {
        vec sum = {0}, product = {0}, one = {0};
        for (size_t r = 0; r < rows; r++) {
            sum += *(const vec *)(delta + r * stride + j);
            product += *(const vec *)(delta + r * stride + j) * *(const vec *)(normalized + r * stride + j);
        }
        vec factor = *(const vec *)(n->gamma + j) * ((one + 1) / square_root(*(const vec *)(n->variance + j) + n->epsilon));
        vec mean = sum / (real)rows, share = product / (real)rows;
        for (size_t r = 0; r < rows; r++) {
            vec *d = (vec *)(delta + r * stride + j);
            *d = factor * (*d - mean - *(const vec *)(normalized + r * stride + j) * share);
        }
        vec *gamma_out = (vec *)(gamma_gradient + j), *beta_out = (vec *)(beta_gradient + j);
        if (add) {
            product += *gamma_out;
            sum += *beta_out;
        }
        *gamma_out = product;
        *beta_out = sum;
    }
}

/* ---- dropout -------------------------------------------------------------------------------------------------------- */

/* The words of 16 units of four rows: Philox 4x32-10 as in base/rng.c, with the counters (layer and unit, rows, update). */
static void draw(const struct dropout *d, uint32_t unit, uint32_t rows, uint32_t word[4][KERNEL_PAD])
{
    uint32_t *c0 = word[0], *c1 = word[1], *c2 = word[2], *c3 = word[3], k0 = d->key[0], k1 = d->key[1];
    for (uint32_t x = 0; x < KERNEL_PAD; x++) {
        c0[x] = d->layer << 16 | (unit + x);
        c1[x] = rows;
        c2[x] = (uint32_t)d->update;
        c3[x] = (uint32_t)(d->update >> 32);
    }
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        for (uint32_t x = 0; x < KERNEL_PAD; x++) {
            uint64_t p0 = (uint64_t)PHILOX_MULTIPLIER_0 * c0[x], p1 = (uint64_t)PHILOX_MULTIPLIER_1 * c2[x];
            c0[x] = (uint32_t)(p1 >> 32) ^ c1[x] ^ k0;
            c2[x] = (uint32_t)(p0 >> 32) ^ c3[x] ^ k1;
            c1[x] = (uint32_t)p1;
            c3[x] = (uint32_t)p0;
        }
        k0 += PHILOX_WEYL_0;
        k1 += PHILOX_WEYL_1;
    }
}

static void drop(const struct dropout *d, size_t first, size_t rows, size_t columns, size_t stride, const real *a, real *out)
{
    uint32_t word[4][KERNEL_PAD];
    for (size_t j = 0; j < columns; j += KERNEL_PAD) {
        for (size_t r = 0; r < rows; r++) {
            if (r % 4 == 0)
                draw(d, (uint32_t)(first + j), d->row + (uint32_t)(r / 4), word);
            for (size_t x = 0; x < KERNEL_PAD; x++)
                out[r * stride + j + x] = word[r % 4][x] >= d->threshold ? a[r * stride + j + x] * d->scale : 0;
        }
    }
}
