/* Requests of the verbs, and what is said when they fail. */
#include "verbs.h"

#include <stdarg.h>
#include <string.h>

void cli_complain(const char *format, ...)
{
    char message[2000];
    struct text clean = {0};
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    text_clean(&clean, message, strlen(message), true);
    fflush(stdout);
    fprintf(stderr, "mlp: %s\n", text_string(&clean));
    text_free(&clean);
}

void cli_path(struct cli *cli, const char *before, const char *id, const char *after)
{
    text_clear(&cli->path);
    text_puts(&cli->path, before);
    text_escape(&cli->path, id);
    text_puts(&cli->path, after);
}

void cli_query(struct cli *cli, const char *name, const char *value)
{
    if (!value)
        return;
    text_printf(&cli->path, "%c%s=", strchr(text_string(&cli->path), '?') ? '&' : '?', name);
    text_escape(&cli->path, value);
}

void cli_print_body(struct cli *cli, const struct client_reply *reply)
{
    const char *body = text_string(&reply->body);
    size_t size = reply->body.size;
    struct text clean = {0};
    if (cli->terminal) {
        text_clean(&clean, body, size, true);
        body = text_string(&clean);
        size = clean.size;
    }
    fwrite(body, 1, size, stdout);
    if (size && body[size - 1] != '\n')
        putchar('\n');
    text_free(&clean);
}

bool cli_call(struct cli *cli, struct client_request *request, struct client_reply *ret_reply)
{
    request->path = text_string(&cli->path);
    enum client_result result = client_call(cli->client, request, ret_reply);
    if (result == CLIENT_OK)
        return true;
    if (result == CLIENT_STOPPED)
        return false;
    if (cli->flag[FLAG_JSON])
        cli_print_body(cli, ret_reply);
    fflush(stdout);
    fprintf(stderr, "mlp: %s\n", text_string(&ret_reply->message));
    return false;
}

cJSON *cli_parse(const struct client_reply *reply)
{
    cJSON *json = cJSON_ParseWithLength(text_string(&reply->body), reply->body.size);
    if (!json)
        cli_complain("the server's answer is no JSON: is it mlpd that answers there?");
    return json;
}

cJSON *cli_get(struct cli *cli)
{
    struct client_request request = {.method = "GET"};
    struct client_reply reply;
    cJSON *json = cli_call(cli, &request, &reply) ? cli_parse(&reply) : NULL;
    client_reply_free(&reply);
    return json;
}

int cli_answer(struct cli *cli, const char *method, void (*print)(struct cli *cli, const cJSON *answer))
{
    struct client_request request = {.method = method};
    struct client_reply reply;
    cJSON *json = NULL;
    int status = EXIT_NO;
    if (!cli_call(cli, &request, &reply))
        status = EXIT_NO;
    else if (cli->flag[FLAG_JSON] || !print || !reply.body.size) {
        cli_print_body(cli, &reply);
        status = EXIT_FINE;
    } else if ((json = cli_parse(&reply))) {
        print(cli, json);
        status = EXIT_FINE;
    }
    cJSON_Delete(json);
    client_reply_free(&reply);
    return status;
}
