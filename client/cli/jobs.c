/* Verbs about jobs. */
#include "verbs.h"

#include <string.h>

static const char *const statuses[] = {"running", "queued", "paused", "succeeded", "failed", "cancelled"};

static void put_counts(struct text *out, const cJSON *runs)
{
    text_printf(out, "%.0f", json_number(runs, "total"));
    size_t listed = 0;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (json_number(runs, statuses[i]) > 0)
            text_printf(out, "%s%.0f %s", listed++ ? ", " : ": ", json_number(runs, statuses[i]), statuses[i]);
}

/* ---- runs of a job ----------------------------------------------------------------------------------------------- */

void put_hyperparameters(struct text *out, const cJSON *run)
{
    const cJSON *value;
    size_t listed = 0;
    cJSON_ArrayForEach(value, json_member(run, "hyperparameters"))
    {
        if (!value->string)
            continue;
        const char *name = value->string + (value->string[0] == '/');
        text_puts(out, listed++ ? ", " : "");
        text_clean(out, name, strlen(name), false);
        text_puts(out, " ");
        json_put(out, value);
    }
}

static void run_row(struct table *t, const cJSON *run)
{
    struct text point = {0};
    const cJSON *metrics = json_member(run, "metrics");
    table_value(t, json_member(run, "id"));
    table_value(t, json_member(run, "number"));
    table_cell(t, json_text(run, "status"));
    table_cellf(t, "%.0f/%.0f", json_number(run, "epoch"), json_number(run, "epochs"));
    table_value(t, json_member(metrics, "train_loss"));
    table_value(t, json_member(metrics, "valid_loss"));
    put_hyperparameters(&point, run);
    table_cell(t, text_string(&point));
    text_free(&point);
}

static void runs_print(struct cli *cli, const cJSON *list)
{
    static const char *const headings[] = {">RUN",        ">NUMBER",     "STATUS", ">EPOCH",
                                           ">TRAIN LOSS", ">VALID LOSS", "POINT"};
    struct table *t = table_new(headings, 7);
    if (!t)
        return;
    const cJSON *run;
    cJSON_ArrayForEach(run, json_member(list, "data"))
    {
        run_row(t, run);
    }
    table_print(t);
    table_free(t);
    struct text more = {0};
    text_clean(&more, json_text(list, "next"), strlen(json_text(list, "next")), false);
    if (more.size)
        printf("more: mlp runs %s --cursor %s\n", cli->argument[0], text_string(&more));
    text_free(&more);
}

int jobs_runs(struct cli *cli)
{
    cli_path(cli, "/v1/jobs/", cli->argument[0], "/runs");
    cli_query(cli, "limit", cli->flag[FLAG_LIMIT]);
    cli_query(cli, "cursor", cli->flag[FLAG_CURSOR]);
    cli_query(cli, "status", cli->flag[FLAG_STATUS]);
    cli_query(cli, "order_by", cli->flag[FLAG_ORDER_BY]);
    cli_query(cli, "desc", cli->flag[FLAG_DESC] ? "true" : NULL);
    return cli_answer(cli, "GET", runs_print);
}

/* ---- one job ----------------------------------------------------------------------------------------------------- */

static void put_line(struct text *out, const char *name, const cJSON *value)
{
    if (!value || cJSON_IsNull(value))
        return;
    text_printf(out, "%-10s ", name);
    json_put(out, value);
    text_puts(out, "\n");
}

void job_print(struct cli *cli, const cJSON *job)
{
    struct text out = {0};
    put_line(&out, "job", json_member(job, "id"));
    put_line(&out, "name", json_member(job, "name"));
    text_puts(&out, "status     ");
    put_status(cli, &out, json_text(job, "status"));
    text_printf(&out, ", %d %%\nruns       ", percent(json_number(job, "progress")));
    put_counts(&out, json_member(job, "runs"));
    text_puts(&out, "\n");
    put_line(&out, "dataset", json_member(job, "dataset"));
    put_line(&out, "target", json_member(json_member(job, "spec"), "target"));
    put_line(&out, "task", json_member(json_member(job, "spec"), "task"));
    put_line(&out, "priority", json_member(job, "priority"));
    put_line(&out, "created", json_member(job, "created_at"));
    put_line(&out, "started", json_member(job, "started_at"));
    put_line(&out, "finished", json_member(job, "finished_at"));
    print_text(&out);
    text_free(&out);
}

int jobs_show(struct cli *cli)
{
    const char *run = cli->flag[FLAG_RUN];
    if (run) {
        cli_path(cli, "/v1/runs/", run, "");
        return cli_answer(cli, "GET", run_print);
    }
    cli_path(cli, "/v1/jobs/", cli->argument[0], "");
    int status = cli_answer(cli, "GET", job_print);
    if (status || cli->flag[FLAG_JSON])
        return status;
    putchar('\n');
    return jobs_runs(cli);
}

static void jobs_print(struct cli *cli, const cJSON *list)
{
    static const char *const headings[] = {">JOB", "STATUS", ">DONE", "RUNS", "DATASET", "NAME", "CREATED"};
    (void)cli;
    struct table *t = table_new(headings, 7);
    if (!t)
        return;
    const cJSON *job;
    cJSON_ArrayForEach(job, json_member(list, "data"))
    {
        struct text counts = {0};
        put_counts(&counts, json_member(job, "runs"));
        table_value(t, json_member(job, "id"));
        table_cell(t, json_text(job, "status"));
        table_cellf(t, "%d %%", percent(json_number(job, "progress")));
        table_cell(t, text_string(&counts));
        table_cell(t, json_text(job, "dataset"));
        table_cell(t, json_text(job, "name"));
        table_cell(t, json_text(job, "created_at"));
        text_free(&counts);
    }
    table_print(t);
    table_free(t);
    struct text more = {0};
    text_clean(&more, json_text(list, "next"), strlen(json_text(list, "next")), false);
    if (more.size)
        printf("more: mlp jobs --cursor %s\n", text_string(&more));
    text_free(&more);
}

int jobs_list(struct cli *cli)
{
    cli_path(cli, "/v1/jobs", "", "");
    cli_query(cli, "status", cli->flag[FLAG_STATUS]);
    cli_query(cli, "name", cli->flag[FLAG_NAME]);
    cli_query(cli, "limit", cli->flag[FLAG_LIMIT]);
    cli_query(cli, "cursor", cli->flag[FLAG_CURSOR]);
    return cli_answer(cli, "GET", jobs_print);
}

static int command(struct cli *cli, const char *what)
{
    cli_path(cli, "/v1/jobs/", cli->argument[0], what);
    return cli_answer(cli, "POST", job_print);
}

int jobs_cancel(struct cli *cli)
{
    return command(cli, "/cancel");
}

int jobs_pause(struct cli *cli)
{
    return command(cli, "/pause");
}

int jobs_resume(struct cli *cli)
{
    return command(cli, "/resume");
}

int jobs_rm(struct cli *cli)
{
    cli_path(cli, "/v1/jobs/", cli->argument[0], "");
    return cli_answer(cli, "DELETE", NULL);
}
