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

/* A share: requests of [routes + 1][statuses], then those of each bucket, then their nanoseconds. */
static size_t requests_of(const struct http_server *s)
{
    return (s->route_count + 1) * STATUSES;
}

static const char *const methods[HTTP_METHODS] = {"GET", "POST", "PATCH", "DELETE"};

enum err_code counters_start(struct http_server *s, unsigned threads, struct err *err)
{
    size_t line = 64 / sizeof *s->counters.share; /* no two threads in one */
    s->counters.shares = threads;
    s->counters.share_size = (requests_of(s) + BUCKETS + 1 + line) / line * line;
    s->counters.share = mem_aligned(threads * s->counters.share_size * sizeof *s->counters.share);
    return s->counters.share ? ERR_OK : err_no_memory(err);
}

/* The calling thread's. Two threads share one when there were more than expected, which costs time and no count. */
static _Atomic uint64_t *own_share(const struct http_server *s)
{
    static _Atomic unsigned threads;
    static _Thread_local unsigned number; /* from 1 */
    if (!number)
        number = atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) + 1;
    return s->counters.share + number % s->counters.shares * s->counters.share_size;
}

static void add(_Atomic uint64_t *counter, uint64_t count)
{
    atomic_fetch_add_explicit(counter, count, memory_order_relaxed);
}

void counters_count(const struct http_server *s, size_t route_index, unsigned status, uint64_t elapsed_ns)
{
    size_t i = 0, b = 0;
    while (i < STATUSES - 1 && statuses[i] != status)
        i++;
    while (elapsed_ns > buckets[b].up_to_ns)
        b++;
    _Atomic uint64_t *share = own_share(s), *times = share + requests_of(s);
    add(&share[route_index * STATUSES + i], 1);
    add(&times[b], 1);
    add(&times[BUCKETS], elapsed_ns);
}

/* The sum of all shares. */
static unsigned long long read_counter(const struct http_server *s, size_t index)
{
    unsigned long long sum = 0;
    for (unsigned i = 0; i < s->counters.shares; i++)
        sum += atomic_load_explicit(&s->counters.share[i * s->counters.share_size + index], memory_order_relaxed);
    return sum;
}

static void write_route(const struct http_server *s, size_t index, struct buf *out)
{
    bool known = index < s->route_count; /* the row behind the table counts requests that matched none */
    const char *path = known ? s->routes[index].path : "none";
    const char *method = known ? methods[s->routes[index].method] : "any";
    for (size_t i = 0; i < STATUSES; i++) {
        unsigned long long count = read_counter(s, index * STATUSES + i);
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
        count += read_counter(s, requests_of(s) + b);
        buf_printf(out, "mlpd_http_request_seconds_bucket{le=\"%s\"} %llu\n", buckets[b].label, count);
    }
    buf_printf(out, "mlpd_http_request_seconds_sum %.9f\n", (double)read_counter(s, requests_of(s) + BUCKETS) / 1e9);
    buf_printf(out, "mlpd_http_request_seconds_count %llu\n", count);
}

void http_metrics(struct http_server *s, struct buf *out)
{
    buf_puts(out, "# HELP mlpd_http_requests_total Requests answered, by route, method and status.\n"
                  "# TYPE mlpd_http_requests_total counter\n");
    for (size_t i = 0; i <= s->route_count; i++)
        write_route(s, i, out);
    write_histogram(s, out);
    buf_puts(out, "# HELP mlpd_http_connections Open connections.\n# TYPE mlpd_http_connections gauge\n");
    buf_printf(out, "mlpd_http_connections %u\n", atomic_load_explicit(&s->connections, memory_order_relaxed));
    buf_puts(out, "# HELP mlpd_http_requests_active Requests under way.\n# TYPE mlpd_http_requests_active gauge\n");
    buf_printf(out, "mlpd_http_requests_active %u\n", connections_active(s));
}
