/* Counters of /metrics: relaxed atomics, one for each route and status, so that a request takes no lock. */
#include "internal.h"
#include "core/base/mem.h"

/* The last one stands for every other status. */
static const unsigned statuses[] = {200, 201, 202, 204, 304, 400, 404, 405, 408, 409, 413,
                                    414, 415, 422, 431, 500, 501, 503, 507, 0};
#define STATUSES (sizeof statuses / sizeof *statuses)

static const struct {
    uint64_t up_to_ns;
    const char *label;
} buckets[] = {
    {1000000, "0.001"}, {5000000, "0.005"}, {20000000, "0.02"}, {100000000, "0.1"}, {1000000000, "1"}, {~0ull, "+Inf"},
};
#define BUCKETS (sizeof buckets / sizeof *buckets)
_Static_assert(BUCKETS == sizeof((struct counters *)0)->bucket / sizeof((struct counters *)0)->bucket[0], "one each");

static const char *const methods[HTTP_METHODS] = {"GET", "POST", "PATCH", "DELETE"};

enum err_code counters_start(struct http_server *s, struct err *err)
{
    s->counters.requests = mem_array((s->route_count + 1) * STATUSES, sizeof *s->counters.requests);
    return s->counters.requests ? ERR_OK : err_no_memory(err);
}

void counters_count(struct http_server *s, size_t route_index, unsigned status, uint64_t elapsed_ns)
{
    size_t i = 0, b = 0;
    while (i < STATUSES - 1 && statuses[i] != status)
        i++;
    while (elapsed_ns > buckets[b].up_to_ns)
        b++;
    atomic_fetch_add_explicit(&s->counters.requests[route_index * STATUSES + i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->counters.bucket[b], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->counters.sum_ns, elapsed_ns, memory_order_relaxed);
}

static unsigned long long read_counter(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void write_route(const struct http_server *s, size_t index, struct buf *out)
{
    bool known = index < s->route_count; /* the row behind the table counts requests that matched none */
    const char *path = known ? s->routes[index].path : "none";
    const char *method = known ? methods[s->routes[index].method] : "any";
    for (size_t i = 0; i < STATUSES; i++) {
        unsigned long long count = read_counter(&s->counters.requests[index * STATUSES + i]);
        if (count == 0)
            continue;
        buf_printf(out, "mlpd_http_requests_total{route=\"%s\",method=\"%s\",status=\"", path, method);
        if (statuses[i])
            buf_printf(out, "%u\"} %llu\n", statuses[i], count);
        else
            buf_printf(out, "other\"} %llu\n", count);
    }
}

static void write_histogram(const struct http_server *s, struct buf *out)
{
    unsigned long long count = 0;
    buf_puts(out, "# HELP mlpd_http_request_seconds Time from the request line to the end of the reply.\n"
                  "# TYPE mlpd_http_request_seconds histogram\n");
    for (size_t b = 0; b < BUCKETS; b++) {
        count += read_counter(&s->counters.bucket[b]);
        buf_printf(out, "mlpd_http_request_seconds_bucket{le=\"%s\"} %llu\n", buckets[b].label, count);
    }
    buf_printf(out, "mlpd_http_request_seconds_sum %.9f\n", (double)read_counter(&s->counters.sum_ns) / 1e9);
    buf_printf(out, "mlpd_http_request_seconds_count %llu\n", count);
}

void http_metrics(const struct http_server *s, struct buf *out)
{
    buf_puts(out, "# HELP mlpd_http_requests_total Requests answered, by route, method and status.\n"
                  "# TYPE mlpd_http_requests_total counter\n");
    for (size_t i = 0; i <= s->route_count; i++)
        write_route(s, i, out);
    write_histogram(s, out);
    buf_puts(out, "# HELP mlpd_http_connections Open connections.\n# TYPE mlpd_http_connections gauge\n");
    buf_printf(out, "mlpd_http_connections %u\n", atomic_load_explicit(&s->connections, memory_order_relaxed));
    buf_puts(out, "# HELP mlpd_http_requests_active Requests under way.\n# TYPE mlpd_http_requests_active gauge\n");
    buf_printf(out, "mlpd_http_requests_active %u\n", atomic_load_explicit(&s->active, memory_order_relaxed));
}
