#include "broadcast_spans.h"

void broadcast_spans_restart(struct broadcast_spans *s, int64_t after)
{
    s->after = s->last = after;
    s->first = s->count = 0;
}

void broadcast_spans_add(struct broadcast_spans *s, const struct store_span *span)
{
    if (s->count == BROADCAST_SPANS) {
        s->after = s->span[s->first].last;
        s->first = (s->first + 1) % BROADCAST_SPANS;
        s->count--;
    }
    s->span[(s->first + s->count++) % BROADCAST_SPANS] = *span;
    s->last = span->last;
}

bool broadcast_filter_takes_span(const struct broadcast_filter *f, const struct store_span *span)
{
    struct broadcast_item item = {.job = span->job, .run = span->run, .kind = span->kind};
    return broadcast_filter_takes(f, &item);
}

static const struct store_span *at(const struct broadcast_spans *s, size_t i)
{
    return &s->span[(s->first + i) % BROADCAST_SPANS];
}

int64_t broadcast_spans_skip(const struct broadcast_spans *s, const struct broadcast_filter *f, int64_t cursor)
{
    size_t low = 0, high = s->count;
    if (cursor < s->after)
        return cursor;
    while (low < high) { /* the first that is not all behind the cursor */
        size_t middle = low + (high - low) / 2;
        if (at(s, middle)->last > cursor)
            high = middle;
        else
            low = middle + 1;
    }
    for (; low < s->count && !broadcast_filter_takes_span(f, at(s, low)); low++)
        cursor = at(s, low)->last;
    return cursor;
}
