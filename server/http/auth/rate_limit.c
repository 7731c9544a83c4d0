/* SPDX-License-Identifier: MIT */
/* rate_limit.c - see rate_limit.h. */
#include "http/auth/rate_limit.h"

#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>

#define MICROSECOND INT64_C(1000000)

struct rate_limit {
    atomic_uint refs;
    /* When the next request is due if requests come evenly, in microseconds of the worker's clock.
     * The algorithm needs no other state. */
    atomic_int_fast64_t due_us;
};

struct rate_limit *rate_limit_new(void)
{
    struct rate_limit *limit = xcalloc(1, sizeof *limit);

    atomic_init(&limit->refs, 1);
    return limit;
}

struct rate_limit *rate_limit_ref(struct rate_limit *limit)
{
    atomic_fetch_add_explicit(&limit->refs, 1, memory_order_relaxed);
    return limit;
}

void rate_limit_unref(struct rate_limit *limit)
{
    if (atomic_fetch_sub_explicit(&limit->refs, 1, memory_order_acq_rel) == 1)
        free(limit);
}

bool rate_limit_admits(struct rate_limit *limit, int64_t rate, int64_t now_ms)
{
    int64_t now_us = now_ms * 1000, step_us = MICROSECOND / rate;
    int64_t ahead_us = step_us * (rate - 1);
    atomic_int_fast64_t *due = &limit->due_us;
    int_fast64_t due_us = atomic_load_explicit(due, memory_order_relaxed);

    for (;;) {
        int64_t from_us = due_us > now_us ? due_us : now_us;
        if (from_us - now_us > ahead_us) /* by at most one step, which is at most a second */
            return false;
        if (atomic_compare_exchange_weak_explicit(due, &due_us, from_us + step_us,
                                                  memory_order_relaxed, memory_order_relaxed))
            return true;
    }
}
