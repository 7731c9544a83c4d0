/* SPDX-License-Identifier: MIT */
/* strike.h - what a fault does to an answer.
 *
 * Some faults bend the answer and leave its sending to libmicrohttpd; the others turn it into a
 * script of raw bytes. Pure but for the memory: looks at nothing but its arguments. */
#ifndef SIMULATOR_STRIKE_H
#define SIMULATOR_STRIKE_H

#include "tests/simulator/faults.h"
#include "tests/simulator/raw.h"
#include "tests/simulator/reply.h"

/* True: play *ret_script, which is the caller's, instead of sending the reply. False: send the
 * reply, changed or not. */
bool strike(const struct fault *fault, struct reply *reply, struct script *ret_script);

#endif
