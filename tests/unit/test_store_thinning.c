/* Thinning over the blocks of noted extremes: what a range gives is what reading all of it would, wherever it starts and however
 * its epochs came. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "store_fixture.h"

#include "core/base/rng.h"
#include <math.h>

#define EPOCHS 13000

static double train[EPOCHS + 1], valid[EPOCHS + 1];

/* A run whose epochs come in batches of 1 to 500; some losses are not there. */
static int64_t long_run(struct fixture *f, uint64_t seed)
{
    int64_t id = add_run(f, add_job(f, "long", add_dataset(f, "d"), 0), 1, EPOCHS);
    struct store_epoch epochs[500];
    struct rng rng;
    rng_init(&rng, seed, RNG_SEARCH, 0);
    start_run(f, id);
    for (uint32_t done = 0; done < EPOCHS;) {
        uint32_t count = 1 + (uint32_t)rng_below(&rng, 500);
        count = count < EPOCHS - done ? count : EPOCHS - done;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t epoch = done + i + 1;
            train[epoch] = rng_below(&rng, 50) ? rng_uniform(&rng) : NAN;
            valid[epoch] = epoch % 1000 < 200 ? NAN : -rng_uniform(&rng);
            epochs[i] = epoch_of(epoch, train[epoch], valid[epoch]);
        }
        assert_int_equal(append(f, id, epochs, count), ERR_OK);
        done += count;
        if (!rng_below(&rng, 4)) { /* it is interrupted, and goes on */
            assert_int_equal(on_id(f, body_run_leave, id), ERR_OK);
            start_run(f, id);
        }
    }
    return id;
}

static bool has(const struct store_epochs *e, uint32_t epoch)
{
    for (size_t i = 0; i < e->count; i++)
        if (e->epoch[i] == epoch)
            return true;
    return false;
}

static uint32_t extreme(const double *loss, uint32_t from, uint32_t to, double sign)
{
    uint32_t best = 0;
    for (uint32_t i = from; i <= to; i++)
        if (!isnan(loss[i]) && (!best || sign * loss[i] < sign * loss[best]))
            best = i;
    return best;
}

static void check_range(struct fixture *f, int64_t id, uint32_t from, uint32_t to, uint32_t points)
{
    struct store_epochs e = {0};
    struct store_reader *r = store_reader_take(f->store);
    assert_int_equal(store_epochs_read(r, id, from, to, points, false, &e, &f->err), ERR_OK);
    store_reader_give(r);
    assert_int_equal(e.total, to - from + 1);
    assert_true(e.count <= (points > 12 ? points : 12));
    assert_true(has(&e, from) && has(&e, to));
    for (int i = 0; i < 4; i++) {
        uint32_t epoch = extreme(i < 2 ? train : valid, from, to, i % 2 ? -1 : 1);
        if (epoch && !has(&e, epoch))
            fail_msg("%u..%u in %u points: no epoch %u", from, to, points, epoch);
    }
    for (size_t i = 0; i < e.count; i++) {
        assert_true(e.epoch[i] >= from && e.epoch[i] <= to && (!i || e.epoch[i] > e.epoch[i - 1]));
        double loss = e.metric[METRIC_TRAIN_LOSS][i];
        assert_true(isnan(loss) ? isnan(train[e.epoch[i]]) : loss == train[e.epoch[i]]);
    }
    store_epochs_done(&e);
}

static void check_ranges(struct fixture *f, int64_t id)
{
    struct rng rng;
    rng_init(&rng, 2, RNG_SEARCH, 0);
    check_range(f, id, 1, EPOCHS, 20);
    check_range(f, id, 65, 128, 9);
    check_range(f, id, 64, 129, 9);
    for (int i = 0; i < 400; i++) {
        uint32_t from = 1 + (uint32_t)rng_below(&rng, EPOCHS - 100), most = EPOCHS - from;
        uint32_t to = from + 60 + (uint32_t)rng_below(&rng, most - 60);
        check_range(f, id, from, to, 1 + (uint32_t)rng_below(&rng, 50));
    }
}

static void test_any_range(void **state)
{
    struct fixture *f = *state;
    check_ranges(f, long_run(f, 1));
}

/* Puts the blocks of the first packed row back into rows of their own, as an older mlpd leaves them. */
static enum err_code body_unpack(struct store_tx *tx, struct store_op *op, struct err *err)
{
    const struct write *w = (const struct write *)op;
    struct connection *c = &tx->connection;
    struct query q = query_compose(c, "SELECT data FROM packed_blocks ORDER BY id LIMIT 1");
    struct {
        double value[EXTREMES];
        uint32_t epoch[EXTREMES];
    } b[64];
    size_t size = 0;
    assert_true(query_row(&q));
    const void *data = query_blob(&q, &size);
    assert_int_equal(size, sizeof b);
    memcpy(b, data, sizeof b);
    enum err_code code = query_end(&q, err);
    for (int64_t block = 0; !code && block < 64; block++) {
        struct query insert = query_start(c, SQL_EPOCH_BLOCK_INSERT);
        query_put_integer(&insert, w->id);
        query_put_integer(&insert, block);
        for (size_t i = 0; i < EXTREMES; i++) {
            query_put_integer(&insert, b[block].epoch[i]);
            query_put_real(&insert, b[block].epoch[i] ? b[block].value[i] : NAN);
        }
        code = query_run(&insert, NULL, err);
    }
    return code ? code : connection_execute(c, "DELETE FROM packed_blocks WHERE id IN (SELECT min(id) FROM packed_blocks)", err);
}

static void test_with_what_an_older_mlpd_noted(void **state)
{
    struct fixture *f = *state;
    int64_t id = long_run(f, 3), value = 0;
    assert_int_equal(on_id(f, body_unpack, id), ERR_OK);
    struct store_reader *r = store_reader_take(f->store);
    assert_int_equal(connection_integer(&r->connection, "SELECT count(*) FROM packed_blocks", &value, &f->err), ERR_OK);
    store_reader_give(r);
    assert_int_equal(value, EPOCHS / 4096 - 1);
    check_ranges(f, id);
    struct store_run run = run_of(f, id);
    assert_int_equal(finish_run(f, id, STATUS_SUCCEEDED), ERR_OK);
    assert_int_equal(on_id(f, body_job_delete, run.job), ERR_OK);
    store_run_done(&run);
    r = store_reader_take(f->store);
    assert_int_equal(connection_integer(&r->connection, "SELECT (SELECT count(*) FROM packed_blocks) + (SELECT count(*) FROM "
                                        "packed_epochs) + (SELECT count(*) FROM epoch_blocks) + (SELECT count(*) FROM epochs)",
                                        &value, &f->err), ERR_OK);
    store_reader_give(r);
    assert_int_equal(value, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_any_range, setup, teardown),
        cmocka_unit_test_setup_teardown(test_with_what_an_older_mlpd_noted, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
