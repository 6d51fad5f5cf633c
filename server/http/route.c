/* Routing on the raw path: it is cut at its slashes first, then each segment is decoded, once. So "%2F" is a character
 * of a parameter, "%252e" stays "%2e", and no path climbs. The first row of the table that matches wins. */
#include "internal.h"
#include "core/base/mem.h"
#include <stdio.h>
#include <string.h>

/* By enum http_method; a GET route answers HEAD too. */
static const char *const method_names[HTTP_METHODS] = {"GET, HEAD", "POST", "PATCH", "DELETE"};

static const struct {
    const char *name;
    enum http_method method;
    bool head;
} methods[] = {
    {"GET", HTTP_GET, false},     {"HEAD", HTTP_GET, true},         {"POST", HTTP_POST, false},
    {"PATCH", HTTP_PATCH, false}, {"DELETE", HTTP_DELETE, false},
};

/* ---- the table --------------------------------------------------------------------------------------------------- */

static enum err_code plan_path(const struct http_route *route, struct plan *plan, struct err *err)
{
    unsigned parameters = 0;
    const char *at = route->path;
    while (*at == '/') {
        size_t length = strcspn(++at, "/");
        if (plan->count == HTTP_SEGMENTS)
            return err_set(err, ERR_INTERNAL, "route %s: at most %u segments", route->path, HTTP_SEGMENTS);
        bool parameter = length > 2 && at[0] == '{' && at[length - 1] == '}';
        parameters += parameter;
        plan->segment[plan->count++] = (struct segment){parameter ? NULL : at, length};
        at += length;
    }
    if (plan->count == 0)
        return err_set(err, ERR_INTERNAL, "route %s: a path starts with a slash", route->path);
    if (parameters > HTTP_PARAMETERS)
        return err_set(err, ERR_INTERNAL, "route %s: at most %d parameters", route->path, HTTP_PARAMETERS);
    return ERR_OK;
}

static unsigned count_names(const char *query)
{
    unsigned count = 0;
    for (const char *at = query ? query : ""; *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        count += length > 0;
        at += length;
    }
    return count;
}

static const char *route_fault(const struct http_route *route)
{
    bool csv = route->body == BODY_CSV || route->body == BODY_JSON_OR_CSV;
    if (route->scope == SCOPE_UNSET)
        return "it needs a scope";
    if (!route->handler || (unsigned)route->method >= HTTP_METHODS)
        return "it needs a method and a handler";
    if (route->body == BODY_NONE && (route->body_limit || route->piece))
        return "a limit or a piece function needs a body";
    if (route->body != BODY_NONE && (route->method == HTTP_GET || route->method == HTTP_DELETE))
        return "GET and DELETE take no body";
    if (route->piece && !csv)
        return "only CSV bodies stream";
    if (!route->piece && route->body_limit > HTTP_COLLECT_LIMIT)
        return "a body this large must be streamed";
    if (count_names(route->query) > HTTP_QUERY_MAX || (route->query && strlen(route->query) > 200))
        return "too many query parameters";
    return NULL;
}

/* The paths are one to a client when they differ in their parameters' names only. */
static bool same_shape(const struct plan *a, const struct plan *b)
{
    if (a->count != b->count)
        return false;
    for (unsigned i = 0; i < a->count; i++) {
        const struct segment *x = &a->segment[i], *y = &b->segment[i];
        if (!x->literal != !y->literal)
            return false;
        if (x->literal && (x->length != y->length || memcmp(x->literal, y->literal, x->length) != 0))
            return false;
    }
    return true;
}

static enum err_code plan_route(struct http_server *s, size_t index, struct err *err)
{
    const struct http_route *route = &s->routes[index];
    struct plan *plan = &s->plans[index];
    const char *fault = route_fault(route);
    if (fault)
        return err_set(err, ERR_INTERNAL, "route %s: %s", route->path, fault);
    plan->route = route;
    enum err_code code = plan_path(route, plan, err);
    if (code != ERR_OK)
        return code;
    for (size_t i = 0; i < index; i++)
        if (s->routes[i].method == route->method && same_shape(&s->plans[i], plan))
            return err_set(err, ERR_INTERNAL, "route %s: it is in the table twice", route->path);
    return ERR_OK;
}

enum err_code routes_plan(struct http_server *s, const struct http_route *routes, struct err *err)
{
    s->routes = routes;
    while (routes[s->route_count].path)
        s->route_count++;
    s->plans = mem_array(s->route_count + 1, sizeof *s->plans);
    if (!s->plans)
        return err_no_memory(err);
    for (size_t i = 0; i < s->route_count; i++) {
        enum err_code code = plan_route(s, i, err);
        if (code != ERR_OK)
            return code;
    }
    for (size_t i = s->route_count; i-- > 0;) {
        struct plan *plan = &s->plans[i], **first = &s->first_plan[plan->count];
        plan->next = *first;
        *first = plan;
    }
    return ERR_OK;
}

/* ---- matching ---------------------------------------------------------------------------------------------------- */

struct path {
    unsigned count;
    bool too_long;
    const char *segment[HTTP_SEGMENTS];
    size_t length[HTTP_SEGMENTS];
};

/* False for a path that no URI may be. A path with more segments than any route is fine, and unknown. */
static bool split_path(struct context *c, struct path *path)
{
    const char *at = c->request.path;
    if (*at != '/')
        return false;
    while (*at == '/') {
        size_t length = strcspn(++at, "/");
        const char *text = request_decode(c, at, length, false);
        if (!text)
            return false;
        if (path->count == HTTP_SEGMENTS) {
            path->too_long = true;
        } else {
            path->length[path->count] = (size_t)(c->free_text - text) - 1;
            path->segment[path->count++] = text;
        }
        at += length;
    }
    return true;
}

/* Of a plan with as many segments. */
static bool plan_matches(const struct plan *plan, const struct path *path)
{
    for (unsigned i = plan->count; i-- > 0;) { /* most paths differ at their ends */
        const struct segment *s = &plan->segment[i];
        if (s->literal ? s->length != path->length[i] || memcmp(s->literal, path->segment[i], s->length) != 0
                       : path->length[i] == 0)
            return false;
    }
    return true;
}

static void capture(struct context *c, const struct plan *plan, const struct path *path)
{
    unsigned count = 0;
    for (unsigned i = 0; i < plan->count; i++)
        if (!plan->segment[i].literal)
            c->request.parameter[count++] = path->segment[i];
}

static void set_allow(struct context *c, const bool allowed[HTTP_METHODS])
{
    size_t used = 0;
    for (unsigned i = 0; i < HTTP_METHODS; i++)
        if (allowed[i])
            used += (size_t)snprintf(c->allow + used, sizeof c->allow - used, "%s, ", method_names[i]);
    snprintf(c->allow + used, sizeof c->allow - used, "OPTIONS");
}

static int find_method(const char *name)
{
    for (int i = 0; i < (int)(sizeof methods / sizeof *methods); i++)
        if (strcmp(methods[i].name, name) == 0)
            return i;
    return -1;
}

/* The first matching row of the method, or the table's length; `allowed` has the methods of every matching row. */
static size_t find_route(const struct http_server *s, const struct path *path, int method, bool allowed[HTTP_METHODS])
{
    size_t found = s->route_count;
    for (const struct plan *plan = path->too_long ? NULL : s->first_plan[path->count]; plan; plan = plan->next) {
        enum http_method of_route = plan->route->method;
        if (!plan_matches(plan, path))
            continue;
        allowed[of_route] = true;
        if (method >= 0 && methods[method].method == of_route && found == s->route_count)
            found = (size_t)(plan - s->plans);
    }
    return found;
}

static void refuse(struct context *c, const char *method, const bool allowed[HTTP_METHODS])
{
    bool known = false;
    for (unsigned i = 0; i < HTTP_METHODS; i++)
        known |= allowed[i];
    if (!known) {
        http_problem(&c->request, 404, "not_found", "No such path", "there is nothing at %.200s", c->request.path);
        return;
    }
    set_allow(c, allowed);
    if (strcmp(method, "OPTIONS") == 0)
        http_empty(&c->request, 204);
    else
        http_problem(&c->request, 405, "method", "Method not allowed", "%.20s is not one of: %s", method, c->allow);
}

void route_request(struct context *c, const char *method)
{
    struct http_server *s = c->server;
    struct path path = {0};
    bool allowed[HTTP_METHODS] = {false};
    if (!split_path(c, &path)) {
        c->close = true;
        http_problem(&c->request, 400, "malformed", "The URI cannot be read",
                     "a path starts with a slash and holds UTF-8, percent-encoded, and no NUL");
        return;
    }
    int index = find_method(method);
    size_t found = find_route(s, &path, index, allowed);
    c->head = index >= 0 && methods[index].head;
    if (found == s->route_count) {
        refuse(c, method, allowed);
        return;
    }
    c->route_index = found;
    c->request.route = &s->routes[found];
    c->request.method = s->routes[found].method;
    capture(c, &s->plans[found], &path);
}
