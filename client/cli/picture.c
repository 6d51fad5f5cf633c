/* What mlp watch shows of a run (its progress, its figures and its losses as a curve) or of a job of several runs (how
 * many are done, the best so far, a table of them), as lines for the terminal and as one line for a log. */
#include "verbs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CURVE_ROWS_MAX 15
#define RUNS_MIN       20 /* shown when all is over, even if the picture is then taller than the screen */

/* ---- shared by jobs and runs ------------------------------------------------------------------------------------- */

static const cJSON *resource(const struct picture *p)
{
    return p->run ? p->run : p->job;
}

static bool is_over(const struct picture *p)
{
    return json_true(resource(p), "terminal");
}

double picture_share(const struct picture *p)
{
    if (p->job)
        return json_number(p->job, "progress");
    double epochs = json_number(p->run, "epochs");
    return epochs > 0 ? json_number(p->run, "epoch") / epochs : 0;
}

/* Seconds since 1970 of an RFC 3339 time in UTC; NaN when it is none. */
static double moment(const char *time)
{
    struct tm t = {0};
    const char *rest = strptime(time, "%Y-%m-%dT%H:%M:%S", &t);
    return rest ? (double)timegm(&t) + (*rest == '.' ? strtod(rest, NULL) : 0) : NAN;
}

/* How long it took, by the daemon's clock; NaN when it never started. */
static double seconds_taken(const struct picture *p)
{
    const cJSON *times = p->run ? json_member(p->run, "timings") : p->job;
    return moment(json_text(times, "finished_at")) - moment(json_text(times, "started_at"));
}

static void put_bar_line(const struct picture *p, struct text *out)
{
    size_t bar = p->columns < 60 ? p->columns / 2 : p->columns < 130 ? p->columns - 28 : 102;
    double share = picture_share(p), seconds = is_over(p) ? seconds_taken(p) : p->left;
    bar_draw(p->cli, out, share, bar);
    text_printf(out, " %3d %%", percent(share));
    if (!isnan(seconds)) {
        text_puts(out, is_over(p) ? "  in " : "  ");
        put_duration(out, seconds);
        text_puts(out, is_over(p) ? "" : " left");
    }
    text_puts(out, "\n");
}

/* Adds foreign text as lines of so many columns, broken between words. */
static void put_wrapped(struct text *out, const char *string, size_t columns)
{
    struct text clean = {0};
    size_t used = 0;
    text_clean(&clean, string, strlen(string), false);
    for (const char *at = text_string(&clean); *at;) {
        size_t length = strcspn(at, " ");
        struct text word = {0};
        text_add(&word, at, length);
        size_t wide = text_columns(text_string(&word));
        if (used && used + 1 + wide > columns) {
            text_puts(out, "\n");
            used = 0;
        }
        text_printf(out, "%s%s", used ? " " : "", text_string(&word));
        used += (used ? 1 : 0) + wide;
        text_free(&word);
        at += length + strspn(at + length, " ");
    }
    text_puts(out, "\n");
    text_free(&clean);
}

/* "first steps: species of penguins by 16 relu; momentum, learning_rate 0.05, batch_size 32" */
static void put_training(const struct picture *p, struct text *lines)
{
    const cJSON *spec = json_member(resource(p), "spec"), *optimizer = json_member(spec, "optimizer");
    const char *name = json_text(spec, "name");
    struct text line = {0}, *out = &line;
    text_printf(out, "%s%s", name, *name ? ": " : "");
    put_names(out, json_member(spec, "target"));
    text_puts(out, " of ");
    json_put(out, json_member(spec, "dataset"));
    text_puts(out, " by ");
    put_layers(out, json_member(json_member(spec, "network"), "hidden"));
    text_puts(out, "; ");
    json_put(out, json_member(optimizer, "name"));
    if (p->run && json_member(optimizer, "momentum"))
        text_printf(out, " %.6g", json_number(optimizer, "momentum"));
    if (p->run) {
        text_puts(out, ", learning_rate ");
        json_put(out, json_member(optimizer, "learning_rate"));
        text_puts(out, ", batch_size ");
        json_put(out, json_member(spec, "batch_size"));
    }
    put_wrapped(lines, text_string(out), p->columns);
    text_free(&line);
}

/* Why a run failed; nothing when it did not. The detail says it all unless it leaves the code out. */
static void put_failure(struct text *out, const cJSON *run)
{
    const cJSON *failure = json_member(run, "failure");
    const char *code = json_text(failure, "code"), *detail = json_text(failure, "detail");
    if (!cJSON_IsObject(failure))
        return;
    if (strncmp(detail, code, strlen(code)) != 0)
        text_printf(out, "%s in epoch %.0f: ", code, json_number(failure, "epoch"));
    text_puts(out, detail);
}

/* ---- one run ----------------------------------------------------------------------------------------------------- */

static const char *color_of(const char *metric)
{
    return !strcmp(metric, "train_loss") ? COLOR_TRAIN : !strcmp(metric, "valid_loss") ? COLOR_VALID : NULL;
}

/* Adds an item behind the ones before, on a line of its own when that one is full. */
static void put_item(struct text *out, size_t *used, const struct text *item, size_t columns)
{
    size_t wide = text_columns(text_string(item));
    bool fits = *used + 2 + wide <= columns;
    if (*used)
        text_puts(out, fits ? "  " : "\n");
    *used = *used && fits ? *used + 2 + wide : wide;
    text_puts(out, text_string(item));
}

/* "(least 0.1 in epoch 12)" when a loss was smaller than the last one, and its epoch is among those at hand. */
static void put_least(const struct picture *p, struct text *out, size_t *used, size_t columns)
{
    double best = json_number(json_member(p->run, "metrics"), "best_epoch");
    const cJSON *epoch = json_member(p->detail, "epoch"), *loss = json_member(p->detail, "valid_loss");
    struct text item = {0};
    if (!(best < json_number(p->run, "epoch")) || !cJSON_IsArray(epoch) || !cJSON_IsArray(loss))
        return;
    for (epoch = epoch->child, loss = loss->child; epoch && loss; epoch = epoch->next, loss = loss->next)
        if (epoch->valuedouble == best && cJSON_IsNumber(loss))
            text_printf(&item, "(least %.4g in epoch %.0f)", loss->valuedouble, best);
    if (item.size)
        put_item(out, used, &item, columns);
    text_free(&item);
}

/* "train_loss 0.1  valid_loss 0.2 ..." as lines of so many columns. */
static void put_metrics(const struct picture *p, const struct cli *cli, struct text *out, size_t columns)
{
    const cJSON *metric;
    size_t used = 0;
    cJSON_ArrayForEach(metric, json_member(p->run, "metrics"))
    {
        struct text item = {0};
        if (!cJSON_IsNumber(metric) || !metric->string || (p->detail && !strcmp(metric->string, "best_epoch")))
            continue;
        if (color_of(metric->string))
            put_colored(cli, &item, color_of(metric->string), metric->string);
        else
            text_clean(&item, metric->string, strlen(metric->string), false);
        text_puts(&item, " ");
        put_figure(&item, metric);
        put_item(out, &used, &item, columns);
        if (!strcmp(metric->string, "valid_loss"))
            put_least(p, out, &used, columns);
        text_free(&item);
    }
}

static double *numbers(const cJSON *list, size_t count)
{
    double *value = calloc(count + 1, sizeof *value);
    const cJSON *item = list ? list->child : NULL;
    for (size_t i = 0; value && i < count; i++, item = item ? item->next : NULL)
        value[i] = item && cJSON_IsNumber(item) ? item->valuedouble : NAN;
    return value;
}

static void put_curve(const struct picture *p, struct text *out, size_t rows)
{
    const cJSON *epoch = json_member(p->detail, "epoch");
    size_t count = (size_t)cJSON_GetArraySize(epoch);
    double *x = numbers(epoch, count), *loss = numbers(json_member(p->detail, "train_loss"), count);
    double *valid = numbers(json_member(p->detail, "valid_loss"), count);
    if (count > 1 && x && loss && valid)
        curve_draw(p->cli, out, &(struct curve){count, x, {loss, valid}}, p->columns, rows);
    free(x);
    free(loss);
    free(valid);
}

static size_t lines_of(const struct text *text)
{
    size_t lines = 0;
    for (const char *at = text_string(text); (at = strchr(at, '\n')); at++)
        lines++;
    return lines;
}

/* Why a run that succeeded did not come to its last epoch. */
static void put_stopped(struct text *out, const cJSON *run)
{
    const char *why = json_text(run, "stopped_by");
    text_puts(out, *why ? ", stopped by " : "");
    text_clean(out, why, strlen(why), false);
}

static void put_run(const struct picture *p, struct text *out)
{
    struct text metrics = {0}, failure = {0};
    text_printf(out, "run %.0f of job %.0f: ", json_number(p->run, "id"), json_number(p->run, "job"));
    put_status(p->cli, out, json_text(p->run, "status"));
    text_printf(out, ", epoch %.0f of %.0f", json_number(p->run, "epoch"), json_number(p->run, "epochs"));
    put_stopped(out, p->run);
    text_puts(out, "\n");
    put_training(p, out);
    put_bar_line(p, out);
    put_failure(&failure, p->run);
    if (failure.size)
        put_wrapped(out, text_string(&failure), p->columns);
    put_metrics(p, p->cli, &metrics, p->columns);
    if (metrics.size)
        text_printf(out, "%s\n", text_string(&metrics));
    size_t used = lines_of(out) + 3, rows = p->rows > used ? p->rows - used : 0;
    size_t most = p->rows / 2 < CURVE_ROWS_MAX ? p->rows / 2 : CURVE_ROWS_MAX;
    rows = rows < most ? rows : most;
    if (rows > 2)
        put_curve(p, out, rows - (rows % 2 == 0)); /* an odd number has a middle */
    text_free(&metrics);
    text_free(&failure);
}

static void put_run_line(struct text *out, const struct picture *p)
{
    static const struct cli plain;
    struct text metrics = {0}, failure = {0};
    text_printf(out, "run %.0f: ", json_number(p->run, "id"));
    put_status(&plain, out, json_text(p->run, "status"));
    text_printf(out, ", epoch %.0f/%.0f", json_number(p->run, "epoch"), json_number(p->run, "epochs"));
    put_stopped(out, p->run);
    put_metrics(p, &plain, &metrics, SIZE_MAX / 2);
    put_failure(&failure, p->run);
    text_printf(out, "%s%s", metrics.size ? ", " : "", text_string(&metrics));
    text_puts(out, failure.size ? ", " : "");
    text_clean(out, text_string(&failure), failure.size, false);
    text_free(&metrics);
    text_free(&failure);
}

/* ---- a job of several runs --------------------------------------------------------------------------------------- */

const char *job_loss(const cJSON *job)
{
    const cJSON *validation = json_member(json_member(job, "spec"), "validation");
    bool none = json_member(validation, "fraction") && json_number(validation, "fraction") <= 0;
    return none && !json_member(json_member(json_member(job, "spec"), "grid"), "/validation/fraction") ? "train_loss"
                                                                                                       : "valid_loss";
}

/* "7 of 12 runs are over: 6 succeeded, 1 failed; 2 running, 3 queued" */
static void put_counts(const struct cli *cli, struct text *out, const cJSON *job)
{
    static const char *const statuses[] = {"succeeded", "failed", "cancelled", "running", "paused", "queued"};
    const cJSON *runs = json_member(job, "runs");
    double over = 0;
    size_t listed = 0;
    for (size_t i = 0; i < 3; i++)
        over += json_number(runs, statuses[i]) > 0 ? json_number(runs, statuses[i]) : 0;
    text_printf(out, "%.0f of %.0f runs done", over, json_number(runs, "total"));
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (!(json_number(runs, statuses[i]) > 0))
            continue;
        text_printf(out, "%s%.0f ", listed++ ? ", " : ": ", json_number(runs, statuses[i]));
        put_status(cli, out, statuses[i]);
    }
}

/* "best run 5: valid_loss 0.1, momentum 0.9"; nothing while no run has a loss. */
static void put_best(const struct picture *p, struct text *out)
{
    const cJSON *runs = json_member(p->detail, "data"), *best = runs ? runs->child : NULL;
    double loss = json_number(json_member(best, "metrics"), job_loss(p->job));
    if (isnan(loss))
        return;
    text_printf(out, "best %srun %.0f: %s %.4g", is_over(p) ? "" : "so far ", json_number(best, "id"), job_loss(p->job),
                loss);
    text_puts(out, ", ");
    put_point(out, best);
}

static void put_job(const struct picture *p, struct text *out)
{
    struct text best = {0}, table = {0};
    text_printf(out, "job %.0f: ", json_number(p->job, "id"));
    put_status(p->cli, out, json_text(p->job, "status"));
    text_puts(out, "\n");
    put_training(p, out);
    put_bar_line(p, out);
    put_counts(p->cli, out, p->job);
    put_best(p, &best);
    text_puts(out, "\n");
    put_wrapped(out, text_string(&best), p->columns);
    text_puts(out, "\n");
    runs_put(p->cli, &table, json_member(p->detail, "data"));
    size_t used = lines_of(out) + 2, room = p->rows > used ? p->rows - used : 0, lines = lines_of(&table), shown;
    size_t wanted = is_over(p) && room < RUNS_MIN ? RUNS_MIN : room;
    const char *at = text_string(&table);
    for (shown = 0; *at && (shown < wanted || lines <= wanted); shown++)
        at += strcspn(at, "\n") + 1;
    text_add(out, text_string(&table), (size_t)(at - text_string(&table)));
    double hidden = json_number(json_member(p->job, "runs"), "total") - (shown > 2 ? (double)shown - 2 : 0);
    if (hidden > 0 && table.size)
        text_printf(out, "and %.0f more: mlp runs %.0f --order-by metrics.%s\n", hidden, json_number(p->job, "id"),
                    job_loss(p->job));
    text_free(&best);
    text_free(&table);
}

static void put_job_line(struct text *out, const struct picture *p)
{
    static const struct cli plain;
    struct text best = {0};
    text_printf(out, "job %.0f: ", json_number(p->job, "id"));
    put_status(&plain, out, json_text(p->job, "status"));
    text_printf(out, " %d %%, ", percent(picture_share(p)));
    put_counts(&plain, out, p->job);
    put_best(p, &best);
    text_printf(out, "%s%s", best.size ? ", " : "", text_string(&best));
    text_free(&best);
}

/* ---- either ------------------------------------------------------------------------------------------------------ */

void picture_put(struct text *out, const struct picture *p)
{
    if (p->run)
        put_run(p, out);
    else
        put_job(p, out);
    if (*p->note)
        put_wrapped(out, p->note, p->columns);
}

void picture_line(struct text *out, const struct picture *p)
{
    if (p->run)
        put_run_line(out, p);
    else
        put_job_line(out, p);
}
