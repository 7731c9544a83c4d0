/* SPDX-License-Identifier: MIT */
/* test_buf.c - tests that a buffer keeps what fits up to its limit, and records an overflow. */
#include "base/buf.h"
#include "base/mem.h"

#include "tests/support/suite.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

TEST(buf_new_is_an_empty_string)
{
    struct buf autobuf buf = BUF_INIT(10);

    ck_assert_str_eq(buf_str(&buf), "");
    ck_assert_uint_eq(buf.len, 0);
    ck_assert_int_eq((int)buf_check(&buf), (int)ERR_OK);
}

TEST(buf_appends_are_concatenated)
{
    struct buf autobuf buf = BUF_INIT(100);

    ck_assert_int_eq((int)buf_add_str(&buf, "one "), (int)ERR_OK);
    ck_assert_int_eq((int)buf_addf(&buf, "%d %s", 2, "and"), (int)ERR_OK);
    ck_assert_int_eq((int)buf_add(&buf, " three, four", 6), (int)ERR_OK);
    ck_assert_str_eq(buf_str(&buf), "one 2 and three");
    ck_assert_uint_eq(buf.len, strlen("one 2 and three"));
}

TEST(buf_empty_append_changes_nothing)
{
    struct buf autobuf buf = BUF_INIT(0);

    ck_assert_int_eq((int)buf_add(&buf, NULL, 0), (int)ERR_OK);
    ck_assert_int_eq((int)buf_add_str(&buf, ""), (int)ERR_OK);
    ck_assert_str_eq(buf_str(&buf), "");
    ck_assert_uint_eq(buf.len, 0);
}

TEST(buf_keeps_any_bytes_and_ends_with_nul)
{
    struct buf autobuf buf = BUF_INIT(100);

    buf_add(&buf, "a\0\xff", 3);
    ck_assert_uint_eq(buf.len, 3);
    ck_assert_mem_eq(buf.data, "a\0\xff", 4);
}

TEST(buf_grows_to_its_exact_limit)
{
    enum { LIMIT = 1000 };
    struct buf autobuf buf = BUF_INIT(LIMIT);

    for (size_t i = 0; i < LIMIT; i++) {
        char byte = (char)('a' + i % 26);
        ck_assert_int_eq((int)buf_add(&buf, &byte, 1), (int)ERR_OK);
        ck_assert_uint_eq(buf.len, i + 1);
        ck_assert_int_eq(buf.data[i + 1], '\0');
    }
    for (size_t i = 0; i < LIMIT; i++)
        ck_assert_int_eq(buf.data[i], (char)('a' + i % 26));
    ck_assert_int_eq((int)buf_add(&buf, "x", 1), (int)ERR_TOO_BIG);
    ck_assert_uint_eq(buf.len, LIMIT);
}

TEST(buf_append_over_the_limit_keeps_the_content)
{
    struct buf autobuf buf = BUF_INIT(5);

    buf_add_str(&buf, "abc");
    ck_assert_int_eq((int)buf_add_str(&buf, "def"), (int)ERR_TOO_BIG);
    ck_assert_str_eq(buf_str(&buf), "abc");
    ck_assert_int_eq((int)buf_addf(&buf, "%s", "def"), (int)ERR_TOO_BIG);
    ck_assert_str_eq(buf_str(&buf), "abc");
    ck_assert_int_eq((int)buf_add(&buf, "", (size_t)-1), (int)ERR_TOO_BIG);
    ck_assert_str_eq(buf_str(&buf), "abc");
}

TEST(buf_format_over_the_limit_keeps_the_content)
{
    struct buf autobuf buf = BUF_INIT(70); /* allocates more than it may use */

    buf_addf(&buf, "%060d", 7);
    buf_addf(&buf, "%s", "");
    ck_assert_int_eq((int)buf_addf(&buf, "%d%s", 12345, "67890x"), (int)ERR_TOO_BIG);
    ck_assert_uint_eq(strlen(buf_str(&buf)), 60);
    ck_assert_int_eq((int)buf_addf(&buf, "%d%s", 12345, "67890"), (int)ERR_OK);
    ck_assert_uint_eq(strlen(buf_str(&buf)), 70);
    ck_assert_str_eq(buf_str(&buf) + 58, "071234567890");
}

/* More memory than exists. Volatile, because compilers would warn of what is tested here. */
static volatile size_t too_much = SIZE_MAX / 4;

TEST(buf_without_memory_reports_an_overflow)
{
    struct buf autobuf buf = BUF_INIT(SIZE_MAX / 2);

    buf_add_str(&buf, "abc");
    ck_assert_int_eq((int)buf_add(&buf, "", too_much), (int)ERR_TOO_BIG);
    ck_assert_str_eq(buf_str(&buf), "abc");
    ck_assert_int_eq((int)buf_add_str(&buf, "def"), (int)ERR_OK);
    ck_assert_str_eq(buf_str(&buf), "abcdef");
    ck_assert_int_eq((int)buf_check(&buf), (int)ERR_TOO_BIG);
}

TEST(buf_overflow_stays_set_after_a_fitting_append)
{
    struct buf autobuf buf = BUF_INIT(5);

    buf_add_str(&buf, "abcdef");
    ck_assert_int_eq((int)buf_add_str(&buf, "abc"), (int)ERR_OK);
    ck_assert_int_eq((int)buf_check(&buf), (int)ERR_TOO_BIG);
}

TEST(buf_cleared_equals_a_new_one)
{
    struct buf autobuf buf = BUF_INIT(5);

    buf_add_str(&buf, "abc");
    buf_add_str(&buf, "def");
    const char *memory = buf.data;
    buf_clear(&buf);
    ck_assert_str_eq(buf_str(&buf), "");
    ck_assert_int_eq((int)buf_check(&buf), (int)ERR_OK);
    ck_assert_int_eq((int)buf_add_str(&buf, "12345"), (int)ERR_OK);
    ck_assert_ptr_eq(buf.data, memory);
}

TEST(buf_take_transfers_ownership)
{
    struct buf autobuf buf = BUF_INIT(10);
    size_t len = 99;

    buf_add_str(&buf, "abc");
    autofree char *text = buf_take(&buf, &len);
    ck_assert_str_eq(text, "abc");
    ck_assert_uint_eq(len, 3);
    ck_assert_uint_eq(buf.len, 0);
    ck_assert_int_eq((int)buf_add_str(&buf, "0123456789"), (int)ERR_OK);
    ck_assert_int_eq((int)buf_add_str(&buf, "x"), (int)ERR_TOO_BIG);
    ck_assert_str_eq(text, "abc");
}

TEST(buf_take_of_empty_returns_an_empty_string)
{
    struct buf autobuf buf = BUF_INIT(10);
    size_t len = 99;
    autofree char *text = buf_take(&buf, &len);
    autofree char *again = buf_take(&buf, NULL);

    ck_assert_str_eq(text, "");
    ck_assert_uint_eq(len, 0);
    ck_assert_str_eq(again, "");
}

TEST(buf_may_be_used_again_after_free)
{
    struct buf buf = BUF_INIT(3);

    buf_add_str(&buf, "abc");
    buf_add_str(&buf, "d");
    buf_done(&buf);
    buf_done(&buf);
    ck_assert_str_eq(buf_str(&buf), "");
    ck_assert_int_eq((int)buf_check(&buf), (int)ERR_OK);
    ck_assert_int_eq((int)buf_add_str(&buf, "abc"), (int)ERR_OK);
    buf_done(&buf);
}
