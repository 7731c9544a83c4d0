/* SPDX-License-Identifier: MIT */
/* bulk_delivery.h - delivers the results of a bulk to the client of one request: as a document when
 * the bulk has ended, or as a stream while it runs.
 *
 *   bulk_delivery_new()    parks the request
 *   bulk_delivery_start()  opens the engine's reader: starts the bulk, joins it, or finds it
 *
 * A document waits for the end of the bulk with one pull, until the request's deadline; if the
 * engine hangs, the worker replies itself. Then, and for a stream immediately, a response starts,
 * and pulls follow each other. The next one is posted only when the client has taken most of what
 * was written: what a client does not read stays in the engine, which stops to spend. A stream
 * whose wait is over while the engine hangs is broken off; one that cannot begin within the default
 * wait is answered with a problem.
 *
 * A stream has its slot of --max-streams from bulk_delivery_new() on, so that a list that is
 * rejected for the lack of one costs nothing. A document needs none: its body is finite and
 * complete.
 *
 * Worker thread of the request. */
#ifndef HTTP_ENDPOINTS_BULK_DELIVERY_H
#define HTTP_ENDPOINTS_BULK_DELIVERY_H

#include "http/core/request.h"
#include "http/endpoints/bulk_query.h"
#include "lookup/lists/bulk.h"

#include <stdbool.h>

struct bulk_delivery;

/* Parks the request; copies the query. Returns NULL if too many streams are open, or too many
 * messages are outstanding on this worker: then the request has been answered. */
struct bulk_delivery *bulk_delivery_new(struct request *request, const struct bulk_query *query);

/* Returns the parked request; NULL if its client has left: then only bulk_delivery_free() may
 * follow. */
struct request *bulk_delivery_request(const struct bulk_delivery *delivery);

/* Frees a delivery that was not started, and whose request has been answered or abandoned. */
void bulk_delivery_free(struct bulk_delivery *delivery);

/* Opens the bulk of this list, which is taken; or, if `list` is NULL, the account's bulk with that
 * id. The delivery then frees itself. */
void bulk_delivery_start(struct bulk_delivery *delivery, struct bulk_list *list, const char *id,
                         const char *account);

#endif
