/* SPDX-License-Identifier: MIT */
/* store_setup.h - opens or checks the store that the configuration describes, and opens its spool.
 * Startup, main thread. */
#ifndef DAEMON_STORE_SETUP_H
#define DAEMON_STORE_SETUP_H

#include "base/errmsg.h"
#include "config/config.h"
#include "store/spool.h"
#include "store/store.h"

/* Returns what the configuration says about the store. Borrows its texts. */
struct store_options store_setup_options(const struct config *config);

/* Opens the store as its owner; logs if nothing in it survives a restart. Errors as store_open().
 */
enum err store_setup_open(const struct config *config, struct store **ret_store,
                          struct errmsg *why);

/* Opens the spool of the store, hands in what is in it, and logs what the store does not accept.
 * *ret_spool is NULL if the store is on this machine. It is NULL, too, and that is logged, if there
 * can be no spool: it is a second place for what the store records, and emailsd works without it.
 * Returns ERR_STORAGE_UNAVAILABLE if the store fails meanwhile; `why` then has the message. */
enum err store_setup_spool(struct store *store, struct spool **ret_spool, struct errmsg *why);

/* As store_check(). ERR_OK if --store is not given: its default depends on variables that a service
 * manager sets. */
enum err store_setup_check(const struct config *config, struct errmsg *why);

#endif
