/* The command line: what starts, what does not, and the status it exits with. */
#include "support/api.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUN(...) program_run((const char *const[]){__VA_ARGS__, NULL}, NULL)

static void one_line_tells_the_address(void **state)
{
    (void)state;
    char line[200], version[64];
    struct outcome o = RUN("--version");
    assert_int_equal(sscanf(o.out, "mlpd %63s", version), 1);
    snprintf(line, sizeof line, "mlpd %s listening on http://127.0.0.1:%u\n", version, daemon_port());
    assert_string_equal(daemon_line(), line);
    assert_string_equal(text(expect(http_get("/healthz"), 200), "/version"), version);
}

static void help_and_version_exit_with_0(void **state)
{
    (void)state;
    static const char *const named[] = {"--listen", "--data-dir", "--workers", "MLPD_LISTEN", "MLPD_DATA_DIR", "MLPD_WORKERS",
                                        "127.0.0.1:8080", "--help", "--version"};
    struct outcome o = RUN("--help");
    assert_int_equal(o.status, 0);
    assert_string_equal(o.err, "");
    for (size_t i = 0; i < COUNT(named); i++)
        assert_non_null(strstr(o.out, named[i]));
    o = RUN("--version");
    assert_int_equal(o.status, 0);
    assert_string_equal(o.err, "");
    assert_int_equal(strncmp(o.out, "mlpd ", 5), 0);
    assert_true(isdigit((unsigned char)o.out[5]) != 0);
    assert_ptr_equal(strchr(o.out, '\n'), o.out + strlen(o.out) - 1);
}

static void bad_command_lines_exit_with_2(void **state)
{
    (void)state;
    static const struct {
        const char *argument[3], *named; /* named: what stderr must say */
    } cases[] = {
        {{"--bogus"}, "--bogus"}, {{"-h"}, "-h"}, {{"data"}, "data"}, {{""}, "option"}, {{"--lisen=127.0.0.1:0"}, "--listen"},
        {{"--listen"}, "--listen"}, {{"--listen="}, "--listen"}, {{"--listen", "8080"}, "--listen"},
        {{"--listen", "localhost"}, "--listen"},
        {{"--listen", "127.0.0.1:"}, "--listen"}, {{"--listen", "127.0.0.1:65536"}, "--listen"},
        {{"--listen", "127.0.0.1:-1"}, "--listen"},
        {{"--listen", "127.0.0.1:80x"}, "--listen"}, {{"--listen", "300.0.0.1:80"}, "--listen"},
        {{"--listen", "example.org:80"}, "--listen"},
        {{"--listen", ":::80"}, "--listen"}, {{"--workers", "x"}, "--workers"}, {{"--workers", "-1"}, "--workers"},
        {{"--workers", "257"}, "--workers"}, {{"--workers", "1.5"}, "--workers"}, {{"--workers", ""}, "--workers"},
        {{"--workers"}, "--workers"},
        {{"--workers", "4294967297"}, "--workers"}, {{"--data-dir", ""}, "--data-dir"}, {{"--data-dir"}, "--data-dir"},
        {{"--token-file", ""}, "--token-file"}, {{"--token-file"}, "--token-file"}, {{"--host", "http://x"}, "--host"},
        {{"--host", ""}, "--host"}, {{"--no-auth=1"}, "--no-auth"},
        {{"--http-threads", "many"}, "--http-threads"}, {{"--log-level", "loud"}, "--log-level"}, {{"--help=yes"}, "--help"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct outcome o = program_run(cases[i].argument, NULL);
        if (o.status != 2 || *o.out || !strstr(o.err, cases[i].named))
            fail_msg("%s %s: status %d, stderr: %s", cases[i].argument[0], cases[i].argument[1] ? cases[i].argument[1] : "",
                     o.status, o.err);
    }
}

static void bad_variables_exit_with_2(void **state)
{
    (void)state;
    static const struct {
        const char *variable[2], *named;
    } cases[] = {{{"MLPD_LISTEN=nowhere"}, "MLPD_LISTEN"}, {{"MLPD_WORKERS=x"}, "MLPD_WORKERS"},
                 {{"MLPD_LOG_LEVEL=loud"}, "MLPD_LOG_LEVEL"}, {{"MLPD_HOST=a b"}, "MLPD_HOST"},
                 {{"MLPD_TOKEN=two words"}, "MLPD_TOKEN"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct outcome o = program_run(NULL, cases[i].variable);
        assert_int_equal(o.status, 2);
        assert_non_null(strstr(o.err, cases[i].named));
        assert_null(strstr(o.err, "two words")); /* a token is not repeated */
    }
}

/* 192.0.2.0/24 and 2001:db8::/32 belong to nobody: with a token they are refused as well, as addresses of other machines. */
static void open_addresses_without_a_token_exit_with_2(void **state)
{
    (void)state;
    static const char *const open[] = {"0.0.0.0:0", "192.0.2.1:0", "[::]:0", "[2001:db8::1]:0"};
    static const char *const named[] = {"--token-file", "MLPD_TOKEN", "--no-auth"};
    char directory[160], token[200], variable[80];
    directory_make(directory, sizeof directory);
    snprintf(token, sizeof token, "%s/token", directory);
    for (size_t i = 0; i < COUNT(open); i++) {
        snprintf(variable, sizeof variable, "MLPD_LISTEN=%s", open[i]);
        struct outcome outcomes[] = {
            RUN("--listen", open[i], "--data-dir", directory),
            program_run((const char *const[]){"--data-dir", directory, NULL}, (const char *const[]){variable, NULL}),
        };
        for (size_t k = 0; k < COUNT(outcomes); k++) {
            assert_int_equal(outcomes[k].status, 2);
            assert_string_equal(outcomes[k].out, "");
            for (size_t n = 0; n < COUNT(named); n++)
                assert_non_null(strstr(outcomes[k].err, named[n]));
        }
    }
    struct outcome o = RUN("--listen", "192.0.2.1:0", "--data-dir", directory, "--no-auth");
    assert_int_equal(o.status, 1);
    assert_non_null(strstr(o.err, "whoever reaches this address"));
    o = RUN("--listen", "192.0.2.1:0", "--data-dir", directory, "--token-file", token);
    assert_int_equal(o.status, 1);
    assert_non_null(strstr(o.err, "mlp token --token-file"));
    directory_remove(directory);
}

static void a_token_file_that_holds_none_is_refused(void **state)
{
    (void)state;
    char directory[160], file[200], below[220];
    directory_make(directory, sizeof directory);
    snprintf(file, sizeof file, "%s/two words", directory);
    snprintf(below, sizeof below, "%s/token", file);
    int fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "two words\n", 10), 10);
    close(fd);
    const char *const places[] = {file, below, directory, "/nowhere/at/all", "/proc/token"};
    for (size_t i = 0; i < COUNT(places); i++) {
        struct outcome o = RUN("--listen", "127.0.0.1:0", "--data-dir", directory, "--token-file", places[i]);
        if (o.status != 1 || *o.out || !strstr(o.err, places[i]))
            fail_msg("%s: status %d, stderr: %s", places[i], o.status, o.err);
    }
    directory_remove(directory);
}

/* The port is taken: flags and variables say where it wanted to listen, and the flag is the stronger. */
static void a_port_that_is_taken_is_refused(void **state)
{
    (void)state;
    char taken[60], directory[200], port[20], variable[80];
    directory_make(directory, sizeof directory);
    snprintf(taken, sizeof taken, "127.0.0.1:%u", daemon_port());
    snprintf(variable, sizeof variable, "MLPD_LISTEN=%s", taken);
    snprintf(port, sizeof port, "%u", daemon_port());
    struct outcome outcomes[] = {
        RUN("--listen", taken, "--data-dir", directory),
        program_run((const char *const[]){"--data-dir", directory, NULL}, (const char *const[]){variable, NULL}),
        program_run((const char *const[]){"--data-dir", directory, "--listen", taken, NULL},
                    (const char *const[]){"MLPD_LISTEN=127.0.0.1:0", NULL}),
    };
    for (size_t i = 0; i < COUNT(outcomes); i++) {
        assert_int_equal(outcomes[i].status, 1);
        assert_string_equal(outcomes[i].out, "");
        assert_non_null(strstr(outcomes[i].err, port));
    }
    directory_remove(directory);
    expect(http_get("/healthz"), 200);
}

static void a_second_daemon_on_the_directory_is_refused(void **state)
{
    (void)state;
    char variable[300];
    size_t length;
    char *csv = penguins_csv(&length);
    expect(http_post_csv("/v1/datasets?name=mine", csv), 201);
    test_free(csv);
    snprintf(variable, sizeof variable, "MLPD_DATA_DIR=%s", daemon_dir());
    struct outcome outcomes[] = {
        RUN("--listen", "127.0.0.1:0", "--data-dir", daemon_dir()),
        program_run((const char *const[]){"--listen", "127.0.0.1:0", NULL}, (const char *const[]){variable, NULL}),
    };
    for (size_t i = 0; i < COUNT(outcomes); i++) {
        assert_int_equal(outcomes[i].status, 1);
        assert_string_equal(outcomes[i].out, "");
        assert_non_null(strstr(outcomes[i].err, daemon_dir()));
    }
    /* it has harmed nothing */
    assert_int_equal(files_settled("datasets"), 1);
    assert_true(number(expect(http_get("/v1/datasets/mine/rows"), 200), "/total") == 344);
}

/* Also for root: a place where nothing can be made, and a file. */
static void a_directory_that_cannot_be_written_is_refused(void **state)
{
    (void)state;
    char directory[160], file[200], below[220];
    directory_make(directory, sizeof directory);
    snprintf(file, sizeof file, "%s/file", directory);
    snprintf(below, sizeof below, "%s/below", file);
    close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    const char *const places[] = {"/proc/mlpd", "/proc", file, below, "/nowhere/at/all"};
    for (size_t i = 0; i < COUNT(places); i++) {
        struct outcome o = RUN("--listen", "127.0.0.1:0", "--data-dir", places[i]);
        if (o.status != 1 || *o.out || !strstr(o.err, places[i]))
            fail_msg("%s: status %d, stderr: %s", places[i], o.status, o.err);
    }
    directory_remove(directory);
}

static void a_damaged_database_is_refused_and_kept(void **state)
{
    (void)state;
    static const char damage[] = "this is no database, but somebody's only copy of something";
    char directory[160], file[200];
    directory_make(directory, sizeof directory);
    snprintf(file, sizeof file, "%s/mlpd.db", directory);
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    for (int i = 0; i < 200; i++)
        fputs(damage, f);
    assert_int_equal(fclose(f), 0);
    struct outcome o = RUN("--listen", "127.0.0.1:0", "--data-dir", directory);
    assert_int_equal(o.status, 65);
    size_t length;
    char *bytes = file_read(file, &length);
    assert_int_equal(length, 200 * strlen(damage));
    for (int i = 0; i < 200; i++)
        assert_memory_equal(bytes + (size_t)i * strlen(damage), damage, strlen(damage));
    test_free(bytes);
    directory_remove(directory);
}

/* What it keeps is for its user only. */
static void the_directory_is_private(void **state)
{
    (void)state;
    static const char *const parts[] = {"", "/mlpd.db", "/datasets", "/models"};
    for (size_t i = 0; i < COUNT(parts); i++) {
        char path[300];
        struct stat info;
        snprintf(path, sizeof path, "%s%s", daemon_dir(), parts[i]);
        assert_int_equal(stat(path, &info), 0);
        if (S_ISDIR(info.st_mode))
            assert_int_equal(info.st_mode & 077, 0);
    }
}

static void both_signals_stop_it_with_0(void **state)
{
    (void)state;
    daemon_stop(SIGINT);
    daemon_start_again();
    daemon_stop(SIGTERM);
    daemon_start_again();
    expect(http_get("/readyz"), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_line_tells_the_address),
        TEST(help_and_version_exit_with_0),
        TEST(bad_command_lines_exit_with_2),
        TEST(bad_variables_exit_with_2),
        TEST(open_addresses_without_a_token_exit_with_2),
        TEST(a_token_file_that_holds_none_is_refused),
        TEST(a_port_that_is_taken_is_refused),
        TEST(a_second_daemon_on_the_directory_is_refused),
        TEST(a_directory_that_cannot_be_written_is_refused),
        TEST(a_damaged_database_is_refused_and_kept),
        TEST(the_directory_is_private),
        TEST(both_signals_stop_it_with_0),
    };
    return cmocka_run_group_tests(tests, daemon_setup, daemon_teardown);
}
