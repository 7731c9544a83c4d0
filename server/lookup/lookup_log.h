/* SPDX-License-Identifier: MIT */
/* lookup_log.h - logs and counts a finished lookup: its ids, client, outcome, duration and cost.
 * Never logs an e-mail address that was found. Engine thread only. */
#ifndef LOOKUP_LOOKUP_LOG_H
#define LOOKUP_LOOKUP_LOG_H

#include "lookup/records/task.h"
#include "model/result.h"

#include <stddef.h>
#include <stdint.h>

void lookup_log_finished(const struct task *task, const struct task_end *end,
                         const struct result *result, int64_t took_ms, size_t waiters);

#endif
