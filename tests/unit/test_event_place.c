/* SPDX-License-Identifier: MIT */
/* test_event_place.c - tests the ids of events with results of a list. */
#include "http/protocol/event_place.h"

#include "tests/support/suite.h"
#include <string.h>

static bool read_text(const char *text, struct event_place *place)
{
    return event_place_read((struct slice){text, strlen(text)}, place);
}

static const struct {
    const char *text;
    int64_t run;
    size_t n;
} places[] = {
    {"1764486000000-412", 1764486000000, 412},
    {"1-0", 1, 0},
    {"999999999999999999-999999999", 999999999999999999, 999999999},
    {"007-08", 7, 8},
    {"412", 0, 412},
    {"0", 0, 0},
};

LOOP_TEST(event_place_is_read, places)
{
    struct event_place place;

    ck_assert(read_text(places[_i].text, &place));
    ck_assert_int_eq(place.run, places[_i].run);
    ck_assert_uint_eq(place.n, places[_i].n);
}

static const char *const invalid[] = {
    "",
    "-",
    "1-",
    "-1",
    "0-1",
    "1--1",
    "1-2-3",
    "1-2 ",
    " 1-2",
    "1 2",
    "1,2",
    "1-x",
    "x-1",
    "end",
    "+1-2",
    "1-+2",
    "0x1",
    "1.0",
    "1-\n",
    "1-2\t",
    "1-2,1",
    "1-1000000000",
    "1000000000",
    "-0-1",
    "1e3",
    "000-1",
    "9999999999999999999-1",
    "99999999999999999999",
};

LOOP_TEST(event_place_of_another_form_is_rejected, invalid)
{
    struct event_place place = {7, 8};

    ck_assert(!read_text(invalid[_i], &place));
    ck_assert_int_eq(place.run, 7);
    ck_assert_uint_eq(place.n, 8);
}

TEST(event_place_that_is_absent_or_has_a_nul_is_rejected)
{
    struct event_place place;

    ck_assert(!event_place_read((struct slice){NULL, 0}, &place));
    ck_assert(!event_place_read((struct slice){"1-2\0", 4}, &place));
    ck_assert(!event_place_read((struct slice){"1\0-2", 4}, &place));
}

TEST(event_place_that_was_written_is_read)
{
    const struct event_place written[] = {{1, 0}, {1764486000000, 10000}, {999999999999999999, 1}};
    char text[EVENT_PLACE_TEXT];
    struct event_place place;

    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        event_place_write(written[i], text);
        ck_assert(read_text(text, &place));
        ck_assert_int_eq(place.run, written[i].run);
        ck_assert_uint_eq(place.n, written[i].n);
    }
}

TEST(event_place_of_the_largest_numbers_fits)
{
    char text[EVENT_PLACE_TEXT];

    event_place_write((struct event_place){INT64_MAX, SIZE_MAX}, text);
    ck_assert_str_eq(text, "9223372036854775807-18446744073709551615");
}
