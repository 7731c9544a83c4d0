/* SPDX-License-Identifier: MIT */
/* bulk_entries.h - makes the list of a bulk out of a request: its account and options, then its
 * entries. Worker thread of the request. */
#ifndef HTTP_ENDPOINTS_BULK_ENTRIES_H
#define HTTP_ENDPOINTS_BULK_ENTRIES_H

#include "http/core/request.h"
#include "http/endpoints/bulk_query.h"
#include "http/protocol/list_parser.h"
#include "lookup/lists/bulk.h"

/* Returns a list without entries, which the caller owns. Copies what it takes from the request. */
struct bulk_list *bulk_entries_new(const struct request *request, const struct bulk_query *query);

/* Adds an entry, which is copied. One that is not valid becomes a rejected entry. The denied
 * domains are those of this instant: a reload between two entries applies to the later one, as it
 * would to single requests. */
void bulk_entries_add(struct bulk_list *list, const struct request *request,
                      const struct list_entry *parsed);

#endif
