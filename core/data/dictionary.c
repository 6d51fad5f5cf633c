#include "dictionary.h"

#include "../base/mem.h"
#include <string.h>

void dictionary_init(struct dictionary *d)
{
    *d = (struct dictionary){0};
    buf_init(&d->text, DICTIONARY_MAX_BYTES);
}

void dictionary_done(struct dictionary *d)
{
    buf_done(&d->text);
    mem_free(d->entry);
    mem_free(d->slot);
    dictionary_init(d);
}

/* FNV-1a. */
static uint32_t hash_of(const char *text, size_t length)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < length; i++)
        h = (h ^ (unsigned char)text[i]) * 16777619u;
    return h ^ (h >> 15);
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
    uint32_t hash = hash_of(text, length), at = hash & (d->slots - 1);
    for (; d->slot[at]; at = (at + 1) & (d->slots - 1)) {
        struct dictionary_entry *e = &d->entry[d->slot[at] - 1];
        if (e->hash == hash && e->length == length && !memcmp(d->text.data + e->offset, text, length)) {
            e->count++;
            *ret_code = (int32_t)(d->slot[at] - 1);
            return ERR_OK;
        }
    }
    size_t offset = d->text.length;
    if (d->text.length + length + 1 > d->text.maximum)
        return err_set(err, ERR_INVALID, "the column's distinct texts are over %zu MiB: leave the column out",
                       DICTIONARY_MAX_BYTES >> 20);
    if (!buf_add(&d->text, text, length) || !buf_putc(&d->text, '\0'))
        return err_no_memory(err);
    d->entry[d->count] = (struct dictionary_entry){.offset = offset, .length = (uint32_t)length, .hash = hash, .count = 1};
    d->slot[at] = ++d->count;
    *ret_code = (int32_t)(d->count - 1);
    return ERR_OK;
}
