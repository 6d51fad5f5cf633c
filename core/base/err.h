/* Errors as values. Every call that can fail returns an err_code (ERR_OK is 0) and, on failure, fills the caller's
 * struct err once, where the fault is known. Libraries never log, print or exit. A NULL struct err is allowed. */
#pragma once

#include <stdint.h>

enum err_code {
    ERR_OK = 0,
    ERR_MALFORMED,   /* cannot be read at all: bad JSON, UTF-8, cursor            (400) */
    ERR_INVALID,     /* well-formed, but wrong: a value out of range, a bad CSV   (422) */
    ERR_NOT_FOUND,   /* no such object                                            (404) */
    ERR_CONFLICT,    /* the object's state or name forbids it                     (409) */
    ERR_TOO_LARGE,   /* over a stated limit                                       (413) */
    ERR_UNAVAILABLE, /* stopping, or the queue is full: try again                 (503) */
    ERR_NO_MEMORY,   /* an allocation failed                                      (503) */
    ERR_NO_SPACE,    /* the disk is full                                          (507) */
    ERR_IO,          /* any other system call                                     (500) */
    ERR_CORRUPT,     /* a file of ours fails its checks                           (500) */
    ERR_DIVERGED,    /* a loss or a weight is not finite                          (-)   */
    ERR_STOPPED,     /* the caller's stop flag was seen                           (-)   */
    ERR_INTERNAL,    /* a bug                                                     (500) */
};

struct err {
    enum err_code code;
    uint64_t line;   /* in a text input, from 1; 0 when it has none */
    uint64_t column; /* in a text input, from 1: which field of the line; 0 when it has none */
    char message[400];
};

/* err_set(e, code, format, ...) fills e (when not NULL) and is the code; err_set_at(e, code, line, column, format, ...) does so
 * with a place in a text input, and prefixes the message with "line L, column C: ". The message names the field and the fix.
 * Macros, so that compilers and analysers see that what comes back is the code that went in. */
#define err_set(e, code, ...)                                                                                          \
    __extension__({                                                                                                    \
        enum err_code err_set_code = (code);                                                                           \
        err_fill((e), err_set_code, __VA_ARGS__);                                                                      \
        err_set_code;                                                                                                  \
    })
#define err_set_at(e, code, line, column, ...)                                                                         \
    __extension__({                                                                                                    \
        enum err_code err_set_code = (code);                                                                           \
        err_fill_at((e), err_set_code, (line), (column), __VA_ARGS__);                                                 \
        err_set_code;                                                                                                  \
    })
void err_fill(struct err *e, enum err_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
void err_fill_at(struct err *e, enum err_code code, uint64_t line, uint64_t column, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* "out of memory": ERR_NO_MEMORY. */
#define err_no_memory(e) err_set((e), ERR_NO_MEMORY, "out of memory")
/* From errno after a failed system call on `what`: ENOSPC and EDQUOT become ERR_NO_SPACE, ENOMEM
 * ERR_NO_MEMORY, the rest ERR_IO: a file of ours that is gone is a fault of ours, no answer to a client. */
enum err_code err_errno(struct err *e, const char *what);
/* The stable name of a code: "invalid", "not_found", ... */
const char *err_name(enum err_code code);
