/* mlp data ... */
#include "verbs.h"

#include <errno.h>
#include <string.h>

/* "Adelie 152, Gentoo 124" of categories, "32.1 to 59.6, mean 43.92, sd 5.452" of numbers. */
static void values_cell(struct table *t, const cJSON *column)
{
    struct text cell = {0};
    const cJSON *category;
    cJSON_ArrayForEach(category, json_member(column, "categories"))
    {
        text_printf(&cell, "%s%s %.0f", cell.size ? ", " : "", json_text(category, "value"),
                    json_number(category, "count"));
    }
    if (cJSON_IsNumber(json_member(column, "mean")))
        text_printf(&cell, "%.6g to %.6g, mean %.4g, sd %.4g", json_number(column, "min"), json_number(column, "max"),
                    json_number(column, "mean"), json_number(column, "standard_deviation"));
    table_cell(t, text_string(&cell));
    text_free(&cell);
}

static void dataset_print(struct cli *cli, const cJSON *dataset)
{
    static const char *const headings[] = {"COLUMN", "TYPE", ">MISSING", "VALUES"};
    print_fields(dataset, "columns");
    struct table *t = table_new(headings, 4);
    if (!t)
        return;
    const cJSON *column;
    cJSON_ArrayForEach(column, json_member(dataset, "columns"))
    {
        table_cell(t, json_text(column, "name"));
        table_cell(t, json_text(column, "type"));
        table_value(t, json_member(column, "missing"));
        values_cell(t, column);
    }
    putchar('\n');
    table_print(cli, t);
    table_free(t);
}

static void datasets_print(struct cli *cli, const cJSON *list)
{
    static const char *const headings[] = {">ID", "NAME", ">ROWS", ">COLUMNS", ">BYTES", "CREATED (UTC)"};
    struct table *t = table_new(headings, 6);
    if (!t)
        return;
    const cJSON *dataset;
    cJSON_ArrayForEach(dataset, json_member(list, "data"))
    {
        table_value(t, json_member(dataset, "id"));
        table_cell(t, json_text(dataset, "name"));
        table_value(t, json_member(dataset, "rows"));
        table_cellf(t, "%d", cJSON_GetArraySize(json_member(dataset, "columns")));
        table_value(t, json_member(dataset, "bytes"));
        table_time(t, json_text(dataset, "created_at"));
    }
    table_print(cli, t);
    table_free(t);
    print_more(list, "data list");
}

/* A file's name without its directories and its ending, with '-' for a character that a dataset's name may not have. */
static void default_name(struct text *out, const char *path)
{
    static const char digits[] = "0123456789",
                      allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    size_t length = dot && dot != name ? (size_t)(dot - name) : strlen(name);
    bool named = false;
    for (size_t i = 0; i < length; i++) {
        named = named || (strchr(allowed, name[i]) && !strchr("._-", name[i])); /* a letter or a digit comes first */
        if (named && ((unsigned char)name[i] & 0xc0) != 0x80)
            text_add(out, strchr(allowed, name[i]) ? &name[i] : "-", 1);
    }
    struct text digits_only = {0};
    if (strspn(text_string(out), digits) == out->size) { /* that would be an id */
        text_printf(&digits_only, "table-%s", text_string(out));
        text_free(out);
        *out = digits_only;
    }
}

int data_add(struct cli *cli)
{
    const char *path = cli->argument[0];
    bool from_stdin = !strcmp(path, "-");
    struct text name = {0};
    struct client_reply reply = {0};
    cJSON *dataset = NULL;
    if (from_stdin && !cli->flag[FLAG_NAME]) {
        cli_complain("a table from the standard input needs --name NAME");
        return EXIT_USAGE;
    }
    FILE *file = from_stdin ? stdin : fopen(path, "rb");
    if (!file) {
        cli_complain("%s: %s", path, strerror(errno));
        return EXIT_NO;
    }
    if (cli->flag[FLAG_NAME])
        text_puts(&name, cli->flag[FLAG_NAME]);
    else
        default_name(&name, path);
    cli_path(cli, "/v1/datasets", "", "");
    cli_query(cli, "name", text_string(&name));
    cli_query(cli, "delimiter", cli->flag[FLAG_DELIMITER]);
    cli_query(cli, "decimal", cli->flag[FLAG_DECIMAL]);
    cli_query(cli, "missing", cli->flag[FLAG_MISSING]);
    struct client_request request = {.method = "POST", .content_type = "text/csv", .upload = file};
    int status = cli_call(cli, &request, &reply) ? EXIT_FINE : EXIT_NO;
    if (!status && cli->flag[FLAG_JSON])
        cli_print_body(cli, &reply);
    else if (!status && (dataset = cli_parse(&reply))) {
        if (reply.status == 200)
            puts("the same table was there already:");
        dataset_print(cli, dataset);
    } else
        status = EXIT_NO;
    cJSON_Delete(dataset);
    client_reply_free(&reply);
    text_free(&name);
    if (!from_stdin)
        (void)fclose(file);
    return status;
}

int data_list(struct cli *cli)
{
    cli_path(cli, "/v1/datasets", "", "");
    cli_query(cli, "limit", cli->flag[FLAG_LIMIT]);
    cli_query(cli, "cursor", cli->flag[FLAG_CURSOR]);
    return cli_answer(cli, "GET", datasets_print);
}

int data_show(struct cli *cli)
{
    cli_path(cli, "/v1/datasets/", cli->argument[0], "");
    return cli_answer(cli, "GET", dataset_print);
}

int data_rm(struct cli *cli)
{
    cli_path(cli, "/v1/datasets/", cli->argument[0], "");
    return cli_answer(cli, "DELETE", NULL);
}
