/* SPDX-License-Identifier: MIT */
/* sim.h - the whole simulator as one struct, and one call to it.
 *
 * A call lives from its request line until its answer has gone out. In between it may sleep: its
 * connection is then suspended and it is in the list `asleep`, until its time has come. Whoever
 * puts it to sleep says what comes next. Calls are freed by server.c only. One thread. */
#ifndef SIMULATOR_SIM_H
#define SIMULATOR_SIM_H

#include "tests/simulator/behaviour.h"
#include "tests/simulator/calls.h"
#include "tests/simulator/faults.h"
#include "tests/simulator/loop.h"
#include "tests/simulator/raw.h"
#include "tests/simulator/reply.h"
#include "tests/simulator/rules.h"
#include "tests/simulator/vendor.h"

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
    struct vendor vendor;
    struct faults faults;
    struct calls *calls;
    struct raws raws;

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
    CALL_READY,  /* `reply` is to be sent */
    CALL_STRUCK, /* `script` is to be played */
    CALL_DROPPED /* the connection is to be closed */
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

    enum call_kind kind; /* the vendor's side only, as is the rest of this group */
    char *id;            /* of batch or task, from the path; NULL: none */
    bool for_vendor, authorized;
    size_t key; /* index of the API key, when authorized */
    uint64_t record;
    int64_t arrived_ms;
    struct fault *fault;

    struct reply reply;
    struct script script;
    bool peer_gone; /* had left before the answer could be sent */

    struct timer timer;
    call_next_fn *next_step;
    struct call *prev, *next;
};

/* Sleeps until `at_ms` (monotonic) and then runs `next_step`; at once when that is not later than
 * now. */
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

#endif
