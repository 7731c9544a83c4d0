/* SPDX-License-Identifier: MIT */
/* fair_share.h - decides whether a client may take one more of a limited number of slots, so that
 * no client can exclude the others by taking all of them. Pure. */
#ifndef BASE_FAIR_SHARE_H
#define BASE_FAIR_SHARE_H

#include <stdbool.h>
#include <stddef.h>

struct fair_share {
    size_t max;     /* slots that are granted to any client */
    size_t used;    /* by all clients */
    size_t clients; /* that use slots, and the one that asks */
    size_t held;    /* slots of the one that asks */
};

/* Up to `max` slots in total, any client may take one. Beyond that, a client may only if it holds
 * less than an equal share of `max`. At twice `max`, no client may. */
static inline bool fair_share_has_room(const struct fair_share *share)
{
    if (share->used < share->max)
        return true;
    return share->used < 2 * share->max && (share->held + 1) * share->clients <= share->max;
}

#endif
