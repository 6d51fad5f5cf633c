/* The same bits whatever comes between: pauses, SIGTERM and kill -9 at random moments, and any number of threads. Each run's
 * model, history, diagnosis and evaluation are those of one that nothing disturbed, and what was shown once stays. */
#include "support/api.h"

#include <signal.h>
#include <time.h>

/* The learner of these tests: all that keeps a state from batch to batch, or from epoch to epoch. */
#define LEARNER                                                                                                              \
    "\"optimizer\":{\"name\":\"adam\"},\"early_stopping\":{\"patience\":1000},"                                            \
    "\"schedule\":{\"name\":\"plateau\",\"every\":2,\"factor\":0.7,\"minimum\":1e-5,\"warmup_epochs\":2}"
#define LAYER "\"dropout\":0.2,\"batch_normalization\":true"
/* Epochs that are short beside the time between two interruptions, and ones that are long. */
#define SHORT                                                                                                                \
    "\"target\":\"species\",\"epochs\":1200,\"batch_size\":16,"                                                            \
    "\"network\":{\"hidden\":[{\"units\":24,\"activation\":\"tanh\"," LAYER "},{\"units\":12}]}"
#define LONG                                                                                                                 \
    "\"target\":\"body_mass_g\",\"epochs\":12,\"batch_size\":2,"                                                           \
    "\"network\":{\"hidden\":[{\"units\":160," LAYER "},{\"units\":160,\"dropout\":0.1}]}"
static const char *const networks[] = {SHORT, LONG};
#define BODY "{\"dataset\":\"penguins\",\"threads\":%d,\"checkpoint\":{\"every_seconds\":0.01}," LEARNER ",%s}"

/* ---- what a run came to ------------------------------------------------------------------------------------------- */

struct history {
    char *epochs, *layers, *evaluation; /* JSON, without times */
    char sha256[65];
};

/* The body as it was sent. Columns that are times are no part of what must be the same. */
static char *without_times(const struct reply *r)
{
    static const char *const times[] = {"\"seconds\":[", "\"elapsed_seconds\":["};
    char *all = strdup(r->body);
    assert_non_null(all);
    for (size_t i = 0; i < COUNT(times); i++) {
        char *from = strstr(all, times[i]), *to = from ? strstr(from, "],") : NULL;
        if (to)
            memmove(from, to + 2, strlen(to + 2) + 1);
    }
    return all;
}

static struct history history_of(long run)
{
    struct history h = {0};
    struct reply *r = run_get(run);
    if (strcmp(text(r, "/status"), "succeeded") != 0)
        fail_reply(__FILE__, __LINE__, r, "the run did not succeed");
    snprintf(h.sha256, sizeof h.sha256, "%s", text(r, "/model_sha256"));
    h.epochs = without_times(expect(http_get("/v1/runs/%ld/epochs", run), 200));
    h.layers = without_times(expect(http_get("/v1/runs/%ld/layers", run), 200));
    h.evaluation = without_times(expect(http_get("/v1/runs/%ld/evaluation", run), 200));
    return h;
}

static void history_done(struct history *h)
{
    free(h->epochs);
    free(h->layers);
    free(h->evaluation);
}

/* What these come to when nothing happens. */
static struct history smooth[COUNT(networks)];

static int learn_what_is_right(void **state)
{
    daemon_setup_with_penguins(state);
    for (size_t i = 0; i < COUNT(networks); i++)
        smooth[i] = history_of(train(BODY, 1, networks[i]));
    return http_forget(state);
}

static int tear_down(void **state)
{
    for (size_t i = 0; i < COUNT(networks); i++)
        history_done(&smooth[i]);
    return daemon_teardown(state);
}

static void assert_smooth(long run, size_t network)
{
    struct history h = history_of(run);
    assert_string_equal(h.epochs, smooth[network].epochs);
    assert_string_equal(h.layers, smooth[network].layers);
    assert_string_equal(h.evaluation, smooth[network].evaluation);
    assert_string_equal(h.sha256, smooth[network].sha256);
    history_done(&h);
}

/* ---- one run that is interrupted ---------------------------------------------------------------------------------- */

struct work {
    size_t network;
    long job, run;
    int threads, seen; /* seen: epochs that were shown */
    unsigned done;     /* runs that came to their end */
};

static void begin(struct work *w)
{
    w->threads = w->threads % 3 + 1;
    w->job = start_job(BODY, w->threads, networks[w->network]);
    w->run = run_of(w->job, 0);
    w->seen = 0;
}

/* Epochs 1..n of the right history, and no fewer than were shown before. */
static void look(struct work *w)
{
    struct reply *e = expect(http_get("/v1/runs/%ld/epochs", w->run), 200);
    int epochs = count(e, "/epoch"), i = 0;
    assert_true(epochs >= w->seen);
    w->seen = epochs;
    cJSON *right = cJSON_Parse(smooth[w->network].epochs);
    const cJSON *loss = cJSON_GetObjectItem(right, "train_loss")->child, *epoch, *shown = at(e, "/train_loss")->child;
    cJSON_ArrayForEach(epoch, at(e, "/epoch")) {
        assert_true(epoch->valuedouble == ++i);
        assert_true(shown->valuedouble == loss->valuedouble);
        loss = loss->next;
        shown = shown->next;
    }
    cJSON_Delete(right);
}

/* Until the run has a worker, or has had it. */
static void await_worker(const struct work *w)
{
    struct reply *r = run_get(w->run);
    while (strcmp(text(r, "/status"), "queued") == 0)
        r = expect(http_get("/v1/runs/%ld?wait=1", w->run), 200);
}

/* Until the run has trained an epoch that was not shown before, or is over. */
static void await_further(const struct work *w)
{
    struct reply *r = run_get(w->run);
    while (!flag(r, "/terminal") && number(r, "/epoch") <= w->seen)
        r = expect(http_get("/v1/runs/%ld?wait=1", w->run), 200);
}

/* Whether the run goes on; one that is over is compared and followed by another. */
static bool under_way(struct work *w)
{
    if (!flag(run_get(w->run), "/terminal"))
        return true;
    assert_smooth(w->run, w->network);
    w->done++;
    begin(w);
    return false;
}

static void finish(struct work *w)
{
    assert_string_equal(text(finish_job(w->job), "/status"), "succeeded");
    assert_smooth(w->run, w->network);
    w->done++;
}

static double random_share(void)
{
    static uint64_t x = 20261125;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (double)(x >> 11) * 0x1p-53;
}

/* Up to so many ms. */
static void let_pass(double most)
{
    long ns = (long)(most * 1e6 * random_share());
    nanosleep(&(struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000}, NULL);
}

/* ---- interruptions ------------------------------------------------------------------------------------------------ */

/* The daemon ends, one way or the other in turns, while two runs train. */
static void a_daemon_that_ends_at_any_moment(void **state)
{
    enum { INTERRUPTIONS = 50 };
    struct work work[COUNT(networks)] = {{.network = 0}, {.network = 1}};
    unsigned ends[2] = {0};
    for (size_t i = 0; i < COUNT(work); i++)
        begin(&work[i]);
    while (ends[0] + ends[1] < INTERRUPTIONS) {
        bool killed = (ends[0] + ends[1]) % 2, cut = false;
        for (size_t i = 0; !killed && i < COUNT(work); i++) /* else three ends in a row may fail a run */
            await_further(&work[i]);
        let_pass(killed ? 120 : 15);
        for (size_t i = 0; i < COUNT(work); i++)
            cut |= under_way(&work[i]);
        if (!cut)
            continue;
        if (killed)
            daemon_kill();
        else
            daemon_stop(SIGTERM);
        ends[killed]++;
        daemon_start_again();
        for (size_t i = 0; i < COUNT(work); i++)
            look(&work[i]);
        http_forget(state);
    }
    for (size_t i = 0; i < COUNT(work); i++)
        finish(&work[i]);
    print_message("survived with the same bits: %u SIGTERM, %u kill -9, over %u runs of short and %u of long epochs\n", ends[0],
                  ends[1], work[0].done, work[1].done);
}

/* Whether the run is paused now; else it has come to its end before. */
static bool pause_run(struct work *w)
{
    struct reply *r = http_call("POST", "/v1/jobs/%ld/pause", w->job);
    if (r->status != 409)
        expect(r, 200);
    for (r = job_get(w->job); !flag(r, "/terminal") && strcmp(text(r, "/status"), "paused") != 0;)
        r = expect(http_get("/v1/jobs/%ld?wait=1", w->job), 200);
    return under_way(w);
}

static void pauses_at_any_batch(void **state)
{
    enum { PAUSES = 15 };
    unsigned done = 0;
    for (size_t network = 0; network < COUNT(networks); network++) {
        struct work w = {.network = network};
        begin(&w);
        for (int i = 0; i < PAUSES;) {
            await_worker(&w);
            let_pass(10);
            if (!pause_run(&w))
                continue;
            look(&w);
            i++;
            expect(http_call("POST", "/v1/jobs/%ld/resume", w.job), 200);
            http_forget(state);
        }
        finish(&w);
        done += w.done;
    }
    print_message("survived with the same bits: %u pauses, over %u runs\n", (unsigned)(PAUSES * COUNT(networks)), done);
}

static void threads_change_nothing(void **state)
{
    (void)state;
    for (size_t network = 0; network < COUNT(networks); network++)
        for (int threads = 2; threads <= 3; threads++)
            assert_smooth(train(BODY, threads, networks[network]), network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_OF_WORK(threads_change_nothing),
        TEST_OF_WORK(pauses_at_any_batch),
        TEST_OF_WORK(a_daemon_that_ends_at_any_moment),
    };
    return cmocka_run_group_tests(tests, learn_what_is_right, tear_down);
}
