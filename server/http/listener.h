/* SPDX-License-Identifier: MIT */
/* listener.h - the listening sockets and the worker threads behind them.
 *
 * Every worker is a thread with its own libmicrohttpd daemon per listening address (SO_REUSEPORT
 * shares the port) and its own epoll loop, because libmicrohttpd's own loops stall at exactly 128
 * or 256 ready connections. Main thread only. */
#ifndef HTTP_LISTENER_H
#define HTTP_LISTENER_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct listener;
struct service;
struct settings;

struct listener_options {
    const char *const *addresses; /* "127.0.0.1:8080", "[::1]:0"; port 0 picks one */
    size_t n_addresses;
    const int *inherited; /* a listening socket for each, which is taken over; NULL = none */
    int threads;
    int max_connections;       /* over all workers; more are refused at accept */
    int max_per_address;       /* of those, by one client's address; 0 = no limit */
    int other_files;           /* descriptors that others may need at once, beyond a few dozen */
    int64_t header_timeout_ms; /* from a connection's start to the end of its headers */
    int64_t answer_timeout_ms; /* for a client to take its answer */
    int64_t idle_timeout_ms;   /* of a connection without a request */
    int64_t drain_ms;          /* how long answers may take to leave when stopping */
    int64_t idle_ms; /* each worker turns at least this often; 0 = when there is something */
};

#define LISTENER_WHY 256

/* Binds all addresses, then starts the workers; requests arrive from here on. On failure `why`
 * (LISTENER_WHY bytes) says what, in words for the operator. Strings are copied; `service` is
 * borrowed. ERR_SYNTAX for an address that is none, else ERR_SYSTEM. */
enum err listener_start(const struct listener_options *options, struct service *service,
                        struct listener **ret_listener, char *why);

/* Can only this machine connect to it? False too for what is no address. Any thread. */
bool listener_is_local(const char *address);

/* "http://127.0.0.1:8080": the i-th address, with the port that it got. */
const char *listener_url(const struct listener *listener, size_t i);

/* Do all workers turn? The age of the one that turned least lately, by the monotonic clock. */
int64_t listener_age_ms(const struct listener *listener, int64_t now_ms);

/* Who may ask and how, from now on: each worker takes it over with its next turn. Before
 * listener_drain(). */
void listener_apply_settings(struct listener *listener, const struct settings *rules);

/* Is it an address to listen on? ERR_SYNTAX when it is none, and `why` says so. Any thread. */
enum err listener_check(const char *address, char *why);

/* Stops accepting; answers keep leaving. Idempotent. */
void listener_drain(struct listener *listener);

/* After listener_drain(): true as soon as no request is left, or those that are have taken longer
 * than drain_ms to leave; false when that was not so within `within_ms`. Parked ones must be
 * answered by their owners. */
bool listener_join(struct listener *listener, int64_t within_ms);

/* Waits for the same without limit, then frees. After listener_drain(). */
void listener_stop(struct listener *listener);

#endif
