/* SPDX-License-Identifier: MIT */
/* mem.c - see mem.h. */
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mem_ran_out(void)
{
    fputs("emailsd: out of memory\n", stderr);
    abort();
}

static void *or_abort(void *p)
{
    if (!p)
        mem_ran_out();
    return p;
}

void *xcalloc(size_t n, size_t size)
{
    return or_abort(calloc(n ? n : 1, size ? size : 1));
}

void *xrealloc(void *p, size_t size)
{
    return or_abort(realloc(p, size ? size : 1));
}

char *xstrdup(const char *s)
{
    return or_abort(strdup(s));
}

char *xstrndup(const char *s, size_t len)
{
    char *copy = xcalloc(len + 1, 1);

    if (len)
        memcpy(copy, s, len);
    return copy;
}

void *xcalloc_aligned(size_t alignment, size_t size)
{
    return memset(or_abort(aligned_alloc(alignment, size)), 0, size);
}

void mem_autofree(void *pp)
{
    free(*(void **)pp);
}
