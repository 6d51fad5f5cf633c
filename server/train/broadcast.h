/* The broadcast: what the streams of events send. It turns the store's events into text once, in pages that all streams
 * share, and keeps the pages of the last ones; a stream is a place in that sequence (the number of the last event it
 * got), so that neither a slow reader nor one that comes back later costs memory: it reads on from the pages, or from
 * the store. One that has fallen behind what the store keeps gets `resync` and goes on from the newest; but what is not for
 * it passes by without that, by the spans of broadcast_spans.h.
 *
 * Threads: the broadcast's own reads new spans after commits, makes the pages that are wanted, wakes the streams that have something to send, sees to it
 * that each sends something every BROADCAST_BEAT_SECONDS, and looks for readers that went away. broadcast_read and
 * broadcast_leave of one stream come from one thread at a time. */
#pragma once

#include "broadcast_page.h"
#include <stddef.h>

#define BROADCAST_STREAMS_MAX  1000
#define BROADCAST_BEAT_SECONDS 15
#define BROADCAST_END          SIZE_MAX

struct broadcast;
struct broadcast_stream;

/* How the reader of a stream sleeps. All are called with the broadcast's lock held, and not after broadcast_leave. */
struct broadcast_reader {
    void (*suspend)(void *context); /* from inside broadcast_read */
    void (*wake)(void *context);    /* once for each suspend: broadcast_read is to be called again */
    bool (*gone)(void *context);    /* whether nobody reads any more */
    void *context;
};

enum err_code broadcast_new(struct store *store, struct broadcast **ret_broadcast, struct err *err);
/* Ends all streams and refuses new ones: the daemon is stopping. */
void broadcast_close(struct broadcast *b);
void broadcast_free(struct broadcast *b); /* after broadcast_close, with no stream left */

/* A stream of what the filter takes, from the event after number `after` on; -1: from now on. ERR_UNAVAILABLE when
 * closed or when there are BROADCAST_STREAMS_MAX. */
enum err_code broadcast_join(struct broadcast *b, const struct broadcast_filter *filter, int64_t after,
                             const struct broadcast_reader *reader, struct broadcast_stream **ret_stream,
                             struct err *err);
void broadcast_leave(struct broadcast_stream *s);
/* The next 1..size bytes; 0: there is nothing to send now, and the reader has been suspended; BROADCAST_END: the stream
 * is over. */
size_t broadcast_read(struct broadcast_stream *s, char *out, size_t size);

struct broadcast_totals {
    unsigned streams;
    uint64_t resyncs;
};
struct broadcast_totals broadcast_totals(struct broadcast *b);
