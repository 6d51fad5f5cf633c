#include "config.h"

#include "core/base/text.h"
#include "server/http/http.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct option {
    const char *flag;      /* NULL: only by its variable */
    const char *argument;  /* NULL: takes none */
    const char *variable;  /* NULL: only by its flag */
    const char *fallback;  /* NULL: none */
    const char *help;
    /* Puts the text into c; what the text must be, when it is something else. */
    const char *(*set)(struct config *c, const char *text);
};

/* ---- values --------------------------------------------------------------------------------------------------------- */

static bool read_number(const char *text, uint32_t maximum, uint32_t *ret)
{
    uint64_t value = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
        if (value > maximum)
            return false;
    }
    *ret = (uint32_t)value;
    return true;
}

static bool is_address(int family, const char *text)
{
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(family, text, address) == 1;
}

static const char *set_listen(struct config *c, const char *text)
{
    static const char expected[] = "must be ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080";
    char address[sizeof c->address];
    uint32_t port;
    bool bracket = *text == '[';
    const char *start = text + bracket, *end = bracket ? strstr(text, "]:") : strrchr(text, ':');
    if (!end || (size_t)(end - start) >= sizeof address || !read_number(end + 1 + bracket, UINT16_MAX, &port))
        return expected;
    memcpy(address, start, (size_t)(end - start));
    address[end - start] = '\0';
    if (!bracket && !strcmp(address, "localhost"))
        snprintf(address, sizeof address, "127.0.0.1");
    if (!is_address(bracket ? AF_INET6 : AF_INET, address))
        return expected;
    snprintf(c->address, sizeof c->address, "%s", address);
    c->port = (uint16_t)port;
    return NULL;
}

static const char *set_data_dir(struct config *c, const char *text)
{
    size_t length = strlen(text);
    if (!length || length >= sizeof c->data_dir)
        return "must be a path of 1 to 899 bytes";
    memcpy(c->data_dir, text, length + 1);
    return NULL;
}

static bool is_host(const char *name, size_t length)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:";
    bool colon = memchr(name, ':', length) != NULL;
    char address[64];
    if (length == 0 || length > 253 || strspn(name, letters) < length)
        return false;
    if (!colon)
        return true;
    snprintf(address, sizeof address, "%.*s", (int)length, name);
    return length < sizeof address && is_address(AF_INET6, address);
}

/* Each time it adds to the names. */
static const char *set_host(struct config *c, const char *text)
{
    size_t used = strlen(c->hosts);
    for (const char *at = text;; at++) {
        size_t length = strcspn(at, ",");
        if (!is_host(at, length))
            return "must be a host name or an address, without scheme and port; commas between several";
        if (used + length + 2 > sizeof c->hosts)
            return "must be fewer names: up to 1023 bytes in all";
        used += (size_t)snprintf(c->hosts + used, sizeof c->hosts - used, "%s%.*s", used ? "," : "", (int)length, at);
        at += length;
        if (!*at)
            return NULL;
    }
}

/* Of the ways to say who gets in the last one counts: the environment comes before the flags, and in it the token before
 * its file's name, which an image may have set. */
static const char *set_token_file(struct config *c, const char *text)
{
    size_t length = strlen(text);
    if (!length || length >= sizeof c->token_file)
        return "must be a path of 1 to 899 bytes";
    memcpy(c->token_file, text, length + 1);
    c->token[0] = '\0';
    return NULL;
}

bool config_is_token(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/=";
    size_t length = strlen(text);
    return length > 0 && length <= CONFIG_TOKEN_MAX && strspn(text, letters) == length;
}

static const char *set_token(struct config *c, const char *text)
{
    if (!config_is_token(text))
        return "must be 1 to 256 letters, digits and -._~+/=";
    snprintf(c->token, sizeof c->token, "%s", text);
    c->token_file[0] = '\0';
    return NULL;
}

static const char *set_no_auth(struct config *c, const char *text)
{
    (void)text;
    c->no_auth = true;
    c->token[0] = c->token_file[0] = '\0';
    return NULL;
}

static const char *set_workers(struct config *c, const char *text)
{
    return read_number(text, 256, &c->workers) ? NULL : "must be a whole number from 0 (one for each core) to 256";
}

static const char *set_http_threads(struct config *c, const char *text)
{
    return read_number(text, 256, &c->http_threads) ? NULL : "must be a whole number from 0 (as the cores ask for) to 256";
}

static const char *set_log_level(struct config *c, const char *text)
{
    int level = log_level_find(text);
    if (level < 0)
        return "must be debug, info, warning or error";
    c->log_level = (enum log_level)level;
    return NULL;
}

static const char *set_help(struct config *c, const char *text)
{
    (void)text;
    c->help = true;
    return NULL;
}

static const char *set_version(struct config *c, const char *text)
{
    (void)text;
    c->version = true;
    return NULL;
}

/* ---- the table ------------------------------------------------------------------------------------------------------ */

static const struct option options[] = {
    {"--listen", "ADDRESS:PORT", "MLPD_LISTEN", "127.0.0.1:8080", "port 0 picks a free one; [::1]:8080 for IPv6",
     set_listen},
    {"--data-dir", "DIR", "MLPD_DATA_DIR", "mlpd-data", "everything it keeps; made when it is not there", set_data_dir},
    {"--host", "NAME", "MLPD_HOST", NULL, "a name that clients may call it by, beside those of loopback; may come again",
     set_host},
    {"--token-file", "FILE", "MLPD_TOKEN_FILE", NULL, "requests need the token in it; made when it is not there",
     set_token_file},
    {NULL, NULL, "MLPD_TOKEN", NULL, "the token itself, in place of a file", set_token},
    {"--no-auth", NULL, NULL, NULL, "whoever reaches the address may do everything", set_no_auth},
    {"--workers", "N", "MLPD_WORKERS", "0", "runs that train at the same time; 0: one for each core", set_workers},
    {"--http-threads", "N", "MLPD_HTTP_THREADS", "0", "threads that answer requests; 0: as many as cores, at least 2",
     set_http_threads},
    {"--log-level", "LEVEL", "MLPD_LOG_LEVEL", "info", "debug, info, warning or error", set_log_level},
    {"--help", NULL, NULL, NULL, "shows this", set_help},
    {"--version", NULL, NULL, NULL, "shows the version", set_version},
};
#define OPTIONS (sizeof options / sizeof *options)

void config_help(void)
{
    printf("usage: mlpd [OPTION]...\nTrains multilayer perceptrons for clients on the network.\n\n");
    for (size_t i = 0; i < OPTIONS; i++) {
        const struct option *o = &options[i];
        char left[40];
        snprintf(left, sizeof left, "%s%s%s", o->flag ? o->flag : o->variable, o->argument ? " " : "",
                 o->argument ? o->argument : "");
        printf("  %-24s %s", left, o->help);
        if (o->variable && o->flag)
            printf(" [%s%s%s]", o->variable, o->fallback ? "; default " : "", o->fallback ? o->fallback : "");
        printf("\n");
    }
    printf("\nA flag is stronger than its environment variable.\n");
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

static enum err_code set(const struct option *o, const char *source, const char *text, struct config *c, struct err *err)
{
    const char *expected = o->set(c, text);
    if (!expected)
        return ERR_OK;
    if (!o->flag) /* a secret */
        return err_set(err, ERR_INVALID, "%s: %s", source, expected);
    return err_set(err, ERR_INVALID, "%s: %s, not \"%.100s\"", source, expected, text);
}

static enum err_code unknown(const char *argument, size_t length, struct err *err)
{
    const char *flags[OPTIONS];
    size_t count = 0;
    char name[64];
    for (size_t i = 0; i < OPTIONS; i++)
        if (options[i].flag)
            flags[count++] = options[i].flag;
    snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1), argument);
    const char *near = text_nearest(name, flags, count);
    if (near)
        return err_set(err, ERR_INVALID, "unknown option \"%s\"; did you mean %s?", name, near);
    return err_set(err, ERR_INVALID, "unknown option \"%s\"; --help lists the options", name);
}

static const struct option *find(const char *name, size_t length)
{
    for (size_t i = 0; i < OPTIONS; i++)
        if (options[i].flag && strlen(options[i].flag) == length && !memcmp(options[i].flag, name, length))
            return &options[i];
    return NULL;
}

static enum err_code read_flags(int argc, char **argv, struct config *c, struct err *err)
{
    for (int i = 1; i < argc; i++) {
        size_t length = strcspn(argv[i], "=");
        const char *text = argv[i][length] ? argv[i] + length + 1 : NULL;
        const struct option *o = find(argv[i], length);
        if (!o)
            return unknown(argv[i], length, err);
        if (text && !o->argument)
            return err_set(err, ERR_INVALID, "%s takes no value", o->flag);
        if (!text && o->argument)
            text = ++i < argc ? argv[i] : NULL;
        if (!text && o->argument)
            return err_set(err, ERR_INVALID, "%s needs a value: %s %s", o->flag, o->flag, o->argument);
        enum err_code code = set(o, o->flag, text ? text : "", c, err);
        if (code)
            return code;
    }
    return ERR_OK;
}

/* The one thing that no single option can tell. */
static enum err_code check_access(const struct config *c, struct err *err)
{
    if (http_is_loopback(c->address) || c->no_auth || *c->token || *c->token_file)
        return ERR_OK;
    return err_set(err, ERR_INVALID,
                   "--listen %s: others can reach this address, so requests need a token: --token-file FILE makes one (or "
                   "set MLPD_TOKEN); --no-auth lets everyone in",
                   c->address);
}

enum err_code config_read(int argc, char **argv, struct config *ret_config, struct err *err)
{
    struct config c = {0};
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < OPTIONS && !code; i++) {
        const struct option *o = &options[i];
        if (!o->variable)
            continue;
        const char *given = getenv(o->variable);
        bool use_given = given && *given; /* container tools pass unset variables as empty ones */
        if (use_given || o->fallback)
            code = set(o, use_given ? o->variable : o->flag, use_given ? given : o->fallback, &c, err);
    }
    if (!code)
        code = read_flags(argc, argv, &c, err);
    if (!code && !c.help && !c.version)
        code = check_access(&c, err);
    if (!code)
        *ret_config = c;
    return code;
}
