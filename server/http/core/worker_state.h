/* SPDX-License-Identifier: MIT */
/* worker_state.h - private state of a worker, shared by worker.c, mhd_daemon.c and the files of its
 * requests.
 *
 * A worker owns one daemon per listening address and everything that happens on their connections.
 * worker_start() fills the members before the thread runs. Then only that thread touches them, with
 * two exceptions: any thread may post to `inbox` (also the two messages, once); the main thread
 * uses `thread` to join. After the join the main thread frees everything. */
#ifndef HTTP_CORE_WORKER_STATE_H
#define HTTP_CORE_WORKER_STATE_H

#include "base/clock.h"
#include "base/inbox.h"
#include "base/timer.h"
#include "http/core/app.h"
#include "http/core/worker.h"
#include "http/net/acceptor.h"
#include "http/net/connection_timeout.h"

#include <microhttpd.h>
#include <pthread.h>

struct request;
struct response;
struct response_cache;

enum worker_stage {
    WORKER_RUNNING,
    WORKER_CLOSING,         /* drain announced: every response ends its connection */
    WORKER_DRAIN_REQUESTED, /* drain message handled; accepts until this iteration ends */
    WORKER_DRAINING,        /* accepts no more */
};

struct worker {
    struct worker_options options;
    struct service *service;
    struct clock clock;
    int64_t date_second; /* the second that `date` shows */
    char date[CLOCK_TEXT];
    struct connection_timeouts timeouts;
    struct timers timers;    /* deadlines of parked requests, heartbeats of streams */
    struct clients *clients; /* NULL = no keys required */
    struct limits limits;
    struct tls *tls;               /* NULL = plain HTTP */
    struct denied_domains *denied; /* NULL = none */
    bool knows_head_layout;        /* libmicrohttpd's memory layout is known, see head_layout.h */
    struct response_cache *responses;
    struct response *last_response; /* reused for an equal reply; NULL = none */
    struct inbox *inbox;
    bool has_messages;       /* messages were left for the next iteration */
    int64_t last_request_ms; /* when it began */
    int epoll_fd;
    struct acceptor acceptor; /* its i-th socket belongs to the i-th daemon */
    size_t n_daemons;
    struct MHD_Daemon *daemons[ACCEPTOR_SOCKETS];
    size_t n_requests; /* from the end of their headers to the last byte of their response */
    size_t n_parked;  /* requests whose connection is suspended, those of paused streams included */
    size_t n_streams; /* open ones, paused or not */
    size_t n_held;    /* messages that will still come about requests that have ended */
    size_t body_bytes[2]; /* reserved for bodies: of routes for clients, of open ones. See
                             request_body.c */
    enum worker_stage stage;
    int64_t drain_until_ms;
    int64_t streams_until_ms; /* those whose clients read */
    int64_t heads_until_ms;
    struct message announce_message, drain_message;
    pthread_t thread;
};

/* Starts a daemon without a listening socket; the worker owns it. Returns ERR_SYSTEM if it does not
 * start or cannot be watched. */
enum err mhd_daemon_start(struct worker *worker);

/* Callbacks for MHD_start_daemon(), with the worker as their argument; in request_handler.c. */
enum MHD_Result request_handle(void *worker, struct MHD_Connection *handle, const char *target,
                               const char *method, const char *version, const char *upload_data,
                               size_t *upload_data_size, void **request);
void request_completed(void *worker, struct MHD_Connection *handle, void **request,
                       enum MHD_RequestTerminationCode how);

/* The name, by its address, of a header that mhd_daemon.c adds to each request. */
extern const char mhd_no_cookie[];

/* Rejects a request by its target alone, before it begins, and closes its connection. */
void request_reject_target(struct worker *worker, struct MHD_Connection *handle);

/* The client of a request whose socket is watched has closed its connection: marks a parked request
 * as abandoned, and ends a paused stream. */
void request_client_left(struct request *request);

/* It has closed its sending half, and may have closed both. */
void request_client_half_closed(struct request *request);

/* Logs how many lines about rejected requests were left out in the seconds before; in
 * access_log.c. */
void access_log_summary(int64_t now_ms);

/* Returns whether access_log_summary() will have something to log in the next second. */
bool access_log_needs_summary(void);

/* Adds a descriptor to the epoll set; worker.c lists the marks. Returns false on failure. */
bool worker_add(struct worker *worker, int fd, uint32_t events, void *mark);

/* Watches the socket of a parked request for its close by the client. It stays in the set until it
 * is closed: removing and adding it again would cost two system calls per waiting request. */
void worker_watch(struct worker *worker, int fd, struct request *request);

#endif
