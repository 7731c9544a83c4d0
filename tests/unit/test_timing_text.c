/* SPDX-License-Identifier: MIT */
/* test_timing_text.c - tests the texts about where the time of a lookup went. */
#include "http/endpoints/timing_text.h"

#include "base/mem.h"
#include "tests/support/suite.h"
#include <string.h>

static const struct lookup_timing all = {100, 26000, 20300, 900};

TEST(server_timing_has_each_phase)
{
    char text[SERVER_TIMING_TEXT];

    timing_write_header(&all, text);
    ck_assert_str_eq(text, "queue;dur=100, submit;dur=26000, upstream;dur=20300, read;dur=900");
}

TEST(server_timing_of_the_longest_times_fits)
{
    const struct lookup_timing longest = {INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN};
    char text[SERVER_TIMING_TEXT];

    timing_write_header(&longest, text);
    ck_assert_uint_eq(strlen(text), strlen("queue;dur=, submit;dur=, upstream;dur=, read;dur=") +
                                        4 * strlen("-9223372036854775808"));
}

static const struct {
    struct lookup_timing timing;
    enum task_phase phase;
    const char *text;
} rows[] = {
    {{0}, TASK_IDLE, "{\"queue_ms\":0}"},
    {{70, 0, 0, 0}, TASK_QUEUED, "{\"queue_ms\":70}"},
    {{100, 0, 0, 0}, TASK_SUBMITTING, "{\"queue_ms\":100,\"submit_ms\":0}"},
    {{100, 26000, 300, 0},
     TASK_PROCESSING,
     "{\"queue_ms\":100,\"submit_ms\":26000,\"upstream_ms\":300}"},
    {{100, 26000, 20300, 900},
     TASK_FETCHING,
     "{\"queue_ms\":100,\"submit_ms\":26000,\"upstream_ms\":20300,\"read_ms\":900}"},
    {{100, 26000, 0, 0},
     TASK_ENDED,
     "{\"queue_ms\":100,\"submit_ms\":26000,\"upstream_ms\":0,\"read_ms\":0}"},
    /* It is queued again, after a submit that was rejected. */
    {{300, 26000, 0, 0}, TASK_QUEUED, "{\"queue_ms\":300,\"submit_ms\":26000}"},
};

LOOP_TEST(timing_has_the_phases_that_were_reached, rows)
{
    struct buf autobuf out = BUF_INIT(BUF_SMALL);

    timing_write_json(&rows[_i].timing, rows[_i].phase, &out);
    ck_assert_str_eq(buf_str(&out), rows[_i].text);
}
