/* core/base/rng and sha256: known answers, and what a generator must not do. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/rng.h"
#include "core/base/sha256.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* ---- the block function ----------------------------------------------------------------------------------------------- */

struct known {
    uint32_t counter[4], key[2], out[4];
};

/* Random123 1.09, kat_vectors, "philox4x32 10". */
static const struct known known[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

/* A generator whose next block is that of this counter: its low half is the block, its high half the index. */
static struct rng at(const uint32_t counter[4], const uint32_t key[2])
{
    return (struct rng){.key = {key[0], key[1]},
                        .block = counter[0] | (uint64_t)counter[1] << 32,
                        .index = counter[2] | (uint64_t)counter[3] << 32};
}

static void test_the_published_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct rng r = at(known[i].counter, known[i].key);
        for (int k = 0; k < 4; k++)
            assert_int_equal(rng_u32(&r), known[i].out[k]);
    }
}

static void test_blocks_follow_one_another_over_64_bits(void **state)
{
    (void)state;
    static const uint64_t starts[] = {0, 0xfffffffe, 0xffffffff, 0x1ffffffff};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        struct rng r = {.key = {1, 2}, .index = 3, .block = starts[i]};
        for (uint64_t block = starts[i]; block < starts[i] + 3; block++) {
            struct rng alone = {.key = {1, 2}, .index = 3, .block = block};
            for (int k = 0; k < 4; k++)
                assert_int_equal(rng_u32(&r), rng_u32(&alone));
        }
    }
}

static void test_64_bits_are_two_words(void **state)
{
    (void)state;
    struct rng a, b;
    rng_init(&a, 5, RNG_ORDER, 6);
    rng_init(&b, 5, RNG_ORDER, 6);
    for (int i = 0; i < 100; i++) {
        uint64_t low = rng_u32(&a), high = rng_u32(&a);
        assert_true(rng_u64(&b) == (low | high << 32));
    }
}

/* ---- streams ---------------------------------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

#define SEEDS   40
#define INDICES 40
#define DRAWS   8

static void test_no_two_streams_share_a_draw(void **state)
{
    (void)state;
    static uint64_t draw[SEEDS * RNG_SEARCH * INDICES * DRAWS];
    size_t count = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        for (int stream = RNG_SPLIT; stream <= RNG_SEARCH; stream++)
            for (uint64_t index = 0; index < INDICES; index++) {
                struct rng r;
                rng_init(&r, seed < SEEDS / 2 ? seed : seed << 32, (enum rng_stream)stream, index);
                for (int k = 0; k < DRAWS; k++)
                    draw[count++] = rng_u64(&r);
            }
    assert_int_equal(count, sizeof draw / sizeof *draw);
    qsort(draw, count, sizeof *draw, by_number);
    for (size_t i = 1; i < count; i++) /* by chance: 64 000^2 / 2 / 2^64 = 1e-10 */
        assert_true(draw[i] != draw[i - 1]);
}

static void test_a_stream_is_what_its_numbers_say(void **state)
{
    (void)state;
    struct rng a, b;
    memset(&a, 0xA5, sizeof a); /* whatever was there before */
    rng_init(&a, 7, RNG_INITIALIZATION, 1ull << 40);
    rng_init(&b, 7, RNG_INITIALIZATION, 1ull << 40);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(rng_u32(&a), rng_u32(&b));
    /* the first draws of the default seed's streams, so that no run changes from one version to the next */
    static const uint32_t first[] = {0x6d9154ef, 0x879ee8ba, 0x73900b31, 0x1e82d5e9, 0x7489e9cc};
    for (int stream = RNG_SPLIT; stream <= RNG_SEARCH; stream++) {
        rng_init(&a, 1, (enum rng_stream)stream, 0);
        assert_int_equal(rng_u32(&a), first[stream - 1]);
    }
}

static void test_every_bit_is_set_half_the_time(void **state)
{
    (void)state;
    enum { N = 100000 };
    uint32_t ones[32] = {0}, same[32] = {0};
    struct rng r;
    rng_init(&r, 11, RNG_SPLIT, 0);
    uint32_t before = rng_u32(&r);
    for (int i = 0; i < N; i++) {
        uint32_t word = rng_u32(&r);
        for (int bit = 0; bit < 32; bit++) {
            ones[bit] += word >> bit & 1;
            same[bit] += ~(word ^ before) >> bit & 1;
        }
        before = word;
    }
    for (int bit = 0; bit < 32; bit++) { /* within 5 standard deviations */
        assert_true(fabs((double)ones[bit] - N / 2.0) < 5 * sqrt(N) / 2);
        assert_true(fabs((double)same[bit] - N / 2.0) < 5 * sqrt(N) / 2);
    }
}

/* ---- distributions ---------------------------------------------------------------------------------------------------- */

static void test_uniform_has_53_bits_below_one(void **state)
{
    (void)state;
    enum { N = 200000 };
    struct rng r;
    double sum = 0;
    int odd = 0, bin[16] = {0};
    rng_init(&r, 3, RNG_DROPOUT, 2);
    for (int i = 0; i < N; i++) {
        double u = rng_uniform(&r);
        assert_true(u >= 0 && u < 1);
        double whole = u * 0x1p53;
        assert_true(whole == floor(whole));
        odd += fmod(whole, 2) != 0;
        sum += u;
        bin[(int)(u * 16)]++;
    }
    assert_true(fabs(sum / N - 0.5) < 5 * sqrt(1.0 / 12 / N));
    assert_true(abs(odd - N / 2) < 5 * sqrt(N) / 2);
    for (int i = 0; i < 16; i++)
        assert_true(fabs(bin[i] - N / 16.0) < 5 * sqrt(N / 16.0));
    struct rng least = {.left = 4}, most = {.words = {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, .left = 4};
    assert_true(rng_uniform(&least) == 0);
    assert_true(rng_uniform(&most) == 1 - 0x1p-53);
}

/* Lemire's method by its definition: word x bound / 2^32, words whose low half is under 2^32 mod bound thrown away. */
static uint64_t below_by_definition(struct rng *r, uint64_t bound)
{
    for (;;) {
        __uint128_t product;
        uint64_t low, rejected;
        if (bound <= UINT32_MAX) {
            product = (__uint128_t)rng_u32(r) * bound << 32;
            low = (uint64_t)product >> 32;
            rejected = (1ull << 32) % bound;
        } else {
            product = (__uint128_t)rng_u64(r) * bound;
            low = (uint64_t)product;
            rejected = (uint64_t)(((__uint128_t)1 << 64) % bound);
        }
        if (low >= rejected)
            return (uint64_t)(product >> 64);
    }
}

static void test_below_stays_below_without_bias(void **state)
{
    (void)state;
    static const uint64_t bounds[] = {1, 2, 3, 7, 1000, 0x80000000, 0x80000001, 0xC0000000, 0xffffffff, 0x100000000,
                                      0x100000001, 3ull << 62, (1ull << 63) + 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        struct rng a, b;
        rng_init(&a, i, RNG_SEARCH, 0);
        rng_init(&b, i, RNG_SEARCH, 0);
        for (int k = 0; k < 2000; k++) {
            uint64_t v = rng_below(&a, bounds[i]);
            assert_true(v < bounds[i]);
            assert_true(v == below_by_definition(&b, bounds[i]));
        }
    }
}

/* With a bound of 3/4 of all words, taking the remainder or the product alone hits some values twice as often. */
static void test_below_hits_all_values_alike(void **state)
{
    (void)state;
    enum { N = 60000 };
    static const uint64_t bounds[] = {3ull << 30, 3ull << 62};
    for (int i = 0; i < 2; i++) {
        int third[3] = {0}, residue[3] = {0};
        struct rng r;
        rng_init(&r, 1, RNG_SPLIT, 0);
        for (int k = 0; k < N; k++) {
            uint64_t v = rng_below(&r, bounds[i]);
            third[v / (bounds[i] / 3)]++;
            residue[v % 3]++;
        }
        for (int k = 0; k < 3; k++) {
            assert_true(fabs(third[k] - N / 3.0) < 5 * sqrt(N / 3.0));
            assert_true(fabs(residue[k] - N / 3.0) < 5 * sqrt(N / 3.0));
        }
    }
}

static void test_a_shuffle_is_a_permutation(void **state)
{
    (void)state;
    static uint32_t item[5000];
    static bool seen[5000];
    for (size_t n = 0; n <= 5000; n = n < 10 ? n + 1 : n * 5) {
        struct rng r;
        for (uint32_t i = 0; i < n; i++)
            item[i] = i;
        memset(seen, 0, sizeof seen);
        rng_init(&r, 9, RNG_ORDER, n);
        rng_shuffle(&r, item, n);
        size_t moved = 0;
        for (uint32_t i = 0; i < n; i++) {
            assert_true(item[i] < n);
            assert_false(seen[item[i]]);
            seen[item[i]] = true;
            moved += item[i] != i;
        }
        assert_true(n < 10 || moved > n - 10); /* one is left in its place on average */
        assert_true(n > 1 || r.block == 0);    /* nothing to draw */
    }
}

static void test_all_orders_are_alike(void **state)
{
    (void)state;
    enum { N = 48000 };
    int count[24] = {0};
    for (uint64_t k = 0; k < N; k++) {
        uint32_t item[] = {0, 1, 2, 3};
        struct rng r;
        rng_init(&r, 1, RNG_ORDER, k); /* as the epochs of a run */
        rng_shuffle(&r, item, 4);
        int rank = 0;
        for (int i = 0; i < 3; i++) {
            int smaller = 0;
            for (int j = i + 1; j < 4; j++)
                smaller += item[j] < item[i];
            rank = rank * (4 - i) + smaller;
        }
        count[rank]++;
    }
    for (int i = 0; i < 24; i++)
        assert_true(fabs(count[i] - N / 24.0) < 5 * sqrt(N / 24.0));
}

/* ---- sha256 ----------------------------------------------------------------------------------------------------------- */

static void assert_digest(const char *data, size_t length, const char *expected)
{
    char text[SHA256_TEXT];
    sha256_of(data, length, text);
    assert_string_equal(text, expected);
}

/* FIPS 180-4's examples. */
static void test_known_digests(void **state)
{
    (void)state;
    static char a[1000000];
    memset(a, 'a', sizeof a);
    assert_digest("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_digest("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    assert_digest(a, sizeof a, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void test_a_digest_does_not_depend_on_the_pieces(void **state)
{
    (void)state;
    char data[300], whole[SHA256_TEXT], pieces[SHA256_TEXT];
    uint8_t digest[SHA256_BYTES];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 7);
    sha256_of(data, sizeof data, whole);
    for (size_t piece = 1; piece <= sizeof data; piece++) {
        struct sha256 s;
        sha256_start(&s);
        for (size_t start = 0; start < sizeof data; start += piece)
            sha256_add(&s, data + start, sizeof data - start < piece ? sizeof data - start : piece);
        sha256_finish(&s, digest);
        sha256_text(digest, pieces);
        assert_string_equal(pieces, whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_published_vectors),
        cmocka_unit_test(test_blocks_follow_one_another_over_64_bits),
        cmocka_unit_test(test_64_bits_are_two_words),
        cmocka_unit_test(test_no_two_streams_share_a_draw),
        cmocka_unit_test(test_a_stream_is_what_its_numbers_say),
        cmocka_unit_test(test_every_bit_is_set_half_the_time),
        cmocka_unit_test(test_uniform_has_53_bits_below_one),
        cmocka_unit_test(test_below_stays_below_without_bias),
        cmocka_unit_test(test_below_hits_all_values_alike),
        cmocka_unit_test(test_a_shuffle_is_a_permutation),
        cmocka_unit_test(test_all_orders_are_alike),
        cmocka_unit_test(test_known_digests),
        cmocka_unit_test(test_a_digest_does_not_depend_on_the_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
