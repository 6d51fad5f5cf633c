/* server/token: where the token comes from, and the file that is made for it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/sha256.h"
#include "server/token.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static char directory[64], path[100];
static struct config config;

static int make_directory(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/test_token_XXXXXX");
    log_set_level(LOG_ERROR);
    memset(&config, 0, sizeof config);
    strcpy(config.address, "127.0.0.1");
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof path, "%s/token", directory);
    snprintf(config.token_file, sizeof config.token_file, "%s", path);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    fs_fail_at(0, 0, 0);
    unlink(path);
    return rmdir(directory);
}

static void write_file(const char *text, size_t length)
{
    struct err err = {0};
    assert_int_equal(fs_write_atomic(path, text, length, &err), ERR_OK);
}

static void load(char token[CONFIG_TOKEN_MAX + 1])
{
    struct err err = {0};
    if (token_load(&config, token, &err))
        fail_msg("%s", err.message);
}

static void a_file_is_made_and_kept(void **state)
{
    (void)state;
    char first[CONFIG_TOKEN_MAX + 1], again[CONFIG_TOKEN_MAX + 1], other[CONFIG_TOKEN_MAX + 1];
    struct stat info;
    umask(0); /* the mode is our own doing */
    load(first);
    assert_int_equal(strlen(first), 64); /* 256 bits */
    assert_int_equal(strspn(first, "0123456789abcdef"), 64);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(info.st_size, 65);
    load(again);
    assert_string_equal(again, first);
    unlink(path);
    load(other);
    assert_string_not_equal(other, first);
    umask(022);
}

static void a_file_of_ones_own_is_read(void **state)
{
    (void)state;
    static const char *const files[] = {"secret", "secret\n", "  secret \r\n\n"};
    char token[CONFIG_TOKEN_MAX + 1], longest[CONFIG_TOKEN_MAX + 2];
    for (size_t i = 0; i < COUNT(files); i++) {
        write_file(files[i], strlen(files[i]));
        load(token);
        assert_string_equal(token, "secret");
    }
    memset(longest, 'x', sizeof longest);
    write_file(longest, CONFIG_TOKEN_MAX);
    load(token);
    assert_int_equal(strlen(token), CONFIG_TOKEN_MAX);
}

/* It is told which file it is, and not what is in it. */
static void a_file_without_a_token_is_refused_and_kept(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
    } files[] = {{"", 0}, {"\n", 1}, {"two words", 9}, {"two\nlines\n", 10}, {"sec\0ret", 7}, {"secret\0", 7}, {"\xc3\xbc", 2}};
    char token[CONFIG_TOKEN_MAX + 1] = "untouched", longer[5000];
    struct err err;
    for (size_t i = 0; i < COUNT(files); i++) {
        write_file(files[i].bytes, files[i].length);
        assert_int_equal(token_load(&config, token, &err), ERR_INVALID);
        assert_non_null(strstr(err.message, path));
        assert_null(strstr(err.message, "sec"));
        assert_string_equal(token, "untouched");
        uint64_t size = 99;
        assert_int_equal(fs_size(path, &size, NULL), ERR_OK);
        assert_int_equal(size, files[i].length);
    }
    memset(longer, 'x', sizeof longer);
    write_file(longer, CONFIG_TOKEN_MAX + 1);
    assert_int_equal(token_load(&config, token, &err), ERR_INVALID);
    write_file(longer, sizeof longer);
    assert_int_not_equal(token_load(&config, token, &err), ERR_OK);
    assert_non_null(strstr(err.message, path));
    assert_string_equal(token, "untouched");
}

/* Wherever it fails, there is a whole token afterwards or none. */
static void a_disk_that_fails_leaves_none(void **state)
{
    (void)state;
    char token[CONFIG_TOKEN_MAX + 1] = "untouched";
    uint64_t before = fs_count();
    load(token);
    uint64_t calls = fs_count() - before;
    assert_true(calls > 3);
    for (uint64_t n = 1; n <= calls; n++) {
        struct err err;
        strcpy(token, "untouched");
        unlink(path);
        fs_fail_at(n, ENOSPC, 1);
        assert_int_equal(token_load(&config, token, &err), ERR_NO_SPACE);
        fs_fail_at(0, 0, 0);
        assert_string_equal(token, "untouched");
        uint64_t size = 65;
        assert_true(!fs_exists(path) || fs_size(path, &size, NULL) == ERR_OK);
        assert_int_equal(size, 65);
    }
}

static void the_variable_needs_no_file(void **state)
{
    (void)state;
    char token[CONFIG_TOKEN_MAX + 1];
    config.token_file[0] = '\0';
    strcpy(config.token, "from-the-environment");
    load(token);
    assert_string_equal(token, "from-the-environment");
    config.token[0] = '\0';
    load(token);
    assert_string_equal(token, "");
    assert_false(fs_exists(path));
}

static void digests_are_compared_whole(void **state)
{
    (void)state;
    uint8_t a[SHA256_BYTES], b[SHA256_BYTES];
    memset(a, 0x5a, sizeof a);
    memcpy(b, a, sizeof b);
    assert_true(sha256_same(a, b));
    for (int bit = 0; bit < 8 * SHA256_BYTES; bit++) {
        b[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_false(sha256_same(a, b));
        b[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
}

#define IN_A_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_DIRECTORY(a_file_is_made_and_kept),
        IN_A_DIRECTORY(a_file_of_ones_own_is_read),
        IN_A_DIRECTORY(a_file_without_a_token_is_refused_and_kept),
        IN_A_DIRECTORY(a_disk_that_fails_leaves_none),
        IN_A_DIRECTORY(the_variable_needs_no_file),
        cmocka_unit_test(digests_are_compared_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
