/* SPDX-License-Identifier: MIT */
/* header_scan.c - see header_scan.h. */
#include "http/protocol/header_scan.h"

#include "http/protocol/traceparent.h"

#include <string.h>

static bool is_well_formed_id(struct slice id)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

    return id.len >= 1 && id.len <= HEADER_SCAN_ID_MAX && strspn(id.data, allowed) == id.len;
}

static bool is_condition(struct slice name)
{
    return slice_equals_nocase(name, "If-None-Match") || slice_equals_nocase(name, "If-Match") ||
           slice_equals_nocase(name, "If-Unmodified-Since");
}

void header_scan_add(struct header_scan *scan, struct slice name, struct slice value)
{
    framing_header(&scan->framing, name, value);
    head_layout_header(&scan->layout, name, value);
    if (slice_equals_nocase(name, "Accept")) {
        scan->special = scan->special || scan->accept.data; /* a second Accept */
        scan->accept = value;
    } else if (slice_equals_nocase(name, "X-Request-Id")) {
        if (!scan->id.data && is_well_formed_id(value))
            scan->id = value;
    } else if (slice_equals_nocase(name, "traceparent")) {
        if (!scan->trace.data && traceparent_is_valid(value))
            scan->trace = value;
    } else if (slice_equals_nocase(name, "Prefer") || is_condition(name)) {
        scan->special = true; /* Cache-Control never changes the response with a fresh result */
    }
}
