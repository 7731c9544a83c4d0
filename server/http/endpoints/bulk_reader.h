/* SPDX-License-Identifier: MIT */
/* bulk_reader.h - replies to one request with the results of a bulk: as a document when the bulk
 * has ended, or as a stream while it runs.
 *
 *   bulk_reading_new()   parks the request
 *   bulk_reading_open()  opens the engine's reader: starts the bulk, joins it, or finds it
 *
 * A document waits for the end of the bulk with one pull, until the request's deadline; if the
 * engine hangs, the worker replies itself. Then, and for a stream immediately, a response starts,
 * and pulls follow each other. The next one is posted only when the client has taken most of what
 * was written: what a client does not read stays in the engine, which stops to spend. A stream
 * whose wait is over while the engine hangs is broken off; one that cannot begin within the default
 * wait is answered with a problem.
 *
 * A stream has its slot of --max-streams from bulk_reading_new() on, so that a list that is
 * rejected for the lack of one costs nothing. A document needs none: its body is finite and
 * complete.
 *
 * Worker thread of the request. */
#ifndef HTTP_ENDPOINTS_BULK_READER_H
#define HTTP_ENDPOINTS_BULK_READER_H

#include "http/core/request.h"
#include "http/endpoints/bulk_query.h"
#include "lookup/lists/bulk.h"

#include <stdbool.h>

struct bulk_reading;

/* Parks the request; copies the query. Returns NULL if too many streams are open, or
 * too many messages are outstanding on this worker: then the request has been answered. */
struct bulk_reading *bulk_reading_new(struct request *request, const struct bulk_query *query);

/* Returns the parked request; NULL if its client has left: then only bulk_reading_free() may
 * follow. */
struct request *bulk_reading_request(const struct bulk_reading *reading);

/* Frees a reading that was not opened, and whose request has been answered or abandoned. */
void bulk_reading_free(struct bulk_reading *reading);

/* Opens the bulk of this list, which is taken; or, if `list` is NULL, the account's bulk with that
 * id. The reading then frees itself. */
void bulk_reading_open(struct bulk_reading *reading, struct bulk_list *list, const char *id,
                       const char *account);

#endif
