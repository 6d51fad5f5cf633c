/* For the tests of core/data and of what stands on it: a directory of its own, and tables built from texts. Included behind
 * cmocka.h by each of them. */
#pragma once

#include "core/base/cleanup.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/data/encoder.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define NEAR(a, b, tolerance) (fabs((double)(a) - (double)(b)) <= (tolerance))

struct data_fixture {
    char dir[40];
    char path[FS_PATH_MAX]; /* of the table in it */
    struct err err;
};

static inline int data_setup(void **state)
{
    static struct data_fixture f;
    f = (struct data_fixture){.dir = "/tmp/test_data_XXXXXX"};
    *state = &f;
    return mkdtemp(f.dir) && !fs_join(f.path, f.dir, "table", &f.err) ? 0 : -1;
}

static inline enum err_code data_remove(const char *name, void *dir, struct err *err)
{
    char path[FS_PATH_MAX];
    enum err_code code = fs_join(path, dir, name, err);
    return code ? code : fs_remove(path, err);
}

static inline int data_teardown(void **state)
{
    struct data_fixture *f = *state;
    fs_fail_at(0, 0, 0);
    mem_fail_at(0, 0);
    return fs_list(f->dir, data_remove, f->dir, &f->err) || rmdir(f->dir) ? -1 : 0;
}

static inline enum err_code data_count(const char *name, void *count, struct err *err)
{
    (void)name;
    (void)err;
    ++*(int *)count;
    return ERR_OK;
}

static inline int files_in(const char *dir)
{
    int count = 0;
    assert_int_equal(fs_list(dir, data_count, &count, NULL), ERR_OK);
    return count;
}

/* Builds the table of the fixture from the bytes, fed in pieces of so many (0: all at once). The table is there when that is
 * ERR_OK; else nothing is. */
static inline enum err_code build_bytes(struct data_fixture *f, const struct csv_options *options, const char *bytes,
                                        size_t length, size_t piece, char sha256[65])
{
    static const struct csv_options usual = {0};
    struct table_builder *b = NULL;
    f->err = (struct err){0};
    enum err_code code = table_builder_new(f->path, options ? options : &usual, &b, &f->err);
    for (size_t at = 0; !code && at < length;) {
        size_t n = piece && length - at > piece ? piece : length - at;
        code = table_builder_feed(b, bytes + at, n, &f->err);
        at += n;
    }
    if (!code)
        code = table_builder_finish(b, sha256, &f->err);
    table_builder_free(b);
    return code;
}

static inline enum err_code build(struct data_fixture *f, const char *text)
{
    char sha256[65];
    return build_bytes(f, NULL, text, strlen(text), 0, sha256);
}

static inline struct table *open_table(struct data_fixture *f)
{
    struct table *t = NULL;
    if (table_open(f->path, &t, &f->err))
        fail_msg("%s", f->err.message);
    return t;
}

/* The table of a text that is fine. */
static inline struct table *table_of(struct data_fixture *f, const char *text)
{
    if (build(f, text))
        fail_msg("%s", f->err.message);
    return open_table(f);
}

static inline const char *cell_text(const struct table *t, uint32_t column, uint64_t row)
{
    int32_t code = table_code(t, column, row);
    return code < 0 ? NULL : table_column(t, column)->category[code];
}

static inline void assert_says(const struct data_fixture *f, const char *text)
{
    if (!strstr(f->err.message, text))
        fail_msg("\"%s\" does not say \"%s\"", f->err.message, text);
}

/* Of the options of an encoder. */
#define TARGET(name) .targets = (const char *const[]){name}, .target_count = 1

/* An encoder fitted on these rows (count 0: on all of them). */
static inline struct encoder *fit_on(struct data_fixture *f, const struct table *t, const struct encoder_options *o,
                                     const uint32_t *rows, size_t count)
{
    struct encoder *e = NULL;
    size_t n = count ? count : (size_t)table_rows(t);
    uint32_t *list = mem_array(n, sizeof *list);
    assert_non_null(list);
    for (size_t i = 0; i < n; i++)
        list[i] = count ? rows[i] : (uint32_t)i;
    if (encoder_fit(t, o, list, n, &e, &f->err))
        fail_msg("%s", f->err.message);
    mem_free(list);
    return e;
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, data_setup, data_teardown)
