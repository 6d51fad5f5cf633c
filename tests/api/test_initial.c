/* Jobs that start from a run: from its very weights and encoder, with what they leave out taken from it; and what is refused. */
#include "support/api.h"

#include "support/bad.h"
#include <signal.h>

#define DRY "/v1/jobs?dry_run=true"
#define SOURCE                                                                                                               \
    "{\"dataset\":\"penguins\",\"target\":\"species\",\"features\":[\"sex\",\"bill_length_mm\",\"body_mass_g\"],"            \
    "\"network\":{\"hidden\":[{\"units\":7,\"activation\":\"tanh\"},{\"units\":5,\"activation\":\"leaky_relu\","             \
    "\"negative_slope\":0.25}]},\"epochs\":20}"
/* A step too small to change a float: what comes out is what went in. */
#define STILL "\"optimizer\":{\"name\":\"sgd\",\"learning_rate\":1e-30},\"epochs\":1"

static long source(void)
{
    static long run;
    if (!run)
        run = train(SOURCE);
    return run;
}

/* Half of the penguins, in another order. */
static void upload_others(void)
{
    static bool there;
    size_t length, rows = 0;
    char *half = NULL, *line, *rest;
    if (there)
        return;
    there = true;
    char *csv = penguins_csv(&length);
    for (line = strtok_r(csv, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (rows++ % 2 == 0)
            append(&half, "%s\n", line);
    expect(http_post_csv("/v1/datasets?name=others", half), 201);
    free(half);
    test_free(csv);
}

static struct reply *train_from(long run, const char *members)
{
    return run_get(train("{\"dataset\":\"penguins\",\"target\":\"species\",\"initial\":{\"run\":%ld}%s}", run, members));
}

static void it_starts_from_the_weights_and_the_encoder(void **state)
{
    (void)state;
    struct reply *from = run_get(source()), *r = train_from(source(), "," STILL);
    assert_string_equal(text(r, "/model_sha256"), text(from, "/model_sha256"));
    assert_true(number(r, "/metrics/valid_loss") == number(from, "/metrics/valid_loss"));
    assert_true(number(r, "/spec/initial/run") == (double)source());
    assert_true(is_null(from, "/spec/initial"));
    /* of other rows and another seed too: nothing of the model is fitted to them */
    upload_others();
    long other = train("{\"dataset\":\"others\",\"target\":\"species\",\"seed\":9,\"initial\":{\"run\":%ld}," STILL "}", source());
    assert_string_equal(text(run_get(other), "/model_sha256"), text(from, "/model_sha256"));
    /* with a step worth the name the loss falls from where it was */
    r = train_from(source(), ",\"epochs\":30");
    assert_string_not_equal(text(r, "/model_sha256"), text(from, "/model_sha256"));
    struct reply *e = expect(http_get("/v1/runs/%ld/epochs", whole(r, "/id")), 200);
    assert_true(number(e, "/train_loss/0") < number(from, "/metrics/train_loss") * 1.2);
    assert_true(number(e, "/train_loss/29") < number(from, "/metrics/train_loss"));
}

static void what_is_left_out_is_that_of_the_run(void **state)
{
    (void)state;
    struct reply *from = run_get(source());
    struct reply *r = expect(http_post(DRY, "{\"dataset\":\"penguins\",\"target\":\"species\",\"initial\":{\"run\":%ld}}",
                                       source()), 200);
    assert_true(json_same(at(r, "/job/features"), at(from, "/spec/features")));
    assert_true(json_same(at(r, "/job/network"), at(from, "/spec/network")));
    assert_true(json_same(at(r, "/job/encoding"), at(from, "/spec/encoding")));
    assert_true(number(r, "/parameters") == number(from, "/parameters"));
    /* what is of no consequence to the weights may differ */
    expect(http_post(DRY, "{\"dataset\":\"penguins\",\"target\":\"species\",\"task\":\"multiclass\",\"initial\":{\"run\":%ld},"
                          "\"network\":{\"hidden\":[{\"units\":7,\"activation\":\"tanh\",\"dropout\":0.2},"
                          "{\"units\":5,\"activation\":\"leaky_relu\",\"negative_slope\":0.25}]}}", source()), 200);
}

static void every_run_of_a_grid_starts_there(void **state)
{
    (void)state;
    long job = start_job("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1,\"optimizer\":{\"name\":\"sgd\"},"
                         "\"initial\":{\"run\":%ld},\"grid\":{\"/optimizer/learning_rate\":[1e-30,1e-31,0.1]}}", source());
    finish_job(job);
    struct reply *from = run_get(source());
    assert_string_equal(text(run_get(run_of(job, 0)), "/model_sha256"), text(from, "/model_sha256"));
    assert_string_equal(text(run_get(run_of(job, 1)), "/model_sha256"), text(from, "/model_sha256"));
    assert_string_not_equal(text(run_get(run_of(job, 2)), "/model_sha256"), text(from, "/model_sha256"));
}

/* Normalization is folded into the weights that it starts from. */
static void a_normalized_network_starts_plain(void **state)
{
    (void)state;
    long run = train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":3,\"network\":{\"hidden\":[{\"units\":4,"
                     "\"batch_normalization\":true}]}}");
    struct reply *r = train_from(run, "," STILL);
    assert_string_equal(text(r, "/model_sha256"), text(run_get(run), "/model_sha256"));
    assert_false(flag(r, "/spec/network/hidden/0/batch_normalization"));
    expect_violation(http_post(DRY, "{\"dataset\":\"penguins\",\"target\":\"species\",\"initial\":{\"run\":%ld},\"network\":{"
                                    "\"hidden\":[{\"units\":4,\"batch_normalization\":true}]}}", run),
                     "/network/hidden/0/batch_normalization", "value");
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *members, *where, *code;
    } cases[] = {
        {"\"target\":\"sex\"", "/target", "value"},
        {"\"target\":\"species\",\"features\":[\"sex\",\"bill_length_mm\"]", "/features", "value"},
        {"\"target\":\"species\",\"features\":[\"bill_length_mm\",\"sex\",\"body_mass_g\"]", "/features", "value"},
        {"\"target\":\"species\",\"features\":[\"sex\",\"bill\",\"body_mass_g\"]", "/features/1", "not_found"},
        {"\"target\":\"species\",\"encoding\":{\"scaling\":\"minmax\"}", "/encoding", "value"},
        {"\"target\":\"species\",\"network\":{\"hidden\":[]}", "/network/hidden", "length"},
        {"\"target\":\"species\",\"network\":{\"hidden\":[{\"units\":8,\"activation\":\"tanh\"},{\"units\":5,"
         "\"activation\":\"leaky_relu\",\"negative_slope\":0.25}]}", "/network/hidden/0/units", "value"},
        {"\"target\":\"species\",\"network\":{\"hidden\":[{\"units\":7,\"activation\":\"tanh\"},{\"units\":5}]}",
         "/network/hidden/1/activation", "value"},
        {"\"target\":\"species\",\"network\":{\"hidden\":[{\"units\":7,\"activation\":\"tanh\"},{\"units\":5,"
         "\"activation\":\"leaky_relu\"}]}", "/network/hidden/1/negative_slope", "value"},
        {"\"target\":\"species\",\"grid\":{\"/network/hidden/1/units\":[5,6]}", "/grid/~1network~1hidden~11~1units/1", "value"},
        {"\"target\":\"species\",\"grid\":{\"/features\":[[\"sex\"]]}", "/grid/~1features", "value"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        expect_violation(http_post(DRY, "{\"dataset\":\"penguins\",\"initial\":{\"run\":%ld},%s}", source(), cases[i].members),
                         cases[i].where, cases[i].code);
    expect(http_post_csv("/v1/datasets?name=fewer",
                         "species,sex,bill_length_mm,body_mass_g\nAdelie,male,1,2\nGentoo,female,2,3\nAdelie,male,2,3\n"), 201);
    expect(http_post_csv("/v1/datasets?name=texts", "species,sex,bill_length_mm,body_mass_g\nAdelie,male,long,2\n"
                                                    "Gentoo,female,short,3\nChinstrap,male,long,3\n"), 201);
    expect(http_post_csv("/v1/datasets?name=stranger", "species,sex,bill_length_mm,body_mass_g\nAdelie,male,1,2\n"
                                                       "Gentoo,female,2,3\nEmperor,male,3,3\n"), 201);
    expect_violation(http_post(DRY, "{\"dataset\":\"stranger\",\"target\":\"species\",\"initial\":{\"run\":%ld}}", source()),
                     "/dataset", "value");
    expect(http_post(DRY, "{\"dataset\":\"fewer\",\"target\":\"species\",\"initial\":{\"run\":%ld}}", source()), 200);
    expect_violation(http_post(DRY, "{\"dataset\":\"fewer\",\"target\":\"species\",\"task\":\"binary\",\"initial\":{\"run\":%ld}}",
                               source()), "/task", "value");
    expect_violation(http_post(DRY, "{\"dataset\":\"texts\",\"target\":\"species\",\"initial\":{\"run\":%ld}}", source()),
                     "/dataset", "value");
#define BODY(members, where, code)                                                                                           \
    {"POST", DRY, "application/json", "{\"dataset\":\"penguins\",\"target\":\"species\"," members "}", 0, 422, where, code, NULL}
    static const struct bad_input rows[] = {
        BODY("\"initial\":7", "/initial", "type"), BODY("\"initial\":{}", "/initial/run", "required"),
        BODY("\"initial\":{\"run\":0}", "/initial/run", "range"), BODY("\"initial\":{\"run\":1.5}", "/initial/run", "type"),
        BODY("\"initial\":{\"run\":\"7\"}", "/initial/run", "type"),
        BODY("\"initial\":{\"run\":99999}", "/initial/run", "not_found"),
        BODY("\"grid\":{\"/initial/run\":[1,2]}", "/grid/~1initial~1run", "value"),
    };
    check_bad_inputs(rows, COUNT(rows));
    long job = start_job(ENDLESS);
    struct reply *r = http_post(DRY, "{\"dataset\":\"penguins\",\"target\":\"species\",\"initial\":{\"run\":%ld}}", run_of(job, 0));
    expect_violation(r, "/initial/run", "value");
    cancel_job(job);
}

/* One worker. What a job starts from stays until the job is over, through a restart as well. */
static void the_run_is_there_while_it_is_needed(void **state)
{
    (void)state;
    struct reply *from = run_get(train(SOURCE));
    long run = whole(from, "/id"), job = whole(from, "/job"), endless = start_job(ENDLESS);
    long tuned = start_job("{\"dataset\":\"penguins\",\"target\":\"species\",\"initial\":{\"run\":%ld}," STILL "}", run);
    struct reply *r = expect_problem(http_call("DELETE", "/v1/jobs/%ld", job), 409, "conflict");
    char name[40];
    snprintf(name, sizeof name, "job %ld", tuned);
    assert_non_null(strstr(r->body, name));
    daemon_stop(SIGTERM);
    daemon_start_again();
    expect_problem(http_call("DELETE", "/v1/jobs/%ld", job), 409, "conflict");
    cancel_job(endless);
    assert_string_equal(text(finish_job(tuned), "/status"), "succeeded");
    assert_string_equal(text(run_get(run_of(tuned, 0)), "/model_sha256"), text(from, "/model_sha256"));
    expect(http_call("DELETE", "/v1/jobs/%ld", job), 204);
    char path[60];
    snprintf(path, sizeof path, "/v1/runs/%ld/predict", run_of(tuned, 0));
    expect(http_post_csv(path, "sex\nmale\n"), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_starts_from_the_weights_and_the_encoder),
        TEST(what_is_left_out_is_that_of_the_run),
        TEST(every_run_of_a_grid_starts_there),
        TEST(a_normalized_network_starts_plain),
        TEST_OF_WORK(what_does_not_fit_is_refused),
    };
    const struct CMUnitTest one_worker[] = {TEST_OF_WORK(the_run_is_there_while_it_is_needed)};
    int failed = cmocka_run_group_tests(tests, daemon_setup_with_penguins, daemon_teardown);
    return failed + cmocka_run_group_tests(one_worker, daemon_setup_one_worker_with_penguins, daemon_teardown);
}
