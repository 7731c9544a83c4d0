/* SPDX-License-Identifier: MIT */
/* test_mem.c - tests that an allocation succeeds and is clean, or the process ends. The leak
 * checker of the sanitized builds checks that memory is freed. */
#include "base/mem.h"

#include "tests/support/suite.h"
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* More memory than exists. Volatile, because compilers would warn of what is tested here. */
static volatile size_t too_much = SIZE_MAX / 4;

/* In this program the sanitizers' allocators return NULL, too, as the real allocator does. */
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

TEST(mem_new_is_zero)
{
    /* Dirty memory for the allocator to return again. */
    unsigned char *dirty = xcalloc(1000, 1);
    memset(dirty, 0xAA, 1000);
    free(dirty);

    autofree unsigned char *p = xcalloc(10, 100);
    for (size_t i = 0; i < 1000; i++)
        ck_assert_uint_eq(p[i], 0);
}

TEST(mem_of_zero_bytes_is_not_null)
{
    autofree char *of_none = xcalloc(0, 8);
    autofree char *of_size_zero = xcalloc(8, 0);
    autofree char *resized = xrealloc(NULL, 0);

    ck_assert_ptr_nonnull(of_none);
    ck_assert_ptr_nonnull(of_size_zero);
    ck_assert_ptr_nonnull(resized);
}

TEST(mem_growing_keeps_the_content)
{
    autofree char *p = xrealloc(NULL, 4);

    memcpy(p, "abc", 4);
    p = xrealloc(p, 100000);
    ck_assert_str_eq(p, "abc");
}

TEST(mem_aligned_is_zero_and_aligned)
{
    autofree unsigned char *p = xcalloc_aligned(256, 1024);

    ck_assert_uint_eq((uintptr_t)p % 256, 0);
    for (size_t i = 0; i < 1024; i++)
        ck_assert_uint_eq(p[i], 0);
}

SIGNAL_TEST(mem_aligned_without_memory_aborts, SIGABRT)
{
    free(xcalloc_aligned(64, too_much & ~(size_t)63));
}

SIGNAL_TEST(mem_calloc_without_memory_aborts, SIGABRT)
{
    free(xcalloc(too_much, 1));
}

SIGNAL_TEST(mem_overflowing_product_aborts, SIGABRT)
{
    free(xcalloc(too_much, 8));
}

SIGNAL_TEST(mem_realloc_without_memory_aborts, SIGABRT)
{
    free(xrealloc(NULL, too_much));
}

TEST(mem_copy_is_a_separate_string)
{
    char text[] = "abc";
    autofree char *copy = xstrdup(text);

    text[0] = 'x';
    ck_assert_str_eq(copy, "abc");
}

TEST(mem_copy_by_length_reads_no_further)
{
    autofree char *source = xcalloc(3, 1); /* no NUL follows */
    for (int i = 0; i < 3; i++)
        source[i] = (char)('a' + i);
    autofree char *copy = xstrndup(source, 3);
    autofree char *empty = xstrndup(NULL, 0);

    ck_assert_str_eq(copy, "abc");
    ck_assert_str_eq(empty, "");
}

TEST(mem_copy_by_length_keeps_bytes_after_a_nul)
{
    autofree char *copy = xstrndup("a\0b", 3);

    ck_assert_mem_eq(copy, "a\0b", 4);
}

static char *make_by_scope(bool handed_over)
{
    autofree char *p = xstrdup("mine");

    return handed_over ? TAKE(p) : NULL;
}

TEST(mem_taken_outlives_its_scope)
{
    autofree char *p = make_by_scope(true);

    ck_assert_str_eq(p, "mine");
    ck_assert_ptr_null(make_by_scope(false));
}

TEST(mem_taking_leaves_null)
{
    char a, b;
    char *pointers[] = {&a, &b};
    char *taken = TAKE(pointers[0]);

    ck_assert_ptr_eq(taken, &a);
    ck_assert_ptr_null(pointers[0]);
    ck_assert_ptr_eq(pointers[1], &b);
}

TEST(mem_container_is_found_by_its_member)
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
