/* server/train/model_cache: models from their files, shared, and dropped when there are too many. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/nn/network.h"
#include "data_fixture.h"
#include "server/train/model_cache.h"
#include <pthread.h>
#include <stdatomic.h>

#define ENTRIES 64 /* of the cache */

struct fixture {
    struct data_fixture data; /* first */
    struct model_cache *cache;
    struct encoder *encoder;
};

static int setup(void **state)
{
    static struct fixture f;
    void *data = NULL;
    if (data_setup(&data))
        return -1;
    f = (struct fixture){.data = *(struct data_fixture *)data};
    *state = &f;
    struct table *t = table_of(&f.data, "x,y\n1,2\n3,5\n");
    f.encoder = fit_on(&f.data, t, &(struct encoder_options){TARGET("y")}, NULL, 0);
    table_unref(t);
    return fs_remove(f.data.path, &f.data.err) || model_cache_new(f.data.dir, &f.cache, &f.data.err) ? -1 : 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    model_cache_free(f->cache);
    encoder_free(f->encoder);
    return data_teardown(state);
}

static void path_of(struct fixture *f, int64_t run, char path[FS_PATH_MAX])
{
    assert_int_equal(model_path(f->data.dir, run, path, &f->data.err), ERR_OK);
}

/* A model file whose output is `mark` for every row, with a hidden layer of so many units. */
static void write_model(struct fixture *f, int64_t run, double mark, uint32_t units)
{
    struct mlp_spec s;
    struct mlp_network n;
    struct buf b;
    char path[FS_PATH_MAX];
    mlp_spec_default(&s);
    s.hidden_count = units > 0;
    s.hidden[0] = (struct mlp_hidden){.units = units, .activation = MLP_RELU};
    if (units > 1000) { /* the weights are between two layers */
        s.hidden_count = 2;
        s.hidden[1] = s.hidden[0];
    }
    assert_int_equal(network_init(&n, &s, &f->data.err), ERR_OK);
    n.parameters[n.layer[n.layers - 1].bias] = (real)mark;
    buf_init(&b, (size_t)1 << 30);
    assert_true(model_save(f->encoder, &n, &b));
    path_of(f, run, path);
    int fd = -1;
    assert_int_equal(fs_create(path, &fd, &f->data.err), ERR_OK); /* no sync: there are many of them */
    assert_int_equal(fs_write(fd, b.data, b.length, &f->data.err), ERR_OK);
    fs_close(fd);
    buf_done(&b);
    network_done(&n);
}

static void remove_model(struct fixture *f, int64_t run)
{
    char path[FS_PATH_MAX];
    path_of(f, run, path);
    assert_int_equal(fs_remove(path, &f->data.err), ERR_OK);
}

static struct model *get(struct fixture *f, int64_t run)
{
    struct model *m = NULL;
    if (model_cache_get(f->cache, run, &m, &f->data.err))
        fail_msg("%s", f->data.err.message);
    return m;
}

static double mark_of(const struct model *m)
{
    real x[1] = {1}, out[1];
    assert_int_equal(mlp_predict(model_network(m), x, 1, 1, out, NULL, NULL), ERR_OK);
    return (double)out[0];
}

/* Whether the run's model is there though its file is not. */
static bool is_cached(struct fixture *f, int64_t run)
{
    struct model *m = NULL;
    enum err_code code = model_cache_get(f->cache, run, &m, &f->data.err);
    assert_true(code == ERR_OK || code == ERR_IO);
    if (m)
        assert_true(mark_of(m) == (double)run);
    model_unref(m);
    return code == ERR_OK;
}

/* ---- one model -------------------------------------------------------------------------------------------------------- */

static void test_a_model_is_read_once_and_shared(void **state)
{
    struct fixture *f = *state;
    write_model(f, 7, 7, 0);
    struct model *first = get(f, 7);
    remove_model(f, 7);
    struct model *second = get(f, 7);
    assert_ptr_equal(first, second);
    assert_true(mark_of(second) == 7);
    model_unref(first);
    assert_true(mark_of(second) == 7); /* each has a reference of its own */
    model_cache_free(f->cache);
    f->cache = NULL;
    assert_true(mark_of(second) == 7); /* that outlives the cache */
    model_unref(second);
}

static void test_the_path_of_a_run(void **state)
{
    struct fixture *f = *state;
    char path[FS_PATH_MAX], dir[FS_PATH_MAX];
    assert_int_equal(model_path("some/dir", 42, path, &f->data.err), ERR_OK);
    assert_string_equal(path, "some/dir/42.model");
    assert_int_equal(model_path("d", INT64_MAX, path, &f->data.err), ERR_OK);
    assert_string_equal(path, "d/9223372036854775807.model");
    memset(dir, 'd', sizeof dir);
    dir[sizeof dir - 5] = '\0';
    assert_int_equal(model_path(dir, 42, path, &f->data.err), ERR_TOO_LARGE);
}

static void test_a_model_that_is_not_there(void **state)
{
    struct fixture *f = *state;
    static const int64_t runs[] = {1, 0, -1, INT64_MAX};
    for (size_t i = 0; i < COUNT(runs); i++) {
        struct model *m = NULL;
        assert_int_equal(model_cache_get(f->cache, runs[i], &m, &f->data.err), ERR_IO);
        assert_null(m);
        model_cache_forget(f->cache, runs[i]);
    }
    write_model(f, 1, 1, 0); /* that it was not there is not remembered */
    assert_true(is_cached(f, 1));
}

static void test_a_damaged_model_is_refused_and_not_kept(void **state)
{
    struct fixture *f = *state;
    struct model *m = NULL;
    char path[FS_PATH_MAX];
    path_of(f, 5, path);
    assert_int_equal(fs_write_atomic(path, "MLPMODEL", 8, &f->data.err), ERR_OK);
    assert_int_equal(model_cache_get(f->cache, 5, &m, &f->data.err), ERR_CORRUPT);
    assert_int_equal(fs_write_atomic(path, "", 0, &f->data.err), ERR_OK);
    assert_int_equal(model_cache_get(f->cache, 5, &m, &f->data.err), ERR_CORRUPT);
    assert_null(m);
    write_model(f, 5, 5, 0);
    assert_true(is_cached(f, 5));
}

static void test_a_forgotten_model_is_read_again(void **state)
{
    struct fixture *f = *state;
    write_model(f, 3, 3, 0);
    struct model *old = get(f, 3);
    write_model(f, 3, 33, 0);
    struct model *same = get(f, 3);
    assert_ptr_equal(same, old); /* nobody said that it changed */
    model_cache_forget(f->cache, 3);
    model_cache_forget(f->cache, 4);
    struct model *now = get(f, 3);
    assert_true(mark_of(now) == 33);
    assert_true(mark_of(old) == 3); /* who has it may go on with it */
    model_unref(old);
    model_unref(same);
    model_unref(now);
}

/* ---- too many --------------------------------------------------------------------------------------------------------- */

static void test_the_least_recently_used_is_dropped(void **state)
{
    struct fixture *f = *state;
    for (int64_t run = 1; run <= ENTRIES + 2; run++)
        write_model(f, run, (double)run, 0);
    for (int64_t run = 1; run <= ENTRIES; run++)
        model_unref(get(f, run));
    model_unref(get(f, 1)); /* used again: 2 is the oldest now */
    model_unref(get(f, ENTRIES + 1));
    model_unref(get(f, 3)); /* and 4 behind it */
    model_unref(get(f, ENTRIES + 2));
    for (int64_t run = 1; run <= ENTRIES + 2; run++)
        remove_model(f, run);
    for (int64_t run = 1; run <= ENTRIES + 2; run++)
        assert_int_equal(is_cached(f, run), run != 2 && run != 4);
}

static void test_a_dropped_model_lives_with_its_users(void **state)
{
    struct fixture *f = *state;
    write_model(f, 1, 1, 0);
    struct model *m = get(f, 1);
    for (int64_t run = 2; run <= ENTRIES + 1; run++) {
        write_model(f, run, (double)run, 0);
        model_unref(get(f, run));
    }
    remove_model(f, 1);
    assert_false(is_cached(f, 1));
    assert_true(mark_of(m) == 1);
    model_unref(m);
}

/* Two models of 135 MB are over the 256 MiB that the cache holds. */
static void test_bytes_have_a_limit_too(void **state)
{
    struct fixture *f = *state;
    char path[FS_PATH_MAX], second[FS_PATH_MAX];
    write_model(f, 100, 100, 0);
    write_model(f, 101, 101, 5800);
    path_of(f, 101, path);
    path_of(f, 102, second);
    assert_int_equal(link(path, second), 0);
    model_unref(get(f, 101));
    model_unref(get(f, 100));
    struct model *m = get(f, 102); /* with 101, that is too much */
    remove_model(f, 100);
    remove_model(f, 101);
    assert_true(is_cached(f, 100));
    assert_false(is_cached(f, 101));
    remove_model(f, 102);
    struct model *same = get(f, 102);
    assert_ptr_equal(same, m);
    model_unref(m);
    model_unref(same);
}

/* ---- threads and memory ----------------------------------------------------------------------------------------------- */

struct reader {
    struct fixture *fixture;
    pthread_t thread;
    uint64_t seed;
    int wrong;
};

static void *read_models(void *context)
{
    struct reader *r = context;
    for (int i = 0; i < 400; i++) {
        r->seed = r->seed * 6364136223846793005u + 1442695040888963407u;
        int64_t run = (int64_t)(r->seed >> 33) % 80 + 1; /* more than fit */
        struct model *m = NULL;
        real x[1] = {1}, out[1] = {0};
        if (model_cache_get(r->fixture->cache, run, &m, NULL) || mlp_predict(model_network(m), x, 1, 1, out, NULL, NULL) ||
            out[0] != (real)run)
            r->wrong++;
        model_unref(m);
        if (i % 10 == 0)
            model_cache_forget(r->fixture->cache, run);
    }
    return NULL;
}

static void test_threads_share_the_cache(void **state)
{
    struct fixture *f = *state;
    struct reader reader[4];
    for (int64_t run = 1; run <= 80; run++)
        write_model(f, run, (double)run, 0);
    for (int i = 0; i < 4; i++) {
        reader[i] = (struct reader){.fixture = f, .seed = (uint64_t)i};
        assert_int_equal(pthread_create(&reader[i].thread, NULL, read_models, &reader[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(reader[i].thread, NULL);
        assert_int_equal(reader[i].wrong, 0);
    }
}

static void test_no_memory(void **state)
{
    struct fixture *f = *state;
    struct model_cache *c = NULL;
    struct model *m = NULL;
    mem_fail_at(1, 0);
    assert_int_equal(model_cache_new(f->data.dir, &c, &f->data.err), ERR_NO_MEMORY);
    mem_fail_at(0, 0);
    assert_null(c);
    model_cache_free(NULL);
    write_model(f, 1, 1, 4);
    uint64_t before = mem_count();
    model_unref(get(f, 1));
    uint64_t allocations = mem_count() - before;
    for (uint64_t nth = 1; nth <= allocations; nth++) {
        model_cache_forget(f->cache, 1);
        mem_fail_at(nth, 0);
        assert_int_equal(model_cache_get(f->cache, 1, &m, &f->data.err), ERR_NO_MEMORY);
        mem_fail_at(0, 0);
        assert_null(m);
    }
    assert_true(is_cached(f, 1));
}

#define WITH_CACHE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CACHE(test_a_model_is_read_once_and_shared),
        WITH_CACHE(test_the_path_of_a_run),
        WITH_CACHE(test_a_model_that_is_not_there),
        WITH_CACHE(test_a_damaged_model_is_refused_and_not_kept),
        WITH_CACHE(test_a_forgotten_model_is_read_again),
        WITH_CACHE(test_the_least_recently_used_is_dropped),
        WITH_CACHE(test_a_dropped_model_lives_with_its_users),
        WITH_CACHE(test_bytes_have_a_limit_too),
        WITH_CACHE(test_threads_share_the_cache),
        WITH_CACHE(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
