/* SPDX-License-Identifier: MIT */
/* fuzz_cache_control.c - fuzzes the Cache-Control header and its effect on a cached result.
 *
 * First line: the header. Second line: one byte, which sets the age of the result. */
#include "base/buf.h"
#include "base/mem.h"
#include "http/protocol/cache_control.h"
#include "model/freshness.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define SECONDS_MAX INT64_C(2147483648)
#define HOUR_MS     INT64_C(3600000)
#define BORN_MS     INT64_C(1795432804000)

static const struct freshness_limits limits = {.stale_while_revalidate_ms = 24 * HOUR_MS,
                                               .stale_if_error_ms = 72 * HOUR_MS};

static struct cache_directives read_directives(const char *header)
{
    struct cache_directives directives = CACHE_DIRECTIVES_NONE;

    cache_control_read(&directives, header);
    return directives;
}

static bool is_same(const struct cache_directives *a, const struct cache_directives *b)
{
    return a->refresh == b->refresh && a->only_cached == b->only_cached &&
           a->max_age_s == b->max_age_s && a->max_stale_s == b->max_stale_s;
}

static void check_reading(const struct cache_directives *directives, const char *header)
{
    autofree char *other_case = input_other_case(header);
    struct buf longer autobuf = BUF_INIT(strlen(header) + 64);
    struct cache_directives again = read_directives(other_case);

    FUZZ_WANT(!directives->refresh && directives->max_age_s == -1); /* never spends */
    FUZZ_WANT(directives->max_stale_s == INT64_MAX ||
              (directives->max_stale_s >= -1 && directives->max_stale_s <= SECONDS_MAX));
    FUZZ_WANT(is_same(directives, &again));
    cache_control_read(&again, header);
    FUZZ_WANT(is_same(directives, &again));
    buf_addf(&longer, "x-unknown=\"a, only-if-cached\", %s", header);
    again = read_directives(buf_str(&longer));
    FUZZ_WANT(is_same(directives, &again));
}

/* The promise of each directive, whatever other directives the header has. */
static void check_serving(const struct cache_directives *directives, const struct result *result,
                          int64_t wall_ms)
{
    const struct clock clock = clock_fake(wall_ms);
    struct freshness verdict = freshness_judge(result, directives, &limits, wall_ms, &clock);
    enum disposition how = verdict.disposition;
    int64_t left_ms = freshness_left_ms(result, wall_ms);

    FUZZ_WANT(freshness_age_ms(result, wall_ms) >= 0);
    FUZZ_WANT(!directives->only_cached || how != DISPOSITION_STALE_REFRESHING);
    FUZZ_WANT(!directives->only_cached || !verdict.is_fallback);
    FUZZ_WANT((how == DISPOSITION_FRESH) == (left_ms > 0)); /* no header excludes a fresh result */
    FUZZ_WANT(how != DISPOSITION_MISS || verdict.reason == MISS_EXPIRED);
    verdict = freshness_judge(NULL, directives, &limits, wall_ms, &clock);
    FUZZ_WANT(verdict.disposition == DISPOSITION_MISS && verdict.reason == MISS_ABSENT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char key[HASH_SIZE];
    static const struct result *result;
    struct input input = input_of(data, size);
    size_t len;
    autofree char *header = input_line(&input, &len);

    if (!header)
        return 0;
    if (!result)
        result = result_new_answer(&(struct result_facts){.key = key,
                                                          .domain = "a.com",
                                                          .company_name = "A",
                                                          .fetched_ms = BORN_MS,
                                                          .ttl_empty_ms = 24 * HOUR_MS});
    struct cache_directives directives = read_directives(header);
    check_reading(&directives, header);
    check_serving(&directives, result, BORN_MS + ((int64_t)input_byte(&input) - 12) * HOUR_MS);
    return 0;
}
