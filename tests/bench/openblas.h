/* OpenBLAS, looked for when a program runs: whoever has none can build all the same. */
#pragma once

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>

enum { BLAS_ROW_MAJOR = 101, BLAS_PLAIN = 111, BLAS_TRANSPOSED = 112 };
typedef void (*openblas_sgemm)(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a,
                               int lda, const float *b, int ldb, float beta, float *c, int ldc);

/* NULL when there is none. ret_core: the processor that it has kernels for. */
static inline openblas_sgemm openblas_open(const char **ret_core)
{
    void *library = dlopen("libopenblas.so.0", RTLD_NOW);
    openblas_sgemm sgemm = NULL;
    const char *(*core)(void) = NULL;
    if (!library)
        return NULL;
    *(void **)&sgemm = dlsym(library, "cblas_sgemm");
    *(void **)&core = dlsym(library, "openblas_get_corename");
    *ret_core = core ? core() : "unknown";
    return sgemm;
}
