/* SPDX-License-Identifier: MIT */
/* test_header_scan.c - tests that one pass finds the id, the trace, the accepted type, and
 * whether other headers matter. */
#include "http/protocol/header_scan.h"

#include "tests/support/suite.h"
#include <string.h>

static struct slice slice(const char *text)
{
    return (struct slice){text, strlen(text)};
}

static const struct {
    const char *name, *value;
    bool special;
} rows[] = {
    {"Host", "example.org", false},
    {"User-Agent", "curl/8", false},
    {"Prefer", "wait=5", true},
    {"prefer", "wait=5", true},
    {"Cache-Control", "no-cache", false},
    {"If-None-Match", "\"x\"", true},
    {"If-Match", "\"x\"", true},
    {"if-unmodified-since", "x", true},
    {"Cache-Control", "only-if-cached", false},
    {"Pragma", "no-cache", false},
    {"Sec-Purpose", "prefetch", false},
    {"Preferred", "x", false},
    {"Authorization", "x", false},
};

LOOP_TEST(scan_flags_headers_that_change_the_response, rows)
{
    struct header_scan scan = {0};

    header_scan_add(&scan, slice(rows[_i].name), slice(rows[_i].value));
    ck_assert_int_eq(scan.special, rows[_i].special);
}

TEST(scan_keeps_one_accept_and_flags_a_second)
{
    struct header_scan scan = {0};

    header_scan_add(&scan, slice("ACCEPT"), slice("text/csv"));
    ck_assert(!scan.special);
    ck_assert_uint_eq(scan.accept.len, 8);
    header_scan_add(&scan, slice("Accept"), slice("text/plain"));
    ck_assert(scan.special);
}

TEST(scan_uses_the_first_well_formed_id)
{
    struct header_scan scan = {0};
    char long_id[HEADER_SCAN_ID_MAX + 2];

    memset(long_id, 'a', sizeof long_id - 1);
    long_id[sizeof long_id - 1] = '\0';
    header_scan_add(&scan, slice("X-Request-Id"), slice(long_id));
    header_scan_add(&scan, slice("X-Request-Id"), slice("has space"));
    header_scan_add(&scan, slice("X-Request-Id"), slice(""));
    ck_assert_ptr_null(scan.id.data);
    header_scan_add(&scan, slice("x-request-id"), slice("mine-1"));
    header_scan_add(&scan, slice("X-Request-Id"), slice("other"));
    ck_assert_str_eq(scan.id.data, "mine-1");
}

#define TRACE_ID "0af7651916cd43dd8448eb211c80319c"
#define SPAN_ID  "b7ad6b7169203331"
#define ZEROS    "00000000000000000000000000000000"

static const struct {
    const char *value;
    bool is_trace;
} traces[] = {
    {"00-" TRACE_ID "-" SPAN_ID "-01", true},
    {"00-" TRACE_ID "-" SPAN_ID "-00", true},
    {"00-" TRACE_ID "-" SPAN_ID "-ff", true},
    {"00-" TRACE_ID "-0000000000000001-00", true},
    {"01-" TRACE_ID "-" SPAN_ID "-01", true},
    {"01-" TRACE_ID "-" SPAN_ID "-01-", true},
    {"cc-" TRACE_ID "-" SPAN_ID "-01-what-comes", true},
    {"fe-" TRACE_ID "-" SPAN_ID "-01", true},
    {"00-" TRACE_ID "-" SPAN_ID "-01-", false}, /* version 00 has a fixed length */
    {"00-" TRACE_ID "-" SPAN_ID "-01-more", false},
    {"01-" TRACE_ID "-" SPAN_ID "-01.more", false},
    {"01-" TRACE_ID "-" SPAN_ID "-0", false},
    {"01-" TRACE_ID "-" SPAN_ID "-0g", false},
    {"ff-" TRACE_ID "-" SPAN_ID "-01", false},
    {"0g-" TRACE_ID "-" SPAN_ID "-01", false},
    {"FE-" TRACE_ID "-" SPAN_ID "-01", false},
    {"00-0AF7651916CD43DD8448EB211C80319C-" SPAN_ID "-01", false},
    {"00_" TRACE_ID "-" SPAN_ID "-01", false},
    {"00-" ZEROS "-" SPAN_ID "-01", false},
    {"00-" TRACE_ID "-0000000000000000-01", false},
    {"01-" ZEROS "-0000000000000000-01", false},
    {"00-" TRACE_ID, false},
    {"", false},
};

LOOP_TEST(scan_accepts_the_common_form_of_traceparent, traces)
{
    struct header_scan scan = {0};

    header_scan_add(&scan, slice("traceparent"), slice(traces[_i].value));
    ck_assert_msg((scan.trace.data != NULL) == traces[_i].is_trace, "%s", traces[_i].value);
}
