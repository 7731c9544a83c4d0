/* SPDX-License-Identifier: MIT */
/* test_spool_line.c - tests that a line of the spool comes back as it was written, or not at all.
 */
#include "client/openmart/openmart_types.h"
#include "store/spool_line.h"

#include "tests/support/suite.h"
#include <string.h>

_Static_assert(OPENMART_ID_MAX < SPOOL_ID, "each id of a batch fits a line");

static const struct spool_line sample = {.batch = 8123456789012345678,
                                         .wall_ms = 1795432804123,
                                         .place = "postgres/emailsd",
                                         .batch_id = "b7 f3-~!"};

static bool is_equal(const struct spool_line *a, const struct spool_line *b)
{
    return a->batch == b->batch && a->wall_ms == b->wall_ms && strcmp(a->place, b->place) == 0 &&
           strcmp(a->batch_id, b->batch_id) == 0;
}

TEST(spool_line_comes_back_as_it_was_written)
{
    char bytes[SPOOL_LINE];
    struct spool_line line;

    ck_assert(spool_line_write(&sample, bytes));
    ck_assert_int_eq(bytes[SPOOL_LINE - 1], '\n');
    ck_assert_ptr_null(memchr(bytes, '\n', SPOOL_LINE - 1));
    ck_assert(spool_line_read(bytes, &line));
    ck_assert(is_equal(&line, &sample));
}

TEST(spool_line_has_room_for_the_longest_fields)
{
    struct spool_line longest = {.batch = INT64_MAX, .wall_ms = INT64_MAX}, line;
    char bytes[SPOOL_LINE];

    memset(longest.place, 'p', sizeof longest.place - 1);
    memset(longest.batch_id, 'i', sizeof longest.batch_id - 1);
    ck_assert(spool_line_write(&longest, bytes));
    ck_assert(spool_line_read(bytes, &line));
    ck_assert(is_equal(&line, &longest));
}

TEST(spool_line_with_any_other_byte_is_not_accepted)
{
    char bytes[SPOOL_LINE];
    struct spool_line line;

    ck_assert(spool_line_write(&sample, bytes));
    for (size_t i = 0; i < SPOOL_LINE; i++) {
        bytes[i] ^= 1;
        ck_assert_msg(!spool_line_read(bytes, &line), "byte %zu", i);
        ck_assert(!spool_line_is_blank(bytes));
        bytes[i] ^= 1;
    }
    ck_assert(spool_line_read(bytes, &line));
}

TEST(spool_line_that_is_incomplete_is_not_accepted)
{
    char bytes[SPOOL_LINE];
    struct spool_line line;

    ck_assert(spool_line_write(&sample, bytes));
    for (size_t len = 0; len < SPOOL_LINE; len++) {
        char torn[SPOOL_LINE] = {0};
        memcpy(torn, bytes, len);
        ck_assert_msg(!spool_line_read(torn, &line), "%zu bytes", len);
    }
}

TEST(spool_line_is_blank_without_a_field)
{
    char bytes[SPOOL_LINE] = {0};
    struct spool_line line;

    ck_assert(spool_line_is_blank(bytes));
    memset(bytes, ' ', sizeof bytes);
    bytes[SPOOL_LINE - 1] = '\n';
    ck_assert(spool_line_is_blank(bytes));
    ck_assert(!spool_line_read(bytes, &line));
}

static const struct spool_line unacceptable[] = {
    {.batch = 0, .wall_ms = 1, .place = "p", .batch_id = "id"},
    {.batch = -1, .wall_ms = 1, .place = "p", .batch_id = "id"},
    {.batch = 1, .wall_ms = -1, .place = "p", .batch_id = "id"},
    {.batch = 1, .wall_ms = 1, .place = "", .batch_id = "id"},
    {.batch = 1, .wall_ms = 1, .place = "p p", .batch_id = "id"},
    {.batch = 1, .wall_ms = 1, .place = "p\x7f", .batch_id = "id"},
    {.batch = 1, .wall_ms = 1, .place = "p", .batch_id = ""},
    {.batch = 1, .wall_ms = 1, .place = "p", .batch_id = " id"},
    {.batch = 1, .wall_ms = 1, .place = "p", .batch_id = "id "},
    {.batch = 1, .wall_ms = 1, .place = "p", .batch_id = "i\nd"},
};

LOOP_TEST(spool_line_that_could_not_come_back_is_not_written, unacceptable)
{
    char bytes[SPOOL_LINE];

    ck_assert(!spool_line_write(&unacceptable[_i], bytes));
}
