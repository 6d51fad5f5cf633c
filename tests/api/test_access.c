/* Who gets in: the token and its file, names of the server, pages of other sites. tests/unit/test_http_access.c walks the
 * route table; here it is a daemon as it is started. */
#include "support/api.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static char home[160], file[200], variable[240], token[100], authorization[200];

static void read_token(void)
{
    size_t length;
    char *text = file_read(file, &length);
    assert_int_equal(length, 65);
    assert_int_equal(text[64], '\n');
    snprintf(token, sizeof token, "%.64s", text);
    snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", token);
    test_free(text);
}

static int setup(void **state)
{
    (void)state;
    static const char *environment[] = {variable, "MLPD_LOG_LEVEL=debug", "MLPD_HOST=mlpd.example,other.example", NULL};
    directory_make(home, sizeof home);
    snprintf(file, sizeof file, "%s/token", home);
    snprintf(variable, sizeof variable, "MLPD_TOKEN_FILE=%s", file);
    daemon_environment(environment);
    daemon_start("2");
    read_token();
    return 0;
}

static int teardown(void **state)
{
    int failed = daemon_teardown(state);
    daemon_environment(NULL);
    directory_remove(home);
    return failed;
}

static struct reply *with_token(const char *method, const char *path, const char *type, const char *body)
{
    return http_send(
        &(struct request){.method = method, .path = path, .type = type, .body = body, .header = {authorization}});
}

static void the_file_is_private_and_stays(void **state)
{
    (void)state;
    char before[100];
    struct stat info;
    assert_int_equal(stat(file, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(strspn(token, "0123456789abcdef"), 64);
    snprintf(before, sizeof before, "%s", token);
    daemon_stop(SIGTERM);
    daemon_start_again();
    read_token();
    assert_string_equal(token, before);
    daemon_kill();
    daemon_start_again();
    read_token();
    assert_string_equal(token, before);
}

static void only_the_service_itself_is_open(void **state)
{
    (void)state;
    static const char *const open[] = {"/healthz", "/readyz", "/"};
    static const char *const guarded[] = {"/v1/datasets", "/v1/jobs", "/v1/jobs/1", "/v1/runs/1/epochs", "/v1/schema",
                                          "/metrics"};
    for (size_t i = 0; i < COUNT(open); i++) {
        expect(http_get("%s", open[i]), 200);
        expect(http_call("HEAD", "%s", open[i]), 200);
    }
    for (size_t i = 0; i < COUNT(guarded); i++) {
        expect_problem(http_get("%s", guarded[i]), 401, "token");
        expect(http_call("HEAD", "%s", guarded[i]), 401);
        expect(http_call("OPTIONS", "%s", guarded[i]), 204);
    }
    expect_problem(http_post("/v1/jobs", "{}"), 401, "token");
    expect_problem(http_post("/v1/runs/1/predict", "{}"), 401, "token");
    expect(http_call("DELETE", "/v1/jobs/1"), 401);
    expect(http_call("POST", "/v1/jobs/1/cancel"), 401);
    expect(http_get("/v1/jobs?token=%s", token), 401);
    expect(http_get("/v1/nothing"), 404);
}

/* Nobody streams gigabytes in, to be told at their end that he may not. */
static void an_upload_without_the_token_stores_nothing(void **state)
{
    (void)state;
    static const char *const expectations[] = {"", "Expect: 100-continue\r\n"};
    for (size_t i = 0; i < COUNT(expectations); i++) {
        struct raw *c = raw_open();
        raw_send(c, "POST /v1/datasets?name=x HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n"
                    "Content-Length: 5000000000\r\n%s\r\n", expectations[i]);
        struct reply *r = raw_read(c, "POST");
        assert_non_null(r);
        check_reply(r, "POST");
        expect_problem(r, 401, "token");
        raw_close(c);
    }
    expect_problem(http_post_csv("/v1/datasets?name=x", "a,b\n1,2\n"), 401, "token");
    assert_int_equal(files_now("datasets"), 0);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(
                         json_of(expect(with_token("GET", "/v1/datasets", NULL, NULL), 200)), "data")), 0);
}

static void with_the_token_all_is_as_ever(void **state)
{
    (void)state;
    size_t length;
    char *csv = penguins_csv(&length);
    expect(with_token("POST", "/v1/datasets?name=penguins", "text/csv", csv), 201);
    test_free(csv);
    expect(with_token("POST", "/v1/jobs", "application/json",
                      "{\"dataset\":\"penguins\",\"target\":\"species\",\"epochs\":5}"), 202);
    while (!cJSON_IsTrue(cJSON_GetObjectItem(
        json_of(expect(with_token("GET", "/v1/runs/1?wait=10", NULL, NULL), 200)), "terminal")))
        ;
    assert_string_equal(text(with_token("GET", "/v1/runs/1", NULL, NULL), "/status"), "succeeded");
    expect(with_token("POST", "/v1/runs/1/predict", "application/json", "{\"instances\":[{}]}"), 200);
    expect(with_token("GET", "/metrics", NULL, NULL), 200);
    expect(with_token("DELETE", "/v1/jobs/1", NULL, NULL), 204);
}

static void names_and_pages_of_others_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *host, *origin;
        int status; /* of POST /v1/jobs with nothing in it */
    } cases[] = {
        {"Host: localhost", NULL, 422},
        {"Host: mlpd.example", NULL, 422},
        {"Host: other.example:443", "Origin: https://other.example", 422},
        {"Host: localhost:8080", "Origin: http://localhost:8080", 422},
        {"Host: localhost:8080", "Origin: https://mlpd.example", 422},
        {"Host: evil.example", NULL, 421},
        {"Host: evil.example", "Origin: http://evil.example", 421},
        {"Host: 192.0.2.1", NULL, 421},
        {"Host: localhost:8080", "Origin: http://evil.example", 403},
        {"Host: localhost:8080", "Origin: http://localhost:3000", 403},
        {"Host: localhost:8080", "Origin: null", 403},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        expect(http_send(&(struct request){.path = "/v1/jobs", .type = "application/json", .body = "{}",
                                           .header = {authorization, cases[i].host, cases[i].origin}}),
               cases[i].status);
    expect_problem(http_send(&(struct request){.path = "/healthz", .header = {"Host: evil.example"}}), 421, "host");
    expect_problem(http_send(&(struct request){.method = "DELETE", .path = "/healthz", .header = {"Origin: null"}}), 403,
                   "origin");
    expect(http_send(&(struct request){.path = "/healthz", .header = {"Origin: http://evil.example"}}), 200);
}

/* Nor is it in an answer. A request has been refused for a token that is almost right, which the log shall not have either. */
static void the_log_tells_where_it_is_and_not_what(void **state)
{
    (void)state;
    char wrong[200];
    snprintf(wrong, sizeof wrong, "Authorization: Bearer %sff", token);
    struct reply *r = expect(http_send(&(struct request){.path = "/v1/jobs", .header = {wrong}}), 401);
    assert_null(strstr(r->body, token));
    char *log = daemon_log();
    assert_null(strstr(log, token));
    assert_non_null(strstr(log, file));
    assert_non_null(strstr(log, "mlp token --token-file "));
    assert_null(strstr(daemon_line(), token));
    test_free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_file_is_private_and_stays),
        TEST(only_the_service_itself_is_open),
        TEST(an_upload_without_the_token_stores_nothing),
        TEST(with_the_token_all_is_as_ever),
        TEST(names_and_pages_of_others_are_refused),
        TEST(the_log_tells_where_it_is_and_not_what),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
