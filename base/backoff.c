/* SPDX-License-Identifier: MIT */
/* backoff.c - see backoff.h. */
#include "base/backoff.h"

#include "base/id.h"

int64_t backoff_double_ms(int64_t wait_ms, int64_t max_ms)
{
    return wait_ms < max_ms / 2 ? 2 * wait_ms : max_ms;
}

int64_t backoff_ms(const struct backoff *backoff, int failures, int64_t retry_after_ms)
{
    int64_t wait_ms = backoff->first_ms;

    for (int i = 1; i < failures && wait_ms < backoff->max_ms; i++)
        wait_ms = backoff_double_ms(wait_ms, backoff->max_ms);
    wait_ms += id_random() % (uint32_t)(wait_ms / 4);
    return wait_ms > retry_after_ms ? wait_ms : retry_after_ms;
}
