/* SPDX-License-Identifier: MIT */
/* worker.h - one HTTP worker: a thread with its own libmicrohttpd daemons and its own epoll loop.
 *
 * libmicrohttpd's own epoll loops take 128 events at a time and lose the rest of an exactly full
 * set: with exactly 128 or 256 ready connections none is answered until another one arrives. So the
 * worker waits in an epoll of its own, in which the daemons' epoll descriptors are nested, beside
 * its mailbox and the sockets of parked requests; and then lets each daemon run once. Connections
 * are touched by their worker only. Main thread only, apart from the thread itself. */
#ifndef HTTP_WORKER_H
#define HTTP_WORKER_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define WORKER_LISTENS 8

struct worker;
struct service;

struct worker_options {
    int number;               /* for the thread's name */
    unsigned max_connections; /* of this worker, per address */
    int64_t idle_timeout_ms;  /* of a connection without a request */
    int64_t drain_ms;         /* how long answers may take to leave when stopping */
};

/* Takes the `n` listening sockets over, in every case. ERR_SYSTEM when a daemon or the thread does
 * not start. */
enum err worker_start(const struct worker_options *options, struct service *service,
                      const int *sockets, size_t n, struct worker **ret_worker);

/* Any thread, once: stop accepting; the thread ends when no request is left or drain_ms is over. */
void worker_drain(struct worker *worker);

/* Waits for the thread to end, then frees. After worker_drain(). */
void worker_join(struct worker *worker);

#endif
