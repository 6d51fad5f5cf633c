#include "api.h"

#include <curl/curl.h>
#include <strings.h>

static struct reply *replies; /* of the test under way */
static CURL *handle;

/* ---- replies ------------------------------------------------------------------------------------------------------ */

struct reply *reply_new(const char *about)
{
    struct reply *r = calloc(1, sizeof *r);
    assert_non_null(r);
    snprintf(r->about, sizeof r->about, "%s", about);
    r->next = replies;
    replies = r;
    return r;
}

int http_forget(void **state)
{
    (void)state;
    for (struct reply *r; (r = replies);) {
        replies = r->next;
        cJSON_Delete(r->json);
        free(r->head);
        free(r->body);
        free(r);
    }
    return 0;
}

const char *http_header(const struct reply *r, const char *name)
{
    static char values[2][512];
    static unsigned turn;
    char *value = values[turn++ % 2], key[64];
    *value = '\0';
    snprintf(key, sizeof key, "\r\n%s:", name);
    const char *at = strcasestr(r->head, key);
    if (!at)
        return value;
    at += strlen(key);
    at += strspn(at, " \t");
    snprintf(value, sizeof values[0], "%.*s", (int)strcspn(at, "\r\n"), at);
    return value;
}

/* ---- what all replies have ---------------------------------------------------------------------------------------- */

static bool has_text(const struct reply *r, const cJSON *object, const char *key)
{
    const cJSON *text = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsString(text) || !*text->valuestring)
        fail_reply(__FILE__, __LINE__, r, "no text \"%s\" in a problem", key);
    return true;
}

static void check_errors(const struct reply *r)
{
    const cJSON *errors = cJSON_GetObjectItemCaseSensitive(r->json, "errors"), *e;
    if (!cJSON_IsArray(errors) || !errors->child)
        fail_reply(__FILE__, __LINE__, r, "a 422 without errors");
    cJSON_ArrayForEach(e, errors) {
        const cJSON *pointer = cJSON_GetObjectItemCaseSensitive(e, "pointer");
        if (!cJSON_IsString(pointer) || (*pointer->valuestring && *pointer->valuestring != '/'))
            fail_reply(__FILE__, __LINE__, r, "an error without a JSON Pointer");
        has_text(r, e, "code");
        has_text(r, e, "detail");
    }
}

/* RFC 9457, and the members that the contract promises. */
static void check_problem(struct reply *r, const char *method)
{
    if (strcmp(http_header(r, "Content-Type"), "application/problem+json") != 0)
        fail_reply(__FILE__, __LINE__, r, "an error that is no application/problem+json");
    if (strcmp(method, "HEAD") == 0)
        return;
    const cJSON *p = json_of(r), *type = cJSON_GetObjectItemCaseSensitive(p, "type");
    if (!cJSON_IsString(type) || strncmp(type->valuestring, "/problems/", 10) != 0 ||
        strspn(type->valuestring + 10, "abcdefghijklmnopqrstuvwxyz_-") != strlen(type->valuestring + 10))
        fail_reply(__FILE__, __LINE__, r, "a problem's type is /problems/<word>");
    has_text(r, p, "title");
    if (r->status != 500)
        has_text(r, p, "detail");
    const cJSON *status = cJSON_GetObjectItemCaseSensitive(p, "status");
    if (!cJSON_IsNumber(status) || (int)status->valuedouble != r->status)
        fail_reply(__FILE__, __LINE__, r, "a problem's status is the reply's");
    has_text(r, p, "instance");
    if (strcmp(cJSON_GetObjectItemCaseSensitive(p, "instance")->valuestring, http_header(r, "X-Request-Id")) != 0)
        fail_reply(__FILE__, __LINE__, r, "a problem's instance is the request id");
    if (r->status == 422)
        check_errors(r);
}

void check_reply(struct reply *r, const char *method)
{
    bool bodiless = r->status == 204 || r->status == 304 || strcmp(method, "HEAD") == 0;
    if (strspn(http_header(r, "X-Request-Id"), "0123456789abcdef") != 16)
        fail_reply(__FILE__, __LINE__, r, "no X-Request-Id");
    if (strcmp(http_header(r, "X-Content-Type-Options"), "nosniff") != 0)
        fail_reply(__FILE__, __LINE__, r, "no X-Content-Type-Options: nosniff");
    bool of_page = strstr(r->about, " /assets/") && r->status < 400; /* its names change with the bytes */
    if (strcmp(http_header(r, "Cache-Control"), "public, max-age=31536000, immutable") == 0 ? !of_page
        : !strstr(http_header(r, "Cache-Control"), "no-"))
        fail_reply(__FILE__, __LINE__, r, "a reply that a cache may keep");
    if (bodiless && r->length)
        fail_reply(__FILE__, __LINE__, r, "a body where none may be");
    if (r->status >= 400)
        check_problem(r, method);
    if (r->status == 401 && strncmp(http_header(r, "WWW-Authenticate"), "Bearer", 6) != 0)
        fail_reply(__FILE__, __LINE__, r, "401 without WWW-Authenticate");
    if (r->status == 405 && !*http_header(r, "Allow"))
        fail_reply(__FILE__, __LINE__, r, "405 without Allow");
    if ((r->status == 503 || r->status == 507) && !atoi(http_header(r, "Retry-After")))
        fail_reply(__FILE__, __LINE__, r, "%d without Retry-After", r->status);
    if (r->status == 500)
        fail_reply(__FILE__, __LINE__, r, "an internal error");
}

/* ---- libcurl ------------------------------------------------------------------------------------------------------ */

struct sink {
    char *data;
    size_t length, room;
};

static size_t take(char *data, size_t size, size_t count, void *context)
{
    struct sink *s = context;
    size_t more = size * count;
    if (s->length + more + 1 > s->room) {
        s->room = 2 * (s->length + more) + 1024;
        s->data = realloc(s->data, s->room);
        assert_non_null(s->data);
    }
    memcpy(s->data + s->length, data, more);
    s->length += more;
    s->data[s->length] = '\0';
    return more;
}

/* "100 Continue" has a head of its own, which is not the reply's. */
static size_t take_head(char *data, size_t size, size_t count, void *context)
{
    if (size * count > 5 && strncmp(data, "HTTP/", 5) == 0)
        ((struct sink *)context)->length = 0;
    return take(data, size, count, context);
}

struct body {
    const struct request *request;
    size_t length, sent;
};

static size_t give(char *out, size_t size, size_t count, void *context)
{
    struct body *b = context;
    size_t room = size * count, left = b->length - b->sent;
    if (b->request->make)
        return b->request->make(b->request->context, out, room);
    room = room > 1000 ? 1000 : room; /* many small chunks */
    room = room > left ? left : room;
    memcpy(out, b->request->body + b->sent, room);
    b->sent += room;
    return room;
}

static struct curl_slist *header_list(const struct request *q, bool chunked)
{
    char line[300];
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    snprintf(line, sizeof line, "Content-Type:%s%s", q->type ? " " : "", q->type ? q->type : "");
    list = curl_slist_append(list, line);
    if (chunked)
        list = curl_slist_append(list, "Transfer-Encoding: chunked");
    for (size_t i = 0; i < HEADERS_MAX && q->header[i]; i++)
        list = curl_slist_append(list, q->header[i]);
    return list;
}

static const char *method_of(const struct request *q)
{
    return q->method ? q->method : q->body || q->make ? "POST" : "GET";
}

static void prepare(const struct request *q, struct body *body, struct curl_slist *headers)
{
    char url[16384];
    const char *method = method_of(q);
    if (!handle) {
        curl_global_init(CURL_GLOBAL_DEFAULT);
        handle = curl_easy_init();
        assert_non_null(handle);
    }
    curl_easy_reset(handle);
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", daemon_port(), q->path);
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_TIMEOUT, (long)HANG_SECONDS);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    if (q->chunked || q->make) {
        curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(handle, CURLOPT_READFUNCTION, give);
        curl_easy_setopt(handle, CURLOPT_READDATA, body);
    } else if (q->body || strcmp(method, "POST") == 0) {
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, q->body ? q->body : "");
        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->length);
    } else if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
    }
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, method);
}

struct reply *http_send(const struct request *q)
{
    char about[240], why[CURL_ERROR_SIZE] = "";
    long status = 0;
    struct body body = {q, q->length ? q->length : q->body ? strlen(q->body) : 0, 0};
    struct sink head = {0}, out = {0};
    struct curl_slist *headers = header_list(q, q->chunked || q->make);
    prepare(q, &body, headers);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_head);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, &head);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &out);
    CURLcode code = curl_easy_perform(handle);
    curl_slist_free_all(headers);
    snprintf(about, sizeof about, "%s %.90s %.120s", method_of(q), q->path, q->body ? q->body : "");
    struct reply *r = reply_new(about);
    r->head = head.data;
    r->body = out.data ? out.data : calloc(1, 1);
    r->length = out.length;
    if (code != CURLE_OK || !r->head)
        fail_msg("%s: %s (%s)", about, curl_easy_strerror(code), why);
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    r->status = (int)status;
    check_reply(r, method_of(q));
    return r;
}

/* ---- shorter ------------------------------------------------------------------------------------------------------ */

#define FORMATTED(text, size, format)                                                                                        \
    char text[size];                                                                                                         \
    do {                                                                                                                     \
        va_list arguments;                                                                                                   \
        va_start(arguments, format);                                                                                         \
        int formatted = vsnprintf(text, sizeof text, format, arguments);                                                     \
        va_end(arguments);                                                                                                   \
        assert_in_range(formatted, 0, sizeof text - 1);                                                                      \
    } while (0)

struct reply *http_get(const char *path, ...)
{
    FORMATTED(text, 9000, path);
    return http_send(&(struct request){.path = text});
}

struct reply *http_call(const char *method, const char *path, ...)
{
    FORMATTED(text, 9000, path);
    return http_send(&(struct request){.method = method, .path = text});
}

struct reply *http_post(const char *path, const char *json, ...)
{
    FORMATTED(text, 30000, json);
    return http_send(&(struct request){.path = path, .type = "application/json", .body = text});
}

struct reply *http_post_csv(const char *path, const char *csv)
{
    return http_send(&(struct request){.path = path, .type = "text/csv", .body = csv});
}

/* ---- expectations ------------------------------------------------------------------------------------------------- */

void fail_reply(const char *file, int line, const struct reply *r, const char *format, ...)
{
    char why[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    print_error("%s\n  %s\n  %.*s\n  %.1200s\n", why, r->about, (int)strcspn(r->head, "\r"), r->head, r->body);
    _fail(file, line);
    abort(); /* not reached */
}

struct reply *expect_status_at(const char *file, int line, struct reply *r, int status)
{
    if (r->status != status)
        fail_reply(file, line, r, "%d instead of %d", r->status, status);
    return r;
}

struct reply *expect_problem_at(const char *file, int line, struct reply *r, int status, const char *type)
{
    expect_status_at(file, line, r, status);
    const cJSON *have = cJSON_GetObjectItemCaseSensitive(json_of(r), "type");
    if (type && (!have || strcmp(have->valuestring + strlen("/problems/"), type) != 0))
        fail_reply(file, line, r, "not a problem of type %s", type);
    return r;
}

struct reply *expect_violation_at(const char *file, int line, struct reply *r, const char *pointer, const char *code)
{
    const cJSON *e;
    expect_problem_at(file, line, r, 422, "validation");
    cJSON_ArrayForEach(e, cJSON_GetObjectItemCaseSensitive(r->json, "errors")) {
        const char *at = cJSON_GetObjectItemCaseSensitive(e, "pointer")->valuestring;
        const char *why = cJSON_GetObjectItemCaseSensitive(e, "code")->valuestring;
        if (strcmp(at, pointer) == 0 && (!code || strcmp(why, code) == 0))
            return r;
    }
    fail_reply(file, line, r, "no error at \"%s\" with code %s", pointer, code ? code : "(any)");
}
