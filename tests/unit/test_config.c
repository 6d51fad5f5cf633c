/* server/config: flags over environment over defaults, and what a wrong one says. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "server/config.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *const variables[] = {"MLPD_LISTEN", "MLPD_DATA_DIR", "MLPD_WORKERS", "MLPD_HTTP_THREADS", "MLPD_LOG_LEVEL",
                                        "MLPD_HOST", "MLPD_TOKEN_FILE", "MLPD_TOKEN"};

static int clear_environment(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(variables); i++)
        unsetenv(variables[i]);
    return 0;
}

/* Reads the arguments, of which NULL ends the list. */
static enum err_code read_arguments(const char *const *arguments, struct config *c, struct err *err)
{
    char *argv[20] = {(char *)(uintptr_t)"mlpd"};
    int argc = 1;
    for (; arguments[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)arguments[argc - 1];
    return config_read(argc, argv, c, err);
}

static struct config read_fine(const char *const *arguments)
{
    struct config c;
    struct err err = {0};
    memset(&c, 0xA5, sizeof c);
    if (read_arguments(arguments, &c, &err))
        fail_msg("%s", err.message);
    return c;
}
#define READ(...) read_fine((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void assert_refused(const char *const *arguments, const char *message)
{
    struct config c, before;
    struct err err = {0};
    memset(&c, 0xA5, sizeof c);
    before = c;
    assert_int_equal(read_arguments(arguments, &c, &err), ERR_INVALID);
    assert_string_equal(err.message, message);
    assert_memory_equal(&c, &before, sizeof c); /* untouched */
}
#define REFUSED(message, ...) assert_refused((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL}, message)

/* ---- where a value comes from ----------------------------------------------------------------------------------------- */

static void test_defaults(void **state)
{
    (void)state;
    struct config c = READ();
    assert_string_equal(c.address, "127.0.0.1");
    assert_int_equal(c.port, 8080);
    assert_string_equal(c.data_dir, "mlpd-data");
    assert_int_equal(c.workers, 0);
    assert_int_equal(c.http_threads, 0);
    assert_int_equal(c.log_level, LOG_INFO);
    assert_string_equal(c.hosts, "");
    assert_string_equal(c.token_file, "");
    assert_string_equal(c.token, "");
    assert_false(c.no_auth);
    assert_false(c.help);
    assert_false(c.version);
}

static void test_flags_with_a_space_or_an_equals_sign(void **state)
{
    (void)state;
    struct config c = READ("--listen", "127.0.0.2:80", "--data-dir=/var/lib/x=y", "--workers", "7", "--http-threads=9",
                           "--log-level", "debug");
    assert_string_equal(c.address, "127.0.0.2");
    assert_int_equal(c.port, 80);
    assert_string_equal(c.data_dir, "/var/lib/x=y");
    assert_int_equal(c.workers, 7);
    assert_int_equal(c.http_threads, 9);
    assert_int_equal(c.log_level, LOG_DEBUG);
    c = READ("--workers", "7", "--workers", "8");
    assert_int_equal(c.workers, 8); /* the last one */
    c = READ("--data-dir", "--workers"); /* a value may look like a flag */
    assert_string_equal(c.data_dir, "--workers");
    c = READ("--help");
    assert_true(c.help && !c.version);
    c = READ("--version", "--help");
    assert_true(c.help && c.version);
}

static void test_the_environment_is_over_defaults_and_under_flags(void **state)
{
    (void)state;
    setenv("MLPD_LISTEN", "[::1]:81", 1);
    setenv("MLPD_DATA_DIR", "/from/environment", 1);
    setenv("MLPD_WORKERS", "3", 1);
    setenv("MLPD_HTTP_THREADS", "4", 1);
    setenv("MLPD_LOG_LEVEL", "error", 1);
    struct config c = READ();
    assert_string_equal(c.address, "::1");
    assert_int_equal(c.port, 81);
    assert_string_equal(c.data_dir, "/from/environment");
    assert_int_equal(c.workers, 3);
    assert_int_equal(c.http_threads, 4);
    assert_int_equal(c.log_level, LOG_ERROR);
    c = READ("--workers=5", "--listen=127.2.3.4:5");
    assert_int_equal(c.workers, 5);
    assert_string_equal(c.address, "127.2.3.4");
    assert_int_equal(c.http_threads, 4);
    for (size_t i = 0; i < COUNT(variables); i++)
        setenv(variables[i], "", 1); /* empty is as if it was not set */
    c = READ();
    assert_string_equal(c.address, "127.0.0.1");
    assert_string_equal(c.data_dir, "mlpd-data");
    assert_int_equal(c.workers, 0);
}

/* ---- values ----------------------------------------------------------------------------------------------------------- */

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *listen, *address;
        uint16_t port;
    } cases[] = {{"127.0.0.1:0", "127.0.0.1", 0},
                 {"0.0.0.0:65535", "0.0.0.0", 65535},
                 {"localhost:1", "127.0.0.1", 1},
                 {"[::]:443", "::", 443},
                 {"[2001:db8::1]:8080", "2001:db8::1", 8080},
                 {"[::ffff:127.0.0.1]:08", "::ffff:127.0.0.1", 8}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct config c = READ("--listen", cases[i].listen, "--no-auth");
        assert_string_equal(c.address, cases[i].address);
        assert_int_equal(c.port, cases[i].port);
    }
}

static void test_addresses_that_are_none(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",          ":",           "8080",        ":8080",          "127.0.0.1",
                                        "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:-1", "127.0.0.1:65536",
                                        "127.0.0.1:99999999999999",
                                        "127.0.0.1:80 ", " 127.0.0.1:80", "127.0.0.1:+80", "127.1:80", "256.0.0.1:80",
                                        "example.org:80", "::1:80",   "[::1]",       "[::1]:",         "[::1:80",
                                        "[127.0.0.1]:80", "[]:80",    "[localhost]:80", "1.2.3.4:80:90",
                                        "[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]:80"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char message[300];
        snprintf(message, sizeof message,
                 "--listen: must be ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080, not \"%s\"", wrong[i]);
        REFUSED(message, "--listen", wrong[i]);
    }
}

static void test_numbers_have_ranges(void **state)
{
    (void)state;
    static const char *const wrong[] = {"257", "-1", "+1", "1.5", "x", "", "1 ", " 1", "0x10", "18446744073709551617"};
    assert_int_equal(READ("--workers=256").workers, 256);
    assert_int_equal(READ("--http-threads=256").http_threads, 256);
    assert_int_equal(READ("--workers=007").workers, 7);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char message[200];
        snprintf(message, sizeof message, "--workers: must be a whole number from 0 (one for each core) to 256, not \"%s\"",
                 wrong[i]);
        REFUSED(message, "--workers", wrong[i]);
        snprintf(message, sizeof message,
                 "--http-threads: must be a whole number from 0 (as the cores ask for) to 256, not \"%s\"", wrong[i]);
        REFUSED(message, "--http-threads", wrong[i]);
    }
}

static void test_paths_and_levels(void **state)
{
    (void)state;
    static const char *const levels[] = {"debug", "info", "warning", "error"};
    char path[1000], message[400];
    memset(path, 'p', sizeof path);
    path[899] = '\0';
    struct config c = READ("--data-dir", path);
    assert_string_equal(c.data_dir, path);
    path[899] = 'p';
    path[900] = '\0';
    snprintf(message, sizeof message, "--data-dir: must be a path of 1 to 899 bytes, not \"%.100s\"", path);
    REFUSED(message, "--data-dir", path);
    REFUSED("--data-dir: must be a path of 1 to 899 bytes, not \"\"", "--data-dir=");
    for (size_t i = 0; i < COUNT(levels); i++)
        assert_int_equal(READ("--log-level", levels[i]).log_level, i);
    REFUSED("--log-level: must be debug, info, warning or error, not \"Info\"", "--log-level", "Info");
    REFUSED("--log-level: must be debug, info, warning or error, not \"\"", "--log-level", "");
}

/* ---- who gets in ------------------------------------------------------------------------------------------------------ */

/* An address that others reach needs a token, or the word that it shall have none. */
static void test_open_addresses_need_a_token(void **state)
{
    (void)state;
    static const char *const inside[] = {"127.0.0.1:80", "127.9.9.9:80", "localhost:80", "[::1]:80", "[::ffff:127.0.0.1]:80"};
    static const char *const outside[] = {"0.0.0.0:80", "[::]:80", "192.0.2.1:80", "128.0.0.1:80", "[2001:db8::1]:80",
                                          "[::ffff:192.0.2.1]:80"};
    for (size_t i = 0; i < COUNT(inside); i++)
        READ("--listen", inside[i]);
    for (size_t i = 0; i < COUNT(outside); i++) {
        struct config c;
        struct err err = {0};
        assert_int_equal(read_arguments((const char *const[]){"--listen", outside[i], NULL}, &c, &err), ERR_INVALID);
        assert_non_null(strstr(err.message, "--listen"));
        assert_non_null(strstr(err.message, "--token-file"));
        assert_non_null(strstr(err.message, "MLPD_TOKEN"));
        assert_non_null(strstr(err.message, "--no-auth"));
        assert_true(READ("--listen", outside[i], "--no-auth").no_auth);
        READ("--listen", outside[i], "--token-file=token");
        READ("--listen", outside[i], "--help");
        setenv("MLPD_TOKEN", "x", 1);
        READ("--listen", outside[i]);
        clear_environment(NULL);
        setenv("MLPD_TOKEN_FILE", "token", 1);
        READ("--listen", outside[i]);
        clear_environment(NULL);
    }
}

/* The last word counts: the environment's file, its token, a flag. */
static void test_one_source_of_the_token(void **state)
{
    (void)state;
    setenv("MLPD_TOKEN_FILE", "/a", 1);
    struct config c = READ();
    assert_string_equal(c.token_file, "/a");
    setenv("MLPD_TOKEN", "AZaz09-._~+/=", 1);
    c = READ();
    assert_string_equal(c.token_file, "");
    assert_string_equal(c.token, "AZaz09-._~+/=");
    c = READ("--token-file", "/b");
    assert_string_equal(c.token_file, "/b");
    assert_string_equal(c.token, "");
    c = READ("--no-auth");
    assert_string_equal(c.token_file, "");
    assert_string_equal(c.token, "");
}

/* What is wrong with a token is said without it. */
static void test_tokens_that_are_none(void **state)
{
    (void)state;
    char token[300];
    static const char *const wrong[] = {" ", "a b", "a\n", "\"a\"", "a,b", "\xc3\xbc"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        setenv("MLPD_TOKEN", wrong[i], 1);
        REFUSED("MLPD_TOKEN: must be 1 to 256 letters, digits and -._~+/=");
    }
    memset(token, 'x', sizeof token);
    token[257] = '\0';
    setenv("MLPD_TOKEN", token, 1);
    REFUSED("MLPD_TOKEN: must be 1 to 256 letters, digits and -._~+/=");
    token[256] = '\0';
    setenv("MLPD_TOKEN", token, 1);
    assert_string_equal(READ().token, token);
    REFUSED("--token-file: must be a path of 1 to 899 bytes, not \"\"", "--token-file=");
}

static void test_names_add_up(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", ",", "a,", ",a", "a b", "a:80", "http://a", "a/b", "*", "[::1]", "user@a", "::1::", "\xc3\xbc"};
    char names[1100];
    assert_string_equal(READ("--host", "mlpd.example").hosts, "mlpd.example");
    assert_string_equal(READ("--host=a", "--host", "b-c_d,192.0.2.1,2001:db8::1").hosts, "a,b-c_d,192.0.2.1,2001:db8::1");
    setenv("MLPD_HOST", "x,y", 1);
    assert_string_equal(READ("--host=a").hosts, "x,y,a");
    clear_environment(NULL);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char message[200];
        snprintf(message, sizeof message,
                 "--host: must be a host name or an address, without scheme and port; commas between several, not \"%s\"",
                 wrong[i]);
        REFUSED(message, "--host", wrong[i]);
    }
    memset(names, 'n', sizeof names);
    for (size_t i = 200; i < sizeof names; i += 200)
        names[i] = ',';
    names[1024] = '\0';
    struct config c;
    struct err err = {0};
    assert_int_equal(read_arguments((const char *const[]){"--host", names, NULL}, &c, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "fewer names"));
    names[1023] = '\0';
    assert_string_equal(READ("--host", names).hosts, names);
}

/* ---- what is wrong besides -------------------------------------------------------------------------------------------- */

static void test_a_wrong_variable_is_named(void **state)
{
    (void)state;
    setenv("MLPD_WORKERS", "many", 1);
    REFUSED("MLPD_WORKERS: must be a whole number from 0 (one for each core) to 256, not \"many\"");
    setenv("MLPD_WORKERS", "1", 1);
    setenv("MLPD_LISTEN", "here", 1);
    REFUSED("MLPD_LISTEN: must be ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080, not \"here\"", "--workers=2");
}

static void test_options_that_are_none(void **state)
{
    (void)state;
    char long_option[500] = "--";
    REFUSED("unknown option \"--lisen\"; did you mean --listen?", "--lisen", "127.0.0.1:1");
    REFUSED("unknown option \"--data_dir\"; did you mean --data-dir?", "--data_dir=x");
    REFUSED("unknown option \"--workers-\"; did you mean --workers?", "--workers-=1");
    REFUSED("unknown option \"--colour\"; --help lists the options", "--colour");
    REFUSED("unknown option \"listen\"; did you mean --listen?", "listen");
    REFUSED("unknown option \"-p\"; --help lists the options", "-p", "80");
    REFUSED("unknown option \"\"; --help lists the options", "");
    REFUSED("--listen needs a value: --listen ADDRESS:PORT", "--workers=1", "--listen");
    REFUSED("--workers needs a value: --workers N", "--workers");
    REFUSED("--help takes no value", "--help=yes");
    REFUSED("--version takes no value", "--version=");
    memset(long_option + 2, 'x', sizeof long_option - 3);
    struct config c;
    struct err err;
    assert_int_equal(read_arguments((const char *const[]){long_option, NULL}, &c, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "--help lists the options"));
}

static void test_help_tells_of_every_option(void **state)
{
    (void)state;
    static const char *const told[] = {"usage: mlpd [OPTION]...\n", "--listen ADDRESS:PORT",
                                       "[MLPD_LISTEN; default 127.0.0.1:8080]",
                                       "--data-dir DIR", "[MLPD_DATA_DIR; default mlpd-data]", "--workers N",
                                       "[MLPD_WORKERS; default 0]", "--http-threads N", "[MLPD_HTTP_THREADS; default 0]",
                                       "--log-level LEVEL", "[MLPD_LOG_LEVEL; default info]", "--host NAME", "[MLPD_HOST]",
                                       "--token-file FILE", "[MLPD_TOKEN_FILE]", "MLPD_TOKEN ", "--no-auth", "--help",
                                       "--version"};
    char path[] = "/tmp/test_config_XXXXXX", text[4096];
    int fd = mkstemp(path), out = dup(STDOUT_FILENO);
    assert_true(fd >= 0 && out >= 0);
    unlink(path);
    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    config_help();
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    close(out);
    ssize_t length = pread(fd, text, sizeof text - 1, 0);
    close(fd);
    assert_true(length > 0 && length < (ssize_t)sizeof text - 1);
    text[length] = '\0';
    for (size_t i = 0; i < COUNT(told); i++)
        if (!strstr(text, told[i]))
            fail_msg("--help says nothing of %s", told[i]);
    for (const char *line = text; *line; line = strchr(line, '\n') + 1)
        assert_true(strchr(line, '\n') - line <= 120);
}

#define READS(test) cmocka_unit_test_setup_teardown(test, clear_environment, clear_environment)

int main(void)
{
    const struct CMUnitTest tests[] = {
        READS(test_defaults),
        READS(test_flags_with_a_space_or_an_equals_sign),
        READS(test_the_environment_is_over_defaults_and_under_flags),
        READS(test_addresses),
        READS(test_addresses_that_are_none),
        READS(test_numbers_have_ranges),
        READS(test_paths_and_levels),
        READS(test_open_addresses_need_a_token),
        READS(test_one_source_of_the_token),
        READS(test_tokens_that_are_none),
        READS(test_names_add_up),
        READS(test_a_wrong_variable_is_named),
        READS(test_options_that_are_none),
        READS(test_help_tells_of_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
