/* SPDX-License-Identifier: MIT */
/* cache_control.h - parses the Cache-Control header of a request (RFC 9111, 5.2.1) into the
 * directives that freshness.h applies. Pure functions; any thread. */
#ifndef HTTP_PROTOCOL_CACHE_CONTROL_H
#define HTTP_PROTOCOL_CACHE_CONTROL_H

#include "model/freshness.h"

/* Adds the directives of a Cache-Control header; `header` may be NULL. Unknown directives and
 * invalid numbers of seconds are skipped, as the RFC requires. */
void cache_control_read(struct cache_directives *directives, const char *header);

#endif
