/* Bad jobs: every field with a wrong type, value or name, grids, and texts that are no JSON. Limits of numbers are in
 * test_limits.c. */
#include "support/api.h"

#include "support/bad.h"

/* 422 for a job with these members beside dataset and target. */
#define JOB(members, where, code) BODY("{\"dataset\":\"penguins\",\"target\":\"species\"," members "}", where, code)
/* The same for a whole body. */
#define BODY(body, where, code) {"POST", "/v1/jobs", "application/json", body, 0, 422, where, code, NULL}
/* 400: no JSON */
#define TEXT(body) {"POST", "/v1/jobs", "application/json", BYTES(body), 400, "malformed", NULL, NULL}
#define HIDDEN(layers) "\"network\":{\"hidden\":[" layers "]}"
#define LEAKY "\"units\":1,\"activation\":\"leaky_relu\""

static const struct bad_input types[] = {
    BODY("[]", "", "type"), BODY("5", "", "type"), BODY("\"x\"", "", "type"), BODY("null", "", "type"),
    BODY("true", "", "type"), BODY("[{\"dataset\":\"penguins\",\"target\":\"species\"}]", "", "type"),
    BODY("{\"target\":\"species\"}", "/dataset", "required"), BODY("{\"dataset\":\"penguins\"}", "/target", "required"),
    BODY("{\"dataset\":null,\"target\":\"species\"}", "/dataset", "type"),
    BODY("{\"dataset\":1.5,\"target\":\"species\"}", "/dataset", "type"),
    BODY("{\"dataset\":[\"penguins\"],\"target\":\"species\"}", "/dataset", "type"),
    BODY("{\"dataset\":\"\",\"target\":\"species\"}", "/dataset", "length"),
    BODY("{\"dataset\":\"penguins\",\"target\":null}", "/target", "type"),
    BODY("{\"dataset\":\"penguins\",\"target\":0}", "/target", "type"),
    BODY("{\"dataset\":\"penguins\",\"target\":{\"species\":1}}", "/target", "type"),
    BODY("{\"dataset\":\"penguins\",\"target\":[]}", "/target", "length"),
    BODY("{\"dataset\":\"penguins\",\"target\":[5]}", "/target/0", "type"),
    BODY("{\"dataset\":\"penguins\",\"target\":[\"sex\",\"\"]}", "/target/1", "length"),
    BODY("{\"dataset\":\"penguins\",\"target\":\"\"}", "/target", "length"), JOB("\"name\":5", "/name", "type"),
    JOB("\"name\":[\"x\"]", "/name", "type"), JOB("\"name\":false", "/name", "type"), JOB("\"task\":1", "/task", "type"),
    JOB("\"task\":null", "/task", "type"), JOB("\"task\":\"classification\"", "/task", "enum"),
    JOB("\"task\":\"Auto\"", "/task", "enum"), JOB("\"task\":\"\"", "/task", "enum"),
    JOB("\"features\":\"island\"", "/features", "type"), JOB("\"features\":{}", "/features", "type"),
    JOB("\"features\":5", "/features", "type"), JOB("\"features\":[\"island\",5]", "/features/1", "type"),
    JOB("\"features\":[null]", "/features/0", "type"), JOB("\"features\":[[\"island\"]]", "/features/0", "type"),
    JOB("\"validation\":[]", "/validation", "type"), JOB("\"validation\":0.2", "/validation", "type"),
    JOB("\"validation\":null", "/validation", "type"),
    JOB("\"validation\":{\"fraction\":\"0.2\"}", "/validation/fraction", "type"),
    JOB("\"validation\":{\"fraction\":true}", "/validation/fraction", "type"),
    JOB("\"validation\":{\"fraction\":null}", "/validation/fraction", "type"), JOB("\"network\":[]", "/network", "type"),
    JOB("\"network\":null", "/network", "type"), JOB("\"network\":16", "/network", "type"),
    JOB("\"network\":{\"hidden\":{}}", "/network/hidden", "type"),
    JOB("\"network\":{\"hidden\":16}", "/network/hidden", "type"),
    JOB("\"network\":{\"hidden\":null}", "/network/hidden", "type"), JOB(HIDDEN("16"), "/network/hidden/0", "type"),
    JOB(HIDDEN("{\"units\":1},[]"), "/network/hidden/1", "type"), JOB(HIDDEN("null"), "/network/hidden/0", "type"),
    JOB(HIDDEN("{}"), "/network/hidden/0/units", "required"),
    JOB(HIDDEN("{\"units\":\"16\"}"), "/network/hidden/0/units", "type"),
    JOB(HIDDEN("{\"units\":1.5}"), "/network/hidden/0/units", "type"),
    JOB(HIDDEN("{\"units\":null}"), "/network/hidden/0/units", "type"),
    JOB(HIDDEN("{\"units\":true}"), "/network/hidden/0/units", "type"),
    JOB(HIDDEN("{\"units\":1e9}"), "/network/hidden/0/units", "range"),
    JOB(HIDDEN("{\"units\":4294967297}"), "/network/hidden/0/units", "range"),
    JOB(HIDDEN("{\"units\":1,\"activation\":5}"), "/network/hidden/0/activation", "type"),
    JOB(HIDDEN("{\"units\":1,\"activation\":null}"), "/network/hidden/0/activation", "type"),
    JOB(HIDDEN("{\"units\":1,\"activation\":\"relu6\"}"), "/network/hidden/0/activation", "enum"),
    JOB(HIDDEN("{\"units\":1,\"activation\":\"softmax\"}"), "/network/hidden/0/activation", "enum"),
    JOB(HIDDEN("{" LEAKY ",\"negative_slope\":\"x\"}"), "/network/hidden/0/negative_slope", "type"),
    JOB(HIDDEN("{" LEAKY ",\"negative_slope\":null}"), "/network/hidden/0/negative_slope", "type"),
    JOB(HIDDEN("{" LEAKY ",\"negative_slope\":-0.1}"), "/network/hidden/0/negative_slope", "range"),
    JOB("\"optimizer\":\"adam\"", "/optimizer", "type"), JOB("\"optimizer\":null", "/optimizer", "type"),
    JOB("\"optimizer\":[\"adam\"]", "/optimizer", "type"), JOB("\"optimizer\":{\"name\":5}", "/optimizer/name", "type"),
    JOB("\"optimizer\":{\"name\":null}", "/optimizer/name", "type"),
    JOB("\"optimizer\":{\"name\":\"lbfgs\"}", "/optimizer/name", "enum"),
    JOB("\"optimizer\":{\"learning_rate\":\"0.1\"}", "/optimizer/learning_rate", "type"),
    JOB("\"optimizer\":{\"learning_rate\":[0.1]}", "/optimizer/learning_rate", "type"),
    JOB("\"optimizer\":{\"learning_rate\":0}", "/optimizer/learning_rate", "range"),
    JOB("\"optimizer\":{\"name\":\"momentum\",\"momentum\":true}", "/optimizer/momentum", "type"),
    JOB("\"optimizer\":{\"name\":\"momentum\",\"momentum\":1}", "/optimizer/momentum", "range"),
    JOB("\"optimizer\":{\"name\":\"rmsprop\",\"rho\":\"0.9\"}", "/optimizer/rho", "type"),
    JOB("\"optimizer\":{\"beta1\":{}}", "/optimizer/beta1", "type"),
    JOB("\"optimizer\":{\"beta1\":1}", "/optimizer/beta1", "range"),
    JOB("\"optimizer\":{\"beta2\":\"x\"}", "/optimizer/beta2", "type"),
    JOB("\"optimizer\":{\"epsilon\":false}", "/optimizer/epsilon", "type"),
    JOB("\"optimizer\":{\"bias_correction\":1}", "/optimizer/bias_correction", "type"),
    JOB("\"optimizer\":{\"bias_correction\":null}", "/optimizer/bias_correction", "type"),
    JOB("\"batch_size\":true", "/batch_size", "type"), JOB("\"batch_size\":\"all\"", "/batch_size", "type"),
    JOB("\"batch_size\":[32]", "/batch_size", "type"), JOB("\"batch_size\":null", "/batch_size", "type"),
    JOB("\"batch_size\":0", "/batch_size", "range"), JOB("\"batch_size\":-32", "/batch_size", "range"),
    JOB("\"epochs\":\"5\"", "/epochs", "type"), JOB("\"epochs\":1.5", "/epochs", "type"),
    JOB("\"epochs\":null", "/epochs", "type"), JOB("\"epochs\":[5]", "/epochs", "type"),
    JOB("\"epochs\":1e9", "/epochs", "range"), JOB("\"epochs\":-1", "/epochs", "range"),
    JOB("\"seed\":\"1\"", "/seed", "type"), JOB("\"seed\":0.5", "/seed", "type"), JOB("\"seed\":null", "/seed", "type"),
    JOB("\"seed\":18446744073709551616", "/seed", "range"), JOB("\"threads\":\"2\"", "/threads", "type"),
    JOB("\"threads\":0", "/threads", "range"), JOB("\"grid\":[]", "/grid", "type"), JOB("\"grid\":5", "/grid", "type"),
    JOB("\"grid\":\"/epochs\"", "/grid", "type"),
};

static const struct bad_input names[] = {
    JOB("\"bogus\":1", "/bogus", "unknown"), JOB("\"a/b~c\":1", "/a~1b~0c", "unknown"), JOB("\"\":1", "/", "unknown"),
    JOB("\"Epochs\":1", "/Epochs", "unknown"), JOB("\"epochs \":1", "/epochs ", "unknown"),
    JOB("\"id\":1", "/id", "unknown"), JOB("\"\xc3\xbc\":1", "/\xc3\xbc", "unknown"),
    JOB("\"__proto__\":{}", "/__proto__", "unknown"), JOB("\"validation\":{\"bogus\":1}", "/validation/bogus", "unknown"),
    JOB("\"network\":{\"bogus\":1}", "/network/bogus", "unknown"),
    JOB(HIDDEN("{\"units\":1},{\"units\":1,\"size\":1}"), "/network/hidden/1/size", "unknown"),
    JOB("\"optimizer\":{\"nesterov\":true}", "/optimizer/nesterov", "unknown"),
    JOB("\"epochs\":1,\"epochs\":1", "/epochs", "duplicate"), JOB("\"target\":\"sex\"", "/target", "duplicate"),
    JOB("\"validation\":{\"fraction\":0,\"fraction\":0}", "/validation/fraction", "duplicate"),
    JOB(HIDDEN("{\"units\":1,\"units\":2}"), "/network/hidden/0/units", "duplicate"),
    JOB("\"optimizer\":{\"name\":\"sgd\",\"name\":\"adam\"}", "/optimizer/name", "duplicate"),
    BODY("{\"dataset\":\"nothing\",\"target\":\"species\"}", "/dataset", "not_found"),
    BODY("{\"dataset\":\"999\",\"target\":\"species\"}", "/dataset", "not_found"),
    BODY("{\"dataset\":\"Penguins\",\"target\":\"species\"}", "/dataset", "not_found"),
    BODY("{\"dataset\":\"../penguins\",\"target\":\"species\"}", "/dataset", "not_found"),
    BODY("{\"dataset\":\"http://127.0.0.1/x.csv\",\"target\":\"species\"}", "/dataset", "not_found"),
    BODY("{\"dataset\":\"penguins\",\"target\":\"mass\"}", "/target", "not_found"),
    BODY("{\"dataset\":\"penguins\",\"target\":\"Species\"}", "/target", "not_found"),
    JOB("\"features\":[\"island\",\"mass\"]", "/features/1", "not_found"),
    JOB("\"features\":[\"\"]", "/features/0", "not_found"),
    JOB("\"features\":[\"island\",\"species\"]", "/features/1", "value"),
    JOB("\"features\":[\"island\",\"sex\",\"island\"]", "/features/2", "duplicate"),
    JOB("\"task\":\"multiclass\",\"features\":[\"sex\",\"sex\"]", "/features/1", "duplicate"),
    JOB("\"task\":\"binary\"", "/task", "value"), JOB("\"task\":\"regression\"", "/task", "value"),
    BODY("{\"dataset\":\"odd\",\"target\":\"constant\"}", "/target", "value"),
    BODY("{\"dataset\":\"odd\",\"target\":\"empty\"}", "/target", "value"),
    BODY("{\"dataset\":\"lonely\",\"target\":\"only\"}", "/target", "value"),
    BODY("{\"dataset\":\"pair\",\"target\":\"y\",\"validation\":{\"fraction\":0.9}}", "/validation/fraction", "range"),
    JOB("\"validation\":{\"folds\":\"5\"}", "/validation/folds", "type"),
    JOB("\"validation\":{\"folds\":1}", "/validation/folds", "range"),
    JOB("\"validation\":{\"folds\":5,\"fold\":6}", "/validation/fold", "range"),
    JOB("\"validation\":{\"fold\":1}", "/validation/fold", "value"),
    JOB("\"validation\":{\"folds\":5,\"fraction\":0.2}", "/validation/fraction", "conflict"),
    JOB("\"validation\":{\"stratified\":\"no\"}", "/validation/stratified", "type"),
    JOB("\"validation\":{\"column\":\"year\"}", "/validation/value", "required"),
    JOB("\"validation\":{\"column\":\"years\",\"value\":2007}", "/validation/column", "not_found"),
    JOB("\"validation\":{\"column\":\"year\",\"value\":1999}", "/validation/value", "value"),
    JOB("\"validation\":{\"column\":\"species\",\"value\":\"Adelie\"}", "/validation/column", "value"),
    JOB("\"validation\":{\"column\":\"year\",\"value\":2007},\"features\":[\"sex\",\"year\"]", "/features/1", "value"),
    JOB("\"validation\":{\"folds\":3},\"halving\":{\"min_epochs\":1},\"grid\":{\"/seed\":[1,2]}", "/halving", "conflict"),
    JOB("\"validation\":{\"dataset\":\"nothing\"}", "/validation/dataset", "not_found"),
    JOB("\"validation\":{\"dataset\":\"penguins\"}", "/validation/dataset", "value"),
    JOB("\"validation\":{\"dataset\":\"pair\"}", "/validation/dataset", "value"),
    BODY("{\"dataset\":\"pair\",\"target\":\"y\",\"validation\":{\"folds\":3}}", "/validation/folds", "range"),
    JOB("\"columns\":{\"bill\":{\"role\":\"ignore\"}}", "/columns/bill", "not_found"),
    JOB("\"columns\":{\"species\":{\"role\":\"ignore\"}}", "/columns/species", "value"),
    JOB("\"columns\":{\"island\":{\"roles\":\"ignore\"}}", "/columns/island/roles", "unknown"),
    JOB("\"columns\":{\"island\":{\"role\":\"numeric\"}}", "/columns/island/role", "value"),
    JOB("\"columns\":{\"island\":{\"role\":\"ordinal\"}}", "/columns/island/order", "required"),
    JOB("\"columns\":{\"island\":{\"role\":\"ordinal\",\"order\":[\"Dream\",\"Biscoe\"]}}", "/columns/island/order", "value"),
    JOB("\"columns\":{\"island\":{\"scaling\":\"none\"}}", "/columns/island/scaling", "value"),
    JOB("\"columns\":{\"body_mass_g\":{\"min_frequency\":5}}", "/columns/body_mass_g/min_frequency", "value"),
    JOB("\"columns\":{\"island\":{\"category_limit\":2}}", "/columns/island/category_limit", "range"),
    JOB("\"columns\":{\"body_mass_g\":{\"role\":\"categorical\",\"category_limit\":90}}", "/columns/body_mass_g/category_limit",
        "range"),
    JOB("\"encoding\":{\"category_limit\":2}", "/columns/island", "range"),
    JOB("\"features\":[\"sex\"],\"columns\":{\"sex\":{\"role\":\"ignore\"}}", "/columns", "value"),
    JOB("\"optimizer\":{\"name\":\"sgd\",\"momentum\":0.9}", "/optimizer/momentum", "value"),
    JOB("\"optimizer\":{\"momentum\":0.9}", "/optimizer/momentum", "value"),
    JOB("\"optimizer\":{\"name\":\"adagrad\",\"rho\":0.9}", "/optimizer/rho", "value"),
    JOB("\"optimizer\":{\"name\":\"momentum\",\"beta1\":0.9}", "/optimizer/beta1", "value"),
    JOB("\"optimizer\":{\"name\":\"rmsprop\",\"beta2\":0.9}", "/optimizer/beta2", "value"),
    JOB("\"optimizer\":{\"name\":\"sgd\",\"epsilon\":0.1}", "/optimizer/epsilon", "value"),
    JOB("\"optimizer\":{\"name\":\"sgd\",\"bias_correction\":true}", "/optimizer/bias_correction", "value"),
};

static const struct bad_input grids[] = {
    JOB("\"grid\":{\"/epochs\":5}", "/grid/~1epochs", "type"), JOB("\"grid\":{\"/epochs\":[]}", "/grid/~1epochs", "type"),
    JOB("\"grid\":{\"/epochs\":null}", "/grid/~1epochs", "type"),
    JOB("\"grid\":{\"/epochs\":{\"0\":1}}", "/grid/~1epochs", "type"),
    JOB("\"grid\":{\"/epochs\":[1,2,1]}", "/grid/~1epochs/2", "duplicate"),
    JOB("\"grid\":{\"/epochs\":[1,1.0]}", "/grid/~1epochs/1", "duplicate"),
    JOB("\"grid\":{\"/epochs\":[1],\"/epochs\":[2]}", "/grid", "duplicate"),
    JOB("\"grid\":{\"/epochs\":[1,0]}", "/grid/~1epochs/1", "range"),
    JOB("\"grid\":{\"/epochs\":[1,\"2\"]}", "/grid/~1epochs/1", "type"),
    JOB("\"grid\":{\"/epochss\":[1]}", "/grid/~1epochss/0", "unknown"),
    JOB("\"grid\":{\"epochs\":[1]}", "/grid/epochs", "value"), JOB("\"grid\":{\"\":[1]}", "/grid/", "value"),
    JOB("\"grid\":{\"/\":[1]}", "/grid/~1/0", "unknown"),
    JOB("\"grid\":{\"/name\":[\"a\",\"b\"]}", "/grid/~1name", "value"),
    JOB("\"grid\":{\"/dataset\":[\"penguins\"]}", "/grid/~1dataset", "value"),
    JOB("\"grid\":{\"/grid\":[{}]}", "/grid/~1grid", "value"),
    JOB("\"grid\":{\"/grid/~1epochs\":[1]}", "/grid/~1grid~1~01epochs", "value"),
    JOB("\"grid\":{\"/optimizer/momentum\":[0.5]}", "/grid/~1optimizer~1momentum/0", "value"),
    JOB("\"grid\":{\"/optimizer/name\":[\"sgd\",\"adm\"]}", "/grid/~1optimizer~1name/1", "enum"),
    JOB("\"grid\":{\"/network/hidden/1/units\":[1]}", "/grid/~1network~1hidden~11~1units/0", "value"),
    JOB("\"grid\":{\"/network/hidden/-/units\":[1]}", "/grid/~1network~1hidden~1-~1units/0", "value"),
    JOB("\"grid\":{\"/epochs/x\":[1]},\"epochs\":5", "/grid/~1epochs~1x/0", "value"),
    JOB("\"grid\":{\"/network/hidden\":[[{\"units\":1}],[{\"units\":0}]]}", "/grid/~1network~1hidden/1", "range"),
    JOB("\"grid\":{\"/optimizer\":[{\"name\":\"sgd\"},{\"bogus\":1}]}", "/grid/~1optimizer/1", "unknown"),
    JOB("\"grid\":{\"/features\":[[\"island\"],[\"mass\"]]}", "/grid/~1features/1", "not_found"),
    JOB("\"grid\":{\"/target\":[\"sex\",\"mass\"]}", "/grid/~1target/1", "not_found"),
    JOB("\"grid\":{\"/task\":[\"auto\",\"binary\"]}", "/grid/~1task/1", "value"),
    JOB("\"grid\":{\"/validation/folds\":[2,3]}", "/grid/~1validation~1folds", "value"),
    JOB("\"grid\":{\"/validation/dataset\":[\"pair\"]}", "/grid/~1validation~1dataset", "value"),
    JOB("\"grid\":{\"/columns/island/role\":[\"ignore\",\"numeric\"]}", "/grid/~1columns~1island~1role/1", "value"),
    JOB("\"grid\":{\"/columns/isle/role\":[\"ignore\"]}", "/grid/~1columns~1isle~1role/0", "not_found"),
    JOB("\"grid\":{\"/columns/island\":[{},{\"role\":\"ordinal\"}]}", "/grid/~1columns~1island/1", "required"),
    JOB("\"grid\":{\"/encoding/category_limit\":[3,2]}", "/columns/island", "range"),
    JOB("\"grid\":{\"/encoding/scaling\":[\"none\",\"max\"]}", "/grid/~1encoding~1scaling/1", "enum"),
    JOB("\"grid\":{\"/ep~ochs\":[1]}", "/grid/~1ep~0ochs/0", "value"),
    BODY("{\"dataset\":\"pair\",\"target\":\"y\",\"grid\":{\"/validation/fraction\":[0,0.9]}}",
         "/grid/~1validation~1fraction/1", "range"),
};

static const struct bad_input texts[] = {
    TEXT(" "), TEXT("{"), TEXT("}"), TEXT("{\"dataset\":\"penguins\",\"target\":\"species\"} x"),
    TEXT("{\"dataset\":\"penguins\",\"target\":\"species\"}{}"),
    TEXT("{\"dataset\":\"penguins\",\"target\":\"species\"}\0"), TEXT("{\"dataset\":\"penguins\",\"target\":\"species\",}"),
    TEXT("{,}"), TEXT("[1,2,]"), TEXT("[1 2]"), TEXT("{\"a\" 1}"), TEXT("{\"a\":}"), TEXT("{a:1}"), TEXT("{'a':1}"),
    TEXT("{1:1}"), TEXT("{null:1}"), TEXT("nul"), TEXT("True"), TEXT("NaN"), TEXT("-Infinity"), TEXT("Infinity"),
    TEXT("undefined"), TEXT("{\"epochs\":01}"), TEXT("{\"epochs\":-01}"), TEXT("{\"epochs\":1.}"), TEXT("{\"epochs\":.5}"),
    TEXT("{\"epochs\":+1}"), TEXT("{\"epochs\":0x10}"), TEXT("{\"epochs\":1e}"), TEXT("{\"epochs\":1e+}"),
    TEXT("{\"epochs\":-}"), TEXT("{\"epochs\":1e999}"), TEXT("{\"epochs\":-1e999}"), TEXT("{\"epochs\":1_000}"),
    TEXT("{\"epochs\":1,000}"), TEXT("{\"epochs\":00}"),
    TEXT("{\"epochs\":0000000000000000000000000000000000000000000000000000000000000000000001}"),
    TEXT("{\"epochs\":1000000000000000000000000000000000000000000000000000000000000000000000}"),
    TEXT("{\"name\":\"a\0b\"}"), TEXT("{\"name\":\"a\\u0000b\"}"), TEXT("\0{}"), TEXT("{\"a\0\":1}"),
    TEXT("{\"name\":\"a\nb\"}"), TEXT("{\"name\":\"a\tb\"}"), TEXT("{\"name\":\"\x1f\"}"), TEXT("{\"name\":\"\\x41\"}"),
    TEXT("{\"name\":\"\\u12\"}"), TEXT("{\"name\":\"\\u12g4\"}"), TEXT("{\"name\":\"\\"), TEXT("{\"name\":\"abc"),
    TEXT("{\"name\":\"\\ud800\"}"), TEXT("{\"name\":\"\\udc00\\ud800\"}"), TEXT("{\"name\":\"\\ud800x\"}"),
    TEXT("{\"name\":\"\xff\"}"), TEXT("{\"name\":\"\xc3\"}"), TEXT("{\"name\":\"\xc0\xaf\"}"),
    TEXT("{\"name\":\"\xed\xa0\x80\"}"), TEXT("{\"name\":\"\xf4\x90\x80\x80\"}"),
    TEXT("{\"name\":\"\xf8\x88\x80\x80\x80\"}"), TEXT("{\"\xff\":1}"), TEXT("\xef\xbb\xbf{}"), TEXT("\xff\xfe{\0}\0"),
    TEXT("// comment\n{}"), TEXT("{/* comment */}"), TEXT("{}\n#"), TEXT("\f{}"), TEXT("\xc2\xa0{}"),
    {"POST", "/v1/jobs", "application/json", "", 0, 400, "malformed", NULL, NULL},
};

static void fields_of_a_wrong_type_or_value_are_refused(void **state)
{
    (void)state;
    check_bad_inputs(types, COUNT(types));
}

static void names_that_are_not_known_or_not_fitting_are_refused(void **state)
{
    (void)state;
    check_bad_inputs(names, COUNT(names));
}

static void grids_are_refused_at_their_own_pointers(void **state)
{
    (void)state;
    check_bad_inputs(grids, COUNT(grids));
}

static void texts_that_are_no_json_are_400(void **state)
{
    (void)state;
    check_bad_inputs(texts, COUNT(texts));
}

/* None of them made a job. */
static int teardown(void **state)
{
    int jobs = count(expect(http_get("/v1/jobs"), 200), "/data");
    daemon_teardown(state);
    assert_int_equal(jobs, 0);
    return 0;
}

static int setup(void **state)
{
    daemon_setup_with_penguins(state);
    expect(http_post_csv("/v1/datasets?name=odd", "constant,empty,x\na,,1\na,,2\na,,3\n"), 201);
    expect(http_post_csv("/v1/datasets?name=lonely", "only\n1\n2\n3\n"), 201);
    expect(http_post_csv("/v1/datasets?name=pair", "x,y\n1,2\n2,3\n"), 201);
    return http_forget(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fields_of_a_wrong_type_or_value_are_refused),
        TEST(names_that_are_not_known_or_not_fitting_are_refused),
        TEST(grids_are_refused_at_their_own_pointers),
        TEST(texts_that_are_no_json_are_400),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
