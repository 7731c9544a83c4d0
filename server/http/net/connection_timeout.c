/* SPDX-License-Identifier: MIT */
/* connection_timeout.c - see connection_timeout.h. */
#include "http/net/connection_timeout.h"

#include <stddef.h>
#include <utlist.h>

void deadline_set(struct deadlines *all, struct deadline *one, enum deadline_kind kind,
                  int64_t now_ms)
{
    if (one->armed)
        DL_DELETE(all->lists[one->kind], one);
    one->armed = kind != DEADLINE_NONE;
    if (!one->armed)
        return;
    one->kind = kind;
    one->at_ms = now_ms + all->after_ms[kind];
    DL_APPEND(all->lists[kind], one);
}

struct deadline *connection_timeouts_pop_expired(struct deadlines *all, int64_t now_ms)
{
    for (int kind = 0; kind < DEADLINE_KINDS; kind++) {
        struct deadline *first = all->lists[kind];
        if (!first || first->at_ms > now_ms)
            continue;
        deadline_set(all, first, DEADLINE_NONE, now_ms);
        return first;
    }
    return NULL;
}

int64_t connection_timeouts_next_ms(const struct deadlines *all)
{
    int64_t next = INT64_MAX;

    for (int kind = 0; kind < DEADLINE_KINDS; kind++)
        if (all->lists[kind] && all->lists[kind]->at_ms < next)
            next = all->lists[kind]->at_ms;
    return next;
}
