/* SPDX-License-Identifier: MIT */
/* sim.h - the simulator as one struct, and one call to it.
 *
 * A call lives from its request line until its reply is sent. In between it may sleep: its
 * connection is then suspended and it is in the list `asleep` until its time. The caller of
 * call_sleep() names the next step. Only server.c frees calls. One thread. */
#ifndef SIMULATOR_SIM_H
#define SIMULATOR_SIM_H

#include "tests/simulator/answers.h"
#include "tests/simulator/behaviour.h"
#include "tests/simulator/calls.h"
#include "tests/simulator/faults.h"
#include "tests/simulator/loop.h"
#include "tests/simulator/rules.h"
#include "tests/simulator/scripted_socket.h"
#include "tests/simulator/upstream.h"

struct MHD_Daemon;
struct MHD_Connection;

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

    enum call_kind kind; /* set for calls to the upstream only, as is the rest of this group */
    char *id;            /* id of the batch or task, from the path; NULL: none */
    bool for_upstream, authorized;
    size_t key; /* index of the API key, when authorized */
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

/* ---- server.c: HTTP, with libmicrohttpd driven by the simulator's loop ---- */

/* Listens on "address:port" (IPv4, or "[IPv6]:port"; port 0 = any) and sets sim->port. The loop
 * and the rest of `sim` must exist. ERR_SYNTAX: not such an address; ERR_SYSTEM: see errno. */
enum err server_start(struct sim *sim, const char *listen_on);

/* Serves until sim->stopping. */
void server_run(struct sim *sim);

/* Closes the remaining connections. No-op if nothing was started. */
void server_stop(struct sim *sim);

/* ---- calls.c: the lifecycle of one call to the upstream ----
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

/* ---- control.c: the control interface for tests, below /sim/ ----
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
