/* Private to broadcast.c (pages and the thread) and broadcast_stream.c (joining, leaving, reading). */
#pragma once

#include "broadcast.h"
#include "broadcast_spans.h"
#include "core/base/buf.h"
#include <pthread.h>
#include <stdatomic.h>

#define BROADCAST_PAGES (STORE_EVENTS_KEPT / BROADCAST_PAGE_EVENTS)

struct broadcast_stream {
    struct broadcast *broadcast;
    struct broadcast_stream *previous, *next;
    struct broadcast_filter filter;
    struct broadcast_reader reader;
    int64_t cursor; /* the last event sent or passed over. Its reader's, and under the lock the broadcast's while it
                       waits */
    bool waiting, due, beat, gone; /* under the lock; due: it waits, and is to be woken */
    _Atomic uint64_t sent_ns;
    struct buf pending; /* text that comes before anything else: not of a page, or what did not fit */
    size_t pending_sent;
};

struct broadcast {
    struct store *store;
    pthread_t thread;

    pthread_mutex_t lock;                         /* all from here to resyncs */
    int64_t head;                                 /* streams are told events up to this one */
    struct broadcast_page *page[BROADCAST_PAGES]; /* a ring; NULL: not used yet */
    size_t newest;
    struct broadcast_spans spans; /* up to head */
    struct broadcast_stream *streams;
    bool closed;
    _Atomic unsigned count;
    uint64_t resyncs;

    pthread_mutex_t
        signal_lock; /* what the thread waits for. Apart, so that the store's writer never waits for a round */
    pthread_cond_t signal;
    bool dirty, ended;
};

/* The page that holds the event after `after`, with a reference more; NULL: it is not there. */
struct broadcast_page *broadcast_page_find_locked(struct broadcast *b, int64_t after);
void broadcast_page_add_locked(struct broadcast *b, struct broadcast_page *p);
void broadcast_page_drop_locked(struct broadcast_page *p); /* NULL is fine */
void broadcast_pages_drop_locked(struct broadcast *b);
/* The thread looks for new events, or ends. */
void broadcast_signal(struct broadcast *b, bool end);
