/* SPDX-License-Identifier: MIT */
/* upstream_setup.h - reads the upstream's key, checks its URL before anything is sent, and makes
 * its client. Main thread. */
#ifndef DAEMON_UPSTREAM_SETUP_H
#define DAEMON_UPSTREAM_SETUP_H

#include "base/err.h"
#include "base/errmsg.h"
#include "base/secret.h"
#include "config/config.h"

struct openmart;
struct transport;

/* Reads the key from --api-key-file or from the environment, whose copy is wiped. The caller frees
 * *ret_key. On failure, `why` says what the operator must change; returns ERR_SYNTAX. */
enum err upstream_load_key(const struct config *config, struct secret **ret_key,
                           struct errmsg *why);

/* Checks whether the key file can be read again. Returns ERR_OK if the key came from the
 * environment; ERR_SYNTAX as above. */
enum err upstream_check_key(const struct config *config, struct errmsg *why);

/* Checks the URL and --notify-url, and strips their trailing slashes. The key is sent in a header,
 * so plain http is allowed only to this machine or with --upstream-insecure; *ret_plaintext is true
 * in the latter case. Returns ERR_SYNTAX as above. */
enum err upstream_check(struct config *config, bool *ret_plaintext, struct errmsg *why);

/* Makes the client; `key` is borrowed, and main frees both results. Returns ERR_SYSTEM. */
enum err upstream_start(const struct config *config, struct secret *key,
                        struct transport **ret_transport, struct openmart **ret_openmart);

#endif
