/* SPDX-License-Identifier: MIT */
/* server.h - HTTP for the simulator: libmicrohttpd's daemon, driven from our own loop. */
#ifndef SIMULATOR_SERVER_H
#define SIMULATOR_SERVER_H

#include "tests/simulator/sim.h"

/* Listens on "address:port" (IPv4, or "[IPv6]:port"; port 0 = any) and sets sim->port.
 * ERR_SYNTAX: not such an address; ERR_SYSTEM: see errno. The loop and the rest of `sim` exist. */
enum err server_start(struct sim *sim, const char *listen_on);

/* Serves until sim->stopping. */
void server_run(struct sim *sim);

/* Cuts off whoever is left. Fine when nothing was started. */
void server_stop(struct sim *sim);

#endif
