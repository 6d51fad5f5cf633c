/* GET /v1/runs/{run}/evaluation: every figure is computed once more from the others, and is the run's own. */
#include "support/api.h"

#include <math.h>

#define NEAR 1e-9

static bool near(double a, double b)
{
    return fabs(a - b) <= NEAR * fmax(1, fmax(fabs(a), fabs(b)));
}

static struct reply *evaluation(long run)
{
    return expect(http_get("/v1/runs/%ld/evaluation", run), 200);
}

/* The figures that the evaluation shares with the run. */
static void check_metrics(struct reply *e, long run, const char *const *names)
{
    struct reply *r = run_get(run);
    for (; *names; names++)
        if (!near(number(e, "/%s", *names), number(r, "/metrics/%s", *names)))
            fail_reply(__FILE__, __LINE__, e, "%s is not the run's", *names);
}

/* ---- classes ------------------------------------------------------------------------------------------------------ */

/* Rows of a class, rows predicted as it, and those right, from the confusion matrix: actual x predicted. */
struct tally {
    double rows, predicted, right;
};

static struct tally tally_of(struct reply *e, int class, int classes)
{
    struct tally t = {.right = number(e, "/confusion_matrix/%d/%d", class, class)};
    for (int i = 0; i < classes; i++) {
        t.rows += number(e, "/confusion_matrix/%d/%d", class, i);
        t.predicted += number(e, "/confusion_matrix/%d/%d", i, class);
    }
    return t;
}

/* A share whose denominator is 0 is null. */
static void check_share(struct reply *e, const char *name, int class, double part, double whole)
{
    bool right = whole == 0 ? is_null(e, "/per_class/%d/%s", class, name)
                            : near(number(e, "/per_class/%d/%s", class, name), part / whole);
    if (!right)
        fail_reply(__FILE__, __LINE__, e, "%s of class %d is not %g/%g", name, class, part, whole);
}

static void check_classes(struct reply *e, const char *const *names)
{
    int classes = 0;
    double rows = 0, right = 0, f1 = 0, present = 0;
    while (names[classes])
        classes++;
    assert_int_equal(count(e, "/classes"), classes);
    assert_int_equal(count(e, "/per_class"), classes);
    assert_int_equal(count(e, "/confusion_matrix"), classes);
    for (int k = 0; k < classes; k++) {
        struct tally t = tally_of(e, k, classes);
        assert_string_equal(text(e, "/classes/%d", k), names[k]);
        assert_string_equal(text(e, "/per_class/%d/class", k), names[k]);
        assert_int_equal(count(e, "/confusion_matrix/%d", k), classes);
        assert_true(number(e, "/per_class/%d/rows", k) == t.rows);
        check_share(e, "precision", k, t.right, t.predicted);
        check_share(e, "recall", k, t.right, t.rows);
        check_share(e, "f1", k, 2 * t.right, t.rows + t.predicted);
        rows += t.rows;
        right += t.right;
        present += t.rows + t.predicted > 0;
        f1 += t.rows + t.predicted > 0 ? 2 * t.right / (t.rows + t.predicted) : 0;
    }
    assert_true(number(e, "/rows") == rows);
    assert_true(near(number(e, "/valid_accuracy"), right / rows));
    assert_true(near(number(e, "/valid_f1_macro"), f1 / present));
    assert_true(near(number(e, "/valid_log_loss"), number(e, "/valid_loss")));
}

/* Monotonous from (0,0) to (1,1) with falling thresholds; the area under its points is near the exact one. */
static void check_roc(struct reply *e, int class)
{
    char p[60];
    snprintf(p, sizeof p, "/per_class/%d/roc", class);
    expect_members(e, p, "threshold false_positive_rate true_positive_rate");
    int points = count(e, "%s/threshold", p);
    double area = 0;
    assert_in_range(points, 2, 1000);
    assert_int_equal(count(e, "%s/false_positive_rate", p), points);
    assert_int_equal(count(e, "%s/true_positive_rate", p), points);
    assert_true(number(e, "%s/false_positive_rate/0", p) == 0 && number(e, "%s/true_positive_rate/0", p) == 0);
    assert_true(number(e, "%s/false_positive_rate/%d", p, points - 1) == 1);
    assert_true(number(e, "%s/true_positive_rate/%d", p, points - 1) == 1);
    for (int i = 1; i < points; i++) {
        double step = number(e, "%s/false_positive_rate/%d", p, i) - number(e, "%s/false_positive_rate/%d", p, i - 1);
        double before = number(e, "%s/true_positive_rate/%d", p, i - 1), now = number(e, "%s/true_positive_rate/%d", p, i);
        assert_true(step >= 0 && now >= before);
        assert_true(i == 1 || number(e, "%s/threshold/%d", p, i) < number(e, "%s/threshold/%d", p, i - 1));
        area += step * (before + now) / 2;
    }
    assert_true(fabs(area - number(e, "/per_class/%d/roc_auc", class)) < 0.01);
}

/* The same thresholds; precision and recall are the counts' shares. */
static void check_precision_recall(struct reply *e, int class)
{
    char p[60];
    snprintf(p, sizeof p, "/per_class/%d/precision_recall", class);
    expect_members(e, p, "threshold precision recall");
    int points = count(e, "%s/threshold", p);
    double positives = number(e, "/per_class/%d/rows", class), negatives = number(e, "/rows") - positives;
    assert_int_equal(count(e, "/per_class/%d/roc/threshold", class), points);
    assert_int_equal(count(e, "%s/precision", p), points);
    assert_int_equal(count(e, "%s/recall", p), points);
    for (int i = 1; i < points; i++) {
        double right = number(e, "%s/recall/%d", p, i) * positives;
        double wrong = number(e, "/per_class/%d/roc/false_positive_rate/%d", class, i) * negatives;
        assert_true(number(e, "%s/recall/%d", p, i) == number(e, "/per_class/%d/roc/true_positive_rate/%d", class, i));
        assert_true(fabs(number(e, "%s/precision/%d", p, i) - right / (right + wrong)) < 1e-9);
    }
    double average = number(e, "/per_class/%d/average_precision", class);
    assert_true(average > 0 && average <= 1);
}

#define CLASS_MEMBERS "class rows precision recall f1 roc_auc average_precision roc precision_recall"

static void multiclass_figures_agree(void **state)
{
    (void)state;
    static const char *const metrics[] = {"valid_loss", "valid_accuracy", "valid_log_loss", "valid_f1_macro", NULL};
    static const char *const classes[] = {"Adelie", "Chinstrap", "Gentoo", NULL};
    static const int epochs[] = {1, 30};
    for (size_t i = 0; i < COUNT(epochs); i++) {
        long run = train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":%d,\"features\":[\"bill_depth_mm\","
                         "\"sex\"],\"validation\":{\"fraction\":0.2}}", epochs[i]);
        struct reply *e = evaluation(run);
        expect_members(e, "", "task rows valid_loss valid_accuracy valid_log_loss valid_f1_macro classes confusion_matrix "
                              "per_class");
        assert_string_equal(text(e, "/task"), "multiclass");
        assert_true(number(e, "/rows") == 69);
        check_metrics(e, run, metrics);
        check_classes(e, classes);
        for (int k = 0; k < 3; k++) {
            char pointer[40];
            snprintf(pointer, sizeof pointer, "/per_class/%d", k);
            expect_members(e, pointer, CLASS_MEMBERS);
            check_roc(e, k);
            check_precision_recall(e, k);
        }
    }
}

/* The split is stratified: each class keeps its share. */
static void validation_rows_are_stratified(void **state)
{
    (void)state;
    static const double rows[] = {152, 68, 124};
    for (int seed = 1; seed <= 3; seed++) {
        long run = train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1,\"seed\":%d,"
                         "\"validation\":{\"fraction\":0.25}}", seed);
        struct reply *e = evaluation(run);
        assert_true(number(e, "/rows") == 86);
        for (int k = 0; k < 3; k++)
            assert_true(fabs(number(e, "/per_class/%d/rows", k) - rows[k] / 4) < 1);
    }
}

static void binary_figures_agree(void **state)
{
    (void)state;
    static const char *const metrics[] = {"valid_loss", "valid_accuracy", "valid_log_loss", "valid_f1_macro", "valid_roc_auc",
                                          NULL};
    static const char *const classes[] = {"female", "male", NULL};
    long run = train("{\"dataset\":\"penguins\",\"target\":\"sex\",\"epochs\":20,\"validation\":{\"fraction\":0.2}}");
    struct reply *e = evaluation(run);
    expect_members(e, "", "task rows valid_loss valid_accuracy valid_log_loss valid_f1_macro valid_roc_auc classes "
                          "confusion_matrix per_class");
    assert_string_equal(text(e, "/task"), "binary");
    assert_true(number(e, "/rows") == 67);
    check_metrics(e, run, metrics);
    check_classes(e, classes);
    for (int k = 0; k < 2; k++) {
        check_roc(e, k);
        check_precision_recall(e, k);
        assert_true(fabs(number(e, "/per_class/%d/roc_auc", k) - number(e, "/valid_roc_auc")) < 1e-6);
    }
    assert_true(number(e, "/valid_roc_auc") > 0.8);
}

/* A constant output: one class is never predicted. */
static void what_cannot_be_computed_is_null(void **state)
{
    (void)state;
    long run = train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1,\"features\":[\"year\"],"
                     "\"batch_size\":\"full\","
                     "\"network\":{\"hidden\":[]},\"optimizer\":{\"name\":\"sgd\",\"learning_rate\":1e-6}}");
    static const char *const classes[] = {"Adelie", "Chinstrap", "Gentoo", NULL};
    struct reply *e = evaluation(run);
    check_classes(e, classes);
    int never = 0;
    for (int k = 0; k < 3; k++)
        never += is_null(e, "/per_class/%d/precision", k);
    assert_true(never >= 1);
    assert_null(strstr(e->body, "nan"));
    assert_null(strstr(e->body, "NaN"));
}

/* ---- regression --------------------------------------------------------------------------------------------------- */

static void regression_figures_agree(void **state)
{
    (void)state;
    static const char *const metrics[] = {"valid_loss", "valid_rmse", "valid_mae", "valid_r2", NULL};
    long run = train("{\"dataset\":\"penguins\",\"target\":\"body_mass_g\",\"epochs\":60,\"validation\":{\"fraction\":0.2}}");
    struct reply *e = evaluation(run);
    expect_members(e, "", "task rows valid_loss valid_rmse valid_mae valid_r2 residuals");
    expect_members(e, "/residuals", "mean standard_deviation min max actual predicted");
    assert_string_equal(text(e, "/task"), "regression");
    check_metrics(e, run, metrics);
    int rows = count(e, "/residuals/actual");
    assert_true(number(e, "/rows") == rows && rows == 68);
    assert_int_equal(count(e, "/residuals/predicted"), rows);
    double sum = 0, squares = 0, distances = 0, y = 0, yy = 0, least = INFINITY, most = -INFINITY;
    for (int i = 0; i < rows; i++) {
        double actual = number(e, "/residuals/actual/%d", i), residual = actual - number(e, "/residuals/predicted/%d", i);
        assert_true(fabs(actual - round(actual / 25) * 25) < 0.01); /* grams, as in the file: multiples of 25 */
        sum += residual;
        squares += residual * residual;
        distances += fabs(residual);
        y += actual;
        yy += actual * actual;
        least = fmin(least, residual);
        most = fmax(most, residual);
    }
    double n = rows, scale = 1e-5 * sqrt(squares / n);
    assert_true(fabs(number(e, "/valid_rmse") - sqrt(squares / n)) < scale);
    assert_true(fabs(number(e, "/valid_mae") - distances / n) < scale);
    assert_true(fabs(number(e, "/valid_r2") - (1 - squares / (yy - y * y / n))) < 1e-5);
    assert_true(number(e, "/valid_r2") > 0.5);
    assert_true(fabs(number(e, "/residuals/mean") - sum / n) < scale);
    assert_true(fabs(number(e, "/residuals/standard_deviation") - sqrt(squares / n - sum / n * (sum / n))) < scale);
    assert_true(fabs(number(e, "/residuals/min") - least) < scale && fabs(number(e, "/residuals/max") - most) < scale);
    /* the loss is in standardized units, the error in grams: their ratio is the deviation of the training rows' target */
    double deviation = number(e, "/valid_rmse") / sqrt(number(e, "/valid_loss"));
    assert_true(deviation > 700 && deviation < 900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(multiclass_figures_agree),
        TEST(validation_rows_are_stratified),
        TEST(binary_figures_agree),
        TEST(what_cannot_be_computed_is_null),
        TEST(regression_figures_agree),
    };
    return cmocka_run_group_tests(tests, daemon_setup_with_penguins, daemon_teardown);
}
