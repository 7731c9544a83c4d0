/* SPDX-License-Identifier: MIT */
/* line_limit.c - see line_limit.h. The clocks of the threads differ: a call with an earlier second
 * than the current one counts in the current one. */
#include "base/line_limit.h"

static uint64_t start_of(int64_t now_ms)
{
    return (uint64_t)(now_ms / 1000) << 32;
}

static uint32_t lines_of(uint64_t state)
{
    return (uint32_t)(state & UINT32_MAX);
}

static uint32_t excess(uint64_t state)
{
    return lines_of(state) > LINE_LIMIT ? lines_of(state) - LINE_LIMIT : 0;
}

uint32_t line_limit_take(struct line_limit *limit, int64_t now_ms)
{
    uint_fast64_t state = atomic_load_explicit(&limit->state, memory_order_relaxed);
    uint64_t begun = start_of(now_ms);

    while (state < begun)
        if (atomic_compare_exchange_weak_explicit(&limit->state, &state, begun,
                                                  memory_order_relaxed, memory_order_relaxed))
            return excess(state);
    return 0;
}

bool line_limit_admits(struct line_limit *limit, int64_t now_ms)
{
    uint_fast64_t state = atomic_load_explicit(&limit->state, memory_order_relaxed);
    uint64_t begun = start_of(now_ms);

    for (;;) {
        uint64_t current = state < begun && !excess(state) ? begun : state;
        if (lines_of(current) == UINT32_MAX)
            return false;
        uint64_t next = current + 1;
        if (atomic_compare_exchange_weak_explicit(&limit->state, &state, next, memory_order_relaxed,
                                                  memory_order_relaxed))
            return !excess(next);
    }
}

bool line_limit_is_exceeded(const struct line_limit *limit)
{
    return excess(atomic_load_explicit(&limit->state, memory_order_relaxed)) > 0;
}
