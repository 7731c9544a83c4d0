/* SPDX-License-Identifier: MIT */
/* test_arena.c - tests that the parts of an arena do not overlap, stay where they are, and end
 * together. The leak checker of the sanitized builds checks that they are freed. */
#include "base/arena.h"

#include "tests/support/suite.h"
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#define PARTS 200

TEST(arena_parts_are_zero_aligned_and_do_not_overlap)
{
    struct arena arena = {0};
    unsigned char *parts[PARTS];

    for (size_t i = 0; i < PARTS; i++) {
        parts[i] = arena_alloc(&arena, i + 1);
        ck_assert_uint_eq((uintptr_t)parts[i] % alignof(max_align_t), 0);
        for (size_t j = 0; j <= i; j++)
            ck_assert_uint_eq(parts[i][j], 0);
        memset(parts[i], (int)i + 1, i + 1);
    }
    for (size_t i = 0; i < PARTS; i++)
        for (size_t j = 0; j <= i; j++)
            ck_assert_uint_eq(parts[i][j], i + 1);
    arena_free(&arena);
}

TEST(arena_part_may_be_larger_than_a_block)
{
    struct arena arena = {0};
    char *small = arena_strdup(&arena, "small");
    unsigned char *large = arena_alloc(&arena, 100000);

    memset(large, 7, 100000);
    ck_assert_str_eq(arena_strdup(&arena, "after"), "after");
    ck_assert_str_eq(small, "small");
    ck_assert_uint_eq(large[99999], 7);
    arena_free(&arena);
}

TEST(arena_copies_bytes)
{
    struct arena arena = {0};
    char bytes[] = {'a', '\0', 'b'};

    const char *copy = arena_copy(&arena, bytes, sizeof bytes);
    bytes[0] = 'x';
    ck_assert_mem_eq(copy, "a\0b", 3);
    ck_assert_ptr_null(arena_copy(&arena, NULL, 0));
    arena_free(&arena);
}

TEST(arena_array_grows_and_keeps_its_elements)
{
    struct arena arena = {0};
    int64_t *numbers = NULL;

    for (size_t n = 0; n < 1000; n++) {
        numbers = arena_grow(&arena, numbers, n, sizeof *numbers);
        ck_assert_int_eq(numbers[n], 0);
        numbers[n] = (int64_t)n + 1;
    }
    for (size_t n = 0; n < 1000; n++)
        ck_assert_int_eq(numbers[n], (int64_t)n + 1);
    arena_free(&arena);
}

TEST(arena_may_be_used_again)
{
    struct arena arena = {0};

    arena_free(&arena); /* nothing */
    ck_assert_str_eq(arena_strdup(&arena, "first"), "first");
    arena_free(&arena);
    ck_assert_str_eq(arena_strdup(&arena, "second"), "second");
    arena_free(&arena);
}
