/* SPDX-License-Identifier: MIT */
/* domain.h - text from anybody -> the registrable domain of a company, or the reason why not.
 *
 * Accepted forms: a host name (any case, one trailing dot, Unicode or A-labels, also with a path,
 * query or fragment behind it), an http(s) URL without user info, or one e-mail address. The host
 * is mapped by UTS 46 (non-transitional; libidn2), checked as letters-digits-hyphens on the mapped
 * output - never repaired: libidn2's own STD3 flag deletes illegal bytes - and reduced to its
 * registrable domain by the Public Suffix List including the private section (libpsl).
 * domain_parse(domain_parse(x)) == domain_parse(x). Any thread once domain_start() has run. */
#ifndef MODEL_DOMAIN_H
#define MODEL_DOMAIN_H

#include "base/err.h"

#include <stddef.h>

#define DOMAIN_MAX 253 /* RFC 1035 as text, without the trailing dot */

/* Lower-case A-labels, registrable, NUL-terminated. */
struct domain {
    char name[DOMAIN_MAX + 1];
};

#define DOMAIN_WHY 200

/* Loads the Public Suffix List: the newest of the system's file and the built-in one. ERR_ABSENT
 * when there is neither. Once, before other threads start. */
enum err domain_start(void);
void domain_stop(void);

/* Where the list came from and its date, for people: "/usr/share/publicsuffix/..., 2023-02-09".
 * Static. */
const char *domain_list_source(void);

/* ERR_MISSING_DOMAIN (empty), ERR_INVALID_DOMAIN, ERR_PUBLIC_SUFFIX, ERR_IP_ADDRESS or
 * ERR_SPECIAL_USE_DOMAIN; then `why` (DOMAIN_WHY bytes) holds a sentence for people, in valid UTF-8
 * without control characters, that repeats the input only where that is safe (never anything that
 * looks like it holds a password). `text` need not be NUL-terminated and may hold any byte. */
enum err domain_parse(const char *text, size_t len, struct domain *ret_domain, char *why);

/* The display name that is made up from a domain: its first label, hyphens as spaces, each word
 * with a capital, A-labels decoded: blue-bottle.com -> "Blue Bottle". Heap, the caller's. */
char *domain_display_name(const struct domain *domain);

#endif
