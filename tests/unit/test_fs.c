/* core/base/fs: files that are there whole or not at all, whatever call fails. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/cleanup.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char dir[32];
    char path[FS_PATH_MAX]; /* of a file in it */
    struct err err;
};

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){.dir = "/tmp/test_fs_XXXXXX"};
    *state = &f;
    return mkdtemp(f.dir) && !fs_join(f.path, f.dir, "file", &f.err) ? 0 : -1;
}

static enum err_code remove_entry(const char *name, void *context, struct err *err)
{
    char path[FS_PATH_MAX];
    enum err_code code = fs_join(path, context, name, err);
    if (!code && rmdir(path))
        code = fs_remove(path, err);
    return code;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    fs_fail_at(0, 0, 0);
    return fs_list(f->dir, remove_entry, f->dir, &f->err) || rmdir(f->dir) ? -1 : 0;
}

static void assert_file(const char *path, const char *content)
{
    struct err err = {0};
    cleanup(mem_freep) char *data = NULL;
    size_t size;
    if (fs_read_all(path, 1 << 20, &data, &size, &err))
        fail_msg("%s", err.message);
    assert_string_equal(data, content);
    assert_int_equal(size, strlen(content));
}

/* ---- listing ---------------------------------------------------------------------------------------------------------- */

struct names {
    int count, stop_at;
    char all[200];
};

static enum err_code note_name(const char *name, void *context, struct err *err)
{
    struct names *n = context;
    strcat(strcat(n->all, name), ",");
    return ++n->count == n->stop_at ? err_set(err, ERR_CONFLICT, "enough") : ERR_OK;
}

static int count_files(const char *dir)
{
    struct names n = {0};
    assert_int_equal(fs_list(dir, note_name, &n, NULL), ERR_OK);
    return n.count;
}

static void test_a_directory_is_listed(void **state)
{
    struct fixture *f = *state;
    char path[FS_PATH_MAX];
    assert_int_equal(count_files(f->dir), 0);
    for (const char *name = "abc"; *name; name++) {
        assert_int_equal(fs_join(path, f->dir, (char[2]){*name, 0}, &f->err), ERR_OK);
        assert_int_equal(fs_write_atomic(path, name, 1, &f->err), ERR_OK);
    }
    struct names n = {0};
    assert_int_equal(fs_list(f->dir, note_name, &n, &f->err), ERR_OK);
    assert_int_equal(n.count, 3);
    assert_non_null(strstr(n.all, "a,"));
    assert_non_null(strstr(n.all, "b,"));
    assert_non_null(strstr(n.all, "c,"));
    struct names two = {.stop_at = 2};
    assert_int_equal(fs_list(f->dir, note_name, &two, &f->err), ERR_CONFLICT);
    assert_int_equal(two.count, 2);
    assert_string_equal(f->err.message, "enough");
    assert_int_equal(fs_list("/tmp/there-is-no-such-directory", note_name, &n, &f->err), ERR_IO);
    assert_non_null(strstr(f->err.message, "/tmp/there-is-no-such-directory"));
}

/* ---- atomic writes ---------------------------------------------------------------------------------------------------- */

static void test_an_atomic_write_replaces_the_whole_file(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    assert_int_equal(fs_write_atomic(f->path, "first", 5, &f->err), ERR_OK);
    assert_file(f->path, "first");
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(fs_write_atomic(f->path, "2nd", 3, &f->err), ERR_OK);
    assert_file(f->path, "2nd");
    assert_int_equal(fs_write_atomic(f->path, "", 0, &f->err), ERR_OK);
    assert_file(f->path, "");
    assert_int_equal(count_files(f->dir), 1);
}

/* Makes each call of an atomic write fail: the file that was there (NULL: none) or the new one is there whole. */
static void fail_everywhere(struct fixture *f, const char *old, int error, enum err_code expected, int persistent)
{
    uint64_t before = fs_count();
    assert_int_equal(fs_write_atomic(f->path, "x", 1, &f->err), ERR_OK);
    uint64_t calls = fs_count() - before, replaced = 0;
    for (uint64_t nth = 1; nth <= calls; nth++) {
        fs_remove(f->path, NULL);
        if (old)
            assert_int_equal(fs_write_atomic(f->path, old, strlen(old), &f->err), ERR_OK);
        f->err = (struct err){0};
        fs_fail_at(nth, error, persistent);
        enum err_code code = fs_write_atomic(f->path, "a new one", 9, &f->err);
        fs_fail_at(0, 0, 0);
        assert_int_equal(code, expected);
        assert_int_equal(f->err.code, expected);
        assert_int_equal(count_files(f->dir), fs_exists(f->path)); /* nothing else is left behind */
        cleanup(mem_freep) char *data = NULL;
        size_t size;
        bool there = !fs_read_all(f->path, 100, &data, &size, NULL);
        bool is_new = there && !strcmp(data, "a new one");
        replaced += is_new;
        assert_true(is_new || there == (old != NULL));
        assert_true(!there || is_new || (old && !strcmp(data, old)));
    }
    assert_true(calls >= 6);       /* create, write, sync, rename, and open and sync of the directory */
    assert_int_equal(replaced, 2); /* only once it was renamed */
}

static void test_a_failing_write_leaves_the_old_file_or_the_new_one(void **state)
{
    for (int persistent = 0; persistent < 2; persistent++) {
        fail_everywhere(*state, NULL, EIO, ERR_IO, persistent);
        fail_everywhere(*state, "the old one", ENOSPC, ERR_NO_SPACE, persistent);
        fail_everywhere(*state, "the old one", EIO, ERR_IO, persistent);
    }
}

static void test_a_write_into_nowhere_names_the_path(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fs_write_atomic("/tmp/no-such-directory/file", "x", 1, &f->err), ERR_IO);
    assert_non_null(strstr(f->err.message, "/tmp/no-such-directory/file"));
    char path[2 * FS_PATH_MAX];
    memset(path, 'p', sizeof path - 1);
    path[0] = '/';
    path[FS_PATH_MAX - 4] = '\0'; /* with ".tmp" and the NUL it is one byte too long */
    assert_int_equal(fs_write_atomic(path, "x", 1, &f->err), ERR_TOO_LARGE);
}

static void test_interrupted_calls_go_on(void **state)
{
    struct fixture *f = *state;
    int fd;
    size_t got = 0;
    char data[3] = "";
    assert_int_equal(fs_create(f->path, &fd, &f->err), ERR_OK);
    fs_fail_at(1, EINTR, 0);
    assert_int_equal(fs_write(fd, "ab", 2, &f->err), ERR_OK);
    fs_fail_at(1, EINTR, 0);
    assert_int_equal(fs_write_at(fd, "c", 1, 2, &f->err), ERR_OK);
    fs_fail_at(1, EINTR, 0);
    assert_int_equal(fs_read_at(fd, data, 3, 0, &got, &f->err), ERR_OK);
    fs_close(fd);
    assert_int_equal(got, 3);
    assert_memory_equal(data, "abc", 3);
}

static void test_a_short_write_is_finished_or_an_error(void **state)
{
    struct fixture *f = *state;
    struct rlimit before, limit;
    int fd;
    char data[200];
    uint64_t size;
    memset(data, 'd', sizeof data);
    assert_int_equal(fs_create(f->path, &fd, &f->err), ERR_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = (struct rlimit){.rlim_cur = 100, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0); /* the first write(2) takes 100 bytes, the second none */
    enum err_code code = fs_write(fd, data, sizeof data, &f->err), at = fs_write_at(fd, data, 20, 90, &f->err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    fs_close(fd);
    assert_int_equal(code, ERR_IO);
    assert_int_equal(at, ERR_IO);
    assert_int_equal(fs_size(f->path, &size, &f->err), ERR_OK);
    assert_int_equal(size, 100);
}

/* ---- descriptors and places ------------------------------------------------------------------------------------------- */

static void test_reading_and_writing_at_a_place(void **state)
{
    struct fixture *f = *state;
    int fd;
    char data[10];
    size_t got;
    uint64_t size;
    assert_int_equal(fs_create(f->path, &fd, &f->err), ERR_OK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(fs_write(fd, "0123456789", 10, &f->err), ERR_OK);
    assert_int_equal(fs_write_at(fd, "AB", 2, 3, &f->err), ERR_OK);
    assert_int_equal(fs_write(fd, "+", 1, &f->err), ERR_OK); /* at the end: fs_write_at moves nothing */
    assert_int_equal(fs_read_at(fd, data, 4, 2, &got, &f->err), ERR_OK);
    assert_int_equal(got, 4);
    assert_memory_equal(data, "2AB5", 4);
    assert_int_equal(fs_read_at(fd, data, 10, 8, &got, &f->err), ERR_OK);
    assert_int_equal(got, 3);
    assert_memory_equal(data, "89+", 3);
    assert_int_equal(fs_read_at(fd, data, 10, 1000, &got, &f->err), ERR_OK);
    assert_int_equal(got, 0);
    assert_int_equal(fs_sync(fd, &f->err), ERR_OK);
    fs_close(fd);
    assert_int_equal(fs_size(f->path, &size, &f->err), ERR_OK);
    assert_int_equal(size, 11);
    assert_int_equal(fs_create(f->path, &fd, &f->err), ERR_OK); /* truncates */
    fs_close(fd);
    assert_file(f->path, "");
    assert_int_equal(fs_open_read(f->path, &fd, &f->err), ERR_OK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(fs_write(fd, "x", 1, &f->err), ERR_IO);
    cleanup(fs_closep) int closed_by_itself = fd;
    (void)closed_by_itself;
    int unchanged = 77;
    assert_int_equal(fs_open_read("/tmp/no-such-file-here", &unchanged, &f->err), ERR_IO);
    assert_int_equal(unchanged, 77);
}

static void test_making_and_removing_twice_is_fine(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    char path[FS_PATH_MAX];
    assert_int_equal(fs_join(path, f->dir, "made", &f->err), ERR_OK);
    assert_false(fs_exists(path));
    assert_int_equal(fs_make_dir(path, &f->err), ERR_OK);
    assert_int_equal(fs_make_dir(path, &f->err), ERR_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_true(fs_exists(path));
    assert_int_equal(fs_make_dir("/tmp/no-such-directory/below", &f->err), ERR_IO);
    assert_int_equal(fs_remove(f->path, &f->err), ERR_OK);
    assert_int_equal(fs_write_atomic(f->path, "x", 1, &f->err), ERR_OK);
    assert_int_equal(fs_remove(f->path, &f->err), ERR_OK);
    assert_false(fs_exists(f->path));
    assert_int_equal(fs_remove(path, &f->err), ERR_IO); /* a directory is no file */
    uint64_t unchanged = 5;
    assert_int_equal(fs_size(f->path, &unchanged, &f->err), ERR_IO);
    assert_int_equal(fs_free(f->path, &unchanged, &f->err), ERR_IO);
    assert_int_equal(unchanged, 5);
}

static void test_joined_paths_have_a_limit(void **state)
{
    struct fixture *f = *state;
    char name[FS_PATH_MAX + 10], path[FS_PATH_MAX];
    assert_int_equal(fs_join(path, "dir", "name", &f->err), ERR_OK);
    assert_string_equal(path, "dir/name");
    memset(name, 'n', sizeof name);
    name[FS_PATH_MAX - 2] = '\0'; /* "d/" makes it one byte too long, with its NUL */
    assert_int_equal(fs_join(path, "d", name, &f->err), ERR_TOO_LARGE);
    name[FS_PATH_MAX - 3] = '\0';
    assert_int_equal(fs_join(path, "d", name, &f->err), ERR_OK);
    assert_int_equal(strlen(path), FS_PATH_MAX - 1);
}

/* ---- contents --------------------------------------------------------------------------------------------------------- */

static void test_a_whole_file_is_read_up_to_a_limit(void **state)
{
    struct fixture *f = *state;
    char *data = NULL;
    size_t size = 0;
    assert_int_equal(fs_write_atomic(f->path, "0123456789", 10, &f->err), ERR_OK);
    for (size_t maximum = 10; maximum < 12; maximum++) {
        assert_int_equal(fs_read_all(f->path, maximum, &data, &size, &f->err), ERR_OK);
        assert_int_equal(size, 10);
        assert_string_equal(data, "0123456789"); /* NUL-terminated */
        mem_free(data);
    }
    data = NULL;
    assert_int_equal(fs_read_all(f->path, 9, &data, &size, &f->err), ERR_TOO_LARGE);
    assert_null(data);
    assert_int_equal(fs_read_all("/tmp/no-such-file-here", 9, &data, &size, &f->err), ERR_IO);
    assert_int_equal(fs_write_atomic(f->path, "", 0, &f->err), ERR_OK);
    assert_int_equal(fs_read_all(f->path, 5, &data, &size, &f->err), ERR_OK);
    assert_int_equal(size, 0);
    assert_string_equal(data, "");
    mem_free(data);
    data = NULL;
    mem_fail_at(1, 0);
    assert_int_equal(fs_read_all(f->path, 5, &data, &size, &f->err), ERR_NO_MEMORY);
    mem_fail_at(0, 0);
    assert_null(data);
}

static void test_a_file_without_a_size_is_read_to_its_end(void **state)
{
    struct fixture *f = *state;
    char *data = NULL;
    size_t size = 0;
    assert_int_equal(fs_read_all("/proc/self/status", 1 << 20, &data, &size, &f->err), ERR_OK);
    assert_true(size > 100);
    assert_non_null(strstr(data, "VmRSS"));
    mem_free(data);
    data = NULL;
    assert_int_equal(fs_read_all("/proc/self/status", 100, &data, &size, &f->err), ERR_TOO_LARGE);
    assert_null(data);
}

static void test_a_file_is_mapped(void **state)
{
    struct fixture *f = *state;
    void *data = NULL;
    size_t size = 0;
    assert_int_equal(fs_write_atomic(f->path, "mapped", 6, &f->err), ERR_OK);
    assert_int_equal(fs_map(f->path, &data, &size, &f->err), ERR_OK);
    assert_int_equal(size, 6);
    assert_memory_equal(data, "mapped", 6);
    fs_unmap(data, size);
    assert_int_equal(fs_write_atomic(f->path, "", 0, &f->err), ERR_OK);
    assert_int_equal(fs_map(f->path, &data, &size, &f->err), ERR_OK);
    assert_null(data);
    assert_int_equal(size, 0);
    fs_unmap(data, size);
    assert_int_equal(fs_map("/tmp/no-such-file-here", &data, &size, &f->err), ERR_IO);
    assert_non_null(strstr(f->err.message, "/tmp/no-such-file-here"));
}

static void test_mapping_and_reading_pass_failures_on(void **state)
{
    struct fixture *f = *state;
    void *mapped = NULL;
    char *data = NULL;
    size_t size;
    assert_int_equal(fs_write_atomic(f->path, "x", 1, &f->err), ERR_OK);
    for (uint64_t nth = 1; nth <= 3; nth++) { /* open, stat, and mmap or read */
        fs_fail_at(nth, EIO, 0);
        assert_int_equal(fs_map(f->path, &mapped, &size, &f->err), ERR_IO);
        fs_fail_at(nth, EIO, 0);
        assert_int_equal(fs_read_all(f->path, 10, &data, &size, &f->err), ERR_IO);
    }
    fs_fail_at(0, 0, 0);
    assert_null(mapped);
    assert_null(data);
    fs_fail_at(1, ENOSPC, 0);
    assert_int_equal(fs_make_dir(f->dir, &f->err), ERR_NO_SPACE);
    fs_fail_at(2, EIO, 0);
    assert_int_equal(fs_remove("/tmp/no-such-file-here", &f->err), ERR_OK);
    assert_int_equal(fs_remove("/tmp/no-such-file-here", &f->err), ERR_IO);
    assert_int_equal(fs_remove("/tmp/no-such-file-here", &f->err), ERR_OK);
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_a_directory_is_listed),
        WITH_DIR(test_an_atomic_write_replaces_the_whole_file),
        WITH_DIR(test_a_failing_write_leaves_the_old_file_or_the_new_one),
        WITH_DIR(test_a_write_into_nowhere_names_the_path),
        WITH_DIR(test_interrupted_calls_go_on),
        WITH_DIR(test_a_short_write_is_finished_or_an_error),
        WITH_DIR(test_reading_and_writing_at_a_place),
        WITH_DIR(test_making_and_removing_twice_is_fine),
        WITH_DIR(test_joined_paths_have_a_limit),
        WITH_DIR(test_a_whole_file_is_read_up_to_a_limit),
        WITH_DIR(test_a_file_without_a_size_is_read_to_its_end),
        WITH_DIR(test_a_file_is_mapped),
        WITH_DIR(test_mapping_and_reading_pass_failures_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
