/* What bind.c and violation.c share: pointers and texts for violations. Any thread. */
#pragma once

#include "bind.h"

#define QUOTED_SIZE 80
#define LIST_SIZE 200

const char *pointer_element(char out[POINTER_SIZE], const char *parent, size_t index);
/* The text in double quotes, cut when long. */
const char *quoted(char out[QUOTED_SIZE], const char *text);
/* "a, b, c", cut with "..." when long. */
const char *listed(char out[LIST_SIZE], const char *const *names, size_t count);
