/* server/train/worker: one run from its spec and table to events, a model and an evaluation. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/rng.h"
#include "core/nn/model.h"
#include "server/train/build_id.h"
#include "server/train/worker.h"
#include "train_fixture.h"

/* What the events told, and what they shall answer. */
struct story {
    unsigned threads;
    uint32_t stop_at, fail_at; /* in this epoch's event; 0: never */
    enum err_code started_code, epoch_code;
    atomic_int stop, leave;
    bool leaves;       /* as well, where it stops */
    uint32_t restored; /* epochs that it has when it starts */
    unsigned started;
    uint32_t epochs;
    uint64_t parameters, weight_updates;
    char layers[1000], environment[500];
    enum task task;
    double train_loss, valid_loss, metric[MLP_METRICS_MAX];
    struct worker_result result;
    struct err err;
};

static enum err_code on_started(void *context, const struct worker_started *s, struct err *err)
{
    struct story *story = context;
    assert_int_equal(story->epochs, 0); /* before any epoch, and once */
    assert_int_equal(story->started++, 0);
    story->parameters = s->parameters;
    snprintf(story->layers, sizeof story->layers, "%s", s->layers);
    snprintf(story->environment, sizeof story->environment, "%s", s->environment);
    return story->started_code ? err_set(err, story->started_code, "not started") : ERR_OK;
}

static enum err_code on_epoch(void *context, enum task task, const struct mlp_epoch *e, struct err *err)
{
    struct story *story = context;
    assert_int_equal(story->started, 1);
    assert_int_equal(e->epoch, ++story->epochs);
    story->task = task;
    story->weight_updates = e->weight_updates;
    story->train_loss = e->train_loss;
    story->valid_loss = e->valid_loss;
    memcpy(story->metric, e->metric, sizeof story->metric);
    if (e->epoch == story->stop_at) {
        atomic_store(&story->leave, story->leaves);
        atomic_store(&story->stop, 1);
    }
    return e->epoch == story->fail_at ? err_set(err, story->epoch_code, "not stored") : ERR_OK;
}

static unsigned threads_of(void *context)
{
    return ((struct story *)context)->threads;
}

static bool restore(void *context, struct mlp_trainer *t, struct worker_progress *ret)
{
    (void)t;
    ret->epoch = ((struct story *)context)->restored;
    return ret->epoch > 0;
}

static enum err_code tell(struct story *story, const struct table *t, const char *body)
{
    struct job_spec s;
    spec_of(body, &s);
    struct worker_events events = {.started = on_started, .threads = story->threads ? threads_of : NULL, .epoch = on_epoch,
                                   .leave = &story->leave, .restore = restore, .goes_on = story->restored > 0, .context = story};
    enum err_code code = worker_execute(&s, t, NULL, &story->stop, &events, &story->result, &story->err);
    job_spec_done(&s);
    return code;
}

static void story_done(struct story *story)
{
    worker_result_done(&story->result);
}

/* 60 rows: y is 3 x and some noise, k whether it is above 0, c one of three by a second column; a few cells are missing. */
static struct table *make_table(struct data_fixture *f)
{
    struct buf b;
    char sha256[65];
    struct rng r;
    buf_init(&b, 1 << 16);
    rng_init(&r, 1, RNG_SEARCH, 0);
    buf_puts(&b, "x,z,y,k,c\n");
    for (int i = 0; i < 60; i++) {
        double x = rng_uniform(&r) - 0.5, z = rng_uniform(&r), y = 3 * x + 0.1 * rng_uniform(&r);
        buf_printf(&b, i % 20 == 7 ? ",%g" : "%.6g,%g", i % 20 == 7 ? z : x, z);
        if (i % 20 == 9)
            buf_puts(&b, ",,,\n"); /* no target */
        else
            buf_printf(&b, ",%.6g,%s,%c\n", 1000 + y, y > 0 ? "yes" : "no", z < 0.3 ? 'a' : z < 0.6 ? 'b' : 'c');
    }
    assert_int_equal(build_bytes(f, NULL, b.data, b.length, 0, sha256), ERR_OK);
    buf_done(&b);
    return open_table(f);
}

static struct model *model_of(struct story *story)
{
    struct model *m = NULL;
    if (model_load(story->result.model.data, story->result.model.length, &m, &story->err))
        fail_msg("%s", story->err.message);
    return m;
}

static struct json *evaluation_of(const struct story *story)
{
    return json_of(buf_text(&story->result.evaluation));
}

static double number_at(const struct json *root, const char *pointer)
{
    const struct json *v = json_at(root, pointer);
    if (!v || json_kind(v) != JSON_NUMBER)
        fail_msg("no number at %s", pointer);
    return json_number(v);
}

/* ---- runs that end well ----------------------------------------------------------------------------------------------- */

#define JOB(target, more) "{\"dataset\":\"d\",\"target\":\"" target "\",\"epochs\":20,\"features\":[\"x\",\"z\"]," \
                          "\"network\":{\"hidden\":[{\"units\":6,\"activation\":\"tanh\"}]}" more "}"

static void test_events_come_in_order(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = make_table(f);
    struct story s = {0};
    assert_int_equal(tell(&s, t, JOB("k", ",\"batch_size\":10")), ERR_OK);
    assert_int_equal(s.started, 1);
    assert_int_equal(s.epochs, 20);
    assert_int_equal(s.task, TASK_BINARY);
    assert_int_equal(s.result.epoch, 20);
    assert_int_equal(s.parameters, (2 + 1) * 6 + (6 + 1));
    assert_int_equal(s.weight_updates, 20 * 6); /* 57 rows with a target, 6 of them validate: 51 in 6 batches */
    assert_string_equal(s.layers, "[{\"layer\":1,\"inputs\":2,\"units\":6,\"activation\":\"tanh\"},"
                                  "{\"layer\":2,\"inputs\":6,\"units\":1,\"activation\":\"sigmoid\"}]");
    cleanup(json_freep) struct json *environment = json_of(s.environment);
    assert_string_equal(json_string(json_get(environment, "version")), MLPD_VERSION);
    assert_string_equal(json_string(json_get(environment, "instruction_set")), mlp_instruction_set());
    assert_int_equal(number_at(environment, "/threads"), 1);
    assert_string_equal(json_string(json_get(environment, "build")), build_id());
    assert_int_equal(strspn(build_id(), "0123456789abcdef"), 40);
    assert_int_equal(build_id()[40], '\0');
    assert_non_null(json_get(environment, "libc"));
    assert_true(s.result.training_seconds > 0);
    assert_true(NEAR(s.result.samples_per_second * s.result.training_seconds, 51 * 20, 1e-6));
    story_done(&s);
    table_unref(t);
}

static void test_the_model_and_the_last_epoch_agree_with_the_evaluation(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = make_table(f);
    static const struct {
        const char *body;
        enum task task;
    } jobs[] = {{JOB("y", ""), TASK_REGRESSION}, {JOB("k", ""), TASK_BINARY}, {JOB("c", ""), TASK_MULTICLASS}};
    for (size_t i = 0; i < COUNT(jobs); i++) {
        struct story s = {0};
        assert_int_equal(tell(&s, t, jobs[i].body), ERR_OK);
        assert_int_equal(s.task, jobs[i].task);
        struct model *m = model_of(&s);
        assert_int_equal(encoder_task(model_encoder(m)), jobs[i].task);
        assert_int_equal(encoder_features(model_encoder(m)), 2);
        model_unref(m);
        cleanup(json_freep) struct json *e = evaluation_of(&s);
        assert_string_equal(json_string(json_get(e, "task")), task_name(jobs[i].task));
        assert_int_equal(number_at(e, "/rows"), 6);
        assert_true(number_at(e, "/valid_loss") == s.valid_loss);
        for (unsigned k = 0; mlp_metric_name(jobs[i].task, k); k++) {
            char pointer[40];
            snprintf(pointer, sizeof pointer, "/%s", mlp_metric_name(jobs[i].task, k));
            assert_true(number_at(e, pointer) == s.metric[k]);
        }
        story_done(&s);
    }
    table_unref(t);
}

static void test_an_evaluation_of_classes(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = make_table(f);
    struct story s = {0};
    assert_int_equal(tell(&s, t, JOB("c", "")), ERR_OK);
    cleanup(json_freep) struct json *e = evaluation_of(&s);
    double confused[3][3], sum = 0;
    for (int a = 0; a < 3; a++) {
        char pointer[60];
        snprintf(pointer, sizeof pointer, "/classes/%d", a);
        assert_string_equal(json_string(json_at(e, pointer)), a == 0 ? "a" : a == 1 ? "b" : "c");
        for (int p = 0; p < 3; p++) {
            snprintf(pointer, sizeof pointer, "/confusion_matrix/%d/%d", a, p);
            sum += confused[a][p] = number_at(e, pointer);
        }
    }
    assert_true(sum == 6);
    for (int k = 0; k < 3; k++) {
        char pointer[60];
        snprintf(pointer, sizeof pointer, "/per_class/%d", k);
        const struct json *class = json_at(e, pointer);
        double rows = confused[k][0] + confused[k][1] + confused[k][2], right = confused[k][k];
        double predicted = confused[0][k] + confused[1][k] + confused[2][k];
        assert_true(number_at(class, "/rows") == rows);
        assert_true(NEAR(number_at(class, "/recall"), right / rows, 1e-15));
        if (predicted > 0)
            assert_true(NEAR(number_at(class, "/precision"), right / predicted, 1e-15));
        else
            assert_int_equal(json_kind(json_get(class, "precision")), JSON_NULL);
        assert_true(number_at(class, "/roc_auc") >= 0 && number_at(class, "/average_precision") > 0);
        size_t points = json_count(json_at(class, "/roc/threshold"));
        assert_true(points >= 2);
        static const char *const lists[] = {"/roc/false_positive_rate", "/roc/true_positive_rate",
                                            "/precision_recall/threshold", "/precision_recall/precision",
                                            "/precision_recall/recall"};
        for (size_t i = 0; i < COUNT(lists); i++)
            assert_int_equal(json_count(json_at(class, lists[i])), points);
        assert_int_equal(json_kind(json_at(class, "/roc/threshold/0")), JSON_NULL); /* above every score */
    }
    story_done(&s);
    table_unref(t);
}

static void test_an_evaluation_of_numbers_is_in_the_targets_units(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = make_table(f);
    struct story s = {0};
    assert_int_equal(tell(&s, t, JOB("y", "")), ERR_OK);
    cleanup(json_freep) struct json *e = evaluation_of(&s);
    double sum = 0, squares = 0, least = INFINITY, most = -INFINITY, n = 6;
    for (int i = 0; i < 6; i++) {
        char actual[40], predicted[40];
        snprintf(actual, sizeof actual, "/residuals/actual/%d", i);
        snprintf(predicted, sizeof predicted, "/residuals/predicted/%d", i);
        assert_true(number_at(e, actual) > 998 && number_at(e, actual) < 1002);
        double residual = number_at(e, actual) - number_at(e, predicted);
        sum += residual;
        squares += residual * residual;
        least = fmin(least, residual);
        most = fmax(most, residual);
    }
    assert_true(NEAR(number_at(e, "/residuals/mean"), sum / n, 1e-9));
    assert_true(NEAR(number_at(e, "/residuals/standard_deviation"), sqrt(squares / n - sum / n * sum / n), 1e-9));
    assert_true(NEAR(number_at(e, "/residuals/min"), least, 1e-9));
    assert_true(NEAR(number_at(e, "/residuals/max"), most, 1e-9));
    assert_true(NEAR(number_at(e, "/valid_rmse"), sqrt(squares / n), 1e-9));
    assert_null(json_get(e, "classes"));
    story_done(&s);
    table_unref(t);
}

/* Rows of so many classes in turn, or a number when there are none. */
static struct table *many_rows(struct data_fixture *f, int rows, int classes)
{
    struct buf b;
    char sha256[65];
    buf_init(&b, 1 << 20);
    buf_puts(&b, "x,y\n");
    for (int i = 0; i < rows; i++)
        buf_printf(&b, classes ? "%d,t%d\n" : "%d,%d\n", i, classes ? i % classes : i);
    assert_int_equal(build_bytes(f, NULL, b.data, b.length, 0, sha256), ERR_OK);
    buf_done(&b);
    return open_table(f);
}

static void test_what_an_evaluation_leaves_out(void **state)
{
    struct data_fixture *f = *state;
    static const char job[] = "{\"dataset\":\"d\",\"target\":\"y\",\"epochs\":1,\"validation\":{\"fraction\":0.5},"
                              "\"network\":{\"hidden\":[]}}";
    static const int classes[] = {50, 51, 200, 201};
    for (size_t i = 0; i < COUNT(classes); i++) {
        struct table *t = many_rows(f, 4 * classes[i], classes[i]);
        struct story s = {0};
        assert_int_equal(tell(&s, t, job), ERR_OK);
        cleanup(json_freep) struct json *e = evaluation_of(&s);
        assert_int_equal(json_kind(json_get(e, "confusion_matrix")), classes[i] > 200 ? JSON_NULL : JSON_ARRAY);
        assert_int_equal(json_count(json_get(e, "per_class")), classes[i]);
        assert_int_equal(json_at(e, "/per_class/0/roc") != NULL, classes[i] <= 50);
        assert_non_null(json_at(e, "/per_class/0/recall"));
        story_done(&s);
        table_unref(t);
    }
    static const int rows[] = {1998, 2000, 4000}; /* half of them validate */
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct table *t = many_rows(f, rows[i], 0);
        struct story s = {0};
        assert_int_equal(tell(&s, t, job), ERR_OK);
        cleanup(json_freep) struct json *e = evaluation_of(&s);
        assert_int_equal(number_at(e, "/rows"), rows[i] / 2);
        assert_int_equal(json_count(json_at(e, "/residuals/actual")), rows[i] < 2000 ? 999 : 1000);
        assert_int_equal(json_count(json_at(e, "/residuals/predicted")), rows[i] < 2000 ? 999 : 1000);
        story_done(&s);
        table_unref(t);
    }
}

static void test_without_validation_rows(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = make_table(f);
    struct story s = {0};
    assert_int_equal(tell(&s, t, JOB("k", ",\"validation\":{\"fraction\":0}")), ERR_OK);
    assert_int_equal(s.epochs, 20);
    assert_true(isnan(s.valid_loss) && isnan(s.metric[0]) && isfinite(s.train_loss));
    assert_int_equal(s.result.evaluation.length, 0);
    assert_true(s.result.model.length > 0);
    story_done(&s);
    table_unref(t);
}

static void test_the_same_job_gives_the_same_bytes(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = make_table(f);
    struct story s[4] = {{.threads = 0}, {.threads = 1}, {.threads = 3}, {.threads = 0}};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tell(&s[i], t, JOB("c", "")), ERR_OK);
        assert_int_equal(s[i].result.model.length, s[0].result.model.length);
        assert_memory_equal(s[i].result.model.data, s[0].result.model.data, s[0].result.model.length);
        assert_string_equal(buf_text(&s[i].result.evaluation), buf_text(&s[0].result.evaluation));
    }
    assert_int_equal(tell(&s[3], t, JOB("c", ",\"seed\":2")), ERR_OK);
    assert_memory_not_equal(s[3].result.model.data, s[0].result.model.data, s[0].result.model.length);
    for (int i = 0; i < 4; i++)
        story_done(&s[i]);
    table_unref(t);
}

/* ---- runs that end otherwise ------------------------------------------------------------------------------------------ */

static void test_stopping(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = make_table(f);
    struct story before = {.stop = 1}, behind = {.stop = 1, .restored = 3}, during = {.stop_at = 3};
    assert_int_equal(tell(&before, t, JOB("k", "")), ERR_STOPPED);
    assert_int_equal(before.epochs, 0);
    assert_int_equal(before.result.epoch, 0);
    assert_int_equal(before.result.model.length, 0); /* nothing was learned */
    assert_int_equal(before.result.evaluation.length, 0);
    assert_int_equal(tell(&behind, t, JOB("k", "")), ERR_STOPPED); /* before it is where it was: that is kept */
    model_unref(model_of(&behind));
    assert_int_equal(tell(&during, t, JOB("k", "")), ERR_STOPPED);
    assert_int_equal(during.epochs, 3);
    assert_int_equal(during.result.epoch, 3);
    model_unref(model_of(&during)); /* what was learned is kept */
    cleanup(json_freep) struct json *e = evaluation_of(&during);
    assert_true(number_at(e, "/valid_loss") == during.valid_loss);
    story_done(&before);
    story_done(&behind);
    story_done(&during);
    table_unref(t);
}

/* What would be thrown away is not made: when it leaves neither the model nor an evaluation over all validation rows. */
static void test_leaving_does_not_wait_for_an_evaluation(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = make_table(f);
    struct story midway = {.stop_at = 3, .leaves = true}, last = {.stop_at = 20, .leaves = true}, cancelled = {.stop_at = 20};
    assert_int_equal(tell(&midway, t, JOB("c", "")), ERR_STOPPED);
    assert_int_equal(midway.result.epoch, 3);
    assert_int_equal(midway.result.model.length, 0);
    assert_int_equal(midway.result.evaluation.length, 0);
    assert_int_equal(tell(&last, t, JOB("c", "")), ERR_STOPPED); /* all epochs done */
    assert_int_equal(last.result.epoch, 20);
    assert_int_equal(last.result.evaluation.length, 0);
    assert_int_equal(tell(&cancelled, t, JOB("c", "")), ERR_STOPPED); /* nor does one that is cancelled while it is evaluated */
    assert_int_equal(cancelled.result.epoch, 20);
    assert_int_equal(cancelled.result.evaluation.length, 0);
    model_unref(model_of(&cancelled));
    story_done(&midway);
    story_done(&last);
    story_done(&cancelled);
    table_unref(t);
}

static void test_an_event_that_fails_ends_the_run(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = make_table(f);
    struct story started = {.started_code = ERR_CONFLICT}, epoch = {.fail_at = 4, .epoch_code = ERR_NO_SPACE};
    assert_int_equal(tell(&started, t, JOB("k", "")), ERR_CONFLICT);
    assert_string_equal(started.err.message, "not started");
    assert_int_equal(started.epochs, 0);
    assert_int_equal(started.result.model.length, 0);
    assert_int_equal(tell(&epoch, t, JOB("k", "")), ERR_NO_SPACE);
    assert_string_equal(epoch.err.message, "not stored");
    assert_int_equal(epoch.epochs, 4);
    assert_int_equal(epoch.result.model.length, 0);
    story_done(&started);
    story_done(&epoch);
    table_unref(t);
}

static void test_a_run_that_diverges_keeps_a_finite_model(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = make_table(f);
    static const char *const jobs[] = {
        JOB("y", ",\"optimizer\":{\"name\":\"sgd\",\"learning_rate\":1e6}"),
        "{\"dataset\":\"d\",\"target\":\"y\",\"features\":[\"x\",\"z\"],\"batch_size\":\"full\",\"network\":{\"hidden\":[]},"
        "\"optimizer\":{\"name\":\"sgd\",\"learning_rate\":1000}}"};
    for (size_t i = 0; i < COUNT(jobs); i++) {
        struct story s = {0};
        assert_int_equal(tell(&s, t, jobs[i]), ERR_DIVERGED);
        assert_non_null(strstr(s.err.message, "diverged in epoch"));
        assert_int_equal(s.result.epoch, s.epochs); /* the epochs that counted, and no more */
        assert_true(i == 0 || s.epochs > 0);
        struct model *m = model_of(&s); /* which refuses weights that are not finite */
        model_unref(m);
        cleanup(json_freep) struct json *e = evaluation_of(&s);
        assert_string_equal(json_string(json_get(e, "task")), "regression");
        story_done(&s);
    }
    table_unref(t);
}

static void test_jobs_that_do_not_fit_the_table_fail(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = make_table(f);
    static const struct {
        const char *body, *says;
    } jobs[] = {
        {"{\"dataset\":\"d\",\"target\":\"q\"}", "no column \"q\" for the target"},
        {"{\"dataset\":\"d\",\"target\":\"c\",\"task\":\"binary\"}", "binary needs two"},
        {"{\"dataset\":\"d\",\"target\":\"y\",\"features\":[\"q\"]}", "no column \"q\" for a feature"},
        {"{\"dataset\":\"d\",\"target\":\"y\",\"network\":{\"hidden\":[{\"units\":65536},{\"units\":65536}]}}", "parameters"},
    };
    for (size_t i = 0; i < COUNT(jobs); i++) {
        struct story s = {0};
        assert_int_equal(tell(&s, t, jobs[i].body), ERR_INVALID);
        assert_non_null(strstr(s.err.message, jobs[i].says));
        assert_int_equal(s.started, 0);
        assert_int_equal(s.result.model.length, 0);
        story_done(&s);
    }
    table_unref(t);
}

static void test_no_memory(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = make_table(f);
    static const char job[] = "{\"dataset\":\"d\",\"target\":\"c\",\"epochs\":2,\"network\":{\"hidden\":[{\"units\":2}]}}";
    struct job_spec spec;
    spec_of(job, &spec);
    uint64_t allocations = 0;
    for (uint64_t nth = 0; nth <= allocations; nth++) { /* the first time none fails */
        struct story s = {0};
        struct worker_events events = {.started = on_started, .epoch = on_epoch, .context = &s};
        uint64_t before = mem_count();
        mem_fail_at(nth, 0);
        enum err_code code = worker_execute(&spec, t, NULL, &s.stop, &events, &s.result, &s.err);
        mem_fail_at(0, 0);
        allocations = nth ? allocations : mem_count() - before;
        assert_int_equal(code, nth ? ERR_NO_MEMORY : ERR_OK);
        story_done(&s);
    }
    assert_true(allocations > 60);
    job_spec_done(&spec);
    table_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_events_come_in_order),
        WITH_DIR(test_the_model_and_the_last_epoch_agree_with_the_evaluation),
        WITH_DIR(test_an_evaluation_of_classes),
        WITH_DIR(test_an_evaluation_of_numbers_is_in_the_targets_units),
        WITH_DIR(test_what_an_evaluation_leaves_out),
        WITH_DIR(test_without_validation_rows),
        WITH_DIR(test_the_same_job_gives_the_same_bytes),
        WITH_DIR(test_stopping),
        WITH_DIR(test_leaving_does_not_wait_for_an_evaluation),
        WITH_DIR(test_an_event_that_fails_ends_the_run),
        WITH_DIR(test_a_run_that_diverges_keeps_a_finite_model),
        WITH_DIR(test_jobs_that_do_not_fit_the_table_fail),
        WITH_DIR(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
