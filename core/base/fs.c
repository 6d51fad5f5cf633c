#include "fs.h"

#include "cleanup.h"
#include "mem.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static _Atomic uint64_t calls, fail_nth;
static atomic_int fail_error;
static atomic_bool fail_always;

/* Counts one call; true, with errno set, when a test wants it to fail. */
static bool fails(void)
{
    uint64_t number = atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed) + 1;
    uint64_t nth = atomic_load_explicit(&fail_nth, memory_order_relaxed);
    if (!nth || !(number == nth || (number > nth && atomic_load(&fail_always))))
        return false;
    errno = atomic_load(&fail_error);
    return true;
}

void fs_fail_at(uint64_t nth, int error, int persistent)
{
    atomic_store(&fail_error, error);
    atomic_store(&fail_always, persistent != 0);
    atomic_store(&fail_nth, nth ? atomic_load(&calls) + nth : 0);
}

uint64_t fs_count(void)
{
    return atomic_load(&calls);
}

enum err_code fs_join(char path[FS_PATH_MAX], const char *dir, const char *name, struct err *err)
{
    if ((size_t)snprintf(path, FS_PATH_MAX, "%s/%s", dir, name) >= FS_PATH_MAX)
        return err_set(err, ERR_TOO_LARGE, "the path %.100s/... is longer than %d bytes", dir, FS_PATH_MAX - 1);
    return ERR_OK;
}

/* ---- whole files and directories ---------------------------------------------------------------------------------- */

enum err_code fs_make_dir(const char *path, struct err *err)
{
    if (!fails() && (!mkdir(path, 0700) || errno == EEXIST))
        return ERR_OK;
    return err_errno(err, path);
}

bool fs_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

enum err_code fs_size(const char *path, uint64_t *ret_size, struct err *err)
{
    struct stat st;
    if (fails() || stat(path, &st))
        return err_errno(err, path);
    *ret_size = (uint64_t)st.st_size;
    return ERR_OK;
}

enum err_code fs_free(const char *path, uint64_t *ret_bytes, struct err *err)
{
    struct statvfs system;
    if (fails() || statvfs(path, &system))
        return err_errno(err, path);
    *ret_bytes = (uint64_t)system.f_bavail * system.f_frsize;
    return ERR_OK;
}

enum err_code fs_sync_dir(const char *path, struct err *err)
{
    int fd = fails() ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, path);
    enum err_code code = fs_sync(fd, err);
    close(fd);
    return code;
}

/* The directory that holds `path`. */
static enum err_code sync_parent(const char *path, struct err *err)
{
    char dir[FS_PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    if (length >= sizeof dir)
        return err_set(err, ERR_TOO_LARGE, "the path %.100s... is longer than %d bytes", path, FS_PATH_MAX - 1);
    memcpy(dir, path, length);
    dir[length] = '\0';
    return fs_sync_dir(length ? dir : slash ? "/" : ".", err);
}

enum err_code fs_rename(const char *from, const char *to, struct err *err)
{
    if (fails() || rename(from, to))
        return err_errno(err, to);
    return sync_parent(to, err);
}

enum err_code fs_remove(const char *path, struct err *err)
{
    if (!fails() && (!unlink(path) || errno == ENOENT))
        return ERR_OK;
    return err_errno(err, path);
}

enum err_code fs_list(const char *path, enum err_code (*each)(const char *name, void *context, struct err *err),
                      void *context, struct err *err)
{
    DIR *dir = fails() ? NULL : opendir(path);
    if (!dir)
        return err_errno(err, path);
    enum err_code code = ERR_OK;
    for (struct dirent *entry; !code && (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            code = each(entry->d_name, context, err);
    closedir(dir);
    return code;
}

/* ---- descriptors ---------------------------------------------------------------------------------------------------- */

enum err_code fs_create(const char *path, int *ret_fd, struct err *err)
{
    int fd = fails() ? -1 : open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, path);
    *ret_fd = fd;
    return ERR_OK;
}

enum err_code fs_open_read(const char *path, int *ret_fd, struct err *err)
{
    int fd = fails() ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, path);
    *ret_fd = fd;
    return ERR_OK;
}

enum err_code fs_write(int fd, const void *data, size_t length, struct err *err)
{
    const char *from = data;
    while (length) {
        ssize_t n = fails() ? -1 : write(fd, from, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_errno(err, "writing a file");
        from += n;
        length -= (size_t)n;
    }
    return ERR_OK;
}

enum err_code fs_write_at(int fd, const void *data, size_t length, uint64_t offset, struct err *err)
{
    const char *from = data;
    while (length) {
        ssize_t n = fails() ? -1 : pwrite(fd, from, length, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_errno(err, "writing a file");
        from += n;
        length -= (size_t)n;
        offset += (uint64_t)n;
    }
    return ERR_OK;
}

enum err_code fs_read_at(int fd, void *data, size_t length, uint64_t offset, size_t *ret_read, struct err *err)
{
    char *to = data;
    size_t done = 0;
    while (done < length) {
        ssize_t n = fails() ? -1 : pread(fd, to + done, length - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, "reading a file");
        if (!n)
            break;
        done += (size_t)n;
    }
    *ret_read = done;
    return ERR_OK;
}

enum err_code fs_sync(int fd, struct err *err)
{
    return fails() || fsync(fd) ? err_errno(err, "syncing a file") : ERR_OK;
}

void fs_close(int fd)
{
    close(fd);
}

void fs_closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/* ---- contents ------------------------------------------------------------------------------------------------------- */

enum err_code fs_map(const char *path, void **ret_data, size_t *ret_size, struct err *err)
{
    cleanup(fs_closep) int fd = -1;
    struct stat st;
    enum err_code code = fs_open_read(path, &fd, err);
    if (code)
        return code;
    if (fails() || fstat(fd, &st))
        return err_errno(err, path);
    void *data = NULL;
    if (st.st_size) {
        data = fails() ? MAP_FAILED : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (data == MAP_FAILED)
            return err_errno(err, path);
    }
    *ret_data = data;
    *ret_size = (size_t)st.st_size;
    return ERR_OK;
}

void fs_hint(const void *data, size_t size, enum fs_hint hint)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE) - 1, start = (uintptr_t)data & ~page;
    (void)madvise((void *)start, size + ((uintptr_t)data - start), hint == FS_RANDOM ? MADV_RANDOM : MADV_WILLNEED);
}

void fs_unmap(void *data, size_t size)
{
    if (data)
        munmap(data, size);
}

/* Reads to the end: files of /proc have no size. */
enum err_code fs_read_all(const char *path, size_t maximum, char **ret_data, size_t *ret_size, struct err *err)
{
    cleanup(fs_closep) int fd = -1;
    struct stat st;
    enum err_code code = fs_open_read(path, &fd, err);
    if (code)
        return code;
    if (fails() || fstat(fd, &st))
        return err_errno(err, path);
    if ((uint64_t)st.st_size > maximum)
        return err_set(err, ERR_TOO_LARGE, "%s is larger than %zu bytes", path, maximum);
    size_t capacity = st.st_size ? (size_t)st.st_size : maximum, read = 0;
    char *data = mem_alloc(capacity + 1);
    if (!data)
        return err_no_memory(err);
    code = fs_read_at(fd, data, capacity + 1, 0, &read, err); /* one more, to see whether that is all */
    if (!code && read > capacity)
        code = err_set(err, ERR_TOO_LARGE, "%s is larger than %zu bytes", path, capacity);
    if (code) {
        mem_free(data);
        return code;
    }
    data[read] = '\0';
    *ret_data = data;
    *ret_size = read;
    return ERR_OK;
}

enum err_code fs_write_atomic(const char *path, const void *data, size_t length, struct err *err)
{
    char temporary[FS_PATH_MAX];
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.tmp", path) >= sizeof temporary)
        return err_set(err, ERR_TOO_LARGE, "the path %.100s... is longer than %d bytes", path, FS_PATH_MAX - 5);
    int fd = -1;
    enum err_code code = fs_create(temporary, &fd, err);
    if (code)
        return code;
    code = fs_write(fd, data, length, err);
    if (!code)
        code = fs_sync(fd, err);
    fs_close(fd);
    if (!code)
        code = fs_rename(temporary, path, err);
    if (code)
        unlink(temporary);
    return code;
}
