/* SPDX-License-Identifier: MIT */
/* response.h - a libmicrohttpd response that is prepared once and sent for every equal reply.
 *
 * Preparing a response costs a dozen allocations, as much as the rest of a hit. Within one second
 * all hits of a question have the same status, headers and body, except for X-Request-Id. That has
 * the same length in all of them and is overwritten just before the response is queued.
 * libmicrohttpd copies the headers before it calls any other code, so one response serves any
 * number of connections of one worker. Reference-counted; thread of one worker only. */
#ifndef HTTP_CORE_RESPONSE_H
#define HTTP_CORE_RESPONSE_H

#include "http/core/reply.h"

#include <microhttpd.h>

struct response;

/* Prepares a response; consumes `reply`. `date` and `id` are those of the first request; `closing`
 * adds Connection: close. */
struct response *response_new(struct reply *reply, const char *date, const char *id, bool closing);

/* Prepares the response of one stream; `head` has no body and is consumed. libmicrohttpd reads the
 * body by `read`, in pieces of at most `room` bytes if it is not in chunks. With `is_head` there is
 * none: nothing is read, and the connection ends, because 0.9.75 would send the last chunk. */
struct response *response_new_stream(struct reply *head, const char *date, const char *id,
                                     bool closing, bool is_head, size_t room,
                                     MHD_ContentReaderCallback read, void *arg);

struct response *response_ref(struct response *response);
void response_unref(struct response *response); /* NULL is a no-op */

/* Returns whether this response can be reused for `reply` (request id aside). A reply that owns its
 * body never matches. */
bool response_matches(const struct response *response, const struct reply *reply, const char *date,
                      const char *id, bool closing);

int response_status(const struct response *response);

/* Queues the response on this connection. `id` must have the length of the one given to
 * response_new(). */
enum MHD_Result response_send(struct response *response, struct MHD_Connection *connection,
                              const char *id);

/* Sends the response immediately and without libmicrohttpd's memory, see direct_send.h. For a short
 * one; `has_body` false leaves out its body. The connection must be closed afterwards, even if not
 * all of it could be sent. */
void response_send_directly(struct response *response, struct MHD_Connection *connection,
                            const char *id, bool has_body);

#endif
