/* SPDX-License-Identifier: MIT */
/* lookups.h - GET /lookups/{id}: how far a lookup is, or how it ended. Endpoint. */
#ifndef HTTP_LOOKUPS_H
#define HTTP_LOOKUPS_H

#include "http/request.h"

/* 202 with the progress while it runs; then the answer or the problem that it ended with; 404 for
 * ids that are unknown or forgotten. Never costs anything. */
void lookups_get(struct request *request);

#endif
