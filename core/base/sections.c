#include "sections.h"

#include "sha256.h"
#include <string.h>

#define MAGIC  8
#define ENDIAN 0x01020304u

void sections_start(struct sections_out *s, const struct sections_format *f, struct buf *out)
{
    *s = (struct sections_out){.out = out, .start = out->length};
    buf_add(out, f->magic, MAGIC);
    pack_u32(out, f->version);
    pack_u32(out, ENDIAN);
    pack_u32(out, f->count);
    pack_u32(out, 0);
    s->lengths = out->length;
    for (uint32_t i = 0; i < f->count; i++)
        pack_u64(out, 0);
    s->at = out->length;
}

void sections_next(struct sections_out *s)
{
    uint64_t length = s->out->length - s->at;
    if (!s->out->failed)
        memcpy(s->out->data + s->lengths + s->index++ * sizeof length, &length, sizeof length);
    s->at = s->out->length;
}

bool sections_finish(struct sections_out *s)
{
    uint8_t digest[SHA256_BYTES];
    struct sha256 sha;
    if (s->out->failed)
        return false;
    sha256_start(&sha);
    sha256_add(&sha, s->out->data + s->start, s->out->length - s->start);
    sha256_finish(&sha, digest);
    return buf_add(s->out, digest, sizeof digest);
}

static enum err_code damaged(const struct sections_format *f, const char *what, struct err *err)
{
    return err_set(err, ERR_CORRUPT, "the %s is damaged: %s", f->name, what);
}

enum err_code sections_open(const struct sections_format *f, const void *data, size_t length, struct unpack *ret_sections,
                            struct err *err)
{
    struct unpack u = {.at = data, .end = (const unsigned char *)data + length};
    const unsigned char *start = unpack_skip(&u, MAGIC);
    if (!start || memcmp(start, f->magic, MAGIC) != 0)
        return damaged(f, "it does not start as one", err);
    uint32_t version = unpack_u32(&u), endian = unpack_u32(&u), count = unpack_u32(&u), reserved = unpack_u32(&u);
    if (!u.failed && version > f->version && endian == ENDIAN)
        return err_set(err, ERR_CORRUPT, "the %s is of version %u; this program reads up to %u: use a newer one", f->name,
                       version, f->version);
    if (u.failed || version != f->version || endian != ENDIAN || count != f->count || reserved ||
        (size_t)(u.end - u.at) < f->count * sizeof(uint64_t) + SHA256_BYTES)
        return damaged(f, "its head is wrong or cut short", err);
    uint8_t digest[SHA256_BYTES];
    struct sha256 sha;
    sha256_start(&sha);
    sha256_add(&sha, data, length - SHA256_BYTES);
    sha256_finish(&sha, digest);
    u.end -= SHA256_BYTES;
    if (memcmp(digest, u.end, SHA256_BYTES) != 0)
        return damaged(f, "its SHA-256 does not fit its bytes", err);
    uint64_t size[SECTIONS_MAX];
    for (uint32_t i = 0; i < f->count; i++)
        size[i] = unpack_u64(&u);
    for (uint32_t i = 0; i < f->count; i++) {
        ret_sections[i] = (struct unpack){.at = unpack_skip(&u, (size_t)size[i])};
        ret_sections[i].end = u.at;
    }
    return u.failed || u.at != u.end ? damaged(f, "its sections do not fill it", err) : ERR_OK;
}
