/* SPDX-License-Identifier: MIT */
/* framing.h - rejects requests with ambiguous framing before routing.
 *
 * libmicrohttpd 0.9.75 accepts much that RFC 9112 forbids: Content-Length beside Transfer-Encoding,
 * several Content-Lengths or Hosts, white space before the colon, any HTTP/1.x. A request that two
 * parsers could read differently is rejected and the connection closed. head_layout.h detects what
 * the headers alone do not show. A body is rejected unless the route accepts one of its kind.
 * Pure functions; any thread. */
#ifndef HTTP_PROTOCOL_FRAMING_H
#define HTTP_PROTOCOL_FRAMING_H

#include "base/err.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero it first. */
struct framing {
    unsigned hosts, lengths, encodings;
    uint64_t length;   /* by Content-Length; UINT64_MAX for a larger one */
    bool is_chunked;   /* a Transfer-Encoding is exactly "chunked" */
    bool is_malformed; /* violates the grammar of RFC 9110, 5.5, 5.6.2 or 9.1 */
    bool has_gaps;     /* the head has bytes that are not exposed, see head_layout.h */
};

/* Checks the method of the request. */
void framing_method(struct framing *framing, struct slice method);

/* Checks one header field; call for all of them. */
void framing_header(struct framing *framing, struct slice name, struct slice value);

/* Returns whether a body follows the head of an accepted request. A chunked one may be empty. */
bool framing_has_body(const struct framing *framing);

/* The bodies that a route accepts. */
enum framing_accepts {
    FRAMING_NO_BODY,
    FRAMING_BODY_OF_LENGTH, /* by Content-Length */
    FRAMING_ANY_BODY,       /* also in chunks */
};

/* Judges the request of a route. Returns ERR_OK, ERR_INVALID_REQUEST, or ERR_BODY_TOO_LARGE if a
 * body is the only fault. Any length is accepted, also none. On failure *ret_detail is a static,
 * human-readable reason. */
enum err framing_verdict(const struct framing *framing, const char *version,
                         enum framing_accepts accepts, const char **ret_detail);

#endif
