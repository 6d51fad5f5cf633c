#include "sha256.h"

#include <nettle/memops.h>

void sha256_start(struct sha256 *s)
{
    sha256_init(&s->context);
}

void sha256_add(struct sha256 *s, const void *data, size_t length)
{
    sha256_update(&s->context, length, data);
}

void sha256_finish(struct sha256 *s, uint8_t digest[SHA256_BYTES])
{
    sha256_digest(&s->context, SHA256_BYTES, digest);
}

void sha256_text(const uint8_t digest[SHA256_BYTES], char text[SHA256_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < SHA256_BYTES; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    text[2 * SHA256_BYTES] = '\0';
}

bool sha256_same(const uint8_t a[SHA256_BYTES], const uint8_t b[SHA256_BYTES])
{
    return memeql_sec(a, b, SHA256_BYTES) != 0;
}

void sha256_of(const void *data, size_t length, char text[SHA256_TEXT])
{
    struct sha256 s;
    uint8_t digest[SHA256_BYTES];
    sha256_start(&s);
    sha256_add(&s, data, length);
    sha256_finish(&s, digest);
    sha256_text(digest, text);
}
