/* mlp compare: how many epochs each run of a job needed to reach a loss. */
#include "compare.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void comparison_free(struct comparison *c)
{
    for (size_t i = 0; i < c->count; i++)
        cJSON_Delete(c->entry[i].run);
    free(c->entry);
}

static int by_need(const void *one, const void *other)
{
    const struct entry *a = one, *b = other;
    if (a->epoch < b->epoch || a->epoch > b->epoch)
        return a->epoch < b->epoch ? -1 : 1;
    if (a->last < b->last || a->last > b->last)
        return a->last < b->last ? -1 : 1;
    double x = json_number(a->run, "number"), y = json_number(b->run, "number");
    return (x > y) - (x < y);
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

/* Takes the run over. */
static bool add_run(struct comparison *c, cJSON *run)
{
    if (c->count == c->capacity) {
        size_t capacity = 2 * c->capacity + 64;
        struct entry *entry = realloc(c->entry, capacity * sizeof *entry);
        if (!entry) {
            cli_complain("out of memory");
            cJSON_Delete(run);
            return false;
        }
        c->entry = entry;
        c->capacity = capacity;
    }
    double last = json_number(json_member(run, "metrics"), c->metric);
    c->entry[c->count++] = (struct entry){.run = run, .epoch = INFINITY, .last = isnan(last) ? INFINITY : last};
    return true;
}

static bool read_runs(struct cli *cli, struct comparison *c)
{
    struct text cursor = {0};
    bool more = true;
    while (more) {
        cli_path(cli, "/v1/jobs/", cli->argument[0], "/runs?limit=200");
        cli_query(cli, "cursor", cursor.size ? text_string(&cursor) : NULL);
        cJSON *page = cli_get(cli), *run;
        cJSON *data = cJSON_GetObjectItemCaseSensitive(page, "data");
        more = page;
        while (more && (run = cJSON_DetachItemFromArray(data, 0)))
            more = add_run(c, run);
        if (!more) {
            cJSON_Delete(page);
            text_free(&cursor);
            return false;
        }
        text_clear(&cursor);
        text_puts(&cursor, json_text(page, "next"));
        cJSON_Delete(page);
        more = cursor.size;
    }
    text_free(&cursor);
    return true;
}

/* Thinning could drop the epoch that is looked for, so all of them are read. */
static bool read_need(struct cli *cli, const struct comparison *c, struct entry *entry)
{
    char id[32];
    (void)snprintf(id, sizeof id, "%.0f", json_number(entry->run, "id"));
    cli_path(cli, "/v1/runs/", id, "/epochs");
    cJSON *epochs = cli_get(cli);
    if (!epochs)
        return false;
    const cJSON *epoch = json_member(epochs, "epoch"), *loss = json_member(epochs, c->metric);
    epoch = epoch ? epoch->child : NULL;
    loss = loss ? loss->child : NULL;
    for (; epoch && loss; epoch = epoch->next, loss = loss->next)
        if (cJSON_IsNumber(loss) && loss->valuedouble <= c->loss) {
            entry->epoch = epoch->valuedouble;
            break;
        }
    cJSON_Delete(epochs);
    return true;
}

/* ---- showing ----------------------------------------------------------------------------------------------------- */

void need_cell(struct table *t, const struct entry *e)
{
    const char *status = json_text(e->run, "status"), *failure = json_text(json_member(e->run, "failure"), "code");
    if (isfinite(e->epoch))
        table_cellf(t, "%.0f", e->epoch);
    else
        table_cell(t, *failure ? failure : !strcmp(status, "succeeded") ? "-" : status);
}

static void print_table(struct cli *cli, const struct comparison *c)
{
    char need[64];
    const char *const headings[] = {need, ">OF", ">TRAIN\nLOSS", ">VALID\nLOSS", ">RUN", "STATUS"};
    (void)snprintf(need, sizeof need, ">EPOCHS\nTO %.6g", c->loss);
    const cJSON *first = c->count ? c->entry[0].run : NULL;
    struct table *t = points_table(headings, 6, first);
    for (size_t i = 0; t && i < c->count; i++) {
        const cJSON *run = c->entry[i].run, *metrics = json_member(run, "metrics");
        need_cell(t, &c->entry[i]);
        table_value(t, json_member(run, "epochs"));
        table_figure(t, json_member(metrics, "train_loss"));
        table_figure(t, json_member(metrics, "valid_loss"));
        table_value(t, json_member(run, "id"));
        run_status_cell(cli, t, run);
        points_cells(t, first, run);
    }
    if (t)
        table_print(cli, t);
    table_free(t);
}

/* What successive halving, or another reason to stop, has saved. */
static void print_saved(const struct comparison *c)
{
    double epochs = 0, trained = 0;
    size_t stopped = 0;
    for (size_t i = 0; i < c->count; i++) {
        const cJSON *run = c->entry[i].run;
        stopped += *json_text(run, "stopped_by") != '\0';
        epochs += json_number(run, "epochs");
        trained += json_number(run, "epoch");
    }
    if (stopped)
        printf("\n%zu of %zu runs were stopped before their last epoch: %.0f of %.0f epochs were trained\n", stopped,
               c->count, trained, epochs);
}

static cJSON *entry_json(const struct comparison *c, const struct entry *e)
{
    static const char *const copied[] = {"id", "number", "status", "hyperparameters", "epoch", "epochs", "stopped_by", "metrics"};
    cJSON *row = cJSON_CreateObject();
    if (isfinite(e->epoch))
        cJSON_AddNumberToObject(row, "epochs_needed", e->epoch);
    else
        cJSON_AddNullToObject(row, "epochs_needed");
    cJSON_AddNumberToObject(row, "loss", c->loss);
    cJSON_AddStringToObject(row, "metric", c->metric);
    for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++)
        cJSON_AddItemToObject(row, copied[i], cJSON_Duplicate(json_member(e->run, copied[i]), true));
    return row;
}

/* The one answer that no request has: a list of the runs with "epochs_needed". */
static int print_json(const struct comparison *c)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; list && i < c->count; i++)
        cJSON_AddItemToArray(list, entry_json(c, &c->entry[i]));
    char *json = list ? cJSON_PrintUnformatted(list) : NULL;
    cJSON_Delete(list);
    if (!json) {
        cli_complain("out of memory");
        return EXIT_NO;
    }
    puts(json);
    cJSON_free(json);
    return EXIT_FINE;
}

static int read_flags(const struct cli *cli, struct comparison *c)
{
    const char *loss = cli->flag[FLAG_LOSS], *metric = cli->flag[FLAG_METRIC];
    char *end = NULL;
    if (!loss) {
        cli_complain("compare needs --loss LOSS");
        return EXIT_USAGE;
    }
    c->loss = strtod(loss, &end);
    if (end == loss || *end || !isfinite(c->loss)) {
        cli_complain("--loss must be a number, got \"%s\"", loss);
        return EXIT_USAGE;
    }
    c->metric = metric ? metric : "train_loss";
    if (strcmp(c->metric, "train_loss") != 0 && strcmp(c->metric, "valid_loss") != 0) {
        cli_complain("--metric must be train_loss or valid_loss, got \"%s\"", metric);
        return EXIT_USAGE;
    }
    return EXIT_FINE;
}

int jobs_compare(struct cli *cli)
{
    struct comparison c = {0};
    int status = read_flags(cli, &c);
    if (status)
        return status;
    bool fine = read_runs(cli, &c);
    for (size_t i = 0; fine && i < c.count; i++)
        fine = read_need(cli, &c, &c.entry[i]);
    if (fine && !cli->flag[FLAG_JSON])
        cross_print(cli, &c); /* while they are in the order of the grid */
    if (fine && c.count)
        qsort(c.entry, c.count, sizeof *c.entry, by_need);
    if (!fine)
        status = EXIT_NO;
    else if (cli->flag[FLAG_JSON])
        status = print_json(&c);
    else
        print_table(cli, &c);
    if (!status && !cli->flag[FLAG_JSON])
        print_saved(&c);
    comparison_free(&c);
    return status;
}
