/* SPDX-License-Identifier: MIT */
/* allowed_hosts.h - decides by which names in Host (or in the target) clients without a key may
 * call this server.
 *
 * DNS rebinding is the reason: the owner of a public name lets it resolve to this server's address.
 * A browser then takes this server for the site of that name, whose page may send requests and read
 * the responses. The browser still sends the name. An IP address, a name without a dot and a name
 * below a top-level domain that is not public cannot be had that way. Pure functions; any thread,
 * allowed_hosts_accept() after domain_start(). */
#ifndef HTTP_AUTH_ALLOWED_HOSTS_H
#define HTTP_AUTH_ALLOWED_HOSTS_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>

/* The names that the operator has listed; borrowed. */
struct allowed_hosts {
    const char *const *names;
    size_t n;
};

/* Removes the port of a Host. */
struct slice host_without_port(struct slice host);

/* Returns whether the host, without its port, is a name or an address of this machine (RFC 6761,
 * 6.3): 127.0.0.0/8, [::1], localhost or a name below it. */
bool host_is_local(struct slice host);

/* Returns whether a client may call this server by that host, without its port: no other site can
 * have the name, or it is listed. */
bool allowed_hosts_accept(const struct allowed_hosts *listed, struct slice host);

/* Returns whether the text can be listed: letters, digits, hyphens, underscores and dots, without a
 * port. */
bool allowed_hosts_can_list(const char *name);

#endif
