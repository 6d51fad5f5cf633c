/* How much rows and classes count: class_weights and sample_weight. */
#include "support/api.h"

#include "support/bad.h"
#include <math.h>

/* ---- classes -------------------------------------------------------------------------------------------------------- */

/* 200 rows; every tenth is of class b, and the two overlap. */
static void upload_rare(void)
{
    char *csv = NULL;
    append(&csv, "x,kind\n");
    for (int i = 0; i < 200; i++)
        append(&csv, "%d.%d,%s\n", (i * 7) % 20 + (i % 10 ? 0 : 9), i % 10, i % 10 ? "a" : "b");
    expect(http_post_csv("/v1/datasets?name=rare", csv), 201);
    free(csv);
}

#define RARE                                                                                                                 \
    "\"dataset\":\"rare\",\"target\":\"kind\",\"epochs\":40,\"network\":{\"hidden\":[]},\"validation\":{\"fraction\":0.5},"  \
    "\"optimizer\":{\"name\":\"adam\",\"learning_rate\":0.05}"

static void balanced_classes_find_the_rare_one(void **state)
{
    (void)state;
    upload_rare();
    long plain = train("{" RARE "}"), balanced = train("{" RARE ",\"class_weights\":\"balanced\"}");
    double recall[2];
    for (int i = 0; i < 2; i++) {
        struct reply *e = expect(http_get("/v1/runs/%ld/evaluation", i ? balanced : plain), 200);
        assert_string_equal(text(e, "/per_class/1/class"), "b");
        recall[i] = number(e, "/per_class/1/recall");
    }
    assert_true(recall[1] >= recall[0] + 0.3);
    struct reply *r = run_get(balanced); /* the loss counts classes by their weights, log_loss every row alike */
    assert_true(number(r, "/metrics/valid_loss") > 1.2 * number(r, "/metrics/valid_log_loss"));
    assert_string_equal(text(r, "/spec/class_weights"), "balanced");
}

/* Of 200 rows for training: 200 / (2 * 180) and 200 / (2 * 20), as scikit-learn has it. */
static void balanced_is_what_it_says(void **state)
{
    (void)state;
    char sha256[2][65];
    static const char *const weights[] = {"\"balanced\"", "{\"a\":0.55555555555555558,\"b\":5}"};
    for (int i = 0; i < 2; i++) {
        long run = train("{\"dataset\":\"rare\",\"target\":\"kind\",\"epochs\":3,\"validation\":{\"fraction\":0},"
                         "\"class_weights\":%s}", weights[i]);
        snprintf(sha256[i], sizeof *sha256, "%s", text(run_get(run), "/model_sha256"));
    }
    assert_string_equal(sha256[0], sha256[1]);
}

/* ---- rows ----------------------------------------------------------------------------------------------------------- */

/* Rows with weights of 1, 2 and 0; without the last; or each as often as it weighs, and no weights. */
static void upload_weighted(const char *name, bool zeros, bool repeats)
{
    char *csv = NULL;
    append(&csv, repeats ? "x,z,y\n" : "x,z,y,w\n");
    for (int i = 0; i < 90; i++) {
        int weight = i % 5 == 4 ? 0 : 1 + i % 2;
        for (int k = repeats ? weight : weight || zeros; k > 0; k--) {
            append(&csv, "%g,%g,%g", sin(i), cos(3 * i), weight ? sin(i) + 0.5 * cos(3 * i) : 1000.0);
            append(&csv, repeats ? "\n" : ",%d\n", weight);
        }
    }
    expect(http_post_csv(name, csv), 201);
    free(csv);
}

static void a_row_of_weight_0_is_not_there(void **state)
{
    (void)state;
    char sha256[2][65];
    upload_weighted("/v1/datasets?name=zeros", true, false);
    upload_weighted("/v1/datasets?name=none", false, false);
    for (int i = 0; i < 2; i++) {
        long run = train("{\"dataset\":\"%s\",\"target\":\"y\",\"sample_weight\":\"w\",\"epochs\":10,"
                         "\"validation\":{\"fraction\":0.25}}", i ? "none" : "zeros");
        snprintf(sha256[i], sizeof *sha256, "%s", text(run_get(run), "/model_sha256"));
    }
    assert_string_equal(sha256[0], sha256[1]);
}

/* Gradient descent, so that nothing depends on the order, and rows as they are: what is scaled is scaled by the rows of a table. */
static void a_weight_is_a_number_of_rows(void **state)
{
    (void)state;
    upload_weighted("/v1/datasets?name=repeated", false, true);
    double loss[3];
    for (int i = 0; i < 3; i++) {
        long run = train("{\"dataset\":\"%s\",\"target\":\"y\",\"epochs\":30,\"batch_size\":\"full\",\"features\":[\"x\",\"z\"],"
                         "\"encoding\":{\"scaling\":\"none\"},\"validation\":{\"fraction\":0},\"optimizer\":{\"name\":\"sgd\"}%s}",
                         i ? "none" : "repeated", i == 1 ? ",\"sample_weight\":\"w\"" : "");
        struct reply *e = expect(http_get("/v1/runs/%ld/epochs", run), 200);
        loss[i] = number(e, "/train_loss/29") / number(e, "/train_loss/0"); /* the target's deviation is of a table's rows too */
    }
    assert_true(fabs(loss[1] / loss[0] - 1) < 0.01 && fabs(loss[2] / loss[0] - 1) > 0.02);
}

/* ---- what does not go ----------------------------------------------------------------------------------------------- */

#define JOB(members, where, code)                                                                                            \
    {"POST", "/v1/jobs", "application/json", "{\"dataset\":\"penguins\",\"target\":" members "}", 0, 422, where, code, NULL}

static void bad_weights(void **state)
{
    (void)state;
    static const struct bad_input rows[] = {
        JOB("\"species\",\"class_weights\":5", "/class_weights", "type"),
        JOB("\"species\",\"class_weights\":\"even\"", "/class_weights", "value"),
        JOB("\"species\",\"class_weights\":[1,2,3]", "/class_weights", "type"),
        JOB("\"species\",\"class_weights\":{\"Adelie\":-1}", "/class_weights/Adelie", "range"),
        JOB("\"species\",\"class_weights\":{\"Adelie\":\"1\"}", "/class_weights/Adelie", "type"),
        JOB("\"species\",\"class_weights\":{\"Emperor\":1}", "/class_weights", "not_found"),
        JOB("\"body_mass_g\",\"class_weights\":\"balanced\"", "/class_weights", "value"),
        JOB("\"species\",\"sample_weight\":5", "/sample_weight", "type"),
        JOB("\"species\",\"sample_weight\":\"weight\"", "/sample_weight", "not_found"),
        JOB("\"species\",\"sample_weight\":\"species\"", "/sample_weight", "value"),
        JOB("\"species\",\"sample_weight\":\"island\"", "/sample_weight", "value"),
        JOB("\"species\",\"sample_weight\":\"body_mass_g\"", "/sample_weight", "value"), /* missing in two rows */
        JOB("\"species\",\"sample_weight\":\"year\",\"features\":[\"year\",\"island\"]", "/sample_weight", "value"),
        JOB("\"species\",\"sample_weight\":\"year\",\"columns\":{\"year\":{\"role\":\"numeric\"}}", "/sample_weight", "value"),
    };
    check_bad_inputs(rows, COUNT(rows));
    expect(http_post_csv("/v1/datasets?name=negative", "x,y,w\n1,2,1\n2,3,-1\n3,4,1\n"), 201);
    expect_violation(http_post("/v1/jobs", "{\"dataset\":\"negative\",\"target\":\"y\",\"sample_weight\":\"w\"}"), "/sample_weight",
                     "value");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(balanced_classes_find_the_rare_one), TEST(balanced_is_what_it_says), TEST(a_row_of_weight_0_is_not_there),
        TEST(a_weight_is_a_number_of_rows),       TEST(bad_weights),
    };
    return cmocka_run_group_tests(tests, daemon_setup_with_penguins, daemon_teardown);
}
