/* UTF-8 as RFC 3629 defines it: shortest forms, no surrogates, up to U+10FFFF. */
#pragma once

#include <stddef.h>

/* The length of the valid start of text; equal to length when all of it is valid. */
size_t utf8_valid(const char *text, size_t length);
