/* The token that requests need: from the environment, or from a file that is made when it is not there. Read once, at the
 * start; it is in no message and in no log. */
#pragma once

#include "config.h"

/* Copies the token, "" when none is needed. A new file has mode 0600 and 256 random bits. Logs where the token is. */
enum err_code token_load(const struct config *config, char ret_token[CONFIG_TOKEN_MAX + 1], struct err *err);
