/* server/train/job_spec: defaults, ranges, and everything that is wrong at once. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "train_fixture.h"

#define BODY_MAX 100000

/* A body with a dataset, a target, and more. */
static const char *body_with(const char *more)
{
    static char body[BODY_MAX];
    snprintf(body, sizeof body, "{\"dataset\":\"d\",\"target\":\"t\"%s%s}", *more ? "," : "", more);
    return body;
}

static void assert_writes(const char *body, const char *expected)
{
    struct job_spec s;
    struct json_writer w;
    struct buf out;
    buf_init(&out, 100000);
    json_start(&w, &out);
    spec_of(body, &s);
    job_spec_write(&s, &w);
    assert_false(out.failed);
    assert_string_equal(buf_text(&out), expected);
    job_spec_done(&s);
    buf_done(&out);
}

/* ---- defaults --------------------------------------------------------------------------------------------------------- */

/* What a job says of training and of a layer when nothing is given. */
#define TRAINING \
    "\"loss\":\"auto\",\"class_weights\":null,\"sample_weight\":null,\"regularization\":{\"l1\":0,\"l2\":0,\"clip_norm\":null}," \
    "\"schedule\":{\"name\":\"auto\",\"warmup_epochs\":0},\"early_stopping\":null," \
    "\"stop\":{\"train_loss\":null,\"valid_loss\":null,\"seconds\":null},"
#define PLAIN ",\"batch_normalization\":false,\"dropout\":0}"

#define ENCODING "\"columns\":{},\"encoding\":{\"scaling\":\"standard\",\"min_frequency\":0,\"category_limit\":1000},"
#define HEAD "{\"name\":null,\"dataset\":\"d\",\"target\":\"t\",\"task\":\"auto\",\"features\":null," ENCODING \
             "\"validation\":{\"fraction\":0.1,\"stratified\":true},\"network\":{\"hidden\":[{\"units\":150,\"activation\":\"relu\"" PLAIN "]},"  \
             "\"optimizer\":"
#define TAIL "," TRAINING "\"batch_size\":32,\"epochs\":100,\"seed\":1,\"threads\":null,\"checkpoint\":{\"every_seconds\":5},\"grid\":null,\"search\":null,\"halving\":null,\"initial\":null}"

static void test_defaults_are_filled_in(void **state)
{
    (void)state;
    assert_writes(body_with(""), HEAD "{\"name\":\"adamw\",\"learning_rate\":0.003,\"beta1\":0.9,\"beta2\":0.999,"
                                      "\"epsilon\":1e-08,\"weight_decay\":null,\"bias_correction\":true}" TAIL);
    assert_writes(body_with("\"optimizer\":{},\"network\":{},\"validation\":{}"),
                  HEAD "{\"name\":\"adamw\",\"learning_rate\":0.003,\"beta1\":0.9,\"beta2\":0.999,\"epsilon\":1e-08,"
                       "\"weight_decay\":null,\"bias_correction\":true}" TAIL);
}

static void test_each_optimizer_has_its_own_defaults(void **state)
{
    (void)state;
    static const char *const optimizers[][2] = {
        {"sgd", "\"learning_rate\":0.01,\"weight_decay\":0"},
        {"momentum", "\"learning_rate\":0.01,\"momentum\":0.9,\"weight_decay\":0"},
        {"nesterov", "\"learning_rate\":0.01,\"momentum\":0.9,\"weight_decay\":0"},
        {"adagrad", "\"learning_rate\":0.01,\"epsilon\":1e-10,\"weight_decay\":0"},
        {"adadelta", "\"learning_rate\":1,\"rho\":0.9,\"epsilon\":1e-06,\"weight_decay\":0"},
        {"rmsprop", "\"learning_rate\":0.001,\"rho\":0.9,\"epsilon\":1e-08,\"weight_decay\":0"},
        {"adam", "\"learning_rate\":0.001,\"beta1\":0.9,\"beta2\":0.999,\"epsilon\":1e-08,\"weight_decay\":0,"
                 "\"bias_correction\":true"},
        {"adamw", "\"learning_rate\":0.003,\"beta1\":0.9,\"beta2\":0.999,\"epsilon\":1e-08,\"weight_decay\":null,"
                  "\"bias_correction\":true"},
    };
    for (size_t i = 0; i < COUNT(optimizers); i++) {
        char more[200], expected[1500];
        snprintf(expected, sizeof expected, HEAD "{\"name\":\"%s\",%s}" TAIL, optimizers[i][0], optimizers[i][1]);
        snprintf(more, sizeof more, "\"optimizer\":{\"name\":\"%s\"}", optimizers[i][0]);
        assert_writes(body_with(more), expected);
        snprintf(more, sizeof more, "\"optimizer\":{\"name\":\"%s\",\"learning_rate\":null,\"epsilon\":null,\"rho\":null}",
                 optimizers[i][0]);
        assert_writes(body_with(more), expected); /* null is the default */
    }
}

static void test_what_is_given_is_kept(void **state)
{
    (void)state;
    static const char given[] =
        "{\"name\":\"a \\\"name\\\"\",\"dataset\":\"7\",\"target\":\"t\",\"task\":\"multiclass\",\"features\":[\"a\",\"b\"]," ENCODING
        "\"validation\":{\"fraction\":0,\"stratified\":true},\"network\":{\"hidden\":[{\"units\":3,\"activation\":\"leaky_relu\","
        "\"negative_slope\":0.2,\"batch_normalization\":true,\"dropout\":0.25},{\"units\":4,\"activation\":\"tanh\"" PLAIN
        "]},\"optimizer\":{\"name\":\"adam\",\"learning_rate\":0.5,\"beta1\":0,\"beta2\":0.5,\"epsilon\":0,"
        "\"weight_decay\":0.125,\"bias_correction\":false},\"loss\":\"huber\",\"huber_delta\":2,"
        "\"class_weights\":{\"a\":2},\"sample_weight\":\"w\",\"regularization\":{\"l1\":0.5,\"l2\":0.25,\"clip_norm\":3},"
        "\"schedule\":{\"name\":\"plateau\",\"factor\":0.5,\"every\":4,\"minimum\":1e-05,\"warmup_epochs\":3},"
        "\"early_stopping\":{\"metric\":\"valid_accuracy\",\"patience\":5,\"min_delta\":0.125},"
        "\"stop\":{\"train_loss\":0.5,\"valid_loss\":0.25,\"seconds\":9},\"batch_size\":\"full\","
        "\"epochs\":7,\"seed\":9007199254740991,\"threads\":4,\"checkpoint\":{\"every_seconds\":5},"
        "\"grid\":{\"/seed\":[1,2]},\"search\":null,\"halving\":null,\"initial\":null}";
    assert_writes(given, given);
    assert_writes(body_with("\"network\":{\"hidden\":[]},\"batch_size\":1"),
                  "{\"name\":null,\"dataset\":\"d\",\"target\":\"t\",\"task\":\"auto\",\"features\":null," ENCODING
                  "\"validation\":{\"fraction\":0.1,\"stratified\":true},\"network\":{\"hidden\":[]},\"optimizer\":{\"name\":\"adamw\","
                  "\"learning_rate\":0.003,\"beta1\":0.9,\"beta2\":0.999,\"epsilon\":1e-08,\"weight_decay\":null,"
                  "\"bias_correction\":true}," TRAINING
                  "\"batch_size\":1,\"epochs\":100,\"seed\":1,\"threads\":null,\"checkpoint\":{\"every_seconds\":5},\"grid\":null,\"search\":null,\"halving\":null,\"initial\":null}");
}

/* ---- ranges ----------------------------------------------------------------------------------------------------------- */

/* What stands for a field, with %s for its value; values that are fine; values that are not, with their codes. */
struct range {
    const char *format, *pointer;
    const char *fine[6];
    const char *wrong[8][2];
};

#define OPTIMIZER(name, field) "\"optimizer\":{\"name\":\"" name "\",\"" field "\":%s}"

static const struct range ranges[] = {
    {"\"name\":%s", "/name", {"null", "\"\"", "\"x\""}, {{"1", "type"}, {"[]", "type"}}},
    {"\"task\":%s", "/task", {"\"auto\"", "\"regression\"", "\"binary\"", "\"multiclass\""},
     {{"\"classification\"", "enum"}, {"\"Auto\"", "enum"}, {"null", "type"}, {"1", "type"}}},
    {"\"features\":%s", "/features", {"null", "[\"a\"]", "[\"a\",\"\"]"},
     {{"[]", "length"}, {"\"a\"", "type"}, {"{}", "type"}}},
    {"\"features\":[\"a\",%s]", "/features/1", {"\"b\""}, {{"1", "type"}, {"null", "type"}}},
    {"\"validation\":%s", "/validation", {"{}"}, {{"0.2", "type"}, {"null", "type"}, {"[]", "type"}}},
    {"\"validation\":{\"fraction\":%s}", "/validation/fraction", {"0", "1e-9", "0.9"},
     {{"-0.1", "range"}, {"0.91", "range"}, {"1", "range"}, {"\"0.2\"", "type"}, {"null", "type"}}},
    {"\"network\":{\"hidden\":%s}", "/network/hidden", {"[]"}, {{"null", "type"}, {"3", "type"}, {"{}", "type"}}},
    {"\"network\":{\"hidden\":[%s]}", "/network/hidden/0", {"{\"units\":1}"}, {{"3", "type"}, {"null", "type"}}},
    {"\"network\":{\"hidden\":[{\"units\":1},{\"units\":%s}]}", "/network/hidden/1/units", {"1", "65536", "2.0"},
     {{"0", "range"}, {"65537", "range"}, {"-1", "range"}, {"1e9", "range"}, {"1.5", "type"}, {"\"1\"", "type"},
      {"null", "type"}}},
    {"\"network\":{\"hidden\":[{\"activation\":\"relu\"%s}]}", "/network/hidden/0/units", {",\"units\":1"}, {{"", "required"}}},
    {"\"network\":{\"hidden\":[{\"units\":1,\"activation\":%s}]}", "/network/hidden/0/activation",
     {"\"identity\"", "\"step\"", "\"sigmoid\"", "\"tanh\"", "\"relu\"", "\"leaky_relu\""},
     {{"\"softmax\"", "enum"}, {"\"ReLU\"", "enum"}, {"null", "type"}, {"4", "type"}}},
    {"\"network\":{\"hidden\":[{\"units\":1,\"activation\":\"leaky_relu\",\"negative_slope\":%s}]}",
     "/network/hidden/0/negative_slope", {"0", "0.5", "0.999999"}, {{"-0.1", "range"}, {"1", "range"}, {"null", "type"}}},
    {"\"optimizer\":%s", "/optimizer", {"{}"}, {{"\"adam\"", "type"}, {"null", "type"}}},
    {"\"optimizer\":{\"name\":%s}", "/optimizer/name", {"\"sgd\"", "\"nesterov\"", "\"adadelta\"", "\"rmsprop\"", "\"adamw\""},
     {{"\"Adam\"", "enum"}, {"\"adamax\"", "enum"}, {"null", "type"}}},
    {"\"optimizer\":{\"learning_rate\":%s}", "/optimizer/learning_rate", {"null", "1e-300", "1000000"},
     {{"0", "range"}, {"-1", "range"}, {"1000001", "range"}, {"\"0.1\"", "type"}}},
    {OPTIMIZER("momentum", "momentum"), "/optimizer/momentum", {"null", "0", "0.999999"},
     {{"1", "range"}, {"-0.1", "range"}, {"\"\"", "type"}}},
    {OPTIMIZER("rmsprop", "rho"), "/optimizer/rho", {"null", "0", "0.999999"},
     {{"1", "range"}, {"-0.1", "range"}, {"[]", "type"}}},
    {OPTIMIZER("adam", "beta1"), "/optimizer/beta1", {"null", "0", "0.999999"},
     {{"1", "range"}, {"-0.1", "range"}, {"{}", "type"}}},
    {OPTIMIZER("adam", "beta2"), "/optimizer/beta2", {"null", "0", "0.99999999"},
     {{"1", "range"}, {"-0.1", "range"}, {"true", "type"}}},
    {OPTIMIZER("adagrad", "epsilon"), "/optimizer/epsilon", {"null", "0", "1e6"},
     {{"-1e-10", "range"}, {"1000001", "range"}, {"\"\"", "type"}}},
    {OPTIMIZER("sgd", "weight_decay"), "/optimizer/weight_decay", {"null", "0", "99"},
     {{"-1e-10", "range"}, {"100", "range"}, {"\"\"", "type"}}},
    {"\"network\":{\"hidden\":[{\"units\":1,\"dropout\":%s}]}", "/network/hidden/0/dropout", {"0", "0.5", "0.99"},
     {{"-0.1", "range"}, {"1", "range"}, {"null", "type"}}},
    {"\"network\":{\"hidden\":[{\"units\":1,\"batch_normalization\":%s}]}", "/network/hidden/0/batch_normalization",
     {"true", "false"}, {{"1", "type"}, {"null", "type"}}},
    {"\"loss\":%s", "/loss", {"\"auto\"", "\"squared_error\"", "\"absolute_error\"", "\"huber\"", "\"cross_entropy\""},
     {{"\"mse\"", "enum"}, {"null", "type"}}},
    {"\"loss\":\"huber\",\"huber_delta\":%s", "/huber_delta", {"1e-300", "1e6"},
     {{"0", "range"}, {"-1", "range"}, {"1000001", "range"}, {"null", "type"}}},
    {"\"regularization\":{\"l1\":%s}", "/regularization/l1", {"0", "1e6"}, {{"-1", "range"}, {"null", "type"}}},
    {"\"regularization\":{\"l2\":%s}", "/regularization/l2", {"0", "1e6"}, {{"-1", "range"}, {"null", "type"}}},
    {"\"regularization\":{\"clip_norm\":%s}", "/regularization/clip_norm", {"null", "0", "1e12"},
     {{"1e13", "range"}, {"-1", "range"}, {"\"\"", "type"}}},
    {"\"schedule\":{\"name\":%s}", "/schedule/name", {"\"constant\"", "\"step\"", "\"inverse_scaling\"", "\"plateau\""},
     {{"\"linear\"", "enum"}, {"null", "type"}}},
    {"\"schedule\":{\"name\":\"step\",\"factor\":%s}", "/schedule/factor", {"null", "1e-300", "1"},
     {{"0", "range"}, {"1.1", "range"}, {"\"\"", "type"}}},
    {"\"schedule\":{\"name\":\"step\",\"every\":%s}", "/schedule/every", {"1", "1000000"},
     {{"0", "range"}, {"1000001", "range"}, {"1.5", "type"}}},
    {"\"schedule\":{\"name\":\"inverse_scaling\",\"power\":%s}", "/schedule/power", {"0", "10"},
     {{"-1", "range"}, {"11", "range"}, {"null", "type"}}},
    {"\"schedule\":{\"name\":\"cosine\",\"minimum\":%s}", "/schedule/minimum", {"0", "1e6"},
     {{"-1", "range"}, {"null", "type"}}},
    {"\"schedule\":{\"warmup_epochs\":%s}", "/schedule/warmup_epochs", {"0", "1000000"}, {{"-1", "range"}, {"null", "type"}}},
    {"\"early_stopping\":%s", "/early_stopping", {"null", "{}"}, {{"true", "type"}, {"3", "type"}}},
    {"\"early_stopping\":{\"patience\":%s}", "/early_stopping/patience", {"1", "1000000"},
     {{"0", "range"}, {"1000001", "range"}, {"null", "type"}}},
    {"\"early_stopping\":{\"min_delta\":%s}", "/early_stopping/min_delta", {"0", "1e12"},
     {{"-1", "range"}, {"null", "type"}}},
    {"\"stop\":{\"seconds\":%s}", "/stop/seconds", {"null", "1e-3", "1e9"}, {{"0", "range"}, {"\"\"", "type"}}},
    {"\"stop\":{\"train_loss\":%s}", "/stop/train_loss", {"null", "0", "-1"}, {{"\"\"", "type"}, {"1e13", "range"}}},
    {"\"stop\":{\"valid_loss\":%s}", "/stop/valid_loss", {"null", "0", "-1"}, {{"\"\"", "type"}, {"1e13", "range"}}},
    {OPTIMIZER("adam", "bias_correction"), "/optimizer/bias_correction", {"true", "false"}, {{"null", "type"}, {"0", "type"}}},
    {"\"batch_size\":%s", "/batch_size", {"1", "\"full\"", "4294967295", "2.0"},
     {{"0", "range"}, {"-1", "range"}, {"1.5", "range"}, {"4294967296", "range"}, {"\"Full\"", "type"}, {"null", "type"},
      {"[]", "type"}}},
    {"\"epochs\":%s", "/epochs", {"1", "1000000"}, {{"0", "range"}, {"1000001", "range"}, {"1.5", "type"}, {"null", "type"}}},
    {"\"seed\":%s", "/seed", {"0", "9007199254740991"},
     {{"-1", "range"}, {"9007199254740992", "range"}, {"0.5", "type"}, {"\"1\"", "type"}}},
    {"\"threads\":%s", "/threads", {"1", "256", "null"},
     {{"0", "range"}, {"257", "range"}, {"1.5", "range"}, {"\"1\"", "type"}}},
};

static void bind(const char *text, bool any_optimizer, struct job_spec *s, struct violations *v)
{
    cleanup(json_freep) struct json *body = json_of(text);
    *v = (struct violations){0};
    assert_int_equal(job_spec_bind(body, any_optimizer, s, v, NULL), ERR_OK);
}

static void assert_bound(const char *text, const char *const *expected)
{
    struct job_spec s;
    struct violations v;
    bind(text, false, &s, &v);
    assert_violations(&v, expected, text);
    job_spec_done(&s);
}

/* What of the range's format there is, with a value. */
static const char *filled(const char *format, const char *value)
{
    static char more[1000];
    const char *at = strstr(format, "%s");
    snprintf(more, sizeof more, "%.*s%s%s", (int)(at - format), format, value, at + 2);
    return more;
}

static void test_every_fields_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ranges); i++) {
        const struct range *r = &ranges[i];
        for (size_t k = 0; k < COUNT(r->fine) && r->fine[k]; k++)
            assert_bound(body_with(filled(r->format, r->fine[k])), (const char *[]){NULL});
        for (size_t k = 0; k < COUNT(r->wrong) && r->wrong[k][0]; k++)
            assert_bound(body_with(filled(r->format, r->wrong[k][0])), (const char *[]){r->pointer, r->wrong[k][1], NULL});
    }
}

static void assert_length(const char *format, const char *pointer, size_t most, const char *unit)
{
    const char *place = strstr(format, "%s");
    for (size_t n = most - 1; n <= most + 1; n++) {
        struct buf b;
        buf_init(&b, BODY_MAX);
        buf_printf(&b, "{%.*s", (int)(place - format), format);
        for (size_t i = 0; i < n; i++)
            buf_printf(&b, "%s%s", i && unit[1] ? "," : "", unit);
        buf_printf(&b, "%s}", place + 2);
        assert_false(b.failed);
        assert_bound(buf_text(&b), n > most ? (const char *[]){pointer, "length", NULL} : (const char *[]){NULL});
        buf_done(&b);
    }
}

static void test_lengths_have_limits(void **state)
{
    (void)state;
    assert_length("\"dataset\":\"d\",\"target\":\"t\",\"name\":\"%s\"", "/name", 200, "x");
    assert_length("\"dataset\":\"%s\",\"target\":\"t\"", "/dataset", 128, "x");
    assert_length("\"dataset\":\"d\",\"target\":\"%s\"", "/target", TABLE_MAX_CELL, "x");
    assert_length("\"dataset\":\"d\",\"target\":\"t\",\"features\":[%s]", "/features", TABLE_MAX_COLUMNS, "\"f\"");
    assert_length("\"dataset\":\"d\",\"target\":\"t\",\"network\":{\"hidden\":[%s]}", "/network/hidden", MLP_MAX_HIDDEN,
                  "{\"units\":1}");
}

/* ---- everything at once ----------------------------------------------------------------------------------------------- */

static void test_a_body_is_an_object_with_two_fields_at_least(void **state)
{
    (void)state;
    assert_bound("{}", (const char *[]){"/dataset", "required", "/target", "required", NULL});
    assert_bound("{\"dataset\":\"\",\"target\":null}", (const char *[]){"/dataset", "length", "/target", "type", NULL});
    assert_bound("[]", (const char *[]){"", "type", NULL});
    assert_bound("null", (const char *[]){"", "type", NULL});
}

static void test_unknown_fields_get_a_suggestion(void **state)
{
    (void)state;
    static const struct {
        const char *more, *pointer, *suggestion;
    } cases[] = {
        {"\"epoch\":1", "/epoch", "did you mean \"epochs\"?"},
        {"\"batchsize\":1", "/batchsize", "did you mean \"batch_size\"?"},
        {"\"optimizer\":{\"lerning_rate\":1}", "/optimizer/lerning_rate", "did you mean \"learning_rate\"?"},
        {"\"optimizer\":{\"beta3\":1}", "/optimizer/beta3", "did you mean \"beta1\"?"},
        {"\"network\":{\"hidden\":[{\"units\":1,\"activate\":\"relu\"}]}", "/network/hidden/0/activate",
         "known are: units, activation"},
        {"\"validation\":{\"split\":1}", "/validation/split", "known are: fraction"},
        {"\"a/b~c\":1", "/a~1b~0c", "known are: name, dataset"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct job_spec s;
        struct violations v;
        bind(body_with(cases[i].more), false, &s, &v);
        assert_violations(&v, (const char *[]){cases[i].pointer, "unknown", NULL}, cases[i].more);
        if (!strstr(v.item[0].detail, cases[i].suggestion))
            fail_msg("%s: %s", cases[i].more, v.item[0].detail);
        job_spec_done(&s);
    }
    assert_bound(body_with("\"epochs\":1,\"epochs\":2"), (const char *[]){"/epochs", "duplicate", NULL});
}

static void test_fields_that_the_optimizer_does_not_have(void **state)
{
    (void)state;
    static const char *const fields[] = {"momentum", "rho", "beta1", "beta2", "epsilon", "bias_correction"};
    static const struct {
        const char *name;
        bool has[6];
    } optimizers[] = {{"sgd", {0}},
                      {"momentum", {true}},
                      {"nesterov", {true}},
                      {"adagrad", {[4] = true}},
                      {"adadelta", {[1] = true, [4] = true}},
                      {"rmsprop", {[1] = true, [4] = true}},
                      {"adamw", {[2] = true, [3] = true, [4] = true, [5] = true}},
                      {"adam", {[2] = true, [3] = true, [4] = true, [5] = true}}};
    for (size_t i = 0; i < COUNT(optimizers); i++)
        for (size_t k = 0; k < COUNT(fields); k++) {
            char more[100], pointer[40], detail[80];
            snprintf(more, sizeof more, "\"optimizer\":{\"name\":\"%s\",\"%s\":%s}", optimizers[i].name, fields[k],
                     k == 5 ? "true" : "0.5");
            snprintf(pointer, sizeof pointer, "/optimizer/%s", fields[k]);
            snprintf(detail, sizeof detail, "%s has no %s: leave it out", optimizers[i].name, fields[k]);
            struct job_spec s;
            struct violations v;
            bind(body_with(more), false, &s, &v);
            const char *wrong[] = {optimizers[i].has[k] ? NULL : pointer, "value", NULL};
            assert_violations(&v, wrong, more);
            if (v.count)
                assert_string_equal(v.item[0].detail, detail);
            job_spec_done(&s);
            bind(body_with(more), true, &s, &v); /* the grid varies the name: left unused */
            assert_int_equal(v.count, 0);
            job_spec_done(&s);
        }
}

/* A field of another schedule, or of another loss. */
static void test_fields_that_the_schedule_does_not_have(void **state)
{
    (void)state;
    static const char *const fields[] = {"factor", "every", "power", "minimum"};
    static const struct {
        const char *name;
        bool has[4];
    } schedules[] = {{"auto", {0}},
                     {"constant", {0}},
                     {"step", {true, true, false, true}},
                     {"exponential", {true, false, false, true}},
                     {"cosine", {false, false, false, true}},
                     {"inverse_scaling", {false, false, true, true}},
                     {"plateau", {true, true, false, true}}};
    for (size_t i = 0; i < COUNT(schedules); i++)
        for (size_t k = 0; k < COUNT(fields); k++) {
            char more[100], pointer[40];
            snprintf(more, sizeof more, "\"schedule\":{\"name\":\"%s\",\"%s\":1}", schedules[i].name, fields[k]);
            snprintf(pointer, sizeof pointer, "/schedule/%s", fields[k]);
            assert_bound(body_with(more), (const char *[]){schedules[i].has[k] ? NULL : pointer, "value", NULL});
        }
    assert_bound(body_with("\"huber_delta\":1"), (const char *[]){"/huber_delta", "value", NULL});
}

static void test_all_violations_come_at_once(void **state)
{
    (void)state;
    assert_bound("{\"target\":3,\"epochs\":0,\"seeds\":1,\"batch_size\":0,\"threads\":0,\"features\":[],"
                 "\"validation\":{\"fraction\":2},\"network\":{\"hidden\":[{\"units\":0},{\"units\":1,\"activation\":\"x\"}]},"
                 "\"optimizer\":{\"name\":\"sgd\",\"momentum\":0.5,\"beta1\":0.5}}",
                 (const char *[]){"/dataset", "required", "/target", "type", "/epochs", "range", "/seeds", "unknown",
                                  "/batch_size", "range", "/threads", "range", "/features", "length", "/validation/fraction",
                                  "range", "/network/hidden/0/units", "range", "/network/hidden/1/activation", "enum",
                                  "/optimizer/momentum", "value", "/optimizer/beta1", "value", NULL});
    /* what an optimizer has cannot be told when it is not known which one it is, or what it was given */
    assert_bound(body_with("\"optimizer\":{\"name\":\"sdg\",\"momentum\":0.5}"),
                 (const char *[]){"/optimizer/name", "enum", NULL});
    assert_bound(body_with("\"optimizer\":{\"name\":\"sgd\",\"momentum\":\"x\"}"),
                 (const char *[]){"/optimizer/momentum", "type", NULL});
    assert_bound(body_with("\"optimizer\":3,\"epochs\":0"),
                 (const char *[]){"/optimizer", "type", "/epochs", "range", NULL});
}

static void test_no_memory(void **state)
{
    (void)state;
    static const char text[] = "{\"dataset\":\"d\",\"target\":\"t\",\"name\":\"n\",\"features\":[\"a\",\"b\"],"
                               "\"network\":{\"hidden\":[{\"units\":2}]},\"grid\":{\"/seed\":[1,2]},\"search\":null,\"halving\":null,\"initial\":null}";
    cleanup(json_freep) struct json *body = json_of(text);
    struct job_spec s;
    struct violations v = {0};
    struct err err = {0};
    uint64_t before = mem_count();
    assert_int_equal(job_spec_bind(body, false, &s, &v, &err), ERR_OK);
    job_spec_done(&s);
    uint64_t allocations = mem_count() - before;
    assert_true(allocations > 10);
    for (uint64_t nth = 1; nth <= allocations; nth++) {
        mem_fail_at(nth, 0);
        assert_int_equal(job_spec_bind(body, false, &s, &v, &err), ERR_NO_MEMORY);
        mem_fail_at(0, 0);
        assert_int_equal(v.count, 0);
        job_spec_done(&s); /* nothing is left to free, and it is fine */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_are_filled_in),
        cmocka_unit_test(test_each_optimizer_has_its_own_defaults),
        cmocka_unit_test(test_what_is_given_is_kept),
        cmocka_unit_test(test_every_fields_range),
        cmocka_unit_test(test_lengths_have_limits),
        cmocka_unit_test(test_a_body_is_an_object_with_two_fields_at_least),
        cmocka_unit_test(test_unknown_fields_get_a_suggestion),
        cmocka_unit_test(test_fields_that_the_optimizer_does_not_have),
        cmocka_unit_test(test_fields_that_the_schedule_does_not_have),
        cmocka_unit_test(test_all_violations_come_at_once),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
