/* The one seam for our own files: every system call on files goes through here, so that a test can make the Nth
 * one fail (SQLite's own files have SQLite's seam). Errors name the path. Any thread may call any of these. */
#pragma once

#include "err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum err_code fs_make_dir(const char *path, struct err *err); /* mode 0700; one that exists is fine */
bool fs_exists(const char *path);
enum err_code fs_size(const char *path, uint64_t *ret_size, struct err *err);
enum err_code fs_free(const char *path, uint64_t *ret_bytes, struct err *err); /* of its file system, for whoever is not root */
enum err_code fs_create(const char *path, int *ret_fd, struct err *err); /* read and write, truncates, 0600, close-on-exec */
enum err_code fs_open_read(const char *path, int *ret_fd, struct err *err);
enum err_code fs_write(int fd, const void *data, size_t length, struct err *err); /* all of it, or an error */
enum err_code fs_write_at(int fd, const void *data, size_t length, uint64_t offset, struct err *err);
enum err_code fs_read_at(int fd, void *data, size_t length, uint64_t offset, size_t *ret_read, struct err *err);
enum err_code fs_sync(int fd, struct err *err);
enum err_code fs_sync_dir(const char *path, struct err *err);
enum err_code fs_rename(const char *from, const char *to, struct err *err); /* then syncs the directory of `to` */
enum err_code fs_remove(const char *path, struct err *err);                 /* one that is gone already is fine */
void fs_close(int fd);
/* Maps a whole file read-only; an empty file maps to NULL with size 0. */
enum err_code fs_map(const char *path, void **ret_data, size_t *ret_size, struct err *err);
void fs_unmap(void *data, size_t size);
/* How mapped bytes will be read: here and there, so that nothing is fetched beside what is asked for; or soon. */
enum fs_hint { FS_RANDOM, FS_WILL_NEED };
void fs_hint(const void *data, size_t size, enum fs_hint hint);
/* The whole file in memory (mem_free), NUL-terminated; ERR_TOO_LARGE above `maximum`. */
enum err_code fs_read_all(const char *path, size_t maximum, char **ret_data, size_t *ret_size, struct err *err);
/* temporary name -> write -> fsync -> rename -> fsync of the directory: the file is there whole or not at all. */
enum err_code fs_write_atomic(const char *path, const void *data, size_t length, struct err *err);
/* Calls each(name) for every entry of a directory but "." and ".."; stops at the first code that is not ERR_OK. */
enum err_code fs_list(const char *path, enum err_code (*each)(const char *name, void *context, struct err *err),
                      void *context, struct err *err);
/* dir "/" name in a fixed buffer; ERR_TOO_LARGE when it does not fit. */
#define FS_PATH_MAX 1024
enum err_code fs_join(char path[FS_PATH_MAX], const char *dir, const char *name, struct err *err);

/* Tests only: the nth call from now fails with this errno (0 switches it off), and when `persistent` all after it. */
void fs_fail_at(uint64_t nth, int error, int persistent);
uint64_t fs_count(void);
