/* The roofline: our product beside OpenBLAS', shape by shape, in turns. One thread. Each shape is one product of a batch in
 * a network: forward (X W), the delta that goes down (D W'), or the gradient of the weights (X' D). [SHAPE...]: only these */
#include "bench.h"
#include "core/nn/kernels.h"
#include "openblas.h"

#define LEAST_SECONDS 0.03

enum kind { FORWARD, DELTA, GRADIENT };

static const struct shape {
    const char *name;
    uint32_t m, n, k; /* C: m x n, sums of k */
    enum kind kind;
} shapes[] = {
    {"32x16x30", 32, 16, 30, FORWARD},
    {"8x16x30", 8, 16, 30, FORWARD},
    {"1x16x30", 1, 16, 30, FORWARD},
    {"32x2x16", 32, 2, 16, FORWARD},
    {"32x16x2 D W'", 32, 16, 2, DELTA},
    {"30x16x32 X'D", 30, 16, 32, GRADIENT},
    {"16x2x32 X'D", 16, 2, 32, GRADIENT},
    {"64x256x784", 64, 256, 784, FORWARD},
    {"64x10x256", 64, 10, 256, FORWARD},
    {"64x256x10 D W'", 64, 256, 10, DELTA},
    {"784x256x64 X'D", 784, 256, 64, GRADIENT},
    {"256x10x64 X'D", 256, 10, 64, GRADIENT},
    {"256x1024x784", 256, 1024, 784, FORWARD},
    {"256x1024x1024", 256, 1024, 1024, FORWARD},
    {"256x1024x1024 D W'", 256, 1024, 1024, DELTA},
    {"1024x1024x256 X'D", 1024, 1024, 256, GRADIENT},
    {"2048x2048x2048", 2048, 2048, 2048, FORWARD},
};
#define SHAPES (sizeof shapes / sizeof *shapes)
#define CELLS ((size_t)2048 * 2048)

static float *a, *b, *c;
static real *scratch;
static openblas_sgemm sgemm;

static void ours(const struct shape *s)
{
    struct product p = {.m = s->m, .n = s->n, .k = s->k, .c = c, .ldc = kernel_stride(s->n), .scratch = scratch};
    if (s->kind == GRADIENT) {
        p.a = (struct operand){.data = a, .row = 1, .column = s->m};
        p.b = (struct operand){.data = b, .row = p.ldc, .column = 1};
        p.ldc = 0;
        p.panel = s->m;
    } else if (s->kind == DELTA) {
        p.a = (struct operand){.data = a, .row = kernel_stride(s->k), .column = 1};
        p.b = (struct operand){.data = b, .row = 1, .panel = s->n};
    } else {
        p.a = (struct operand){.data = a, .row = s->k, .column = 1};
        p.b = (struct operand){.data = b, .column = 1, .panel = s->k};
    }
    kernels_get()->product(&p);
}

static void theirs(const struct shape *s)
{
    int m = (int)s->m, n = (int)s->n, k = (int)s->k;
    sgemm(BLAS_ROW_MAJOR, s->kind == GRADIENT ? BLAS_TRANSPOSED : BLAS_PLAIN, s->kind == DELTA ? BLAS_TRANSPOSED : BLAS_PLAIN,
          m, n, k, 1, a, s->kind == GRADIENT ? m : k, b, s->kind == DELTA ? k : n, 0, c, n);
}

static double gflops(const struct shape *s, void (*multiply)(const struct shape *))
{
    double work = 2.0 * s->m * s->n * s->k, spent;
    size_t times = 0, some = work < 1e6 ? 256 : 1;
    multiply(s); /* warm */
    double started = bench_seconds();
    do {
        for (size_t i = 0; i < some; i++)
            multiply(s);
        times += some;
        spent = bench_seconds() - started;
    } while (spent < LEAST_SECONDS);
    return work * (double)times / spent * 1e-9;
}

static bool wanted(const struct shape *s, char **names)
{
    bool all = !*names;
    for (; *names; names++)
        all |= !strcmp(*names, s->name);
    return all;
}

static void measure(char **names)
{
    const char *comma = "";
    printf("{");
    for (size_t i = 0; i < SHAPES; i++) {
        if (!wanted(&shapes[i], names))
            continue;
        printf("%s\"%s\": [%.6g", comma, shapes[i].name, gflops(&shapes[i], ours));
        if (sgemm)
            printf(", %.6g", gflops(&shapes[i], theirs));
        printf("]");
        comma = ", ";
    }
    printf("}\n");
}

int main(int argc, char **argv)
{
    (void)argc;
    const char *core = NULL;
    sgemm = openblas_open(&core);
    a = bench_array(CELLS, sizeof *a);
    b = bench_array(CELLS, sizeof *b);
    c = bench_array(CELLS, sizeof *c);
    for (size_t i = 0; i < CELLS; i++) {
        a[i] = bench_uniform() - 0.5f;
        b[i] = bench_uniform() - 0.5f;
    }
    size_t most = 0;
    for (size_t i = 0; i < SHAPES; i++) {
        size_t needed = kernel_product_scratch(shapes[i].m, shapes[i].n, shapes[i].k);
        most = needed > most ? needed : most;
    }
    scratch = bench_array(most, sizeof *scratch);
    printf("{\"name\": \"products\", \"instruction_set\": \"%s\", \"openblas\": %s%s%s}\n", mlp_instruction_set(),
           sgemm ? "\"" : "", sgemm ? core : "null", sgemm ? "\"" : "");
    while (bench_go())
        measure(argv + 1);
}
