/* SPDX-License-Identifier: MIT */
/* request_target.h - the raw target of a request line: its path, and its text as a cache key.
 *
 * libmicrohttpd decodes the target in place, so the text is copied before that. The absolute form,
 * "http://host/path?query", is equivalent to "/path?query" with "Host: host" (RFC 9112, 3.2.2).
 * Pure; any thread. */
#ifndef HTTP_PROTOCOL_REQUEST_TARGET_H
#define HTTP_PROTOCOL_REQUEST_TARGET_H

#include "base/slice.h"

#include <stddef.h>

#define REQUEST_TARGET_PATH 128 /* longer than any served path */
#define REQUEST_TARGET_TEXT 160 /* bytes; longer targets are not cached */

struct request_target {
    char path[REQUEST_TARGET_PATH]; /* without scheme, host and query; "" if longer */
    char text[REQUEST_TARGET_TEXT];
    size_t len;             /* of `text`; 0 if longer */
    size_t size;            /* bytes of the whole target */
    struct slice authority; /* in libmicrohttpd's memory, which decoding does not change; empty
                               unless the target is in absolute form */
    const char *end;        /* of the target in libmicrohttpd's memory; NULL if it contains a CR */
};

/* Reads a target as received, NUL-terminated. */
void request_target_read(struct request_target *ret_target, const char *target);

#endif
