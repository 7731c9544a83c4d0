/* SPDX-License-Identifier: MIT */
/* store_opening.h - opens a store on a server that may be away, while the main thread does other
 * work.
 *
 * A thread of its own tries again until the store is open, or the operator must change something
 * first. Each time that it has another reason to wait, it logs that. Main thread. */
#ifndef DAEMON_STORE_OPENING_H
#define DAEMON_STORE_OPENING_H

#include "base/errmsg.h"
#include "config/config.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct store_opening;

/* Starts the thread. The options of the store in `config` are borrowed. Returns ERR_SYSTEM with
 * errno set if there can be no thread. */
enum err store_opening_start(const struct config *config, struct store_opening **ret_opening);

/* Waits until the first attempt has ended, or for that time. */
void store_opening_await_first(struct store_opening *opening, int64_t within_ms);

/* Returns whether the store is open, or cannot be opened. */
bool store_opening_is_over(struct store_opening *opening);

/* After it is over: frees the opening, and returns the store, or an error of store_open() other
 * than ERR_STORAGE_UNAVAILABLE. */
enum err store_opening_end(struct store_opening *opening, struct store **ret_store,
                           struct errmsg *why);

/* Ends the attempts; closes the store if it was opened meanwhile. Returns false, and frees nothing,
 * if the last attempt does not end within that time; then the process must end. NULL is a no-op,
 * and true. */
bool store_opening_cancel(struct store_opening *opening, int64_t within_ms);

#endif
