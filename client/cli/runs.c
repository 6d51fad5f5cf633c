/* Verbs about runs. */
#include "verbs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void run_print(struct cli *cli, const cJSON *run)
{
    (void)cli;
    print_fields(run, "");
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

/* Every list of the object is a column. */
static void epochs_print(struct cli *cli, const cJSON *epochs)
{
    const char *headings[COLUMNS_MAX];
    const cJSON *value[COLUMNS_MAX], *list;
    char buffer[COLUMNS_MAX][64];
    size_t columns = 0;
    (void)cli;
    cJSON_ArrayForEach(list, epochs)
    {
        if (!cJSON_IsArray(list) || !list->string || columns == COLUMNS_MAX)
            continue;
        struct text name = {0};
        text_clean(&name, list->string, strlen(list->string), false);
        (void)snprintf(buffer[columns], sizeof buffer[columns], ">%s", text_string(&name));
        text_free(&name);
        headings[columns] = buffer[columns];
        value[columns++] = list->child;
    }
    struct table *t = columns ? table_new(headings, columns) : NULL;
    while (t && value[0])
        for (size_t c = 0; c < columns; c++) {
            table_value(t, value[c]);
            value[c] = value[c] ? value[c]->next : NULL;
        }
    if (t)
        table_print(t);
    table_free(t);
}

int runs_epochs(struct cli *cli)
{
    ask_epochs(cli, "/epochs");
    return cli_answer(cli, "GET", epochs_print);
}

static void layers_print(struct cli *cli, const cJSON *answer)
{
    static const char *const headings[] = {">EPOCH",        ">LAYER", ">GRADIENT NORM",
                                           ">UPDATE RATIO", ">DEAD",  ">SATURATED"};
    static const char *const figures[] = {"gradient_norm", "update_ratio", "dead", "saturated"};
    (void)cli;
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
                table_value(t, cJSON_GetArrayItem(json_member(layer, figures[i]), at));
        }
        at++;
    }
    table_print(t);
    table_free(t);
}

int runs_layers(struct cli *cli)
{
    ask_epochs(cli, "/layers");
    return cli_answer(cli, "GET", layers_print);
}

/* ---- evaluation -------------------------------------------------------------------------------------------------- */

static void evaluation_print(struct cli *cli, const cJSON *evaluation)
{
    (void)cli;
    print_fields(evaluation, "");
}

int runs_evaluate(struct cli *cli)
{
    cli_path(cli, "/v1/runs/", cli->argument[0], "/evaluation");
    return cli_answer(cli, "GET", evaluation_print);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static bool ends_in(const char *string, const char *end)
{
    size_t length = strlen(string), tail = strlen(end);
    return length >= tail && !strcmp(string + length - tail, end);
}

int runs_predict(struct cli *cli)
{
    const char *path = cli->argument[1];
    FILE *file = strcmp(path, "-") ? fopen(path, "rb") : stdin;
    struct client_reply reply;
    if (!file) {
        cli_complain("%s: %s", path, strerror(errno));
        return EXIT_NO;
    }
    cli_path(cli, "/v1/runs/", cli->argument[0], "/predict");
    struct client_request request = {.method = "POST",
                                     .content_type = ends_in(path, ".json") ? "application/json" : "text/csv",
                                     .upload = file};
    int status = cli_call(cli, &request, &reply) ? EXIT_FINE : EXIT_NO;
    if (!status)
        cli_print_body(cli, &reply);
    client_reply_free(&reply);
    if (file != stdin)
        (void)fclose(file);
    return status;
}

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
        puts("{}");
    else if (!status)
        printf("%s\n", output);
    text_free(&name);
    return status;
}
