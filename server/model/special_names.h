/* SPDX-License-Identifier: MIT */
/* special_names.h - detects host names that cannot belong to a company: IP addresses in all their
 * spellings, and reserved names. Part of domain.c, separate because it needs none of its libraries.
 *
 * Names are lower-case ASCII, NUL-terminated, without a trailing dot. Any thread. */
#ifndef MODEL_SPECIAL_NAMES_H
#define MODEL_SPECIAL_NAMES_H

#include <stdbool.h>

/* Returns whether inet_aton(3), and so most clients, would read the name as IPv4: 1.2.3.4, 127.1,
 * 0x7f.1, 2130706433. */
bool domain_is_ipv4(const char *name);

/* Returns whether a host as typed (any bytes) is an IP literal: ::1, fe80::1%eth0, either in
 * brackets, or [1.2.3.4]. */
bool domain_is_ip_literal(const char *host);

/* Implements the URL Standard's "ends in a number": such a host is an address or invalid, never a
 * name. */
bool domain_ends_in_number(const char *name);

/* Returns whether the last label is reserved: a.local, localhost, 4.3.2.1.in-addr.arpa. */
bool domain_is_special(const char *name);

#endif
