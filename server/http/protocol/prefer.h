/* SPDX-License-Identifier: MIT */
/* prefer.h - parses the Prefer header (RFC 7240): `respond-async` and `wait=SECONDS`. Other
 * preferences are ignored, as the RFC requires. Pure; any thread. */
#ifndef HTTP_PROTOCOL_PREFER_H
#define HTTP_PROTOCOL_PREFER_H

#include <stdbool.h>
#include <stdint.h>

struct prefer {
    bool respond_async;
    bool has_wait;
    int64_t wait_s; /* 0 or more */
};

/* `header` may be NULL. If a preference is repeated, the first one counts (RFC 7240, 2). */
struct prefer prefer_read(const char *header);

#endif
