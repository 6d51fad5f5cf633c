/* core/base: errors, buffers, memory, and numbers in and out of bytes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/pack.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- err -------------------------------------------------------------------------------------------------------------- */

static void test_an_error_holds_its_code_and_message(void **state)
{
    (void)state;
    struct err e = {.line = 7, .column = 8};
    assert_int_equal(err_set(&e, ERR_CONFLICT, "%s is %d", "x", 3), ERR_CONFLICT);
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_string_equal(e.message, "x is 3");
    assert_int_equal(e.line, 0);
    assert_int_equal(e.column, 0);
    assert_int_equal(err_no_memory(&e), ERR_NO_MEMORY);
    assert_string_equal(e.message, "out of memory");
    assert_int_equal(err_set(NULL, ERR_IO, "%d", 1), ERR_IO);
    assert_int_equal(err_set_at(NULL, ERR_IO, 1, 2, "x"), ERR_IO);
    assert_int_equal(err_no_memory(NULL), ERR_NO_MEMORY);
    errno = EACCES;
    assert_int_equal(err_errno(NULL, "x"), ERR_IO);
}

static void test_a_place_in_a_text_comes_first(void **state)
{
    (void)state;
    struct err e;
    assert_int_equal(err_set_at(&e, ERR_INVALID, 12, 3, "no %s", "quote"), ERR_INVALID);
    assert_string_equal(e.message, "line 12, column 3: no quote");
    assert_int_equal(e.line, 12);
    assert_int_equal(e.column, 3);
    assert_int_equal(err_set_at(&e, ERR_INVALID, UINT64_MAX, UINT64_MAX, "x"), ERR_INVALID);
    assert_string_equal(e.message, "line 18446744073709551615, column 18446744073709551615: x");
}

static void test_long_messages_are_cut(void **state)
{
    (void)state;
    struct {
        struct err e;
        char behind[16];
    } x;
    char text[1000];
    memset(text, 'm', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    memset(x.behind, 'b', sizeof x.behind);
    err_set(&x.e, ERR_IO, "%s", text);
    assert_int_equal(strlen(x.e.message), sizeof x.e.message - 1);
    err_set_at(&x.e, ERR_IO, 1, 2, "%s", text);
    assert_int_equal(strlen(x.e.message), sizeof x.e.message - 1);
    assert_memory_equal(x.e.message, "line 1, column 2: mmm", 21);
    for (size_t i = 0; i < sizeof x.behind; i++)
        assert_int_equal(x.behind[i], 'b');
}

static void test_errno_becomes_a_code(void **state)
{
    (void)state;
    static const struct {
        int error;
        enum err_code code;
    } cases[] = {{ENOSPC, ERR_NO_SPACE}, {EDQUOT, ERR_NO_SPACE}, {ENOENT, ERR_IO}, {ENOMEM, ERR_NO_MEMORY},
                 {EIO, ERR_IO},          {EACCES, ERR_IO},       {EROFS, ERR_IO},         {EMFILE, ERR_IO}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e;
        char expected[200];
        errno = cases[i].error;
        assert_int_equal(err_errno(&e, "some/path"), cases[i].code);
        assert_int_equal(e.code, cases[i].code);
        snprintf(expected, sizeof expected, "some/path: %s", strerror(cases[i].error));
        assert_string_equal(e.message, expected);
    }
}

static void test_codes_have_names(void **state)
{
    (void)state;
    static const char *const names[] = {"ok",        "malformed", "invalid", "not_found", "conflict", "too_large",
                                       "unavailable",
                                        "no_memory", "no_space",  "io",      "corrupt",   "diverged", "stopped",   "internal"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_string_equal(err_name((enum err_code)i), names[i]);
    assert_string_equal(err_name((enum err_code)(sizeof names / sizeof *names)), "unknown");
    assert_string_equal(err_name((enum err_code)-1), "unknown");
}

/* ---- buf -------------------------------------------------------------------------------------------------------------- */

static void test_a_buffer_grows_to_its_maximum(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    assert_null(b.data);
    assert_string_equal(buf_text(&b), "");
    for (size_t i = 0; i < 1000; i++) {
        assert_true(buf_putc(&b, (char)('a' + i % 26)));
        assert_int_equal(b.length, i + 1);
        assert_int_equal(b.data[b.length], '\0');
    }
    assert_false(b.failed);
    assert_false(buf_putc(&b, 'x'));
    assert_true(b.failed);
    assert_int_equal(b.length, 1000);
    assert_int_equal(strlen(buf_text(&b)), 1000);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(b.data[i], 'a' + i % 26);
    buf_done(&b);
    assert_null(b.data);
    assert_int_equal(b.maximum, 1000);
    assert_true(buf_puts(&b, "again"));
    assert_string_equal(buf_text(&b), "again");
    buf_done(&b);
}

static void test_a_failed_buffer_swallows_everything(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4);
    assert_true(buf_puts(&b, "abc"));
    assert_false(buf_puts(&b, "de"));
    assert_true(b.failed);
    assert_string_equal(buf_text(&b), "abc"); /* nothing of what did not fit */
    assert_false(buf_puts(&b, ""));
    assert_false(buf_putc(&b, 'd'));
    assert_false(buf_printf(&b, "%d", 1));
    assert_false(buf_add(&b, NULL, 0));
    assert_null(buf_reserve(&b, 0));
    assert_null(buf_steal(&b, NULL));
    assert_string_equal(buf_text(&b), "abc");
    char *kept = b.data;
    buf_clear(&b);
    assert_false(b.failed);
    assert_ptr_equal(b.data, kept);
    assert_string_equal(buf_text(&b), "");
    assert_true(buf_puts(&b, "wxyz"));
    assert_string_equal(buf_text(&b), "wxyz");
    buf_done(&b);
}

static void test_reserved_room_is_there(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100000);
    buf_puts(&b, "head");
    for (size_t more = 0; more < 3000; more += 7) {
        char *room = buf_reserve(&b, more);
        assert_non_null(room);
        assert_ptr_equal(room, b.data + 4);
        assert_true(b.capacity > 4 + more); /* the NUL too */
        memset(room, 'r', more);
        assert_int_equal(b.length, 4);
    }
    assert_non_null(buf_reserve(&b, 100000 - 4));
    assert_null(buf_reserve(&b, 100000 - 3));
    assert_true(b.failed);
    buf_clear(&b);
    buf_puts(&b, "x");
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_true(b.failed);
    buf_done(&b);
}

static void test_printing_into_a_buffer(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 600);
    assert_true(buf_printf(&b, "%s-%03d|", "a", 7));
    assert_string_equal(buf_text(&b), "a-007|");
    assert_true(buf_printf(&b, "%*d", 594, 1)); /* exactly full */
    assert_int_equal(b.length, 600);
    assert_int_equal(b.data[599], '1');
    assert_false(buf_printf(&b, "%d", 1));
    assert_int_equal(b.length, 600);
    buf_done(&b);
}

static void test_stealing_hands_the_bytes_over(void **state)
{
    (void)state;
    struct buf b;
    size_t length = 99;
    buf_init(&b, 50);
    cleanup(mem_freep) char *empty = buf_steal(&b, &length);
    assert_string_equal(empty, "");
    assert_int_equal(length, 0);
    buf_add(&b, "a\0b", 3);
    cleanup(mem_freep) char *text = buf_steal(&b, &length);
    assert_memory_equal(text, "a\0b", 4);
    assert_int_equal(length, 3);
    assert_null(b.data);
    assert_int_equal(b.length, 0);
    assert_int_equal(b.maximum, 50);
    buf_puts(&b, "next");
    cleanup(mem_freep) char *next = buf_steal(&b, NULL);
    assert_string_equal(next, "next");
}

static void test_a_buffer_without_memory_fails_and_keeps_its_bytes(void **state)
{
    (void)state;
    char long_text[400];
    memset(long_text, 'l', sizeof long_text);
    struct buf b;
    buf_init(&b, 1000);
    mem_fail_at(1, 0);
    assert_false(buf_puts(&b, "x"));
    assert_true(b.failed);
    mem_fail_at(0, 0);
    buf_clear(&b);
    assert_true(buf_puts(&b, "kept"));
    mem_fail_at(1, 0);
    assert_false(buf_add(&b, long_text, sizeof long_text));
    mem_fail_at(0, 0);
    assert_true(b.failed);
    assert_string_equal(buf_text(&b), "kept");
    buf_done(&b);
    mem_fail_at(1, 0);
    assert_null(buf_steal(&b, NULL));
    mem_fail_at(0, 0);
    buf_done(&b);
}

/* ---- mem -------------------------------------------------------------------------------------------------------------- */

static void test_sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    volatile size_t half = SIZE_MAX / 2, three = 3; /* volatile: the compiler warns of sizes that it knows */
    assert_null(mem_array(half, three));
    assert_null(mem_array(half + 2, 2));
    cleanup(mem_freep) char *old = mem_strdup("old");
    assert_null(mem_resize(old, half, three));
    assert_null(mem_resize(old, half + 2, 2)); /* 2 bytes, when it wraps */
    assert_string_equal(old, "old");
    volatile size_t most = SIZE_MAX;
    assert_null(mem_aligned(most));
    assert_null(mem_aligned(most - 1));
}

static void test_memory_comes_zeroed_and_aligned(void **state)
{
    (void)state;
    for (size_t size = 0; size < 300; size++) {
        unsigned char *p = mem_aligned(size), *zeroed = mem_zalloc(size), *array = mem_array(size, 3);
        assert_non_null(p);
        assert_non_null(zeroed);
        assert_non_null(array);
        assert_int_equal((uintptr_t)p % 64, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i] | zeroed[i] | array[3 * i] | array[3 * i + 2], 0);
        memset(p, 0xFF, size); /* so that the next ones meet dirty memory */
        memset(zeroed, 0xFF, size);
        memset(array, 0xFF, 3 * size);
        mem_free(p);
        mem_free(zeroed);
        mem_free(array);
    }
    mem_free(NULL);
    void *nothing = mem_alloc(0);
    assert_non_null(nothing);
    nothing = mem_resize(nothing, 0, 8);
    assert_non_null(nothing);
    mem_free(nothing);
}

static void test_texts_are_copied(void **state)
{
    (void)state;
    cleanup(mem_freep) char *whole = mem_strdup("abc"), *part = mem_strndup("abcdef", 2), *none = mem_strndup("x", 0);
    assert_string_equal(whole, "abc");
    assert_string_equal(part, "ab");
    assert_string_equal(none, "");
}

static void *make(int which)
{
    switch (which) {
    case 0:
        return mem_alloc(8);
    case 1:
        return mem_zalloc(8);
    case 2:
        return mem_array(2, 4);
    case 3:
        return mem_aligned(8);
    case 4:
        return mem_strdup("x");
    case 5:
        return mem_strndup("xyz", 2);
    default:
        return mem_resize(NULL, 2, 4);
    }
}

static void test_every_allocation_can_be_made_to_fail(void **state)
{
    (void)state;
    for (int which = 0; which < 7; which++) {
        uint64_t before = mem_count();
        mem_fail_at(2, 0);
        cleanup(mem_freep) void *first = make(which), *second = make(which), *third = make(which);
        assert_non_null(first);
        assert_null(second);
        assert_non_null(third);
        mem_fail_at(2, 1);
        cleanup(mem_freep) void *fourth = make(which), *fifth = make(which), *sixth = make(which);
        assert_non_null(fourth);
        assert_null(fifth);
        assert_null(sixth);
        mem_fail_at(0, 0);
        assert_int_equal(mem_count() - before, 6);
    }
}

/* ---- pack ------------------------------------------------------------------------------------------------------------- */

static void pack_all(struct buf *out)
{
    pack_u32(out, 0x01020304);
    pack_u64(out, 0x1122334455667788u);
    pack_f64(out, -0.0);
    pack_f64(out, NAN);
    pack_text(out, "text");
    pack_text(out, "");
    pack_bytes(out, "ab", 2);
}

static struct unpack reader_of(const void *data, size_t length)
{
    return (struct unpack){.at = data, .end = (const unsigned char *)data + length};
}

/* Whether all of pack_all's values come back from the bytes. */
static bool unpack_all(struct unpack *u)
{
    bool right = unpack_u32(u) == 0x01020304 && unpack_u64(u) == 0x1122334455667788u;
    double zero = unpack_f64(u), nan = unpack_f64(u);
    cleanup(mem_freep) char *text = unpack_text(u), *empty = unpack_text(u);
    uint32_t length = unpack_u32(u);
    const unsigned char *bytes = unpack_skip(u, length);
    return right && zero == 0 && signbit(zero) && isnan(nan) && text && !strcmp(text, "text") && empty && !*empty &&
           bytes && length == 2 && !memcmp(bytes, "ab", 2);
}

static void test_what_is_packed_comes_back(void **state)
{
    (void)state;
    static const unsigned char start[] = {4, 3, 2, 1, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11};
    struct buf b;
    buf_init(&b, 1000);
    pack_all(&b);
    assert_false(b.failed);
    assert_memory_equal(b.data, start, sizeof start); /* little-endian */
    assert_int_equal(b.length, 4 + 8 + 8 + 8 + 4 + 4 + 4 + 4 + 2);
    struct unpack u = reader_of(b.data, b.length);
    assert_true(unpack_all(&u));
    assert_false(u.failed);
    assert_ptr_equal(u.at, u.end);
    buf_done(&b);
}

static void test_bytes_cut_anywhere_fail(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    pack_all(&b);
    for (size_t length = 0; length < b.length; length++) {
        char *exact = malloc(length ? length : 1); /* so that AddressSanitizer sees a byte too many */
        assert_non_null(exact);
        memcpy(exact, b.data, length);
        struct unpack u = reader_of(exact, length);
        assert_false(unpack_all(&u));
        assert_true(u.failed);
        assert_int_equal(unpack_u32(&u), 0); /* and stays so */
        assert_int_equal(unpack_u64(&u), 0);
        assert_true(unpack_f64(&u) == 0);
        assert_null(unpack_text(&u));
        assert_null(unpack_skip(&u, 0));
        assert_false(unpack_room(&u, 0, 1));
        free(exact);
    }
    buf_done(&b);
}

static void test_texts_that_lie_are_refused(void **state)
{
    (void)state;
    static const unsigned char too_long[] = {5, 0, 0, 0, 'a', 'b', 'c', 'd'}, huge[] = {255, 255, 255, 255, 'a'},
                               nul[] = {3, 0, 0, 0, 'a', 0, 'b'};
    struct unpack u = reader_of(too_long, sizeof too_long);
    assert_null(unpack_text(&u));
    assert_true(u.failed);
    u = reader_of(huge, sizeof huge);
    assert_null(unpack_text(&u));
    assert_true(u.failed);
    u = reader_of(nul, sizeof nul);
    assert_null(unpack_text(&u));
    assert_true(u.failed);
    assert_false(u.no_memory);
    u = reader_of("\1\0\0\0x", 5);
    mem_fail_at(1, 0);
    assert_null(unpack_text(&u));
    mem_fail_at(0, 0);
    assert_true(u.failed);
    assert_true(u.no_memory);
}

static void test_room_is_asked_for_before_memory(void **state)
{
    (void)state;
    struct unpack u = reader_of("0123456789", 10);
    assert_true(unpack_room(&u, 10, 1));
    assert_true(unpack_room(&u, 5, 2));
    assert_true(unpack_room(&u, 3, 3));
    assert_true(unpack_room(&u, 0, 100));
    assert_false(u.failed);
    assert_false(unpack_room(&u, 4, 3));
    assert_true(u.failed);
    u.failed = false;
    assert_false(unpack_room(&u, UINT64_MAX, 8)); /* 2^64 - 8 bytes, when it wraps */
    u.failed = false;
    assert_false(unpack_room(&u, UINT64_MAX / 8 + 2, 8));
}

/* ---- clock ------------------------------------------------------------------------------------------------------------ */

static void test_times_are_written_in_utc(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_SIZE];
    assert_string_equal(clock_format(0, text), "1970-01-01T00:00:00.000Z");
    assert_string_equal(clock_format(1714566896789, text), "2024-05-01T12:34:56.789Z");
    assert_string_equal(clock_format(951782400001, text), "2000-02-29T00:00:00.001Z");
    assert_string_equal(clock_format(-1, text), "1969-12-31T23:59:59.999Z");
    assert_string_equal(clock_format(-1000, text), "1969-12-31T23:59:59.000Z");
    assert_string_equal(clock_format(253402300799999, text), "9999-12-31T23:59:59.999Z");
}

static void test_monotonic_time_does_not_go_back(void **state)
{
    (void)state;
    uint64_t before = clock_monotonic_ns();
    for (int i = 0; i < 10000; i++) {
        uint64_t now = clock_monotonic_ns();
        assert_true(now >= before);
        before = now;
    }
    assert_true(clock_wall_ms() > 1700000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_error_holds_its_code_and_message),
        cmocka_unit_test(test_a_place_in_a_text_comes_first),
        cmocka_unit_test(test_long_messages_are_cut),
        cmocka_unit_test(test_errno_becomes_a_code),
        cmocka_unit_test(test_codes_have_names),
        cmocka_unit_test(test_a_buffer_grows_to_its_maximum),
        cmocka_unit_test(test_a_failed_buffer_swallows_everything),
        cmocka_unit_test(test_reserved_room_is_there),
        cmocka_unit_test(test_printing_into_a_buffer),
        cmocka_unit_test(test_stealing_hands_the_bytes_over),
        cmocka_unit_test(test_a_buffer_without_memory_fails_and_keeps_its_bytes),
        cmocka_unit_test(test_sizes_that_overflow_are_refused),
        cmocka_unit_test(test_memory_comes_zeroed_and_aligned),
        cmocka_unit_test(test_texts_are_copied),
        cmocka_unit_test(test_every_allocation_can_be_made_to_fail),
        cmocka_unit_test(test_what_is_packed_comes_back),
        cmocka_unit_test(test_bytes_cut_anywhere_fail),
        cmocka_unit_test(test_texts_that_lie_are_refused),
        cmocka_unit_test(test_room_is_asked_for_before_memory),
        cmocka_unit_test(test_times_are_written_in_utc),
        cmocka_unit_test(test_monotonic_time_does_not_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
