/* For the tests of server/train/scheduler: a store, a dataset and a scheduler in a directory of their own; the log lines are
 * caught in a file. Included behind cmocka.h. */
#pragma once

#include "core/base/sha256.h"
#include "server/log.h"
#include "server/train/scheduler.h"
#include "store_fixture.h"
#include "train_fixture.h"
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <time.h>

struct scheduled {
    struct fixture *f; /* the store's */
    char datasets[FS_PATH_MAX], models[FS_PATH_MAX], checkpoints[FS_PATH_MAX], log[FS_PATH_MAX];
    int stderr_fd; /* the real one */
    struct hub *hub;
    struct model_cache *cache;
    struct scheduler *scheduler;
    int64_t dataset, job;
};

/* A table of 24 rows: y is 2 x, k whether x is above 11. */
static inline void make_dataset(struct scheduled *s)
{
    struct data_fixture data = {0};
    struct buf b;
    char sha256[65];
    buf_init(&b, 10000);
    buf_puts(&b, "x,y,k\n");
    for (int i = 0; i < 24; i++)
        buf_printf(&b, "%d,%d,%s\n", i, 2 * i, i > 11 ? "yes" : "no");
    assert_int_equal(fs_join(data.path, s->datasets, "t.table", NULL), ERR_OK);
    assert_int_equal(build_bytes(&data, NULL, b.data, b.length, 0, sha256), ERR_OK);
    buf_done(&b);
    assert_int_equal(insert_dataset(s->f, "d", "t.table", &s->dataset), ERR_OK);
    s->job = add_job(s->f, "job", s->dataset, 0);
}

static inline void catch_log(struct scheduled *s)
{
    path_of(s->f, "log", s->log);
    int fd = open(s->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    s->stderr_fd = dup(STDERR_FILENO);
    assert_true(fd >= 0 && s->stderr_fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    close(fd);
}

static inline int scheduled_setup(void **state)
{
    static struct scheduled s;
    void *f;
    s = (struct scheduled){.stderr_fd = -1};
    if (setup(&f))
        return -1;
    s.f = f;
    *state = &s;
    path_of(s.f, "datasets", s.datasets);
    path_of(s.f, "models", s.models);
    path_of(s.f, "checkpoints", s.checkpoints);
    if (fs_make_dir(s.datasets, &s.f->err) || fs_make_dir(s.models, &s.f->err) ||
        fs_make_dir(s.checkpoints, &s.f->err) || hub_new(&s.hub, &s.f->err) ||
        model_cache_new(s.models, &s.cache, &s.f->err))
        return -1;
    make_dataset(&s);
    catch_log(&s);
    return 0;
}

static inline enum err_code start_scheduler(struct scheduled *s, unsigned workers)
{
    struct scheduler_options o = {.store = s->f->store, .hub = s->hub, .models = s->cache, .datasets_dir = s->datasets,
                                  .models_dir = s->models, .checkpoints_dir = s->checkpoints, .workers = workers, .cores = 2};
    return scheduler_start(&o, &s->scheduler, &s->f->err);
}

static inline void stop_scheduler(struct scheduled *s)
{
    scheduler_stop(s->scheduler);
    scheduler_free(s->scheduler);
    s->scheduler = NULL;
}

static inline int scheduled_teardown(void **state)
{
    struct scheduled *s = *state;
    void *f = s->f;
    fs_fail_at(0, 0, 0);
    mem_fail_at(0, 0);
    stop_scheduler(s);
    dup2(s->stderr_fd, STDERR_FILENO);
    close(s->stderr_fd);
    hub_close(s->hub);
    hub_free(s->hub);
    model_cache_free(s->cache);
    if (fs_list(s->datasets, data_remove, s->datasets, NULL) || fs_list(s->models, data_remove, s->models, NULL) ||
        fs_list(s->checkpoints, data_remove, s->checkpoints, NULL) || rmdir(s->datasets) || rmdir(s->models) ||
        rmdir(s->checkpoints))
        return -1;
    return teardown(&f);
}

#define SCHEDULED(test) cmocka_unit_test_setup_teardown(test, scheduled_setup, scheduled_teardown)

/* ---- runs ------------------------------------------------------------------------------------------------------------- */

#define TINY "\"network\":{\"hidden\":[{\"units\":2,\"activation\":\"tanh\"}]}"

static inline int64_t add_run_of(struct scheduled *s, int64_t job, const char *spec, uint32_t epochs)
{
    static uint32_t number;
    struct store_run r = {.job = job, .number = ++number, .spec = str(spec), .hyperparameters = str("{}"), .epochs = epochs,
                          .parameters = 1, .queued_at = NOW};
    struct write w = {.input = &r};
    assert_int_equal(do_write(s->f, &w, body_run_insert), ERR_OK);
    return w.id;
}

/* A run of the fixture's job: so many epochs, and more fields. */
static inline int64_t add_epochs(struct scheduled *s, uint32_t epochs, const char *more)
{
    char spec[500];
    snprintf(spec, sizeof spec, "{\"dataset\":\"d\",\"target\":\"k\",\"epochs\":%u," TINY "%s}", epochs, more);
    return add_run_of(s, s->job, spec, epochs);
}

static inline void hand_over(struct scheduled *s, int64_t run)
{
    assert_int_equal(scheduler_add(s->scheduler, s->job, 0, &run, 1, &s->f->err), ERR_OK);
}

static inline void post(void *context)
{
    sem_post(context);
}

/* Waits until the run is as `is` says; the limit only ends a test that has failed. */
static inline void wait_for(struct scheduled *s, int64_t run, bool (*is)(const struct store_run *r))
{
    sem_t changed;
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 30;
    sem_init(&changed, 0, 0);
    struct hub_watch watch = {.run = run, .wake = post, .context = &changed};
    hub_watch(s->hub, &watch);
    for (bool there = false; !there;) {
        struct store_run r = run_of(s->f, run);
        there = is(&r);
        store_run_done(&r);
        if (there)
            break;
        hub_arm(s->hub, &watch, UINT64_MAX);
        if (sem_timedwait(&changed, &limit)) {
            hub_unwatch(s->hub, &watch);
            fail_msg("run %lld is %s for ever", (long long)run, store_status_name(status_of_run(s->f, run)));
        }
    }
    hub_unwatch(s->hub, &watch);
}

static inline bool is_over(const struct store_run *r)
{
    return store_status_terminal(r->status);
}

static inline bool is_training(const struct store_run *r)
{
    return r->status == STATUS_RUNNING && r->epoch > 0;
}

/* ---- what it wrote ---------------------------------------------------------------------------------------------------- */

/* The runs of the log lines with this event, in their order. */
static inline size_t logged(struct scheduled *s, const char *event, int64_t *ret_runs, size_t most)
{
    cleanup(mem_freep) char *text = NULL;
    size_t size, count = 0;
    char *rest;
    enum err_code code;
    while ((code = fs_read_all(s->log, 10 << 20, &text, &size, &s->f->err)) == ERR_TOO_LARGE)
        ; /* it grew while it was read */
    assert_int_equal(code, ERR_OK);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        cleanup(json_freep) struct json *entry = json_of(line);
        const struct json *run = json_get(entry, "run");
        if (strcmp(json_string(json_get(entry, "event")), event) != 0 || !run)
            continue;
        assert_true(count < most);
        ret_runs[count++] = strtoll(json_string(run), NULL, 10);
    }
    return count;
}

/* The run's model file is there and is the one that its row names. */
static inline void assert_model(struct scheduled *s, const struct store_run *r)
{
    char path[FS_PATH_MAX], sha256[SHA256_TEXT];
    cleanup(mem_freep) char *data = NULL;
    size_t size;
    struct model *m = NULL;
    assert_int_equal(model_path(s->models, r->id, path, NULL), ERR_OK);
    assert_int_equal(fs_read_all(path, 1 << 20, &data, &size, &s->f->err), ERR_OK);
    sha256_of(data, size, sha256);
    assert_string_equal(r->model_sha256, sha256);
    assert_int_equal(r->model_bytes, size);
    assert_int_equal(model_cache_get(s->cache, r->id, &m, &s->f->err), ERR_OK);
    model_unref(m);
}
