/* SPDX-License-Identifier: MIT */
/* store_setup.h - opens or checks the store that the configuration describes, and opens its spool.
 * Startup; one thread at a time. */
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

/* Returns the path of the spool; heap, owned by the caller. NULL if the store is on this machine,
 * or there is no state directory. */
char *store_setup_spool_path(const struct config *config);

/* For a store on a server: creates what is missing, and opens the spool. The caller closes it.
 * Returns NULL, and logs that, if there can be no spool: it is a second place for what the store
 * records, and emailsd works without it. */
struct spool *store_setup_open_spool(const struct config *config);

/* Hands in what is in the spool of the store, and logs what the store does not accept. May be
 * repeated. Returns ERR_STORAGE_UNAVAILABLE if the store fails meanwhile; `why` then has the
 * message. No-op if `spool` is NULL. */
enum err store_setup_hand_in(struct spool *spool, struct store *store, struct errmsg *why);

/* As store_check(). ERR_OK if --store is not given: its default depends on variables that a service
 * manager sets. */
enum err store_setup_check(const struct config *config, struct errmsg *why);

#endif
