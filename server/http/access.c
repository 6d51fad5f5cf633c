/* Who may ask. A page on the web can make a browser talk to a loopback port, under a name of its own that it lets point
 * there; so every request has to call the server by a name that is its own, and one that changes something must not come
 * from another site's page. Then the route's scope: whoever asks for more than what is open needs the token. All of it is
 * decided from the headers, before a byte of the body is taken. What no route answers (404, 405, OPTIONS) is open: the
 * table is no secret. */
#include "internal.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* ---- addresses --------------------------------------------------------------------------------------------------- */

/* All addresses as those of IPv6, IPv4's mapped into them. */
static bool read_address(const char *text, size_t length, struct in6_addr *ret)
{
    char copy[INET6_ADDRSTRLEN];
    struct in_addr v4;
    if (length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (memchr(text, ':', length))
        return inet_pton(AF_INET6, copy, ret) == 1;
    if (inet_pton(AF_INET, copy, &v4) != 1)
        return false;
    *ret = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(ret->s6_addr + 12, &v4, sizeof v4);
    return true;
}

static bool is_loopback(const struct in6_addr *a)
{
    return IN6_IS_ADDR_LOOPBACK(a) || (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127);
}

bool http_is_loopback(const char *address)
{
    struct in6_addr a;
    return read_address(address, strlen(address), &a) && is_loopback(&a);
}

bool access_is_own(const struct in6_addr *address, const struct sockaddr *local)
{
    struct in6_addr own = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    if (local->sa_family == AF_INET6)
        own = ((const struct sockaddr_in6 *)(const void *)local)->sin6_addr;
    else
        memcpy(own.s6_addr + 12, &((const struct sockaddr_in *)(const void *)local)->sin_addr, 4);
    return memcmp(address, &own, sizeof own) == 0;
}

/* Whether the client's connection came to this address: no other site's name can be an address. */
static bool came_to(const struct context *c, const struct in6_addr *address)
{
    struct sockaddr_storage local = {0};
    socklen_t length = sizeof local;
    return c->peer && getsockname(c->peer->fd, (struct sockaddr *)&local, &length) == 0 &&
           access_is_own(address, (const struct sockaddr *)&local);
}

/* ---- authorities ------------------------------------------------------------------------------------------------- */

/* host[:port], not NUL-terminated; a host of IPv6 is without its brackets. */
struct authority {
    const char *host, *port;
    size_t host_length, port_length; /* port_length 0: none */
};

static const char *host_end(const char *text, const char *end)
{
    if (text < end && *text == '[') {
        const char *bracket = memchr(text, ']', (size_t)(end - text));
        return bracket ? bracket + 1 : end;
    }
    const char *colon = memchr(text, ':', (size_t)(end - text));
    return colon ? colon : end;
}

/* False for what is none. */
static bool read_authority(const char *text, size_t length, struct authority *ret)
{
    const char *end = text + length, *after = host_end(text, end);
    bool bracket = length > 0 && *text == '[';
    struct in6_addr v6;
    if (bracket && (after - text < 2 || after[-1] != ']'))
        return false;
    ret->host = text + bracket;
    ret->host_length = (size_t)(after - text) - 2u * bracket;
    if (bracket && (!memchr(ret->host, ':', ret->host_length) || !read_address(ret->host, ret->host_length, &v6)))
        return false;
    if (after < end && *after != ':')
        return false;
    ret->port = after < end ? after + 1 : end;
    ret->port_length = (size_t)(end - ret->port);
    for (const char *at = ret->port; at < end; at++)
        if (*at < '0' || *at > '9')
            return false;
    return ret->host_length > 0;
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

static bool is_listed(const char *list, const struct authority *a)
{
    for (const char *at = list; *at;) {
        size_t length = strcspn(at, ",");
        if (length == a->host_length && strncasecmp(at, a->host, length) == 0)
            return true;
        at += length + (at[length] == ',');
    }
    return false;
}

static bool is_ours(const struct context *c, const struct authority *a)
{
    struct in6_addr address;
    if (is_listed("localhost", a) || is_listed(c->server->hosts, a))
        return true;
    return read_address(a->host, a->host_length, &address) && (is_loopback(&address) || came_to(c, &address));
}

/* What a connection called this server last is looked at once: all that decides on it stays as it is. */
static bool is_known_host(const struct connection *peer, const char *text, size_t length)
{
    return peer && length && length == peer->host_length && memcmp(text, peer->host, length) == 0;
}

static void know_host(struct connection *peer, const char *text, size_t length)
{
    if (!peer || length > sizeof peer->host)
        return;
    memcpy(peer->host, text, length);
    peer->host_length = length;
}

static bool check_host(struct context *c, const char *text, size_t length)
{
    struct authority a;
    if (is_known_host(c->peer, text, length))
        return true;
    if (read_authority(text, length, &a) && is_ours(c, &a)) {
        know_host(c->peer, text, length);
        return true;
    }
    http_problem(&c->request, 421, "host", "Not a name of this server",
                 "\"%.*s\" is no name that this server answers to; mlpd --host NAME adds one",
                 (int)(length < 100 ? length : 100), text);
    return false;
}

/* ---- origins ----------------------------------------------------------------------------------------------------- */

static bool same_text(const char *a, size_t a_length, const char *b, size_t b_length)
{
    return a_length == b_length && strncasecmp(a, b, a_length) == 0;
}

/* The page comes from here: from what the request calls this server (RFC 6454, but for the scheme, which a proxy may
 * change), or from one of the names that it was given, at whatever port its proxy has. */
static bool is_own_origin(const struct context *c, const char *origin)
{
    bool secure = strncasecmp(origin, "https://", 8) == 0;
    if (!secure && strncasecmp(origin, "http://", 7) != 0)
        return false;
    const char *text = origin + (secure ? 8 : 7), *host = c->header[H_HOST], *usual = secure ? "443" : "80";
    struct authority from, to;
    if (!read_authority(text, strlen(text), &from))
        return false;
    if (is_listed(c->server->hosts, &from))
        return true;
    if (!host || !read_authority(host, strlen(host), &to))
        return false;
    const char *from_port = from.port_length ? from.port : usual, *to_port = to.port_length ? to.port : usual;
    return same_text(from.host, from.host_length, to.host, to.host_length) &&
           same_text(from_port, from.port_length ? from.port_length : strlen(usual), to_port,
                     to.port_length ? to.port_length : strlen(usual));
}

static bool changes_nothing(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 || strcmp(method, "OPTIONS") == 0;
}

void access_check_caller(struct context *c, const char *method)
{
    const char *host = c->header[H_HOST], *origin = c->header[H_ORIGIN];
    if (host && !check_host(c, host, strlen(host))) /* HTTP/1.0 may come without; browsers do not */
        return;
    if (c->authority && !check_host(c, c->authority, strcspn(c->authority, "/")))
        return;
    if (origin && !changes_nothing(method) && !is_own_origin(c, origin))
        http_problem(&c->request, 403, "origin", "Not from another site's page",
                     "a page of %.100s may not change anything here; mlpd --host NAME adds a name of this server", origin);
}

/* ---- the token --------------------------------------------------------------------------------------------------- */

static void digest_of(const char *text, size_t length, uint8_t digest[SHA256_BYTES])
{
    struct sha256 s;
    sha256_start(&s);
    sha256_add(&s, text, length);
    sha256_finish(&s, digest);
}

void access_start(struct http_server *s, const struct http_options *o)
{
    s->hosts = o->hosts ? o->hosts : "";
    s->token_needed = o->token && *o->token;
    if (s->token_needed)
        digest_of(o->token, strlen(o->token), s->token);
}

/* "Bearer TOKEN". Digests are compared, so that the time it takes tells nothing of the token, not even its length. */
static bool has_token(const struct context *c)
{
    static const char scheme[] = "Bearer ";
    const char *text = c->header[H_AUTHORIZATION];
    uint8_t digest[SHA256_BYTES];
    if (!text || strncasecmp(text, scheme, sizeof scheme - 1) != 0)
        return false;
    text += sizeof scheme - 1;
    text += strspn(text, " ");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t", text[length - 1]))
        length--;
    digest_of(text, length, digest);
    return sha256_same(digest, c->server->token);
}

void access_check_token(struct context *c)
{
    if (!c->server->token_needed || c->request.route->scope == SCOPE_OPEN || has_token(c))
        return;
    bool given = c->header[H_AUTHORIZATION] != NULL;
    c->authenticate = given ? "Bearer realm=\"mlpd\", error=\"invalid_token\"" : "Bearer realm=\"mlpd\"";
    http_problem(&c->request, 401, "token", "A token is needed", "%s",
                 given ? "the Authorization header does not hold this server's token, as \"Bearer TOKEN\""
                       : "send the header \"Authorization: Bearer TOKEN\"; mlpd's log says where its token is");
}
