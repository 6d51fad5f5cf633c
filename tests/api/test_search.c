/* Jobs with a search: what is drawn is trained, shown, and the same again. */
#include "support/api.h"

#include "support/bad.h"
#include <math.h>

#define DRY "/v1/jobs?dry_run=true"
#define SEARCH                                                                                                               \
    "\"search\":{\"parameters\":{\"/optimizer/learning_rate\":{\"log_uniform\":[0.0001,0.1]},"                               \
    "\"/network/hidden/0/units\":{\"uniform\":[3,9]},\"/network/hidden/0/activation\":{\"choice\":[\"relu\",\"tanh\"]}},"    \
    "\"runs\":6,\"seed\":4}"
#define JOB "{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":2," SEARCH "}"

static void runs_are_trained_at_the_points_that_were_drawn(void **state)
{
    (void)state;
    long job = start_job(JOB);
    struct reply *r = finish_job(job);
    assert_string_equal(text(r, "/status"), "succeeded");
    assert_true(number(r, "/runs/succeeded") == 6);
    assert_true(number(r, "/spec/search/runs") == 6 && number(r, "/spec/search/seed") == 4);
    assert_true(is_null(r, "/spec/grid"));
    struct reply *runs = expect(http_get("/v1/jobs/%ld/runs", job), 200);
    struct reply *plan = expect(http_post(DRY, JOB), 200);
    assert_int_equal(count(plan, "/points"), 6);
    for (int i = 0; i < 6; i++) {
        static const char point[] = "/data/%d/hyperparameters/~1network~1hidden~10~1units";
        double units = number(runs, point, i);
        assert_true(units >= 3 && units <= 9 && units == floor(units));
        assert_true(number(runs, "/data/%d/spec/network/hidden/0/units", i) == units);
        assert_true(number(runs, "/data/%d/layers/0/units", i) == units);
        assert_true(number(runs, "/data/%d/spec/optimizer/learning_rate", i) ==
                    number(runs, "/data/%d/hyperparameters/~1optimizer~1learning_rate", i));
        assert_string_equal(text(runs, "/data/%d/layers/0/activation", i),
                            text(runs, "/data/%d/hyperparameters/~1network~1hidden~10~1activation", i));
        assert_true(is_null(runs, "/data/%d/spec/search", i));
        assert_true(json_same(at(runs, "/data/%d/hyperparameters", i), at(plan, "/points/%d", i)));
    }
}

static void the_same_search_gives_the_same_models(void **state)
{
    (void)state;
    long a = start_job(JOB), b = start_job(JOB);
    finish_job(a);
    finish_job(b);
    for (int i = 0; i < 6; i++) {
        struct reply *x = run_get(run_of(a, i)), *y = run_get(run_of(b, i));
        assert_string_equal(text(x, "/model_sha256"), text(y, "/model_sha256"));
        for (int k = 0; k < i; k++)
            assert_string_not_equal(text(x, "/model_sha256"), text(run_get(run_of(a, k)), "/model_sha256"));
    }
}

static void a_dry_run_shows_a_hundred_points(void **state)
{
    (void)state;
    struct reply *r = expect(http_post(DRY, "{\"dataset\":\"penguins\",\"target\":\"species\",\"search\":{\"parameters\":{"
                                            "\"/batch_size\":{\"log_uniform\":[1,256]}},\"runs\":10000}}"), 200);
    assert_true(number(r, "/runs") == 10000);
    assert_int_equal(count(r, "/points"), 100);
    r = expect(http_post(DRY, "{\"dataset\":\"penguins\",\"target\":\"species\"}"), 200);
    assert_int_equal(count(r, "/points"), 1);
    assert_null(at(r, "/points/0")->child);
}

static void what_a_search_says_is_checked(void **state)
{
    (void)state;
#define BODY(members, where, code)                                                                                           \
    {"POST", DRY, "application/json", "{\"dataset\":\"penguins\",\"target\":\"species\"," members "}", 0, 422, where, code, NULL}
#define PARAMETER(pointer, distribution, where, code)                                                                        \
    BODY("\"search\":{\"parameters\":{\"" pointer "\":" distribution "}}", "/search/parameters/" where, code)
    static const struct bad_input rows[] = {
        BODY("\"search\":5", "/search", "type"), BODY("\"search\":[]", "/search", "type"),
        BODY("\"search\":{}", "/search/parameters", "required"),
        BODY("\"search\":{\"parameters\":{}}", "/search/parameters", "type"),
        BODY("\"search\":{\"parameters\":null}", "/search/parameters", "type"),
        BODY("\"search\":{\"parameters\":{\"/seed\":{\"uniform\":[1,2]}},\"runs\":0}", "/search/runs", "range"),
        BODY("\"search\":{\"parameters\":{\"/seed\":{\"uniform\":[1,2]}},\"runs\":10001}", "/search/runs", "range"),
        BODY("\"search\":{\"parameters\":{\"/seed\":{\"uniform\":[1,2]}},\"seed\":-1}", "/search/seed", "range"),
        BODY("\"search\":{\"parameters\":{\"/seed\":{\"uniform\":[1,2]}},\"run\":5}", "/search/run", "unknown"),
        BODY("\"grid\":{\"/seed\":[1,2]},\"search\":{\"parameters\":{\"/seed\":{\"uniform\":[1,9]}}}", "/search", "conflict"),
        PARAMETER("/optimizer/learning_rate", "{\"uniform\":[0,1]}", "~1optimizer~1learning_rate", "range"),
        PARAMETER("/optimizer/learning_rate", "{\"log_uniform\":[1,1e7]}", "~1optimizer~1learning_rate", "range"),
        PARAMETER("/optimizer/name", "{\"uniform\":[0,1]}", "~1optimizer~1name", "type"),
        PARAMETER("/optimizer/rate", "{\"uniform\":[0,1]}", "~1optimizer~1rate", "unknown"),
        PARAMETER("/optimizer/momentum", "{\"uniform\":[0,0.9]}", "~1optimizer~1momentum", "value"),
        PARAMETER("/network/hidden/0/units", "{\"uniform\":[0,9]}", "~1network~1hidden~10~1units", "range"),
        PARAMETER("/network/hidden/0/units", "{\"uniform\":[1,9.5]}", "~1network~1hidden~10~1units/uniform", "type"),
        PARAMETER("/network/hidden/1/units", "{\"uniform\":[1,9]}", "~1network~1hidden~11~1units", "value"),
        PARAMETER("/batch_size", "{\"uniform\":[0,9]}", "~1batch_size", "range"),
        PARAMETER("/epochs", "{\"uniform\":[1,1000001]}", "~1epochs", "range"),
        BODY("\"search\":{\"parameters\":{\"/optimizer/name\":{\"choice\":[\"adam\",\"sdg\",\"sgd\"]}},\"runs\":3}",
             "/search/parameters/~1optimizer~1name/choice/1", "enum"),
        BODY("\"search\":{\"parameters\":{\"/target\":{\"choice\":[\"sex\",\"beak\"]}},\"runs\":2}",
             "/search/parameters/~1target/choice/1", "not_found"),
        PARAMETER("/dataset", "{\"choice\":[\"penguins\"]}", "~1dataset", "value"),
    };
    check_bad_inputs(rows, COUNT(rows));
}

/* That a range is wrong at an end is said whatever is drawn from it. */
static void ends_of_ranges_are_checked(void **state)
{
    (void)state;
    for (int seed = 0; seed < 5; seed++)
        expect_violation(http_post(DRY,
                                   "{\"dataset\":\"penguins\",\"target\":\"species\",\"search\":{\"parameters\":{"
                                   "\"/network/hidden/0/units\":{\"uniform\":[1,65537]}},\"runs\":1,\"seed\":%d}}",
                                   seed),
                         "/search/parameters/~1network~1hidden~10~1units", "range");
    struct reply *r = expect(http_post(DRY, "{\"dataset\":\"penguins\",\"target\":\"species\",\"search\":{\"parameters\":{"
                                            "\"/network/hidden/0/units\":{\"uniform\":[1,60000]}},\"runs\":1,\"seed\":1}}"), 200);
    double units = number(r, "/points/0/~1network~1hidden~10~1units");
    assert_true(number(r, "/parameters") == 12 * units + 3 * (units + 1)); /* those of runs, not of ends */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(runs_are_trained_at_the_points_that_were_drawn),
        TEST(the_same_search_gives_the_same_models),
        TEST(a_dry_run_shows_a_hundred_points),
        TEST(what_a_search_says_is_checked),
        TEST(ends_of_ranges_are_checked),
    };
    return cmocka_run_group_tests(tests, daemon_setup_with_penguins, daemon_teardown);
}
