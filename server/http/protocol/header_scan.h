/* SPDX-License-Identifier: MIT */
/* header_scan.h - collects what is needed from a request's headers in one pass: framing
 * (framing.h), positions (head_layout.h), request id, trace, and whether the response depends on
 * more than target and Accept. Separate look-ups would each scan all headers. Pure; any thread. */
#ifndef HTTP_PROTOCOL_HEADER_SCAN_H
#define HTTP_PROTOCOL_HEADER_SCAN_H

#include "base/slice.h"
#include "http/protocol/framing.h"
#include "http/protocol/head_layout.h"

#include <stdbool.h>
#include <stddef.h>

#define HEADER_SCAN_ID_MAX 64 /* bytes of a client's X-Request-Id */

/* Must be zeroed first, and `layout` passed to head_layout_begin(). Slices are borrowed from the
 * request. */
struct header_scan {
    struct framing framing;
    struct head_layout layout;
    struct slice id; /* the first well-formed X-Request-Id, or empty */
    struct slice accept;
    struct slice trace; /* the first well-formed traceparent, or empty */
    bool special;       /* the response depends on another header too */
};

/* Records one header. */
void header_scan_add(struct header_scan *scan, struct slice name, struct slice value);

#endif
