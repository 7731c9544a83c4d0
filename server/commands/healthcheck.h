/* SPDX-License-Identifier: MIT */
/* healthcheck.h - `emailsd healthcheck`: checks whether a running emailsd is alive, for images
 * without a shell or an HTTP client. Main thread. */
#ifndef COMMANDS_HEALTHCHECK_H
#define COMMANDS_HEALTHCHECK_H

#include "base/err.h"
#include "base/errmsg.h"

#include <stdbool.h>

/* Checks GET /livez. `address` is one of the addresses that the daemon listens on, such as
 * "0.0.0.0:8080"; for a wildcard address, the loopback address is used. Returns ERR_OK for status
 * 200 within three seconds; else `why` says what happened. */
enum err healthcheck(const char *address, bool secured, struct errmsg *why);

#endif
