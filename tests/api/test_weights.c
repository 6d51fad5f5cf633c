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

/* Rows that count 1, 2, 3 and 0 times: with their weights; without those of 0; or each as often as it weighs, and no weights. What
 * weighs nothing has values, a category and a class that no other row has; the category in7 is rare by rows, and not by weights. */
enum version { ZEROS, NONE, REPEATED };
static const char *const versions[] = {"zeros", "none", "repeated"};

static void upload_versions(void)
{
    for (int v = ZEROS; v <= REPEATED; v++) {
        char *csv = NULL, name[64];
        append(&csv, "x,z,place,kind,y,part%s\n", v == REPEATED ? "" : ",w");
        for (int i = 0; i < 90; i++) {
            int weight = i % 5 == 4 ? 0 : 1 + i % 3;
            double y = sin(i) + 0.5 * cos(3 * i) + i % 4;
            for (int k = v == REPEATED ? weight : weight || v == ZEROS; k > 0; k--) {
                if (!weight)
                    append(&csv, "-5000");
                else if (i % 9)
                    append(&csv, "%g", 10 * sin(i));
                append(&csv, ",%g,%s%d", cos(3 * i), weight ? "in" : "nowhere", i < 3 ? 7 : i % 4);
                append(&csv, ",%s,%g,%s", weight ? y > 1.5 ? "high" : "low" : "ghost", weight ? y : 1000, i % 4 == 1 ? "valid" : "train");
                append(&csv, v == REPEATED ? "\n" : ",%d\n", weight);
            }
        }
        snprintf(name, sizeof name, "/v1/datasets?name=%s", versions[v]);
        expect(http_post_csv(name, csv), 201);
        free(csv);
    }
}

/* Decay by the rows, rare categories and balanced classes are what rows are counted for. */
static const char *const tasks[] = {
    "\"target\":\"y\",\"encoding\":{\"min_frequency\":4}",
    "\"target\":\"y\",\"encoding\":{\"scaling\":\"minmax\",\"min_frequency\":0.1},\"loss\":\"huber\"",
    "\"target\":\"kind\",\"class_weights\":\"balanced\"",
};

static long train_version(enum version v, const char *task, const char *how, bool weighted)
{
    return train("{\"dataset\":\"%s\",%s,%s,\"features\":[\"x\",\"z\",\"place\"],\"epochs\":30,"
                 "\"network\":{\"hidden\":[{\"units\":8,\"activation\":\"tanh\"}]}%s}",
                 versions[v], task, how, weighted ? ",\"sample_weight\":\"w\"" : "");
}

/* To the bit, and in batches too: they are not even shuffled among the others. */
static void a_row_of_weight_0_is_not_there(void **state)
{
    (void)state;
    upload_versions();
    for (size_t k = 0; k < COUNT(tasks); k++) {
        char sha256[2][65];
        for (int v = ZEROS; v <= NONE; v++) {
            long run = train_version((enum version)v, tasks[k], "\"batch_size\":8,\"validation\":{\"fraction\":0.25}", true);
            snprintf(sha256[v], sizeof *sha256, "%s", text(run_get(run), "/model_sha256"));
        }
        assert_string_equal(sha256[ZEROS], sha256[NONE]);
    }
}

/* Gradient descent, where nothing depends on the order. Equal but for the rounding of sums: of rows in another order, and of
 * products in place of sums; float has 24 bits, and thirty updates carry it on. */
#define CLOSE(a, b) (fabs((a) - (b)) <= 2e-5 * (1 + fabs(b)))

static void compare_epochs(long weighted, long repeated)
{
    static const char *const figures[] = {"train_loss", "valid_loss"};
    struct reply *a = expect(http_get("/v1/runs/%ld/epochs", weighted), 200);
    struct reply *b = expect(http_get("/v1/runs/%ld/epochs", repeated), 200);
    for (int i = 0; i < 60; i++) {
        double x = number(a, "/%s/%d", figures[i % 2], i / 2), y = number(b, "/%s/%d", figures[i % 2], i / 2);
        if (!CLOSE(x, y))
            fail_msg("%s of epoch %d: %.9g by weights, %.9g by rows", figures[i % 2], i / 2 + 1, x, y);
    }
}

static struct reply *predict_three(long run)
{
    char path[64];
    snprintf(path, sizeof path, "/v1/runs/%ld/predict", run);
    return expect(http_post(path, "{\"instances\":[{\"x\":3,\"z\":0.5,\"place\":\"in2\"},{\"z\":-1,\"place\":\"in7\"},"
                                  "{\"x\":-9}]}"), 200);
}

static void compare_predictions(long weighted, long repeated, const char *figure)
{
    struct reply *a = predict_three(weighted), *b = predict_three(repeated);
    for (int i = 0; i < 3; i++) {
        double x = number(a, "/predictions/%d%s", i, figure), y = number(b, "/predictions/%d%s", i, figure);
        if (!CLOSE(x, y))
            fail_msg("prediction %d: %.9g by weights, %.9g by rows", i, x, y);
    }
}

static void a_weight_is_a_number_of_rows(void **state)
{
    (void)state;
    static const char how[] = "\"batch_size\":\"full\",\"validation\":{\"column\":\"part\",\"value\":\"valid\"}";
    for (size_t k = 0; k < COUNT(tasks); k++) {
        long weighted = train_version(ZEROS, tasks[k], how, true), repeated = train_version(REPEATED, tasks[k], how, false);
        compare_epochs(weighted, repeated);
        compare_predictions(weighted, repeated, k == 2 ? "/probabilities/high" : "");
        long plain = train_version(NONE, tasks[k], how, false);
        struct reply *a = run_get(plain), *b = run_get(repeated); /* else this would prove nothing */
        assert_false(CLOSE(number(a, "/metrics/train_loss"), number(b, "/metrics/train_loss")));
    }
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
    expect(http_post_csv("/v1/datasets?name=nothing", "x,y,w\n1,2,0\n2,3,0\n3,4,0\n"), 201);
    expect_violation(http_post("/v1/jobs", "{\"dataset\":\"nothing\",\"target\":\"y\",\"sample_weight\":\"w\"}"), "/sample_weight",
                     "value");
}

/* The rows of a dataset of its own are weighed by its column, which has to be as good; without one each counts once. */
static void weights_of_a_validation_dataset(void **state)
{
    (void)state;
    static const struct {
        const char *name, *rows;
        int status;
    } valid[] = {
        {"fine", "x,y,w\n1,2,1\n2,3,0\n", 200},      {"without", "x,y\n1,2\n2,3\n", 200},
        {"below", "x,y,w\n1,2,1\n2,3,-1\n", 422},    {"gap", "x,y,w\n1,2,1\n2,3,\n", 422},
        {"texts", "x,y,w\n1,2,much\n2,3,few\n", 422}, {"all-zero", "x,y,w\n1,2,0\n2,3,0\n", 422},
    };
    expect(http_post_csv("/v1/datasets?name=weighed", "x,y,w\n1,2,1\n2,3,0\n3,4,2\n4,5,1\n"), 201);
    for (size_t i = 0; i < COUNT(valid); i++) {
        char path[60];
        snprintf(path, sizeof path, "/v1/datasets?name=%s", valid[i].name);
        expect(http_post_csv(path, valid[i].rows), 201);
        struct reply *r = http_post("/v1/jobs?dry_run=true", "{\"dataset\":\"weighed\",\"target\":\"y\",\"sample_weight\":\"w\","
                                                           "\"validation\":{\"dataset\":\"%s\"}}", valid[i].name);
        if (valid[i].status == 200)
            expect(r, 200);
        else
            expect_violation(r, "/validation/dataset", "value");
    }
}

/* A look at some of the rows for training tells whether the dataset fits: rows that are none must not be all that it sees. */
static void every_other_row_counts(void **state)
{
    (void)state;
    static const char *const jobs[] = {"\"target\":\"y\",\"sample_weight\":\"w\",\"features\":[\"x\"]",
                                       "\"target\":\"z\",\"features\":[\"x\"]"};
    char *rows = NULL;
    append(&rows, "x,y,w,z\n");
    for (int i = 0; i < 8192; i++)
        append(&rows, i % 2 ? "%s,%d,1,%d\n" : "%s,%d,0,\n", i % 3 ? "a" : "b", i % 7, i % 5);
    expect(http_post_csv("/v1/datasets?name=half", rows), 201);
    free(rows);
    expect(http_post_csv("/v1/datasets?name=some", "x,y,w,z\na,2,1,3\nb,3,1,4\n"), 201);
    for (size_t i = 0; i < COUNT(jobs); i++)
        expect(http_post("/v1/jobs?dry_run=true", "{\"dataset\":\"half\",%s,\"validation\":{\"dataset\":\"some\"}}", jobs[i]), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(balanced_classes_find_the_rare_one), TEST(balanced_is_what_it_says), TEST(a_row_of_weight_0_is_not_there),
        TEST(a_weight_is_a_number_of_rows),       TEST(bad_weights),
        TEST(weights_of_a_validation_dataset), TEST(every_other_row_counts),
    };
    return cmocka_run_group_tests(tests, daemon_setup_with_penguins, daemon_teardown);
}
