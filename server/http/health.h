/* SPDX-License-Identifier: MIT */
/* health.h - probes; they never cost anything. Endpoints. */
#ifndef HTTP_HEALTH_H
#define HTTP_HEALTH_H

#include "http/request.h"

/* GET /livez: the process is alive and its worker answers. */
void health_live(struct request *request);

#endif
