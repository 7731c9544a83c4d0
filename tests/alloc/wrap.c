/* SPDX-License-Identifier: MIT */
/* wrap.c - lets one allocation of ours fail: the one whose number FAIL_ALLOCATION says.
 *
 * Linked into the flavour "alloc" with -Wl,--wrap, which redirects the calls in our own objects and
 * in no library's: those have tests of their own. run.py sees to it that our objects allocate in no
 * other way. When the allocation is reached, a line on stderr
 * says so, written without allocating; the number is of all threads together, so that a scenario
 * reaches nearly the same places each time. */
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
static long failing; /* 0 = none */

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
        _exit(99); /* the run would be taken for one in which nothing failed */
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
