/* The same job gives the same bits: again, beside others, with any number of threads, as a point of a grid. */
#include "support/api.h"

#include <unistd.h>

/* Each with layers, batches and an optimizer of its own. */
#define MOMENTUM                                                                                                             \
    "\"target\":\"sex\",\"epochs\":10,\"batch_size\":1,\"optimizer\":{\"name\":\"momentum\"},\"network\":{\"hidden\":"       \
    "[{\"units\":7,\"activation\":\"sigmoid\"},{\"units\":3,\"activation\":\"leaky_relu\"}]}"
#define RMSPROP                                                                                                              \
    "\"target\":\"body_mass_g\",\"epochs\":15,\"batch_size\":\"full\",\"optimizer\":{\"name\":\"rmsprop\"},"                 \
    "\"network\":{\"hidden\":[{\"units\":33,\"activation\":\"tanh\"}]}"
#define ADAGRAD                                                                                                              \
    "\"target\":\"body_mass_g\",\"epochs\":10,\"batch_size\":50,\"optimizer\":{\"name\":\"adagrad\"},"                       \
    "\"validation\":{\"fraction\":0}"
/* Products large enough to be cut into pieces: the others are done by one thread however many there are. */
#define PIECES                                                                                                               \
    "\"target\":\"species\",\"epochs\":10,\"batch_size\":\"full\",\"network\":{\"hidden\":[{\"units\":300,\"dropout\":0.2},"         \
    "{\"units\":200,\"activation\":\"tanh\",\"batch_normalization\":true}]}"
static const char *const jobs[] = {"\"target\":\"species\",\"epochs\":20", MOMENTUM, RMSPROP, ADAGRAD, PIECES};

static long begin(const char *job, const char *more)
{
    return start_job("{\"dataset\":\"penguins\",%s%s}", job, more);
}

/* The run's model and losses, to the bit. */
struct result {
    char sha256[65];
    int epochs;
    double train[20], valid[20];
};

static struct result result_of(long run)
{
    struct result out = {0};
    struct reply *r = run_get(run), *e = expect(http_get("/v1/runs/%ld/epochs", run), 200);
    assert_string_equal(text(r, "/status"), "succeeded");
    snprintf(out.sha256, sizeof out.sha256, "%s", text(r, "/model_sha256"));
    out.epochs = count(e, "/epoch");
    for (int i = 0; i < out.epochs; i++) {
        out.train[i] = number(e, "/train_loss/%d", i);
        out.valid[i] = is_null(e, "/valid_loss/%d", i) ? -1 : number(e, "/valid_loss/%d", i);
    }
    return out;
}

static bool same(const struct result *a, const struct result *b)
{
    return a->epochs == b->epochs && memcmp(a->train, b->train, sizeof a->train) == 0 &&
           memcmp(a->valid, b->valid, sizeof a->valid) == 0 && strcmp(a->sha256, b->sha256) == 0;
}

static struct result finished(long job)
{
    finish_job(job);
    return result_of(run_of(job, 0));
}

static struct result alone(const char *job, const char *more)
{
    return finished(begin(job, more));
}

static void the_same_job_gives_the_same_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(jobs); i++) {
        struct result first = alone(jobs[i], ""), second = alone(jobs[i], ",\"name\":\"again\",\"seed\":1");
        assert_true(first.epochs >= 10);
        assert_true(same(&first, &second));
    }
}

static void another_seed_gives_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(jobs); i++) {
        struct result first = alone(jobs[i], ""), second = alone(jobs[i], ",\"seed\":2");
        assert_string_not_equal(first.sha256, second.sha256);
        for (int k = 0; k < first.epochs; k++)
            assert_true(first.train[k] != second.train[k]);
    }
}

static void jobs_side_by_side_give_what_they_give_alone(void **state)
{
    (void)state;
    long job[COUNT(jobs)][3];
    for (int copy = 0; copy < 3; copy++)
        for (size_t i = 0; i < COUNT(jobs); i++)
            job[i][copy] = begin(jobs[i], "");
    for (size_t i = 0; i < COUNT(jobs); i++) {
        struct result copies[3];
        for (int copy = 0; copy < 3; copy++)
            copies[copy] = finished(job[i][copy]);
        struct result apart = alone(jobs[i], "");
        for (int copy = 0; copy < 3; copy++)
            assert_true(same(&apart, &copies[copy]));
    }
}

static void threads_change_nothing(void **state)
{
    (void)state;
    static const char *const threads[] = {",\"threads\":1", ",\"threads\":2", ",\"threads\":3", ",\"threads\":7",
                                          ",\"threads\":256"};
    for (size_t i = 0; i < COUNT(jobs); i++) {
        struct result first = alone(jobs[i], "");
        for (size_t t = 0; t < COUNT(threads); t++) {
            struct result other = alone(jobs[i], threads[t]);
            assert_true(same(&first, &other));
        }
    }
}

/* What is asked for stands in the spec, what it got in the environment: as many at most as there are cores. */
static void a_run_says_how_many_threads_it_got(void **state)
{
    (void)state;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    for (long asked = 1; asked <= 3; asked++) {
        struct reply *r = run_get(train("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":1,\"threads\":%ld}", asked));
        assert_int_equal(whole(r, "/spec/threads"), asked);
        assert_int_equal(whole(r, "/environment/threads"), asked < cores ? asked : cores);
    }
}

static void a_point_of_a_grid_is_a_job_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(jobs); i++) {
        long grid = begin(jobs[i], ",\"grid\":{\"/seed\":[3,1],\"/optimizer/learning_rate\":[0.02,0.05]}");
        assert_string_equal(text(finish_job(grid), "/status"), "succeeded");
        struct result point = result_of(run_of(grid, 3));
        char *own = cJSON_PrintUnformatted(at(run_get(run_of(grid, 3)), "/spec"));
        struct result job = finished(start_job("%s", own));
        cJSON_free(own);
        assert_true(same(&point, &job));
    }
}

/* A table says the same whichever way it came. */
static void the_same_table_in_json_trains_the_same(void **state)
{
    (void)state;
    char *csv = NULL, *rows = NULL;
    append(&csv, "x;c;y\r\n");
    for (int i = 0; i < 50; i++) {
        append(&csv, "%d,5;%s;%d\r\n", i, i % 3 ? "a" : "b", i * i);
        append(&rows, "%s[%d.5,\"%s\",%d]", i ? "," : "", i, i % 3 ? "a" : "b", i * i);
    }
    expect(http_post_csv("/v1/datasets?name=semicolons", csv), 201);
    expect(http_post("/v1/datasets", "{\"name\":\"inline\",\"columns\":[\"x\",\"c\",\"y\"],\"rows\":[%s]}", rows), 201);
    free(csv);
    free(rows);
    struct result a = result_of(train("{\"dataset\":\"semicolons\",\"target\":\"y\",\"epochs\":10}"));
    struct result b = result_of(train("{\"dataset\":\"inline\",\"target\":\"y\",\"epochs\":10}"));
    assert_true(same(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_same_job_gives_the_same_bits),
        TEST(another_seed_gives_others),
        TEST(jobs_side_by_side_give_what_they_give_alone),
        TEST(threads_change_nothing),
        TEST(a_run_says_how_many_threads_it_got),
        TEST(a_point_of_a_grid_is_a_job_of_its_own),
        TEST(the_same_table_in_json_trains_the_same),
    };
    return cmocka_run_group_tests(tests, daemon_setup_with_penguins, daemon_teardown);
}
