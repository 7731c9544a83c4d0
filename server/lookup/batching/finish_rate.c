/* SPDX-License-Identifier: MIT */
/* finish_rate.c - see finish_rate.h. */
#include "lookup/batching/finish_rate.h"

#define MINUTE_MS INT64_C(60000)

static void fold(struct finish_rate *rate, int64_t now_ms)
{
    int64_t elapsed_ms = now_ms - rate->since_ms;

    if (!rate->since_ms || elapsed_ms < MINUTE_MS)
        return;
    rate->per_1000_s = rate->n * 1000000 / elapsed_ms;
    rate->since_ms = now_ms;
    rate->n = 0;
}

void finish_rate_count(struct finish_rate *rate, int64_t now_ms)
{
    if (!rate->since_ms)
        rate->since_ms = now_ms;
    fold(rate, now_ms);
    rate->n++;
}

void finish_rate_idle(struct finish_rate *rate)
{
    rate->since_ms = 0;
    rate->n = 0;
}

int finish_rate_seconds(struct finish_rate *rate, int64_t now_ms, size_t n, int least_s, int most_s)
{
    fold(rate, now_ms);
    int64_t seconds = rate->per_1000_s ? (int64_t)n * 1000 / rate->per_1000_s + 1 : (int64_t)most_s;

    return seconds < least_s ? least_s : seconds > most_s ? most_s : (int)seconds;
}
