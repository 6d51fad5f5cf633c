/* The peer of predictions: what libmicrohttpd does without a service behind it, with the flags and the pool of threads of
 * server/http/server.c. Takes any request with its body and answers so many bytes of JSON. Prints its port; ends with its
 * standard input. REPLY_BYTES */
#include "bench.h"
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <unistd.h>

static char *reply;
static size_t reply_size;

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *data, size_t *length, void **request)
{
    (void)context, (void)url, (void)method, (void)version, (void)data;
    static char begun;
    if (!*request) {
        *request = &begun;
        return MHD_YES;
    }
    if (*length) {
        *length = 0;
        return MHD_YES;
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(reply_size, reply, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(response, "Content-Type", "application/json");
    enum MHD_Result result = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return result;
}

int main(int argc, char **argv)
{
    struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    reply_size = argc > 1 ? (size_t)atoi(argv[1]) : 2;
    reply = bench_array(reply_size, 1);
    memset(reply, ' ', reply_size);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, answer, NULL,
        MHD_OPTION_SOCK_ADDR, &loopback, MHD_OPTION_THREAD_POOL_SIZE, cores > 2 ? (unsigned)cores : 2u,
        MHD_OPTION_CONNECTION_LIMIT, 1024u, MHD_OPTION_CONNECTION_TIMEOUT, 60u, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)32 << 10, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (!daemon)
        bench_fail("libmicrohttpd did not start");
    printf("%u\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    while (bench_go())
        ;
    MHD_stop_daemon(daemon);
    free(reply);
}
