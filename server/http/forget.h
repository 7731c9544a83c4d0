/* SPDX-License-Identifier: MIT */
/* forget.h - DELETE /emails?domain=: forgets every answer about a domain, in memory and on disk.
 * Lookups under way go on. Worker thread of the request. */
#ifndef HTTP_FORGET_H
#define HTTP_FORGET_H

#include "http/request.h"

void forget_domain(struct request *request);

#endif
