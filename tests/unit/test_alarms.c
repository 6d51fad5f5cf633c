/* server/train/alarms: each flag at its time, and none that was cleared. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "server/train/alarms.h"
#include <sched.h>

#define MS 1000000ull

static struct alarms *start(void)
{
    struct alarms *a = NULL;
    assert_int_equal(alarms_start(&a, NULL), ERR_OK);
    return a;
}

static void await(const atomic_int *flag)
{
    while (!atomic_load(flag))
        sched_yield();
}

static void test_each_rings_at_its_time(void **state)
{
    (void)state;
    enum { ALARMS = 20 };
    struct alarms *a = start();
    atomic_int flag[ALARMS] = {0};
    struct alarm alarm[ALARMS] = {0};
    uint64_t now = clock_monotonic_ns();
    for (unsigned i = 0; i < ALARMS; i++) { /* later ones first as well as last */
        alarm[i].flag = &flag[i];
        alarm_set(a, &alarm[i], now + (i * 7 % ALARMS + 1) * MS);
    }
    for (unsigned i = 0; i < ALARMS; i++) {
        await(&flag[i]);
        assert_true(clock_monotonic_ns() >= now + (i * 7 % ALARMS + 1) * MS); /* not before */
        atomic_store(&flag[i], 0);
    }
    atomic_int late = 0;
    struct alarm last = {.flag = &late};
    alarm_set(a, &last, clock_monotonic_ns() + MS);
    await(last.flag);
    for (unsigned i = 0; i < ALARMS; i++)
        assert_int_equal(atomic_load(&flag[i]), 0); /* and once */
    alarm_set(a, &alarm[0], 0); /* a time that has passed is now */
    await(&flag[0]);
    alarms_stop(a);
    alarms_stop(NULL);
}

static void test_what_is_cleared_does_not_ring(void **state)
{
    (void)state;
    struct alarms *a = start();
    atomic_int flag[3] = {0};
    struct alarm alarm[3] = {{.flag = &flag[0]}, {.flag = &flag[1]}, {.flag = &flag[2]}};
    for (unsigned order = 0; order < 3; order++) { /* whichever place it has among the others */
        uint64_t now = clock_monotonic_ns();
        for (unsigned i = 0; i < 3; i++)
            alarm_set(a, &alarm[(i + order) % 3], now + (i + 1) * MS + 20 * MS);
        alarm_clear(a, &alarm[1]);
        alarm_clear(a, &alarm[1]); /* twice is fine */
        await(&flag[0]);
        await(&flag[2]);
        while (clock_monotonic_ns() < now + 24 * MS)
            sched_yield();
        assert_int_equal(atomic_load(&flag[1]), 0);
        atomic_store(&flag[0], 0);
        atomic_store(&flag[2], 0);
    }
    alarms_stop(a);
}

/* Set again, it rings at the new time alone. */
static void test_one_that_is_set_again(void **state)
{
    (void)state;
    struct alarms *a = start();
    atomic_int flag[2] = {0};
    struct alarm late = {.flag = &flag[0]}, between = {.flag = &flag[1]};
    uint64_t now = clock_monotonic_ns();
    alarm_set(a, &late, now + 20 * MS);
    alarm_set(a, &late, now + 3600 * 1000 * MS);
    alarm_set(a, &between, now + 30 * MS);
    await(&flag[1]);
    assert_int_equal(atomic_load(&flag[0]), 0);
    alarm_set(a, &late, clock_monotonic_ns() + 1 * MS); /* earlier than the thread sleeps */
    await(&flag[0]);
    alarms_stop(a);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct alarms *a = NULL;
    mem_fail_at(1, 0);
    assert_int_equal(alarms_start(&a, NULL), ERR_NO_MEMORY);
    mem_fail_at(0, 0);
    assert_null(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_rings_at_its_time),
        cmocka_unit_test(test_what_is_cleared_does_not_ring),
        cmocka_unit_test(test_one_that_is_set_again),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
