/* SPDX-License-Identifier: MIT */
/* store_opening.h - opens a store on a server that may be away, while the main thread does other
 * work.
 *
 * A thread of its own tries again until an attempt succeeds, or the operator must change something
 * first. Each time that it has another reason to wait, it logs that. Main thread. */
#ifndef DAEMON_STORE_OPENING_H
#define DAEMON_STORE_OPENING_H

#include "base/err.h"
#include "base/errmsg.h"

#include <stdbool.h>
#include <stdint.h>

struct store_opening;

/* One attempt, on the thread. After ERR_STORAGE_UNAVAILABLE, there is another one. */
typedef enum err store_opening_fn(void *arg, struct errmsg *why);

/* Starts the thread. `arg` is its own until it has ended. Returns ERR_SYSTEM with errno set if
 * there can be no thread. */
enum err store_opening_start(store_opening_fn *attempt, void *arg,
                             struct store_opening **ret_opening);

/* Waits until the first attempt has ended, or for that time. */
void store_opening_await_first(struct store_opening *opening, int64_t within_ms);

/* Returns whether the last attempt has ended. */
bool store_opening_is_over(struct store_opening *opening);

/* After it is over: frees the opening, and returns the result of the last attempt, which is not
 * ERR_STORAGE_UNAVAILABLE. */
enum err store_opening_end(struct store_opening *opening, struct errmsg *why);

/* Ends the attempts; the last one may have succeeded. Returns false, and frees nothing, if it does
 * not end within that time; then the process must end. */
bool store_opening_cancel(struct store_opening *opening, int64_t within_ms);

#endif
