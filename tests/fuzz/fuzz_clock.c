/* SPDX-License-Identifier: MIT */
/* fuzz_clock.c - fuzzes the formats of an instant: well formed, whatever a clock shows.
 *
 * The input is a number of milliseconds since 1970. */
#include "base/clock.h"
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define YEAR_10000_MS INT64_C(253402300800000)

static int64_t seconds_of(int64_t ms)
{
    return ms >= 0 ? ms / 1000 : -((-ms + 999) / 1000);
}

/* Another parser reads the same second. */
static void check_read_back(const char *text, const char *format, int64_t wall_ms)
{
    struct tm tm = {0};
    const char *end = strptime(text, format, &tm);

    FUZZ_WANT(end && !*end);
    FUZZ_WANT(timegm(&tm) == seconds_of(wall_ms));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    autofree char *number = input_text(data, size);
    char text[CLOCK_TEXT + 1] = "";
    int64_t wall_ms = strtoll(number, NULL, 10);

    memset(text, '#', CLOCK_TEXT + 1);
    clock_rfc3339(wall_ms, text);
    FUZZ_WANT(strnlen(text, CLOCK_TEXT) < CLOCK_TEXT && text[CLOCK_TEXT] == '#');
    FUZZ_WANT(input_is_printable(text, strlen(text)));
    if (wall_ms >= 0 && wall_ms < YEAR_10000_MS)
        check_read_back(text, "%Y-%m-%dT%H:%M:%SZ", wall_ms);
    memset(text, '#', CLOCK_TEXT + 1);
    clock_http_date(wall_ms, text);
    FUZZ_WANT(strnlen(text, CLOCK_TEXT) < CLOCK_TEXT && text[CLOCK_TEXT] == '#');
    FUZZ_WANT(input_is_printable(text, strlen(text)));
    if (wall_ms >= 0 && wall_ms < YEAR_10000_MS)
        check_read_back(text, "%a, %d %b %Y %H:%M:%S GMT", wall_ms);
    return 0;
}
