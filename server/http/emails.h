/* SPDX-License-Identifier: MIT */
/* emails.h - the product: /emails?domain=. Endpoints; worker thread of the request. */
#ifndef HTTP_EMAILS_H
#define HTTP_EMAILS_H

#include "http/request.h"

/* GET: from the cache at once, else parked until its lookup ends or its time is over. */
void emails_get(struct request *request);

/* HEAD: is it cached? Never spends: 504 `not-cached` when it is not. */
void emails_head(struct request *request);

#endif
