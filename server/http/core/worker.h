/* SPDX-License-Identifier: MIT */
/* worker.h - one HTTP worker: a thread with its own libmicrohttpd daemons and its own epoll loop.
 *
 * libmicrohttpd's epoll loops take 128 events at a time and lose the rest of an exactly full set:
 * with exactly 128 or 256 ready connections none is served until another one arrives. The worker
 * therefore waits on its own epoll set and then runs each daemon once. The set holds the daemons'
 * epoll descriptors, the inbox, the listening sockets and the sockets of parked requests.
 * acceptor.h explains why the listening sockets are not the daemons'.
 *
 * Only the worker's thread touches its connections. The functions below are for the main thread,
 * except where they say "any thread". */
#ifndef HTTP_CORE_WORKER_H
#define HTTP_CORE_WORKER_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heartbeat;
struct worker;
struct settings;
struct connection_limit;
struct service;

/* Descriptors per worker, and per worker and address: listening socket, epoll, wake-up. */
#define WORKER_FILES     2
#define WORKER_FILES_PER 3

struct worker_options {
    int number;                                /* for the thread's name */
    struct connection_limit *connection_limit; /* borrowed; shared by all workers */
    struct heartbeat *heartbeat; /* borrowed; the loop writes it, and it may outlive the worker */
    int64_t header_timeout_ms;   /* from a connection's start to the end of its headers */
    int64_t response_timeout_ms; /* for a client to read its response */
    int64_t idle_timeout_ms;     /* of a connection without a request */
    int64_t drain_ms;            /* maximum time to send responses at shutdown */
    int64_t head_grace_ms;       /* of it, for heads that have begun to arrive, or may soon */
    int64_t interim_ms;          /* before a half-closed client is probed again; at least 1 */
    int64_t heartbeat_ms;        /* of a stream without a byte */
    int64_t idle_ms;             /* longest sleep of the loop; 0 = only the built-in bound */
    bool leaves_queue; /* at shutdown, leave queued connections to the process that keeps the
                          sockets */
};

/* Starts the worker. Takes ownership of the `n` listening sockets in any case; borrows `service`.
 * Returns ERR_SYSTEM, with the reason in errno, if a daemon or the thread does not start. */
enum err worker_start(const struct worker_options *options, struct service *service,
                      const int *sockets, size_t n, struct worker **ret_worker);

/* Any thread, from worker_start() to worker_drain(): the worker applies the settings in its next
 * loop iteration. Takes its own references. */
void worker_apply_settings(struct worker *worker, const struct settings *settings);

/* Any thread, once, before worker_drain(): from now on every response ends its connection. */
void worker_announce_drain(struct worker *worker);

/* Any thread, once: stops accepting. Connections that have not sent a whole head get head_grace_ms
 * for it. The thread ends when no request is left, or when none is parked and drain_ms have passed
 * since then. It waits for parked requests and paused streams without a limit, because their owners
 * still refer to them. A stream whose client takes nothing for drain_ms is cut, at the latest after
 * twice that time, and any other after the stream_drain_ms of the limits. Other responses have as
 * much time while a stream is open. */
void worker_drain(struct worker *worker);

/* Waits at most `within_ms` for the thread to end. Returns true after freeing the worker, false on
 * timeout. After worker_drain(). */
bool worker_join(struct worker *worker, int64_t within_ms);

#endif
