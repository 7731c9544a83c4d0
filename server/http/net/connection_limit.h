/* SPDX-License-Identifier: MIT */
/* connection_limit.h - how many connections there may be: of all callers together, and of one
 * address.
 *
 * They are counted here and not by libmicrohttpd, whose limits are one daemon's own: the kernel
 * spreads connections unevenly, and there is a daemon for each worker and listening address.
 * Touched when a connection comes or goes, never on the way of a request. Looking and taking are
 * two steps, so workers that accept at the same instant may overstep a limit by one each.
 *
 * An IPv6 caller counts by its /64, of which one host can have every address (RFC 4291, 2.5.1).
 * What is neither IPv4 nor IPv6 has no limit of its own. Any thread. */
#ifndef HTTP_NET_CONNECTION_LIMIT_H
#define HTTP_NET_CONNECTION_LIMIT_H

#include <sys/socket.h>

struct connection_limit;

enum connection_limit_verdict { LIMIT_NOT_REACHED, LIMIT_TOTAL, LIMIT_PER_ADDRESS };

/* `max_per_address` 0 = no limit but that of all. */
struct connection_limit *connection_limit_new(int max, int max_per_address);
void connection_limit_free(struct connection_limit *seats);

int connection_limit_max(const struct connection_limit *seats);

/* May one more come from there? */
enum connection_limit_verdict connection_limit_check(struct connection_limit *seats,
                                                     const struct sockaddr *from);

/* It has come; it has gone. The same address at both. */
void connection_limit_acquire(struct connection_limit *seats, const struct sockaddr *from);
void connection_limit_release(struct connection_limit *seats, const struct sockaddr *from);

#endif
