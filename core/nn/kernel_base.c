/* Any machine: SSE2 on x86-64, NEON on aarch64 (which has registers for larger tiles). */
#include "../base/real.h"
#define LANES (16 / (int)sizeof(real))
#ifdef __aarch64__
#define TILE_ROWS    14
#define KERNELS_NAME "aarch64"
#else
#define TILE_ROWS    6
#define KERNELS_NAME "x86-64"
#endif
#define KERNELS kernels_base
#include "kernel_body.h"
