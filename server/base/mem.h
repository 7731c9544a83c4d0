/* SPDX-License-Identifier: MIT */
/* mem.h - small allocations that cannot fail, and cleanup by scope.
 *
 * Small internal allocations go through xcalloc() and friends: when the system has no memory for
 * them, the process says so and aborts, and the supervisor starts it anew. Sizes that outsiders
 * choose are capped by their reader *before* they come here. Any thread. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len); /* copies exactly len bytes and adds a NUL */

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
