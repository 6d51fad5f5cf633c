/* x86-64-v4: AVX-512. */
#ifdef __AVX512F__
#include "../base/real.h"
#define LANES        (64 / (int)sizeof(real))
#define TILE_ROWS    14
#define KERNELS      kernels_v4
#define KERNELS_NAME "x86-64-v4"
#include "kernel_body.h"
#else
typedef int not_this_machine;
#endif
