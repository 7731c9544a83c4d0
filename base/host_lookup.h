/* SPDX-License-Identifier: MIT */
/* host_lookup.h - resolves a host name to addresses, within a time limit.
 *
 * getaddrinfo(3) cannot be interrupted, and waits for a silent resolver for as long as
 * resolv.conf(5) says: often 20 s. So a thread of its own runs it. Its owner stops waiting when it
 * likes, and may wait again later. One thread uses a lookup. */
#ifndef BASE_HOST_LOOKUP_H
#define BASE_HOST_LOOKUP_H

#include "base/err.h"
#include "base/errmsg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOST_ADDRESSES_MAX 4
#define HOST_ADDRESS_TEXT  64 /* an address with its zone, and a NUL */

/* In the order of preference; more than HOST_ADDRESSES_MAX are left out. */
struct host_addresses {
    size_t n; /* at least 1 */
    char text[HOST_ADDRESSES_MAX][HOST_ADDRESS_TEXT];
};

struct host_lookup;

/* Starts to resolve the name. The caller frees *ret_lookup. Returns ERR_SYSTEM with errno set if
 * there can be no thread. */
enum err host_lookup_start(const char *host, struct host_lookup **ret_lookup);

/* Returns whether the lookup has ended; waits for at most that time, and not
 * if it is negative. */
bool host_lookup_wait(struct host_lookup *lookup, int64_t within_ms);

/* After it has ended. Returns ERR_NO_ENTRY if the name cannot be resolved; `why` has the reason. */
enum err host_lookup_result(const struct host_lookup *lookup, struct host_addresses *ret_addresses,
                            struct errmsg *why);

/* Does not wait for a lookup that has not ended. NULL is a no-op. */
void host_lookup_free(struct host_lookup *lookup);

#endif
