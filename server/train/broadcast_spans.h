/* Which events there were, without what they tell: the last spans of the sequence, each some events in a row of one job, run
 * and kind. A stream that is about little passes over what is not for it by them, however fast others train, and however
 * much of that the store has dropped. Under the broadcast's lock. */
#pragma once

#include "broadcast_page.h"

#define BROADCAST_SPANS 8192

struct broadcast_spans {
    int64_t after, last; /* all events after the one up to the other are in it */
    size_t first, count; /* a ring */
    struct store_span span[BROADCAST_SPANS];
};

void broadcast_spans_restart(struct broadcast_spans *s, int64_t after); /* empty: events are known from there on */
void broadcast_spans_add(struct broadcast_spans *s, const struct store_span *span); /* the one behind the last */
/* Up to where there is nothing for the filter behind event `cursor`; `cursor` itself when that is not known. */
int64_t broadcast_spans_skip(const struct broadcast_spans *s, const struct broadcast_filter *f, int64_t cursor);
/* The last event behind `cursor` before which all are for the filter; `cursor` when the next one is not, or is not known. */
int64_t broadcast_spans_end(const struct broadcast_spans *s, const struct broadcast_filter *f, int64_t cursor);
bool broadcast_filter_takes_span(const struct broadcast_filter *f, const struct store_span *span);
