/* SPDX-License-Identifier: MIT */
/* test_mem.c - an allocation is there and clean, or the process ends; nothing in between. That
 * memory is freed is seen by the leak checker of the sanitized builds. */
#include "base/mem.h"

#include "tests/support/suite.h"
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* More than there is. Volatile, or the compilers would warn of the very thing that is tried here.
 */
static volatile size_t too_much = SIZE_MAX / 4;

/* In this program the sanitizers' allocators say NULL too, as the real one does. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

TEST(new_memory_is_zero)
{
    /* Dirt for the allocator to hand out again. */
    unsigned char *dirty = xcalloc(1000, 1);
    memset(dirty, 0xAA, 1000);
    free(dirty);

    autofree unsigned char *p = xcalloc(10, 100);
    for (size_t i = 0; i < 1000; i++)
        ck_assert_uint_eq(p[i], 0);
}

TEST(nothing_is_something_too)
{
    autofree char *of_none = xcalloc(0, 8);
    autofree char *of_size_zero = xcalloc(8, 0);
    autofree char *resized = xrealloc(NULL, 0);

    ck_assert_ptr_nonnull(of_none);
    ck_assert_ptr_nonnull(of_size_zero);
    ck_assert_ptr_nonnull(resized);
}

TEST(growing_keeps_the_content)
{
    autofree char *p = xrealloc(NULL, 4);

    memcpy(p, "abc", 4);
    p = xrealloc(p, 100000);
    ck_assert_str_eq(p, "abc");
}

TEST(aligned_memory_is_zero_and_aligned)
{
    autofree unsigned char *p = xcalloc_aligned(256, 1024);

    ck_assert_uint_eq((uintptr_t)p % 256, 0);
    for (size_t i = 0; i < 1024; i++)
        ck_assert_uint_eq(p[i], 0);
}

SIGNAL_TEST(without_memory_aligned_ends_the_process, SIGABRT)
{
    free(xcalloc_aligned(64, too_much & ~(size_t)63));
}

SIGNAL_TEST(without_memory_calloc_ends_the_process, SIGABRT)
{
    free(xcalloc(too_much, 1));
}

SIGNAL_TEST(a_product_that_overflows_ends_the_process, SIGABRT)
{
    free(xcalloc(too_much, 8));
}

SIGNAL_TEST(without_memory_realloc_ends_the_process, SIGABRT)
{
    free(xrealloc(NULL, too_much));
}

TEST(a_copy_is_another_string)
{
    char text[] = "abc";
    autofree char *copy = xstrdup(text);

    text[0] = 'x';
    ck_assert_str_eq(copy, "abc");
}

TEST(a_copy_by_length_reads_no_further)
{
    autofree char *source = xcalloc(3, 1); /* no NUL behind it */
    for (int i = 0; i < 3; i++)
        source[i] = (char)('a' + i);
    autofree char *copy = xstrndup(source, 3);
    autofree char *empty = xstrndup(NULL, 0);

    ck_assert_str_eq(copy, "abc");
    ck_assert_str_eq(empty, "");
}

TEST(a_copy_by_length_keeps_what_follows_a_nul)
{
    autofree char *copy = xstrndup("a\0b", 3);

    ck_assert_mem_eq(copy, "a\0b", 4);
}

static char *make_by_scope(bool handed_over)
{
    autofree char *p = xstrdup("mine");

    return handed_over ? TAKE(p) : NULL;
}

TEST(what_is_taken_outlives_its_scope)
{
    autofree char *p = make_by_scope(true);

    ck_assert_str_eq(p, "mine");
    ck_assert_ptr_null(make_by_scope(false));
}

TEST(taking_leaves_null_behind)
{
    char a, b;
    char *pointers[] = {&a, &b};
    char *taken = TAKE(pointers[0]);

    ck_assert_ptr_eq(taken, &a);
    ck_assert_ptr_null(pointers[0]);
    ck_assert_ptr_eq(pointers[1], &b);
}

TEST(the_holder_is_found_by_its_member)
{
    struct holder {
        int before;
        struct inner {
            char c;
        } inner;
    } holder = {1, {'x'}};
    struct inner *inner = &holder.inner;

    ck_assert_ptr_eq(container_of(inner, struct holder, inner), &holder);
    ck_assert_uint_eq(ARRAY_LEN(((int[]){1, 2, 3})), 3);
}
