/* core/data: encoders of several targets: which columns can stand together, what becomes of their cells, and the bytes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/data/encoder.h"
#include "data_fixture.h"

/* n, m: numbers; b: numbers of two values; k, l: two classes; c: three; one: one; empty: none. */
static const char text[] = "x,n,m,b,k,l,c,one,empty,t\n"
                           "1,10,0.5,0,no,on,r,a,,p\n"
                           "2,20,1.5,1,yes,off,g,a,,q\n"
                           "3,60,4,1,yes,on,b,a,,p\n";

/* ---- which ------------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *targets[4];
    enum task task, expected; /* expected: TASK_AUTO when it is refused */
    uint32_t at;
    const char *message;
} cases[] = {
    {{"n", "m"}, TASK_AUTO, TASK_REGRESSION, 0, NULL},
    {{"n", "b", "x"}, TASK_REGRESSION, TASK_REGRESSION, 0, NULL},
    {{"k", "l"}, TASK_AUTO, TASK_MULTILABEL, 0, NULL},
    {{"k", "l", "b"}, TASK_MULTILABEL, TASK_MULTILABEL, 0, NULL},
    {{"n", "n"}, TASK_AUTO, TASK_AUTO, 1, "the target \"n\" is there twice"},
    {{"n", "z"}, TASK_AUTO, TASK_AUTO, 1, "no column \"z\" for the target"},
    {{"n", "m", "empty"}, TASK_AUTO, TASK_AUTO, 2, "the target \"empty\" has no value in any row"},
    {{"k", "l", "n"}, TASK_AUTO, TASK_AUTO, 2,
     "the target \"k\" is categorical and \"n\" is numeric: several targets are all numbers, or have all two classes; with the "
     "task \"multilabel\" numbers of two values are classes"},
    {{"n", "k"}, TASK_REGRESSION, TASK_AUTO, 1,
     "the target \"k\" holds texts such as \"no\", regression needs numbers: leave it out, or predict it alone"},
    {{"k", "c"}, TASK_AUTO, TASK_AUTO, 1,
     "the target \"c\" has 3 distinct values, multilabel needs two of each: leave it out, or predict it alone"},
    {{"k", "n"}, TASK_MULTILABEL, TASK_AUTO, 1,
     "the target \"n\" has 3 distinct values, multilabel needs two of each: leave it out, or predict it alone"},
    {{"one", "k"}, TASK_MULTILABEL, TASK_AUTO, 0, "the target \"one\" has 1 distinct value: two are needed at least"},
    {{"k", "l"}, TASK_BINARY, TASK_AUTO, 2, "binary has one target, not 2: use the task \"multilabel\""},
    {{"k", "l", "c"}, TASK_MULTICLASS, TASK_AUTO, 3, "multiclass has one target, not 3: take one of them, or a job for each"},
    {{"k"}, TASK_MULTILABEL, TASK_AUTO, 0,
     "multilabel has several targets, and \"k\" is one alone: use the task \"binary\""},
    {{"c"}, TASK_MULTILABEL, TASK_AUTO, 0,
     "multilabel has several targets, and \"c\" is one alone: use the task \"multiclass\""},
};

static void test_what_can_stand_together(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, text);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct encoder_options o = {.targets = cases[i].targets, .task = cases[i].task};
        enum task task = TASK_AUTO;
        uint32_t at = 99;
        while (o.target_count < 4 && cases[i].targets[o.target_count])
            o.target_count++;
        enum err_code code = encoder_check_target(t, &o, &task, &at, &f->err);
        if (code != (cases[i].message ? ERR_INVALID : ERR_OK))
            fail_msg("case %zu: %s", i, code ? f->err.message : "fine");
        assert_int_equal(task, cases[i].expected);
        if (!cases[i].message)
            continue;
        assert_string_equal(f->err.message, cases[i].message);
        assert_int_equal(at, cases[i].at);
        assert_int_equal(encoder_check_target(t, &o, &task, NULL, NULL), ERR_INVALID);
    }
    table_unref(t);
}

static void test_targets_are_no_features(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, "n,m,x,c\n1,2,3,a\n2,3,4,b\n");
    static const char *const targets[] = {"m", "n"}, *const features[] = {"x", "n"};
    struct encoder_options o = {.targets = targets, .target_count = 2};
    struct encoder_column column = {.name = "n", .min_frequency = NAN};
    struct encoder *e = fit_on(f, t, &o, NULL, 0);
    assert_int_equal(encoder_features(e), 2);
    assert_int_equal(encoder_targets(e), 2);
    assert_int_equal(encoder_outputs(e), 2);
    assert_string_equal(encoder_target(e, 0)->name, "m"); /* in the order of the options */
    assert_string_equal(encoder_target(e, 1)->name, "n");
    assert_true(encoder_passes_over(e, "n", 1) && encoder_passes_over(e, "m", 1) && !encoder_passes_over(e, "x", 1));
    encoder_free(e);
    enum task task;
    o.features = features;
    o.feature_count = 2;
    assert_int_equal(encoder_check(t, &o, &task, &f->err), ERR_INVALID);
    assert_string_equal(f->err.message, "the target \"n\" cannot be a feature as well");
    o.features = NULL;
    o.columns = &column;
    o.column_count = 1;
    assert_int_equal(encoder_check(t, &o, &task, &f->err), ERR_INVALID);
    assert_string_equal(f->err.message, "\"n\" is no feature: leave it out of columns");
    table_unref(t);
    t = table_of(f, "n,m\n1,2\n2,3\n");
    o.column_count = 0;
    assert_int_equal(encoder_check(t, &o, &task, &f->err), ERR_INVALID);
    assert_string_equal(f->err.message, "no feature: the table needs a column besides the targets, such as \"m\"");
    table_unref(t);
}

/* ---- cells ------------------------------------------------------------------------------------------------------------ */

/* Rows that lack one target are left out; each target has a scale of its own. */
static void test_numbers(void **state)
{
    static const char *const targets[] = {"b", "a"};
    struct data_fixture *f = *state;
    struct table *t = table_of(f, "a,x,b\n10,1,0.5\n,2,3\n20,3,\n40,4,2.5\n,5,\n");
    struct encoder_options o = {.targets = targets, .target_count = 2};
    struct encoder_view *v = NULL;
    uint32_t *rows = NULL;
    int32_t *classes = NULL;
    size_t count = 0;
    assert_int_equal(encoder_target_rows(t, &o, &rows, &classes, &count, &f->err), ERR_OK);
    assert_null(classes);
    assert_int_equal(count, 2);
    assert_true(rows[0] == 0 && rows[1] == 3);
    struct encoder *e = fit_on(f, t, &o, rows, count);
    mem_free(rows);
    assert_int_equal(encoder_task(e), TASK_REGRESSION);
    assert_true(encoder_target(e, 0)->mean == 1.5 && encoder_target(e, 0)->deviation == 1);
    assert_true(encoder_target(e, 1)->mean == 25 && encoder_target(e, 1)->deviation == 15);
    assert_true(!encoder_target(e, 0)->classes && !encoder_target(e, 1)->classes);
    assert_int_equal(encoder_view_new(e, t, &v, &f->err), ERR_OK);
    assert_int_equal(encoder_view_rows(v, &rows, &count, &f->err), ERR_OK);
    assert_int_equal(count, 2);
    real x[2 * 3], y[2 * 2];
    encoder_encode(v, rows, 2, x, 3, y);
    assert_memory_equal(y, ((real[]){-1, -1, 1, 1}), sizeof y);
    encoder_encode(v, rows, 1, x, 3, NULL);
    mem_free(rows);
    encoder_view_free(v);
    table_unref(t);
    t = table_of(f, "a,x,b\n10,1,\n,2,3\n");
    v = NULL;
    assert_int_equal(encoder_view_new(e, t, &v, &f->err), ERR_OK);
    assert_int_equal(encoder_view_rows(v, &rows, &count, &f->err), ERR_INVALID);
    assert_string_equal(f->err.message, "no row has a value in all 2 targets");
    encoder_view_free(v);
    table_unref(t);
    t = table_of(f, "x,b\n1,2\n2,3\n");
    assert_int_equal(encoder_view_new(e, t, &v, &f->err), ERR_INVALID);
    assert_string_equal(f->err.message, "no column \"a\" for the target");
    table_unref(t);
    encoder_free(e);
}

/* The second class of each label in the order of texts, or of numbers, is the one that is 1. More rows than are encoded at once. */
static void test_labels(void **state)
{
    static const char *const targets[] = {"k", "n"};
    enum { ROWS = 150 };
    struct data_fixture *f = *state;
    struct buf b;
    buf_init(&b, 10000);
    buf_puts(&b, "x,k,n\n");
    for (int i = 0; i < ROWS; i++)
        buf_printf(&b, "%d,%s,%s\n", i, i % 3 ? "no" : "yes", i % 2 ? "-1" : "7");
    struct table *t = table_of(f, buf_text(&b));
    struct encoder_options o = {.targets = targets, .target_count = 2, .task = TASK_MULTILABEL};
    struct encoder *e = fit_on(f, t, &o, NULL, 0);
    struct encoder_view *v = NULL;
    real x[ROWS], y[ROWS * 2];
    uint32_t rows[ROWS];
    for (uint32_t i = 0; i < ROWS; i++)
        rows[i] = ROWS - 1 - i;
    assert_int_equal(encoder_task(e), TASK_MULTILABEL);
    for (uint32_t j = 0; j < 2; j++) {
        static const char *const class[2][2] = {{"no", "yes"}, {"-1", "7"}};
        assert_int_equal(encoder_target(e, j)->classes, 2);
        assert_true(encoder_target(e, j)->mean == 0 && encoder_target(e, j)->deviation == 1);
        for (uint32_t k = 0; k < 2; k++)
            assert_string_equal(encoder_target(e, j)->class[k], class[j][k]);
    }
    assert_int_equal(encoder_view_new(e, t, &v, &f->err), ERR_OK);
    encoder_encode(v, rows, ROWS, x, 1, y);
    for (uint32_t i = 0; i < ROWS; i++) {
        assert_true(y[i * 2] == (real)(rows[i] % 3 == 0));
        assert_true(y[i * 2 + 1] == (real)(rows[i] % 2 == 0));
    }
    encoder_view_free(v);
    table_unref(t);
    t = table_of(f, "x,k,n\n1,no,7\n2,perhaps,7\n");
    assert_int_equal(encoder_view_new(e, t, &v, &f->err), ERR_INVALID);
    assert_string_equal(f->err.message, "the target \"k\" holds \"perhaps\", which is no class of the training");
    table_unref(t);
    encoder_free(e);
    buf_done(&b);
}

/* ---- bytes ------------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *targets[3];
    enum task task;
} kinds[] = {{{"n", "m", "b"}, TASK_AUTO}, {{"k", "l", "b"}, TASK_MULTILABEL}};

static struct encoder *encoder_of(struct data_fixture *f, size_t kind)
{
    struct table *t = table_of(f, text);
    struct encoder *e = fit_on(
        f, t, &(struct encoder_options){.targets = kinds[kind].targets, .target_count = 3, .task = kinds[kind].task}, NULL, 0);
    table_unref(t);
    return e;
}

static void test_bytes(void **state)
{
    struct data_fixture *f = *state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct encoder *e = encoder_of(f, i), *back = NULL;
        struct buf b, again;
        buf_init(&b, 10000);
        buf_init(&again, 10000);
        assert_true(encoder_save(e, &b));
        assert_int_equal(encoder_load(b.data, b.length, &back, &f->err), ERR_OK);
        assert_int_equal(encoder_task(back), encoder_task(e));
        assert_int_equal(encoder_targets(back), 3);
        assert_int_equal(encoder_outputs(back), 3);
        for (uint32_t j = 0; j < 3; j++) {
            const struct encoder_target *one = encoder_target(e, j), *other = encoder_target(back, j);
            assert_string_equal(other->name, kinds[i].targets[j]);
            assert_true(one->mean == other->mean && one->deviation == other->deviation && one->classes == other->classes);
            for (uint32_t k = 0; k < one->classes; k++)
                assert_string_equal(one->class[k], other->class[k]);
        }
        assert_true(encoder_save(back, &again));
        assert_int_equal(again.length, b.length);
        assert_memory_equal(again.data, b.data, b.length);
        encoder_free(e);
        encoder_free(back);
        buf_done(&again);
        buf_done(&b);
    }
}

static void test_bytes_that_were_cut_or_altered(void **state)
{
    struct data_fixture *f = *state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct encoder *e = encoder_of(f, i), *back = NULL;
        struct buf b;
        buf_init(&b, 10000);
        assert_true(encoder_save(e, &b));
        encoder_free(e);
        for (size_t length = 0; length < b.length; length++) {
            char *exact = malloc(length ? length : 1); /* so that AddressSanitizer sees a byte too many */
            assert_non_null(exact);
            memcpy(exact, b.data, length);
            assert_int_equal(encoder_load(exact, length, &back, &f->err), ERR_CORRUPT);
            free(exact);
        }
        for (size_t bit = 0; bit < 8 * b.length; bit++) {
            b.data[bit / 8] ^= (char)(1 << bit % 8);
            enum err_code code = encoder_load(b.data, b.length, &back, &f->err);
            b.data[bit / 8] ^= (char)(1 << bit % 8);
            assert_true(code == ERR_OK || code == ERR_CORRUPT); /* a letter may become another one here */
            assert_true(bit >= 96 || code == ERR_CORRUPT);      /* version, task, and how many there are */
            if (!code)
                assert_int_equal(encoder_targets(back), 3);
            encoder_free(back);
            back = NULL;
        }
        buf_done(&b);
    }
}

static void test_fitting_without_memory(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, text);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct encoder_options o = {.targets = kinds[i].targets, .target_count = 3, .task = kinds[i].task};
        enum err_code code = ERR_NO_MEMORY;
        for (uint64_t nth = 1; code; nth++) {
            struct encoder *e = NULL, *back = NULL;
            struct encoder_view *v = NULL;
            struct buf b;
            assert_true(nth < 1000);
            buf_init(&b, 10000);
            mem_fail_at(nth, 0);
            code = encoder_fit(t, &o, (const uint32_t[]){0, 1, 2}, 3, &e, &f->err);
            if (!code)
                code = encoder_view_new(e, t, &v, &f->err);
            if (!code)
                code = encoder_save(e, &b) ? encoder_load(b.data, b.length, &back, &f->err) : ERR_NO_MEMORY;
            mem_fail_at(0, 0);
            assert_true(code ? code == ERR_NO_MEMORY : nth > 20);
            encoder_view_free(v);
            encoder_free(e);
            encoder_free(back);
            buf_done(&b);
        }
    }
    table_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_what_can_stand_together),
        WITH_DIR(test_targets_are_no_features),
        WITH_DIR(test_numbers),
        WITH_DIR(test_labels),
        WITH_DIR(test_bytes),
        WITH_DIR(test_bytes_that_were_cut_or_altered),
        WITH_DIR(test_fitting_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
