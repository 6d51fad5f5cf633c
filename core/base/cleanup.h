/* Locals that clean up after themselves: `cleanup(mem_freep) char *name = NULL;` */
#pragma once

#define cleanup(function) __attribute__((cleanup(function)))

/* Defines TYPE *-taking function##p for use with cleanup(). */
#define CLEANUP_DEFINE(type, function)                                                                                 \
    static inline void function##p(type **p)                                                                           \
    {                                                                                                                  \
        if (*p)                                                                                                        \
            function(*p);                                                                                              \
    }

/* Frees what any pointer variable points to (mem_free). */
void mem_freep(void *pointer_to_pointer);
/* Closes a descriptor variable when it is not negative. */
void fs_closep(int *fd);
