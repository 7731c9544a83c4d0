/* SPDX-License-Identifier: MIT */
/* sim.h - the HTTP side of the simulator: its loop, the calls, their records, the control
 * interface.
 *
 * A call lives from its request line until its reply is sent. In between it may sleep: its
 * connection is then suspended and it is in the list `asleep` until its time. The caller of
 * call_sleep() names the next step. Only server.c frees calls. One thread. */
#ifndef SIMULATOR_SIM_H
#define SIMULATOR_SIM_H

#include "base/clock.h"
#include "base/timer.h"
#include "tests/simulator/api.h"
#include "tests/simulator/behaviour.h"
#include "tests/simulator/faults.h"
#include "tests/simulator/notify.h"
#include "tests/simulator/scripted_socket.h"
#include "tests/simulator/upstream.h"

struct MHD_Daemon;
struct MHD_Connection;

/* ---- the loop: descriptors, timers, and the time of the iteration (server.c) ----
 *
 * libmicrohttpd's own epoll loops stall if exactly 128 or 256 connections are ready, so its
 * epoll descriptor is only one of those that this loop waits for. All are level-triggered. */

struct watch;
typedef void watch_fn(struct watch *watch, uint32_t events);

/* Embedded in what waits for a descriptor. Must outlive the iteration in which it is removed,
 * because its event may already be fetched. */
struct watch {
    watch_fn *ready;
};

struct loop {
    int epoll;
    struct clock clock;
    struct timers timers;
};

enum err loop_init(struct loop *loop); /* ERR_SYSTEM */
void loop_done(struct loop *loop);

enum err loop_add(struct loop *loop, int fd, uint32_t events, struct watch *watch);
void loop_change(struct loop *loop, int fd, uint32_t events, struct watch *watch);
void loop_remove(struct loop *loop, int fd);

/* ---- what clients sent (calls.c) ----
 *
 * A call is counted when it has been read completely. Its record exists from its headers on, so
 * that a truncated request is recorded, too. Only calls to the upstream are counted, not those
 * below /sim/. Of a key, only the name of its header is stored. */

#define RECORDS 1000

/* The record owns the strings; NULL = the request had no such header. */
struct record {
    uint64_t n; /* from 1 */
    int64_t wall_ms;
    enum call_kind kind;
    uint64_t connection; /* the number of its connection */
    char *method, *path, *version;
    char *host, *user_agent, *connection_header, *content_type, *accept, *accept_encoding, *expect;
    char *cache_control;
    bool x_api_key, bearer, authorized;
    bool complete; /* read completely */
    size_t body_length;
};

struct calls {
    uint64_t by_kind[CALL_KINDS];
    uint64_t unauthorized;
    uint64_t connections;   /* connections with at least one call to the upstream */
    uint64_t accept_closed; /* closed right after accept(), by a fault */
    uint64_t throttled;     /* reads that got 429, by the behaviour */
    int64_t second_ms;      /* when the second began in which reads are counted, */
    int64_t in_second;      /* and their number */
    uint64_t n_records;     /* total */
    struct record records[RECORDS];
};

/* Resets everything, as after calloc(). */
void calls_clear(struct calls *calls);

/* Appends a JSON array, oldest first. */
void calls_write_requests(const struct calls *calls, struct buf *out);

/* ---- the simulator, and one call to it ---- */

#define KEYS_MAX      16
#define CALL_MAX_BODY ((size_t)4 << 20)

struct sim {
    struct loop loop;
    struct behaviour at_start, behaviour;
    const char *keys[KEYS_MAX]; /* borrowed from argv */
    size_t n_keys;
    struct rules *rules;
    struct upstream upstream;
    struct faults faults;
    struct calls *calls;
    struct scripted_sockets sockets;
    struct notifier notifier;

    struct MHD_Daemon *daemon;
    struct watch daemon_watch, signal_watch;
    int signal_fd;
    int port;
    bool stopping;
    bool resumed;  /* a connection was resumed since MHD_run() last began */
    uint64_t open; /* number of connections, without those taken over by scripts */
    uint64_t resets;
    struct call *asleep;
    size_t n_asleep;
};

enum call_state {
    CALL_NEW,     /* only its request line is known */
    CALL_READING, /* headers read, perhaps part of the body */
    CALL_ASLEEP,
    CALL_READY,    /* `reply` has to be sent */
    CALL_SCRIPTED, /* `script` has to be played */
    CALL_DROPPED   /* the connection has to be closed */
};

struct call;
typedef void call_next_fn(struct call *call);

struct call {
    struct sim *sim;
    struct MHD_Connection *connection;
    enum call_state state;
    char *uri; /* as sent, with its query */
    char *method, *path;
    struct buf body;

    bool for_upstream;   /* and not below /sim/; the rest of this group is for such calls only */
    struct api_call api; /* its strings are set when the whole request is read */
    uint64_t record;
    int64_t arrived_ms;
    struct fault *fault;

    struct reply reply;
    struct script script;
    bool peer_gone; /* the client left before the reply could be sent */

    struct timer timer;
    call_next_fn *next_step;
    struct call *prev, *next;
};

/* Sleeps until `at_ms` (monotonic) and then runs `next_step`; runs it immediately if that time
 * has passed. */
void call_sleep(struct call *call, int64_t at_ms, call_next_fn *next_step);

/* Changes the wake-up time of a sleeping call. */
void call_resleep(struct call *call, int64_t at_ms);

/* Ends the sleep now and runs the next step. */
void call_wake(struct call *call);

/* Ends the sleep and closes the connection without a response. */
void call_drop(struct call *call);

/* Borrowed from the call; NULL if absent. Query values are percent-decoded. */
const char *call_header(const struct call *call, const char *name);
const char *call_query(const struct call *call, const char *name);

/* ---- HTTP, with libmicrohttpd driven by the loop (server.c) ---- */

/* Listens on "address:port" (IPv4, or "[IPv6]:port"; port 0 = any) and sets sim->port. The loop
 * and the rest of `sim` must exist. ERR_SYNTAX: not such an address; ERR_SYSTEM: see errno. */
enum err server_start(struct sim *sim, const char *listen_on);

/* Serves until sim->stopping. */
void server_run(struct sim *sim);

/* Closes the remaining connections. No-op if nothing was started. */
void server_stop(struct sim *sim);

/* ---- the lifecycle of one call to the upstream (calls.c) ----
 *
 * A call is recorded, delayed, handled, and changed by a fault. The upstream does not notice
 * that a client has left during the delay before a submit: the batch is still created, and the
 * ledger shows it as not answered. */

/* Called when the headers are read. `connection` is the number of the call's connection. */
void call_headers(struct call *call, const char *version, uint64_t connection);

/* Called when the whole request is read; leaves the call ASLEEP, READY or SCRIPTED. */
void call_serve(struct call *call);

/* Called after a change of the submit delay: sleeping submits get a new time, counted from their
 * arrival. */
void calls_retime(struct sim *sim);

/* ---- the control interface for tests, below /sim/ (control.c) ----
 *
 * No key is required. README.md describes the interface. */

/* Returns whether this path belongs to the control interface. */
bool control_owns(const char *path);

/* Handles a complete request; leaves the call READY or, for /sim/wait, perhaps ASLEEP. */
void control_call(struct call *call);

/* Wakes the calls of /sim/wait whose counters have reached their numbers. Called once per loop
 * iteration. */
void control_recheck(struct sim *sim);

#endif
