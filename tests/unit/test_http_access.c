/* Who may ask: Host, Origin and token, over a table of its own and over every row of the real one. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "http_fixture.h"
#include "server/api/api.h"
#include <arpa/inet.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define TOKEN    "0123456789abcdef-._~+/="

static int start_guarded(void **state)
{
    (void)state;
    struct http_options o = {
        .address = "127.0.0.1", .threads = 2, .routes = routes, .hosts = "x,mlpd.example,2001:db8::7", .token = TOKEN};
    struct err err = {0};
    return http_start(&o, &server, &err) == ERR_OK ? 0 : -1;
}

static struct response ask_line(const char *line, const char *headers)
{
    char request[1024];
    snprintf(request, sizeof request, "%s HTTP/1.1\r\n%s", line, headers);
    return ask(request);
}

/* ---- the real table ---------------------------------------------------------------------------------------------- */

/* Whoever adds a route that needs no token has to say so here. */
static const char *const open_routes[] = {"GET /healthz", "GET /readyz", "GET /", "GET /assets/{file}"};

static const char *const names_of_methods[HTTP_METHODS] = {"GET", "POST", "PATCH", "DELETE"};

static bool is_open(const struct http_route *route)
{
    char name[200];
    snprintf(name, sizeof name, "%s %s", names_of_methods[route->method], route->path);
    for (size_t i = 0; i < COUNT(open_routes); i++)
        if (strcmp(open_routes[i], name) == 0)
            return true;
    return false;
}

/* The route's request line, each parameter being 1. */
static void line_of(const struct http_route *route, const char *method, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "%s ", method);
    for (const char *at = route->path; *at; at++) {
        assert_true(used < size - 1);
        out[used++] = *at == '{' ? '1' : *at;
        if (*at == '{')
            at = strchr(at, '}');
    }
    out[used] = '\0';
}

static void check_refused(const struct http_route *route, const char *method)
{
    static const char *const bad[] = {
        "", "Authorization: Bearer " TOKEN "x\r\n", "Authorization: Basic " TOKEN "\r\n",
        "Content-Type: application/json\r\nContent-Length: 1000\r\n",
        "Content-Type: text/csv\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n",
    };
    char line[256], headers[256];
    line_of(route, method, line, sizeof line);
    for (size_t i = 0; i < COUNT(bad); i++) {
        snprintf(headers, sizeof headers, "Host: localhost\r\n%s", bad[i]);
        struct response r = ask_line(line, headers);
        if (r.status != 401 || strncmp(header(&r, "WWW-Authenticate"), "Bearer", 6) != 0)
            fail_msg("%s with \"%s\": %d", line, bad[i], r.status);
    }
}

/* The services behind the handlers are not there: a request that got past the token would not come back. */
static void every_route_that_is_not_open_needs_the_token(void **state)
{
    (void)state;
    static struct app app;
    struct http_server *of_table = server;
    struct http_options o = {.address = "127.0.0.1", .threads = 1, .routes = api_routes, .app = &app, .token = TOKEN};
    struct err err = {0};
    size_t open = 0;
    assert_int_equal(http_start(&o, &server, &err), ERR_OK);
    for (const struct http_route *route = api_routes; route->path; route++) {
        char line[256];
        line_of(route, names_of_methods[route->method], line, sizeof line);
        if (!is_open(route)) {
            check_refused(route, names_of_methods[route->method]);
            if (route->method == HTTP_GET)
                check_refused(route, "HEAD");
            continue;
        }
        open++;
        int status = ask_line(line, "Host: localhost\r\n").status;
        if (status == 401 || status >= 500)
            fail_msg("%s: %d", line, status);
    }
    assert_int_equal(open, COUNT(open_routes));
    http_stop(server);
    server = of_table;
}

/* ---- the token --------------------------------------------------------------------------------------------------- */

static void the_token_opens(void **state)
{
    (void)state;
    static const char *const good[] = {"Bearer " TOKEN, "bearer " TOKEN, "BEARER   " TOKEN, "Bearer " TOKEN " "};
    static const char *const bad[] = {
        "", " ", "Bearer", "Bearer ", TOKEN, "Bearer" TOKEN, "Bearer \"" TOKEN "\"", "Bearer " TOKEN "=",
        "Bearer 0123456789abcdef-._~+/", "Bearer 1123456789abcdef-._~+/=", "Bearer 0123456789ABCDEF-._~+/=",
        "Bearer " TOKEN ", Bearer " TOKEN, "Bearer " TOKEN " " TOKEN, "Basic " TOKEN, "Token " TOKEN,
        "Bearer e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    };
    char headers[256];
    for (size_t i = 0; i < COUNT(good); i++) {
        snprintf(headers, sizeof headers, "Host: x\r\nAuthorization: %s\r\n", good[i]);
        struct response r = ask_line("GET /things/7", headers);
        if (r.status != 200 || *header(&r, "WWW-Authenticate"))
            fail_msg("\"%s\": %d", good[i], r.status);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        snprintf(headers, sizeof headers, "Host: x\r\nAuthorization: %s\r\n", bad[i]);
        struct response r = ask_line("GET /things/7", headers);
        if (r.status != 401)
            fail_msg("\"%s\": %d", bad[i], r.status);
        assert_string_equal(header(&r, "WWW-Authenticate"), "Bearer realm=\"mlpd\", error=\"invalid_token\"");
        assert_null(strstr(r.body, TOKEN));
    }
    struct response r = GET("/things/7");
    assert_int_equal(r.status, 401);
    assert_string_equal(header(&r, "Content-Type"), "application/problem+json");
    assert_string_equal(header(&r, "WWW-Authenticate"), "Bearer realm=\"mlpd\"");
    assert_non_null(strstr(r.body, "\"type\":\"/problems/token\""));
    assert_int_equal(ask_line("GET /query?limit=1", "Host: x\r\nAuthorization: Bearer " TOKEN "\r\n").status, 200);
    assert_int_equal(ask_line("GET /query?limit=1&token=" TOKEN, "Host: x\r\n").status, 401);
    assert_int_equal(ask_line("GET /things/7", "Host: x\r\nAuthorization: Bearer " TOKEN "\r\nAuthorization: x\r\n").status,
                     400);
}

/* What no route answers tells nothing but the table. */
static void what_is_open_needs_none(void **state)
{
    (void)state;
    assert_int_equal(GET("/").status, 200);
    assert_int_equal(GET("/nothing").status, 404);
    assert_int_equal(ask_line("OPTIONS /things/7", "Host: x\r\n").status, 204);
    assert_int_equal(ask_line("PATCH /things/7", "Host: x\r\n").status, 405);
}

/* The body is not waited for, not even asked for. */
static void a_refusal_comes_before_the_body(void **state)
{
    (void)state;
    static const char *const framing[] = {"Content-Length: 1000\r\n", "Content-Length: 1000\r\nExpect: 100-continue\r\n",
                                          "Transfer-Encoding: chunked\r\n"};
    static const char *const why[] = {"Host: x\r\n", "Host: y\r\nAuthorization: Bearer " TOKEN "\r\n",
                                      "Host: x\r\nOrigin: http://y\r\nAuthorization: Bearer " TOKEN "\r\n"};
    static const int status[] = {401, 421, 403};
    for (size_t i = 0; i < COUNT(framing); i++)
        for (size_t k = 0; k < COUNT(why); k++) {
            char headers[256];
            snprintf(headers, sizeof headers, "%sContent-Type: text/csv\r\n%s", why[k], framing[i]);
            struct response r = ask_line("POST /upload", headers);
            assert_int_equal(r.status, status[k]);
            assert_string_equal(header(&r, "Connection"), "close");
        }
}

/* ---- Host -------------------------------------------------------------------------------------------------------- */

static void other_names_are_421(void **state)
{
    (void)state;
    static const char *const good[] = {
        "localhost", "LocalHost:8080", "localhost:", "127.0.0.1", "127.0.0.1:80", "127.255.3.4", "[::1]", "[::1]:8080",
        "[0:0::1]", "[::ffff:127.0.0.1]:1", "x", "X:99999", "mlpd.example:443", "MLPD.Example", "[2001:db8::7]:80",
    };
    static const char *const bad[] = {
        "", ":", ":80", "y", "xx", "x.", "mlpd.example.evil.example", "evil-localhost", "localhost.evil.example", "localhos",
        "localhost:80:80", "localhost:8o", "localhost, x", "localhost x", "x,mlpd.example", ",", "user@localhost",
        "http://localhost", "localhost/", "128.0.0.1", "126.255.255.255", "0.0.0.0", "127.0.0.1.evil.example", "127.1",
        "2130706433", "0x7f000001", "192.168.0.1", "[::2]", "[::]", "[fe80::1]", "[::1", "::1", "[::1]x", "[]", "[x]", "[",
        "2001:db8::7", "[127.0.0.1]", "\xc3\xbc", "[::1%25lo]",
    };
    char headers[256];
    for (size_t i = 0; i < COUNT(good); i++) {
        snprintf(headers, sizeof headers, "Host: %s\r\n", good[i]);
        int status = ask_line("GET /", headers).status;
        if (status != 200)
            fail_msg("Host \"%s\": %d", good[i], status);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        snprintf(headers, sizeof headers, "Host: %s\r\nAuthorization: Bearer " TOKEN "\r\n", bad[i]);
        struct response r = ask_line("GET /things/7", headers);
        if (r.status != 421)
            fail_msg("Host \"%s\": %d", bad[i], r.status);
        assert_string_equal(header(&r, "Content-Type"), "application/problem+json");
        assert_non_null(strstr(r.body, "--host"));
        assert_int_equal(ask_line("GET /", headers).status, 421);
        assert_int_equal(ask_line("GET /nothing", headers).status, 421);
        assert_int_equal(ask_line("OPTIONS /", headers).status, 421);
    }
}

static void a_connection_may_change_its_mind(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        int status;
    } turns[] = {{"x", 200}, {"x", 200}, {"y", 421}, {"x", 200}, {"xx", 421}, {"localhost", 200}, {"localhos", 421}, {"", 421},
                 {"localhost", 200}};
    struct client *c = dial(server);
    for (size_t i = 0; i < COUNT(turns); i++) {
        char text[100];
        snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", turns[i].host);
        say(c, text);
        assert_int_equal(hear(c, false).status, turns[i].status);
    }
    hang_up(c);
}

/* A URI with a host counts for one too. */
static void a_uri_with_another_name_is_421(void **state)
{
    (void)state;
    assert_int_equal(ask_line("GET http://x/", "Host: x\r\n").status, 200);
    assert_int_equal(ask_line("GET http://localhost:80", "Host: x\r\n").status, 200);
    assert_int_equal(ask_line("GET http://y/", "Host: x\r\n").status, 421);
    assert_int_equal(ask_line("GET http://x/", "Host: y\r\n").status, 421);
    assert_int_equal(ask_line("GET http:///", "Host: x\r\n").status, 421);
    assert_int_equal(ask("GET / HTTP/1.0\r\n").status, 200);
}

/* The address that the client's connection came to is no foreign name, whatever it is. */
static void its_own_address_is_fine(void **state)
{
    (void)state;
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6}, mapped = {.sin6_family = AF_INET6};
    struct in6_addr a, b, c;
    assert_int_equal(inet_pton(AF_INET, "192.0.2.7", &v4.sin_addr), 1);
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::9", &v6.sin6_addr), 1);
    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.7", &mapped.sin6_addr), 1);
    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.7", &a), 1);
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::9", &b), 1);
    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.8", &c), 1);
    assert_true(access_is_own(&a, (const struct sockaddr *)&v4));
    assert_true(access_is_own(&a, (const struct sockaddr *)&mapped));
    assert_true(access_is_own(&b, (const struct sockaddr *)&v6));
    assert_false(access_is_own(&b, (const struct sockaddr *)&v4));
    assert_false(access_is_own(&a, (const struct sockaddr *)&v6));
    assert_false(access_is_own(&c, (const struct sockaddr *)&v4));
    assert_false(access_is_own(&c, (const struct sockaddr *)&mapped));
}

static void loopback_addresses_are_known(void **state)
{
    (void)state;
    static const char *const inside[] = {"127.0.0.1", "127.0.0.2", "127.255.255.255", "::1", "::ffff:127.0.0.1"};
    static const char *const outside[] = {"0.0.0.0", "::", "128.0.0.1", "10.0.0.1", "::ffff:10.0.0.1", "fe80::1", "::127.0.0.1",
                                          "localhost", ""};
    for (size_t i = 0; i < COUNT(inside); i++)
        assert_true(http_is_loopback(inside[i]));
    for (size_t i = 0; i < COUNT(outside); i++)
        assert_false(http_is_loopback(outside[i]));
}

/* ---- Origin ------------------------------------------------------------------------------------------------------ */

static void foreign_pages_may_not_change_anything(void **state)
{
    (void)state;
    static const struct {
        const char *host, *origin;
        int status; /* of a change */
    } cases[] = {
        {"localhost:8080", "http://localhost:8080", 204}, {"LOCALHOST:8080", "HTTP://localhost:8080", 204},
        {"127.0.0.1:8080", "http://127.0.0.1:8080", 204}, {"[::1]:8080", "http://[::1]:8080", 204},
        {"localhost", "http://localhost", 204}, {"localhost", "https://localhost", 204},
        {"localhost:80", "http://localhost", 204}, {"localhost", "http://localhost:80", 204},
        {"localhost:443", "https://localhost", 204}, {"localhost", "https://localhost:443", 204},
        {"x", "http://x", 204}, {"127.0.0.1:8080", "https://mlpd.example", 204}, /* a proxy that gives its own Host */
        {"127.0.0.1:8080", "https://mlpd.example:8443", 204},
        {"localhost:8080", "http://127.0.0.1:8080", 403}, {"127.0.0.1:8080", "http://localhost:8080", 403},
        {"localhost:8080", "http://localhost:8081", 403}, {"localhost:8080", "http://localhost", 403},
        {"localhost:443", "http://localhost", 403}, {"localhost:8080", "https://evil.example", 403},
        {"localhost:8080", "http://evil.example:8080", 403}, {"localhost:8080", "http://localhost.evil.example:8080", 403},
        {"localhost:8080", "null", 403}, {"localhost:8080", "", 403}, {"localhost:8080", "localhost:8080", 403},
        {"localhost:8080", "file://localhost:8080", 403}, {"localhost:8080", "http://", 403},
        {"localhost:8080", "http://localhost:8080/", 403}, {"localhost:8080", "http://localhost:8080 http://evil.example", 403},
        {"localhost:8080", "chrome-extension://localhost:8080", 403}, {"localhost:8080", "http://user@localhost:8080", 403},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char headers[400];
        snprintf(headers, sizeof headers, "Host: %s\r\nOrigin: %s\r\nAuthorization: Bearer " TOKEN "\r\n", cases[i].host,
                 cases[i].origin);
        struct response r = ask_line("POST /act", headers);
        if (r.status != cases[i].status)
            fail_msg("Origin %s at %s: %d", cases[i].origin, cases[i].host, r.status);
        assert_string_equal(header(&r, "Access-Control-Allow-Origin"), "");
        assert_int_equal(ask_line("DELETE /things/7", headers).status, cases[i].status);
        assert_int_equal(ask_line("PUT /things/7", headers).status, cases[i].status == 204 ? 405 : 403);
        assert_int_equal(ask_line("POST /nothing", headers).status, cases[i].status == 204 ? 404 : 403);
        r = ask_line("GET /things/7", headers);
        assert_int_equal(r.status, 200);
        assert_string_equal(header(&r, "Access-Control-Allow-Origin"), "");
        r = ask_line("OPTIONS /act", headers);
        assert_int_equal(r.status, 204);
        assert_string_equal(header(&r, "Access-Control-Allow-Origin"), "");
    }
    /* whoever sends none is no page */
    assert_int_equal(ask_line("POST /act", "Host: x\r\nAuthorization: Bearer " TOKEN "\r\n").status, 204);
    assert_int_equal(ask_line("POST /act", "Host: x\r\nOrigin: http://x\r\nOrigin: http://x\r\n").status, 400);
    assert_int_equal(ask("POST /act HTTP/1.0\r\nOrigin: http://localhost\r\nAuthorization: Bearer " TOKEN "\r\n").status, 403);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_that_is_not_open_needs_the_token),
        cmocka_unit_test(the_token_opens),
        cmocka_unit_test(what_is_open_needs_none),
        cmocka_unit_test(a_refusal_comes_before_the_body),
        cmocka_unit_test(other_names_are_421),
        cmocka_unit_test(a_connection_may_change_its_mind),
        cmocka_unit_test(a_uri_with_another_name_is_421),
        cmocka_unit_test(its_own_address_is_fine),
        cmocka_unit_test(loopback_addresses_are_known),
        cmocka_unit_test(foreign_pages_may_not_change_anything),
    };
    return cmocka_run_group_tests(tests, start_guarded, stop_shared);
}
