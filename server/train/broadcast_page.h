/* Pages of the feed: some events in a row as the text that every stream sends, with what the filters look at beside it.
 * A page never changes once it is made. References are counted by their owner (feed.c), under its lock. */
#pragma once

#include "server/store/store.h"

#define BROADCAST_PAGE_EVENTS 256
#define BROADCAST_FILTER_MAX  100

struct broadcast_item {
    int64_t id, job, run; /* run 0: an event of the job */
    enum store_event_kind kind;
    size_t offset;        /* of its text; it ends where the next one starts */
};

struct broadcast_page {
    unsigned references;
    int64_t after, last; /* it holds all events after the one up to the other */
    size_t count;
    struct broadcast_item *item; /* count + 1: the last one ends the text */
    char *text;
};

/* What a stream is about: these jobs with their runs, and these runs; everything when both are empty. Ascending. */
struct broadcast_filter {
    unsigned kinds; /* bits by enum store_event_kind; 0: all */
    size_t jobs, runs;
    int64_t job[BROADCAST_FILTER_MAX], run[BROADCAST_FILTER_MAX];
};

/* The events after `after` up to `last`, at most a page, or NULL when there are none to be told: *ret_gone says whether they are lost, *ret_newest
 * which the last one is. Reads the store. */
enum err_code broadcast_page_read(struct store *store, int64_t after, int64_t last, struct broadcast_page **ret_page,
                                  bool *ret_gone, int64_t *ret_newest, struct err *err);
void broadcast_page_free(struct broadcast_page *p);
/* The bits of the events that are sent under a name ("job", "run", "epoch"); 0: there is no such event. */
unsigned broadcast_kinds(const char *name, size_t length);
bool broadcast_filter_takes(const struct broadcast_filter *f, const struct broadcast_item *item);
/* The index of the first event behind number `after`. */
size_t broadcast_page_find(const struct broadcast_page *p, int64_t after);
