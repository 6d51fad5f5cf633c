/* Epochs that lie packed in blocks of 64: whatever asks for them gets what it would get of rows, those of an older mlpd too. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "store_fixture.h"

#include <math.h>

#define EPOCHS 400
#define OLD    150 /* epochs that an older mlpd stored: two blocks and a part of one */

static float layers[EPOCHS + 1][8];

/* Losses that are not there now and then, a metric that is never there, one that is always the same, layers. */
static struct store_epoch figures(uint32_t number)
{
    struct store_epoch e = epoch_of(number, number % 7 ? 1.0 / number : NAN, number > 100 && number < 300 ? -sin(number) : INFINITY);
    e.metric[METRIC_VALID_R2] = 0.25;
    e.seconds = number % 13 ? 0.1 + number * 1e-4 : NAN;
    e.learning_rate = 0.5 / (1 + number / 90);
    e.layer_count = 2;
    e.layers = layers[number];
    for (unsigned i = 0; i < 8; i++)
        layers[number][i] = number % 11 ? (float)(number * 10 + i) : NAN;
    return e;
}

static double elapsed_at(uint32_t number)
{
    double sum = 0;
    for (uint32_t e = 1; e <= number; e++)
        sum += isnan(figures(e).seconds) ? 0 : figures(e).seconds;
    return sum;
}

static void append_up_to(struct fixture *f, int64_t run, uint32_t from, uint32_t to, uint32_t at_once)
{
    struct store_epoch epochs[EPOCHS];
    for (uint32_t first = from; first <= to; first += at_once) {
        uint32_t count = 0;
        for (uint32_t e = first; e <= to && count < at_once; e++)
            epochs[count++] = figures(e);
        assert_int_equal(append(f, run, epochs, count), ERR_OK);
    }
}

static enum err_code body_sql(struct store_tx *tx, struct store_op *op, struct err *err)
{
    return connection_execute(&tx->connection, ((struct write *)op)->input, err);
}

static __attribute__((format(printf, 2, 3))) void run_statement(struct fixture *f, const char *format, ...)
{
    char sql[1000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sql, sizeof sql, format, arguments);
    va_end(arguments);
    struct write w = {.input = sql};
    assert_int_equal(do_write(f, &w, body_sql), ERR_OK);
}

static int64_t number_of(struct fixture *f, const char *sql)
{
    int64_t value = -1;
    struct store_reader *r = store_reader_take(f->store);
    assert_int_equal(connection_integer(&r->connection, sql, &value, &f->err), ERR_OK);
    store_reader_give(r);
    return value;
}

/* Epochs 1..OLD as rows, with the extremes of the whole blocks: w->number is a run that has them packed. */
static enum err_code body_as_older(struct store_tx *tx, struct store_op *op, struct err *err)
{
    const struct write *w = (const struct write *)op;
    struct connection *c = &tx->connection;
    enum err_code code = ERR_OK;
    double elapsed = 0;
    for (uint32_t number = 1; !code && number <= OLD; number++) {
        struct store_epoch e = figures(number);
        struct query q = query_start(c, SQL_EPOCH_INSERT);
        query_put_integer(&q, w->id);
        query_put_integer(&q, number);
        query_put_integer(&q, (int64_t)e.weight_updates);
        query_put_real(&q, e.learning_rate);
        query_put_real(&q, e.seconds);
        query_put_real(&q, elapsed += isnan(e.seconds) ? 0 : e.seconds);
        for (int m = 0; m < METRIC_COUNT; m++)
            query_put_real(&q, e.metric[m]);
        query_put_blob(&q, e.layers, 8 * sizeof *e.layers);
        code = query_run(&q, NULL, err);
    }
    return code;
}

static struct store_epochs epochs_of(struct fixture *f, int64_t run, uint32_t from, uint32_t to, uint32_t points)
{
    struct store_epochs e = {0};
    struct store_reader *r = store_reader_take(f->store);
    assert_int_equal(store_epochs_read(r, run, from, to, points, true, &e, &f->err), ERR_OK);
    store_reader_give(r);
    return e;
}

static void assert_same(const struct store_epochs *a, const struct store_epochs *b)
{
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->total, b->total);
    assert_memory_equal(a->epoch, b->epoch, a->count * sizeof *a->epoch);
    assert_memory_equal(a->weight_updates, b->weight_updates, a->count * sizeof *a->weight_updates);
    const double *x[] = {a->learning_rate, a->seconds, a->elapsed_seconds}, *y[] = {b->learning_rate, b->seconds, b->elapsed_seconds};
    for (size_t i = 0; i < a->count; i++) {
        for (int k = 0; k < 3; k++)
            assert_true(x[k][i] == y[k][i] || (isnan(x[k][i]) && isnan(y[k][i])));
        for (int m = 0; m < METRIC_COUNT; m++)
            assert_true(a->metric[m][i] == b->metric[m][i] || (isnan(a->metric[m][i]) && isnan(b->metric[m][i])));
    }
    assert_int_equal(a->layer_count, b->layer_count);
    assert_memory_equal(a->layers, b->layers, a->count * a->layer_count * 4 * sizeof *a->layers);
}

static void test_what_an_older_mlpd_stored_reads_the_same(void **state)
{
    struct fixture *f = *state;
    int64_t job = add_job(f, "j", 0, 0), packed = add_run(f, job, 1, EPOCHS), old = add_run(f, job, 2, EPOCHS);
    struct write w = {.id = old};
    start_run(f, packed);
    start_run(f, old);
    append_up_to(f, packed, 1, EPOCHS, 37);
    assert_int_equal(number_of(f, "SELECT count(*) FROM packed_epochs"), EPOCHS / 64);
    assert_int_equal(number_of(f, "SELECT count(*) FROM epochs"), EPOCHS % 64);
    assert_int_equal(do_write(f, &w, body_as_older), ERR_OK);
    run_statement(f, "UPDATE runs SET epoch = %d WHERE id = %lld", OLD, (long long)old);
    run_statement(f, "INSERT INTO epoch_blocks SELECT %lld, block, least_train_epoch, least_train, most_train_epoch, most_train, "
                     "least_valid_epoch, least_valid, most_valid_epoch, most_valid FROM epoch_blocks WHERE block < 2 AND run = %lld",
                  (long long)old, (long long)packed);
    append_up_to(f, old, OLD + 1, EPOCHS, 400);
    static const uint32_t ranges[][3] = {{1, 0, 0}, {1, 0, 12}, {1, 0, 50}, {60, 70, 0}, {128, 129, 0}, {100, 350, 9},
                                         {193, 400, 0}, {OLD, OLD, 0}, {385, 390, 0}, {64, 64, 0}, {65, 65, 0}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        struct store_epochs a = epochs_of(f, packed, ranges[i][0], ranges[i][1], ranges[i][2]);
        struct store_epochs b = epochs_of(f, old, ranges[i][0], ranges[i][1], ranges[i][2]);
        assert_true(a.count > 0);
        assert_same(&a, &b);
        for (size_t k = 0; k < a.count; k++) {
            struct store_epoch e = figures(a.epoch[k]);
            double loss = a.metric[METRIC_TRAIN_LOSS][k];
            assert_true(loss == e.metric[METRIC_TRAIN_LOSS] || (isnan(loss) && isnan(e.metric[METRIC_TRAIN_LOSS])));
            assert_true(a.learning_rate[k] == e.learning_rate && (a.seconds[k] == e.seconds || isnan(e.seconds)));
            assert_true(a.elapsed_seconds[k] == elapsed_at(a.epoch[k]));
            assert_int_equal(a.weight_updates[k], e.weight_updates);
            assert_true(isnan(a.metric[METRIC_VALID_MAE][k]) && a.metric[METRIC_VALID_R2][k] == 0.25);
            assert_memory_equal(a.layers + 8 * k, e.layers, sizeof layers[0]);
        }
        store_epochs_done(&a);
        store_epochs_done(&b);
    }
}

static void test_a_block_whose_epochs_differ_in_layers(void **state)
{
    struct fixture *f = *state;
    int64_t run = add_run(f, add_job(f, "j", 0, 0), 1, 64);
    struct store_epoch epochs[64];
    start_run(f, run);
    for (uint32_t i = 0; i < 64; i++) {
        epochs[i] = figures(i + 1);
        epochs[i].layer_count = i == 5 ? 0 : i == 6 ? 1 : 2;
    }
    assert_int_equal(append(f, run, epochs, 64), ERR_OK);
    struct store_epochs e = epochs_of(f, run, 1, 0, 0);
    assert_int_equal(e.layer_count, 2);
    for (int i = 0; i < 16; i++)
        assert_true(isnan(e.layers[5 * 8 + i]));
    assert_memory_equal(e.layers + 7 * 8, layers[8], sizeof layers[8]);
    store_epochs_done(&e);
}

static void test_the_model_has_the_figures_of_its_epoch(void **state)
{
    struct fixture *f = *state;
    static const uint32_t of_model[] = {1, 64, 65, 192, 199};
    int64_t job = add_job(f, "j", 0, 0);
    for (uint32_t i = 0; i < sizeof of_model / sizeof *of_model; i++) {
        int64_t id = add_run(f, job, i + 1, 200);
        start_run(f, id);
        append_up_to(f, id, 1, 200, 100);
        struct store_finish finish = {.run = id, .status = STATUS_SUCCEEDED, .now = NOW + 2, .training_seconds = 1,
                                      .samples_per_second = NAN, .model_epoch = of_model[i], .model_sha256 = "ab"};
        struct write w = {.input = &finish};
        assert_int_equal(do_write(f, &w, body_run_finish), ERR_OK);
        struct store_run r = run_of(f, id);
        struct store_epoch e = figures(of_model[i]);
        assert_true(r.metric[METRIC_TRAIN_LOSS] == e.metric[METRIC_TRAIN_LOSS]);
        assert_true(isfinite(e.metric[METRIC_VALID_LOSS]) ? r.metric[METRIC_VALID_LOSS] == e.metric[METRIC_VALID_LOSS]
                                                          : isnan(r.metric[METRIC_VALID_LOSS]));
        assert_true(isnan(r.metric[METRIC_VALID_MAE]) && r.metric[METRIC_VALID_R2] == 0.25);
        store_run_done(&r);
    }
    assert_int_equal(on_id(f, body_job_delete, job), ERR_OK);
    assert_int_equal(number_of(f, "SELECT count(*) FROM packed_epochs"), 0);
}

/* Runs of 130, 130, 70 and 130 epochs, the fourth of which asks. */
static void test_rungs_are_read_from_blocks(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint32_t epoch, reached, better;
        bool rises, awaits;
    } cases[] = {{100, 2, 1, false, true}, {100, 2, 1, true, true}, {64, 3, 2, false, false}, {129, 2, 1, false, true},
                 {1, 3, 2, false, false}};
    int64_t job = add_job(f, "j", 0, 0), id[4];
    for (uint32_t i = 0; i < 4; i++) {
        struct store_epoch epochs[130];
        static const double level[] = {1, 4, 2, 3};
        id[i] = add_run(f, job, i + 1, 200);
        start_run(f, id[i]);
        for (uint32_t e = 0; e < 130; e++)
            epochs[e] = epoch_of(e + 1, level[i], level[i]);
        assert_int_equal(append(f, id[i], epochs, i == 2 ? 70 : 130), ERR_OK);
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct store_rung rung = {0};
        struct store_reader *r = store_reader_take(f->store);
        assert_int_equal(store_rung_read(r, id[3], cases[i].epoch, METRIC_VALID_LOSS, cases[i].rises, &rung, &f->err), ERR_OK);
        store_reader_give(r);
        assert_int_equal(rung.reached, cases[i].reached);
        assert_int_equal(rung.better, cases[i].better);
        assert_int_equal(rung.awaited, cases[i].awaits ? id[2] : 0);
    }
}

static void test_streams_tell_packed_epochs(void **state)
{
    struct fixture *f = *state;
    int64_t run = add_run(f, add_job(f, "j", 0, 0), 1, 300);
    struct store_events e = {0};
    uint32_t next = 1;
    start_run(f, run);
    append_up_to(f, run, 1, 300, 90);
    struct store_reader *r = store_reader_take(f->store);
    assert_int_equal(store_events_read(r, 0, 1000, &e, &f->err), ERR_OK);
    store_reader_give(r);
    for (size_t i = 0; i < e.count; i++) {
        if (e.item[i].kind != EVENT_EPOCH)
            continue;
        assert_int_equal(e.item[i].epoch, next++);
        assert_true(e.item[i].learning_rate == figures(e.item[i].epoch).learning_rate);
        assert_int_equal(e.item[i].weight_updates, 10 * e.item[i].epoch);
    }
    assert_int_equal(next, 301);
    store_events_done(&e);
}

static void test_damage_is_told(void **state)
{
    struct fixture *f = *state;
    static const char *const damages[] = {"x'01'", "x''", "substr(data, 1, length(data) - 1)", "CAST(data || x'00' AS BLOB)",
                                          "CAST(x'02' || substr(data, 2) AS BLOB)"};
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        int64_t run = add_run(f, add_job(f, "j", 0, 0), 1, 300);
        struct store_epochs e = {0};
        start_run(f, run);
        append_up_to(f, run, 1, 300, 300);
        run_statement(f, "UPDATE packed_epochs SET data = %s WHERE id = (%lld << 26) + 2", damages[i], (long long)run);
        struct store_reader *r = store_reader_take(f->store);
        assert_int_equal(store_epochs_read(r, run, 1, 0, 0, true, &e, &f->err), ERR_CORRUPT);
        assert_int_equal(store_epochs_read(r, run, 1, 0, 100, true, &e, &f->err), ERR_CORRUPT);
        assert_int_equal(store_epochs_read(r, run, 1, 100, 0, true, &e, &f->err), ERR_OK);
        store_reader_give(r);
        assert_int_equal(e.count, 100);
        store_epochs_done(&e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_an_older_mlpd_stored_reads_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_block_whose_epochs_differ_in_layers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_model_has_the_figures_of_its_epoch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rungs_are_read_from_blocks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_streams_tell_packed_epochs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage_is_told, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
