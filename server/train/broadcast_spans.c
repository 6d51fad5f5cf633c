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

/* The first that is not all behind the cursor. */
static size_t find(const struct broadcast_spans *s, int64_t cursor)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (at(s, middle)->last > cursor)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Behind those from the cursor on that the filter takes, or does not. */
static int64_t pass(const struct broadcast_spans *s, const struct broadcast_filter *f, int64_t cursor, bool taken)
{
    if (cursor < s->after)
        return cursor;
    for (size_t i = find(s, cursor); i < s->count && broadcast_filter_takes_span(f, at(s, i)) == taken; i++)
        cursor = at(s, i)->last;
    return cursor;
}

int64_t broadcast_spans_skip(const struct broadcast_spans *s, const struct broadcast_filter *f, int64_t cursor)
{
    return pass(s, f, cursor, false);
}

int64_t broadcast_spans_end(const struct broadcast_spans *s, const struct broadcast_filter *f, int64_t cursor)
{
    return pass(s, f, cursor, true);
}
