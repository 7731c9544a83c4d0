/* SPDX-License-Identifier: MIT */
/* negotiate.h - selects the format of a response by Accept (RFC 9110, 12.5.1). Pure functions; any
 * thread. */
#ifndef HTTP_PROTOCOL_NEGOTIATE_H
#define HTTP_PROTOCOL_NEGOTIATE_H

#include "base/err.h"
#include "model/result.h"

/* Selects the format. `accept` NULL or blank accepts all; of equal weights JSON is preferred, then
 * text. Invalid parts of the header are skipped; only a weight of zero or less excludes a format.
 * Returns ERR_NOT_ACCEPTABLE if no format is accepted. */
enum err negotiate_format(const char *accept, enum result_format *ret_format);

/* Returns the Content-Type of a format. Static. */
const char *negotiate_content_type(enum result_format format);

#endif
