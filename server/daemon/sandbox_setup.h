/* SPDX-License-Identifier: MIT */
/* sandbox_setup.h - which walls of sandbox.h this configuration asks for, and which files stay
 * within reach. Main thread, at the start. */
#ifndef DAEMON_SANDBOX_SETUP_H
#define DAEMON_SANDBOX_SETUP_H

#include "config/config.h"
#include "os/sandbox.h"

/* When the store is open and before there is a second thread. Nothing fails: what the kernel lacks
 * is told by confine_calls(). */
void confine_files(const struct config *config, struct sandbox_state *ret_state);

/* When the last listening socket is there; logs what is in force. */
void confine_calls(const struct config *config, struct sandbox_state *state);

#endif
