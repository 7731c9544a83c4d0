/* SPDX-License-Identifier: MIT */
/* special_names.h - host names that look like a company's and are none: addresses in all their
 * spellings, and names that the DNS gives to nobody. Part of domain.c, split off because it needs
 * none of its libraries.
 *
 * Names are lower-case ASCII, NUL-terminated, without a dot at the end. Any thread. */
#ifndef MODEL_SPECIAL_NAMES_H
#define MODEL_SPECIAL_NAMES_H

#include <stdbool.h>

/* All that inet_aton(3), and so most programs that would connect, take for IPv4: 1.2.3.4, 127.1,
 * 0x7f.1, 2130706433. */
bool domain_is_ipv4(const char *name);

/* A host as it was typed (any bytes): ::1, fe80::1%eth0, either in brackets, or [1.2.3.4]. */
bool domain_is_ip_literal(const char *host);

/* As the URL Standard's "ends in a number": such a host is an address or an error, never a name. */
bool domain_ends_in_number(const char *name);

/* Its last label is reserved: a.local, localhost, 4.3.2.1.in-addr.arpa. */
bool domain_is_special(const char *name);

#endif
