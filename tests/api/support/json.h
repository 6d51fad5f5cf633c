/* JSON replies, read by JSON Pointers that may be formats: number(r, "/data/%d/id", i). What is not there, or of another
 * kind, fails the test at the caller's line. */
#pragma once

#include "http.h"

cJSON *json_of_at(const char *file, int line, struct reply *r); /* the whole document */
/* NULL when it names nothing. */
const cJSON *json_find(const cJSON *root, const char *pointer);
const cJSON *json_at(const char *file, int line, struct reply *r, const char *pointer, ...)
    __attribute__((format(printf, 4, 5)));
double json_number_at(const char *file, int line, struct reply *r, const char *pointer, ...)
    __attribute__((format(printf, 4, 5)));
long json_whole_at(const char *file, int line, struct reply *r, const char *pointer, ...)
    __attribute__((format(printf, 4, 5))); /* a number without fraction, such as an id */
const char *json_text_at(const char *file, int line, struct reply *r, const char *pointer, ...)
    __attribute__((format(printf, 4, 5)));
bool json_flag_at(const char *file, int line, struct reply *r, const char *pointer, ...)
    __attribute__((format(printf, 4, 5)));
int json_count_at(const char *file, int line, struct reply *r, const char *pointer, ...)
    __attribute__((format(printf, 4, 5)));
bool json_null_at(const char *file, int line, struct reply *r, const char *pointer, ...)
    __attribute__((format(printf, 4, 5)));
/* The object has exactly these members, blank-separated, in any order. */
void json_members_at(const char *file, int line, struct reply *r, const char *pointer, const char *names);
/* Same kinds, values and members; the order of an object's members does not count. */
bool json_same(const cJSON *a, const cJSON *b);
/* An RFC 3339 time in UTC with milliseconds. */
bool is_time(const char *text);

#define json_of(reply) json_of_at(__FILE__, __LINE__, reply)
#define at(reply, ...) json_at(__FILE__, __LINE__, reply, __VA_ARGS__)
#define number(reply, ...) json_number_at(__FILE__, __LINE__, reply, __VA_ARGS__)
#define whole(reply, ...) json_whole_at(__FILE__, __LINE__, reply, __VA_ARGS__)
#define text(reply, ...) json_text_at(__FILE__, __LINE__, reply, __VA_ARGS__)
#define flag(reply, ...) json_flag_at(__FILE__, __LINE__, reply, __VA_ARGS__)
#define count(reply, ...) json_count_at(__FILE__, __LINE__, reply, __VA_ARGS__)
#define is_null(reply, ...) json_null_at(__FILE__, __LINE__, reply, __VA_ARGS__)
#define expect_members(reply, pointer, names) json_members_at(__FILE__, __LINE__, reply, pointer, names)
