/* Verbs about runs. */
#include "verbs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void run_print(struct cli *cli, const cJSON *run)
{
    struct text point = {0};
    (void)cli;
    put_point(&point, run);
    if (point.size)
        printf("run %.0f is the point %s\n\n", json_number(run, "id"), text_string(&point));
    print_fields(run, "terminal hyperparameters");
    text_free(&point);
}

/* ---- by epoch ---------------------------------------------------------------------------------------------------- */

static void ask_epochs(struct cli *cli, const char *what)
{
    cli_path(cli, "/v1/runs/", cli->argument[0], what);
    cli_query(cli, "from", cli->flag[FLAG_FROM]);
    cli_query(cli, "to", cli->flag[FLAG_TO]);
    cli_query(cli, "points", cli->flag[FLAG_POINTS]);
}

#define COLUMNS_MAX 24

/* Every list of the object is a column; its name is broken at the first '_', which keeps the table narrow. */
static void epochs_print(struct cli *cli, const cJSON *epochs)
{
    const char *headings[COLUMNS_MAX];
    const cJSON *value[COLUMNS_MAX], *list;
    char buffer[COLUMNS_MAX][64];
    size_t columns = 0;
    cJSON_ArrayForEach(list, epochs)
    {
        if (!cJSON_IsArray(list) || !list->string || columns == COLUMNS_MAX)
            continue;
        (void)snprintf(buffer[columns], sizeof buffer[columns], ">%s", list->string);
        char *line = strchr(buffer[columns], '_');
        if (line)
            *line = '\n';
        headings[columns] = buffer[columns];
        value[columns++] = list->child;
    }
    struct table *t = columns ? table_new(headings, columns) : NULL;
    while (t && value[0])
        for (size_t c = 0; c < columns; c++) {
            table_figure(t, value[c]);
            value[c] = value[c] ? value[c]->next : NULL;
        }
    if (t)
        table_print(cli, t);
    table_free(t);
}

int runs_epochs(struct cli *cli)
{
    ask_epochs(cli, "/epochs");
    return cli_answer(cli, "GET", epochs_print);
}

static void layers_print(struct cli *cli, const cJSON *answer)
{
    static const char *const headings[] = {">epoch",        ">layer", ">gradient_norm",
                                           ">update_ratio", ">dead",  ">saturated"};
    static const char *const figures[] = {"gradient_norm", "update_ratio", "dead", "saturated"};
    struct table *t = table_new(headings, 6);
    const cJSON *epochs = json_member(answer, "epoch"), *epoch, *layer;
    int at = 0;
    if (!t)
        return;
    cJSON_ArrayForEach(epoch, epochs)
    {
        cJSON_ArrayForEach(layer, json_member(answer, "layers"))
        {
            table_value(t, epoch);
            table_value(t, json_member(layer, "layer"));
            for (size_t i = 0; i < 4; i++)
                table_figure(t, cJSON_GetArrayItem(json_member(layer, figures[i]), at));
        }
        at++;
    }
    table_print(cli, t);
    table_free(t);
}

int runs_layers(struct cli *cli)
{
    ask_epochs(cli, "/layers");
    return cli_answer(cli, "GET", layers_print);
}

/* ---- its model --------------------------------------------------------------------------------------------------- */

/* Into a file beside the wanted one, which takes its place when all of it is there. */
static int download(struct cli *cli, const char *path)
{
    struct text part = {0};
    struct client_reply reply = {0};
    int status = EXIT_NO;
    text_printf(&part, "%s.XXXXXX", path);
    int fd = part.failed ? -1 : mkstemp(part.data);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!file) {
        cli_complain("%s: %s", path, strerror(errno));
        if (fd >= 0)
            (void)close(fd);
    } else {
        struct client_request request = {.method = "GET", .download = file};
        bool fine = cli_call(cli, &request, &reply);
        bool closed = !fclose(file);
        if (fine && closed && !rename(part.data, path))
            status = EXIT_FINE;
        else if (fine)
            cli_complain("%s: %s", path, strerror(errno));
    }
    if (status && fd >= 0)
        (void)unlink(part.data);
    client_reply_free(&reply);
    text_free(&part);
    return status;
}

/* {"file":"run-1.model"} */
static void print_file(const char *path)
{
    cJSON *answer = cJSON_CreateObject();
    char *json = cJSON_AddStringToObject(answer, "file", path) ? cJSON_PrintUnformatted(answer) : NULL;
    if (json)
        puts(json);
    cJSON_free(json);
    cJSON_Delete(answer);
}

int runs_export(struct cli *cli)
{
    const char *output = cli->flag[FLAG_OUTPUT];
    struct text name = {0};
    int status = EXIT_NO;
    cli_path(cli, "/v1/runs/", cli->argument[0], "/model");
    if (output && !strcmp(output, "-")) {
        struct client_request request = {.method = "GET", .download = stdout};
        struct client_reply reply;
        status = cli_call(cli, &request, &reply) ? EXIT_FINE : EXIT_NO;
        client_reply_free(&reply);
        return status;
    }
    text_puts(&name, "run-");
    text_escape(&name, cli->argument[0]);
    text_puts(&name, ".model");
    output = output ? output : text_string(&name);
    status = download(cli, output);
    if (!status && cli->flag[FLAG_JSON])
        print_file(output);
    else if (!status)
        printf("%s\n", output);
    text_free(&name);
    return status;
}
