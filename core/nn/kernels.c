#include "kernels.h"

#include "vector.h"
#include <stdatomic.h>

extern const struct kernels kernels_base;
#ifdef __x86_64__
extern const struct kernels kernels_v3, kernels_v4;

static bool has_v4(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd");
}

static bool has_v3(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
}
#endif

static bool always(void)
{
    return true;
}

static const struct {
    const struct kernels *kernels;
    bool (*supported)(void);
} rows[] = {
#ifdef __x86_64__
    {&kernels_v4, has_v4},
    {&kernels_v3, has_v3},
#endif
    {&kernels_base, always},
};

static _Atomic(const struct kernels *) chosen;

const struct kernels *kernels_at(unsigned index)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].supported() && !index--)
            return rows[i].kernels;
    return NULL;
}

const struct kernels *kernels_get(void)
{
    const struct kernels *k = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (!k) {
        k = kernels_at(0);
        atomic_store_explicit(&chosen, k, memory_order_relaxed);
    }
    return k;
}

void kernels_use(const struct kernels *k)
{
    atomic_store(&chosen, k);
}

const char *mlp_instruction_set(void)
{
    return kernels_get()->name;
}

size_t kernel_product_scratch(size_t m, size_t n, size_t k)
{
    size_t slab = k < SLAB ? k : SLAB, block = m < A_BLOCK / slab ? m * slab : A_BLOCK; /* fewer rows never need more */
    return kernel_stride(slab * KERNEL_PANEL + (packs_a(m, n, k, m > k ? m : k) ? block : 0));
}
