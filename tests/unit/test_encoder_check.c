/* core/data/encoder: what is refused, and the encoder as bytes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/buf.h"
#include "data_fixture.h"

/* ---- options that do not fit the table -------------------------------------------------------------------------------- */

static const char mixed[] = "x,c,one,empty,n3,y\n1,a,k,,1,10\n2,b,k,NA,2,20\n3,c,k,?,3,30\n4,a,,,1,40\n";

struct refusal {
    const char *target;
    enum task task;
    const char *features[3]; /* none: NULL */
    uint32_t feature_count;
    const char *message;
};

static const struct refusal refusals[] = {
    {"z", TASK_AUTO, {0}, 0, "no column \"z\" for the target"},
    {"Y", TASK_AUTO, {0}, 0, "no column \"Y\" for the target"},
    {"y", TASK_AUTO, {"x", "q"}, 2, "no column \"q\" for a feature"},
    {"y", TASK_AUTO, {"x", "y"}, 2, "the target \"y\" cannot be a feature as well"},
    {"y", TASK_AUTO, {"x", "c", "x"}, 3, "the feature \"x\" is there twice"},
    {"c", TASK_BINARY, {0}, 0, "the target \"c\" has 3 distinct values, binary needs two: use the task \"multiclass\""},
    {"n3", TASK_BINARY, {0}, 0, "the target \"n3\" has 3 distinct values, binary needs two: use the task \"multiclass\""},
    {"c", TASK_REGRESSION, {0}, 0,
     "the target \"c\" holds texts such as \"a\", regression needs numbers: use the task \"multiclass\""},
    {"one", TASK_AUTO, {0}, 0, "the target \"one\" has 1 distinct value: two are needed at least"},
    {"one", TASK_BINARY, {0}, 0, "the target \"one\" has 1 distinct value: two are needed at least"},
    {"one", TASK_MULTICLASS, {0}, 0, "the target \"one\" has 1 distinct value: two are needed at least"},
    {"empty", TASK_AUTO, {0}, 0, "the target \"empty\" has no value in any row"},
    {"empty", TASK_REGRESSION, {0}, 0, "the target \"empty\" has no value in any row"},
    {"empty", TASK_BINARY, {0}, 0, "the target \"empty\" has no value in any row"},
};

static void assert_refused(struct data_fixture *f, const struct table *t, const struct encoder_options *o, const char *message)
{
    enum task untouched = (enum task)77;
    struct encoder *e = NULL;
    uint32_t row = 0;
    assert_int_equal(encoder_check(t, o, &untouched, &f->err), ERR_INVALID);
    assert_string_equal(f->err.message, message);
    assert_int_equal(untouched, 77);
    assert_int_equal(encoder_fit(t, o, &row, 1, &e, &f->err), ERR_INVALID);
    assert_string_equal(f->err.message, message);
    assert_null(e);
}

static void test_what_does_not_fit_the_table(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, mixed);
    for (size_t i = 0; i < COUNT(refusals); i++) {
        const struct refusal *r = &refusals[i];
        struct encoder_options o = {TARGET(r->target), .features = r->feature_count ? r->features : NULL,
                                    .feature_count = r->feature_count, .task = r->task};
        assert_refused(f, t, &o, r->message);
    }
    table_unref(t);
}

static void test_two_texts_are_binary(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, "x,y\n1,a\n2,b\n");
    assert_refused(f, t, &(struct encoder_options){TARGET("y"), .task = TASK_REGRESSION},
                   "the target \"y\" holds texts such as \"a\", regression needs numbers: use the task \"binary\"");
    table_unref(t);
}

static void test_a_feature_is_needed(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, "y\n1\n2\n");
    static const char *const nothing[] = {"y"};
    assert_refused(f, t, &(struct encoder_options){TARGET("y")},
                   "no feature: the table needs a column besides the target \"y\"");
    assert_refused(f, t, &(struct encoder_options){TARGET("y"), .features = nothing},
                   "no feature: the table needs a column besides the target \"y\"");
    table_unref(t);
    t = table_of(f, "c,y\n,1\n,2\na,3\n"); /* a text, but not among the training rows: no input at all... */
    struct encoder *e = fit_on(f, t, &(struct encoder_options){TARGET("y")}, (uint32_t[]){0, 1}, 2);
    assert_int_equal(encoder_inputs(e), 1); /* ... but that it is missing */
    encoder_free(e);
    table_unref(t);
}

/* Rows of numbers from 0, and as texts, and a row of 0 more. */
static struct table *counting_table(struct data_fixture *f, int values)
{
    struct buf b;
    char sha256[65];
    buf_init(&b, 16 << 20);
    buf_puts(&b, "x,number,text\n");
    for (int i = 0; i < values; i++)
        buf_printf(&b, "1,%d,t%d\n", i, i);
    buf_puts(&b, "2,0,t0\n");
    assert_int_equal(build_bytes(f, NULL, b.data, b.length, 0, sha256), ERR_OK);
    buf_done(&b);
    return open_table(f);
}

static void test_classes_have_a_limit(void **state)
{
    struct data_fixture *f = *state;
    for (int values = ENCODER_MAX_CLASSES - 1; values <= ENCODER_MAX_CLASSES + 1; values++) {
        struct table *t = counting_table(f, values);
        static const char *const x[] = {"x"}; /* what is left has too many categories for a feature */
        struct encoder_options number = {TARGET("number"), .task = TASK_MULTICLASS, .features = x, .feature_count = 1},
                               text = {TARGET("text"), .features = x, .feature_count = 1};
        if (values > ENCODER_MAX_CLASSES) {
            assert_refused(f, t, &number, "the target \"number\" has more than 10000 classes: is it a number to predict? Then "
                                          "the task is \"regression\"");
            assert_refused(f, t, &text, "the target \"text\" has more than 10000 classes: is it a number to predict? Then the "
                                        "task is \"regression\"");
        } else {
            enum task task = TASK_AUTO;
            assert_int_equal(encoder_check(t, &number, &task, &f->err), ERR_OK);
            assert_int_equal(encoder_check(t, &text, &task, &f->err), ERR_OK);
            assert_int_equal(task, TASK_MULTICLASS);
        }
        table_unref(t);
    }
    struct table *t = counting_table(f, 20);
    struct encoder_options binary = {TARGET("number"), .task = TASK_BINARY};
    assert_refused(f, t, &binary,
                   "the target \"number\" has 20 distinct values, binary needs two: use the task \"multiclass\"");
    table_unref(t);
    t = counting_table(f, 21);
    assert_refused(f, t, &binary,
                   "the target \"number\" has 21 distinct values, binary needs two: use the task \"regression\"");
    table_unref(t);
}

/* 4 000 columns of 250 categories each make the most inputs there may be; one number more is one too many. */
static void test_inputs_have_a_limit(void **state)
{
    struct data_fixture *f = *state;
    enum { COLUMNS = 4000, CATEGORIES = ENCODER_MAX_INPUTS / COLUMNS };
    struct buf b;
    char sha256[65];
    static const char *features[COLUMNS + 1];
    buf_init(&b, 32 << 20);
    for (int i = 0; i < COLUMNS; i++)
        buf_printf(&b, "c%d,", i);
    buf_puts(&b, "x,y\n");
    for (int row = 0; row < CATEGORIES; row++) {
        for (int i = 0; i < COLUMNS; i++)
            buf_printf(&b, "t%d,", row);
        buf_printf(&b, "1,%d\n", row);
    }
    assert_int_equal(build_bytes(f, NULL, b.data, b.length, 0, sha256), ERR_OK);
    buf_done(&b);
    struct table *t = open_table(f);
    for (uint32_t i = 0; i <= COLUMNS; i++)
        features[i] = table_column(t, i)->name;
    struct encoder_options o = {TARGET("y"), .features = features, .feature_count = COLUMNS};
    struct encoder *e = fit_on(f, t, &o, NULL, 0);
    assert_int_equal(encoder_inputs(e), ENCODER_MAX_INPUTS);
    encoder_free(e);
    e = NULL;
    uint32_t rows[CATEGORIES];
    for (uint32_t i = 0; i < CATEGORIES; i++)
        rows[i] = i;
    o.feature_count++;
    assert_int_equal(encoder_fit(t, &o, rows, CATEGORIES, &e, &f->err), ERR_INVALID);
    assert_string_equal(f->err.message, "the features make more than 1000000 inputs; column \"x\" alone makes 1: leave it out "
                                        "of features");
    assert_null(e);
    table_unref(t);
}

/* ---- a table that does not fit the encoder ---------------------------------------------------------------------------- */

static void test_a_view_needs_the_columns_of_training(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, "x,c,y\n1,a,no\n2,b,yes\n");
    struct encoder *e = fit_on(f, t, &(struct encoder_options){TARGET("y")}, NULL, 0);
    table_unref(t);
    static const struct {
        const char *text, *message;
    } others[] = {
        {"c,y\na,no\nb,yes\n", "the table has no numeric column \"x\""},
        {"x,y\n1,no\n2,yes\n", "the table has no categorical column \"c\""},
        {"x,c,y\nq,a,no\n2,b,yes\n", "the table has no numeric column \"x\""},
        {"x,c,y\n1,1,no\n2,2,yes\n", "the table has no categorical column \"c\""},
        {"x,c\n1,a\n2,b\n", "no column \"y\" for the target"},
        {"x,c,y\n1,a,cat\n2,b,dog\n", "the target \"y\" holds \"cat\", which is no class of the training"},
        {"x,c,y\n1,a,0\n2,b,1\n", "the target \"y\" holds \"0\", which is no class of the training"},
        {"x,c,y\n1,a,no\n2,b,yes\n3,c,perhaps\n",
         "the target \"y\" holds \"perhaps\", which is no class of the training"},
    };
    for (size_t i = 0; i < COUNT(others); i++) {
        struct encoder_view *v = NULL;
        t = table_of(f, others[i].text);
        assert_int_equal(encoder_view_new(e, t, &v, &f->err), ERR_INVALID);
        assert_string_equal(f->err.message, others[i].message);
        assert_null(v);
        table_unref(t);
    }
    t = table_of(f, "more,y,c,x\n0,no,b,3\n0,yes,q,\n"); /* in another order, with more columns and other categories */
    struct encoder_view *v = NULL;
    real x[2 * 3], y[2];
    assert_int_equal(encoder_view_new(e, t, &v, &f->err), ERR_OK);
    encoder_encode(v, (uint32_t[]){0, 1}, 2, x, 3, y);
    assert_memory_equal(x, ((real[]){3, 0, 1, 0, 0, 0}), sizeof x); /* (3 - 1.5) / 0.5, then a and b */
    assert_memory_equal(y, ((real[]){0, 1}), sizeof y);
    encoder_view_free(v);
    encoder_view_free(NULL);
    encoder_free(e);
    encoder_free(NULL);
    table_unref(t);
}

/* ---- as bytes --------------------------------------------------------------------------------------------------------- */

static const char various[] = "x,\xC3\xA9t\xC3\xA9,n,y,k\n1,a,,1.5,no\n2,,3,2.5,yes\n,\"b,\"\"c\",4,3.5,no\n4,a,5,,\n";

static void assert_same_encoder(const struct encoder *a, const struct encoder *b)
{
    assert_int_equal(encoder_task(a), encoder_task(b));
    assert_int_equal(encoder_inputs(a), encoder_inputs(b));
    assert_int_equal(encoder_features(a), encoder_features(b));
    assert_int_equal(encoder_target(a, 0)->classes, encoder_target(b, 0)->classes);
    assert_int_equal(encoder_outputs(a), encoder_outputs(b));
    assert_string_equal(encoder_target(a, 0)->name, encoder_target(b, 0)->name);
    assert_true(encoder_target(a, 0)->mean == encoder_target(b, 0)->mean);
    assert_true(encoder_target(a, 0)->deviation == encoder_target(b, 0)->deviation);
    for (uint32_t k = 0; k < encoder_target(a, 0)->classes; k++)
        assert_string_equal(encoder_target(a, 0)->class[k], encoder_target(b, 0)->class[k]);
    for (uint32_t i = 0; i < encoder_features(a); i++) {
        const struct encoder_feature *x = encoder_feature(a, i), *y = encoder_feature(b, i);
        assert_string_equal(x->name, y->name);
        assert_int_equal(encoder_find(b, x->name, strlen(x->name)), i);
        assert_true(x->type == y->type && x->input == y->input && x->inputs == y->inputs && x->mean == y->mean &&
                    x->shift == y->shift && x->scale == y->scale && x->categories == y->categories && x->has_missing == y->has_missing);
        assert_true(x->encoding == y->encoding && x->rare_count == y->rare_count && !x->level == !y->level);
        for (uint32_t k = 0; k < x->categories; k++) {
            assert_string_equal(x->category[k], y->category[k]);
            assert_true(!x->level || x->level[k] == y->level[k]);
        }
        for (uint32_t k = 0; k < x->rare_count; k++)
            assert_string_equal(x->rare[k], y->rare[k]);
    }
    assert_int_equal(encoder_decimal(a), encoder_decimal(b));
    assert_int_equal(encoder_passes_over(a, "k", 1), encoder_passes_over(b, "k", 1));
}

/* Every role: a range, rare categories, an order, texts as numbers, what is ignored. */
static const char *const order[] = {"5", "4", "3"};
static const struct encoder_column roles[] = {{.name = "x", .scaling = SCALING_MINMAX},
                                              {.name = "\xC3\xA9t\xC3\xA9", .min_frequency = 2},
                                              {.name = "n", .role = ROLE_ORDINAL, .order = order, .order_count = 3},
                                              {.name = "k", .role = ROLE_IGNORE}};

static struct encoder *various_encoder(struct data_fixture *f, const char *target, enum task task, uint32_t columns)
{
    struct table *t = table_of(f, various);
    struct encoder_options o = {TARGET(target), .task = task, .columns = roles, .column_count = columns};
    struct encoder *e = fit_on(f, t, &o, NULL, 0);
    table_unref(t); /* an encoder lives without its table */
    return e;
}

static const struct {
    const char *target;
    enum task task;
    uint32_t columns; /* of roles */
} tasks[] = {{"y", TASK_AUTO, 0}, {"k", TASK_BINARY, 0}, {"k", TASK_MULTICLASS, 3}, {"n", TASK_MULTICLASS, 2}, {"y", TASK_AUTO, 4}};

static void test_an_encoder_comes_back_from_its_bytes(void **state)
{
    struct data_fixture *f = *state;
    for (size_t i = 0; i < COUNT(tasks); i++) {
        struct encoder *e = various_encoder(f, tasks[i].target, tasks[i].task, tasks[i].columns), *back = NULL;
        struct buf b, again;
        buf_init(&b, 10000);
        buf_init(&again, 10000);
        assert_true(encoder_save(e, &b));
        assert_int_equal(encoder_load(b.data, b.length, &back, &f->err), ERR_OK);
        assert_same_encoder(e, back);
        assert_true(encoder_save(back, &again));
        assert_int_equal(again.length, b.length);
        assert_memory_equal(again.data, b.data, b.length);
        buf_done(&again);
        buf_init(&again, b.length - 1);
        assert_false(encoder_save(e, &again));
        buf_done(&again);
        encoder_free(e);
        encoder_free(back);
        buf_done(&b);
    }
}

/* Uses what was loaded of altered bytes: nothing may lie outside of what it says. */
static void use(const struct encoder *e)
{
    if (encoder_inputs(e) > 10000)
        return;
    real *x = mem_array(encoder_inputs(e), sizeof *x);
    assert_non_null(x);
    encoder_row_start(e, x);
    for (uint32_t i = 0; i < encoder_features(e); i++) {
        const struct encoder_feature *feature = encoder_feature(e, i);
        encoder_row_number(e, i, 4, x);
        encoder_row_text(e, i, "a", 1, '.', x);
        encoder_find(e, feature->name, strlen(feature->name));
    }
    mem_free(x);
}

static void test_bytes_that_were_cut_or_altered(void **state)
{
    struct data_fixture *f = *state;
    for (size_t i = 0; i < COUNT(tasks); i++) {
        struct encoder *e = various_encoder(f, tasks[i].target, tasks[i].task, tasks[i].columns), *back = NULL;
        struct buf b;
        buf_init(&b, 10000);
        assert_true(encoder_save(e, &b));
        encoder_free(e);
        for (size_t length = 0; length < b.length; length++) {
            char *exact = malloc(length ? length : 1);
            assert_non_null(exact);
            memcpy(exact, b.data, length);
            assert_int_equal(encoder_load(exact, length, &back, &f->err), ERR_CORRUPT);
            assert_null(back);
            free(exact);
        }
        for (size_t bit = 0; bit < 8 * b.length; bit++) {
            b.data[bit / 8] ^= (char)(1 << bit % 8);
            enum err_code code = encoder_load(b.data, b.length, &back, &f->err);
            b.data[bit / 8] ^= (char)(1 << bit % 8);
            assert_true(code == ERR_OK || code == ERR_CORRUPT); /* a letter may become another one here */
            if (!code)
                use(back);
            encoder_free(back);
            back = NULL;
            assert_true(bit >= 32 || code == ERR_CORRUPT); /* the version */
        }
        buf_putc(&b, '\0');
        assert_int_equal(encoder_load(b.data, b.length, &back, &f->err), ERR_CORRUPT);
        buf_done(&b);
    }
}

/* ---- memory ----------------------------------------------------------------------------------------------------------- */

static enum err_code use_everything(struct data_fixture *f, const struct table *t, const struct encoder_options *o)
{
    uint32_t rows[] = {0, 1, 2}, *target_rows = NULL;
    int32_t *classes = NULL;
    size_t count;
    enum task task;
    struct encoder *e = NULL, *back = NULL;
    struct encoder_view *v = NULL;
    struct buf b;
    buf_init(&b, 10000);
    enum err_code code = encoder_check(t, o, &task, &f->err);
    if (!code)
        code = encoder_target_rows(t, o, &target_rows, &classes, &count, &f->err);
    if (!code)
        code = encoder_fit(t, o, rows, 3, &e, &f->err);
    if (!code)
        code = encoder_view_new(e, t, &v, &f->err);
    if (!code)
        code = encoder_save(e, &b) ? encoder_load(b.data, b.length, &back, &f->err) : err_no_memory(&f->err);
    mem_free(target_rows);
    mem_free(classes);
    encoder_view_free(v);
    encoder_free(e);
    encoder_free(back);
    buf_done(&b);
    return code;
}

static void test_memory_that_fails_at_any_allocation(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, various);
    for (size_t i = 0; i < COUNT(tasks); i++) {
        struct encoder_options o = {TARGET(tasks[i].target), .task = tasks[i].task, .columns = roles,
                                    .column_count = tasks[i].columns};
        uint64_t before = mem_count();
        assert_int_equal(use_everything(f, t, &o), ERR_OK);
        uint64_t allocations = mem_count() - before;
        assert_true(allocations > 30);
        for (uint64_t nth = 1; nth <= allocations; nth++) {
            mem_fail_at(nth, 0);
            assert_int_equal(use_everything(f, t, &o), ERR_NO_MEMORY);
            mem_fail_at(0, 0);
            assert_int_equal(f->err.code, ERR_NO_MEMORY);
        }
    }
    table_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_what_does_not_fit_the_table),
        WITH_DIR(test_two_texts_are_binary),
        WITH_DIR(test_a_feature_is_needed),
        WITH_DIR(test_classes_have_a_limit),
        WITH_DIR(test_inputs_have_a_limit),
        WITH_DIR(test_a_view_needs_the_columns_of_training),
        WITH_DIR(test_an_encoder_comes_back_from_its_bytes),
        WITH_DIR(test_bytes_that_were_cut_or_altered),
        WITH_DIR(test_memory_that_fails_at_any_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
