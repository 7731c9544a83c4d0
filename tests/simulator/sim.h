/* SPDX-License-Identifier: MIT */
/* sim.h - the whole simulator as one struct, and one call to it.
 *
 * A call lives from its request line until its reply is sent. In between it may sleep: its
 * connection is then suspended and it is in the list `asleep`, until its time has come. The
 * caller of call_sleep() names the next step. Calls are freed by server.c only. One thread. */
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
    bool resumed;  /* some connection was, since MHD_run() last began */
    uint64_t open; /* connections, those taken over by scripts not counted */
    uint64_t resets;
    struct call *asleep;
    size_t n_asleep;
};

enum call_state {
    CALL_NEW,     /* only its request line is known */
    CALL_READING, /* headers read, perhaps some of the body */
    CALL_ASLEEP,
    CALL_READY,    /* `reply` is to be sent */
    CALL_SCRIPTED, /* `script` is to be played */
    CALL_DROPPED   /* the connection is to be closed */
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

    enum call_kind kind; /* the upstream's side only, as is the rest of this group */
    char *id;            /* of batch or task, from the path; NULL: none */
    bool for_upstream, authorized;
    size_t key; /* index of the API key, when authorized */
    uint64_t record;
    int64_t arrived_ms;
    struct fault *fault;

    struct reply reply;
    struct script script;
    bool peer_gone; /* had left before the reply could be sent */

    struct timer timer;
    call_next_fn *next_step;
    struct call *prev, *next;
};

/* Sleeps until `at_ms` (monotonic) and then runs `next_step`; runs it immediately if that is not
 * later than now. */
void call_sleep(struct call *call, int64_t at_ms, call_next_fn *next_step);

/* Another time for a sleeping call. */
void call_resleep(struct call *call, int64_t at_ms);

/* Ends the sleep now and runs its next step. */
void call_wake(struct call *call);

/* Ends the sleep and closes the connection without an answer. */
void call_drop(struct call *call);

/* Borrowed for the call; NULL when absent. Query values are percent-decoded. */
const char *call_header(const struct call *call, const char *name);
const char *call_query(const struct call *call, const char *name);

/* ---- server.c: HTTP, with libmicrohttpd driven from our own loop ---- */

/* Listens on "address:port" (IPv4, or "[IPv6]:port"; port 0 = any) and sets sim->port.
 * ERR_SYNTAX: not such an address; ERR_SYSTEM: see errno. The loop and the rest of `sim` exist. */
enum err server_start(struct sim *sim, const char *listen_on);

/* Serves until sim->stopping. */
void server_run(struct sim *sim);

/* Closes the connections that are left. No-op if nothing was started. */
void server_stop(struct sim *sim);

/* ---- calls.c: the life of one call to the upstream ----
 *
 * It is recorded, delayed, handled, and changed by a fault. The upstream does not notice that a
 * client has left during the sleep before a submit: the batch is created all the same, and the
 * ledger shows it as not answered. */

/* The headers are there. `connection` is the number of the call's connection. */
void call_headers(struct call *call, const char *version, uint64_t connection);

/* The request is there as a whole; leaves the call ASLEEP, READY or SCRIPTED. */
void call_serve(struct call *call);

/* The submit delay has changed: sleeping submits get a new time, counted from their arrival. */
void calls_retime(struct sim *sim);

/* ---- control.c: what tests say to the simulator, under /sim/ ----
 *
 * No key is asked for. README.md describes the interface. */

/* Whether this path is ours rather than the upstream's. */
bool control_owns(const char *path);

/* Handles a whole request; leaves the call READY or, for /sim/wait, perhaps ASLEEP. */
void control_call(struct call *call);

/* Wakes those in /sim/wait whose numbers have come. Once per turn of the loop. */
void control_recheck(struct sim *sim);

#endif
