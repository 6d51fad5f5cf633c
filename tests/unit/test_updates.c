/* The quotients of updates at float, as training has them (tests/numeric has updates at double), with every table of kernels:
 * a step over twenty orders of magnitude against the double formula, and none where there never was a gradient. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/rng.h"
#include "core/nn/kernels.h"
#include <float.h>
#include <math.h>
#include <string.h>

#define WEIGHTS 4096

static real g[WEIGHTS], w[WEIGHTS], v[WEIGHTS], r[WEIGHTS];

/* A number of 10^-`small` to 10^`large`, of any sign. */
static real draw(struct rng *rng, double small, double large)
{
    double size = pow(10, -small + (small + large) * rng_uniform(rng));
    return (real)(rng_uniform(rng) < 0.5 ? size : -size);
}

static void test_adam_at_float(void **state)
{
    (void)state;
    static const double epsilons[] = {1e-8, 0, 1e-3, 1e30};
    const struct step s = {.learning_rate = (real)0.001, .beta1 = (real)0.9, .beta2 = (real)0.999};
    for (unsigned table = 0; kernels_at(table); table++) {
        for (size_t e = 0; e < sizeof epsilons / sizeof *epsilons; e++) {
            struct step step = s;
            struct rng rng;
            double sums[2] = {0}, taken = 0;
            rng_init(&rng, 5, RNG_SEARCH, e);
            step.epsilon = (real)epsilons[e];
            memset(w, 0, sizeof w);
            for (size_t i = 0; i < WEIGHTS; i++) {
                g[i] = draw(&rng, 9, 9);
                v[i] = draw(&rng, 9, 9);
                r[i] = (real)fabs((double)draw(&rng, 18, 18));
            }
            real first[WEIGHTS], second[WEIGHTS];
            memcpy(first, v, sizeof first);
            memcpy(second, r, sizeof second);
            kernels_at(table)->update[MLP_ADAM](&step, WEIGHTS, g, w, v, r, sums);
            for (size_t i = 0; i < WEIGHTS; i++) {
                double gradient = (double)g[i], beta1 = (double)s.beta1, beta2 = (double)s.beta2;
                double part1 = beta1 * (double)first[i], part2 = (1 - beta1) * gradient;
                double mean = part1 + part2, square = beta2 * (double)second[i] + (1 - beta2) * gradient * gradient;
                double exact = -(double)s.learning_rate * mean / (sqrt(square) + (double)step.epsilon);
                /* the mean may cancel: its rounding is of its parts */
                double unsure = (double)s.learning_rate * (fabs(part1) + fabs(part2)) / (sqrt(square) + (double)step.epsilon);
                if (!(fabs((double)w[i] - exact) <= 6 * (double)FLT_EPSILON * unsure + 1e-37))
                    fail_msg("%s, epsilon %g: %.9g, expected %.9g", kernels_at(table)->name, epsilons[e], (double)w[i], exact);
                taken += exact * exact;
            }
            assert_true(fabs(sums[1] - taken) <= 1e-5 * taken + 1e-37);
        }
    }
}

static void test_no_gradient_no_step(void **state)
{
    (void)state;
    static const enum mlp_optimizer optimizers[] = {MLP_ADAM, MLP_RMSPROP, MLP_ADAGRAD, MLP_ADADELTA};
    const struct step s = {.learning_rate = 1, .rho = (real)0.9, .beta1 = (real)0.9, .beta2 = (real)0.999};
    for (unsigned table = 0; kernels_at(table); table++) {
        for (size_t o = 0; o < sizeof optimizers / sizeof *optimizers; o++) {
            double sums[2] = {0};
            memset(g, 0, sizeof g);
            memset(v, 0, sizeof v);
            memset(r, 0, sizeof r);
            for (size_t i = 0; i < WEIGHTS; i++)
                w[i] = (real)i;
            kernels_at(table)->update[optimizers[o]](&s, WEIGHTS, g, w, v, r, sums);
            for (size_t i = 0; i < WEIGHTS; i++)
                assert_true(w[i] == (real)i);
            assert_true(sums[0] == 0 && sums[1] == 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adam_at_float),
        cmocka_unit_test(test_no_gradient_no_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
