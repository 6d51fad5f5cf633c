/* Vectors of LANES reals, and the functions on them that C has no operator for. For kernel_body.h only. */
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

/* Blocks of a product: KC rows of a strip of B (two vectors wide) stay in the first cache, a packed block of A (at most A_BLOCK
 * reals) in the second. Sums are cut after each KC, whatever is packed, so that no bit depends on m and n. */
#define KC      ((size_t)384)
#define SLAB    KERNEL_SLAB /* of the sum, for which A and B are packed at a time: a multiple of KC */
#define A_BLOCK ((size_t)327680)

/* When packing pays. A: its rows are many, or its columns when these are contiguous, so that tiles would jump far and often; and
 * several strips of B meet it, more of them while it lies in the second cache anyway. B: many rows meet it. */
static inline bool packs_a(size_t m, size_t n, size_t k, size_t many)
{
    return many > 128 && n > (m * k > A_BLOCK ? 64 : 128) && (double)m * (double)n * (double)k > 3e6;
}

static inline bool packs_b(size_t m, size_t n, size_t k)
{
    return m > 28 && (double)n * (double)k > 6e4;
}

/* Rows of a block of A that can be packed: m in equal parts. */
static inline size_t block_rows(size_t m, size_t k)
{
    size_t most = A_BLOCK / (k < SLAB ? k : SLAB), blocks = (m + most - 1) / most;
    return (m + blocks - 1) / blocks;
}

#ifdef LANES

#ifdef MLP_REAL_DOUBLE
typedef int64_t lane_mask;
#else
typedef int32_t lane_mask;
#endif
typedef real vec __attribute__((vector_size(LANES * sizeof(real)), aligned(sizeof(real)), may_alias));
typedef lane_mask mask __attribute__((vector_size(LANES * sizeof(real))));

static inline vec keep_where(mask m, vec v)
{
    return (vec)((mask)v & m);
}

#if defined(MLP_REAL_DOUBLE) && defined(__AVX512F__)
#define square_root(v) ((vec)_mm512_sqrt_pd((__m512d)(v)))
#elif defined(MLP_REAL_DOUBLE) && defined(__AVX2__)
#define square_root(v) ((vec)_mm256_sqrt_pd((__m256d)(v)))
#elif defined(MLP_REAL_DOUBLE) && defined(__x86_64__)
#define square_root(v) ((vec)_mm_sqrt_pd((__m128d)(v)))
#elif defined(MLP_REAL_DOUBLE) && defined(__aarch64__)
#define square_root(v) ((vec)vsqrtq_f64((float64x2_t)(v)))
#elif defined(__AVX512F__)
#define square_root(v) ((vec)_mm512_sqrt_ps((__m512)(v)))
#elif defined(__AVX2__)
#define square_root(v) ((vec)_mm256_sqrt_ps((__m256)(v)))
#elif defined(__x86_64__)
#define square_root(v) ((vec)_mm_sqrt_ps((__m128)(v)))
#elif defined(__aarch64__)
#define square_root(v) ((vec)vsqrtq_f32((float32x4_t)(v)))
#endif

#ifdef MLP_REAL_DOUBLE
static inline double exponential(double x)
{
    return exp(x);
}

static inline double tangent(double x)
{
    return tanh(x);
}

static inline double logarithm(double x)
{
    return log(x);
}
#else
/* e^x within 2 units in the last place, clamped to finite values: x = n ln 2 + r, e^r by its Taylor series to r^7 (|r| <=
 * ln 2 / 2), times 2^n by the exponent's bits. A NaN stays one. Written so that a compiler makes vectors of it. */
static inline float exponential(float x)
{
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    float n = x * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: rounds to an integer, in the low bits */
    int32_t bits;
    memcpy(&bits, &n, sizeof bits);
    n -= 12582912.0f;
    float r = x - n * 0.693145752f - n * 1.42860677e-6f;
    float e = 1.98412698e-4f;
    e = e * r + 1.38888889e-3f;
    e = e * r + 8.33333333e-3f;
    e = e * r + 4.16666667e-2f;
    e = e * r + 1.66666667e-1f;
    e = e * r + 0.5f;
    e = e * r + 1.0f;
    e = e * r + 1.0f;
    uint32_t scale = ((uint32_t)bits + 127u) << 23; /* the bits of 12582912 that are not n's are shifted out */
    float power;
    memcpy(&power, &scale, sizeof power);
    return e * power;
}

/* tanh x = 1 - 2/(e^2x + 1); near 0, where that cancels, the odd series of Cephes (Moshier). A NaN stays one. */
static inline float tangent(float x)
{
    float s = x * x;
    float p = -5.70498872745e-3f;
    p = p * s + 2.06390887954e-2f;
    p = p * s - 5.37397155531e-2f;
    p = p * s + 1.33314422036e-1f;
    p = p * s - 3.33332819422e-1f;
    float near = x + x * s * p, far = 1.0f - 2.0f / (exponential(2.0f * x) + 1.0f);
    return s < 0.390625f ? near : far;
}

/* log x within 1 unit in the last place, for normal x >= 1 (a sum of exponentials with the largest at 1) or NaN, which
 * stays one: x = 2^n m with m from sqrt(1/2) to sqrt(2), log m = log(1 + f) by Cephes' polynomial (Moshier), n ln 2 in
 * two parts. */
static inline float logarithm(float x)
{
    uint32_t bits, mantissa;
    memcpy(&bits, &x, sizeof bits);
    bits += 0x3f800000u - 0x3f3504f3u;
    float n = (float)((int32_t)(bits >> 23) - 127), m;
    mantissa = (bits & 0x007fffffu) + 0x3f3504f3u;
    memcpy(&m, &mantissa, sizeof m);
    float f = m - 1.0f, s = f * f;
    float p = 7.0376836292e-2f;
    p = p * f - 1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f - 1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f - 1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f - 2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    float log = f + (f * s * p - 0.5f * s + n * -2.12194440e-4f) + n * 0.693359375f;
    return x == x ? log : x;
}
#endif
#endif
