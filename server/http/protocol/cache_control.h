/* SPDX-License-Identifier: MIT */
/* cache_control.h - parses the Cache-Control header of a request (RFC 9111, 5.2.1) into the
 * directives that freshness.h applies.
 *
 * Only those that can save a credit count: only-if-cached and max-stale. no-cache, no-store,
 * max-age and min-fresh would spend one, and browsers, Postman and HTTP libraries send them
 * although no user meant it. The RFC lets a cache ignore them. Pure functions; any thread. */
#ifndef HTTP_PROTOCOL_CACHE_CONTROL_H
#define HTTP_PROTOCOL_CACHE_CONTROL_H

#include "model/freshness.h"

/* Adds the directives of a Cache-Control header; `header` may be NULL. Other directives are
 * skipped. A max-stale without a valid number of seconds accepts any staleness. */
void cache_control_read(struct cache_directives *directives, const char *header);

#endif
