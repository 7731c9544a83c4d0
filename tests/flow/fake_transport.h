/* SPDX-License-Identifier: MIT */
/* fake_transport.h - stands in for client/transport at link time: keeps the requests that the code
 * under test starts, and lets the test end each as it likes. An end is delivered by the next
 * transport_run(), as the real one does it. */
#ifndef FLOW_FAKE_TRANSPORT_H
#define FLOW_FAKE_TRANSPORT_H

#include "client/transport.h"

/* The first request that is on its way and has not been looked at yet, or NULL. */
struct transfer *fake_next_new(struct transport *transport);

/* Goes up with everything that is started, cancelled or delivered: the same twice = nothing moved.
 */
unsigned fake_activity(const struct transport *transport);

const char *fake_url(const struct transfer *transfer);
const char *fake_body(const struct transfer *transfer); /* NULL: a GET */
bool fake_only_once(const struct transfer *transfer);

/* Was it cancelled, or has it ended? Then the pointer is no good any more. */
bool fake_is_alive(const struct transport *transport, const struct transfer *transfer);

/* Ends it; `body` is copied. */
void fake_answer(struct transfer *transfer, int status, const char *body, int64_t retry_after_s);
void fake_break(struct transfer *transfer, enum transport_end end);

#endif
