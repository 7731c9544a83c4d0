/* SPDX-License-Identifier: MIT */
/* heartbeat.c - see heartbeat.h. Relaxed stores are sufficient: readers use the number alone, and
 * no other data depends on its order. */
#include "base/heartbeat.h"

void heartbeat_busy(struct heartbeat *heartbeat, int64_t now_ms)
{
    atomic_store_explicit(&heartbeat->at_ms, now_ms, memory_order_relaxed);
}

void heartbeat_idle(struct heartbeat *heartbeat, int64_t now_ms)
{
    atomic_store_explicit(&heartbeat->at_ms, -now_ms, memory_order_relaxed);
}

/* Looks like a loop that waits indefinitely. */
void heartbeat_stop(struct heartbeat *heartbeat)
{
    atomic_store_explicit(&heartbeat->at_ms, -INT64_MAX, memory_order_relaxed);
}

/* Not negative, even if the reader's clock was read slightly before the loop's. */
static int64_t since(int64_t then_ms, int64_t now_ms)
{
    return now_ms > then_ms ? now_ms - then_ms : 0;
}

int64_t heartbeat_age_ms(const struct heartbeat *heartbeat, int64_t now_ms)
{
    int64_t at_ms = atomic_load_explicit(&heartbeat->at_ms, memory_order_relaxed);

    return since(at_ms < 0 ? -at_ms : at_ms, now_ms);
}

bool heartbeat_is_busy(const struct heartbeat *heartbeat)
{
    return atomic_load_explicit(&heartbeat->at_ms, memory_order_relaxed) > 0;
}

int64_t heartbeat_lag_ms(const struct heartbeat *heartbeat, int64_t now_ms)
{
    int64_t at_ms = atomic_load_explicit(&heartbeat->at_ms, memory_order_relaxed);

    return at_ms > 0 ? since(at_ms, now_ms) : 0;
}
