/* What the programs of make bench share. Each is one side of a comparison, and lives as long as the comparison does, so
 * that sides can take turns without starting anew: it prints one line of JSON about itself, then waits for a line on its
 * standard input, measures once, prints one line of JSON with the figures, and so on until the input ends. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline double bench_clock(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline double bench_seconds(void)
{
    return bench_clock(CLOCK_MONOTONIC);
}

/* Whether another measurement is wanted. */
static inline bool bench_go(void)
{
    char line[64];
    fflush(stdout);
    return fgets(line, sizeof line, stdin) != NULL;
}

static inline void bench_fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static inline void *bench_array(size_t count, size_t size)
{
    void *p = NULL;
    if (posix_memalign(&p, 64, (count * size + 63) / 64 * 64))
        bench_fail("out of memory");
    memset(p, 0, count * size);
    return p;
}

/* xorshift64*: the data of benchmarks, not their numerics */
static inline uint32_t bench_random(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)(state * 2685821657736338717u >> 32);
}

static inline float bench_uniform(void)
{
    return (float)(bench_random() >> 8) * 0x1p-24f;
}

/* What to train, the same words for every side: LAYERS BATCH OPTIMIZER ROWS EPOCHS, such as 30-16-2 32 momentum 20000 10.
 * Batch 0: full. Epochs: in one measurement. */
#define BENCH_LAYERS 8
struct bench_task {
    uint32_t size[BENCH_LAYERS]; /* size[0]: inputs */
    unsigned layers;             /* of weights */
    uint32_t batch, rows, epochs;
    bool adam;
};

static inline struct bench_task bench_task(int argc, char **argv)
{
    struct bench_task t = {0};
    if (argc < 6)
        bench_fail("usage: LAYERS BATCH momentum|adam ROWS EPOCHS");
    char *at = argv[1];
    for (unsigned l = 0; l < BENCH_LAYERS && *at; l++, at += *at == '-') {
        t.size[l] = (uint32_t)strtoul(at, &at, 10);
        t.layers = l;
    }
    t.batch = (uint32_t)atoi(argv[2]);
    t.adam = !strcmp(argv[3], "adam");
    t.rows = (uint32_t)atoi(argv[4]);
    t.epochs = (uint32_t)atoi(argv[5]);
    return t;
}

/* x: rows x inputs, uniform in -1..1; y: which of a row's first inputs is largest, so that there is something to learn: on noise
 * units die, and what is left to measure is how slow subnormal numbers are. */
static inline void bench_data(const struct bench_task *t, float **ret_x, float **ret_y)
{
    size_t cells = (size_t)t->rows * t->size[0];
    float *x = bench_array(cells, sizeof *x), *y = bench_array(t->rows, sizeof *y);
    for (size_t i = 0; i < cells; i++)
        x[i] = 2 * bench_uniform() - 1;
    for (size_t i = 0; i < t->rows; i++) {
        const float *row = x + i * t->size[0];
        unsigned largest = 0;
        for (unsigned c = 1; c < t->size[t->layers]; c++)
            largest = row[c] > row[largest] ? c : largest;
        y[i] = (float)largest;
    }
    *ret_x = x;
    *ret_y = y;
}
