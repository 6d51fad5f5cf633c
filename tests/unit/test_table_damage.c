/* core/data/table against the world: disks and memory that fail at every call, and files with every bit flipped. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/data/encoder.h"
#include "core/data/table_file.h"
#include "data_fixture.h"
#include <errno.h>
#include <fcntl.h>

/* Has everything: both types, missing cells, a column that turns late (so that the spool is read again), quotes. */
static const char everything[] = "x,c,late\n1,red,1\n2,\"b,\"\"l\",2\nNA,,3\n4,red,x\n";

static enum err_code build_in_pieces(struct data_fixture *f)
{
    char sha256[65];
    return build_bytes(f, NULL, everything, strlen(everything), 10, sha256);
}

/* ---- syncing: fs.c finds this before the C library's --------------------------------------------------------------------- */

static unsigned syncs;

int fsync(int fd)
{
    syncs++;
    return fdatasync(fd);
}

static void test_a_finished_table_is_synced(void **state)
{
    struct data_fixture *f = *state;
    syncs = 0;
    assert_int_equal(build_in_pieces(f), ERR_OK);
    assert_int_equal(syncs, 1);
}

/* ---- failing disks ---------------------------------------------------------------------------------------------------- */

static void fail_every_call(struct data_fixture *f, int error, enum err_code expected, int persistent)
{
    uint64_t before = fs_count();
    assert_int_equal(build_in_pieces(f), ERR_OK);
    uint64_t calls = fs_count() - before, refused = 0;
    for (uint64_t nth = 1; nth <= calls; nth++) {
        struct table *t = NULL;
        assert_int_equal(fs_remove(f->path, &f->err), ERR_OK);
        fs_fail_at(nth, error, persistent);
        enum err_code code = build_in_pieces(f);
        fs_fail_at(0, 0, 0);
        if (!code) { /* the call that failed was the removal of the spool: the table is whole, and main sweeps the rest */
            assert_int_equal(nth, calls);
            assert_int_equal(table_open(f->path, &t, &f->err), ERR_OK);
            table_unref(t);
        } else {
            assert_int_equal(code, expected);
            assert_int_equal(f->err.code, expected);
            refused++;
            if (!persistent)
                assert_int_equal(files_in(f->dir), 0);
        }
        assert_int_equal(fs_list(f->dir, data_remove, f->dir, &f->err), ERR_OK);
        assert_int_equal(build_in_pieces(f), ERR_OK); /* and the next one is fine */
    }
    assert_int_equal(refused, calls - 1);
}

static void test_a_disk_that_fails_at_any_call(void **state)
{
    fail_every_call(*state, ENOSPC, ERR_NO_SPACE, 0);
    fail_every_call(*state, EIO, ERR_IO, 0);
    fail_every_call(*state, ENOSPC, ERR_NO_SPACE, 1);
}

static void test_opening_passes_failures_on(void **state)
{
    struct data_fixture *f = *state;
    assert_int_equal(build_in_pieces(f), ERR_OK);
    for (uint64_t nth = 1; nth <= 3; nth++) {
        struct table *t = NULL;
        fs_fail_at(nth, EIO, 0);
        assert_int_equal(table_open(f->path, &t, &f->err), ERR_IO);
        assert_null(t);
    }
    fs_fail_at(0, 0, 0);
}

/* ---- failing memory --------------------------------------------------------------------------------------------------- */

static void test_memory_that_fails_at_any_allocation(void **state)
{
    struct data_fixture *f = *state;
    uint64_t before = mem_count();
    assert_int_equal(build_in_pieces(f), ERR_OK);
    uint64_t allocations = mem_count() - before;
    assert_true(allocations > 20);
    for (uint64_t nth = 1; nth <= allocations; nth++) {
        assert_int_equal(fs_remove(f->path, &f->err), ERR_OK);
        mem_fail_at(nth, 0);
        enum err_code code = build_in_pieces(f);
        mem_fail_at(0, 0);
        assert_int_equal(code, ERR_NO_MEMORY);
        assert_int_equal(f->err.code, ERR_NO_MEMORY);
        assert_int_equal(files_in(f->dir), 0);
        assert_int_equal(build_in_pieces(f), ERR_OK);
    }
}

/* A file that cannot be opened for want of memory is not damaged. */
static void test_opening_without_memory(void **state)
{
    struct data_fixture *f = *state;
    assert_int_equal(build_in_pieces(f), ERR_OK);
    uint64_t before = mem_count();
    table_unref(open_table(f));
    uint64_t allocations = mem_count() - before;
    assert_true(allocations > 10);
    for (uint64_t nth = 1; nth <= allocations; nth++) {
        struct table *t = NULL;
        mem_fail_at(nth, 0);
        assert_int_equal(table_open(f->path, &t, &f->err), ERR_NO_MEMORY);
        mem_fail_at(0, 0);
        assert_null(t);
    }
}

/* ---- damaged files ---------------------------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *data, size_t size)
{
    int fd = -1;
    assert_int_equal(fs_create(path, &fd, NULL), ERR_OK); /* no sync: there are thousands of them */
    assert_int_equal(fs_write(fd, data, size, NULL), ERR_OK);
    fs_close(fd);
}

/* Does with the table what the worker does: whatever its cells hold, no code leaves its range. */
static void use(const struct table *t)
{
    uint32_t rows[4] = {0, 1, 2, 3};
    size_t count = table_rows(t) < 4 ? (size_t)table_rows(t) : 4;
    for (uint32_t i = 0; i < table_columns(t); i++) {
        const struct column *c = table_column(t, i);
        int32_t code[4];
        double number[4];
        if (c->type == COLUMN_NUMERIC)
            table_numbers(t, i, rows, count, number);
        else
            table_codes(t, i, rows, count, code);
        for (size_t k = 0; c->type == COLUMN_CATEGORICAL && k < count; k++) {
            assert_true(code[k] >= -1 && code[k] < (int32_t)c->categories);
            assert_int_equal(table_code(t, i, k), code[k]);
        }
    }
    struct encoder_options o = {TARGET("c")};
    struct encoder *e = NULL;
    struct encoder_view *v = NULL;
    uint32_t *target_rows = NULL;
    int32_t *classes = NULL;
    size_t target_count = 0;
    real x[32], y[4];
    enum err_code code = encoder_target_rows(t, &o, &target_rows, &classes, &target_count, NULL);
    assert_true(target_count <= table_rows(t));
    if (!code)
        code = encoder_fit(t, &o, rows, count, &e, NULL);
    if (!code && !encoder_view_new(e, t, &v, NULL) && encoder_inputs(e) <= 8)
        encoder_encode(v, rows, count, x, 8, y);
    encoder_view_free(v);
    encoder_free(e);
    mem_free(target_rows);
    mem_free(classes);
}

static char *file_of_table(struct data_fixture *f, size_t *ret_size)
{
    char *data = NULL;
    assert_int_equal(build_in_pieces(f), ERR_OK);
    assert_int_equal(fs_read_all(f->path, 1 << 20, &data, ret_size, &f->err), ERR_OK);
    assert_true(*ret_size < 1000);
    return data;
}

static void test_every_flipped_bit_is_found_or_harmless(void **state)
{
    struct data_fixture *f = *state;
    size_t size = 0;
    cleanup(mem_freep) char *data = file_of_table(f, &size);
    struct table_header h;
    memcpy(&h, data, sizeof h);
    assert_int_equal(h.footer_offset, sizeof h + 3 * 8); /* 4 rows of a small number and two codes: a byte each, padded */
    for (size_t bit = 0; bit < 8 * size; bit++) {
        struct table *t = NULL;
        data[bit / 8] ^= (char)(1 << bit % 8);
        write_file(f->path, data, size);
        enum err_code code = table_open(f->path, &t, &f->err);
        data[bit / 8] ^= (char)(1 << bit % 8);
        bool is_cell = bit / 8 >= sizeof h && bit / 8 < h.footer_offset;
        if (is_cell) {
            assert_int_equal(code, ERR_OK);
            use(t);
            table_unref(t);
        } else {
            assert_int_equal(code, ERR_CORRUPT);
            assert_says(f, f->path);
            assert_null(t);
        }
    }
}

static void test_every_byte_of_a_cell_may_be_anything(void **state)
{
    struct data_fixture *f = *state;
    size_t size = 0;
    cleanup(mem_freep) char *data = file_of_table(f, &size);
    struct table_header h;
    memcpy(&h, data, sizeof h);
    static const unsigned char patterns[] = {0x00, 0x7F, 0x80, 0xFF, 0x55};
    for (size_t p = 0; p < COUNT(patterns); p++)
        for (size_t at = sizeof h; at < h.footer_offset; at += 4) {
            char kept[4];
            memcpy(kept, data + at, 4);
            memset(data + at, patterns[p], 4);
            write_file(f->path, data, size);
            struct table *t = open_table(f);
            use(t);
            table_unref(t);
            memcpy(data + at, kept, 4);
        }
}

static void test_a_file_cut_anywhere_is_refused(void **state)
{
    struct data_fixture *f = *state;
    size_t size = 0;
    cleanup(mem_freep) char *data = file_of_table(f, &size);
    for (size_t length = 0; length < size; length++) {
        struct table *t = NULL;
        write_file(f->path, data, length);
        assert_int_equal(table_open(f->path, &t, &f->err), ERR_CORRUPT);
        assert_says(f, f->path);
        assert_null(t);
    }
    char *longer = malloc(size + 1);
    assert_non_null(longer);
    memcpy(longer, data, size);
    longer[size] = 0;
    struct table *t = NULL;
    write_file(f->path, longer, size + 1);
    assert_int_equal(table_open(f->path, &t, &f->err), ERR_CORRUPT);
    free(longer);
}

/* The file with a changed header and the digest that fits it. */
static enum err_code open_forged(struct data_fixture *f, const char *data, size_t size, const struct table_header *changed)
{
    struct table_header h = *changed;
    struct table *t = NULL;
    cleanup(mem_freep) char *copy = malloc(size + h.footer_length); /* the digest reads as much as the header says */
    assert_non_null(copy);
    memset(copy, 0, size + h.footer_length);
    memcpy(copy, data, size);
    if (h.footer_offset <= size)
        table_header_digest(&h, copy + h.footer_offset, h.sha256);
    memcpy(copy, &h, sizeof h);
    write_file(f->path, copy, size);
    enum err_code code = table_open(f->path, &t, &f->err);
    if (!code)
        use(t);
    table_unref(t);
    return code;
}

/* Not only accidents: a header that was forged with a right digest leads nowhere outside the file. */
static void test_forged_headers_are_refused(void **state)
{
    struct data_fixture *f = *state;
    size_t size = 0;
    cleanup(mem_freep) char *data = file_of_table(f, &size);
    struct table_header h, changed;
    memcpy(&h, data, sizeof h);
    assert_int_equal(open_forged(f, data, size, &h), ERR_OK);
    static const uint64_t rows[] = {0, 1, 3, 5, UINT32_MAX, UINT64_MAX, 1ull << 61};
    for (size_t i = 0; i < COUNT(rows); i++) {
        changed = h;
        changed.rows = rows[i];
        assert_int_equal(open_forged(f, data, size, &changed), ERR_CORRUPT);
    }
    static const uint32_t columns[] = {0, 1, 2, 4, 4096, 4097, UINT32_MAX};
    for (size_t i = 0; i < COUNT(columns); i++) {
        changed = h;
        changed.columns = columns[i];
        assert_int_equal(open_forged(f, data, size, &changed), ERR_CORRUPT);
        changed.group_rows = columns[i] ? table_group_rows(columns[i]) : 0;
        assert_int_equal(open_forged(f, data, size, &changed), ERR_CORRUPT);
    }
    for (uint64_t offset = 0; offset <= size; offset++) {
        changed = h;
        changed.footer_offset = offset;
        changed.footer_length = size - offset;
        assert_int_equal(open_forged(f, data, size, &changed), offset == h.footer_offset ? ERR_OK : ERR_CORRUPT);
    }
    changed = h;
    changed.footer_offset = UINT64_MAX - 10;
    assert_int_equal(open_forged(f, data, size, &changed), ERR_CORRUPT);
}

/* With the digest that fits: more digits than there are powers of ten. */
static void test_digits_that_no_cell_has_are_refused(void **state)
{
    struct data_fixture *f = *state;
    size_t size = 0;
    cleanup(mem_freep) char *data = file_of_table(f, &size);
    struct table_header h;
    memcpy(&h, data, sizeof h);
    for (int digits = 0; digits < 256; digits++) {
        struct table *t = NULL;
        data[size - 1] = (char)digits; /* of the last entry */
        table_header_digest(&h, data + h.footer_offset, h.sha256);
        memcpy(data, &h, sizeof h);
        write_file(f->path, data, size);
        assert_int_equal(table_open(f->path, &t, &f->err), digits <= CELL_DIGITS_MAX ? ERR_OK : ERR_CORRUPT);
        table_unref(t);
    }
}

static void test_a_newer_version_is_refused_by_its_name(void **state)
{
    struct data_fixture *f = *state;
    size_t size = 0;
    cleanup(mem_freep) char *data = file_of_table(f, &size);
    struct table_header h;
    memcpy(&h, data, sizeof h);
    h.version = TABLE_VERSION + 1;
    assert_int_equal(open_forged(f, data, size, &h), ERR_CORRUPT);
    assert_says(f, "has table version 4, this program reads 3");
    write_file(f->path, "not a table at all", 18);
    struct table *t = NULL;
    assert_int_equal(table_open(f->path, &t, &f->err), ERR_CORRUPT);
    assert_says(f, "is no whole table file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_a_finished_table_is_synced),
        WITH_DIR(test_a_disk_that_fails_at_any_call),
        WITH_DIR(test_opening_passes_failures_on),
        WITH_DIR(test_memory_that_fails_at_any_allocation),
        WITH_DIR(test_opening_without_memory),
        WITH_DIR(test_every_flipped_bit_is_found_or_harmless),
        WITH_DIR(test_every_byte_of_a_cell_may_be_anything),
        WITH_DIR(test_a_file_cut_anywhere_is_refused),
        WITH_DIR(test_forged_headers_are_refused),
        WITH_DIR(test_digits_that_no_cell_has_are_refused),
        WITH_DIR(test_a_newer_version_is_refused_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
