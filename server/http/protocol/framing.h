/* SPDX-License-Identifier: MIT */
/* framing.h - which requests are refused for their framing, before a route sees them.
 *
 * libmicrohttpd 0.9.75 takes much that RFC 9112 forbids: Content-Length beside Transfer-Encoding,
 * several Content-Lengths or Hosts, white space before the colon, any HTTP/1.x. What two parsers
 * could read differently is refused here and the connection closed; what cannot be seen from the
 * headers alone is head_layout.h's. No route takes a body yet, so every body is refused too. Pure
 * functions; any thread. */
#ifndef HTTP_PROTOCOL_FRAMING_H
#define HTTP_PROTOCOL_FRAMING_H

#include "base/err.h"
#include "base/slice.h"

#include <stdbool.h>

/* Zeroed to begin with. */
struct guard {
    unsigned hosts, lengths, encodings;
    bool has_length;   /* a Content-Length that is not 0 */
    bool is_malformed; /* it breaks the grammar of RFC 9110, 5.5, 5.6.2 or 9.1 */
    bool has_gaps;     /* there were bytes between what is shown, see head_layout.h */
};

/* The method of the request. */
void guard_method(struct guard *guard, struct slice method);

/* One header field of the request; call for all of them. */
void guard_header(struct guard *guard, struct slice name, struct slice value);

/* ERR_OK, ERR_INVALID_REQUEST, or ERR_BODY_TOO_LARGE when nothing is wrong but that there is a
 * body. *ret_detail says why, in static words for people. */
enum err guard_verdict(const struct guard *guard, const char *version, const char **ret_detail);

#endif
