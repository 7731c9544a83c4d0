/* SPDX-License-Identifier: MIT */
/* bulk_reply.h - the responses about a bulk that POST /emails and GET /bulks/{id} share, except for
 * its results. Worker thread of the request; all but the first two functions reply to it. */
#ifndef HTTP_ENDPOINTS_BULK_REPLY_H
#define HTTP_ENDPOINTS_BULK_REPLY_H

#include "http/core/reply.h"
#include "http/core/request.h"
#include "http/endpoints/bulk_query.h"
#include "lookup/lists/bulk.h"

/* Notes for the access log which bulk it is, and what it has cost so far. */
void bulk_reply_note(struct request *request, const struct bulk_query *query,
                     const struct bulk_progress *progress);

/* Fills `ret_head` with the head of a stream, or of a document whose body is streamed. */
void bulk_reply_head(struct request *request, const struct bulk_query *query,
                     const struct bulk_progress *progress, struct reply *ret_head);

/* The wait is over, and the bulk continues: 202 with its progress if the query asks for it, else
 * 504. */
void bulk_reply_unfinished(struct request *request, const struct bulk_query *query,
                           const struct bulk_progress *progress);

/* The drain has ended the bulk. */
void bulk_reply_drained(struct request *request, const struct bulk_query *query,
                        const struct bulk_progress *progress);

/* The bulk could not be opened: with the error of `open`. */
void bulk_reply_failure(struct request *request, const struct bulk_open_call *open);

/* The engine has not replied in time. */
void bulk_reply_late(struct request *request, const struct bulk_query *query);

#endif
