/* SPDX-License-Identifier: MIT */
/* domain.h - converts untrusted text to the registrable domain of a company, or says why it cannot.
 *
 * Accepts a host name, an http(s) URL without user info, or one e-mail address, with or without
 * "mailto:" (RFC 6068). White space and control characters at both ends are ignored. A host name
 * may have any case, one trailing dot, Unicode or A-labels, and may be followed by a path, query or
 * fragment. The host is mapped by UTS 46 (non-transitional; host_name.h) and reduced to its
 * registrable domain by the Public Suffix List with its private section (libpsl). That domain
 * consists of letters, digits and hyphens, and of what IDNA 2008 makes of other scripts; the labels
 * in front of it may be odd, as in "_dmarc.milvali.com".
 *
 * domain_parse(domain_parse(x)) == domain_parse(x). Any thread, after domain_start(). */
#ifndef MODEL_DOMAIN_H
#define MODEL_DOMAIN_H

#include "base/err.h"
#include "base/errmsg.h"

#include <stdbool.h>
#include <stddef.h>

#define DOMAIN_MAX 253 /* RFC 1035 as text, without the trailing dot */

/* Lower-case A-labels, registrable, NUL-terminated. */
struct domain {
    char name[DOMAIN_MAX + 1];
};

/* Loads the Public Suffix List: the newer of the system's file and the built-in one. Returns
 * ERR_NO_ENTRY if there is neither. Call once, before other threads start. */
enum err domain_start(void);
/* Frees the list, when no other thread uses it. */
void domain_stop(void);

/* Returns the source of the list and its date, for operators: "/usr/share/publicsuffix/...,
 * 2023-02-09". Static. */
const char *domain_list_source(void);

/* Makes domain_parse() accept names below top-level domains that the list does not contain, until
 * domain_stop(): for lists older than such a domain. Call before other threads start. */
void domain_accept_unknown_suffixes(void);

/* Returns ERR_MISSING_DOMAIN (empty), ERR_INVALID_DOMAIN, ERR_PUBLIC_SUFFIX, ERR_IP_ADDRESS,
 * ERR_SPECIAL_USE_DOMAIN or ERR_UNKNOWN_SUFFIX on failure. `why` then holds a human-readable
 * sentence in valid UTF-8 without control characters. It repeats the input only if that is safe,
 * never if it might contain a password. `text` need not be NUL-terminated and may hold any byte. */
enum err domain_parse(const char *text, size_t len, struct domain *ret_domain, struct errmsg *why);

/* Returns whether the `len` bytes, a label in any case, are a top-level domain of the Public Suffix
 * List. Also true without domain_start(). */
bool domain_is_top_level(const char *label, size_t len);

/* Returns a display name derived from a domain: its first label, hyphens as spaces, each word
 * capitalized, A-labels decoded: blue-bottle.com -> "Blue Bottle". Heap, owned by the caller. */
char *domain_display_name(const struct domain *domain);

#endif
