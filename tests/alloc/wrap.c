/* SPDX-License-Identifier: MIT */
/* wrap.c - lets one allocation of emailsd fail: the one whose number is in FAIL_ALLOCATION.
 *
 * Linked into the flavour "alloc" with -Wl,--wrap, which redirects the calls in our own objects,
 * but not those in libraries, which have tests of their own. run.py checks that our objects
 * allocate through these functions only. When the allocation is reached, a line on stderr
 * reports it, written without allocating. The number counts the allocations of all threads
 * together, so that a scenario reaches nearly the same places each time. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

static atomic_long count;
static long failing; /* 0 = none fails */

__attribute__((constructor)) static void read_number(void)
{
    const char *text = getenv("FAIL_ALLOCATION");

    failing = text ? strtol(text, NULL, 10) : 0;
}

static int is_its_turn(void)
{
    static const char words[] = "allocation-failed\n";

    if (!failing || atomic_fetch_add(&count, 1) + 1 != failing)
        return 0;
    if (write(STDERR_FILENO, words, sizeof words - 1) < 0)
        _exit(99); /* the run would be taken for one without a failure */
    errno = ENOMEM;
    return 1;
}

void *__wrap_malloc(size_t size)
{
    return is_its_turn() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return is_its_turn() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return is_its_turn() ? NULL : __real_realloc(p, size);
}

char *__wrap_strdup(const char *s)
{
    return is_its_turn() ? NULL : __real_strdup(s);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return is_its_turn() ? NULL : __real_aligned_alloc(alignment, size);
}
