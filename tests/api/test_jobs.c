/* POST /v1/jobs: what is filled in, dry runs, grids, idempotency keys, several faults at once. The fields one by one are in
 * test_limits.c and test_bad_inputs.c. */
#include "support/api.h"

#define DRY "/v1/jobs?dry_run=true"

static double jobs_stored(void)
{
    static const char name[] = "\nmlpd_jobs ";
    const char *figure = strstr(expect(http_get("/metrics"), 200)->body, name);
    assert_non_null(figure);
    return strtod(figure + strlen(name), NULL);
}

static void expect_json(const char *file, int line, struct reply *r, const char *pointer, const char *json)
{
    cJSON *expected = cJSON_Parse(json);
    assert_non_null(expected);
    bool same = json_same(json_at(file, line, r, "%s", pointer), expected);
    cJSON_Delete(expected);
    if (!same)
        fail_reply(file, line, r, "%s is not %s", pointer, json);
}
#define EXPECT_JSON(reply, pointer, json) expect_json(__FILE__, __LINE__, reply, pointer, json)

/* ---- the answer --------------------------------------------------------------------------------------------------- */

static void a_job_comes_back_whole_with_its_place(void **state)
{
    (void)state;
    struct reply *r = expect(http_post("/v1/jobs", "{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":2}"), 202);
    char location[60];
    snprintf(location, sizeof location, "/v1/jobs/%.0f", number(r, "/id"));
    assert_string_equal(http_header(r, "Location"), location);
    expect_members(r, "", "id name dataset dataset_id status terminal progress priority runs folds best epochs_saved spec "
                          "created_at started_at finished_at");
    expect_members(r, "/runs", "total queued running paused succeeded failed cancelled");
    assert_true(is_null(r, "/name"));
    assert_string_equal(text(r, "/dataset"), "penguins");
    assert_true(number(r, "/dataset_id") == 1);
    assert_true(number(r, "/runs/total") == 1);
    assert_true(is_time(text(r, "/created_at")));
    assert_true(is_null(r, "/finished_at"));
    assert_false(flag(r, "/terminal"));
    r = finish_job(whole(r, "/id"));
    assert_string_equal(text(r, "/status"), "succeeded");
    assert_true(number(r, "/progress") == 1);
    assert_true(number(r, "/runs/succeeded") == 1);
    assert_true(is_time(text(r, "/started_at")) && is_time(text(r, "/finished_at")));
    assert_true(strcmp(text(r, "/created_at"), text(r, "/started_at")) <= 0);
    assert_true(strcmp(text(r, "/started_at"), text(r, "/finished_at")) <= 0);
}

/* What a job says of training and of a layer when nothing is given. */
#define TRAINING \
    "\"loss\":\"auto\",\"class_weights\":null,\"sample_weight\":null,\"regularization\":{\"l1\":0,\"l2\":0,\"clip_norm\":null}," \
    "\"schedule\":{\"name\":\"auto\",\"warmup_epochs\":0},\"early_stopping\":null," \
    "\"stop\":{\"train_loss\":null,\"valid_loss\":null,\"seconds\":null},"
#define PLAIN ",\"batch_normalization\":false,\"dropout\":0}"

/* The contract's own example. */
static void what_was_given_is_kept(void **state)
{
    (void)state;
    static const char spec[] =
        "{\"name\":\"penguins, momentum study\",\"dataset\":\"penguins\",\"target\":\"species\",\"task\":\"auto\","
        "\"features\":null,\"columns\":{},\"encoding\":{\"scaling\":\"standard\",\"min_frequency\":0,\"category_limit\":1000},"
        "\"validation\":{\"fraction\":0.2,\"stratified\":true},\"network\":{\"hidden\":[{\"units\":16,\"activation\":\"relu\"" PLAIN "]},"
        "\"optimizer\":{\"name\":\"momentum\",\"learning_rate\":0.05,\"momentum\":0.9,\"weight_decay\":0}," TRAINING "\"batch_size\":32,\"epochs\":3,"
        "\"seed\":7,"
        "\"threads\":null,"
        "\"checkpoint\":{\"every_seconds\":5},"
        "\"grid\":{\"/optimizer/momentum\":[0,0.5,0.9],\"/optimizer/learning_rate\":[0.01,0.1]},"
        "\"search\":null,\"halving\":null,\"initial\":null}";
    struct reply *r = expect(http_post("/v1/jobs", "%s", spec), 202);
    EXPECT_JSON(r, "/spec", spec);
    assert_string_equal(text(r, "/name"), "penguins, momentum study");
    assert_true(number(r, "/runs/total") == 6);
    finish_job(whole(r, "/id"));
}

static void defaults_are_filled_in(void **state)
{
    (void)state;
    struct reply *r = expect(http_post(DRY, "{\"dataset\":\"penguins\",\"target\":\"species\"}"), 200);
    EXPECT_JSON(r, "/job", "{\"name\":null,\"dataset\":\"penguins\",\"target\":\"species\",\"task\":\"auto\",\"features\":null,"
                           "\"columns\":{},\"encoding\":{\"scaling\":\"standard\",\"min_frequency\":0,\"category_limit\":1000},"
                           "\"validation\":{\"fraction\":0.1,\"stratified\":true},\"network\":{\"hidden\":[{\"units\":150,"
                           "\"activation\":\"relu\"" PLAIN "]},"
                           "\"optimizer\":{\"name\":\"adamw\",\"learning_rate\":0.003,\"beta1\":0.9,\"beta2\":0.999,"
                           "\"epsilon\":1e-8,\"weight_decay\":null,\"bias_correction\":true}," TRAINING "\"batch_size\":32,\"epochs\":100,\"seed\":1,"
                           "\"threads\":null,"
                           "\"checkpoint\":{\"every_seconds\":5},\"grid\":null,\"search\":null,\"halving\":null,\"initial\":null}");
    static const char *const optimizers[] = {
        "{\"name\":\"sgd\",\"learning_rate\":0.01,\"weight_decay\":0}",
        "{\"name\":\"momentum\",\"learning_rate\":0.01,\"momentum\":0.9,\"weight_decay\":0}",
        "{\"name\":\"adagrad\",\"learning_rate\":0.01,\"epsilon\":1e-10,\"weight_decay\":0}",
        "{\"name\":\"rmsprop\",\"learning_rate\":0.001,\"rho\":0.9,\"epsilon\":1e-8,\"weight_decay\":0}",
        ("{\"name\":\"adam\",\"learning_rate\":0.001,\"beta1\":0.9,\"beta2\":0.999,\"epsilon\":1e-8,"
         "\"weight_decay\":0,\"bias_correction\":true}"),
    };
    for (size_t i = 0; i < COUNT(optimizers); i++) {
        r = expect(http_post(DRY, "{\"dataset\":\"penguins\",\"target\":\"species\",\"optimizer\":{\"name\":\"%.*s\"}}",
                             (int)strcspn(optimizers[i] + 9, "\""), optimizers[i] + 9), 200);
        EXPECT_JSON(r, "/job/optimizer", optimizers[i]);
    }
    r = expect(http_post(DRY, "{\"dataset\":\"penguins\",\"target\":\"species\",\"network\":{\"hidden\":"
                              "[{\"units\":2,\"activation\":\"leaky_relu\"},{\"units\":3,\"activation\":\"step\"}]}}"), 200);
    EXPECT_JSON(r, "/job/network/hidden", "[{\"units\":2,\"activation\":\"leaky_relu\",\"negative_slope\":0.01" PLAIN ","
                                          "{\"units\":3,\"activation\":\"step\"" PLAIN "]");
}

/* null where the schema allows it is the default; what comes back can be sent again and means the same. */
static void a_filled_in_job_can_be_sent_again(void **state)
{
    (void)state;
    struct reply *r = expect(http_post(DRY, "{\"dataset\":\"1\",\"target\":\"sex\",\"name\":null,\"features\":null,"
                                            "\"grid\":null,\"threads\":null,\"optimizer\":{\"learning_rate\":null,"
                                            "\"beta1\":null}}"),
                             200);
    char *spec = cJSON_PrintUnformatted(at(r, "/job"));
    struct reply *again = expect(http_post(DRY, "%s", spec), 200);
    assert_string_equal(again->body, r->body);
    cJSON_free(spec);
}

/* ---- dry runs ----------------------------------------------------------------------------------------------------- */

static void a_dry_run_estimates_and_stores_nothing(void **state)
{
    (void)state;
    double before = jobs_stored();
    struct reply *r = expect(
        http_post(DRY, "{\"dataset\":\"penguins\",\"target\":\"species\",\"network\":{\"hidden\":[{\"units\":16}]},"
                       "\"grid\":{\"/seed\":[1,2,3],\"/network/hidden/0/units\":[4,16]}}"), 200);
    expect_members(r, "", "job task runs points parameters memory_bytes seconds");
    assert_string_equal(text(r, "/task"), "multiclass");
    assert_true(number(r, "/runs") == 6);
    /* inputs: island 3, sex 2 and one for its missing ones, five numbers; the largest of the grid counts */
    assert_true(number(r, "/parameters") == (11 + 1) * 16 + (16 + 1) * 3);
    assert_true(number(r, "/memory_bytes") > 344 * 11 * 4);
    assert_true(is_null(r, "/seconds") || number(r, "/seconds") >= 0);
    assert_true(jobs_stored() == before);
    assert_string_equal(http_header(r, "Location"), "");
    expect_violation(http_post(DRY, "{\"dataset\":\"penguins\"}"), "/target", "required");
    static const char body[] = "{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1}";
    expect(http_post("/v1/jobs?dry_run=1", body), 200);
    expect(http_post("/v1/jobs?dry_run", body), 200);
    assert_true(jobs_stored() == before);
    finish_job(whole(expect(http_post("/v1/jobs?dry_run=false", body), 202), "/id"));
    finish_job(whole(expect(http_post("/v1/jobs?dry_run=0", body), 202), "/id"));
    assert_true(jobs_stored() == before + 2);
}

static void a_report_is_an_answer_also_of_a_wrong_job(void **state)
{
    (void)state;
    double before = jobs_stored();
    struct reply *r = expect(http_post("/v1/jobs?dry_run=report", "{\"target\":\"species\",\"epochs\":0}"), 200);
    expect_members(r, "", "valid errors");
    assert_false(flag(r, "/valid"));
    expect_members(r, "/errors/0", "pointer code detail");
    char *errors = cJSON_PrintUnformatted(at(r, "/errors"));
    r = expect(http_post(DRY, "{\"target\":\"species\",\"epochs\":0}"), 422);
    char *same = cJSON_PrintUnformatted(at(r, "/errors"));
    assert_string_equal(errors, same);
    cJSON_free(errors);
    cJSON_free(same);
    r = expect(http_post("/v1/jobs?dry_run=report", "{\"dataset\":\"penguins\",\"target\":\"species\"}"), 200);
    expect_members(r, "", "valid job task runs points parameters memory_bytes seconds");
    assert_true(flag(r, "/valid"));
    assert_true(jobs_stored() == before);
    expect(http_post("/v1/jobs?dry_run=report", "{"), 400);
}

static void tasks_are_found_by_the_target(void **state)
{
    (void)state;
    static const struct {
        const char *target, *task, *found; /* found NULL: refused */
    } cases[] = {
        {"species", "auto", "multiclass"}, {"sex", "auto", "binary"}, {"body_mass_g", "auto", "regression"},
        {"year", "auto", "regression"}, {"year", "multiclass", "multiclass"}, {"sex", "binary", "binary"},
        {"sex", "multiclass", "multiclass"}, {"year", "binary", NULL}, {"species", "binary", NULL},
        {"species", "regression", NULL}, {"body_mass_g", "regression", "regression"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reply *r = http_post(DRY, "{\"dataset\":\"penguins\",\"target\":\"%s\",\"task\":\"%s\"}", cases[i].target,
                                    cases[i].task);
        if (cases[i].found)
            assert_string_equal(text(expect(r, 200), "/task"), cases[i].found);
        else
            expect_violation(r, "/task", "value");
    }
}

/* ---- grids -------------------------------------------------------------------------------------------------------- */

static void a_grid_is_the_product_of_its_values(void **state)
{
    (void)state;
    long job = start_job("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1,\"optimizer\":{\"name\":\"momentum\"},"
                         "\"grid\":{\"/optimizer/momentum\":[0,0.5,0.9],\"/batch_size\":[\"full\",16],"
                         "\"/network/hidden\":[[],[{\"units\":3,\"activation\":\"tanh\"}]]}}");
    struct reply *r = finish_job(job);
    assert_true(number(r, "/runs/total") == 12 && number(r, "/runs/succeeded") == 12);
    struct reply *runs = expect(http_get("/v1/jobs/%ld/runs", job), 200);
    assert_int_equal(count(runs, "/data"), 12);
    for (int i = 0; i < 12; i++) {
        const char *const batches[] = {"\"full\"", "16"}, *const layers[] = {"[]", "[{\"units\":3,\"activation\":\"tanh\"}]"};
        const char *const filled[] = {"[]", "[{\"units\":3,\"activation\":\"tanh\"" PLAIN "]"};
        static const char *const momenta[] = {"0", "0.5", "0.9"};
        char point[200], pointer[60];
        snprintf(point, sizeof point, "{\"/optimizer/momentum\":%s,\"/batch_size\":%s,\"/network/hidden\":%s}", momenta[i / 4],
                 batches[i / 2 % 2], layers[i % 2]);
        snprintf(pointer, sizeof pointer, "/data/%d/hyperparameters", i);
        EXPECT_JSON(runs, pointer, point);
        snprintf(pointer, sizeof pointer, "/data/%d/spec/optimizer/momentum", i);
        EXPECT_JSON(runs, pointer, momenta[i / 4]);
        snprintf(pointer, sizeof pointer, "/data/%d/spec/batch_size", i);
        EXPECT_JSON(runs, pointer, batches[i / 2 % 2]);
        snprintf(pointer, sizeof pointer, "/data/%d/spec/network/hidden", i);
        EXPECT_JSON(runs, pointer, filled[i % 2]);
        assert_true(number(runs, "/data/%d/number", i) == i + 1);
        assert_true(is_null(runs, "/data/%d/spec/grid", i));
        assert_int_equal(count(runs, "/data/%d/layers", i), 1 + i % 2);
    }
}

/* Fields of one optimizer only may stand beside a grid over optimizers; a whole object may be an axis. */
static void a_grid_may_vary_the_optimizer(void **state)
{
    (void)state;
    long job = start_job("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1,"
                         "\"optimizer\":{\"momentum\":0.5},\"grid\":{\"/optimizer/name\":[\"sgd\",\"momentum\",\"adam\"]}}");
    finish_job(job);
    struct reply *r = expect(http_get("/v1/jobs/%ld/runs", job), 200);
    EXPECT_JSON(r, "/data/0/spec/optimizer", "{\"name\":\"sgd\",\"learning_rate\":0.01,\"weight_decay\":0}");
    EXPECT_JSON(r, "/data/1/spec/optimizer", "{\"name\":\"momentum\",\"learning_rate\":0.01,\"momentum\":0.5,\"weight_decay\":0}");
    job = start_job("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1,\"grid\":{\"/optimizer\":"
                    "[{\"name\":\"sgd\",\"learning_rate\":0.5},{\"name\":\"rmsprop\",\"rho\":0.5}]}}");
    finish_job(job);
    r = expect(http_get("/v1/jobs/%ld/runs", job), 200);
    EXPECT_JSON(r, "/data/1/spec/optimizer", "{\"name\":\"rmsprop\",\"learning_rate\":0.001,\"rho\":0.5,\"epsilon\":1e-8,\"weight_decay\":0}");
}

static void a_grid_may_vary_default_layers_and_the_target(void **state)
{
    (void)state;
    struct reply *r = expect(http_post(DRY, "{\"dataset\":\"penguins\",\"target\":\"species\","
                                            "\"grid\":{\"/network/hidden/0/units\":[1,2],\"/validation/fraction\":[0,0.5]}}"),
                                            200);
    assert_true(number(r, "/runs") == 4);
    r = expect(http_post(DRY, "{\"dataset\":\"penguins\",\"target\":\"species\",\"grid\":{\"/target\":[\"sex\",\"island\"]}}"),
               200);
    assert_true(number(r, "/runs") == 2);
}

static void a_grid_may_have_10000_runs(void **state)
{
    (void)state;
    char *grid = NULL;
    for (int i = 1; i <= 100; i++)
        append(&grid, "%d%s", i, i < 100 ? "," : "");
    struct reply *r = expect(http_post(DRY,
                                       "{\"dataset\":\"penguins\",\"target\":\"species\",\"grid\":{\"/seed\":[%s],"
                                       "\"/epochs\":[%s]}}",
                                       grid, grid), 200);
    assert_true(number(r, "/runs") == 10000);
    expect_violation(http_post(DRY,
                               "{\"dataset\":\"penguins\",\"target\":\"species\",\"grid\":{\"/seed\":[%s,101],"
                               "\"/epochs\":[%s]}}",
                               grid, grid), "/grid", "length");
    free(grid);
}

/* Features that all points share are kept once while planning, and are in every run's own spec all the same. */
static void every_run_has_its_features(void **state)
{
    (void)state;
    long job = start_job("{\"dataset\":\"penguins\",\"name\":\"\\\"features\\\":null\",\"target\":\"species\","
                         "\"epochs\":1,\"features\":[\"year\",\"body_mass_g\"],"
                         "\"grid\":{\"/seed\":[1,2],\"/task\":[\"auto\",\"multiclass\"]}}");
    expect(finish_job(job), 200);
    for (int i = 0; i < 4; i++) {
        struct reply *r = expect(run_get(run_of(job, i)), 200);
        assert_string_equal(text(r, "/status"), "succeeded");
        assert_int_equal(count(r, "/spec/features"), 2);
        assert_string_equal(text(r, "/spec/features/1"), "body_mass_g");
    }
    job = start_job("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1,\"features\":[\"year\",\"body_mass_g\"],"
                    "\"grid\":{\"/features/0\":[\"sex\",\"island\"]}}");
    expect(finish_job(job), 200);
    assert_string_equal(text(run_get(run_of(job, 0)), "/spec/features/0"), "sex");
    assert_string_equal(text(run_get(run_of(job, 1)), "/spec/features/0"), "island");
    expect_violation(http_post(DRY, "{\"dataset\":\"penguins\",\"target\":\"species\",\"features\":[\"year\",\"sex\"],"
                                    "\"grid\":{\"/features/0\":[\"island\",\"sex\"],\"/seed\":[1,2]}}"),
                     "/features/1", "duplicate");
}

/* ---- idempotency -------------------------------------------------------------------------------------------------- */

static struct reply *post_with_key(const char *key, const char *body)
{
    char header[400];
    snprintf(header, sizeof header, "Idempotency-Key: %s", key);
    return http_send(&(struct request){.path = "/v1/jobs", .type = "application/json", .body = body, .header = {header}});
}

static void a_key_makes_one_job(void **state)
{
    (void)state;
    static const char body[] = "{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1}";
    static const char other[] = "{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":2}";
    char longest[256];
    memset(longest, 'k', 255);
    longest[255] = '\0';
    double before = jobs_stored();
    struct reply *first = expect(post_with_key("one", body), 202);
    struct reply *again = expect(post_with_key("one", body), 202);
    assert_true(number(first, "/id") == number(again, "/id"));
    assert_string_equal(http_header(again, "Location"), http_header(first, "Location"));
    finish_job(whole(first, "/id"));
    again = expect(post_with_key("one", body), 202);
    assert_true(number(first, "/id") == number(again, "/id"));
    assert_string_equal(text(again, "/status"), "succeeded");
    struct reply *r = expect_problem(post_with_key("one", other), 422, "idempotency_key");
    char id[30];
    snprintf(id, sizeof id, "%.0f", number(first, "/id"));
    assert_non_null(strstr(text(r, "/detail"), id));
    assert_true(jobs_stored() == before + 1);
    r = expect(post_with_key("two", body), 202);
    assert_true(number(r, "/id") != number(first, "/id"));
    finish_job(whole(r, "/id"));
    finish_job(whole(expect(post_with_key(longest, body), 202), "/id"));
    expect_problem(post_with_key(strcat(strcpy((char[300]){0}, longest), "k"), body), 400, "idempotency_key");
}

/* A retry is answered whatever has happened since: here the dataset is gone. */
static void a_key_is_known_for_good(void **state)
{
    (void)state;
    static const char body[] = "{\"dataset\":\"passing\",\"target\":\"b\",\"epochs\":1}";
    expect(http_post_csv("/v1/datasets?name=passing", "a,b\n1,2\n2,3\n3,5\n4,7\n"), 201);
    struct reply *first = expect(post_with_key("retry", body), 202);
    finish_job(whole(first, "/id"));
    expect(http_call("DELETE", "/v1/datasets/passing"), 204);
    struct reply *again = expect(post_with_key("retry", body), 202);
    assert_true(number(first, "/id") == number(again, "/id"));
    expect_problem(post_with_key("retry", "{}"), 422, "idempotency_key");
    double before = jobs_stored();
    expect_violation(post_with_key("fresh", body), "/dataset", "not_found");
    expect_violation(post_with_key("fresh", "{}"), "/target", "required");
    assert_true(jobs_stored() == before);
    long job = whole(expect(post_with_key("fresh", "{\"dataset\":\"penguins\",\"target\":\"year\",\"epochs\":1}"), 202),
                            "/id");
    finish_job(job);
    expect(http_call("DELETE", "/v1/jobs/%ld", job), 204);
    expect_violation(post_with_key("fresh", "{}"), "/target", "required");
}

/* ---- several faults ----------------------------------------------------------------------------------------------- */

static void every_fault_is_told_at_once(void **state)
{
    (void)state;
    struct reply *r = http_post("/v1/jobs",
                                "{\"datasett\":\"x\",\"dataset\":\"nothing\",\"target\":5,\"epochs\":0,\"seed\":-1,\"seed\":1,"
                                            "\"network\":{\"hidden\":[{\"units\":0},{\"activation\":\"relu6\"}]},"
                                            "\"optimizer\":{\"name\":\"adamax\",\"rate\":1},\"validation\":{\"fraction\":1}}");
    static const struct {
        const char *pointer, *code;
    } faults[] = {
        {"/datasett", "unknown"}, {"/dataset", "not_found"}, {"/target", "type"}, {"/epochs", "range"}, {"/seed", "range"},
        {"/seed", "duplicate"}, {"/network/hidden/0/units", "range"}, {"/network/hidden/1/units", "required"},
        {"/network/hidden/1/activation", "enum"}, {"/optimizer/name", "enum"}, {"/optimizer/rate", "unknown"},
        {"/validation/fraction", "range"},
    };
    for (size_t i = 0; i < COUNT(faults); i++)
        expect_violation(r, faults[i].pointer, faults[i].code);
    assert_int_equal(count(r, "/errors"), (int)COUNT(faults));
}

static void the_nearest_name_is_suggested(void **state)
{
    (void)state;
    static const struct {
        const char *fields, *pointer, *suggestion;
    } cases[] = {
        {"\"target\":\"species\",\"epoch\":5", "/epoch", "\"epochs\""},
        {"\"target\":\"species\",\"Network\":{}", "/Network", "\"network\""},
        {"\"target\":\"specis\"", "/target", "\"species\""},
        {"\"target\":\"species\",\"features\":[\"island\",\"bil_length_mm\"]", "/features/1", "\"bill_length_mm\""},
        {"\"target\":\"species\",\"optimizer\":{\"learning_rte\":1}", "/optimizer/learning_rte", "\"learning_rate\""},
        {"\"target\":\"species\",\"optimizer\":{\"name\":\"rmsporp\"}", "/optimizer/name", "\"rmsprop\""},
        {"\"target\":\"species\",\"network\":{\"hidden\":[{\"unit\":1,\"units\":1}]}", "/network/hidden/0/unit", "\"units\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reply *r = http_post("/v1/jobs", "{\"dataset\":\"penguins\",%s}", cases[i].fields);
        expect_violation(r, cases[i].pointer, NULL);
        assert_int_equal(count(r, "/errors"), 1);
        if (!strstr(text(r, "/errors/0/detail"), cases[i].suggestion))
            fail_reply(__FILE__, __LINE__, r, "%s is not suggested", cases[i].suggestion);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_job_comes_back_whole_with_its_place),
        TEST(what_was_given_is_kept),
        TEST(defaults_are_filled_in),
        TEST(a_filled_in_job_can_be_sent_again),
        TEST(a_dry_run_estimates_and_stores_nothing),
        TEST(a_report_is_an_answer_also_of_a_wrong_job),
        TEST(tasks_are_found_by_the_target),
        TEST(a_grid_is_the_product_of_its_values),
        TEST(a_grid_may_vary_the_optimizer),
        TEST(a_grid_may_vary_default_layers_and_the_target),
        TEST(a_grid_may_have_10000_runs),
        TEST(every_run_has_its_features),
        TEST(a_key_makes_one_job),
        TEST(a_key_is_known_for_good),
        TEST(every_fault_is_told_at_once),
        TEST(the_nearest_name_is_suggested),
    };
    return cmocka_run_group_tests(tests, daemon_setup_with_penguins, daemon_teardown);
}
