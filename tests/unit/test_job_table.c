/* server/train: a job beside its dataset's table: what does not fit, and how much a run will take. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "server/train/worker.h"
#include "train_fixture.h"

static const char text[] = "x,colour,one,empty,size,y\n1,red,k,,1,10\n2,blue,k,,2,20\nNA,green,k,,3,30\n4,,k,,1,40\n";

struct fit {
    const char *body;
    enum task task; /* when it fits */
    const char *pointer, *code, *detail; /* when it does not */
};

static const struct fit fits[] = {
    {"{\"dataset\":\"d\",\"target\":\"y\"}", TASK_REGRESSION, NULL, NULL, NULL},
    {"{\"dataset\":\"d\",\"target\":\"colour\"}", TASK_MULTICLASS, NULL, NULL, NULL},
    {"{\"dataset\":\"d\",\"target\":\"size\",\"task\":\"multiclass\",\"features\":[\"y\",\"x\"]}", TASK_MULTICLASS, NULL, NULL,
     NULL},
    {"{\"dataset\":\"d\",\"target\":\"price\"}", TASK_AUTO, "/target", "not_found", "the dataset has no column \"price\""},
    {"{\"dataset\":\"d\",\"target\":\"color\"}", TASK_AUTO, "/target", "not_found",
     "the dataset has no column \"color\"; did you mean \"colour\"?"},
    {"{\"dataset\":\"d\",\"target\":\"y\",\"features\":[\"x\",\"siz\"]}", TASK_AUTO, "/features/1", "not_found",
     "the dataset has no column \"siz\"; did you mean \"size\"?"},
    {"{\"dataset\":\"d\",\"target\":\"y\",\"features\":[\"y\",\"x\"]}", TASK_AUTO, "/features/0", "value",
     "\"y\" is the target: it cannot be a feature too"},
    {"{\"dataset\":\"d\",\"target\":\"y\",\"features\":[\"x\",\"size\",\"x\"]}", TASK_AUTO, "/features/2", "duplicate",
     "\"x\" is in the list twice"},
    {"{\"dataset\":\"d\",\"target\":\"colour\",\"task\":\"multiclass\",\"features\":[\"x\",\"x\"]}", TASK_AUTO, "/features/1",
     "duplicate", "\"x\" is in the list twice"},
    {"{\"dataset\":\"d\",\"target\":\"one\"}", TASK_AUTO, "/target", "value",
     "the target \"one\" has 1 distinct value: two are needed at least"},
    {"{\"dataset\":\"d\",\"target\":\"one\",\"features\":[\"x\"]}", TASK_AUTO, "/target", "value",
     "the target \"one\" has 1 distinct value: two are needed at least"},
    {"{\"dataset\":\"d\",\"target\":\"one\",\"task\":\"binary\"}", TASK_AUTO, "/target", "value",
     "the target \"one\" has 1 distinct value: two are needed at least"},
    {"{\"dataset\":\"d\",\"target\":\"empty\",\"task\":\"binary\"}", TASK_AUTO, "/target", "value",
     "the target \"empty\" has no value in any row"},
    {"{\"dataset\":\"d\",\"target\":\"colour\",\"task\":\"binary\",\"features\":[\"x\"]}", TASK_AUTO, "/task", "value",
     "the target \"colour\" has 3 distinct values, binary needs two: use the task \"multiclass\""},
    {"{\"dataset\":\"d\",\"target\":\"colour\",\"task\":\"regression\"}", TASK_AUTO, "/task", "value",
     "the target \"colour\" holds texts such as \"red\", regression needs numbers: use the task \"multiclass\""},
};

static void test_what_does_not_fit_is_pointed_at(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, text);
    for (size_t i = 0; i < COUNT(fits); i++) {
        struct job_spec s;
        struct violations v = {0};
        enum task task = (enum task)77;
        spec_of(fits[i].body, &s);
        enum err_code code = job_spec_check_table(&s, t, &task, &v);
        if (fits[i].pointer) {
            assert_int_equal(code, ERR_INVALID);
            assert_violations(&v, (const char *[]){fits[i].pointer, fits[i].code, NULL}, fits[i].body);
            assert_string_equal(v.item[0].detail, fits[i].detail);
            assert_int_equal(task, 77);
        } else {
            assert_int_equal(code, ERR_OK);
            assert_int_equal(v.count, 0);
            assert_int_equal(task, fits[i].task);
        }
        job_spec_done(&s);
    }
    table_unref(t);
}

static void test_all_columns_that_are_not_there(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, text);
    struct job_spec s;
    struct violations v = {0};
    enum task task;
    spec_of("{\"dataset\":\"d\",\"target\":\"z\",\"features\":[\"q\",\"x\",\"w\",\"z\"]}", &s);
    assert_int_equal(job_spec_check_table(&s, t, &task, &v), ERR_INVALID);
    assert_int_equal(v.count, 5); /* the last feature is no column, and the target besides */
    assert_non_null(violation_at(&v, "/target"));
    assert_non_null(violation_at(&v, "/features/0"));
    assert_non_null(violation_at(&v, "/features/2"));
    assert_non_null(violation_at(&v, "/features/3"));
    assert_null(violation_at(&v, "/features/1"));
    job_spec_done(&s);
    table_unref(t);
}

static void test_a_spec_becomes_the_numerics(void **state)
{
    (void)state;
    struct job_spec s;
    struct mlp_spec n;
    spec_of("{\"dataset\":\"d\",\"target\":\"y\",\"task\":\"binary\",\"features\":[\"a\",\"b\"],\"batch_size\":\"full\","
            "\"epochs\":7,\"seed\":9,\"optimizer\":{\"name\":\"rmsprop\",\"rho\":0.5},\"network\":{\"hidden\":[{\"units\":3},"
            "{\"units\":4,\"activation\":\"leaky_relu\",\"negative_slope\":0.25}]}}",
            &s);
    struct encoder_options o = job_spec_encoder_options(&s);
    assert_string_equal(o.targets[0], "y");
    assert_int_equal(o.target_count, 1);
    assert_int_equal(o.task, TASK_BINARY);
    assert_int_equal(o.feature_count, 2);
    assert_string_equal(o.features[1], "b");
    job_spec_network(&s, TASK_BINARY, 5, 1, 1440, &n);
    assert_int_equal(n.task, TASK_BINARY);
    assert_int_equal(n.inputs, 5);
    assert_int_equal(n.outputs, 1);
    assert_int_equal(n.hidden_count, 2);
    assert_int_equal(n.hidden[0].units, 3);
    assert_int_equal(n.hidden[0].activation, MLP_RELU);
    assert_int_equal(n.hidden[1].activation, MLP_LEAKY_RELU);
    assert_true(n.hidden[1].negative_slope == 0.25);
    assert_int_equal(n.optimizer.name, MLP_RMSPROP);
    assert_true(n.optimizer.rho == 0.5 && n.optimizer.learning_rate == 0.001 && n.optimizer.epsilon == 1e-8);
    assert_int_equal(n.batch_size, 0);
    assert_int_equal(n.epochs, 7);
    assert_int_equal(n.seed, 9);
    assert_true(!n.target_deviations);
    assert_int_equal(mlp_spec_check(&n, NULL), ERR_OK);
    job_spec_done(&s);
    spec_of("{\"dataset\":\"d\",\"target\":\"y\",\"network\":{\"hidden\":[]}}", &s);
    job_spec_network(&s, TASK_REGRESSION, 5, 1, 1440, &n);
    assert_int_equal(n.hidden_count, 0);
    assert_null(job_spec_encoder_options(&s).features);
    job_spec_done(&s);
}

/* What is left to the optimizer: adamw decays by the rows, clips, and has a cosine; others do none of it unless told. */
static void test_what_depends_on_the_optimizer(void **state)
{
    (void)state;
    struct job_spec s;
    struct mlp_spec n;
    spec_of("{\"dataset\":\"d\",\"target\":\"y\"}", &s);
    job_spec_network(&s, TASK_REGRESSION, 5, 1, 1440, &n);
    assert_true(n.optimizer.name == MLP_ADAMW && n.optimizer.learning_rate == 0.003);
    assert_true(n.optimizer.weight_decay == 0.5 && n.clip_norm == 0.5 && n.schedule.name == MLP_COSINE);
    job_spec_network(&s, TASK_REGRESSION, 5, 1, 10, &n);
    assert_true(n.optimizer.weight_decay == 5);
    job_spec_done(&s);
    for (int o = 0; mlp_optimizer_name(o); o++) {
        char body[200];
        snprintf(body, sizeof body, "{\"dataset\":\"d\",\"target\":\"y\",\"optimizer\":{\"name\":\"%s\"}}", mlp_optimizer_name(o));
        spec_of(body, &s);
        job_spec_network(&s, TASK_REGRESSION, 5, 1, 1440, &n);
        bool adamw = o == MLP_ADAMW;
        assert_true((n.optimizer.weight_decay > 0) == adamw && (n.clip_norm > 0) == adamw);
        assert_int_equal(n.schedule.name, adamw ? MLP_COSINE : MLP_CONSTANT);
        job_spec_done(&s);
    }
    spec_of("{\"dataset\":\"d\",\"target\":\"y\",\"optimizer\":{\"weight_decay\":0.25},\"schedule\":{\"name\":\"constant\"},"
            "\"regularization\":{\"clip_norm\":0}}", &s);
    job_spec_network(&s, TASK_REGRESSION, 5, 1, 1440, &n);
    assert_true(n.optimizer.weight_decay == 0.25 && n.clip_norm == 0 && n.schedule.name == MLP_CONSTANT);
    job_spec_done(&s);
}

/* Whatever job_spec.c lets through, the numerics take: the two tables of ranges are one. */
static void test_what_is_bound_is_in_the_numerics_ranges(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "\"optimizer\":{\"name\":\"momentum\",\"momentum\":0.999999}", "\"optimizer\":{\"name\":\"momentum\",\"momentum\":0}",
        "\"optimizer\":{\"name\":\"rmsprop\",\"rho\":0.999999,\"epsilon\":1e6}", "\"optimizer\":{\"beta1\":0.999999}",
        "\"optimizer\":{\"beta2\":0.99999999,\"epsilon\":0}", "\"optimizer\":{\"learning_rate\":1e6}",
        "\"network\":{\"hidden\":[{\"units\":65536,\"activation\":\"leaky_relu\",\"negative_slope\":0.999999}]}",
        "\"epochs\":1000000,\"batch_size\":4294967295", "\"optimizer\":{\"learning_rate\":0.5,\"weight_decay\":1.99}",
    };
    for (size_t i = 0; i < COUNT(bodies); i++) {
        char body[400];
        struct job_spec s;
        struct mlp_spec n;
        struct err err = {0};
        snprintf(body, sizeof body, "{\"dataset\":\"d\",\"target\":\"y\",%s}", bodies[i]);
        spec_of(body, &s);
        job_spec_network(&s, TASK_REGRESSION, 5, 1, 1440, &n);
        if (mlp_spec_check(&n, &err))
            fail_msg("%s: %s", bodies[i], err.message);
        job_spec_done(&s);
    }
}

/* ---- estimates -------------------------------------------------------------------------------------------------------- */

static enum err_code estimate(struct data_fixture *f, const struct table *t, const char *body, struct worker_estimate *ret)
{
    struct job_spec s;
    struct violations v = {0};
    enum task task = TASK_AUTO;
    spec_of(body, &s);
    assert_int_equal(job_spec_check_table(&s, t, &task, &v), ERR_OK);
    enum err_code code = worker_estimate(&s, task, t, worker_inputs(&s, t),
                                        job_validation_rows(&s, task, job_validation_count(&s, t, NULL), &v), ret, &f->err);
    job_spec_done(&s);
    return code;
}

static void test_an_estimate_counts_inputs_and_outputs(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, text);
    struct worker_estimate e, more;
    /* x 1, colour 3 and missing, one 1, empty 1, size 1: 8 inputs */
    assert_int_equal(estimate(f, t, "{\"dataset\":\"d\",\"target\":\"y\",\"network\":{\"hidden\":[{\"units\":5}]}}", &e),
                     ERR_OK);
    assert_int_equal(e.parameters, (8 + 1) * 5 + (5 + 1));
    assert_true(e.memory_bytes > 0 && e.flops > 0);
    assert_int_equal(estimate(f, t, "{\"dataset\":\"d\",\"target\":\"y\",\"features\":[\"x\",\"colour\"],"
                                    "\"network\":{\"hidden\":[]}}", &e), ERR_OK);
    assert_int_equal(e.parameters, 5 + 1);
    assert_int_equal(estimate(f, t, "{\"dataset\":\"d\",\"target\":\"colour\",\"network\":{\"hidden\":[]}}", &e), ERR_OK);
    assert_int_equal(e.parameters, (1 + 1 + 1 + 1 + 1 + 1) * 3);
    assert_int_equal(estimate(f, t, "{\"dataset\":\"d\",\"target\":\"colour\",\"epochs\":1000,"
                                    "\"network\":{\"hidden\":[]}}", &more), ERR_OK);
    assert_true(NEAR(more.flops, 10 * e.flops, 1e-9 * more.flops));
    table_unref(t);
}

static void test_too_many_parameters_are_refused_before_memory_is_taken(void **state)
{
    struct data_fixture *f = *state;
    struct table *t = table_of(f, text);
    struct worker_estimate e = {.parameters = 77};
    struct job_spec s;
    spec_of("{\"dataset\":\"d\",\"target\":\"y\",\"network\":{\"hidden\":[{\"units\":65536},{\"units\":65536}]}}", &s);
    uint32_t inputs = worker_inputs(&s, t);
    uint64_t before = mem_count();
    assert_int_equal(worker_estimate(&s, TASK_REGRESSION, t, inputs, (struct job_rows){3, 1}, &e, &f->err), ERR_INVALID);
    assert_int_equal(mem_count(), before);
    assert_says(f, "parameters, at most 100000000 are possible");
    assert_int_equal(e.parameters, 77);
    job_spec_done(&s);
    table_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_what_does_not_fit_is_pointed_at),
        WITH_DIR(test_all_columns_that_are_not_there),
        WITH_DIR(test_a_spec_becomes_the_numerics),
        WITH_DIR(test_what_depends_on_the_optimizer),
        WITH_DIR(test_what_is_bound_is_in_the_numerics_ranges),
        WITH_DIR(test_an_estimate_counts_inputs_and_outputs),
        WITH_DIR(test_too_many_parameters_are_refused_before_memory_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
