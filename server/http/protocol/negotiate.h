/* SPDX-License-Identifier: MIT */
/* negotiate.h - which form of an answer the caller takes, and whether it has it already.
 *
 * RFC 9110: Accept (12.5.1) over the forms that a result comes in, and If-None-Match (13.1.2).
 * Pure functions; any thread. */
#ifndef HTTP_PROTOCOL_NEGOTIATE_H
#define HTTP_PROTOCOL_NEGOTIATE_H

#include "base/err.h"
#include "model/result.h"

#include <stdbool.h>

/* `accept` NULL or blank takes everything; of equals JSON is preferred, then text. What cannot be
 * read in the header is skipped. ERR_NOT_ACCEPTABLE when nothing on offer is wanted. */
enum err negotiate_format(const char *accept, enum result_format *ret_format);

/* The Content-Type of a form. Static. */
const char *negotiate_content_type(enum result_format format);

/* Does the list of entity tags hold `etag` (weak comparison), or is it "*"? NULL holds nothing. */
bool negotiate_matches(const char *if_none_match, const char *etag);

#endif
