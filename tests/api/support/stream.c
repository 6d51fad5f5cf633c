#include "api.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct stream {
    int fd;
    bool may_break, ended;
    size_t have, taken, room; /* bytes in data, and of those used */
    char *data;
    size_t chunk; /* bytes left of the current one */
    bool inside;  /* a chunk has begun: a line end follows it */
    long last;
    int silence; /* comments in a row */
    struct event event;
};

/* ---- bytes -------------------------------------------------------------------------------------------------------- */

static bool more(struct stream *s)
{
    if (s->taken == s->have)
        s->taken = s->have = 0;
    if (s->room - s->have < 65536) {
        s->room += 131072;
        s->data = realloc(s->data, s->room);
        assert_non_null(s->data);
    }
    ssize_t n = recv(s->fd, s->data + s->have, s->room - s->have, 0);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        fail_msg("nothing on the stream within %d s, after event %ld", HANG_SECONDS, s->last);
    if (n > 0)
        s->have += (size_t)n;
    return n > 0;
}

/* The next byte; -1: the connection has ended. */
static int byte(struct stream *s)
{
    if (s->taken == s->have && !more(s))
        return -1;
    return (unsigned char)s->data[s->taken++];
}

/* A line of the framing, without its end. */
static bool line(struct stream *s, char *out, size_t size)
{
    size_t length = 0;
    int c;
    while ((c = byte(s)) != '\n') {
        if (c < 0)
            return false;
        if (c != '\r' && length + 1 < size)
            out[length++] = (char)c;
    }
    out[length] = '\0';
    return true;
}

/* The next byte of the body. */
static int body_byte(struct stream *s)
{
    char text[40];
    while (!s->chunk) {
        if (s->ended || (s->inside && !line(s, text, sizeof text)) || !line(s, text, sizeof text))
            return -1;
        s->inside = true;
        s->chunk = strtoul(text, NULL, 16);
        s->ended = s->chunk == 0;
    }
    int c = byte(s);
    s->chunk--;
    return c;
}

/* ---- opening ------------------------------------------------------------------------------------------------------ */

static struct stream *ask(long last, const char *path)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)daemon_port()),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = HANG_SECONDS};
    int small = 65536; /* so that a reader that does not read holds up the daemon soon */
    struct stream *s = calloc(1, sizeof *s);
    char request[1200], header[60] = "";
    assert_non_null(s);
    s->last = last;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(s->fd >= 0);
    assert_int_equal(setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    assert_int_equal(connect(s->fd, (struct sockaddr *)&address, sizeof address), 0);
    if (last >= 0)
        snprintf(header, sizeof header, "Last-Event-ID: %ld\r\n", last);
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s\r\n", path, daemon_port(), header);
    assert_in_range(length, 1, sizeof request - 1);
    assert_int_equal(send(s->fd, request, (size_t)length, MSG_NOSIGNAL), length);
    return s;
}

struct stream *stream_ask(long last, const char *path, ...)
{
    char target[1000];
    va_list arguments;
    va_start(arguments, path);
    vsnprintf(target, sizeof target, path, arguments);
    va_end(arguments);
    return ask(last, target);
}

int stream_status(struct stream *s)
{
    char text[300];
    assert_true(line(s, text, sizeof text));
    int status = atoi(text + 9);
    bool chunked = false, events = false;
    while (status == 200) {
        assert_true(line(s, text, sizeof text));
        if (!*text)
            break;
        chunked |= strcasecmp(text, "Transfer-Encoding: chunked") == 0;
        events |= strcasecmp(text, "Content-Type: text/event-stream") == 0;
    }
    assert_true(status != 200 || (chunked && events));
    return status;
}

struct stream *stream_open(long last, const char *path, ...)
{
    char target[1000];
    va_list arguments;
    va_start(arguments, path);
    vsnprintf(target, sizeof target, path, arguments);
    va_end(arguments);
    struct stream *s = ask(last, target);
    assert_int_equal(stream_status(s), 200);
    return s;
}

void stream_close(struct stream *s)
{
    close(s->fd);
    cJSON_Delete(s->event.data);
    free(s->data);
    free(s);
}

/* ---- events ------------------------------------------------------------------------------------------------------- */

/* One line of the body; false at the end. */
static bool body_line(struct stream *s, char *out, size_t size)
{
    size_t length = 0;
    int c;
    while ((c = body_byte(s)) != '\n') {
        if (c < 0) {
            if (!s->ended && !s->may_break)
                fail_msg("the stream broke off after event %ld", s->last);
            return false;
        }
        assert_true(length + 1 < size);
        out[length++] = (char)c;
    }
    out[length] = '\0';
    return true;
}

/* Takes one field; what no event of ours has fails. */
static void take_field(struct stream *s, const char *field)
{
    if (strncmp(field, "id: ", 4) == 0)
        s->event.id = atol(field + 4);
    else if (strncmp(field, "event: ", 7) == 0)
        snprintf(s->event.name, sizeof s->event.name, "%.15s", field + 7);
    else if (strncmp(field, "data: ", 6) == 0)
        assert_non_null(s->event.data = cJSON_Parse(field + 6));
    else if (field[0] == ':')
        s->event.comment = true;
    else if (strncmp(field, "retry: ", 7) != 0)
        fail_msg("a line of no kind: %s", field);
}

struct event *stream_next(struct stream *s)
{
    char field[2000];
    cJSON_Delete(s->event.data);
    s->event = (struct event){.id = -1};
    while (body_line(s, field, sizeof field)) {
        if (*field) {
            take_field(s, field);
            continue;
        }
        if (s->event.id >= 0)
            s->last = s->event.id;
        s->silence = s->event.comment ? s->silence + 1 : 0;
        if (s->silence > 2)
            fail_msg("only signs of life on the stream after event %ld", s->last);
        if (*s->event.name || s->event.comment)
            return &s->event;
        s->event.id = -1;
    }
    return NULL;
}

void stream_may_break(struct stream *s)
{
    s->may_break = true;
}

struct event *stream_await(struct stream *s, const char *name)
{
    struct event *e;
    do {
        e = stream_next(s);
        if (!e)
            fail_msg("the stream ended before an event %s, after %ld", name, s->last);
    } while (strcmp(e->name, name) != 0);
    return e;
}

long stream_id(const struct stream *s)
{
    return s->last;
}

double event_number(const struct event *e, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(e->data, name);
    if (cJSON_IsBool(value))
        return cJSON_IsTrue(value);
    if (!cJSON_IsNumber(value))
        fail_msg("event %ld (%s) has no number %s", e->id, e->name, name);
    return value->valuedouble;
}

const char *event_text(const struct event *e, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(e->data, name);
    if (!cJSON_IsString(value))
        fail_msg("event %ld (%s) has no text %s", e->id, e->name, name);
    return value->valuestring;
}

void stream_check_id(const struct event *e, long *last)
{
    if (e->comment)
        return;
    if (e->id != *last + 1)
        fail_msg("event %ld (%s) follows %ld", e->id, e->name, *last);
    *last = e->id;
}

bool event_ends_job(const struct event *e, long job)
{
    return strcmp(e->name, "job") == 0 && event_number(e, "id") == (double)job && event_number(e, "terminal") == 1;
}
