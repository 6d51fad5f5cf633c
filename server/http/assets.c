/* The files of the page: sent from where they lie in the program, compressed beforehand. */
#include "internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The page runs its own script and style and talks to its own server; nothing else. Nothing may frame it, no string
 * becomes markup (trusted types), and no address of it leaves with a link. */
#define POLICY                                                                                                         \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "   \
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

static const char *const coding_names[CODINGS] = {
    [CODING_IDENTITY] = "identity", [CODING_GZIP] = "gzip", [CODING_BROTLI] = "br"};

/* Whether the parameters of one element of Accept-Encoding, up to its comma, say q=0. */
static bool refused(const char *parameters, size_t length)
{
    for (size_t at = 0; at < length; at++)
        if ((parameters[at] == 'q' || parameters[at] == 'Q') && at + 1 < length && parameters[at + 1] == '=')
            return strtod(parameters + at + 2, NULL) <= 0;
    return false;
}

static bool accepts(const char *list, const char *coding)
{
    bool any = false;
    for (const char *at = list; *at; at += *at == ',') {
        at += strspn(at, " \t");
        size_t element = strcspn(at, ","), name = strcspn(at, ";, \t");
        bool wanted = !refused(at + name, element - name);
        if (name == strlen(coding) && strncasecmp(at, coding, name) == 0)
            return wanted;
        if (name == 1 && *at == '*')
            any = wanted;
        at += element;
    }
    return any;
}

enum http_coding asset_coding(const struct http_asset *asset, const char *accepted)
{
    for (int coding = CODINGS - 1; accepted && coding > CODING_IDENTITY; coding--)
        if (asset->body[coding].length && accepts(accepted, coding_names[coding]))
            return (enum http_coding)coding;
    return CODING_IDENTITY;
}

static enum http_coding coding_for(const struct http_request *r)
{
    return asset_coding(r->reply.asset, http_header(r, MHD_HTTP_HEADER_ACCEPT_ENCODING));
}

struct MHD_Response *asset_response(const struct http_request *r)
{
    const struct http_asset *asset = r->reply.asset;
    enum http_coding coding = coding_for(r);
    /* libmicrohttpd takes a pointer without const and does not write through it. */
    void *data = (void *)(uintptr_t)asset->body[coding].data;
    return MHD_create_response_from_buffer(asset->body[coding].length, data, MHD_RESPMEM_PERSISTENT);
}

bool asset_headers(const struct http_request *r, struct MHD_Response *response)
{
    enum http_coding coding = r->reply.status == 200 ? coding_for(r) : CODING_IDENTITY; /* a 304 has no body */
    const struct {
        const char *name, *value;
    } headers[] = {
        {MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT_ENCODING},
        {MHD_HTTP_HEADER_CONTENT_ENCODING, coding == CODING_IDENTITY ? NULL : coding_names[coding]},
        {"Content-Security-Policy", POLICY},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        if (headers[i].value && MHD_add_response_header(response, headers[i].name, headers[i].value) != MHD_YES)
            return false;
    return true;
}

enum http_next http_asset(struct http_request *r, const struct http_asset *asset)
{
    r->reply.asset = asset;
    r->reply.status = 200;
    r->reply.content_type = asset->content_type;
    snprintf(r->reply.etag, sizeof r->reply.etag, "\"%s-%s\"", asset->hash,
             coding_names[coding_for(r)]);
    return HTTP_REPLY;
}
