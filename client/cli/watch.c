/* mlp watch: the stream of events says when the job or run has changed, and then it is read; where the stream is refused
 * long polls do. On a terminal a picture is drawn again in its place, elsewhere one line is printed for a change. A daemon
 * that stops answering is asked again for a while: it may be starting anew. */
#include "client/lib/events.h"
#include "verbs.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_SECONDS 30
#define LOST_SECONDS 30 /* a daemon that is silent for so long is given up */
#define CURVE_POINTS "400"

/* At least between two pictures of a run and of a job, between two lines of a log, and before asking again in vain; and
 * between two pictures of the same state, in which only the clock has moved. */
static const double rest_run = 0.1, rest_job = 0.25, rest_line = 1, rest_lost = 1, rest_clock = 0.5;

struct watched {
    struct cli *cli;
    const char *id;
    bool is_run;
    struct client *stream; /* a connection of its own, for the events; NULL: polls only */
    struct events events;
    bool joined;          /* the stream has begun */
    bool changed, urgent; /* since the resource was read; urgent: it is over, or was not read since the stream began */
    bool more;            /* it is not over */
    int status;           /* to exit with */
    double asked;         /* when the resource was read last */
    char etag[128];
    cJSON *resource;       /* the run or the job as it was last seen; NULL: not yet */
    cJSON *detail;         /* its epochs or its runs */
    double first, updated; /* when progress was first seen, and when it was last seen to change */
    double first_share, share;
    double lost;  /* since when the daemon does not answer; 0: it does */
    double drawn; /* when the last picture was */
    struct screen screen;
    struct text note; /* what is wrong with the daemon */
    struct text last; /* the line printed last */
};

static volatile sig_atomic_t interrupted, resized;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

static void on_resize(int signal_number)
{
    (void)signal_number;
    resized = 1;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- showing ----------------------------------------------------------------------------------------------------- */

static double seconds_left(const struct watched *w)
{
    double done = w->share - w->first_share, spent = w->updated - w->first;
    double left = (1 - w->share) * spent / done - (now() - w->updated);
    return w->lost > 0 || !(done > 0) || spent < 0.5 ? NAN : left > 0 ? left : 0;
}

static struct picture picture_of(const struct watched *w)
{
    return (struct picture){.cli = w->cli,
                            .run = w->is_run ? w->resource : NULL,
                            .job = w->is_run ? NULL : w->resource,
                            .detail = w->detail,
                            .left = seconds_left(w),
                            .note = text_string(&w->note)};
}

static void draw(struct watched *w)
{
    struct picture p = picture_of(w);
    struct text lines = {0};
    resized = 0;
    w->drawn = now();
    screen_measure(&w->screen);
    p.columns = w->screen.columns - 1;
    p.rows = w->screen.rows - 1;
    w->cli->columns = p.columns;
    picture_put(&lines, &p);
    screen_draw(&w->screen, &lines, json_true(w->resource, "terminal"));
    text_free(&lines);
}

static void print_line(struct watched *w)
{
    struct picture p = picture_of(w);
    struct text line = {0};
    picture_line(&line, &p);
    if (strcmp(text_string(&line), text_string(&w->last)) != 0)
        printf("%s\n", text_string(&line));
    text_free(&w->last);
    w->last = line;
}

static void print_runs(const struct watched *w)
{
    struct text table = {0};
    text_puts(&table, "\n");
    runs_put(w->cli, &table, json_member(w->detail, "data"));
    if (*json_text(w->detail, "next"))
        text_printf(&table, "more: mlp runs %s --order-by metrics.%s\n", w->id, job_loss(w->resource));
    print_text(&table);
    text_free(&table);
}

static void show(struct watched *w, const struct client_reply *reply)
{
    if (w->cli->flag[FLAG_JSON]) {
        cli_print_body(w->cli, reply);
    } else if (w->cli->terminal) {
        draw(w);
    } else {
        print_line(w);
        if (!w->is_run && json_true(w->resource, "terminal"))
            print_runs(w);
    }
    fflush(stdout);
}

static bool has_picture(const struct watched *w)
{
    return w->cli->terminal && !w->cli->flag[FLAG_JSON] && w->resource;
}

/* Asked by the client while it waits: time passes, and the terminal may have got another size. */
static bool go_on(void *context)
{
    struct watched *w = context;
    if (has_picture(w) && !interrupted && (resized || now() - w->drawn > rest_clock))
        draw(w);
    return !interrupted;
}

static bool go_on_quietly(void *context)
{
    (void)context;
    return !interrupted;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

/* What else the picture is made of. When it cannot be had, the old one stays, and the next poll tells why. */
static void read_detail(struct watched *w)
{
    struct cli *cli = w->cli;
    struct client_request request = {.method = "GET", .go_on = go_on_quietly};
    struct client_reply reply;
    if (cli->flag[FLAG_JSON] || (w->is_run && !cli->terminal))
        return;
    if (w->is_run) {
        cli_path(cli, "/v1/runs/", w->id, "/epochs?points=" CURVE_POINTS);
    } else {
        struct text order = {0};
        text_printf(&order, "metrics.%s", job_loss(w->resource));
        cli_path(cli, "/v1/jobs/", w->id, "/runs");
        cli_query(cli, "limit", cli->terminal ? "60" : "200");
        cli_query(cli, "order_by", text_string(&order));
        text_free(&order);
    }
    request.path = text_string(&cli->path);
    cJSON *detail = NULL;
    if (client_call(cli->client, &request, &reply) == CLIENT_OK)
        detail = cJSON_ParseWithLength(text_string(&reply.body), reply.body.size);
    client_reply_free(&reply);
    if (!detail)
        return;
    cJSON_Delete(w->detail);
    w->detail = detail;
}

/* Takes the resource over. */
static void update(struct watched *w, cJSON *seen)
{
    cJSON_Delete(w->resource);
    w->resource = seen;
    struct picture p = picture_of(w);
    double share = picture_share(&p), moment = now();
    if (!(w->first > 0) || share < w->share) { /* a daemon that was started anew begins the run again */
        w->first = moment;
        w->first_share = share;
    }
    if (!(w->updated > 0) || share > w->share || share < w->share)
        w->updated = moment;
    w->share = share;
    w->lost = 0;
    text_clear(&w->note);
}

/* Whether it is worth asking again. */
static bool bear(struct watched *w, enum client_result result, const struct client_reply *reply)
{
    bool away = result == CLIENT_UNREACHABLE || (reply->status >= 502 && reply->status <= 504);
    if (!w->resource || !away || (w->lost > 0 && now() - w->lost > LOST_SECONDS))
        return false;
    *w->etag = '\0'; /* it may count anew */
    if (!(w->lost > 0)) {
        w->lost = now();
        text_printf(&w->note, "mlpd does not answer; asking again for %d s", LOST_SECONDS);
        if (has_picture(w))
            draw(w);
        else
            fprintf(stderr, "mlp: %s\n", text_string(&w->note));
    }
    return true;
}

static int give_up(const struct watched *w, const struct client_reply *reply)
{
    if (w->cli->flag[FLAG_JSON] && reply->body.size)
        cli_print_body(w->cli, reply);
    cli_complain("%s%s", text_string(&reply->message),
                 w->resource ? "\n  the daemon keeps its jobs: start it again, then watch again" : "");
    return EXIT_NO;
}

/* Reads the resource: at once, or when it changes. */
static void ask(struct watched *w, bool when_changed)
{
    struct client_request request = {.method = "GET", .etag = w->etag, .go_on = go_on, .context = w};
    struct client_reply reply;
    request.wait_seconds = when_changed ? WAIT_SECONDS : 0;
    w->changed = w->urgent = false;
    cli_path(w->cli, w->is_run ? "/v1/runs/" : "/v1/jobs/", w->id, when_changed && *w->etag ? "?wait=30" : "");
    request.path = text_string(&w->cli->path);
    enum client_result result = client_call(w->cli->client, &request, &reply);
    if (result == CLIENT_OK && reply.status != 304) {
        cJSON *seen = cli_parse(&reply);
        w->more = seen && !json_true(seen, "terminal");
        w->status = seen && !strcmp(json_text(seen, "status"), "succeeded") ? EXIT_FINE : EXIT_NO;
        memcpy(w->etag, reply.etag, sizeof w->etag);
        if (seen) {
            update(w, seen);
            read_detail(w);
            show(w, &reply);
        }
    } else if (result != CLIENT_OK && result != CLIENT_STOPPED && !bear(w, result, &reply)) {
        w->status = give_up(w, &reply);
        w->more = false;
    }
    client_reply_free(&reply);
    w->asked = now();
}

/* ---- the stream -------------------------------------------------------------------------------------------------- */

static double rest_seconds(const struct watched *w)
{
    bool lines = !w->cli->terminal || w->cli->flag[FLAG_JSON];
    return w->lost > 0 ? rest_lost : lines ? rest_line : w->is_run ? rest_run : rest_job;
}

static void note_event(void *context, const struct event *event)
{
    struct watched *w = context;
    bool of_it = strcmp(event->name, w->is_run ? "run" : "job") == 0;
    w->changed = true;
    w->urgent |= of_it && strstr(event->data, "\"terminal\":true");
}

/* Reads what has changed, but not too often. Whether there is more to come. */
static bool catch_up(struct watched *w)
{
    if (w->urgent || (w->changed && now() - w->asked >= rest_seconds(w)))
        ask(w, false);
    return w->more && !(w->lost > 0) && !interrupted;
}

static bool take_piece(void *context, const char *bytes, size_t size)
{
    struct watched *w = context;
    events_add(&w->events, bytes, size);
    w->urgent |= !w->joined;
    w->joined = true;
    return !w->events.failed && catch_up(w);
}

static bool go_on_streaming(void *context)
{
    return go_on(context) && catch_up(context);
}

/* Follows the events until all is over or the stream ends. What changed before it began is read at its first bytes. */
static void follow_stream(struct watched *w)
{
    struct text path = {0};
    struct client_reply reply;
    struct client_request request = {.method = "GET", .take = take_piece, .go_on = go_on_streaming, .context = w};
    text_printf(&path, "/v1/stream?%s=%s", w->is_run ? "runs" : "jobs", w->id);
    request.path = text_string(&path);
    request.last_event_id = text_string(&w->events.id);
    w->joined = false;
    enum client_result result = client_call(w->stream, &request, &reply);
    if (result == CLIENT_REFUSED || w->events.failed || path.failed) {
        client_free(w->stream);
        w->stream = NULL;
    }
    events_restart(&w->events);
    client_reply_free(&reply);
    text_free(&path);
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static void rest(const struct watched *w)
{
    double seconds = rest_seconds(w);
    nanosleep(&(struct timespec){(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))}, NULL);
}

static int say_goodbye(struct watched *w)
{
    if (has_picture(w))
        draw(w); /* over the terminal's ^C, which may stand in the middle */
    fflush(stdout);
    fprintf(stderr, "mlp: stopped watching; %s %s goes on. Watch it again with: mlp watch %s%s\n",
            w->is_run ? "run" : "job", w->id, w->is_run ? "--run " : "", w->id);
    return EXIT_INTERRUPTED;
}

static int follow(struct cli *cli, bool is_run, const char *id)
{
    struct watched w = {.cli = cli, .is_run = is_run, .id = id, .more = true, .status = EXIT_NO};
    struct sigaction on_int = {.sa_handler = on_interrupt}, on_winch = {.sa_handler = on_resize};
    w.events = (struct events){.take = note_event, .context = &w};
    w.stream = client_new(cli->flag[FLAG_SERVER], text_string(&cli->token));
    sigaction(SIGINT, &on_int, NULL);
    sigaction(SIGWINCH, &on_winch, NULL);
    ask(&w, false);
    while (w.more && !interrupted) {
        if (w.stream && !(w.lost > 0))
            follow_stream(&w);
        if (w.more && !interrupted)
            rest(&w);
        if (w.more && !interrupted)
            ask(&w, !w.stream);
    }
    if (w.more)
        w.status = say_goodbye(&w);
    client_free(w.stream);
    events_free(&w.events);
    cJSON_Delete(w.resource);
    cJSON_Delete(w.detail);
    text_free(&w.screen.shown);
    text_free(&w.note);
    text_free(&w.last);
    return w.status;
}

/* The id of the only run of a job; 0: it has several, -1: it has been said what is wrong. */
static double only_run(struct cli *cli, const char *job)
{
    cli_path(cli, "/v1/jobs/", job, "/runs?limit=2");
    cJSON *list = cli_get(cli);
    const cJSON *data = json_member(list, "data");
    double id = !list ? -1 : cJSON_GetArraySize(data) == 1 ? json_number(data->child, "id") : 0;
    cJSON_Delete(list);
    return id;
}

int watch_job(struct cli *cli, const char *id)
{
    char run[32];
    double only = only_run(cli, id);
    if (only < 0)
        return EXIT_NO;
    (void)snprintf(run, sizeof run, "%.0f", only);
    return only > 0 ? follow(cli, true, run) : follow(cli, false, id);
}

int watch(struct cli *cli)
{
    return cli->flag[FLAG_RUN] ? follow(cli, true, cli->flag[FLAG_RUN]) : watch_job(cli, cli->argument[0]);
}
