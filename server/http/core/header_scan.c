/* SPDX-License-Identifier: MIT */
/* header_scan.c - see header_scan.h. */
#include "http/core/header_scan.h"

#include "http/protocol/traceparent.h"

#include <string.h>

static bool is_well_formed_id(struct slice id)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

    return id.len >= 1 && id.len <= HEADERS_ID_MAX && strspn(id.data, allowed) == id.len;
}

void headers_note(struct headers *headers, struct slice name, struct slice value)
{
    guard_header(&headers->guard, name, value);
    layout_header(&headers->layout, name, value);
    auth_header(&headers->credentials, name, value);
    if (slice_equals_nocase(name, "Accept")) {
        headers->special = headers->special || headers->accept.data; /* a second Accept */
        headers->accept = value;
    } else if (slice_equals_nocase(name, "X-Request-Id")) {
        if (!headers->id.data && is_well_formed_id(value))
            headers->id = value;
    } else if (slice_equals_nocase(name, "traceparent")) {
        if (!headers->trace.data && traceparent_is_valid(value))
            headers->trace = value;
    } else if (slice_equals_nocase(name, "Prefer") || slice_equals_nocase(name, "Cache-Control") ||
               slice_equals_nocase(name, "If-None-Match")) {
        headers->special = true;
    }
}
