#include "build_id.h"

#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define BYTES_MAX 32
#define ALIGNED(n) (((size_t)(n) + 3) & ~(size_t)3)

static char text[2 * BYTES_MAX + 1] = "unknown";

/* The notes of one segment: each a head, a name and a description, aligned to 4 bytes. */
static bool find_note(const char *at, size_t size)
{
    ElfW(Nhdr) note;
    for (const char *end = at + size; at < end && (size_t)(end - at) >= sizeof note;) {
        memcpy(&note, at, sizeof note);
        const char *name = at + sizeof note, *id = name + ALIGNED(note.n_namesz);
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof "GNU" && !memcmp(name, "GNU", sizeof "GNU")) {
            for (size_t i = 0; i < note.n_descsz && i < BYTES_MAX; i++)
                snprintf(text + 2 * i, 3, "%02x", (unsigned char)id[i]);
            return true;
        }
        at = id + ALIGNED(note.n_descsz);
    }
    return false;
}

/* Called first for the program itself, and then no more. */
static int look(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size, (void)context;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_NOTE && find_note((const char *)(info->dlpi_addr + segment->p_vaddr), segment->p_memsz))
            break;
    }
    return 1;
}

static void find(void)
{
    (void)dl_iterate_phdr(look, NULL);
}

const char *build_id(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find);
    return text;
}
