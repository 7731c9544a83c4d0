/* SPDX-License-Identifier: MIT */
/* denied_domains.h - the domains that the operator excludes from lookups, such as those of consumer
 * mail providers: a file, parsed into an immutable, reference-counted snapshot.
 *
 * One registrable domain a line, in any case, as Unicode or A-labels; `#` begins a comment:
 *
 *     gmail.com      # Google
 *     web.de
 *
 * A reload reads a new snapshot and sends it to every worker; the old one is freed with its last
 * reference. Any thread, after domain_start(). */
#ifndef MODEL_DENIED_DOMAINS_H
#define MODEL_DENIED_DOMAINS_H

#include "base/err.h"
#include "base/errmsg.h"
#include "model/domain.h"

#include <stdbool.h>
#include <stddef.h>

#define DENIED_DOMAINS_FILE_MAX ((size_t)1 << 20) /* bytes; about 60,000 domains. For readers */

struct denied_domains;

/* Parses the file's text; `why` calls it `name`. Returns ERR_SYNTAX on failure; `why` then says
 * what is wrong, with the line number. A file without a domain is an error: it excludes nothing. */
enum err denied_domains_parse(const char *name, const char *text, size_t len,
                              struct denied_domains **ret_denied, struct errmsg *why);

struct denied_domains *denied_domains_ref(struct denied_domains *denied);
void denied_domains_unref(struct denied_domains *denied); /* NULL is a no-op */

size_t denied_domains_count(const struct denied_domains *denied);

/* Returns whether the registrable domain `name`, as domain_parse() returns it, is in the list.
 * `denied` NULL is an empty list. */
bool denied_domains_contain(const struct denied_domains *denied, const char *name);

#endif
