/* mlp health, mlp token, and where the token of a request comes from. */
#include "verbs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_FILE_MAX_BYTES 4096

/* ---- the token --------------------------------------------------------------------------------------------------- */

/* One word of visible ASCII, blanks around it dropped; it is in no message. */
static bool take_token(struct text *ret, const char *from, const char *string, size_t size)
{
    while (size && strchr(" \t\r\n", string[0]))
        string++, size--;
    while (size && strchr(" \t\r\n", string[size - 1]))
        size--;
    bool fine = size > 0 && size < TOKEN_FILE_MAX_BYTES;
    for (size_t i = 0; i < size; i++)
        fine = fine && string[i] > ' ' && string[i] < 0x7f;
    if (fine)
        text_add(ret, string, size);
    else
        cli_complain("%s holds no token: it must be one word", from);
    return fine;
}

static bool read_token_file(struct text *ret, const char *path, FILE *file)
{
    char content[TOKEN_FILE_MAX_BYTES + 1];
    size_t size = fread(content, 1, sizeof content, file);
    if (ferror(file)) {
        cli_complain("%s: %s", path, strerror(errno));
        return false;
    }
    return take_token(ret, path, content, size);
}

/* A file that only the environment names may be missing: in the daemon's own container it is there once a token is. */
static bool open_token_file(struct text *ret, const char *path, bool must_be_there)
{
    FILE *file = fopen(path, "re");
    if (!file && errno == ENOENT && !must_be_there)
        return true;
    if (!file) {
        cli_complain("%s: %s", path, strerror(errno));
        return false;
    }
    bool fine = read_token_file(ret, path, file);
    (void)fclose(file);
    return fine;
}

bool cli_find_token(struct cli *cli)
{
    static const char *const variables[] = {"MLP_TOKEN", "MLPD_TOKEN"};
    if (cli->flag[FLAG_TOKEN_FILE])
        return open_token_file(&cli->token, cli->flag[FLAG_TOKEN_FILE], true);
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const char *value = getenv(variables[i]);
        if (value && *value)
            return take_token(&cli->token, variables[i], value, strlen(value));
    }
    const char *path = getenv("MLPD_TOKEN_FILE");
    return !path || !*path || open_token_file(&cli->token, path, false);
}

int token(struct cli *cli)
{
    if (!cli->token.size) {
        cli_complain("there is none: --token-file FILE or MLP_TOKEN gives it");
        return EXIT_NO;
    }
    puts(text_string(&cli->token));
    return EXIT_FINE;
}

/* ---- health ------------------------------------------------------------------------------------------------------ */

static void print_health(struct cli *cli, const cJSON *answer)
{
    (void)cli;
    puts(json_text(answer, "status"));
}

int health(struct cli *cli)
{
    cli_path(cli, "/readyz", "", "");
    return cli_answer(cli, "GET", print_health);
}
