/* The web page and its files, which are part of the program: a table made by client/dashboard/embed.sh. */
#include "api.h"

#include <string.h>

extern const struct http_asset dashboard_assets[]; /* sorted by path; empty when the program was built without the page */
extern const size_t dashboard_asset_count;

static const struct http_asset *find(const char *path)
{
    size_t low = 0, high = dashboard_asset_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(path, dashboard_assets[middle].path);
        if (order == 0)
            return &dashboard_assets[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

enum http_next dashboard_page(struct http_request *r)
{
    const struct http_asset *page = find("index.html");
    if (page)
        return http_asset(r, page);
    buf_puts(&r->reply.body, "mlpd " MLPD_VERSION " is running, built without its web page: node and npm were not there, or "
                             "could not get its parts.\nInstall them, run make again, and the page is here. The API is "
                             "at /v1/: see /v1/jobs, /v1/schema, /metrics.\n");
    r->reply.status = 200;
    r->reply.content_type = "text/plain; charset=utf-8";
    return HTTP_REPLY;
}

enum http_next dashboard_asset(struct http_request *r)
{
    char path[128];
    int length = snprintf(path, sizeof path, "assets/%s", r->parameter[0]);
    const struct http_asset *asset = length < (int)sizeof path ? find(path) : NULL;
    if (asset)
        return http_asset(r, asset);
    return http_problem(r, 404, "not_found", "No such path", "the page has no file \"%.100s\": load it again",
                        r->parameter[0]);
}
