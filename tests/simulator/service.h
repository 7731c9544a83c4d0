/* SPDX-License-Identifier: MIT */
/* service.h - the life of one call to the vendor: recorded, delayed, handled, struck by a fault.
 *
 * The vendor does not notice that a client has left during the sleep before a submit: the batch is
 * created all the same, and the ledger shows it as not answered. */
#ifndef SIMULATOR_SERVICE_H
#define SIMULATOR_SERVICE_H

#include "tests/simulator/sim.h"

/* The headers are there. `connection` is the number of the call's connection. */
void service_headers(struct call *call, const char *version, uint64_t connection);

/* The request is there as a whole; leaves the call ASLEEP, READY or STRUCK. */
void service_call(struct call *call);

/* The submit delay has changed: sleeping submits are timed anew, from their arrival. */
void service_retime(struct sim *sim);

#endif
