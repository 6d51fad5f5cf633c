/* The scalar type of all tensors: float in the product, double when the tests build the same sources with
 * -DMLP_REAL_DOUBLE to check gradients against finite differences. */
#pragma once

#ifdef MLP_REAL_DOUBLE
typedef double real;
#else
typedef float real;
#endif
