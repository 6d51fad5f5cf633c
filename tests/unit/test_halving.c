/* server/train/halving: the rungs and the rule; where a run stands at a rung by the store, against counting by hand; and a run
 * that waits for one behind it in the queue. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/rng.h"
#include "scheduler_fixture.h"
#include "server/train/halving.h"
#include <math.h>

static void rungs_are_powers_before_the_last_epoch(void **state)
{
    (void)state;
    struct job_halving none = {0}, h = {.min_epochs = 2, .reduction = 3};
    for (uint32_t epoch = 0; epoch <= 60; epoch++) { /* 0: interrupted in the first */
        assert_false(halving_is_rung(&none, epoch, 60));
        assert_int_equal(halving_is_rung(&h, epoch, 54), epoch == 2 || epoch == 6 || epoch == 18);
        assert_int_equal(halving_is_rung(&h, epoch, 55), epoch == 2 || epoch == 6 || epoch == 18 || epoch == 54);
    }
    struct job_halving far = {.min_epochs = MLP_MAX_EPOCHS - 1, .reduction = 1000};
    assert_true(halving_is_rung(&far, MLP_MAX_EPOCHS - 1, MLP_MAX_EPOCHS));
    assert_false(halving_is_rung(&far, MLP_MAX_EPOCHS, MLP_MAX_EPOCHS));
}

static void the_best_of_so_many_go_on(void **state)
{
    (void)state;
    static const struct {
        uint32_t reduction;
        uint64_t reached, better;
        bool goes_on;
    } cases[] = {
        {3, 0, 0, true}, {3, 1, 0, true}, {3, 1, 1, false}, {3, 2, 0, true}, {3, 2, 1, false}, {3, 4, 1, false},
        {3, 5, 1, true}, {3, 5, 2, false}, {3, 8, 2, true}, {3, 8, 3, false}, {2, 1, 0, true}, {2, 2, 1, false},
        {2, 3, 1, true}, {2, 3, 2, false}, {1000, 998, 1, false}, {1000, 1999, 1, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct job_halving h = {.min_epochs = 1, .reduction = cases[i].reduction};
        assert_int_equal(halving_goes_on(&h, cases[i].reached, cases[i].better), cases[i].goes_on);
    }
}

static void more_of_a_score_is_better(void **state)
{
    (void)state;
    static const char *const rising[] = {"valid_accuracy", "valid_f1_macro", "valid_roc_auc", "valid_r2"};
    int count = 0;
    for (size_t i = 0; i < COUNT(rising); i++)
        assert_true(halving_rises(store_metric_find(rising[i])));
    for (int m = 0; m < METRIC_COUNT; m++)
        count += halving_rises(m);
    assert_int_equal(count, COUNT(rising));
}

/* ---- places ----------------------------------------------------------------------------------------------------------- */

#define RUNS 40
#define EPOCH 3

/* Of the runs of another job, and of higher numbers, nothing counts. */
static void places_are_counted(void **state)
{
    struct fixture *f = *state;
    int64_t dataset = add_dataset(f, "d"), job = add_job(f, "a", dataset, 0), other = add_job(f, "b", dataset, 0);
    int64_t run[RUNS];
    double value[RUNS];
    bool reached[RUNS], over[RUNS];
    struct rng r;
    rng_init(&r, 2, RNG_ORDER, 0);
    for (uint32_t n = 0; n < RUNS; n++) {
        int64_t stranger = add_run(f, other, n + 1, 9);
        run[n] = add_run(f, job, n + 1, 9);
        reached[n] = n == RUNS - 1 || rng_below(&r, 3) > 0;
        over[n] = rng_below(&r, 2);
        value[n] = rng_below(&r, 4) ? (double)rng_below(&r, 4) : NAN; /* many are equal, or absent */
        struct store_epoch epochs[EPOCH];
        for (uint32_t e = 0; e < EPOCH; e++)
            epochs[e] = epoch_of(e + 1, 1, e + 1 == EPOCH ? value[n] : 7);
        for (uint32_t e = 0; e < EPOCH; e++)
            epochs[e].metric[METRIC_VALID_ACCURACY] = epochs[e].metric[METRIC_VALID_LOSS];
        start_run(f, stranger);
        start_run(f, run[n]);
        assert_int_equal(append(f, stranger, epochs, EPOCH), ERR_OK);
        assert_int_equal(append(f, run[n], epochs, reached[n] ? EPOCH : EPOCH - 1), ERR_OK);
        if (over[n])
            assert_int_equal(finish_run(f, run[n], STATUS_FAILED), ERR_OK);
    }
    int checked = 0;
    for (int n = 0; n < RUNS; n++)
        for (int rises = 0; reached[n] && rises < 2; rises++) {
            struct store_rung rung, expected = {0};
            for (int m = 0; m < n; m++) {
                bool as_good = isnan(value[n]) || (rises ? value[m] >= value[n] : value[m] <= value[n]);
                expected.reached += reached[m];
                expected.better += reached[m] && as_good;
                if (!reached[m] && !over[m] && !expected.awaited)
                    expected.awaited = run[m];
            }
            struct store_reader *reader = store_reader_take(f->store);
            assert_int_equal(store_rung_read(reader, run[n], EPOCH, rises ? METRIC_VALID_ACCURACY : METRIC_VALID_LOSS, rises,
                                             &rung, &f->err), ERR_OK);
            store_reader_give(reader);
            assert_int_equal(rung.reached, expected.reached);
            assert_int_equal(rung.better, expected.better);
            assert_int_equal(rung.awaited, expected.awaited);
            checked++;
        }
    assert_true(checked > RUNS);
}

/* ---- the scheduler ------------------------------------------------------------------------------------------------------ */

#define HALVING ",\"halving\":{\"metric\":\"train_loss\",\"min_epochs\":2},\"optimizer\":{\"learning_rate\":%s}"

static int64_t add_halved(struct scheduled *s, const char *rate)
{
    char more[200];
    snprintf(more, sizeof more, HALVING, rate);
    return add_epochs(s, 9, more);
}

static void assert_end(struct scheduled *s, int64_t run, uint32_t epoch)
{
    struct store_run r = run_of(s->f, run);
    assert_int_equal(r.status, STATUS_SUCCEEDED);
    assert_int_equal(r.epoch, epoch);
    if (epoch < 9)
        assert_string_equal(r.stopped_by, "halving");
    else
        assert_null(r.stopped_by);
    assert_model(s, &r);
    store_run_done(&r);
}

/* One worker, which gets the runs in the wrong order: the second makes room for the first, and is compared with it then. */
static void a_run_makes_room_for_the_one_that_it_waits_for(void **state)
{
    struct scheduled *s = *state;
    assert_int_equal(start_scheduler(s, 1), ERR_OK);
    int64_t first = add_halved(s, "0.05"), second = add_halved(s, "0.000001");
    hand_over(s, second);
    hand_over(s, first);
    wait_for(s, first, is_over);
    wait_for(s, second, is_over);
    assert_end(s, first, 9);
    assert_end(s, second, 2);
    struct store_job j = job_of(s->f, s->job);
    assert_int_equal(j.epochs_saved, 7);
    store_job_done(&j);
}

static void a_run_is_compared_with_those_before_it_only(void **state)
{
    struct scheduled *s = *state;
    int64_t worst = add_halved(s, "0.000001"), better = add_halved(s, "0.01"), best = add_halved(s, "0.1");
    int64_t last = add_halved(s, "0.000002");
    assert_int_equal(start_scheduler(s, 2), ERR_OK);
    wait_for(s, last, is_over);
    wait_for(s, best, is_over);
    assert_end(s, worst, 9);
    assert_end(s, better, 9);
    assert_end(s, best, 9);
    assert_end(s, last, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rungs_are_powers_before_the_last_epoch),
        cmocka_unit_test(the_best_of_so_many_go_on),
        cmocka_unit_test(more_of_a_score_is_better),
        cmocka_unit_test_setup_teardown(places_are_counted, setup, teardown),
        SCHEDULED(a_run_makes_room_for_the_one_that_it_waits_for),
        SCHEDULED(a_run_is_compared_with_those_before_it_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
