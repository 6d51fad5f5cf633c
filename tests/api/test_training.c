/* How a job is trained, seen from outside: schedules, early stopping and other ends, losses, and what does not go together. */
#include "support/api.h"

#include "support/bad.h"
#include <math.h>

/* ---- ends ----------------------------------------------------------------------------------------------------------- */

/* Small, and fast enough to overfit within some epochs. */
#define OVERFITS                                                                                                             \
    "\"dataset\":\"penguins\",\"target\":\"sex\",\"epochs\":200,\"batch_size\":8,\"optimizer\":{\"learning_rate\":0.02}"

/* The figures of the run are those of its model's epoch, as the curve has them. */
static void check_figures(struct reply *run, struct reply *epochs, long epoch)
{
    static const char *const names[] = {"train_loss", "valid_loss", "valid_accuracy", "valid_log_loss", "valid_roc_auc"};
    for (size_t i = 0; i < COUNT(names); i++)
        assert_true(number(run, "/metrics/%s", names[i]) == number(epochs, "/%s/%ld", names[i], epoch - 1));
}

static void the_model_is_the_best_epochs(void **state)
{
    (void)state;
    for (int patience = 5; patience <= 1000; patience += 995) { /* that runs out, and that never does */
        long run = train("{" OVERFITS ",\"early_stopping\":{\"patience\":%d}}", patience);
        struct reply *r = run_get(run), *e = expect(http_get("/v1/runs/%ld/epochs", run), 200);
        struct reply *evaluation = expect(http_get("/v1/runs/%ld/evaluation", run), 200);
        long epoch = whole(r, "/model_epoch"), last = whole(r, "/epoch");
        assert_int_equal(epoch, whole(r, "/metrics/best_epoch"));
        assert_int_equal(last, patience == 5 ? epoch + 5 : 200);
        for (long i = 0; i < last; i++)
            assert_true(number(e, "/valid_loss/%ld", i) >= number(r, "/metrics/valid_loss"));
        check_figures(r, e, epoch);
        assert_true(fabs(number(evaluation, "/valid_loss") - number(r, "/metrics/valid_log_loss")) < 1e-6);
        assert_true((patience == 5) != is_null(r, "/stopped_by"));
    }
}

static void without_early_stopping_it_is_the_last_ones(void **state)
{
    (void)state;
    long run = train("{" OVERFITS "}");
    struct reply *r = run_get(run), *e = expect(http_get("/v1/runs/%ld/epochs", run), 200);
    assert_int_equal(whole(r, "/model_epoch"), 200);
    assert_true(whole(r, "/metrics/best_epoch") < 200);
    check_figures(r, e, 200);
}

static void a_metric_can_be_watched(void **state)
{
    (void)state;
    long run = train("{" OVERFITS ",\"early_stopping\":{\"metric\":\"valid_accuracy\",\"patience\":20}}");
    struct reply *r = run_get(run), *e = expect(http_get("/v1/runs/%ld/epochs", run), 200);
    double best = number(r, "/metrics/valid_accuracy");
    for (long i = 0; i < whole(r, "/epoch"); i++) /* the first of equals */
        assert_true(i + 1 < whole(r, "/model_epoch") ? number(e, "/valid_accuracy/%ld", i) < best
                                                     : number(e, "/valid_accuracy/%ld", i) <= best);
}

static void other_ends(void **state)
{
    (void)state;
    static const char *const stops[] = {"train_loss", "valid_loss"};
    for (size_t i = 0; i < COUNT(stops); i++) {
        long run = train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1000,\"stop\":{\"%s\":0.2}}", stops[i]);
        struct reply *r = run_get(run), *e = expect(http_get("/v1/runs/%ld/epochs", run), 200);
        long last = whole(r, "/epoch");
        assert_string_equal(text(r, "/stopped_by"), stops[i]);
        assert_true(last > 1 && last < 1000);
        assert_true(number(e, "/%s/%ld", stops[i], last - 1) <= 0.2 && number(e, "/%s/%ld", stops[i], last - 2) > 0.2);
    }
    long run = train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1000000,\"stop\":{\"seconds\":0.2}}");
    struct reply *r = run_get(run);
    assert_string_equal(text(r, "/stopped_by"), "seconds");
    assert_true(number(r, "/timings/training_seconds") >= 0.2);
}

/* ---- rates and losses ----------------------------------------------------------------------------------------------- */

static void a_schedule_shows_in_the_epochs(void **state)
{
    (void)state;
    static const double rates[] = {0.05, 0.1, 0.1, 0.1, 0.05, 0.05, 0.025, 0.025}; /* of the last update of each epoch */
    long run = train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":8,\"optimizer\":{\"learning_rate\":0.1},"
                     "\"schedule\":{\"name\":\"step\",\"every\":2,\"factor\":0.5,\"warmup_epochs\":2}}");
    struct reply *e = expect(http_get("/v1/runs/%ld/epochs", run), 200);
    for (int i = 0; i < 8; i++)
        assert_true(fabs(number(e, "/learning_rate/%d", i) - rates[i]) < 1e-12);
}

/* Each loss is its own: the same rows and seed, other figures, and all of them learn. */
static void losses_of_regression(void **state)
{
    (void)state;
    static const char *const losses[] = {"squared_error", "absolute_error", "huber", "auto"};
    double first[4];
    for (size_t i = 0; i < COUNT(losses); i++) {
        long run = train("{\"dataset\":\"penguins\",\"target\":\"body_mass_g\",\"epochs\":60,\"loss\":\"%s\"}", losses[i]);
        struct reply *e = expect(http_get("/v1/runs/%ld/epochs", run), 200);
        first[i] = number(e, "/train_loss/0");
        assert_true(number(e, "/train_loss/59") < first[i] / 2);
        assert_true(number(run_get(run), "/metrics/valid_r2") > 0.7);
    }
    assert_true(first[0] > first[1] && first[1] > first[2] && first[0] == first[3]);
}

/* Everything at once: the same bits for any number of threads. */
static void threads_change_no_bit(void **state)
{
    (void)state;
    char sha256[3][65];
    for (int threads = 1; threads <= 3; threads++) {
        long run = train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":20,\"threads\":%d,\"network\":{\"hidden\":["
                         "{\"units\":300,\"batch_normalization\":true,\"dropout\":0.2},{\"units\":200,\"dropout\":0.1}]},"
                         "\"batch_size\":64,\"regularization\":{\"l2\":0.001,\"clip_norm\":1},\"schedule\":{\"name\":\"plateau\","
                         "\"every\":2},\"early_stopping\":{\"patience\":4},\"optimizer\":{\"name\":\"adamw\"}}", threads);
        snprintf(sha256[threads - 1], sizeof *sha256, "%s", text(run_get(run), "/model_sha256"));
        assert_string_equal(sha256[threads - 1], sha256[0]);
    }
}

/* ---- what does not go together -------------------------------------------------------------------------------------- */

#define JOB(target, members, where, code)                                                                                    \
    {"POST", "/v1/jobs", "application/json", "{\"dataset\":\"penguins\",\"target\":\"" target "\"," members "}", 0, 422,     \
     where, code, NULL}

static void what_does_not_go_together(void **state)
{
    (void)state;
    static const struct bad_input rows[] = {
        JOB("species", "\"loss\":\"huber\"", "/loss", "value"), JOB("sex", "\"loss\":\"squared_error\"", "/loss", "value"),
        JOB("year", "\"task\":\"regression\",\"loss\":\"cross_entropy\"", "/loss", "value"),
        JOB("species", "\"huber_delta\":1", "/huber_delta", "value"),
        JOB("species", "\"schedule\":{\"every\":3}", "/schedule/every", "value"),
        JOB("species", "\"schedule\":{\"name\":\"cosine\",\"factor\":0.5}", "/schedule/factor", "value"),
        JOB("species", "\"early_stopping\":{\"metric\":\"valid_rmse\"}", "/early_stopping/metric", "value"),
        JOB("species", "\"early_stopping\":{\"metric\":\"valid_acuracy\"}", "/early_stopping/metric", "value"),
        JOB("species", "\"early_stopping\":{\"metric\":\"train_loss\"}", "/early_stopping/metric", "value"),
        JOB("species", "\"validation\":{\"fraction\":0},\"early_stopping\":{\"metric\":\"valid_accuracy\"}",
            "/early_stopping/metric", "value"),
        JOB("species", "\"validation\":{\"fraction\":0},\"stop\":{\"valid_loss\":1}", "/stop/valid_loss", "value"),
        JOB("species", "\"grid\":{\"/loss\":[\"auto\",\"huber\"]}", "/grid/~1loss/1", "value"),
    };
    check_bad_inputs(rows, COUNT(rows));
    struct reply *r = http_post("/v1/jobs", "{\"dataset\":\"penguins\",\"target\":\"sex\",\"early_stopping\":{\"metric\":"
                                            "\"valid_acuracy\"}}");
    assert_non_null(strstr(expect(r, 422)->body, "valid_accuracy")); /* the one that was meant */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_model_is_the_best_epochs),
        TEST(without_early_stopping_it_is_the_last_ones),
        TEST(a_metric_can_be_watched),
        TEST(other_ends),
        TEST(a_schedule_shows_in_the_epochs),
        TEST(losses_of_regression),
        TEST(threads_change_no_bit),
        TEST(what_does_not_go_together),
    };
    return cmocka_run_group_tests(tests, daemon_setup_with_penguins, daemon_teardown);
}
