/* SPDX-License-Identifier: MIT */
/* progress.h - how a lookup that still runs is told: the body of every 202. Pure; any thread. */
#ifndef HTTP_ENDPOINTS_PROGRESS_H
#define HTTP_ENDPOINTS_PROGRESS_H

#include "base/buf.h"
#include "lookup/records/task.h"

#include <stdint.h>

struct progress {
    const char *id, *domain;
    enum task_phase phase;
    int64_t elapsed_ms, expected_ms;
};

#define PROGRESS_MAX 512

/* {"id":..,"domain":..,"phase":"queued|submitting|processing|fetching","elapsed_s":31.2,
 *  "expected_s":48} and a newline. */
void progress_write(const struct progress *progress, struct buf *out);

#endif
