/* SPDX-License-Identifier: MIT */
/* conditional.h - parses the header fields of conditional requests (RFC 9110, 13.1): lists of
 * entity tags and dates. Pure; any thread. */
#ifndef HTTP_PROTOCOL_CONDITIONAL_H
#define HTTP_PROTOCOL_CONDITIONAL_H

#include "model/precondition.h"

#include <stdbool.h>

/* Reads If-Match and If-Unmodified-Since; NULL = absent. A weak tag, a tag of another form than
 * ours, and what is not a list of tags match nothing. An invalid date is ignored, as the RFC
 * requires. */
void conditional_read(const char *if_match, const char *if_unmodified_since,
                      struct precondition *ret_precondition);

/* Returns whether If-None-Match, a list of entity tags, contains `etag` (weak comparison) or is
 * "*". NULL = false. What is not an entity tag ends the list. */
bool conditional_none_match(const char *if_none_match, const char *etag);

#endif
