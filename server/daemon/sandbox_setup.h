/* SPDX-License-Identifier: MIT */
/* sandbox_setup.h - applies the sandbox options, and selects the files that stay accessible. Main
 * thread, at startup. */
#ifndef DAEMON_SANDBOX_SETUP_H
#define DAEMON_SANDBOX_SETUP_H

#include "config/config.h"
#include "os/sandbox.h"

/* Restricts file access. Must run after engine_setup_begin(), which creates the folders that are
 * written, and before there is a second thread.
 * Missing kernel support is not an error; sandbox_setup_calls() logs it. */
void sandbox_setup_files(const struct config *config, struct sandbox_state *ret_state);

/* Restricts system calls and logs the layers in effect. Must run after the last listening socket
 * was opened. */
void sandbox_setup_calls(const struct config *config, struct sandbox_state *state);

#endif
