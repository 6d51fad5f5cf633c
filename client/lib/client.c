#include "client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define CONNECT_SECONDS 10L
#define SILENCE_SECONDS 60L
#define REPLY_MAX_BYTES ((size_t)1 << 30)
#define ERROR_MAX_BYTES ((size_t)1 << 20)

struct client {
    CURL *curl;
    char *server;
    char *token; /* "" for none */
};

/* One exchange, as libcurl's callbacks see it. */
struct call {
    const struct client_request *request;
    struct client_reply *reply;
    CURL *curl;
    struct curl_slist *headers;
    const char *fault;                  /* why a callback gave up; NULL: it did not */
    bool stopped;                       /* go_on or take said no */
    time_t heard;                       /* when the last piece of the body came */
    char curl_message[CURL_ERROR_SIZE]; /* what libcurl has to say about a failure */
};

struct client *client_new(const char *server, const char *token)
{
    if (!server || !*server)
        server = getenv("MLPD_URL");
    if (!server || !*server)
        server = CLIENT_DEFAULT_SERVER;
    if (curl_global_init(CURL_GLOBAL_DEFAULT))
        return NULL;
    struct client *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    client->curl = curl_easy_init();
    client->server = strdup(server);
    client->token = strdup(token ? token : "");
    if (!client->curl || !client->server || !client->token) {
        client_free(client);
        return NULL;
    }
    for (size_t end = strlen(server); end && server[end - 1] == '/'; end--)
        client->server[end - 1] = '\0';
    return client;
}

void client_free(struct client *client)
{
    if (!client)
        return;
    curl_easy_cleanup(client->curl);
    free(client->server);
    free(client->token);
    free(client);
    curl_global_cleanup();
}

void client_reply_free(struct client_reply *reply)
{
    text_free(&reply->body);
    text_free(&reply->message);
}

/* ---- libcurl's callbacks ----------------------------------------------------------------------------------------- */

static time_t seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static size_t take_body(char *bytes, size_t one, size_t size, void *context)
{
    (void)one; /* always 1 */
    struct call *call = context;
    long status = 0;
    curl_easy_getinfo(call->curl, CURLINFO_RESPONSE_CODE, &status);
    call->heard = seconds_now();
    if (call->request->take && status < 400) {
        call->stopped = !call->request->take(call->request->context, bytes, size);
        return call->stopped ? 0 : size;
    }
    if (call->request->download && status < 400) {
        if (fwrite(bytes, 1, size, call->request->download) == size)
            return size;
        call->fault = strerror(errno);
        return 0;
    }
    struct text *body = &call->reply->body;
    if (size > (status < 400 ? REPLY_MAX_BYTES : ERROR_MAX_BYTES) - body->size) {
        call->fault = "the answer is too large";
        return 0;
    }
    text_add(body, bytes, size);
    if (!body->failed)
        return size;
    call->fault = "out of memory";
    return 0;
}

static size_t take_header(char *bytes, size_t one, size_t size, void *context)
{
    static const char name[] = "etag:";
    struct call *call = context;
    (void)one;
    size_t start = sizeof name - 1;
    if (size <= start || strncasecmp(bytes, name, start) != 0)
        return size;
    while (start < size && bytes[start] == ' ')
        start++;
    size_t length = 0;
    while (start + length < size && bytes[start + length] > ' ')
        length++;
    if (length < sizeof call->reply->etag) {
        memcpy(call->reply->etag, bytes + start, length);
        call->reply->etag[length] = '\0';
    }
    return size;
}

static size_t give_upload(char *bytes, size_t one, size_t size, void *context)
{
    struct call *call = context;
    size_t got = fread(bytes, one, size, call->request->upload);
    if (!got && ferror(call->request->upload)) {
        call->fault = strerror(errno);
        return CURL_READFUNC_ABORT;
    }
    return got;
}

/* A kept connection may turn out to be closed after the first bytes: then libcurl starts over. */
static int rewind_upload(void *context, curl_off_t offset, int origin)
{
    struct call *call = context;
    return fseeko(call->request->upload, (off_t)offset, origin) ? CURL_SEEKFUNC_CANTSEEK : CURL_SEEKFUNC_OK;
}

static int ask_whether_to_go_on(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct call *call = context;
    (void)a, (void)b, (void)c, (void)d;
    call->stopped = call->request->go_on && !call->request->go_on(call->request->context);
    if (!call->stopped && call->request->take && seconds_now() - call->heard > SILENCE_SECONDS)
        call->fault = "nothing came for a minute";
    return call->stopped || call->fault;
}

/* ---- a call ------------------------------------------------------------------------------------------------------ */

static bool add_header(struct call *call, const char *name, const char *value)
{
    struct text line = {0};
    text_printf(&line, "%s: %s", name, value);
    struct curl_slist *longer = line.failed ? NULL : curl_slist_append(call->headers, line.data);
    text_free(&line);
    if (longer)
        call->headers = longer;
    return longer;
}

/* Bytes from here to the end of a regular file; -1 for anything else, which goes out in chunks. */
static curl_off_t upload_size(FILE *file)
{
    struct stat status;
    off_t at = ftello(file);
    if (fstat(fileno(file), &status) || !S_ISREG(status.st_mode) || at < 0 || at > status.st_size)
        return -1;
    return status.st_size - at;
}

static void set_body(struct call *call)
{
    const struct client_request *q = call->request;
    CURL *curl = call->curl;
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    if (q->upload) {
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_upload);
        curl_easy_setopt(curl, CURLOPT_READDATA, call);
        curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, rewind_upload);
        curl_easy_setopt(curl, CURLOPT_SEEKDATA, call);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, upload_size(q->upload));
    } else {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, q->body ? q->body : "");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->size);
    }
}

static bool add_token(struct call *call, const char *token)
{
    struct text value = {0};
    if (!*token)
        return true;
    text_printf(&value, "Bearer %s", token);
    bool fine = !value.failed && add_header(call, "Authorization", value.data);
    text_free(&value);
    return fine;
}

static bool set_headers(struct call *call)
{
    const struct client_request *q = call->request;
    bool fine = !q->content_type || add_header(call, "Content-Type", q->content_type);
    if (q->upload && upload_size(q->upload) < 0)
        fine = fine && add_header(call, "Transfer-Encoding", "chunked");
    if (q->last_event_id && *q->last_event_id)
        fine = fine && add_header(call, "Last-Event-ID", q->last_event_id);
    return fine && (!q->etag || !*q->etag || add_header(call, "If-None-Match", q->etag));
}

/* A proxy of the environment leads to other machines, and never to this one. */
static bool is_this_machine(const char *url)
{
    static const char *const hosts[] = {"http://127.", "http://localhost:", "http://[::1]:", "http://localhost/"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        if (!strncasecmp(url, hosts[i], strlen(hosts[i])))
            return true;
    return false;
}

static bool set_up(struct client *client, struct call *call, const char *url)
{
    const struct client_request *q = call->request;
    CURL *curl = client->curl;
    curl_easy_reset(curl); /* the connection is kept */
    if (!set_headers(call) || !add_token(call, client->token))
        return false;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    if (is_this_machine(url))
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "mlp/" MLPD_VERSION);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    /* what a stream sends in silence is less than a byte a second */
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, q->take ? 0L : 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, SILENCE_SECONDS + (long)q->wait_seconds);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, call->curl_message);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, ask_whether_to_go_on);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, call);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, call->headers);
    if (q->content_type || !strcmp(q->method, "POST"))
        set_body(call);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, q->method);
    return true;
}

static enum client_result conclude(struct client *client, struct call *call, CURLcode code)
{
    struct client_reply *reply = call->reply;
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &reply->status);
    if ((code == CURLE_ABORTED_BY_CALLBACK || code == CURLE_WRITE_ERROR) && call->stopped)
        return CLIENT_STOPPED;
    if (code) {
        const char *why = call->fault           ? call->fault
                          : *call->curl_message ? call->curl_message
                                                : curl_easy_strerror(code);
        text_printf(&reply->message, "%s: ", client->server);
        text_clean(&reply->message, why, strlen(why), false);
        if (code == CURLE_COULDNT_CONNECT)
            text_puts(&reply->message, "\n  is mlpd running there? --server or MLPD_URL name another place");
        return CLIENT_UNREACHABLE;
    }
    if (reply->status < 400)
        return CLIENT_OK;
    client_problem(&reply->message, reply->status, text_string(&reply->body), reply->body.size);
    if (reply->status == 401)
        text_puts(&reply->message, *client->token
                                       ? "\n  the token that was sent is not this server's: see --token-file and MLP_TOKEN"
                                       : "\n  --token-file FILE or MLP_TOKEN gives the token; mlpd's log says where it is");
    return CLIENT_REFUSED;
}

enum client_result client_call(struct client *client, const struct client_request *request,
                               struct client_reply *ret_reply)
{
    struct call call = {.request = request, .reply = ret_reply, .curl = client->curl, .heard = seconds_now()};
    struct text url = {0};
    enum client_result result = CLIENT_UNREACHABLE;
    *ret_reply = (struct client_reply){0};
    text_puts(&url, client->server);
    text_puts(&url, request->path);
    if (url.failed || !set_up(client, &call, url.data))
        text_puts(&ret_reply->message, "out of memory");
    else
        result = conclude(client, &call, curl_easy_perform(client->curl));
    curl_easy_reset(client->curl); /* it must not point into this call any more */
    curl_slist_free_all(call.headers);
    text_free(&url);
    return result;
}
