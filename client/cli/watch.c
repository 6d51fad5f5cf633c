/* mlp watch: long polls until the job or run is over. On a terminal a picture is drawn again in its place, elsewhere
 * one line is printed for a change. */
#include "verbs.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define WAIT_SECONDS 30
#define CURVE_ROWS 8
#define CURVE_POINTS "300"
#define FRAME_NS 100000000L /* at least between two pictures */
#define LINE_NS 1000000000L /* at least between two lines of a log */

struct watched {
    const char *kind; /* "job" or "run" */
    const char *id;
    char etag[128];
    size_t lines;   /* of the picture on the screen */
    double started; /* when the first progress was seen, and how much it was */
    double first_share;
    struct text last; /* the line printed last */
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the screen -------------------------------------------------------------------------------------------------- */

static void screen_size(size_t *ret_columns, size_t *ret_rows)
{
    struct winsize size = {0};
    bool known = !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col > 0 && size.ws_row > 0;
    *ret_columns = known ? size.ws_col : 80;
    *ret_rows = known ? size.ws_row : 24;
}

/* Adds a line, cut to so many columns, so that it never wraps; escape sequences take none. */
static void put_cut(struct text *out, const char *line, size_t length, size_t columns)
{
    size_t used = 0;
    for (size_t i = 0; i < length;) {
        size_t size = 1;
        if (line[i] == '\033') {
            while (i + size < length && line[i + size - 1] != 'm')
                size++;
        } else {
            while (i + size < length && ((unsigned char)line[i + size] & 0xc0) == 0x80)
                size++;
            if (used++ >= columns) {
                i += size;
                continue;
            }
        }
        text_add(out, line + i, size);
        i += size;
    }
    text_puts(out, "\n");
}

/* Puts the picture where the one before was. */
static void draw(struct watched *w, const struct text *frame, size_t columns, size_t rows)
{
    struct text out = {0};
    const char *at = text_string(frame);
    if (w->lines)
        text_printf(&out, "\033[%zuA", w->lines);
    text_puts(&out, "\r\033[J");
    for (w->lines = 0; *at && w->lines + 1 < rows; w->lines++) {
        size_t length = strcspn(at, "\n");
        put_cut(&out, at, length, columns - 1);
        at += length + (at[length] == '\n');
    }
    print_text(&out);
    fflush(stdout);
    text_free(&out);
}

/* ---- shared by jobs and runs ------------------------------------------------------------------------------------- */

/* Sums up the clock and the progress; NaN while nothing is known. */
static double seconds_left(struct watched *w, double share)
{
    double moment = now();
    if (!(w->started > 0) || share < w->first_share) {
        w->started = moment;
        w->first_share = share;
    }
    double done = share - w->first_share;
    return done > 0 && moment - w->started > 0.5 ? (1 - share) * (moment - w->started) / done : NAN;
}

static void put_bar_line(struct cli *cli, struct watched *w, struct text *out, double share, bool over, size_t columns)
{
    double left = over ? NAN : seconds_left(w, share);
    bar_draw(cli, out, share, columns > 60 ? columns - 32 : 30);
    text_printf(out, " %3d %%", percent(share));
    if (!isnan(left)) {
        text_puts(out, "  ");
        put_duration(out, left);
        text_puts(out, " left");
    }
    text_puts(out, "\n");
}

static void put_failure(struct text *out, const cJSON *run)
{
    const cJSON *failure = json_member(run, "failure");
    if (!cJSON_IsObject(failure))
        return;
    text_puts(out, ", ");
    json_put(out, json_member(failure, "code"));
    text_printf(out, " in epoch %.0f: ", json_number(failure, "epoch"));
    json_put(out, json_member(failure, "detail"));
}

static void put_metrics(struct text *out, const cJSON *metrics)
{
    const cJSON *metric;
    cJSON_ArrayForEach(metric, metrics)
    {
        if (!cJSON_IsNumber(metric))
            continue;
        text_puts(out, out->size ? "  " : "");
        text_clean(out, metric->string, strlen(metric->string), false);
        text_printf(out, " %.4g", metric->valuedouble);
    }
}

/* ---- one run ----------------------------------------------------------------------------------------------------- */

static double *numbers(const cJSON *list, size_t count)
{
    double *value = calloc(count, sizeof *value);
    const cJSON *item = list ? list->child : NULL;
    for (size_t i = 0; value && i < count; i++, item = item ? item->next : NULL)
        value[i] = item && cJSON_IsNumber(item) ? item->valuedouble : NAN;
    return value;
}

/* The curve of the epochs so far; none when they cannot be had, which the next poll will tell. */
static void put_curve(struct cli *cli, const struct watched *w, struct text *out, size_t columns, size_t rows)
{
    struct client_request request = {.method = "GET"};
    struct client_reply reply;
    cli_path(cli, "/v1/runs/", w->id, "/epochs?points=" CURVE_POINTS);
    request.path = text_string(&cli->path);
    cJSON *epochs = NULL;
    if (client_call(cli->client, &request, &reply) == CLIENT_OK)
        epochs = cJSON_ParseWithLength(text_string(&reply.body), reply.body.size);
    client_reply_free(&reply);
    const cJSON *epoch = json_member(epochs, "epoch");
    size_t count = (size_t)cJSON_GetArraySize(epoch);
    double *x = numbers(epoch, count), *loss = numbers(json_member(epochs, "train_loss"), count);
    double *valid = numbers(json_member(epochs, "valid_loss"), count);
    if (count > 1 && x && loss && valid)
        curve_draw(cli, out, &(struct curve){count, x, {loss, valid}}, columns, rows);
    free(x);
    free(loss);
    free(valid);
    cJSON_Delete(epochs);
}

static double run_share(const cJSON *run)
{
    double epochs = json_number(run, "epochs");
    return epochs > 0 ? json_number(run, "epoch") / epochs : 0;
}

static void put_legend(const struct cli *cli, struct text *out)
{
    if (cli->color && cli->unicode)
        text_puts(out, "          \033[36mtrain loss\033[0m  \033[33mvalid loss\033[0m  by epoch\n");
    else
        text_puts(out, "          t train loss  v valid loss  * both, by epoch\n");
}

static void draw_run(struct cli *cli, struct watched *w, const cJSON *run)
{
    struct text frame = {0}, metrics = {0}, curve = {0};
    size_t columns, rows;
    screen_size(&columns, &rows);
    text_printf(&frame, "run %s of job %.0f: ", w->id, json_number(run, "job"));
    put_status(cli, &frame, json_text(run, "status"));
    text_printf(&frame, ", epoch %.0f/%.0f", json_number(run, "epoch"), json_number(run, "epochs"));
    put_failure(&frame, run);
    text_puts(&frame, "\n");
    put_bar_line(cli, w, &frame, run_share(run), json_true(run, "terminal"), columns);
    put_metrics(&metrics, json_member(run, "metrics"));
    text_printf(&frame, "%s\n", text_string(&metrics));
    if (rows > 8)
        put_curve(cli, w, &curve, columns - 1, rows < CURVE_ROWS + 7 ? rows - 7 : CURVE_ROWS);
    if (curve.size) {
        text_puts(&frame, text_string(&curve));
        put_legend(cli, &frame);
    }
    draw(w, &frame, columns, rows);
    text_free(&frame);
    text_free(&metrics);
    text_free(&curve);
}

static void put_run_line(struct text *out, const cJSON *run)
{
    struct text metrics = {0};
    text_printf(out, "run %.0f: ", json_number(run, "id"));
    json_put(out, json_member(run, "status"));
    text_printf(out, ", epoch %.0f/%.0f", json_number(run, "epoch"), json_number(run, "epochs"));
    put_metrics(&metrics, json_member(run, "metrics"));
    text_printf(out, "%s%s", metrics.size ? ", " : "", text_string(&metrics));
    put_failure(out, run);
    text_free(&metrics);
}

/* ---- a job of several runs --------------------------------------------------------------------------------------- */

static void put_job_counts(const struct cli *cli, struct text *out, const cJSON *job)
{
    const cJSON *count;
    size_t listed = 0;
    cJSON_ArrayForEach(count, json_member(job, "runs"))
    {
        if (!count->string || !strcmp(count->string, "total") || !(count->valuedouble > 0))
            continue;
        text_printf(out, "%s%.0f ", listed++ ? ", " : "", count->valuedouble);
        put_status(cli, out, count->string);
    }
    text_printf(out, " of %.0f", json_number(json_member(job, "runs"), "total"));
}

/* "best run 5: valid_loss 0.1, optimizer/name adam"; nothing while no run has such a loss. */
static bool put_best_by(struct cli *cli, const struct watched *w, struct text *out, const char *loss)
{
    struct client_request request = {.method = "GET"};
    struct client_reply reply;
    struct text order = {0};
    bool found = false;
    text_printf(&order, "metrics.%s", loss);
    cli_path(cli, "/v1/jobs/", w->id, "/runs?limit=1");
    cli_query(cli, "order_by", text_string(&order));
    text_free(&order);
    request.path = text_string(&cli->path);
    cJSON *list = NULL;
    if (client_call(cli->client, &request, &reply) == CLIENT_OK)
        list = cJSON_ParseWithLength(text_string(&reply.body), reply.body.size);
    client_reply_free(&reply);
    const cJSON *data = json_member(list, "data"), *run = data ? data->child : NULL;
    double value = json_number(json_member(run, "metrics"), loss);
    if (!isnan(value)) {
        text_printf(out, "best run %.0f: %s %.4g, ", json_number(run, "id"), loss, value);
        put_hyperparameters(out, run); /* a job of several runs has some */
        found = true;
    }
    cJSON_Delete(list);
    return found;
}

static void put_best(struct cli *cli, const struct watched *w, struct text *out)
{
    if (!put_best_by(cli, w, out, "valid_loss"))
        (void)put_best_by(cli, w, out, "train_loss");
}

static void draw_job(struct cli *cli, struct watched *w, const cJSON *job)
{
    struct text frame = {0};
    size_t columns, rows;
    screen_size(&columns, &rows);
    text_printf(&frame, "job %s: ", w->id);
    put_status(cli, &frame, json_text(job, "status"));
    text_puts(&frame, "\n");
    put_bar_line(cli, w, &frame, json_number(job, "progress"), json_true(job, "terminal"), columns);
    put_job_counts(cli, &frame, job);
    text_puts(&frame, "\n");
    put_best(cli, w, &frame);
    text_puts(&frame, "\n");
    draw(w, &frame, columns, rows);
    text_free(&frame);
}

static void put_job_line(struct cli *cli, const struct watched *w, struct text *out, const cJSON *job)
{
    struct text best = {0};
    text_printf(out, "job %s: ", w->id);
    json_put(out, json_member(job, "status"));
    text_printf(out, " %d %%, ", percent(json_number(job, "progress")));
    put_job_counts(cli, out, job);
    put_best(cli, w, &best);
    text_printf(out, "%s%s", best.size ? ", " : "", text_string(&best));
    text_free(&best);
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static void show(struct cli *cli, struct watched *w, const struct client_reply *reply, const cJSON *resource)
{
    bool is_run = !strcmp(w->kind, "run");
    struct text line = {0};
    if (cli->flag[FLAG_JSON]) {
        cli_print_body(cli, reply);
    } else if (cli->terminal) {
        (is_run ? draw_run : draw_job)(cli, w, resource);
    } else {
        if (is_run)
            put_run_line(&line, resource);
        else
            put_job_line(cli, w, &line, resource);
        if (strcmp(text_string(&line), text_string(&w->last)) != 0)
            printf("%s\n", text_string(&line));
        text_clear(&w->last);
        text_puts(&w->last, text_string(&line));
    }
    fflush(stdout);
    text_free(&line);
}

static int say_goodbye(const struct cli *cli, const struct watched *w)
{
    if (cli->terminal)
        putchar('\n'); /* after the terminal's ^C */
    fflush(stdout);
    fprintf(stderr, "mlp: stopped watching; %s %s goes on. Watch it again with: mlp watch %s%s\n", w->kind, w->id,
            strcmp(w->kind, "run") ? "" : "--run ", w->id);
    return EXIT_INTERRUPTED;
}

/* One poll. Returns whether there is more to come. */
static bool poll_once(struct cli *cli, struct watched *w, int *ret_status)
{
    struct client_request request = {
        .method = "GET", .etag = w->etag, .wait_seconds = WAIT_SECONDS, .stop = &interrupted};
    struct client_reply reply;
    cJSON *resource = NULL;
    bool more = true;
    cli_path(cli, strcmp(w->kind, "run") ? "/v1/jobs/" : "/v1/runs/", w->id, *w->etag ? "?wait=30" : "");
    if (!cli_call(cli, &request, &reply)) {
        *ret_status = EXIT_NO;
        more = interrupted;
    } else if (reply.status != 304) {
        resource = cli_parse(&reply);
        more = resource && !json_true(resource, "terminal");
        *ret_status = resource && !strcmp(json_text(resource, "status"), "succeeded") ? EXIT_FINE : EXIT_NO;
        memcpy(w->etag, reply.etag, sizeof w->etag);
        if (resource)
            show(cli, w, &reply, resource);
    }
    cJSON_Delete(resource);
    client_reply_free(&reply);
    return more;
}

static int follow(struct cli *cli, const char *kind, const char *id)
{
    struct watched w = {.kind = kind, .id = id};
    struct sigaction action = {.sa_handler = on_interrupt};
    const struct timespec rest = {.tv_sec = cli->terminal ? 0 : LINE_NS / 1000000000L,
                                  .tv_nsec = cli->terminal ? FRAME_NS : 0};
    int status = EXIT_NO;
    bool more = true;
    sigaction(SIGINT, &action, NULL);
    while (!interrupted && (more = poll_once(cli, &w, &status)))
        nanosleep(&rest, NULL);
    text_free(&w.last);
    return more ? say_goodbye(cli, &w) : status;
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
    return only > 0 ? follow(cli, "run", run) : follow(cli, "job", id);
}

int watch(struct cli *cli)
{
    return cli->flag[FLAG_RUN] ? follow(cli, "run", cli->flag[FLAG_RUN]) : watch_job(cli, cli->argument[0]);
}
