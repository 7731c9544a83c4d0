/* SPDX-License-Identifier: MIT */
/* test_buf.c - a buffer holds what was appended up to its limit, and remembers what did not fit. */
#include "base/buf.h"
#include "base/mem.h"

#include "tests/support/suite.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

TEST(a_new_buffer_is_an_empty_string)
{
    struct buf autobuf buf = BUF_INIT(10);

    ck_assert_str_eq(buf_str(&buf), "");
    ck_assert_uint_eq(buf.len, 0);
    ck_assert_int_eq((int)buf_check(&buf), (int)ERR_OK);
}

TEST(appends_join_up)
{
    struct buf autobuf buf = BUF_INIT(100);

    ck_assert_int_eq((int)buf_add_str(&buf, "one "), (int)ERR_OK);
    ck_assert_int_eq((int)buf_addf(&buf, "%d %s", 2, "and"), (int)ERR_OK);
    ck_assert_int_eq((int)buf_add(&buf, " three, four", 6), (int)ERR_OK);
    ck_assert_str_eq(buf_str(&buf), "one 2 and three");
    ck_assert_uint_eq(buf.len, strlen("one 2 and three"));
}

TEST(appending_nothing_changes_nothing)
{
    struct buf autobuf buf = BUF_INIT(0);

    ck_assert_int_eq((int)buf_add(&buf, NULL, 0), (int)ERR_OK);
    ck_assert_int_eq((int)buf_add_str(&buf, ""), (int)ERR_OK);
    ck_assert_str_eq(buf_str(&buf), "");
    ck_assert_uint_eq(buf.len, 0);
}

TEST(bytes_of_any_value_are_kept_and_closed_by_a_nul)
{
    struct buf autobuf buf = BUF_INIT(100);

    buf_add(&buf, "a\0\xff", 3);
    ck_assert_uint_eq(buf.len, 3);
    ck_assert_mem_eq(buf.data, "a\0\xff", 4);
}

TEST(a_buffer_grows_byte_by_byte_to_its_limit)
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

TEST(what_does_not_fit_leaves_the_content_alone)
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

TEST(a_format_that_does_not_fit_leaves_the_content_alone)
{
    struct buf autobuf buf = BUF_INIT(70); /* has more room than it may use */

    buf_addf(&buf, "%060d", 7);
    buf_addf(&buf, "%s", "");
    ck_assert_int_eq((int)buf_addf(&buf, "%d%s", 12345, "67890x"), (int)ERR_TOO_BIG);
    ck_assert_uint_eq(strlen(buf_str(&buf)), 60);
    ck_assert_int_eq((int)buf_addf(&buf, "%d%s", 12345, "67890"), (int)ERR_OK);
    ck_assert_uint_eq(strlen(buf_str(&buf)), 70);
    ck_assert_str_eq(buf_str(&buf) + 58, "071234567890");
}

/* More than there is. Volatile, or the compilers would warn of the very thing that is tried here.
 */
static volatile size_t too_much = SIZE_MAX / 4;

TEST(what_there_is_no_memory_for_does_not_fit)
{
    struct buf autobuf buf = BUF_INIT(SIZE_MAX / 2);

    buf_add_str(&buf, "abc");
    ck_assert_int_eq((int)buf_add(&buf, "", too_much), (int)ERR_TOO_BIG);
    ck_assert_str_eq(buf_str(&buf), "abc");
    ck_assert_int_eq((int)buf_add_str(&buf, "def"), (int)ERR_OK);
    ck_assert_str_eq(buf_str(&buf), "abcdef");
    ck_assert_int_eq((int)buf_check(&buf), (int)ERR_TOO_BIG);
}

TEST(an_overflow_is_remembered_though_later_appends_fit)
{
    struct buf autobuf buf = BUF_INIT(5);

    buf_add_str(&buf, "abcdef");
    ck_assert_int_eq((int)buf_add_str(&buf, "abc"), (int)ERR_OK);
    ck_assert_int_eq((int)buf_check(&buf), (int)ERR_TOO_BIG);
}

TEST(a_cleared_buffer_is_as_good_as_new)
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

TEST(what_is_taken_belongs_to_the_taker)
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

TEST(even_nothing_can_be_taken)
{
    struct buf autobuf buf = BUF_INIT(10);
    size_t len = 99;
    autofree char *text = buf_take(&buf, &len);
    autofree char *again = buf_take(&buf, NULL);

    ck_assert_str_eq(text, "");
    ck_assert_uint_eq(len, 0);
    ck_assert_str_eq(again, "");
}

TEST(a_buffer_may_be_used_again_after_its_end)
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
