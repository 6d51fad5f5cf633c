/* Verbs about jobs. */
#include "verbs.h"

#include <string.h>

static const char *const statuses[] = {"running", "queued", "paused", "succeeded", "failed", "cancelled"};

/* "12: 8 succeeded, 2 running, 2 queued"; the number alone when all of them are what the job is. */
static void put_counts(struct text *out, const cJSON *job)
{
    const cJSON *runs = json_member(job, "runs");
    double total = json_number(runs, "total");
    size_t listed = 0;
    text_printf(out, "%.0f", total);
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        double count = json_number(runs, statuses[i]);
        if (count > 0 && !(count >= total && !strcmp(statuses[i], json_text(job, "status"))))
            text_printf(out, "%s%.0f %s", listed++ ? ", " : ": ", count, statuses[i]);
    }
}

/* The order of a list, which its cursor belongs to. */
static void query_order(struct cli *cli)
{
    cli_query(cli, "order_by", cli->flag[FLAG_ORDER_BY]);
    cli_query(cli, "desc", cli->flag[FLAG_DESC] ? "true" : NULL);
}

static void put_order(struct text *verb, const struct cli *cli)
{
    if (cli->flag[FLAG_ORDER_BY])
        text_printf(verb, " --order-by %s", cli->flag[FLAG_ORDER_BY]);
    if (cli->flag[FLAG_DESC])
        text_puts(verb, " --desc");
}

/* ---- runs of a job ----------------------------------------------------------------------------------------------- */

static void runs_print(struct cli *cli, const cJSON *list)
{
    struct text out = {0}, verb = {0};
    runs_put(cli, &out, json_member(list, "data"));
    print_text(&out);
    text_printf(&verb, "runs %s", cli->argument[0]);
    put_order(&verb, cli);
    print_more(list, text_string(&verb));
    text_free(&out);
    text_free(&verb);
}

int jobs_runs(struct cli *cli)
{
    cli_path(cli, "/v1/jobs/", cli->argument[0], "/runs");
    cli_query(cli, "limit", cli->flag[FLAG_LIMIT]);
    cli_query(cli, "cursor", cli->flag[FLAG_CURSOR]);
    cli_query(cli, "status", cli->flag[FLAG_STATUS]);
    query_order(cli);
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

static void put_time_line(struct text *out, const char *name, const char *time)
{
    if (!*time)
        return;
    text_printf(out, "%-10s ", name);
    put_time(out, time);
    text_puts(out, " UTC\n");
}

void job_print(struct cli *cli, const cJSON *job)
{
    struct text out = {0};
    const cJSON *spec = json_member(job, "spec");
    put_line(&out, "job", json_member(job, "id"));
    put_line(&out, "name", json_member(job, "name"));
    text_puts(&out, "status     ");
    put_status(cli, &out, json_text(job, "status"));
    if (!json_true(job, "terminal"))
        text_printf(&out, ", %d %%", percent(json_number(job, "progress")));
    text_puts(&out, "\nruns       ");
    put_counts(&out, job);
    text_puts(&out, "\n");
    put_line(&out, "dataset", json_member(job, "dataset"));
    text_puts(&out, "target     ");
    put_names(&out, json_member(spec, "target"));
    text_puts(&out, "\n");
    put_line(&out, "task", json_member(spec, "task"));
    text_puts(&out, "hidden     ");
    put_layers(&out, json_member(json_member(spec, "network"), "hidden"));
    text_puts(&out, "\n");
    put_line(&out, "optimizer", json_member(json_member(spec, "optimizer"), "name"));
    put_line(&out, "batch_size", json_member(spec, "batch_size"));
    put_line(&out, "epochs", json_member(spec, "epochs"));
    put_line(&out, "seed", json_member(spec, "seed"));
    if (json_number(job, "folds") > 0)
        text_printf(&out, "folds      %.0f; over all of them: mlp folds %.0f\n", json_number(job, "folds"), json_number(job, "id"));
    put_time_line(&out, "created", json_text(job, "created_at"));
    put_time_line(&out, "started", json_text(job, "started_at"));
    put_time_line(&out, "finished", json_text(job, "finished_at"));
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
    static const char *const headings[] = {">JOB", "STATUS", ">DONE", "RUNS", "DATASET", "CREATED (UTC)", "NAME"};
    struct table *t = table_new(headings, 7);
    if (!t)
        return;
    const cJSON *job;
    cJSON_ArrayForEach(job, json_member(list, "data"))
    {
        struct text counts = {0};
        put_counts(&counts, job);
        table_value(t, json_member(job, "id"));
        table_status(cli, t, json_text(job, "status"));
        if (json_true(job, "terminal") && strcmp(json_text(job, "status"), "succeeded") != 0)
            table_cell(t, "-"); /* nothing more will come, and that is not all of it */
        else
            table_cellf(t, "%d %%", percent(json_number(job, "progress")));
        table_cell(t, text_string(&counts));
        table_cell(t, json_text(job, "dataset"));
        table_time(t, json_text(job, "created_at"));
        table_cell(t, json_text(job, "name"));
        text_free(&counts);
    }
    table_print(cli, t);
    table_free(t);
    struct text verb = {0};
    text_puts(&verb, "jobs");
    put_order(&verb, cli);
    print_more(list, text_string(&verb));
    text_free(&verb);
}

int jobs_list(struct cli *cli)
{
    cli_path(cli, "/v1/jobs", "", "");
    cli_query(cli, "status", cli->flag[FLAG_STATUS]);
    cli_query(cli, "name", cli->flag[FLAG_NAME]);
    cli_query(cli, "limit", cli->flag[FLAG_LIMIT]);
    cli_query(cli, "cursor", cli->flag[FLAG_CURSOR]);
    query_order(cli);
    return cli_answer(cli, "GET", jobs_print);
}

static void cancelled_print(struct cli *cli, const cJSON *job)
{
    job_print(cli, job);
    if (!json_true(job, "terminal"))
        printf("its running runs stop within a batch: mlp watch %.0f\n", json_number(job, "id"));
}

int jobs_cancel(struct cli *cli)
{
    cli_path(cli, "/v1/jobs/", cli->argument[0], "/cancel");
    return cli_answer(cli, "POST", cancelled_print);
}

static void paused_print(struct cli *cli, const cJSON *job)
{
    job_print(cli, job);
    if (!strcmp(json_text(job, "status"), "running"))
        printf("its running runs leave checkpoints and stop within a batch: mlp show %.0f\n", json_number(job, "id"));
}

int jobs_pause(struct cli *cli)
{
    cli_path(cli, "/v1/jobs/", cli->argument[0], "/pause");
    return cli_answer(cli, "POST", paused_print);
}

int jobs_resume(struct cli *cli)
{
    cli_path(cli, "/v1/jobs/", cli->argument[0], "/resume");
    return cli_answer(cli, "POST", job_print);
}

int jobs_rm(struct cli *cli)
{
    cli_path(cli, "/v1/jobs/", cli->argument[0], "");
    return cli_answer(cli, "DELETE", NULL);
}
