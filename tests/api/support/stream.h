/* A reader of /v1/stream on a socket of its own, which can be slow. */
#pragma once

#include "http.h"

struct stream;

struct event {
    long id;
    bool comment;  /* nothing but a sign of life */
    char name[16]; /* "" for a comment */
    cJSON *data;   /* NULL for a comment */
};

/* A GET whose reply is 200 and an event stream. last: for Last-Event-ID, or -1. */
struct stream *stream_open(long last, const char *path, ...) __attribute__((format(printf, 2, 3)));
/* The same without waiting for the reply; stream_status reads it, and the headers of a 200. */
struct stream *stream_ask(long last, const char *path, ...) __attribute__((format(printf, 2, 3)));
int stream_status(struct stream *s);
void stream_close(struct stream *s);
/* The next event (valid until the one after it); NULL when the stream has ended, which it must do by a last chunk of size 0
 * unless `may_break`. */
struct event *stream_next(struct stream *s);
void stream_may_break(struct stream *s); /* the daemon is going to be killed */
/* The next event that has this name. */
struct event *stream_await(struct stream *s, const char *name);
/* The id at which a reader goes on that got all of this. */
long stream_id(const struct stream *s);
/* A member of the event's data: numbers and flags. */
double event_number(const struct event *e, const char *name);
const char *event_text(const struct event *e, const char *name);
/* What a reader of everything relies on: one id after the other. */
void stream_check_id(const struct event *e, long *last);
/* Whether it says that the job is over. */
bool event_ends_job(const struct event *e, long job);
