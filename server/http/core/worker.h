/* SPDX-License-Identifier: MIT */
/* worker.h - one HTTP worker: a thread with its own libmicrohttpd daemons and its own epoll loop.
 *
 * libmicrohttpd's own epoll loops take 128 events at a time and lose the rest of an exactly full
 * set: with exactly 128 or 256 ready connections none is answered until another one arrives. So the
 * worker waits in an epoll of its own, in which the daemons' epoll descriptors are nested, beside
 * its inbox, its listening sockets (acceptor.h says why they are not the daemons') and the
 * sockets of parked requests; and then lets each daemon run once. Connections are touched by their
 * worker only. Main thread only, apart from the thread itself. */
#ifndef HTTP_CORE_WORKER_H
#define HTTP_CORE_WORKER_H

#include "base/err.h"
#include "base/heartbeat.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct worker;
struct settings;
struct connection_limit;
struct service;

/* Descriptors that a worker has for itself, and for each address: listening socket, epoll, wake-up.
 */
#define WORKER_FILES     2
#define WORKER_FILES_PER 3

struct worker_options {
    int number;                     /* for the thread's name */
    struct connection_limit *seats; /* borrowed; a connection beyond its limits is closed at once */
    int64_t header_timeout_ms;      /* from a connection's start to the end of its headers */
    int64_t answer_timeout_ms;      /* for a client to take its answer */
    int64_t idle_timeout_ms;        /* of a connection without a request */
    int64_t drain_ms;               /* how long answers may take to leave when stopping */
    int64_t idle_ms;                /* it turns at least this often; 0 = when there is something */
    bool leaves_queue; /* who has connected and was not taken in is somebody else's at the
                        * end: another process will go on with the sockets */
};

/* Takes the `n` listening sockets over, in every case. ERR_SYSTEM when a daemon or the thread does
 * not start. */
enum err worker_start(const struct worker_options *options, struct service *service,
                      const int *sockets, size_t n, struct worker **ret_worker);

/* Any thread, from worker_start() to worker_drain(): from its next turn on the worker goes by
 * these. */
void worker_apply_settings(struct worker *worker, const struct settings *rules);

/* Any thread, once: stop accepting; the thread ends when no request is left, or when none is parked
 * and since then drain_ms are over. For the parked it waits without limit: their owners hold on to
 * them. */
void worker_drain(struct worker *worker);

/* Waits for the thread to end, then frees: true; false when it did not end in that time. After
 * worker_drain(). */
bool worker_join(struct worker *worker, int64_t within_ms);

/* Any thread. Does it turn? */
const struct heartbeat *worker_heartbeat(const struct worker *worker);

#endif
