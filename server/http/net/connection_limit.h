/* SPDX-License-Identifier: MIT */
/* connection_limit.h - limits concurrent connections, in total and per client address.
 *
 * libmicrohttpd's limits apply to one daemon. There is one per worker and listening address, and
 * the kernel spreads connections unevenly. So connections are counted here, when they open and
 * close; requests do not touch the counts. Check and acquire are separate, so each worker may
 * exceed a limit by one connection.
 *
 * An IPv6 client counts by its /64, because one host can use all addresses in it (RFC 4291, 2.5.1).
 * Addresses other than IPv4 and IPv6 have no limit of their own. Any thread. */
#ifndef HTTP_NET_CONNECTION_LIMIT_H
#define HTTP_NET_CONNECTION_LIMIT_H

#include <sys/socket.h>

struct connection_limit;

enum connection_limit_verdict { LIMIT_NOT_REACHED, LIMIT_TOTAL, LIMIT_PER_ADDRESS };

/* `max_per_address` 0 = only the total limit applies. */
struct connection_limit *connection_limit_new(int max, int max_per_address);
void connection_limit_free(struct connection_limit *limit);

int connection_limit_max(const struct connection_limit *limit);

/* Returns which limit one more connection from that address would exceed. */
enum connection_limit_verdict connection_limit_check(struct connection_limit *limit,
                                                     const struct sockaddr *from);

/* Count an opened or a closed connection; pass the same address to both. */
void connection_limit_acquire(struct connection_limit *limit, const struct sockaddr *from);
void connection_limit_release(struct connection_limit *limit, const struct sockaddr *from);

#endif
