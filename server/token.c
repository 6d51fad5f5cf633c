#include "token.h"

#include "core/base/cleanup.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/sha256.h"
#include "http/http.h"
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define FILE_MAX_BYTES 4096

/* As many random bits as a digest has, and its digits. */
static enum err_code make(const char *file, struct err *err)
{
    uint8_t bits[SHA256_BYTES];
    char line[SHA256_TEXT];
    if (getrandom(bits, sizeof bits, 0) != (ssize_t)sizeof bits)
        return err_errno(err, "random bits for a token");
    sha256_text(bits, line);
    line[SHA256_TEXT - 1] = '\n';
    return fs_write_atomic(file, line, sizeof line, err);
}

static enum err_code read_token(const char *file, char ret_token[CONFIG_TOKEN_MAX + 1], struct err *err)
{
    cleanup(mem_freep) char *text = NULL;
    size_t size;
    enum err_code code = fs_read_all(file, FILE_MAX_BYTES, &text, &size, err);
    if (code)
        return code;
    bool whole = strlen(text) == size; /* no NUL in it */
    size_t start = strspn(text, " \t\r\n"), length = strlen(text + start);
    while (length > 0 && strchr(" \t\r\n", text[start + length - 1]))
        text[start + --length] = '\0';
    if (!whole || !config_is_token(text + start))
        return err_set(err, ERR_INVALID, "it must be one line of 1 to %d letters, digits and -._~+/=; without the file one is made",
                       CONFIG_TOKEN_MAX);
    memcpy(ret_token, text + start, length + 1);
    return ERR_OK;
}

static enum err_code load_file(const char *file, char ret_token[CONFIG_TOKEN_MAX + 1], struct err *err)
{
    char command[FS_PATH_MAX + 40];
    struct err why = {0};
    bool there = fs_exists(file);
    enum err_code code = there ? ERR_OK : make(file, &why);
    if (!code)
        code = read_token(file, ret_token, &why);
    if (code)
        return err_set(err, code, "no token in %.200s: %.180s", file, why.message);
    snprintf(command, sizeof command, "mlp token --token-file %s", file);
    log_event(LOG_INFO, there ? "requests need a token" : "requests need a token; a new one was made", "file", file,
              "print it with", command, NULL);
    return ERR_OK;
}

enum err_code token_load(const struct config *config, char ret_token[CONFIG_TOKEN_MAX + 1], struct err *err)
{
    if (*config->token_file)
        return load_file(config->token_file, ret_token, err);
    snprintf(ret_token, CONFIG_TOKEN_MAX + 1, "%s", config->token);
    if (*config->token)
        log_event(LOG_INFO, "requests need a token", "variable", "MLPD_TOKEN", NULL);
    else if (!http_is_loopback(config->address))
        log_event(LOG_WARNING, "no token is needed: whoever reaches this address may do everything", "address",
                  config->address, NULL);
    return ERR_OK;
}
