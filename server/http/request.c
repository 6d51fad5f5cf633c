/* A request from its first line to the end of its headers: the raw URI, the headers that frame the body, the query. */
#include "internal.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/base/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define URI_SHOWN  64u  /* of a URI that is over the limit */
#define TEXT_SPARE 512u /* what a context that is kept has room for */
#define NUMBERS_AT_ONCE 64u

/* ---- life -------------------------------------------------------------------------------------------------------- */

/* A connection takes many numbers at once: what all threads count with travels between their caches. */
static uint64_t next_number(struct http_server *s, struct connection *peer)
{
    if (peer && peer->next_id % NUMBERS_AT_ONCE)
        return peer->next_id++;
    uint64_t first = atomic_fetch_add_explicit(&s->next_id, NUMBERS_AT_ONCE, memory_order_relaxed);
    if (peer)
        peer->next_id = first + 1;
    return first;
}

static void set_id(struct http_server *s, struct connection *peer, char id[24])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t n = s->first_id + next_number(s, peer);
    for (unsigned i = 16; i-- > 0; n >>= 4)
        id[i] = digits[n & 15];
    id[16] = '\0';
}

/* A context of zeros with so much room for texts: the one that the connection kept, or a new one. */
static struct context *context_take(struct connection *peer, size_t text_size)
{
    struct context *c = peer ? peer->spare : NULL;
    if (c && c->text_size >= text_size) {
        peer->spare = NULL;
        text_size = c->text_size;
    } else {
        text_size = text_size > TEXT_SPARE ? text_size : TEXT_SPARE;
        c = mem_alloc(sizeof *c + text_size);
    }
    if (!c)
        return NULL;
    memset(c, 0, sizeof *c);
    c->text_size = text_size;
    return c;
}

static void context_give(struct connection *peer, struct context *c)
{
    if (peer && !peer->spare && c->text_size == TEXT_SPARE)
        peer->spare = c;
    else
        mem_free(c);
}

struct context *request_new(struct http_server *s, struct MHD_Connection *connection, const char *uri)
{
    size_t length = strlen(uri), kept = length <= HTTP_URI_LIMIT ? length : URI_SHOWN;
    struct connection *peer = connection_find(connection);
    /* Decoding never lengthens, and every segment, name and value has a separator in the raw text for its NUL. */
    struct context *c = context_take(peer, 2 * (kept + 1));
    if (!c)
        return NULL;
    memcpy(c->text, uri, kept);
    c->text[kept] = '\0';
    c->free_text = c->text + kept + 1;
    c->uri_length = length;
    c->raw_query = "";
    c->server = s;
    c->connection = connection;
    c->peer = peer;
    c->route_index = s->route_count;
    c->started_ns = clock_monotonic_ns();
    c->request.app = s->app;
    c->request.path = c->text;
    c->request.reply.fd = -1;
    buf_init(&c->request.reply.body, HTTP_REPLY_LIMIT);
    set_id(s, peer, c->request.id);
    connection_expect(c->peer, s->header_ns);
    return c;
}

void request_free(struct context *c)
{
    struct http_request *r = &c->request;
    if (r->state_free && r->state)
        r->state_free(r->state);
    reply_drop_body(&r->reply);
    buf_done(&r->body);
    context_give(c->peer, c);
}

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

/* RFC 9110, 5.6.2 and 5.5: a header's name is of neither controls, blanks, bytes over 126, nor delimiters; its value of no
 * controls. RFC 3986, 2.3: what a URI never needs to escape. */
enum { TOKEN = 1, TEXT = 2, UNRESERVED = 4 };
#define NAME (TOKEN | TEXT)
#define WORD (NAME | UNRESERVED)
static const unsigned char byte_class[256] = {
    ['\t'] = TEXT,        [' '] = TEXT,         ['!'] = NAME,         ['"'] = TEXT,         ['#' ... '\''] = NAME,
    ['(' ... ')'] = TEXT, ['*' ... '+'] = NAME, [','] = TEXT,         ['-' ... '.'] = WORD, ['/'] = TEXT,
    ['0' ... '9'] = WORD, [':' ... '@'] = TEXT, ['A' ... 'Z'] = WORD, ['[' ... ']'] = TEXT, ['^'] = NAME,
    ['_'] = WORD,         ['`'] = NAME,         ['a' ... 'z'] = WORD, ['{'] = TEXT,         ['|'] = NAME,
    ['}'] = TEXT,         ['~'] = WORD,         [0x80 ... 0xff] = TEXT,
};

/* ---- percent-decoding -------------------------------------------------------------------------------------------- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte that starts at raw[*at], which moves behind it; -1 for a bad escape, a NUL, and what no URI may hold raw. */
static int decode_byte(const char *raw, size_t length, size_t *at, bool plus_is_space)
{
    unsigned char byte = (unsigned char)raw[(*at)++];
    if (byte == '+' && plus_is_space)
        return ' ';
    if (byte != '%')
        return byte > ' ' && byte != 0x7f && byte != '#' ? byte : -1;
    if (length - *at < 2)
        return -1;
    int high = hex_value(raw[*at]), low = hex_value(raw[*at + 1]);
    *at += 2;
    return high < 0 || low < 0 || (high | low) == 0 ? -1 : high << 4 | low;
}

/* The length of the UTF-8 sequence that s[0..length) starts with; 0 when it is none (RFC 3629: shortest forms only, no
 * surrogates, up to U+10FFFF). */
static size_t utf8_length(const unsigned char *s, size_t length)
{
    size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    if (n == 0 || n > length)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool bad = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
               (s[0] == 0xf4 && s[1] > 0x8f);
    return bad ? 0 : n;
}

static bool is_utf8(const char *text, size_t length)
{
    const unsigned char *s = (const unsigned char *)text;
    for (size_t at = 0, n; at < length; at += n)
        if ((n = utf8_length(s + at, length - at)) == 0)
            return false;
    return true;
}

char *request_decode(struct context *c, const char *raw, size_t length, bool plus_is_space)
{
    char *text = c->free_text;
    size_t used = 0, plain;
    while (used < length && (byte_class[(unsigned char)raw[used]] & UNRESERVED)) { /* most: nothing to decode */
        text[used] = raw[used];
        used++;
    }
    plain = used;
    for (size_t at = plain; at < length;) {
        int byte = decode_byte(raw, length, &at, plus_is_space);
        if (byte < 0)
            return NULL;
        text[used++] = (char)byte;
    }
    text[used] = '\0';
    if (!is_utf8(text + plain, used - plain))
        return NULL;
    c->free_text += used + 1;
    return text;
}

/* ---- headers ----------------------------------------------------------------------------------------------------- */

#define HEADER(text) {text, sizeof text - 1}
static const struct {
    const char *text;
    size_t length;
} header_names[HEADERS] = {
    [H_CONTENT_LENGTH] = HEADER("Content-Length"), [H_TRANSFER_ENCODING] = HEADER("Transfer-Encoding"),
    [H_CONTENT_TYPE] = HEADER("Content-Type"),     [H_CONTENT_ENCODING] = HEADER("Content-Encoding"),
    [H_HOST] = HEADER("Host"),                     [H_ORIGIN] = HEADER("Origin"),
    [H_AUTHORIZATION] = HEADER("Authorization"),
};

struct header_scan {
    struct context *context;
    const char *next; /* where the next line must start */
    bool repeated;    /* one of header_names */
    bool malformed;   /* a name that is no token, such as one with a blank before its colon, or a control character */
    bool torn;        /* a line that did not end in CR LF, or holds a NUL, or goes on in the next line */
};

static bool all_are(const char *text, size_t length, unsigned char class)
{
    unsigned char all = class;
    for (size_t i = 0; i < length; i++)
        all &= byte_class[(unsigned char)text[i]];
    return all;
}

static enum MHD_Result scan_header(void *scan, enum MHD_ValueKind kind, const char *name, size_t name_length,
                                   const char *value, size_t value_length)
{
    (void)kind;
    struct header_scan *s = scan;
    s->malformed |= !name_length || !all_are(name, name_length, TOKEN) || !all_are(value, value ? value_length : 0, TEXT);
    s->torn |= name != s->next || !value;
    s->next = value ? value + value_length + 2 : NULL;
    for (int i = 0; i < HEADERS; i++) {
        if (name_length != header_names[i].length || strcasecmp(name, header_names[i].text) != 0)
            continue;
        if (s->context->header[i])
            s->repeated = true;
        s->context->header[i] = value ? value : "";
    }
    return MHD_YES;
}

static enum http_next bad_request(struct context *c, const char *detail)
{
    c->close = true;
    return http_problem(&c->request, 400, "malformed", "The request cannot be read", "%s", detail);
}

/* libmicrohttpd ends a line at a bare CR or LF too, joins folded lines, and cuts texts at a NUL, where a proxy may see
 * something else. It leaves the lines where they came, one behind the other, so that a gap shows what it forgave. */
static void check_lines(struct context *c, const char *url, const char *method, const char *version)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    struct header_scan scan = {.context = c, .next = version + strlen(version) + 2};
    MHD_get_connection_values_n(c->connection, MHD_HEADER_KIND, scan_header, &scan);
    if (url != method + strlen(method) + 1 || version != url + c->uri_length + 1 || scan.torn ||
        scan.next + 2 != method + info->header_size)
        bad_request(c, "a request is lines that end in CR LF, unfolded, with single blanks in the first and no NUL");
    else if (scan.malformed)
        bad_request(c, "a header's name may not hold blanks or separators, its value no controls");
    else if (scan.repeated)
        bad_request(c, "Content-Length, Transfer-Encoding, Content-Type, Content-Encoding, Host, Origin and Authorization "
                       "may come once only");
    c->header_size = info->header_size;
}

/* libmicrohttpd takes the Transfer-Encoding when there is a Content-Length too, and reads a body in an unknown coding
 * to the end of the connection: both ways to make it and a proxy disagree on where the next request starts. */
static void check_framing(struct context *c, const char *version)
{
    const char *coding = c->header[H_TRANSFER_ENCODING], *length = c->header[H_CONTENT_LENGTH];
    c->chunked = coding != NULL;
    c->content_length = length ? strtoull(length, NULL, 10) : 0;
    if (c->request.reply.status != 0)
        return;
    if (coding && length)
        bad_request(c, "Transfer-Encoding and Content-Length exclude each other");
    else if (coding && strcmp(version, MHD_HTTP_VERSION_1_1) != 0)
        bad_request(c, "Transfer-Encoding needs HTTP/1.1");
    else if (coding && strcasecmp(coding, "chunked") != 0)
        http_problem(&c->request, 501, "transfer_coding", "Unknown transfer coding", "only \"chunked\" is known");
    else
        return;
    c->close = true;
}

static void check_sizes(struct context *c)
{
    if (c->uri_length > HTTP_URI_LIMIT)
        http_problem(&c->request, 414, "uri_too_long", "The URI is too long", "at most %u bytes", HTTP_URI_LIMIT);
    else if (c->header_size > HTTP_HEADERS_LIMIT + c->uri_length)
        http_problem(&c->request, 431, "headers_too_large", "The headers are too large", "at most %u bytes",
                     HTTP_HEADERS_LIMIT);
    else
        return;
    c->close = true;
}

/* ---- query ------------------------------------------------------------------------------------------------------- */

/* The route's query names, cut at blanks into `names`, which point into `copy`. */
static size_t query_names(const char *query, char *copy, size_t size, const char *names[HTTP_QUERY_MAX])
{
    size_t count = 0;
    char *rest = copy;
    snprintf(copy, size, "%s", query ? query : "");
    for (char *name; count < HTTP_QUERY_MAX && (name = strsep(&rest, " ")) != NULL;)
        if (*name)
            names[count++] = name;
    return count;
}

static void refuse_unknown(struct context *c, const char *name)
{
    char copy[256];
    const char *names[HTTP_QUERY_MAX];
    size_t count = query_names(c->request.route->query, copy, sizeof copy, names);
    const char *nearest = text_nearest(name, names, count);
    if (nearest)
        http_problem(&c->request, 400, "query", "Bad query", "no query parameter \"%.64s\" here; did you mean \"%s\"?",
                     name, nearest);
    else
        http_problem(&c->request, 400, "query", "Bad query", "no query parameter \"%.64s\" here", name);
}

static bool route_takes(const struct http_route *route, const char *name)
{
    size_t length = strlen(name);
    const char *at = route->query ? route->query : "";
    while (*at) {
        size_t n = strcspn(at, " ");
        if (n == length && n > 0 && memcmp(at, name, n) == 0)
            return true;
        at += n + (at[n] == ' ');
    }
    return false;
}

/* One name=value; false once a reply is set. */
static bool add_query(struct context *c, const char *raw, size_t length)
{
    const char *equals = memchr(raw, '=', length);
    size_t name_length = equals ? (size_t)(equals - raw) : length;
    const char *name = request_decode(c, raw, name_length, true);
    const char *value = "";
    if (name && equals)
        value = request_decode(c, equals + 1, length - name_length - 1, true);
    if (!name || !value)
        bad_request(c, "a query holds UTF-8, percent-encoded, and no NUL");
    else if (!route_takes(c->request.route, name))
        refuse_unknown(c, name);
    else if (http_query(&c->request, name))
        http_problem(&c->request, 400, "query", "Bad query", "the query parameter \"%s\" may come once only", name);
    else
        c->query[c->query_count++] = (struct query){name, value};
    return c->request.reply.status == 0;
}

static void parse_query(struct context *c)
{
    const char *at = c->raw_query;
    while (*at) {
        size_t length = strcspn(at, "&");
        if (length > 0 && !add_query(c, at, length))
            return;
        at += length + (at[length] == '&');
    }
}

const char *http_query(const struct http_request *r, const char *name)
{
    const struct context *c = context_of_const(r);
    for (unsigned i = 0; i < c->query_count; i++)
        if (strcmp(c->query[i].name, name) == 0)
            return c->query[i].value;
    return NULL;
}

const char *http_header(const struct http_request *r, const char *name)
{
    return MHD_lookup_connection_value(context_of_const(r)->connection, MHD_HEADER_KIND, name);
}

struct http_server *http_server_of(const struct http_request *r)
{
    return context_of_const(r)->server;
}

/* ---- the first call ---------------------------------------------------------------------------------------------- */

/* Cuts the query off the path, and "http://host" off the front, which RFC 9112 lets a client send. */
static void split_uri(struct context *c)
{
    char *query = strchr(c->text, '?');
    if (query) {
        *query = '\0';
        c->raw_query = query + 1;
    }
    if (strncasecmp(c->text, "http://", 7) == 0) {
        c->authority = c->text + 7;
        const char *path = strchr(c->authority, '/');
        c->request.path = path ? path : "/";
    }
}

static void check_server(struct context *c)
{
    if (!c->peer || c->peer->refused) {
        c->close = true;
        http_problem(&c->request, 503, "connections", "Too many connections", "try again in a moment");
    }
}

void request_begin(struct context *c, const char *url, const char *method, const char *version)
{
    const struct http_reply *reply = &c->request.reply;
    c->body_started_ns = clock_coarse_ns();
    connection_expect(c->peer, 0);
    check_lines(c, url, method, version);
    check_framing(c, version);
    if (reply->status == 0)
        check_sizes(c);
    if (reply->status == 0)
        check_server(c);
    if (reply->status != 0)
        return;
    split_uri(c);
    access_check_caller(c, method);
    if (reply->status == 0)
        route_request(c, method);
    if (reply->status == 0)
        access_check_token(c);
    if (reply->status == 0)
        parse_query(c);
    if (reply->status == 0)
        body_begin(c);
}
