/* Bad inputs as rows of a table: what is sent, and how exactly it is refused. */
#pragma once

#include "http.h"

struct bad_input {
    const char *method, *path, *type; /* type NULL: no Content-Type */
    const char *body;                 /* NULL: none */
    size_t length;                    /* 0: strlen(body) */
    int status;
    const char *where; /* 422: the JSON Pointer; else the problem's type, NULL for any */
    const char *code;  /* 422: of the error */
    const char *header; /* one more, or NULL */
};

/* Sends every row and fails after the last if any was answered otherwise: each is shown. A 422 must have one error only. */
void check_bad_inputs(const struct bad_input *rows, size_t count);

#define BYTES(literal) literal, sizeof literal - 1
