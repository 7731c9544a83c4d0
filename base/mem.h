/* SPDX-License-Identifier: MIT */
/* mem.h - small allocations that cannot fail, and cleanup at the end of a scope.
 *
 * Small internal allocations go through xcalloc() and the like. If memory is exhausted, the process
 * logs that and aborts, and the supervisor restarts it; the journal makes that safe. Sizes that
 * depend on input from outside are limited *before* they get here. Large buffers (base/buf.h)
 * report failure instead. The caller owns the result and frees it with free(). Any thread. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/* Return heap memory, never NULL. xcalloc() zeroes it. */
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len); /* copies exactly len bytes and adds a NUL */

/* Returns zeroed memory aligned to `alignment`, a power of two that divides `size`. */
void *xcalloc_aligned(size_t alignment, size_t size);

/* Logs that memory is exhausted and aborts; also for callers outside this file. */
_Noreturn void mem_ran_out(void);

/* Frees the pointer at the end of its scope: `autofree char *s = ...;` */
void mem_autofree(void *pp);
#define autofree __attribute__((cleanup(mem_autofree)))

/* Moves a pointer: yields its value and sets it to NULL. */
#define TAKE(p)                                                                                    \
    ({                                                                                             \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Returns the struct that contains `member` at address `p`. */
#define container_of(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

#endif
