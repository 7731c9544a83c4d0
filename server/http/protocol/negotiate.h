/* SPDX-License-Identifier: MIT */
/* negotiate.h - selects the format of a response and evaluates If-None-Match.
 *
 * RFC 9110: Accept (12.5.1) over the formats of a result, and If-None-Match (13.1.2). Pure
 * functions; any thread. */
#ifndef HTTP_PROTOCOL_NEGOTIATE_H
#define HTTP_PROTOCOL_NEGOTIATE_H

#include "base/err.h"
#include "model/result.h"

#include <stdbool.h>

/* Selects the format. `accept` NULL or blank accepts all; of equal weights JSON is preferred, then
 * text. Invalid parts of the header are skipped. Returns ERR_NOT_ACCEPTABLE if no format is
 * accepted. */
enum err negotiate_format(const char *accept, enum result_format *ret_format);

/* Returns the Content-Type of a format. Static. */
const char *negotiate_content_type(enum result_format format);

/* Returns whether the list of entity tags contains `etag` (weak comparison) or is "*". NULL =
 * false. */
bool negotiate_matches(const char *if_none_match, const char *etag);

#endif
