/* What a specification may hold: each range at its edges, and a message that names the field. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/nn/activation.h"
#include "core/nn/kernels.h"
#include "core/nn/trainer.h"
#include "support/fixture.h"
#include <string.h>

/* Regression by adam with two hidden layers: good as it is. */
static struct mlp_spec good(void)
{
    struct mlp_spec s;
    mlp_spec_default(&s);
    s.inputs = 3;
    spec_layer(&s, 4, MLP_TANH);
    spec_layer(&s, 5, MLP_LEAKY_RELU);
    return s;
}

static void check(const struct mlp_spec *s, const char *field, int line)
{
    struct err err = {0};
    enum err_code code = mlp_spec_check(s, &err);
    if (code != (field ? ERR_INVALID : ERR_OK) || err.code != code)
        fail_msg("line %d: code %d, %s", line, (int)code, err.message);
    if (field && !strstr(err.message, field))
        fail_msg("line %d: \"%s\" does not name %s", line, err.message, field);
    if (mlp_spec_check(s, NULL) != code)
        fail_msg("line %d: without a struct err it is another", line);
}

#define REFUSED(member, value, field)                                                                                  \
    do {                                                                                                               \
        struct mlp_spec s_ = base;                                                                                     \
        s_.member = (value);                                                                                           \
        check(&s_, field, __LINE__);                                                                                   \
    } while (0)
#define ACCEPTED(member, value) REFUSED(member, value, NULL)

static void test_tasks_and_shapes(void **state)
{
    struct mlp_spec base = good();
    (void)state;
    check(&base, NULL, __LINE__);
    REFUSED(inputs, 0, "inputs");
    REFUSED(inputs, UINT32_MAX, "inputs");
    ACCEPTED(inputs, 1);
    REFUSED(task, TASK_AUTO, "task");
    REFUSED(task, (enum task)17, "task");
    REFUSED(outputs, 0, "outputs");
    ACCEPTED(outputs, 2); /* targets */
    REFUSED(outputs, MLP_MAX_UNITS + 1, "outputs");
    REFUSED(target_deviations, (const double[]){0}, "target_deviations");
    REFUSED(target_deviations, (const double[]){NAN}, "target_deviations");
    base.outputs = 2;
    REFUSED(target_deviations, ((const double[]){1, -2}), "target_deviations");
    ACCEPTED(target_deviations, ((const double[]){1, 1e-9}));
    base.outputs = 1;
    base.task = TASK_MULTILABEL;
    REFUSED(outputs, 1, "outputs");
    ACCEPTED(outputs, 2);
    ACCEPTED(outputs, MLP_MAX_UNITS);
    base.task = TASK_BINARY;
    ACCEPTED(outputs, 1);
    REFUSED(outputs, 2, "outputs");
    base.task = TASK_MULTICLASS;
    REFUSED(outputs, 1, "outputs");
    ACCEPTED(outputs, 2);
    ACCEPTED(outputs, MLP_MAX_UNITS);
    REFUSED(outputs, MLP_MAX_UNITS + 1, "outputs");
}

static void test_layers(void **state)
{
    struct mlp_spec base = good();
    (void)state;
    ACCEPTED(hidden_count, 0);
    REFUSED(hidden_count, MLP_MAX_HIDDEN + 1, "network.hidden");
    REFUSED(hidden_count, UINT32_MAX, "network.hidden");
    REFUSED(hidden_count, 3, "network.hidden.units"); /* the third has none yet */
    REFUSED(hidden[1].units, 0, "network.hidden.units");
    ACCEPTED(hidden[1].units, 1);
    ACCEPTED(hidden[1].units, MLP_MAX_UNITS);
    REFUSED(hidden[1].units, MLP_MAX_UNITS + 1, "network.hidden.units");
    REFUSED(hidden[0].activation, MLP_ACTIVATIONS, "network.hidden.activation");
    REFUSED(hidden[0].activation, (enum mlp_activation)-1, "network.hidden.activation");
    ACCEPTED(hidden[1].negative_slope, 0);
    ACCEPTED(hidden[1].negative_slope, 0.999);
    REFUSED(hidden[1].negative_slope, 1, "network.hidden.negative_slope");
    REFUSED(hidden[1].negative_slope, -0.01, "network.hidden.negative_slope");
    REFUSED(hidden[1].negative_slope, NAN, "network.hidden.negative_slope");
    ACCEPTED(hidden[0].negative_slope, -7); /* tanh has none */
    while (base.hidden_count < MLP_MAX_HIDDEN)
        spec_layer(&base, 2, MLP_STEP);
    check(&base, NULL, __LINE__);
}

static void test_optimizers(void **state)
{
    struct mlp_spec base = good();
    (void)state;
    REFUSED(optimizer.name, MLP_OPTIMIZERS, "optimizer.name");
    REFUSED(optimizer.name, (enum mlp_optimizer)-1, "optimizer.name");
    static const double no_rates[] = {0, -0.1, INFINITY, -INFINITY};
    for (unsigned i = 0; i < 4; i++)
        REFUSED(optimizer.learning_rate, no_rates[i], "optimizer.learning_rate");
    ACCEPTED(optimizer.learning_rate, 1e-12);
    REFUSED(optimizer.epsilon, -1e-9, "optimizer.epsilon");
    REFUSED(optimizer.epsilon, INFINITY, "optimizer.epsilon");
    ACCEPTED(optimizer.epsilon, 0);
    static const double no_shares[] = {1, -0.1, 1.5, INFINITY, -INFINITY};
    for (unsigned i = 0; i < 5; i++) {
        base.optimizer.name = MLP_ADAM;
        REFUSED(optimizer.beta1, no_shares[i], "optimizer.beta1");
        REFUSED(optimizer.beta2, no_shares[i], "optimizer.beta2");
        ACCEPTED(optimizer.momentum, no_shares[i]); /* what it does not have is ignored */
        ACCEPTED(optimizer.rho, no_shares[i]);
        base.optimizer.name = MLP_MOMENTUM;
        REFUSED(optimizer.momentum, no_shares[i], "optimizer.momentum");
        ACCEPTED(optimizer.beta1, no_shares[i]);
        base.optimizer.name = MLP_RMSPROP;
        REFUSED(optimizer.rho, no_shares[i], "optimizer.rho");
        ACCEPTED(optimizer.beta2, no_shares[i]);
    }
    base.optimizer.name = MLP_MOMENTUM;
    ACCEPTED(optimizer.momentum, 0);
    ACCEPTED(optimizer.momentum, 0.9999);
}

static void test_epochs_and_size(void **state)
{
    struct mlp_spec base = good();
    (void)state;
    REFUSED(epochs, 0, "epochs");
    ACCEPTED(epochs, 1);
    ACCEPTED(epochs, MLP_MAX_EPOCHS);
    REFUSED(epochs, MLP_MAX_EPOCHS + 1, "epochs");
    ACCEPTED(batch_size, 0);
    ACCEPTED(batch_size, UINT32_MAX);
    base.hidden_count = 1; /* 3 -> u -> 1: 5u + 1 parameters; with many inputs, over the limit */
    ACCEPTED(hidden[0].units, 20000);
    base.inputs = 4997;
    base.hidden[0].units = 20000; /* 4998 * 20000 + 20001 */
    assert_int_equal(mlp_spec_parameters(&base), 99980001);
    check(&base, NULL, __LINE__);
    base.inputs = 4998;
    assert_int_equal(mlp_spec_parameters(&base), 100000001);
    check(&base, "network", __LINE__);
    base.inputs = UINT32_MAX - KERNEL_PAD; /* and as large as they get, without wrapping around */
    base.hidden_count = MLP_MAX_HIDDEN;
    for (unsigned l = 0; l < MLP_MAX_HIDDEN; l++)
        base.hidden[l] = (struct mlp_hidden){.units = MLP_MAX_UNITS, .activation = MLP_TANH};
    assert_true(mlp_spec_parameters(&base) == 281745562796033u);
    check(&base, "network", __LINE__);
}

/* The trainer asks the same, and for rows. */
static void test_a_trainer_refuses_them(void **state)
{
    (void)state;
    struct problem *p = problem_new(TASK_REGRESSION, 0, 3, 10, 1);
    struct mlp_spec s = good();
    struct mlp_source none = {0}, many = {.rows = (uint64_t)UINT32_MAX + 1, .gather = mlp_matrix_gather, .context = &p->matrix};
    struct mlp_trainer *t = (struct mlp_trainer *)p, *kept = t;
    struct err err = {0};
    assert_int_equal(mlp_trainer_new(&s, &none, NULL, &t, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "rows"));
    assert_int_equal(mlp_trainer_new(&s, &many, NULL, &t, NULL), ERR_INVALID);
    assert_int_equal(mlp_trainer_new(&s, &p->source, &many, &t, NULL), ERR_INVALID);
    s.epochs = 0;
    assert_int_equal(mlp_trainer_new(&s, &p->source, NULL, &t, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "epochs"));
    assert_ptr_equal(t, kept);
    problem_free(p);
}

/* Wide layers keep many threads busy, and each has a scratch of its own: the memory that is foretold has room for all of them. */
static void test_memory_counts_every_thread(void **state)
{
    static const uint32_t units[] = {1, 40, 200, 1100, 3000};
    (void)state;
    struct problem *p = problem_new(TASK_REGRESSION, 0, 40, 600, 1);
    for (unsigned i = 0; i < sizeof units / sizeof *units; i++) {
        struct mlp_spec s = spec_for(p, MLP_SGD, 0.01, 512, units[i], MLP_TANH, 0);
        struct mlp_trainer *t = trainer_for(&s, p, p);
        assert_int_equal(mlp_trainer_threads(t, 1000, NULL), ERR_OK);
        assert_true(i < 3 || t->pass.threads > 8);
        double taken = (double)t->pass.threads * (double)t->pass.scratch_size +
                       (double)(3 * t->network.count + t->pass.chunk * (t->network.layer[0].stride * 3 + 40)) * sizeof(real);
        fixture_case("%u units, %u threads", units[i], t->pass.threads);
        assert_true((double)mlp_spec_memory(&s, &p->source, &p->source) >= taken);
        mlp_trainer_free(t);
    }
    problem_free(p);
}

static void test_defaults(void **state)
{
    struct mlp_spec s;
    (void)state;
    memset(&s, 0xff, sizeof s);
    mlp_spec_default(&s);
    check(&s, NULL, __LINE__);
    assert_true(s.optimizer.name == MLP_ADAM && s.optimizer.learning_rate == 0.001 && s.optimizer.bias_correction);
    assert_int_equal(s.hidden_count, 0);
    assert_true(!s.target_deviations);
}

static void test_activation_names(void **state)
{
    static const char *const names[] = {"identity", "step", "sigmoid", "tanh", "relu", "leaky_relu"};
    (void)state;
    for (int i = 0; i < MLP_ACTIVATIONS; i++) {
        assert_string_equal(mlp_activation_name(i), names[i]);
        assert_int_equal(mlp_activation_find(names[i]), i);
    }
    assert_null(mlp_activation_name(MLP_ACTIVATIONS));
    assert_null(mlp_activation_name(-1));
    assert_int_equal(mlp_activation_find("ReLU"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tasks_and_shapes),
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_optimizers),
        cmocka_unit_test(test_epochs_and_size),
        cmocka_unit_test(test_a_trainer_refuses_them),
        cmocka_unit_test(test_memory_counts_every_thread),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_activation_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
