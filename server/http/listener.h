/* SPDX-License-Identifier: MIT */
/* listener.h - opens the listening sockets and runs the worker threads.
 *
 * Each worker is a thread with its own libmicrohttpd daemon per listening address (SO_REUSEPORT
 * shares the port). It has its own epoll loop, because libmicrohttpd's loops stall at exactly 128
 * or 256 ready connections. Main thread only, except as noted. */
#ifndef HTTP_LISTENER_H
#define HTTP_LISTENER_H

#include "base/err.h"
#include "base/errmsg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct listener;
struct service;
struct settings;

struct listener_options {
    const char *const *addresses; /* "127.0.0.1:8080", "[::1]:0"; port 0 picks a free port */
    size_t n_addresses;
    const int *inherited; /* one listening socket per address, ownership passes; NULL = bind */
    int threads;
    int max_connections;         /* over all workers; more are closed on accept */
    int max_per_address;         /* of these, per client address; 0 = no limit */
    int other_files;             /* descriptors that other modules may need, beyond a few dozen */
    int64_t header_timeout_ms;   /* from a connection's start to the end of its headers */
    int64_t response_timeout_ms; /* for a client to read its response */
    int64_t idle_timeout_ms;     /* of a connection without a request */
    int64_t drain_ms;            /* maximum time to send responses at shutdown */
    int64_t head_grace_ms;       /* of it, for heads that have begun to arrive, or may soon */
    int64_t interim_ms;          /* before a half-closed client is probed again; at least 1 */
    int64_t heartbeat_ms;        /* of a stream without a byte; 0 = STREAM_HEARTBEAT_MS */
    int64_t idle_ms;             /* longest sleep of each worker; 0 = only the built-in bound */
};

/* Binds all addresses, then starts the workers; requests arrive from here on. Copies strings;
 * borrows `service` and sets the heartbeats of the workers in it. Returns ERR_SYNTAX for an invalid
 * address, else ERR_SYSTEM; `why` then says what failed, for the operator. */
enum err listener_start(const struct listener_options *options, struct service *service,
                        struct listener **ret_listener, struct errmsg *why);

/* Returns whether only this machine can connect to the address; false if it is invalid. Any
 * thread. */
bool listener_is_local(const char *address);

/* Returns the i-th address with the port that it got, such as "http://127.0.0.1:8080". */
const char *listener_url(const struct listener *listener, size_t i);

/* Returns the age of the oldest worker heartbeat in milliseconds. `now_ms` is monotonic. */
int64_t listener_age_ms(const struct listener *listener, int64_t now_ms);

/* Sends new settings to the workers; each applies them in its next loop iteration. Call before
 * listener_drain(). */
void listener_apply_settings(struct listener *listener, const struct settings *settings);

/* Returns ERR_SYNTAX if the address is invalid; `why` then says so. Any thread. */
enum err listener_check(const char *address, struct errmsg *why);

/* From now on every response says Connection: close, so that clients and load balancers move to
 * another server; new connections are still accepted. Once, before listener_drain(). */
void listener_announce_drain(struct listener *listener);

/* Stops accepting; responses in progress are still sent, and a request that a client has begun to
 * send gets head_grace_ms to arrive. Idempotent. */
void listener_drain(struct listener *listener);

/* Waits at most `within_ms` for the workers to end. Returns true once no request is left, or
 * drain_ms have passed for sending the remaining responses; else false. Streams that are read have
 * the stream_drain_ms of the limits. Parked requests must be answered by their owners. After
 * listener_drain(). */
bool listener_join(struct listener *listener, int64_t within_ms);

/* Waits without a limit, then frees. After listener_drain(). */
void listener_stop(struct listener *listener);

#endif
