/* Jobs of several targets: regression and multilabel from the job to predictions, and what is refused. */
#include "support/api.h"

#include "support/bad.h"
#include <math.h>
#include <signal.h>

#define DRY "/v1/jobs?dry_run=true"

/* 240 rows of the shop: sales and returns are numbers, fever and cough have two classes, bit and coin two numbers, kind three
 * classes. Row 7 lacks returns, row 8 fever. */
static void upload_shop(const char *name)
{
    char *csv = NULL, path[80];
    append(&csv, "a,b,g,sales,returns,fever,cough,bit,coin,kind,split\n");
    for (int i = 0; i < 240; i++) {
        int a = i * 7 % 24, b = i * 5 % 17;
        append(&csv, "%d,%d.5,%s,%d,", a, b, i % 3 ? "north" : "south", 1000 + 50 * a - 20 * b);
        append(&csv, i == 7 ? "," : "%g,", 0.25 * a + 0.5 * b + (i % 3 ? 1 : 0));
        append(&csv, "%s,%s,%d,%d,%s,%s\n", i == 8 ? "" : a + b > 20 ? "yes" : "no", a > 11 ? "on" : "off", a > 11, b > 8 ? 7 : -7,
               b < 5 ? "r" : b < 10 ? "g" : "b", i % 4 ? "train" : "test");
    }
    snprintf(path, sizeof path, "/v1/datasets?name=%s", name);
    expect(http_post_csv(path, csv), 201);
    free(csv);
}

static int setup(void **state)
{
    if (daemon_setup(state))
        return -1;
    upload_shop("shop");
    return http_forget(state);
}

#define FEATURES "\"features\":[\"a\",\"b\",\"g\"]"
#define NUMBERS  "\"dataset\":\"shop\",\"target\":[\"sales\",\"returns\"]," FEATURES
#define LABELS   "\"dataset\":\"shop\",\"target\":[\"fever\",\"cough\",\"bit\"],\"task\":\"multilabel\"," FEATURES
#define SMALL    ",\"network\":{\"hidden\":[{\"units\":16,\"activation\":\"tanh\"}]},\"validation\":{\"fraction\":0.25}"

#define FAST     ",\"epochs\":60,\"optimizer\":{\"name\":\"adam\",\"learning_rate\":0.03}"

static long numbers_run(void)
{
    static long run;
    if (!run)
        run = train("{" NUMBERS SMALL FAST "}");
    return run;
}

static long labels_run(void)
{
    static long run;
    if (!run)
        run = train("{" LABELS SMALL FAST "}");
    return run;
}

/* ---- jobs --------------------------------------------------------------------------------------------------------- */

static void a_target_comes_back_as_a_text_or_a_list(void **state)
{
    (void)state;
    struct reply *r = expect(http_post(DRY, "{\"dataset\":\"shop\",\"target\":[\"sales\"]}"), 200);
    assert_string_equal(text(r, "/job/target"), "sales");
    assert_string_equal(text(r, "/task"), "regression");
    r = expect(http_post(DRY, "{" NUMBERS "}"), 200);
    assert_int_equal(count(r, "/job/target"), 2);
    assert_string_equal(text(r, "/job/target/0"), "sales");
    assert_string_equal(text(r, "/job/target/1"), "returns");
    assert_string_equal(text(r, "/task"), "regression");
    r = expect(http_post(DRY, "{\"dataset\":\"shop\",\"target\":[\"cough\",\"fever\"]}"), 200);
    assert_string_equal(text(r, "/job/target/0"), "cough");
    assert_string_equal(text(r, "/task"), "multilabel");
    assert_string_equal(text(r, "/job/task"), "auto");
    r = expect(http_post(DRY, "{" LABELS "}"), 200);
    assert_string_equal(text(r, "/task"), "multilabel");
    r = expect(http_post(DRY, "{\"dataset\":\"shop\",\"target\":[\"bit\",\"coin\"]}"), 200);
    assert_string_equal(text(r, "/task"), "regression"); /* they are numbers, unless the job says what they mean */
    r = expect(http_get("/v1/schema"), 200);
    assert_string_equal(text(r, "/properties/target/oneOf/0/type"), "string");
    assert_string_equal(text(r, "/properties/target/oneOf/1/type"), "array");
    assert_string_equal(text(r, "/properties/target/oneOf/1/items/type"), "string");
    assert_string_equal(text(r, "/properties/task/enum/4"), "multilabel");
}

/* One output for each, whatever else the table has. */
static void an_estimate_counts_every_target(void **state)
{
    (void)state;
    struct reply *r = expect(http_post(DRY, "{" NUMBERS SMALL "}"), 200);
    assert_int_equal(whole(r, "/parameters"), (4 + 1) * 16 + (16 + 1) * 2);
    r = expect(http_post(DRY, "{" LABELS SMALL "}"), 200);
    assert_int_equal(whole(r, "/parameters"), (4 + 1) * 16 + (16 + 1) * 3);
    r = run_get(numbers_run());
    assert_int_equal(whole(r, "/parameters"), (4 + 1) * 16 + (16 + 1) * 2);
}

#define BODY(json, where, code) {"POST", DRY, "application/json", json, 0, 422, where, code, NULL}
#define JOB(target, more, where, code) BODY("{\"dataset\":\"shop\",\"target\":" target more "}", where, code)

static const struct bad_input refusals[] = {
    JOB("[]", "", "/target", "length"),
    JOB("[\"sales\",3]", "", "/target/1", "type"),
    JOB("[\"sales\",\"\"]", "", "/target/1", "length"),
    JOB("[\"sales\",\"sales\"]", "", "/target/1", "duplicate"),
    JOB("[\"sales\",\"return\"]", "", "/target/1", "not_found"),
    JOB("[\"sales\",\"returns\"]", ",\"features\":[\"a\",\"returns\"]", "/features/1", "value"),
    JOB("[\"sales\",\"returns\"]", ",\"columns\":{\"returns\":{\"role\":\"ignore\"}}", "/columns/returns", "value"),
    JOB("[\"sales\",\"cough\"]", "", "/target/1", "value"),
    JOB("[\"cough\",\"fever\",\"bit\"]", "", "/target/2", "value"),
    JOB("[\"cough\",\"kind\"]", "", "/target/1", "value"),
    JOB("[\"cough\",\"sales\"]", ",\"task\":\"multilabel\"", "/target/1", "value"),
    JOB("[\"sales\",\"cough\"]", ",\"task\":\"regression\"", "/target/1", "value"),
    JOB("[\"cough\",\"fever\"]", ",\"task\":\"binary\"", "/task", "value"),
    JOB("[\"cough\",\"fever\"]", ",\"task\":\"multiclass\"", "/task", "value"),
    JOB("\"cough\"", ",\"task\":\"multilabel\"", "/task", "value"),
    JOB("[\"cough\"]", ",\"task\":\"multilabel\"", "/task", "value"),
    JOB("[\"cough\",\"fever\"]", ",\"class_weights\":\"balanced\"", "/class_weights", "value"),
    JOB("[\"sales\",\"returns\"]", ",\"class_weights\":{\"a\":1}", "/class_weights", "value"),
    JOB("[\"sales\",\"bit\"]", ",\"sample_weight\":\"bit\"", "/sample_weight", "value"),
    JOB("[\"cough\",\"split\"]", ",\"validation\":{\"column\":\"split\",\"value\":\"test\"}", "/validation/column", "value"),
    JOB("[\"cough\",\"fever\"]", ",\"loss\":\"huber\"", "/loss", "value"),
    JOB("[\"cough\",\"fever\"]", ",\"early_stopping\":{\"metric\":\"valid_roc_auc\"}", "/early_stopping/metric", "value"),
    JOB("[\"sales\",\"returns\"]", ",\"grid\":{\"/epochs\":[20,30]},\"halving\":{\"metric\":\"valid_accuracy\"}", "/halving/metric",
        "value"),
    JOB("\"sales\"", ",\"grid\":{\"/target\":[\"returns\",[\"sales\",\"cough\"]]}", "/grid/~1target/1", "value"),
};

static void what_cannot_stand_together_is_refused(void **state)
{
    (void)state;
    check_bad_inputs(refusals, COUNT(refusals));
    struct reply *r = expect(http_post(DRY, "{\"dataset\":\"shop\",\"target\":[\"sales\",\"return\"]}"), 422);
    assert_string_equal(text(r, "/errors/0/detail"), "the dataset has no column \"return\"; did you mean \"returns\"?");
    r = expect(http_post(DRY, "{\"dataset\":\"shop\",\"target\":\"cough\",\"task\":\"multilabel\"}"), 422);
    assert_non_null(strstr(text(r, "/errors/0/detail"), "use the task \"binary\""));
    r = expect(http_post(DRY, "{\"dataset\":\"shop\",\"target\":[\"cough\",\"kind\"]}"), 422);
    assert_non_null(strstr(text(r, "/errors/0/detail"), "\"kind\" has 3 distinct values"));
}

static void rows_need_every_target(void **state)
{
    (void)state;
    expect(http_post_csv("/v1/datasets?name=apart", "x,y,z\n1,2,\n2,,3\n3,1,\n4,,1\n"), 201);
    expect_violation(http_post(DRY, "{\"dataset\":\"apart\",\"target\":[\"y\",\"z\"]}"), "/target", "value");
    struct reply *e = expect(http_get("/v1/runs/%ld/evaluation", numbers_run()), 200);
    assert_int_equal(whole(e, "/rows"), 60); /* of 239 */
    long run = train("{" NUMBERS ",\"epochs\":1,\"validation\":{\"column\":\"split\",\"value\":\"test\"}}");
    e = expect(http_get("/v1/runs/%ld/evaluation", run), 200);
    assert_int_equal(whole(e, "/rows"), 60); /* row 7 is for training */
    run = train("{\"dataset\":\"shop\",\"target\":[\"fever\",\"cough\"]," FEATURES ",\"epochs\":1,\"validation\":{\"column\":"
                "\"split\",\"value\":\"test\"}}");
    e = expect(http_get("/v1/runs/%ld/evaluation", run), 200);
    assert_int_equal(whole(e, "/rows"), 59); /* row 8 is not */
}

/* ---- regression --------------------------------------------------------------------------------------------------- */

static void numbers_are_learnt_together(void **state)
{
    (void)state;
    struct reply *r = run_get(numbers_run());
    assert_string_equal(text(r, "/layers/1/activation"), "identity");
    assert_int_equal(whole(r, "/layers/1/units"), 2);
    assert_true(number(r, "/metrics/valid_r2") > 0.95);
    struct reply *e = expect(http_get("/v1/runs/%ld/evaluation", numbers_run()), 200);
    expect_members(e, "", "task rows valid_loss valid_rmse valid_mae valid_r2 targets");
    assert_string_equal(text(e, "/task"), "regression");
    assert_int_equal(count(e, "/targets"), 2);
    static const char *const names[] = {"sales", "returns"}, *const metrics[] = {"rmse", "mae", "r2", "loss"};
    for (int j = 0; j < 2; j++) {
        char at_target[40];
        snprintf(at_target, sizeof at_target, "/targets/%d", j);
        expect_members(e, at_target, "target valid_loss valid_rmse valid_mae valid_r2 residuals");
        assert_string_equal(text(e, "%s/target", at_target), names[j]);
        assert_int_equal(count(e, "%s/residuals/actual", at_target), 60);
        double squares = 0;
        for (int i = 0; i < 60; i++)
            squares += pow(number(e, "%s/residuals/actual/%d", at_target, i) - number(e, "%s/residuals/predicted/%d", at_target, i), 2);
        assert_true(fabs(sqrt(squares / 60) / number(e, "%s/valid_rmse", at_target) - 1) < 1e-9);
    }
    assert_true(number(e, "/targets/0/residuals/actual/0") >= 600 && number(e, "/targets/1/residuals/actual/0") < 20);
    assert_true(number(e, "/targets/0/valid_rmse") > 4 * number(e, "/targets/1/valid_rmse")); /* each in its own units */
    for (size_t m = 0; m < COUNT(metrics); m++) {
        double mean = (number(e, "/targets/0/valid_%s", metrics[m]) + number(e, "/targets/1/valid_%s", metrics[m])) / 2;
        assert_true(fabs(number(e, "/valid_%s", metrics[m]) - mean) <= 1e-6 * fabs(mean)); /* losses of rows are floats */
        assert_true(number(e, "/valid_%s", metrics[m]) == number(r, "/metrics/valid_%s", metrics[m]));
    }
}

static struct reply *predict(long run, const char *json)
{
    char path[60];
    snprintf(path, sizeof path, "/v1/runs/%ld/predict", run);
    return expect(http_post(path, "%s", json), 200);
}

static struct reply *predict_csv(long run, const char *csv)
{
    char path[60];
    snprintf(path, sizeof path, "/v1/runs/%ld/predict", run);
    return expect(http_post_csv(path, csv), 200);
}

#define ROWS_JSON "{\"instances\":[{\"a\":20,\"b\":3.5,\"g\":\"north\"},[1,12.5,\"south\"]]}"
#define ROWS_CSV  "g,a,b,sales,returns\nnorth,20,3.5,1,2\nsouth,1,12.5,,\n"

static void numbers_are_predicted_by_name(void **state)
{
    (void)state;
    struct reply *r = predict(numbers_run(), ROWS_JSON), *c = predict_csv(numbers_run(), ROWS_CSV);
    assert_int_equal(count(r, "/predictions"), 2);
    expect_members(r, "/predictions/0", "sales returns");
    assert_true(fabs(number(r, "/predictions/0/sales") - (1000 + 50 * 20 - 20 * 3)) < 100);
    assert_true(fabs(number(r, "/predictions/0/returns") - (0.25 * 20 + 0.5 * 3 + 1)) < 1);
    double sales[2], returns[2];
    assert_int_equal(sscanf(c->body, "sales,returns\n%lf,%lf\n%lf,%lf\n", &sales[0], &returns[0], &sales[1], &returns[1]), 4);
    for (int i = 0; i < 2; i++) {
        assert_true(sales[i] == number(r, "/predictions/%d/sales", i));
        assert_true(returns[i] == number(r, "/predictions/%d/returns", i));
    }
}

/* ---- multilabel --------------------------------------------------------------------------------------------------- */

static void labels_are_learnt_together(void **state)
{
    (void)state;
    struct reply *r = run_get(labels_run());
    assert_string_equal(text(r, "/layers/1/activation"), "sigmoid");
    assert_int_equal(whole(r, "/layers/1/units"), 3);
    struct reply *s = expect(http_get("/v1/runs/%ld/epochs", labels_run()), 200);
    assert_int_equal(count(s, "/valid_f1_macro"), 60);
    struct reply *e = expect(http_get("/v1/runs/%ld/evaluation", labels_run()), 200);
    expect_members(e, "", "task rows valid_loss valid_accuracy valid_log_loss valid_f1_macro targets");
    assert_string_equal(text(e, "/task"), "multilabel");
    static const char *const names[] = {"fever", "cough", "bit"}, *const yes[] = {"yes", "on", "1"};
    double loss = 0, f1 = 0;
    for (int j = 0; j < 3; j++) {
        char p[40];
        snprintf(p, sizeof p, "/targets/%d", j);
        expect_members(e, p, "target valid_loss valid_accuracy valid_log_loss valid_f1_macro valid_roc_auc classes "
                             "confusion_matrix per_class");
        assert_string_equal(text(e, "%s/target", p), names[j]);
        assert_string_equal(text(e, "%s/classes/1", p), yes[j]);
        double right = number(e, "%s/confusion_matrix/0/0", p) + number(e, "%s/confusion_matrix/1/1", p);
        assert_true(fabs(number(e, "%s/valid_accuracy", p) - right / number(e, "/rows")) < 1e-12);
        assert_true(number(e, "%s/valid_accuracy", p) >= number(e, "/valid_accuracy")); /* that of all is of rows all right */
        assert_true(number(e, "%s/valid_roc_auc", p) > 0.95);
        assert_true(number(e, "%s/per_class/1/roc_auc", p) == number(e, "%s/valid_roc_auc", p));
        assert_true(count(e, "%s/per_class/1/roc/threshold", p) == count(e, "%s/per_class/1/precision_recall/recall", p));
        loss += number(e, "%s/valid_loss", p) / 3;
        f1 += number(e, "%s/per_class/1/f1", p) / 3;
    }
    assert_true(fabs(number(e, "/valid_loss") - loss) < 1e-6 * loss);
    assert_true(number(e, "/valid_log_loss") == number(e, "/valid_loss"));
    assert_true(fabs(number(e, "/valid_f1_macro") - f1) < 1e-9);
    assert_true(number(e, "/valid_accuracy") == number(r, "/metrics/valid_accuracy"));
    assert_true(number(e, "/valid_accuracy") > 0.7);
}

static void labels_are_predicted_by_name(void **state)
{
    (void)state;
    struct reply *r = predict(labels_run(), ROWS_JSON), *c = predict_csv(labels_run(), "a,b,g,cough\n20,3.5,north,on\n1,12.5,south,\n");
    expect_members(r, "/predictions/0", "classes probabilities");
    expect_members(r, "/predictions/0/classes", "fever cough bit");
    expect_members(r, "/predictions/0/probabilities", "fever cough bit");
    assert_string_equal(text(r, "/predictions/0/classes/cough"), "on");
    assert_string_equal(text(r, "/predictions/1/classes/cough"), "off");
    assert_string_equal(text(r, "/predictions/0/classes/bit"), "1");
    assert_true(number(r, "/predictions/0/probabilities/cough") > 0.9);
    assert_true(number(r, "/predictions/1/probabilities/cough") < 0.1);
    char fever[2][8], cough[2][8], *line = strchr(c->body, '\n');
    int bit[2];
    double p[2][3];
    assert_non_null(line);
    assert_memory_equal(c->body, "fever,cough,bit,P(fever=yes),P(cough=on),P(bit=1)\n", (size_t)(line - c->body) + 1);
    assert_int_equal(sscanf(line, "\n%7[^,],%7[^,],%d,%lf,%lf,%lf\n%7[^,],%7[^,],%d,%lf,%lf,%lf", fever[0], cough[0], &bit[0],
                            &p[0][0], &p[0][1], &p[0][2], fever[1], cough[1], &bit[1], &p[1][0], &p[1][1], &p[1][2]), 12);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(text(r, "/predictions/%d/classes/fever", i), fever[i]);
        assert_string_equal(text(r, "/predictions/%d/classes/cough", i), cough[i]);
        assert_true((float)number(r, "/predictions/%d/probabilities/fever", i) == (float)p[i][0]);
        assert_true((float)number(r, "/predictions/%d/probabilities/bit", i) == (float)p[i][2]);
        assert_true((p[i][0] >= 0.5) == !strcmp(fever[i], "yes"));
    }
}

/* Names that CSV has to quote. */
static void headers_are_quoted_where_they_must_be(void **state)
{
    (void)state;
    expect(http_post_csv("/v1/datasets?name=quotes", "x,\"a,b\",\"c\"\"d\"\n1,no,\"o,n\"\n2,yes,off\n3,no,off\n4,yes,\"o,n\"\n"), 201);
    long run = train("{\"dataset\":\"quotes\",\"target\":[\"a,b\",\"c\\\"d\"],\"epochs\":1,\"validation\":{\"fraction\":0}}");
    struct reply *c = predict_csv(run, "x\n1\n");
    static const char header[] = "\"a,b\",\"c\"\"d\",\"P(a,b=yes)\",\"P(c\"\"d=off)\"\n";
    assert_memory_equal(c->body, header, sizeof header - 1);
}

/* ---- what else is made of a run ----------------------------------------------------------------------------------- */

static void features_and_importance_know_the_targets(void **state)
{
    (void)state;
    struct reply *r = expect(http_get("/v1/runs/%ld/features", numbers_run()), 200);
    assert_int_equal(count(r, "/targets"), 2);
    assert_string_equal(text(r, "/targets/1/name"), "returns");
    assert_true(number(r, "/targets/0/mean") > 900 && number(r, "/targets/1/mean") < 20);
    r = expect(http_get("/v1/runs/%ld/features", labels_run()), 200);
    assert_string_equal(text(r, "/targets/2/name"), "bit");
    assert_string_equal(text(r, "/targets/2/classes/1"), "1");
    for (int kind = 0; kind < 2; kind++) {
        long run = kind ? labels_run() : numbers_run();
        struct reply *e = expect(http_get("/v1/runs/%ld/evaluation", run), 200);
        r = expect(http_get("/v1/runs/%ld/importance?wait=60", run), 200);
        assert_string_equal(text(r, "/metric"), kind ? "valid_accuracy" : "valid_r2");
        assert_true(fabs(number(r, "/value") - number(e, kind ? "/valid_accuracy" : "/valid_r2")) < 1e-9);
        assert_true(fabs(number(r, "/loss") - number(e, "/valid_loss")) < 1e-6);
        assert_string_equal(text(r, "/features/0/feature"), "a");
        assert_true(number(r, "/features/0/metric_drop/mean") > 0.1);
    }
}

static void folds_searches_weights_and_stopping(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        const char *job = kind ? LABELS : NUMBERS, *metric = kind ? "valid_f1_macro" : "valid_r2";
        long id = start_job("{%s,\"epochs\":3,\"validation\":{\"folds\":3}}", job);
        assert_string_equal(text(finish_job(id), "/status"), "succeeded");
        struct reply *f = expect(http_get("/v1/jobs/%ld/folds", id), 200);
        assert_true(count(f, "/data") == 1);
        id = start_job("{%s,\"epochs\":9,\"search\":{\"parameters\":{\"/optimizer/learning_rate\":{\"log_uniform\":[1e-4,1e-1]}},"
                       "\"runs\":6},\"halving\":{\"metric\":\"%s\",\"min_epochs\":1}}", job, metric);
        assert_string_equal(text(finish_job(id), "/status"), "succeeded");
        long run = train("{%s" SMALL ",\"epochs\":200,\"early_stopping\":{\"metric\":\"%s\",\"patience\":2},"
                         "\"sample_weight\":\"%s\"}", job, metric, kind ? "sales" : "bit");
        struct reply *r = run_get(run);
        assert_true(number(r, "/epoch") < 200);
        assert_true(number(r, "/metrics/best_epoch") <= number(r, "/epoch"));
    }
}

static void a_run_starts_from_one_of_the_same_targets(void **state)
{
    (void)state;
    static const char still[] = "\"optimizer\":{\"name\":\"sgd\",\"learning_rate\":1e-30},\"epochs\":1,\"validation\":{\"fraction\":0.25}";
    for (int kind = 0; kind < 2; kind++) {
        long from = kind ? labels_run() : numbers_run();
        long run = train("{\"dataset\":\"shop\",\"target\":%s,\"initial\":{\"run\":%ld},%s}",
                         kind ? "[\"fever\",\"cough\",\"bit\"]" : "[\"sales\",\"returns\"]", from, still);
        assert_string_equal(text(run_get(run), "/model_sha256"), text(run_get(from), "/model_sha256"));
    }
    static const char *const others[] = {"[\"returns\",\"sales\"]", "\"sales\"", "[\"sales\",\"returns\",\"bit\"]", "[\"sales\"]"};
    for (size_t i = 0; i < COUNT(others); i++)
        expect_violation(http_post(DRY, "{\"dataset\":\"shop\",\"target\":%s,\"initial\":{\"run\":%ld}}", others[i], numbers_run()),
                         "/target", "value");
}

static void validation_rows_of_another_dataset(void **state)
{
    (void)state;
    upload_shop("other");
    for (int kind = 0; kind < 2; kind++) {
        long run = train("{%s,\"epochs\":2,\"validation\":{\"dataset\":\"other\"}}", kind ? LABELS : NUMBERS);
        struct reply *e = expect(http_get("/v1/runs/%ld/evaluation", run), 200);
        assert_int_equal(whole(e, "/rows"), 239);
    }
    expect(http_post_csv("/v1/datasets?name=lacks", "a,b,g,sales\n1,2,north,3\n2,3,south,4\n"), 201);
    expect_violation(http_post(DRY, "{" NUMBERS ",\"validation\":{\"dataset\":\"lacks\"}}"), "/validation/dataset", "value");
    expect(http_post_csv("/v1/datasets?name=never", "a,b,g,sales,returns\n1,2,north,3,\n2,3,south,,4\n"), 201);
    expect_violation(http_post(DRY, "{" NUMBERS ",\"validation\":{\"dataset\":\"never\"}}"), "/validation/dataset", "value");
}

/* ---- the same bits ------------------------------------------------------------------------------------------------ */

#define LONG ",\"epochs\":600,\"batch_size\":1,\"checkpoint\":{\"every_seconds\":0.1}" SMALL

static void sha_of(long job, char out[65])
{
    assert_string_equal(text(finish_job(job), "/status"), "succeeded");
    snprintf(out, 65, "%s", text(run_get(run_of(job, 0)), "/model_sha256"));
}

/* With other threads; and from a checkpoint, after the daemon was stopped within a run. */
static void an_interruption_changes_no_bit(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        const char *job = kind ? LABELS : NUMBERS;
        char smooth[65], threads[65], interrupted[65];
        sha_of(start_job("{%s" LONG "}", job), smooth);
        sha_of(start_job("{%s" LONG ",\"threads\":2}", job), threads);
        assert_string_equal(threads, smooth);
        long id = start_job("{%s" LONG "}", job), run = run_of(id, 0);
        while (number(run_get(run), "/epoch") < 5)
            assert_false(flag(run_get(run), "/terminal"));
        daemon_stop(SIGTERM);
        daemon_start_again();
        sha_of(id, interrupted);
        char *log = daemon_log();
        bool went_on = strstr(log, "run goes on") != NULL;
        test_free(log);
        assert_true(went_on);
        assert_string_equal(interrupted, smooth);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_target_comes_back_as_a_text_or_a_list),
        TEST(an_estimate_counts_every_target),
        TEST(what_cannot_stand_together_is_refused),
        TEST(rows_need_every_target),
        TEST(numbers_are_learnt_together),
        TEST(numbers_are_predicted_by_name),
        TEST(labels_are_learnt_together),
        TEST(labels_are_predicted_by_name),
        TEST(headers_are_quoted_where_they_must_be),
        TEST(features_and_importance_know_the_targets),
        TEST(folds_searches_weights_and_stopping),
        TEST(a_run_starts_from_one_of_the_same_targets),
        TEST(validation_rows_of_another_dataset),
        TEST(an_interruption_changes_no_bit),
    };
    return cmocka_run_group_tests(tests, setup, daemon_teardown);
}
