/* server/train/run_queue against a plain list that is searched anew each time. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "server/train/run_queue.h"

#define MOST 500

struct plain {
    struct queued_run item[MOST];
    size_t count;
};

static void remove_at(struct plain *p, size_t at)
{
    for (p->count--; at < p->count; at++)
        p->item[at] = p->item[at + 1];
}

static struct queued_run pop_plain(struct plain *p)
{
    size_t best = 0;
    for (size_t i = 0; i < p->count; i++)
        if (p->item[i].priority > p->item[best].priority)
            best = i;
    struct queued_run one = p->item[best];
    remove_at(p, best);
    return one;
}

static void push(struct run_queue *q, struct plain *p, struct queued_run one)
{
    assert_true(run_queue_reserve(q, 1));
    run_queue_push(q, one);
    p->item[p->count++] = one;
}

static void change_job(struct run_queue *q, struct plain *p, int64_t job, bool drop, int32_t priority)
{
    for (size_t i = p->count; i--;)
        if (p->item[i].job == job) {
            p->item[i].priority = priority;
            if (drop)
                remove_at(p, i);
        }
    if (drop)
        run_queue_drop(q, job);
    else
        run_queue_set_priority(q, job, priority);
}

static void test_any_order_of_calls(void **state)
{
    (void)state;
    static struct plain p;
    struct run_queue q = {0};
    struct rng rng;
    unsigned popped = 0;
    rng_init(&rng, 5, RNG_SEARCH, 0);
    for (int64_t run = 1; run <= 20000; run++) {
        uint64_t what = rng_below(&rng, 100);
        int64_t job = 1 + (int64_t)rng_below(&rng, 8);
        int32_t priority = (int32_t)rng_below(&rng, 5) - 2;
        if (what < 50 && p.count < MOST)
            push(&q, &p, (struct queued_run){run, job, priority});
        else if (what >= 97)
            change_job(&q, &p, job, what == 99, priority);
        else if (p.count) {
            struct queued_run a = run_queue_pop(&q), b = pop_plain(&p);
            assert_true(a.run == b.run && a.job == b.job && a.priority == b.priority);
            popped++;
        }
        assert_int_equal(q.count, p.count);
    }
    assert_true(popped > 5000);
    run_queue_done(&q);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct run_queue q = {0};
    mem_fail_at(1, 0);
    assert_false(run_queue_reserve(&q, 1));
    mem_fail_at(0, 0);
    assert_true(run_queue_reserve(&q, 1));
    run_queue_push(&q, (struct queued_run){.run = 7});
    mem_fail_at(1, 0);
    assert_false(run_queue_reserve(&q, 1000));
    mem_fail_at(0, 0);
    assert_int_equal(run_queue_pop(&q).run, 7);
    run_queue_done(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order_of_calls),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
