/* SPDX-License-Identifier: MIT */
/* upstream_setup.h - the vendor's key and address, by the configuration, checked before anything is
 * sent. Main thread. */
#ifndef DAEMON_UPSTREAM_SETUP_H
#define DAEMON_UPSTREAM_SETUP_H

#include "base/err.h"
#include "base/secret.h"
#include "config/config.h"

#define UPSTREAM_WHY 512

/* From --api-key-file, or else from the environment, whose copy is wiped. ERR_SYNTAX, and `why`
 * (UPSTREAM_WHY bytes) says what the operator must change. */
enum err upstream_load_key(const struct config *config, struct secret **ret_key, char *why);

/* Could the key be read anew from its file? ERR_OK when it came from the environment; ERR_SYNTAX as
 * above. */
enum err upstream_check_key(const struct config *config, char *why);

/* The key travels in a header: in clear only to this machine, or where the operator insists.
 * *ret_clear says that he does. Takes slashes off the end of the URL. ERR_SYNTAX as above. */
enum err upstream_check(struct config *config, bool *ret_clear, char *why);

#endif
