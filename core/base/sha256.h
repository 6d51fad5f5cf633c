/* SHA-256 (libnettle behind it), incremental. */
#pragma once

#include <nettle/sha2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32
#define SHA256_TEXT 65 /* 64 lower-case hexadecimal digits and a NUL */

struct sha256 {
    struct sha256_ctx context;
};

void sha256_start(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t length);
void sha256_finish(struct sha256 *s, uint8_t digest[SHA256_BYTES]);
void sha256_text(const uint8_t digest[SHA256_BYTES], char text[SHA256_TEXT]);
/* Takes as long whatever the digests hold, so that its time tells nothing of a secret's. */
bool sha256_same(const uint8_t a[SHA256_BYTES], const uint8_t b[SHA256_BYTES]);
/* The digest of one block of bytes, as text. */
void sha256_of(const void *data, size_t length, char text[SHA256_TEXT]);
