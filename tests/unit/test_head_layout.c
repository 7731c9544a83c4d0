/* SPDX-License-Identifier: MIT */
/* test_head_layout.c - tests heads as libmicrohttpd 0.9.75 leaves them in memory: complete ones,
 * and ones with bytes that belong to no part.
 *
 * test_listener_wire.c and test_http.py test real requests. */
#include "http/protocol/head_layout.h"

#include "tests/support/suite.h"
#include <string.h>

#define HEADERS_MAX 4

/* In `bytes`, each part is where it is found first; a header's value follows its name. */
static bool is_whole(const char *bytes, size_t size, const char *const *parts)
{
    struct head_layout layout;
    const char *at[3 + 2 * HEADERS_MAX], *from = bytes;

    for (size_t i = 0; parts[i]; i++) {
        at[i] = memmem(from, (size_t)(bytes + size - from), parts[i], strlen(parts[i]));
        ck_assert_msg(at[i], "%s is not there", parts[i]);
        bool has_colon = i >= 3 && i % 2 == 1;
        from = at[i] + strlen(parts[i]) + has_colon;
    }
    head_layout_begin(&layout, at[0], at[1], at[1] + strlen(at[1]), at[2]);
    for (size_t i = 3; parts[i]; i += 2)
        head_layout_header(&layout, (struct slice){at[i], strlen(parts[i])},
                           (struct slice){at[i + 1], strlen(parts[i + 1])});
    return head_layout_is_whole(&layout, bytes, size);
}
#define IS_WHOLE(bytes, ...)                                                                       \
    is_whole(bytes, sizeof(bytes) - 1, (const char *const[]){__VA_ARGS__, NULL})

#define LINE       "GET\0/a\0HTTP/1.1\0\0"
#define LINE_PARTS "GET", "/a", "HTTP/1.1"

TEST(layout_with_adjacent_parts_is_complete)
{
    ck_assert(IS_WHOLE(LINE "\0\0", LINE_PARTS));
    ck_assert(IS_WHOLE(LINE "Host\0x\0\0\0\0", LINE_PARTS, "Host", "x"));
    ck_assert(IS_WHOLE(LINE "Host\0 \t x\0\0\0\0", LINE_PARTS, "Host", "x"));
    ck_assert(IS_WHOLE(LINE "Host\0 x \0\0A\0b\0\0\0\0", LINE_PARTS, "Host", "x ", "A", "b"));
    ck_assert(IS_WHOLE(LINE "Host\0\0\0A\0 \0\0\0\0", LINE_PARTS, "Host", "", "A", " "));
}

TEST(layout_byte_in_no_part_is_a_gap)
{
    ck_assert_msg(!IS_WHOLE("GET\0X\0/a\0HTTP/1.1\0\0\0\0", LINE_PARTS), "in the method");
    ck_assert_msg(!IS_WHOLE("GET\0 /a\0HTTP/1.1\0\0\0\0", LINE_PARTS), "before the target");
    ck_assert_msg(!IS_WHOLE("GET\0/a\0x\0HTTP/1.1\0\0\0\0", LINE_PARTS), "in the target");
    ck_assert_msg(!IS_WHOLE("GET\0/a\0HTTP/1.1\0x\0\0\0\0", LINE_PARTS), "behind the version");
    ck_assert_msg(!IS_WHOLE(LINE "A\0 b\0c\0\0\0\0", LINE_PARTS, "A", "b"), "in a value");
    ck_assert_msg(!IS_WHOLE(LINE "A\0x\0b\0\0\0\0", LINE_PARTS, "A", "b"), "before a value");
    ck_assert_msg(!IS_WHOLE(LINE "A\0x\0\0\0B\0 y\0\0\0\0", LINE_PARTS, "A", "x", "B", "y"),
                  "before a name");
    ck_assert_msg(!IS_WHOLE(LINE "A\0 b\0\0\0\0\0", LINE_PARTS, "A", "b"), "before the end");
    ck_assert_msg(!IS_WHOLE(LINE "A\0 b\0c\0\0", LINE_PARTS, "A", "b"), "in place of an end");
    ck_assert_msg(!IS_WHOLE(LINE "\0\0\0", LINE_PARTS), "before the end, without headers");
}

TEST(layout_line_end_of_one_byte_is_a_gap)
{
    ck_assert(!IS_WHOLE("GET\0/a\0HTTP/1.1\0\0\0", LINE_PARTS));
    ck_assert(!IS_WHOLE("GET\0/a\0HTTP/1.1\0A\0 b\0\0\0\0", LINE_PARTS, "A", "b"));
    ck_assert(!IS_WHOLE(LINE "A\0 b\0C\0 d\0\0\0\0", LINE_PARTS, "A", "b", "C", "d"));
    ck_assert(!IS_WHOLE(LINE "A\0 b\0\0\0", LINE_PARTS, "A", "b"));
}

/* The library appends the text of a folded line to its name: in new memory, or in place if it
 * fits. */
TEST(layout_folded_line_is_a_gap)
{
    static const char head[] = LINE "\0\0\0 x\0\0 y\0\0\0\0Ay";
    static const char in_place[] = LINE "Ay\0    x\0\0 y\0\0\0\0";
    struct head_layout layout;
    const char *version = head + 7, *name = head + sizeof head - 3;

    head_layout_begin(&layout, head, head + 4, head + 6, version);
    head_layout_header(&layout, (struct slice){name, 2}, (struct slice){version + 14, 1});
    ck_assert(!head_layout_is_whole(&layout, head, sizeof head - 3));
    ck_assert(!IS_WHOLE(in_place, LINE_PARTS, "Ay", "x"));

    head_layout_begin(&layout, in_place, in_place + 4, in_place + 6, in_place + 7);
    head_layout_header(&layout, (struct slice){in_place + 17, 6}, (struct slice){in_place + 20, 3});
    ck_assert_msg(layout.has_gaps, "a name that reaches into its value");
}

TEST(layout_target_without_an_end_is_a_gap)
{
    static const char head[] = LINE "\0\0";
    struct head_layout layout;

    head_layout_begin(&layout, head, head + 4, NULL, head + 7);
    ck_assert(!head_layout_is_whole(&layout, head, sizeof head - 1));
}

TEST(layout_of_other_library_versions_is_unknown)
{
    ck_assert(head_layout_is_known("0.9.75"));
    ck_assert(!head_layout_is_known("0.9.7") && !head_layout_is_known("0.9.76"));
    ck_assert(!head_layout_is_known("1.0.1") && !head_layout_is_known(""));
}
