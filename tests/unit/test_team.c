/* Teams of threads: every piece exactly once, whatever the threads do, and training that is the same on any number of them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/base/team.h"
#include "core/nn/mlp.h"
#include "core/nn/pieces.h"
#include <math.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define PIECES TEAM_PIECES_MAX

struct work {
    atomic_uint times[PIECES];
    atomic_uint threads[8];
    unsigned sum[PIECES]; /* plain memory: written by whoever has the piece, read by the owner */
};

static void do_piece(void *context, size_t index, unsigned thread)
{
    struct work *w = context;
    atomic_fetch_add(&w->times[index], 1);
    atomic_fetch_add(&w->threads[thread], 1);
    w->sum[index] += (unsigned)index;
}

static void test_each_piece_once(void **state)
{
    (void)state;
    static struct work w;
    for (unsigned threads = 1; threads <= 4; threads++) {
        struct team *team;
        assert_int_equal(team_new(threads, &team, NULL), ERR_OK);
        assert_int_equal(team_threads(team), threads);
        memset(&w, 0, sizeof w);
        for (unsigned round = 1; round <= 300; round++) {
            size_t pieces = round * 7 % PIECES + 1;
            team_run(team, pieces, do_piece, &w);
            for (size_t i = 0; i < pieces; i++)
                w.sum[i] -= (unsigned)i; /* all are done, and seen here */
            if (round % 100 == 0) /* the helpers fall asleep */
                nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        }
        unsigned total = 0;
        for (size_t i = 0; i < PIECES; i++) {
            unsigned expected = 0;
            for (unsigned round = 1; round <= 300; round++)
                expected += i <= round * 7 % PIECES;
            assert_int_equal(atomic_load(&w.times[i]), expected);
            assert_int_equal(w.sum[i], 0);
            total += expected;
        }
        for (unsigned t = 0; t < 8; t++) {
            total -= atomic_load(&w.threads[t]);
            assert_true(t < threads || !atomic_load(&w.threads[t]));
        }
        assert_int_equal(total, 0);
        team_free(team);
    }
}

static void test_without_helpers(void **state)
{
    (void)state;
    static struct work w;
    team_run(NULL, 3, do_piece, &w);
    assert_int_equal(atomic_load(&w.threads[0]), 3);
    assert_int_equal(team_threads(NULL), 1);
    team_run(NULL, 0, do_piece, &w);
    assert_int_equal(atomic_load(&w.threads[0]), 3);
    team_free(NULL);
}

static void test_pieces_cover(void **state)
{
    (void)state;
    for (size_t length = 1; length < 300; length++) {
        for (size_t pieces = 1; pieces <= 8; pieces++) {
            size_t next = 0;
            for (size_t i = 0; i < pieces; i++) {
                struct piece p = piece_at(length, 32, pieces, i);
                assert_int_equal(p.start, p.count ? next : length);
                assert_true(!p.count || p.start % 32 == 0);
                next = p.start + p.count;
            }
            assert_int_equal(next, length);
        }
    }
}

/* ---- training --------------------------------------------------------------------------------------------------------- */

enum { ROWS = 600, INPUTS = 700, UNITS = 150, NARROW = 27, CLASSES = 10, EPOCHS = 3, LAYERS = 3 };

struct outcome {
    struct mlp_epoch epoch[EPOCHS];
    struct mlp_layer_stats layers[EPOCHS][LAYERS];
    real weights[INPUTS * UNITS], deep[UNITS * UNITS];
};

/* threads[e]: of each epoch */
static void train(const struct mlp_spec *s, const unsigned *threads, const struct mlp_source *source, struct outcome *o)
{
    struct mlp_trainer *t;
    memset(o, 0, sizeof *o);
    assert_int_equal(mlp_trainer_new(s, source, source, &t, NULL), ERR_OK);
    for (int e = 0; e < EPOCHS; e++) {
        assert_int_equal(mlp_trainer_threads(t, threads[e], NULL), ERR_OK);
        assert_int_equal(mlp_trainer_epoch(t, NULL, &o->epoch[e], NULL), ERR_OK);
        assert_int_equal(o->epoch[e].layer_count, LAYERS);
        memcpy(o->layers[e], o->epoch[e].layers, sizeof o->layers[e]);
        o->epoch[e].seconds = 0;
        o->epoch[e].layers = NULL;
    }
    mlp_network_weights(mlp_trainer_network(t), 1, o->weights);
    mlp_network_weights(mlp_trainer_network(t), 2, o->deep);
    mlp_trainer_free(t);
}

static struct mlp_spec spec_of(uint32_t batch_size, uint32_t units, bool everything)
{
    struct mlp_spec s;
    mlp_spec_default(&s);
    s.task = TASK_MULTICLASS;
    s.inputs = INPUTS;
    s.outputs = CLASSES;
    s.hidden_count = 2;
    s.hidden[0] = s.hidden[1] = (struct mlp_hidden){.units = units, .activation = MLP_TANH};
    s.batch_size = batch_size;
    if (!everything)
        return s;
    s.hidden[0].dropout = 0.2;
    s.hidden[1].batch_normalization = true;
    s.l1 = s.l2 = 1e-4;
    s.clip_norm = 0.01; /* the sum of all squares has a say in every weight */
    return s;
}

/* Batches of one chunk, of several, and ones whose gradients are made in several blocks of rows, or in one when a thread has
 * but a few units; and layers that are too narrow to be cut by units. */
static void test_same_bits_on_any_number(void **state)
{
    (void)state;
    static const unsigned plans[][EPOCHS] = {{1, 1, 1}, {2, 2, 2}, {3, 3, 3}, {4, 4, 4}, {9, 1, 2}, {1, 3, 1}};
    static const uint32_t batches[] = {0, 64, 300, 512};
    real *x = mem_array(ROWS * INPUTS, sizeof *x), *y = mem_array(ROWS, sizeof *y);
    struct outcome *first = mem_zalloc(sizeof *first), *other = mem_zalloc(sizeof *other);
    struct rng rng;
    rng_init(&rng, 1, RNG_SEARCH, 0);
    for (size_t i = 0; i < ROWS * INPUTS; i++)
        x[i] = (real)(2 * rng_uniform(&rng) - 1);
    for (size_t i = 0; i < ROWS; i++)
        y[i] = (real)rng_below(&rng, CLASSES);
    struct mlp_matrix matrix = {.x = x, .y = y, .stride = INPUTS, .inputs = INPUTS};
    struct mlp_source source = {.rows = ROWS, .gather = mlp_matrix_gather, .context = &matrix};
    assert_true(pieces_of(2, panels_of(UNITS), 64.0 * UNITS * INPUTS) > 1); /* else there is nothing to share */
    assert_true(gradient_cuts(INPUTS, NARROW) > 1 && forward_cuts(NARROW, 300) > 1);
    for (size_t b = 0; b < 4 * sizeof batches / sizeof *batches; b++) {
        struct mlp_spec s = spec_of(batches[b / 4], b % 2 ? UNITS : NARROW, b / 2 % 2);
        train(&s, plans[0], &source, first);
        for (size_t p = 1; p < sizeof plans / sizeof *plans; p++) {
            train(&s, plans[p], &source, other);
            assert_memory_equal(first, other, sizeof *first);
        }
    }
    mem_free(x);
    mem_free(y);
    mem_free(first);
    mem_free(other);
}

/* With x = 0 the weights of the first layer are halved by the penalty, update by update, as long as the half is a normal number,
 * on every thread. The caller's own subnormal numbers stay what they are. */
static void test_no_number_becomes_subnormal(void **state)
{
    (void)state;
    static real x[64 * INPUTS], y[64], weights[INPUTS * UNITS];
    struct mlp_matrix matrix = {.x = x, .y = y, .stride = INPUTS, .inputs = INPUTS};
    struct mlp_source source = {.rows = 64, .gather = mlp_matrix_gather, .context = &matrix};
    struct mlp_spec s;
    struct mlp_trainer *t;
    struct mlp_epoch epoch;
    volatile real smallest = (real)0x1p-126;
    for (size_t i = 0; i < 64; i++)
        y[i] = (real)(i % CLASSES);
    mlp_spec_default(&s);
    s.task = TASK_MULTICLASS;
    s.inputs = INPUTS;
    s.outputs = CLASSES;
    s.hidden_count = 1;
    s.hidden[0] = (struct mlp_hidden){.units = UNITS, .activation = MLP_TANH};
    s.optimizer = (struct mlp_optimizer_spec){.name = MLP_SGD, .learning_rate = 1};
    s.l2 = 0.5;
    assert_int_equal(mlp_trainer_new(&s, &source, NULL, &t, NULL), ERR_OK);
    assert_int_equal(mlp_trainer_threads(t, 2, NULL), ERR_OK);
    for (int e = 0; e < 140; e++) {
        assert_int_equal(mlp_trainer_epoch(t, NULL, &epoch, NULL), ERR_OK);
        mlp_network_weights(mlp_trainer_network(t), 1, weights);
        for (size_t i = 0; i < INPUTS * UNITS; i++)
            assert_int_not_equal(fpclassify(weights[i]), FP_SUBNORMAL);
    }
    for (size_t i = 0; i < INPUTS * UNITS; i++)
        assert_true(fabsf(weights[i]) <= 0x1p-125f);
    assert_int_equal(fpclassify(smallest * (real)0.5), FP_SUBNORMAL);
    mlp_trainer_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_piece_once),
        cmocka_unit_test(test_without_helpers),
        cmocka_unit_test(test_pieces_cover),
        cmocka_unit_test(test_same_bits_on_any_number),
        cmocka_unit_test(test_no_number_becomes_subnormal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
