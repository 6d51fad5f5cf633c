/* mlp train, mlp schema. */
#include "verbs.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define JOB_MAX_BYTES ((size_t)16 << 20)

/* Reads a file, or the standard input for "-". */
static bool read_file(const char *path, struct text *out)
{
    char piece[16384];
    size_t got;
    FILE *file = strcmp(path, "-") ? fopen(path, "rb") : stdin;
    if (!file) {
        cli_complain("%s: %s", path, strerror(errno));
        return false;
    }
    while (out->size <= JOB_MAX_BYTES && !out->failed && (got = fread(piece, 1, sizeof piece, file)) > 0)
        text_add(out, piece, got);
    bool fine = !ferror(file) && !out->failed && out->size <= JOB_MAX_BYTES;
    if (!fine)
        cli_complain("%s: %s", path, ferror(file) ? strerror(errno) : "too large for a job");
    if (file != stdin)
        (void)fclose(file);
    return fine;
}

static void put_bytes(struct text *out, double bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    for (; bytes >= 1024 && unit < 4; unit++)
        bytes /= 1024;
    text_printf(out, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

/* A table of the points, when there are several. */
static void print_points(struct cli *cli, const cJSON *plan)
{
    static const char *const headings[] = {">RUN"};
    const cJSON *points = json_member(plan, "points"), *point;
    double runs = json_number(plan, "runs");
    struct table *t = NULL;
    int number = 0;
    cJSON *run = cJSON_CreateObject(); /* as far as the table of points looks at one */
    cJSON_ArrayForEach(point, points)
    {
        cJSON_DeleteItemFromObject(run, "hyperparameters");
        (void)cJSON_AddItemReferenceToObject(run, "hyperparameters", (cJSON *)(uintptr_t)point);
        t = t ? t : points_table(headings, 1, run);
        if (!t)
            break;
        table_cellf(t, "%d", ++number);
        points_cells(t, run, run);
    }
    if (t && runs > 1) {
        table_print(cli, t);
        if (runs > number)
            printf("and %.0f more\n", runs - number);
        putchar('\n');
    }
    table_free(t);
    cJSON_Delete(run);
}

static void print_plan(struct cli *cli, const cJSON *plan)
{
    struct text line = {0};
    text_printf(&line, "nothing is stored: %.0f %s, %.0f parameters each, ", json_number(plan, "runs"),
                json_number(plan, "runs") == 1 ? "run" : "runs", json_number(plan, "parameters"));
    put_bytes(&line, json_number(plan, "memory_bytes"));
    text_puts(&line, " of memory a run, task ");
    json_put(&line, json_member(plan, "task"));
    if (!isnan(json_number(plan, "seconds"))) {
        text_puts(&line, ", about ");
        put_duration(&line, json_number(plan, "seconds"));
    }
    text_puts(&line, "\n\n");
    print_text(&line);
    text_free(&line);
    print_points(cli, plan);
    print_fields(json_member(plan, "job"), "");
}

static void print_started(struct cli *cli, const cJSON *job)
{
    double id = json_number(job, "id"), runs = json_number(json_member(job, "runs"), "total");
    printf("job %.0f: %.0f %s\n", id, runs, runs == 1 ? "run" : "runs");
    if (!cli->flag[FLAG_WATCH])
        printf("follow it with: mlp watch %.0f\n", id);
}

static int go_on(struct cli *cli, const struct client_reply *reply)
{
    char id[32];
    cJSON *answer = cli_parse(reply);
    if (!answer)
        return EXIT_NO;
    if (cli->flag[FLAG_JSON])
        cli_print_body(cli, reply);
    else if (cli->flag[FLAG_DRY_RUN])
        print_plan(cli, answer);
    else
        print_started(cli, answer);
    (void)snprintf(id, sizeof id, "%.0f", json_number(answer, "id"));
    cJSON_Delete(answer);
    return cli->flag[FLAG_WATCH] && !cli->flag[FLAG_DRY_RUN] ? watch_job(cli, id) : EXIT_FINE;
}

int train(struct cli *cli)
{
    struct text body = {0};
    struct client_reply reply = {0};
    int status = EXIT_NO;
    cli_path(cli, "/v1/jobs", "", "");
    cli_query(cli, "dry_run", cli->flag[FLAG_DRY_RUN] ? "true" : NULL);
    if (read_file(cli->argument[0], &body)) {
        struct client_request request = {
            .method = "POST", .content_type = "application/json", .body = text_string(&body), .size = body.size};
        if (cli_call(cli, &request, &reply))
            status = go_on(cli, &reply);
    }
    client_reply_free(&reply);
    text_free(&body);
    return status;
}

int schema(struct cli *cli)
{
    cli_path(cli, "/v1/schema", "", "");
    return cli_answer(cli, "GET", NULL);
}
