/* An HTTP client of mlpd. A struct client owns one libcurl handle with its kept connection; one thread at a time may
 * use it. Requests borrow what they point to until client_call returns; a reply is the caller's and goes to
 * client_reply_free, whatever the result was. */
#pragma once

#include "text.h"
#include <stdio.h>

#define CLIENT_DEFAULT_SERVER "http://127.0.0.1:8080"

enum client_result {
    CLIENT_OK,          /* the server said yes: status below 400 */
    CLIENT_REFUSED,     /* the server said no: a status of 400 and above */
    CLIENT_UNREACHABLE, /* no answer: the network, a time limit, a full disk for the download, out of memory */
    CLIENT_STOPPED,     /* go_on said no */
};

struct client_request {
    const char *method;       /* "GET", "POST", "PATCH" or "DELETE" */
    const char *path;         /* with its query, percent-encoded: "/v1/jobs/3?wait=30" */
    const char *content_type; /* of the body; NULL: no body */
    const char *body;         /* a body in memory, `size` bytes ... */
    size_t size;
    FILE *upload;                 /* ... or one that is streamed from here to its end */
    FILE *download;               /* where the body of a good answer goes; NULL: to the reply */
    bool (*take)(void *context, const char *bytes, size_t size); /* ... or to here as it comes, for as long as the server
                                                                    sends something at least once a minute; false: no more */
    const char *etag;             /* If-None-Match; NULL: none */
    const char *last_event_id;    /* Last-Event-ID; NULL or "": none */
    unsigned wait_seconds;        /* how long the server was asked to hold its answer back */
    bool (*go_on)(void *context); /* asked once a second at least, whether to wait on; NULL: always */
    void *context;
};

struct client_reply {
    long status;         /* 0 when there was no answer */
    struct text body;    /* empty when it went to `download` */
    struct text message; /* after a failure: what went wrong, fit to be printed, lines without a newline at the end */
    char etag[128];      /* "" when there was none */
};

/* server: a URL; NULL or "": MLPD_URL, and without that CLIENT_DEFAULT_SERVER. token: sent with every request; NULL or "":
 * none. NULL: libcurl or memory fails. */
struct client *client_new(const char *server, const char *token);
void client_free(struct client *client);

/* Connecting may take 10 s; an answer that brings no byte for 60 s beyond wait_seconds is given up. */
enum client_result client_call(struct client *client, const struct client_request *request,
                               struct client_reply *ret_reply);
void client_reply_free(struct client_reply *reply);

/* Adds an RFC 9457 problem as a sentence and then one line "  pointer: detail" for every violation. A body that is none
 * gives the status and the start of the body. */
void client_problem(struct text *out, long status, const char *body, size_t size);
