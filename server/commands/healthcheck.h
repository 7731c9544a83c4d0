/* SPDX-License-Identifier: MIT */
/* healthcheck.h - `emailsd healthcheck`: asks a running emailsd whether it is alive, where there is
 * no other client: in an image without a shell. Main thread. */
#ifndef COMMANDS_HEALTHCHECK_H
#define COMMANDS_HEALTHCHECK_H

#include "base/err.h"

#include <stdbool.h>

#define HEALTHCHECK_WHY 256

/* `address` is one of those that the daemon listens on, "0.0.0.0:8080"; where it listens on all,
 * this machine's own is asked. ERR_OK when GET /livez is answered with 200 within a few seconds;
 * else `why` (HEALTHCHECK_WHY bytes) says what was heard. */
enum err healthcheck(const char *address, bool secured, char *why);

#endif
