/* SPDX-License-Identifier: MIT */
/* cache_control.h - reads the Cache-Control header of a request (RFC 9111, 5.2.1) into what
 * freshness.h judges by. Pure functions; any thread. */
#ifndef HTTP_PROTOCOL_CACHE_CONTROL_H
#define HTTP_PROTOCOL_CACHE_CONTROL_H

#include "model/freshness.h"

/* Adds what a Cache-Control header says; `header` may be NULL. Unknown directives and values that
 * are no number of seconds are skipped, as the RFC wants it. */
void cache_control_read(struct cache_directives *wish, const char *header);

#endif
