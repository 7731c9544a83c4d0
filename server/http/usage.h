/* SPDX-License-Identifier: MIT */
/* usage.h - GET /usage: what the caller has spent today, and what remains. Worker thread. */
#ifndef HTTP_USAGE_H
#define HTTP_USAGE_H

#include "http/request.h"

void usage_get(struct request *request);

#endif
