/* How this thread computes with subnormal numbers (float: below 1.2e-38). A processor takes a hundred times as long for them, and
 * training makes many: the moments of a unit that gets no gradient any more shrink by beta with every update until they are
 * there. Nothing that small moves a weight, so that they may count as 0. */
#pragma once

#include <stdint.h>

#if defined(__x86_64__)
#define SUBNORMAL_ZERO (1u << 15 | 1u << 6) /* MXCSR: results become 0, and operands count as 0 */

static inline uint64_t subnormal_mode(void)
{
    return __builtin_ia32_stmxcsr();
}

static inline void subnormal_set(uint64_t mode)
{
    __builtin_ia32_ldmxcsr((unsigned)mode);
}
#elif defined(__aarch64__)
#define SUBNORMAL_ZERO ((uint64_t)1 << 24) /* FPCR.FZ */

static inline uint64_t subnormal_mode(void)
{
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
}

static inline void subnormal_set(uint64_t mode)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(mode));
}
#else
#define SUBNORMAL_ZERO 0

static inline uint64_t subnormal_mode(void)
{
    return 0;
}

static inline void subnormal_set(uint64_t mode)
{
    (void)mode;
}
#endif

/* From now on they count as 0. Returns the mode to go back to by subnormal_set. */
static inline uint64_t subnormal_flush(void)
{
    uint64_t before = subnormal_mode();
    subnormal_set(before | SUBNORMAL_ZERO);
    return before;
}
