/* SPDX-License-Identifier: MIT */
/* response.h - a reply made ready for libmicrohttpd once, and sent to everybody whose reply is the
 * same.
 *
 * Making a response costs a dozen allocations, as much as all the rest of a hit. But within one
 * second all hits of a question have the same status, headers and body - but for X-Request-Id,
 * which has the same length in all of them and is written in place just before the response is
 * queued. libmicrohttpd copies the headers out before it calls anybody else, so one response serves
 * any number of connections of one worker. Counted references; one worker's thread only. */
#ifndef HTTP_CORE_RESPONSE_H
#define HTTP_CORE_RESPONSE_H

#include "http/core/reply.h"

#include <microhttpd.h>

struct ready;

/* Uses `reply` up. `date` and `id` are those of the first request; `closing` adds Connection:
 * close.
 */
struct ready *ready_new(struct reply *reply, const char *date, const char *id, bool closing);

struct ready *ready_ref(struct ready *ready);
void ready_unref(struct ready *ready); /* NULL is fine */

/* Would ready_new() make the same of these, but for the id? Only replies without a body of their
 * own can be the same. */
bool ready_is(const struct ready *ready, const struct reply *reply, const char *date,
              const char *id, bool closing);

int ready_status(const struct ready *ready);

/* Hands it over for this connection, under this id. */
enum MHD_Result ready_queue(struct ready *ready, struct MHD_Connection *connection, const char *id);

#endif
