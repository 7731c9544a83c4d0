/* SPDX-License-Identifier: MIT */
/* limits.h - what the operator may change while requests are served. Plain values: each worker has
 * a copy of its own, which it takes over between two turns, with the clients that belong to it. */
#ifndef HTTP_CORE_LIMITS_H
#define HTTP_CORE_LIMITS_H

#include "model/freshness.h"

#include <stdint.h>

struct clients;
struct tls;

struct limits {
    int64_t wait_ms, max_wait_ms; /* how long a request is held: default and limit */
    struct freshness_limits freshness;
};

/* All that a reload hands over. The pointers are borrowed for the call. */
struct rules {
    struct clients *clients; /* NULL = no keys are wanted */
    const struct limits *limits;
    struct tls *tls; /* NULL = plain HTTP, for a listener that was started so */
};

#endif
