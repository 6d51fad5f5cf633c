/* /v1/stream when the daemon stops or is killed, and after the next start: streams end, ids go on, nothing is told twice. */
#include "support/api.h"

#include <signal.h>

/* Long enough to be cut in two, short enough to be waited for. */
#define MIDDLE                                                                                                         \
    "{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":150,\"batch_size\":1,"                                \
    "\"network\":{\"hidden\":[{\"units\":64},{\"units\":64}]}}"

static void streams_end_when_the_daemon_stops(void **state)
{
    (void)state;
    struct stream *s[20], *full = stream_open(-1, "/v1/stream");
    for (int i = 0; i < 20; i++)
        s[i] = stream_open(-1, i % 2 ? "/v1/stream?jobs=9&last_event_id=0" : "/v1/stream");
    long job = start_job(ENDLESS);
    await_status(job, "running");
    stream_await(s[0], "epoch");
    daemon_stop(SIGTERM);
    for (int i = 0; i < 20; i++) {
        while (stream_next(s[i])) /* fails unless it ends well */
            ;
        stream_close(s[i]);
    }
    stream_close(full);
    daemon_start_again();
    cancel_job(job);
}

/* One after the other, epochs too: 1, 2, ... whatever happens between. */
static void check_event(const struct event *e, long *last, double *epoch)
{
    stream_check_id(e, last);
    if (strcmp(e->name, "epoch") == 0)
        assert_true(event_number(e, "epoch") == ++*epoch);
}

static void go_on_after(void (*end)(void))
{
    struct stream *s = stream_open(-1, "/v1/stream");
    long job = start_job(MIDDLE), last = -1;
    double epoch = 0;
    struct event *e;
    while (epoch < 5) {
        e = stream_next(s);
        last = last < 0 ? e->id - 1 : last;
        check_event(e, &last, &epoch);
    }
    stream_may_break(s);
    end();
    while ((e = stream_next(s)))
        check_event(e, &last, &epoch);
    stream_close(s);
    assert_true(epoch < 150);
    daemon_start_again();
    s = stream_open(last, "/v1/stream");
    do
        check_event(e = stream_next(s), &last, &epoch);
    while (!event_ends_job(e, job));
    assert_true(epoch == 150);
    stream_close(s);
}

static void stop(void)
{
    daemon_stop(SIGTERM);
}

static void ids_go_on_after_a_stop(void **state)
{
    (void)state;
    go_on_after(stop);
}

static void ids_go_on_after_a_kill(void **state)
{
    (void)state;
    go_on_after(daemon_kill);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_OF_WORK(streams_end_when_the_daemon_stops),
        TEST(ids_go_on_after_a_stop),
        TEST(ids_go_on_after_a_kill),
    };
    return cmocka_run_group_tests(tests, daemon_setup_with_penguins, daemon_teardown);
}
