/* The rows of a run, at hand or window by window: every row once an epoch, in windows, and the same bits whether the rows are
 * kept or encoded again. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/nn/feed.h"
#include "core/nn/model.h"
#include "server/train/rows.h"
#include "train_fixture.h"
#include <math.h>

enum { ROWS = 1003 };
#define KEPT   ((uint64_t)1 << 30)
#define NO_MEM 1 /* byte: nothing is kept */

static struct table *table_of_rows(struct data_fixture *f)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_puts(&b, "a,b,kind,y\n");
    for (int i = 0; i < ROWS; i++)
        buf_printf(&b, "%d,%g,%c,%c\n", i, (double)(i * 37 % 101) / 8, "uvw"[i % 3], i * 7 % 11 < 4 ? 'n' : 'p');
    struct table *t = table_of(f, buf_text(&b));
    buf_done(&b);
    return t;
}

static const char one_target[] = "{\"dataset\":\"d\",\"target\":\"y\",\"validation\":{\"fraction\":0.2}}";
static const char two_targets[] = "{\"dataset\":\"d\",\"target\":[\"a\",\"b\"],\"validation\":{\"fraction\":0.2}}";

static void prepare_job(struct rows *r, const char *job, const struct table *t, uint64_t memory)
{
    struct job_spec spec;
    struct err err = {0};
    spec_of(job, &spec);
    *r = (struct rows){0};
    if (rows_prepare(r, &spec, t, NULL, NULL, memory, NULL, &err))
        fail_msg("%s", err.message);
    job_spec_done(&spec);
}

static void prepare(struct rows *r, const struct table *t, uint64_t memory)
{
    prepare_job(r, one_target, t, memory);
}

/* Small enough that this table has 23 blocks: 6 numbers a row, 35 rows a block. */
static void small_blocks(void)
{
    rows_sizes = (struct rows_sizes){.at_once = 100, .block = 35 * 6 * sizeof(real)};
}

/* ---- windows ---------------------------------------------------------------------------------------------------------- */

/* One epoch of a feed: which rows came (by the first input and target), and in which windows. */
static void check_epoch(struct feed *f, const struct mlp_source *s, uint32_t epoch, real *ret_order)
{
    uint64_t rows = 0;
    feed_start(f, 7, epoch);
    for (;;) {
        const uint32_t *row;
        size_t count;
        real x[50 * 5], y[50];
        assert_int_equal(feed_next(f, 50, NULL, &row, &count, NULL), ERR_OK);
        if (!count)
            break;
        assert_true(count <= 50 && rows + count <= s->rows);
        s->gather(s->context, row, count, x, 5, y, NULL);
        for (size_t i = 0; i < count; i++)
            ret_order[rows++] = x[i * 5];
    }
    assert_int_equal(rows, s->rows);
}

static int ascending(const void *a, const void *b)
{
    real x = *(const real *)a, y = *(const real *)b;
    return (x > y) - (x < y);
}

static void test_every_row_once(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of_rows(f);
    for (int kept = 0; kept < 2; kept++) {
        struct rows r;
        struct feed feed;
        static real order[2][ROWS];
        small_blocks();
        prepare(&r, t, kept ? KEPT : NO_MEM);
        assert_int_equal(r.train.block_rows, 35);
        r.train.window_blocks = 4; /* of 23 */
        assert_int_equal(feed_init(&feed, &r.train, true, 50, NULL), ERR_OK);
        check_epoch(&feed, &r.train, 0, order[0]);
        check_epoch(&feed, &r.train, 1, order[1]);
        assert_memory_not_equal(order[0], order[1], sizeof(real) * r.train.rows); /* each epoch has its own order */
        check_epoch(&feed, &r.train, 0, order[1]);
        assert_memory_equal(order[0], order[1], sizeof(real) * r.train.rows); /* and has it again */
        size_t steps = 0;
        for (size_t i = 1; i < r.train.rows; i++)
            steps += order[0][i] < order[0][i - 1];
        assert_true(steps > r.train.rows / 3); /* shuffled: not blocks in ascending order */
        for (int e = 0; e < 2; e++)
            qsort(order[e], r.train.rows, sizeof(real), ascending);
        for (size_t i = 1; i < r.train.rows; i++)
            assert_true(order[0][i] > order[0][i - 1]); /* a is different in every row */
        feed_done(&feed);
        rows_done(&r);
    }
    table_unref(t);
}

static void test_validation_in_order(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of_rows(f);
    struct rows r;
    struct feed feed;
    static real order[ROWS];
    small_blocks();
    prepare(&r, t, NO_MEM);
    assert_int_equal(feed_init(&feed, &r.valid, false, 50, NULL), ERR_OK);
    check_epoch(&feed, &r.valid, 0, order);
    for (size_t i = 1; i < r.valid.rows; i++)
        assert_true(order[i] > order[i - 1]);
    feed_done(&feed);
    rows_done(&r);
    table_unref(t);
}

/* The load of a source, and how often each of its blocks was asked for. */
static struct loads {
    enum err_code (*load)(const void *, const uint32_t *, size_t, size_t, const atomic_int *, struct err *);
    uint32_t of_block[ROWS], last, windows;
} loads;

static enum err_code counted_load(const void *context, const uint32_t *blocks, size_t count, size_t ahead,
                                  const atomic_int *stop, struct err *err)
{
    for (size_t b = 0; b < count; b++) {
        assert_true(!loads.windows || blocks[b] > loads.last);
        loads.of_block[loads.last = blocks[b]]++;
        loads.windows += !b;
    }
    return loads.load(context, blocks, count, ahead, stop, err);
}

/* Kept, in windows, or in windows that are read in slices of a few rows: the same inputs and targets in the same order, each
 * block once in a pass, one after another. */
static void test_validation_kept_or_not(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of_rows(f);
    static const uint64_t slices[] = {0, 4 * 17, 4 * 100, (uint64_t)2 << 20};
    static real x[1 + COUNT(slices)][ROWS * 5], y[1 + COUNT(slices)][ROWS];
    for (size_t way = 0; way <= COUNT(slices); way++) {
        struct rows r;
        struct feed feed;
        size_t count, at = 0;
        small_blocks();
        rows_sizes.valid_kept = way ? 0 : 201 * 6 * sizeof(real);
        rows_sizes.slice = slices[way ? way - 1 : 0];
        prepare(&r, t, rows_sizes.valid_kept ? rows_sizes.valid_kept : NO_MEM);
        assert_int_equal(r.valid.rows, 201);
        assert_int_equal(r.valid.block_rows, 35); /* however they are kept: 6 blocks */
        assert_true(!r.part[0].whole && r.part[1].whole == !way);
        loads = (struct loads){.load = r.valid.load};
        r.valid.load = counted_load;
        assert_int_equal(feed_init(&feed, &r.valid, false, 50, NULL), ERR_OK);
        feed_start(&feed, 0, 0);
        do {
            const uint32_t *row;
            assert_int_equal(feed_next(&feed, 50, NULL, &row, &count, NULL), ERR_OK);
            r.valid.gather(r.valid.context, row, count, x[way] + at * 5, 5, y[way] + at, NULL);
            at += count;
        } while (count);
        assert_int_equal(at, 201);
        for (uint32_t b = 0; b < 6; b++)
            assert_int_equal(loads.of_block[b], 1);
        assert_int_equal(loads.windows, 3);
        assert_memory_equal(x[way], x[0], sizeof x[0]);
        assert_memory_equal(y[way], y[0], sizeof y[0]);
        feed_done(&feed);
        rows_done(&r);
    }
    for (size_t i = 1; i < 201; i++)
        assert_true(x[0][i * 5] > x[0][(i - 1) * 5]); /* a ascends with the rows */
    rows_sizes = (struct rows_sizes)ROWS_SIZES;
    table_unref(t);
}

/* ---- bits ------------------------------------------------------------------------------------------------------------- */

static void model_of(const char *job, const struct table *t, uint32_t batch_size, uint64_t memory, struct mlp_epoch *ret_epoch,
                     struct buf *model)
{
    struct rows r;
    struct mlp_spec s;
    struct mlp_trainer *trainer;
    prepare_job(&r, job, t, memory);
    mlp_spec_default(&s);
    s.task = encoder_task(r.encoder);
    s.outputs = encoder_outputs(r.encoder);
    s.inputs = encoder_inputs(r.encoder);
    s.hidden_count = 1;
    s.hidden[0] = (struct mlp_hidden){.units = 6, .activation = MLP_TANH};
    s.batch_size = batch_size;
    assert_int_equal(mlp_trainer_new(&s, &r.train, &r.valid, &trainer, NULL), ERR_OK);
    for (int e = 0; e < 3; e++)
        assert_int_equal(mlp_trainer_epoch(trainer, NULL, ret_epoch, NULL), ERR_OK);
    buf_init(model, 1 << 20);
    assert_true(model_save(r.encoder, mlp_trainer_network(trainer), model));
    mlp_trainer_free(trainer);
    rows_done(&r);
}

static void test_kept_or_not_the_same_bits(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of_rows(f);
    static const uint32_t batches[] = {0, 1, 32, 90, 700};
    for (size_t b = 0; b < 2 * COUNT(batches); b++) {
        struct mlp_epoch kept, encoded;
        struct buf first, second;
        const char *job = b % 2 ? two_targets : one_target;
        uint32_t batch = batches[b / 2];
        small_blocks();
        model_of(job, t, batch, KEPT, &kept, &first);
        model_of(job, t, batch, NO_MEM, &encoded, &second);
        assert_true(kept.train_loss == encoded.train_loss && kept.valid_loss == encoded.valid_loss);
        assert_int_equal(kept.weight_updates, 3 * (batch ? (802 + batch - 1) / batch : 1));
        assert_int_equal(first.length, second.length);
        assert_memory_equal(first.data, second.data, first.length);
        buf_done(&first);
        buf_done(&second);
    }
    table_unref(t);
}

/* Gradient descent has no order: in blocks or not, all but the rounding is the same. */
static void test_blocks_leave_gradient_descent_alone(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of_rows(f);
    struct mlp_epoch whole, blocks;
    struct buf model;
    rows_sizes = (struct rows_sizes){.at_once = KEPT, .block = KEPT};
    model_of(one_target, t, 0, 0, &whole, &model);
    buf_done(&model);
    small_blocks();
    model_of(one_target, t, 0, NO_MEM, &blocks, &model);
    buf_done(&model);
    assert_true(whole.train_loss - blocks.train_loss < 1e-6 && blocks.train_loss - whole.train_loss < 1e-6);
    assert_true(whole.valid_loss - blocks.valid_loss < 1e-6 && blocks.valid_loss - whole.valid_loss < 1e-6);
    table_unref(t);
}

/* Each row's targets come with it, from a window or from all rows. */
static void test_targets_stay_with_their_rows(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of_rows(f);
    for (int kept = 0; kept < 2; kept++) {
        struct rows r;
        struct feed feed;
        const uint32_t *row;
        size_t count, seen = 0;
        small_blocks();
        prepare_job(&r, two_targets, t, kept ? KEPT : NO_MEM);
        const struct encoder_target *a = encoder_target(r.encoder, 0), *b = encoder_target(r.encoder, 1);
        assert_int_equal(r.train.block_rows, 30); /* 7 numbers a row */
        assert_int_equal(feed_init(&feed, &r.train, true, 50, NULL), ERR_OK);
        feed_start(&feed, 7, 0);
        do {
            real x[50 * 5], y[50 * 2];
            assert_int_equal(feed_next(&feed, 50, NULL, &row, &count, NULL), ERR_OK);
            r.train.gather(r.train.context, row, count, x, 5, y, NULL);
            for (size_t i = 0; i < count; i++) {
                int at = (int)lround((double)y[2 * i] * a->deviation + a->mean);
                assert_true(fabs((double)y[2 * i + 1] * b->deviation + b->mean - (double)(at * 37 % 101) / 8) < 1e-4);
                for (int k = 0; k < 3; k++) /* kind; then y */
                    assert_true(x[i * 5 + (size_t)k] == (real)(at % 3 == k));
                assert_true(x[i * 5 + 3] == (real)(at * 7 % 11 < 4));
            }
            seen += count;
        } while (count);
        assert_int_equal(seen, r.train.rows);
        feed_done(&feed);
        rows_done(&r);
    }
    table_unref(t);
}

static void test_stop_is_seen_while_encoding(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of_rows(f);
    struct rows r;
    struct feed feed;
    const uint32_t *row;
    size_t count;
    atomic_int stop = 1;
    small_blocks();
    prepare(&r, t, NO_MEM);
    assert_int_equal(feed_init(&feed, &r.train, true, 50, NULL), ERR_OK);
    feed_start(&feed, 1, 0);
    assert_int_equal(feed_next(&feed, 50, &stop, &row, &count, NULL), ERR_STOPPED);
    feed_done(&feed);
    rows_done(&r);
    table_unref(t);
}

static void test_memory_of_a_window(void **state)
{
    (void)state;
    struct mlp_source train, valid;
    rows_sizes = (struct rows_sizes)ROWS_SIZES;
    uint64_t small = rows_layout(1000, 250, 30, 1, 0, &train, &valid);
    assert_int_equal(train.block_rows, 0);
    assert_int_equal(small, 1250 * 31 * sizeof(real));
    assert_int_equal(rows_layout(1000, 250, 30, 7, 0, &train, &valid), 1250 * 37 * sizeof(real));
    uint64_t window = rows_layout(100000000, 1000000, 30, 1, 0, &train, &valid);
    uint64_t block = train.block_rows * 31 * sizeof(real);
    assert_true(train.block_rows > 0 && window == 18 * block && window < ((uint64_t)160 << 20));
    assert_int_equal(rows_layout(4000000000u, 1000000, 30, 1, 0, &train, &valid), window); /* it does not grow with the rows */
    /* Validation rows that are kept count, and are not kept where memory is less. */
    uint64_t kept = 500000 * 31 * sizeof(real);
    assert_int_equal(rows_layout(100000000, 500000, 30, 1, kept, &train, &valid), 16 * block + kept);
    assert_int_equal(rows_layout(100000000, 500000, 30, 1, kept - 1, &train, &valid), window);
    assert_true(rows_memory_limit() > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_row_once, data_setup, data_teardown),
        cmocka_unit_test_setup_teardown(test_validation_in_order, data_setup, data_teardown),
        cmocka_unit_test_setup_teardown(test_validation_kept_or_not, data_setup, data_teardown),
        cmocka_unit_test_setup_teardown(test_targets_stay_with_their_rows, data_setup, data_teardown),
        cmocka_unit_test_setup_teardown(test_kept_or_not_the_same_bits, data_setup, data_teardown),
        cmocka_unit_test_setup_teardown(test_blocks_leave_gradient_descent_alone, data_setup, data_teardown),
        cmocka_unit_test_setup_teardown(test_stop_is_seen_while_encoding, data_setup, data_teardown),
        cmocka_unit_test(test_memory_of_a_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
