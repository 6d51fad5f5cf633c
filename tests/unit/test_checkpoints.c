/* server/train/checkpoints: the files of a run, whatever has become of them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/mem.h"
#include "server/train/checkpoints.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define RUN 7
#define EPOCHS 4

/* y is the sum of the two columns. */
static const real rows_x[] = {0, 1, 1, 0, 2, 1, 1, 2, 3, 0, 0, 3}, rows_y[] = {1, 1, 3, 3, 3, 3};

struct scene {
    char dir[64];
    int stderr_fd, log;
    off_t log_read; /* so far */
    struct checkpoints c;
    struct buf state[EPOCHS + 1]; /* the trainer's bytes at the end of each epoch */
};

static struct mlp_trainer *trainer_new(void)
{
    static const struct mlp_matrix matrix = {.x = rows_x, .y = rows_y, .stride = 2, .inputs = 2};
    struct mlp_spec spec;
    struct mlp_trainer *t = NULL;
    mlp_spec_default(&spec);
    spec.task = TASK_REGRESSION;
    spec.inputs = 2;
    spec.outputs = 1;
    spec.hidden_count = 1;
    spec.hidden[0] = (struct mlp_hidden){.units = 2, .activation = MLP_TANH};
    spec.batch_size = 2;
    spec.epochs = EPOCHS;
    mlp_optimizer_defaults(&spec.optimizer);
    assert_int_equal(mlp_trainer_new(&spec, &(struct mlp_source){.rows = 6, .gather = mlp_matrix_gather, .context = &matrix},
                                     NULL, &t, NULL),
                     ERR_OK);
    return t;
}

static void save_state(const struct mlp_trainer *t, struct buf *out)
{
    buf_init(out, 1 << 20);
    assert_true(mlp_trainer_save(t, out));
}

/* Checkpoints of each of the first epochs, one after the other. */
static void write_epochs(struct scene *s, uint32_t epochs)
{
    struct mlp_trainer *t = trainer_new();
    assert_int_equal(checkpoints_init(&s->c, s->dir, RUN, NULL), ERR_OK);
    save_state(t, &s->state[0]);
    for (uint32_t i = 1; i <= EPOCHS; i++) {
        struct mlp_epoch e;
        assert_int_equal(mlp_trainer_epoch(t, NULL, &e, NULL), ERR_OK);
        save_state(t, &s->state[i]);
        struct worker_progress p = {.epoch = i, .training_seconds = 0.5 * i};
        if (i <= epochs)
            assert_int_equal(checkpoints_write(&s->c, t, &p, NULL), ERR_OK);
    }
    mlp_trainer_free(t);
}

/* What a start finds: the epoch of the checkpoint that is used, 0 for none; the trainer is what it was then. */
static uint32_t restored(struct scene *s, uint32_t most)
{
    struct mlp_trainer *t = trainer_new();
    struct worker_progress p = {0};
    struct buf state;
    assert_int_equal(checkpoints_init(&s->c, s->dir, RUN, NULL), ERR_OK);
    bool used = checkpoints_restore(&s->c, t, most, &p);
    assert_int_equal(used, p.epoch > 0);
    assert_true(p.training_seconds == 0.5 * p.epoch);
    save_state(t, &state);
    assert_int_equal(state.length, s->state[p.epoch].length);
    assert_memory_equal(state.data, s->state[p.epoch].data, state.length);
    buf_done(&state);
    mlp_trainer_free(t);
    return p.epoch;
}

static int set_up(void **state)
{
    static struct scene s;
    s = (struct scene){.dir = "/tmp/test_checkpoints_XXXXXX"};
    *state = &s;
    if (!mkdtemp(s.dir))
        return -1;
    char path[FS_PATH_MAX];
    snprintf(path, sizeof path, "%s.log", s.dir);
    s.log = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    s.stderr_fd = dup(STDERR_FILENO);
    return unlink(path) || dup2(s.log, STDERR_FILENO) < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    fs_fail_at(0, 0, 0);
    dup2(s->stderr_fd, STDERR_FILENO);
    close(s->stderr_fd);
    close(s->log);
    for (size_t i = 0; i < COUNT(s->state); i++)
        buf_done(&s->state[i]);
    checkpoints_remove_run(s->dir, RUN);
    return rmdir(s->dir); /* nothing else is there */
}

/* Lines of the log that say so, since the last call. */
static unsigned passed_over(struct scene *s)
{
    static char text[1 << 16];
    ssize_t n = pread(s->log, text, sizeof text - 1, s->log_read);
    unsigned count = 0;
    assert_true(n >= 0);
    text[n] = '\0';
    for (const char *at = text; (at = strstr(at, "checkpoint passed over")); at++)
        count++;
    s->log_read += n;
    return count;
}

struct bytes {
    char *data;
    size_t size;
};

static struct bytes read_part(const struct scene *s, unsigned part)
{
    struct bytes b;
    assert_int_equal(fs_read_all(s->c.path[part], 1 << 20, &b.data, &b.size, NULL), ERR_OK);
    return b;
}

static void put_part(const struct scene *s, unsigned part, const char *data, size_t size)
{
    int fd = open(s->c.path[part], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), size);
    close(fd);
}

/* ---- the last two ---------------------------------------------------------------------------------------------------- */

static void test_the_newest_is_used_and_two_are_kept(void **state)
{
    struct scene *s = *state;
    for (uint32_t epochs = 0; epochs <= EPOCHS; epochs++) {
        write_epochs(s, epochs);
        assert_int_equal(fs_exists(s->c.path[0]), epochs > 0);
        assert_int_equal(fs_exists(s->c.path[1]), epochs > 1);
        assert_int_equal(restored(s, EPOCHS), epochs);
        /* the next one takes the place of the older one */
        unsigned older = s->c.next;
        if (epochs > 1) {
            assert_int_equal(fs_remove(s->c.path[older], NULL), ERR_OK);
            assert_int_equal(restored(s, EPOCHS), epochs);
        }
        for (size_t i = 0; i < COUNT(s->state); i++)
            buf_done(&s->state[i]);
        checkpoints_remove_run(s->dir, RUN);
    }
    assert_int_equal(passed_over(s), 0);
}

/* A store that was put back to an earlier state has fewer epochs than the checkpoint: there would be a gap. */
static void test_one_beyond_what_is_stored_is_not_used(void **state)
{
    struct scene *s = *state;
    write_epochs(s, 3);
    assert_int_equal(restored(s, 3), 3);
    assert_int_equal(passed_over(s), 0);
    assert_int_equal(restored(s, 2), 2);
    assert_int_equal(passed_over(s), 1);
    assert_int_equal(restored(s, 1), 0);
    assert_int_equal(passed_over(s), 2);
}

static void test_one_of_another_run_is_not_used(void **state)
{
    struct scene *s = *state;
    write_epochs(s, 2);
    struct bytes b = read_part(s, 1);
    struct checkpoints other;
    struct worker_progress p = {0};
    struct mlp_trainer *t = trainer_new();
    assert_int_equal(checkpoints_init(&other, s->dir, RUN + 1, NULL), ERR_OK);
    struct scene elsewhere = {.c = other};
    put_part(&elsewhere, 0, b.data, b.size);
    assert_false(checkpoints_restore(&other, t, EPOCHS, &p));
    assert_int_equal(passed_over(s), 1);
    checkpoints_remove(&other);
    assert_false(fs_exists(other.path[0]));
    mlp_trainer_free(t);
    mem_free(b.data);
}

/* ---- damage ---------------------------------------------------------------------------------------------------------- */

/* Wherever it is cut or altered: the one before is used, and the log says so; then the start. */
static void test_any_damage_falls_back(void **state)
{
    struct scene *s = *state;
    write_epochs(s, 2); /* epoch 2 is in part 1 */
    struct bytes b = read_part(s, 1);
    int fd = open(s->c.path[1], O_RDWR | O_CLOEXEC);
    for (size_t length = b.size; length--;) {
        assert_int_equal(ftruncate(fd, (off_t)length), 0);
        assert_int_equal(restored(s, EPOCHS), 1);
        assert_int_equal(s->c.next, 1); /* the good one is not written over */
        assert_int_equal(passed_over(s), 1);
    }
    assert_int_equal(pwrite(fd, b.data, b.size, 0), b.size);
    for (size_t bit = 0; bit < 8 * b.size; bit++) {
        char altered = (char)(b.data[bit / 8] ^ (1 << bit % 8));
        assert_int_equal(pwrite(fd, &altered, 1, (off_t)(bit / 8)), 1);
        assert_int_equal(restored(s, EPOCHS), 1);
        assert_int_equal(passed_over(s), 1);
        assert_int_equal(pwrite(fd, &b.data[bit / 8], 1, (off_t)(bit / 8)), 1);
    }
    close(fd);
    put_part(s, 0, "", 0);
    put_part(s, 1, b.data, b.size - 1);
    assert_int_equal(restored(s, EPOCHS), 0);
    assert_int_equal(passed_over(s), 2);
    put_part(s, 1, b.data, b.size);
    assert_int_equal(restored(s, EPOCHS), 2);
    mem_free(b.data);
}

/* ---- writing that fails ------------------------------------------------------------------------------------------------ */

static void test_a_write_that_fails_harms_nothing(void **state)
{
    struct scene *s = *state;
    write_epochs(s, 2);
    struct checkpoints before = s->c, copy = s->c;
    struct mlp_trainer *t = trainer_new();
    struct worker_progress p = {0};
    assert_true(checkpoints_restore(&s->c, t, EPOCHS, &p));
    uint64_t start = fs_count();
    assert_int_equal(checkpoints_write(&copy, t, &p, NULL), ERR_OK);
    uint64_t calls = fs_count() - start;
    for (uint64_t nth = 1; nth <= calls; nth++) {
        struct checkpoints c = before;
        struct err err = {0};
        fs_fail_at(nth, ENOSPC, 0);
        assert_int_equal(checkpoints_write(&c, t, &p, &err), ERR_NO_SPACE);
        fs_fail_at(0, 0, 0);
        assert_int_equal(c.next, before.next); /* tried again at the same place */
        assert_int_equal(c.sequence, before.sequence);
        assert_int_equal(restored(s, EPOCHS), 2); /* the good one is there still */
    }
    mem_fail_at(1, 0);
    assert_int_equal(checkpoints_write(&before, t, &p, NULL), ERR_NO_MEMORY);
    mem_fail_at(0, 0);
    mlp_trainer_free(t);
}

/* ---- names ------------------------------------------------------------------------------------------------------------- */

static void test_names(void **state)
{
    (void)state;
    static const char *const others[] = {"7", "7.", "7.2", "7.0.tmp", "07.0", "+7.0", " 7.1", "7.00", "x.0", ".0", ""};
    int64_t run = 0;
    assert_true(checkpoint_name("7.0", &run) && run == 7);
    assert_true(checkpoint_name("123456789012.1", &run) && run == 123456789012);
    for (size_t i = 0; i < COUNT(others); i++)
        assert_false(checkpoint_name(others[i], &run));
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(test_the_newest_is_used_and_two_are_kept),
        SCENE(test_one_beyond_what_is_stored_is_not_used),
        SCENE(test_one_of_another_run_is_not_used),
        SCENE(test_any_damage_falls_back),
        SCENE(test_a_write_that_fails_harms_nothing),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
