/* core/data/encoder: which columns can be encoded how, limits of categories, and tables that are typed otherwise. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/buf.h"
#include "data_fixture.h"

#define COLUMN(...) (struct encoder_column){__VA_ARGS__}
#define ORDER(...)                                                                                                     \
    .order = (const char *const[]){__VA_ARGS__}, .order_count = COUNT(((const char *const[]){__VA_ARGS__}))

static const char cities[] = "city,y\nlima,1\noslo,2\nlima,3\nrome,4\nbern,5\noslo,6\nlima,7\n,8\nrome,9\n";

struct refusal {
    struct encoder_column column;
    const char *option, *message;
};

static void test_what_cannot_be_encoded_so(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, "c,n,m,y\na,1,1,1\nb,2,u,2\nc,3,u,3\na,1,v,4\n");
    const struct refusal refusals[] = {
        {COLUMN(.name = "c", .category_limit = 2), "category_limit",
         "the column \"c\" has 3 categories, more than the limit of 2: give it the role \"ignore\", fold the rare ones by "
         "min_frequency, or raise category_limit"},
        {COLUMN(.name = "n", .role = ROLE_CATEGORICAL, .category_limit = 2), "category_limit",
         "the column \"n\" has 3 categories, more than the limit of 2: give it the role \"ignore\", fold the rare ones by "
         "min_frequency, or raise category_limit"},
        {COLUMN(.name = "m", .category_limit = 1, .min_frequency = 0.25), "category_limit",
         "the column \"m\" has 3 categories, more than the limit of 1: give it the role \"ignore\", fold the rare ones by "
         "min_frequency, or raise category_limit"},
        {COLUMN(.name = "c", .role = ROLE_NUMERIC), "role",
         "the column \"c\" holds no number, only texts such as \"a\": give it another role"},
        {COLUMN(.name = "c", .role = ROLE_ORDINAL), "order",
         "the column \"c\" is ordinal: it needs an order, a list of its categories, the least first"},
        {COLUMN(.name = "c", .role = ROLE_ORDINAL, ORDER("a", "c")), "order",
         "the column \"c\" holds \"b\", which its order lacks: name every category, the least first"},
        {COLUMN(.name = "n", .role = ROLE_ORDINAL, ORDER("1", "2")), "order",
         "the column \"n\" holds \"3\", which its order lacks: name every category, the least first"},
        {COLUMN(.name = "n", .role = ROLE_ORDINAL, ORDER("1", "2", "three")), "order",
         "\"n\" is numeric: its order holds \"three\", which is no number"},
        {COLUMN(.name = "n", .role = ROLE_ORDINAL, ORDER("1", "2", "3", "1.0")), "order", "the order of \"n\" holds \"1\" twice"},
        {COLUMN(.name = "c", .role = ROLE_ORDINAL, ORDER("a", "b", "a", "c")), "order", "the order of \"c\" holds \"a\" twice"},
        {COLUMN(.name = "c", .scaling = SCALING_NONE), "scaling",
         "the column \"c\" is encoded as categories, which has no scaling: leave it out, or give another role"},
        {COLUMN(.name = "n", .min_frequency = 2), "min_frequency",
         "the column \"n\" is encoded as a number, which has no min_frequency: leave it out, or give another role"},
        {COLUMN(.name = "n", .category_limit = 2), "category_limit",
         "the column \"n\" is encoded as a number, which has no category_limit: leave it out, or give another role"},
        {COLUMN(.name = "z"), NULL, "no column \"z\" to say something of"},
        {COLUMN(.name = "y", .scaling = SCALING_NONE), NULL, "\"y\" is no feature: leave it out of columns"},
    };
    for (size_t i = 0; i < COUNT(refusals); i++) {
        struct encoder_options o = {TARGET("y"), .columns = &refusals[i].column, .column_count = 1};
        struct encoder_choice *choices = NULL;
        uint32_t count = 0, inputs;
        const char *option = NULL;
        enum task task = (enum task)77;
        assert_int_equal(encoder_check(t, &o, &task, &f->err), ERR_INVALID);
        assert_string_equal(f->err.message, refusals[i].message);
        assert_int_equal(task, 77);
        if (!encoder_choose(t, &o, &choices, &count, &f->err))
            for (uint32_t k = 0; k < count && !option; k++)
                if (!encoder_choice_check(t, &choices[k], &inputs, &option, &f->err))
                    option = NULL;
        assert_true(refusals[i].option ? option && !strcmp(option, refusals[i].option) : !count);
        mem_free(choices);
    }
    table_unref(t);
}

static void test_the_limit_is_of_what_has_an_input(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, cities);
    struct encoder_column c = COLUMN(.name = "city", .category_limit = 4);
    struct encoder_options o = {TARGET("y"), .columns = &c, .column_count = 1};
    enum task task;
    assert_int_equal(encoder_check(t, &o, &task, &f->err), ERR_OK);
    c.category_limit = 2;
    assert_int_equal(encoder_check(t, &o, &task, &f->err), ERR_INVALID);
    c.min_frequency = 3;
    assert_int_equal(encoder_check(t, &o, &task, &f->err), ERR_OK);
    c.min_frequency = 2;
    assert_int_equal(encoder_check(t, &o, &task, &f->err), ERR_INVALID); /* rome is there twice in all */
    assert_says(f, "has 4 categories (3 of them not rare), more than the limit of 2");
    o.column_count = 0;
    o.category_limit = 3;
    assert_int_equal(encoder_check(t, &o, &task, &f->err), ERR_INVALID); /* the limit of all columns */
    table_unref(t);
}

static void test_a_thousand_categories_unless_told(void **state)
{
    struct data_fixture *f = *state;
    for (int categories = ENCODER_CATEGORY_LIMIT; categories <= ENCODER_CATEGORY_LIMIT + 1; categories++) {
        struct buf b;
        enum task task;
        buf_init(&b, 1 << 20);
        buf_puts(&b, "c,y\n");
        for (int i = 0; i < categories; i++)
            buf_printf(&b, "t%d,%d\n", i, i);
        struct table *t = table_of(f, buf_text(&b));
        enum err_code code = encoder_check(t, &(struct encoder_options){TARGET("y")}, &task, &f->err);
        assert_int_equal(code, categories > ENCODER_CATEGORY_LIMIT ? ERR_INVALID : ERR_OK);
        if (code)
            assert_says(f, "the column \"c\" has 1001 categories, more than the limit of 1000");
        buf_done(&b);
        table_unref(t);
    }
}

static void test_repeated_and_marking_columns_are_refused(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, "a,s,y\n1,t,1\n2,v,2\n");
    static const char *const features[] = {"a", "s"};
    enum task task;
    struct encoder_column twice[] = {COLUMN(.name = "a"), COLUMN(.name = "a")}, all[] = {COLUMN(.name = "a", .role = ROLE_IGNORE)};
    struct encoder_options o = {TARGET("y"), .columns = twice, .column_count = 2};
    assert_int_equal(encoder_check(t, &o, &task, &f->err), ERR_INVALID);
    assert_string_equal(f->err.message, "the column \"a\" is described twice");
    o = (struct encoder_options){TARGET("y"), .skipped = "s", .features = features, .feature_count = 2};
    assert_int_equal(encoder_check(t, &o, &task, &f->err), ERR_INVALID);
    assert_string_equal(f->err.message, "the column \"s\" says which rows are for validation: it cannot be a feature");
    o = (struct encoder_options){TARGET("y"), .skipped = "s", .columns = all, .column_count = 1};
    assert_int_equal(encoder_check(t, &o, &task, &f->err), ERR_INVALID);
    assert_string_equal(f->err.message, "no feature: all columns besides the target \"y\" are ignored");
    table_unref(t);
}

/* ---- another table ---------------------------------------------------------------------------------------------------- */

static void test_a_column_may_be_typed_otherwise_elsewhere(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, "c,n,y\n1,1,1\n2,2,2\nx,3,3\n");
    struct encoder_column n = COLUMN(.name = "n", .role = ROLE_CATEGORICAL);
    struct encoder *e = fit_on(f, t, &(struct encoder_options){TARGET("y"), .columns = &n, .column_count = 1}, NULL, 0);
    table_unref(t);
    t = table_of(f, "n,c,y\n3,2.0,1\nthree,1,2\n,,9\n"); /* c has only numbers here, n texts as well */
    struct encoder_view *v = NULL;
    assert_int_equal(encoder_view_new(e, t, &v, &f->err), ERR_INVALID);
    assert_string_equal(f->err.message, "the table has no numeric column \"n\"");
    table_unref(t);
    t = table_of(f, "n,c,y\n3,2.0,1\n4,1,2\n,,9\n");
    real x[3 * 6], expected[] = {0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    assert_int_equal(encoder_view_new(e, t, &v, &f->err), ERR_OK);
    encoder_encode(v, (uint32_t[]){0, 1, 2}, 3, x, 6, NULL);
    assert_memory_equal(x, expected, sizeof x);
    encoder_view_free(v);
    encoder_free(e);
    table_unref(t);
}

static void test_classes_go_by_their_names(void **state)
{
    struct data_fixture *f = *state;
    static const struct {
        const char *train, *other;
        real y[3];
    } cases[] = {{"x,y\n1,b\n2,c\n3,a\n", "x,y\n1,c\n2,\n3,c\n", {2, -1, 2}}, /* one class alone */
                 {"x,y\n1,9\n2,10\n3,-1\n", "x,y\n1,10.0\n2,NA\n3,-1\n", {2, -1, 0}}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct table *t = table_of(f, cases[i].train);
        struct encoder *e = fit_on(f, t, &(struct encoder_options){TARGET("y"), .task = TASK_MULTICLASS}, NULL, 0);
        table_unref(t);
        t = table_of(f, cases[i].other);
        struct encoder_view *v = NULL;
        real x[3], y[3];
        assert_int_equal(encoder_view_new(e, t, &v, &f->err), ERR_OK);
        encoder_encode(v, (uint32_t[]){0, 1, 2}, 3, x, 1, y);
        assert_memory_equal(y, cases[i].y, sizeof y);
        encoder_view_free(v);
        encoder_free(e);
        table_unref(t);
    }
}

/* ---- many ------------------------------------------------------------------------------------------------------------- */

/* Distinct numbers past the first sizes of what counts them. */
static void test_many_numbers_are_counted(void **state)
{
    struct data_fixture *f = *state;
    enum { VALUES = 3000 };
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_puts(&b, "x,y\n");
    for (int i = 0; i < 3 * VALUES - 1; i++) /* all three times but one */
        buf_printf(&b, "%g,%d\n", (double)((i * 7) % VALUES) / 8 - 100, i);
    struct table *t = table_of(f, buf_text(&b));
    struct encoder_column c = COLUMN(.name = "x", .role = ROLE_CATEGORICAL, .category_limit = VALUES, .min_frequency = 3);
    struct encoder_options o = {TARGET("y"), .columns = &c, .column_count = 1};
    struct encoder *e = fit_on(f, t, &o, NULL, 0);
    assert_int_equal(encoder_feature(e, 0)->categories, VALUES - 1);
    assert_int_equal(encoder_feature(e, 0)->rare_count, 1);
    for (uint32_t k = 1; k < VALUES - 1; k++)
        assert_true(strcmp(encoder_feature(e, 0)->category[k - 1], encoder_feature(e, 0)->category[k]) < 0);
    encoder_free(e);
    c.category_limit = VALUES - 2;
    enum task task;
    assert_int_equal(encoder_check(t, &o, &task, &f->err), ERR_INVALID);
    assert_says(f, "has 3000 categories (2999 of them not rare), more than the limit of 2998");
    buf_done(&b);
    table_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_what_cannot_be_encoded_so),
        WITH_DIR(test_the_limit_is_of_what_has_an_input),
        WITH_DIR(test_a_thousand_categories_unless_told),
        WITH_DIR(test_repeated_and_marking_columns_are_refused),
        WITH_DIR(test_a_column_may_be_typed_otherwise_elsewhere),
        WITH_DIR(test_classes_go_by_their_names),
        WITH_DIR(test_many_numbers_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
