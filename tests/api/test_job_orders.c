/* GET /v1/jobs?order_by=: every order both ways, with every filter, by pages; and what is not an order. */
#include "support/api.h"

#include <math.h>
#include <strings.h>

static const char *const statuses[] = {"queued", "running", "paused", "succeeded", "failed", "cancelled"};
static const char *const orders[] = {"created_at", "name", "status", "best.loss"};

/* The key of a job in a list as a number; of a name see names_in_order. NAN: it has none. */
static double key_of(struct reply *r, int index, const char *order)
{
    if (!strcmp(order, "created_at"))
        return number(r, "/data/%d/id", index);
    if (!strcmp(order, "best.loss"))
        return is_null(r, "/data/%d/best", index) ? NAN : number(r, "/data/%d/best/loss", index);
    for (size_t s = 0; s < COUNT(statuses); s++)
        if (!strcmp(text(r, "/data/%d/status", index), statuses[s]))
            return (double)s;
    return NAN;
}

/* Below, above or equal to 0, as strcmp; absent ones are last either way. */
static double difference(struct reply *r, int index, const char *order, bool descending)
{
    double way = descending ? -1 : 1;
    if (!strcmp(order, "name")) {
        bool before = !is_null(r, "/data/%d/name", index - 1), after = !is_null(r, "/data/%d/name", index);
        if (!before || !after)
            return after - before;
        char name[200];
        snprintf(name, sizeof name, "%s", text(r, "/data/%d/name", index - 1));
        return way * strcasecmp(name, text(r, "/data/%d/name", index));
    }
    double a = key_of(r, index - 1, order), b = key_of(r, index, order);
    if (isnan(a) || isnan(b))
        return isnan(a) - isnan(b);
    return way * (a - b);
}

static void check_order(struct reply *r, const char *order, bool descending)
{
    for (int i = 1; i < count(r, "/data"); i++) {
        double d = difference(r, i, order, descending), ids = number(r, "/data/%d/id", i) - number(r, "/data/%d/id", i - 1);
        if (d > 0 || (d == 0 && (descending ? ids > 0 : ids < 0)))
            fail_reply(__FILE__, __LINE__, r, "%s: %d is not before %d", order, i - 1, i);
    }
}

static void check_pages(struct reply *whole, const char *query)
{
    char path[1500];
    int seen = 0;
    snprintf(path, sizeof path, "/v1/jobs?%s&limit=2", query);
    while (*path) {
        struct reply *page = expect(http_get("%s", path), 200);
        for (int i = 0; i < count(page, "/data"); i++, seen++)
            assert_true(json_same(at(page, "/data/%d", i), at(whole, "/data/%d", seen)));
        *path = '\0';
        if (!is_null(page, "/next"))
            snprintf(path, sizeof path, "/v1/jobs?%s&limit=2&cursor=%s", query, text(page, "/next"));
    }
    assert_int_equal(seen, count(whole, "/data"));
}

static void jobs_are_ordered_by_every_key_absent_ones_last(void **state)
{
    (void)state;
    static const char *const filters[] = {"", "&name=o", "&status=succeeded", "&status=cancelled&name=o", "&name=nobody"};
    for (size_t i = 0; i < COUNT(orders); i++)
        for (size_t k = 0; k < COUNT(filters); k++)
            for (int descending = 0; descending < 2; descending++) {
                char query[200];
                snprintf(query, sizeof query, "order_by=%s%s%s", orders[i], descending ? "&desc=true" : "", filters[k]);
                struct reply *r = expect(http_get("/v1/jobs?%s&limit=200", query), 200);
                check_order(r, orders[i], descending);
                check_pages(r, query);
                struct reply *plain = expect(http_get("/v1/jobs?limit=200%s", filters[k]), 200);
                assert_int_equal(count(r, "/data"), count(plain, "/data"));
            }
}

static void what_was_asked_for_is_there(void **state)
{
    (void)state;
    struct reply *r = expect(http_get("/v1/jobs?order_by=name&name=Or"), 200);
    assert_int_equal(count(r, "/data"), 2); /* of the filter the case counts, of the order not */
    r = expect(http_get("/v1/jobs?order_by=name"), 200);
    static const char *const names[] = {"alpha", "Beta", "ORDER a", "order b", "Order c", "Order C", "o~d~t\"%"};
    for (size_t i = 0; i < COUNT(names); i++)
        assert_string_equal(text(r, "/data/%zu/name", i), names[i]);
    assert_true(is_null(r, "/data/%zu/name", COUNT(names)));
    r = expect(http_get("/v1/jobs?order_by=best.loss&limit=1"), 200);
    double best = number(r, "/data/0/best/loss");
    r = expect(http_get("/v1/jobs?limit=200"), 200);
    for (int i = 0; i < count(r, "/data"); i++)
        assert_true(is_null(r, "/data/%d/best", i) || number(r, "/data/%d/best/loss", i) >= best);
    r = expect(http_get("/v1/jobs?desc=true&limit=200"), 200);
    struct reply *plain = expect(http_get("/v1/jobs?limit=200"), 200);
    assert_true(json_same(at(r, "/data"), at(plain, "/data")));
    assert_true(number(expect(http_get("/v1/jobs?desc=false"), 200), "/data/0/id") == 1);
}

static void a_page_begins_behind_the_last_one_whatever_happened(void **state)
{
    (void)state;
    struct reply *r = expect(http_get("/v1/jobs?order_by=name&limit=2"), 200);
    char next[300];
    snprintf(next, sizeof next, "%s", text(r, "/next"));
    long last = whole(r, "/data/1/id"), new = start_job("{\"name\":\"aaa\",\"dataset\":\"penguins\",\"target\":\"sex\",\"epochs\":1}");
    finish_job(new);
    expect(http_call("DELETE", "/v1/jobs/%ld", last), 204);
    r = expect(http_get("/v1/jobs?order_by=name&limit=1&cursor=%s", next), 200);
    assert_string_equal(text(r, "/data/0/name"), "ORDER a");
    expect(http_call("DELETE", "/v1/jobs/%ld", new), 204);
}

static void what_is_no_order_is_400(void **state)
{
    (void)state;
    static const char *const queries[] = {
        "order_by=", "order_by=id", "order_by=Name", "order_by=best", "order_by=best_loss", "order_by=runs", "desc=maybe",
        "order_by=name&cursor=1", "order_by=name&cursor=name~a~", "order_by=name&cursor=name~a~t4~1",
        "order_by=name&cursor=name~a~t4x~1", "order_by=name&cursor=name~a~t00~1", "order_by=name&cursor=name~d~t41~1",
        "order_by=name&cursor=name~a~4000000000000000~1", "order_by=best.loss&cursor=best.loss~a~t41~1",
        "order_by=best.loss&cursor=best.loss~a~7ff0000000000000~1", "order_by=best.loss&cursor=best.loss~a~-~x",
        "order_by=status&cursor=name~a~t41~1", "desc=true&cursor=5",
    };
    for (size_t i = 0; i < COUNT(queries); i++)
        expect_problem(http_get("/v1/jobs?%s", queries[i]), 400, NULL);
    assert_non_null(strstr(text(http_get("/v1/jobs?order_by=loss"), "/detail"), "best.loss"));
    expect(http_get("/v1/jobs?order_by=name&cursor=name~a~t41~1"), 200);
}

/* Ten jobs: of every case of letters, equal names, no name, a run that diverged, one that never ran. */
static int setup(void **state)
{
    static const char *const names[] = {"order b", "Order c", "alpha", "ORDER a", "Order C", "o~d~t\\\"%", "Beta"};
    if (daemon_setup_one_worker_with_penguins(state))
        return -1;
    for (size_t i = 0; i < COUNT(names); i++)
        finish_job(start_job("{\"name\":\"%s\",\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":%zu}", names[i], 9 - i));
    finish_job(start_job(DIVERGING));
    long running = start_job(ENDLESS), waiting = start_job(ENDLESS);
    cancel_job(waiting);
    await_status(running, "running");
    cancel_job(running);
    return http_forget(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(jobs_are_ordered_by_every_key_absent_ones_last),
        TEST(what_was_asked_for_is_there),
        TEST(a_page_begins_behind_the_last_one_whatever_happened),
        TEST(what_is_no_order_is_400),
    };
    return cmocka_run_group_tests(tests, setup, daemon_teardown);
}
