/* SPDX-License-Identifier: MIT */
/* framing.h - rejects requests with ambiguous framing before routing.
 *
 * libmicrohttpd 0.9.75 accepts much that RFC 9112 forbids: Content-Length beside Transfer-Encoding,
 * several Content-Lengths or Hosts, white space before the colon, any HTTP/1.x. A request that two
 * parsers could read differently is rejected and the connection closed. head_layout.h detects what
 * the headers alone do not show. No route accepts a body yet, so every body is rejected too. Pure
 * functions; any thread. */
#ifndef HTTP_PROTOCOL_FRAMING_H
#define HTTP_PROTOCOL_FRAMING_H

#include "base/err.h"
#include "base/slice.h"

#include <stdbool.h>

/* Zero it first. */
struct framing {
    unsigned hosts, lengths, encodings;
    bool has_length;   /* a Content-Length that is not 0 */
    bool is_malformed; /* violates the grammar of RFC 9110, 5.5, 5.6.2 or 9.1 */
    bool has_gaps;     /* the head has bytes that are not exposed, see head_layout.h */
};

/* Checks the method of the request. */
void framing_method(struct framing *framing, struct slice method);

/* Checks one header field; call for all of them. */
void framing_header(struct framing *framing, struct slice name, struct slice value);

/* Returns ERR_OK, ERR_INVALID_REQUEST, or ERR_BODY_TOO_LARGE if a body is the only fault. On
 * failure *ret_detail is a static, human-readable reason. */
enum err framing_verdict(const struct framing *framing, const char *version,
                         const char **ret_detail);

#endif
