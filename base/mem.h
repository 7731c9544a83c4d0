/* SPDX-License-Identifier: MIT */
/* mem.h - small allocations that cannot fail, and cleanup by scope.
 *
 * Small internal allocations go through xcalloc() and friends: when the system has no memory for
 * them, the process says so and aborts, and the supervisor starts it anew; the journal makes that
 * safe. Sizes that outsiders choose are capped by their reader *before* they come here, and what is
 * large (base/buf.h) fails without ending anything. Any thread. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len); /* copies exactly len bytes and adds a NUL */

/* Zeroes, at a multiple of `alignment`, a power of two that divides `size`. */
void *xcalloc_aligned(size_t alignment, size_t size);

/* What all of the above do when there is no memory; for those who cannot go on without some. */
_Noreturn void mem_ran_out(void);

/* free(*p) at the end of the scope: `autofree char *s = ...;` */
void mem_autofree(void *pp);
#define autofree __attribute__((cleanup(mem_autofree)))

/* Hands a pointer over: yields its value and leaves NULL behind. */
#define TAKE(p)                                                                                    \
    ({                                                                                             \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The struct that holds `member` at address `p`. */
#define container_of(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

#endif
