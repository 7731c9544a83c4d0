/* SPDX-License-Identifier: MIT */
/* metrics.h - GET /metrics: what the daemon counts, in the text format of Prometheus (0.0.4).
 *
 * No domain, client or address is ever a label. Worker thread. */
#ifndef HTTP_METRICS_H
#define HTTP_METRICS_H

#include "http/request.h"

void metrics_get(struct request *request);

#endif
