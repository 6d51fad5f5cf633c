/* Checkpoints: what goes on from one gives the same bits as what was never interrupted. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/nn/trainer.h"
#include "support/fixture.h"
#include <stdlib.h>
#include <string.h>

#define EPOCHS 6
#define MAXIMUM ((size_t)1 << 24)

/* Rows of a problem; the nth call of gather raises the flag. */
struct interruption {
    struct mlp_matrix matrix;
    unsigned calls, at;
    atomic_int stop;
};

static void gather(const void *context, const uint32_t *rows, size_t count, real *x, size_t stride, real *y, real *weights)
{
    struct interruption *i = (struct interruption *)(uintptr_t)context;
    mlp_matrix_gather(&i->matrix, rows, count, x, stride, y, weights);
    if (++i->calls == i->at)
        atomic_store(&i->stop, 1);
}

/* What blocks would bring is in memory already. */
static enum err_code load(const void *context, const uint32_t *blocks, size_t count, size_t ahead, const atomic_int *stop,
                          struct err *err)
{
    (void)context, (void)blocks, (void)count, (void)ahead, (void)stop, (void)err;
    return ERR_OK;
}

struct scene {
    struct problem *problem, *valid;
    struct mlp_spec spec;
    uint32_t block_rows;
    struct interruption interruption;
};

static struct mlp_trainer *trainer_of(struct scene *s)
{
    struct mlp_source train = {.rows = s->problem->rows.count, .gather = gather, .context = &s->interruption,
                               .block_rows = s->block_rows, .window_blocks = s->block_rows ? 2 : 0, .load = load};
    struct mlp_trainer *t = NULL;
    s->interruption.matrix = s->problem->matrix;
    assert_int_equal(mlp_trainer_new(&s->spec, &train, &s->valid->source, &t, NULL), ERR_OK);
    return t;
}

/* What training came to: each epoch's figures, and a checkpoint of the end, which has every bit in it. */
struct history {
    struct mlp_epoch epoch[EPOCHS];
    struct mlp_layer_stats layers[EPOCHS][4];
    struct buf end;
};

/* To the end, or to an interruption; whether it came to the end. */
static bool go_on(struct scene *s, struct mlp_trainer *t, uint32_t from, struct history *h)
{
    for (uint32_t e = from; e < EPOCHS; e++) {
        enum err_code code = mlp_trainer_epoch(t, &s->interruption.stop, &h->epoch[e], NULL);
        if (code == ERR_STOPPED)
            return false;
        assert_int_equal(code, ERR_OK);
        memcpy(h->layers[e], h->epoch[e].layers, h->epoch[e].layer_count * sizeof **h->layers);
        h->epoch[e].layers = h->layers[e];
    }
    t->progress.seconds = 0; /* the one thing that differs from run to run */
    assert_true(mlp_trainer_save(t, &h->end));
    return true;
}

static void assert_same(const struct history *a, const struct history *b)
{
    for (unsigned e = 0; e < EPOCHS; e++)
        assert_true(epochs_are_equal(&a->epoch[e], &b->epoch[e]));
    assert_int_equal(a->end.length, b->end.length);
    assert_memory_equal(a->end.data, b->end.data, a->end.length);
}

/* Stops at batch `at`, saves, and goes on in a new trainer; the epochs before are the first trainer's. */
static void interrupt(struct scene *s, unsigned at, struct history *h)
{
    struct buf saved;
    uint32_t epochs = 0;
    buf_init(&saved, MAXIMUM);
    s->interruption = (struct interruption){.at = at};
    struct mlp_trainer *t = trainer_of(s), *other;
    if (go_on(s, t, 0, h)) {
        mlp_trainer_free(t);
        buf_done(&saved);
        return;
    }
    assert_true(mlp_trainer_save(t, &saved));
    mlp_trainer_free(t);
    s->interruption = (struct interruption){.at = 0};
    other = trainer_of(s);
    assert_int_equal(mlp_trainer_restore(other, saved.data, saved.length, &epochs, NULL), ERR_OK);
    assert_true(go_on(s, other, epochs, h));
    mlp_trainer_free(other);
    buf_done(&saved);
}

static void scene_start_of(struct scene *s, enum task task, enum mlp_optimizer optimizer, uint32_t batch, size_t rows)
{
    memset(s, 0, sizeof *s);
    s->problem = problem_new(task, 3, 4, rows, 11);
    s->valid = problem_new(task, 3, 4, 40, 12);
    s->spec = spec_for(s->problem, optimizer, 0.01, batch, 6, MLP_TANH, 5, MLP_RELU, 0);
    s->spec.epochs = EPOCHS;
}

static void scene_start(struct scene *s, enum mlp_optimizer optimizer, uint32_t batch, size_t rows)
{
    scene_start_of(s, TASK_MULTICLASS, optimizer, batch, rows);
}

static void scene_done(struct scene *s)
{
    problem_free(s->problem);
    problem_free(s->valid);
}

static void check_interruptions(struct scene *s, unsigned batches)
{
    struct history smooth = {0}, other = {0};
    buf_init(&smooth.end, MAXIMUM);
    interrupt(s, 0, &smooth);
    for (unsigned at = 1; at <= EPOCHS * batches; at++) {
        fixture_case("%s, batch %u, blocks of %u, interrupted at call %u", mlp_optimizer_name((int)s->spec.optimizer.name),
                     s->spec.batch_size, s->block_rows, at);
        buf_init(&other.end, MAXIMUM);
        interrupt(s, at, &other);
        assert_same(&smooth, &other);
        buf_done(&other.end);
    }
    buf_done(&smooth.end);
}

static void test_an_interruption_at_any_batch(void **state)
{
    (void)state;
    for (int o = 0; o < MLP_OPTIMIZERS; o++)
        for (uint32_t block_rows = 0; block_rows <= 10; block_rows += 10) {
            struct scene s;
            scene_start(&s, (enum mlp_optimizer)o, 8, 57);
            s.block_rows = block_rows; /* windows of 20 rows: 3 batches each */
            check_interruptions(&s, 9);
            scene_done(&s);
        }
}

static void test_an_interruption_with_several_targets(void **state)
{
    static const enum task tasks[] = {TASK_REGRESSION, TASK_MULTILABEL};
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct scene s;
        scene_start_of(&s, tasks[i % 2], MLP_ADAM, 8, 57);
        s.block_rows = i < 2 ? 0 : 10;
        s.spec.target_deviations = i % 2 ? NULL : (const double[]){2, 0.5, 30};
        check_interruptions(&s, 9);
        scene_done(&s);
    }
}

/* A batch of three chunks: what was added up before the interruption is done again. */
static void test_an_interruption_within_a_batch(void **state)
{
    (void)state;
    for (uint32_t batch = 0; batch <= 1100; batch += 1100) {
        struct scene s;
        scene_start(&s, MLP_ADAM, batch, 1300);
        check_interruptions(&s, 4);
        scene_done(&s);
    }
}

/* All that has a state of its own: masks, running moments, the best weights, a plateau's factor, a warm-up. */
static void test_an_interruption_with_everything_on(void **state)
{
    (void)state;
    for (uint32_t block_rows = 0; block_rows <= 10; block_rows += 10) {
        struct scene s;
        double weights[3] = {1, 2, 0.5};
        scene_start(&s, MLP_ADAMW, 8, 57);
        s.block_rows = block_rows;
        s.spec.hidden[0].batch_normalization = s.spec.hidden[1].batch_normalization = true;
        s.spec.hidden[0].dropout = s.spec.hidden[1].dropout = 0.3;
        s.spec.schedule = (struct mlp_schedule_spec){.name = MLP_PLATEAU, .factor = 0.5, .power = 1, .every = 1, .warmup_epochs = 1};
        s.spec.stopping = (struct mlp_stopping){.early = true, .metric = MLP_WATCH_LOSS, .patience = 50, .min_delta = 0.01,
                                                .train_loss = NAN, .valid_loss = NAN, .seconds = NAN};
        s.spec.l1 = s.spec.l2 = 1e-3;
        s.spec.clip_norm = 0.5;
        s.spec.class_weights = weights;
        check_interruptions(&s, 9);
        scene_done(&s);
    }
}

/* ---- files ---------------------------------------------------------------------------------------------------------- */

static void test_damage_is_seen(void **state)
{
    (void)state;
    struct scene s;
    struct buf saved, before, after;
    uint32_t epochs;
    struct mlp_epoch e;
    scene_start(&s, MLP_ADAM, 8, 30);
    s.spec = spec_for(s.problem, MLP_ADAM, 0.01, 8, 2, MLP_TANH, 0);
    buf_init(&saved, MAXIMUM);
    buf_init(&before, MAXIMUM);
    buf_init(&after, MAXIMUM);
    struct mlp_trainer *t = trainer_of(&s), *other = trainer_of(&s);
    assert_int_equal(mlp_trainer_epoch(t, NULL, &e, NULL), ERR_OK);
    assert_true(mlp_trainer_save(t, &saved) && mlp_trainer_save(other, &before));
    for (size_t length = 0; length < saved.length; length++) {
        struct err err = {0};
        assert_int_equal(mlp_trainer_restore(other, saved.data, length, &epochs, &err), ERR_CORRUPT);
        assert_non_null(strstr(err.message, "checkpoint"));
    }
    for (size_t bit = 0; bit < 8 * saved.length; bit++) {
        saved.data[bit / 8] ^= (char)(1 << bit % 8);
        assert_int_equal(mlp_trainer_restore(other, saved.data, saved.length, &epochs, NULL), ERR_CORRUPT);
        saved.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    assert_true(mlp_trainer_save(other, &after)); /* it is as it was */
    assert_int_equal(after.length, before.length);
    assert_memory_equal(after.data, before.data, after.length);
    assert_int_equal(mlp_trainer_restore(other, saved.data, saved.length, &epochs, NULL), ERR_OK);
    assert_int_equal(epochs, 1);
    mlp_trainer_free(t);
    mlp_trainer_free(other);
    buf_done(&saved);
    buf_done(&before);
    buf_done(&after);
    scene_done(&s);
}

/* Of several targets each one's scale is part of it. */
static void test_a_checkpoint_of_other_targets(void **state)
{
    (void)state;
    struct scene s;
    struct buf saved;
    uint32_t epochs = 7;
    buf_init(&saved, MAXIMUM);
    scene_start_of(&s, TASK_REGRESSION, MLP_ADAM, 8, 30);
    s.spec.target_deviations = (const double[]){1, 2, 3};
    struct mlp_trainer *t = trainer_of(&s);
    assert_true(mlp_trainer_save(t, &saved));
    assert_int_equal(mlp_trainer_restore(t, saved.data, saved.length, &epochs, NULL), ERR_OK);
    mlp_trainer_free(t);
    for (unsigned j = 0; j < 3; j++) {
        double other[] = {1, 2, 3};
        other[j] *= 2;
        s.spec.target_deviations = other;
        t = trainer_of(&s);
        assert_int_equal(mlp_trainer_restore(t, saved.data, saved.length, &epochs, NULL), ERR_CORRUPT);
        mlp_trainer_free(t);
    }
    buf_done(&saved);
    scene_done(&s);
}

/* One trainer's checkpoint is no other's: each of these differs in one thing. */
static void test_a_checkpoint_of_another_run(void **state)
{
    (void)state;
    struct scene s;
    struct buf saved;
    uint32_t epochs = 7;
    buf_init(&saved, MAXIMUM);
    scene_start(&s, MLP_MOMENTUM, 8, 30);
    struct mlp_trainer *t = trainer_of(&s);
    assert_true(mlp_trainer_save(t, &saved));
    mlp_trainer_free(t);
    const struct mlp_spec original = s.spec;
    for (unsigned i = 0; i < 16; i++) {
        s.spec = original;
        s.spec.seed += i == 0;
        s.spec.batch_size += i == 1;
        s.spec.optimizer.learning_rate *= i == 2 ? 2 : 1;
        s.spec.optimizer.momentum *= i == 3 ? 0.5 : 1;
        s.spec.hidden[1].activation = i == 4 ? MLP_TANH : original.hidden[1].activation;
        s.spec.hidden[0].units += i == 5;
        s.spec.hidden_count -= i == 6;
        s.block_rows = i == 7 ? 16 : 0;
        s.spec.target_deviations = i == 8 ? (const double[]){2} : NULL;
        s.spec.l2 = i == 9;
        s.spec.clip_norm = i == 10;
        s.spec.hidden[0].dropout = i == 11 ? 0.5 : 0;
        s.spec.hidden[0].batch_normalization = i == 12;
        s.spec.schedule.warmup_epochs = i == 13;
        s.spec.stopping.early = i == 14;
        s.spec.class_weights = i == 15 ? (const double[]){1, 2, 1} : NULL;
        t = trainer_of(&s);
        struct err err = {0};
        fixture_case("difference %u", i);
        assert_int_equal(mlp_trainer_restore(t, saved.data, saved.length, &epochs, &err), ERR_CORRUPT);
        assert_non_null(strstr(err.message, "another run"));
        assert_int_equal(epochs, 7);
        mlp_trainer_free(t);
    }
    buf_done(&saved);
    scene_done(&s);
}

/* Estimates of a run's memory count on it: never less than it is, nor much more. */
static void test_the_size_is_known_before(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3u * MLP_OPTIMIZERS; i++) {
        struct scene s;
        struct buf saved;
        buf_init(&saved, MAXIMUM);
        scene_start(&s, (enum mlp_optimizer)(i / 3), 8, 30);
        s.spec.hidden[0].units = s.spec.hidden[1].units = 200;
        s.spec.hidden[0].batch_normalization = i % 3 == 2;
        s.spec.stopping.early = i % 3 > 0;
        struct mlp_trainer *t = trainer_of(&s);
        fixture_case("optimizer %u, %u", i / 3, i % 3);
        assert_true(mlp_trainer_save(t, &saved));
        assert_in_range(mlp_spec_checkpoint(&s.spec), saved.length, saved.length + (1 << 16) + saved.length / 50);
        assert_true(saved.capacity <= mlp_spec_checkpoint(&s.spec) + 1);
        mlp_trainer_free(t);
        buf_done(&saved);
        scene_done(&s);
    }
}

/* Checkpoints have W row by row, whatever it looks like in memory: those of any version are read by any. */
static void test_weights_are_kept_as_rows(void **state)
{
    (void)state;
    struct scene s;
    struct buf saved;
    uint32_t epochs;
    scene_start_of(&s, TASK_MULTICLASS, MLP_ADAM, 8, 40);
    s.spec.hidden_count = 1;
    s.spec.hidden[0] = (struct mlp_hidden){.units = 83, .activation = MLP_TANH}; /* panels of 32, 32 and 32 columns, 13 of them padding */
    buf_init(&saved, MAXIMUM);
    struct mlp_trainer *t = trainer_of(&s), *other = trainer_of(&s);
    struct mlp_epoch epoch;
    assert_int_equal(mlp_trainer_epoch(t, NULL, &epoch, NULL), ERR_OK);
    assert_true(mlp_trainer_save(t, &saved));
    size_t units = 83, stride = kernel_stride(83), inputs = s.spec.inputs;
    real *w = malloc(inputs * units * sizeof *w), *again = malloc(inputs * units * sizeof *w);
    mlp_network_weights(&t->network, 1, w);
    const char *at = memmem(saved.data, saved.length, w, units * sizeof *w);
    assert_non_null(at);
    for (size_t i = 0; i < inputs; i++)
        assert_memory_equal(at + i * stride * sizeof *w, w + i * units, units * sizeof *w);
    assert_int_equal(mlp_trainer_restore(other, saved.data, saved.length, &epochs, NULL), ERR_OK);
    mlp_network_weights(&other->network, 1, again);
    assert_memory_equal(again, w, inputs * units * sizeof *w);
    free(w);
    free(again);
    buf_done(&saved);
    mlp_trainer_free(t);
    mlp_trainer_free(other);
    scene_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_interruption_at_any_batch),
        cmocka_unit_test(test_an_interruption_with_several_targets),
        cmocka_unit_test(test_an_interruption_within_a_batch),
        cmocka_unit_test(test_an_interruption_with_everything_on),
        cmocka_unit_test(test_weights_are_kept_as_rows),
        cmocka_unit_test(test_damage_is_seen),
        cmocka_unit_test(test_a_checkpoint_of_other_targets),
        cmocka_unit_test(test_a_checkpoint_of_another_run),
        cmocka_unit_test(test_the_size_is_known_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
