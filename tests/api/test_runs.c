/* Runs: their members, what they count, how they fail, their epochs and layers, their model file. */
#include "support/api.h"

#include <math.h>

#define RUN_MEMBERS                                                                                                          \
    "id job number status terminal hyperparameters spec epoch epochs weight_updates parameters layers metrics timings "      \
    "resolved environment failure stopped_by model_epoch model_sha256"

/* Of the tests that look at one run from many sides. */
static long long_run(void)
{
    static long run;
    if (!run)
        run = train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":300,"
                    "\"validation\":{\"fraction\":0.2},\"optimizer\":{\"name\":\"sgd\","
                    "\"learning_rate\":0.3},"
                    "\"network\":{\"hidden\":[{\"units\":8,\"activation\":\"tanh\"},{\"units\":4}]}}");
    return run;
}

/* ---- members ------------------------------------------------------------------------------------------------------ */

static void check_metrics(struct reply *r, const char *names)
{
    const cJSON *m;
    expect_members(r, "/metrics", names);
    cJSON_ArrayForEach(m, at(r, "/metrics"))
        if (!cJSON_IsNumber(m))
            fail_reply(__FILE__, __LINE__, r, "%s is no number", m->string);
}

static void a_run_has_all_its_members(void **state)
{
    (void)state;
    struct reply *r = run_get(long_run());
    expect_members(r, "", RUN_MEMBERS);
    assert_string_equal(text(r, "/status"), "succeeded");
    assert_true(flag(r, "/terminal"));
    assert_true(number(r, "/epoch") == 300 && number(r, "/epochs") == 300);
    expect_members(r, "/timings", "queued_at started_at finished_at training_seconds samples_per_second");
    assert_true(is_time(text(r, "/timings/queued_at")) && is_time(text(r, "/timings/started_at")));
    assert_true(strcmp(text(r, "/timings/queued_at"), text(r, "/timings/started_at")) <= 0);
    assert_true(strcmp(text(r, "/timings/started_at"), text(r, "/timings/finished_at")) <= 0);
    double rate = 275 * 300 / number(r, "/timings/training_seconds");
    assert_true(fabs(number(r, "/timings/samples_per_second") / rate - 1) < 1e-6);
    expect_members(r, "/resolved", "task loss optimizer regularization schedule train_rows valid_rows");
    assert_string_equal(text(r, "/resolved/task"), "multiclass");
    assert_string_equal(text(r, "/resolved/loss"), "cross_entropy");
    assert_string_equal(text(r, "/resolved/schedule/name"), "constant"); /* of sgd */
    assert_true(number(r, "/resolved/train_rows") == 275 && number(r, "/resolved/valid_rows") == 69);
    assert_true(number(r, "/resolved/optimizer/weight_decay") == 0 && number(r, "/resolved/regularization/clip_norm") == 0);
    expect_members(r, "/environment", "version build libc instruction_set threads");
    assert_true(strstr(daemon_line(), text(r, "/environment/version")) != NULL);
    assert_true(*text(r, "/environment/build") && *text(r, "/environment/instruction_set"));
    assert_true(number(r, "/environment/threads") >= 1);
    assert_true(is_null(r, "/failure"));
    assert_int_equal(strspn(text(r, "/model_sha256"), "0123456789abcdef"), 64);
    assert_string_equal(text(r, "/spec/target"), "species");
    assert_true(json_same(at(r, "/spec"), at(job_get(whole(r, "/job")), "/spec")));
}

/* The spec leaves them to the run, which says what it took: 720 / the rows for training, each as often as it weighs. */
static void a_run_says_what_it_was_left_to_choose(void **state)
{
    (void)state;
    struct reply *r = run_get(train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1}"));
    assert_true(is_null(r, "/spec/optimizer/weight_decay") && is_null(r, "/spec/regularization/clip_norm"));
    assert_true(number(r, "/resolved/train_rows") == 310 && number(r, "/resolved/valid_rows") == 34);
    assert_true(number(r, "/resolved/optimizer/weight_decay") == 720.0 / 310);
    assert_true(number(r, "/resolved/regularization/clip_norm") == 0.5);
    assert_string_equal(text(r, "/resolved/schedule/name"), "cosine");
    expect(http_post_csv("/v1/datasets?name=counted", "x,y,w\n1,2,200\n2,3,0\n3,5,300\n4,5,220\n"), 201);
    r = run_get(train("{\"dataset\":\"counted\",\"target\":\"y\",\"sample_weight\":\"w\",\"loss\":\"huber\",\"epochs\":1,"
                      "\"validation\":{\"fraction\":0}}"));
    assert_string_equal(text(r, "/resolved/task"), "regression");
    assert_string_equal(text(r, "/resolved/loss"), "huber");
    assert_true(number(r, "/resolved/train_rows") == 3 && number(r, "/resolved/optimizer/weight_decay") == 1);
}

static void layers_go_from_the_inputs_to_the_output(void **state)
{
    (void)state;
    static const struct {
        const char *target, *output;
        int inputs, units;
    } tasks[] = {{"species", "softmax", 11, 3}, {"sex", "sigmoid", 11, 1}, {"body_mass_g", "identity", 13, 1}};
    for (size_t i = 0; i < COUNT(tasks); i++) {
        struct reply *r = run_get(train("{\"dataset\":\"penguins\",\"target\":\"%s\",\"epochs\":1,\"network\":{\"hidden\":"
                                        "[{\"units\":5,\"activation\":\"leaky_relu\"},{\"units\":2,\"activation\":\"step\"}]}}",
                                        tasks[i].target));
        static const char *const activations[] = {"leaky_relu", "step", NULL};
        const double widths[] = {tasks[i].inputs, 5, 2, tasks[i].units};
        double parameters = 0;
        assert_int_equal(count(r, "/layers"), 3);
        for (int l = 0; l < 3; l++) {
            char pointer[40];
            snprintf(pointer, sizeof pointer, "/layers/%d", l);
            expect_members(r, pointer, "layer inputs units activation");
            assert_true(number(r, "/layers/%d/layer", l) == l + 1);
            assert_true(number(r, "/layers/%d/inputs", l) == widths[l]);
            assert_true(number(r, "/layers/%d/units", l) == widths[l + 1]);
            assert_string_equal(text(r, "/layers/%d/activation", l), activations[l] ? activations[l] : tasks[i].output);
            parameters += (widths[l] + 1) * widths[l + 1];
        }
        assert_true(number(r, "/parameters") == parameters);
    }
}

static void metrics_are_those_of_the_task(void **state)
{
    (void)state;
    check_metrics(run_get(long_run()), "train_loss valid_loss best_epoch valid_accuracy valid_log_loss valid_f1_macro");
    long run = train("{\"dataset\":\"penguins\",\"target\":\"sex\",\"epochs\":3}");
    check_metrics(run_get(run), "train_loss valid_loss best_epoch valid_accuracy valid_log_loss valid_f1_macro valid_roc_auc");
    run = train("{\"dataset\":\"penguins\",\"target\":\"body_mass_g\",\"epochs\":3}");
    check_metrics(run_get(run), "train_loss valid_loss best_epoch valid_rmse valid_mae valid_r2");
    run = train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":3,\"validation\":{\"fraction\":0}}");
    struct reply *r = run_get(run);
    assert_true(is_null(r, "/metrics/valid_loss"));
    assert_null(json_find(json_of(r), "/metrics/valid_accuracy"));
    assert_true(number(r, "/metrics/best_epoch") >= 1);
    expect_problem(http_get("/v1/runs/%ld/evaluation", run), 409, "conflict");
    r = expect(http_get("/v1/runs/%ld/epochs", run), 200);
    expect_members(r, "", "epoch train_loss valid_loss learning_rate seconds elapsed_seconds weight_updates total");
    assert_true(is_null(r, "/valid_loss/2"));
}

/* ceil(rows / batch) an epoch; 344 rows, of which 69 are kept for validation. */
static void weight_updates_are_counted_exactly(void **state)
{
    (void)state;
    static const struct {
        const char *batch, *fraction;
        double each;
    } cases[] = {
        {"\"full\"", "0.2", 1}, {"1", "0.2", 275}, {"32", "0.2", 9}, {"275", "0.2", 1}, {"274", "0.2", 2}, {"276", "0.2", 1},
        {"4294967295", "0.2", 1}, {"137", "0.2", 3}, {"1", "0", 344}, {"100", "0", 4}, {"1", "0.9", 34},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reply *r = run_get(train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":3,\"batch_size\":%s,"
                                        "\"validation\":{\"fraction\":%s}}", cases[i].batch, cases[i].fraction));
        if (number(r, "/weight_updates") != 3 * cases[i].each)
            fail_reply(__FILE__, __LINE__, r, "not %g updates an epoch", cases[i].each);
    }
    /* 11 of the 344 have no sex: 333, of which 67 for validation */
    struct reply *r = run_get(train("{\"dataset\":\"penguins\",\"target\":\"sex\",\"epochs\":2,\"batch_size\":1,"
                                    "\"validation\":{\"fraction\":0.2}}"));
    assert_true(number(r, "/weight_updates") == 2 * 266);
}

/* ---- failures ----------------------------------------------------------------------------------------------------- */

static void a_diverged_run_says_when_and_why(void **state)
{
    (void)state;
    long job = start_job(DIVERGING);
    struct reply *r = finish_job(job);
    assert_string_equal(text(r, "/status"), "failed");
    assert_true(number(r, "/runs/failed") == 1 && number(r, "/progress") == 1);
    long run = run_of(job, 0);
    r = run_get(run);
    expect_members(r, "", RUN_MEMBERS);
    assert_string_equal(text(r, "/status"), "failed");
    expect_members(r, "/failure", "code epoch detail");
    assert_string_equal(text(r, "/failure/code"), "diverged");
    double epoch = number(r, "/failure/epoch");
    assert_true(epoch >= 1 && epoch < 50);
    assert_true(number(r, "/epoch") == epoch - 1);
    char figure[20];
    snprintf(figure, sizeof figure, "epoch %.0f", epoch);
    assert_non_null(strstr(text(r, "/failure/detail"), figure));
    assert_true(is_time(text(r, "/timings/finished_at")));
    struct reply *e = expect(http_get("/v1/runs/%ld/epochs", run), 200);
    assert_true(number(e, "/total") == epoch - 1);
    for (int i = 0; i < count(e, "/train_loss"); i++)
        number(e, "/train_loss/%d", i); /* finite, every one */
}

/* One run of a grid fails: the others go on, and the job has succeeded. */
static void a_failed_run_does_not_fail_its_job(void **state)
{
    (void)state;
    long job = start_job("{\"dataset\":\"penguins\",\"target\":\"body_mass_g\",\"epochs\":30,"
                         "\"network\":{\"hidden\":[{\"units\":8,\"activation\":\"identity\"}]},"
                         "\"optimizer\":{\"name\":\"sgd\"},\"grid\":{\"/optimizer/learning_rate\":[1000,0.01]}}");
    struct reply *r = finish_job(job);
    assert_string_equal(text(r, "/status"), "succeeded");
    assert_true(number(r, "/runs/failed") == 1 && number(r, "/runs/succeeded") == 1);
}

/* Cancelled before it began: no layers, no epochs, no results. */
static void a_run_that_never_began_has_no_results(void **state)
{
    (void)state;
    long busy[2] = {start_job(ENDLESS), start_job(ENDLESS)};
    await_status(busy[0], "running");
    await_status(busy[1], "running");
    long job = start_job("{\"dataset\":\"penguins\",\"target\":\"species\"}"), run = run_of(job, 0);
    char path[60];
    snprintf(path, sizeof path, "/v1/runs/%ld/predict", run);
    struct reply *r = expect_problem(http_post(path, "{\"instances\":[]}"), 409, "conflict");
    assert_non_null(strstr(text(r, "/detail"), "queued"));
    r = expect_problem(http_get("/v1/runs/%ld/evaluation", run_of(busy[0], 0)), 409, "conflict");
    assert_non_null(strstr(text(r, "/detail"), "running"));
    cancel_job(job);
    r = run_get(run);
    expect_members(r, "", RUN_MEMBERS);
    assert_true(is_null(r, "/layers") && is_null(r, "/environment") && is_null(r, "/resolved") && is_null(r, "/model_sha256"));
    assert_true(is_null(r, "/metrics/train_loss") && is_null(r, "/metrics/best_epoch"));
    assert_true(number(r, "/epoch") == 0 && number(r, "/weight_updates") == 0);
    r = expect(http_get("/v1/runs/%ld/epochs", run), 200);
    assert_int_equal(count(r, "/epoch"), 0);
    assert_true(number(r, "/total") == 0);
    assert_int_equal(count(expect(http_get("/v1/runs/%ld/layers", run), 200), "/epoch"), 0);
    static const char *const results[] = {"evaluation", "model"};
    for (size_t i = 0; i < COUNT(results); i++) {
        r = expect_problem(http_get("/v1/runs/%ld/%s", run, results[i]), 409, "conflict");
        assert_non_null(strstr(text(r, "/detail"), "cancelled"));
    }
    expect_problem(http_post(path, "{\"instances\":[]}"), 409, "conflict");
}

/* ---- epochs and layers -------------------------------------------------------------------------------------------- */

static struct reply *epochs(const char *part, const char *query)
{
    return expect(http_get("/v1/runs/%ld/%s%s", long_run(), part, query), 200);
}

static void epochs_are_columns(void **state)
{
    (void)state;
    static const char names[] = "epoch train_loss valid_loss valid_accuracy valid_log_loss valid_f1_macro learning_rate "
                                "seconds elapsed_seconds weight_updates";
    struct reply *e = epochs("epochs", ""), *r = run_get(long_run());
    char list[sizeof names], *rest = strcpy(list, names), members[sizeof names + 8];
    snprintf(members, sizeof members, "%s total", names);
    expect_members(e, "", members);
    assert_true(number(e, "/total") == 300);
    for (char *name; (name = strsep(&rest, " "));)
        assert_int_equal(count(e, "/%s", name), 300);
    double best = 1, elapsed = 0;
    for (int i = 0; i < 300; i++) {
        assert_true(number(e, "/epoch/%d", i) == i + 1);
        assert_true(number(e, "/learning_rate/%d", i) == 0.3);
        assert_true(number(e, "/seconds/%d", i) > 0);
        elapsed += number(e, "/seconds/%d", i);
        assert_true(fabs(number(e, "/elapsed_seconds/%d", i) - elapsed) < 1e-9 * elapsed);
        assert_true(number(e, "/weight_updates/%d", i) * 300 == number(r, "/weight_updates") * (i + 1));
        if (number(e, "/valid_loss/%d", i) < number(e, "/valid_loss/%d", (int)best - 1))
            best = i + 1;
    }
    static const char *const metrics[] = {"train_loss", "valid_loss", "valid_accuracy", "valid_log_loss", "valid_f1_macro"};
    for (size_t m = 0; m < COUNT(metrics); m++)
        assert_true(number(e, "/%s/299", metrics[m]) == number(r, "/metrics/%s", metrics[m]));
    assert_true(number(r, "/metrics/best_epoch") == best);
}

static void a_range_of_epochs_is_inclusive(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        int first, last;
    } cases[] = {{"?from=10&to=20", 10, 20}, {"?from=290", 290, 300}, {"?to=5", 1, 5}, {"?from=300", 300, 300}, {"?to=1", 1, 1},
                 {"?from=301", 1, 0}, {"?from=20&to=10", 1, 0}, {"?to=4294967295", 1, 300}, {"?from=7&to=7&points=5", 7, 7},
                 {"?from=5&to=8&points=4", 5, 8}, {"?points=100000", 1, 300}, {"?points=300", 1, 300}};
    struct reply *whole = epochs("epochs", "");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reply *e = epochs("epochs", cases[i].query);
        int rows = cases[i].last - cases[i].first + 1;
        assert_int_equal(count(e, "/epoch"), rows);
        assert_true(number(e, "/total") == rows);
        for (int k = 0; k < rows; k++) {
            assert_true(number(e, "/epoch/%d", k) == cases[i].first + k);
            assert_true(number(e, "/train_loss/%d", k) == number(whole, "/train_loss/%d", cases[i].first + k - 1));
        }
    }
}

/* The index in the thinned reply of the row whose figure is least (sign 1) or largest (-1) in epochs first..last of all. */
static void check_extreme(struct reply *thin, struct reply *whole, const char *metric, double sign, int first, int last)
{
    double best = INFINITY;
    for (int i = first; i <= last; i++)
        best = fmin(best, sign * number(whole, "/%s/%d", metric, i - 1));
    for (int i = 0; i < count(thin, "/epoch"); i++)
        if (sign * number(thin, "/%s/%d", metric, i) == best)
            return;
    fail_reply(__FILE__, __LINE__, thin, "the %s %s is lost", sign > 0 ? "least" : "largest", metric);
}

static void thinned_epochs_keep_ends_and_extremes(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        int points, first, last;
    } cases[] = {{"?points=1", 1, 1, 300}, {"?points=2", 2, 1, 300}, {"?points=20", 20, 1, 300}, {"?points=100", 100, 1, 300},
                 {"?points=299", 299, 1, 300}, {"?from=50&to=250&points=20", 20, 50, 250},
                 {"?from=281&points=10", 10, 281, 300}};
    struct reply *whole = epochs("epochs", "");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reply *e = epochs("epochs", cases[i].query);
        int rows = count(e, "/epoch");
        assert_in_range(rows, 4, cases[i].points > 8 ? cases[i].points : 8);
        assert_true(number(e, "/total") == cases[i].last - cases[i].first + 1);
        assert_true(number(e, "/epoch/0") == cases[i].first);
        assert_true(number(e, "/epoch/%d", rows - 1) == cases[i].last);
        for (int k = 0; k < rows; k++) {
            int epoch = (int)number(e, "/epoch/%d", k);
            assert_true(!k || epoch > number(e, "/epoch/%d", k - 1));
            assert_true(number(e, "/valid_loss/%d", k) == number(whole, "/valid_loss/%d", epoch - 1));
        }
        for (int sign = -1; sign < 2; sign += 2) {
            check_extreme(e, whole, "train_loss", sign, cases[i].first, cases[i].last);
            check_extreme(e, whole, "valid_loss", sign, cases[i].first, cases[i].last);
        }
        struct reply *layers = epochs("layers", cases[i].query);
        assert_true(json_same(at(layers, "/epoch"), at(e, "/epoch")));
        assert_true(number(layers, "/total") == number(e, "/total"));
    }
}

static void layers_show_the_diagnosis(void **state)
{
    (void)state;
    struct reply *r = epochs("layers", "?from=295");
    expect_members(r, "", "epoch layers total");
    assert_int_equal(count(r, "/layers"), 3);
    for (int l = 0; l < 3; l++) {
        static const char *const figures[] = {"gradient_norm", "update_ratio", "dead", "saturated"};
        char pointer[40];
        snprintf(pointer, sizeof pointer, "/layers/%d", l);
        expect_members(r, pointer, "layer gradient_norm update_ratio dead saturated");
        assert_true(number(r, "/layers/%d/layer", l) == l + 1);
        for (size_t f = 0; f < COUNT(figures); f++) {
            assert_int_equal(count(r, "/layers/%d/%s", l, figures[f]), 6);
            for (int i = 0; i < 6; i++) {
                double v = number(r, "/layers/%d/%s/%d", l, figures[f], i);
                assert_true(f < 2 ? v > 0 : v >= 0 && v <= 1);
            }
        }
    }
    /* step has no derivative: what lies below it never moves */
    long run = train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":2,\"network\":{\"hidden\":[{\"units\":4},"
                     "{\"units\":4,\"activation\":\"step\"}]}}");
    r = expect(http_get("/v1/runs/%ld/layers", run), 200);
    assert_true(number(r, "/layers/0/gradient_norm/1") == 0 && number(r, "/layers/0/update_ratio/1") == 0);
    assert_true(number(r, "/layers/1/gradient_norm/1") == 0 && number(r, "/layers/2/gradient_norm/1") > 0);
}

/* ---- the model file ----------------------------------------------------------------------------------------------- */

static void the_model_file_is_what_its_digest_says(void **state)
{
    (void)state;
    char sha256[65], etag[80];
    struct reply *r = run_get(long_run()), *model = expect(http_get("/v1/runs/%ld/model", long_run()), 200);
    assert_string_equal(http_header(model, "Content-Type"), "application/octet-stream");
    assert_int_equal(strncmp(http_header(model, "Content-Disposition"), "attachment", 10), 0);
    sha256_hex(model->body, model->length, sha256);
    assert_string_equal(text(r, "/model_sha256"), sha256);
    snprintf(etag, sizeof etag, "\"%s\"", sha256);
    assert_string_equal(http_header(model, "ETag"), etag);
    assert_true((long)model->length > 4 * whole(r, "/parameters"));
    struct reply *head = expect(http_call("HEAD", "/v1/runs/%ld/model", long_run()), 200);
    assert_int_equal(strtoul(http_header(head, "Content-Length"), NULL, 10), model->length);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_run_has_all_its_members),
        TEST(a_run_says_what_it_was_left_to_choose),
        TEST(layers_go_from_the_inputs_to_the_output),
        TEST(metrics_are_those_of_the_task),
        TEST(weight_updates_are_counted_exactly),
        TEST(a_diverged_run_says_when_and_why),
        TEST(a_failed_run_does_not_fail_its_job),
        TEST_OF_WORK(a_run_that_never_began_has_no_results),
        TEST(epochs_are_columns),
        TEST(a_range_of_epochs_is_inclusive),
        TEST(thinned_epochs_keep_ends_and_extremes),
        TEST(layers_show_the_diagnosis),
        TEST(the_model_file_is_what_its_digest_says),
    };
    return cmocka_run_group_tests(tests, daemon_setup_with_penguins, daemon_teardown);
}
