/* The daemon's options: one table (config.c) gives each its flag, environment variable, default and help; --help and the
 * README's table come from it. */
#pragma once

#include "core/base/err.h"
#include "log.h"
#include <stdbool.h>
#include <stdint.h>

#define CONFIG_TOKEN_MAX 256 /* bytes of a token */

struct config {
    char address[64]; /* of --listen ADDRESS:PORT; [::1]:8080 for IPv6 */
    uint16_t port;
    char hosts[1024];     /* of --host: names, commas between; "" for none */
    char token_file[900]; /* one of these two is "" at least */
    char token[CONFIG_TOKEN_MAX + 1];
    bool no_auth;
    char data_dir[900];
    uint32_t workers;      /* run workers; 0: one for each core */
    uint32_t http_threads; /* 0: max(2, cores) */
    enum log_level log_level;
    bool help, version;
};

/* Flags over environment over defaults, and no address that others reach without a token or --no-auth. An unknown flag or bad value: ERR_INVALID that names it and the fix. */
enum err_code config_read(int argc, char **argv, struct config *ret_config, struct err *err);
/* Whether a text can be a token: 1 to CONFIG_TOKEN_MAX letters, digits and -._~+/= (RFC 6750). */
bool config_is_token(const char *text);
void config_help(void); /* prints usage to stdout */
