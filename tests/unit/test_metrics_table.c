/* SPDX-License-Identifier: MIT */
/* test_metrics_table.c - tests histograms in the format of Prometheus, also after years. */
#include "base/mem.h"
#include "http/endpoints/metrics_table.h"

#include "tests/support/suite.h"
#include <string.h>

/* Returns what the metric of that name writes. The caller frees it. */
static char *written(const char *name, const struct figures *figures)
{
    struct buf autobuf out = BUF_INIT(1 << 20);

    for (size_t i = 0; i < n_metrics_table; i++)
        if (strcmp(metrics_table[i].name, name) == 0)
            metrics_table[i].write(&out, &metrics_table[i], figures);
    ck_assert_int_eq(buf_check(&out), ERR_OK);
    return xstrdup(buf_str(&out));
}

static void wants_line(const char *text, const char *line)
{
    const char *at = strstr(text, line);

    ck_assert_msg(at && at[strlen(line)] == '\n' && (at == text || at[-1] == '\n'),
                  "'%s' is missing in:\n%s", line, text);
}

#define CALLS "emailsd_upstream_request_duration_seconds"
#define TASKS "emailsd_batch_tasks"

TEST(metrics_large_sum_keeps_all_its_digits)
{
    struct figures figures = {0};

    figures.counted.upstream_durations[UPSTREAM_SUBMIT] =
        (struct duration_histogram){.buckets = {1}, .sum_ms = UINT64_C(123456789012345)};
    figures.counted.batch_tasks = (struct size_histogram){.buckets = {1}, .sum = 987654321098};
    autofree char *calls = written(CALLS, &figures), *tasks = written(TASKS, &figures);
    wants_line(calls, CALLS "_sum{operation=\"submit\"} 123456789012.345");
    wants_line(tasks, TASKS "_sum 987654321098");
    figures.counted.upstream_durations[UPSTREAM_SUBMIT].sum_ms += 1;
    figures.counted.batch_tasks.sum += 1;
    autofree char *more_calls = written(CALLS, &figures), *more_tasks = written(TASKS, &figures);
    wants_line(more_calls, CALLS "_sum{operation=\"submit\"} 123456789012.346");
    wants_line(more_tasks, TASKS "_sum 987654321099");
}

TEST(metrics_short_time_has_millisecond_precision)
{
    struct figures figures = {0};

    figures.counted.upstream_durations[UPSTREAM_TASK] =
        (struct duration_histogram){.buckets = {1}, .sum_ms = 7};
    autofree char *calls = written(CALLS, &figures);
    wants_line(calls, CALLS "_sum{operation=\"task\"} 0.007");
}

TEST(metrics_buckets_cover_the_longest_wait_and_more)
{
    struct figures figures = {0};
    struct duration_histogram *histogram = &figures.counted.upstream_durations[UPSTREAM_SUBMIT];

    metrics_duration(histogram, 300000);
    metrics_duration(histogram, 300001);
    metrics_duration(histogram, 120001);
    autofree char *calls = written(CALLS, &figures);
    wants_line(calls, CALLS "_bucket{operation=\"submit\",le=\"120\"} 0");
    wants_line(calls, CALLS "_bucket{operation=\"submit\",le=\"300\"} 2");
    wants_line(calls, CALLS "_bucket{operation=\"submit\",le=\"+Inf\"} 3");
    wants_line(calls, CALLS "_count{operation=\"submit\"} 3");
}

TEST(metrics_numbers_are_exported_unchanged)
{
    struct figures figures = {.counted = {.http_connections = 3},
                              .engine = {.waiters = 4, .store_usable = 1},
                              .cache = {.bytes = UINT64_C(5000000000)},
                              .process = {.cpu_s = 1.5, .open_fds = 6}};
    autofree char *connections = written("emailsd_http_connections", &figures);
    autofree char *waiters = written("emailsd_waiters", &figures);
    autofree char *usable = written("emailsd_store_usable", &figures);
    autofree char *bytes = written("emailsd_cache_bytes", &figures);
    autofree char *cpu = written("process_cpu_seconds_total", &figures);
    autofree char *files = written("process_open_fds", &figures);

    ck_assert_str_eq(connections, "emailsd_http_connections 3\n");
    ck_assert_str_eq(waiters, "emailsd_waiters 4\n");
    ck_assert_str_eq(usable, "emailsd_store_usable 1\n");
    ck_assert_str_eq(bytes, "emailsd_cache_bytes 5000000000\n");
    ck_assert_str_eq(cpu, "process_cpu_seconds_total 1.500\n");
    ck_assert_str_eq(files, "process_open_fds 6\n");
}

TEST(metrics_of_the_credit_limit_are_absent_without_one)
{
    struct figures figures = {.engine = {.credits_spent = 7}};
    autofree char *limit = written("emailsd_credits_limit", &figures);
    autofree char *left = written("emailsd_credits_left", &figures);

    ck_assert_str_eq(limit, "");
    ck_assert_str_eq(left, "");
    figures.engine.credits_limit = 5;
    autofree char *spent_left = written("emailsd_credits_left", &figures);
    ck_assert_str_eq(spent_left, "emailsd_credits_left 0\n");
}

TEST(metrics_of_blocked_submits_show_429_unless_another_reason_does)
{
    struct figures figures = {.engine = {.throttled = 1}};
    autofree char *throttled = written("emailsd_submits_blocked", &figures);

    wants_line(throttled, "emailsd_submits_blocked{reason=\"throttled\"} 1");
    figures.engine.blocked_by = ERR_PAUSED;
    autofree char *paused = written("emailsd_submits_blocked", &figures);
    wants_line(paused, "emailsd_submits_blocked{reason=\"throttled\"} 0");
    wants_line(paused, "emailsd_submits_blocked{reason=\"paused\"} 1");
}

TEST(metrics_client_that_left_has_a_code_of_its_own)
{
    struct figures figures = {0};

    figures.counted.http_requests[METRICS_ROUTES - 1][metrics_code_index(METRICS_CLIENT_CLOSED)] =
        3;
    autofree char *requests = written("emailsd_http_requests_total", &figures);
    wants_line(requests, "emailsd_http_requests_total{route=\"other\",code=\"client-closed\"} 3");
}
