/* SPDX-License-Identifier: MIT */
/* worker_state.h - what worker.c, mhd_daemon.c and request.c share about libmicrohttpd; nobody else
 * includes it.
 *
 * A worker owns one daemon per listening address and everything that happens on their connections.
 * The access handler and the three notifications of libmicrohttpd live in request.c. */
#ifndef HTTP_CORE_WORKER_STATE_H
#define HTTP_CORE_WORKER_STATE_H

#include "base/clock.h"
#include "base/inbox.h"
#include "http/auth/client_keys.h"
#include "http/core/app.h"
#include "http/core/request.h"
#include "http/core/response.h"
#include "http/core/response_cache.h"
#include "http/core/worker.h"
#include "http/net/acceptor.h"
#include "http/net/connection_timeout.h"

#include <microhttpd.h>

enum worker_stage {
    WORKER_RUNNING,
    WORKER_DRAIN_REQUESTED, /* to drain, by message; still listens for the rest of the turn */
    WORKER_DRAINING,        /* listens no more */
};

struct worker {
    struct worker_options options;
    struct service *service;
    struct clock clock;
    int64_t date_second; /* the second that `date` shows */
    char date[CLOCK_TEXT];
    struct deadlines deadlines;
    struct clients *clients; /* NULL = no keys are wanted */
    struct limits limits;
    struct tls *tls;   /* NULL = plain HTTP */
    bool knows_layout; /* of libmicrohttpd's strings in memory, see head_layout.h */
    struct hits *hits;
    struct ready *last; /* what was said last, in case that it is said again; NULL = nothing */
    struct inbox *inbox;
    bool has_mail;    /* messages that were not opened yet, in favour of others */
    int64_t begun_ms; /* when a request began last */
    int epoll_fd;
    struct acceptor acceptor; /* its i-th socket is for the i-th daemon */
    bool has_callers;         /* somebody has connected to one of them */
    size_t n_daemons;
    struct MHD_Daemon *daemons[ACCEPTOR_SOCKETS];
    size_t n_requests; /* between the end of their headers and the last byte of their answer */
    size_t n_parked;
    enum worker_stage stage;
    int64_t drain_until_ms;
    struct message drain_message;
    struct heartbeat heartbeat;
    pthread_t thread;
};

/* Starts a daemon without a socket and adds it to the worker, whose it is. ERR_SYSTEM when it does
 * not start, or cannot be watched. */
enum err mhd_daemon_start(struct worker *worker);

/* Given to MHD_start_daemon() with the worker as their argument. */
enum MHD_Result request_handle(void *worker, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *upload_data,
                               size_t *upload_data_size, void **request);
void request_connection(void *worker, struct MHD_Connection *connection, void **slot,
                        enum MHD_ConnectionNotificationCode what);
void *request_line(void *worker, const char *uri, struct MHD_Connection *connection);
void request_completed(void *worker, struct MHD_Connection *connection, void **request,
                       enum MHD_RequestTerminationCode how);

/* The worker saw the client of a parked request leave. */
void request_client_left(struct request *request);

/* Adds a descriptor to the set that the worker waits for; worker.c says what the marks are. */
bool worker_add(struct worker *worker, int fd, uint32_t events, void *mark);

/* Watches the socket of a parked request for its client's leaving. It stays watched until it is
 * closed: to take it out and put it in again would cost two system calls for each who waits. */
void worker_watch(struct worker *worker, int fd, struct request *request);

#endif
