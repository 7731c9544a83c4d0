/* SPDX-License-Identifier: MIT */
/* listen.h - a listening TCP socket from an address as text. */
#ifndef SIMULATOR_LISTEN_H
#define SIMULATOR_LISTEN_H

#include "base/err.h"

/* "127.0.0.1:0", "[::1]:8080". The socket is the caller's and does not block. ERR_SYNTAX: not an
 * address and a port; ERR_SYSTEM: see errno. */
enum err listen_open(const char *text, int *ret_fd, int *ret_port);

#endif
