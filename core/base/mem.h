/* The one seam for allocation, so that a test can make the Nth one fail. Sizes are checked for overflow; memory
 * comes back aligned for any type; NULL means failure. mem_free(NULL) does nothing. Any thread may call any of these. */
#pragma once

#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t size) __attribute__((malloc, warn_unused_result));
void *mem_zalloc(size_t size) __attribute__((malloc, warn_unused_result));
void *mem_array(size_t count, size_t size) __attribute__((malloc, warn_unused_result)); /* zeroed; NULL on overflow */
void *mem_resize(void *old, size_t count, size_t size) __attribute__((warn_unused_result)); /* old stays valid on NULL */
void *mem_aligned(size_t size) __attribute__((malloc, warn_unused_result)); /* 64-byte aligned, zeroed; mem_free frees */
char *mem_strdup(const char *s) __attribute__((malloc, warn_unused_result));
char *mem_strndup(const char *s, size_t length) __attribute__((malloc, warn_unused_result));
void mem_free(void *p);

/* Tests only: the nth allocation from now (counted from 1) fails, and when `persistent` all after it; 0 switches it off. */
void mem_fail_at(uint64_t nth, int persistent);
/* Tests only: allocations made since this or mem_fail_at was first called. */
uint64_t mem_count(void);
