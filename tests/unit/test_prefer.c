/* SPDX-License-Identifier: MIT */
/* test_prefer.c - tests the Prefer header, and the progress that is returned to clients that
 * prefer not to wait. */
#include "base/mem.h"
#include "http/endpoints/result_reply.h"
#include "http/protocol/prefer.h"

#include "tests/support/suite.h"

static const struct {
    const char *header;
    bool async;
    int64_t wait_s; /* -1 = not given */
} rows[] = {
    {NULL, false, -1},
    {"", false, -1},
    {"respond-async", true, -1},
    {"Respond-Async", true, -1},
    {"wait=10", false, 10},
    {"wait = 10", false, 10},
    {"wait=\"10\"", false, 10},
    {"WAIT=0", false, 0},
    {"respond-async, wait=10", true, 10},
    {"wait=10, respond-async", true, 10},
    {"handling=strict; x=y , wait=5 ;foo, respond-async", true, 5},
    {"wait=5, wait=9", false, 5},
    {"wait=x, wait=9", false, 9},
    {"foo=\"a, wait=5\", wait=9", false, 9},
    {"foo=\"\\\", wait=5\", respond-async", true, -1},
    {"foo=\"a, wait=5", false, -1},
    {"wait", false, -1},
    {"wait=", false, -1},
    {"wait=-1", false, -1},
    {"wait=1.5", false, -1},
    {"wait=10s", false, -1},
    {"wait=\"10", false, -1},
    {"wait=9999999", false, -1},
    {"await=10", false, -1},
    {"waiting=10", false, -1},
    {"respond-asynchronously", false, -1},
    {",,;;==,\"", false, -1},
};

LOOP_TEST(prefer_reads_known_preferences_and_skips_others, rows)
{
    struct prefer prefer = prefer_read(rows[_i].header);
    int64_t wait_s = prefer.has_wait ? prefer.wait_s : -1;

    ck_assert_msg(prefer.respond_async == rows[_i].async && wait_s == rows[_i].wait_s, "Prefer: %s",
                  rows[_i].header ? rows[_i].header : "(none)");
}

static const struct {
    enum task_phase phase;
    int64_t elapsed_ms, expected_ms;
    const char *body;
} states[] = {
    {TASK_QUEUED, 0, 30000,
     "\"phase\":\"queued\",\"elapsed_s\":0.0,\"expected_s\":30,\"timing\":{\"queue_ms\":9}}\n"},
    {TASK_SUBMITTING, 31249, 47001,
     "\"phase\":\"submitting\",\"elapsed_s\":31.2,\"expected_s\":48,"
     "\"timing\":{\"queue_ms\":9,\"submit_ms\":0}}\n"},
    {TASK_PROCESSING, 99, 1,
     "\"phase\":\"processing\",\"elapsed_s\":0.0,\"expected_s\":1,"
     "\"timing\":{\"queue_ms\":9,\"submit_ms\":0,\"upstream_ms\":0}}\n"},
    {TASK_FETCHING, 100000, 0,
     "\"phase\":\"fetching\",\"elapsed_s\":100.0,\"expected_s\":0,"
     "\"timing\":{\"queue_ms\":9,\"submit_ms\":0,\"upstream_ms\":0,\"read_ms\":0}}\n"},
};

LOOP_TEST(progress_is_reported_in_seconds, states)
{
    const struct progress progress = {.id = "an-id",
                                      .domain = "milvali.com",
                                      .phase = states[_i].phase,
                                      .elapsed_ms = states[_i].elapsed_ms,
                                      .expected_ms = states[_i].expected_ms,
                                      .timing = {.queue_ms = 9}};
    struct buf autobuf out = BUF_INIT(PROGRESS_MAX), want = BUF_INIT(PROGRESS_MAX);

    progress_write(&progress, &out);
    buf_addf(&want, "{\"id\":\"an-id\",\"domain\":\"milvali.com\",%s", states[_i].body);
    ck_assert_str_eq(buf_str(&out), buf_str(&want));
}
