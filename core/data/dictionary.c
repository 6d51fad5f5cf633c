#include "dictionary.h"

#include "../base/mem.h"
#include <endian.h>
#include <string.h>

void dictionary_init(struct dictionary *d)
{
    *d = (struct dictionary){0};
    buf_init(&d->text, DICTIONARY_MAX_BYTES + DICTIONARY_BEYOND);
}

void dictionary_done(struct dictionary *d)
{
    buf_done(&d->text);
    mem_free(d->entry);
    mem_free(d->slot);
    dictionary_init(d);
}

/* The first 16 bytes, zeros behind the text: most texts are no longer, and their lengths cannot be foretold. */
struct start {
    uint64_t low, high;
};

static uint64_t load(const char *at, size_t bytes)
{
    uint64_t w;
    memcpy(&w, at, sizeof w);
    return le64toh(w) & (bytes < 8 ? ~(~0ull << 8 * bytes) : ~0ull);
}

static struct start start_of(const char *text, size_t length)
{
    return (struct start){load(text, length), load(text + 8, length < 8 ? 0 : length - 8)};
}

/* Fibonacci hashing of the start (Knuth, TAOCP 3, 6.4), FNV-1a of the rest. */
static uint32_t hash_of(struct start s, const char *text, size_t length)
{
    uint64_t h = s.low * 0x9E3779B97F4A7C15u;
    h = ((h ^ h >> 32) + s.high) * 0x9E3779B97F4A7C15u;
    uint32_t hash = (uint32_t)(h >> 32);
    for (size_t i = sizeof s; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    return hash ^ hash >> 15;
}

static bool is_text(const struct dictionary *d, const struct dictionary_entry *e, struct start s, const char *text)
{
    const char *own = d->text.data + e->offset;
    struct start t = start_of(own, e->length);
    return t.low == s.low && t.high == s.high &&
           (e->length <= sizeof s || !memcmp(own + sizeof s, text + sizeof s, e->length - sizeof s));
}

static enum err_code grow(struct dictionary *d, struct err *err)
{
    uint32_t slots = d->slots ? d->slots * 2 : 16, capacity = slots / 2;
    uint32_t *slot = mem_array(slots, sizeof *slot);
    struct dictionary_entry *entry = slot ? mem_resize(d->entry, capacity, sizeof *entry) : NULL;
    if (!entry) {
        mem_free(slot);
        return err_no_memory(err);
    }
    for (uint32_t i = 0; i < d->count; i++) {
        uint32_t at = entry[i].hash & (slots - 1);
        while (slot[at])
            at = (at + 1) & (slots - 1);
        slot[at] = i + 1;
    }
    mem_free(d->slot);
    d->slot = slot;
    d->slots = slots;
    d->entry = entry;
    d->capacity = capacity;
    return ERR_OK;
}

enum err_code dictionary_add(struct dictionary *d, const char *text, size_t length, int32_t *ret_code, struct err *err)
{
    if (d->count == d->capacity) {
        enum err_code code = grow(d, err);
        if (code)
            return code;
    }
    struct start start = start_of(text, length);
    uint32_t hash = hash_of(start, text, length), at = hash & (d->slots - 1);
    for (; d->slot[at]; at = (at + 1) & (d->slots - 1)) {
        struct dictionary_entry *e = &d->entry[d->slot[at] - 1];
        if (e->hash == hash && e->length == length && is_text(d, e, start, text)) {
            e->count++;
            *ret_code = (int32_t)(d->slot[at] - 1);
            return ERR_OK;
        }
    }
    size_t offset = d->text.length;
    if (d->text.length + length + 1 > DICTIONARY_MAX_BYTES)
        return err_set(err, ERR_INVALID, "the column's distinct texts are over %zu MiB: leave the column out",
                       DICTIONARY_MAX_BYTES >> 20);
    if (!buf_reserve(&d->text, length + 1 + DICTIONARY_BEYOND) || !buf_add(&d->text, text, length) || !buf_putc(&d->text, '\0'))
        return err_no_memory(err);
    d->entry[d->count] = (struct dictionary_entry){.offset = offset, .length = (uint32_t)length, .hash = hash, .count = 1};
    d->slot[at] = ++d->count;
    *ret_code = (int32_t)(d->count - 1);
    return ERR_OK;
}
