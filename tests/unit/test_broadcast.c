/* server/train/broadcast: what streams are given, in pieces of any size, while others come, sleep, fall behind and go. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "server/train/broadcast.h"
#include "server/train/broadcast_spans.h"
#include "store_fixture.h"
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

/* A reader that waits for its wake in the test's thread. */
struct reader {
    struct broadcast_stream *stream;
    sem_t woken;
    atomic_bool gone;
    int sleeps;
};

static struct broadcast *broadcast;

static void reader_suspend(void *context)
{
    ((struct reader *)context)->sleeps++;
}

static void reader_wake(void *context)
{
    sem_post(&((struct reader *)context)->woken);
}

static bool reader_gone(void *context)
{
    return atomic_load(&((struct reader *)context)->gone);
}

static enum err_code join(struct fixture *f, struct reader *r, const struct broadcast_filter *filter, int64_t after)
{
    static const struct broadcast_filter everything;
    struct broadcast_reader how = {reader_suspend, reader_wake, reader_gone, r};
    *r = (struct reader){0};
    sem_init(&r->woken, 0, 0);
    return broadcast_join(broadcast, filter ? filter : &everything, after, &how, &r->stream, &f->err);
}

/* Sleeps until woken; the limit only ends a test that has failed. */
static void sleep_reader(struct reader *r)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 60;
    assert_int_equal(sem_timedwait(&r->woken, &limit), 0);
}

/* Reads in pieces of `size` until the text holds `until`, sleeping between; false: the stream ended. */
static bool read_until(struct reader *r, size_t size, const char *until, char *out, size_t room)
{
    size_t used = strlen(out);
    while (!strstr(out, until)) {
        assert_true(used + size < room);
        size_t n = broadcast_read(r->stream, out + used, size);
        if (n == BROADCAST_END)
            return false;
        assert_true(n <= size);
        if (n == 0)
            sleep_reader(r);
        used += n;
        out[used] = '\0';
    }
    return true;
}

static int setup_broadcast(void **state)
{
    struct fixture *f;
    if (setup(state))
        return -1;
    f = *state;
    return broadcast_new(f->store, &broadcast, &f->err) ? -1 : 0;
}

static int teardown_broadcast(void **state)
{
    broadcast_close(broadcast);
    broadcast_free(broadcast);
    return teardown(state);
}

static int64_t job_with_epochs(struct fixture *f, uint32_t count, int64_t *ret_run)
{
    char name[30];
    static int number;
    snprintf(name, sizeof name, "d%d", ++number);
    int64_t job = add_job(f, "a", add_dataset(f, name), 0), run = add_run(f, job, 1, count);
    start_run(f, run);
    struct store_epoch *e = mem_array(count, sizeof *e);
    assert_non_null(e);
    for (uint32_t i = 0; i < count; i++)
        e[i] = epoch_of(i + 1, 0.5, 0.25);
    for (uint32_t i = 0; i < count; i += 512)
        assert_int_equal(append(f, run, e + i, count - i < 512 ? count - i : 512), ERR_OK);
    mem_free(e);
    assert_int_equal(finish_run(f, run, STATUS_SUCCEEDED), ERR_OK);
    *ret_run = run;
    return job;
}

#define ROOM ((size_t)1 << 20)
#define LAST "\"terminal\":true,\"progress\":1,\"deleted\":false}\n\n"

static void the_text_is_the_same_in_pieces_of_any_size(void **state)
{
    struct fixture *f = *state;
    int64_t run;
    job_with_epochs(f, 300, &run); /* more than a page */
    char *whole = mem_zalloc(ROOM), *pieces = mem_zalloc(ROOM);
    assert_true(whole && pieces);
    struct reader r;
    assert_int_equal(join(f, &r, NULL, 0), ERR_OK);
    assert_true(read_until(&r, 65536, LAST, whole, ROOM));
    broadcast_leave(r.stream);
    assert_non_null(strstr(whole, "retry: 1000\n\nid: 1\nevent: job\ndata: {\"id\":1,\"status\":\"queued\",\"terminal\":false,"
                                  "\"progress\":0,\"deleted\":false}\n\nid: 2\nevent: run\n"));
    assert_non_null(strstr(whole, "\n\nid: 303\nevent: epoch\ndata: {\"run\":1,\"job\":1,\"epoch\":300,\"train_loss\":0.5,"
                                  "\"valid_loss\":0.25,\"learning_rate\":0.5,\"seconds\":0.25,\"elapsed_seconds\":75,"
                                  "\"weight_updates\":3000}\n\n"));
    static const size_t sizes[] = {1, 2, 7, 100, 127, 255, 1024, 4096, 16000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        *pieces = '\0';
        assert_int_equal(join(f, &r, NULL, 0), ERR_OK);
        assert_true(read_until(&r, sizes[i], LAST, pieces, ROOM));
        broadcast_leave(r.stream);
        assert_string_equal(pieces, whole);
    }
    mem_free(whole);
    mem_free(pieces);
}

static void a_sleeper_is_woken_by_what_it_waits_for_only(void **state)
{
    struct fixture *f = *state;
    int64_t run, job = job_with_epochs(f, 1, &run), other;
    struct broadcast_filter filter = {.runs = 1, .run = {run + 1}};
    char text[4000] = "", all[8000] = "";
    struct reader r, everything;
    assert_int_equal(join(f, &r, &filter, -1), ERR_OK);
    assert_int_equal(join(f, &everything, NULL, -1), ERR_OK);
    size_t n = broadcast_read(r.stream, text, sizeof text); /* where it stands */
    assert_true(n > 0 && n < sizeof text);
    text[n] = '\0';
    assert_string_equal(text, "retry: 1000\nid: 7\n\n");
    assert_int_equal(broadcast_read(r.stream, text, sizeof text), 0);
    assert_int_equal(r.sleeps, 1);
    assert_int_equal(on_id(f, body_job_delete, job), ERR_OK);
    assert_true(read_until(&everything, 1000, "\"deleted\":true", all, sizeof all)); /* so the page has been told */
    assert_int_equal(sem_trywait(&r.woken), -1);
    job_with_epochs(f, 2, &other);
    assert_true(other == run + 1);
    *text = '\0';
    sleep_reader(&r);
    assert_true(read_until(&r, 1000, "\"terminal\":true", text, sizeof text));
    assert_non_null(strstr(text, "event: run\ndata: {\"id\":2,"));
    assert_null(strstr(text, "event: job"));
    broadcast_leave(r.stream);
    broadcast_leave(everything.stream);
}

static void filters_take_jobs_with_their_runs_and_runs_alone(void **state)
{
    (void)state;
    struct broadcast_filter none = {0}, f = {.jobs = 2, .job = {3, 8}, .runs = 2, .run = {1, 50}};
    static const struct {
        int64_t job, run;
        bool taken;
    } rows[] = {{3, 0, true}, {3, 9, true}, {8, 70, true}, {4, 0, false}, {4, 50, true}, {4, 1, true}, {4, 2, false},
                {50, 0, false}, {1, 0, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct broadcast_item item = {.job = rows[i].job, .run = rows[i].run};
        assert_true(broadcast_filter_takes(&f, &item) == rows[i].taken);
        assert_true(broadcast_filter_takes(&none, &item));
    }
}

static void there_is_a_limit(void **state)
{
    struct fixture *f = *state;
    static struct reader r[BROADCAST_STREAMS_MAX + 1];
    for (int i = 0; i < BROADCAST_STREAMS_MAX; i++)
        assert_int_equal(join(f, &r[i], NULL, -1), ERR_OK);
    assert_int_equal(broadcast_totals(broadcast).streams, BROADCAST_STREAMS_MAX);
    assert_int_equal(join(f, &r[BROADCAST_STREAMS_MAX], NULL, -1), ERR_UNAVAILABLE);
    broadcast_leave(r[500].stream);
    assert_int_equal(join(f, &r[500], NULL, -1), ERR_OK);
    for (int i = 0; i < BROADCAST_STREAMS_MAX; i++)
        broadcast_leave(r[i].stream);
    assert_int_equal(broadcast_totals(broadcast).streams, 0);
}

/* Asleep, or about to sleep, or in the middle of a text. */
static void all_streams_end_when_it_closes(void **state)
{
    struct fixture *f = *state;
    struct reader asleep, awake;
    char text[200];
    assert_int_equal(join(f, &asleep, NULL, -1), ERR_OK);
    assert_int_equal(join(f, &awake, NULL, -1), ERR_OK);
    while (broadcast_read(asleep.stream, text, sizeof text) > 0)
        ;
    assert_int_equal(broadcast_read(awake.stream, text, 3), 3);
    broadcast_close(broadcast);
    sleep_reader(&asleep);
    assert_true(broadcast_read(asleep.stream, text, sizeof text) == BROADCAST_END);
    size_t n = broadcast_read(awake.stream, text, sizeof text);
    assert_true(n > 0 && n < sizeof text && text[n - 1] == '\n'); /* a text that was begun is ended */
    assert_true(broadcast_read(awake.stream, text, sizeof text) == BROADCAST_END);
    struct reader late;
    assert_int_equal(join(f, &late, NULL, -1), ERR_UNAVAILABLE);
    broadcast_leave(asleep.stream);
    broadcast_leave(awake.stream);
    broadcast_free(broadcast);
    assert_int_equal(broadcast_new(f->store, &broadcast, &f->err), ERR_OK); /* for the teardown */
}

static void a_reader_that_has_gone_is_ended(void **state)
{
    struct fixture *f = *state;
    struct reader r;
    char text[200];
    assert_int_equal(join(f, &r, NULL, -1), ERR_OK);
    while (broadcast_read(r.stream, text, sizeof text) > 0)
        ;
    atomic_store(&r.gone, true);
    sleep_reader(&r);
    assert_true(broadcast_read(r.stream, text, sizeof text) == BROADCAST_END);
    broadcast_leave(r.stream);
}

/* Reads whole events until one of the pieces holds the text, which is in out then. */
static void read_away_until(struct reader *r, const char *until, char *out, size_t room)
{
    do {
        size_t n = broadcast_read(r->stream, out, room - 1);
        assert_true(n < room);
        out[n] = '\0';
        if (n == 0)
            sleep_reader(r);
    } while (!strstr(out, until));
}

static void who_falls_behind_goes_on_with_the_newest(void **state)
{
    struct fixture *f = *state;
    struct reader r, witness;
    char text[4000] = "", resync[40];
    int64_t run;
    assert_int_equal(join(f, &r, NULL, -1), ERR_OK);
    assert_int_equal(join(f, &witness, NULL, -1), ERR_OK);
    assert_true(read_until(&r, 100, "\n\n", text, sizeof text));
    job_with_epochs(f, STORE_EVENTS_KEPT + 1000, &run); /* and it reads nothing meanwhile */
    struct store_events events = {0};
    struct store_reader *reader = store_reader_take(f->store);
    assert_int_equal(store_events_read(reader, 0, 0, &events, &f->err), ERR_OK);
    store_reader_give(reader);
    snprintf(resync, sizeof resync, "id: %lld\nevent: resync\n", (long long)events.newest);
    char last[40];
    snprintf(last, sizeof last, "id: %lld\n", (long long)events.newest);
    read_away_until(&witness, last, text, sizeof text); /* now the last event has been turned into text, and the first dropped */
    broadcast_leave(witness.stream);
    read_away_until(&r, "event: resync", text, sizeof text);
    assert_non_null(strstr(text, resync));
    assert_in_range(broadcast_totals(broadcast).resyncs, 1, 2); /* the witness may have had one too */
    *text = '\0';
    job_with_epochs(f, 1, &run);
    snprintf(resync, sizeof resync, "id: %lld\nevent: job\n", (long long)events.newest + 1);
    assert_true(read_until(&r, 500, "\n\n", text, sizeof text));
    assert_int_equal(strncmp(text, resync, strlen(resync)), 0);
    broadcast_leave(r.stream);
}

/* Others train so fast that the store drops what they did before anybody reads: a stream about a quiet run does not hear of it,
 * asleep or not, and gets its own events in their order. */
static void who_is_about_little_is_not_told_of_what_passes(void **state)
{
    struct fixture *f = *state;
    int64_t other, first, job = job_with_epochs(f, 1, &first), run = add_run(f, job, 2, 5);
    struct broadcast_filter filter = {.runs = 1, .run = {run}}, kinds = {.kinds = broadcast_kinds("job", 3)};
    struct reader asleep, awake, of_jobs;
    char text[3][16000] = {"", "", ""};
    assert_int_equal(join(f, &asleep, &filter, -1), ERR_OK);
    assert_int_equal(join(f, &awake, &filter, -1), ERR_OK);
    assert_int_equal(join(f, &of_jobs, &kinds, -1), ERR_OK);
    while (broadcast_read(asleep.stream, text[0], sizeof text[0]) > 0)
        ;
    *text[0] = '\0';
    start_run(f, run);
    for (int i = 0; i < 3; i++) { /* each less than the store keeps, so that the broadcast comes along, and more together */
        char ended[60];
        snprintf(ended, sizeof ended, "\"id\":%lld,\"status\":\"succeeded\"",
                 (long long)job_with_epochs(f, STORE_EVENTS_KEPT / 2, &other));
        assert_true(read_until(&of_jobs, 500, ended, text[2], sizeof text[2]));
    }
    assert_int_equal(finish_run(f, run, STATUS_SUCCEEDED), ERR_OK);
    sleep_reader(&asleep);
    assert_true(read_until(&asleep, 500, "\"status\":\"succeeded\"", text[0], sizeof text[0]));
    assert_true(read_until(&awake, 500, "\"status\":\"succeeded\"", text[1], sizeof text[1]));
    for (int i = 0; i < 3; i++)
        assert_null(strstr(text[i], "resync"));
    for (int i = 0; i < 2; i++)
        assert_non_null(strstr(text[i], "\"status\":\"running\""));
    assert_int_equal(broadcast_totals(broadcast).resyncs, 0);
    broadcast_leave(asleep.stream);
    broadcast_leave(awake.stream);
    broadcast_leave(of_jobs.stream);
}

static void spans_are_skipped_as_far_as_they_are_known(void **state)
{
    (void)state;
    static struct broadcast_spans s;
    struct broadcast_filter mine = {.runs = 1, .run = {7}}, all = {0};
    broadcast_spans_restart(&s, 100);
    assert_int_equal(broadcast_spans_skip(&s, &mine, 100), 100);
    for (int64_t i = 0; i < 10; i++) /* ten events each: 101..110 and so on */
        broadcast_spans_add(&s, &(struct store_span){101 + 10 * i, 110 + 10 * i, 1, i == 6 ? 7 : 8, EVENT_EPOCH});
    assert_int_equal(broadcast_spans_skip(&s, &mine, 99), 99); /* not known */
    assert_int_equal(broadcast_spans_skip(&s, &mine, 100), 160);
    assert_int_equal(broadcast_spans_skip(&s, &mine, 115), 160);
    assert_int_equal(broadcast_spans_skip(&s, &mine, 165), 165); /* in the middle of its own */
    assert_int_equal(broadcast_spans_skip(&s, &mine, 170), 200);
    assert_int_equal(broadcast_spans_skip(&s, &mine, 200), 200);
    assert_int_equal(broadcast_spans_skip(&s, &all, 115), 115);
    assert_int_equal(broadcast_spans_end(&s, &mine, 165), 170);
    assert_int_equal(broadcast_spans_end(&s, &mine, 159), 159);
    assert_int_equal(broadcast_spans_end(&s, &all, 115), 200);
    assert_int_equal(broadcast_spans_end(&s, &all, 99), 99);
    for (int64_t i = 10; i < BROADCAST_SPANS + 5; i++)
        broadcast_spans_add(&s, &(struct store_span){101 + 10 * i, 110 + 10 * i, 1, 8, EVENT_EPOCH});
    assert_int_equal(broadcast_spans_skip(&s, &mine, 149), 149); /* five have been dropped */
    assert_int_equal(broadcast_spans_skip(&s, &mine, 150), 160);
    assert_int_equal(broadcast_spans_skip(&s, &mine, 170), 100 + 10 * (BROADCAST_SPANS + 5));
}

static void joining_survives_failing_allocations(void **state)
{
    struct fixture *f = *state;
    struct reader r;
    int64_t run;
    job_with_epochs(f, 2, &run);
    for (uint64_t n = 1; n < 100; n++) {
        mem_fail_at(n, 1);
        enum err_code code = join(f, &r, NULL, 0);
        char text[500];
        size_t got = code ? 0 : broadcast_read(r.stream, text, sizeof text);
        mem_fail_at(0, 0);
        if (!code)
            broadcast_leave(r.stream);
        if (!code && got != BROADCAST_END && got > 100)
            return; /* enough memory to tell an event */
        assert_true(!code || code == ERR_NO_MEMORY);
    }
    fail_msg("never enough memory");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_broadcast, teardown_broadcast)
    const struct CMUnitTest tests[] = {
        TEST(the_text_is_the_same_in_pieces_of_any_size),
        TEST(a_sleeper_is_woken_by_what_it_waits_for_only),
        TEST(filters_take_jobs_with_their_runs_and_runs_alone),
        TEST(there_is_a_limit),
        TEST(all_streams_end_when_it_closes),
        TEST(a_reader_that_has_gone_is_ended),
        TEST(who_falls_behind_goes_on_with_the_newest),
        TEST(who_is_about_little_is_not_told_of_what_passes),
        TEST(spans_are_skipped_as_far_as_they_are_known),
        TEST(joining_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
