/* core/nn/model: the model file, whole or refused. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/sections.h"
#include "core/base/sha256.h"
#include "core/nn/model.h"
#include "data_fixture.h"
#include <pthread.h>

#define HEAD_BYTES     (8 + 4 * 4) /* magic, version, endianness mark, sections, reserved */
#define LENGTHS_BYTES  (3 * 8)
#define SECTIONS_START (HEAD_BYTES + LENGTHS_BYTES)

static const char table_text[] = "x,c,y,k\n1,a,10,no\n2,b,14,yes\n3,a,9,no\n,a,20,yes\n5,b,3,no\n6,c,11,yes\n";
static const char several_text[] = "x,c,y,k,z,l\n1,a,10,no,0.5,on\n2,b,14,yes,0.25,on\n3,a,9,no,-1,off\n,a,20,yes,4,on\n"
                                   "5,b,3,no,7,off\n6,c,11,yes,2,off\n";

struct trained {
    struct encoder *encoder;
    struct mlp_trainer *trainer;
    real x[6 * 8], y[6 * 2];
    struct mlp_matrix matrix;
    struct table *table;
};

/* A small network of every kind of activation, trained for three epochs. target: one, or "one+another" of another table. */
static void train(struct data_fixture *f, struct trained *t, const char *target, enum task task, uint64_t seed)
{
    const char *second = strchr(target, '+'), *targets[] = {target, second ? second + 1 : NULL};
    char first[8] = "";
    struct encoder_options o = {.targets = targets, .target_count = second ? 2 : 1, .task = task};
    struct encoder_view *v = NULL;
    uint32_t rows[6] = {0, 1, 2, 3, 4, 5};
    if (second)
        targets[0] = memcpy(first, target, (size_t)(second - target));
    *t = (struct trained){.table = table_of(f, second ? several_text : table_text)};
    t->encoder = fit_on(f, t->table, &o, NULL, 0);
    uint32_t inputs = encoder_inputs(t->encoder);
    assert_true(inputs <= 8);
    assert_int_equal(encoder_view_new(t->encoder, t->table, &v, &f->err), ERR_OK);
    encoder_encode(v, rows, 6, t->x, 8, t->y);
    encoder_view_free(v);
    t->matrix = (struct mlp_matrix){.x = t->x, .y = t->y, .stride = 8, .inputs = inputs, .targets = o.target_count};
    struct mlp_source source = {.rows = 6, .gather = mlp_matrix_gather, .context = &t->matrix};
    struct mlp_spec s;
    mlp_spec_default(&s);
    s.task = encoder_task(t->encoder);
    s.inputs = inputs;
    s.outputs = encoder_outputs(t->encoder);
    s.hidden_count = 3;
    s.hidden[0] = (struct mlp_hidden){.units = 5, .activation = MLP_TANH};
    s.hidden[1] = (struct mlp_hidden){.units = 17, .activation = MLP_LEAKY_RELU, .negative_slope = 0.25};
    s.hidden[2] = (struct mlp_hidden){.units = 3, .activation = MLP_RELU};
    s.batch_size = 2;
    s.seed = seed;
    struct mlp_epoch epoch;
    assert_int_equal(mlp_trainer_new(&s, &source, NULL, &t->trainer, &f->err), ERR_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(mlp_trainer_epoch(t->trainer, NULL, &epoch, &f->err), ERR_OK);
}

static void trained_done(struct trained *t)
{
    mlp_trainer_free(t->trainer);
    encoder_free(t->encoder);
    table_unref(t->table);
}

static void save(const struct trained *t, struct buf *out)
{
    buf_init(out, 1 << 20);
    assert_true(model_save(t->encoder, mlp_trainer_network(t->trainer), out));
}

static struct model *load(struct data_fixture *f, const struct buf *b)
{
    struct model *m = NULL;
    if (model_load(b->data, b->length, &m, &f->err))
        fail_msg("%s", f->err.message);
    return m;
}

/* Puts the SHA-256 that fits the bytes behind them, so that what lies behind the checksum is met. */
static void sign(char *data, size_t length)
{
    struct sha256 s;
    sha256_start(&s);
    sha256_add(&s, data, length - SHA256_BYTES);
    sha256_finish(&s, (uint8_t *)data + length - SHA256_BYTES);
}

static const struct {
    const char *target;
    enum task task;
} tasks[] = {{"y", TASK_AUTO}, {"k", TASK_BINARY}, {"c", TASK_MULTICLASS}, {"y+z", TASK_AUTO}, {"k+l", TASK_AUTO}};

/* ---- round trips ------------------------------------------------------------------------------------------------------ */

static void test_a_model_predicts_the_same_bits(void **state)
{
    struct data_fixture *f = *state;
    for (size_t i = 0; i < COUNT(tasks); i++) {
        struct trained t;
        struct buf b, again;
        real out[6 * 3], back[6 * 3];
        train(f, &t, tasks[i].target, tasks[i].task, 1);
        save(&t, &b);
        const struct mlp_network *n = mlp_trainer_network(t.trainer);
        struct model *m = load(f, &b);
        assert_int_equal(mlp_predict(n, t.x, 6, 8, out, NULL, &f->err), ERR_OK);
        assert_int_equal(mlp_predict(model_network(m), t.x, 6, 8, back, NULL, &f->err), ERR_OK);
        assert_memory_equal(back, out, 6 * encoder_outputs(t.encoder) * sizeof *out);
        const struct mlp_spec *s = mlp_network_spec(model_network(m));
        assert_int_equal(s->task, encoder_task(t.encoder));
        assert_int_equal(s->hidden_count, 3);
        assert_int_equal(s->hidden[1].units, 17);
        assert_int_equal(s->hidden[1].activation, MLP_LEAKY_RELU);
        assert_true(s->hidden[1].negative_slope == 0.25);
        assert_int_equal(encoder_targets(model_encoder(m)), strchr(tasks[i].target, '+') ? 2 : 1);
        assert_int_equal(encoder_target(model_encoder(m), 0)->name[0], tasks[i].target[0]);
        assert_int_equal(encoder_inputs(model_encoder(m)), s->inputs);
        buf_init(&again, 1 << 20);
        assert_true(model_save(model_encoder(m), model_network(m), &again));
        assert_int_equal(again.length, b.length);
        assert_memory_equal(again.data, b.data, b.length);
        model_unref(m);
        trained_done(&t);
        buf_done(&b);
        buf_done(&again);
    }
}

static void test_equal_training_gives_equal_bytes(void **state)
{
    struct data_fixture *f = *state;
    struct trained a, b, c;
    struct buf one, same, other;
    train(f, &a, "k", TASK_AUTO, 1);
    train(f, &b, "k", TASK_AUTO, 1);
    train(f, &c, "k", TASK_AUTO, 2);
    save(&a, &one);
    save(&b, &same);
    save(&c, &other);
    assert_int_equal(one.length, same.length);
    assert_memory_equal(one.data, same.data, one.length);
    assert_int_equal(one.length, other.length);
    assert_memory_not_equal(one.data, other.data, one.length);
    trained_done(&a);
    trained_done(&b);
    trained_done(&c);
    buf_done(&one);
    buf_done(&same);
    buf_done(&other);
}

static void test_a_model_behind_other_bytes(void **state)
{
    struct data_fixture *f = *state;
    struct trained t;
    struct buf alone, behind;
    train(f, &t, "y", TASK_AUTO, 1);
    save(&t, &alone);
    buf_init(&behind, 1 << 20);
    buf_puts(&behind, "something");
    assert_true(model_save(t.encoder, mlp_trainer_network(t.trainer), &behind));
    assert_int_equal(behind.length, alone.length + 9);
    assert_memory_equal(behind.data + 9, alone.data, alone.length);
    buf_done(&behind);
    for (size_t room = 0; room < alone.length; room += 1 + room / 8) {
        buf_init(&behind, room);
        assert_false(model_save(t.encoder, mlp_trainer_network(t.trainer), &behind));
        buf_done(&behind);
    }
    buf_init(&behind, alone.length);
    assert_true(model_save(t.encoder, mlp_trainer_network(t.trainer), &behind));
    buf_done(&behind);
    buf_done(&alone);
    trained_done(&t);
}

/* ---- damage ----------------------------------------------------------------------------------------------------------- */

static enum err_code try_to_load(struct data_fixture *f, const char *data, size_t length)
{
    struct model *m = NULL;
    f->err = (struct err){0};
    enum err_code code = model_load(data, length, &m, &f->err);
    assert_true((code == ERR_OK) == (m != NULL));
    if (m) {
        real x[64], out[64];
        encoder_row_start(model_encoder(m), memset(x, 0, sizeof x));
        if (encoder_inputs(model_encoder(m)) <= 64 && encoder_outputs(model_encoder(m)) <= 64)
            assert_int_equal(mlp_predict(model_network(m), x, 1, 64, out, NULL, NULL), ERR_OK);
    }
    model_unref(m);
    return code;
}

static void test_a_file_cut_anywhere_is_refused(void **state)
{
    struct data_fixture *f = *state;
    for (size_t i = 0; i < COUNT(tasks); i++) {
        struct trained t;
        struct buf b;
        train(f, &t, tasks[i].target, tasks[i].task, 1);
        save(&t, &b);
        for (size_t length = 0; length < b.length; length++) {
            char *exact = malloc(length ? length : 1); /* so that AddressSanitizer sees a byte too many */
            assert_non_null(exact);
            memcpy(exact, b.data, length);
            assert_int_equal(try_to_load(f, exact, length), ERR_CORRUPT);
            assert_says(f, "the model file is damaged: ");
            if (length >= SHA256_BYTES + SECTIONS_START) { /* cut, but with a checksum that fits */
                sign(exact, length);
                assert_int_equal(try_to_load(f, exact, length), ERR_CORRUPT);
            }
            free(exact);
        }
        assert_int_equal(try_to_load(f, b.data, b.length), ERR_OK);
        buf_putc(&b, '\0');
        assert_int_equal(try_to_load(f, b.data, b.length), ERR_CORRUPT);
        sign(b.data, b.length);
        assert_int_equal(try_to_load(f, b.data, b.length), ERR_CORRUPT);
        buf_done(&b);
        trained_done(&t);
    }
}

static void test_every_flipped_bit_is_found(void **state)
{
    struct data_fixture *f = *state;
    for (size_t i = 2; i < COUNT(tasks); i++) { /* classes, and several targets */
        struct trained t;
        struct buf b;
        train(f, &t, tasks[i].target, tasks[i].task, 1);
        save(&t, &b);
        for (size_t bit = 0; bit < 8 * b.length; bit++) {
            b.data[bit / 8] ^= (char)(1 << bit % 8);
            assert_int_equal(try_to_load(f, b.data, b.length), ERR_CORRUPT);
            assert_true(*f->err.message);
            b.data[bit / 8] ^= (char)(1 << bit % 8);
        }
        buf_done(&b);
        trained_done(&t);
    }
}

/* A file as it was before there were several targets: its encoder has one, and no word of how many. */
static void test_a_file_of_the_version_before_is_read(void **state)
{
    static const struct sections_format format = {"MLPMODEL", "model file", 1, 3};
    struct data_fixture *f = *state;
    for (size_t i = 0; i < 3; i++) {
        struct trained t;
        struct buf b, old, again;
        struct unpack section[3] = {0};
        struct sections_out file;
        real out[6 * 3], back[6 * 3];
        train(f, &t, tasks[i].target, tasks[i].task, 1);
        save(&t, &b);
        assert_int_equal(sections_open(&format, b.data, b.length, section, &f->err), ERR_OK);
        buf_init(&old, 1 << 20);
        buf_init(&again, 1 << 20);
        sections_start(&file, &format, &old);
        pack_u32(&old, 2);
        buf_add(&old, section[0].at + 4, 4); /* the task; then the number of targets */
        buf_add(&old, section[0].at + 12, (size_t)(section[0].end - section[0].at) - 12);
        sections_next(&file);
        for (int k = 1; k < 3; k++) {
            buf_add(&old, section[k].at, (size_t)(section[k].end - section[k].at));
            sections_next(&file);
        }
        assert_true(sections_finish(&file));
        struct model *m = load(f, &old);
        assert_int_equal(mlp_predict(mlp_trainer_network(t.trainer), t.x, 6, 8, out, NULL, &f->err), ERR_OK);
        assert_int_equal(mlp_predict(model_network(m), t.x, 6, 8, back, NULL, &f->err), ERR_OK);
        assert_memory_equal(back, out, 6 * encoder_outputs(t.encoder) * sizeof *out);
        assert_true(model_save(model_encoder(m), model_network(m), &again)); /* in the version of today */
        assert_int_equal(again.length, b.length);
        assert_memory_equal(again.data, b.data, b.length);
        model_unref(m);
        buf_done(&again);
        buf_done(&old);
        buf_done(&b);
        trained_done(&t);
    }
}

/* With a checksum that fits: a forged file may be another model, but no crash. */
static void test_forged_files_do_no_harm(void **state)
{
    struct data_fixture *f = *state;
    size_t refused = 0;
    for (size_t i = 0; i < COUNT(tasks); i++) {
        struct trained t;
        struct buf b;
        train(f, &t, tasks[i].target, tasks[i].task, 1);
        save(&t, &b);
        size_t weights = mlp_spec_parameters(mlp_network_spec(mlp_trainer_network(t.trainer))) * sizeof(float);
        size_t end = b.length - SHA256_BYTES - weights + 64; /* some of the weights */
        for (size_t bit = 0; bit < 8 * end; bit++) {
            b.data[bit / 8] ^= (char)(1 << bit % 8);
            sign(b.data, b.length);
            enum err_code code = try_to_load(f, b.data, b.length);
            assert_true(code == ERR_OK || code == ERR_CORRUPT);
            assert_true(code == ERR_CORRUPT || bit >= 8 * SECTIONS_START);
            refused += code == ERR_CORRUPT;
            b.data[bit / 8] ^= (char)(1 << bit % 8);
        }
        buf_done(&b);
        trained_done(&t);
    }
    assert_true(refused > 8 * SECTIONS_START * COUNT(tasks));
}

static void test_weights_are_finite(void **state)
{
    struct data_fixture *f = *state;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    struct trained t;
    struct buf b;
    train(f, &t, "k", TASK_AUTO, 1);
    save(&t, &b);
    size_t weights = mlp_spec_parameters(mlp_network_spec(mlp_trainer_network(t.trainer))) * sizeof(float);
    char *start = b.data + b.length - SHA256_BYTES - weights;
    for (size_t at = 0; at < weights; at += sizeof(float))
        for (size_t k = 0; k < COUNT(bad); k++) {
            float kept;
            memcpy(&kept, start + at, sizeof kept);
            memcpy(start + at, &bad[k], sizeof kept);
            sign(b.data, b.length);
            assert_int_equal(try_to_load(f, b.data, b.length), ERR_CORRUPT);
            assert_string_equal(f->err.message, "the model file is damaged: a weight is not finite");
            memcpy(start + at, &kept, sizeof kept);
        }
    sign(b.data, b.length);
    assert_int_equal(try_to_load(f, b.data, b.length), ERR_OK);
    buf_done(&b);
    trained_done(&t);
}

/* The encoder of one model and the network of another. */
static void test_parts_that_do_not_fit_are_refused(void **state)
{
    struct data_fixture *f = *state;
    struct trained t[3];
    for (size_t i = 0; i < 3; i++)
        train(f, &t[i], tasks[i].target, tasks[i].task, 1);
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 3; k++) {
            struct buf b;
            buf_init(&b, 1 << 20);
            assert_true(model_save(t[i].encoder, mlp_trainer_network(t[k].trainer), &b));
            assert_int_equal(try_to_load(f, b.data, b.length), i == k ? ERR_OK : ERR_CORRUPT);
            if (i != k)
                assert_string_equal(f->err.message, "the model file is damaged: its network does not fit its encoder");
            buf_done(&b);
        }
    static const char *const features[] = {"x"}; /* the same task and target, but other inputs */
    struct encoder_options o = {TARGET("y"), .features = features, .feature_count = 1};
    struct encoder *narrow = fit_on(f, t[0].table, &o, NULL, 0);
    struct buf b;
    buf_init(&b, 1 << 20);
    assert_true(model_save(narrow, mlp_trainer_network(t[0].trainer), &b));
    assert_int_equal(try_to_load(f, b.data, b.length), ERR_CORRUPT);
    assert_string_equal(f->err.message, "the model file is damaged: its network does not fit its encoder");
    buf_done(&b);
    encoder_free(narrow);
    for (size_t i = 0; i < 3; i++)
        trained_done(&t[i]);
}

static void test_a_newer_version_says_so(void **state)
{
    struct data_fixture *f = *state;
    struct trained t;
    struct buf b;
    train(f, &t, "k", TASK_AUTO, 1);
    save(&t, &b);
    uint32_t version = 2;
    memcpy(b.data + 8, &version, sizeof version);
    for (int signed_too = 0; signed_too < 2; signed_too++) {
        assert_int_equal(try_to_load(f, b.data, b.length), ERR_CORRUPT);
        assert_string_equal(f->err.message,
                            "the model file is of version 2; this program reads up to 1: use a newer one");
        sign(b.data, b.length);
    }
    version = 0;
    memcpy(b.data + 8, &version, sizeof version);
    sign(b.data, b.length);
    assert_int_equal(try_to_load(f, b.data, b.length), ERR_CORRUPT);
    assert_says(f, "damaged");
    version = 1;
    memcpy(b.data + 8, &version, sizeof version);
    uint32_t swapped = 0x04030201;
    memcpy(b.data + 12, &swapped, sizeof swapped);
    sign(b.data, b.length);
    assert_int_equal(try_to_load(f, b.data, b.length), ERR_CORRUPT);
    buf_done(&b);
    trained_done(&t);
    assert_int_equal(try_to_load(f, "", 0), ERR_CORRUPT);
    assert_int_equal(try_to_load(f, "MLPMODEL", 8), ERR_CORRUPT);
}

/* ---- memory and sharing ----------------------------------------------------------------------------------------------- */

static void test_memory_that_fails_at_any_allocation(void **state)
{
    struct data_fixture *f = *state;
    struct trained t;
    struct buf b;
    train(f, &t, "c", TASK_MULTICLASS, 1);
    save(&t, &b);
    uint64_t before = mem_count();
    model_unref(load(f, &b));
    uint64_t allocations = mem_count() - before;
    assert_true(allocations > 10);
    for (uint64_t nth = 1; nth <= allocations; nth++) {
        struct model *m = NULL;
        mem_fail_at(nth, 0);
        assert_int_equal(model_load(b.data, b.length, &m, &f->err), ERR_NO_MEMORY);
        mem_fail_at(0, 0);
        assert_null(m);
    }
    buf_done(&b);
    trained_done(&t);
}

struct user {
    struct model *model;
    const real *x;
    real out[6];
    enum err_code code;
};

static void *use_model(void *context)
{
    struct user *u = context;
    for (int i = 0; i < 200 && !u->code; i++) {
        struct model *m = model_ref(u->model);
        u->code = mlp_predict(model_network(m), u->x, 6, 8, u->out, NULL, NULL);
        model_unref(m);
    }
    model_unref(u->model);
    return NULL;
}

/* The last of many threads frees it. */
static void test_threads_share_a_model(void **state)
{
    struct data_fixture *f = *state;
    struct trained t;
    struct buf b;
    real expected[6];
    train(f, &t, "y", TASK_AUTO, 1);
    save(&t, &b);
    struct model *m = load(f, &b);
    assert_int_equal(mlp_predict(mlp_trainer_network(t.trainer), t.x, 6, 8, expected, NULL, &f->err), ERR_OK);
    pthread_t thread[4];
    struct user user[4];
    for (int i = 0; i < 4; i++) {
        user[i] = (struct user){.model = model_ref(m), .x = t.x};
        assert_int_equal(pthread_create(&thread[i], NULL, use_model, &user[i]), 0);
    }
    model_unref(m);
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(user[i].code, ERR_OK);
        assert_memory_equal(user[i].out, expected, sizeof expected);
    }
    model_unref(NULL);
    buf_done(&b);
    trained_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_a_model_predicts_the_same_bits),
        WITH_DIR(test_equal_training_gives_equal_bytes),
        WITH_DIR(test_a_model_behind_other_bytes),
        WITH_DIR(test_a_file_cut_anywhere_is_refused),
        WITH_DIR(test_every_flipped_bit_is_found),
        WITH_DIR(test_a_file_of_the_version_before_is_read),
        WITH_DIR(test_forged_files_do_no_harm),
        WITH_DIR(test_weights_are_finite),
        WITH_DIR(test_parts_that_do_not_fit_are_refused),
        WITH_DIR(test_a_newer_version_says_so),
        WITH_DIR(test_memory_that_fails_at_any_allocation),
        WITH_DIR(test_threads_share_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
