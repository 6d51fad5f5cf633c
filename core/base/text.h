/* Texts for messages. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The candidate that is nearest to name by edit distance (a swap of neighbours counts one), for "did you mean"; NULL when
 * none is near: more than a third of its length (at least 1, at most 4 edits) away. */
const char *text_nearest(const char *name, const char *const *candidates, size_t count);
/* The fewest digits that read back to the same double (subnormal ones: up to 15 digits), without an exponent for integers up
 * to 2^53. */
#define TEXT_NUMBER_SIZE 32
const char *text_number(double v, char text[TEXT_NUMBER_SIZE]);
/* The same for a float (six digits at least before an exponent stands): as printf's %.6g to %.9g would, and ten times as fast. */
const char *text_float(float v, char text[TEXT_NUMBER_SIZE]);
const char *text_whole(uint64_t v, char text[TEXT_NUMBER_SIZE]);
