/* Log lines on stderr, one JSON object each: time, level, event, and fields; texts from users are escaped. Any thread. */
#pragma once

#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

void log_set_level(enum log_level level);
int log_level_find(const char *name); /* debug, info, warning, error; -1 */
/* log_event(LOG_INFO, "run finished", "run", LOG_N(7), "status", "succeeded", NULL): pairs of texts, ends with NULL.
 * LOG_N formats an integer into a buffer of the calling expression. */
void log_event(enum log_level level, const char *event, ...) __attribute__((sentinel));
#define LOG_N(n) log_number((char[24]){0}, (int64_t)(n))
const char *log_number(char text[24], int64_t n);
