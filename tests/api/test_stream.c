/* /v1/stream: what is told, in which order, and what happens to readers that are slow, come back, go away, or are too
 * many. */
#include "support/api.h"

#include <sys/resource.h>

#define STREAMS_MAX 1000
#define EVENTS_KEPT 16384

#define QUICK(epochs)                                                                                                  \
    "{\"dataset\":\"penguins\",\"target\":\"species\",\"network\":{\"hidden\":[]},\"batch_size\":\"full\","            \
    "\"epochs\":" #epochs "}"

/* Opened by the first test over a job at which nothing happens any more, and looked at by the last. */
static struct stream *silent;
static long first_id; /* of an event before most jobs here */

/* ---- in order --------------------------------------------------------------------------------------------------------- */

/* The figures of an epoch are those that its run has. */
static void check_figures(const struct event *e, struct reply *epochs)
{
    static const char *const names[] = {"train_loss", "valid_loss", "valid_accuracy", "learning_rate",
                                        "seconds",    "elapsed_seconds", "weight_updates"};
    int index = (int)event_number(e, "epoch") - 1;
    for (size_t i = 0; i < COUNT(names); i++)
        assert_true(event_number(e, names[i]) == number(epochs, "/%s/%d", names[i], index));
}

static void epochs_come_once_and_in_order_while_they_are_trained(void **state)
{
    (void)state;
    long done = start_job(QUICK(1));
    finish_job(done);
    silent = stream_open(-1, "/v1/stream?jobs=%ld", done);

    struct stream *s = stream_open(-1, "/v1/stream");
    long job = start_job("{\"dataset\":\"penguins\",\"target\":\"species\",\"grid\":{\"/epochs\":[3000,40,2000]}}");
    long runs[3] = {run_of(job, 0), run_of(job, 1), run_of(job, 2)}, last = -1;
    unsigned epochs[3] = {0}, started = 0, ended = 0;
    double progress = 0;
    struct reply *figures[3] = {NULL};
    for (struct event *e; (e = stream_next(s)) && !event_ends_job(e, job);) {
        if (last < 0)
            last = first_id = e->id - 1;
        stream_check_id(e, &last);
        int i = 0;
        if (strcmp(e->name, "run") == 0) {
            started += strcmp(event_text(e, "status"), "running") == 0;
            ended += strcmp(event_text(e, "status"), "succeeded") == 0;
            assert_true(event_number(e, "job") == (double)job);
        } else if (strcmp(e->name, "epoch") == 0) {
            while (runs[i] != (long)event_number(e, "run"))
                assert_true(++i < 3);
            assert_true(event_number(e, "epoch") == ++epochs[i]);
            assert_true(event_number(e, "job") == (double)job);
            if (epochs[i] % 20 == 0) { /* the epoch is stored already */
                char path[80];
                snprintf(path, sizeof path, "/v1/runs/%ld/epochs?to=%u", runs[i], epochs[i]);
                figures[i] = expect(http_get("%s", path), 200);
                check_figures(e, figures[i]);
            }
        } else {
            assert_string_equal(e->name, "job");
            assert_true(event_number(e, "id") == (double)job && event_number(e, "progress") >= progress);
            progress = event_number(e, "progress");
        }
    }
    assert_true(epochs[0] == 3000 && epochs[1] == 40 && epochs[2] == 2000 && started == 3 && ended == 3);
    stream_close(s);
}

/* All that a reader gets from after `last` on until the job has ended, as one text. */
static char *read_until_end(struct stream *s, long job, int most)
{
    char *all = NULL;
    struct event *e;
    while (most-- > 0 && (e = stream_next(s))) {
        char *data = cJSON_PrintUnformatted(e->data);
        append(&all, "%ld %s %s\n", e->id, e->name, data);
        free(data);
        if (event_ends_job(e, job))
            break;
    }
    return all;
}

static void a_reader_that_comes_back_misses_nothing(void **state)
{
    (void)state;
    struct stream *s = stream_open(-1, "/v1/stream");
    long start = -1, job = start_job("{\"dataset\":\"penguins\",\"target\":\"species\",\"grid\":{\"/epochs\":[300,400]}}");
    stream_await(s, "job");
    start = stream_id(s) - 1;
    stream_close(s);
    finish_job(job);
    s = stream_open(start, "/v1/stream");
    char *whole = read_until_end(s, job, 1000000), *pieces = NULL;
    stream_close(s);
    /* in pieces, by the header and by the query in turns; the header counts when both are there */
    for (long last = start, i = 0; !pieces || strlen(pieces) < strlen(whole); i++) {
        s = i % 3 == 0   ? stream_open(last, "/v1/stream")
            : i % 3 == 1 ? stream_open(-1, "/v1/stream?last_event_id=%ld", last)
                         : stream_open(last, "/v1/stream?last_event_id=1");
        char *piece = read_until_end(s, job, 1 + (int)(i * 7));
        last = stream_id(s);
        append(&pieces, "%s", piece);
        free(piece);
        stream_close(s);
    }
    assert_string_equal(pieces, whole);
    free(pieces);
    free(whole);
}

static void the_place_is_known_before_the_first_event(void **state)
{
    (void)state;
    struct stream *s = stream_open(-1, "/v1/stream");
    finish_job(start_job(QUICK(3)));
    stream_await(s, "job");
    long first = stream_id(s);
    stream_close(s);
    s = stream_open(first, "/v1/stream?jobs=999999"); /* only what says where it stands */
    struct stream *other = stream_open(-1, "/v1/stream");
    long job = start_job(QUICK(1));
    struct event *e = stream_await(other, "job");
    assert_true(event_number(e, "id") == (double)job && stream_id(other) > first);
    stream_close(other);
    stream_close(s);
}

/* ---- what is told ----------------------------------------------------------------------------------------------------- */

static void filters_let_through_what_they_name(void **state)
{
    (void)state;
    long jobs[3];
    for (int i = 0; i < 3; i++)
        finish_job(jobs[i] = start_job("{\"dataset\":\"penguins\",\"target\":\"species\",\"grid\":{\"/epochs\":[2,30]}}"));
    long run = run_of(jobs[1], 1);
    struct stream *s = stream_open(first_id, "/v1/stream?jobs=%ld,%ld&runs=%ld", jobs[2], jobs[0], run);
    int events[3] = {0};
    for (struct event *e = stream_next(s); !event_ends_job(e, jobs[2]); e = stream_next(s)) {
        bool of_job = strcmp(e->name, "job") == 0;
        double job = event_number(e, of_job ? "id" : "job");
        int i = job == (double)jobs[0] ? 0 : job == (double)jobs[1] ? 1 : 2;
        assert_true(job == (double)jobs[i]);
        if (i == 1)
            assert_true(!of_job && event_number(e, strcmp(e->name, "run") == 0 ? "id" : "run") == (double)run);
        events[i]++;
    }
    assert_int_equal(events[1], 32); /* of the run alone: its start, 30 epochs, its end */
    assert_true(events[0] > 32 + 4 && events[2] > 32 + 4);
    stream_close(s);
}

static void only_the_events_that_were_asked_for_come(void **state)
{
    (void)state;
    struct stream *s = stream_open(-1, "/v1/stream?events=run,job");
    long job = start_job("{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":500}"), last = -1;
    int of_runs = 0;
    struct event *e;
    while (!event_ends_job(e = stream_next(s), job)) {
        if (e->comment)
            continue;
        assert_true(strcmp(e->name, "run") == 0 || strcmp(e->name, "job") == 0);
        assert_true(e->id > last);
        last = e->id;
        of_runs += strcmp(e->name, "run") == 0;
    }
    assert_int_equal(of_runs, 2);
    stream_close(s);
    s = stream_open(last - 500, "/v1/stream?events=epoch&jobs=%ld", job);
    e = stream_next(s);
    assert_string_equal(e->name, "epoch");
    stream_close(s);
}

static void a_cancelled_and_deleted_job_is_told(void **state)
{
    (void)state;
    long job = start_job(ENDLESS);
    struct stream *s = stream_open(-1, "/v1/stream?jobs=%ld", job);
    stream_await(s, "epoch");
    cancel_job(job);
    expect(http_call("DELETE", "/v1/jobs/%ld", job), 204);
    struct event *e;
    do
        e = stream_await(s, "job");
    while (event_number(e, "terminal") == 0);
    assert_string_equal(event_text(e, "status"), "cancelled");
    assert_true(event_number(e, "deleted") == 0);
    e = stream_await(s, "job");
    assert_true(event_number(e, "deleted") == 1 && event_number(e, "id") == (double)job);
    long last = stream_id(s);
    stream_close(s);
    /* who was away meanwhile is let in, and told; of the epochs either what they were, or that they are gone */
    s = stream_open(first_id, "/v1/stream?jobs=%ld", job);
    bool epochs = false;
    while (!(e = stream_next(s))->comment && !(strcmp(e->name, "job") == 0 && event_number(e, "deleted") == 1))
        epochs |= strcmp(e->name, "epoch") == 0 || strcmp(e->name, "resync") == 0;
    assert_true(epochs && e->id == last);
    stream_close(s);
    expect_problem(http_get("/v1/stream?jobs=%ld", job), 404, "not_found");
}

/* ---- slow, away, ahead ------------------------------------------------------------------------------------------------ */

static void slow_readers_are_told_to_read_everything_again(void **state)
{
    (void)state;
    struct stream *s = stream_open(-1, "/v1/stream");
    train("{\"dataset\":\"penguins\",\"target\":\"body_mass_g\",\"features\":[\"year\"],\"network\":{\"hidden\":[]},"
          "\"batch_size\":\"full\",\"validation\":{\"fraction\":0},\"epochs\":32000}");
    /* another has got all of it: so nobody can be told the first of them any more */
    struct stream *other = stream_open(-1, "/v1/stream");
    long quick = start_job(QUICK(1));
    struct event *e;
    while (strcmp((e = stream_next(other))->name, "resync") != 0 && !event_ends_job(e, quick))
        ;
    stream_close(other);
    long last = -1;
    while ((e = stream_next(s)) && strcmp(e->name, "resync") != 0) {
        if (last < 0)
            last = e->id - 1;
        stream_check_id(e, &last);
    }
    assert_non_null(e);
    assert_true(e->id > last + 1);
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(e->data, "run")));
    /* and goes on from there */
    last = e->id;
    long job = start_job(QUICK(2));
    do
        stream_check_id(e = stream_next(s), &last);
    while (!event_ends_job(e, job));
    stream_close(s);
    assert_non_null(strstr(expect(http_get("/metrics"), 200)->body, "\nmlpd_stream_resyncs_total "));
}

/* The first event for a reader that comes back with this id. */
static struct event *first_event(struct stream **s, long last)
{
    if (*s)
        stream_close(*s);
    *s = stream_open(last, "/v1/stream");
    return stream_next(*s);
}

static void what_is_not_kept_any_more_is_a_resync(void **state)
{
    (void)state;
    struct stream *s = stream_open(-1, "/v1/stream"); /* behind the many epochs of the test before */
    long quick = start_job(QUICK(1));
    finish_job(quick);
    while (!event_ends_job(stream_await(s, "job"), quick))
        ;
    long newest = stream_id(s), oldest = newest - EVENTS_KEPT + 1;
    struct event *e = first_event(&s, 1);
    assert_string_equal(e->name, "resync");
    assert_true(e->id == newest);
    /* rows stand for several events, and go as a whole: not one too early */
    e = first_event(&s, oldest - 1);
    assert_string_equal(e->name, "epoch");
    assert_true(e->id == oldest);
    e = first_event(&s, newest + 1); /* of another data directory */
    assert_string_equal(e->name, "resync");
    assert_true(e->id == newest);
    stream_close(s);
}

static unsigned open_streams(void)
{
    static const char name[] = "\nmlpd_streams ";
    const char *figure = strstr(expect(http_get("/metrics"), 200)->body, name);
    assert_non_null(figure);
    return (unsigned)strtoul(figure + strlen(name), NULL, 10);
}

static void await_streams(unsigned wanted)
{
    while (open_streams() != wanted)
        http_forget(NULL);
}

static void readers_that_go_away_are_noticed(void **state)
{
    (void)state;
    struct stream *s[5];
    await_streams(1);
    for (int i = 0; i < 5; i++)
        s[i] = stream_open(-1, "/v1/stream");
    assert_int_equal(open_streams(), 6);
    for (int i = 0; i < 5; i++)
        stream_close(s[i]);
    await_streams(1);
}

static void a_thousand_streams_are_open_at_once(void **state)
{
    (void)state;
    static struct stream *s[STREAMS_MAX];
    struct rlimit files;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    for (int i = 0; i < STREAMS_MAX - 1; i++) /* and the silent one */
        s[i] = stream_open(-1, "/v1/stream");
    assert_int_equal(open_streams(), STREAMS_MAX);
    struct reply *r = expect_problem(http_get("/v1/stream"), 503, "unavailable");
    assert_string_equal(http_header(r, "Retry-After"), "5");
    assert_non_null(strstr(text(r, "/detail"), "1000 streams are open"));
    /* all are told the same; the service goes on */
    long job = start_job(QUICK(50));
    finish_job(job);
    long first = -1;
    for (int i = 0; i < STREAMS_MAX - 1; i++) {
        int epochs = 0;
        struct event *e;
        while (!event_ends_job(e = stream_next(s[i]), job))
            epochs += strcmp(e->name, "epoch") == 0;
        assert_int_equal(epochs, 50);
        assert_true(first < 0 || e->id == first);
        first = e->id;
    }
    stream_close(s[0]);
    await_streams(STREAMS_MAX - 1);
    s[0] = stream_open(-1, "/v1/stream");
    for (int i = 0; i < STREAMS_MAX - 1; i++)
        stream_close(s[i]);
    await_streams(1);
}

static void a_silent_stream_shows_that_it_lives(void **state)
{
    (void)state;
    struct event *e;
    while ((e = stream_next(silent)) && !e->comment) /* when training outran the daemon it was told so, as everyone */
        assert_string_equal(e->name, "resync");
    assert_non_null(e);
    stream_close(silent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(epochs_come_once_and_in_order_while_they_are_trained),
        TEST(a_reader_that_comes_back_misses_nothing),
        TEST(the_place_is_known_before_the_first_event),
        TEST(filters_let_through_what_they_name),
        TEST(only_the_events_that_were_asked_for_come),
        TEST_OF_WORK(a_cancelled_and_deleted_job_is_told),
        TEST(slow_readers_are_told_to_read_everything_again),
        TEST(what_is_not_kept_any_more_is_a_resync),
        TEST(readers_that_go_away_are_noticed),
        TEST(a_thousand_streams_are_open_at_once),
        TEST(a_silent_stream_shows_that_it_lives),
    };
    return cmocka_run_group_tests(tests, daemon_setup_with_penguins, daemon_teardown);
}
