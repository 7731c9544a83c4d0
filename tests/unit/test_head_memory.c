/* SPDX-License-Identifier: MIT */
/* test_head_memory.c - tests which heads leave memory for a response, by their size and their
 * number of records. test_listener_heads.c sends such heads to a listener. */
#include "http/protocol/head_memory.h"

#include "tests/support/suite.h"
#include <string.h>

static const struct {
    size_t size, records;
    bool suffices;
} heads[] = {
    {0, 0, true},
    {200, 10, true},
    {12800, 0, true}, /* 16384 - 2048 - 1536 */
    {12801, 0, false},
    {12800 - 640, 10, true},
    {12800 - 639, 10, false},
    {100, 104, true}, /* 64 bytes each, beside half of the memory */
    {100, 105, false},
    {(size_t)-1 / 2, 0, false},
};

LOOP_TEST(head_memory_is_counted_by_size_and_records, heads)
{
    ck_assert_int_eq(head_memory_suffices(heads[_i].size, heads[_i].records), heads[_i].suffices);
}

TEST(head_memory_of_a_target_counts_its_arguments)
{
    static char target[12802] = "/now?a";

    ck_assert(head_memory_suffices_for_target(target));
    memset(target, '&', 104);
    ck_assert(head_memory_suffices_for_target(target)); /* no query */
    target[0] = '?';
    ck_assert(head_memory_suffices_for_target(target));
    target[104] = '&';
    ck_assert(!head_memory_suffices_for_target(target));
    memset(target, 'a', sizeof target - 2);
    ck_assert(head_memory_suffices_for_target(target));
    target[sizeof target - 2] = 'a';
    ck_assert(!head_memory_suffices_for_target(target));
}
