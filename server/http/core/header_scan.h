/* SPDX-License-Identifier: MIT */
/* header_scan.h - what one walk over a request's headers brings: their framing (framing.h), where
 * they lie (head_layout.h), the sender's credentials (auth.h), his request id and trace, and
 * whether the answer depends on more than target and Accept. Looking each up would walk as often.
 * Pure; any thread. */
#ifndef HTTP_CORE_HEADER_SCAN_H
#define HTTP_CORE_HEADER_SCAN_H

#include "base/slice.h"
#include "http/auth/auth.h"
#include "http/protocol/framing.h"
#include "http/protocol/head_layout.h"

#include <stdbool.h>
#include <stddef.h>

#define HEADERS_ID_MAX 64 /* of a caller's X-Request-Id */

/* Zeroed to begin with, and layout_begin() called. Slices are borrowed from the request. */
struct headers {
    struct guard guard;
    struct layout layout;
    struct slice id; /* the first X-Request-Id, if it is well-formed; else empty */
    struct slice accept;
    struct slice trace; /* the first traceparent, if it is well-formed; else empty */
    struct credentials credentials;
    bool special; /* something else stands in them that an answer depends on */
};

/* Takes one header into account. */
void headers_note(struct headers *headers, struct slice name, struct slice value);

#endif
