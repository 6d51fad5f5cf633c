/* x86-64-v3: AVX2 and FMA. */
#ifdef __AVX2__
#include "../base/real.h"
#define LANES        (32 / (int)sizeof(real))
#define TILE_ROWS    6
#define KERNELS      kernels_v3
#define KERNELS_NAME "x86-64-v3"
#include "kernel_body.h"
#else
typedef int not_this_machine;
#endif
