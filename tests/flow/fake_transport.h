/* SPDX-License-Identifier: MIT */
/* fake_transport.h - replaces client/transport at link time.
 *
 * Keeps the requests that the code under test starts, and lets the test choose the result of
 * each. The next transport_run() delivers the result, as in the real transport. */
#ifndef FLOW_FAKE_TRANSPORT_H
#define FLOW_FAKE_TRANSPORT_H

#include "client/transport.h"

/* Returns the first request in flight that the test has not taken yet, or NULL. */
struct transfer *fake_next_new(struct transport *transport);

/* Returns a number that grows with every start, cancel and delivery. Two equal values mean that
 * nothing happened in between. */
unsigned fake_activity(const struct transport *transport);

const char *fake_url(const struct transfer *transfer);
const char *fake_body(const struct transfer *transfer); /* NULL: GET */
bool fake_only_once(const struct transfer *transfer);

/* Returns whether the request was cancelled or has ended. If it was, the pointer is invalid. */
bool fake_is_alive(const struct transport *transport, const struct transfer *transfer);

/* Completes the request; copies `body`. */
void fake_answer(struct transfer *transfer, int status, const char *body, int64_t retry_after_s);
void fake_break(struct transfer *transfer, enum transport_end end);

#endif
