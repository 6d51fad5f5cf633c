/* A parser of server-sent events (the WHATWG's text/event-stream), fed with pieces that may end anywhere. Starts as
 * {.take = ..., .context = ...}; its owner calls events_free. */
#pragma once

#include "text.h"

#define EVENTS_MAX_BYTES ((size_t)1 << 20) /* of a line, and of an event's data */

struct event {
    const char *name; /* "message" when it has none of its own */
    const char *data; /* `size` bytes and a NUL */
    size_t size;
};

struct events {
    void (*take)(void *context, const struct event *event);
    void *context;
    struct text id;  /* of the last event, or what came as one: where to go on */
    long retry_ms;   /* what the server wants a reader to wait before it comes back; 0: it did not say */
    bool failed;     /* out of memory, or over the limit: nothing is taken any more */
    /* the parser's own */
    struct text line, name, data, next_id;
    bool after_return, begun;
};

void events_add(struct events *p, const char *bytes, size_t size);
/* A new connection: what was not finished on the old one is dropped; the id stays. */
void events_restart(struct events *p);
void events_free(struct events *p);
