/* server/train/checkpoint_pace: checkpoints take 2 % of a run's time at most, whatever they cost. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/rng.h"
#include "server/train/checkpoint_pace.h"

#define SECOND 1000000000ull

static void test_small_ones_come_as_the_job_says(void **state)
{
    (void)state;
    struct checkpoint_pace p;
    checkpoint_pace_start(&p, 7 * SECOND, 5, 4000, false);
    assert_int_equal(checkpoint_pace_next(&p, 7 * SECOND), 12 * SECOND);
    checkpoint_pace_wrote(&p, SECOND / 1000);
    assert_int_equal(checkpoint_pace_next(&p, 12 * SECOND), 17 * SECOND);
    checkpoint_pace_start(&p, 7 * SECOND, 0, 4000, false);
    assert_true(checkpoint_pace_next(&p, 7 * SECOND) == UINT64_MAX);
}

/* The first waits for what it may cost: 400 MB, 4 s and a little, are paid for after 200 s. */
static void test_large_ones_come_later(void **state)
{
    (void)state;
    struct checkpoint_pace p;
    checkpoint_pace_start(&p, SECOND, 5, 400000000, false);
    assert_int_equal(checkpoint_pace_next(&p, SECOND), SECOND + 50 * (4 * SECOND + SECOND / 100));
    checkpoint_pace_wrote(&p, SECOND); /* it was less */
    assert_int_equal(checkpoint_pace_next(&p, 203 * SECOND), 208 * SECOND);
    checkpoint_pace_wrote(&p, 6 * SECOND); /* and more */
    assert_int_equal(checkpoint_pace_next(&p, 214 * SECOND), SECOND + 50 * 13 * SECOND);
}

/* Whatever the disk does: where each costs what was expected, or less, the share is never above 2 %, at no time. */
static void test_the_share_holds(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 1, RNG_SEARCH, 0);
    for (int run = 0; run < 200; run++) {
        struct checkpoint_pace p;
        uint64_t now = rng_below(&r, 1000) * SECOND, began = now, waited = 0, bytes = rng_below(&r, 3000000000u);
        uint64_t cost = SECOND / 100 + bytes * 10; /* as FIRST_COSTS and FIRST_BYTES say */
        checkpoint_pace_start(&p, now, 1 + rng_uniform(&r) * 10, bytes, false);
        for (int i = 0; i < 100; i++) {
            now = checkpoint_pace_next(&p, now);
            cost = cost * (900 + rng_below(&r, 101)) / 1000;
            now += cost;
            waited += cost;
            assert_true(waited * 50 <= now - began);
            checkpoint_pace_wrote(&p, cost);
        }
    }
}

static void test_after_a_crash_they_come_soon(void **state)
{
    (void)state;
    struct checkpoint_pace p;
    uint64_t now = SECOND;
    checkpoint_pace_start(&p, now, 5, 4000000000u, true);
    for (uint64_t after = SECOND / 10; after < 5 * SECOND; after *= 2) {
        assert_int_equal(checkpoint_pace_next(&p, now), now + after);
        now += after;
        checkpoint_pace_wrote(&p, SECOND / 100);
    }
    assert_int_equal(checkpoint_pace_next(&p, now), now + 5 * SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_ones_come_as_the_job_says),
        cmocka_unit_test(test_large_ones_come_later),
        cmocka_unit_test(test_the_share_holds),
        cmocka_unit_test(test_after_a_crash_they_come_soon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
