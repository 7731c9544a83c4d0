/* SPDX-License-Identifier: MIT */
/* event_place.h - the id of an event with a result of a list: how far a reader has come.
 *
 *     RUN-N   N results of that run of the list; the results of each run have an order of their own
 *     N       N results of whatever run there is
 *
 * A browser sends the id of the last event as Last-Event-ID, which continues after it. The server
 * sends only ids of the first form; the second one is for clients that count. Pure functions; any
 * thread. */
#ifndef HTTP_PROTOCOL_EVENT_PLACE_H
#define HTTP_PROTOCOL_EVENT_PLACE_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_PLACE_TEXT 48 /* bytes, with the NUL */

struct event_place {
    int64_t run; /* > 0; 0 = any */
    size_t n;    /* results */
};

void event_place_write(struct event_place place, char text[EVENT_PLACE_TEXT]);

/* Parses what a client has sent. Returns false if it has neither form, or a number in it is too
 * large. */
bool event_place_read(struct slice text, struct event_place *ret_place);

#endif
