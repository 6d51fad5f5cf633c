/* POST /v1/runs/{run}/predict: JSON by name and by position, CSV, what is missing or unknown, limits, and that predictions
 * are those of the network that was evaluated. */
#include "support/api.h"

#include <math.h>

static long species_run, mass_run;

static struct reply *predict(long run, const char *json, ...) __attribute__((format(printf, 2, 3)));
static struct reply *predict(long run, const char *json, ...)
{
    char path[60], body[20000];
    va_list arguments;
    va_start(arguments, json);
    vsnprintf(body, sizeof body, json, arguments);
    va_end(arguments);
    snprintf(path, sizeof path, "/v1/runs/%ld/predict", run);
    return http_post(path, "%s", body);
}

static struct reply *predict_csv(long run, const char *csv)
{
    char path[60];
    snprintf(path, sizeof path, "/v1/runs/%ld/predict", run);
    return http_post_csv(path, csv);
}

static void check_warnings(struct reply *r, double missing, double unseen)
{
    expect_members(r, "/warnings", "missing unseen");
    if (number(r, "/warnings/missing") != missing || number(r, "/warnings/unseen") != unseen)
        fail_reply(__FILE__, __LINE__, r, "not %g missing and %g unseen", missing, unseen);
}

/* ---- forms -------------------------------------------------------------------------------------------------------- */

#define GENTOO                                                                                                               \
    "{\"island\":\"Biscoe\",\"bill_length_mm\":46.1,\"bill_depth_mm\":13.2,\"flipper_length_mm\":211,\"body_mass_g\":4500,"   \
    "\"sex\":\"female\",\"year\":2007}"
#define GENTOO_LIST "[\"Biscoe\",46.1,13.2,211,4500,\"female\",2007]"

static void names_and_positions_give_the_same(void **state)
{
    (void)state;
    struct reply *r = expect(predict(species_run,
                                     "{\"instances\":[" GENTOO "," GENTOO_LIST ",{\"year\":2007,\"sex\":\"female\","
                                     "\"body_mass_g\":4500,\"flipper_length_mm\":211,\"bill_depth_mm\":13.2,"
                                     "\"bill_length_mm\":46.1,\"island\":\"Biscoe\",\"species\":\"Adelie\"}]}"), 200);
    expect_members(r, "", "predictions warnings");
    assert_string_equal(http_header(r, "Content-Type"), "application/json");
    assert_int_equal(count(r, "/predictions"), 3);
    expect_members(r, "/predictions/0", "class probabilities");
    expect_members(r, "/predictions/0/probabilities", "Adelie Chinstrap Gentoo");
    assert_string_equal(text(r, "/predictions/0/class"), "Gentoo");
    assert_true(number(r, "/predictions/0/probabilities/Gentoo") > 0.9);
    assert_true(json_same(at(r, "/predictions/0"), at(r, "/predictions/1")));
    assert_true(json_same(at(r, "/predictions/0"), at(r, "/predictions/2")));
    check_warnings(r, 0, 0);
}

static void positions_are_those_of_the_features(void **state)
{
    (void)state;
    long run = train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":5,\"features\":[\"sex\",\"year\","
                     "\"island\"]}");
    struct reply *r = expect(predict(run, "{\"instances\":[[\"male\",2008,\"Dream\"],"
                                          "{\"island\":\"Dream\",\"sex\":\"male\",\"year\":2008}]}"), 200);
    assert_true(json_same(at(r, "/predictions/0"), at(r, "/predictions/1")));
    check_warnings(r, 0, 0);
    expect_violation(predict(run, "{\"instances\":[{\"bill_length_mm\":40}]}"), "/instances/0/bill_length_mm", "unknown");
    expect_violation(predict(run, "{\"instances\":[[\"male\",2008,\"Dream\",1]]}"), "/instances/0", "length");
}

static void no_instances_give_no_predictions(void **state)
{
    (void)state;
    struct reply *r = expect(predict(species_run, "{\"instances\":[]}"), 200);
    assert_int_equal(count(r, "/predictions"), 0);
    check_warnings(r, 0, 0);
    r = expect(predict_csv(species_run, "year\n"), 200);
    assert_string_equal(r->body, "class,Adelie,Chinstrap,Gentoo\n");
}

/* ---- what is missing, what is new --------------------------------------------------------------------------------- */

static void what_is_missing_is_imputed_and_counted(void **state)
{
    (void)state;
    struct reply *r = expect(predict(species_run, "{\"instances\":[{},[null,null,null,null,null,null,null],{\"sex\":null}]}"),
                             200);
    check_warnings(r, 21, 0);
    assert_true(json_same(at(r, "/predictions/0"), at(r, "/predictions/1")));
    assert_true(json_same(at(r, "/predictions/0"), at(r, "/predictions/2")));
    r = expect(predict(species_run, "{\"instances\":[" GENTOO ",{\"year\":2007}]}"), 200);
    check_warnings(r, 6, 0);
    /* the means of the training rows stand for missing numbers: a value there changes the answer, null does not */
    r = expect(predict(mass_run, "{\"instances\":[{\"flipper_length_mm\":null},{},{\"flipper_length_mm\":230}]}"), 200);
    assert_true(number(r, "/predictions/0") == number(r, "/predictions/1"));
    assert_true(number(r, "/predictions/2") > number(r, "/predictions/0"));
    r = expect(predict_csv(species_run, "island,sex,bill_length_mm\n,NA,?\nNaN,null,40\n"), 200);
    struct reply *same = expect(predict(species_run, "{\"instances\":[{},{\"bill_length_mm\":40}]}"), 200);
    assert_true(strstr(r->body, text(same, "/predictions/0/class")) != NULL);
}

static void what_is_new_is_all_zeros_and_counted(void **state)
{
    (void)state;
    struct reply *r = expect(predict(species_run,
                                     "{\"instances\":[{\"island\":\"Atlantis\"},{\"island\":\"biscoe\"},{\"island\":\"\"},"
                                                  "{\"island\":\"Biscoe\"},{\"island\":null}]}"), 200);
    check_warnings(r, 3 * 6 + 7 + 7, 2); /* "" is a missing text, as in an upload */
    assert_true(json_same(at(r, "/predictions/0"), at(r, "/predictions/1")));
    assert_false(json_same(at(r, "/predictions/0"), at(r, "/predictions/3")));
}

/* Categories that look like numbers, or like true and false. */
static void numbers_and_flags_are_texts_of_categories(void **state)
{
    (void)state;
    char *csv = NULL;
    append(&csv, "code,flag,y\n");
    for (int i = 0; i < 40; i++)
        append(&csv, "%s,%s,%d\n", i % 4 == 0 ? "x" : i % 4 == 1 ? "1" : i % 4 == 2 ? "2.5" : "-3", i % 3 ? "true" : "false",
               i % 4);
    expect(http_post_csv("/v1/datasets?name=codes", csv), 201);
    free(csv);
    long run = train("{\"dataset\":\"codes\",\"target\":\"y\",\"epochs\":3}");
    struct reply *r = expect(predict(run,
                                     "{\"instances\":[[1,true],[\"1\",\"true\"],[1.0,true],[2.5,false],[\"2.5\",\"false\"],[7,"
                                     "true]]}"), 200);
    check_warnings(r, 0, 1);
    assert_true(number(r, "/predictions/0") == number(r, "/predictions/1"));
    assert_true(number(r, "/predictions/0") == number(r, "/predictions/2"));
    assert_true(number(r, "/predictions/3") == number(r, "/predictions/4"));
}

/* Whatever is given, an answer has no NaN in it. */
static void huge_numbers_do_not_give_nan(void **state)
{
    (void)state;
    static const char *const numbers[] = {"1e308", "-1e308", "1e39", "-1e39", "1e-320"};
    for (size_t i = 0; i < COUNT(numbers); i++) {
        char csv[60];
        struct reply *r = expect(predict(species_run, "{\"instances\":[{\"year\":%s,\"body_mass_g\":%s}]}", numbers[i],
                                         numbers[i]), 200);
        assert_int_equal(count(r, "/predictions"), 1);
        expect(predict(mass_run, "{\"instances\":[{\"year\":%s}]}", numbers[i]), 200);
        snprintf(csv, sizeof csv, "year,flipper_length_mm\n%s,%s\n", numbers[i], numbers[i]);
        r = expect(predict_csv(species_run, csv), 200);
        if (strcasestr(r->body, "nan") || strcasestr(r->body, "inf"))
            fail_reply(__FILE__, __LINE__, r, "not a number");
        r = expect(predict_csv(mass_run, csv), 200);
        if (strcasestr(r->body, "nan") || strcasestr(r->body, "inf"))
            fail_reply(__FILE__, __LINE__, r, "not a number");
    }
}

/* ---- what is wrong ------------------------------------------------------------------------------------------------ */

static void every_bad_cell_is_told_with_its_index(void **state)
{
    (void)state;
    struct reply *r = predict(species_run, "{\"instances\":[" GENTOO ",{\"bogus\":1,\"year\":\"2007\"},{\"island\":[]},[1,2],7,"
                                           "[\"Biscoe\",46.1,true,211,4500,{},2007],{\"a/b~c\":1}," GENTOO ",{\"year\":2007,"
                                               "\"year\":2008}]}");
    static const struct {
        const char *pointer, *code;
    } faults[] = {
        {"/instances/1/bogus", "unknown"}, {"/instances/1/year", "type"}, {"/instances/2/island", "type"},
        {"/instances/3", "length"}, {"/instances/4", "type"}, {"/instances/5/2", "type"}, {"/instances/5/5", "type"},
        {"/instances/6/a~1b~0c", "unknown"}, {"/instances/8/year", "duplicate"},
    };
    for (size_t i = 0; i < COUNT(faults); i++)
        expect_violation(r, faults[i].pointer, faults[i].code);
    assert_int_equal(count(r, "/errors"), (int)COUNT(faults));
}

static void a_bad_csv_names_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *csv;
        int line, column;
    } cases[] = {
        {"year,bogus\n2007,1\n", 1, 2}, {"year,island\n2007,Dream\n2008\n", 3, 1}, {"year,island\n2007,Dream\nx,Dream\n", 3, 1},
        {"year,island\n2007,\"Dream\n", 2, 2}, {"year,year\n1,2\n", 1, 2}, {"year,island\n2007,\xff\n", 2, 2},
        {"year,\n2007,1\n", 1, 2},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reply *r = expect_problem(predict_csv(species_run, cases[i].csv), 422, "validation");
        if (number(r, "/line") != cases[i].line || number(r, "/column") != cases[i].column)
            fail_reply(__FILE__, __LINE__, r, "not line %d, column %d", cases[i].line, cases[i].column);
    }
    expect_problem(predict_csv(species_run, ""), 422, "validation");
    expect_problem(predict_csv(species_run, "\n\n"), 422, "validation");
}

/* ---- limits ------------------------------------------------------------------------------------------------------- */

static struct reply *predict_rows(long run, int rows, bool csv)
{
    char *body = NULL, path[60];
    size_t length = 0, room = (size_t)rows * 10 + 100;
    body = malloc(room);
    assert_non_null(body);
    length += (size_t)sprintf(body, "%s", csv ? "year\n" : "{\"instances\":[");
    for (int i = 0; i < rows; i++)
        length += (size_t)sprintf(body + length, "%s", csv ? "2007\n" : i ? ",{}" : "{}");
    sprintf(body + length, "%s", csv ? "" : "]}");
    snprintf(path, sizeof path, "/v1/runs/%ld/predict", run);
    struct reply *r = http_send(&(struct request){.path = path, .type = csv ? "text/csv" : "application/json", .body = body});
    free(body);
    return r;
}

static void ten_thousand_rows_are_the_limit(void **state)
{
    (void)state;
    struct reply *r = expect(predict_rows(mass_run, 10000, false), 200);
    assert_int_equal(cJSON_GetArraySize(at(r, "/predictions")), 10000);
    expect_problem(predict_rows(mass_run, 10001, false), 413, NULL);
    r = expect(predict_rows(mass_run, 10000, true), 200);
    int lines = 0;
    for (const char *p = r->body; *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, 10001);
    expect_problem(predict_rows(mass_run, 10001, true), 413, NULL);
}

/* 300 classes: 2000000 numbers are 6666 rows. */
static void rows_of_many_classes_have_a_lower_limit(void **state)
{
    (void)state;
    char *csv = NULL;
    append(&csv, "year,y\n");
    for (int i = 0; i < 600; i++)
        append(&csv, "%d,c%d\n", i, i % 300);
    expect(http_post_csv("/v1/datasets?name=classes", csv), 201);
    free(csv);
    long run = train("{\"dataset\":\"classes\",\"target\":\"y\",\"epochs\":1,\"network\":{\"hidden\":[]}}");
    for (int as_csv = 0; as_csv < 2; as_csv++) {
        struct reply *r = expect_problem(predict_rows(run, 6667, as_csv), 413, NULL);
        assert_non_null(strstr(text(r, "/detail"), "at most 6666 rows"));
        assert_non_null(strstr(text(r, "/detail"), "send fewer rows"));
        expect(predict_rows(run, 6666, as_csv), 200);
    }
}

/* ---- CSV ---------------------------------------------------------------------------------------------------------- */

static void csv_in_gives_csv_out(void **state)
{
    (void)state;
    struct reply *json = expect(predict(species_run, "{\"instances\":[" GENTOO ",{\"year\":2008}]}"), 200);
    struct reply *csv = expect(predict_csv(species_run,
                                           "year,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex\n"
                                                        "2007,Biscoe,46.1,13.2,211,4500,female\n2008,,,,,,\n"), 200);
    assert_int_equal(strncmp(http_header(csv, "Content-Type"), "text/csv", 8), 0);
    char *rest = csv->body, *line = strsep(&rest, "\n");
    assert_string_equal(line, "class,Adelie,Chinstrap,Gentoo");
    for (int i = 0; i < 2; i++) {
        char *cells = strsep(&rest, "\n");
        assert_string_equal(strsep(&cells, ","), text(json, "/predictions/%d/class", i));
        static const char *const classes[] = {"Adelie", "Chinstrap", "Gentoo"};
        for (int k = 0; k < 3; k++)
            assert_true((float)strtod(strsep(&cells, ","), NULL) ==
                        (float)number(json, "/predictions/%d/probabilities/%s", i, classes[k]));
    }
    assert_string_equal(rest, "");
    json = expect(predict(mass_run, "{\"instances\":[{\"year\":2008},{}]}"), 200);
    csv = expect(predict_csv(mass_run, "year\n2008\n\"\"\n"), 200);
    rest = csv->body;
    assert_string_equal(strsep(&rest, "\n"), "prediction");
    assert_true(strtod(strsep(&rest, "\n"), NULL) == number(json, "/predictions/0"));
    assert_true(strtod(strsep(&rest, "\n"), NULL) == number(json, "/predictions/1"));
}

/* Every form that an upload takes. */
static void csv_is_read_as_an_upload_is(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "year,island,bill_length_mm\n2007,Dream,40.5\n", "\xef\xbb\xbfyear,island,bill_length_mm\r\n2007,Dream,40.5\r\n",
        "year;island;bill_length_mm\n2007;Dream;40,5", "year\tisland\tbill_length_mm\n2007\tDream\t40.5\n",
        "\"year\",\"island\",\"bill_length_mm\"\n\"2007\",\"Dream\",\"40.5\"\n",
        "year, island , bill_length_mm\n2007,Dream, 40.5\n",
        "bill_length_mm|species|year|island\n40.5|Gentoo|2007|Dream\n",
    };
    const char *first = NULL;
    for (size_t i = 0; i < COUNT(forms); i++) {
        struct reply *r = expect(predict_csv(species_run, forms[i]), 200);
        if (!first)
            first = r->body;
        else if (strcmp(first, r->body) != 0)
            fail_reply(__FILE__, __LINE__, r, "form %zu gives another answer", i);
    }
}

/* The texts that meant "missing" when the table was uploaded do so in predictions, and no others. */
static void missing_is_what_it_was_in_the_upload(void **state)
{
    (void)state;
    char *csv = NULL;
    append(&csv, "r,x,y\n");
    for (int i = 0; i < 60; i++)
        append(&csv, "%s,%s,%d\n", i % 3 ? "NA" : i % 2 ? "-" : "west", i % 7 ? "1" : "-", i % 3 ? 10 : i % 2 ? 20 : 30);
    expect(http_post_csv("/v1/datasets?name=dashes&missing=-", csv), 201);
    free(csv);
    long run = train("{\"dataset\":\"dashes\",\"target\":\"y\",\"epochs\":60}");
    struct reply *json = expect(predict(run, "{\"instances\":[[\"NA\",1],[\"-\",1],[null,1],[\"west\",\"-\"]]}"), 200);
    check_warnings(json, 3, 0);
    assert_true(number(json, "/predictions/1") == number(json, "/predictions/2"));
    assert_true(number(json, "/predictions/0") != number(json, "/predictions/1"));
    struct reply *lines = expect(predict_csv(run, "r,x\nNA,1\n-,1\nwest,-\n"), 200);
    char *rest = lines->body;
    assert_string_equal(strsep(&rest, "\n"), "prediction");
    assert_true(strtod(strsep(&rest, "\n"), NULL) == number(json, "/predictions/0"));
    assert_true(strtod(strsep(&rest, "\n"), NULL) == number(json, "/predictions/1"));
    assert_true(strtod(strsep(&rest, "\n"), NULL) == number(json, "/predictions/3"));
}

static void names_of_classes_are_quoted(void **state)
{
    (void)state;
    char *csv = NULL;
    append(&csv, "x,y\n");
    for (int i = 0; i < 20; i++)
        append(&csv, "%d,%s\n", i, i < 10 ? "\"a, \"\"b\"\"\"" : "\"=c\nd\"");
    expect(http_post_csv("/v1/datasets?name=quoted", csv), 201);
    free(csv);
    long run = train("{\"dataset\":\"quoted\",\"target\":\"y\",\"epochs\":50}");
    struct reply *r = expect(predict_csv(run, "x\n0\n"), 200);
    static const char header[] = "class,\"=c\nd\",\"a, \"\"b\"\"\"\n";
    assert_int_equal(strncmp(r->body, header, sizeof header - 1), 0);
    r = expect(predict(run, "{\"instances\":[[0]]}"), 200);
    assert_string_equal(text(r, "/predictions/0/class"), "a, \"b\"");
    assert_true(number(r, "/predictions/0/probabilities/a, \"b\"") > 0.5);
}

/* ---- the same network as the evaluation's ------------------------------------------------------------------------- */

/* Predictions of every row of the file that was trained on, target column included. */
static struct reply *predict_all(long run)
{
    size_t length;
    char *csv = penguins_csv(&length), path[60];
    snprintf(path, sizeof path, "/v1/runs/%ld/predict", run);
    struct reply *r = expect(http_send(&(struct request){.path = path, .type = "text/csv", .body = csv, .chunked = true}), 200);
    test_free(csv);
    return r;
}

static void classes_agree_with_the_evaluation(void **state)
{
    (void)state;
    static const char *const classes[] = {"Adelie", "Chinstrap", "Gentoo"};
    struct reply *r = predict_all(species_run), *e = expect(http_get("/v1/runs/%ld/evaluation", species_run), 200);
    size_t length;
    char *csv = penguins_csv(&length), *actual = csv, *predicted = r->body;
    int counts[3][3] = {{0}}, rows = 0, right = 0;
    strsep(&actual, "\n"), strsep(&predicted, "\n");
    for (; *predicted; rows++) {
        const char *is = strsep(&actual, "\n") + 1;
        char *line = strsep(&predicted, "\n"), *class = strsep(&line, ",");
        int row = 0, column = 0, best = 0;
        double share[3], sum = 0;
        for (int k = 0; k < 3; k++) {
            row = strncmp(is, classes[k], strlen(classes[k])) == 0 ? k : row;
            column = strcmp(class, classes[k]) == 0 ? k : column;
            share[k] = strtod(strsep(&line, ","), NULL);
            sum += share[k];
            best = share[k] > share[best] ? k : best;
        }
        assert_int_equal(best, column);
        assert_true(fabs(sum - 1) < 1e-5);
        counts[row][column]++;
        right += row == column;
    }
    test_free(csv);
    assert_int_equal(rows, 344);
    assert_true(right > 330);
    for (int row = 0; row < 3; row++) /* the validation rows are among them */
        for (int column = 0; column < 3; column++)
            assert_true(counts[row][column] >= number(e, "/confusion_matrix/%d/%d", row, column));
}

static void numbers_agree_with_the_evaluation(void **state)
{
    (void)state;
    struct reply *r = predict_all(mass_run), *e = expect(http_get("/v1/runs/%ld/evaluation", mass_run), 200);
    double values[344] = {0};
    char *rest = r->body;
    int rows = 0;
    for (strsep(&rest, "\n"); *rest && rows < 344; rows++)
        values[rows] = strtod(strsep(&rest, "\n"), NULL);
    assert_int_equal(rows, 344);
    for (int i = 0; i < count(e, "/residuals/predicted"); i++) {
        double wanted = number(e, "/residuals/predicted/%d", i);
        int found = 0;
        for (int k = 0; k < rows; k++)
            found += fabs(values[k] - wanted) < 1e-5 * wanted;
        if (!found)
            fail_reply(__FILE__, __LINE__, e, "no row is predicted as %.9g", wanted);
    }
}

static int setup(void **state)
{
    daemon_setup_with_penguins(state);
    species_run = train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":60}");
    mass_run = train("{\"dataset\":\"penguins\",\"target\":\"body_mass_g\",\"epochs\":60}");
    return http_forget(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_and_positions_give_the_same),
        TEST(positions_are_those_of_the_features),
        TEST(no_instances_give_no_predictions),
        TEST(what_is_missing_is_imputed_and_counted),
        TEST(what_is_new_is_all_zeros_and_counted),
        TEST(numbers_and_flags_are_texts_of_categories),
        TEST(huge_numbers_do_not_give_nan),
        TEST(every_bad_cell_is_told_with_its_index),
        TEST(a_bad_csv_names_its_place),
        TEST(ten_thousand_rows_are_the_limit),
        TEST(rows_of_many_classes_have_a_lower_limit),
        TEST(csv_in_gives_csv_out),
        TEST(csv_is_read_as_an_upload_is),
        TEST(missing_is_what_it_was_in_the_upload),
        TEST(names_of_classes_are_quoted),
        TEST(classes_agree_with_the_evaluation),
        TEST(numbers_agree_with_the_evaluation),
    };
    return cmocka_run_group_tests(tests, setup, daemon_teardown);
}
