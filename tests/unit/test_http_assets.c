/* Files that are part of the program: in the best coding that the client takes, cached or revalidated, and with what a
 * browser is to refuse of them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define FIXTURE_ROUTES                                                                                                 \
    {HTTP_GET, "/page", SCOPE_OPEN, .handler = show_page}, {HTTP_GET, "/hashed", SCOPE_OPEN, .handler = show_hashed},  \
        {HTTP_GET, "/small", SCOPE_OPEN, .handler = show_small},
#include "server/http/http.h"

#define BODY(text) {(const unsigned char *)(text), sizeof(text) - 1}
static const struct http_asset page = {
    "index.html", "text/html; charset=utf-8", "aa11", false, {BODY("as it is"), BODY("zipped"), BODY("broiled")}};
static const struct http_asset hashed = {
    "assets/x-1.js", "text/javascript; charset=utf-8", "bb22", true, {BODY("as it is"), BODY("zipped"), BODY("broiled")}};
static const struct http_asset small = {"assets/y-1.svg", "image/svg+xml", "cc33", true, {BODY("tiny"), {NULL, 0}, {NULL, 0}}};

static enum http_next show_page(struct http_request *r)
{
    return http_asset(r, &page);
}
static enum http_next show_hashed(struct http_request *r)
{
    return http_asset(r, &hashed);
}
static enum http_next show_small(struct http_request *r)
{
    return http_asset(r, &small);
}

#include "http_fixture.h"

static struct response fetch(const char *path, const char *headers)
{
    char request[512];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n%s", path, headers);
    return ask(request);
}

static void sends_the_best_coding_that_is_taken(void **state)
{
    (void)state;
    static const struct {
        const char *accepted, *coding, *body; /* accepted: NULL for no such header */
    } cases[] = {
        {NULL, "", "as it is"},
        {"br", "br", "broiled"},
        {"gzip, deflate, br, zstd", "br", "broiled"},
        {"gzip, deflate", "gzip", "zipped"},
        {"br;q=0, gzip", "gzip", "zipped"},
        {"br; q=0.0 ,gzip;q=0.5", "gzip", "zipped"},
        {"gzip;q=0,br;q=0", "", "as it is"},
        {"BR;Q=1", "br", "broiled"},
        {"*", "br", "broiled"},
        {"*;q=0", "", "as it is"},
        {"br;q=0, *", "gzip", "zipped"},
        {"identity", "", "as it is"},
        {"", "", "as it is"},
        {",,;q=,", "", "as it is"},
        {"brotli, xgzip", "", "as it is"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char headers[128] = "";
        if (cases[i].accepted)
            snprintf(headers, sizeof headers, "Accept-Encoding: %s\r\n", cases[i].accepted);
        struct response r = fetch("/page", headers);
        assert_int_equal(r.status, 200);
        assert_string_equal(header(&r, "Content-Encoding"), cases[i].coding);
        assert_string_equal(header(&r, "Vary"), "Accept-Encoding");
        assert_string_equal(header(&r, "Content-Type"), "text/html; charset=utf-8");
        assert_string_equal(r.body, cases[i].body);
    }
}

static void what_does_not_shrink_goes_as_it_is(void **state)
{
    (void)state;
    struct response r = fetch("/small", "Accept-Encoding: br, gzip\r\n");
    assert_string_equal(header(&r, "Content-Encoding"), "");
    assert_string_equal(r.body, "tiny");
}

static void hashed_names_are_kept_for_ever_and_others_revalidated(void **state)
{
    (void)state;
    struct response r = fetch("/hashed", "");
    assert_string_equal(header(&r, "Cache-Control"), "public, max-age=31536000, immutable");
    r = fetch("/page", "Accept-Encoding: gzip\r\n");
    assert_string_equal(header(&r, "Cache-Control"), "no-cache");
    assert_string_equal(header(&r, "ETag"), "\"aa11-gzip\"");
    r = fetch("/page", "Accept-Encoding: gzip\r\nIf-None-Match: \"aa11-gzip\"\r\n");
    assert_int_equal(r.status, 304);
    assert_string_equal(header(&r, "ETag"), "\"aa11-gzip\"");
    assert_string_equal(header(&r, "Cache-Control"), "no-cache");
    assert_string_equal(header(&r, "Vary"), "Accept-Encoding");
    assert_string_equal(header(&r, "Content-Encoding"), "");
    /* the same bytes in another coding are another representation */
    r = fetch("/page", "Accept-Encoding: br\r\nIf-None-Match: \"aa11-gzip\"\r\n");
    assert_int_equal(r.status, 200);
    assert_string_equal(header(&r, "ETag"), "\"aa11-br\"");
}

static void a_head_is_a_get_without_the_body(void **state)
{
    (void)state;
    struct response r = ask("HEAD /page HTTP/1.1\r\nHost: x\r\nAccept-Encoding: br\r\n");
    assert_int_equal(r.status, 200);
    assert_string_equal(header(&r, "Content-Length"), "7");
    assert_string_equal(header(&r, "Content-Encoding"), "br");
    assert_string_equal(r.body, "");
}

static void a_browser_is_told_what_to_refuse(void **state)
{
    (void)state;
    struct response r = fetch("/page", "");
    char policy[600];
    snprintf(policy, sizeof policy, "%s", header(&r, "Content-Security-Policy"));
    static const char *const said[] = {"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'",
                                       "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
                                       "require-trusted-types-for 'script'"};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        assert_non_null(strstr(policy, said[i]));
    assert_null(strstr(policy, "unsafe"));
    assert_null(strstr(policy, "*"));
    assert_string_equal(header(&r, "X-Content-Type-Options"), "nosniff");
    assert_string_equal(header(&r, "Referrer-Policy"), "no-referrer");
    r = GET("/things/fixed");
    assert_string_equal(header(&r, "Vary"), ""); /* not of an asset */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_the_best_coding_that_is_taken),
        cmocka_unit_test(what_does_not_shrink_goes_as_it_is),
        cmocka_unit_test(hashed_names_are_kept_for_ever_and_others_revalidated),
        cmocka_unit_test(a_head_is_a_get_without_the_body),
        cmocka_unit_test(a_browser_is_told_what_to_refuse),
    };
    return cmocka_run_group_tests(tests, start_shared, stop_shared);
}
