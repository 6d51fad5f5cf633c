/* Requests to the daemon by libcurl. Replies live until http_forget, which ends every test. Each reply is checked against
 * what the contract says of all of them: request id, content type, the members of problems (check_reply). */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#define HEADERS_MAX 6

struct request {
    const char *method; /* NULL: GET, or POST with a body */
    const char *path;   /* as it is sent, with the query */
    const char *type;   /* Content-Type; NULL: none */
    const char *body;
    size_t length;      /* 0: strlen(body) */
    const char *header[HEADERS_MAX];
    bool chunked;
    /* A body that is made as it is sent, chunked: fills out with 1..size bytes, 0 ends it. */
    size_t (*make)(void *context, char *out, size_t size);
    void *context;
};

struct reply {
    int status;
    char *head; /* status line and headers */
    char *body; /* NUL-terminated */
    size_t length;
    cJSON *json;       /* of the body, once asked for */
    char about[240];   /* the request, for messages */
    struct reply *next;
};

struct reply *http_send(const struct request *request);
/* Paths are printf formats. */
struct reply *http_get(const char *path, ...) __attribute__((format(printf, 1, 2)));
struct reply *http_call(const char *method, const char *path, ...) __attribute__((format(printf, 2, 3)));
/* A JSON body, as a format. */
struct reply *http_post(const char *path, const char *json, ...) __attribute__((format(printf, 2, 3)));
struct reply *http_post_csv(const char *path, const char *csv);

/* "" when absent; overwritten by the next call but one. */
const char *http_header(const struct reply *r, const char *name);

/* For other transports: a reply that http_forget frees, and the check of what all replies have. */
struct reply *reply_new(const char *about);
void check_reply(struct reply *r, const char *method);
int http_forget(void **state);

/* ---- expectations: each names the caller's line and shows the reply ----------------------------------------------- */

void fail_reply(const char *file, int line, const struct reply *r, const char *format, ...)
    __attribute__((format(printf, 4, 5), noreturn));
struct reply *expect_status_at(const char *file, int line, struct reply *r, int status);
struct reply *expect_problem_at(const char *file, int line, struct reply *r, int status, const char *type);
struct reply *expect_violation_at(const char *file, int line, struct reply *r, const char *pointer, const char *code);

#define expect(reply, status) expect_status_at(__FILE__, __LINE__, reply, status)
/* type: the last segment of /problems/...; NULL: any */
#define expect_problem(reply, status, type) expect_problem_at(__FILE__, __LINE__, reply, status, type)
/* 422 with an error of this pointer and code (NULL: any code) */
#define expect_violation(reply, pointer, code) expect_violation_at(__FILE__, __LINE__, reply, pointer, code)
