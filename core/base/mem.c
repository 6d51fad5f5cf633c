#include "mem.h"

#include "cleanup.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64

static _Atomic uint64_t made, fail_nth;
static atomic_bool fail_always, counting;

/* Counts one allocation; whether a test wants it to fail. Nothing counts until a test asks: a counter that all threads
 * write to would travel between their caches with every allocation. */
static bool fails(void)
{
    if (!atomic_load_explicit(&counting, memory_order_relaxed))
        return false;
    uint64_t number = atomic_fetch_add_explicit(&made, 1, memory_order_relaxed) + 1;
    uint64_t nth = atomic_load_explicit(&fail_nth, memory_order_relaxed);
    return nth && (number == nth || (number > nth && atomic_load(&fail_always)));
}

void mem_fail_at(uint64_t nth, int persistent)
{
    atomic_store(&counting, true);
    atomic_store(&fail_always, persistent != 0);
    atomic_store(&fail_nth, nth ? atomic_load(&made) + nth : 0);
}

uint64_t mem_count(void)
{
    atomic_store(&counting, true);
    return atomic_load(&made);
}

void *mem_alloc(size_t size)
{
    return fails() ? NULL : malloc(size ? size : 1);
}

void *mem_zalloc(size_t size)
{
    return fails() ? NULL : calloc(1, size ? size : 1);
}

void *mem_array(size_t count, size_t size)
{
    size_t bytes;
    if (fails() || __builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return calloc(1, bytes ? bytes : 1);
}

void *mem_resize(void *old, size_t count, size_t size)
{
    size_t bytes;
    if (fails() || __builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return realloc(old, bytes ? bytes : 1);
}

void *mem_aligned(size_t size)
{
    size_t rounded;
    if (fails() || __builtin_add_overflow(size ? size : 1, ALIGNMENT - 1, &rounded))
        return NULL;
    rounded &= ~(size_t)(ALIGNMENT - 1);
    void *p = aligned_alloc(ALIGNMENT, rounded);
    return p ? memset(p, 0, rounded) : NULL;
}

char *mem_strndup(const char *s, size_t length)
{
    char *copy = mem_alloc(length + 1);
    if (!copy)
        return NULL;
    memcpy(copy, s, length);
    copy[length] = '\0';
    return copy;
}

char *mem_strdup(const char *s)
{
    return mem_strndup(s, strlen(s));
}

void mem_free(void *p)
{
    free(p);
}

void mem_freep(void *pointer_to_pointer)
{
    mem_free(*(void **)pointer_to_pointer);
}
